/* conf.c - see conf.h. */
#include "conf/conf.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/str.h"
#include "conf/value.h"

enum { MOST_ROWS = 128, NAME_BYTES = 64, SHOWN_BYTES = 60 };

/* FNV-1a's offset basis (RFC 9923, section 2). */

struct conf {
    const struct conf_option *rows;
    size_t n;
    uint64_t stamp;
    struct conf_value values[];
};

static uint64_t next_stamp(void)
{
    static atomic_uint_fast64_t last;

    return atomic_fetch_add(&last, 1) + 1;
}

static size_t count_rows(const struct conf_option *rows)
{
    size_t n = 0;

    while (rows[n].name)
        n++;
    assert(n <= MOST_ROWS);
    return n;
}

static struct conf *conf_alloc(const struct conf_option *rows)
{
    size_t n = count_rows(rows);
    struct conf *c = calloc(1, sizeof *c + n * sizeof c->values[0]);

    if (c) {
        c->rows = rows;
        c->n = n;
        c->stamp = next_stamp();
    }
    return c;
}

int conf_new(struct conf **out, const struct conf_option *rows, struct err *e)
{
    struct conf *c = conf_alloc(rows);

    if (!c)
        return err_nomem(e);
    for (size_t i = 0; i < c->n; i++) {
        if (conf_value_init(&c->values[i], &rows[i], e) != 0) {
            conf_free(c);
            return -1;
        }
    }
    *out = c;
    return 0;
}

void conf_free(struct conf *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++)
        conf_value_clear(&c->values[i], &c->rows[i]);
    free(c);
}

int conf_copy(struct conf **out, const struct conf *from, struct err *e)
{
    struct conf *c = conf_alloc(from->rows);

    if (!c)
        return err_nomem(e);
    for (size_t i = 0; i < c->n; i++) {
        if (conf_value_copy(&c->values[i], &from->values[i], &c->rows[i], e) != 0) {
            conf_free(c);
            return -1;
        }
    }
    *out = c;
    return 0;
}

/* Index of the row called `name`, or c->n. */
static size_t find(const struct conf *c, const char *name)
{
    size_t i = 0;

    while (i < c->n && strcmp(c->rows[i].name, name) != 0)
        i++;
    return i;
}

const char *conf_closest(const struct conf_option *rows, const char *name)
{
    const char *names[MOST_ROWS];
    size_t n = count_rows(rows);

    for (size_t i = 0; i < n; i++)
        names[i] = rows[i].name;
    return str_closest(name, names, n);
}

static int unknown_option(const struct conf *c, const char *name, struct err *e)
{
    const char *closest = conf_closest(c->rows, name);

    if (closest)
        return err_set(e, ERR_CONFIG, "unknown option \"%.*s\" (did you mean \"%s\"?)",
                       SHOWN_BYTES, name, closest);
    return err_set(e, ERR_CONFIG, "unknown option \"%.*s\"", SHOWN_BYTES, name);
}

/* Puts what the user wrote in front of what is wrong with it. */
static int wrap_value(const char *name, const char *text, struct err *e)
{
    return err_wrap(e, "%s = \"%.*s%s\"", name, SHOWN_BYTES, text,
                    strlen(text) > SHOWN_BYTES ? "..." : "");
}

int conf_set(struct conf *c, const char *name, const char *text, struct err *e)
{
    size_t i = find(c, name);

    if (i == c->n)
        return unknown_option(c, name, e);
    c->stamp = next_stamp();
    if (conf_value_set(&c->values[i], &c->rows[i], text, e) != 0)
        return wrap_value(name, text, e);
    return 0;
}

int conf_set_list(struct conf *c, const char *name, const char *const *texts, size_t n,
                  struct err *e)
{
    size_t i = find(c, name);

    if (i == c->n)
        return unknown_option(c, name, e);
    if (c->rows[i].type != CONF_STRINGS)
        return err_set(e, ERR_CONFIG, "%s: one value expected, found a list", name);
    c->stamp = next_stamp();
    if (conf_value_set_list(&c->values[i], &c->rows[i], texts, n, e) != 0)
        return err_wrap(e, "%s", name);
    return 0;
}

/* The command line's spelling of an option: "--per-instance". */
static void dashed(char out[NAME_BYTES], const char *name)
{
    char *p = stpcpy(out, "--");

    str_copy(p, (size_t)(out + NAME_BYTES - p), name);
    for (; *p; p++)
        if (*p == '_')
            *p = '-';
}

int conf_check_required(const struct conf *c, struct err *e)
{
    char flag[NAME_BYTES];

    for (size_t i = 0; i < c->n; i++) {
        const struct conf_option *row = &c->rows[i];

        if (row->def || c->values[i].is_set)
            continue;
        dashed(flag, row->name);
        return err_set(e, ERR_CONFIG, "%s is missing: %s", flag, row->help);
    }
    return 0;
}

/* The table's spelling of the n bytes after the dashes; false when too long for any. */
static bool underscored(char out[NAME_BYTES], const char *arg, size_t n)
{
    if (n >= NAME_BYTES)
        return false;
    for (size_t i = 0; i < n; i++)
        out[i] = arg[i] == '-' ? '_' : arg[i];
    out[n] = '\0';
    return true;
}

static int unknown_flag(const struct conf *c, const char *arg, struct err *e)
{
    char name[NAME_BYTES], known[NAME_BYTES];
    size_t n = strcspn(arg, "=");
    const char *closest;

    if (arg[1] != '-')
        return err_set(e, ERR_CONFIG,
                       "unknown option %.*s (options are words with two dashes; see --help)",
                       SHOWN_BYTES, arg);
    closest = underscored(name, arg + 2, n - 2) ? conf_closest(c->rows, name) : NULL;
    if (!closest)
        return err_set(e, ERR_CONFIG, "unknown option %.*s (see --help)",
                       n < SHOWN_BYTES ? (int)n : SHOWN_BYTES, arg);
    dashed(known, closest);
    return err_set(e, ERR_CONFIG, "unknown option %.*s (did you mean %s?)", (int)n, arg, known);
}

/* Sets one value of a command line; the message names the option as it is written there. */
static int set_flag(struct conf *c, size_t i, const char *text, struct err *e)
{
    char flag[NAME_BYTES];

    c->stamp = next_stamp();
    if (conf_value_set(&c->values[i], &c->rows[i], text, e) == 0)
        return 0;
    dashed(flag, c->rows[i].name);
    return err_wrap(e, "%s %.*s", flag, SHOWN_BYTES, text);
}

/* "--no-name": the index of a bool called so, or c->n. */
static size_t find_negated(const struct conf *c, const char *name)
{
    size_t i = strncmp(name, "no_", 3) == 0 ? find(c, name + 3) : c->n;

    return i < c->n && c->rows[i].type == CONF_BOOL ? i : c->n;
}

/* Reads the option at argv[*at]; moves *at to its last word. */
static int parse_flag(struct conf *c, int argc, char **argv, int *at, struct err *e)
{
    const char *arg = argv[*at];
    const char *value = strchr(arg, '=');
    size_t len = value ? (size_t)(value - arg) : strlen(arg);
    char name[NAME_BYTES];
    size_t i;

    if (arg[1] != '-' || !underscored(name, arg + 2, len - 2))
        return unknown_flag(c, arg, e);
    i = find(c, name);
    if (i == c->n && !value && (i = find_negated(c, name)) < c->n)
        return set_flag(c, i, "false", e);
    if (i == c->n)
        return unknown_flag(c, arg, e);
    if (value)
        return set_flag(c, i, value + 1, e);
    if (c->rows[i].type == CONF_BOOL)
        return set_flag(c, i, "true", e);
    if (*at + 1 >= argc || strncmp(argv[*at + 1], "--", 2) == 0)
        return err_set(e, ERR_CONFIG, "%s needs a value: %s", arg, c->rows[i].help);
    ++*at;
    return set_flag(c, i, argv[*at], e);
}

int conf_parse_args(struct conf *c, int argc, char **argv, const char **words, size_t *n_words,
                    struct err *e)
{
    bool options_ended = false;

    *n_words = 0;
    for (int i = 1; i < argc; i++) {
        if (options_ended || argv[i][0] != '-' || argv[i][1] == '\0')
            words[(*n_words)++] = argv[i];
        else if (strcmp(argv[i], "--") == 0)
            options_ended = true;
        else if (parse_flag(c, argc, argv, &i, e) != 0)
            return -1;
    }
    return 0;
}

/* The value called `name`, which our own code got right. */
static const struct conf_value *get(const struct conf *c, const char *name,
                                    const struct conf_option **row)
{
    size_t i = find(c, name);

    assert(i < c->n);
    if (row)
        *row = &c->rows[i];
    return &c->values[i];
}

static const struct conf_value *get_typed(const struct conf *c, const char *name,
                                          enum conf_type type)
{
    const struct conf_option *row;
    const struct conf_value *v = get(c, name, &row);

    assert(row->type == type);
    (void)type;
    return v;
}

bool conf_bool(const struct conf *c, const char *name)
{
    return get_typed(c, name, CONF_BOOL)->b;
}

int64_t conf_int(const struct conf *c, const char *name)
{
    return get_typed(c, name, CONF_INT)->i;
}

double conf_double(const struct conf *c, const char *name)
{
    return get_typed(c, name, CONF_DOUBLE)->d;
}

int64_t conf_duration_ms(const struct conf *c, const char *name)
{
    return get_typed(c, name, CONF_DURATION)->i;
}

const char *conf_string(const struct conf *c, const char *name)
{
    const struct conf_option *row;
    const struct conf_value *v = get(c, name, &row);

    assert(row->type == CONF_STRING || row->type == CONF_ENUM);
    if (v->text)
        return v->text;
    return v->is_auto ? "auto" : row->def ? row->def : "";
}

size_t conf_strings(const struct conf *c, const char *name, const char *const **out)
{
    const struct conf_list *list = get_typed(c, name, CONF_STRINGS)->list;

    *out = list ? (const char *const *)list->items : NULL;
    return list ? list->n : 0;
}

bool conf_is_set(const struct conf *c, const char *name)
{
    return get(c, name, NULL)->is_set;
}

void conf_note_faulty(struct conf *c, const char *name)
{
    size_t i = find(c, name);

    assert(i < c->n);
    c->values[i].is_faulty = true;
}

bool conf_is_faulty(const struct conf *c, const char *name)
{
    return get(c, name, NULL)->is_faulty;
}

bool conf_is_auto(const struct conf *c, const char *name)
{
    return get(c, name, NULL)->is_auto;
}

const struct conf_option *conf_rows(const struct conf *c)
{
    return c->rows;
}

uint64_t conf_stamp(const struct conf *c)
{
    return c->stamp;
}

uint64_t conf_hash_text(const char *text)
{
    return hash_bytes(HASH_START, text, strlen(text));
}

uint64_t conf_hash(const struct conf *c)
{
    uint64_t hash = HASH_START;

    for (size_t i = 0; i < c->n; i++) {
        hash = hash_bytes(hash, c->rows[i].name, strlen(c->rows[i].name) + 1);
        hash = conf_value_hash(&c->values[i], &c->rows[i], hash);
    }
    return hash;
}
