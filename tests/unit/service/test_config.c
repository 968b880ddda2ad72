/* test_config.c - a whole configuration, with a source and a backend of the test's own. */
#include "lib/test.h"

#include <limits.h>
#include <sys/stat.h>

#include "base/file.h"
#include "service/config.h"

static const struct conf_option server_options[] = {
    {"url", CONF_STRING, NULL, 0, 0, "URL", "Where it is."},
    CONF_END,
};
static const struct conf_option query_options[] = {
    {"key", CONF_STRING, NULL, 0, 0, "KEY", "What to read."},
    CONF_END,
};
static const struct conf_option fleet_options[] = {
    {"command", CONF_STRINGS, NULL, 1, 100, "WORD", "Program and arguments."},
    {"grace", CONF_DURATION, "30s", 0, 600, "s", "Before it is killed."},
    CONF_END,
};

static int open_server(void **out, const struct conf *options, struct err *e)
{
    (void)out;
    if (strncmp(conf_string(options, "url"), "db://", 5) != 0)
        return err_set(e, ERR_CONFIG, "url: write db://host");
    return 0;
}

static void close_server(void *source)
{
    (void)source;
}

static int check_query(const struct conf *query, struct err *e)
{
    if (strchr(conf_string(query, "key"), '}'))
        return err_set(e, ERR_CONFIG, "key: unknown placeholder");
    return 0;
}

static int check_options(const struct conf *options, struct err *e)
{
    const char *const *words;

    conf_strings(options, "command", &words);
    if (strchr(words[0], '}'))
        return err_set(e, ERR_CONFIG, "command: \"%s\": unknown placeholder", words[0]);
    return 0;
}

/* The program's own tables stay out of this test. */
static const struct source server = {.name = "db",
                                     .options = server_options,
                                     .query_options = query_options,
                                     .open = open_server,
                                     .close = close_server,
                                     .check_query = check_query};
const struct source *const source_table[] = {&server, NULL};
static const struct backend fleet = {
    .name = "fleet", .options = fleet_options, .check_options = check_options};
const struct backend *const backend_table[] = {&fleet, NULL};

#define GUARD(more) "{ name = \"cpu\"; source = { key = \"c\"; }; " more " }"
#define GUARDS "guards = ( " GUARD("kind = \"utilisation\"; target = 0.7;") " );"
#define HEAD_AT(url)                                                             \
    "db = { url = \"" url "\"; };\n"                                             \
    "defaults = {\n"                                                             \
    "  timezone = \"Europe/Berlin\"; owner = \"ops\";\n"                         \
    "  source = { type = \"db\"; step = \"1m\"; };\n"                            \
    "  backend = { type = \"fleet\"; command = [\"run\"]; grace = \"10s\"; };\n" \
    "  capacity = { per_instance = 50; };\n"                                     \
    "  limits = { max = 9; }; " GUARDS "\n"                                      \
    "};\n"
#define HEAD HEAD_AT("db://h")
/* HEAD has 8 lines, so that the services below start on line 9. */
#define SERVICE(name) "{ name = \"" name "\"; source = { key = \"k\"; }; }"

static struct config *good(const char *text)
{
    struct conf_faults faults = {0};
    struct config *c = NULL;
    struct err e = {0};

    if (config_parse(&c, "x.cfg", text, &faults, &e) != 0)
        fail_msg("%s", e.msg);
    conf_faults_clear(&faults);
    return c;
}

/* Every fault and warning, a line each. Static buffer. */
static const char *faults_of(const char *text)
{
    static char out[4000];
    struct conf_faults faults = {0};
    struct config *c = NULL;
    struct err e = {0};
    size_t n = 0;

    out[0] = '\0';
    if (config_parse(&c, "x.cfg", text, &faults, &e) == 0)
        config_free(c);
    else
        assert_int_equal(e.code, ERR_CONFIG);
    for (size_t i = 0; i < faults.n; i++)
        n += (size_t)snprintf(out + n, sizeof out - n, "%s\n", faults.items[i].text);
    conf_faults_clear(&faults);
    return out;
}

static void a_service_overrides_the_defaults_key_by_key(void **state)
{
    struct config *c =
        good(HEAD "services = ( " SERVICE("a") ", { name = \"b\"; owner = \"me\";"
                                               " mode = \"act\"; lead_time = \"90s\";"
                                               " source = { key = \"q\"; step = \"5m\"; };"
                                               " backend = { grace = \"5s\"; };"
                                               " limits = { min = 2; }; } );");
    const struct service_conf *a = config_service(c, "a"), *b = config_service(c, "b");
    const char *const *words;

    (void)state;
    assert_int_equal(c->n_services, 2);
    assert_null(config_service(c, "none"));
    assert_string_equal(a->owner, "ops");
    assert_string_equal(b->owner, "me");
    assert_string_equal(b->timezone, "Europe/Berlin");
    assert_int_equal(a->gate.mode, GATE_MODE_DRY_RUN);
    assert_int_equal(b->gate.mode, GATE_MODE_ACT);
    assert_int_equal(a->step_ms, 60000);
    assert_int_equal(b->step_ms, 300000);
    assert_int_equal(a->lead_time_ms, 0);
    assert_int_equal(b->lead_time_ms, 90000);
    assert_string_equal(conf_string(b->query, "key"), "q");
    assert_ptr_equal(a->backend, &fleet);
    assert_ptr_equal(c->sources[a->source_index].source, &server);
    assert_int_equal(conf_duration_ms(a->backend_options, "grace"), 10000);
    assert_int_equal(conf_duration_ms(b->backend_options, "grace"), 5000);
    assert_int_equal(conf_strings(b->backend_options, "command", &words), 1);
    assert_int_equal(conf_int(b->groups[SERVICE_LIMITS], "min"), 2);
    assert_int_equal(conf_int(b->groups[SERVICE_LIMITS], "max"), 9);
    assert_near(conf_double(b->groups[SERVICE_CAPACITY], "per_instance"), 50, 0);
    config_free(c);
}

static void guards_are_the_services_own_or_the_defaults(void **state)
{
    struct config *c = good(HEAD "services = ( " SERVICE(
        "a") ", { name = \"b\"; source = { key = \"k\"; };"
             " guards = ( { name = \"p99\"; kind = \"limit\"; most = 0.25; saturated = 0.5;"
             " source = { type = \"db\"; key = \"p\"; }; }, " GUARD(
                 "kind = \"utilisation\"; target = 20;") " ); } );");
    const struct service_conf *a = config_service(c, "a"), *b = config_service(c, "b");

    (void)state;
    assert_int_equal(a->n_guards, 1);
    assert_string_equal(a->guards[0].name, "cpu");
    assert_int_equal(a->guards[0].kind, DECIDE_GUARD_UTILISATION);
    assert_near(a->guards[0].limit, 0.7, 0);
    assert_near(a->guards[0].saturated, 0.945, 1e-9);
    assert_string_equal(conf_string(a->guards[0].query, "key"), "c");
    assert_ptr_equal(a->guards[0].source, &server);
    assert_int_equal(b->n_guards, 2);
    assert_int_equal(b->guards[0].kind, DECIDE_GUARD_LIMIT);
    assert_near(b->guards[0].limit, 0.25, 0);
    assert_near(b->guards[0].saturated, 0.5, 0);
    assert_near(b->guards[1].saturated, 27, 1e-9);
    config_free(c);
}

static void only_what_changed_has_another_hash(void **state)
{
    struct config *one = good(HEAD "services = ( " SERVICE("a") ", " SERVICE("b") " );");
    struct config *two =
        good(HEAD "services = ( " SERVICE("b") ",\n\n { name = \"a\"; source = { "
                                               "key = \"other\"; }; } );");
    struct config *three = good(HEAD_AT("db://i") "services = ( " SERVICE("b") " );");

    (void)state;
    assert_true(config_service(one, "b")->hash == config_service(two, "b")->hash);
    assert_true(config_service(one, "a")->hash != config_service(two, "a")->hash);
    assert_true(config_service(one, "b")->hash != config_service(three, "b")->hash);
    assert_true(one->hash != two->hash);
    config_free(one);
    config_free(two);
    config_free(three);
}

static void every_fault_is_named(void **state)
{
    static const struct {
        const char *text, *faults;
    } cases[] = {
        {HEAD "services = ( " SERVICE("a") " );", ""},
        {HEAD "services = ( " SERVICE("a") ",\n" SERVICE("a") " );",
         "x.cfg:10: service \"a\": the name is taken by x.cfg:9\n"},
        {HEAD "services = ( " SERVICE("a b") " );",
         "x.cfg:9: service \"a b\": name: letters, digits, dots, dashes and underscores only, "
         "the "
         "first a letter, digit or underscore\n"},
        {HEAD "services = ( { source = { key = \"k\"; }; } );",
         "x.cfg:9: service without a name: name is missing: Name of the service: letters, "
         "digits, "
         "dots, dashes and underscores.\n"},
        {HEAD "services = ( { name = \"a\";\n cooldwn = 1;\n source = { kye = \"k\"; };\n"
              " limits = { min = 20; };\n } );",
         "x.cfg:10: service \"a\": unknown option \"cooldwn\"\n"
         "x.cfg:11: service \"a\": source: unknown option \"kye\" (did you mean \"key\"?)\n"
         "x.cfg:11: service \"a\": source: key is missing: What to read.\n"
         "x.cfg:12: service \"a\": limits: min = 20 is above max = 9\n"},
        {HEAD "services = ( { name = \"a\"; timezone = \"Berlin\"; source = { key = \"k\";\n"
              " step = \"7m\"; }; } );",
         "x.cfg:9: service \"a\": timezone = \"Berlin\": unknown here (write \"Europe/Berlin\" "
         "or "
         "\"UTC\"; the package tzdata has the names)\n"
         "x.cfg:10: service \"a\": source: step = \"7m\": must be whole seconds that divide a "
         "day "
         "(1m, 5m, 15m, 1h)\n"},
        {HEAD "services = ( { name = \"a\"; source = { key = \"{x}\"; }; } );",
         "x.cfg:9: service \"a\": source: key: unknown placeholder\n"},
        /* Neither group's fault hides the other's. */
        {HEAD "services = ( { name = \"a\"; source = {\n key = \"{x}\"; };\n backend = {\n"
              " command = [\"{y}\"]; };\n limits = { max = 0; }; } );",
         "x.cfg:13: service \"a\": limits: max = \"0\": too small (at least 1 instances)\n"
         "x.cfg:10: service \"a\": source: key: unknown placeholder\n"
         "x.cfg:12: service \"a\": backend: command: \"{y}\": unknown placeholder\n"},
        {HEAD "services = ( { name = \"a\"; source = { key = \"{x}\"; step = \"5x\"; };\n"
              " backend = { command = [\"{y}\"]; grace = \"5x\"; }; } );",
         "x.cfg:9: service \"a\": source: step = \"5x\": not a duration (write 30s, 5m or 2h)\n"
         "x.cfg:10: service \"a\": backend: grace = \"5x\": not a duration (write 30s, 5m or "
         "2h)\n"},
        {HEAD "services = ( { name = \"a\"; objective = 0.01; cost_ratio = 300;\n"
              "source = { key = \"k\"; }; } );",
         "x.cfg:9: service \"a\": objective and cost_ratio are two ways to say one thing: keep "
         "one\n"},
        {HEAD "services = ( { name = \"a\"; source = { type = \"dbx\"; key = \"k\"; }; } );",
         "x.cfg:9: service \"a\": source: unknown type \"dbx\" (did you mean \"db\"?)\n"},
        {HEAD "services = ( { name = \"a\"; source = { key = \"k\"; from = \"eu\"; }; } );",
         "x.cfg:9: service \"a\": source: no entry of `sources` is named \"eu\"\n"},
        {HEAD "services = ( { name = \"a\"; source = { key = \"k\"; };\n backend = { type = "
              "\"cloud\"; }; } );",
         "x.cfg:10: service \"a\": backend: unknown type \"cloud\" (known: fleet)\n"},
        {HEAD
         "services = ( { name = \"a\"; model = \"ensembel\"; source = { key = \"k\"; }; } );",
         "x.cfg:9: service \"a\": model = \"ensembel\": unknown (did you mean "
         "\"ensemble\"?)\n"},
        {HEAD
         "services = ( { name = \"a\"; model = \"prophet\"; source = { key = \"k\"; }; } );",
         "x.cfg:9: service \"a\": model = \"prophet\": unknown (known: auto, ensemble, linear, "
         "harmonic, fft, smoothing, level, naive)\n"},
        /* A fault of the defaults is told once, however many services have them. */
        {"db = { url = \"db://h\"; };\n"
         "defaults = { timezone = \"UTC\"; source = { type = \"dbx\"; key = \"k\"; };\n"
         "backend = { type = \"fleat\"; };\n"
         "capacity = { per_instance = \"x\"; }; limits = { max = 9; }; };\n"
         "services = ( { name = \"a\"; }, { name = \"b\"; } );",
         "x.cfg:2: defaults: source: unknown type \"dbx\" (did you mean \"db\"?)\n"
         "x.cfg:3: defaults: backend: unknown type \"fleat\" (did you mean \"fleet\"?)\n"
         "x.cfg:4: defaults: capacity: per_instance = \"x\": not a number\n"
         "x.cfg:5: service \"a\": no guards: a release that halves what an instance carries "
         "would go unnoticed\n"
         "x.cfg:5: service \"b\": no guards: a release that halves what an instance carries "
         "would go unnoticed\n"},
        {HEAD "services = { name = \"a\"; };",
         "x.cfg:9: services: a list of groups expected: services = ( { ... }, { ... } );\n"
         "x.cfg: no services are configured\n"},
        {HEAD "servces = ();",
         "x.cfg:9: unknown option \"servces\" (did you mean \"services\"?)\n"
         "x.cfg: no services are configured\n"},
        {HEAD "services_dir = \"d\";", "x.cfg:9: services_dir cannot be used here\n"
                                       "x.cfg: no services are configured\n"},
        {"db = { url = \"http://h\"; };\nservices = ();",
         "x.cfg:1: source \"db\": url: write db://host\nx.cfg: no services are configured\n"},
        {"services = ( { name = \"a\"; timezone = \"UTC\"; source = { type = \"db\"; key = "
         "\"k\"; "
         "};\n backend = { type = \"fleet\"; command = [\"x\"]; };\n capacity = { per_instance "
         "= "
         "1; };\n limits = { max = 3; min = 0; }; } );",
         "x.cfg:1: service \"a\": source: type \"db\" is not configured: add db = { ... }; at "
         "the "
         "top of the file\n"
         "x.cfg:4: service \"a\": limits: min = 0: while nothing runs, requests must still be "
         "counted (by a balancer, say), or it never starts again\n"
         "x.cfg:1: service \"a\": no guards: a release that halves what an instance carries "
         "would go unnoticed\n"},
        {HEAD "services = ( { name = \"a\"; source = { key = \"k\"; };\n guards = (\n" GUARD(
             "kind = \"limit\"; target = 1;") ",\n" GUARD("kind = \"limits\"; most = 1;") " ); "
                                                                                          "} "
                                                                                          ");",
         "x.cfg:11: service \"a\": guard \"cpu\": most is missing: kind \"limit\" needs it\n"
         "x.cfg:11: service \"a\": guard \"cpu\": target is of the other kind: \"limit\" takes "
         "most\n"
         "x.cfg:12: service \"a\": guard \"cpu\": kind = \"limits\": not one of "
         "\"utilisation\", "
         "\"limit\" (did you mean \"limit\"?)\n"
         "x.cfg:12: service \"a\": guard \"cpu\": the name is taken by an earlier guard\n"},
        {HEAD "services = ( { name = \"a\"; source = { key = \"k\"; };\n guards = ( {\n name = "
              "\"ready\"; kind = \"limit\"; most = 3; source = { kye = \"}\"; }; } ); } );",
         "x.cfg:10: service \"a\": guard \"ready\": name: \"ready\" is taken by the program\n"
         "x.cfg:11: service \"a\": guard \"ready\": source: unknown option \"kye\" (did you "
         "mean "
         "\"key\"?)\n"
         "x.cfg:11: service \"a\": guard \"ready\": source: key is missing: What to read.\n"},
        {HEAD "services = ( { name = \"a\"; source = { key = \"k\"; };\n"
              " limits = { multiple_of = 4; }; } );",
         "x.cfg:10: service \"a\": limits: max = 9 is no multiple of 4\n"},
        {HEAD "services = ( { name = \"a\"; source = { key = \"k\"; }; guards = 3; } );",
         "x.cfg:9: service \"a\": guards: a list of groups expected: guards = ( { ... }, { ... "
         "} "
         ");\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *found = faults_of(cases[i].text);

        print_message("%s", found);
        assert_string_equal(found, cases[i].faults);
    }
}

static void several_connections_of_one_type_have_names(void **state)
{
    struct config *c = good(
        HEAD "sources = ( { name = \"eu\"; type = \"db\"; url = \"db://eu\"; } );\n"
             "services = ( " SERVICE("a") ", { name = \"b\"; source = { from = \"eu\"; key = "
                                          "\"k\"; }; } );");

    (void)state;
    assert_string_equal(c->sources[config_service(c, "a")->source_index].name, "db");
    assert_string_equal(c->sources[config_service(c, "b")->source_index].name, "eu");
    config_free(c);
}

static void put(const char *name, const char *text)
{
    char path[PATH_MAX];
    struct err e = {0};

    snprintf(path, sizeof path, "%s/%s", test_temp_dir(), name);
    assert_int_equal(file_replace(path, text, strlen(text), 0600, &e), 0);
}

static void a_directory_holds_one_file_a_service(void **state)
{
    struct conf_faults faults = {0};
    struct config *c = NULL;
    struct err e = {0};
    char path[PATH_MAX];

    (void)state;
    snprintf(path, sizeof path, "%s/d", test_temp_dir());
    assert_int_equal(mkdir(path, 0700), 0);
    put("d/web.cfg", "source = { key = \"k\"; };\n");
    put("d/api.cfg", "name = \"backend-api\"; source = { key = \"k\"; };\n");
    put("d/notes.txt", "not read");
    put("main.cfg", HEAD "services_dir = \"d\";\nservices = ( " SERVICE("a") " );");
    snprintf(path, sizeof path, "%s/main.cfg", test_temp_dir());
    assert_int_equal(config_load(&c, path, &faults, &e), 0);
    assert_int_equal(c->n_services, 3);
    assert_string_equal(c->services[1].name, "backend-api");
    assert_string_equal(c->services[2].name, "web");
    assert_contains(c->services[2].file, "/d/web.cfg");
    config_free(c);
    put("d/web.cfg", "source = { kye = \"k\"; };\n");
    assert_int_equal(config_load(&c, path, &faults, &e), -1);
    assert_contains(e.msg, "/d/web.cfg:1: service \"web\": source: unknown option \"kye\"");
    conf_faults_clear(&faults);
}

static void the_state_directory_is_found(void **state)
{
    char out[PATH_MAX];
    struct err e = {0};

    (void)state;
    assert_int_equal(config_state_dir("/given", "/configured", out, sizeof out, &e), 0);
    assert_string_equal(out, "/given");
    setenv("SCALER_STATE_DIR", "/env", 1);
    assert_int_equal(config_state_dir(NULL, "/configured", out, sizeof out, &e), 0);
    assert_string_equal(out, "/configured");
    assert_int_equal(config_state_dir(NULL, NULL, out, sizeof out, &e), 0);
    assert_string_equal(out, "/env");
    assert_int_equal(config_state_dir("/given", NULL, out, 3, &e), -1);
    assert_int_equal(e.code, ERR_CONFIG);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_overrides_the_defaults_key_by_key),
        cmocka_unit_test(guards_are_the_services_own_or_the_defaults),
        cmocka_unit_test(only_what_changed_has_another_hash),
        cmocka_unit_test(every_fault_is_named),
        cmocka_unit_test(several_connections_of_one_type_have_names),
        cmocka_unit_test(a_directory_holds_one_file_a_service),
        cmocka_unit_test(the_state_directory_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
