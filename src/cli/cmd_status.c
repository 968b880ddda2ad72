/* cmd_status.c - `scaler status`: what the daemon knows of each service, from the file that it
 * writes each second; works beside it, without HTTP, and after its end. */
#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/hold.h"
#include "act/instance.h"
#include "act/override.h"
#include "base/clk.h"
#include "cli/command.h"
#include "cli/place.h"
#include "cli/print.h"
#include "daemon/status_file.h"

/* A daemon with very many services writes every five seconds. */
#define OLD_MS (30 * CLK_SECOND_MS)

static const struct conf_option options[] = {
    PRINT_FORMAT_OPTION,
    CONF_END,
};

static const struct print_column columns[] = {
    {"service", "SERVICE", PRINT_LEFT},  {"mode", "MODE", PRINT_LEFT},
    {"load", "LOAD", PRINT_RIGHT},       {"forecast", "AHEAD", PRINT_RIGHT},
    {"need", "NEED", PRINT_RIGHT},       {"ready", "READY", PRINT_RIGHT},
    {"pending", "PEND", PRINT_RIGHT},    {"draining", "DRAIN", PRINT_RIGHT},
    {"desired", "WANT", PRINT_RIGHT},    {"floor", "FLOOR", PRINT_RIGHT},
    {"lead_time", "LEAD", PRINT_RIGHT},  {"reason", "BECAUSE", PRINT_LEFT},
    {"gate", "GATE", PRINT_LEFT},        {"blind", "BLIND", PRINT_LEFT},
    {"error", "LAST ERROR", PRINT_LEFT},
};
#define N_COLUMNS (sizeof columns / sizeof columns[0])
/* The last two are long: in a table they stand below the row, where there is something to say.
 */
#define N_TABLE_COLUMNS (N_COLUMNS - 2)

static void print_count(struct print *p, int count)
{
    if (count < 0)
        print_number(p, NAN, 0);
    else
        print_int(p, count);
}

/* Three digits that count: rates are thousands here and hundredths there. */
static void print_rate(struct print *p, double rate)
{
    print_number(p, rate, rate >= 100 ? 0 : rate >= 10 ? 1 : rate >= 1 ? 2 : 3);
}

static void print_service(struct print *p, const struct service_status *s, bool is_table)
{
    print_text(p, s->name);
    print_text(p, s->mode);
    print_rate(p, s->load);
    print_rate(p, s->forecast);
    print_rate(p, s->need);
    print_count(p, s->ready);
    print_count(p, s->pending);
    print_count(p, s->draining);
    print_count(p, s->desired);
    print_count(p, s->decided_ms > 0 ? s->floor : -1);
    print_duration(p, s->lead_time_ms / 1000 * 1000);
    print_text(p, s->is_learning && s->decided_ms > 0 ? "learning"
                  : s->decided_ms > 0                 ? s->reason
                  : s->reason[0] != '\0'              ? s->reason
                                                      : "no decision yet");
    print_text(p, s->gate);
    if (is_table)
        return;
    print_text(p, s->blind);
    print_text(p, s->error);
}

static void age_text(int64_t ms, char *out, size_t size)
{
    clk_format_duration(ms < 1000 ? 0 : ms / 1000 * 1000, out, size);
}

/* A daemon that runs writes at least every few seconds. False: what it wrote is of now. */
static bool old_text(const char *dir, const struct daemon_status *d, char *out, size_t size)
{
    int64_t since_ms, age_ms = clk_wall_ms() - d->written_ms;
    char reason[256], at[32];

    if (status_file_is_unwritten(dir, &since_ms, reason, sizeof reason)) {
        clk_format_time(since_ms / 1000 * 1000, at, sizeof at);
        snprintf(out, size, "the daemon cannot write its status since %s (%s)", at, reason);
        return true;
    }
    if (age_ms <= OLD_MS)
        return false;
    age_text(age_ms, at, sizeof at);
    snprintf(out, size, "the daemon has written no status for %s: it hangs, or a clock was set",
             at);
    return true;
}

/* Who speaks and how old it is; what is wrong with the whole. */
static void print_head(const char *dir, const struct daemon_status *d, bool is_running)
{
    int64_t now_ms = clk_wall_ms();
    char age[32], up[32], old[400];

    age_text(now_ms - d->written_ms, age, sizeof age);
    age_text(now_ms - d->started_ms, up, sizeof up);
    if (is_running && old_text(dir, d, old, sizeof old))
        printf("running (pid %d)%s, but %sOLD%s: %s; what follows was true %s ago\n", d->pid,
               d->is_dry_run ? ", dry run" : "", print_style(stdout, PRINT_RED),
               print_style(stdout, PRINT_PLAIN), old, age);
    else if (is_running)
        printf("running for %s (pid %d)%s, as of %s ago\n", up, d->pid,
               d->is_dry_run ? ", dry run" : "", age);
    else
        printf("%sNOT RUNNING%s: what follows was true %s ago; instances go on without it\n",
               print_style(stdout, PRINT_RED), print_style(stdout, PRINT_PLAIN), age);
    if (d->store[0] != '\0')
        printf("store: %s\n", d->store);
    if (d->config[0] != '\0')
        printf("reload refused: %s\n", d->config);
    printf("\n");
}

static void print_notes(const struct service_status *s)
{
    char age[32];

    if (s->blind[0] != '\0')
        printf("%s: %sBLIND%s %s\n", s->name, print_style(stdout, PRINT_RED),
               print_style(stdout, PRINT_PLAIN), s->blind);
    if (s->late[0] != '\0')
        printf("%s: %sLATE%s %s\n", s->name, print_style(stdout, PRINT_RED),
               print_style(stdout, PRINT_PLAIN), s->late);
    if (s->rollout[0] != '\0')
        printf("%s: %sROLLOUT%s %s\n", s->name,
               print_style(stdout, s->is_rollout_late ? PRINT_RED : PRINT_PLAIN),
               print_style(stdout, PRINT_PLAIN), s->rollout);
    if (s->budget[0] != '\0')
        printf("%s: %sCALLS%s %s\n", s->name,
               print_style(stdout, s->calls_free_ms > 0 ? PRINT_RED : PRINT_PLAIN),
               print_style(stdout, PRINT_PLAIN), s->budget);
    if (s->approval[0] != '\0')
        printf("%s: %sAPPROVAL%s %s\n", s->name, print_style(stdout, PRINT_RED),
               print_style(stdout, PRINT_PLAIN), s->approval);
    if (s->action_ms > 0) {
        age_text(clk_wall_ms() - s->action_ms, age, sizeof age);
        printf("%s: %sAPPROVAL%s %d -> %d waits for `scaler approve %s` for %s\n", s->name,
               print_style(stdout, PRINT_RED), print_style(stdout, PRINT_PLAIN), s->action_from,
               s->action_to, s->name, age);
    }
    if (s->permit[0] != '\0')
        printf("%s: approved %s\n", s->name, s->permit);
    if (s->capacity[0] != '\0')
        printf("%s: %sCAPACITY%s %s\n", s->name, print_style(stdout, PRINT_RED),
               print_style(stdout, PRINT_PLAIN), s->capacity);
    if (s->guards[0] != '\0')
        printf("%s: %s%s%s %s%s\n", s->name,
               print_style(stdout, s->is_guarded ? PRINT_RED : PRINT_PLAIN),
               s->is_guarded ? "GUARDED" : "guards", print_style(stdout, PRINT_PLAIN),
               s->guards, s->is_guarded ? ": no scale-in" : "");
    if (s->shadow[0] != '\0')
        printf("%s: shadow: %s\n", s->name, s->shadow);
    if (s->note[0] != '\0')
        printf("%s: %s\n", s->name, s->note);
    if (s->error[0] != '\0') {
        age_text(clk_wall_ms() - s->error_ms, age, sizeof age);
        printf("%s: %s ago: %s\n", s->name, age, s->error);
    }
}

static void until_text(int64_t until_ms, char *out, size_t size)
{
    char at[32];

    if (until_ms == 0) {
        snprintf(out, size, " until `scaler resume`");
        return;
    }
    clk_format_time(until_ms / 1000 * 1000, at, sizeof at);
    snprintf(out, size, " until %s", at);
}

/* A hold is in force also while there is nothing that it would keep from being done. */
static void print_hold(const char *state_dir, const char *service)
{
    char until[64];
    struct hold h;

    hold_read(state_dir, service, clk_wall_ms(), &h);
    if (!h.in && !h.out)
        return;
    until_text(h.until_ms, until, sizeof until);
    printf("%s: %s held%s%s%s%s%s\n", service,
           h.in && h.out ? "scaling"
           : h.in        ? "scale-in"
                         : "scale-out",
           h.by[0] != '\0' ? " by " : "", h.by, until, h.reason[0] != '\0' ? ": " : "",
           h.reason);
}

static void print_override(const struct override *o)
{
    char limits[64] = "", capacity[64] = "", until[64];

    if (o->least == o->most && o->least >= 0)
        snprintf(limits, sizeof limits, "exactly %d instances", o->least);
    else if (o->most < 0 && o->least >= 0)
        snprintf(limits, sizeof limits, "at least %d instances", o->least);
    else if (o->least < 0 && o->most >= 0)
        snprintf(limits, sizeof limits, "at most %d instances", o->most);
    else if (o->least >= 0)
        snprintf(limits, sizeof limits, "%d to %d instances", o->least, o->most);
    if (o->per_instance > 0)
        snprintf(capacity, sizeof capacity, "%s%.6g per second an instance",
                 limits[0] != '\0' ? ", " : "", o->per_instance);
    until_text(o->until_ms, until, sizeof until);
    printf("%s: overridden%s%s: %s%s%s%s%s\n", o->service, o->by[0] != '\0' ? " by " : "",
           o->by, limits, capacity, until, o->reason[0] != '\0' ? ": " : "", o->reason);
}

/* What operators have said, for the services shown. */
static void print_orders(const struct daemon_status *d, const char *only, const char *state_dir)
{
    struct override *overrides = NULL;
    size_t n = 0;

    override_list(state_dir, clk_wall_ms(), &overrides, &n, NULL);
    for (size_t i = 0; i < d->n; i++) {
        if (only && strcmp(d->services[i].name, only) != 0)
            continue;
        print_hold(state_dir, d->services[i].name);
        for (size_t k = 0; k < n; k++)
            if (strcmp(overrides[k].service, d->services[i].name) == 0)
                print_override(&overrides[k]);
    }
    free(overrides);
}

static bool is_shown(const struct daemon_status *d, const char *service)
{
    for (size_t i = 0; i < d->n; i++) {
        if (strcmp(d->services[i].name, service) == 0)
            return true;
    }
    return false;
}

/* Processes that outlived their service: nobody scales them, restarts them or counts them. */
static void print_left_behind(const struct daemon_status *d, const char *state_dir)
{
    char dir[PATH_MAX];
    struct dirent *entry;
    DIR *listing;

    snprintf(dir, sizeof dir, "%.4000s/instances", state_dir);
    listing = opendir(dir);
    while (listing && (entry = readdir(listing)) != NULL) {
        int n = 0;

        if (entry->d_name[0] == '.' || is_shown(d, entry->d_name) ||
            instance_count_alive(state_dir, entry->d_name, &n, NULL) != 0 || n == 0)
            continue;
        printf("%s: no longer configured, yet %d instance%s of it still run%s: end with scaler "
               "stop --instances --service %s\n",
               entry->d_name, n, n == 1 ? "" : "s", n == 1 ? "s" : "", entry->d_name);
    }
    if (listing)
        closedir(listing);
}

static int show_all(const struct daemon_status *d, const char *only, enum print_format format,
                    struct err *e)
{
    struct print *p;
    size_t shown = 0;

    if (print_new(&p, stdout, format, columns,
                  format == PRINT_TABLE ? N_TABLE_COLUMNS : N_COLUMNS, e) != 0)
        return -1;
    for (size_t i = 0; i < d->n; i++) {
        if (only && strcmp(d->services[i].name, only) != 0)
            continue;
        print_service(p, &d->services[i], format == PRINT_TABLE);
        shown++;
    }
    if (print_end(p, e) != 0)
        return -1;
    if (only && shown == 0)
        return err_set(e, ERR_CONFIG, "status: unknown service \"%s\"", only);
    for (size_t i = 0; format == PRINT_TABLE && i < d->n; i++)
        if (!only || strcmp(d->services[i].name, only) == 0)
            print_notes(&d->services[i]);
    return 0;
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    enum print_format format = print_format(opts);
    struct service_status *services = NULL;
    struct daemon_status d = {0};
    char dir[PATH_MAX], why[400];
    int64_t since_ms;
    bool is_running;
    struct err e = {0};
    int rc;

    if (place_state_dir(opts, dir, sizeof dir, &e) != 0)
        return command_fail(&e);
    is_running = place_is_running(dir);
    if (place_status(dir, &d, &services, &e) != 0) {
        if (e.code == ERR_IO && is_running &&
            status_file_is_unwritten(dir, &since_ms, why, sizeof why))
            err_set(&e, ERR_IO, "status: the daemon cannot write it in %s: %s", dir, why);
        else if (e.code == ERR_IO)
            err_set(&e, ERR_IO, "status: %s in %s",
                    is_running ? "the daemon has just started" : "no daemon has run", dir);
        return command_fail(&e);
    }
    if (format == PRINT_TABLE)
        print_head(dir, &d, is_running);
    else if (is_running && old_text(dir, &d, why, sizeof why)) /* programs read the rest */
        fprintf(stderr, "scaler: status: %s\n", why);
    rc = show_all(&d, n_words > 0 ? words[0] : NULL, format, &e);
    if (rc == 0 && format == PRINT_TABLE)
        print_orders(&d, n_words > 0 ? words[0] : NULL, dir);
    if (rc == 0 && format == PRINT_TABLE && n_words == 0)
        print_left_behind(&d, dir);
    free(services);
    if (rc != 0)
        return command_fail(&e);
    return is_running ? EXIT_DONE : EXIT_FAILED;
}

const struct command command_status = {
    .name = "status",
    .summary = "show what the running daemon knows and does",
    .words = "[SERVICE]",
    .most_words = 1,
    .about = "One row a service: load (per second), the median and the needed load until an\n"
             "instance ordered now would be useful, instances, the count decided, what the\n"
             "load measured now needs (floor), and why. Exit code 1 when no daemon runs; the\n"
             "last known state is shown all the same.",
    .examples = "scaler status\n"
                "    all services\n"
                "scaler status checkout --format json\n"
                "    one, for a program\n",
    .options = options,
    .run = run,
};
