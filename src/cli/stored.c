/* stored.c - see stored.h. */
#include "cli/stored.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/open_store.h"
#include "cli/print.h"

/* A history that ends longer ago than this, and than some steps, is an old one. */
#define OLD_MS (10 * CLK_MINUTE_MS)
#define OLD_STEPS 5

static int by_name(const void *a, const void *b)
{
    const struct store_series *x = a, *y = b;

    return strcmp(x->service, y->service);
}

/* The names stand behind the array that points to them. */
static int pack(const char *const *from, size_t n, const char ***names, struct err *e)
{
    char *text;

    *names = calloc(n, sizeof **names + STORE_NAME_BYTES);
    if (!*names)
        return err_nomem(e);
    text = (char *)(*names + n);
    for (size_t i = 0; i < n; i++, text += STORE_NAME_BYTES) {
        str_copy(text, STORE_NAME_BYTES, from[i]);
        (*names)[i] = text;
    }
    return 0;
}

static int all_names(struct store *store, const char ***names, size_t *n, struct err *e)
{
    struct store_series *items = NULL;
    const char **found = NULL;
    size_t n_items = 0;
    int rc = -1;

    *n = 0;
    if (store_series_list(store, NULL, &items, &n_items, e) != 0)
        goto done;
    found = calloc(n_items + 1, sizeof *found);
    if (!found) {
        err_nomem(e);
        goto done;
    }
    qsort(items, n_items, sizeof *items, by_name);
    for (size_t i = 0; i < n_items; i++)
        if (strcmp(items[i].signal, STORE_DEMAND) == 0 &&
            (*n == 0 || strcmp(found[*n - 1], items[i].service) != 0))
            found[(*n)++] = items[i].service;
    if (*n == 0)
        err_set(e, ERR_SHORT, "the store holds no samples yet: see scaler import");
    else
        rc = pack(found, *n, names, e);
done:
    free(found);
    free(items);
    return rc;
}

int stored_names(struct store *store, const struct conf *opts, const char ***names, size_t *n,
                 struct err *e)
{
    const char *const *given;

    *n = conf_strings(opts, "service", &given);
    return *n > 0 ? pack(given, *n, names, e) : all_names(store, names, n, e);
}

static void say_age(const char *service, const struct series *s)
{
    int64_t end_ms = series_time_ms(s, s->n), age_ms = clk_wall_ms() - end_ms;
    char end[32], age[32];

    if (age_ms < OLD_MS || age_ms < OLD_STEPS * s->step_ms)
        return;
    clk_format_time(end_ms, end, sizeof end);
    if (age_ms >= 2 * CLK_DAY_MS)
        snprintf(age, sizeof age, "%lld days", (long long)(age_ms / CLK_DAY_MS));
    else
        clk_format_duration(age_ms / CLK_MINUTE_MS * CLK_MINUTE_MS, age, sizeof age);
    fprintf(stderr, "scaler: %s: the samples end %s ago, at %s: looking ahead from there\n",
            service, age, end);
}

int stored_load(struct store *store, const char *service, int64_t step_ms, struct series **out,
                struct err *e)
{
    struct store_series found;
    struct series *raw = NULL, *wanted = NULL;
    int rc = -1;

    if (store_series_find(store, service, STORE_DEMAND, &found, e) != 0)
        return -1; /* names the service */
    if (store_read(store, &found, INT64_MIN, INT64_MAX, &raw, e) != 0)
        goto done;
    if (step_ms > 0 && series_resample(&wanted, raw, step_ms, e) != 0)
        goto done;
    *out = wanted ? wanted : raw;
    *(wanted ? &wanted : &raw) = NULL; /* the caller owns it now */
    say_age(service, *out);
    rc = 0;
done:
    if (rc != 0)
        err_wrap(e, "service \"%s\"", service);
    series_free(wanted);
    series_free(raw);
    return rc;
}

bool stored_track(struct store *store, const char *service, struct track *out)
{
    struct str bytes = STR_EMPTY;
    struct err e = {0};
    int rc = store_state_get(store, service, TRACK_STATE, &bytes, NULL, &e);

    if (rc == 0)
        rc = track_load(out, str_text(&bytes), bytes.len, &e);
    str_clear(&bytes);
    if (rc != 0 && e.code != ERR_SHORT)
        fprintf(stderr,
                "scaler: %s: running record of forecasts: %s: backtests alone are used\n",
                service, e.msg);
    return rc == 0;
}

int stored_failed(const struct err *why, int code_so_far)
{
    int code = command_fail(why);

    return code_so_far == EXIT_DONE ? code : code_so_far;
}

/* One chart, one table of rows: not for several services. */
static int check_several(const struct stored_command *command, const struct conf *opts,
                         size_t n, struct err *e)
{
    if (n < 2)
        return 0;
    if (command->has_plot && conf_string(opts, "plot")[0])
        return err_set(e, ERR_CONFIG, "--plot draws one service: ask for one with --service");
    if (!command->names_in_rows && print_format(opts) != PRINT_TABLE)
        return err_set(e, ERR_CONFIG,
                       "several services fit a table only: ask for one with --service");
    return 0;
}

static int run_services(const struct stored_command *command, const struct conf *opts,
                        const struct config *c)
{
    struct store *store = NULL;
    const char **names = NULL;
    struct err e = {0};
    int rc = EXIT_DONE;
    size_t n = 0;

    if (open_store(opts, STORE_READ, &store, &e) != 0 ||
        stored_names(store, opts, &names, &n, &e) != 0 ||
        check_several(command, opts, n, &e) != 0) {
        rc = command_fail(&e);
        n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        struct err why = {0};

        if (i > 0 && print_format(opts) == PRINT_TABLE)
            printf("\n");
        if (command->service(store, opts, c, names[i], &why) != 0)
            rc = stored_failed(&why, rc);
    }
    free(names);
    store_close(store);
    return rc;
}

int stored_run(const struct stored_command *command, const struct conf *opts)
{
    const char *const *given;
    struct config *c = NULL;
    struct err e = {0};
    int rc;

    if (conf_string(opts, "history")[0] == '\0') {
        if (command_find_config(opts, &c) != 0)
            return EXIT_USAGE;
        rc = run_services(command, opts, c);
        config_free(c);
        return rc;
    }
    if (conf_strings(opts, "service", &given) > 0)
        err_set(&e, ERR_CONFIG,
                "give either --history FILE (- for standard input) or --service NAME");
    else if (command->file(opts, &e) == 0)
        return EXIT_DONE;
    return command_fail(&e);
}
