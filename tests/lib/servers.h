/* servers.h - real servers for integration tests, on loopback or in test_temp_dir(). */
#ifndef SCALER_TESTS_LIB_SERVERS_H
#define SCALER_TESTS_LIB_SERVERS_H

#include <stdbool.h>
#include <sys/types.h>

/* True when the program is in PATH, or there by its whole path; says so otherwise (the test
 * then exits with 77). */
bool test_has_program(const char *name);

/* A port of 127.0.0.1 that was free a moment ago. */
int test_free_port(void);

/* Starts argv (ends with NULL) with output in test_temp_dir()/NAME.log. All started processes
 * are killed at exit. */
pid_t test_start(const char *name, const char *const *argv);

/* SIGKILLs and waits for a process of test_start. */
void test_kill(pid_t pid);

/* Waits up to 10 s until something accepts on the port of 127.0.0.1, or (port 0) on the unix
 * socket. */
bool test_wait_port(int port, const char *unix_path);

/* A private redis-server on test_temp_dir()/NAME.sock, `more` being further words of its
 * command line (ends with NULL; may be NULL). Its url is unix://... */
struct test_redis {
    pid_t pid;
    char url[300];
    char path[256];
    const char *name;
};
void test_redis_start(struct test_redis *r, const char *name, const char *const *more);

/* Sends one command (printf arguments are words, split at blanks) and returns the reply as
 * text: a status, a number, a string, "ERR ..." or "(array)". Static buffer. */
const char *test_redis_do(const struct test_redis *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
