/* What a plan aims at: options, configuration, what the daemon measured, defaults. */
#include "lib/test.h"

#include <math.h>
#include <stdio.h>

#include "base/clk.h"
#include "cli/aim.h"
#include "conf/faults.h"
#include "service/config.h"

static const struct conf_option rows[] = {
    {"capacity", CONF_DOUBLE, "auto", 0.000001, 1e9, "", ""},
    {"noise", CONF_DOUBLE, "auto", 0, 1, "", ""},
    {"objective", CONF_DOUBLE, "auto", 0.000001, 0.2, "", ""},
    {"min", CONF_INT, "auto", 0, 1000000, "", ""},
    {"max", CONF_INT, "auto", 1, 1000000, "", ""},
    {"price", CONF_DOUBLE, "auto", 0, 1e6, "", ""},
    {"lead_time", CONF_DURATION, "auto", 0, 86400, "s", ""},
    CONF_END,
};

#define SERVICE(lead)                                                                          \
    "services = ({ name = \"web\"; timezone = \"UTC\"; " lead " cost_ratio = 20; price = 0.5;" \
    " source = { type = \"redis\"; layout = \"counter\"; key = \"{service}:{epoch}\"; };"      \
    " backend = { type = \"process\"; command = [\"/bin/sleep\", \"1\"]; };"                   \
    " capacity = { per_instance = 25.0; }; limits = { min = 2; max = 5; }; });"                \
    " redis = { url = \"redis://127.0.0.1:1\"; };"

static struct config *configured(const char *text)
{
    struct conf_faults faults = {0};
    struct config *c = NULL;
    struct err e = {0};

    if (config_parse(&c, "test.cfg", text, &faults, &e) != 0)
        print_message("%s\n", faults.n > 0 ? faults.items[0].text : e.msg);
    assert_non_null(c);
    conf_faults_clear(&faults);
    return c;
}

/* A store whose daemon measured so many starts: 1 s, 2 s, ... */
static struct store *measured(int starts)
{
    struct store *s;

    assert_int_equal(store_open(&s, test_temp_dir(), STORE_WRITE, NULL), 0);
    for (int i = 1; i <= starts; i++)
        assert_int_equal(store_lead_add(s, "web", &(struct store_lead){i, 1000 * i, 1}, NULL),
                         0);
    return s;
}

static void the_lead_time_is_the_best_known(void **state)
{
    static const struct {
        const char *name, *config, *given;
        int starts;
        int64_t lead_ms; /* 0: the backend's guess */
        const char *from;
    } rows_of[] = {
        {"a guess", SERVICE(""), NULL, 0, 0, "guess"},
        {"measured: 95 of 100 starts", SERVICE(""), NULL, 100, 95000, "measured"},
        {"configured", SERVICE("lead_time = \"7m\";"), NULL, 100, 420000, "configured"},
        {"given", SERVICE("lead_time = \"7m\";"), "30s", 100, 30000, "given"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows_of / sizeof *rows_of; i++) {
        struct config *c = configured(rows_of[i].config);
        const struct service_conf *sc = config_service(c, "web");
        struct store *s = measured(rows_of[i].starts);
        struct conf *opts;
        struct aim a;

        print_message("%s\n", rows_of[i].name);
        assert_int_equal(conf_new(&opts, rows, NULL), 0);
        if (rows_of[i].given)
            assert_int_equal(conf_set(opts, "lead_time", rows_of[i].given, NULL), 0);
        assert_int_equal(aim_find(&a, opts, sc, s, NULL), 0);
        assert_true(
            a.brain.lead_time_ms ==
            (rows_of[i].lead_ms > 0 ? rows_of[i].lead_ms : sc->backend->lead_time_guess_ms));
        assert_contains(a.lead_from, rows_of[i].from);
        assert_int_equal(a.brain.max, 5);
        assert_near(a.brain.cost_ratio, 20, 0);
        assert_near(a.price, 0.5, 0);
        conf_free(opts);
        store_close(s);
        config_free(c);
    }
}

static void options_need_no_configuration(void **state)
{
    struct err e = {0};
    struct conf *opts;
    struct aim a;

    (void)state;
    assert_int_equal(conf_new(&opts, rows, NULL), 0);
    assert_int_equal(aim_find(&a, opts, NULL, NULL, &e), -1);
    assert_int_equal(e.code, ERR_CONFIG);
    assert_contains(e.msg, "--capacity");
    assert_int_equal(conf_set(opts, "capacity", "12", NULL), 0);
    assert_int_equal(aim_find(&a, opts, NULL, NULL, &e), 0);
    assert_near(a.brain.per_instance, 12, 0);
    assert_contains(a.lead_from, "assumed");
    assert_int_equal(conf_set(opts, "max", "3", NULL), 0);
    assert_int_equal(conf_set(opts, "min", "4", NULL), 0);
    assert_int_equal(aim_find(&a, opts, NULL, NULL, &e), -1);
    assert_contains(e.msg, "min 4 is above max 3");
    conf_free(opts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lead_time_is_the_best_known),
        cmocka_unit_test(options_need_no_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
