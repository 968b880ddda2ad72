/* process.c - several instances on this host, supervised by scaler itself.
 *
 * One instance is act/instance.h's business; here is the policy: how many, on which ports, when
 * they count as ready, who goes first, how often a crashing program is started again. All that
 * must outlive us is in files; opening reads them. Nothing here ends an instance but scaling
 * in: closing lets all of them run. */
#include "adapters/backends/process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/file.h"
#include "base/log.h"
#include "base/vec.h"

#define BACKOFF_FIRST_MS CLK_SECOND_MS
/* Ready for so long, an instance started after the last crash shows that starts work. */
#define PROVEN_MS (30 * CLK_SECOND_MS)
/* A port that someone else has is tried again after this. */
#define PORT_REST_MS (10 * CLK_SECOND_MS)
#define ROTATE_EVERY_MS (10 * CLK_SECOND_MS)
/* A round waits so long for probes; answers of local programs take well under a millisecond. */
#define PROBE_WAIT_MS 50

/* Wanted, and alive as far as is known. */
static bool is_running(const struct process_slot *s)
{
    return s->instance && !s->instance->is_draining && s->instance->phase == INSTANCE_RUNNING &&
           !balancing_is_leaving(&s->member);
}

/* Able to carry load, and given some. */
static bool is_ready(const struct process *p, const struct process_slot *s)
{
    return is_running(s) && s->is_ready &&
           (p->is_dry_run || balancing_counts(&p->balancing, &s->member));
}

static int count_running(const struct process *p)
{
    int n = 0;

    for (int i = 0; i < p->conf.most; i++)
        n += is_running(&p->slots[i]);
    return n;
}

/* Without a readable file what runs is what was wanted. */
static int read_desired(const struct process *p)
{
    int count = instance_read_desired(p->dir);

    return count >= 0 && count <= p->conf.most ? count : count_running(p);
}

/* --- opening ----------------------------------------------------------------------------- */

static int slot_of(const struct process *p, int port, const char *id)
{
    int64_t n;

    if (p->conf.first_port > 0)
        return port >= p->conf.first_port && port <= p->conf.last_port
                   ? port - p->conf.first_port
                   : -1;
    return port == 0 && str_to_int64(id, strlen(id), &n) && n >= 1 && n <= p->conf.most
               ? (int)n - 1
               : -1;
}

/* Before anything is changed in the directory: nobody else may be at it. */
static int take_lock(struct process *p, struct err *e)
{
    if (p->lock < 0)
        p->lock = instance_lock_service(p->state_dir, p->service, e);
    if (p->lock >= 0)
        return 0;
    return e && e->code == ERR_BUSY
               ? err_wrap(e, "instances of %s are supervised elsewhere", p->service)
               : -1;
}

/* One whose port is no longer in the range, or that no slot is for. */
static int keep_stray(struct process *p, struct instance *in, struct err *e)
{
    if (vec_reserve(&p->strays, &p->cap_strays, p->n_strays + 1, sizeof *p->strays) != 0)
        return err_nomem(e);
    p->strays[p->n_strays++] =
        (struct process_stray){in, {.port = in->spec.port, .wish = BALANCER_READY}};
    return 0;
}

struct adopting {
    struct process *process;
    struct err *e;
    int rc;
};

static void adopt_one(void *user, const char *id)
{
    struct adopting *a = user;
    struct process *p = a->process;
    struct instance *in = NULL;
    int slot;

    if (a->rc != 0)
        return;
    a->rc = instance_adopt(&in, p->state_dir, p->service, id, p->is_dry_run, a->e);
    if (a->rc != 0 || !in)
        return;
    slot = slot_of(p, in->spec.port, id);
    if (slot >= 0 && !p->slots[slot].instance) {
        p->slots[slot].instance = in;
        p->slots[slot].is_adopted = true;
        p->slots[slot].started_mono = clk_mono_ms(); /* ready_within begins anew */
    } else {
        a->rc = keep_stray(p, in, a->e);
    }
}

static void process_close(void *backend)
{
    struct process *p = backend;

    if (!p)
        return;
    for (int i = 0; p->slots && i < p->conf.most; i++) {
        probe_stop(&p->slots[i].probe);
        instance_free(p->slots[i].instance);
    }
    for (size_t i = 0; i < p->n_strays; i++)
        instance_free(p->strays[i].instance);
    balancing_close(&p->balancing);
    if (p->lock >= 0)
        close(p->lock);
    free(p->strays);
    free(p->slots);
    conf_free(p->options);
    free(p);
}

static int prepare(struct process *p, const struct conf *options,
                   const struct backend_call *call, struct err *e)
{
    if (process_conf_read(options, &p->conf, e) != 0 ||
        instance_check_service(call->service, e) != 0 ||
        conf_copy(&p->options, options, e) != 0)
        return -1;
    p->slots = calloc((size_t)p->conf.most, sizeof *p->slots);
    if (!p->slots)
        return err_nomem(e);
    for (int i = 0; i < p->conf.most; i++)
        p->slots[i].probe.fd = -1;
    if (!str_copy(p->service, sizeof p->service, call->service) ||
        !str_copy(p->state_dir, sizeof p->state_dir, call->state_dir) ||
        !instance_dir(call->state_dir, call->service, p->dir, sizeof p->dir))
        return err_set(e, ERR_CONFIG, "service \"%.60s\": name or state directory too long",
                       call->service);
    return balancing_open(&p->balancing, options, call->service, e);
}

static int process_open(void **out, const struct conf *options, const struct backend_call *call,
                        struct err *e)
{
    struct process *p = calloc(1, sizeof *p);
    struct adopting adopting = {p, e, 0};

    if (!p)
        return err_nomem(e);
    p->lock = -1;
    p->is_dry_run = call->is_dry_run;
    if (prepare(p, options, call, e) != 0 || (!p->is_dry_run && take_lock(p, e) != 0))
        goto fail;
    if (instance_scan(p->state_dir, p->service, adopt_one, &adopting, e) != 0 ||
        adopting.rc != 0)
        goto fail;
    p->desired = read_desired(p);
    if (!p->is_dry_run)
        instance_sweep_groups(p->dir, p->service);
    /* Those that were ready count at once: an upgrade is no outage. */
    process_probe_all(p, clk_mono_ms() + PROBE_WAIT_MS);
    process_balance(p, call->deadline_mono_ms);
    *out = p;
    return 0;
fail:
    process_close(p);
    return -1;
}

/* --- crashes ----------------------------------------------------------------------------- */

static void note_failure(struct process *p, const char *id, const char *why,
                         int64_t now_mono_ms)
{
    int64_t wait_ms = BACKOFF_FIRST_MS;

    for (int i = 0; i < p->failures_in_row && wait_ms < p->conf.backoff_most_ms; i++)
        wait_ms *= 2;
    if (wait_ms > p->conf.backoff_most_ms)
        wait_ms = p->conf.backoff_most_ms;
    /* Several that end together are one reason to wait. */
    if (now_mono_ms >= p->next_start_mono) {
        p->failures_in_row++;
        p->next_start_mono = now_mono_ms + wait_ms;
    }
    p->failed++;
    p->last_failure_mono = now_mono_ms;
    snprintf(p->last_end, sizeof p->last_end, "%s: %.130s", id, why);
    log_warn(p->service, "instance %s: %s; next start in %lld s", id, why,
             (long long)((p->next_start_mono - now_mono_ms + 999) / 1000));
}

static void forgive_failures(struct process *p, int64_t now_mono_ms)
{
    for (int i = 0; i < p->conf.most && p->failures_in_row > 0; i++) {
        const struct process_slot *s = &p->slots[i];

        if (is_ready(p, s) && s->started_mono > p->last_failure_mono &&
            now_mono_ms - s->ready_mono >= PROVEN_MS)
            p->failures_in_row = 0;
    }
}

/* It may still be in a balancer's table when it is told to stop. */
static void note_pre_stop(const struct process *p, const struct instance *in, bool *is_noted)
{
    if (!*is_noted && in->pre_stop_why[0] != '\0') {
        *is_noted = true;
        log_warn(p->service, "instance %s: pre_stop: %s", in->id, in->pre_stop_why);
    }
}

static void release(struct process_slot *s)
{
    probe_stop(&s->probe);
    instance_free(s->instance);
    *s = (struct process_slot){.probe = {.fd = -1}};
}

static void tend_slot(struct process *p, struct process_slot *s, int64_t now_mono_ms)
{
    enum instance_phase phase = instance_tend(s->instance, now_mono_ms);
    struct err e = {0};

    if (!s->instance->is_draining && phase != INSTANCE_RUNNING && !s->is_failure_noted) {
        s->is_failure_noted = true; /* when it ended, not when the last of it is gone */
        note_failure(p, s->instance->id, s->instance->ended_why, now_mono_ms);
    }
    note_pre_stop(p, s->instance, &s->is_pre_stop_noted);
    if (phase == INSTANCE_GONE) {
        if (s->instance->is_draining)
            log_info(p->service, "instance %s: stopped", s->instance->id);
        release(s);
        return;
    }
    if (is_running(s) && !s->is_ready && s->ready_mono == 0 &&
        now_mono_ms - s->started_mono >= p->conf.ready_within_ms) {
        note_failure(p, s->instance->id, "not ready in time (ready_within)", now_mono_ms);
        balancing_leave(&s->member);
    }
    if (balancing_is_leaving(&s->member) && process_leave(p, s->instance, &s->member, &e) != 0)
        log_warn(p->service, "%s", e.msg);
}

static int count_ready(const struct process *p)
{
    int n = 0;

    for (int i = 0; i < p->conf.most; i++)
        n += is_ready(p, &p->slots[i]);
    return n;
}

/* They go on serving until others are ready: another range of ports is no outage. */
static void tend_strays(struct process *p, int64_t now_mono_ms)
{
    int needed = p->desired - count_ready(p);
    struct err e = {0};

    for (size_t i = 0; i < p->n_strays;) {
        struct process_stray *s = &p->strays[i];

        if (s->instance->phase == INSTANCE_RUNNING && !s->instance->is_draining &&
            !balancing_is_leaving(&s->member) && needed-- > 0)
            ; /* this one stays for now */
        else if (process_leave(p, s->instance, &s->member, &e) != 0)
            log_warn(p->service, "%s", e.msg);
        if (instance_tend(s->instance, now_mono_ms) == INSTANCE_GONE) {
            instance_free(s->instance);
            *s = p->strays[--p->n_strays];
        } else {
            i++;
        }
    }
}

/* --- towards the count ------------------------------------------------------------------- */

static int start_in(struct process *p, int slot, int64_t now_mono_ms, struct err *e)
{
    int port = p->conf.first_port > 0 ? p->conf.first_port + slot : 0;
    struct process_slot *s = &p->slots[slot];
    char id[INSTANCE_ID_SIZE];
    struct process_texts texts;
    struct instance_spec spec;
    int rc;

    snprintf(id, sizeof id, "%d", port > 0 ? port : slot + 1);
    rc = process_spec(p->options, &p->conf, p->dir, p->service, id, port, &texts, &spec, e);
    if (rc == 0)
        rc = instance_start(&s->instance, p->state_dir, &spec, e);
    process_texts_clear(&texts);
    if (rc == 0) {
        s->started_mono = now_mono_ms;
        log_info(p->service, "instance %s: started, pid %ld", id, (long)s->instance->pid);
    }
    return rc;
}

/* Starts one in the next free place. 1: started, 0: no place now, -1: cannot start. */
static int start_one(struct process *p, int64_t now_mono_ms, struct err *e)
{
    for (int k = 0; k < p->conf.most; k++) {
        int slot = (p->next_slot + k) % p->conf.most;
        struct process_slot *s = &p->slots[slot];

        if (s->instance || now_mono_ms < s->blocked_until_mono)
            continue;
        if (start_in(p, slot, now_mono_ms, e) == 0) {
            p->next_slot = (slot + 1) % p->conf.most;
            return 1;
        }
        if (e->code != ERR_BUSY && e->code != ERR_LIMIT)
            return -1;
        s->blocked_until_mono = now_mono_ms + PORT_REST_MS;
        snprintf(p->last_port, sizeof p->last_port, "%.120s", e->msg);
    }
    return 0;
}

/* Not ready before ready, then the newest first: the oldest are the proven ones. */
static struct process_slot *pick_victim(struct process *p)
{
    struct process_slot *best = NULL;

    for (int i = 0; i < p->conf.most; i++) {
        struct process_slot *s = &p->slots[i];

        if (!is_running(s))
            continue;
        if (!best || (best->is_ready && !s->is_ready) ||
            (best->is_ready == s->is_ready &&
             s->instance->spec.started_ms >= best->instance->spec.started_ms))
            best = s;
    }
    return best;
}

/* One that was to stop and has not been told yet: quicker than a start. */
static bool keep_one(struct process *p)
{
    for (int i = 0; i < p->conf.most; i++) {
        struct process_slot *s = &p->slots[i];

        if (s->instance && !s->instance->is_draining && s->is_ready &&
            s->instance->phase == INSTANCE_RUNNING && balancing_is_leaving(&s->member)) {
            balancing_stay(&s->member);
            return true;
        }
    }
    return false;
}

/* As far as back-off, places and the deadline allow; the next round goes on. */
static int approach(struct process *p, int64_t deadline_mono_ms, struct err *e)
{
    int running = count_running(p);

    while (running > p->desired) {
        struct process_slot *s = pick_victim(p);

        if (process_leave(p, s->instance, &s->member, e) != 0)
            return -1;
        running--;
    }
    while (running < p->desired && keep_one(p))
        running++;
    while (running < p->desired) {
        int64_t now = clk_mono_ms();
        int started;

        if (now < p->next_start_mono || now >= deadline_mono_ms)
            return 0;
        started = start_one(p, now, e);
        if (started < 0) {
            note_failure(p, "start", e->msg, now);
            return -1;
        }
        if (started == 0)
            return 0;
        running++;
    }
    return 0;
}

static int process_scale(void *backend, const struct backend_call *call, int count,
                         struct err *e)
{
    struct process *p = backend;
    struct err start_err = {0};

    if (take_lock(p, e) != 0)
        return -1;
    if (count < 0 || count > p->conf.most)
        return err_set(e, ERR_LIMIT, "%d instances asked: %s hold %d", count,
                       p->conf.first_port > 0 ? "the ports" : "the option instances",
                       p->conf.most);
    if (count != p->desired) {
        if (instance_write_desired(p->dir, count, e) != 0)
            return -1;
        p->desired = count;
    }
    /* Accepted: what cannot be started is tried again by tend, and stands in the status. */
    if (approach(p, call->deadline_mono_ms, &start_err) != 0)
        log_warn(p->service, "%s", start_err.msg);
    process_balance(p, call->deadline_mono_ms);
    return 0;
}

static void rotate_outputs(struct process *p, int64_t now_mono_ms)
{
    struct err e = {0};

    if (p->conf.output_most_bytes == 0 || now_mono_ms < p->next_rotate_mono)
        return;
    p->next_rotate_mono = now_mono_ms + ROTATE_EVERY_MS;
    for (int i = 0; i < p->conf.most; i++) {
        const struct instance *in = p->slots[i].instance;

        if (in && instance_rotate(in->spec.output, p->conf.output_most_bytes, &e) != 0)
            log_warn(p->service, "%s", e.msg);
    }
}

static int process_tend(void *backend, const struct backend_call *call, struct err *e)
{
    struct process *p = backend;
    int64_t now = clk_mono_ms(), until = now + PROBE_WAIT_MS;

    p->is_dry_run = call->is_dry_run;
    if (p->is_dry_run) {
        process_probe_all(p, until < call->deadline_mono_ms ? until : call->deadline_mono_ms);
        return 0;
    }
    if (take_lock(p, e) != 0)
        return -1;
    for (int i = 0; i < p->conf.most; i++) {
        if (p->slots[i].instance)
            tend_slot(p, &p->slots[i], now);
    }
    tend_strays(p, now);
    process_probe_all(p, until < call->deadline_mono_ms ? until : call->deadline_mono_ms);
    process_balance(p, call->deadline_mono_ms);
    forgive_failures(p, now);
    rotate_outputs(p, now);
    return approach(p, call->deadline_mono_ms, e);
}

static bool has_blocked_port(const struct process *p)
{
    int64_t now = clk_mono_ms();

    for (int i = 0; i < p->conf.most; i++) {
        if (!p->slots[i].instance && now < p->slots[i].blocked_until_mono)
            return true;
    }
    return false;
}

/* --- status and check -------------------------------------------------------------------- */

static void write_note(const struct process *p, const struct backend_status *st, char *out,
                       size_t size)
{
    int64_t wait_ms = p->next_start_mono - clk_mono_ms();

    if (balancing_note(&p->balancing, out, size))
        return;
    if (p->n_strays > 0 && st->running >= p->desired)
        snprintf(out, size,
                 "%zu outside of the ports or instances configured: each ends once "
                 "another is ready",
                 p->n_strays);
    else if (st->running >= p->desired)
        out[0] = '\0';
    else if (wait_ms > 0)
        snprintf(out, size, "%d ended in a row: next start in %lld s; last %.90s",
                 p->failures_in_row, (long long)((wait_ms + 999) / 1000), p->last_end);
    else if (has_blocked_port(p))
        snprintf(out, size, "%d missing, no free port: %s", p->desired - st->running,
                 p->last_port);
    else if (st->draining > 0 && st->running + st->draining >= p->conf.most)
        snprintf(out, size, "%d missing: all places taken, %d still draining",
                 p->desired - st->running, st->draining);
}

static int process_status(void *backend, const struct backend_call *call,
                          struct backend_status *out, struct err *e)
{
    const struct process *p = backend;
    bool is_starting = false;

    (void)e;
    *out = (struct backend_status){.desired = p->desired, .least = -1, .most = p->conf.most};
    for (int i = 0; i < p->conf.most; i++) {
        const struct process_slot *s = &p->slots[i];

        /* a dry run tends nothing: what ended meanwhile is left out, not cleaned away */
        if (!s->instance || (call->is_dry_run && !instance_is_alive(s->instance)))
            continue;
        if (is_running(s)) {
            out->running++;
            out->ready += is_ready(p, s);
            is_starting = is_starting || s->ready_mono == 0;
        } else {
            out->draining++;
        }
    }
    out->draining += (int)p->n_strays;
    out->failed = p->failed;
    out->is_changing = out->running != p->desired || out->draining > 0 || is_starting;
    write_note(p, out, out->note, sizeof out->note);
    return 0;
}

/* As execvp will look for it: a path with a slash, or each directory of PATH. */
static bool is_executable(const struct conf *c, const char *command)
{
    const char *const *env, *path = "/bin:/usr/bin";
    size_t n = conf_strings(c, "environment", &env);

    if (strchr(command, '/'))
        return access(command, X_OK) == 0;
    for (size_t i = 0; i < n; i++) {
        if (strncmp(env[i], "PATH=", 5) == 0)
            path = env[i] + 5;
    }
    while (*path) {
        size_t len = strcspn(path, ":");
        char full[INSTANCE_PATH_SIZE];

        snprintf(full, sizeof full, "%.*s/%s", (int)len, path, command);
        if (len > 0 && access(full, X_OK) == 0)
            return true;
        path += len + (path[len] == ':');
    }
    return false;
}

static int process_check(void *backend, const struct backend_call *call, struct str *out,
                         struct err *e)
{
    const struct process *p = backend;
    const char *dir = conf_string(p->options, "working_dir");
    struct limit_groups groups = {.n = 0};
    const char *const *command;
    char name[INSTANCE_GROUP_SIZE];
    int rc;

    conf_strings(p->options, "command", &command);
    if (dir[0] != '\0' && access(dir, X_OK) != 0)
        return err_set(e, ERR_CONFIG, "working_dir = \"%s\": %s", dir, strerror(errno));
    if (!strchr(command[0], '{') && command[0][0] != '.' &&
        !is_executable(p->options, command[0]))
        return err_set(e, ERR_CONFIG, "command = \"%s\": not found, or not executable",
                       command[0]);
    if (conf_string(p->options, "user")[0] == '\0' && geteuid() == 0)
        str_add(out, "instances run as root: set user = \"...\"\n");
    if (p->conf.probe == PROCESS_PROBE_NONE)
        str_add(out, "no probe: an instance counts as ready as soon as it runs\n");
    instance_group_name(p->dir, p->service, "check", name);
    rc = limit_prepare(&p->conf.limit, name, &groups, out, e);
    limit_remove(&groups);
    return rc == 0 ? balancing_check(&p->balancing, call->deadline_mono_ms, out, e) : -1;
}

const struct backend backend_process = {
    .name = "process",
    .summary = "instances are processes on this host, supervised by scaler",
    .about = balancing_about,
    .options = process_options,
    .lead_time_guess_ms = 10 * CLK_SECOND_MS,
    .check_options = process_conf_check,
    .open = process_open,
    .status = process_status,
    .scale = process_scale,
    .check = process_check,
    .tend = process_tend,
    .close = process_close,
};
