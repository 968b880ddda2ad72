/* cmd_override.c - `scaler override`: an operator's limits for a time, with a reason. */
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "act/override.h"
#include "base/clk.h"
#include "base/file.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/open_store.h"
#include "cli/place.h"
#include "cli/print.h"
#include "collect/store.h"

static const struct conf_option options[] = {
    {"min", CONF_INT, "auto", 0, 1000000, "instances", "Not fewer than this."},
    {"max", CONF_INT, "auto", 0, 1000000, "instances", "Not more than this."},
    {"count", CONF_INT, "auto", 0, 1000000, "instances", "Exactly this many."},
    {"per_instance", CONF_DOUBLE, "auto", 0.000001, 1e9, "per second",
     "The load that an instance is taken to carry, whatever is stated or measured."},
    {"for", CONF_DURATION, "auto", 1, 2592000, "s", "How long; needed."},
    {"reason", CONF_STRING, "", 0, 159, "TEXT", "Why; needed."},
    {"end", CONF_BOOL, "false", 0, 0, "", "End the service's override now."},
    {"list", CONF_BOOL, "false", 0, 0, "", "Show the overrides so far, the oldest first."},
    PRINT_FORMAT_OPTION,
    CONF_END,
};

/* What is asked for: limits for the history, the capacity beside them (0: not given). */
static int read_order(const struct conf *opts, struct store_override *o, double *per_instance,
                      struct err *e)
{
    bool has_capacity = !conf_is_auto(opts, "per_instance");
    bool has_min = !conf_is_auto(opts, "min"), has_max = !conf_is_auto(opts, "max");
    bool has_count = !conf_is_auto(opts, "count");

    if (has_count ? has_min || has_max : !(has_min || has_max || has_capacity))
        return err_set(e, ERR_CONFIG,
                       "override: give --count, or --min and/or --max, or --per-instance");
    o->least = o->most = -1;
    if (has_count)
        o->least = o->most = (int)conf_int(opts, "count");
    if (has_min)
        o->least = (int)conf_int(opts, "min");
    if (has_max)
        o->most = (int)conf_int(opts, "max");
    if (o->least >= 0 && o->most >= 0 && o->least > o->most)
        return err_set(e, ERR_CONFIG, "override: --min %d is above --max %d", o->least,
                       o->most);
    if (conf_is_auto(opts, "for"))
        return err_set(e, ERR_CONFIG, "override: give --for (an override always ends)");
    if (conf_string(opts, "reason")[0] == '\0')
        return err_set(e, ERR_CONFIG, "override: give --reason");
    o->until_ms = o->from_ms + conf_duration_ms(opts, "for");
    *per_instance = has_capacity ? conf_double(opts, "per_instance") : 0;
    str_copy(o->reason, sizeof o->reason, conf_string(opts, "reason"));
    return 0;
}

static void say(const struct store_override *o, double per_instance)
{
    char until[32];

    clk_format_time(o->until_ms / 1000 * 1000, until, sizeof until);
    if (per_instance > 0)
        printf("service \"%s\": %.6g per second an instance until %s\n", o->service,
               per_instance, until);
    if (o->least < 0 && o->most < 0)
        return;
    if (o->least == o->most)
        printf("service \"%s\": exactly %d instances until %s\n", o->service, o->least, until);
    else if (o->most < 0)
        printf("service \"%s\": at least %d instances until %s\n", o->service, o->least, until);
    else if (o->least < 0)
        printf("service \"%s\": at most %d instances until %s\n", o->service, o->most, until);
    else
        printf("service \"%s\": %d to %d instances until %s\n", o->service, o->least, o->most,
               until);
}

/* One end alone is held against the other as configured. Less than min is hardly meant; more
 * than max is, and said. */
static int check_ends(const struct conf *opts, const struct store_override *o, struct err *e)
{
    int min, max;

    if ((o->least < 0) == (o->most < 0) || !place_limits(opts, o->service, &min, &max))
        return 0;
    if (o->least < 0 && o->most < min)
        return err_set(e, ERR_CONFIG,
                       "override: --max %d is below the configured min = %d of service \"%s\": "
                       "give --min too (at most %d), or a --max of %d or more",
                       o->most, min, o->service, o->most, min);
    if (o->most < 0 && o->least > max)
        printf("service \"%s\": --min %d is above the configured max = %d, which is %d until "
               "then\n",
               o->service, o->least, max, o->least);
    return 0;
}

/* The file takes effect. */
static int put(const char *dir, const struct store_override *o, double per_instance,
               bool is_end, struct err *e)
{
    struct override file = {.least = o->least,
                            .most = o->most,
                            .per_instance = per_instance,
                            .until_ms = o->until_ms};

    if (is_end)
        return override_remove(dir, o->service, e);
    str_copy(file.service, sizeof file.service, o->service);
    str_copy(file.by, sizeof file.by, o->by);
    str_copy(file.reason, sizeof file.reason, o->reason);
    return file_make_dirs(dir, e) == 0 ? override_write(dir, &file, e) : -1;
}

/* The store keeps who set what, and when; a full disk does not keep an override from working.
 */
static void note(const char *dir, struct store_override *o, double per_instance, bool is_end)
{
    char reason[sizeof o->reason];
    struct store *store = NULL;
    struct err e = {0};
    int rc;

    if (per_instance > 0) { /* the history has no field for it */
        str_copy(reason, sizeof reason, o->reason);
        snprintf(o->reason, sizeof o->reason, "per_instance %.6g: %.130s", per_instance,
                 reason);
    }
    signal(SIGXFSZ, SIG_IGN); /* a file-size limit is an error of write, not our end */
    rc = store_open(&store, dir, STORE_WRITE, &e);
    if (rc == 0)
        rc = store_override_end(store, o->service, "override", o->from_ms, &e);
    if (rc == 0 && !is_end)
        rc = store_override_add(store, o, &e);
    store_close(store);
    if (rc != 0)
        fprintf(stderr, "scaler: it is in force, but not noted in the history: %s\n", e.msg);
}

static void list_one(struct print *p, const struct store_override *o)
{
    print_time(p, o->from_ms / 1000 * 1000);
    print_time(p, (o->ended_ms > 0 ? o->ended_ms : o->until_ms) / 1000 * 1000);
    print_number(p, o->least < 0 ? (double)NAN : o->least, 0);
    print_number(p, o->most < 0 ? (double)NAN : o->most, 0);
    print_text(p, o->by);
    print_text(p, o->reason);
}

/* What the history knows of a service's overrides. */
static int list(const struct conf *opts, const char *service)
{
    static const struct print_column columns[] = {
        {"from", "FROM", PRINT_LEFT}, {"until", "UNTIL", PRINT_LEFT},
        {"min", "MIN", PRINT_RIGHT},  {"max", "MAX", PRINT_RIGHT},
        {"by", "BY", PRINT_LEFT},     {"reason", "REASON", PRINT_LEFT},
    };
    struct store_override *items = NULL;
    struct store *store = NULL;
    struct print *p = NULL;
    struct err e = {0};
    size_t n = 0;

    if (open_store(opts, STORE_READ, &store, &e) == 0 &&
        store_override_list(store, service, "override", &items, &n, &e) == 0 &&
        print_new(&p, stdout, print_format(opts), columns, sizeof columns / sizeof columns[0],
                  &e) == 0) {
        for (size_t i = 0; i < n; i++)
            list_one(p, &items[i]);
        print_end(p, &e);
    }
    free(items);
    store_close(store);
    return e.code == ERR_NONE ? EXIT_DONE : command_fail(&e);
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    struct store_override o = {.from_ms = clk_wall_ms(), .kind = "override"};
    bool is_end = conf_bool(opts, "end");
    double per_instance = 0;
    char dir[PATH_MAX];
    struct err e = {0};

    (void)n_words;
    if (conf_bool(opts, "list"))
        return list(opts, words[0]);
    if (!str_copy(o.service, sizeof o.service, words[0])) {
        err_set(&e, ERR_CONFIG, "override: the service's name is too long");
        return command_fail(&e);
    }
    place_user(o.by, sizeof o.by);
    if ((!is_end && read_order(opts, &o, &per_instance, &e) != 0) ||
        place_state_dir(opts, dir, sizeof dir, &e) != 0 ||
        place_check_service(opts, dir, o.service, &e) != 0 ||
        (!is_end && check_ends(opts, &o, &e) != 0) ||
        put(dir, &o, per_instance, is_end, &e) != 0)
        return command_fail(&e);
    note(dir, &o, per_instance, is_end);
    if (is_end)
        printf("service \"%s\": not overridden\n", o.service);
    else
        say(&o, per_instance);
    return EXIT_DONE;
}

const struct command command_override = {
    .name = "override",
    .summary = "set a service's limits or capacity for a time",
    .words = "SERVICE",
    .least_words = 1,
    .most_words = 1,
    .about = "What is given replaces the configured until the time is over; scaling goes on\n"
             "with it, and the gate's modes and holds stay in force. A daemon takes it\n"
             "up within a second or two, before its next decision at usual steps. It is a\n"
             "small file in the state directory: a full disk or a broken configuration does\n"
             "not keep it from working. A further override replaces the one before as a whole.",
    .examples =
        "scaler override checkout --min 20 --for 4h --reason \"television spot\"\n"
        "    at least 20 instances for four hours\n"
        "scaler override checkout --per-instance 60 --for 4h --reason \"slow release\"\n"
        "    an instance carries 60 a second, whatever was stated or measured\n"
        "scaler override checkout --end\n"
        "    as configured again\n"
        "scaler override checkout --list\n"
        "    who set what, when and why\n",
    .options = options,
    .run = run,
};
