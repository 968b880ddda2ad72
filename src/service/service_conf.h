/* service_conf.h - the settings of one service: typed, checked, defaults merged in. */
#ifndef SCALER_SERVICE_SERVICE_CONF_H
#define SCALER_SERVICE_SERVICE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "act/backend.h"
#include "act/gate.h"
#include "base/err.h"
#include "collect/source.h"
#include "conf/conf.h"
#include "conf/conf_file.h"
#include "conf/faults.h"
#include "decide/decide.h"

/* The groups of a service in the file, in the order of the manual. */
enum service_group {
    SERVICE_GENERAL,   /* name, owner, ...: its own level */
    SERVICE_GATE,      /* gate_options, on its own level too */
    SERVICE_OBJECTIVE, /* decide_objective_options, likewise */
    SERVICE_SOURCE,    /* source = { type, from, step } with the options of the type */
    SERVICE_BACKEND,   /* backend = { type } with the options of the type */
    SERVICE_CAPACITY,  /* decide_capacity_options */
    SERVICE_LIMITS,    /* decide_limit_options */
    SERVICE_RAILS,     /* decide_rail_options */
    SERVICE_CALENDAR,  /* calendar_options */
    SERVICE_HOOKS,     /* hook_options */
    SERVICE_GROUPS,
};

struct service_group_row {
    const char *name; /* "capacity"; "" for the service's own level */
    const struct conf_option *options;
    const char *about; /* more for the manual; NULL: nothing */
};
extern const struct service_group_row service_groups[SERVICE_GROUPS];

/* One connection that services ask: the top-level group named after its type (`redis = {...}`)
 * or an entry of the list `sources`. */
struct config_source {
    char *name; /* "redis", or as named in `sources` */
    const struct source *source;
    struct conf *options; /* rows of source->options */
    uint64_t hash;
    char *file;
    unsigned line;
};

/* A measure of how full the instances are: one entry of `guards` (service/guard_conf.h). */
struct guard_conf {
    const char *name; /* the signal in the store; borrowed from options */
    enum decide_guard_kind kind;
    double limit;     /* target or most: more is over */
    double saturated; /* from here on the load is a lower bound */
    size_t source_index;
    const struct source *source;
    struct conf *options; /* guard_options; owned, as are the next */
    struct conf *place;   /* guard_source_options */
    struct conf *query;   /* source->query_options */
};

struct service_conf {
    /* Borrowed from the groups. */
    const char *name;     /* a file name: letters, digits, . _ - */
    const char *owner;    /* "" not given */
    const char *timezone; /* a name of the system's tzdata; "auto": not known */
    const char *model;    /* name of a model; "auto": the program chooses */
    int64_t step_ms;      /* width of one cell of the load; divides a day */
    int64_t day_ms;       /* the daily season: 24 h, shorter for a demonstration */
    int64_t lead_time_ms; /* stated; 0: measured, until then the backend's guess */
    double price;         /* of one instance-hour, in whatever currency; NAN not given */
    int calls_an_hour;    /* of the backend; 0: no limit */
    struct gate_conf gate;

    size_t source_index; /* in config.sources */
    const struct source *source;
    const struct backend *backend;

    /* Owned. brain_setup_from takes the groups of decide as they are. */
    struct conf *groups[SERVICE_GROUPS];
    struct conf *query;           /* source->query_options */
    struct conf *backend_options; /* backend->options */
    struct guard_conf *guards;    /* at most DECIDE_GUARDS */
    size_t n_guards;
    const struct conf_node *guards_node; /* of the defaults, while files are read; borrowed */
    char *file;                          /* where it is written */
    unsigned line;
    uint64_t hash; /* changes when anything that concerns the service changes */
};

/* Makes the values that `defaults = { ... }` gives to every service; node NULL: none are given.
 * Faults go to the list. ERR_NOMEM. */
int service_conf_defaults(struct service_conf *out, const struct conf_node *node,
                          struct conf_faults *faults, struct err *e);

/* Reads a service's group over the defaults. `name`: where the group gives none; NULL: it must.
 * Faults go to the list: what it gives is usable only if there are none. ERR_NOMEM. */
int service_conf_read(struct service_conf *out, const struct conf_node *node, const char *name,
                      const struct service_conf *defaults, const struct config_source *sources,
                      size_t n_sources, struct conf_faults *faults, struct err *e);

void service_conf_clear(struct service_conf *s); /* s is zeros afterwards */

/* True for what a service may be called: it names files, metrics and keys. */
bool service_name_is_good(const char *name);

#endif
