/* process_rig.h - the process backend on a state directory of its own, with real processes.
 *
 * Calls that leave a trace outside of the process are wrapped at link time (scaler_process_test
 * of tests/CMakeLists.txt): between any two of them the process can be killed, and any of them
 * can be made to fail. Instances are started through the test program itself, as `scaler
 * exec-instance` would, so that this reaches the exec step as well. */
#ifndef SCALER_TESTS_LIB_PROCESS_RIG_H
#define SCALER_TESTS_LIB_PROCESS_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "act/backend.h"
#include "act/instance.h"
#include "conf/conf.h"

#define RIG_WAIT_MS 15000
#define RIG_PORTS 6

struct rig {
    char service[32];
    char state_dir[300];
    char tag[64]; /* stands in the arguments of each instance */
    int port;     /* the first of RIG_PORTS */
    struct conf *conf;
    void *backend;
    bool is_dry_run;
};

/* First in main: the exec step when that is what is asked (does not return then); else the
 * exit code 77 where the helper server is missing, 0 to go on. */
int rig_begin(int argc, char **argv);

/* A fresh state directory, free ports, and the helper server with its tag as command; tests add
 * arguments and options before they open. Ended by rig_end, or rig_drop before it was opened.
 */
void rig_init(struct rig *r, const char *service);
void rig_drop(struct rig *r);
void rig_set(struct rig *r, const char *name, const char *value);
void rig_add_arg(struct rig *r, const char *arg);
/* "--option value" of the helper server. */
void rig_add_args(struct rig *r, const char *option, const char *value);

const struct backend *rig_backend(void);
struct backend_call rig_call(const struct rig *r);
/* Fail the test when the backend does. */
void rig_open(struct rig *r);
void rig_close(struct rig *r);
struct backend_status rig_status(struct rig *r);
void rig_scale(struct rig *r, int count);
void rig_tend(struct rig *r);

/* Until so many are running, ready and draining (-1: any); fails past RIG_WAIT_MS. */
struct backend_status rig_settle(struct rig *r, int running, int ready, int draining);
/* Tends for so long. */
void rig_tend_for(struct rig *r, int ms);

/* Everything stops; no process, port or cgroup of it is left. */
void rig_end(struct rig *r);
void rig_assert_none_left(struct rig *r);

/* Living processes with the rig's tag; leaders only, or with their children. */
int rig_count_alive(const struct rig *r, bool with_children);

/* Of the instance on this port, as its files say. */
pid_t rig_pid_of(const struct rig *r, int port);
/* PATH of one of its files; static buffer. */
const char *rig_file(const struct rig *r, int port, const char *suffix);

/* The start of a file as text; "" when it cannot be read. */
void rig_read(const char *path, char *out, size_t size);

/* Its ports are free for binding. */
bool rig_can_bind(int port);

/* The number of cgroups of the service, in all hierarchies. */
int rig_count_groups(const struct rig *r);

/* Moves the clock of this process ahead, to be past back-off and rests. */
void rig_skip_ms(int64_t ms);

/* ---- death and faults ---- */

/* In a process of its own: opens, scales, tends until `count` are ready (exit 0) or the time is
 * over (SIGKILL). die_at: killed at the nth boundary between two wrapped calls; 0: never. */
pid_t rig_run_supervisor(struct rig *r, int count, int tend_ms, int die_at);
/* Waits for it. True when it died by SIGKILL rather than came to its end. */
bool rig_was_killed(pid_t pid);

/* The nth wrapped call from here on fails, those after it succeed; 0: none does. */
void rig_fail_at(int nth);
/* Ends that. The name of the call that failed, NULL when it was not reached. */
const char *rig_failed_call(void);

/* The same for the exec steps started from here on. NULL: no more. */
void rig_fail_in_exec(int nth);
void rig_die_in_exec(int nth);

#endif
