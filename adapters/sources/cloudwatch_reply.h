/* cloudwatch_reply.h - one page of what GetMetricData answers. */
#ifndef SCALER_ADAPTERS_SOURCES_CLOUDWATCH_REPLY_H
#define SCALER_ADAPTERS_SOURCES_CLOUDWATCH_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct cloudwatch_reader {
    /* A value of query number `query` (its id is "q" and the number). 0, or -1 with e. */
    int (*value)(void *user, size_t query, int64_t time_ms, double value, struct err *e);
    /* CloudWatch could not answer this query: ERR_DENIED, ERR_IO. */
    void (*failed)(void *user, size_t query, const struct err *e);
    void *user;
};

/* Hands out the values of a page; *next_token (emptied first) gets where the next one begins,
 * "" none. ERR_DATA when it is no such reply, and what `value` returns. */
int cloudwatch_read(const char *xml, size_t n, const struct cloudwatch_reader *reader,
                    struct str *next_token, struct err *e);

#endif
