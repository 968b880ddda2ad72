/* test_store_memory.c - every allocation of the store fails once, SQLite's own included: a
 * clear error, no crash, no leak; what was committed is there, what failed changed nothing, and
 * the same connection works again with the next call. */
#include "lib/test.h"

#include "collect/store.h"
#include "lib/fault.h"

#define MINUTE INT64_C(60000)
#define DAY (INT64_C(1440) * MINUTE)
#define START (INT64_C(20000) * DAY)
#define CELLS 400 /* a day of the history that is imported */
#define SPREAD 16

static char dir[4200];
static struct store *store; /* open through all tries of a test */
static struct store_series web;
static struct sample samples[CELLS];
static int tries; /* of the running test */

static void fill(double value)
{
    for (int i = 0; i < CELLS; i++)
        samples[i] = (struct sample){START + i * MINUTE, value + i};
}

/* A store with one committed day, in a directory of its own. */
static int open_fresh(void **state)
{
    static int n;
    struct err e = {0};

    (void)state;
    tries = 0;
    snprintf(dir, sizeof dir, "%s/store%d", test_temp_dir(), n++);
    web = (struct store_series){.step_ms = MINUTE, .service = "web", .signal = STORE_DEMAND};
    fill(1);
    if (store_open(&store, dir, STORE_WRITE, &e) != 0 ||
        store_series_id(store, "web", STORE_DEMAND, MINUTE, &web.id, &e) != 0 ||
        store_import(store, &web, samples, CELLS, NULL, &e) != 0)
        fail_msg("%s", e.msg);
    return 0;
}

static int close_it(void **state)
{
    (void)state;
    store_close(store);
    store = NULL;
    return 0;
}

/* What a connection sees of the minute; NAN when unknown. */
static double seen(struct store *s, int64_t time_ms)
{
    struct series *read = NULL;
    struct err e = {0};
    double v = NAN;

    if (store_read(s, &web, time_ms, time_ms + MINUTE, &read, &e) == 0)
        v = series_at(read, time_ms);
    else if (e.code != ERR_SHORT)
        fail_msg("reading afterwards: %s", e.msg);
    series_free(read);
    return v;
}

/* The imported day, as one: its cells are base, base + 1, .... */
static void assert_day(struct store *s, double base)
{
    for (int i = 0; i < CELLS; i += 57)
        assert_near(seen(s, START + i * MINUTE), base + i, 0);
}

/* As another process sees it. */
static void assert_committed(double base)
{
    struct store *other = NULL;
    struct err e = {0};

    if (store_open(&other, dir, STORE_READ, &e) != 0)
        fail_msg("opened afterwards: %s", e.msg);
    assert_day(other, base);
    store_close(other);
}

static int use_open(struct err *e)
{
    struct store *a = NULL, *b = NULL;
    char fresh[4300];
    int rc;

    snprintf(fresh, sizeof fresh, "%s/%d", dir, tries++);
    rc = store_open(&a, fresh, STORE_WRITE, e);
    if (rc == 0)
        rc = store_open(&b, dir, STORE_READ, e);
    fault_disarm();
    store_close(a);
    store_close(b);
    a = NULL;
    assert_int_equal(store_open(&a, fresh, STORE_WRITE, &(struct err){0}), 0);
    store_close(a);
    assert_committed(1);
    return rc;
}

/* A tick that failed is given again by nobody but the store itself, unless it said that there
 * was no memory to keep it. */
static int use_append(struct err *e)
{
    int64_t t = START + 2 * DAY + tries++ * MINUTE;
    struct store_value values[] = {{web.id, t, 5}, {web.id, t + MINUTE, 6}};
    struct err again = {0};
    int rc = store_append(store, values, 2, e);

    fault_disarm();
    if (rc != 0 && store_append(store, values, 2, &again) != 0)
        fail_msg("the next append: %s", again.msg);
    assert_int_equal(store_waiting(store), 0);
    assert_near(seen(store, t), 5, 0);
    assert_near(seen(store, t + MINUTE), 6, 0);
    if (tries % 16 == 1)
        assert_committed(1);
    return rc;
}

static int use_batch(struct err *e)
{
    int64_t t = START + 3 * DAY + 2 * tries++ * MINUTE;
    struct store_value value = {web.id, t, 5};
    struct err again = {0};
    int rc = store_begin(store, e);

    if (rc == 0) {
        bool is_kept = store_append(store, &value, 1, e) == 0;

        rc = store_commit(store, e);
        rc = is_kept ? rc : -1;
    }
    fault_disarm();
    value.time_ms += MINUTE;
    if (store_append(store, &value, 1, &again) != 0)
        fail_msg("after the batch: %s", again.msg);
    if (rc == 0)
        assert_near(seen(store, t), 5, 0);
    assert_near(seen(store, t + MINUTE), 5, 0);
    return rc;
}

static int use_import(struct err *e)
{
    static double base = 1; /* of what is in the store */
    struct err again = {0};
    double next = base + 1000;
    int rc;

    if (tries++ == 0)
        base = 1;
    fill(next);
    rc = store_import(store, &web, samples, CELLS, NULL, e);
    fault_disarm();
    assert_day(store, rc == 0 ? next : base);
    if (store_import(store, &web, samples, CELLS, NULL, &again) != 0)
        fail_msg("imported again: %s", again.msg);
    assert_day(store, next);
    base = next;
    return rc;
}

static int read_all(struct err *e)
{
    struct store_series *list = NULL, found;
    struct series *s = NULL;
    int64_t first, end;
    size_t n = 0;
    int rc = -1;

    if (store_series_list(store, NULL, &list, &n, e) == 0 &&
        store_series_find(store, "web", STORE_DEMAND, &found, e) == 0 &&
        store_extent(store, &web, &first, &end, e) == 0 &&
        store_read(store, &web, first, end, &s, e) == 0)
        rc = 0;
    fault_disarm();
    if (rc == 0)
        assert_int_equal(s->n, CELLS);
    free(list);
    series_free(s);
    return rc;
}

static int use_read(struct err *e)
{
    int rc = read_all(e);

    assert_day(store, 1);
    return rc;
}

static size_t count_decisions(int64_t id)
{
    struct store_decision *items = NULL;
    struct store_outcome *outcomes = NULL;
    struct err e = {0};
    size_t n = 0, n_outcomes = 0;

    if (store_decision_list(store, "web", 0, INT64_MAX, 100000, &items, &n, &e) != 0 ||
        store_outcome_list(store, id, &outcomes, &n_outcomes, &e) != 0)
        fail_msg("listed afterwards: %s", e.msg);
    free(items);
    free(outcomes);
    return n + n_outcomes;
}

static int use_decisions(struct err *e)
{
    static size_t total; /* decisions that the store said it has */
    struct store_decision d = {.run = 1,
                               .time_ms = START + tries++ * MINUTE,
                               .from = 1,
                               .to = 2,
                               .load = 3,
                               .service = "web",
                               .reason = "plan",
                               .gate = "sent"};
    struct store_decision got;
    struct store_outcome o = {.time_ms = START, .ready = 2};
    struct store_decision *items = NULL;
    struct str body = STR_EMPTY;
    size_t n = 0, added = 0;
    int rc;

    rc = store_decision_add(store, &d, "{\"a\":1}", e);
    added += rc == 0 ? 1 : 0;
    o.decision = d.id;
    if (rc == 0 && (rc = store_outcome_add(store, &o, e)) == 0) {
        added++;
        rc = store_decision_list(store, "web", 0, INT64_MAX, 10, &items, &n, e);
    }
    if (rc == 0)
        rc = store_decision_get(store, d.id, NULL, &got, &body, e);
    fault_disarm();
    if (rc == 0)
        assert_string_equal(str_text(&body), "{\"a\":1}");
    total += added > 0 ? 1 : 0;
    assert_int_equal(count_decisions(added > 0 ? d.id : -1), total + (added > 1 ? 1 : 0));
    free(items);
    str_clear(&body);
    return rc;
}

/* A day is closed whole or stays as it was, and is closed by a later call. */
static int use_tend(struct err *e)
{
    int64_t day = START + (10 + 3 * tries++) * DAY;
    struct store_value values[3];
    struct err again = {0};
    bool more = true;
    int rc = 0;

    for (int i = 0; i < 3; i++)
        values[i] = (struct store_value){web.id, day + i * MINUTE, i};
    rc = store_append(store, values, 3, e);
    for (int i = 0; rc == 0 && more && i < 50; i++)
        rc = store_tend(store, day + 2 * DAY, &more, e);
    fault_disarm();
    if (rc != 0 && store_append(store, values, 3, &again) != 0)
        fail_msg("appended again: %s", again.msg);
    more = true;
    for (int i = 0; more && i < 50; i++)
        if (store_tend(store, day + 2 * DAY, &more, &again) != 0)
            fail_msg("tended again: %s", again.msg);
    for (int i = 0; i < 3; i++)
        assert_near(seen(store, day + i * MINUTE), i, 0);
    return rc;
}

static void attempt(const char *name, int (*use)(struct err *e))
{
    fault_try(&(struct fault_loop){
        .name = name, .use = use, .least = 4, .spread = SPREAD, .may_succeed = true});
}

static void a_store_opens_or_says_why(void **state)
{
    (void)state;
    attempt("open", use_open);
}

static void no_tick_is_lost(void **state)
{
    (void)state;
    attempt("append", use_append);
}

static void a_batch_is_whole_or_nothing(void **state)
{
    (void)state;
    attempt("batch", use_batch);
}

static void an_import_is_whole_or_nothing(void **state)
{
    (void)state;
    attempt("import", use_import);
}

static void reading_fails_and_works_again(void **state)
{
    (void)state;
    attempt("read", use_read);
}

static void a_decision_is_added_once_or_not_at_all(void **state)
{
    (void)state;
    attempt("decisions", use_decisions);
}

static void a_day_is_closed_whole_or_later(void **state)
{
    (void)state;
    attempt("tend", use_tend);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_store_opens_or_says_why, open_fresh, close_it),
        cmocka_unit_test_setup_teardown(no_tick_is_lost, open_fresh, close_it),
        cmocka_unit_test_setup_teardown(a_batch_is_whole_or_nothing, open_fresh, close_it),
        cmocka_unit_test_setup_teardown(an_import_is_whole_or_nothing, open_fresh, close_it),
        cmocka_unit_test_setup_teardown(reading_fails_and_works_again, open_fresh, close_it),
        cmocka_unit_test_setup_teardown(a_decision_is_added_once_or_not_at_all, open_fresh,
                                        close_it),
        cmocka_unit_test_setup_teardown(a_day_is_closed_whole_or_later, open_fresh, close_it),
    };

    fault_wrap_libraries();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
