/* service_reader.c - see service_reader.h. */
#include "service/service_reader.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

const char *reader_group_owner(const struct reader *r, const char *name,
                               char out[READER_OWNER_BYTES])
{
    snprintf(out, READER_OWNER_BYTES, "%.150s: %s", r->owner, name);
    return out;
}

const char *reader_early_text(const struct conf_node *group, const char *name)
{
    const struct conf_node *n = group ? conf_node_member(group, name) : NULL;

    return n ? conf_node_text(n) : NULL;
}

void reader_unknown_type(struct reader *r, const struct conf_node *at, const char *kind,
                         const char *type, const char *const *names, size_t n)
{
    const char *closest = str_closest(type, names, n);
    struct str known = STR_EMPTY;

    for (size_t i = 0; i < n; i++)
        str_printf(&known, "%s%s", i > 0 ? ", " : "", names[i]);
    if (closest)
        conf_node_fault(at, r->faults, "%s: %s: unknown type \"%.60s\" (did you mean \"%s\"?)",
                        r->owner, kind, type, closest);
    else if (type[0])
        conf_node_fault(at, r->faults, "%s: %s: unknown type \"%.60s\" (known: %s)", r->owner,
                        kind, type, str_text(&known));
    else
        conf_node_fault(at, r->faults, "%s: %s: type is missing (one of %s)", r->owner, kind,
                        str_text(&known));
    r->faults->failed |= known.failed;
    str_clear(&known);
}

void reader_unknown_source(struct reader *r, const struct conf_node *at, const char *type)
{
    const char *names[READER_MOST_TYPES];
    size_t n = 0;

    for (; n < READER_MOST_TYPES && source_table[n]; n++)
        names[n] = source_table[n]->name;
    reader_unknown_type(r, at, "source", type, names, n);
}

int reader_plugin_conf(struct conf **out, const struct conf *defaults,
                       const struct conf_option *rows, struct err *e)
{
    if (defaults && conf_rows(defaults) == rows)
        return conf_copy(out, defaults, e);
    return conf_new(out, rows, e);
}

void reader_find_source(struct reader *r, const struct conf_node *at, const char *from,
                        const char *type, const struct config_source *sources, size_t n,
                        const struct source **source, size_t *index)
{
    const char *name = from[0] ? from : type;

    for (size_t i = 0; i < n; i++) {
        if (strcmp(sources[i].name, name) != 0)
            continue;
        if (type[0] && strcmp(sources[i].source->name, type) != 0)
            conf_node_fault(at, r->faults,
                            "%s: source: type is \"%s\", but \"%s\" (%s:%u) is of type \"%s\"",
                            r->owner, type, name, sources[i].file, sources[i].line,
                            sources[i].source->name);
        *source = sources[i].source;
        *index = i;
        return;
    }
    if (from[0]) {
        conf_node_fault(at, r->faults, "%s: source: no entry of `sources` is named \"%.60s\"",
                        r->owner, from);
    } else if (!source_find(type)) {
        reader_unknown_source(r, at, type);
    } else {
        *source = source_find(type);
        conf_node_fault(at, r->faults,
                        "%s: source: type \"%s\" is not configured: add %s = { ... }; at the "
                        "top of the file",
                        r->owner, type, type);
    }
}
