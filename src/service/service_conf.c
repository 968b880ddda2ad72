/* service_conf.c - see service_conf.h. */
#include "service/service_conf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/hash.h"
#include "base/str.h"
#include "collect/calendar_conf.h"
#include "decide/options.h"
#include "forecast/model.h"
#include "service/guard_conf.h"
#include "service/hook.h"
#include "service/service_reader.h"

static const struct conf_option general_options[] = {
    {"name", CONF_STRING, NULL, 1, 100, "NAME",
     "Name of the service: letters, digits, dots, dashes and underscores."},
    {"owner", CONF_STRING, "", 0, 200, "TEXT", "Who is asked when it misbehaves."},
    {"labels", CONF_STRINGS, "", 0, 0, "NAME=VALUE",
     "Labels for metrics and reports: labels = { team = \"web\"; }."},
    {"timezone", CONF_STRING, "auto", 1, 100, "ZONE",
     "Whose clock its users live by: \"Europe/Berlin\", or \"UTC\". The daily shape follows it "
     "when it changes. auto: not known; days are those of UTC, and for three days after the "
     "usual changes forecasts cover both."},
    {"model", CONF_STRING, "auto", 1, 60, "NAME",
     "Model of `scaler forecast` for this service; auto: chosen by its record."},
    {"lead_time", CONF_DURATION, "auto", 0, 86400, "s",
     "From a decision until the new instance is useful; auto: measured."},
    {"day", CONF_DURATION, "1d", 8, 86400, "s",
     "Length of the daily season; shorter than a day only where time is compressed, as in a "
     "demonstration."},
    {"price", CONF_DOUBLE, "", 0, 1e9, "per instance-hour",
     "What an instance costs an hour, in any currency, for reports."},
    CONF_END,
};

static const struct conf_option source_options[] = {
    {"type", CONF_STRING, "", 0, 60, "TYPE",
     "Where the load is read: a name of `scaler man --page config`, section SOURCES."},
    {"from", CONF_STRING, "", 0, 100, "NAME",
     "Which connection of that type: a name in `sources`; unset: the group named after the "
     "type."},
    {"step", CONF_DURATION, "1m", 1, 3600, "s",
     "Width of one cell of the load; must divide a day."},
    CONF_END,
};

static const struct conf_option backend_options[] = {
    {"type", CONF_STRING, "", 0, 60, "TYPE", "What starts and stops the instances."},
    {"calls_an_hour", CONF_INT, "auto", 0, 10000000, "calls",
     "How often its platform may be asked in an hour, by all services of one account or server "
     "together (the least that one of them states holds). Reads are spread and leave a fifth "
     "to scaling, scale-ins a tenth to scale-outs. 0: no limit; auto: what suits the type, "
     "7200 on AWS."},
    CONF_END,
};

const struct service_group_row service_groups[SERVICE_GROUPS] = {
    [SERVICE_GENERAL] = {"", general_options, NULL},
    [SERVICE_GATE] = {"", gate_options, NULL},
    [SERVICE_OBJECTIVE] = {"", decide_objective_options, NULL},
    [SERVICE_SOURCE] = {"source", source_options, NULL},
    [SERVICE_BACKEND] = {"backend", backend_options, NULL},
    [SERVICE_CAPACITY] = {"capacity", decide_capacity_options, NULL},
    [SERVICE_LIMITS] = {"limits", decide_limit_options, NULL},
    [SERVICE_RAILS] = {"rails", decide_rail_options, NULL},
    [SERVICE_CALENDAR] = {"calendar", calendar_options, NULL},
    [SERVICE_HOOKS] = {"hooks", hook_options, hook_about},
};

/* Members of a service's level that are groups of their own. */
static const char *const group_names[] = {"source",   "backend", "capacity", "limits", "rails",
                                          "calendar", "hooks",   "guards",   NULL};

/* The group of that name in the file, or NULL; a fault when it is something else. */
static const struct conf_node *find_group(struct reader *r, const char *name)
{
    const struct conf_node *group = r->node ? conf_node_member(r->node, name) : NULL;

    if (!group || conf_node_is_group(group))
        return group;
    conf_node_fault(group, r->faults, "%s: %s: a group expected: %s = { ... };", r->owner, name,
                    name);
    return NULL;
}

static void read_own_level(struct reader *r)
{
    struct conf *const *groups = r->s->groups;
    struct conf *confs[] = {groups[SERVICE_GENERAL], groups[SERVICE_GATE],
                            groups[SERVICE_OBJECTIVE]};

    if (r->node)
        conf_node_read(r->node, confs, sizeof confs / sizeof confs[0], group_names, r->owner,
                       r->faults);
}

static void read_plain_group(struct reader *r, enum service_group id)
{
    const struct conf_node *group = find_group(r, service_groups[id].name);
    char owner[READER_OWNER_BYTES];

    reader_group_owner(r, service_groups[id].name, owner);
    if (group)
        conf_node_read(group, &r->s->groups[id], 1, NULL, owner, r->faults);
    if (r->defaults)
        conf_node_require(group ? group : r->node, r->s->groups[id], owner, r->faults);
}

static void unknown_backend(struct reader *r, const struct conf_node *at, const char *type)
{
    const char *names[READER_MOST_TYPES];
    size_t n = 0;

    for (; n < READER_MOST_TYPES && backend_table[n]; n++)
        names[n] = backend_table[n]->name;
    reader_unknown_type(r, at, "backend", type, names, n);
}

static int read_source(struct reader *r, const struct config_source *sources, size_t n_sources,
                       struct err *e)
{
    const struct conf_node *group = find_group(r, "source");
    const struct conf_node *at = group ? group : r->node;
    const char *type = reader_early_text(group, "type");
    const char *from = reader_early_text(group, "from");
    char owner[READER_OWNER_BYTES];
    size_t n = 1;
    struct conf *confs[2] = {r->s->groups[SERVICE_SOURCE], NULL};
    bool is_unknown;

    if (!type)
        type = from ? "" : conf_string(confs[0], "type");
    if (!from)
        from = reader_early_text(group, "type") ? "" : conf_string(confs[0], "from");
    is_unknown = type[0] && !source_find(type);
    if (!r->defaults && is_unknown) {
        reader_unknown_source(r, at, type);
        return conf_set(confs[0], "type", type, e);
    }
    if (!r->defaults)
        r->s->source = source_find(type);
    else if (!is_unknown ||
             reader_early_text(group, "type")) /* the defaults' were told there */
        reader_find_source(r, at, from, type, sources, n_sources, &r->s->source,
                           &r->s->source_index);
    if (r->s->source) {
        if (reader_plugin_conf(&r->s->query, r->defaults ? r->defaults->query : NULL,
                               r->s->source->query_options, e) != 0)
            return -1;
        confs[n++] = r->s->query;
    }
    reader_group_owner(r, "source", owner);
    if (group && r->s->source)
        conf_node_read(group, confs, n, NULL, owner, r->faults);
    else if (group && !r->defaults)
        conf_node_read(group, confs, n, NULL, "defaults: source without a known type",
                       r->faults);
    if (r->defaults && r->s->query)
        conf_node_require(at, r->s->query, owner, r->faults);
    return 0;
}

static int read_backend(struct reader *r, struct err *e)
{
    const struct conf_node *group = find_group(r, "backend");
    const struct conf_node *at = group ? group : r->node;
    const char *type = reader_early_text(group, "type");
    char owner[READER_OWNER_BYTES];
    size_t n = 1;
    struct conf *confs[2] = {r->s->groups[SERVICE_BACKEND], NULL};

    if (!type)
        type = conf_string(confs[0], "type");
    r->s->backend = backend_find(type);
    if (!r->s->backend && type[0] && !r->defaults) {
        unknown_backend(r, at, type);
        return conf_set(confs[0], "type", type, e);
    }
    if (!r->s->backend && r->defaults) {
        if (!type[0] || reader_early_text(group, "type")) /* the defaults' was told there */
            unknown_backend(r, at, type);
        return 0;
    }
    if (r->s->backend) {
        if (reader_plugin_conf(&r->s->backend_options,
                               r->defaults ? r->defaults->backend_options : NULL,
                               r->s->backend->options, e) != 0)
            return -1;
        confs[n++] = r->s->backend_options;
    }
    if (group)
        conf_node_read(group, confs, n, NULL, reader_group_owner(r, "backend", owner),
                       r->faults);
    if (r->defaults && r->s->backend_options)
        conf_node_require(at, r->s->backend_options, reader_group_owner(r, "backend", owner),
                          r->faults);
    return 0;
}

static int read_groups(struct reader *r, const struct config_source *sources, size_t n_sources,
                       struct err *e)
{
    size_t errors;

    read_own_level(r);
    errors = r->faults->n_errors;
    if (read_source(r, sources, n_sources, e) != 0)
        return -1;
    r->has_query_fault = r->faults->n_errors > errors;
    errors = r->faults->n_errors;
    if (read_backend(r, e) != 0)
        return -1;
    r->has_backend_fault = r->faults->n_errors > errors;
    for (size_t i = SERVICE_CAPACITY; i < SERVICE_GROUPS; i++)
        read_plain_group(r, (enum service_group)i);
    return guard_conf_read_all(r, sources, n_sources, e);
}

/* A name becomes part of file names, keys and metrics. */
bool service_name_is_good(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789._-";

    return name[0] && name[0] != '.' && name[0] != '-' && strspn(name, letters) == strlen(name);
}

/* Where a key of a group is written, else the group, else the service. */
static const struct conf_node *place(const struct reader *r, const char *group, const char *key)
{
    const struct conf_node *g = group[0] ? conf_node_member(r->node, group) : r->node;
    const struct conf_node *k = g && conf_node_is_group(g) ? conf_node_member(g, key) : NULL;

    return k ? k : g ? g : r->node;
}

static void check_model(const struct reader *r)
{
    const char *names[READER_MOST_TYPES] = {"auto"}, *closest;
    struct str known = STR_EMPTY;
    size_t n = 1;

    if (strcmp(r->s->model, "auto") == 0 || model_find(r->s->model))
        return;
    for (size_t i = 0; n < READER_MOST_TYPES && model_table[i]; i++)
        names[n++] = model_table[i]->name;
    for (size_t i = 0; i < n; i++)
        str_printf(&known, "%s%s", i > 0 ? ", " : "", names[i]);
    closest = str_closest(r->s->model, names, n);
    if (closest)
        conf_node_fault(place(r, "", "model"), r->faults,
                        "%s: model = \"%.60s\": unknown (did you mean \"%s\"?)", r->owner,
                        r->s->model, closest);
    else
        conf_node_fault(place(r, "", "model"), r->faults,
                        "%s: model = \"%.60s\": unknown (known: %s)", r->owner, r->s->model,
                        str_text(&known));
    r->faults->failed |= known.failed;
    str_clear(&known);
}

static void check_own_level(const struct reader *r)
{
    const struct conf *objective = r->s->groups[SERVICE_OBJECTIVE];

    if (r->s->name[0] && !service_name_is_good(r->s->name))
        conf_node_fault(
            place(r, "", "name"), r->faults,
            "%s: name: letters, digits, dots, dashes and underscores only, the first "
            "a letter, digit or underscore",
            r->owner);
    if (conf_is_set(objective, "objective") && conf_is_set(objective, "cost_ratio") &&
        !conf_is_auto(objective, "cost_ratio"))
        conf_node_fault(place(r, "", "cost_ratio"), r->faults,
                        "%s: objective and cost_ratio are two ways to say one thing: keep one",
                        r->owner);
}

/* A fault in the value of an option, or a lack of memory. */
static void option_fault(const struct reader *r, const char *group, const char *key,
                         const struct err *e)
{
    if (e->code == ERR_NOMEM)
        r->faults->failed = true;
    else
        conf_node_fault(place(r, group, key), r->faults, "%s: %s%s%s = %s", r->owner, group,
                        group[0] ? ": " : "", key, e->msg);
}

/* The clock, and what is written on it: entries are read once here, so that `check` and a
 * reload find all faults. Files may change at any time: they are read when they are used. */
static void check_calendar(const struct reader *r)
{
    const struct conf *options = r->s->groups[SERVICE_CALENDAR];
    struct calendar scratch = {0};
    struct zone *zone = NULL;
    const char *const *texts;
    struct err e = {0};

    if (strcmp(r->s->timezone, "auto") != 0 && zone_open(&zone, r->s->timezone, &e) != 0)
        option_fault(r, "", "timezone", &e);
    for (size_t i = 0; i < CALENDAR_LISTS; i++) {
        size_t n = conf_strings(options, calendar_lists[i].name, &texts);

        for (size_t k = 0; k < n; k++)
            if (calendar_add(&scratch, calendar_lists[i].kind, texts[k], zone, &e) != 0)
                option_fault(r, "calendar", calendar_lists[i].name, &e);
    }
    calendar_clear(&scratch);
    zone_close(zone);
}

static void check_hooks(const struct reader *r)
{
    const char *key = NULL;
    struct err e = {0};

    if (hook_check_options(r->s->groups[SERVICE_HOOKS], &key, &e) != 0)
        option_fault(r, "hooks", key, &e);
}

static void check_step(const struct reader *r)
{
    char text[32];

    clk_format_duration(r->s->step_ms, text, sizeof text);
    if (r->s->step_ms % CLK_SECOND_MS != 0 ||
        (r->s->step_ms > 0 && CLK_DAY_MS % r->s->step_ms != 0))
        conf_node_fault(
            place(r, "source", "step"), r->faults,
            "%s: source: step = \"%s\": must be whole seconds that divide a day (1m, "
            "5m, 15m, 1h)",
            r->owner, text);
}

static void check_day(const struct reader *r)
{
    const int64_t least_steps = 8; /* as the brain wants it */
    char day[32], step[32];

    if (r->s->step_ms <= 0 || CLK_DAY_MS % r->s->step_ms != 0 || /* check_step complained */
        (r->s->day_ms % r->s->step_ms == 0 && r->s->day_ms / r->s->step_ms >= least_steps))
        return;
    clk_format_duration(r->s->day_ms, day, sizeof day);
    clk_format_duration(r->s->step_ms, step, sizeof step);
    conf_node_fault(place(r, "", "day"), r->faults,
                    "%s: day = \"%s\": must be a whole number of steps of %s, at least %lld",
                    r->owner, day, step, (long long)least_steps);
}

static void check_limits(const struct reader *r)
{
    const struct conf *limits = r->s->groups[SERVICE_LIMITS];
    int64_t min = conf_int(limits, "min"), max = conf_int(limits, "max");
    const struct conf_node *at = place(r, "limits", "min");

    if (conf_is_set(limits, "max") && min > max)
        conf_node_fault(at, r->faults, "%s: limits: min = %lld is above max = %lld", r->owner,
                        (long long)min, (long long)max);
    if (conf_is_set(limits, "max") && max % conf_int(limits, "multiple_of") != 0)
        conf_node_fault(place(r, "limits", "multiple_of"), r->faults,
                        "%s: limits: max = %lld is no multiple of %lld", r->owner,
                        (long long)max, (long long)conf_int(limits, "multiple_of"));
    if (min == 0)
        conf_faults_warn(
            r->faults, conf_node_file(at), conf_node_line(at),
            "%s: limits: min = 0: while nothing runs, requests must still be counted "
            "(by a balancer, say), or it never starts again",
            r->owner);
}

/* A plug-in's message begins with the option that it is about. */
static void plugin_fault(const struct reader *r, const char *group, const struct err *e)
{
    char key[64];

    if (e->code == ERR_NOMEM) {
        r->faults->failed = true;
        return;
    }
    snprintf(key, sizeof key, "%.*s", (int)strcspn(e->msg, " :="), e->msg);
    conf_node_fault(place(r, group, key), r->faults, "%s: %s: %s", r->owner, group, e->msg);
}

/* What the rows of source and backend cannot tell; they rely on what the rows promise. */
static void check_plugins(const struct reader *r)
{
    const struct service_conf *s = r->s;
    struct err e = {0};

    if (s->query && s->source->check_query && !r->has_query_fault &&
        s->source->check_query(s->query, &e) != 0)
        plugin_fault(r, "source", &e);
    if (s->backend_options && s->backend->check_options && !r->has_backend_fault &&
        s->backend->check_options(s->backend_options, &e) != 0)
        plugin_fault(r, "backend", &e);
}

static void warn(const struct reader *r)
{
    if (!conf_is_set(r->s->groups[SERVICE_GENERAL], "timezone"))
        conf_faults_warn(
            r->faults, conf_node_file(r->node), conf_node_line(r->node),
            "%s: no timezone: days begin at midnight UTC, and for three days after "
            "clocks change in Europe or the USA the plan covers both",
            r->owner);
    if (r->s->n_guards == 0 && !conf_node_member(r->node, "guards"))
        conf_faults_warn(r->faults, conf_node_file(r->node), conf_node_line(r->node),
                         "%s: no guards: a release that halves what an instance carries would "
                         "go unnoticed",
                         r->owner);
}

static void take_typed(struct service_conf *s)
{
    const struct conf *general = s->groups[SERVICE_GENERAL];

    s->name = conf_string(general, "name");
    s->owner = conf_string(general, "owner");
    s->timezone = conf_string(general, "timezone");
    s->model = conf_string(general, "model");
    s->lead_time_ms = conf_duration_ms(general, "lead_time");
    s->day_ms = conf_duration_ms(general, "day");
    s->price = conf_double(general, "price");
    s->step_ms = conf_duration_ms(s->groups[SERVICE_SOURCE], "step");
    if (!conf_is_auto(s->groups[SERVICE_BACKEND], "calls_an_hour"))
        s->calls_an_hour = (int)conf_int(s->groups[SERVICE_BACKEND], "calls_an_hour");
    else
        s->calls_an_hour = s->backend ? s->backend->calls_an_hour : 0;
    gate_conf_read(s->groups[SERVICE_GATE], &s->gate);
    s->gate.has_hook = hook_is_set(s->groups[SERVICE_HOOKS], HOOK_BEFORE_ACTION);
    s->gate.has_dry_run_hook = conf_bool(s->groups[SERVICE_HOOKS], "dry_run");
}

/* Over the hashes of the parts. */
static uint64_t hash_all(const struct service_conf *s, const struct config_source *sources,
                         size_t n_sources)
{
    uint64_t parts[SERVICE_GROUPS + 3 + DECIDE_GUARDS] = {0};
    size_t n = SERVICE_GROUPS + 3;

    for (size_t i = 0; i < SERVICE_GROUPS; i++)
        parts[i] = conf_hash(s->groups[i]);
    parts[SERVICE_GROUPS] = s->query ? conf_hash(s->query) : 0;
    parts[SERVICE_GROUPS + 1] = s->backend_options ? conf_hash(s->backend_options) : 0;
    parts[SERVICE_GROUPS + 2] = s->source_index < n_sources ? sources[s->source_index].hash : 0;
    for (size_t i = 0; i < s->n_guards; i++)
        parts[n++] = guard_conf_hash(&s->guards[i], sources, n_sources);
    return hash_bytes(HASH_START, parts, n * sizeof parts[0]);
}

int service_conf_defaults(struct service_conf *out, const struct conf_node *given,
                          struct conf_faults *faults, struct err *e)
{
    struct reader r = {.s = out, .node = given, .owner = "defaults", .faults = faults};

    *out = (struct service_conf){0};
    for (size_t i = 0; i < SERVICE_GROUPS; i++)
        if (conf_new(&out->groups[i], service_groups[i].options, e) != 0)
            goto fail;
    if (read_groups(&r, NULL, 0, e) != 0)
        goto fail;
    if (given && conf_is_set(out->groups[SERVICE_GENERAL], "name"))
        conf_node_fault(conf_node_member(given, "name"), faults,
                        "defaults: name: every service has its own");
    return 0;
fail:
    service_conf_clear(out);
    return -1;
}

/* How faults call the service: by its name, else by its place in the file. */
static void name_owner(struct reader *r, const char *fallback)
{
    const char *name = reader_early_text(r->node, "name");

    if (!name)
        name = fallback;
    if (name)
        snprintf(r->owner, sizeof r->owner, "service \"%.100s\"", name);
    else
        snprintf(r->owner, sizeof r->owner, "service without a name");
}

int service_conf_read(struct service_conf *out, const struct conf_node *given, const char *name,
                      const struct service_conf *defaults, const struct config_source *sources,
                      size_t n_sources, struct conf_faults *faults, struct err *e)
{
    struct reader r = {.s = out, .node = given, .defaults = defaults, .faults = faults};

    *out = (struct service_conf){.line = conf_node_line(given)};
    name_owner(&r, name);
    out->file = strdup(conf_node_file(given));
    if (!out->file) {
        err_nomem(e);
        goto fail;
    }
    for (size_t i = 0; i < SERVICE_GROUPS; i++)
        if (conf_copy(&out->groups[i], defaults->groups[i], e) != 0)
            goto fail;
    if ((name && conf_set(out->groups[SERVICE_GENERAL], "name", name, e) != 0) ||
        read_groups(&r, sources, n_sources, e) != 0)
        goto fail;
    conf_node_require(given, out->groups[SERVICE_GENERAL], r.owner, faults);
    take_typed(out);
    check_own_level(&r);
    check_model(&r);
    check_calendar(&r);
    check_hooks(&r);
    check_step(&r);
    check_day(&r);
    check_limits(&r);
    check_plugins(&r);
    warn(&r);
    out->hash = hash_all(out, sources, n_sources);
    return 0;
fail:
    service_conf_clear(out);
    return -1;
}

void service_conf_clear(struct service_conf *s)
{
    for (size_t i = 0; i < SERVICE_GROUPS; i++)
        conf_free(s->groups[i]);
    for (size_t i = 0; i < s->n_guards; i++)
        guard_conf_clear(&s->guards[i]);
    free(s->guards);
    conf_free(s->query);
    conf_free(s->backend_options);
    free(s->file);
    *s = (struct service_conf){0};
}
