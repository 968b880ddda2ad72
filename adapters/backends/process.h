/* process.h - shared by the files of the process backend. */
#ifndef SCALER_ADAPTERS_BACKENDS_PROCESS_H
#define SCALER_ADAPTERS_BACKENDS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "act/backend.h"
#include "act/instance.h"
#include "act/limit.h"
#include "act/probe.h"
#include "adapters/balancers/balancer.h"
#include "base/err.h"
#include "base/str.h"
#include "conf/conf.h"

enum process_probe_kind {
    PROCESS_PROBE_NONE,
    PROCESS_PROBE_TCP,
    PROCESS_PROBE_HTTP,
    PROCESS_PROBE_EXEC,
};

/* The options that are not texts. */
struct process_conf {
    int first_port, last_port; /* 0: none */
    int most;                  /* instances */
    int64_t output_most_bytes; /* 0: never rotated */
    enum process_probe_kind probe;
    int64_t probe_interval_ms, probe_timeout_ms;
    int probe_failures;
    int64_t ready_within_ms;
    int stop_signal;
    int64_t pre_stop_ms, grace_ms;
    int64_t backoff_most_ms;
    struct limit limit;
};

extern const struct conf_option process_options[];

/* Checks what the rows cannot: ranges, placeholders, what goes together. ERR_CONFIG. */
int process_conf_check(const struct conf *c, struct err *e);
/* The same, that users and groups are there, and that we may become them (ERR_DENIED). */
int process_conf_read(const struct conf *c, struct process_conf *out, struct err *e);

/* The filled-in texts of one instance's spec. */
#define PROCESS_TEXTS 4
struct process_texts {
    struct str text[PROCESS_TEXTS];
    const char **list[PROCESS_TEXTS];
    struct str output;
};
void process_texts_clear(struct process_texts *t);

/* What to start as instance `id` on `port` (0: none). `out` borrows from c, t and the other
 * arguments; the caller clears t. ERR_NOMEM. */
int process_spec(const struct conf *c, const struct process_conf *pc, const char *dir,
                 const char *service, const char *id, int port, struct process_texts *t,
                 struct instance_spec *out, struct err *e);

/* A place for one instance: a port of the range, or a number from 1. */
struct process_slot {
    struct instance *instance; /* NULL: free */
    bool is_ready;
    bool is_failure_noted; /* it ended by itself, and that was said */
    bool is_pre_stop_noted;
    int failed_probes; /* in a row */
    struct probe probe;
    int64_t next_probe_mono;
    int64_t started_mono; /* or adopted */
    int64_t ready_mono;
    int64_t blocked_until_mono; /* its port was in use */
    bool is_adopted;
    struct balancer_member member;
};

/* One that no slot is for. */
struct process_stray {
    struct instance *instance;
    struct balancer_member member;
};

struct process {
    struct conf *options;
    struct process_conf conf;
    char service[128];
    char state_dir[INSTANCE_PATH_SIZE];
    char dir[INSTANCE_PATH_SIZE]; /* state_dir/instances/SERVICE */

    int lock;                     /* of the directory, from the first call that acts; -1 none */
    int desired;                  /* the count last asked for; outlives us in dir/desired */
    struct process_slot *slots;   /* conf.most, in order of their ports or numbers */
    struct process_stray *strays; /* adopted ones that no slot is for: they drain, each when
                                     one that has a slot is ready instead */
    size_t n_strays, cap_strays;
    struct balancing balancing;
    int next_slot; /* round robin, so that a freed port rests longest */

    int failed;          /* ends by themselves, and starts that failed, since open */
    int failures_in_row; /* for the back-off */
    int64_t last_failure_mono;
    int64_t next_start_mono;
    int64_t next_rotate_mono;
    char last_end[160];  /* why the last one ended, with its id */
    char last_port[128]; /* why a port could not be used; "" when all could */
    bool is_dry_run;     /* as of the last call: probes that start a process do not */
};

/* Tells the balancer what gets traffic and what does not. Not in a dry run. */
void process_balance(struct process *p, int64_t deadline_mono_ms);

/* Moves one towards its end: the balancer first, then the drain. ERR_IO. */
int process_leave(struct process *p, struct instance *in, struct balancer_member *m,
                  struct err *e);

/* Asks the probes that are due and waits for answers, at most until the given time. */
void process_probe_all(struct process *p, int64_t until_mono_ms);

#endif
