/* config.h - the whole configuration: daemon, sources and every service.
 *
 * config_load makes a new object or a list of faults and touches nothing else, so that a reload
 * of a faulty file leaves what runs alone. A service's group overrides `defaults` key by key; a
 * reload keeps the state of services whose hash is the same. */
#ifndef SCALER_SERVICE_CONFIG_H
#define SCALER_SERVICE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "conf/conf.h"
#include "conf/faults.h"
#include "service/service_conf.h"

struct config {
    struct conf *daemon; /* config_daemon_options */
    struct conf *api;    /* config_api_options */

    /* Borrowed from those. */
    const char *listen;       /* "127.0.0.1:9464"; "" no API */
    char *listen_file;        /* where it is written; owned */
    unsigned listen_line;     /* 0: it is the default */
    const char *const *hosts; /* further names that a Host header may have */
    size_t n_hosts;
    enum log_level log_level;
    const char *state_dir; /* NULL: not configured (see config_state_dir) */

    struct config_source *sources;
    size_t n_sources;
    size_t sources_cap;
    struct service_conf *services; /* as in the file, then services_dir by file name */
    size_t n_services;
    size_t services_cap;
    uint64_t hash; /* of everything; stored with decisions */
};

extern const struct conf_option config_daemon_options[]; /* top level */
extern const struct conf_option config_api_options[];    /* api = { ... } */

/* Reads the file, its includes and services_dir. 0 and a configuration without errors (warnings
 * may be in `faults`), or -1: ERR_CONFIG with all faults in the list and the first in e, or
 * ERR_NOMEM. `faults` starts as zeros and is the caller's to clear. */
int config_load(struct config **out, const char *path, struct conf_faults *faults,
                struct err *e);

/* The same from one text without includes or services_dir; `name` stands for the file. */
int config_parse(struct config **out, const char *name, const char *text,
                 struct conf_faults *faults, struct err *e);
void config_free(struct config *c);

/* NULL when there is none. */
const struct service_conf *config_service(const struct config *c, const char *name);

/* The state directory: `given` (--state-dir) unless NULL, else the configured one unless NULL,
 * else $SCALER_STATE_DIR, else /var/lib/scaler for root, else ~/.local/state/scaler. ERR_CONFIG
 * when there is no home directory or it does not fit. */
int config_state_dir(const char *given, const char *configured, char *out, size_t size,
                     struct err *e);

#endif
