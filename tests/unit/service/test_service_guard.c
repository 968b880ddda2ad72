/* test_service_guard.c - the guards of one service under fake time, without I/O: what they
 * keep, what they measure, and who has the last word on the capacity. */
#include "lib/test.h"

#include "base/clk.h"
#include "service/service.h"

#define STEP_MS INT64_C(60000)
#define T0 (INT64_C(1700000000000) / STEP_MS * STEP_MS)

/* The test's own backend, so that no real one is needed for a configuration. */
static const struct conf_option no_options[] = {CONF_END};
static const struct backend backend_fake = {
    .name = "fake", .summary = "nothing", .options = no_options, .lead_time_guess_ms = 60000};
const struct backend *const backend_table[] = {&backend_fake, NULL};

#define CONFIG(target)                                                             \
    "redis = { url = \"redis://127.0.0.1:1/0\"; };\n"                              \
    "services = ({ name = \"web\"; mode = \"act\"; lead_time = \"5m\";\n"          \
    "  source = { type = \"redis\"; layout = \"hash\"; key = \"r:{epoch}\"; };\n"  \
    "  backend = { type = \"fake\"; }; limits = { min = 1; max = 99; };\n"         \
    "  capacity = { per_instance = 97.0; };\n"                                     \
    "  guards = ({ name = \"cpu\"; kind = \"utilisation\"; target = " target ";\n" \
    "              source = { layout = \"counter\"; key = \"c:{epoch}\"; }; }); });\n"

static struct config *config_of(const char *text)
{
    struct conf_faults faults = {0};
    struct config *c = NULL;
    struct err e;

    if (config_parse(&c, "test.cfg", text, &faults, &e) != 0)
        fail_msg("%s", e.msg);
    conf_faults_clear(&faults);
    return c;
}

struct world {
    struct config *config;
    struct service s;
    int64_t now_ms;
    int ready, n_kept, surge;
    const char *rollout; /* of the backend's status; NULL none */
};

static void keep(void *user, int64_t time_ms, double value)
{
    struct world *w = user;

    (void)time_ms;
    (void)value;
    w->n_kept++;
}

static void begin(struct world *w)
{
    *w = (struct world){.config = config_of(CONFIG("0.7")), .now_ms = T0, .ready = 10};
    assert_int_equal(service_init(&w->s, &w->config->services[0], 0, false, T0, NULL), 0);
}

static void end(struct world *w)
{
    service_clear(&w->s);
    config_free(w->config);
}

/* A minute: status, guard (NAN: silent), load, decision. */
static int minute(struct world *w, double load, double cpu)
{
    struct backend_status st = {
        .desired = w->ready, .running = w->ready + w->surge, .ready = w->ready + w->surge};
    struct sample demand = {w->now_ms, load}, level = {w->now_ms, cpu};
    bool submit;

    str_copy(st.rollout, sizeof st.rollout, w->rollout ? w->rollout : "");
    w->now_ms += STEP_MS;
    service_take_status(&w->s, w->now_ms, &st);
    if (!isnan(cpu))
        service_take_guard(&w->s, 0, w->now_ms, &level, 1, keep, w);
    service_take_samples(&w->s, w->now_ms, w->now_ms, &demand, 1, keep, w);
    assert_true(service_decide(&w->s, w->now_ms, &submit));
    return w->s.decision.count;
}

static bool has_reason(const struct service *s, const char *rail)
{
    for (size_t i = 0; i < s->decision.n_reasons; i++)
        if (strcmp(s->decision.reasons[i].rail, rail) == 0)
            return true;
    return false;
}

/* 10 instances at 600 requests, as stated; then each carries half. */
static void test_a_release_that_halves_capacity_is_noticed(void **state)
{
    struct service_status shown;
    struct world w;
    int took = 0;

    (void)state;
    begin(&w);
    for (int i = 0; i < 120; i++)
        minute(&w, 600, 0.433);
    assert_near(service_per_instance(&w.s, w.now_ms), 97, 0);
    service_show(&w.s, w.now_ms, &shown);
    assert_string_equal(shown.capacity, "");
    while (took < 30 && service_per_instance(&w.s, w.now_ms) == 97) {
        minute(&w, 600, 0.866);
        took++;
    }
    assert_true(took <= 5); /* the lead time */
    assert_near(service_per_instance(&w.s, w.now_ms), 48.5, 0.2);
    assert_true(minute(&w, 600, 0.866) >= 13); /* 600 / 48.5 */
    assert_true(has_reason(&w.s, "capacity"));
    service_show(&w.s, w.now_ms, &shown);
    assert_contains(shown.capacity, "97 stated, 48.5 in force by guard cpu since 2023-");
    assert_near(shown.stated, 97, 0);
    assert_near(shown.per_instance, 48.5, 0.2);
    assert_true(w.s.must_keep_capacity);
    end(&w);
}

static void test_what_was_measured_outlives_a_restart_and_a_reload(void **state)
{
    static const char odd[] = "[{\"guard\":\"cpu\",\"target\":0.7,\"measured\":-3},7,{}]";
    struct config *other = config_of(CONFIG("0.8"));
    struct str kept = STR_EMPTY;
    struct world w;

    (void)state;
    begin(&w);
    for (int i = 0; i < 20; i++)
        minute(&w, 600, 0.866);
    assert_int_equal(service_save_capacity(&w.s, &kept, NULL), 0);
    end(&w);

    begin(&w);
    service_restore_capacity(&w.s, odd, sizeof odd - 1);
    assert_near(service_per_instance(&w.s, w.now_ms), 97, 0);
    service_restore_capacity(&w.s, str_text(&kept), kept.len);
    assert_near(service_per_instance(&w.s, w.now_ms), 48.5, 0.2);
    minute(&w, 600, 0.3);
    assert_near(w.s.in.per_instance, 48.5, 0.2);
    service_reload(&w.s, &w.config->services[0], false, w.now_ms);
    assert_near(service_per_instance(&w.s, w.now_ms), 48.5, 0.2);
    service_reload(&w.s, &other->services[0], false, w.now_ms); /* another target */
    assert_near(service_per_instance(&w.s, w.now_ms), 97, 0);
    end(&w);
    config_free(other);
    str_clear(&kept);
}

static void test_an_operator_has_the_last_word_for_a_time(void **state)
{
    char text[160];
    struct world w;

    (void)state;
    begin(&w);
    for (int i = 0; i < 20; i++)
        minute(&w, 600, 0.866);
    service_override(&w.s, -1, -1, 60, w.now_ms + 10 * STEP_MS);
    minute(&w, 600, 0.866);
    assert_near(w.s.in.per_instance, 60, 0);
    service_capacity_text(&w.s, w.now_ms, text, sizeof text);
    assert_contains(text, "97 stated, 60 in force by an operator until ");
    for (int i = 0; i < 10; i++)
        minute(&w, 600, 0.866);
    assert_near(w.s.in.per_instance, 48.5, 0.2);
    end(&w);
}

static void test_a_silent_guard_keeps_what_runs_and_says_so(void **state)
{
    struct service_status shown;
    struct world w;

    (void)state;
    begin(&w);
    for (int i = 0; i < 70; i++)
        minute(&w, 600, 0.433);
    assert_true(minute(&w, 200, 0.15) <= 10);
    for (int i = 0; i < 70; i++)
        minute(&w, 200, 0.15);
    assert_true(w.s.decision.count < 10);
    for (int i = 0; i < 4; i++)
        minute(&w, 200, NAN);
    assert_int_equal(w.s.decision.count, 10);
    assert_string_equal(decision_binding(&w.s.decision)->rail, "guard");
    service_show(&w.s, w.now_ms, &shown);
    assert_true(shown.is_guarded);
    assert_string_equal(shown.guards, "cpu 0.15 of 0.7 (stale)");
    end(&w);
}

/* A scale-out under way: the old ready count carried part of the cell. */
static void test_cells_of_a_changing_fleet_are_no_evidence(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    for (int i = 0; i < 60; i++) {
        w.ready = 10 + i % 2;
        minute(&w, 600, 0.866);
    }
    assert_near(service_per_instance(&w.s, w.now_ms), 97, 0);
    end(&w);
}

/* Half of the instances are of a version that carries half: neither number is one version's. */
static void test_a_rollout_is_no_evidence_and_keeps_what_runs(void **state)
{
    struct service_status shown;
    struct brain_state b;
    double samples;
    struct world w;

    (void)state;
    begin(&w);
    for (int i = 0; i < 70; i++)
        minute(&w, 600, 0.433);
    brain_state(w.s.brain, &b);
    samples = b.lead_samples;
    w.rollout = "2 deployments";
    for (int i = 0; i < 65; i++) {
        w.ready = 10 - i % 2; /* replaced one by one: what comes was asked for by nobody */
        minute(&w, 600, 0.866);
    }
    assert_near(service_per_instance(&w.s, w.now_ms), 97, 0);
    w.ready = 10;
    for (int i = 0; i < 60; i++)
        minute(&w, 200, 0.15);
    brain_state(w.s.brain, &b);
    assert_near(b.lead_samples, samples, 0);
    assert_int_equal(w.s.decision.count, 10);
    assert_string_equal(decision_binding(&w.s.decision)->rail, "rollout");
    service_show(&w.s, w.now_ms, &shown);
    assert_true(shown.is_rollout_late);
    assert_contains(shown.rollout,
                    "2 deployments: for 2h4m, over rollout_most 1h: no scale-in");
    w.rollout = NULL;
    minute(&w, 200, 0.15);
    minute(&w, 200, 0.15);
    assert_true(w.s.decision.count < 10);
    end(&w);
}

/* Surge instances go by themselves: what is held is the count asked for. */
static void test_a_rollout_on_top_is_not_kept(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    for (int i = 0; i < 70; i++)
        minute(&w, 600, 0.433);
    w.rollout = "2 deployments";
    w.surge = 10;
    for (int i = 0; i < 5; i++)
        minute(&w, 100, 0.1);
    assert_int_equal(w.s.status.running, 20);
    assert_int_equal(w.s.decision.count, 10);
    end(&w);
}

/* At full CPU the load is what was served: what is usual at this time stays in sight. */
static void test_a_saturated_load_is_a_lower_bound(void **state)
{
    const double cpu[] = {0.3, 1};
    double peak[2];

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct world w;

        begin(&w);
        for (int i = 0; i < 1440 + 700; i++) /* 900 every day at noon */
            minute(&w, i % 1440 >= 600 && i % 1440 < 720 ? 900 : 500, 0.3);
        w.ready = 5; /* and served are 500 of it */
        for (int i = 0; i < 65; i++)
            minute(&w, 500, cpu[k]);
        peak[k] = w.s.in.recent_peak;
        end(&w);
    }
    assert_near(peak[0], 500, 5);
    assert_true(peak[1] > 700);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_release_that_halves_capacity_is_noticed),
        cmocka_unit_test(test_what_was_measured_outlives_a_restart_and_a_reload),
        cmocka_unit_test(test_an_operator_has_the_last_word_for_a_time),
        cmocka_unit_test(test_a_silent_guard_keeps_what_runs_and_says_so),
        cmocka_unit_test(test_cells_of_a_changing_fleet_are_no_evidence),
        cmocka_unit_test(test_a_rollout_is_no_evidence_and_keeps_what_runs),
        cmocka_unit_test(test_a_rollout_on_top_is_not_kept),
        cmocka_unit_test(test_a_saturated_load_is_a_lower_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
