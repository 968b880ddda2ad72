/* cmd_check.c - every fault of the configuration; with --connect also of what it names. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/clk.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/print.h"
#include "service/config.h"

static const struct conf_option options[] = {
    {"connect", CONF_BOOL, "false", 0, 0, "",
     "Also ask every source and backend whether it is there and would do what is configured."},
    {"timeout", CONF_DURATION, "10s", 1, 600, "s", "How long each of them may take."},
    CONF_END,
};

static void show_faults(const struct conf_faults *faults)
{
    for (size_t i = 0; i < faults->n; i++) {
        const struct conf_fault *f = &faults->items[i];

        printf("%s%s%s%s\n", print_style(stdout, f->is_warning ? PRINT_YELLOW : PRINT_RED),
               f->is_warning ? "warning: " : "error: ", print_style(stdout, PRINT_PLAIN),
               f->text);
    }
    if (faults->n_errors > CONF_FAULTS_MOST)
        printf("... and more: %zu errors in all\n", faults->n_errors);
}

/* One line of the preflight; a note of several lines stands below it. */
static void show_result(const char *what, const char *name, const char *type, bool is_good,
                        const char *text)
{
    printf("%s%s%s: %s \"%s\" (%s)", print_style(stdout, is_good ? PRINT_GREEN : PRINT_RED),
           is_good ? "ok" : "error", print_style(stdout, PRINT_PLAIN), what, name, type);
    if (text[0] && !strchr(text, '\n'))
        printf(": %s", text);
    for (bool is_list = strchr(text, '\n') != NULL; is_list && *text;) {
        size_t n = strcspn(text, "\n");

        printf("\n    %.*s", (int)n, text);
        text += n + (text[n] == '\n');
    }
    printf("\n");
    fflush(stdout);
}

static bool check_source(const struct config_source *s, int64_t timeout_ms)
{
    char text[512] = "";
    struct err e = {0};
    void *object = NULL;
    int rc = s->source->open(&object, s->options, &e);

    if (rc == 0 && s->source->check)
        rc = s->source->check(object, text, sizeof text, clk_mono_ms() + timeout_ms, &e);
    s->source->close(object);
    show_result("source", s->name, s->source->name, rc == 0, rc == 0 ? text : e.msg);
    return rc == 0;
}

static bool check_backend(const struct service_conf *s, const char *state_dir,
                          int64_t timeout_ms)
{
    struct backend_call call = {.service = s->name,
                                .state_dir = state_dir,
                                .is_dry_run = true,
                                .deadline_mono_ms = clk_mono_ms() + timeout_ms};
    struct str text = STR_EMPTY;
    struct err e = {0};
    void *object = NULL;
    int rc = s->backend->open(&object, s->backend_options, &call, &e);
    bool is_busy = rc != 0 && e.code == ERR_BUSY;

    if (rc == 0 && s->backend->check)
        rc = s->backend->check(object, &call, &text, &e);
    s->backend->close(object);
    if (rc == 0)
        show_result("service", s->name, s->backend->name, true, str_text(&text));
    else
        show_result("service", s->name, s->backend->name, is_busy, e.msg);
    str_clear(&text);
    return rc == 0 || is_busy;
}

/* Asks what the configuration names; the exit code. */
static int connect_all(const struct config *c, const struct conf *opts)
{
    const char *given = conf_is_auto(opts, "state_dir") ? NULL : conf_string(opts, "state_dir");
    int64_t timeout_ms = conf_duration_ms(opts, "timeout");
    char state_dir[PATH_MAX];
    struct err e = {0};
    bool is_good = true;

    if (config_state_dir(given, c->state_dir, state_dir, sizeof state_dir, &e) != 0)
        return command_fail(&e);
    for (size_t i = 0; i < c->n_sources; i++)
        is_good &= check_source(&c->sources[i], timeout_ms);
    for (size_t i = 0; i < c->n_services; i++)
        is_good &= check_backend(&c->services[i], state_dir, timeout_ms);
    return is_good ? EXIT_DONE : EXIT_FAILED;
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    const char *path = n_words > 0 ? words[0] : command_config_path(opts);
    struct conf_faults faults = {0};
    struct config *c = NULL;
    struct err e = {0};
    int rc;

    if (config_load(&c, path, &faults, &e) != 0) {
        show_faults(&faults);
        rc = faults.n > 0 && e.code == ERR_CONFIG ? EXIT_USAGE : command_fail(&e);
    } else {
        show_faults(&faults);
        printf("%s: %zu service%s, %zu source%s: fine\n", path, c->n_services,
               c->n_services == 1 ? "" : "s", c->n_sources, c->n_sources == 1 ? "" : "s");
        rc = conf_bool(opts, "connect") ? connect_all(c, opts) : EXIT_DONE;
    }
    config_free(c);
    conf_faults_clear(&faults);
    return rc;
}

const struct command command_check = {
    .name = "check",
    .summary = "lists every fault of the configuration",
    .words = "[FILE]",
    .most_words = 1,
    .about =
        "Reads the configuration as `scaler run` would and lists all that is wrong with\n"
        "it, each fault with file and line. Nothing is started or changed. With --connect\n"
        "sources and backends are asked as well. Exit code 2: faults in the file; 1: a\n"
        "source or backend would not do.",
    .examples = "scaler check\n    Check the configuration in use.\n"
                "scaler check new.cfg && kill -HUP $(pidof scaler)\n"
                "    Check a new file before the running daemon reads it.\n"
                "scaler check --connect --timeout 3s\n"
                "    Also ask Redis, Prometheus and the backends.\n",
    .options = options,
    .run = run,
};
