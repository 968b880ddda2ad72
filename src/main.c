/* main.c - global options and the table of subcommands. */
#include <gsl/gsl_errno.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    gsl_set_error_handler_off(); /* or GSL aborts the daemon */
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("scaler %s\n", SCALER_VERSION);
        return 0;
    }
    fprintf(stderr, "usage: scaler --version\n");
    return 2;
}
