/* probe.h - one question "are you ready?", asked without waiting.
 *
 * A probe is started, then stepped until it has an answer; between steps its descriptor can be
 * polled. Zeros are an idle probe. */
#ifndef SCALER_ACT_PROBE_H
#define SCALER_ACT_PROBE_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum probe_result { PROBE_IDLE, PROBE_PENDING, PROBE_YES, PROBE_NO };

struct probe {
    enum probe_result result;
    int fd;              /* socket, or pidfd of the command */
    pid_t pid;           /* of the command; 0 none */
    char *request;       /* HTTP, owned while pending; NULL: a bare connection */
    size_t request_sent; /* bytes */
    char reply[16];      /* the first bytes: "HTTP/1.1 200" */
    size_t n_reply;
    int64_t until_mono_ms;
};

/* Connects to host (a numeric address) and port. With `path` an HTTP GET follows: a status of
 * 200 to 399 means yes. The answer may be there at once. */
void probe_start_tcp(struct probe *p, const char *host, int port, const char *path,
                     int64_t until_mono_ms);

/* Watches a command that was started (its own process group, reaped here): exit 0 means yes. */
void probe_start_command(struct probe *p, pid_t pid, int64_t until_mono_ms);

/* Moves on as far as it can without waiting. */
enum probe_result probe_step(struct probe *p, int64_t now_mono_ms);

/* What a pending probe waits for. */
struct pollfd probe_pollfd(const struct probe *p);

/* Ends it (a command's group is killed) and makes it idle. */
void probe_stop(struct probe *p);

#endif
