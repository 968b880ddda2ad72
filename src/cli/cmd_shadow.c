/* cmd_shadow.c - `scaler shadow`: what the scaler in charge did, against what scaler would have
 * done beside it. */
#include <stdio.h>
#include <string.h>

#include "base/clk.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/open_store.h"
#include "cli/place.h"
#include "cli/print.h"
#include "cli/shadow_print.h"
#include "cli/stored.h"
#include "replay/shadow_stored.h"

static const struct conf_option options[] = {
    {"since", CONF_STRING, "7d", 1, 60, "TIME", "From when on: a time, or how long ago."},
    {"plot", CONF_STRING, "", 0, 4096, "FILE",
     "Draw the load and both capacities into this .svg or .png file with gnuplot."},
    PRINT_FORMAT_OPTION,
    CONF_END,
};

/* A report under way over one or all services. */
struct report {
    const struct conf *opts;
    struct store *store;
    struct print *rows; /* NULL: tables */
    int64_t from_ms, to_ms;
    size_t shown;
};

static int show(struct report *r, const struct shadow_shown *shown, struct err *e)
{
    const char *plot = conf_string(r->opts, "plot");

    if (plot[0] && shadow_plot(plot, shown, e) != 0)
        return -1;
    if (r->shown++ > 0 && !r->rows)
        printf("\n");
    if (!r->rows)
        return shadow_print_table(shown, e);
    shadow_print_rows(r->rows, shown);
    return 0;
}

static int report_one(struct report *r, const struct service_conf *conf, struct err *e)
{
    struct shadow_stored in;
    struct shadow shadow;
    int rc = shadow_stored_read(&in, r->store, conf, r->from_ms, r->to_ms, e);

    if (rc == 0) {
        rc = shadow_run(&shadow, &in.setup, e);
        shadow_stored_clear(&in);
    }
    if (rc != 0)
        return err_wrap(e, "service \"%s\"", conf->name);
    rc = show(r, &(struct shadow_shown){conf->name, &shadow, conf->price}, e);
    shadow_clear(&shadow);
    return rc;
}

/* All that were watched in dry run; those that never were are passed over. */
static int report_all(struct report *r, const struct config *c, struct err *e)
{
    struct store_series found;
    int code = EXIT_DONE;

    for (size_t i = 0; i < c->n_services; i++) {
        struct err why = {0};

        if (store_series_find(r->store, c->services[i].name, STORE_RUNNING, &found, &why) == 0)
            why = (struct err){0};
        else if (why.code == ERR_SHORT)
            continue;
        if (why.code != ERR_NONE || report_one(r, &c->services[i], &why) != 0)
            code = stored_failed(&why, code);
    }
    if (r->shown == 0 && code == EXIT_DONE)
        err_set(e, ERR_SHORT,
                "no service was watched in dry run yet: let scaler run beside the scaler in "
                "charge");
    return code;
}

static const struct service_conf *find(const struct conf *opts, const struct config *c,
                                       const char *name, struct err *e)
{
    const struct service_conf *conf = config_service(c, name);
    char dir[4096];

    if (!conf && place_state_dir(opts, dir, sizeof dir, e) == 0 &&
        place_check_service(opts, dir, name, e) == 0)
        err_set(e, ERR_CONFIG, "service \"%s\" is not in the configuration", name);
    return conf;
}

static int begin(struct report *r, const struct config *c, const char *name, struct err *e)
{
    if (conf_string(r->opts, "plot")[0] && !name && c->n_services > 1)
        return err_set(e, ERR_CONFIG, "--plot draws one service: name it");
    if (open_store_time("since", conf_string(r->opts, "since"), r->to_ms, 0, &r->from_ms, e) !=
            0 ||
        open_store(r->opts, STORE_READ, &r->store, e) != 0)
        return -1;
    if (print_format(r->opts) == PRINT_TABLE)
        return 0;
    return print_new(&r->rows, stdout, print_format(r->opts), shadow_columns, shadow_n_columns,
                     e);
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    struct report r = {.opts = opts, .to_ms = clk_wall_ms()};
    const char *name = n_words > 0 ? words[0] : NULL;
    const struct service_conf *conf = NULL;
    struct config *c = NULL;
    struct err e = {0};
    int code = EXIT_DONE;

    if (command_load_config(opts, &c) != 0)
        return EXIT_USAGE;
    if ((!name || (conf = find(opts, c, name, &e)) != NULL) && begin(&r, c, name, &e) == 0) {
        if (!conf)
            code = report_all(&r, c, &e);
        else
            report_one(&r, conf, &e);
    }
    if (r.rows)
        print_end(r.rows, e.code == ERR_NONE ? &e : NULL);
    store_close(r.store);
    config_free(c);
    return e.code == ERR_NONE ? code : command_fail(&e);
}

const struct command command_shadow = {
    .name = "shadow",
    .summary = "compare the scaler in charge with what scaler would have done",
    .words = "[SERVICE]",
    .most_words = 1,
    .about = "For services in dry run beside another scaler. What that one did is what was\n"
             "counted at each step; what scaler would have done are its decisions as they\n"
             "were made at the time, each count taking its lead time to become ready, as\n"
             "in `scaler simulate`. Both meet the load as it was measured. Time in which\n"
             "load, counts or decisions are missing, or in which scaler acted itself, is\n"
             "left out of both sides, and that is said. The daemon tells the verdict of\n"
             "the last seven days once a day, in its log, `scaler status` and metrics.\n"
             "\n"
             "A dry run decides each time from what the other scaler runs, so scaler's\n"
             "counts lean towards it and change more often than they would with scaler in\n"
             "charge; where the other runs far more than is needed, the pace of scale-in\n"
             "keeps them near it. `scaler simulate --service NAME` tells what scaler alone\n"
             "would have done. While the other's instances are full the load is only what\n"
             "they served; that time is told, too.\n"
             "\n"
             "Ready to act is YES when there are\n"
             "  days       at least 7 days\n"
             "  weekend    a Saturday and a Sunday among them, each scored by half or more\n"
             "  scored     90 % of the time scored\n"
             "  objective  no more requests above scaler's capacity than the objective\n"
             "             allows; with cost_ratio: at less cost than the other's\n"
             "  lead       a lead time that is stated or was measured\n"
             "  blind      never more than half an hour on end without fresh load\n"
             "  capacity   no guard that contradicts the stated capacity\n"
             "and else NO, with all that is missing. Exit code 3: nothing was recorded yet.\n",
    .examples = "scaler shadow checkout\n"
                "    the last seven days of a service, beside the running daemon\n"
                "scaler shadow --since 1d --format json\n"
                "    the last day of all services, for a program\n"
                "scaler shadow checkout --plot week.svg\n"
                "    the same as a picture, too\n",
    .options = options,
    .run = run,
};
