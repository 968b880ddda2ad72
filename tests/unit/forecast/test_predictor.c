/* The whole forecaster: what it recovers, and that nothing makes it speak nonsense. */
#include "lib/test.h"

#include "forecast/predictor.h"
#include "forecast/score.h"

#define HOUR_MS INT64_C(3600000)
#define N_LEVELS 5
static const double levels[N_LEVELS] = {0.1, 0.5, 0.9, 0.95, 0.99};

static double noise(size_t i)
{
    /* A fixed hash of i, even on -1..1. */
    uint64_t x = (i + 1) * UINT64_C(0x9E3779B97F4A7C15);

    x ^= x >> 29;
    x *= UINT64_C(0xBF58476D1CE4E5B9);
    x ^= x >> 32;
    return (double)(x >> 11) / 4503599627370496.0 - 1;
}

static double weekly_load(size_t t)
{
    double day = 1 + 0.6 * sin(2 * M_PI * (double)t / 24);
    double week = (t / 24) % 7 >= 5 ? 0.5 : 1;

    return 100 * day * week * (1 + 0.05 * noise(t));
}

static double constant(size_t t)
{
    (void)t;
    return 42;
}
static double zeros(size_t t)
{
    (void)t;
    return 0;
}
static double one_spike(size_t t)
{
    return t == 300 ? 1e9 : weekly_load(t);
}
static double shifted_yesterday(size_t t)
{
    return (t >= 500 ? 3 : 1) * weekly_load(t);
}
static double alternating_gaps(size_t t)
{
    return t % 2 == 0 ? NAN : weekly_load(t);
}
static double long_gap(size_t t)
{
    return t > 200 && t < 330 ? NAN : weekly_load(t);
}
static double twelve_orders(size_t t)
{
    return pow(10, 6 * sin(2 * M_PI * (double)t / 24));
}
static double closed_at_night(size_t t)
{
    return t % 24 < 8 ? 0 : 50 + 5 * noise(t);
}
static double sudden_hundredfold(size_t t)
{
    return (t >= 515 ? 100 : 1) * weekly_load(t);
}
static double huge(size_t t)
{
    return t % 50 == 0 ? 1e308 : weekly_load(t);
}
static double negatives(size_t t)
{
    return t % 3 == 0 ? -5 : weekly_load(t);
}
static double only_noise(size_t t)
{
    return 10 + 10 * noise(t);
}

static struct series *make(double (*load)(size_t), size_t n, int64_t step_ms)
{
    struct series *s;
    struct err e;

    assert_int_equal(series_new(&s, 0, step_ms, &e), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(series_push(s, load(i), &e), 0);
    return s;
}

static void assert_sane(const struct forecast *f)
{
    for (size_t h = 0; h < f->horizon; h++) {
        assert_true(isfinite(f->point[h]) && f->point[h] >= 0);
        assert_true(isfinite(f->mean[h]) && f->mean[h] >= 0);
        for (size_t q = 0; q < f->n_levels; q++) {
            double v = f->values[h * f->n_levels + q];

            assert_true(isfinite(v) && v >= 0);
            assert_true(q == 0 || v >= f->values[h * f->n_levels + q - 1]);
        }
    }
}

static void every_model_is_sane_on_every_input(void **state)
{
    static const struct {
        const char *name;
        double (*load)(size_t);
        size_t n;
    } rows[] = {
        {"constant", constant, 504},
        {"zeros", zeros, 504},
        {"one spike", one_spike, 504},
        {"level shift yesterday", shifted_yesterday, 524},
        {"two days", weekly_load, 48},
        {"three hours of minutes' worth", weekly_load, 36},
        {"eight values", weekly_load, 8},
        {"alternating gaps", alternating_gaps, 504},
        {"a gap of days", long_gap, 504},
        {"12 orders of magnitude", twelve_orders, 504},
        {"closed hours", closed_at_night, 504},
        {"a hundredfold rise in the last hours", sudden_hundredfold, 520},
        {"1e308", huge, 504},
        {"negative", negatives, 504},
        {"noise", only_noise, 504},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t m = 0; model_table[m]; m++) {
            struct series *s = make(rows[i].load, rows[i].n, HOUR_MS);
            struct predictor *p = NULL;
            struct err e = {0};
            struct forecast f;

            print_message("%s: %s\n", rows[i].name, model_table[m]->name);
            if (predictor_fit(&p, model_table[m], NULL, s, &e) != 0) {
                assert_int_equal(e.code, ERR_SHORT); /* the ensemble always finds a voice */
                assert_string_not_equal(model_table[m]->name, "ensemble");
                series_free(s);
                continue;
            }
            assert_int_equal(forecast_init(&f, 60, levels, N_LEVELS, &e), 0);
            assert_int_equal(predictor_predict(p, &f, &e), 0);
            assert_sane(&f);
            assert_int_equal(f.start_ms, (int64_t)rows[i].n * HOUR_MS);
            for (size_t t = 0; t < 30; t++) /* hostile updates change nothing about that */
                predictor_update(p,
                                 t % 7 == 0   ? NAN
                                 : t % 5 == 0 ? 1e308
                                              : rows[i].load(t),
                                 &e);
            assert_int_equal(predictor_predict(p, &f, &e), 0);
            assert_sane(&f);
            forecast_clear(&f);
            predictor_free(p);
            series_free(s);
        }
}

static void a_weekly_rhythm_is_foretold(void **state)
{
    struct series *s = make(weekly_load, 28 * 24, HOUR_MS);
    double truth[48], error;

    (void)state;
    for (size_t h = 0; h < 48; h++)
        truth[h] = weekly_load(28 * 24 + h);
    for (size_t m = 0; model_table[m]; m++) {
        struct predictor *p;
        struct err e;
        double path[48];

        if (strcmp(model_table[m]->name, "level") == 0)
            continue; /* knows no rhythm: for the first two days */
        assert_int_equal(predictor_fit(&p, model_table[m], NULL, s, &e), 0);
        assert_int_equal(predictor_path(p, 48, path, &e), 0);
        error = score_mase(truth, path, 48, score_scale(s->values, s->n, 24));
        print_message("%s: MASE %.3f\n", model_table[m]->name, error);
        /* Noise alone is 0.025 * 100 on average; day-lag naive pays the weekends. */
        assert_true(error < 0.5);
        predictor_free(p);
    }
    series_free(s);
}

static void updates_lead_where_a_longer_fit_would(void **state)
{
    struct series *shorter = make(weekly_load, 27 * 24, HOUR_MS);
    struct series *longer = make(weekly_load, 28 * 24, HOUR_MS);

    (void)state;
    for (size_t m = 0; model_table[m]; m++) {
        struct predictor *a, *b;
        struct err e;
        double pa[24], pb[24];

        assert_int_equal(predictor_fit(&a, model_table[m], NULL, shorter, &e), 0);
        assert_int_equal(predictor_fit(&b, model_table[m], NULL, longer, &e), 0);
        for (size_t t = 27 * 24; t < 28 * 24; t++)
            assert_int_equal(predictor_update(a, weekly_load(t), &e), 0);
        assert_int_equal(predictor_path(a, 24, pa, &e), 0);
        assert_int_equal(predictor_path(b, 24, pb, &e), 0);
        for (size_t h = 0; h < 24; h++)
            assert_near(pa[h], pb[h], 0.12 * pb[h] + 2);
        predictor_free(a);
        predictor_free(b);
    }
    series_free(shorter);
    series_free(longer);
}

static void quantiles_hold_on_fresh_noise(void **state)
{
    struct series *s = make(weekly_load, 28 * 24, HOUR_MS);
    struct predictor *p;
    struct forecast f;
    struct err e;
    size_t below95 = 0, below10 = 0, n = 0;

    (void)state;
    assert_int_equal(predictor_fit(&p, model_find("ensemble"), NULL, s, &e), 0);
    assert_int_equal(forecast_init(&f, 24, levels, N_LEVELS, &e), 0);
    for (size_t t = 28 * 24; t < 42 * 24; t++) {
        if (t % 6 == 0) {
            assert_int_equal(predictor_predict(p, &f, &e), 0);
            for (size_t h = 0; h < 24; h++, n++) {
                below95 += weekly_load(t + h) <= f.values[h * N_LEVELS + 3];
                below10 += weekly_load(t + h) <= f.values[h * N_LEVELS + 0];
            }
        }
        assert_int_equal(predictor_update(p, weekly_load(t), &e), 0);
    }
    print_message("p95 covers %.3f, p10 %.3f\n", (double)below95 / (double)n,
                  (double)below10 / (double)n);
    assert_in_range(100 * below95 / n, 91, 99);
    assert_in_range(100 * below10 / n, 3, 18);
    forecast_clear(&f);
    predictor_free(p);
    series_free(s);
}

static void closed_hours_stay_closed(void **state)
{
    struct series *s = make(closed_at_night, 28 * 24, HOUR_MS);
    struct predictor *p;
    struct err e;
    double path[24];

    (void)state;
    assert_int_equal(predictor_fit(&p, model_find("ensemble"), NULL, s, &e), 0);
    assert_int_equal(predictor_path(p, 24, path, &e), 0);
    for (size_t h = 0; h < 24; h++)
        assert_near(path[h], h < 8 ? 0 : 50, h < 8 ? 0 : 8);
    predictor_free(p);
    series_free(s);
}

static double fallen_load(size_t t)
{
    return (t >= 170 ? 0.1 : 1) * weekly_load(t);
}

static void last_week_is_not_bet_on_when_the_level_fell(void **state)
{
    struct series *s = make(fallen_load, 10 * 24, HOUR_MS);
    struct predictor *p;
    struct err e;
    double path[24], sum = 0, truth = 0;

    (void)state;
    assert_int_equal(predictor_fit(&p, model_find("ensemble"), NULL, s, &e), 0);
    assert_int_equal(predictor_path(p, 24, path, &e), 0);
    for (size_t h = 0; h < 24; h++) {
        sum += path[h];
        truth += fallen_load(10 * 24 + h);
    }
    print_message("forecast %.2f of the truth\n", sum / truth);
    assert_in_range(100 * sum / truth, 70, 150);
    predictor_free(p);
    series_free(s);
}

/* Days so many of steps of an hour, the first of them a Thursday; weekends have half the load.
 */
static double from_thursday(size_t t)
{
    return weekly_load(t + 3 * 24);
}

static void a_weekend_is_foreseen_from_one(void **state)
{
    struct series *s = make(from_thursday, 9 * 24, HOUR_MS); /* up to the second Friday */
    struct predictor *p;
    double path[48], off = 0, all = 0;
    struct err e;

    (void)state;
    assert_int_equal(predictor_fit(&p, model_find("ensemble"), NULL, s, &e), 0);
    assert_int_equal(predictor_path(p, 48, path, &e), 0);
    for (size_t h = 0; h < 48; h++) {
        off += fabs(path[h] - from_thursday(9 * 24 + h));
        all += from_thursday(9 * 24 + h);
    }
    print_message("off by %.3f\n", off / all);
    assert_true(off < 0.25 * all); /* half of it where all days are taken to be alike */
    predictor_free(p);
    series_free(s);
}

static double daily_sum(size_t t)
{
    static const double week[] = {1, 1.1, 1.05, 1, 0.9, 0.5, 0.4};

    return 1000 * week[t % 7] * (1 + 0.1 * noise(t));
}

/* Daily sums; 28 of them are too few for an autocorrelation. */
static void steps_of_a_day_have_a_week(void **state)
{
    static const size_t days[] = {28, 60, 200};

    (void)state;
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        struct series *s = make(daily_sum, days[i], 24 * HOUR_MS);
        struct predictor *p;
        double path[28], off = 0, naive = 0;
        struct err e;

        assert_int_equal(predictor_fit(&p, model_find("ensemble"), NULL, s, &e), 0);
        assert_int_equal(predictor_path(p, 28, path, &e), 0);
        for (size_t h = 0; h < 28; h++) {
            off += fabs(path[h] - daily_sum(days[i] + h));
            naive += fabs(s->values[days[i] - 7 + h % 7] - daily_sum(days[i] + h));
        }
        print_message("%zu days: %.2f of the error of repeating the week\n", days[i],
                      off / naive);
        assert_true(off < naive);
        predictor_free(p);
        series_free(s);
    }
}

static void a_hundredfold_rise_is_covered_should_it_stay(void **state)
{
    struct series *s = make(sudden_hundredfold, 517, HOUR_MS);
    double last = s->values[s->n - 1];
    struct predictor *p;
    struct forecast f;
    struct err e;

    (void)state;
    assert_int_equal(predictor_fit(&p, model_find("ensemble"), NULL, s, &e), 0);
    assert_int_equal(forecast_init(&f, 24, levels, N_LEVELS, &e), 0);
    assert_int_equal(predictor_predict(p, &f, &e), 0);
    print_message("last %.0f, p10 %.0f, p95 %.0f; three hours on p95 %.0f\n", last, f.values[0],
                  f.values[3], f.values[2 * N_LEVELS + 3]);
    assert_true(f.values[3] > 0.7 * last);
    assert_true(f.values[2 * N_LEVELS + 3] > 0.3 * last);
    assert_true(f.values[2 * N_LEVELS] < 0.3 * last); /* it may as well be over */
    forecast_clear(&f);
    predictor_free(p);
    series_free(s);
}

static double minute_day(size_t t)
{
    return 50 + 30 * sin(2 * M_PI * (double)t / 60) + noise(t);
}

static void a_day_of_a_minute_is_found_or_told(void **state)
{
    struct series *s = make(minute_day, 600, 1000);
    struct predictor *told, *found;
    struct err e;
    double a[60], b[60];

    (void)state;
    assert_int_equal(predictor_fit_day(&told, model_find("ensemble"), NULL, 60000, NULL, NULL, s, &e),
                     0);
    assert_int_equal(predictor_fit(&found, model_find("ensemble"), NULL, s, &e), 0);
    assert_int_equal(predictor_path(told, 60, a, &e), 0);
    assert_int_equal(predictor_path(found, 60, b, &e), 0);
    for (size_t h = 0; h < 60; h++) {
        assert_near(a[h], minute_day(600 + h), 5);
        assert_near(b[h], minute_day(600 + h), 5);
    }
    predictor_free(told);
    predictor_free(found);
    series_free(s);
}

static void too_little_history_says_what_is_missing(void **state)
{
    struct series *s = make(weekly_load, 5, HOUR_MS);
    struct predictor *p;
    struct err e = {0};

    (void)state;
    assert_int_equal(predictor_fit(&p, model_find("ensemble"), NULL, s, &e), -1);
    assert_int_equal(e.code, ERR_SHORT);
    assert_contains(e.msg, "5 usable values, at least 8");
    series_free(s);
}

static void the_report_names_every_voice(void **state)
{
    struct series *s = make(weekly_load, 28 * 24, HOUR_MS);
    struct str text = STR_EMPTY;
    struct predictor *p;
    struct err e;

    (void)state;
    assert_int_equal(predictor_fit(&p, model_find("ensemble"), NULL, s, &e), 0);
    assert_int_equal(predictor_describe(p, &text, &e), 0);
    assert_contains(str_text(&text), "linear (log)");
    assert_contains(str_text(&text), "harmonics of 168 cells");
    assert_contains(str_text(&text), "strongest periods");
    assert_contains(str_text(&text), "naive");
    str_clear(&text);
    predictor_free(p);
    series_free(s);
}

/* A day of 86,400 s at steps of step_s, in requests a second: a wave with the noise of counts.
 */
static struct series *wave_of_counts(int64_t step_s, size_t n)
{
    struct series *s;
    struct err e;

    assert_int_equal(series_new(&s, 0, step_s * 1000, &e), 0);
    for (size_t i = 0; i < n; i++) {
        double t = (double)((int64_t)i * step_s) / 86400;
        double mean = 20 * (1 + 0.6 * sin(2 * M_PI * t));
        /* The sum of 3 even variables is near enough to normal. */
        double z = noise(3 * i) + noise(3 * i + 1) + noise(3 * i + 2);

        assert_int_equal(series_push(s, fmax(mean + z * sqrt(mean / (double)step_s), 0), &e),
                         0);
    }
    return s;
}

static void any_step_keeps_totals_and_quantiles(void **state)
{
    static const struct {
        int64_t step_s;
        size_t days, hours_ahead;
        double within; /* of the total */
    } rows[] = {
        {1, 3, 2, 0.05},     {7, 3, 24, 0.05},      {10, 1, 2, 0.35},      {17, 4, 24, 0.05},
        {90, 4, 24, 0.05},   {420, 8, 24, 0.05},    {660, 8, 24, 0.05},    {1500, 8, 24, 0.05},
        {3000, 9, 24, 0.05}, {25200, 28, 48, 0.05}, {46800, 28, 48, 0.12},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n = rows[i].days * 86400 / (size_t)rows[i].step_s;
        size_t ahead = rows[i].hours_ahead * 3600 / (size_t)rows[i].step_s, below[2] = {0};
        struct series *s = wave_of_counts(rows[i].step_s, n + ahead);
        double came = 0, foretold = 0;
        struct predictor *p;
        struct forecast f;
        struct err e;

        print_message("steps of %d s\n", (int)rows[i].step_s);
        s->n = n;
        assert_int_equal(predictor_fit(&p, model_find("ensemble"), NULL, s, &e), 0);
        s->n = n + ahead;
        assert_int_equal(forecast_init(&f, ahead, levels, N_LEVELS, &e), 0);
        assert_int_equal(predictor_predict(p, &f, &e), 0);
        assert_sane(&f);
        assert_int_equal(f.start_ms, series_time_ms(s, n));
        assert_int_equal(f.step_ms, rows[i].step_s * 1000);
        for (size_t h = 0; h < ahead; h++) {
            came += s->values[n + h];
            foretold += f.point[h];
            below[0] += s->values[n + h] <= f.values[h * N_LEVELS];
            below[1] += s->values[n + h] <= f.values[h * N_LEVELS + 3];
        }
        assert_near(foretold / came, 1, rows[i].within);
        if (ahead >= 200 && rows[i].days > 1) {
            assert_in_range(100 * below[1] / ahead, 88, 99);
            assert_in_range(100 * below[0] / ahead, 2, 20);
        }
        forecast_clear(&f);
        predictor_free(p);
        series_free(s);
    }
}

static void updates_at_a_fine_step_move_the_forecast_on(void **state)
{
    struct series *s = wave_of_counts(7, 3 * 12343);
    struct predictor *a, *b;
    double pa[500], pb[500];
    struct err e;

    (void)state;
    assert_int_equal(predictor_fit(&b, model_find("ensemble"), NULL, s, &e), 0);
    s->n -= 1000;
    assert_int_equal(predictor_fit(&a, model_find("ensemble"), NULL, s, &e), 0);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(predictor_update(a, s->values[s->n + i], &e), 0);
    assert_int_equal(predictor_path(a, 500, pa, &e), 0);
    assert_int_equal(predictor_path(b, 500, pb, &e), 0);
    for (size_t h = 0; h < 500; h++)
        assert_near(pa[h], pb[h], 0.1 * pb[h]);
    predictor_free(a);
    predictor_free(b);
    series_free(s);
}

/* p99 over the largest value so far, at the horizon; negative: refused. */
static double how_wide(double (*load)(size_t), size_t n, int64_t step_ms, size_t ahead,
                       struct str *said)
{
    struct series *s = make(load, n, step_ms);
    struct predictor *p;
    struct forecast f;
    struct err e = {0};
    double most = 0, wide = -1;

    assert_int_equal(predictor_fit(&p, model_find("ensemble"), NULL, s, &e), 0);
    assert_int_equal(forecast_init(&f, ahead, levels, N_LEVELS, &e), 0);
    str_clear(said);
    if (predictor_predict(p, &f, &e) == 0) {
        assert_sane(&f);
        for (size_t i = 0; i < n; i++)
            most = fmax(most, s->values[i]);
        wide = most > 0 ? f.values[ahead * N_LEVELS - 1] / most : 0;
        assert_int_equal(predictor_warn(p, said, &e), 0);
    } else {
        assert_int_equal(e.code, ERR_SHORT);
        str_add(said, e.msg);
    }
    forecast_clear(&f);
    predictor_free(p);
    series_free(s);
    return wide;
}

static double noisy_level(size_t t)
{
    return 100 + 10 * noise(t);
}
static double level_with_spike(size_t t)
{
    return t == 45 ? 1e7 : noisy_level(t);
}
static double rarely_one(size_t t)
{
    return noise(t) > 0.9 ? 1 : 0;
}

static void little_history_is_told_and_never_explodes(void **state)
{
    static const struct {
        const char *name;
        double (*load)(size_t);
        size_t n;
        int64_t step_ms;
        size_t ahead;
        double least, most; /* of p99 over the largest value */
        const char *said;
    } rows[] = {
        {"10 minutes, 24 h", noisy_level, 10, 60000, 1440, -1, -1,
         "10m of history cannot tell what comes 1d ahead: look at most 1h20m ahead, or come "
         "back with 3h of history"},
        {"10 minutes, 1 h", noisy_level, 10, 60000, 60, 0.9, 2, "level and noise only"},
        {"3 h, 24 h", noisy_level, 180, 60000, 1440, 0.9, 1.6, "moved within 45m"},
        {"an hour of seconds", noisy_level, 3600, 1000, 3600, 0.9, 1.6, "1h of history"},
        {"a day", noisy_level, 288, 300000, 288, 0.9, 1.6, "yesterday's shape, untested"},
        {"3 days", noisy_level, 72, HOUR_MS, 24, 0.9, 1.6, "weekends are not foreseen"},
        {"9 days", noisy_level, 216, HOUR_MS, 24, 0.9, 1.6, ""},
        {"zeros", zeros, 180, 60000, 1440, 0, 0, "level and noise only"},
        {"constant", constant, 180, 60000, 1440, 1, 1.001, "level and noise only"},
        {"one spike", level_with_spike, 60, 60000, 480, 0, 1e-3, "level and noise only"},
        {"now and then one", rarely_one, 180, 60000, 1440, 0, 4, "level and noise only"},
    };
    struct str said = STR_EMPTY;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double wide = how_wide(rows[i].load, rows[i].n, rows[i].step_ms, rows[i].ahead, &said);

        print_message("%s: %.4g, %s\n", rows[i].name, wide, str_text(&said));
        assert_true(wide >= rows[i].least - 1e-9 && wide <= rows[i].most + 1e-9);
        if (rows[i].said[0])
            assert_contains(str_text(&said), rows[i].said);
        else
            assert_string_equal(str_text(&said), "");
    }
    str_clear(&said);
}

/* After a day of a wave the next one is like it, starting from the level at hand. */
static void yesterday_is_followed_before_it_is_known_to_repeat(void **state)
{
    struct series *s = wave_of_counts(300, 288);
    struct predictor *p;
    struct err e;
    double path[288];

    (void)state;
    assert_int_equal(predictor_fit(&p, model_find("ensemble"), NULL, s, &e), 0);
    assert_int_equal(predictor_path(p, 288, path, &e), 0);
    assert_true(path[72] > 23);  /* 32 then; the level is 20 */
    assert_true(path[216] < 17); /* 8 */
    predictor_free(p);
    series_free(s);
}

static void count_pieces(void *ctx, size_t done, size_t total)
{
    size_t *told = ctx;

    assert_true(done <= total && done > told[0]);
    told[0] = done;
    told[1] = total;
}

static void a_fit_tells_how_far_it_is(void **state)
{
    struct series *s = make(weekly_load, 28 * 24, HOUR_MS);
    size_t told[2] = {0};
    struct combine_watch watch = {count_pieces, told};
    struct predictor *p;
    struct err e;

    (void)state;
    assert_int_equal(
        predictor_fit_day(&p, model_find("ensemble"), NULL, 24 * HOUR_MS, &watch, NULL, s, &e), 0);
    assert_int_equal(told[0], told[1]);
    assert_int_equal(told[1], 8); /* the fit and seven days of backtests */
    predictor_free(p);
    series_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_model_is_sane_on_every_input),
        cmocka_unit_test(a_weekly_rhythm_is_foretold),
        cmocka_unit_test(updates_lead_where_a_longer_fit_would),
        cmocka_unit_test(quantiles_hold_on_fresh_noise),
        cmocka_unit_test(closed_hours_stay_closed),
        cmocka_unit_test(last_week_is_not_bet_on_when_the_level_fell),
        cmocka_unit_test(a_weekend_is_foreseen_from_one),
        cmocka_unit_test(steps_of_a_day_have_a_week),
        cmocka_unit_test(a_hundredfold_rise_is_covered_should_it_stay),
        cmocka_unit_test(a_day_of_a_minute_is_found_or_told),
        cmocka_unit_test(too_little_history_says_what_is_missing),
        cmocka_unit_test(the_report_names_every_voice),
        cmocka_unit_test(any_step_keeps_totals_and_quantiles),
        cmocka_unit_test(updates_at_a_fine_step_move_the_forecast_on),
        cmocka_unit_test(little_history_is_told_and_never_explodes),
        cmocka_unit_test(yesterday_is_followed_before_it_is_known_to_repeat),
        cmocka_unit_test(a_fit_tells_how_far_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
