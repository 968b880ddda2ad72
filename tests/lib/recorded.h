/* recorded.h - a server in the test's own process that answers from a list, byte for byte, for
 * what no real server on the machine says. It speaks RESP2 (Redis) or HTTP/1.1.
 *
 * It allocates nothing and never sleeps, so that it may run while allocations are made to fail
 * (lib/fault.h). */
#ifndef SCALER_TESTS_LIB_RECORDED_H
#define SCALER_TESTS_LIB_RECORDED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct recorded_row {
    const char *start; /* of the request: "TS.RANGE web:rate 60000", "POST /api/v1/query " */
    const char *reply; /* whole, as it goes over the wire; NULL: silence from here on */
    size_t cut;        /* of the reply's bytes only this many are sent, then the connection is
                        * closed; 0: all, and it stays open */
};

/* The first row that fits answers; a list ends with a row without a start. */
struct recorded {
    struct recorded_row rows[16];
    bool is_http;
    int fd, port;
    atomic_int n_requests; /* answered or not */
    char last[4096];       /* request, as rows name it: words of RESP with blanks between */
    char head[4096];       /* of the last HTTP request: its first line and its headers */
    char buf[65536];       /* received, not yet answered */
    pthread_t thread;
};

void recorded_start(struct recorded *r, bool is_http, const struct recorded_row *rows);
/* Other rows from the next request on. The rows are copied; their replies are not. */
void recorded_set(struct recorded *r, const struct recorded_row *rows);
void recorded_stop(struct recorded *r);

#endif
