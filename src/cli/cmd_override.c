/* cmd_override.c - `scaler override`: an operator's limits for a time, with a reason. */
#include <limits.h>
#include <stdio.h>

#include "base/clk.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/place.h"
#include "collect/store.h"

static const struct conf_option options[] = {
    {"min", CONF_INT, "auto", 0, 1000000, "instances", "Not fewer than this."},
    {"max", CONF_INT, "auto", 0, 1000000, "instances", "Not more than this."},
    {"count", CONF_INT, "auto", 0, 1000000, "instances", "Exactly this many."},
    {"for", CONF_DURATION, "auto", 1, 2592000, "s", "How long; needed."},
    {"reason", CONF_STRING, "", 0, 159, "TEXT", "Why; needed."},
    {"end", CONF_BOOL, "false", 0, 0, "", "End the service's override now."},
    CONF_END,
};

static int read_limits(const struct conf *opts, struct store_override *o, struct err *e)
{
    bool has_min = !conf_is_auto(opts, "min"), has_max = !conf_is_auto(opts, "max");
    bool has_count = !conf_is_auto(opts, "count");

    if (has_count == (has_min || has_max))
        return err_set(e, ERR_CONFIG, "override: give --count, or --min and/or --max");
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
    str_copy(o->reason, sizeof o->reason, conf_string(opts, "reason"));
    return 0;
}

static void say(const struct store_override *o)
{
    char until[32];

    clk_format_time(o->until_ms / 1000 * 1000, until, sizeof until);
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

static int put(const struct conf *opts, const char *dir, struct store_override *o,
               struct err *e)
{
    bool is_end = conf_bool(opts, "end");
    struct store *store = NULL;
    int rc;

    if (store_open(&store, dir, STORE_WRITE, e) != 0)
        return -1;
    rc = store_override_end(store, o->service, "override", o->from_ms, e);
    if (rc == 0 && !is_end)
        rc = store_override_add(store, o, e);
    store_close(store);
    return rc;
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    struct store_override o = {.from_ms = clk_wall_ms(), .kind = "override"};
    char dir[PATH_MAX];
    struct err e = {0};

    (void)n_words;
    if (!str_copy(o.service, sizeof o.service, words[0])) {
        err_set(&e, ERR_CONFIG, "override: the service's name is too long");
        return command_fail(&e);
    }
    place_user(o.by, sizeof o.by);
    if ((!conf_bool(opts, "end") && read_limits(opts, &o, &e) != 0) ||
        place_state_dir(opts, dir, sizeof dir, &e) != 0 ||
        place_check_service(opts, dir, o.service, &e) != 0 || put(opts, dir, &o, &e) != 0)
        return command_fail(&e);
    if (conf_bool(opts, "end"))
        printf("service \"%s\": not overridden\n", o.service);
    else
        say(&o);
    return EXIT_DONE;
}

const struct command command_override = {
    .name = "override",
    .summary = "set a service's limits for a time",
    .words = "SERVICE",
    .least_words = 1,
    .most_words = 1,
    .about = "The configured limits are replaced until the time is over; scaling goes on\n"
             "between them, and the gate's modes and holds stay in force. A daemon takes it\n"
             "up within a second or two, before its next decision at usual steps.",
    .examples = "scaler override checkout --min 20 --for 4h --reason \"television spot\"\n"
                "    at least 20 instances for four hours\n"
                "scaler override checkout --end\n"
                "    the configured limits again\n",
    .options = options,
    .run = run,
};
