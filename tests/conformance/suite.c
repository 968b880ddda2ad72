/* suite.c - see suite.h. */
#include "conformance/suite.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/clk.h"

enum { CALL_MS = 5000, SETTLE_MS = 15000, SLOW_MS = 400, SLOW_LATE_MS = 300 };

static const struct suite_entry *the_entry;
static struct bench the_bench;

/* --- one backend on its bench ------------------------------------------------------------- */

static struct backend_call call_of(const struct bench *b, int ms, bool is_dry_run)
{
    return (struct backend_call){.service = b->service,
                                 .state_dir = b->state_dir,
                                 .deadline_mono_ms = clk_mono_ms() + ms,
                                 .is_dry_run = is_dry_run};
}

static int open_one(struct bench *b, void **out, bool is_dry_run, struct err *e)
{
    struct backend_call call = call_of(b, CALL_MS, is_dry_run);

    return b->backend->open(out, b->conf, &call, e);
}

static void open_it(struct bench *b)
{
    struct err e = {0};

    if (open_one(b, &b->object, false, &e) != 0)
        fail_msg("open: %s", e.msg);
}

static void close_it(struct bench *b)
{
    b->backend->close(b->object);
    b->object = NULL;
}

static void begin(struct bench *b)
{
    static int serial;
    struct err e = {0};

    memset(b, 0, sizeof *b);
    b->entry = the_entry;
    b->backend = backend_find(the_entry->backend);
    assert_non_null(b->backend);
    snprintf(b->service, sizeof b->service, "web");
    snprintf(b->state_dir, sizeof b->state_dir, "%s/state-%d", test_temp_dir(), ++serial);
    assert_int_equal(mkdir(b->state_dir, 0700), 0);
    assert_int_equal(conf_new(&b->conf, b->backend->options, &e), 0);
    assert_int_equal(the_entry->start(b), 0);
    open_it(b);
}

static void end(struct bench *b)
{
    close_it(b);
    if (b->user)
        the_entry->stop(b);
    conf_free(b->conf);
}

static int try_scale(struct bench *b, int count, int ms, struct err *e)
{
    struct backend_call call = call_of(b, ms, false);

    return b->backend->scale(b->object, &call, count, e);
}

static void scale(struct bench *b, int count)
{
    struct err e = {0};

    if (try_scale(b, count, CALL_MS, &e) != 0)
        fail_msg("scale to %d: %s", count, e.msg);
}

static int try_status(struct bench *b, int ms, struct backend_status *out, struct err *e)
{
    struct backend_call call = call_of(b, ms, false);

    return b->backend->status(b->object, &call, out, e);
}

static void tend(struct bench *b)
{
    struct backend_call call = call_of(b, CALL_MS, false);
    struct err e = {0};

    if (b->backend->tend && b->backend->tend(b->object, &call, &e) != 0)
        fail_msg("tend: %s", e.msg);
}

static struct backend_status look(struct bench *b)
{
    struct backend_status st;
    struct err e = {0};

    tend(b);
    if (try_status(b, CALL_MS, &st, &e) != 0)
        fail_msg("status: %s", e.msg);
    return st;
}

static int64_t settle_until(void)
{
    return clk_mono_ms() + (the_entry->settle_ms > 0 ? the_entry->settle_ms : SETTLE_MS);
}

/* Until so many run and are ready, by the backend's word; fails when that takes too long. */
static struct backend_status settle(struct bench *b, int running, int ready)
{
    int64_t until = settle_until();

    for (;;) {
        struct backend_status st = look(b);

        if (st.running == running && st.ready == ready)
            return st;
        if (clk_mono_ms() > until)
            fail_msg("running %d ready %d, not %d %d: %s", st.running, st.ready, running, ready,
                     st.note);
        usleep(10000);
    }
}

/* Both words agree, once those that drain have ended. */
static void settle_at(struct bench *b, int count)
{
    int64_t until = clk_mono_ms() + SETTLE_MS;

    settle(b, count, count);
    while (the_entry->count(b) != count && clk_mono_ms() < until) {
        look(b);
        usleep(10000);
    }
    assert_int_equal(the_entry->count(b), count);
    settle(b, count, count);
}

/* --- the cases ---------------------------------------------------------------------------- */

static void scales_out_and_in(struct bench *b)
{
    scale(b, 1);
    settle_at(b, 1);
    scale(b, 4);
    settle_at(b, 4);
    scale(b, 2);
    settle_at(b, 2);
    scale(b, the_entry->least);
    settle_at(b, the_entry->least);
}

static void same_count_sends_nothing(struct bench *b)
{
    int writes;

    scale(b, 2);
    settle_at(b, 2);
    writes = the_entry->writes(b);
    assert_true(writes > 0);
    scale(b, 2);
    look(b);
    assert_int_equal(the_entry->writes(b), writes);
    assert_int_equal(the_entry->count(b), 2);
}

static void another_writer_is_seen(struct bench *b)
{
    struct backend_status st;

    scale(b, 2);
    settle_at(b, 2);
    the_entry->move(b, 3);
    st = settle(b, 3, 3);
    if (st.desired >= 0)
        assert_int_equal(st.desired, 3);
    scale(b, 2); /* absolute: what the gate insists on is what comes of it */
    settle_at(b, 2);
}

static void partial_delivery_is_told(struct bench *b)
{
    struct backend_status st;
    struct err e = {0};

    the_entry->set_room(b, 2);
    if (try_scale(b, 4, CALL_MS, &e) != 0)
        assert_int_equal(e.code, ERR_LIMIT); /* accepted, or refused as a limit */
    st = settle(b, 2, 2);
    assert_int_equal(the_entry->count(b), 2);
    if (e.code == ERR_NONE && st.desired >= 0)
        assert_int_equal(st.desired, 4);
}

static void late_delivery_is_not_ready(struct bench *b)
{
    struct backend_status st;

    the_entry->set_late(b, 500);
    scale(b, 2);
    st = look(b);
    assert_int_equal(st.ready, 0);
    settle_at(b, 2);
}

static void a_dead_instance_is_missed(struct bench *b)
{
    int64_t until = clk_mono_ms() + SETTLE_MS;

    scale(b, 3);
    settle_at(b, 3);
    the_entry->kill_one(b);
    while (look(b).ready == 3 && clk_mono_ms() < until)
        usleep(1000);
    if (!the_entry->is_restored) {
        settle(b, 2, 2);
        scale(b, 3);
    }
    settle_at(b, 3);
}

static void a_lost_answer_is_no_second_order(struct bench *b)
{
    struct err e = {0};

    the_entry->fault(b, SUITE_FAULT_CUT, 0);
    assert_int_not_equal(try_scale(b, 3, CALL_MS, &e), 0);
    assert_int_equal(e.code, ERR_IO);
    the_entry->fault(b, SUITE_FAULT_NONE, 0);
    scale(b, 3);
    settle_at(b, 3);
}

static void the_deadline_is_kept(struct bench *b)
{
    struct backend_status st;
    struct err e = {0};
    int64_t began = clk_mono_ms();

    the_entry->fault(b, SUITE_FAULT_SILENT, 0);
    assert_int_not_equal(try_status(b, SLOW_MS, &st, &e), 0);
    assert_int_equal(e.code, ERR_IO);
    assert_in_range(clk_mono_ms() - began, SLOW_MS / 2, SLOW_MS + SLOW_LATE_MS);
    began = clk_mono_ms();
    assert_int_not_equal(try_scale(b, 2, SLOW_MS, &e), 0);
    assert_int_equal(e.code, ERR_IO);
    assert_in_range(clk_mono_ms() - began, SLOW_MS / 2, SLOW_MS + SLOW_LATE_MS);
    the_entry->fault(b, SUITE_FAULT_NONE, 0);
    scale(b, 2);
    settle_at(b, 2);
}

/* Refused with one of the two codes, and well again afterwards. */
static void status_fails(struct bench *b, enum suite_fault fault, enum err_code a,
                         enum err_code other)
{
    struct backend_status st;
    struct err e = {0};

    scale(b, 1);
    settle_at(b, 1);
    the_entry->fault(b, fault, 0);
    assert_int_not_equal(try_status(b, CALL_MS, &st, &e), 0);
    if (e.code != a && e.code != other)
        fail_msg("%s: %s", err_name(e.code), e.msg);
    assert_int_not_equal(e.msg[0], '\0');
    the_entry->fault(b, SUITE_FAULT_NONE, 0);
    settle_at(b, 1);
}

static void garbage_is_not_believed(struct bench *b)
{
    status_fails(b, SUITE_FAULT_GARBAGE, ERR_DATA, ERR_DATA);
}

static void a_huge_reply_is_bounded(struct bench *b)
{
    status_fails(b, SUITE_FAULT_HUGE, ERR_LIMIT, ERR_LIMIT);
}

static void refusals_are_typed(struct bench *b)
{
    static const struct suite_status usual[] = {
        {401, ERR_DENIED}, {403, ERR_DENIED}, {404, ERR_CONFIG}, {409, ERR_CONFLICT},
        {429, ERR_BUSY},   {500, ERR_IO},     {503, ERR_IO},     {0, ERR_NONE},
    };
    const struct suite_status *s = the_entry->statuses ? the_entry->statuses : usual;

    for (; s->status != 0; s++) {
        struct backend_status st;
        struct err e = {0};

        the_entry->fault(b, SUITE_FAULT_STATUS, s->status);
        if (try_status(b, CALL_MS, &st, &e) == 0 || e.code != s->code)
            fail_msg("status, refused with %d: %s: %s", s->status, err_name(e.code), e.msg);
        e = (struct err){0};
        if (try_scale(b, 2, CALL_MS, &e) == 0 || e.code != s->code)
            fail_msg("scale, refused with %d: %s: %s", s->status, err_name(e.code), e.msg);
        the_entry->fault(b, SUITE_FAULT_NONE, 0);
    }
    assert_int_equal(the_entry->count(b), the_entry->least);
}

static void a_restart_forgets_nothing(struct bench *b)
{
    int writes;

    scale(b, 3);
    close_it(b); /* before any of it may be ready */
    open_it(b);
    settle_at(b, 3);
    writes = the_entry->writes(b);
    scale(b, 3);
    assert_int_equal(the_entry->writes(b), writes);
    assert_int_equal(the_entry->count(b), 3);
}

static void two_writers_come_to_one_count(struct bench *b)
{
    void *first = b->object, *second = NULL;
    struct err e = {0};
    int rc;

    scale(b, 1);
    settle_at(b, 1);
    rc = open_one(b, &second, false, &e);
    if (the_entry->is_exclusive) {
        assert_int_not_equal(rc, 0);
        assert_int_equal(e.code, ERR_BUSY);
        return;
    }
    assert_int_equal(rc, 0);
    scale(b, 3);
    b->object = second;
    scale(b, 3);
    settle_at(b, 3);
    scale(b, 2);
    b->object = first;
    settle_at(b, 2);
    b->backend->close(second);
}

static void a_dry_run_writes_nothing(struct bench *b)
{
    struct backend_call call;
    struct backend_status st;
    struct str text = STR_EMPTY;
    void *dry = NULL;
    struct err e = {0};
    int writes;

    scale(b, 2);
    settle_at(b, 2);
    writes = the_entry->writes(b);
    if (the_entry->is_exclusive)
        close_it(b);
    assert_int_equal(open_one(b, &dry, true, &e), 0);
    call = call_of(b, CALL_MS, true);
    if (b->backend->tend)
        assert_int_equal(b->backend->tend(dry, &call, &e), 0);
    if (b->backend->status(dry, &call, &st, &e) != 0)
        fail_msg("%s", e.msg);
    assert_int_equal(st.running, 2);
    if (b->backend->check && b->backend->check(dry, &call, &text, &e) != 0)
        fail_msg("%s", e.msg);
    b->backend->close(dry);
    str_clear(&text);
    assert_int_equal(the_entry->writes(b), writes);
    assert_int_equal(the_entry->count(b), 2);
    if (the_entry->is_exclusive)
        open_it(b);
}

static void instances_drain(struct bench *b)
{
    struct backend_status st;

    the_entry->set_drain(b, 700);
    scale(b, 3);
    settle_at(b, 3);
    scale(b, 1);
    st = look(b);
    assert_int_equal(st.running, 1);
    assert_int_equal(st.draining, 2);
    assert_int_equal(the_entry->count(b), 3); /* they are let finish */
    settle_at(b, 1);
    assert_int_equal(look(b).draining, 0);
}

static void limits_are_kept(struct bench *b)
{
    struct backend_status st;
    struct err e = {0};

    scale(b, 1);
    st = settle(b, 1, 1);
    assert_true(st.most >= 1);
    assert_int_not_equal(try_scale(b, st.most + 1, CALL_MS, &e), 0);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_not_equal(try_scale(b, -1, CALL_MS, &e), 0);
    settle_at(b, 1);
}

/* Until the backend tells of one, or of none. */
static struct backend_status settle_rollout(struct bench *b, bool is_on)
{
    int64_t until = settle_until();
    struct backend_status st = look(b);

    while ((st.rollout[0] != '\0') != is_on && clk_mono_ms() < until) {
        usleep(10000);
        st = look(b);
    }
    assert_int_equal(st.rollout[0] != '\0', is_on);
    return st;
}

static void a_rollout_is_told(struct bench *b)
{
    scale(b, 2);
    assert_string_equal(look(b).rollout, "");
    settle_at(b, 2);
    the_entry->set_rollout(b, true);
    assert_true(settle_rollout(b, true).is_changing);
    scale(b, 3); /* out it goes all the same */
    settle_at(b, 3);
    the_entry->set_rollout(b, false);
    settle_rollout(b, false);
}

/* --- the table and the runner ------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*run)(struct bench *b);
} cases[SUITE_CASES] = {
    [SUITE_OUT_AND_IN] = {"scale out and in", scales_out_and_in},
    [SUITE_SAME_TWICE] = {"same count twice sends nothing", same_count_sends_nothing},
    [SUITE_CONFLICT] = {"another writer is seen", another_writer_is_seen},
    [SUITE_PARTIAL] = {"partial delivery", partial_delivery_is_told},
    [SUITE_LATE] = {"delivery late", late_delivery_is_not_ready},
    [SUITE_DIES] = {"an instance dies", a_dead_instance_is_missed},
    [SUITE_DOWN] = {"server down in mid-call", a_lost_answer_is_no_second_order},
    [SUITE_SLOW] = {"slow server, deadline kept", the_deadline_is_kept},
    [SUITE_GARBAGE] = {"garbage reply", garbage_is_not_believed},
    [SUITE_STATUS] = {"401 403 404 409 429 5xx typed", refusals_are_typed},
    [SUITE_HUGE] = {"huge reply bounded", a_huge_reply_is_bounded},
    [SUITE_RESTART] = {"restart in the middle", a_restart_forgets_nothing},
    [SUITE_TWO_WRITERS] = {"two writers", two_writers_come_to_one_count},
    [SUITE_DRY_RUN] = {"dry run sends no write", a_dry_run_writes_nothing},
    [SUITE_DRAIN] = {"drain honoured", instances_drain},
    [SUITE_LIMITS] = {"limits respected", limits_are_kept},
    [SUITE_ROLLOUT] = {"a rollout is told", a_rollout_is_told},
};

/* A case without what it needs must say why. */
static bool can_run(const struct suite_entry *t, enum suite_case c)
{
    switch (c) {
    case SUITE_CONFLICT:
        return t->move != NULL;
    case SUITE_PARTIAL:
        return t->set_room != NULL;
    case SUITE_LATE:
        return t->set_late != NULL;
    case SUITE_DIES:
        return t->kill_one != NULL;
    case SUITE_DOWN:
    case SUITE_SLOW:
    case SUITE_GARBAGE:
    case SUITE_STATUS:
    case SUITE_HUGE:
        return t->fault != NULL;
    case SUITE_DRAIN:
        return t->set_drain != NULL;
    default:
        return true;
    }
}

/* Why a case is not for this backend; NULL: it is. */
static const char *na_of(size_t i)
{
    if (i == SUITE_ROLLOUT && !the_entry->na[i] && !the_entry->set_rollout)
        return "no rollouts here";
    return the_entry->na[i];
}

static void run_case(void **state)
{
    size_t i = *(const size_t *)*state;

    if (na_of(i)) {
        print_message("  n/a: %s\n", na_of(i));
        return;
    }
    begin(&the_bench);
    cases[i].run(&the_bench);
}

/* Also after a failure: nothing is left running. */
static int end_case(void **state)
{
    (void)state;
    if (the_bench.conf)
        end(&the_bench);
    the_bench = (struct bench){0};
    return 0;
}

static void print_table(void)
{
    printf("backend\t%s\nserver\t%s\n", the_entry->backend, the_entry->server);
    for (size_t i = 0; i < SUITE_CASES; i++) {
        if (na_of(i))
            printf("%s\tn/a: %s\n", cases[i].name, na_of(i));
        else
            printf("%s\tyes\n", cases[i].name);
    }
}

/* Whether the server can be had here at all; one start, before the cases. */
static int probe_server(void)
{
    struct bench b = {.entry = the_entry, .backend = backend_find(the_entry->backend)};
    struct err e = {0};
    int rc;

    snprintf(b.service, sizeof b.service, "web");
    snprintf(b.state_dir, sizeof b.state_dir, "%s/state-0", test_temp_dir());
    if (!b.backend || mkdir(b.state_dir, 0700) != 0 ||
        conf_new(&b.conf, b.backend->options, &e) != 0)
        return 1;
    rc = the_entry->start(&b);
    if (rc == 0)
        the_entry->stop(&b);
    conf_free(b.conf);
    return rc;
}

int suite_main(const struct suite_entry *entry, int argc, char **argv)
{
    static size_t numbers[SUITE_CASES];
    struct CMUnitTest tests[SUITE_CASES];
    int rc;

    the_entry = entry;
    for (size_t i = 0; i < SUITE_CASES; i++) {
        if (!entry->na[i] && !can_run(entry, (enum suite_case)i)) {
            fprintf(stderr, "%s: \"%s\" cannot run, and no reason is given\n", entry->backend,
                    cases[i].name);
            return 1;
        }
        numbers[i] = i;
        tests[i] = (struct CMUnitTest){cases[i].name, run_case, NULL, end_case, &numbers[i]};
    }
    if (argc > 1 && strcmp(argv[1], "--table") == 0) {
        print_table();
        return 0;
    }
    rc = probe_server();
    if (rc != 0)
        return rc;
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return _cmocka_run_group_tests(entry->backend, tests, SUITE_CASES, NULL, NULL);
}
