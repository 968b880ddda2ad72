/* service_lead.h - the lead time of a service as its daemon measured it, from the store. */
#ifndef SCALER_SERVICE_SERVICE_LEAD_H
#define SCALER_SERVICE_SERVICE_LEAD_H

#include <stdint.h>

#include "collect/store.h"

/* 95 % of the newest starts were ready as soon, as `scaler status` shows it; 0: none was
 * measured, or the store cannot be read. Blocks. */
int64_t service_lead_stored(struct store *store, const char *service);

#endif
