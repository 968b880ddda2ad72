/* redis_layout.c - the shapes in which request rates sit in Redis. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/sources/redis_work.h"
#include "base/clk.h"
#include "base/vec.h"

enum {
    KEYS_PER_COMMAND = 500,   /* of MGET and HMGET: short enough not to hold up the server */
    CELLS_PER_COMMAND = 1440, /* of a range */
};

void work_fail(struct work *w, enum err_code code, const char *fmt, ...)
{
    char text[sizeof w->reply->err.msg];
    va_list ap;

    if (w->reply->err.code != ERR_NONE)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    err_set(&w->reply->err, code, "%s", text);
}

double work_value(const struct work *w, size_t i)
{
    if (isnan(w->sums[i]))
        return NAN;
    if (w->plan->is_counts)
        return w->sums[i] * 1000.0 / (double)w->query->step_ms;
    return w->counts[i] > 1 ? w->sums[i] / w->counts[i] : w->sums[i];
}

static int64_t cell_ms(const struct work *w, size_t i)
{
    return w->from_ms + (int64_t)i * w->query->step_ms;
}

void work_key(const struct work *w, size_t i, char *out, size_t size)
{
    struct str s = STR_EMPTY;

    template_write(&w->plan->key, w->query->service, cell_ms(w, i), w->plan->zone, &s);
    str_copy(out, size, str_text(&s));
    str_clear(&s);
}

void work_say_silent(struct work *w)
{
    char *note = w->reply->note;
    size_t size = sizeof w->reply->note;
    char key[96];

    work_key(w, w->n_cells - 1, key, sizeof key);
    if (w->plan->layout->is_bucketed)
        snprintf(note, size,
                 "redis: nothing under \"%.72s\" nor in the %zu cells before it: is the name "
                 "right?",
                 key, w->n_cells - 1);
    else
        snprintf(note, size,
                 "redis: nothing in \"%.72s\" in these %zu cells: is the name right?", key,
                 w->n_cells);
}

static void fail_at(struct work *w, size_t i, const struct rds_value *v, const char *wanted)
{
    char key[96];

    work_key(w, i, key, sizeof key);
    if (v->type == RDS_ERROR) {
        if (w->reply->err.code == ERR_NONE)
            rds_error(v, key, &w->reply->err);
    } else if (v->text) {
        work_fail(w, ERR_DATA, "%s: \"%.40s\": %s", key, v->text, wanted);
    } else {
        work_fail(w, ERR_DATA, "%s: the answer is %s: %s", key, rds_type_name(v->type), wanted);
    }
}

static bool read_number(struct work *w, size_t i, const struct rds_value *v, double *out)
{
    if (v->type == RDS_INTEGER)
        *out = (double)v->integer;
    else if ((v->type != RDS_STRING && v->type != RDS_STATUS) ||
             !str_to_double(v->text, v->len, out)) {
        fail_at(w, i, v, "expected a number");
        return false;
    }
    if (sample_is_load(*out))
        return true;
    fail_at(w, i, v,
            *out > SAMPLE_MOST && isfinite(*out) ? "beyond 1e15, expected a load"
                                                 : "expected a number from 0 on");
    return false;
}

static void add_value(struct work *w, size_t i, double value)
{
    w->sums[i] = isnan(w->sums[i]) ? value : w->sums[i] + value;
    w->counts[i]++;
}

static void add_at(struct work *w, int64_t time_ms, double value)
{
    int64_t i = (time_ms - w->from_ms) / w->query->step_ms;

    if (time_ms >= w->from_ms && i < (int64_t)w->n_cells)
        add_value(w, (size_t)i, value);
}

/* Names written one after another into one text, cut into words when all are there: the text
 * moves while it grows. */
struct words {
    struct str *text;
    size_t starts[KEYS_PER_COMMAND + 3];
    size_t n;
};

static void words_reset(struct words *l, struct str *text)
{
    l->text = text;
    l->n = 0;
    str_reset(text);
}

static void word_add(struct words *l, const char *word)
{
    l->starts[l->n++] = l->text->len;
    str_add_n(l->text, word, strlen(word));
}

static void word_add_template(struct words *l, const struct work *w, const struct template *t,
                              int64_t time_ms)
{
    l->starts[l->n++] = l->text->len;
    template_write(t, w->query->service, time_ms, w->plan->zone, l->text);
}

static int words_send(struct rds *r, struct work *w, const struct words *l, struct err *e)
{
    const char *argv[KEYS_PER_COMMAND + 3];
    size_t lens[KEYS_PER_COMMAND + 3];

    if (l->text->failed)
        return err_nomem(e);
    for (size_t i = 0; i < l->n; i++) {
        size_t end = i + 1 < l->n ? l->starts[i + 1] : l->text->len;

        argv[i] = l->text->data + l->starts[i];
        lens[i] = end - l->starts[i];
    }
    if (rds_add(r, (int)l->n, argv, lens, e) != 0)
        return -1;
    w->n_commands++;
    return 0;
}

static int need_time(const struct template *t, const char *what, struct err *e)
{
    if (t->has_any_time)
        return 0;
    return err_set(e, ERR_CONFIG, "%s: no time in it: this layout wants {epoch} or {time:...}",
                   what);
}

/* ---- counter: one key a bucket ---- */

static int check_key_time(const struct template *key, const struct template *field,
                          struct err *e)
{
    (void)field;
    return need_time(key, "key", e);
}

static int counter_ask(struct rds *r, struct work *w, struct str *scratch, struct err *e)
{
    struct words l;

    for (size_t i = 0; i < w->n_cells; i += KEYS_PER_COMMAND) {
        words_reset(&l, scratch);
        word_add(&l, "MGET");
        for (size_t k = i; k < w->n_cells && k < i + KEYS_PER_COMMAND; k++)
            word_add_template(&l, w, &w->plan->key, cell_ms(w, k));
        if (words_send(r, w, &l, e) != 0)
            return -1;
    }
    return 0;
}

static void counter_take(struct work *w, size_t index, const struct rds_value *v)
{
    size_t first = index * KEYS_PER_COMMAND;

    if (v->type != RDS_ARRAY) {
        fail_at(w, first, v, "expected an array");
        return;
    }
    for (size_t k = 0; k < v->len && first + k < w->n_cells; k++) {
        double value;

        if (v->items[k]->type == RDS_NIL)
            continue;
        if (!read_number(w, first + k, v->items[k], &value))
            return;
        add_value(w, first + k, value);
    }
}

/* ---- hash: one hash a bucket, a field per host ---- */

static int hash_ask(struct rds *r, struct work *w, struct str *scratch, struct err *e)
{
    struct words l;

    for (size_t i = 0; i < w->n_cells; i++) {
        words_reset(&l, scratch);
        word_add(&l, w->plan->has_field ? "HGET" : "HVALS");
        word_add_template(&l, w, &w->plan->key, cell_ms(w, i));
        if (w->plan->has_field)
            word_add_template(&l, w, &w->plan->field, cell_ms(w, i));
        if (words_send(r, w, &l, e) != 0)
            return -1;
    }
    return 0;
}

static void hash_take(struct work *w, size_t index, const struct rds_value *v)
{
    double value, sum = 0;

    if (w->plan->has_field && v->type == RDS_NIL)
        return;
    if (v->type != RDS_ARRAY) {
        if (read_number(w, index, v, &value))
            add_value(w, index, value);
        return;
    }
    for (size_t k = 0; k < v->len; k++) {
        if (!read_number(w, index, v->items[k], &value))
            return;
        sum += value;
    }
    if (v->len > 0)
        add_value(w, index, sum);
}

/* ---- hash_day: one hash a day (or any span), a field per bucket ---- */

static int check_field_time(const struct template *key, const struct template *field,
                            struct err *e)
{
    (void)key;
    return need_time(field, "field", e);
}

/* First cell after i whose key is another one; both callers walk the same way. */
static size_t same_key_end(const struct work *w, size_t i, struct str *a, struct str *b)
{
    size_t k = i + 1;

    str_reset(a);
    template_write(&w->plan->key, w->query->service, cell_ms(w, i), w->plan->zone, a);
    for (; k < w->n_cells && k < i + KEYS_PER_COMMAND; k++) {
        str_reset(b);
        template_write(&w->plan->key, w->query->service, cell_ms(w, k), w->plan->zone, b);
        if (strcmp(str_text(a), str_text(b)) != 0)
            break;
    }
    return k;
}

static int hash_day_ask(struct rds *r, struct work *w, struct str *scratch, struct err *e)
{
    struct str a = STR_EMPTY, b = STR_EMPTY;
    struct words l;
    int rc = 0;

    for (size_t i = 0; i < w->n_cells && rc == 0;) {
        size_t end = same_key_end(w, i, &a, &b);

        words_reset(&l, scratch);
        word_add(&l, "HMGET");
        word_add_template(&l, w, &w->plan->key, cell_ms(w, i));
        for (; i < end; i++)
            word_add_template(&l, w, &w->plan->field, cell_ms(w, i));
        rc = words_send(r, w, &l, e);
    }
    str_clear(&a);
    str_clear(&b);
    return rc;
}

static void hash_day_take(struct work *w, size_t index, const struct rds_value *v)
{
    size_t first = w->n_taken; /* cells taken so far: commands differ in length */

    (void)index;
    if (v->type != RDS_ARRAY) {
        fail_at(w, first < w->n_cells ? first : 0, v, "expected an array");
        return;
    }
    for (size_t k = 0; k < v->len && first + k < w->n_cells; k++) {
        double value;

        if (v->items[k]->type == RDS_NIL)
            continue;
        if (!read_number(w, first + k, v->items[k], &value))
            return;
        add_value(w, first + k, value);
    }
    w->n_taken += v->len;
}

/* ---- ranges: sorted set, stream, RedisTimeSeries ---- */

static int no_key_time(const struct template *key, const struct template *field, struct err *e)
{
    (void)field;
    if (!key->has_any_time)
        return 0;
    return err_set(e, ERR_CONFIG, "key: a time in it; this layout has one key a service");
}

/* Cells of range number `range`, from *first up to before *end. */
static bool range_cells(const struct work *w, size_t range, size_t *first, size_t *end)
{
    *first = range * CELLS_PER_COMMAND;
    *end = *first + CELLS_PER_COMMAND < w->n_cells ? *first + CELLS_PER_COMMAND : w->n_cells;
    return *first < w->n_cells;
}

int work_first_pages(struct work *w, struct pages *out, struct err *e)
{
    bool is_scored = strcmp(w->plan->layout->name, "zset") == 0;
    size_t first, end;

    for (size_t i = 0; range_cells(w, i, &first, &end); i++) {
        struct page *p;

        if (vec_reserve(&out->items, &out->cap, out->n + 1, sizeof *out->items) != 0)
            return err_nomem(e);
        p = &out->items[out->n++];
        *p = (struct page){.work = w, .range = i};
        snprintf(p->from, sizeof p->from, "%" PRId64,
                 cell_ms(w, first) / (is_scored ? w->plan->time_unit_ms : 1));
    }
    return 0;
}

static int zset_ask_page(struct rds *r, const struct page *p, struct str *scratch,
                         struct err *e)
{
    struct work *w = p->work;
    char below[32], offset[24], most[16];
    size_t first, end;
    struct words l;

    range_cells(w, p->range, &first, &end);
    snprintf(below, sizeof below, "(%" PRId64, cell_ms(w, end) / w->plan->time_unit_ms);
    snprintf(offset, sizeof offset, "%zu", p->offset);
    snprintf(most, sizeof most, "%d", PAGE_ENTRIES);
    words_reset(&l, scratch);
    word_add(&l, "ZRANGEBYSCORE");
    word_add_template(&l, w, &w->plan->key, w->from_ms);
    word_add(&l, p->from);
    word_add(&l, below);
    word_add(&l, "WITHSCORES"); /* where the next page begins */
    word_add(&l, "LIMIT");
    word_add(&l, offset);
    word_add(&l, most);
    return words_send(r, w, &l, e);
}

static bool read_time(struct work *w, const struct rds_value *whole, const char *text, size_t n,
                      int64_t *out_ms)
{
    double t;

    if (str_to_double(text, n, &t) && isfinite(t) && fabs(t) < 1e15) {
        *out_ms = (int64_t)floor(t * (double)w->plan->time_unit_ms);
        return true;
    }
    fail_at(w, 0, whole, "expected a time, as in \"1700000000:42\"");
    return false;
}

/* One member and its score. */
static bool take_member(struct work *w, const struct rds_value *m,
                        const struct rds_value *score)
{
    struct rds_value part = *m;
    const char *colon = NULL;
    int64_t time_ms;
    double value;

    if (m->type != RDS_STRING || score->type != RDS_STRING) {
        fail_at(w, 0, m, "expected text");
        return false;
    }
    if (w->plan->has_time_members) {
        colon = memrchr(m->text, ':', m->len);
        if (!colon) {
            fail_at(w, 0, m, "expected \"time:value\"; or set member = \"value\"");
            return false;
        }
        part.text = colon + 1;
        part.len = m->len - (size_t)(colon + 1 - m->text);
        score = m;
    }
    if (!read_time(w, m, score->text, colon ? (size_t)(colon - m->text) : score->len,
                   &time_ms) ||
        !read_number(w, 0, &part, &value))
        return false;
    add_at(w, time_ms, value);
    return true;
}

/* The page after a full one begins at the last score, behind the members that share it. */
static bool zset_turn(struct page *p, const struct rds_value *v)
{
    const char *last = v->items[v->len - 1]->text;
    size_t n = v->len / 2, ties = 0;

    p->n_entries += n;
    if (n < PAGE_ENTRIES)
        return false;
    while (ties < n && strcmp(v->items[v->len - 1 - 2 * ties]->text, last) == 0)
        ties++;
    p->offset = strcmp(p->from, last) == 0 ? p->offset + ties : ties;
    if (!str_copy(p->from, sizeof p->from, last))
        work_fail(p->work, ERR_DATA, "score %.60s: longer than any number", last);
    return true;
}

static bool zset_take_page(struct page *p, const struct rds_value *v)
{
    struct work *w = p->work;

    if (v->type != RDS_ARRAY || v->len % 2 != 0) {
        fail_at(w, 0, v, "expected pairs of member and score");
        return false;
    }
    for (size_t k = 0; k < v->len; k += 2)
        if (!take_member(w, v->items[k], v->items[k + 1]))
            return false;
    return v->len > 0 && zset_turn(p, v);
}

static int stream_ask_page(struct rds *r, const struct page *p, struct str *scratch,
                           struct err *e)
{
    struct work *w = p->work;
    char last[32], most[16];
    size_t first, end;
    struct words l;

    range_cells(w, p->range, &first, &end);
    snprintf(last, sizeof last, "%" PRId64, cell_ms(w, end) - 1); /* no "(" before 6.2 */
    snprintf(most, sizeof most, "%d", PAGE_ENTRIES);
    words_reset(&l, scratch);
    word_add(&l, "XRANGE");
    word_add_template(&l, w, &w->plan->key, w->from_ms);
    word_add(&l, p->from);
    word_add(&l, last);
    word_add(&l, "COUNT");
    word_add(&l, most);
    return words_send(r, w, &l, e);
}

/* The value of the wanted field; without one, an entry is one request. */
static bool entry_value(struct work *w, const struct rds_value *entry, const char *field,
                        double *out)
{
    const struct rds_value *pairs = entry->items[1];

    *out = 1;
    if (!w->plan->has_field)
        return true;
    for (size_t k = 0; pairs->type == RDS_ARRAY && k + 1 < pairs->len; k += 2)
        if (pairs->items[k]->type == RDS_STRING && strcmp(pairs->items[k]->text, field) == 0)
            return read_number(w, 0, pairs->items[k + 1], out);
    work_fail(w, ERR_DATA, "stream entry %.40s has no field \"%.60s\"", entry->items[0]->text,
              field);
    return false;
}

/* Takes one entry; *id is its name. */
static bool take_entry(struct work *w, const struct rds_value *entry, const char *field,
                       const char **id)
{
    int64_t time_ms;
    double value;

    if (entry->type != RDS_ARRAY || entry->len != 2 || entry->items[0]->type != RDS_STRING ||
        !str_to_int64(entry->items[0]->text, strcspn(entry->items[0]->text, "-"), &time_ms)) {
        fail_at(w, 0, entry, "expected a stream entry");
        return false;
    }
    if (!entry_value(w, entry, field, &value))
        return false;
    add_at(w, time_ms, value);
    *id = entry->items[0]->text;
    return true;
}

/* The page after a full one begins at the id that follows the last one. */
static bool stream_turn(struct page *p, const char *id, size_t n)
{
    const char *dash = strchr(id, '-');
    uint64_t number = dash ? strtoull(dash + 1, NULL, 10) : 0;
    int ms_len = (int)strcspn(id, "-");

    p->n_entries += n;
    if (n < PAGE_ENTRIES)
        return false;
    if (number < UINT64_MAX)
        snprintf(p->from, sizeof p->from, "%.*s-%" PRIu64, ms_len, id, number + 1);
    else
        snprintf(p->from, sizeof p->from, "%lld", strtoll(id, NULL, 10) + 1);
    return true;
}

static bool stream_take_page(struct page *p, const struct rds_value *v)
{
    struct work *w = p->work;
    struct str field = STR_EMPTY;
    const char *id = "";
    size_t k = 0;

    if (v->type != RDS_ARRAY) {
        fail_at(w, 0, v, "expected an array");
        return false;
    }
    if (w->plan->has_field)
        template_write(&w->plan->field, w->query->service, w->from_ms, w->plan->zone, &field);
    while (k < v->len && take_entry(w, v->items[k], str_text(&field), &id))
        k++;
    str_clear(&field);
    return k == v->len && k > 0 && stream_turn(p, id, k);
}

static int timeseries_ask(struct rds *r, struct work *w, struct str *scratch, struct err *e)
{
    char step[32];
    size_t first, end;
    struct words l;

    snprintf(step, sizeof step, "%" PRId64, w->query->step_ms);
    for (size_t i = 0; range_cells(w, i, &first, &end); i++) {
        char from[32], last[32];

        snprintf(from, sizeof from, "%" PRId64, cell_ms(w, first));
        snprintf(last, sizeof last, "%" PRId64, cell_ms(w, end) - 1);
        words_reset(&l, scratch);
        word_add(&l, "TS.RANGE");
        word_add_template(&l, w, &w->plan->key, w->from_ms);
        word_add(&l, from);
        word_add(&l, last);
        word_add(&l, "AGGREGATION"); /* buckets begin at multiples of the step */
        word_add(&l, w->plan->is_counts ? "sum" : "avg");
        word_add(&l, step);
        if (words_send(r, w, &l, e) != 0)
            return -1;
    }
    return 0;
}

static void timeseries_take(struct work *w, size_t index, const struct rds_value *v)
{
    (void)index;
    if (v->type != RDS_ARRAY) {
        fail_at(w, 0, v, "expected an array");
        return;
    }
    for (size_t k = 0; k < v->len; k++) {
        const struct rds_value *pair = v->items[k];
        double value;

        if (pair->type != RDS_ARRAY || pair->len != 2 || pair->items[0]->type != RDS_INTEGER) {
            fail_at(w, 0, pair, "expected a pair of time and value");
            return;
        }
        if (!read_number(w, 0, pair->items[1], &value))
            return;
        add_at(w, pair->items[0]->integer, value);
    }
}

/* ---- total: a counter that only grows, sampled at every fetch and differenced ---- */

static int total_ask(struct rds *r, struct work *w, struct str *scratch, struct err *e)
{
    struct words l;

    words_reset(&l, scratch);
    word_add(&l, w->plan->has_field ? "HGET" : "GET");
    word_add_template(&l, w, &w->plan->key, w->server_ms);
    if (w->plan->has_field)
        word_add_template(&l, w, &w->plan->field, w->server_ms);
    return words_send(r, w, &l, e);
}

/* The answer may be a key's first: what is missing yet is said. */
static void say_total(struct work *w, enum total_change change, double before, double total)
{
    char *note = w->reply->note;
    size_t size = sizeof w->reply->note;

    if (change == TOTAL_FIRST)
        snprintf(note, size,
                 "running total read for the first time: its first rate comes when a whole "
                 "cell has passed");
    else if (change == TOTAL_FELL)
        snprintf(note, size,
                 "running total fell from %.15g to %.15g: reset, these cells are unknown",
                 before, total);
    else if (change == TOTAL_GAP)
        snprintf(note, size,
                 "running total was not read for more than %d cells: these are unknown",
                 TOTAL_MISSED_STEPS);
}

static void total_take_reply(struct work *w, size_t index, const struct rds_value *v)
{
    struct total_cell cells[TOTAL_MISSED_STEPS];
    struct total *t = &w->memo->total;
    double total, before = t->value;
    enum total_change change;
    size_t n;

    (void)index;
    if (v->type == RDS_NIL || !read_number(w, 0, v, &total)) {
        *t = (struct total){0};
        return;
    }
    change = total_take(t, w->server_ms, total, w->query->step_ms, cells, &n);
    for (size_t i = 0; i < n; i++)
        add_at(w, cells[i].start_ms, cells[i].requests);
    say_total(w, change, before, total);
}

const struct layout redis_layouts[] = {
    {"counter", true, "string", check_key_time, counter_ask, counter_take, NULL, NULL},
    {"hash", true, "hash", check_key_time, hash_ask, hash_take, NULL, NULL},
    {"hash_day", true, "hash", check_field_time, hash_day_ask, hash_day_take, NULL, NULL},
    {"zset", false, "zset", no_key_time, NULL, NULL, zset_ask_page, zset_take_page},
    {"stream", false, "stream", no_key_time, NULL, NULL, stream_ask_page, stream_take_page},
    {"total", false, "string", no_key_time, total_ask, total_take_reply, NULL, NULL},
    {"timeseries", false, "", no_key_time, timeseries_ask, timeseries_take, NULL, NULL},
    {NULL, false, NULL, NULL, NULL, NULL, NULL, NULL},
};

const struct layout *redis_layout_find(const char *name)
{
    for (const struct layout *l = redis_layouts; l->name; l++)
        if (strcmp(l->name, name) == 0)
            return l;
    return NULL;
}
