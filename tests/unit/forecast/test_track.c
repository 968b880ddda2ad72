/* The running record: scored by hand, heeded by the next forecast, kept as bytes. */
#include "lib/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "forecast/predictor.h"
#include "forecast/track.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define CELL_MS (5 * MINUTE_MS)

/* A forecast of 100 for every lead, with quantiles 10 apart around it, and two voices. */
static struct track_issue issue_at(int64_t start_ms)
{
    struct track_issue f = {
        .start_ms = start_ms, .cell_ms = CELL_MS, .scale = 100, .n_voices = 2};

    snprintf(f.name[0], TRACK_NAME, "linear (log)");
    snprintf(f.name[1], TRACK_NAME, "naive");
    f.is_naive[1] = true;
    for (size_t k = 0; k < TRACK_LEADS; k++) {
        f.point[k] = 100;
        f.voice[k][0] = 90;
        f.voice[k][1] = 130;
        for (size_t q = 0; q < TRACK_LEVELS; q++)
            f.quantile[k][q] = (float)(100 + 10 * ((double)q - 4));
    }
    return f;
}

static struct series *constant(int64_t start_ms, size_t n, double value)
{
    struct series *s = NULL;

    assert_int_equal(series_new(&s, start_ms, CELL_MS, NULL), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(series_push(s, value, NULL), 0);
    return s;
}

static void a_forecast_is_scored_lead_by_lead_as_time_comes(void **state)
{
    static const struct {
        const char *name;
        size_t cells;  /* known when it is scored */
        size_t scores; /* new ones */
        size_t pending;
    } rows[] = {
        {"nothing came", 0, 0, 1}, {"five minutes", 1, 1, 1}, {"the same again", 1, 0, 1},
        {"an hour", 12, 3, 1},     {"half a day", 144, 3, 1}, {"a day", 288, 2, 0},
        {"two days", 576, 0, 0},
    };
    struct track_issue f = issue_at(0);
    struct track t = {0};

    (void)state;
    track_add(&t, &f);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct series *s = constant(-HOUR_MS, 12 + rows[i].cells, 120);

        print_message("%s\n", rows[i].name);
        assert_int_equal(track_score(&t, s), rows[i].scores);
        assert_int_equal(t.n_pending, rows[i].pending);
        series_free(s);
    }
    for (size_t k = 0; k < TRACK_LEADS; k++) { /* 120 came */
        assert_near(track_point_error(&t, k), 0.2, 1e-9);
        assert_near(track_voice_error(&t, k, "linear (log)"), 0.3, 1e-6);
        assert_near(track_voice_error(&t, k, "naive"), 0.1, 1e-6);
        assert_true(isnan(track_voice_error(&t, k, "fft")));
        assert_near(t.leads[k].bias / t.leads[k].n, -0.2, 1e-9);
        assert_near(track_naive_ratio(&t), 2, 1e-6);
        assert_near(track_cover(&t, 0.9), 1, 1e-9);
        /* 120 is the 0.9 quantile: at or below it, above the one before */
        assert_near(track_coverage(&t, k, 0.9), 1, 1e-9);
        assert_near(track_coverage(&t, k, 0.75), 0, 1e-9);
    }
}

static void what_is_not_known_is_not_scored(void **state)
{
    struct track_issue f = issue_at(0);
    struct series *s = constant(0, 600, NAN);
    struct track t = {0};

    (void)state;
    track_add(&t, &f);
    assert_int_equal(track_score(&t, s), 0);
    assert_int_equal(t.n_pending, 0);
    assert_true(isnan(track_point_error(&t, 0)));
    assert_true(isnan(track_coverage(&t, 0, 0.5)));
    assert_near(track_level(&t, 0, 0.9), 0.9, 0);
    series_free(s);
}

static void old_scores_fade(void **state)
{
    struct track_issue f = issue_at(0);
    struct series *s = constant(0, 288, 120), *later;
    struct track t = {0};

    (void)state;
    track_add(&t, &f);
    track_score(&t, s);
    later = constant(0, 288 + (size_t)(TRACK_HALF_MS / CELL_MS), 120);
    track_score(&t, later);
    assert_near(t.leads[0].n, 0.5, 1e-9);
    assert_near(track_point_error(&t, 0), 0.2, 1e-9);
    series_free(s);
    series_free(later);
}

static void the_oldest_forecast_and_the_silent_voice_make_room(void **state)
{
    struct track t = {0};

    (void)state;
    for (int i = 0; i < 2 * TRACK_PENDING; i++) {
        struct track_issue f = issue_at(i * HOUR_MS);

        track_add(&t, &f);
    }
    assert_int_equal(t.n_pending, TRACK_PENDING);
    assert_int_equal(t.pending[0].start_ms, TRACK_PENDING * HOUR_MS);
    for (int i = 0; i < 3 * TRACK_VOICES; i++) {
        struct track_issue f = issue_at((100 + i) * HOUR_MS);

        snprintf(f.name[0], TRACK_NAME, "voice %d", i);
        track_add(&t, &f);
    }
    assert_int_equal(t.n_voices, TRACK_VOICES);
}

/* n scores at lead k of which `above` lay above the 0.9 quantile, the others at the median. */
static void fill(struct track *t, size_t k, int n, int above)
{
    for (int i = 0; i < n; i++) {
        t->leads[k].n++;
        t->leads[k].fell[i < above ? 7 : 4]++;
    }
}

static void levels_move_only_where_the_record_is_sure(void **state)
{
    static const struct {
        const char *name;
        int n, above;
        double least, most; /* of the level shown for 0.9 */
    } rows[] = {
        {"too few to tell", 9, 9, 0.9, 0.9},
        {"as it should be", 100, 10, 0.9, 0.9},
        {"within two standard errors", 100, 15, 0.9, 0.9},
        {"half of them above", 100, 50, 0.92, 0.95},
        {"all above", 100, 100, 0.93, 0.95},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct track t = {0};
        double level;

        print_message("%s\n", rows[i].name);
        fill(&t, 3, rows[i].n, rows[i].above);
        level = track_level(&t, 3, 0.9);
        assert_true(level >= rows[i].least - 1e-9 && level <= rows[i].most + 1e-9);
        for (double p = 0.001, last = 0; p < 1; p += 0.001) { /* never crossing */
            level = track_level(&t, 3, p);
            assert_true(level >= last && level > 0 && level < 1);
            last = level;
        }
    }
}

static struct series *daily(size_t days)
{
    struct series *s = NULL;
    unsigned seed = 7;

    assert_int_equal(series_new(&s, 0, HOUR_MS, NULL), 0);
    for (size_t i = 0; i < days * 24; i++) {
        double noise = (double)rand_r(&seed) / RAND_MAX - 0.5;

        series_push(s, 100 + 50 * sin(2 * M_PI * (double)i / 24) + 10 * noise, NULL);
    }
    return s;
}

/* Months of a record in which `name` alone was right. */
static struct track lived(const struct track_issue *like, const char *name)
{
    struct track t = {.since_ms = 1, .time_ms = 1, .n_voices = like->n_voices};

    memcpy(t.name, like->name, sizeof t.name);
    memcpy(t.is_naive, like->is_naive, sizeof t.is_naive);
    for (size_t k = 0; k < TRACK_LEADS; k++) {
        struct track_lead *l = &t.leads[k];

        l->n = 1000;
        l->error = 100;
        l->load = 1000;
        for (size_t i = 0; i < t.n_voices; i++) {
            l->voice_n[i] = 1000;
            l->voice_error[i] = strcmp(t.name[i], name) == 0 ? 1 : 200;
        }
        l->fell[4] = 500;
        l->fell[7] = 500;
    }
    return t;
}

static void the_next_forecast_heeds_the_record(void **state)
{
    const struct model *ensemble = model_find("ensemble");
    static const double levels[] = {0.5, 0.9};
    struct series *s = daily(28);
    struct predictor *p = NULL, *heeding = NULL;
    struct track_issue issue, after;
    struct forecast f, g;
    struct str told = STR_EMPTY;
    struct track t;

    (void)state;
    assert_int_equal(predictor_fit(&p, ensemble, NULL, s, NULL), 0);
    assert_int_equal(predictor_issue(p, &issue, NULL), 0);
    assert_int_equal(issue.start_ms, series_time_ms(s, s->n));
    assert_int_equal(issue.cell_ms, HOUR_MS);
    assert_true(isnan(issue.point[2]) && isfinite(issue.point[3])); /* hours tell no half */
    t = lived(&issue, "naive");
    assert_int_equal(
        predictor_fit_day(&heeding, ensemble, NULL, 24 * HOUR_MS, NULL, &t, s, NULL), 0);
    assert_int_equal(forecast_init(&f, 24, levels, 2, NULL), 0);
    assert_int_equal(forecast_init(&g, 24, levels, 2, NULL), 0);
    assert_int_equal(predictor_predict(p, &f, NULL), 0);
    assert_int_equal(predictor_predict(heeding, &g, NULL), 0);
    /* the first hour is nearly what repeating the week says, its band wider */
    assert_true(fabs(g.point[0] - s->values[s->n - 168]) <
                fabs(f.point[0] - s->values[s->n - 168]));
    assert_true(g.values[1] / g.point[0] > 1.01 * f.values[1] / f.point[0]);
    /* what is issued to the record is not corrected by it */
    assert_int_equal(predictor_issue(heeding, &after, NULL), 0);
    assert_near(after.point[3], g.point[0], 1e-4);
    assert_true(after.quantile[3][6] < 0.99 * g.values[1]);
    /* all but the naive one were no good, and so was the whole */
    assert_true(predictor_naive_ratio(p) < 1);
    assert_true(predictor_naive_ratio(heeding) > 1);
    assert_int_equal(predictor_describe(heeding, &told, NULL), 0);
    assert_non_null(strstr(str_text(&told), "running record"));
    str_clear(&told);
    forecast_clear(&f);
    forecast_clear(&g);
    predictor_free(p);
    predictor_free(heeding);
    series_free(s);
}

static void a_record_comes_back_from_its_bytes(void **state)
{
    struct track_issue f = issue_at(0);
    struct series *s = constant(0, 100, 120);
    struct track t = {0}, back;
    struct str bytes = STR_EMPTY, again = STR_EMPTY;
    struct err e = {0};

    (void)state;
    track_add(&t, &f);
    track_score(&t, s);
    f.start_ms = 5 * HOUR_MS;
    track_add(&t, &f);
    assert_int_equal(track_save(&t, &bytes, &e), 0);
    assert_int_equal(track_load(&back, str_text(&bytes), bytes.len, &e), 0);
    assert_int_equal(track_save(&back, &again, &e), 0);
    assert_int_equal(again.len, bytes.len);
    assert_memory_equal(str_text(&again), str_text(&bytes), bytes.len);
    for (size_t cut = 0; cut < bytes.len; cut += 97)
        assert_int_equal(track_load(&back, str_text(&bytes), cut, &e), -1);
    bytes.data[40] ^= 1;
    assert_int_equal(track_load(&back, str_text(&bytes), bytes.len, &e), -1);
    assert_int_equal(e.code, ERR_DATA);
    assert_int_equal(back.n_pending, t.n_pending); /* left alone */
    str_clear(&bytes);
    str_clear(&again);
    series_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_forecast_is_scored_lead_by_lead_as_time_comes),
        cmocka_unit_test(what_is_not_known_is_not_scored),
        cmocka_unit_test(old_scores_fade),
        cmocka_unit_test(the_oldest_forecast_and_the_silent_voice_make_room),
        cmocka_unit_test(levels_move_only_where_the_record_is_sure),
        cmocka_unit_test(the_next_forecast_heeds_the_record),
        cmocka_unit_test(a_record_comes_back_from_its_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
