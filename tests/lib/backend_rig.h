/* backend_rig.h - one backend object under test. */
#ifndef SCALER_TESTS_LIB_BACKEND_RIG_H
#define SCALER_TESTS_LIB_BACKEND_RIG_H

#include "act/backend.h"

struct backend_rig {
    const struct backend *backend;
    void *object;
    struct conf *options;
    struct backend_call call; /* its deadline is set anew by each call below */
};

/* Opens it; `pairs` are option, value, ..., NULL. Fails the test unless that succeeds. */
void backend_rig_open(struct backend_rig *r, const char *type, const char *const *pairs);
void backend_rig_close(struct backend_rig *r);

/* Fail the test unless they succeed. */
struct backend_status backend_rig_status(struct backend_rig *r);
void backend_rig_scale(struct backend_rig *r, int count);

/* Fail the test unless they fail with this code and a message that contains the words. */
void backend_rig_refuses(struct backend_rig *r, int count, enum err_code code,
                         const char *words);
void backend_rig_is_blind(struct backend_rig *r, enum err_code code, const char *words);

/* Runs check. Its text, or the error's; static buffer. */
const char *backend_rig_check(struct backend_rig *r, int expected_rc);

#endif
