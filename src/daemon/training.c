/* training.c - see training.h. */
#include "daemon/training.h"

#include <math.h>

#include "base/clk.h"
#include "base/str.h"
#include "collect/clean.h"

/* Outages and spikes of seconds are looked for among minutes. */
#define CLEAN_STEP_MS CLK_MINUTE_MS

/* Cells of `raw` whose minute was marked in `clean` become unknown. */
static void drop_marked(struct series *raw, const struct series *clean)
{
    for (size_t i = 0; i < raw->n; i++)
        if (isnan(series_at(clean, series_time_ms(raw, i))))
            raw->values[i] = NAN;
}

/* 1 in the cells in which a guard of `store` says that the instances were saturated; NULL where
 * none does. ERR_NOMEM. */
static int find_saturated(const struct training *t, struct store *store, int64_t from_ms,
                          struct series **out, struct err *e)
{
    struct series *found = NULL, *guard;
    struct store_series series;
    int rc = 0;

    for (size_t k = 0; rc == 0 && k < t->n_guards; k++) {
        guard = NULL;
        if (store_series_find(store, t->series.service, t->guards[k].signal, &series, NULL) !=
                0 ||
            store_read(store, &series, from_ms, t->now_ms, &guard, NULL) != 0)
            continue;
        if (!found)
            rc = series_new(&found, from_ms, t->series.step_ms, e);
        for (size_t i = 0; rc == 0 && i < guard->n; i++)
            if (guard->values[i] >= t->guards[k].saturated)
                rc = series_put(found, series_time_ms(guard, i), 1, e);
        series_free(guard);
    }
    if (rc != 0)
        series_free(found);
    else
        *out = found;
    return rc;
}

/* What the store holds, cleaned, at the step: means over several steps would hide how the load
 * moves within them, and the mean of a minute that has not ended reaches beyond now. */
static int read_history(const struct training *t, struct series **out, struct series **least,
                        struct err *e)
{
    int64_t from_ms = t->now_ms - BRAIN_HISTORY_MS;
    bool is_fine = t->series.step_ms < CLEAN_STEP_MS && t->setup.day_ms == CLK_DAY_MS;
    struct series *raw = NULL, *coarse = NULL, *clean = NULL;
    struct store *store = NULL;
    int rc = -1;

    if (store_open(&store, t->state_dir, STORE_READ, e) == 0)
        rc = store_read(store, &t->series, from_ms, t->now_ms, &raw, e);
    if (rc == 0)
        rc = find_saturated(t, store, raw->start_ms, least, e);
    store_close(store);
    if (rc == 0 && is_fine)
        rc = series_resample(&coarse, raw, CLEAN_STEP_MS, e);
    if (rc == 0)
        rc = clean_series(&clean, is_fine ? coarse : raw, NULL, e);
    if (rc == 0 && is_fine) {
        drop_marked(raw, clean);
        *out = raw;
        raw = NULL;
    } else if (rc == 0) {
        *out = clean;
        clean = NULL;
    }
    series_free(clean);
    series_free(coarse);
    series_free(raw);
    return rc;
}

/* What was learned in an earlier run, and the samples since. ERR_SHORT: none kept. */
static int load_brain(struct training *t, struct store *store, struct err *e)
{
    int64_t first_ms, next_ms, stored_ms, end_ms;
    struct str bytes = STR_EMPTY;
    struct series *since = NULL, *least = NULL;
    struct brain *b = NULL;
    int rc = store_state_get(store, t->series.service, TRAINING_STATE, &bytes, NULL, e);

    if (rc == 0)
        rc = brain_load(&b, &t->setup, t->now_ms, str_text(&bytes), bytes.len, e);
    str_clear(&bytes);
    if (rc != 0)
        return -1;
    brain_extent(b, &first_ms, &next_ms);
    if (store_extent(store, &t->series, &stored_ms, &end_ms, NULL) == 0 &&
        stored_ms < first_ms - t->setup.day_ms &&
        next_ms - first_ms < BRAIN_HISTORY_MS - 2 * t->setup.day_ms) {
        brain_free(b); /* imported since */
        return err_set(e, ERR_DATA, "the store holds an older history than it has seen");
    }
    if (t->days)
        rc = brain_set_days(b, t->days, e);
    if (rc == 0 && store_read(store, &t->series, next_ms, t->now_ms, &since, NULL) == 0 &&
        (rc = find_saturated(t, store, next_ms, &least, e)) == 0)
        rc = brain_train_least(b, since, least, e);
    series_free(since);
    series_free(least);
    if (rc != 0) {
        brain_free(b);
        return -1;
    }
    brain_restarted(b, t->now_ms);
    t->brain = b;
    return 0;
}

/* True when t->brain is what an earlier run kept. */
static bool was_loaded(struct training *t)
{
    struct store *store = NULL;
    struct err e = {0};
    int rc = store_open(&store, t->state_dir, STORE_READ, &e);

    if (rc == 0)
        rc = load_brain(t, store, &e);
    if (rc != 0 && e.code != ERR_SHORT)
        str_copy(t->note, sizeof t->note, e.msg);
    store_close(store);
    return rc == 0;
}

void training_run(struct training *t, struct err *e)
{
    struct series *history = NULL, *least = NULL;
    struct brain *b = NULL;

    if (was_loaded(t))
        return;
    if (read_history(t, &history, &least, e) == 0 &&
        brain_new(&b, &t->setup, t->now_ms, e) == 0 &&
        (!t->days || brain_set_days(b, t->days, e) == 0) &&
        brain_train_least(b, history, least, e) == 0) {
        t->brain = b;
        b = NULL;
    }
    brain_free(b);
    series_free(history);
    series_free(least);
}
