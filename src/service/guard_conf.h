/* guard_conf.h - the settings of a service's guards:
 *
 *   guards = ({ name = "cpu"; kind = "utilisation"; target = 0.7; source = { ... }; },
 *             { name = "p99"; kind = "limit"; most = 0.25; source = { ... }; });
 *
 * Their step is the service's. Those of `defaults` hold for services without any. */
#ifndef SCALER_SERVICE_GUARD_CONF_H
#define SCALER_SERVICE_GUARD_CONF_H

#include "service/service_reader.h"

extern const struct conf_option guard_options[];        /* an entry of guards */
extern const struct conf_option guard_source_options[]; /* its group source */

/* Reads the list into r->s. Faults go to r's list: what it gives is usable only if there are
 * none. ERR_NOMEM. */
int guard_conf_read_all(struct reader *r, const struct config_source *sources, size_t n_sources,
                        struct err *e);

void guard_conf_clear(struct guard_conf *g); /* g is zeros afterwards */

/* Changes when anything that concerns the guard changes. */
uint64_t guard_conf_hash(const struct guard_conf *g, const struct config_source *sources,
                         size_t n_sources);

#endif
