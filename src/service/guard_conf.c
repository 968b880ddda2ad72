/* guard_conf.c - see guard_conf.h. */
#include "service/guard_conf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "collect/store.h"

const struct conf_option guard_options[] = {
    {"name", CONF_STRING, NULL, 1, DECIDE_GUARD_NAME_SIZE - 1, "NAME",
     "Name of the guard: letters, digits, dots, dashes and underscores."},
    {"kind", CONF_ENUM, NULL, 0, 0, "utilisation|limit",
     "utilisation grows with the load that an instance carries, as CPU and requests in flight "
     "per instance do; limit says only that it is too much, as p99 and a share of rejected "
     "requests do."},
    {"target", CONF_DOUBLE, "", 0.000001, 1e9, "",
     "kind utilisation: how full instances may be; per_instance is the load they carry there. "
     "Above it nothing is removed and the floor is ready x value / target, up to 1.5 x what "
     "the "
     "load asks for."},
    {"most", CONF_DOUBLE, "", 0.000001, 1e9, "",
     "kind limit: more is too much. Above it nothing is removed and 10 % of the ready "
     "instances "
     "are added in a lead time, up to 1.5 x what the load asks for."},
    {"saturated", CONF_DOUBLE, "auto", 0.000001, 1e9, "",
     "From this value on the load measured is what was served, at least so much was asked; "
     "auto: most, or 1.35 x target, but 0.95 for a target below that."},
    CONF_END,
};

const struct conf_option guard_source_options[] = {
    {"type", CONF_STRING, "", 0, 60, "TYPE",
     "Where the guard is read; unset: the type of the service's own source."},
    {"from", CONF_STRING, "", 0, 100, "NAME", "Which connection of that type."},
    CONF_END,
};

/* Signals of the store that are no guards. */
static const char *const taken_names[] = {STORE_DEMAND, STORE_READY, STORE_RUNNING};

void guard_conf_clear(struct guard_conf *g)
{
    conf_free(g->options);
    conf_free(g->place);
    conf_free(g->query);
    *g = (struct guard_conf){0};
}

uint64_t guard_conf_hash(const struct guard_conf *g, const struct config_source *sources,
                         size_t n_sources)
{
    uint64_t parts[3] = {0};

    parts[0] = conf_hash(g->options);
    parts[1] = g->query ? conf_hash(g->query) : 0;
    parts[2] = g->source_index < n_sources ? sources[g->source_index].hash : 0;
    return hash_bytes(HASH_START, parts, sizeof parts);
}

/* Values of guards are levels: as they are, not counts of a step. */
static int read_as_levels(struct conf *query, struct err *e)
{
    for (const struct conf_option *row = conf_rows(query); row->name; row++)
        if (strcmp(row->name, "units") == 0)
            return conf_set(query, "units", "rate", e);
    return 0;
}

static int read_query(struct reader *r, struct guard_conf *g, const struct conf_node *group,
                      struct err *e)
{
    struct conf *confs[2] = {g->place, NULL};
    char owner[READER_OWNER_BYTES];
    size_t n_faults = r->faults->n_errors;
    struct err why = {0};

    if (conf_new(&g->query, g->source->query_options, e) != 0 ||
        read_as_levels(g->query, e) != 0)
        return -1;
    confs[1] = g->query;
    reader_group_owner(r, "source", owner);
    conf_node_read(group, confs, 2, NULL, owner, r->faults);
    conf_node_require(group, g->query, owner, r->faults);
    if (r->faults->n_errors == n_faults && g->source->check_query &&
        g->source->check_query(g->query, &why) != 0) {
        if (why.code == ERR_NOMEM)
            r->faults->failed = true;
        else
            conf_node_fault(group, r->faults, "%s: %s", owner, why.msg);
    }
    return 0;
}

static int read_source(struct reader *r, struct guard_conf *g, const struct conf_node *entry,
                       const struct config_source *sources, size_t n_sources, struct err *e)
{
    const struct conf_node *group = conf_node_member(entry, "source");
    const struct service_conf *s = r->s;
    const char *from, *type;

    if (!group || !conf_node_is_group(group)) {
        conf_node_fault(group ? group : entry, r->faults,
                        "%s: source: a group expected: source = { ... };", r->owner);
        return 0;
    }
    from = reader_early_text(group, "from");
    type = reader_early_text(group, "type");
    if (from || type) {
        reader_find_source(r, group, from ? from : "", type ? type : "", sources, n_sources,
                           &g->source, &g->source_index);
    } else {
        g->source = s->source;
        g->source_index = s->source_index;
    }
    return g->source ? read_query(r, g, group, e) : 0;
}

static void take_limit(const struct reader *r, struct guard_conf *g,
                       const struct conf_node *entry)
{
    bool is_limit = strcmp(conf_string(g->options, "kind"), "limit") == 0;
    const char *own = is_limit ? "most" : "target", *other = is_limit ? "target" : "most";

    g->kind = is_limit ? DECIDE_GUARD_LIMIT : DECIDE_GUARD_UTILISATION;
    g->limit = conf_double(g->options, own);
    if (!conf_is_set(g->options, "kind") || conf_is_faulty(g->options, "kind"))
        return; /* which of them it takes is not known */
    if (isnan(g->limit) && !conf_is_faulty(g->options, own))
        conf_node_fault(entry, r->faults, "%s: %s is missing: kind \"%s\" needs it", r->owner,
                        own, is_limit ? "limit" : "utilisation");
    if (conf_is_set(g->options, other))
        conf_node_fault(conf_node_member(entry, other), r->faults,
                        "%s: %s is of the other kind: \"%s\" takes %s", r->owner, other,
                        is_limit ? "limit" : "utilisation", own);
    if (!conf_is_auto(g->options, "saturated"))
        g->saturated = conf_double(g->options, "saturated");
    else if (is_limit)
        g->saturated = g->limit;
    else
        g->saturated = g->limit < 0.95 ? fmin(0.95, 1.35 * g->limit) : 1.35 * g->limit;
}

static void check_name(const struct reader *r, const struct guard_conf *g,
                       const struct conf_node *entry)
{
    const struct service_conf *s = r->s;

    if (g->name[0] && !service_name_is_good(g->name))
        conf_node_fault(entry, r->faults,
                        "%s: name: letters, digits, dots, dashes and underscores only, the "
                        "first a letter, digit or underscore",
                        r->owner);
    for (size_t i = 0; i < sizeof taken_names / sizeof taken_names[0]; i++)
        if (strcmp(g->name, taken_names[i]) == 0)
            conf_node_fault(entry, r->faults, "%s: name: \"%s\" is taken by the program",
                            r->owner, g->name);
    for (size_t i = 0; &s->guards[i] < g; i++)
        if (strcmp(s->guards[i].name, g->name) == 0)
            conf_node_fault(entry, r->faults, "%s: the name is taken by an earlier guard",
                            r->owner);
}

static int read_guard(struct reader *r, struct guard_conf *g, const struct conf_node *entry,
                      const struct config_source *sources, size_t n_sources, struct err *e)
{
    static const char *const others[] = {"source", NULL};
    const char *name = reader_early_text(entry, "name");
    struct reader own = *r;

    snprintf(own.owner, sizeof own.owner, "%.100s: guard \"%.60s\"", r->owner,
             name ? name : "");
    if (conf_new(&g->options, guard_options, e) != 0 ||
        conf_new(&g->place, guard_source_options, e) != 0)
        return -1;
    conf_node_read(entry, &g->options, 1, others, own.owner, own.faults);
    conf_node_require(entry, g->options, own.owner, own.faults);
    g->name = conf_string(g->options, "name");
    take_limit(&own, g, entry);
    check_name(&own, g, entry);
    return read_source(&own, g, entry, sources, n_sources, e);
}

int guard_conf_read_all(struct reader *r, const struct config_source *sources, size_t n_sources,
                        struct err *e)
{
    const struct conf_node *list = r->node ? conf_node_member(r->node, "guards") : NULL;
    struct service_conf *s = r->s;
    size_t n;

    if (list && !conf_node_is_list(list)) {
        conf_node_fault(list, r->faults,
                        "%s: guards: a list of groups expected: guards = ( { ... }, { ... } );",
                        r->owner);
        return 0;
    }
    if (!r->defaults) { /* read for each service, under its name */
        s->guards_node = list;
        return 0;
    }
    list = list ? list : r->defaults->guards_node;
    n = list ? conf_node_count(list) : 0;
    if (n > DECIDE_GUARDS) {
        conf_node_fault(list, r->faults, "%s: guards: %zu of them, at most %d", r->owner, n,
                        DECIDE_GUARDS);
        return 0;
    }
    s->guards = calloc(n + 1, sizeof *s->guards);
    if (!s->guards)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++) {
        const struct conf_node *entry = conf_node_at(list, i);

        if (!conf_node_is_group(entry)) {
            conf_node_fault(entry, r->faults,
                            "%s: guards: entry %zu is no group: write { ... }", r->owner,
                            i + 1);
            return 0;
        }
        if (read_guard(r, &s->guards[s->n_guards++], entry, sources, n_sources, e) != 0)
            return -1;
    }
    return 0;
}
