/* test_process_fault.c - the process backend while its calls fail, one after the other: nothing
 * is started twice, nothing is lost, and what went wrong is said. */
#include "lib/test.h"

#include <signal.h>
#include <unistd.h>

#include "lib/fault.h"
#include "lib/process_rig.h"

/* Past back-off, and the rest of a port that could not be used. */
#define REST_MS 11000

/* One kind of failure, for its nth occurrence. */
struct failure {
    const char *name;
    void (*begin)(int nth);
    bool (*end)(void); /* true when it was reached */
};

static bool end_call(void)
{
    return rig_failed_call() != NULL;
}

static void begin_allocation(int nth)
{
    fault_arm((size_t)nth);
}

static const struct failure failures[] = {
    {"calls", rig_fail_at, end_call},
    {"allocations", begin_allocation, fault_disarm},
};

/* Whatever failed, it was told, and afterwards one round makes it good. */
static void assert_one_runs(struct rig *r, const char *what, int nth)
{
    rig_skip_ms(REST_MS);
    rig_scale(r, 1);
    rig_settle(r, 1, 1, 0);
    if (rig_count_alive(r, true) != 1)
        fail_msg("%s %d: %d instances", what, nth, rig_count_alive(r, true));
}

/* False once there is no nth. */
static bool start_with(const struct failure *f, int nth)
{
    struct backend_call call;
    struct err e = {0};
    bool is_reached;
    struct rig r;
    int rc;

    rig_init(&r, "web");
    rig_open(&r);
    call = rig_call(&r);
    f->begin(nth);
    rc = rig_backend()->scale(r.backend, &call, 1, &e);
    is_reached = f->end();
    if (rc != 0)
        assert_true(is_reached && e.code != ERR_NONE && e.msg[0] != '\0');
    else if (rig_status(&r).running != 1)
        assert_true(rig_status(&r).note[0] != '\0');
    assert_one_runs(&r, f->name, nth);
    rig_end(&r);
    return is_reached;
}

static bool stop_with(const struct failure *f, int nth)
{
    struct backend_call call;
    struct err e = {0};
    bool is_reached;
    struct rig r;
    int rc;

    rig_init(&r, "web");
    rig_set(&r, "pre_stop", "/bin/true");
    rig_open(&r);
    rig_scale(&r, 1);
    rig_settle(&r, 1, 1, 0);
    call = rig_call(&r);
    f->begin(nth);
    rc = rig_backend()->scale(r.backend, &call, 0, &e);
    for (int k = 0; k < 5; k++) {
        rig_tend(&r);
        usleep(5000);
    }
    is_reached = f->end();
    if (rc != 0)
        assert_true(is_reached && e.code != ERR_NONE && e.msg[0] != '\0');
    rig_end(&r); /* scales to 0 again: all of it ends */
    return is_reached;
}

static bool adopt_with(const struct failure *f, int nth)
{
    struct backend_call call;
    struct err e = {0};
    bool is_reached;
    struct rig r;
    pid_t pid;
    int rc;

    rig_init(&r, "web");
    rig_open(&r);
    rig_scale(&r, 1);
    rig_settle(&r, 1, 1, 0);
    pid = rig_pid_of(&r, r.port);
    rig_close(&r);
    call = rig_call(&r);
    f->begin(nth);
    rc = rig_backend()->open(&r.backend, r.conf, &call, &e);
    if (rc == 0)
        rig_tend(&r);
    is_reached = f->end();
    if (rc != 0) {
        assert_true(is_reached && e.code != ERR_NONE && e.msg[0] != '\0');
        rig_open(&r);
    }
    assert_one_runs(&r, f->name, nth);
    if (rig_pid_of(&r, r.port) != pid)
        fail_msg("%s %d: the living one was replaced (%s)", f->name, nth, e.msg);
    rig_end(&r);
    return is_reached;
}

/* Each of the first 40, then every 20th part further on. */
static void try_all(const char *what, bool (*with)(const struct failure *f, int nth), int least)
{
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        int nth = 1, tries = 0;

        while (with(&failures[i], nth)) {
            nth += 1 + (nth > 40 ? nth / 20 : 0);
            tries++;
        }
        print_message("  %s: %d of at most %d %s failed\n", what, tries, nth, failures[i].name);
        assert_true(nth > least);
    }
}

static void a_start_with_any_failure_leaves_one_or_none(void **state)
{
    (void)state;
    try_all("start", start_with, 20);
}

static void a_stop_with_any_failure_ends_all_the_same(void **state)
{
    (void)state;
    try_all("stop", stop_with, 10);
}

static void an_adoption_with_any_failure_keeps_the_living(void **state)
{
    (void)state;
    try_all("adopt", adopt_with, 10);
}

/* A child of ours, so that the failure is inside of it alone; here one can only see that a
 * crash is told and that there is never more than one. */
static void an_exec_step_with_any_failure_is_a_crash_that_says_why(void **state)
{
    int told = 0;

    (void)state;
    for (int nth = 1; nth <= 40; nth++) {
        struct backend_status st;
        struct rig r;

        rig_init(&r, "web");
        rig_set(&r, "nofile", "64");
        rig_set(&r, "working_dir", "/");
        rig_fail_in_exec(nth);
        rig_open(&r);
        rig_scale(&r, 1);
        do {
            rig_tend(&r);
            st = rig_status(&r);
            usleep(5000);
        } while (st.ready == 0 && st.failed == 0);
        rig_fail_in_exec(0);
        assert_true(rig_count_alive(&r, true) <= 1);
        if (st.failed > 0) {
            assert_non_null(strstr(st.note, ": "));
            told += strstr(st.note, "Input/output error") != NULL;
        }
        assert_one_runs(&r, "exec step", nth);
        rig_end(&r);
    }
    print_message("  %d failures named their cause\n", told);
    assert_true(told >= 5);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_with_any_failure_leaves_one_or_none),
        cmocka_unit_test(a_stop_with_any_failure_ends_all_the_same),
        cmocka_unit_test(an_adoption_with_any_failure_keeps_the_living),
        cmocka_unit_test(an_exec_step_with_any_failure_is_a_crash_that_says_why),
    };
    int rc = rig_begin(argc, argv);

    if (rc != 0)
        return rc;
    fault_wrap_libraries();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
