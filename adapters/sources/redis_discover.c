/* redis_discover.c - see redis_discover.h. */
#include "adapters/sources/redis_discover.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/str.h"
#include "base/vec.h"

enum {
    MOST_SCANNED = 200000,
    MOST_KEPT = 20000,
    MOST_KEY_BYTES = 160, /* longer names are no counters */
    MOST_TOKENS = 12,
    MOST_FINDINGS = 50,
    MOST_TIMES = 4096,  /* of one group, for its step */
    MOST_FIELDS = 2000, /* of one hash: a day of minutes */
    SHOWN_SERVICES = 8,
    SCAN_COUNT = 1000,
};

/* A name cut at ':' '.' '/' '|', and at '-' or '_' before a time at its end: tokens are words
 * or times. */
struct name {
    char text[MOST_KEY_BYTES];
    uint8_t starts[MOST_TOKENS], lens[MOST_TOKENS];
    size_t n;
    int time_at;      /* token that is a time; -1 none */
    const char *form; /* how that time is written in a template */
    int64_t time_ms;  /* start of its cell */
    int64_t unit_ms;  /* finest step that the form can tell */
    int service_at;   /* token taken for the service; -1 none */
};

struct group {
    char template_text[192];
    struct source_finding finding;
    char names[SHOWN_SERVICES][64];
    char sample[MOST_KEY_BYTES]; /* the newest key */
    int64_t sample_ms;
    int64_t *times;
    size_t n_times, times_cap;
    int64_t unit_ms;
    bool has_time;
    bool is_useful; /* a layout reads it */
};

struct walk {
    struct name *names;
    size_t n, cap;
    size_t scanned;
    uint64_t cursor;
    struct group *groups;
    size_t n_groups, groups_cap;
    int64_t now_ms;
    struct err err;
};

/* ---- times in names ---- */

struct time_form {
    size_t digits;
    const char *form;
    int64_t unit_ms; /* 0: digits of a date */
    int64_t scale_ms;
};

static const struct time_form forms[] = {
    {13, "{epoch_ms}", 1, 1},
    {10, "{epoch}", CLK_SECOND_MS, CLK_SECOND_MS},
    {8, "{epoch/60}", CLK_MINUTE_MS, CLK_MINUTE_MS},
    {6, "{epoch/3600}", CLK_HOUR_MS, CLK_HOUR_MS},
    {5, "{epoch/86400}", CLK_DAY_MS, CLK_DAY_MS},
};

struct date_form {
    const char *shape; /* 0 stands for a digit */
    const char *form;
    int64_t unit_ms;
};

static const struct date_form dates[] = {
    {"00000000000000", "{time:%Y%m%d%H%M%S}", CLK_SECOND_MS},
    {"000000000000", "{time:%Y%m%d%H%M}", CLK_MINUTE_MS},
    {"0000000000", "{time:%Y%m%d%H}", CLK_HOUR_MS},
    {"00000000", "{time:%Y%m%d}", CLK_DAY_MS},
    {"0000-00-00", "{time:%Y-%m-%d}", CLK_DAY_MS},
    {"0000-00-00-00", "{time:%Y-%m-%d-%H}", CLK_HOUR_MS},
    {"0000-00-00T00-00", "{time:%Y-%m-%dT%H-%M}", CLK_MINUTE_MS},
    {"0000-00-00T00:00", "{time:%Y-%m-%dT%H:%M}", CLK_MINUTE_MS},
    {"0000-00-00T00:00:00", "{time:%Y-%m-%dT%H:%M:%S}", CLK_SECOND_MS},
};

static bool fits(const char *text, size_t n, const char *shape)
{
    for (size_t i = 0; i < n; i++) {
        bool is_digit = text[i] >= '0' && text[i] <= '9';

        if (shape[i] == '0' ? !is_digit : text[i] != shape[i])
            return false;
    }
    return true;
}

/* Recent by a year either way of doubt: a number of the right length alone proves little. */
static bool is_recent(int64_t time_ms, int64_t now_ms)
{
    return time_ms > now_ms - 400 * CLK_DAY_MS && time_ms <= now_ms + 2 * CLK_DAY_MS;
}

static bool read_date(const char *text, size_t n, int64_t *out_ms)
{
    char digits[16] = "00000101000000", rfc[32];
    size_t k = 0;

    for (size_t i = 0; i < n; i++)
        if (text[i] >= '0' && text[i] <= '9')
            digits[k++] = text[i];
    snprintf(rfc, sizeof rfc, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", digits, digits + 4, digits + 6,
             digits + 8, digits + 10, digits + 12);
    return clk_parse_time(rfc, strlen(rfc), out_ms);
}

/* How text[0..n) would be written as a time, or NULL. */
static const char *time_form(const char *text, size_t n, int64_t now_ms, int64_t *time_ms,
                             int64_t *unit_ms)
{
    int64_t v;

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (n != forms[i].digits || !str_to_int64(text, n, &v) || v <= 0 ||
            !is_recent(v * forms[i].scale_ms, now_ms))
            continue;
        *time_ms = v * forms[i].scale_ms;
        *unit_ms = forms[i].unit_ms;
        return forms[i].form;
    }
    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
        if (n != strlen(dates[i].shape) || !fits(text, n, dates[i].shape) ||
            !read_date(text, n, time_ms) || !is_recent(*time_ms, now_ms))
            continue;
        *unit_ms = dates[i].unit_ms;
        return dates[i].form;
    }
    return NULL;
}

static const char separators[] = ":./|";

/* Bytes of the token at p: a date may hold a separator itself. */
static size_t token_len(const char *p, int64_t now_ms)
{
    size_t n = strcspn(p, separators), longest = 0;
    int64_t time_ms, unit_ms;

    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
        size_t k = strlen(dates[i].shape);

        if (k > longest && strnlen(p, k) == k && fits(p, k, dates[i].shape) &&
            (p[k] == '\0' || strchr(separators, p[k])))
            longest = k;
    }
    if (longest > 0)
        return longest;
    for (size_t k = n; k-- > 1;)
        if (p[k] == '-' || p[k] == '_')
            return time_form(p + k + 1, n - k - 1, now_ms, &time_ms, &unit_ms) &&
                           !time_form(p, n, now_ms, &time_ms, &unit_ms)
                       ? k
                       : n;
    return n;
}

static void cut_name(struct name *m, int64_t now_ms)
{
    const char *p = m->text;

    m->n = 0;
    m->time_at = m->service_at = -1;
    while (m->n < MOST_TOKENS) {
        size_t k = token_len(p, now_ms);
        const char *form;

        m->starts[m->n] = (uint8_t)(p - m->text);
        m->lens[m->n] = (uint8_t)k;
        form = m->time_at < 0 ? time_form(p, k, now_ms, &m->time_ms, &m->unit_ms) : NULL;
        if (form) {
            m->time_at = (int)m->n;
            m->form = form;
        }
        m->n++;
        if (p[k] == '\0')
            return;
        p += k + 1;
    }
}

/* ---- walking ---- */

/* Can stand in a template and in a configuration as it is. */
static bool is_plain(const struct rds_value *v)
{
    return v->type == RDS_STRING && strlen(v->text) == v->len &&
           !strpbrk(v->text, "{} \"\\\n\r");
}

static void on_scan(void *user, size_t index, const struct rds_value *v)
{
    struct walk *w = user;

    (void)index;
    if (v->type == RDS_ERROR) {
        rds_error(v, "SCAN", &w->err);
        return;
    }
    if (v->type != RDS_ARRAY || v->len != 2 || v->items[0]->type != RDS_STRING ||
        v->items[1]->type != RDS_ARRAY) {
        err_set(&w->err, ERR_DATA, "SCAN: not what Redis answers");
        return;
    }
    /* The cursor is an unsigned 64-bit number. */
    w->cursor = strtoull(v->items[0]->text, NULL, 10);
    for (size_t i = 0; i < v->items[1]->len; i++) {
        const struct rds_value *key = v->items[1]->items[i];

        w->scanned++;
        if (!is_plain(key) || key->len >= MOST_KEY_BYTES || w->n >= MOST_KEPT)
            continue;
        if (vec_reserve(&w->names, &w->cap, w->n + 1, sizeof *w->names) != 0) {
            err_nomem(&w->err);
            return;
        }
        str_copy(w->names[w->n].text, MOST_KEY_BYTES, key->text);
        cut_name(&w->names[w->n++], w->now_ms);
    }
}

static int walk_keys(struct rds *r, struct walk *w, int64_t deadline_mono_ms, struct err *e)
{
    char cursor[24], count[8];

    snprintf(count, sizeof count, "%d", SCAN_COUNT);
    do {
        snprintf(cursor, sizeof cursor, "%" PRIu64, w->cursor);
        if (rds_add_words(r, e, "SCAN", cursor, "COUNT", count, NULL) != 0 ||
            rds_run(r, deadline_mono_ms, on_scan, w, e) != 0)
            return -1;
        if (w->err.code != ERR_NONE)
            return err_set(e, w->err.code, "redis %s: %s", rds_name(r), w->err.msg);
    } while (w->cursor != 0 && w->scanned < MOST_SCANNED && w->n < MOST_KEPT);
    return 0;
}

/* ---- grouping ---- */

static bool same_token(const struct name *a, const struct name *b, size_t i)
{
    return a->lens[i] == b->lens[i] &&
           memcmp(a->text + a->starts[i], b->text + b->starts[i], a->lens[i]) == 0;
}

/* Names of one shape: as many tokens, the time at the same place and in the same form, the
 * same separators, and the same first word where there is another. */
static bool same_shape(const struct name *a, const struct name *b)
{
    if (a->n != b->n || a->time_at != b->time_at ||
        (a->time_at >= 0 && strcmp(a->form, b->form) != 0))
        return false;
    for (size_t i = 0; i + 1 < a->n; i++)
        if (a->text[a->starts[i] + a->lens[i]] != b->text[b->starts[i] + b->lens[i]])
            return false;
    return a->n < 2 || (a->n == 2 && a->time_at >= 0) || a->time_at == 0 || same_token(a, b, 0);
}

/* The service is the token that varies; with one service alone, the last word before the time
 * (or the last at all). */
static void find_services(struct walk *w)
{
    size_t *leader = malloc((w->n + 1) * sizeof *leader);
    size_t n_leaders = 0;

    for (size_t i = 0; leader && i < w->n; i++) {
        struct name *m = &w->names[i], *first = NULL;

        for (size_t k = 0; k < n_leaders && k < 256 && !first; k++)
            if (same_shape(&w->names[leader[k]], m))
                first = &w->names[leader[k]];
        if (!first) {
            leader[n_leaders++] = i;
            continue;
        }
        for (size_t t = 0; t < m->n; t++)
            if ((int)t != m->time_at && first->service_at < 0 && !same_token(m, first, t))
                first->service_at = (int)t;
    }
    for (size_t i = 0; leader && i < w->n; i++) {
        struct name *m = &w->names[i];

        for (size_t k = 0; k < n_leaders && k < 256; k++)
            if (same_shape(&w->names[leader[k]], m))
                m->service_at = w->names[leader[k]].service_at;
        for (int t = (int)m->n - 1; t >= 0 && m->service_at < 0; t--)
            if (t != m->time_at && (t > 0 || m->n <= 2))
                m->service_at = t;
    }
    free(leader);
}

static void write_template(const struct name *m, char *out, size_t size)
{
    struct str s = STR_EMPTY;

    for (size_t t = 0; t < m->n; t++) {
        if ((int)t == m->time_at)
            str_add(&s, m->form);
        else if ((int)t == m->service_at)
            str_add(&s, "{service}");
        else
            str_add_n(&s, m->text + m->starts[t], m->lens[t]);
        if (t + 1 < m->n)
            str_add_n(&s, m->text + m->starts[t] + m->lens[t], 1);
    }
    str_copy(out, size, str_text(&s));
    str_clear(&s);
}

static struct group *get_group(struct walk *w, const char *text)
{
    for (size_t i = 0; i < w->n_groups; i++)
        if (strcmp(w->groups[i].template_text, text) == 0)
            return &w->groups[i];
    if (w->n_groups >= 512 ||
        vec_reserve(&w->groups, &w->groups_cap, w->n_groups + 1, sizeof *w->groups) != 0)
        return NULL;
    w->groups[w->n_groups] = (struct group){.sample_ms = INT64_MIN};
    str_copy(w->groups[w->n_groups].template_text, sizeof w->groups->template_text, text);
    return &w->groups[w->n_groups++];
}

static void note_service(struct group *g, const struct name *m)
{
    char name[64];
    size_t n;

    if (m->service_at < 0)
        return;
    n = m->lens[m->service_at];
    snprintf(name, sizeof name, "%.*s", (int)n, m->text + m->starts[m->service_at]);
    for (size_t i = 0; i < g->finding.n_services && i < SHOWN_SERVICES; i++)
        if (strcmp(g->names[i], name) == 0)
            return;
    if (g->finding.n_services < SHOWN_SERVICES)
        str_copy(g->names[g->finding.n_services++], sizeof g->names[0], name);
    else
        g->finding.has_more_services = true;
}

static void add_name(struct walk *w, const struct name *m)
{
    char text[192];
    struct group *g;

    write_template(m, text, sizeof text);
    g = get_group(w, text);
    if (!g)
        return;
    g->finding.n_keys++;
    g->has_time = m->time_at >= 0;
    g->unit_ms = m->unit_ms;
    note_service(g, m);
    if (g->has_time && g->n_times < MOST_TIMES &&
        vec_reserve(&g->times, &g->times_cap, g->n_times + 1, sizeof *g->times) == 0)
        g->times[g->n_times++] = m->time_ms;
    /* The newest full cell: the one that is filling may be young or in the future. */
    if (!g->has_time || (m->time_ms > g->sample_ms && m->time_ms <= w->now_ms)) {
        g->sample_ms = m->time_ms;
        str_copy(g->sample, sizeof g->sample, m->text);
    }
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* The smallest distance between two cells; 0 when there is only one. Sorts the times. */
static int64_t guess_step(int64_t *times, size_t n, int64_t unit_ms)
{
    int64_t step = 0;

    if (n > 1)
        qsort(times, n, sizeof *times, by_time);
    for (size_t i = 1; i < n; i++) {
        int64_t d = times[i] - times[i - 1];

        if (d > 0 && (step == 0 || d < step))
            step = d;
    }
    return step > 0 && step < unit_ms ? unit_ms : step;
}

/* ---- a closer look at one key of each group ---- */

struct closer {
    struct walk *w;
    int64_t now_ms;
};

static void on_kind(void *user, size_t index, const struct rds_value *v)
{
    struct closer *c = user;
    struct group *g = &c->w->groups[index / 2];

    if (index % 2 == 1)
        g->finding.ttl_ms = v->type == RDS_INTEGER && v->integer > 0 ? v->integer : -1;
    else if (v->type == RDS_STATUS)
        str_copy(g->finding.layout, sizeof g->finding.layout, v->text);
}

static bool is_number(const struct rds_value *v)
{
    double x;

    return v->type == RDS_STRING && str_to_double(v->text, v->len, &x) && isfinite(x) && x >= 0;
}

/* The step of the times that are the fields of a hash; a form coarser than seconds tells it
 * also of one. */
static int64_t step_of_fields(const struct rds_value *fields, int64_t now_ms, int64_t unit_ms)
{
    int64_t times[MOST_FIELDS], step;
    size_t n = 0;

    for (size_t i = 0; i < fields->len && n < MOST_FIELDS; i += 2) {
        const struct rds_value *name = fields->items[i];
        int64_t unused;

        n += name->type == RDS_STRING &&
             time_form(name->text, name->len, now_ms, &times[n], &unused) != NULL;
    }
    step = guess_step(times, n, unit_ms);
    return step == 0 && unit_ms > CLK_SECOND_MS ? unit_ms : step;
}

static void look_at_hash(struct group *g, const struct rds_value *v, int64_t now_ms)
{
    const struct rds_value *fields = v->type == RDS_ARRAY && v->len == 2 ? v->items[1] : NULL;
    int64_t time_ms, unit_ms;
    const char *form;

    if (!fields || fields->type != RDS_ARRAY || fields->len < 2 ||
        fields->items[0]->type != RDS_STRING)
        return;
    form = time_form(fields->items[0]->text, fields->items[0]->len, now_ms, &time_ms, &unit_ms);
    if (form && is_number(fields->items[1])) {
        str_copy(g->finding.layout, sizeof g->finding.layout, "hash_day");
        snprintf(g->finding.options, sizeof g->finding.options, "field = \"%s\"; ", form);
        g->finding.step_ms = step_of_fields(fields, now_ms, unit_ms);
        g->is_useful = true;
    } else if (g->has_time) {
        g->is_useful = true;
        for (size_t i = 1; i < fields->len; i += 2)
            g->is_useful = g->is_useful && is_number(fields->items[i]);
        str_copy(g->finding.layout, sizeof g->finding.layout, "hash");
    }
}

#define MOST_SCORE 1e14 /* milliseconds in the year 5138 */

static void look_at_zset(struct group *g, const struct rds_value *v)
{
    double a, b = 0, unit;
    bool has_time_members;

    if (g->has_time || v->type != RDS_ARRAY || v->len < 2 || v->items[0]->type != RDS_STRING ||
        !is_number(v->items[1]))
        return;
    str_to_double(v->items[1]->text, v->items[1]->len, &a);
    if (v->len >= 4 && is_number(v->items[3]))
        str_to_double(v->items[3]->text, v->items[3]->len, &b);
    if (a < 1e9 || a > MOST_SCORE || b > MOST_SCORE) /* scores are no times */
        return;
    unit = a > 1e11 ? 1 : 1000;
    has_time_members = strchr(v->items[0]->text, ':') != NULL;
    if (!has_time_members && !is_number(v->items[0]))
        return;
    snprintf(g->finding.options, sizeof g->finding.options, "%s%s",
             has_time_members ? "" : "member = \"value\"; ",
             unit == 1 ? "time_unit = \"ms\"; " : "");
    g->finding.step_ms = b > 0 ? (int64_t)llround(fabs(b - a) * unit) : 0;
    g->is_useful = true;
}

static void look_at_stream(struct group *g, const struct rds_value *v)
{
    const struct rds_value *entry, *pairs;

    if (g->has_time || v->type != RDS_ARRAY || v->len == 0 || v->items[0]->type != RDS_ARRAY ||
        v->items[0]->len != 2)
        return;
    entry = v->items[0];
    pairs = entry->items[1];
    g->is_useful = true;
    for (size_t i = 0; pairs->type == RDS_ARRAY && i + 1 < pairs->len; i += 2)
        if (is_plain(pairs->items[i]) && is_number(pairs->items[i + 1])) {
            snprintf(g->finding.options, sizeof g->finding.options, "field = \"%.80s\"; ",
                     pairs->items[i]->text);
            return;
        }
}

static void on_content(void *user, size_t index, const struct rds_value *v)
{
    struct closer *c = user;
    struct group *g = &c->w->groups[index];
    const char *kind = g->finding.layout;

    if (strcmp(kind, "string") == 0) {
        g->is_useful = is_number(v);
        str_copy(g->finding.layout, sizeof g->finding.layout,
                 g->has_time ? "counter" : "total");
    } else if (strcmp(kind, "hash") == 0) {
        look_at_hash(g, v, c->now_ms);
    } else if (strcmp(kind, "zset") == 0) {
        look_at_zset(g, v);
    } else if (strcmp(kind, "stream") == 0) {
        look_at_stream(g, v);
    } else if (strcmp(kind, "TSDB-TYPE") == 0) {
        g->is_useful = !g->has_time;
        str_copy(g->finding.layout, sizeof g->finding.layout, "timeseries");
    }
}

static int ask_content(struct rds *r, const struct group *g, struct err *e)
{
    const char *kind = g->finding.layout, *key = g->sample;
    char most_fields[8];

    snprintf(most_fields, sizeof most_fields, "%d", MOST_FIELDS);

    if (strcmp(kind, "string") == 0)
        return rds_add_words(r, e, "GETRANGE", key, "0", "40", NULL);
    if (strcmp(kind, "hash") == 0)
        return rds_add_words(r, e, "HSCAN", key, "0", "COUNT", most_fields, NULL);
    if (strcmp(kind, "zset") == 0)
        return rds_add_words(r, e, "ZREVRANGE", key, "0", "1", "WITHSCORES", NULL);
    if (strcmp(kind, "stream") == 0)
        return rds_add_words(r, e, "XREVRANGE", key, "+", "-", "COUNT", "1", NULL);
    return rds_add_words(r, e, "EXISTS", key, NULL);
}

static int look_closer(struct rds *r, struct walk *w, int64_t deadline_mono_ms, struct err *e)
{
    struct closer c = {w, w->now_ms};

    for (size_t i = 0; i < w->n_groups; i++)
        if (rds_add_words(r, e, "TYPE", w->groups[i].sample, NULL) != 0 ||
            rds_add_words(r, e, "PTTL", w->groups[i].sample, NULL) != 0)
            return -1;
    if (rds_run(r, deadline_mono_ms, on_kind, &c, e) != 0)
        return -1;
    for (size_t i = 0; i < w->n_groups; i++)
        if (ask_content(r, &w->groups[i], e) != 0)
            return -1;
    return rds_run(r, deadline_mono_ms, on_content, &c, e);
}

/* ---- what to tell ---- */

static void describe(struct group *g)
{
    struct source_finding *f = &g->finding;
    char ttl[32], step[32];
    size_t used;

    str_copy(f->template_text, sizeof f->template_text, g->template_text);
    if (g->has_time && f->step_ms == 0 && strcmp(f->layout, "hash_day") != 0)
        f->step_ms = guess_step(g->times, g->n_times, g->unit_ms);
    for (size_t i = 0; i < f->n_services; i++) {
        size_t n = strlen(f->services);

        snprintf(f->services + n, sizeof f->services - n, "%s%s", i > 0 ? "," : "",
                 g->names[i]);
    }
    used =
        (size_t)snprintf(f->note, sizeof f->note, "%s",
                         strcmp(f->layout, "total") == 0 ? "taken for a total that only grows"
                                                         : "taken for counts");
    clk_format_duration(f->step_ms, step, sizeof step);
    clk_format_duration(f->ttl_ms / 1000 * 1000, ttl, sizeof ttl);
    if (f->ttl_ms > 0 && f->step_ms > 0 && f->ttl_ms < f->step_ms)
        used +=
            (size_t)snprintf(f->note + used, sizeof f->note - used,
                             "; %s TTL is shorter than the step of %s: a full cell cannot be "
                             "read, let the keys live longer",
                             ttl, step);
    else if (f->ttl_ms > 0)
        used += (size_t)snprintf(f->note + used, sizeof f->note - used,
                                 "; %s TTL: no history here; import it", ttl);
    if (f->step_ms == 0 && used < sizeof f->note)
        used += (size_t)snprintf(f->note + used, sizeof f->note - used,
                                 "; step unknown: set it yourself");
    if (strstr(g->template_text, "{service}") == NULL && used < sizeof f->note)
        snprintf(f->note + used, sizeof f->note - used, "; no service in the name");
    else if (f->n_services == 1 && used < sizeof f->note)
        snprintf(f->note + used, sizeof f->note - used,
                 "; one service only: its place in the name is a guess");
}

/* Names that have nothing in common but to be words come last: they may be anything. */
static int by_size(const void *a, const void *b)
{
    const struct source_finding *x = a, *y = b;
    bool is_x_bare = strcmp(x->template_text, "{service}") == 0;
    bool is_y_bare = strcmp(y->template_text, "{service}") == 0;

    if (is_x_bare != is_y_bare)
        return is_x_bare ? 1 : -1;
    return (x->n_keys < y->n_keys) - (x->n_keys > y->n_keys);
}

static int collect(struct walk *w, struct source_finding **found, size_t *n, struct err *e)
{
    *n = 0;
    *found = calloc(w->n_groups + 1, sizeof **found);
    if (!*found)
        return err_nomem(e);
    for (size_t i = 0; i < w->n_groups; i++) {
        if (!w->groups[i].is_useful)
            continue;
        describe(&w->groups[i]);
        (*found)[(*n)++] = w->groups[i].finding;
    }
    qsort(*found, *n, sizeof **found, by_size);
    if (*n > MOST_FINDINGS)
        *n = MOST_FINDINGS;
    return 0;
}

/* ---- where nothing was ---- */

/* Databases that hold keys: "db3:keys=15,expires=..." in INFO's lines. */
static void on_keyspace(void *user, size_t index, const struct rds_value *v)
{
    struct str *s = user;

    (void)index;
    for (const char *p = v->type == RDS_STRING ? v->text : NULL; p; p = strchr(p, '\n')) {
        unsigned db;
        char keys[20];

        p += *p == '\n';
        if (sscanf(p, "db%5u:keys=%19[0-9]", &db, keys) == 2)
            str_printf(s, "%s%u (%s key%s)", s->len > 0 ? ", " : "", db, keys,
                       strcmp(keys, "1") == 0 ? "" : "s");
    }
}

/* What was looked at; of an empty database, which others are not. */
static void say_seen(struct rds *r, const struct walk *w, int64_t deadline_mono_ms, char *seen,
                     size_t size)
{
    struct str others = STR_EMPTY;

    if (w->scanned > 0) {
        snprintf(seen, size, "%zu key%s looked at", w->scanned, w->scanned == 1 ? "" : "s");
        return;
    }
    /* Without the right to INFO nothing more is said. */
    if (rds_add_words(r, NULL, "INFO", "keyspace", NULL) == 0)
        rds_run(r, deadline_mono_ms, on_keyspace, &others, NULL);
    if (others.len > 0)
        snprintf(seen, size, "this database is empty; there are keys in database %s",
                 str_text(&others));
    else
        snprintf(seen, size, "the database is empty");
    str_clear(&others);
}

int redis_discover(struct rds *r, struct source_finding **found, size_t *n, char *seen,
                   size_t size, int64_t deadline_mono_ms, struct err *e)
{
    struct walk w = {.now_ms = clk_wall_ms()};
    int rc = walk_keys(r, &w, deadline_mono_ms, e);

    if (rc == 0) {
        find_services(&w);
        for (size_t i = 0; i < w.n; i++)
            add_name(&w, &w.names[i]);
        rc = w.n_groups > 0 ? look_closer(r, &w, deadline_mono_ms, e) : 0;
    }
    if (rc == 0)
        rc = collect(&w, found, n, e);
    if (rc == 0)
        say_seen(r, &w, deadline_mono_ms, seen, size);
    rds_drop(r);
    for (size_t i = 0; i < w.n_groups; i++)
        free(w.groups[i].times);
    free(w.groups);
    free(w.names);
    return rc;
}
