/* What a plan aims at: options, configuration, what the daemon measured, defaults. */
#include "lib/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "act/override.h"
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
        assert_int_equal(aim_find(&a, opts, sc, s, NULL, NULL), 0);
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

#define GUARDED                                                                          \
    "mode = \"act\"; guards = ({ name = \"cpu\"; kind = \"utilisation\"; target = 0.7; " \
    "source = { type = "                                                                 \
    "\"redis\"; layout = \"counter\"; key = \"cpu:{service}:{epoch}\"; }; });"

/* As the daemon does: what guards measured, an operator's word, settings that wait. */
static void what_is_in_force_goes_before_what_is_configured(void **state)
{
    static const char CAPACITY[] = "[{\"guard\":\"cpu\",\"target\":0.7,\"measured\":13.0,"
                                   "\"at\":0.9,\"since_ms\":1764201600000}]";
    static const char TERMS[] =
        "{\"force\":{\"min\":2,\"max\":9,\"per_instance\":25.0,\"objective\":0.001,"
        "\"cost_ratio\":20.0},\"wanted\":{\"min\":2,\"max\":5,\"per_instance\":25.0,"
        "\"objective\":0.001,\"cost_ratio\":20.0},\"since_ms\":1764201600000,"
        "\"text\":\"limits.max 9 -> 5 would remove 4 of 9 instances\"}";
    struct config *c = configured(SERVICE(GUARDED));
    const struct service_conf *sc = config_service(c, "web");
    const char *dir = test_temp_dir();
    struct override o = {.service = "web", .least = 4, .most = -1};
    struct store *s = measured(0);
    struct conf *opts;
    struct aim a;

    (void)state;
    assert_int_equal(conf_new(&opts, rows, NULL), 0);
    assert_int_equal(store_state_put(s, "web", "capacity", CAPACITY, strlen(CAPACITY), 1, NULL),
                     0);
    assert_int_equal(store_state_put(s, "web", "terms", TERMS, strlen(TERMS), 1, NULL), 0);
    assert_int_equal(aim_find(&a, opts, sc, s, NULL, NULL), 0);
    assert_near(a.brain.per_instance, 25, 0);
    assert_int_equal(a.brain.max, 5);
    assert_int_equal(aim_find(&a, opts, sc, s, dir, NULL), 0);
    assert_near(a.brain.per_instance, 13, 0);
    assert_contains(a.capacity, "25 stated, 13 in force by guard cpu");
    assert_int_equal(a.brain.max, 9);
    assert_contains(a.terms, "limits.max 9 -> 5");

    o.until_ms = clk_wall_ms() + CLK_HOUR_MS;
    o.per_instance = 8;
    assert_int_equal(override_write(dir, &o, NULL), 0);
    assert_int_equal(aim_find(&a, opts, sc, s, dir, NULL), 0);
    assert_near(a.brain.per_instance, 8, 0);
    assert_int_equal(a.least, 4);
    assert_contains(a.capacity, "by an operator until");
    assert_int_equal(conf_set(opts, "capacity", "30", NULL), 0);
    assert_int_equal(aim_find(&a, opts, sc, s, dir, NULL), 0);
    assert_near(a.brain.per_instance, 30, 0);
    assert_string_equal(a.capacity, "");
    assert_int_equal(override_remove(dir, "web", NULL), 0);
    conf_free(opts);
    store_close(s);
    config_free(c);
}

static void options_need_no_configuration(void **state)
{
    struct err e = {0};
    struct conf *opts;
    struct aim a;

    (void)state;
    assert_int_equal(conf_new(&opts, rows, NULL), 0);
    assert_int_equal(aim_find(&a, opts, NULL, NULL, NULL, &e), -1);
    assert_int_equal(e.code, ERR_CONFIG);
    assert_contains(e.msg, "--capacity");
    assert_int_equal(conf_set(opts, "capacity", "12", NULL), 0);
    assert_int_equal(aim_find(&a, opts, NULL, NULL, NULL, &e), 0);
    assert_near(a.brain.per_instance, 12, 0);
    assert_contains(a.lead_from, "assumed");
    assert_int_equal(conf_set(opts, "max", "3", NULL), 0);
    assert_int_equal(conf_set(opts, "min", "4", NULL), 0);
    assert_int_equal(aim_find(&a, opts, NULL, NULL, NULL, &e), -1);
    assert_contains(e.msg, "min 4 is above max 3");
    conf_free(opts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lead_time_is_the_best_known),
        cmocka_unit_test(what_is_in_force_goes_before_what_is_configured),
        cmocka_unit_test(options_need_no_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
