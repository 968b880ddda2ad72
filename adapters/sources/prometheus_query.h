/* prometheus_query.h - PromQL with places for service and step.
 *
 *   {service}     name of the service
 *   {step}        width of a cell, as in 60000ms
 *   {{service}}   the text {service} itself, as in path="/users/{{service}}"; {{step}} likewise
 *
 * Every other brace is PromQL's own and is left as it is: {job="x"}, {__name__=~"a{2}"},
 * path="/users/{id}". */
#ifndef SCALER_ADAPTERS_SOURCES_PROMETHEUS_QUERY_H
#define SCALER_ADAPTERS_SOURCES_PROMETHEUS_QUERY_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* Appends the query for one service; out->failed tells of a lack of memory. */
void prometheus_query_fill(struct str *out, const char *query, const char *service,
                           int64_t step_ms);

/* What can be no PromQL and no placeholder, outside of quotes and comments: a lone {word}
 * (PromQL has a comparison in its braces), and doubled braces. In quotes any text may be meant.
 * ERR_CONFIG. */
int prometheus_query_check(const char *query, struct err *e);

#endif
