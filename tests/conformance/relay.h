/* relay.h - stands between a backend and its real HTTP server: passes requests on, counts the
 * writes among them, and does to the answers what a suite_fault says. */
#ifndef SCALER_TESTS_CONFORMANCE_RELAY_H
#define SCALER_TESTS_CONFORMANCE_RELAY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "conformance/suite.h"

struct relay {
    int fd, port;        /* of 127.0.0.1, where it listens */
    int to_port;         /* of 127.0.0.1, where the server is */
    const char *write;   /* a request that holds this is one */
    atomic_int n_writes; /* passed on */
    atomic_int fault, status;
    char request[65536];
    pthread_t thread;
};

void relay_start(struct relay *r, int to_port, const char *write);
void relay_stop(struct relay *r);
void relay_fault(struct relay *r, enum suite_fault fault, int status);

#endif
