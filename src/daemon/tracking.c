/* tracking.c - see tracking.h. */
#include "daemon/tracking.h"

#include <math.h>

#include "base/clk.h"
#include "forecast/future.h"
#include "service/service_days.h"

#define HISTORY_MS (28 * CLK_DAY_MS)
#define LEAST_MS (2 * CLK_DAY_MS)
#define LEAST_STEP_MS (5 * CLK_MINUTE_MS)
#define LEAST_SCORES 20 /* of the leads up to a day, before the record is spoken of */

static int read_track(struct tracking *t, struct store *store, struct err *e)
{
    struct str bytes = STR_EMPTY;
    struct err why = {0};
    int rc = store_state_get(store, t->series.service, TRACK_STATE, &bytes, NULL, &why);

    if (rc == 0)
        rc = track_load(&t->track, str_text(&bytes), bytes.len, &why);
    str_clear(&bytes);
    if (rc == 0 || why.code == ERR_SHORT)
        return 0;
    if (why.code != ERR_DATA)
        return err_set(e, why.code, "%s", why.msg);
    str_copy(t->note, sizeof t->note, why.msg);
    return 0;
}

/* Whole cells only: the mean of one that has not ended would be scored as if it had. */
static int read_history(const struct tracking *t, struct store *store, struct series **out,
                        struct err *e)
{
    int64_t step_ms = t->series.step_ms > LEAST_STEP_MS ? t->series.step_ms : LEAST_STEP_MS;
    int64_t to_ms = t->now_ms - t->now_ms % step_ms;
    struct series *raw = NULL;
    int rc = store_read(store, &t->series, to_ms - HISTORY_MS, to_ms, &raw, e);

    if (rc == 0 && series_time_ms(raw, raw->n) - raw->start_ms < LEAST_MS)
        rc = err_set(e, ERR_SHORT, "not two days of history yet");
    if (rc == 0)
        rc = series_resample(out, raw, step_ms, e);
    series_free(raw);
    return rc;
}

static int go_on(struct tracking *t, const struct series *history, struct err *e)
{
    struct future_setup setup = {
        .model = model_find("ensemble"), .growth = 1, .day_ms = CLK_DAY_MS, .track = &t->track};
    struct calendar calendar;
    struct zone *zone;
    int rc =
        service_calendar(&zone, &calendar, t->conf, history->start_ms, t->now_ms + LEAST_MS, e);

    setup.zone = zone;
    setup.calendar = &calendar;
    if (rc == 0)
        rc = future_track(&t->track, history, &setup, e);
    calendar_clear(&calendar);
    zone_close(zone);
    return rc;
}

void tracking_run(struct tracking *t, struct err *e)
{
    struct series *history = NULL;
    struct store *store = NULL;
    int rc = store_open(&store, t->state_dir, STORE_READ, e);

    if (rc == 0)
        rc = read_track(t, store, e);
    if (rc == 0)
        rc = read_history(t, store, &history, e);
    store_close(store);
    if (rc == 0)
        rc = go_on(t, history, e);
    series_free(history);
    t->naive_ratio =
        track_total(&t->track) >= LEAST_SCORES ? track_naive_ratio(&t->track) : NAN;
    t->cover95 = track_total(&t->track) >= LEAST_SCORES ? track_cover(&t->track, 0.95) : NAN;
    if (rc == 0)
        track_save(&t->track, &t->bytes, e);
}
