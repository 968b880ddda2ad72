/* test_store.c - what is put into the store comes out again, also much later and also when the
 * disk, the rights or the file are against it. */
#include "lib/test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collect/store_db.h"

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define START (INT64_C(20000) * DAY) /* 2024-10-04 */

static char dir[4200];

/* A fresh state directory for each test. */
static int fresh_dir(void **state)
{
    static int n;

    (void)state;
    snprintf(dir, sizeof dir, "%s/state%d", test_temp_dir(), n++);
    return 0;
}

static struct store *open_store(enum store_mode mode)
{
    struct store *s = NULL;
    struct err e = {0};

    if (store_open(&s, dir, mode, &e) != 0)
        fail_msg("%s", e.msg);
    return s;
}

static struct store_series make_series(struct store *s, const char *service, int64_t step_ms)
{
    struct store_series out = {.step_ms = step_ms};
    struct err e = {0};

    str_copy(out.service, sizeof out.service, service);
    if (store_series_id(s, service, STORE_DEMAND, step_ms, &out.id, &e) != 0)
        fail_msg("%s", e.msg);
    return out;
}

/* A value that tells its service and time. */
static double value_of(int64_t id, int64_t t)
{
    return (double)(id * 1000) + (double)(t / MINUTE % 997) + 0.25;
}

static void append_minutes(struct store *s, const struct store_series *a,
                           const struct store_series *b, int64_t from_ms, int64_t to_ms)
{
    struct err e = {0};

    assert_int_equal(store_begin(s, &e), 0);
    for (int64_t t = from_ms; t < to_ms; t += MINUTE) {
        struct store_value v[] = {{b->id, t, value_of(b->id, t)},
                                  {a->id, t, value_of(a->id, t)}};

        assert_int_equal(store_append(s, v, 2, &e), 0);
    }
    assert_int_equal(store_commit(s, &e), 0);
}

static void tend_all(struct store *s, int64_t now_ms)
{
    struct err e = {0};
    bool more = true;

    for (int i = 0; more && i < 1000; i++)
        if (store_tend(s, now_ms, &more, &e) != 0)
            fail_msg("%s", e.msg);
    assert_false(more);
}

static int64_t count_rows(struct store *s, const char *sql)
{
    struct err e = {0};
    sqlite3_stmt *stmt = store_prepare(s, sql, &e);
    int64_t n;

    assert_non_null(stmt);
    assert_int_equal(store_row(s, stmt, &e), 1);
    n = sqlite3_column_int64(stmt, 0);
    sqlite3_reset(stmt);
    return n;
}

static void samples_come_back_before_and_after_their_day_is_closed(void **state)
{
    struct store *s = open_store(STORE_WRITE);
    struct store_series web = make_series(s, "web", MINUTE),
                        api = make_series(s, "api", MINUTE);

    (void)state;
    append_minutes(s, &web, &api, START + 10 * HOUR, START + 2 * DAY + 5 * HOUR);
    for (int round = 0; round < 3; round++) {
        struct series *out = NULL;
        struct err e = {0};
        int64_t first, end;

        assert_int_equal(store_read(s, &web, 0, START + 100 * DAY, &out, &e), 0);
        assert_int_equal(out->start_ms, START + 10 * HOUR);
        assert_int_equal(out->n, 1440 + 19 * 60);
        for (size_t i = 0; i < out->n; i++)
            assert_near(out->values[i], value_of(web.id, series_time_ms(out, i)), 0);
        series_free(out);
        assert_int_equal(store_extent(s, &api, &first, &end, &e), 0);
        assert_int_equal(first, START + 10 * HOUR);
        assert_int_equal(end, START + 2 * DAY + 5 * HOUR);
        assert_int_equal(store_read(s, &api, START + 11 * HOUR, START + 12 * HOUR, &out, &e),
                         0);
        assert_int_equal(out->n, 60);
        assert_near(out->values[0], value_of(api.id, START + 11 * HOUR), 0);
        series_free(out);
        tend_all(s, START + 2 * DAY + 5 * HOUR);
        if (round == 1) {
            store_close(s);
            s = open_store(STORE_WRITE);
        }
    }
    assert_int_equal(count_rows(s, "SELECT count(*) FROM tick"), 300);
    assert_int_equal(count_rows(s, "SELECT count(*) FROM block WHERE tier = 0"), 4);
    store_close(s);
}

static void late_and_corrected_samples_win_also_in_closed_days(void **state)
{
    struct store *s = open_store(STORE_WRITE);
    struct store_series web = make_series(s, "web", MINUTE),
                        api = make_series(s, "api", MINUTE);
    struct store_value late[] = {{web.id, START + HOUR, 7}, {web.id, START + 2 * HOUR, NAN}};
    struct series *out = NULL;
    struct err e = {0};

    (void)state;
    append_minutes(s, &web, &api, START, START + DAY);
    tend_all(s, START + 2 * DAY);
    assert_int_equal(count_rows(s, "SELECT count(*) FROM tick"), 0);
    assert_int_equal(store_append(s, late, 2, &e), 0);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(store_read(s, &web, START, START + DAY, &out, &e), 0);
        assert_near(series_at(out, START + HOUR), 7, 0);
        assert_near(series_at(out, START + 2 * HOUR), NAN, 0);
        assert_near(series_at(out, START + 3 * HOUR), value_of(web.id, START + 3 * HOUR), 0);
        assert_int_equal(series_count(out), 1439);
        series_free(out);
        tend_all(s, START + 2 * DAY);
    }
    store_close(s);
}

static void old_days_thin_out_but_stay(void **state)
{
    struct store *s = open_store(STORE_WRITE);
    struct store_series web = make_series(s, "web", MINUTE);
    struct sample *in = malloc(200 * 1440 * sizeof *in);
    struct series *out = NULL;
    struct err e = {0};
    size_t cells;

    (void)state;
    assert_non_null(in);
    for (int64_t i = 0; i < 200 * 1440; i++)
        in[i] = (struct sample){START + i * MINUTE, (double)(i % 5)};
    assert_int_equal(store_import(s, &web, in, 200 * 1440, &cells, &e), 0);
    assert_int_equal(cells, 200 * 1440);
    free(in);
    tend_all(s, START + 200 * DAY);
    assert_int_equal(count_rows(s, "SELECT count(*) FROM block WHERE tier = 0"), 36);
    assert_int_equal(count_rows(s, "SELECT count(*) FROM block WHERE tier = 1"), 101);
    assert_int_equal(count_rows(s, "SELECT count(*) FROM block WHERE tier = 2"), 200);
    assert_int_equal(store_read(s, &web, START, START + 300 * DAY, &out, &e), 0);
    assert_int_equal(out->n, 200 * 1440);
    assert_int_equal(series_count(out), out->n);
    assert_near(out->values[out->n - 1], 4, 0);
    assert_near(out->values[out->n - 50 * 1440 + 1], 2, 0); /* a mean of 5 minutes */
    assert_near(out->values[3], 2, 0);                      /* a mean of an hour */
    series_free(out);
    /* The service has stopped: its last days stay. */
    tend_all(s, START + 3000 * DAY);
    assert_int_equal(count_rows(s, "SELECT count(*) FROM block WHERE tier = 0"), 36);
    store_close(s);
}

static void an_import_merges_with_what_is_there(void **state)
{
    struct store *s = open_store(STORE_WRITE);
    struct store_series web = make_series(s, "web", MINUTE),
                        api = make_series(s, "api", MINUTE);
    const struct sample in[] = {{START + DAY + MINUTE, 5},
                                {START + DAY + MINUTE + 1, 7},
                                {START + 3 * MINUTE, 9},
                                {START + DAY + 2 * MINUTE, NAN},
                                {START - 40 * DAY, 1}};
    struct series *out = NULL;
    struct err e = {0};
    size_t cells;

    (void)state;
    append_minutes(s, &web, &api, START, START + DAY + HOUR);
    tend_all(s, START + DAY + HOUR); /* day one is blocks, day two ticks */
    assert_int_equal(store_import(s, &web, in, 5, &cells, &e), 0);
    assert_int_equal(cells, 3);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(store_read(s, &web, START, START + 9 * DAY, &out, &e), 0);
        assert_int_equal(series_count(out), 1440 + 60);
        assert_near(series_at(out, START + 3 * MINUTE), 9, 0);
        assert_near(series_at(out, START + DAY + MINUTE), 6, 0);
        assert_near(series_at(out, START + DAY + 2 * MINUTE),
                    value_of(web.id, START + DAY + 2 * MINUTE), 0);
        series_free(out);
        tend_all(s, START + 3 * DAY);
    }
    store_close(s);
}

static void odd_steps_and_times_before_1970_are_kept(void **state)
{
    static const int64_t steps[] = {1000, 7000, 300000, 420000, HOUR, DAY};

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct store_series x;
        struct sample in[600];
        struct series *out = NULL;
        struct store *s;
        struct err e = {0};

        print_message("step %lld ms\n", (long long)steps[i]);
        fresh_dir(NULL);
        s = open_store(STORE_WRITE);
        x = make_series(s, "web", steps[i]);
        for (int k = 0; k < 600; k++)
            in[k] = (struct sample){(k - 300) * steps[i], k};
        assert_int_equal(store_import(s, &x, in, 600, NULL, &e), 0);
        assert_int_equal(store_read(s, &x, -700 * DAY, 700 * DAY, &out, &e), 0);
        assert_int_equal(out->n, 600);
        for (size_t k = 0; k < 600; k++)
            assert_near(out->values[k], (double)k, 0);
        series_free(out);
        store_close(s);
    }
}

/* What a brain is trained on: minutes, not means of five, for all of the 28 days. */
static void weeks_are_read_at_the_step_from_blocks_and_ticks(void **state)
{
    struct store *s = open_store(STORE_WRITE);
    struct store_series web = make_series(s, "web", MINUTE),
                        api = make_series(s, "api", MINUTE);
    int64_t now = START + 31 * DAY + 5 * HOUR;
    struct sample *in = malloc(31 * 1440 * sizeof *in);
    struct series *one = NULL, *other = NULL;
    struct err e = {0};

    (void)state;
    assert_non_null(in);
    for (int64_t i = 0; i < 31 * 1440; i++)
        in[i] = (struct sample){START + i * MINUTE, value_of(web.id, START + i * MINUTE)};
    assert_int_equal(store_import(s, &web, in, 31 * 1440, NULL, &e), 0);
    free(in);
    append_minutes(s, &web, &api, START + 31 * DAY, now);
    assert_int_equal(store_read(s, &web, now - 28 * DAY, now, &one, &e), 0);
    assert_int_equal(store_read(s, &api, now - 28 * DAY, now, &other, &e), 0);
    assert_int_equal(one->n, 28 * 1440);
    assert_int_equal(other->n, 5 * 60);
    for (int64_t t = now - 28 * DAY; t < now; t += MINUTE)
        assert_near(series_at(one, t), value_of(web.id, t), 0);
    for (int64_t t = now - 5 * HOUR; t < now; t += MINUTE)
        assert_near(series_at(other, t), value_of(api.id, t), 0);
    series_free(one);
    series_free(other);
    store_close(s);
}

static void an_unknown_service_is_named_with_its_neighbour(void **state)
{
    struct store *s = open_store(STORE_WRITE);
    struct store_series found;
    struct err e = {0};

    (void)state;
    make_series(s, "checkout", MINUTE);
    make_series(s, "checkout", 5 * MINUTE);
    assert_int_equal(store_series_find(s, "chekout", STORE_DEMAND, &found, &e), -1);
    assert_int_equal(e.code, ERR_SHORT);
    assert_contains(e.msg, "no samples of service \"chekout\" (did you mean \"checkout\"?)");
    assert_int_equal(store_series_find(s, "checkout", STORE_DEMAND, &found, &e), 0);
    assert_int_equal(found.step_ms, 5 * MINUTE);
    make_series(s, "checkout", MINUTE);
    assert_int_equal(store_series_find(s, "checkout", STORE_DEMAND, &found, &e), 0);
    assert_int_equal(found.step_ms, MINUTE);
    store_close(s);
}

static int64_t add_decision(struct store *s, int64_t run, const char *service, int64_t t,
                            int to)
{
    struct store_decision d = {.run = run, .time_ms = t, .from = 3, .to = to, .load = NAN};
    struct err e = {0};

    str_copy(d.service, sizeof d.service, service);
    str_copy(d.reason, sizeof d.reason, "plan");
    str_copy(d.gate, sizeof d.gate, "dry run");
    if (store_decision_add(s, &d, "{}", &e) != 0)
        fail_msg("%s", e.msg);
    return d.id;
}

static void a_decision_lasts_until_the_next_or_the_end_of_its_run(void **state)
{
    struct store *s = open_store(STORE_WRITE);
    struct store_decision *list = NULL, one;
    struct store_outcome o = {.time_ms = START + 5 * MINUTE, .is_done = true, .ready = 5};
    struct store_outcome *outcomes = NULL;
    struct str body = STR_EMPTY;
    struct err e = {0};
    int64_t run, id;
    size_t n;

    (void)state;
    assert_int_equal(store_run_new(s, START, &run, &e), 0);
    id = add_decision(s, run, "web", START, 5);
    add_decision(s, run, "api", START + MINUTE, 5);
    assert_int_equal(store_run_tick(s, run, START + 20 * MINUTE, &e), 0);
    add_decision(s, run, "web", START + 30 * MINUTE, 6);
    assert_int_equal(store_run_tick(s, run, START + 40 * MINUTE, &e), 0);
    assert_int_equal(store_decision_list(s, NULL, START, START + DAY, 100, &list, &n, &e), 0);
    assert_int_equal(n, 3);
    assert_int_equal(list[0].id, id);
    assert_int_equal(list[0].until_ms, START + 30 * MINUTE);
    assert_int_equal(list[1].until_ms, START + 40 * MINUTE);
    assert_int_equal(list[2].until_ms, START + 40 * MINUTE);
    free(list);
    assert_int_equal(
        store_decision_list(s, "web", START + 10 * MINUTE, START + DAY, 100, &list, &n, &e), 0);
    assert_int_equal(n, 2); /* the first is in force then */
    free(list);
    assert_int_equal(store_decision_list(s, "web", START, START + DAY, 1, &list, &n, &e), 0);
    assert_int_equal(n, 1);
    assert_int_equal(list[0].to, 6);
    free(list);
    assert_int_equal(store_decision_get(s, 0, "web", &one, &body, &e), 0);
    assert_int_equal(one.to, 6);
    assert_string_equal(str_text(&body), "{}");
    assert_int_equal(store_decision_get(s, 99, NULL, &one, NULL, &e), -1);
    assert_int_equal(e.code, ERR_SHORT);
    o.decision = id;
    assert_int_equal(store_outcome_add(s, &o, &e), 0);
    assert_int_equal(store_outcome_list(s, id, &outcomes, &n, &e), 0);
    assert_int_equal(n, 1);
    assert_int_equal(outcomes[0].ready, 5);
    free(outcomes);
    str_clear(&body);
    store_close(s);
}

static void the_audit_is_thinned_after_a_week_and_ends_after_a_year(void **state)
{
    struct store *s = open_store(STORE_WRITE);
    struct err e = {0};
    int64_t run;

    (void)state;
    assert_int_equal(store_run_new(s, START, &run, &e), 0);
    for (int d = 0; d < 400; d++) {
        struct store_decision r = {.run = run, .time_ms = START + d * DAY, .is_repeat = d % 2};

        str_copy(r.service, sizeof r.service, "web");
        assert_int_equal(store_decision_add(s, &r, "{}", &e), 0);
    }
    assert_int_equal(store_run_tick(s, run, START + 400 * DAY, &e), 0);
    tend_all(s, START + 400 * DAY);
    assert_int_equal(count_rows(s, "SELECT count(*) FROM decision"), 183 + 4);
    store_close(s);
}

static void overrides_leads_and_states_are_kept(void **state)
{
    struct store *s = open_store(STORE_WRITE);
    struct store_override o = {
        .from_ms = START, .until_ms = START + HOUR, .least = 4, .most = -1};
    struct store_lead l = {.time_ms = START, .lead_ms = 5000, .count = 2}, *leads = NULL;
    struct store_override *list = NULL;
    struct str out = STR_EMPTY;
    struct err e = {0};
    int64_t t;
    size_t n;

    (void)state;
    str_copy(o.service, sizeof o.service, "web");
    str_copy(o.kind, sizeof o.kind, "override");
    str_copy(o.reason, sizeof o.reason, "sale");
    assert_int_equal(store_override_add(s, &o, &e), 0);
    assert_int_equal(store_override_list(s, "web", "override", &list, &n, &e), 0);
    assert_int_equal(n, 1);
    assert_string_equal(list[0].reason, "sale");
    assert_int_equal(list[0].ended_ms, 0);
    free(list);
    assert_int_equal(store_override_end(s, NULL, "override", START + 2, &e), 0);
    assert_int_equal(store_override_list(s, "web", "hold", &list, &n, &e), 0);
    assert_int_equal(n, 0);
    free(list);
    assert_int_equal(store_override_list(s, "web", "override", &list, &n, &e), 0);
    assert_int_equal(list[0].ended_ms, START + 2);
    free(list);
    for (int i = 0; i < 5; i++) {
        l.time_ms += MINUTE;
        assert_int_equal(store_lead_add(s, "web", &l, &e), 0);
    }
    assert_int_equal(store_lead_list(s, "web", 3, &leads, &n, &e), 0);
    assert_int_equal(n, 3);
    assert_int_equal(leads[2].time_ms, START + 5 * MINUTE);
    free(leads);
    assert_int_equal(store_state_get(s, "web", "model", &out, &t, &e), -1);
    assert_int_equal(e.code, ERR_SHORT);
    assert_int_equal(store_state_put(s, "web", "model", "a\0b", 3, START, &e), 0);
    assert_int_equal(store_state_put(s, "web", "model", "c\0d", 3, START + 1, &e), 0);
    assert_int_equal(store_state_put(s, "web", "none", NULL, 0, START, &e), 0);
    assert_int_equal(store_state_get(s, "web", "model", &out, &t, &e), 0);
    assert_int_equal(t, START + 1);
    assert_int_equal(out.len, 3);
    assert_memory_equal(out.data, "c\0d", 3);
    str_clear(&out);
    assert_int_equal(store_state_get(s, "web", "none", &out, NULL, &e), 0);
    assert_int_equal(out.len, 0);
    str_clear(&out);
    store_close(s);
}

static void a_batch_is_all_or_nothing(void **state)
{
    struct store *s = open_store(STORE_WRITE);
    struct store_series web = make_series(s, "web", MINUTE);
    struct store_value v = {web.id, START, 1};
    struct series *out = NULL;
    struct err e = {0};
    int64_t run;

    (void)state;
    assert_int_equal(store_begin(s, &e), 0);
    assert_int_equal(store_append(s, &v, 1, &e), 0);
    assert_int_equal(store_run_new(s, START, &run, &e), 0);
    store_rollback(s);
    assert_int_equal(count_rows(s, "SELECT count(*) FROM run"), 0);
    assert_int_equal(store_waiting(s), 1); /* samples are not lost with it */
    assert_int_equal(store_append(s, NULL, 0, &e), 0);
    assert_int_equal(store_waiting(s), 0);
    assert_int_equal(store_read(s, &web, START, START + DAY, &out, &e), 0);
    series_free(out);
    store_close(s);
}

static void a_reader_works_beside_the_writer(void **state)
{
    struct store *w = open_store(STORE_WRITE), *r;
    struct store_series web = make_series(w, "web", MINUTE),
                        api = make_series(w, "api", MINUTE);
    struct series *out = NULL;
    struct err e = {0};
    int64_t run;

    (void)state;
    append_minutes(w, &web, &api, START, START + HOUR);
    r = open_store(STORE_READ);
    assert_int_equal(store_begin(w, &e), 0);
    assert_int_equal(store_run_new(w, START, &run, &e), 0);
    assert_int_equal(store_read(r, &web, START, START + DAY, &out, &e), 0);
    assert_int_equal(out->n, 60);
    series_free(out);
    assert_int_equal(store_run_new(r, START, &run, &e), -1); /* it may not write */
    assert_int_equal(e.code, ERR_DENIED);
    assert_int_equal(store_commit(w, &e), 0);
    append_minutes(w, &web, &api, START + HOUR, START + 2 * HOUR);
    assert_int_equal(store_read(r, &web, START, START + DAY, &out, &e), 0);
    assert_int_equal(out->n, 120);
    series_free(out);
    store_close(r);
    store_close(w);
}

static void the_second_daemon_is_told_who_is_there(void **state)
{
    struct err e = {0};
    int a, b, status;
    pid_t child;
    char pid[32];

    (void)state;
    assert_int_equal(store_lock(dir, &a, &e), 0);
    child = fork();
    if (child == 0) {
        int rc = store_lock(dir, &b, &e);

        snprintf(pid, sizeof pid, "(pid %ld)", (long)getppid());
        _exit(rc == -1 && e.code == ERR_BUSY && strstr(e.msg, pid) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(a);
    assert_int_equal(store_lock(dir, &b, &e), 0);
    close(b);
}

static void the_file_is_for_its_owner_alone(void **state)
{
    struct store *s = open_store(STORE_WRITE);
    char path[4300];
    struct stat st;

    (void)state;
    make_series(s, "web", MINUTE);
    for (int i = 0; i < 3; i++) {
        static const char *const ends[] = {"", "-wal", "-shm"};

        snprintf(path, sizeof path, "%s/scaler.db%s", dir, ends[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    store_close(s);
}

static void a_full_disk_loses_nothing_and_recovers(void **state)
{
    struct store *s = open_store(STORE_WRITE);
    struct store_series web = make_series(s, "web", MINUTE),
                        api = make_series(s, "api", MINUTE);
    struct rlimit limit, small;
    struct series *out = NULL;
    struct err e = {0};
    size_t failed = 0;
    int64_t t = START;

    (void)state;
    append_minutes(s, &web, &api, START, START + HOUR);
    t = START + HOUR;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = 256 * 1024;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int i = 0; i < 240; i++, t += MINUTE) {
        struct store_value v = {web.id, t, value_of(web.id, t)};

        failed += store_append(s, &v, 1, &e) != 0 ? 1 : 0;
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_true(failed > 0);
    print_message("%s\n", e.msg);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_contains(e.msg, "scaler.db: cannot be written: the disk or quota is full; ");
    assert_contains(e.msg, " values wait in memory");
    assert_true(store_waiting(s) > 0);
    assert_int_equal(store_append(s, NULL, 0, &e), 0);
    assert_int_equal(store_waiting(s), 0);
    assert_int_equal(store_read(s, &web, START, t, &out, &e), 0);
    assert_int_equal(series_count(out), 300);
    series_free(out);
    store_close(s);
}

static void a_batch_on_a_full_disk_fails_once_and_can_be_repeated(void **state)
{
    struct store *s = open_store(STORE_WRITE);
    struct rlimit limit, small;
    struct err e = {0};
    int64_t run = 0;
    int rc = 0;
    char *big = malloc(400 * 1024);

    (void)state;
    assert_non_null(big);
    memset(big, 'x', 400 * 1024);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = 256 * 1024;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(store_begin(s, &e), 0);
    assert_int_equal(store_run_new(s, START, &run, &e), 0);
    for (int i = 0; i < 20 && rc == 0; i++)
        rc = store_state_put(s, "web", i % 2 ? "a" : "b", big, 400 * 1024, START, &e);
    rc = store_commit(s, &e);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(rc, -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(count_rows(s, "SELECT count(*) FROM run"), 0);
    assert_int_equal(store_begin(s, &e), 0);
    assert_int_equal(store_run_new(s, START, &run, &e), 0);
    assert_int_equal(store_commit(s, &e), 0);
    assert_int_equal(count_rows(s, "SELECT count(*) FROM run"), 1);
    free(big);
    store_close(s);
}

static void write_file(const char *name, const void *bytes, size_t n)
{
    char path[4300];
    FILE *f;

    mkdir(dir, 0700);
    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    chmod(path, 0600);
}

static void a_file_that_is_no_store_gives_a_clear_message(void **state)
{
    struct store *s = NULL;
    struct err e = {0};
    sqlite3 *db = NULL;
    char path[4300];
    char junk[8192];

    (void)state;
    assert_int_equal(store_open(&s, dir, STORE_READ, &e), -1);
    assert_int_equal(e.code, ERR_SHORT);
    assert_contains(e.msg, "scaler.db: no store yet");
    memset(junk, 'j', sizeof junk);
    write_file("scaler.db", junk, sizeof junk);
    assert_int_equal(store_open(&s, dir, STORE_WRITE, &e), -1);
    assert_int_equal(e.code, ERR_DATA);
    assert_contains(e.msg, "scaler.db: damaged (");
    snprintf(path, sizeof path, "%s/scaler.db", dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE x(y)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(store_open(&s, dir, STORE_WRITE, &e), -1);
    assert_int_equal(e.code, ERR_DATA);
    assert_contains(e.msg, "no store of scaler");
}

/* Bytes turned over in the middle: reading says "damaged", and never crashes. */
static void a_damaged_store_is_told(void **state)
{
    struct store *s = open_store(STORE_WRITE);
    struct store_series web = make_series(s, "web", MINUTE),
                        api = make_series(s, "api", MINUTE);
    struct series *out = NULL;
    struct err e = {0};
    char path[4300], junk[4096];
    bool told = false;
    struct stat st;
    int fd;

    (void)state;
    append_minutes(s, &web, &api, START, START + 2 * DAY);
    tend_all(s, START + 5 * DAY);
    store_close(s);
    snprintf(path, sizeof path, "%s/scaler.db", dir);
    assert_int_equal(stat(path, &st), 0);
    memset(junk, 0x5a, sizeof junk);
    for (off_t at = 4096; at < st.st_size; at += 4096) {
        fd = open(path, O_WRONLY);
        assert_true(fd >= 0);
        assert_int_equal(pwrite(fd, junk, sizeof junk, at), sizeof junk);
        close(fd);
        e = (struct err){0};
        if (store_open(&s, dir, STORE_READ, &e) == 0) {
            if (store_read(s, &web, 0, START + 9 * DAY, &out, &e) == 0)
                series_free(out);
            store_close(s);
        }
        told = told || e.code == ERR_DATA;
    }
    assert_true(told);
}

static void a_block_that_begins_outside_its_day_is_passed_over(void **state)
{
    static const char *const firsts[] = {"9223372036854775807", "-9223372036854775808", "0",
                                         "first + 100000"};
    struct store *s = open_store(STORE_WRITE);
    struct store_series web = make_series(s, "web", MINUTE),
                        api = make_series(s, "api", MINUTE);

    (void)state;
    append_minutes(s, &web, &api, START, START + 2 * DAY);
    tend_all(s, START + 2 * DAY);
    store_close(s);
    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
        struct series *out = NULL;
        struct err e = {0};
        char path[4300], sql[200];
        sqlite3 *db;

        print_message("%s\n", firsts[i]);
        snprintf(path, sizeof path, "%s/scaler.db", dir);
        snprintf(sql, sizeof sql,
                 "UPDATE block SET first = %s WHERE day = (SELECT min(day) "
                 "FROM block)",
                 firsts[i]);
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
        s = open_store(STORE_READ);
        assert_int_equal(store_read(s, &web, 0, START + 9 * DAY, &out, &e), 0);
        assert_int_equal(out->start_ms, START + DAY);
        assert_int_equal(out->n, 1440);
        series_free(out);
        store_close(s);
    }
}

static void a_newer_store_is_left_untouched(void **state)
{
    const char *steps[3] = {store_schema[0], "CREATE TABLE more(x INTEGER) STRICT", "SELECT 1"};
    struct store *s = open_store(STORE_WRITE);
    struct err e = {0};
    struct stat before, after;
    sqlite3 *db = NULL;
    char path[4300], copy[4400];

    (void)state;
    make_series(s, "web", MINUTE);
    store_close(s);
    snprintf(path, sizeof path, "%s/scaler.db", dir);
    snprintf(copy, sizeof copy, "%s.v1", path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(store_migrate(db, path, steps, 3, &e), 0); /* as a newer program would */
    assert_int_equal(store_migrate(db, path, steps, 3, &e), 0);
    sqlite3_close(db);
    assert_int_equal(stat(copy, &after), 0); /* the copy it made first */
    assert_int_equal(after.st_mode & 0777, 0600);
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(store_open(&s, dir, STORE_WRITE, &e), -1);
    assert_int_equal(e.code, ERR_CONFIG);
    assert_contains(e.msg, "written by a newer scaler (store version 3, this program knows 1)");
    assert_int_equal(store_open(&s, dir, STORE_READ, &e), -1);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
    assert_int_equal(rename(copy, path), 0); /* the way back */
    s = open_store(STORE_WRITE);
    assert_int_equal(count_rows(s, "SELECT count(*) FROM series"), 1);
    store_close(s);
}

static void a_failed_migration_changes_nothing(void **state)
{
    const char *steps[2] = {store_schema[0], "CREATE TABLE more(x); nonsense"};
    struct store *s = open_store(STORE_WRITE);
    struct err e = {0};
    sqlite3 *db = NULL;
    char path[4300];
    int version;

    (void)state;
    store_close(s);
    snprintf(path, sizeof path, "%s/scaler.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(store_migrate(db, path, steps, 2, &e), -1);
    assert_int_equal(store_version(db, path, 1, &version, &e), 0);
    assert_int_equal(version, 1);
    sqlite3_close(db);
    store_close(open_store(STORE_WRITE));
}

static void an_unwritable_directory_is_told(void **state)
{
    struct store *s = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(store_open(&s, "/proc/scaler", STORE_WRITE, &e), -1);
    assert_contains(e.msg, "/proc/scaler");
    write_file("occupied", "x", 1);
    snprintf(dir + strlen(dir), 16, "/occupied");
    assert_int_equal(store_open(&s, dir, STORE_WRITE, &e), -1);
    assert_contains(e.msg, "occupied");
}

#define STORE_TEST(f) cmocka_unit_test_setup(f, fresh_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(samples_come_back_before_and_after_their_day_is_closed),
        STORE_TEST(late_and_corrected_samples_win_also_in_closed_days),
        STORE_TEST(old_days_thin_out_but_stay),
        STORE_TEST(an_import_merges_with_what_is_there),
        STORE_TEST(odd_steps_and_times_before_1970_are_kept),
        STORE_TEST(weeks_are_read_at_the_step_from_blocks_and_ticks),
        STORE_TEST(an_unknown_service_is_named_with_its_neighbour),
        STORE_TEST(a_decision_lasts_until_the_next_or_the_end_of_its_run),
        STORE_TEST(the_audit_is_thinned_after_a_week_and_ends_after_a_year),
        STORE_TEST(overrides_leads_and_states_are_kept),
        STORE_TEST(a_batch_is_all_or_nothing),
        STORE_TEST(a_reader_works_beside_the_writer),
        STORE_TEST(the_second_daemon_is_told_who_is_there),
        STORE_TEST(the_file_is_for_its_owner_alone),
        STORE_TEST(a_full_disk_loses_nothing_and_recovers),
        STORE_TEST(a_batch_on_a_full_disk_fails_once_and_can_be_repeated),
        STORE_TEST(a_file_that_is_no_store_gives_a_clear_message),
        STORE_TEST(a_damaged_store_is_told),
        STORE_TEST(a_block_that_begins_outside_its_day_is_passed_over),
        STORE_TEST(a_newer_store_is_left_untouched),
        STORE_TEST(a_failed_migration_changes_nothing),
        STORE_TEST(an_unwritable_directory_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
