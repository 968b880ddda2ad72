/* config.c - see config.h. */
#include "service/config.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/vec.h"
#include "conf/conf_file.h"

enum { OWNER_BYTES = 160, MOST_TYPES = 64 };

const struct conf_option config_daemon_options[] = {
    {"state_dir", CONF_STRING, "auto", 0, 0, "DIR",
     "Where history, decisions and instances are kept; auto: $SCALER_STATE_DIR, else "
     "/var/lib/scaler for root and ~/.local/state/scaler for others."},
    {"log_level", CONF_ENUM, "info", 0, 0, "error|warn|info|debug",
     "Least important lines to log."},
    {"services_dir", CONF_STRING, "", 0, 0, "DIR",
     "A directory of NAME.cfg files, each the settings of one service without braces; relative "
     "to this file."},
    CONF_END,
};

const struct conf_option config_api_options[] = {
    {"listen", CONF_STRING, "127.0.0.1:9464", 0, 200, "ADDRESS:PORT",
     "Where health, metrics and status are served over HTTP; \"\": nowhere."},
    {"hosts", CONF_STRINGS, "", 0, 0, "NAME",
     "Names besides the address that a request's Host header may have."},
    CONF_END,
};

/* Members of the top level that are no values; the names of source types follow. */
static const char *const top_groups[] = {"api", "defaults", "services", "sources"};

struct loader {
    struct config *c;
    struct service_conf defaults;
    bool has_files; /* services_dir may be read */
    struct conf_faults *faults;
};

void config_free(struct config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_sources; i++) {
        free(c->sources[i].name);
        free(c->sources[i].file);
        conf_free(c->sources[i].options);
    }
    for (size_t i = 0; i < c->n_services; i++)
        service_conf_clear(&c->services[i]);
    free(c->sources);
    free(c->services);
    conf_free(c->daemon);
    conf_free(c->api);
    free(c->listen_file);
    free(c);
}

const struct service_conf *config_service(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_services; i++)
        if (strcmp(c->services[i].name, name) == 0)
            return &c->services[i];
    return NULL;
}

/* Opening checks what rows cannot; it does no I/O. */
static void check_options(const struct loader *l, const struct config_source *s,
                          const struct conf_node *node)
{
    void *object = NULL;
    struct err e = {0};

    if (s->source->open(&object, s->options, &e) != 0 && e.code == ERR_NOMEM)
        l->faults->failed = true;
    else if (e.code != ERR_NONE)
        conf_node_fault(node, l->faults, "source \"%s\": %s", s->name, e.msg);
    else
        s->source->close(object);
}

/* Adds a connection from its group; `others` as for conf_node_read. */
static int add_source(struct loader *l, const struct conf_node *node, const char *name,
                      const struct source *source, const char *const *others, struct err *e)
{
    struct config *c = l->c;
    struct config_source *s;
    char owner[OWNER_BYTES];
    size_t n_faults = l->faults->n_errors;

    if (vec_reserve(&c->sources, &c->sources_cap, c->n_sources + 1, sizeof *c->sources) != 0)
        return err_nomem(e);
    s = &c->sources[c->n_sources++];
    *s = (struct config_source){.source = source, .line = conf_node_line(node)};
    s->name = strdup(name);
    s->file = strdup(conf_node_file(node));
    if (!s->name || !s->file)
        return err_nomem(e);
    if (conf_new(&s->options, source->options, e) != 0)
        return -1;
    snprintf(owner, sizeof owner, "source \"%.100s\"", name);
    conf_node_read(node, &s->options, 1, others, owner, l->faults);
    conf_node_require(node, s->options, owner, l->faults);
    if (l->faults->n_errors == n_faults && !l->faults->failed)
        check_options(l, s, node);
    s->hash = conf_hash(s->options) ^ conf_hash_text(source->name);
    return 0;
}

/* `redis = { ... }` */
static int read_typed_sources(struct loader *l, const struct conf_node *root, struct err *e)
{
    for (size_t i = 0; source_table[i]; i++) {
        const struct conf_node *node = conf_node_member(root, source_table[i]->name);

        if (!node)
            continue;
        if (!conf_node_is_group(node))
            conf_node_fault(node, l->faults, "%s: a group expected: %s = { ... };",
                            source_table[i]->name, source_table[i]->name);
        else if (add_source(l, node, source_table[i]->name, source_table[i], NULL, e) != 0)
            return -1;
    }
    return 0;
}

/* True when the node is a list of groups; else a fault, if it is there at all. */
static bool is_group_list(const struct loader *l, const struct conf_node *node,
                          const char *name)
{
    if (!node)
        return false;
    if (!conf_node_is_list(node)) {
        conf_node_fault(node, l->faults,
                        "%s: a list of groups expected: %s = ( { ... }, { ... } );", name,
                        name);
        return false;
    }
    for (size_t i = 0; i < conf_node_count(node); i++) {
        const struct conf_node *entry = conf_node_at(node, i);

        if (conf_node_is_group(entry))
            continue;
        conf_node_fault(entry, l->faults, "%s: entry %zu is no group: write { ... }", name,
                        i + 1);
        return false;
    }
    return true;
}

/* One entry of `sources = ( { name = "eu"; type = "redis"; ... } )`. */
static int read_named_source(struct loader *l, const struct conf_node *node, struct err *e)
{
    static const char *const others[] = {"name", "type", NULL};
    const struct conf_node *name = conf_node_member(node, "name");
    const struct conf_node *type = conf_node_member(node, "type");
    const char *name_text = name ? conf_node_text(name) : NULL;
    const char *type_text = type ? conf_node_text(type) : NULL;

    if (!name_text || !name_text[0] || !type_text) {
        conf_node_fault(node, l->faults,
                        "sources: an entry needs name = \"...\" and type = "
                        "\"...\"");
        return 0;
    }
    if (!source_find(type_text)) {
        conf_node_fault(type, l->faults, "source \"%.60s\": unknown type \"%.60s\"", name_text,
                        type_text);
        return 0;
    }
    for (size_t i = 0; i < l->c->n_sources; i++) {
        if (strcmp(l->c->sources[i].name, name_text) != 0)
            continue;
        conf_node_fault(name, l->faults, "source \"%.60s\": the name is taken by %s:%u",
                        name_text, l->c->sources[i].file, l->c->sources[i].line);
        return 0;
    }
    return add_source(l, node, name_text, source_find(type_text), others, e);
}

static int read_sources(struct loader *l, const struct conf_node *root, struct err *e)
{
    const struct conf_node *list = conf_node_member(root, "sources");

    if (read_typed_sources(l, root, e) != 0)
        return -1;
    if (!is_group_list(l, list, "sources"))
        return 0;
    for (size_t i = 0; i < conf_node_count(list); i++)
        if (read_named_source(l, conf_node_at(list, i), e) != 0)
            return -1;
    return 0;
}

static int add_service(struct loader *l, const struct conf_node *node, const char *name,
                       struct err *e)
{
    struct config *c = l->c;
    struct service_conf *s;

    if (vec_reserve(&c->services, &c->services_cap, c->n_services + 1, sizeof *c->services) !=
        0)
        return err_nomem(e);
    s = &c->services[c->n_services];
    if (service_conf_read(s, node, name, &l->defaults, c->sources, c->n_sources, l->faults,
                          e) != 0)
        return -1;
    c->n_services++;
    return 0;
}

static int read_services(struct loader *l, const struct conf_node *root, struct err *e)
{
    const struct conf_node *list = conf_node_member(root, "services");

    if (!is_group_list(l, list, "services"))
        return 0;
    for (size_t i = 0; i < conf_node_count(list); i++)
        if (add_service(l, conf_node_at(list, i), NULL, e) != 0)
            return -1;
    return 0;
}

/* One file of services_dir: the service's settings are the file's top level. */
static int read_service_file(struct loader *l, const char *dir, const char *file, struct err *e)
{
    struct conf_file *f = NULL;
    char path[PATH_MAX], name[NAME_MAX + 1];
    int rc;

    if (snprintf(path, sizeof path, "%s/%s", dir, file) >= (int)sizeof path)
        return err_set(e, ERR_CONFIG, "%.100s: path too long", dir);
    str_copy(name, sizeof name, file);
    name[strlen(name) - strlen(".cfg")] = '\0';
    if (conf_file_read(&f, path, l->faults, e) != 0)
        return e->code == ERR_NOMEM ? -1 : 0; /* the others are still worth a look */
    rc = add_service(l, conf_file_root(f), name, e);
    conf_file_free(f);
    return rc;
}

static int is_cfg_file(const struct dirent *d)
{
    size_t n = strlen(d->d_name);

    return n > 4 && d->d_name[0] != '.' && strcmp(d->d_name + n - 4, ".cfg") == 0;
}

/* The path of services_dir as seen from here; relative ones start at the configuration. */
static int services_path(const struct conf_node *node, const char *dir, char *out, size_t size)
{
    const char *file = conf_node_file(node);
    const char *slash = strrchr(file, '/');
    int n;

    if (dir[0] == '/' || !slash)
        n = snprintf(out, size, "%s", dir);
    else
        n = snprintf(out, size, "%.*s/%s", (int)(slash - file), file, dir);
    return n >= 0 && (size_t)n < size ? 0 : -1;
}

static int read_services_dir(struct loader *l, const struct conf_node *root, struct err *e)
{
    const char *dir = conf_string(l->c->daemon, "services_dir");
    const struct conf_node *at = conf_node_member(root, "services_dir");
    struct dirent **entries = NULL;
    char path[PATH_MAX];
    struct err why = {0};
    int n, rc = 0;

    if (!dir[0] || !at)
        return 0;
    if (!l->has_files || services_path(at, dir, path, sizeof path) != 0) {
        conf_node_fault(at, l->faults, "services_dir cannot be used here");
        return 0;
    }
    if (file_check_owner(path, false, &why) != 0) {
        conf_node_fault(at, l->faults, "services_dir: %s", why.msg);
        return 0;
    }
    n = scandir(path, &entries, is_cfg_file, alphasort);
    if (n < 0) {
        conf_node_fault(at, l->faults, "services_dir: %s: %s", path, strerror(errno));
        return 0;
    }
    for (int i = 0; i < n; i++) {
        if (rc == 0)
            rc = read_service_file(l, path, entries[i]->d_name, e);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

static int by_name(const void *a, const void *b)
{
    const struct service_conf *const *x = a, *const *y = b;
    int order = strcmp((*x)->name, (*y)->name);

    return order != 0 ? order : (*x > *y) - (*x < *y);
}

static int check_duplicates(struct loader *l, struct err *e)
{
    size_t n = l->c->n_services;
    const struct service_conf **sorted = calloc(n + 1, sizeof *sorted);

    if (!sorted)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++)
        sorted[i] = &l->c->services[i];
    qsort(sorted, n, sizeof *sorted, by_name);
    for (size_t i = 1; i < n; i++)
        if (sorted[i]->name[0] && strcmp(sorted[i]->name, sorted[i - 1]->name) == 0)
            conf_faults_error(l->faults, sorted[i]->file, sorted[i]->line,
                              "service \"%s\": the name is taken by %s:%u", sorted[i]->name,
                              sorted[i - 1]->file, sorted[i - 1]->line);
    free(sorted);
    return 0;
}

static void take_typed(struct config *c)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    const char *level = conf_string(c->daemon, "log_level");

    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (strcmp(levels[i], level) == 0)
            c->log_level = (enum log_level)i;
    c->state_dir =
        conf_is_auto(c->daemon, "state_dir") ? NULL : conf_string(c->daemon, "state_dir");
    c->listen = conf_string(c->api, "listen");
    c->n_hosts = conf_strings(c->api, "hosts", &c->hosts);
}

static int note_listen(struct config *c, const struct conf_node *root, struct err *e)
{
    const struct conf_node *api = conf_node_member(root, "api");
    const struct conf_node *listen = api ? conf_node_member(api, "listen") : NULL;

    if (!listen)
        return 0;
    c->listen_line = conf_node_line(listen);
    c->listen_file = strdup(conf_node_file(listen));
    return c->listen_file ? 0 : err_nomem(e);
}

static void hash_config(struct config *c)
{
    c->hash = conf_hash(c->daemon) * 31 + conf_hash(c->api);
    for (size_t i = 0; i < c->n_sources; i++)
        c->hash = hash_bytes(c->hash, &c->sources[i].hash, sizeof c->sources[i].hash);
    for (size_t i = 0; i < c->n_services; i++)
        c->hash = hash_bytes(c->hash, &c->services[i].hash, sizeof c->services[i].hash);
}

static void read_top_level(struct loader *l, const struct conf_node *root)
{
    const char *others[MOST_TYPES + sizeof top_groups / sizeof top_groups[0] + 1];
    const struct conf_node *api = conf_node_member(root, "api");
    size_t n = 0;

    for (; n < sizeof top_groups / sizeof top_groups[0]; n++)
        others[n] = top_groups[n];
    for (size_t i = 0; i < MOST_TYPES && source_table[i]; i++)
        others[n++] = source_table[i]->name;
    others[n] = NULL;
    conf_node_read(root, &l->c->daemon, 1, others, "", l->faults);
    if (api && !conf_node_is_group(api))
        conf_node_fault(api, l->faults, "api: a group expected: api = { ... };");
    else if (api)
        conf_node_read(api, &l->c->api, 1, NULL, "api", l->faults);
}

static int read_defaults(struct loader *l, const struct conf_node *root, struct err *e)
{
    const struct conf_node *node = conf_node_member(root, "defaults");

    if (node && !conf_node_is_group(node)) {
        conf_node_fault(node, l->faults, "defaults: a group expected: defaults = { ... };");
        node = NULL;
    }
    return service_conf_defaults(&l->defaults, node, l->faults, e);
}

static int read_all(struct loader *l, const struct conf_node *root, struct err *e)
{
    if (conf_new(&l->c->daemon, config_daemon_options, e) != 0 ||
        conf_new(&l->c->api, config_api_options, e) != 0)
        return -1;
    read_top_level(l, root);
    if (read_sources(l, root, e) != 0 || read_defaults(l, root, e) != 0 ||
        read_services(l, root, e) != 0 || read_services_dir(l, root, e) != 0 ||
        check_duplicates(l, e) != 0 || note_listen(l->c, root, e) != 0)
        return -1;
    if (l->c->n_services == 0)
        conf_faults_warn(l->faults, conf_node_file(root), 0, "no services are configured");
    take_typed(l->c);
    hash_config(l->c);
    return conf_faults_result(l->faults, e);
}

/* Takes over f. */
static int load(struct config **out, struct conf_file *f, bool has_files,
                struct conf_faults *faults, struct err *e)
{
    struct loader l = {.faults = faults, .has_files = has_files};
    int rc = -1;

    l.c = calloc(1, sizeof *l.c);
    if (!l.c) {
        err_nomem(e);
        goto done;
    }
    if (read_all(&l, conf_file_root(f), e) != 0)
        goto done;
    *out = l.c; /* the caller owns it now */
    l.c = NULL;
    rc = 0;
done:
    service_conf_clear(&l.defaults);
    config_free(l.c);
    conf_file_free(f);
    return rc;
}

int config_load(struct config **out, const char *path, struct conf_faults *faults,
                struct err *e)
{
    struct conf_file *f = NULL;

    if (conf_file_read(&f, path, faults, e) != 0)
        return -1;
    return load(out, f, true, faults, e);
}

/* cppcheck-suppress unusedFunction ; for tests and the fuzz target */
int config_parse(struct config **out, const char *name, const char *text,
                 struct conf_faults *faults, struct err *e)
{
    struct conf_file *f = NULL;

    if (conf_file_parse(&f, name, text, faults, e) != 0)
        return -1;
    return load(out, f, false, faults, e);
}

int config_state_dir(const char *given, const char *configured, char *out, size_t size,
                     struct err *e)
{
    const char *env = getenv("SCALER_STATE_DIR");
    const char *home = getenv("HOME");
    const char *dir = given ? given : configured ? configured : env && env[0] ? env : NULL;
    int n;

    if (!dir && geteuid() == 0)
        dir = "/var/lib/scaler";
    if (dir)
        n = snprintf(out, size, "%s", dir);
    else if (home && home[0])
        n = snprintf(out, size, "%s/.local/state/scaler", home);
    else
        return err_set(e, ERR_CONFIG, "no home directory: say --state-dir DIR");
    if (n < 0 || (size_t)n >= size)
        return err_set(e, ERR_CONFIG, "state_dir: path too long");
    return 0;
}
