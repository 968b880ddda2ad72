/* config_ref.h - a configuration that jobs in flight still read: counted, freed by the last who
 * lets go. Loop thread only. */
#ifndef SCALER_DAEMON_CONFIG_REF_H
#define SCALER_DAEMON_CONFIG_REF_H

#include "service/config.h"

struct config_ref {
    struct config *config;
    int n;
};
struct config_ref *config_ref_new(struct config *c); /* takes c over; one reference. NULL */
struct config_ref *config_ref_hold(struct config_ref *r);
void config_ref_drop(struct config_ref *r); /* frees at the last; NULL is fine */

#endif
