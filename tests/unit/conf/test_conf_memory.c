/* test_conf_memory.c - every allocation of configuration and series fails once: a clear error,
 * no crash, no leak. */
#include "lib/test.h"

#include "collect/series.h"
#include "lib/fault.h"
#include "service/config.h"

static const struct conf_option rows[] = {
    {"name", CONF_STRING, "x", 0, 0, "", ""},
    {"words", CONF_STRINGS, "a,b", 0, 0, "", ""},
    {"least", CONF_INT, "1", 0, 0, "", ""},
    CONF_END,
};

static int use_conf(struct err *e)
{
    static const char *const words[] = {"p", "q"};
    struct conf *c = NULL, *copy = NULL;
    int rc = -1;

    if (conf_new(&c, rows, e) == 0 && conf_set(c, "name", "y", e) == 0 &&
        conf_set(c, "words", "c", e) == 0 && conf_set(c, "words", "d", e) == 0 &&
        conf_set_list(c, "words", words, 2, e) == 0 && conf_copy(&copy, c, e) == 0)
        rc = conf_set(copy, "name", "z", e);
    conf_free(c);
    conf_free(copy);
    return rc;
}

static int use_config(struct err *e)
{
    static const char text[] =
        "redis = { url = \"redis://127.0.0.1:6379/0\"; };\n"
        "sources = ( { name = \"eu\"; type = \"redis\"; url = \"redis://127.0.0.1/1\"; } );\n"
        "api = { hosts = [\"a\", \"b\"]; };\n"
        "defaults = { timezone = \"Europe/Berlin\"; labels = { a = \"b\"; c = 1; };\n"
        "  source = { type = \"redis\"; layout = \"hash\"; key = \"k:{epoch}\"; };\n"
        "  limits = { max = 5; }; };\n";
    struct conf_faults faults = {0};
    struct config *c = NULL;
    int rc = config_parse(&c, "x.cfg", text, &faults, e);

    config_free(c);
    conf_faults_clear(&faults);
    return rc;
}

/* A service whose every group is faulty: the list of faults allocates too. */
static int use_faulty_config(struct err *e)
{
    static const char text[] =
        "redis = { url = \"redis://127.0.0.1:6379/0\"; };\n"
        "services = ( { name = \"a\"; timezone = \"X\"; nme = 1;\n"
        "  source = { type = \"redis\"; layout = \"hsh\"; }; limits = { min = 9; max = 1; };\n"
        "} );\n";
    struct conf_faults faults = {0};
    struct config *c = NULL;
    int rc = config_parse(&c, "x.cfg", text, &faults, e);

    config_free(c);
    conf_faults_clear(&faults);
    /* Without a fault of memory it is refused for what it says. */
    return rc == -1 && e->code == ERR_CONFIG ? 0 : rc;
}

static int use_series(struct err *e)
{
    static const struct sample samples[] = {{0, 1}, {60000, 2}, {180000, 3}, {120000, 4}};
    struct series *s = NULL, *copy = NULL, *coarse = NULL, *tail = NULL;
    int rc = -1;

    if (series_from_samples(&s, samples, 4, 60000, NULL, e) == 0 &&
        series_put(s, 60000 * 500, 1, e) == 0 && series_copy(&copy, s, e) == 0 &&
        series_resample(&coarse, s, 300000, e) == 0)
        rc = series_tail(&tail, s, 120000, e);
    series_free(s);
    series_free(copy);
    series_free(coarse);
    series_free(tail);
    return rc;
}

static void values_survive_a_lack_of_memory(void **state)
{
    (void)state;
    fault_try(&(struct fault_loop){.name = "conf", .use = use_conf, .least = 5});
}

static void a_configuration_survives_it(void **state)
{
    (void)state;
    fault_try(&(struct fault_loop){.name = "config", .use = use_config, .least = 20});
}

static void a_faulty_configuration_survives_it(void **state)
{
    (void)state;
    fault_try(
        &(struct fault_loop){.name = "faulty config", .use = use_faulty_config, .least = 20});
}

static void series_survive_it(void **state)
{
    (void)state;
    fault_try(&(struct fault_loop){.name = "series", .use = use_series, .least = 4});
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_survive_a_lack_of_memory),
        cmocka_unit_test(a_configuration_survives_it),
        cmocka_unit_test(a_faulty_configuration_survives_it),
        cmocka_unit_test(series_survive_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
