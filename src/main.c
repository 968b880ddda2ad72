/* main.c - sets the libraries up and hands over to the command line. */
#include <curl/curl.h>
#include <fcntl.h>
#include <gsl/gsl_errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"

/* A standard stream that we were started without would be the number of the next file or
 * connection, and what is printed would land there. Reading or writing these fails, as on a
 * closed one. */
static void fill_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
    int rc;

    fill_standard_streams();
    gsl_set_error_handler_off(); /* or GSL aborts the daemon */
    signal(SIGPIPE, SIG_IGN);    /* a peer that went away is an error of write, not our end */
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        fprintf(stderr, "scaler: libcurl cannot be set up\n");
        return EXIT_FAILED;
    }
    rc = command_main(argc, argv);
    curl_global_cleanup();
    return rc;
}
