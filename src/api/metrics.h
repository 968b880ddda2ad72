/* metrics.h - the state of the daemon as Prometheus text (exposition format 0.0.4). */
#ifndef SCALER_API_METRICS_H
#define SCALER_API_METRICS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "service/status.h"

/* Appends the next piece (a metric's head, or up to METRICS_SERVICES of its values) to out.
 * *metric and *service start at 0 and say where it stands. False when all was given. Values
 * that are unknown are left out. */
#define METRICS_SERVICES 64
bool metrics_next(const struct daemon_status *s, size_t *metric, size_t *service,
                  struct str *out);

#endif
