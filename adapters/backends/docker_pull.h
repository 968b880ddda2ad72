/* docker_pull.h - fetches an image from its registry, by the engine (POST /images/create).
 *
 * That may take longer than a call may: it runs aside, goes on between calls, and ends after
 * DOCKER_PULL_MOST_MS at the latest. */
#ifndef SCALER_ADAPTERS_BACKENDS_DOCKER_PULL_H
#define SCALER_ADAPTERS_BACKENDS_DOCKER_PULL_H

#include "base/clk.h"
#include "conf/conf.h"

#define DOCKER_PULL_MOST_MS (15 * CLK_MINUTE_MS)

struct docker_pull;

/* From options that hold DOCKER_CONNECT_OPTIONS and `image`, which are copied; no I/O.
 * ERR_CONFIG as docker_connect, ERR_NOMEM. */
int docker_pull_new(struct docker_pull **out, const struct conf *options, const char *service,
                    struct err *e);
/* Does not wait for what is under way. */
void docker_pull_free(struct docker_pull *p);

/* Begins, and waits until the image is there; 0. ERR_BUSY while it goes on past the deadline,
 * and at once while one goes on. Otherwise as docker_pull_read, or the errors of a call. */
int docker_pull_run(struct docker_pull *p, int64_t deadline_mono_ms, struct err *e);
bool docker_pull_is_busy(const struct docker_pull *p);

/* The engine's answer to a pull, JSON values one after another: what fails after the first of
 * them is an "error" among them, below a status of 200. Its words tell ERR_DENIED,
 * ERR_CONFIG (no such image), ERR_BUSY (a rate limit) and ERR_IO (all else) apart; ERR_DATA for
 * what is not JSON, or ends within. Source: Docker Engine API 1.40, "Create an image";
 * docker/pkg/jsonmessage, JSONMessage. */
int docker_pull_read(const char *text, size_t n, struct err *e);

#endif
