/* cmd_man.c - prints what is made from the program's tables. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/manual.h"

static const struct conf_option options[] = {
    {"page", CONF_ENUM, "program", 0, 0, "program|config|sample|completion",
     "scaler(1), scaler.cfg(5), a configuration with every option commented, or the "
     "completion for bash."},
    CONF_END,
};

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    const char *page = conf_string(opts, "page");
    struct str out = STR_EMPTY;
    struct err e = {0};
    int rc = EXIT_DONE;

    (void)words;
    (void)n_words;
    if (strcmp(page, "program") == 0)
        manual_program(&out);
    else if (strcmp(page, "config") == 0)
        manual_config(&out);
    else if (strcmp(page, "sample") == 0)
        manual_sample(&out);
    else
        manual_completion(&out);
    if (out.failed)
        err_nomem(&e);
    else if (fputs(str_text(&out), stdout) == EOF || fflush(stdout) != 0)
        err_set(&e, ERR_IO, "cannot write: %s", strerror(errno));
    if (e.code != ERR_NONE)
        rc = command_fail(&e);
    str_clear(&out);
    return rc;
}

const struct command command_man = {
    .name = "man",
    .summary = "prints the manual pages, a commented configuration or the completion",
    .words = "",
    .examples =
        "scaler man | man -l -\n    Read the manual of the program.\n"
        "scaler man --page config | man -l -\n    Read the manual of the configuration.\n"
        "scaler man --page sample > scaler.cfg\n    Start a configuration.\n"
        ". <(scaler man --page completion)\n    Complete commands and options in bash.\n",
    .options = options,
    .run = run,
};
