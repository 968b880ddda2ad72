/* conf_file.c - see conf_file.h. */
#include "conf/conf_file.h"

#include <libconfig.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "conf/scan.h"

enum { MOST_NAMES = 256, SHOWN_BYTES = 60 };

struct conf_file {
    struct config_t tree; /* first: a setting's `config` leads back to us */
    char *path;
    char *dir;
    char **shown; /* for tree.filenames[i] the path from the working directory */
    size_t n_shown;
};

static const struct config_setting_t *setting(const struct conf_node *n)
{
    return (const struct config_setting_t *)(const void *)n;
}

static const struct conf_node *node(const struct config_setting_t *s)
{
    return (const struct conf_node *)(const void *)s;
}

/* The directory part of path, allocated; "." without one. */
static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static struct conf_file *file_new(const char *path)
{
    struct conf_file *f = calloc(1, sizeof *f);

    if (!f)
        return NULL;
    config_init(&f->tree);
    f->path = strdup(path);
    f->dir = directory_of(path);
    if (f->path && f->dir)
        return f;
    conf_file_free(f);
    return NULL;
}

void conf_file_free(struct conf_file *f)
{
    if (!f)
        return;
    config_destroy(&f->tree);
    for (size_t i = 0; i < f->n_shown; i++)
        free(f->shown[i]);
    free(f->shown);
    free(f->path);
    free(f->dir);
    free(f);
}

/* libconfig names an included file as it is written; people open it from where they are. */
static int name_files(struct conf_file *f)
{
    f->shown = calloc(f->tree.num_filenames + 1, sizeof *f->shown);
    if (!f->shown)
        return -1;
    for (unsigned i = 0; i < f->tree.num_filenames; i++) {
        const char *name = f->tree.filenames[i];
        struct str shown = STR_EMPTY;

        if (strcmp(name, f->path) == 0 || strcmp(f->dir, ".") == 0)
            str_add(&shown, name);
        else
            str_printf(&shown, "%s/%s", f->dir, name);
        if (shown.failed) {
            str_clear(&shown);
            return -1;
        }
        f->shown[f->n_shown++] = shown.data;
    }
    return 0;
}

/* The path to show for a name that libconfig gave. */
static const char *shown_name(const struct conf_file *f, const char *name)
{
    for (size_t i = 0; name && i < f->n_shown; i++)
        if (f->tree.filenames[i] == name || strcmp(f->tree.filenames[i], name) == 0)
            return f->shown[i];
    return f->path;
}

static void add_parse_fault(const struct conf_file *f, struct conf_faults *faults)
{
    const char *text = config_error_text(&f->tree);
    unsigned line = (unsigned)config_error_line(&f->tree);
    const char *name = shown_name(f, config_error_file(&f->tree));

    if (text && strcmp(text, "syntax error") == 0)
        conf_faults_error(faults, name, line,
                          "syntax error (is something missing here, or at the end of the line "
                          "before: = ; , or a bracket?)");
    else if (text && strcmp(text, "duplicate setting name") == 0)
        conf_faults_error(faults, name, line,
                          "a name of this line was given before in the same group");
    else if (text && strcmp(text, "mismatched element type in array") == 0)
        conf_faults_error(faults, name, line,
                          "[ ... ] holds values of one kind; quote them all");
    else
        conf_faults_error(faults, name, line, "%s", text ? text : "cannot be read");
}

/* After libconfig's call: hands f over, or says why not. */
static int finish(struct conf_file **out, struct conf_file *f, bool is_good,
                  struct conf_faults *faults, struct err *e)
{
    if (name_files(f) != 0) {
        conf_file_free(f);
        return err_nomem(e);
    }
    if (!is_good) {
        add_parse_fault(f, faults);
        conf_file_free(f);
        return conf_faults_result(faults, e);
    }
    *out = f;
    return 0;
}

int conf_file_read(struct conf_file **out, const char *path, struct conf_faults *faults,
                   struct err *e)
{
    struct conf_file *f = file_new(path);

    if (!f)
        return err_nomem(e);
    if (!conf_scan_file(path, f->dir, faults)) {
        conf_file_free(f);
        return conf_faults_result(faults, e);
    }
    config_set_include_dir(&f->tree, f->dir);
    return finish(out, f, config_read_file(&f->tree, path) == CONFIG_TRUE, faults, e);
}

int conf_file_parse(struct conf_file **out, const char *name, const char *text,
                    struct conf_faults *faults, struct err *e)
{
    struct conf_file *f = file_new(name);

    if (!f)
        return err_nomem(e);
    if (!conf_scan_text(name, text, strlen(text), NULL, faults)) {
        conf_file_free(f);
        return conf_faults_result(faults, e);
    }
    return finish(out, f, config_read_string(&f->tree, text) == CONFIG_TRUE, faults, e);
}

const struct conf_node *conf_file_root(const struct conf_file *f)
{
    return node(config_root_setting(&f->tree));
}

const struct conf_node *conf_node_member(const struct conf_node *group, const char *name)
{
    return node(config_setting_get_member(setting(group), name));
}

size_t conf_node_count(const struct conf_node *n)
{
    return (size_t)config_setting_length(setting(n));
}

const struct conf_node *conf_node_at(const struct conf_node *n, size_t i)
{
    return node(config_setting_get_elem(setting(n), (unsigned)i));
}

const char *conf_node_name(const struct conf_node *n)
{
    const char *name = config_setting_name(setting(n));

    return name ? name : "";
}

bool conf_node_is_group(const struct conf_node *n)
{
    return config_setting_type(setting(n)) == CONFIG_TYPE_GROUP;
}

bool conf_node_is_list(const struct conf_node *n)
{
    int type = config_setting_type(setting(n));

    return type == CONFIG_TYPE_LIST || type == CONFIG_TYPE_ARRAY;
}

const char *conf_node_text(const struct conf_node *n)
{
    return config_setting_get_string(setting(n));
}

const char *conf_node_file(const struct conf_node *n)
{
    const struct conf_file *f = (const struct conf_file *)(const void *)setting(n)->config;

    return shown_name(f, config_setting_source_file(setting(n)));
}

unsigned conf_node_line(const struct conf_node *n)
{
    return config_setting_source_line(setting(n));
}

void conf_node_fault(const struct conf_node *n, struct conf_faults *faults, const char *fmt,
                     ...)
{
    char message[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    conf_faults_error(faults, conf_node_file(n), conf_node_line(n), "%s", message);
}

/* A fault of a named owner; "" leaves the owner out. */
static void owner_fault(const struct conf_node *n, struct conf_faults *faults,
                        const char *owner, const char *message)
{
    conf_node_fault(n, faults, "%s%s%s", owner, owner[0] ? ": " : "", message);
}

/* The value as it could be written, into buf unless it is text already; NULL for groups and
 * lists. */
static const char *value_text(const struct conf_node *n, char *buf, size_t size)
{
    const struct config_setting_t *s = setting(n);
    double d;

    switch (config_setting_type(s)) {
    case CONFIG_TYPE_STRING:
        return config_setting_get_string(s);
    case CONFIG_TYPE_BOOL:
        return config_setting_get_bool(s) ? "true" : "false";
    case CONFIG_TYPE_INT:
        snprintf(buf, size, "%d", config_setting_get_int(s));
        return buf;
    case CONFIG_TYPE_INT64:
        snprintf(buf, size, "%lld", config_setting_get_int64(s));
        return buf;
    case CONFIG_TYPE_FLOAT:
        d = config_setting_get_float(s);
        snprintf(buf, size, "%.15g", d);
        if (strtod(buf, NULL) != d)
            snprintf(buf, size, "%.17g", d);
        return buf;
    default:
        return NULL;
    }
}

/* scheme://user:password@host - the user name alone is no secret. */
static bool has_password(const char *text)
{
    const char *from = strstr(text, "://");
    const char *at, *colon;

    if (!from)
        return false;
    from += 3;
    at = memrchr(from, '@', strcspn(from, "/?#"));
    colon = at ? memchr(from, ':', (size_t)(at - from)) : NULL;
    return colon != NULL && colon + 1 < at;
}

static int set_scalar(struct conf *c, const struct conf_option *row, const struct conf_node *n,
                      struct err *e)
{
    char buf[40];
    const char *text = value_text(n, buf, sizeof buf);
    bool wants_text = row->type == CONF_STRING || row->type == CONF_ENUM;

    if (!text)
        return err_set(e, ERR_CONFIG, "%s: one value expected, found a %s", row->name,
                       conf_node_is_group(n) ? "group" : "list");
    if (wants_text && !conf_node_text(n))
        return err_set(e, ERR_CONFIG, "%s = %s: text stands in quotes: \"%s\"", row->name, text,
                       text);
    if (wants_text && has_password(text))
        return err_set(e, ERR_CONFIG,
                       "%s: a password in a URL is refused, since configurations are shown and "
                       "copied: write it to a file and name that as password_file",
                       row->name);
    return conf_set(c, row->name, text, e);
}

/* One entry of a list of texts, allocated: the value, or "name=value" in a group. */
static char *entry_text(const struct conf_node *n)
{
    char buf[40];
    const char *text = value_text(n, buf, sizeof buf);
    const char *name = conf_node_name(n);
    struct str entry = STR_EMPTY;

    if (!text)
        return NULL;
    if (name[0])
        str_printf(&entry, "%s=", name);
    str_add(&entry, text);
    if (entry.failed)
        str_clear(&entry);
    return entry.data;
}

static int set_list(struct conf *c, const struct conf_option *row, const struct conf_node *n,
                    struct err *e)
{
    size_t count = conf_node_count(n);
    char **texts;
    int rc = -1;

    if (!conf_node_is_list(n) && !conf_node_is_group(n))
        return err_set(e, ERR_CONFIG, "%s: a list expected: %s = [\"...\", \"...\"]", row->name,
                       row->name);
    texts = calloc(count + 1, sizeof *texts);
    if (!texts)
        return err_nomem(e);
    for (size_t i = 0; i < count; i++) {
        const struct conf_node *entry = conf_node_at(n, i);

        texts[i] = entry_text(entry);
        if (!texts[i]) {
            if (conf_node_is_group(entry) || conf_node_is_list(entry))
                err_set(e, ERR_CONFIG, "%s: entry %zu is no single value", row->name, i + 1);
            else
                err_nomem(e);
            goto done;
        }
    }
    rc = conf_set_list(c, row->name, (const char *const *)texts, count, e);
done:
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    free(texts);
    return rc;
}

static bool is_among(const char *name, const char *const *names)
{
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static void unknown(const struct conf_node *n, struct conf *const *confs, size_t n_confs,
                    const char *const *others, const char *owner, struct conf_faults *faults)
{
    const char *names[MOST_NAMES] = {NULL};
    const char *name = conf_node_name(n);
    const char *closest;
    char message[240];
    size_t count = 0;

    for (size_t i = 0; i < n_confs; i++)
        for (const struct conf_option *row = conf_rows(confs[i]); row->name; row++)
            if (count < MOST_NAMES)
                names[count++] = row->name;
    for (; others && *others && count < MOST_NAMES; others++)
        names[count++] = *others;
    closest = str_closest(name, names, count);
    for (size_t i = 0; !closest && i < count; i++)
        if (strlen(name) >= 3 && strncmp(name, names[i], strlen(name)) == 0)
            closest = names[i];
    if (closest)
        snprintf(message, sizeof message, "unknown option \"%.*s\" (did you mean \"%s\"?)",
                 SHOWN_BYTES, name, closest);
    else
        snprintf(message, sizeof message, "unknown option \"%.*s\"", SHOWN_BYTES, name);
    owner_fault(n, faults, owner, message);
}

/* Sets one member; false when no row has its name. */
static bool read_member(const struct conf_node *n, struct conf *c, const char *owner,
                        struct conf_faults *faults)
{
    const struct conf_option *row = conf_rows(c);
    struct err e = {0};

    while (row->name && strcmp(row->name, conf_node_name(n)) != 0)
        row++;
    if (!row->name)
        return false;
    if ((row->type == CONF_STRINGS ? set_list(c, row, n, &e) : set_scalar(c, row, n, &e)) == 0)
        return true;
    conf_note_faulty(c, row->name);
    if (e.code == ERR_NOMEM)
        faults->failed = true;
    else
        owner_fault(n, faults, owner, e.msg);
    return true;
}

void conf_node_read(const struct conf_node *group, struct conf *const *confs, size_t n,
                    const char *const *others, const char *owner, struct conf_faults *faults)
{
    for (size_t i = 0; i < conf_node_count(group); i++) {
        const struct conf_node *member = conf_node_at(group, i);
        bool is_known = is_among(conf_node_name(member), others);

        for (size_t k = 0; k < n && !is_known; k++)
            is_known = read_member(member, confs[k], owner, faults);
        if (!is_known)
            unknown(member, confs, n, others, owner, faults);
    }
}

void conf_node_require(const struct conf_node *group, const struct conf *c, const char *owner,
                       struct conf_faults *faults)
{
    char message[300];

    for (const struct conf_option *row = conf_rows(c); row->name; row++) {
        if (row->def || conf_is_set(c, row->name) || conf_is_faulty(c, row->name))
            continue; /* a faulty value was complained about where it stands */
        snprintf(message, sizeof message, "%s is missing: %s", row->name, row->help);
        owner_fault(group, faults, owner, message);
    }
}
