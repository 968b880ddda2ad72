/* service_conf.h - the whole configuration: daemon, sources and every service, typed and
 * checked.
 *
 * config_load makes a new object or a list of faults and touches nothing else, so that a reload
 * of a faulty file leaves what runs alone. A service's group overrides `defaults` key by key.
 * A service's `hash` changes when anything that concerns it changed: a reload keeps the state
 * of the others. */
#ifndef SCALER_SERVICE_SERVICE_CONF_H
#define SCALER_SERVICE_SERVICE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "act/backend.h"
#include "act/gate.h"
#include "base/err.h"
#include "base/log.h"
#include "collect/source.h"
#include "conf/conf.h"
#include "conf/faults.h"
#include "decide/brain.h"

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

struct service_conf {
    /* Borrowed from the groups below. */
    const char *name;
    const char *owner; /* "" not given */
    const char *timezone;
    const char *model;        /* name of a model; "auto": the program chooses */
    int64_t step_ms;          /* width of one cell of the load */
    int64_t lead_time_ms;     /* stated; 0: measured, until then the backend's guess */
    double price;             /* of one instance-hour, in whatever currency; NAN not given */
    struct gate_conf gate;    /* mode, on_conflict, ... */
    struct brain_setup brain; /* capacity, limits, rails, objective, lead time or its guess */

    size_t source_index; /* in config.sources */
    const struct backend *backend;

    /* Owned. */
    struct conf *general;         /* service_conf_options */
    struct conf *gate_options;    /* gate_options */
    struct conf *objective;       /* decide_objective_options */
    struct conf *source_group;    /* service_source_options: type, from, step */
    struct conf *query;           /* source->query_options */
    struct conf *backend_options; /* backend->options */
    struct conf *capacity, *limits, *rails;
    char *file; /* where it is written */
    unsigned line;
    uint64_t hash;
};

struct config {
    struct conf *daemon; /* config_daemon_options */
    struct conf *api;    /* config_api_options */

    /* Borrowed from those. */
    const char *address; /* to listen on; "" none */
    int port;            /* 0: any free one */
    bool has_metrics;
    enum log_level log_level;
    char *state_dir; /* owned; NULL: not configured (see config_state_dir) */

    struct config_source *sources;
    size_t n_sources;
    struct service_conf *services; /* as in the file, then services_dir by file name */
    size_t n_services;
    uint64_t hash; /* of everything; stored with decisions */
};

/* The rows that are defined here. */
extern const struct conf_option config_daemon_options[]; /* top level */
extern const struct conf_option config_api_options[];    /* api = { ... } */
extern const struct conf_option service_conf_options[];  /* top level of a service */
extern const struct conf_option
    service_source_options[]; /* source = { ... }, with the type's */
extern const struct conf_option service_backend_options[]; /* backend = { ... }, likewise */

/* One group of a service or of `defaults`, for the manual and `config/scaler.cfg`. */
struct service_group {
    const char *name; /* "capacity"; "" for the service's own level */
    const struct conf_option *options;
};
extern const struct service_group service_groups[]; /* ends with options NULL */

/* Reads the file, its includes and services_dir. 0 and a configuration without errors (warnings
 * may be in `faults`), or -1 with all faults: ERR_CONFIG, ERR_IO (cannot be read), ERR_DENIED
 * (owner or mode), ERR_NOMEM; e is the first fault. `faults` starts as zeros and is the
 * caller's to clear. */
int config_load(struct config **out, const char *path, struct conf_faults *faults,
                struct err *e);
void config_free(struct config *c);

/* NULL when there is none. */
const struct service_conf *config_service(const struct config *c, const char *name);

/* The state directory: `given` (--state-dir) unless NULL, else the configured one unless NULL,
 * else $SCALER_STATE_DIR, else /var/lib/scaler for root, else ~/.local/state/scaler. ERR_CONFIG
 * when there is no home directory or it does not fit. */
int config_state_dir(const char *given, const char *configured, char *out, size_t size,
                     struct err *e);

#endif
