/* value.c - see value.h. */
#include "conf/value.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/vec.h"

enum { MOST_WORDS = 32, WORDS_BYTES = 256 };

static bool has_range(const struct conf_option *row)
{
    return row->least != 0 || row->most != 0;
}

/* A bound as a person writes it: "30s" for durations, "0.5 requests per second" otherwise. */
static void format_bound(const struct conf_option *row, double bound, char *out, size_t size)
{
    if (row->type == CONF_DURATION) {
        clk_format_duration((int64_t)(bound * 1000.0), out, size);
        return;
    }
    const char *unit = row->type == CONF_STRING    ? "bytes"
                       : row->type == CONF_STRINGS ? "entries"
                       : row->unit                 ? row->unit
                                                   : "";

    snprintf(out, size, "%.15g%s%s", bound, *unit ? " " : "", unit);
}

/* `amount` is in the unit of the row's range. */
static int check_range(const struct conf_option *row, double amount, struct err *e)
{
    char bound[80];

    if (!has_range(row))
        return 0;
    if (amount < row->least) {
        format_bound(row, row->least, bound, sizeof bound);
        if (row->type == CONF_STRING && amount == 0)
            return err_set(e, ERR_CONFIG, "empty");
        return err_set(e, ERR_CONFIG, "too %s (at least %s)",
                       row->type == CONF_STRING ? "short" : "small", bound);
    }
    if (amount > row->most) {
        format_bound(row, row->most, bound, sizeof bound);
        return err_set(e, ERR_CONFIG, "too %s (at most %s)",
                       row->type == CONF_STRING ? "long" : "large", bound);
    }
    return 0;
}

static int parse_bool(struct conf_value *v, const char *text, struct err *e)
{
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return err_set(e, ERR_CONFIG, "neither true nor false");
    v->b = text[0] == 't';
    return 0;
}

static int parse_int(struct conf_value *v, const struct conf_option *row, const char *text,
                     struct err *e)
{
    if (!str_to_int64(text, strlen(text), &v->i))
        return err_set(e, ERR_CONFIG, "not a whole number");
    return check_range(row, (double)v->i, e);
}

static int parse_double(struct conf_value *v, const struct conf_option *row, const char *text,
                        struct err *e)
{
    if (!str_to_double(text, strlen(text), &v->d) || !isfinite(v->d))
        return err_set(e, ERR_CONFIG, "not a number");
    return check_range(row, v->d, e);
}

static int parse_duration(struct conf_value *v, const struct conf_option *row, const char *text,
                          struct err *e)
{
    if (!clk_parse_duration(text, &v->i))
        return err_set(e, ERR_CONFIG, "not a duration (write 30s, 5m or 2h)");
    return check_range(row, (double)v->i / 1000.0, e);
}

/* Splits "a|b|c" in place; returns the number of words. */
static size_t split_words(char *buf, const char *words[MOST_WORDS])
{
    char *rest = buf;
    size_t n = 0;

    for (char *word; n < MOST_WORDS && (word = strsep(&rest, "|"));)
        words[n++] = word;
    return n;
}

static int check_enum(const struct conf_option *row, const char *text, struct err *e)
{
    char buf[WORDS_BYTES];
    const char *words[MOST_WORDS];
    bool fits = str_copy(buf, sizeof buf, row->unit);
    size_t n = split_words(buf, words);
    const char *closest;

    assert(fits);
    (void)fits;
    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i], text) == 0)
            return 0;
    closest = str_closest(text, words, n);
    err_set(e, ERR_CONFIG, "not one of");
    for (size_t i = 0; i < n && e; i++)
        err_set(e, ERR_CONFIG, "%s%s \"%s\"", e->msg, i > 0 ? "," : "", words[i]);
    if (closest && e)
        err_set(e, ERR_CONFIG, "%s (did you mean \"%s\"?)", e->msg, closest);
    return -1;
}

static int parse_text(struct conf_value *v, const struct conf_option *row, const char *text,
                      struct err *e)
{
    if (row->type == CONF_ENUM ? check_enum(row, text, e) != 0
                               : check_range(row, (double)strlen(text), e) != 0)
        return -1;
    v->text = strdup(text);
    return v->text ? 0 : err_nomem(e);
}

static void list_free(struct conf_list *list)
{
    if (!list)
        return;
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i]);
    free(list->items);
    free(list);
}

/* Appends to *list, which is made when NULL. */
static int list_add(struct conf_list **list, const char *text, size_t len)
{
    struct conf_list *l = *list ? *list : calloc(1, sizeof *l);
    char *copy;

    if (!l)
        return -1;
    *list = l;
    if (vec_reserve(&l->items, &l->cap, l->n + 1, sizeof *l->items) != 0)
        return -1;
    copy = strndup(text, len);
    if (!copy)
        return -1;
    l->items[l->n++] = copy;
    return 0;
}

static int list_copy(struct conf_list **out, const struct conf_list *from)
{
    *out = NULL;
    for (size_t i = 0; from && i < from->n; i++) {
        if (list_add(out, from->items[i], strlen(from->items[i])) != 0) {
            list_free(*out);
            *out = NULL;
            return -1;
        }
    }
    return 0;
}

/* One more entry; the list that came with the table is replaced, not extended. */
static int list_extend(struct conf_value *v, const struct conf_option *row, const char *text,
                       struct err *e)
{
    struct conf_list *list = v->is_inherited ? NULL : v->list;
    size_t n = list ? list->n + 1 : 1;

    if (has_range(row) && (double)n > row->most)
        return check_range(row, (double)n, e);
    if (list_add(&list, text, strlen(text)) != 0) {
        if (v->is_inherited)
            list_free(list);
        else
            v->list = list;
        return err_nomem(e);
    }
    if (v->is_inherited)
        list_free(v->list);
    v->list = list;
    v->is_inherited = false;
    v->is_faulty = false;
    v->is_set = true;
    return 0;
}

/* Anything but a list, into a value of its own. */
static int parse_scalar(struct conf_value *v, const struct conf_option *row, const char *text,
                        struct err *e)
{
    if (row->def && strcmp(row->def, "auto") == 0 && strcmp(text, "auto") == 0) {
        v->is_auto = true;
        if (row->type == CONF_DOUBLE)
            v->d = NAN;
        return 0;
    }
    switch (row->type) {
    case CONF_BOOL:
        return parse_bool(v, text, e);
    case CONF_INT:
        return parse_int(v, row, text, e);
    case CONF_DOUBLE:
        return parse_double(v, row, text, e);
    case CONF_DURATION:
        return parse_duration(v, row, text, e);
    default:
        return parse_text(v, row, text, e);
    }
}

int conf_value_set(struct conf_value *v, const struct conf_option *row, const char *text,
                   struct err *e)
{
    struct conf_value next = {.is_set = true};

    if (row->type == CONF_STRINGS)
        return list_extend(v, row, text, e);
    if (parse_scalar(&next, row, text, e) != 0)
        return -1;
    conf_value_clear(v, row);
    *v = next;
    return 0;
}

int conf_value_set_list(struct conf_value *v, const struct conf_option *row,
                        const char *const *texts, size_t n, struct err *e)
{
    struct conf_list *list = NULL;

    if (check_range(row, (double)n, e) != 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (list_add(&list, texts[i], strlen(texts[i])) != 0) {
            list_free(list);
            return err_nomem(e);
        }
    }
    list_free(v->list);
    v->list = list;
    v->is_set = true;
    v->is_faulty = false;
    v->is_inherited = false;
    return 0;
}

/* A default list is written with commas. */
static int init_list(struct conf_value *v, const char *def)
{
    for (const char *p = def; *p;) {
        size_t len = strcspn(p, ",");

        if (list_add(&v->list, p, len) != 0) {
            list_free(v->list);
            v->list = NULL;
            return -1;
        }
        p += len + (p[len] == ',');
    }
    return 0;
}

int conf_value_init(struct conf_value *v, const struct conf_option *row, struct err *e)
{
    struct err why = {0};

    *v = (struct conf_value){.is_inherited = true};
    if (row->type == CONF_DOUBLE)
        v->d = NAN;
    if (!row->def || row->def[0] == '\0')
        return 0;
    if (row->type == CONF_STRINGS)
        return init_list(v, row->def) == 0 ? 0 : err_nomem(e);
    if (row->type == CONF_STRING || row->type == CONF_ENUM) {
        /* NULL text is the row's default: nothing to keep. */
        v->is_auto = strcmp(row->def, "auto") == 0;
        assert(v->is_auto || row->type == CONF_STRING || check_enum(row, row->def, &why) == 0);
        return 0;
    }
    if (parse_scalar(v, row, row->def, &why) != 0)
        assert(false && "the default of a row passes the checks of that row");
    return 0;
}

void conf_value_clear(struct conf_value *v, const struct conf_option *row)
{
    if (row->type == CONF_STRING || row->type == CONF_ENUM)
        free(v->text);
    else if (row->type == CONF_STRINGS)
        list_free(v->list);
    *v = (struct conf_value){0};
}

int conf_value_copy(struct conf_value *to, const struct conf_value *from,
                    const struct conf_option *row, struct err *e)
{
    struct conf_value copy = *from;

    copy.is_inherited = true;
    if (row->type == CONF_STRINGS && list_copy(&copy.list, from->list) != 0)
        return err_nomem(e);
    if ((row->type == CONF_STRING || row->type == CONF_ENUM) && from->text) {
        copy.text = strdup(from->text);
        if (!copy.text)
            return err_nomem(e);
    }
    *to = copy;
    return 0;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return hash_bytes(hash, text, strlen(text) + 1);
}

uint64_t conf_value_hash(const struct conf_value *v, const struct conf_option *row,
                         uint64_t hash)
{
    double d;

    hash = hash_bytes(hash, &v->is_auto, sizeof v->is_auto);
    switch (row->type) {
    case CONF_BOOL:
        return hash_bytes(hash, &v->b, sizeof v->b);
    case CONF_INT:
    case CONF_DURATION:
        return hash_bytes(hash, &v->i, sizeof v->i);
    case CONF_DOUBLE:
        d = isnan(v->d) ? 0 : v->d + 0.0; /* -0 is 0 */
        return hash_bytes(hash, &d, sizeof d);
    case CONF_STRINGS:
        for (size_t i = 0; v->list && i < v->list->n; i++)
            hash = hash_text(hash, v->list->items[i]);
        return hash_text(hash, "");
    default:
        return hash_text(hash, v->text ? v->text : row->def ? row->def : "");
    }
}
