/* instance.h - one process of a service that runs on this host, as it stands in files.
 *
 * Instances outlive the program that started them, so all that is needed to find, judge and end
 * one is in state_dir/instances/SERVICE:
 *
 *   ID.json   the intent: what to start and how to end it; written before the start
 *   ID.lock   locked (flock) by the instance itself from before its fork until the last process
 *             that inherited it is gone: held = alive
 *   ID.pid    pid, start time, boot and cgroups, written by the exec step
 *   ID.drain  it is to end; how far that is
 *   ID.error  why the exec step could not start it
 *   ID.log    its output, unless configured elsewhere
 *
 * and state_dir/instances/.ports/PORT.lock, locked likewise, so that services do not share a
 * port. Lock files stay: removing one would let two processes lock two files of one name.
 *
 * Two steps make a start: instance_start (locks, intent, spawn) and instance_exec, in the new
 * process (`scaler exec-instance`: pid file, limits, output, user, directory, environment,
 * exec). Whenever either dies, the files and the lock tell the next one what is true.
 *
 * Only one process at a time may supervise a directory: instance_lock_service. */
#ifndef SCALER_ACT_INSTANCE_H
#define SCALER_ACT_INSTANCE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "act/limit.h"
#include "base/err.h"

#define INSTANCE_ID_SIZE 16
#define INSTANCE_PATH_SIZE 512

/* Numbers that programs do not use by themselves: shells redirect 0-9 and keep 10-19 and 255.
 */
#define INSTANCE_LOCK_FD 200
#define INSTANCE_PORT_FD 201

/* What to start and how to end it. Texts are borrowed, or owned by `json` when loaded. */
struct instance_spec {
    const char *service;
    const char *id;
    int port;                       /* 0: none */
    const char *const *command;     /* NULL ends; placeholders already filled */
    const char *const *environment; /* "NAME=value"; NULL ends; nothing else is in it */
    const char *working_dir;        /* "": the state directory's */
    const char *user;               /* "": as we are */
    const char *group;              /* "": the user's, with its supplementary ones */
    const char *output;             /* file that gets stdout and stderr */
    const char *const *pre_stop;    /* command before the stop signal; empty: none */
    const char *const *probe;       /* command that says ready; empty: none */
    int stop_signal;
    int64_t pre_stop_ms; /* pre_stop is killed then */
    int64_t grace_ms;    /* from the stop signal to SIGKILL */
    struct limit limit;
    int64_t started_ms; /* wall; filled by instance_start */
    json_t *json;       /* the owner of a loaded spec, else NULL */
};
void instance_spec_clear(struct instance_spec *spec); /* of a loaded one; zeros are fine */

enum instance_phase {
    INSTANCE_RUNNING,
    INSTANCE_PRE_STOP, /* its pre_stop command runs */
    INSTANCE_STOPPING, /* the stop signal is sent, grace runs */
    INSTANCE_KILLING,  /* SIGKILL until nothing is left */
    INSTANCE_GONE,     /* nothing is left; files are cleaned away */
};

struct instance {
    char dir[INSTANCE_PATH_SIZE]; /* state_dir/instances/SERVICE */
    char id[INSTANCE_ID_SIZE];
    struct instance_spec spec; /* loaded from ID.json; owned */
    enum instance_phase phase;
    bool is_draining;         /* its end was asked for; else it ended by itself */
    int64_t phase_until_mono; /* end of pre_stop or grace */
    int64_t clean_until_mono; /* its empty cgroups are waited for until then; 0: not yet */

    pid_t pid; /* 0: not known yet (the exec step of an earlier supervisor) */
    uint64_t start_ticks;
    int pidfd;     /* -1 none */
    bool is_child; /* ours to reap */
    bool is_leader_gone;
    int exit_status;       /* as of waitpid; -1: not known (adopted) */
    pid_t pre_stop_pid;    /* 0 none */
    char pre_stop_why[96]; /* how pre_stop failed; "" when it did not */
    char ended_why[160]; /* leader gone: "exit 1", "killed by signal 9", "command: No such file"
                          */
};

/* Directory of a service's instances and the lock of a port. False when too long. */
bool instance_dir(const char *state_dir, const char *service, char *out, size_t size);

/* ERR_CONFIG unless the name can be a directory: not empty, no slash, no leading dot. */
int instance_check_service(const char *service, struct err *e);

/* The count of a service that was last asked for: dir/desired. Write: ERR_IO, the old one
 * stands then. Read: -1 when there is none. */
int instance_write_desired(const char *dir, int count, struct err *e);
int instance_read_desired(const char *dir);

/* Starts one: takes both locks, removes traces of the last one, stores the intent, spawns the
 * exec step. Success means spawned: whether it lives is instance_tend's to say. ERR_BUSY when
 * ID or port is held by another, ERR_LIMIT when the port cannot be bound, ERR_IO when the
 * intent cannot be stored or nothing be spawned: then nothing was started. */
int instance_start(struct instance **out, const char *state_dir,
                   const struct instance_spec *spec, struct err *e);

/* Takes up what an earlier supervisor left under ID. *out is NULL when it was dead: its files
 * are cleaned away then, unless is_look, which is for who must not tend. ERR_IO, ERR_DATA when
 * ID.json cannot be read while the lock is held: it is left alone. */
int instance_adopt(struct instance **out, const char *state_dir, const char *service,
                   const char *id, bool is_look, struct err *e);

/* Removes the empty cgroups that dead instances of the service (dir: instance_dir) left: those
 * killed before they could note them, or that the kernel held on to too long. */
void instance_sweep_groups(const char *dir, const char *service);

/* How many instances of the service are alive, for who does not supervise it. ERR_IO. */
int instance_count_alive(const char *state_dir, const char *service, int *out, struct err *e);

/* Locks the service's directory for its one supervisor, until the descriptor is closed. -1:
 * ERR_BUSY when another supervises it, ERR_IO. */
int instance_lock_service(const char *state_dir, const char *service, struct err *e);

/* Calls `each` with every ID that has an intent. ERR_IO; a missing directory has none. */
int instance_scan(const char *state_dir, const char *service,
                  void (*each)(void *user, const char *id), void *user, struct err *e);

/* Begins its end: pre_stop, stop signal, grace, SIGKILL. Remembered across restarts before
 * anything is done. Harmless when it is under way. ERR_IO when it cannot be remembered. */
int instance_drain(struct instance *in, struct err *e);

/* One step of its life: notices exits, moves the drain on, kills what is left of a group whose
 * leader is gone, cleans up. Returns the phase afterwards. Never blocks. */
enum instance_phase instance_tend(struct instance *in, int64_t now_mono_ms);

/* Whether its leader lives, or its exec step is on its way: a look that changes nothing, for
 * who must not tend. */
bool instance_is_alive(struct instance *in);

/* True while its exec step is not known to be over (pid not recorded). */
bool instance_is_starting(const struct instance *in);

/* Lets go; a living one keeps running. NULL is fine. */
void instance_free(struct instance *in);

/* Copies `output` to output.1 and empties it once it is larger than most_bytes. The writer
 * keeps its descriptor (it appends), so lines written between copy and cut, some microseconds,
 * are lost. ERR_IO. */
int instance_rotate(const char *output, int64_t most_bytes, struct err *e);

/* What the exec step is to become. */
#define INSTANCE_MAIN "main" /* the instance itself */
#define INSTANCE_PRE_STOP_STEP "pre_stop"
#define INSTANCE_PROBE_STEP "probe"

/* Runs the spec's pre_stop or probe command beside the instance: same user, directory,
 * environment and output, a process group of its own, none of its locks and limits. Returns the
 * child's pid, which the caller reaps; -1: ERR_IO. */
pid_t instance_run_step(const struct instance *in, const char *step, struct err *e);

/* The exec step: becomes what dir/ID.json says for `step`. Returns only on failure, with the
 * exit code for it; for INSTANCE_MAIN the reason is in ID.error then. INSTANCE_MAIN needs the
 * locks at their two numbers. */
int instance_exec(const char *dir, const char *id, const char *step);

/* What the cgroups of an instance are called; `out` holds INSTANCE_GROUP_SIZE bytes. The hash
 * of the directory keeps services of one name in two state directories apart. */
#define INSTANCE_GROUP_SIZE 256
const char *instance_group_name(const char *dir, const char *service, const char *id,
                                char *out);

/* Start time of a process in clock ticks since boot (proc(5), stat field 22); 0 when there is
 * none, or with errno other than ENOENT and ESRCH when it cannot be read. */
uint64_t instance_start_ticks(pid_t pid);

/* A descriptor on the process of just this pid and start time. 1 with it in out; 0 when there
 * is no such process; -1: ERR_IO, it cannot be told now. */
int instance_open_pid(pid_t pid, uint64_t start_ticks, int *out, struct err *e);

#endif
