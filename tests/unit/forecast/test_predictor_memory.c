/* test_predictor_memory.c - every allocation of every model fails once, while it is fitted, fed
 * and asked. */
#include "lib/test.h"

#include "forecast/predictor.h"
#include "lib/fault.h"

#define HOUR INT64_C(3600000)
#define HOURS 72
#define HORIZON 24

static const double levels[] = {0.1, 0.5, 0.9};
static struct series *history;
static const struct model *model;

static int make_history(void **state)
{
    struct err e = {0};

    (void)state;
    assert_int_equal(series_new(&history, 0, HOUR, &e), 0);
    for (int i = 0; i < HOURS; i++)
        assert_int_equal(
            series_push(history, 100 + 60 * sin(2 * M_PI * i / 24) + i * 7 % 5, &e), 0);
    return 0;
}

static int free_history(void **state)
{
    (void)state;
    series_free(history);
    return 0;
}

static void assert_sane(const struct forecast *f)
{
    for (size_t i = 0; i < f->horizon * f->n_levels; i++)
        assert_true(isfinite(f->values[i]) && f->values[i] >= 0);
}

/* A fitted model can be asked again after it had no memory to answer. */
static int use_model(struct err *e)
{
    struct predictor *p = NULL;
    struct forecast f = {0};
    struct err again = {0};
    double path[HORIZON];
    struct str text = STR_EMPTY;
    int rc = predictor_fit(&p, model, NULL, history, e);

    if (rc != 0)
        return rc;
    if ((rc = predictor_update(p, 120, e)) == 0 && (rc = predictor_update(p, NAN, e)) == 0 &&
        (rc = forecast_init(&f, HORIZON, levels, 3, e)) == 0 &&
        (rc = predictor_predict(p, &f, e)) == 0 &&
        (rc = predictor_path(p, HORIZON, path, e)) == 0)
        rc = predictor_describe(p, &text, e);
    fault_disarm();
    if (!f.values)
        assert_int_equal(forecast_init(&f, HORIZON, levels, 3, &again), 0);
    if (predictor_predict(p, &f, &again) != 0)
        fail_msg("%s, asked again: %s", model->name, again.msg);
    assert_sane(&f);
    forecast_clear(&f);
    str_clear(&text);
    predictor_free(p);
    return rc;
}

/* A model may go without a part of itself (the ensemble without one of its own): then it
 * answers, and what it says is sane. */
static void every_model_survives_a_lack_of_memory(void **state)
{
    (void)state;
    for (size_t i = 0; model_table[i]; i++) {
        model = model_table[i];
        fault_try(&(struct fault_loop){.name = model->name,
                                       .use = use_model,
                                       .least = 4,
                                       .spread = 24,
                                       .may_succeed = true});
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_model_survives_a_lack_of_memory),
    };

    return cmocka_run_group_tests(tests, make_history, free_history);
}
