/* wire.h - the faults of an entry whose server speaks HTTP, made between the two. */
#ifndef SCALER_TESTS_CONFORMANCE_WIRE_H
#define SCALER_TESTS_CONFORMANCE_WIRE_H

#include "conformance/suite.h"
#include "lib/slow_proxy.h"

struct wire {
    struct slow_proxy
        proxy; /* the backend's url names its port; to_port or to_path: the server */
    char reply[300];
};

/* As suite_entry.fault, done by the proxy. */
void wire_fault(struct wire *w, enum suite_fault fault, int status);

#endif
