/* engine.h - a container engine of the test's own: podman, or a Docker Engine. */
#ifndef SCALER_TESTS_CONFORMANCE_ENGINE_H
#define SCALER_TESTS_CONFORMANCE_ENGINE_H

#include <jansson.h>
#include <stdbool.h>

/* One for all cases: it starts once, and each case leaves it empty. */
extern char engine_sock[200];

/* 77, after saying why, where it cannot run; else starts it unless it runs, with the image
 * localhost/app:latest, which holds busybox. */
int engine_start(bool is_docker);

/* Past whatever stands between; fails the test unless the reply is 2xx. The caller drops it;
 * NULL for a reply without JSON. */
json_t *engine_ask(const char *method, const char *path, const char *body);

/* The status of the reply, whatever it is. */
int engine_try(const char *method, const char *path, const char *body);

/* Imports the image under another name with a change ("HEALTHCHECK ...", percent-encoded). */
void engine_import(const char *name, const char *changes);

/* Told, so that it ends what it started, and waited for. */
void engine_end(void);

#endif
