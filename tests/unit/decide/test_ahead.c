/* A brain led along a forecast asks for what it asked for while it watched such a load. */
#include "lib/test.h"

#include "base/clk.h"
#include "decide/ahead.h"

enum { STEP_MS = 300000, DAY = 288, DAYS = 16 };
#define START_MS (INT64_C(1763683200000)) /* a midnight */

/* A day's wave around 1000 and an unrest that never repeats: a linear congruential generator
 * (Knuth, The Art of Computer Programming, volume 2, section 3.3.4, line 26). */
static double load_at(int64_t step, double unrest)
{
    uint64_t x = (uint64_t)step * 6364136223846793005u + 1442695040888963407u;
    double noise;

    x = (x ^ x >> 33) * 6364136223846793005u;
    noise = (double)(x >> 40) / (double)(1 << 24) - 0.5;
    return (1000 - 500 * cos(2 * M_PI * (double)(step % DAY) / DAY)) * (1 + unrest * noise);
}

static struct series *watched(size_t n, double unrest)
{
    struct series *s;

    assert_int_equal(series_new(&s, START_MS, STEP_MS, NULL), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(series_push(s, load_at((int64_t)i, unrest), NULL), 0);
    return s;
}

/* The wave alone: what a perfect forecast expects. */
static struct forecast day_ahead(size_t after)
{
    static const double levels[] = {0.5};
    struct forecast f;

    assert_int_equal(forecast_init(&f, DAY, levels, 1, NULL), 0);
    f.start_ms = START_MS + (int64_t)after * STEP_MS;
    f.step_ms = STEP_MS;
    for (size_t h = 0; h < DAY; h++)
        f.point[h] = load_at((int64_t)(after + h), 0);
    return f;
}

static double mean_gap(const double *a, const double *b)
{
    double sum = 0;

    for (size_t h = 0; h < DAY; h++)
        sum += fabs(a[h] - b[h]) / b[h];
    return sum / DAY;
}

static void the_load_ahead_is_as_restless_as_a_week_ago(void **state)
{
    static const struct {
        const char *name;
        size_t days;
        double least, most; /* mean gap to the forecast */
    } rows[] = {
        {"a week is known", DAYS, 0.05, 0.2},
        {"only days are known", 3, 0.05, 0.2},
        {"not even two days", 1, 0, 1e-9},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct series *s = watched(rows[i].days * DAY, 0.4);
        struct forecast f = day_ahead(rows[i].days * DAY);
        double load[DAY], gap;

        print_message("%s\n", rows[i].name);
        ahead_load(load, &f, s, CLK_DAY_MS);
        gap = mean_gap(load, f.point);
        assert_true(gap >= rows[i].least && gap <= rows[i].most);
        forecast_clear(&f);
        series_free(s);
    }
}

/* Trains on `unrest` and leads along such a load; the mean share asked above the wave. */
static double reserve_of(double unrest, int running)
{
    struct series *s = watched((size_t)DAYS * DAY, unrest);
    struct forecast f = day_ahead((size_t)DAYS * DAY);
    struct brain_setup setup;
    struct brain *b;
    double load[DAY], asked[DAY], share = 0;
    int counts[DAY];

    brain_setup_init(&setup);
    setup.step_ms = STEP_MS;
    setup.per_instance = 20;
    setup.max = 1000;
    assert_int_equal(brain_new(&b, &setup, f.start_ms, NULL), 0);
    assert_int_equal(brain_train(b, s, NULL), 0);
    ahead_load(load, &f, s, CLK_DAY_MS);
    assert_int_equal(ahead_ask(b, &setup, f.start_ms, load, DAY, running, asked, counts, NULL),
                     0);
    for (size_t h = 0; h < DAY; h++) {
        assert_true(asked[h] >= 0.75 * f.point[h]); /* the unrest may lie below the wave */
        share += asked[h] / f.point[h] - 1;
        assert_true(counts[h] * setup.per_instance >= asked[h] - 1e-6 || running >= 0);
    }
    brain_free(b);
    forecast_clear(&f);
    series_free(s);
    return share / DAY;
}

static void a_restless_load_keeps_its_reserve(void **state)
{
    double quiet = reserve_of(0.02, -1), restless = reserve_of(0.4, -1);

    (void)state;
    print_message("asked above the wave: %.3f quiet, %.3f restless\n", quiet, restless);
    assert_true(quiet < 0.15);
    assert_true(restless > quiet + 0.05 && restless < 0.6);
    assert_near(reserve_of(0.4, 10), restless, 0.1); /* whatever runs at the start */
}

static void a_brain_that_knows_nothing_asks_for_nothing(void **state)
{
    struct brain_setup setup;
    double load[2] = {0, 0}, asked[2] = {7, 7};
    int counts[2] = {7, 7};
    struct brain *b;

    (void)state;
    brain_setup_init(&setup);
    setup.step_ms = STEP_MS;
    setup.per_instance = 20;
    setup.max = 10;
    assert_int_equal(brain_new(&b, &setup, START_MS, NULL), 0);
    assert_int_equal(ahead_ask(b, &setup, START_MS, load, 2, -1, asked, counts, NULL), 0);
    assert_near(asked[0], 0, 0);
    assert_near(asked[1], 0, 0);
    assert_int_equal(counts[1], 1);
    brain_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_load_ahead_is_as_restless_as_a_week_ago),
        cmocka_unit_test(a_restless_load_keeps_its_reserve),
        cmocka_unit_test(a_brain_that_knows_nothing_asks_for_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
