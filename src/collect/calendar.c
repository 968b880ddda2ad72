/* calendar.c - see calendar.h. */
#include "collect/calendar.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/vec.h"

#define MOST_FACTOR 1000.0 /* past it a mistake is likelier than a sale */
#define DATE_LETTERS 10    /* of 2026-12-25 */

void calendar_clear(struct calendar *c)
{
    free(c->items);
    *c = (struct calendar){0};
}

const char *calendar_kind_name(enum calendar_kind kind)
{
    static const char *const names[] = {"holiday", "event", "incident"};

    return names[kind];
}

int calendar_put(struct calendar *c, const struct calendar_entry *entry, struct err *e)
{
    size_t at = c->n;

    if (entry->end_ms <= entry->start_ms)
        return err_set(e, ERR_CONFIG, "\"%s\" ends before it starts", entry->name);
    if (c->n == CALENDAR_MOST)
        return err_set(e, ERR_LIMIT, "a calendar holds at most %zu entries", CALENDAR_MOST);
    if (vec_reserve(&c->items, &c->cap, c->n + 1, sizeof *c->items) != 0)
        return err_nomem(e);
    for (; at > 0 && c->items[at - 1].start_ms > entry->start_ms; at--)
        c->items[at] = c->items[at - 1];
    c->items[at] = *entry;
    c->n++;
    return 0;
}

/* ---- reading what a person wrote ---- */

/* The next word of *text, which moves on; 0 letters at the end. */
static size_t next_word(const char **text, const char **word)
{
    size_t n;

    *text += strspn(*text, " \t");
    *word = *text;
    n = strcspn(*text, " \t");
    *text += n;
    return n;
}

static bool is_word(const char *word, size_t n, const char *text)
{
    return strlen(text) == n && strncasecmp(word, text, n) == 0;
}

/* RFC 3339 or epoch as everywhere; without a zone, on the service's clock. */
static bool read_time(const char *text, size_t n, const struct zone *z, int64_t *out_ms)
{
    char copy[64];
    bool is_dated = n >= DATE_LETTERS && text[4] == '-' && text[7] == '-';
    bool has_zone = n > DATE_LETTERS && (memchr(text + DATE_LETTERS, 'Z', n - DATE_LETTERS) ||
                                         memchr(text + DATE_LETTERS, 'z', n - DATE_LETTERS) ||
                                         memchr(text + DATE_LETTERS, '+', n - DATE_LETTERS) ||
                                         memchr(text + DATE_LETTERS, '-', n - DATE_LETTERS));

    if (!is_dated || has_zone)
        return clk_parse_time(text, n, out_ms);
    if (n + 4 > sizeof copy)
        return false;
    /* "2026-12-24T18:00" becomes "2026-12-24T18:00:00Z" */
    snprintf(copy, sizeof copy, "%.*s%s", (int)n, text,
             n == DATE_LETTERS       ? ""
             : n == DATE_LETTERS + 6 ? ":00Z"
                                     : "Z");
    if (!clk_parse_time(copy, strlen(copy), out_ms))
        return false;
    *out_ms = zone_to_utc_ms(z, *out_ms);
    return true;
}

static bool read_length(const char *text, size_t n, int64_t *out_ms)
{
    char copy[32];

    if (n >= sizeof copy)
        return false;
    memcpy(copy, text, n);
    copy[n] = '\0';
    return clk_parse_duration(copy, out_ms) && *out_ms > 0;
}

/* "x2", "+20%", "-300". */
static bool read_effect(const char *word, size_t n, struct calendar_entry *entry)
{
    double v;

    if (n < 2 || !strchr("xX+-", word[0]) ||
        !(isdigit((unsigned char)word[1]) || word[1] == '.'))
        return false;
    if (word[0] == 'x' || word[0] == 'X') {
        if (!str_to_double(word + 1, n - 1, &v) || !(v >= 0 && v <= MOST_FACTOR))
            return false;
        entry->factor = v;
        return true;
    }
    if (word[n - 1] == '%') {
        if (!str_to_double(word, n - 1, &v) || !(v >= -100 && v <= 100 * MOST_FACTOR))
            return false;
        entry->factor = 1 + v / 100;
        return true;
    }
    if (!str_to_double(word, n, &v) || !isfinite(v) || fabs(v) > SAMPLE_MOST)
        return false;
    entry->add = v;
    return true;
}

static void take_name(const char *text, const char *otherwise, struct calendar_entry *entry)
{
    text += strspn(text, " \t");
    str_copy(entry->name, sizeof entry->name, *text ? text : otherwise);
}

static int bad(struct err *e, const char *text, const char *what, const char *right)
{
    return err_set(e, ERR_CONFIG, "\"%.80s\": %s (write %s)", text, what, right);
}

/* A day of people is no 24 hours where the clock changes: dates end at midnight. */
static int64_t end_of_days(int64_t start_ms, int64_t length_ms, const struct zone *z)
{
    if (length_ms % CLK_DAY_MS != 0)
        return start_ms + length_ms;
    return zone_to_utc_ms(z, start_ms + zone_offset_ms(z, start_ms) + length_ms);
}

/* "TIME/DURATION", or "DATE" alone for a holiday of one day. */
static bool read_span(const char *word, size_t n, const struct zone *z, bool is_holiday,
                      struct calendar_entry *entry)
{
    const char *slash = memchr(word, '/', n);
    size_t n_time = slash ? (size_t)(slash - word) : n;
    int64_t length_ms = CLK_DAY_MS;

    if (!slash && !is_holiday)
        return false;
    if (!read_time(word, n_time, z, &entry->start_ms) ||
        (slash && !read_length(slash + 1, n - n_time - 1, &length_ms)))
        return false;
    entry->end_ms = end_of_days(entry->start_ms, length_ms, z);
    return true;
}

static const char *const right_span[] = {"2026-12-25, or 2026-12-25/2d for two days",
                                         "2026-11-27T08:00/16h", "2026-11-03T10:00/2h"};

static int read_holiday(const char *text, const char *rest, struct calendar_entry *entry,
                        struct err *e)
{
    const char *before = rest, *word;
    size_t n = next_word(&rest, &word);

    if (is_word(word, n, "like")) {
        n = next_word(&rest, &word);
        entry->is_like_last = is_word(word, n, "last");
        if (!entry->is_like_last && !is_word(word, n, "sunday"))
            return bad(e, text, "like what?", "like sunday or like last");
        before = rest;
    }
    take_name(before, "holiday", entry);
    return 0;
}

static int read_event(const char *text, const char *rest, struct calendar_entry *entry,
                      struct err *e)
{
    const char *before, *word;
    size_t n = next_word(&rest, &word);

    if (!read_effect(word, n, entry))
        return bad(e, text, "no effect follows the time", "x2, x0.5, +20%, -20%, +300 or -300");
    before = rest;
    n = next_word(&rest, &word);
    if (is_word(word, n, "ramp")) {
        n = next_word(&rest, &word);
        if (!read_length(word, n, &entry->ramp_ms))
            return bad(e, text, "ramp is followed by no duration", "ramp 30m");
        before = rest;
    }
    take_name(before, "event", entry);
    return 0;
}

int calendar_add(struct calendar *c, enum calendar_kind kind, const char *text,
                 const struct zone *z, struct err *e)
{
    struct calendar_entry entry = {.kind = kind, .factor = 1};
    const char *rest = text, *word;
    size_t n = next_word(&rest, &word);
    int rc = 0;

    if (!read_span(word, n, z, kind == CALENDAR_HOLIDAY, &entry))
        return bad(e, text, "does not begin with a time and a duration", right_span[kind]);
    if (kind == CALENDAR_HOLIDAY)
        rc = read_holiday(text, rest, &entry, e);
    else if (kind == CALENDAR_EVENT)
        rc = read_event(text, rest, &entry, e);
    else
        take_name(rest, "incident", &entry);
    return rc == 0 ? calendar_put(c, &entry, e) : -1;
}

/* The last word of text[0..n), and where it begins. */
static size_t last_word(const char *text, size_t n, const char **word)
{
    size_t end;

    while (n > 0 && isspace((unsigned char)text[n - 1]))
        n--;
    end = n;
    while (n > 0 && !isspace((unsigned char)text[n - 1]))
        n--;
    *word = text + n;
    return end - n;
}

bool calendar_take_effect(char *text, struct calendar_entry *entry)
{
    struct calendar_entry found = *entry;
    const char *word, *ramp;
    size_t n = last_word(text, strlen(text), &word), n_ramp;

    n_ramp = last_word(text, (size_t)(word - text), &ramp);
    if (is_word(ramp, n_ramp, "ramp") && read_length(word, n, &found.ramp_ms))
        n = last_word(text, (size_t)(ramp - text), &word);
    if (!read_effect(word, n, &found))
        return false;
    *entry = found;
    text[word - text] = '\0';
    n = last_word(text, strlen(text), &word);
    text[(size_t)(word - text) + n] = '\0';
    return true;
}

/* ---- asking ---- */

size_t calendar_forget(const struct calendar *c, struct series *s)
{
    size_t forgotten = 0;

    for (size_t i = 0; i < c->n; i++) {
        const struct calendar_entry *entry = &c->items[i];
        int64_t from = (entry->start_ms - entry->ramp_ms - s->start_ms) / s->step_ms;
        int64_t to =
            (entry->end_ms + entry->ramp_ms - s->start_ms + s->step_ms - 1) / s->step_ms;

        for (int64_t t = from > 0 ? from : 0; t < to && t < (int64_t)s->n; t++) {
            forgotten += isfinite(s->values[t]) != 0;
            s->values[t] = NAN;
        }
    }
    return forgotten;
}

/* 0 outside, 1 inside, between on the ramps. */
static double strength(const struct calendar_entry *entry, int64_t time_ms)
{
    int64_t out_ms = time_ms < entry->start_ms  ? entry->start_ms - time_ms
                     : time_ms >= entry->end_ms ? time_ms - entry->end_ms + 1
                                                : 0;

    if (out_ms == 0)
        return 1;
    return out_ms < entry->ramp_ms ? 1 - (double)out_ms / (double)entry->ramp_ms : 0;
}

double calendar_effect(const struct calendar *c, int64_t time_ms, double load)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct calendar_entry *entry = &c->items[i];
        double s = entry->kind == CALENDAR_EVENT ? strength(entry, time_ms) : 0;

        if (s > 0)
            load = fmax(load * (1 + s * (entry->factor - 1)) + s * entry->add, 0);
    }
    return load;
}

const struct calendar_entry *calendar_last_like(const struct calendar *c,
                                                const struct calendar_entry *like,
                                                int64_t until_ms)
{
    const struct calendar_entry *last = NULL;

    for (size_t i = 0; i < c->n; i++) {
        const struct calendar_entry *entry = &c->items[i];

        if (entry->kind == CALENDAR_HOLIDAY && entry->end_ms <= until_ms &&
            strcasecmp(entry->name, like->name) == 0)
            last = entry;
    }
    return last;
}

void calendar_add_effect_text(const struct calendar_entry *entry, struct str *out)
{
    char ramp[32];

    switch (entry->kind) {
    case CALENDAR_HOLIDAY:
        str_add(out, entry->is_like_last ? "like the last one" : "like a Sunday");
        return;
    case CALENDAR_INCIDENT:
        str_add(out, "not learned from");
        return;
    case CALENDAR_EVENT:
        break;
    }
    if (entry->add != 0)
        str_printf(out, "%+g a second", entry->add);
    else
        str_printf(out, "x%g", entry->factor);
    if (entry->ramp_ms > 0) {
        clk_format_duration(entry->ramp_ms, ramp, sizeof ramp);
        str_printf(out, ", ramp %s", ramp);
    }
}
