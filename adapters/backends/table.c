/* table.c - every backend that `backend = { type = "..." }` may name. */
#include "act/backend.h"

extern const struct backend backend_process, backend_exec, backend_webhook;

const struct backend *const backend_table[] = {
    &backend_process,
    &backend_exec,
    &backend_webhook,
    NULL,
};
