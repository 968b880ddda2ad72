/* main.c - sets the libraries up and hands over to the command line. */
#include <curl/curl.h>
#include <gsl/gsl_errno.h>
#include <signal.h>
#include <stdio.h>

#include "cli/command.h"

int main(int argc, char **argv)
{
    int rc;

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
