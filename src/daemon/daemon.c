/* daemon.c - see daemon.h. */
#include "daemon/daemon.h"

#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "act/hold.h"
#include "api/server.h"
#include "base/clk.h"
#include "base/file.h"
#include "base/log.h"
#include "daemon/pool.h"
#include "daemon/scheduler.h"
#include "daemon/state.h"
#include "service/config.h"

/* A call of libcurl with TLS and a name look-up needs about a tenth of it. */
#define IO_STACK_BYTES ((size_t)512 * 1024)
#define FLUSH_MS INT64_C(1000)
/* The status file of many services is large: it is written less often once all have decided. */
#define STATUS_MANY_MS INT64_C(10000)
#define MANY_SERVICES 1000
/* `scaler status` looks whether the lock is held: a moment's look must not end a start. */
#define LOCK_TRIES 5
/* Each thread that allocates gets an arena of its own by default: with 64 threads that mostly
 * wait, memory would be scattered over as many. */
#define MOST_ARENAS 2
#define LOCK_WAIT_US 100000

struct daemon {
    const struct daemon_options *options;
    char state_dir[PATH_MAX];
    int lock;
    uv_loop_t loop;
    uv_signal_t on_hup, on_term, on_int;
    uv_timer_t flush, end;
    bool has_handles;
    struct pool *compute, *io;
    struct state *state;
    struct scheduler *scheduler;
    struct server *server;
    char listen[256];
    struct daemon_status status;
    int64_t status_mono_ms;  /* the next one is written */
    struct conf_faults told; /* of the configuration read last */
    bool is_loading, must_load_again, is_told_ready, is_stopping;
};

/* ---- what is shown ---- */

static const struct daemon_status *current_status(void *user)
{
    struct daemon *d = user;
    struct pool_stats io = pool_stats(d->io), compute = pool_stats(d->compute);

    d->status.written_ms = clk_wall_ms();
    d->status.n = scheduler_status(d->scheduler, &d->status.services);
    d->status.worst_late_ms = scheduler_worst_late_ms(d->scheduler);
    d->status.io_threads = io.threads;
    d->status.io_queued = io.queued;
    d->status.compute_queued = compute.queued;
    str_copy(d->status.store, sizeof d->status.store, state_error(d->state));
    return &d->status;
}

static bool is_ready(void *user, char *why, size_t size)
{
    struct daemon *d = user;

    return scheduler_is_ready(d->scheduler, why, size);
}

static void on_flush(uv_timer_t *timer)
{
    struct daemon *d = timer->data;
    const struct daemon_status *status = current_status(d);
    char why[256];

    state_flush(d->state, clk_wall_ms());
    if (!d->is_told_ready || clk_mono_ms() >= d->status_mono_ms) {
        state_write_status(d->state, status);
        d->status_mono_ms = clk_mono_ms() + (status->n > MANY_SERVICES ? STATUS_MANY_MS : 0);
    }
    uv_timer_start(timer, on_flush, FLUSH_MS, 0);
    if (!d->is_told_ready && is_ready(d, why, sizeof why)) {
        d->is_told_ready = true;
        log_info("daemon", "every service has decided");
    }
}

/* ---- configuration ---- */

/* Warnings that the last reading had, too, are not told again. Takes faults over. */
static void log_faults(struct daemon *d, struct conf_faults *faults)
{
    for (size_t i = 0; i < faults->n; i++) {
        if (!faults->items[i].is_warning)
            log_error("config", "%s", faults->items[i].text);
        else if (!conf_faults_has(&d->told, &faults->items[i]))
            log_warn("config", "%s", faults->items[i].text);
    }
    conf_faults_clear(&d->told);
    d->told = *faults;
    *faults = (struct conf_faults){0};
}

/* At the start: faults go to whoever asked for them. */
static int load_first(struct daemon *d, struct config **out, struct err *e)
{
    const struct daemon_options *o = d->options;
    struct conf_faults faults = {0};
    int rc = config_load(out, o->config_path, &faults, e);

    if (o->on_faults) {
        o->on_faults(&faults, o->user);
        d->told = faults;
    } else {
        log_faults(d, &faults);
    }
    return rc;
}

struct load_job {
    struct pool_job pool;
    struct daemon *daemon;
    struct config *config;
    struct conf_faults faults;
};

static void start_reload(struct daemon *d);

static void load_work(struct pool_job *pj)
{
    struct load_job *job = (struct load_job *)pj;
    const char *path = job->daemon->options->config_path;

    if (config_load(&job->config, path, &job->faults, &pj->err) != 0)
        job->config = NULL;
}

/* What only a restart can change is kept, and said. */
static void warn_of_fixed(const struct daemon *d, const struct config *c)
{
    if (c->listen && strcmp(c->listen, d->listen) != 0)
        log_warn("daemon", "api.listen is read at the start only: restart to listen on \"%s\"",
                 c->listen);
}

static void load_done(struct pool_job *pj)
{
    struct load_job *job = (struct load_job *)pj;
    struct daemon *d = job->daemon;
    enum log_level level = LOG_LEVEL_INFO;
    struct err e = pj->err;
    size_t n_faults = job->faults.n_errors;
    int rc = -1;

    d->is_loading = false;
    log_faults(d, &job->faults);
    if (job->config && d->is_stopping) {
        config_free(job->config);
    } else if (job->config) {
        level = job->config->log_level;
        warn_of_fixed(d, job->config);
        rc = scheduler_apply(d->scheduler, job->config, &e);
    }
    if (rc == 0) {
        d->status.config[0] = '\0';
        log_set_level(level);
        log_info("daemon", "configuration read again");
    } else if (!d->is_stopping) {
        str_copy(d->status.config, sizeof d->status.config, e.msg);
        if (n_faults > 0)
            log_error("daemon", "reload refused, the running configuration stays");
        else
            log_error("daemon", "reload refused, the running configuration stays: %s", e.msg);
    }
    free(job);
    if (d->must_load_again && !d->is_stopping)
        start_reload(d);
}

static void start_reload(struct daemon *d)
{
    struct load_job *job = NULL;

    d->must_load_again = d->is_loading;
    if (d->is_loading || !(job = calloc(1, sizeof *job)))
        return;
    d->is_loading = true;
    job->pool.work = load_work;
    job->pool.done = load_done;
    job->daemon = d;
    pool_submit(d->io, &job->pool);
}

/* ---- signals ---- */

static void on_reload_signal(uv_signal_t *handle, int number)
{
    (void)number;
    start_reload(handle->data);
}

static void stop(struct daemon *d)
{
    if (d->is_stopping)
        return;
    d->is_stopping = true;
    scheduler_stop(d->scheduler);
    uv_timer_stop(&d->flush);
    uv_stop(&d->loop);
}

static void on_stop_signal(uv_signal_t *handle, int number)
{
    log_info("daemon", "%s: stopping; instances keep running",
             number == SIGTERM ? "SIGTERM" : "SIGINT");
    stop(handle->data);
}

static void on_end(uv_timer_t *timer)
{
    stop(timer->data);
}

static void start_handles(struct daemon *d)
{
    uv_signal_init(&d->loop, &d->on_hup);
    uv_signal_init(&d->loop, &d->on_term);
    uv_signal_init(&d->loop, &d->on_int);
    uv_timer_init(&d->loop, &d->flush);
    uv_timer_init(&d->loop, &d->end);
    d->on_hup.data = d->on_term.data = d->on_int.data = d->flush.data = d->end.data = d;
    d->has_handles = true;
    uv_signal_start(&d->on_hup, on_reload_signal, SIGHUP);
    uv_signal_start(&d->on_term, on_stop_signal, SIGTERM);
    uv_signal_start(&d->on_int, on_stop_signal, SIGINT);
    uv_timer_start(&d->flush, on_flush, 0, 0);
    if (d->options->for_ms > 0)
        uv_timer_start(&d->end, on_end, (uint64_t)d->options->for_ms, 0);
}

static void close_handles(struct daemon *d)
{
    if (!d->has_handles)
        return;
    uv_close((uv_handle_t *)&d->on_hup, NULL);
    uv_close((uv_handle_t *)&d->on_term, NULL);
    uv_close((uv_handle_t *)&d->on_int, NULL);
    uv_close((uv_handle_t *)&d->flush, NULL);
    uv_close((uv_handle_t *)&d->end, NULL);
}

/* ---- beginning and end ---- */

static int take_lock(struct daemon *d, struct err *e)
{
    for (int i = 0;; i++) {
        if (file_make_dirs(d->state_dir, e) != 0)
            return err_wrap(e, "state directory");
        if (store_lock(d->state_dir, &d->lock, e) == 0)
            return 0;
        if (e->code != ERR_BUSY || i == LOCK_TRIES)
            return -1;
        usleep(LOCK_WAIT_US);
    }
}

static void note_start(const struct daemon *d)
{
    bool is_held = false;
    struct err e = {0};

    if (hold_note_start(d->state_dir, clk_wall_ms(), &is_held, &e) != 0)
        log_warn("daemon", "this start is not noted: %s", e.msg);
    if (is_held)
        log_warn("daemon",
                 "more than %d starts in %d minutes: no scale-in until `scaler resume --all`",
                 HOLD_MOST_STARTS, (int)(HOLD_STARTS_MS / CLK_MINUTE_MS));
}

/* A daemon without its API would look down to whoever watches it, or worse, like the one that
 * has the address: so it does not start, and says what to write where. */
static int listen_failed(const struct daemon *d, const struct config *c, struct err *e)
{
    if (c->listen_line > 0)
        return err_wrap(e, "%s:%u: api.listen", c->listen_file, c->listen_line);
    return err_wrap(e, "%s: api.listen (not set: the default)", d->options->config_path);
}

static int start_api(struct daemon *d, const struct config *c, struct err *e)
{
    const struct api_view view = {current_status, is_ready, d};

    if (!c->listen || c->listen[0] == '\0')
        return 0;
    if (server_open(&d->server, &d->loop, c->listen, c->hosts, c->n_hosts, &view, e) != 0)
        return listen_failed(d, c, e);
    str_copy(d->listen, sizeof d->listen, c->listen);
    if (strcmp(c->listen + strlen(c->listen) - 2, ":0") == 0)
        snprintf(d->listen + strlen(d->listen) - 1, 8, "%d", server_port(d->server));
    return 0;
}

static int start(struct daemon *d, struct err *e)
{
    struct config *c = NULL;
    int services;

    if (load_first(d, &c, e) != 0)
        return -1;
    if (config_state_dir(d->options->state_dir, c->state_dir, d->state_dir, sizeof d->state_dir,
                         e) != 0 ||
        take_lock(d, e) != 0 ||
        pool_new(&d->io, &d->loop, POOL_IO_THREADS, IO_STACK_BYTES, e) != 0 ||
        pool_new(&d->compute, &d->loop, uv_available_parallelism(), 0, e) != 0 ||
        state_new(&d->state, d->state_dir, d->io, e) != 0 ||
        scheduler_new(&d->scheduler, &d->loop, d->compute, d->io, d->state, d->state_dir,
                      d->options->is_dry_run, e) != 0 ||
        start_api(d, c, e) != 0) {
        config_free(c);
        return -1;
    }
    log_set_level(c->log_level);
    services = (int)c->n_services;
    d->status.started_ms = clk_wall_ms();
    d->status.pid = (int)getpid();
    d->status.is_dry_run = d->options->is_dry_run;
    if (!d->options->is_dry_run)
        note_start(d);
    if (scheduler_apply(d->scheduler, c, e) != 0) /* takes c */
        return -1;
    start_handles(d);
    if (d->options->on_ready)
        d->options->on_ready(d->state_dir, d->listen, services, d->options->user);
    return 0;
}

/* In an order in which nobody is called after his end: jobs come home first, then what they
 * belong to goes, the store's last batch is written, and the loop sees all handles off. */
static void end(struct daemon *d)
{
    d->is_stopping = true;
    if (d->scheduler)
        scheduler_stop(d->scheduler);
    server_close(d->server);
    close_handles(d);
    pool_free(d->compute);
    pool_free(d->io);
    scheduler_free(d->scheduler);
    state_free(d->state);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    uv_loop_close(&d->loop);
    if (d->lock >= 0)
        close(d->lock);
}

int daemon_run(const struct daemon_options *options, struct err *e)
{
    struct daemon *d = calloc(1, sizeof *d);
    int rc;

    if (!d)
        return err_nomem(e);
    mallopt(M_ARENA_MAX, MOST_ARENAS);
    signal(SIGXFSZ, SIG_IGN); /* a file-size limit is an error of write, not our end */
    d->options = options;
    d->lock = -1;
    if (uv_loop_init(&d->loop) != 0) {
        free(d);
        return err_set(e, ERR_IO, "the system gives no event loop");
    }
    rc = start(d, e);
    if (rc == 0)
        uv_run(&d->loop, UV_RUN_DEFAULT);
    end(d);
    conf_faults_clear(&d->told);
    free(d);
    return rc;
}
