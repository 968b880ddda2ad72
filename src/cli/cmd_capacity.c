/* cmd_capacity.c - `scaler capacity`: what an instance carries, measured from history. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "cli/capacity_cells.h"
#include "cli/command.h"
#include "cli/history_file.h"
#include "cli/open_store.h"
#include "cli/print.h"
#include "cli/stored.h"
#include "decide/capacity_fit.h"

static const struct conf_option options[] = {
    {"service", CONF_STRINGS, "", 0, 0, "NAME",
     "Only this service; default: all in the store."},
    {"since", CONF_STRING, "28d", 1, 60, "TIME", "From when on: a time, or how long ago."},
    {"guard", CONF_STRING, "", 0, 4000, "NAME",
     "The guard that tells how full instances are; unset: the first of kind utilisation. With "
     "--history: a FILE of it."},
    {"target", CONF_DOUBLE, "auto", 0.000001, 1e9, "",
     "How full instances may be; auto: the guard's target in the configuration."},
    {"history", CONF_STRING, "", 0, 4000, "FILE",
     "Past loads in CSV (\"-\": standard input) instead of the store; no configuration is "
     "needed."},
    {"ready", CONF_STRING, "", 0, 4000, "FILE", "With --history: ready instances in CSV."},
    {"step", CONF_DURATION, "auto", 1, 86400, "s",
     "With --history: width of a cell; auto: that of the loads."},
    PRINT_FORMAT_OPTION,
    CONF_END,
};

static const struct print_column columns[] = {
    {"service", "SERVICE", PRINT_LEFT},
    {"guard", "GUARD", PRINT_LEFT},
    {"target", "TARGET", PRINT_RIGHT},
    {"per_instance", "CARRIES", PRINT_RIGHT},
    {"low", "LOW", PRINT_RIGHT},
    {"high", "HIGH", PRINT_RIGHT},
    {"confidence", "CONFIDENCE", PRINT_RIGHT},
    {"stated", "STATED", PRINT_RIGHT},
    {"cells", "CELLS", PRINT_RIGHT},
    {"note", "NOTE", PRINT_LEFT},
};

/* What is asked for one service. */
struct ask {
    const char *service, *guard; /* guard "": none */
    double target, stated;       /* NAN unknown */
};

static void print_head(struct print *p, const struct ask *a)
{
    print_text(p, a->service);
    print_text(p, a->guard[0] != '\0' ? a->guard : NULL);
    print_number(p, a->guard[0] != '\0' ? a->target : NAN, 3);
}

static int show_measured(struct print *p, const struct ask *a, struct capacity_cells *cells,
                         struct err *e)
{
    struct capacity_fit fit;
    char note[160];

    if (isnan(a->target))
        return err_set(e, ERR_CONFIG, "guard %s: give --target: no configuration tells it",
                       a->guard);
    capacity_cells_squeeze(cells);
    if (capacity_fit(cells->load, cells->u, cells->n, a->target, &fit, e) != 0)
        return -1;
    print_head(p, a);
    print_number(p, fit.carried, 2);
    print_number(p, fit.low, 2);
    print_number(p, fit.high, 2);
    print_number(p, CAPACITY_FIT_LEVEL, 2);
    print_number(p, a->stated, 2);
    print_int(p, (int64_t)fit.n);
    snprintf(note, sizeof note, "measured; guard from %.3g to %.3g%s", fit.u_low, fit.u_high,
             fit.u_high < a->target ? ": the target lies beyond"
             : a->stated > fit.high ? "; more is stated"
                                    : "");
    print_text(p, note);
    return 0;
}

static int show_bound(struct print *p, const struct ask *a, const struct capacity_cells *cells,
                      struct err *e)
{
    double most = capacity_most_carried(cells->load, cells->n);
    size_t known = 0;

    for (size_t i = 0; i < cells->n; i++)
        known += isnan(cells->load[i]) ? 0U : 1U;
    if (isnan(most))
        return err_set(e, ERR_SHORT,
                       "%zu cells have load and a steady ready count: five in a row are needed",
                       known);
    print_head(p, a);
    print_number(p, NAN, 2);
    print_number(p, most, 2);
    print_number(p, NAN, 2);
    print_number(p, NAN, 2);
    print_number(p, a->stated, 2);
    print_int(p, (int64_t)known);
    print_text(p, "a lower bound: the most that one carried; without a guard of kind "
                  "utilisation nothing says how full it was");
    return 0;
}

static int show(struct print *p, const struct ask *a, struct capacity_cells *cells,
                struct err *e)
{
    return cells->u ? show_measured(p, a, cells, e) : show_bound(p, a, cells, e);
}

/* ---- from files ---- */

static int read_files(const struct conf *opts, struct capacity_cells *cells, struct err *e)
{
    const char *guard = conf_string(opts, "guard");
    struct series *load = NULL, *ready = NULL, *u = NULL;
    int rc = -1;

    if (conf_string(opts, "ready")[0] == '\0')
        return err_set(e, ERR_CONFIG, "capacity: --history needs --ready FILE");
    if (history_file(&load, conf_string(opts, "history"), history_file_step_ms(opts), false,
                     e) == 0 &&
        history_file(&ready, conf_string(opts, "ready"), 0, false, e) == 0 &&
        (guard[0] == '\0' || history_file(&u, guard, 0, false, e) == 0))
        rc = capacity_cells_join(cells, load, ready, u, e);
    series_free(load);
    series_free(ready);
    series_free(u);
    return rc;
}

static int run_files(const struct conf *opts, struct print *p, struct err *e)
{
    struct capacity_cells cells = {0};
    struct ask a = {.service = conf_string(opts, "history"),
                    .guard = conf_string(opts, "guard"),
                    .target = NAN,
                    .stated = NAN};
    int rc = read_files(opts, &cells, e);

    if (!conf_is_auto(opts, "target"))
        a.target = conf_double(opts, "target");
    if (rc == 0)
        rc = show(p, &a, &cells, e);
    capacity_cells_clear(&cells);
    return rc;
}

/* ---- from the store ---- */

static const struct guard_conf *find_guard(const struct service_conf *s, const char *name)
{
    for (size_t i = 0; s && i < s->n_guards; i++)
        if (name[0] != '\0' ? strcmp(s->guards[i].name, name) == 0
                            : s->guards[i].kind == DECIDE_GUARD_UTILISATION)
            return &s->guards[i];
    return NULL;
}

static int run_stored(const struct conf *opts, const struct config *c, struct store *store,
                      const char *service, struct print *p, struct err *e)
{
    const struct service_conf *s = c ? config_service(c, service) : NULL;
    const struct guard_conf *g = find_guard(s, conf_string(opts, "guard"));
    struct ask a = {.service = service,
                    .guard = g ? g->name : conf_string(opts, "guard"),
                    .target = g && g->kind == DECIDE_GUARD_UTILISATION ? g->limit : NAN,
                    .stated =
                        s ? conf_double(s->groups[SERVICE_CAPACITY], "per_instance") : NAN};
    struct capacity_cells cells = {0};
    int64_t from_ms;
    int rc =
        open_store_time("since", conf_string(opts, "since"), clk_wall_ms(), 0, &from_ms, e);

    if (!conf_is_auto(opts, "target"))
        a.target = conf_double(opts, "target");
    if (rc == 0)
        rc = capacity_cells_stored(&cells, store, service, a.guard, from_ms, e);
    if (rc == 0)
        rc = show(p, &a, &cells, e);
    capacity_cells_clear(&cells);
    return rc == 0 ? 0 : err_wrap(e, "service \"%s\"", service);
}

/* One after the other; the exit code is that of the first that failed. */
static int run_all(const struct conf *opts, struct print *p)
{
    struct store *store = NULL;
    struct config *c = NULL;
    const char **names = NULL;
    struct err e = {0};
    size_t n = 0;
    int code = EXIT_DONE;

    if (command_find_config(opts, &c) != 0)
        return EXIT_USAGE;
    if (open_store(opts, STORE_READ, &store, &e) != 0 ||
        stored_names(store, opts, &names, &n, &e) != 0)
        code = command_fail(&e);
    for (size_t i = 0; i < n; i++) {
        struct err why = {0};

        if (run_stored(opts, c, store, names[i], p, &why) != 0)
            code = stored_failed(&why, code);
    }
    free(names);
    store_close(store);
    config_free(c);
    return code;
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    struct print *p = NULL;
    struct err e = {0};
    int code = EXIT_DONE;

    (void)words;
    (void)n_words;
    if (print_new(&p, stdout, print_format(opts), columns, sizeof columns / sizeof columns[0],
                  &e) != 0)
        return command_fail(&e);
    if (conf_string(opts, "history")[0] == '\0')
        code = run_all(opts, p);
    else if (run_files(opts, p, &e) != 0)
        code = command_fail(&e);
    e = (struct err){0};
    if (print_end_rows(p, &e) != 0 && code == EXIT_DONE)
        code = command_fail(&e);
    return code;
}

const struct command command_capacity = {
    .name = "capacity",
    .summary = "measure what an instance carries",
    .words = "",
    .about =
        "From load, ready count and a guard of kind utilisation: a robust line through the\n"
        "load of an instance over its utilisation, the load at the target and its 95 %\n"
        "interval, widened by how alike neighbouring cells are. Set per_instance to LOW to\n"
        "be on the safe side. Without a guard: the most that an instance carried over five\n"
        "cells in a row, which is a lower bound and says nothing of where its limit lies.\n"
        "Cells in which the ready count changed are left out. Exit code 3: too little to\n"
        "tell; what is missing is said.",
    .examples = "scaler capacity --service checkout\n"
                "    from the store, by the service's guard\n"
                "scaler capacity --history load.csv --ready ready.csv --guard cpu.csv \\\n"
                "        --target 0.7\n"
                "    from files, without any configuration\n",
    .options = options,
    .run = run,
};
