/* life.h - a world for `scaler run`: a real Redis that is fed, real processes, and the program
 * itself, at steps of one second. One service, "web", act mode. Each test has its own
 * directory, ports and tag. */
#ifndef SCALER_TESTS_LIB_LIFE_H
#define SCALER_TESTS_LIB_LIFE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/servers.h"
#include "service/status.h"

#define LIFE_PORTS 16
#define LIFE_MOST_PIDS 64

extern struct test_redis life_redis;
extern char life_tag[64];  /* marks the instances of the test at work in the process list */
extern char life_dir[300]; /* of the test at work: configuration and state */
extern int life_first_port, life_api_port;
extern pid_t life_daemon_pid;                    /* the one started last; 0 none */
extern int64_t life_fed_from_s, life_fed_last_s; /* epochs written to Redis, whole */
/* Redis tells its uptime in whole seconds, a tenth of one late: which of the first two cells it
 * started in cannot be told, and the source rightly takes neither for whole. */
extern int64_t life_redis_whole_from_s;

/* Of the service "web", as life_configure writes them; life_begin sets 1, 12, 10, "", "". */
struct life_settings {
    int min, max;
    double per_instance;
    const char *service; /* more for its group: "objective = 0.01;" */
    const char *backend; /* more for its backend */
    const char *instead; /* of the process backend and its options: "type = ...;"; NULL: it */
};
extern struct life_settings life_settings;

/* Before and after each test. */
int life_begin(void **state);
int life_finish(void **state);

void life_start_redis(void);
/* Writes scaler.cfg; more_services begins with a comma or is "". */
void life_configure(const char *more_services);

/* `scaler run` with one more word or NULL; its output goes to the log `name`. */
pid_t life_start(const char *name, const char *more);
/* SIGTERM, and waits; checks the exit code. */
void life_stop(pid_t pid, int expected_exit);

/* per_s requests each second (-1: none are written) for so long, or until `is_so` says so: true
 * then. */
bool life_feed(int per_s, int ms, bool (*is_so)(void));

/* Runs a command of the program and returns what it printed. Static buffer. */
const char *life_scaler(int *exit_code, const char *words);
/* The web service's status, as the daemon wrote it. */
struct service_status life_status(void);
/* What a program of this name has printed so far; valid until the next call. */
const char *life_log(const char *name);
bool life_log_has(const char *name, const char *part);

/* Pids of our instances of one service (NULL: all), by their command line. */
int life_instances(const char *service, int *pids);
int life_count(const char *service);
void life_end_instances(void);

const char *life_path(const char *name); /* in life_dir; static buffer */
const char *life_server(void);           /* the program that instances are */
void life_sleep_ms(int ms);

#endif
