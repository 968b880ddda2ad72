/* command.c - see command.h. */
#include "cli/command.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "cli/help.h"
#include "cli/print.h"

enum { MOST_ROWS = 128, MOST_COMMANDS = 64 };

const struct conf_option command_global_options[] = {
    {"config", CONF_STRING, "auto", 0, 0, "FILE",
     "The configuration; auto: $SCALER_CONFIG, else /etc/scaler/scaler.cfg."},
    {"state_dir", CONF_STRING, "auto", 0, 0, "DIR",
     "Where history, decisions and instances are kept; auto: as configured, else "
     "$SCALER_STATE_DIR, else /var/lib/scaler for root and ~/.local/state/scaler for others."},
    {"log_level", CONF_ENUM, "info", 0, 0, "error|warn|info|debug",
     "Least important lines to log on standard error."},
    {"help", CONF_BOOL, "false", 0, 0, "", "Show this help."},
    CONF_END,
};

static const struct conf_option version_option[] = {
    {"version", CONF_BOOL, "false", 0, 0, "", "Show the version."},
    CONF_END,
};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; command_table[i]; i++)
        if (strcmp(command_table[i]->name, name) == 0)
            return command_table[i];
    return NULL;
}

/* Did a write fail because whoever read our output has seen enough (`scaler … | head`)? */
static bool is_reader_gone(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO};

    return ferror(stdout) && poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLHUP));
}

int command_fail(const struct err *e)
{
    if (e->code != ERR_IO || !is_reader_gone())
        fprintf(stderr, "scaler: %s\n", e->msg);
    if (e->code == ERR_CONFIG)
        return EXIT_USAGE;
    return e->code == ERR_SHORT ? EXIT_SHORT : EXIT_FAILED;
}

const char *command_config_path(const struct conf *opts)
{
    const char *env = getenv("SCALER_CONFIG");

    if (!conf_is_auto(opts, "config"))
        return conf_string(opts, "config");
    return env && env[0] ? env : "/etc/scaler/scaler.cfg";
}

int command_load_config(const struct conf *opts, struct config **out)
{
    const char *path = command_config_path(opts);
    struct conf_faults faults = {0};
    struct err e = {0};
    int rc;

    if (access(path, F_OK) != 0) {
        err_set(&e, ERR_CONFIG, "%s: %s (say --config FILE or set SCALER_CONFIG)", path,
                strerror(errno));
        command_fail(&e);
        return -1;
    }
    rc = config_load(out, path, &faults, &e);
    for (size_t i = 0; rc != 0 && i < faults.n; i++)
        if (!faults.items[i].is_warning)
            fprintf(stderr, "scaler: %s\n", faults.items[i].text);
    if (rc != 0 && (faults.n == 0 || e.code == ERR_NOMEM))
        command_fail(&e);
    conf_faults_clear(&faults);
    return rc;
}

int command_find_config(const struct conf *opts, struct config **out)
{
    *out = NULL;
    if (conf_is_auto(opts, "config") && access(command_config_path(opts), F_OK) != 0)
        return 0;
    return command_load_config(opts, out);
}

void command_show_faults(FILE *out, const struct conf_faults *faults)
{
    for (size_t i = 0; i < faults->n; i++) {
        const struct conf_fault *f = &faults->items[i];

        fprintf(out, "%s%s%s%s\n", print_style(out, f->is_warning ? PRINT_YELLOW : PRINT_RED),
                f->is_warning ? "warning: " : "error: ", print_style(out, PRINT_PLAIN),
                f->text);
    }
    if (faults->n_errors > CONF_FAULTS_MOST)
        fprintf(out, "... and more: %zu errors in all\n", faults->n_errors);
}

/* Both tables in one, in out[MOST_ROWS]; false when they do not fit. */
static bool join_rows(struct conf_option *out, const struct conf_option *a,
                      const struct conf_option *b)
{
    size_t n = 0;

    for (; a->name && n < MOST_ROWS - 1; a++)
        out[n++] = *a;
    for (; b->name && n < MOST_ROWS - 1; b++)
        out[n++] = *b;
    out[n] = (struct conf_option)CONF_END;
    return !a->name && !b->name;
}

static int show_text(const struct str *text)
{
    struct err e = {0};

    if (text->failed)
        err_nomem(&e);
    else if (fputs(str_text(text), stdout) < 0 || fflush(stdout) != 0)
        err_set(&e, ERR_IO, "cannot write the output: %s", strerror(errno));
    return e.code == ERR_NONE ? EXIT_DONE : command_fail(&e);
}

static int show_help(const struct command *command)
{
    struct str out = STR_EMPTY;
    int rc;

    if (command)
        help_command(&out, command);
    else
        help_program(&out);
    rc = show_text(&out);
    str_clear(&out);
    return rc;
}

static void set_log_level(const struct conf *opts)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(conf_string(opts, "log_level"), names[i]) == 0)
            log_set_level((enum log_level)i);
}

static int check_words(const struct command *command, const char *const *words, size_t n,
                       struct err *e)
{
    if (n > command->most_words)
        return err_set(e, ERR_CONFIG, "unexpected word \"%.60s\" (see scaler %s --help)",
                       words[command->most_words], command->name);
    if (n < command->least_words)
        return err_set(e, ERR_CONFIG, "usage: scaler %s %s [OPTIONS]", command->name,
                       command->words);
    return 0;
}

/* Parses the whole line for a known command and runs it. argv without the command's name. */
static int run_command(const struct command *command, int argc, char **argv)
{
    struct conf_option rows[MOST_ROWS];
    const char **words = calloc((size_t)argc + 1, sizeof *words);
    struct conf *opts = NULL;
    struct err e = {0};
    size_t n_words = 0;
    int rc;

    if (!words || !join_rows(rows, command->options, command_global_options)) {
        err_nomem(&e);
        goto fail;
    }
    if (conf_new(&opts, rows, &e) != 0 ||
        conf_parse_args(opts, argc, argv, words, &n_words, &e) != 0)
        goto fail;
    if (conf_bool(opts, "help")) {
        rc = show_help(command);
        goto done;
    }
    if (check_words(command, words, n_words, &e) != 0 || conf_check_required(opts, &e) != 0)
        goto fail;
    set_log_level(opts);
    rc = command->run(opts, words, n_words);
    goto done;
fail:
    err_wrap(&e, "%s", command->name);
    rc = command_fail(&e);
done:
    conf_free(opts);
    free(words);
    return rc;
}

/* True for a global option, written without `=`, whose value is the next argument. */
static bool takes_next(const char *arg)
{
    for (const struct conf_option *row = command_global_options; row->name; row++) {
        size_t n = strlen(row->name);
        bool is_this = strncmp(arg, "--", 2) == 0 && strlen(arg) == n + 2;

        for (size_t k = 0; is_this && k < n; k++)
            is_this = arg[k + 2] == (row->name[k] == '_' ? '-' : row->name[k]) ||
                      arg[k + 2] == row->name[k];
        if (is_this)
            return row->type != CONF_BOOL;
    }
    return false;
}

/* Index in argv of the command's name: the first word that is no option and no option's
 * value; argc when there is none. Only global options may stand before it. */
static int find_command_word(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-')
            return i;
        if (takes_next(argv[i]))
            i++;
    }
    return argc;
}

static int unknown_command(const char *name)
{
    const char *names[MOST_COMMANDS];
    const char *closest;
    struct err e = {0};
    size_t n = 0;

    for (; n < MOST_COMMANDS && command_table[n]; n++)
        names[n] = command_table[n]->name;
    closest = str_closest(name, names, n);
    if (closest)
        err_set(&e, ERR_CONFIG, "unknown command \"%.60s\" (did you mean \"%s\"?)", name,
                closest);
    else
        err_set(&e, ERR_CONFIG, "unknown command \"%.60s\" (see scaler --help)", name);
    return command_fail(&e);
}

/* No command: --help, --version, or a complaint. */
static int run_bare(int argc, char **argv)
{
    struct conf_option rows[MOST_ROWS];
    const char **words = calloc((size_t)argc + 1, sizeof *words);
    struct conf *opts = NULL;
    struct err e = {0};
    size_t n_words;
    int rc;

    if (!words || !join_rows(rows, version_option, command_global_options))
        err_nomem(&e);
    else if (conf_new(&opts, rows, &e) == 0 &&
             conf_parse_args(opts, argc, argv, words, &n_words, &e) == 0 &&
             !conf_bool(opts, "help") && !conf_bool(opts, "version"))
        err_set(&e, ERR_CONFIG, "which command? (see scaler --help)");
    if (e.code != ERR_NONE)
        rc = command_fail(&e);
    else if (conf_bool(opts, "version"))
        rc = printf("scaler %s\n", SCALER_VERSION) > 0 ? EXIT_DONE : EXIT_FAILED;
    else
        rc = show_help(NULL);
    conf_free(opts);
    free(words);
    return rc;
}

/* What a command printed and nobody could keep: a full disk is a failure, whichever command
 * found no reason to look. A reader that left ends us as it ends other programs: by SIGPIPE,
 * which main ignores for the sake of sockets. */
static int end_output(int rc)
{
    bool is_lost = fflush(stdout) != 0;
    struct err e = {0};

    if (is_reader_gone()) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
        return EXIT_FAILED; /* SIGPIPE is blocked */
    }
    if (rc != EXIT_DONE || (!is_lost && !ferror(stdout)))
        return rc;
    err_set(&e, ERR_IO, "cannot write the output: %s",
            is_lost ? strerror(errno) : "a write failed");
    return command_fail(&e);
}

static int run_line(int argc, char **argv)
{
    int at = find_command_word(argc, argv);
    const struct command *command;
    char **rest;
    int rc;

    if (at >= argc)
        return run_bare(argc, argv);
    if (strcmp(argv[at], "help") == 0) {
        command = at + 1 < argc ? command_find(argv[at + 1]) : NULL;
        return at + 1 < argc && !command ? unknown_command(argv[at + 1]) : show_help(command);
    }
    command = command_find(argv[at]);
    if (!command)
        return unknown_command(argv[at]);
    rest = calloc((size_t)argc, sizeof *rest);
    if (!rest) {
        struct err e = {0};

        err_nomem(&e);
        return command_fail(&e);
    }
    for (int i = 0, n = 0; i < argc; i++)
        if (i != at)
            rest[n++] = argv[i];
    rc = run_command(command, argc - 1, rest);
    free(rest);
    return rc;
}

int command_main(int argc, char **argv)
{
    return end_output(run_line(argc, argv));
}
