/* cmd_check.c - every fault of the configuration; with --connect also of what it names. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/print.h"
#include "collect/calendar_conf.h"
#include "service/config.h"

static const struct conf_option options[] = {
    {"connect", CONF_BOOL, "false", 0, 0, "",
     "Also ask every source and backend whether it is there and would do what is configured, "
     "and read the last 60 cells of every service's load and guards."},
    {"timeout", CONF_DURATION, "10s", 1, 600, "s", "How long each of them may take."},
    CONF_END,
};

enum { LOOK_BACK_CELLS = 60, FRESH_CELLS = 3 };
#define LOOK_YEAR_MS (366 * CLK_DAY_MS) /* of calendar files, back and ahead */

enum verdict { GOOD, DOUBTFUL, BAD };

/* One line of the preflight; a note of several lines stands below it. */
static void show_result(const char *what, const char *name, const char *type,
                        enum verdict verdict, const char *text)
{
    static const char *const words[] = {"ok", "warning", "error"};
    static const enum print_style styles[] = {PRINT_GREEN, PRINT_YELLOW, PRINT_RED};

    printf("%s%s%s: %s \"%s\" (%s)", print_style(stdout, styles[verdict]), words[verdict],
           print_style(stdout, PRINT_PLAIN), what, name, type);
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

/* What is asked of a source: a service's load, or one of its guards. */
struct ask {
    const struct service_conf *service;
    const struct guard_conf *guard; /* NULL: the load */
};

static void tell_value(const struct ask *a, double value, char *out, size_t size)
{
    if (!a->guard)
        snprintf(out, size, "%.4g a second", value);
    else
        snprintf(out, size, "%.4g, %s %.4g", value,
                 value > a->guard->limit ? "over its limit" : "of", a->guard->limit);
}

/* What the source holds: how many cells, the newest and its value. */
static enum verdict describe(const struct ask *a, const struct source_query *q,
                             const struct source_reply *r, char *out, size_t size)
{
    const char *join = r->note[0] ? "; " : "";
    char step[32], age[32], newest[40], value[64];
    size_t n = 0;
    int64_t age_ms;

    clk_format_duration(q->step_ms, step, sizeof step);
    for (size_t i = 0; i < r->n; i++)
        n += r->items[i].time_ms >= q->since_ms;
    if (n == 0) {
        snprintf(out, size, "no data in the last %d cells of %s%s%s", LOOK_BACK_CELLS, step,
                 join, r->note);
        return DOUBTFUL;
    }
    if (n > LOOK_BACK_CELLS) /* one more was completed meanwhile */
        n = LOOK_BACK_CELLS;
    const struct sample *last = &r->items[r->n - 1];
    age_ms = clk_wall_ms() - last->time_ms - q->step_ms;
    age_ms = age_ms < 0 ? 0 : age_ms / CLK_SECOND_MS * CLK_SECOND_MS;
    clk_format_duration(age_ms, age, sizeof age);
    clk_format_time(last->time_ms, newest, sizeof newest);
    tell_value(a, last->value, value, sizeof value);
    snprintf(out, size, "%zu of %d cells of %s; the newest, %s, ended %s ago with %s%s%s", n,
             LOOK_BACK_CELLS, step, newest, age, value, join, r->note);
    return age_ms > FRESH_CELLS * q->step_ms ? DOUBTFUL : GOOD;
}

static void add_ask(const struct service_conf *s, const struct guard_conf *g, struct ask *ask,
                    struct source_query *query)
{
    int64_t since_ms = clk_wall_ms() - LOOK_BACK_CELLS * s->step_ms;

    *ask = (struct ask){s, g};
    *query = (struct source_query){.service = s->name,
                                   .options = g ? g->query : s->query,
                                   .step_ms = s->step_ms,
                                   .since_ms = since_ms - since_ms % s->step_ms,
                                   .is_level = g != NULL};
}

/* What the services of one source ask; returns how many. */
static size_t list_asks(const struct config *c, size_t source_index, struct ask *asks,
                        struct source_query *queries)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n_services; i++) {
        const struct service_conf *s = &c->services[i];

        if (s->source_index == source_index) {
            add_ask(s, NULL, &asks[n], &queries[n]);
            n++;
        }
        for (size_t k = 0; k < s->n_guards; k++) {
            if (s->guards[k].source_index != source_index)
                continue;
            add_ask(s, &s->guards[k], &asks[n], &queries[n]);
            n++;
        }
    }
    return n;
}

/* False when it could not be read. */
static bool show_ask(const struct ask *a, const struct source_query *q,
                     const struct source_reply *r, const char *type)
{
    char text[512], what[64];

    if (a->guard)
        snprintf(what, sizeof what, "guard %s of", a->guard->name);
    else
        snprintf(what, sizeof what, "load of");
    if (r->err.code != ERR_NONE)
        show_result(what, q->service, type, BAD, r->err.msg);
    else
        show_result(what, q->service, type, describe(a, q, r, text, sizeof text), text);
    return r->err.code == ERR_NONE;
}

/* Reads each service's load and guards as the daemon would; false when one cannot be read. */
static bool check_loads(const struct config *c, size_t source_index, void *object,
                        int64_t timeout_ms)
{
    const struct config_source *s = &c->sources[source_index];
    size_t most = c->n_services * (1 + DECIDE_GUARDS) + 1, n = 0;
    struct ask *asks = calloc(most, sizeof *asks);
    struct source_query *queries = calloc(most, sizeof *queries);
    struct source_reply *replies = calloc(most, sizeof *replies);
    struct err e = {0};
    bool is_good = true;
    int rc = asks && queries && replies ? 0 : err_nomem(&e);

    if (rc == 0)
        n = list_asks(c, source_index, asks, queries);
    if (rc == 0 && n > 0)
        rc = s->source->fetch(object, queries, n, replies, clk_mono_ms() + timeout_ms, &e);
    if (rc != 0)
        show_result("source", s->name, s->source->name, BAD, e.msg);
    for (size_t i = 0; rc == 0 && i < n; i++)
        is_good &= show_ask(&asks[i], &queries[i], &replies[i], s->source->name);
    for (size_t i = 0; replies && i < n; i++)
        source_reply_clear(&replies[i]);
    free(replies);
    free(queries);
    free(asks);
    return rc == 0 && is_good;
}

static bool check_source(const struct config *c, size_t index, int64_t timeout_ms)
{
    const struct config_source *s = &c->sources[index];
    char text[512] = "";
    struct err e = {0};
    void *object = NULL;
    int rc = s->source->open(&object, s->options, &e);
    bool is_good;

    if (rc == 0 && s->source->check)
        rc = s->source->check(object, text, sizeof text, clk_mono_ms() + timeout_ms, &e);
    show_result("source", s->name, s->source->name, rc == 0 ? GOOD : BAD,
                rc == 0 ? text : e.msg);
    is_good = rc == 0 && check_loads(c, index, object, timeout_ms);
    s->source->close(object);
    return is_good;
}

/* What the platform allows, where the service's own limits go beyond it. */
static void compare_limits(const struct service_conf *s, void *object,
                           const struct backend_call *call, struct str *text)
{
    const struct conf *limits = s->groups[SERVICE_LIMITS];
    long long min = (long long)conf_int(limits, "min"),
              max = (long long)conf_int(limits, "max");
    struct backend_status st;
    struct err e = {0};

    if (s->backend->status(object, call, &st, &e) != 0)
        return; /* check told what there is to tell */
    if (st.most >= 0 && max > st.most)
        str_printf(text,
                   "limits: max = %lld, but never more than the backend's %d are asked for\n",
                   max, st.most);
    if (st.least >= 0 && min < st.least)
        str_printf(text,
                   "limits: min = %lld, but never fewer than the backend's %d are asked for\n",
                   min, st.least);
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
    if (rc == 0)
        compare_limits(s, object, &call, &text);
    s->backend->close(object);
    if (rc == 0)
        show_result("service", s->name, s->backend->name, GOOD, str_text(&text));
    else
        show_result("service", s->name, s->backend->name, is_busy ? GOOD : BAD, e.msg);
    str_clear(&text);
    return rc == 0 || is_busy;
}

/* A reload does not mind calendar files, since they may come and change at any time; a person
 * who asks does. False when one cannot be read. */
static bool check_calendar(const struct service_conf *s)
{
    const struct conf *given = s->groups[SERVICE_CALENDAR];
    struct calendar calendar = {0};
    struct str text = STR_EMPTY;
    const char *const *files;
    struct zone *zone = NULL;
    struct err e = {0};
    int64_t now_ms = clk_wall_ms();
    int rc = 0;

    if (conf_strings(given, "files", &files) == 0)
        return true;
    if (strcmp(s->timezone, "auto") != 0)
        rc = zone_open(&zone, s->timezone, &e);
    if (rc == 0)
        rc = calendar_from_conf(&calendar, given, zone, now_ms - LOOK_YEAR_MS,
                                now_ms + LOOK_YEAR_MS, &text, &e);
    if (rc != 0)
        show_result("calendar of", s->name, "files", BAD, e.msg);
    else if (text.len > 0)
        show_result("calendar of", s->name, "files", DOUBTFUL, str_text(&text));
    calendar_clear(&calendar);
    zone_close(zone);
    str_clear(&text);
    return rc == 0;
}

static bool check_calendars(const struct config *c)
{
    bool is_good = true;

    for (size_t i = 0; i < c->n_services; i++)
        is_good &= check_calendar(&c->services[i]);
    return is_good;
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
        is_good &= check_source(c, i, timeout_ms);
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
        command_show_faults(stdout, &faults);
        rc = faults.n > 0 && e.code == ERR_CONFIG ? EXIT_USAGE : command_fail(&e);
    } else {
        bool is_good;

        command_show_faults(stdout, &faults);
        is_good = check_calendars(c);
        printf("%s: %zu service%s, %zu source%s%s\n", path, c->n_services,
               c->n_services == 1 ? "" : "s", c->n_sources, c->n_sources == 1 ? "" : "s",
               is_good ? ": fine" : "");
        rc = conf_bool(opts, "connect") ? connect_all(c, opts) : EXIT_DONE;
        if (rc == EXIT_DONE && !is_good)
            rc = EXIT_FAILED;
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
        "it, each fault with file and line; files of calendars are read as well. Nothing is\n"
        "started or changed. With --connect sources and backends are asked, and every\n"
        "service's load and guards are read: how many of the last 60 cells there are, the\n"
        "newest, its age and value; one without data, or with old data alone, is a warning.\n"
        "Exit code 2: faults in the file; 1: a calendar's file, a source, a load, a guard or\n"
        "a backend would not do.",
    .examples = "scaler check\n    Check the configuration in use.\n"
                "scaler check new.cfg && kill -HUP $(pidof scaler)\n"
                "    Check a new file before the running daemon reads it.\n"
                "scaler check --connect --timeout 3s\n"
                "    Also ask Redis, Prometheus and the backends.\n",
    .options = options,
    .run = run,
};
