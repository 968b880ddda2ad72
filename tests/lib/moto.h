/* moto.h - AWS's APIs as moto's server speaks them, on a free port of the loopback.
 *
 * Not as AWS does: MinSize and MaxSize are not enforced, an unknown group is an HTTP 500,
 * instances are in service at once, and there is no provisioned concurrency of Lambda. */
#ifndef SCALER_TESTS_LIB_MOTO_H
#define SCALER_TESTS_LIB_MOTO_H

#include "adapters/cloud/aws.h"

struct test_moto {
    char endpoint[64];
    struct aws *aws; /* who arranges things for the test */
};

/* Starts it, keys in the environment, region us-east-1. False, said, where it is not installed:
 * the test then exits with 77. */
bool test_moto_start(struct test_moto *m);
void test_moto_stop(struct test_moto *m);
/* Arranges things with the keys that are in the environment now. */
void test_moto_reconnect(struct test_moto *m);

/* One call of a query API, words being "Action=...&Version=...&...". Fails the test unless it
 * succeeds. The reply's body is valid until the next call. */
const char *test_moto_form(struct test_moto *m, const char *service, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* One call of a JSON API. `method` and `path` for a REST one, else NULL and `target`. */
const char *test_moto_json(struct test_moto *m, const char *service, const char *method,
                           const char *path, const char *target, const char *body);

#endif
