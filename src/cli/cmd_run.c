/* cmd_run.c - `scaler run`: the service itself. */
#include <stdio.h>

#include "base/clk.h"
#include "cli/command.h"
#include "daemon/daemon.h"

static const struct conf_option options[] = {
    {"dry_run", CONF_BOOL, "false", 0, 0, "",
     "Decide, record and explain, but change nothing, whatever the services' modes say."},
    {"for", CONF_DURATION, "auto", 1, 31536000, "s", "End after this time; auto: never."},
    CONF_END,
};

struct told {
    bool is_dry_run;
    size_t n_faults;
};

static void tell_ready(const char *state_dir, const char *listening, int services, void *user)
{
    const struct told *t = user;

    printf("scaler %s: running %d service%s%s, state in %s%s%s\n", SCALER_VERSION, services,
           services == 1 ? "" : "s", t->is_dry_run ? " (dry run)" : "", state_dir,
           listening[0] != '\0' ? ", listening on " : "", listening);
    fflush(stdout);
}

static void tell_faults(const struct conf_faults *faults, void *user)
{
    struct told *t = user;

    command_show_faults(stderr, faults);
    t->n_faults = faults->n_errors;
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    struct told told = {.is_dry_run = conf_bool(opts, "dry_run")};
    struct daemon_options o = {.config_path = command_config_path(opts),
                               .is_dry_run = told.is_dry_run,
                               .on_ready = tell_ready,
                               .on_faults = tell_faults,
                               .user = &told};
    struct err e = {0};

    (void)words;
    (void)n_words;
    if (!conf_is_auto(opts, "state_dir"))
        o.state_dir = conf_string(opts, "state_dir");
    if (!conf_is_auto(opts, "for"))
        o.for_ms = conf_duration_ms(opts, "for");
    if (daemon_run(&o, &e) == 0)
        return EXIT_DONE;
    return told.n_faults > 0 && e.code == ERR_CONFIG ? EXIT_USAGE : command_fail(&e);
}

const struct command command_run = {
    .name = "run",
    .summary = "scale the configured services, ahead of their load",
    .words = "",
    .about = "Reads rates, forecasts, plans, decides, and asks the backends for instances.\n"
             "Prints one line when it runs; logs go to standard error. SIGHUP reads the\n"
             "configuration again: a faulty one changes nothing and is said. Settings that\n"
             "would remove more than 20 % of what runs of a service wait for `scaler approve\n"
             "SERVICE`; fewer instances are approached at the pace of the rails, never at one\n"
             "stroke.\n"
             "SIGTERM and SIGINT end it; instances keep running, and the next start takes\n"
             "them up.\n"
             "\n"
             "In a dry run backends are only looked at: nothing is started, stopped or\n"
             "replaced. A service that is no longer configured is let go: its instances run\n"
             "on, unsupervised, until `scaler stop --instances --service NAME`.",
    .examples = "scaler run --dry-run\n"
                "    decide and record, change nothing\n"
                "scaler run --config /etc/scaler/scaler.cfg\n"
                "    the service\n",
    .options = options,
    .run = run,
};
