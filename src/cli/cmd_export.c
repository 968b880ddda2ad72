/* cmd_export.c - samples of the store as CSV, which `scaler import` reads back identically. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/open_store.h"
#include "cli/progress.h"

#define FLUSH_BYTES 65536

static const struct conf_option options[] = {
    {"service", CONF_STRING, NULL, 1, 127, "NAME", "Whose samples."},
    {"signal", CONF_STRING, "demand", 1, 127, "NAME", "Which of its signals."},
    {"since", CONF_STRING, "", 0, 64, "TIME",
     "First time; a time, an epoch, or as in 28d before the newest sample. Default: all."},
    {"until", CONF_STRING, "", 0, 64, "TIME", "End, not included. Default: all."},
    {"step", CONF_DURATION, "auto", 1, 86400, "s",
     "Width of a cell; auto: as stored. Coarser cells are means."},
    CONF_END,
};

/* The shortest decimal that reads back as the same float32, which is what the store holds. */
static void add_value(struct str *out, double v)
{
    char text[32];

    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtof(text, NULL) == (float)v)
            break;
    }
    str_add(out, text);
}

static int flush(struct str *out, struct err *e)
{
    if (out->failed)
        return err_nomem(e);
    if (fwrite(str_text(out), 1, out->len, stdout) != out->len)
        return err_set(e, ERR_IO, "standard output: cannot write: %s", strerror(errno));
    str_reset(out);
    return 0;
}

static int print_series(const struct series *s, const struct conf *opts, struct err *e)
{
    struct progress progress;
    struct str out = STR_EMPTY;
    char when[32];
    int rc = 0;

    progress_begin(&progress, "cells written", opts);
    progress.is_on = progress.is_on && !isatty(STDOUT_FILENO); /* the rows are seen */
    str_add(&out, "time,value\n");
    for (size_t i = 0; i < s->n && rc == 0; i++) {
        if (isnan(s->values[i]))
            continue; /* unknown: no line */
        clk_format_time(series_time_ms(s, i), when, sizeof when);
        str_add(&out, when);
        str_add(&out, ",");
        add_value(&out, s->values[i]);
        str_add(&out, "\n");
        if (out.len >= FLUSH_BYTES) {
            rc = flush(&out, e);
            progress_step(&progress, i + 1, s->n);
        }
    }
    if (rc == 0)
        rc = flush(&out, e);
    if (rc == 0 && fflush(stdout) != 0)
        rc = err_set(e, ERR_IO, "standard output: cannot write: %s", strerror(errno));
    progress_end(&progress);
    str_clear(&out);
    return rc;
}

static int export(struct store *store, const struct conf *opts, struct err *e)
{
    struct series *s = NULL, *coarse = NULL;
    struct store_series series;
    int64_t first_ms, end_ms, from_ms, to_ms;
    int rc = -1;

    if (store_series_find(store, conf_string(opts, "service"), conf_string(opts, "signal"),
                          &series, e) != 0 ||
        store_extent(store, &series, &first_ms, &end_ms, e) != 0 ||
        open_store_time("since", conf_string(opts, "since"), end_ms, first_ms, &from_ms, e) !=
            0 ||
        open_store_time("until", conf_string(opts, "until"), end_ms, end_ms, &to_ms, e) != 0 ||
        store_read(store, &series, from_ms, to_ms, &s, e) != 0)
        goto done;
    if (!conf_is_auto(opts, "step")) {
        if (series_resample(&coarse, s, conf_duration_ms(opts, "step"), e) != 0)
            goto done;
    }
    rc = print_series(coarse ? coarse : s, opts, e);
done:
    series_free(coarse);
    series_free(s);
    return rc;
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    struct store *store = NULL;
    struct err e = {0};
    int rc;

    (void)words;
    (void)n_words;
    if (open_store(opts, STORE_READ, &store, &e) != 0)
        return command_fail(&e);
    rc = export(store, opts, &e);
    store_close(store);
    return rc == 0 ? EXIT_DONE : command_fail(&e);
}

const struct command command_export = {
    .name = "export",
    .summary = "write a service's samples as CSV",
    .words = "",
    .about = "Writes lines of time and load per second, one a cell; unknown cells have none.\n"
             "Samples older than 35 days are kept as 5-minute means, older than 100 days as\n"
             "hourly ones: their cells repeat the mean.\n",
    .examples = "scaler export --service web --since 28d > web.csv\n"
                "    four weeks as the models see them\n",
    .options = options,
    .run = run,
};
