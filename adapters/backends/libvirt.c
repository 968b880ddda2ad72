/* libvirt.c - instances are virtual machines of a host with libvirt, domains made out of one
 * template: GROUP-0001, GROUP-0002, ..., the group being the service.
 *
 * libvirt has no group and no wanted count: what runs is what stands. All that must outlive
 * this process is in the domains' own metadata (libvirt_xml.h): whose they are, how far their
 * life has come, until when they drain. Each call is made aside (aside.h): libvirt knows no
 * deadlines. */
#include "adapters/backends/libvirt.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/backends/ports.h"
#include "base/clk.h"
#include "base/log.h"

#define BACKOFF_MOST_MS (5 * CLK_MINUTE_MS)
#define STOP_AGAIN_MS                                                                         \
    (5 * CLK_SECOND_MS)                    /* a guest that boots does not hear the first time \
                                            */
#define WARM_AGAIN_MS (30 * CLK_SECOND_MS) /* after a warm one could not be made */
#define SAVE_AGAIN_MS (30 * CLK_SECOND_MS)
#define LEFTOVER_MS \
    CLK_MINUTE_MS /* defined and never started: left by a call that was cut short */
#define MIB (INT64_C(1) << 20)

/* --- options ------------------------------------------------------------------------------ */

static int read_places(const struct conf *c, struct libvirt *b, struct err *e)
{
    const char *ports = conf_string(c, "ports");
    int last = 0;

    b->warm = (int)conf_int(c, "warm");
    b->most = (int)conf_int(c, "instances");
    b->places = 65535;
    if (!*ports)
        return 0;
    if (ports_parse(ports, &b->first_port, &last, e) != 0)
        return -1;
    b->places = last - b->first_port + 1;
    if (b->most > b->places - b->warm)
        b->most = b->places - b->warm;
    if (b->most < 1)
        return err_set(e, ERR_CONFIG, "ports = \"%s\": no place beside %d warm ones", ports,
                       b->warm);
    return 0;
}

static int read_options(const struct conf *c, struct libvirt *b, struct err *e)
{
    static const char *const kinds[] = {"none", "tcp", "http", "exec", "agent"};
    const char *kind = conf_string(c, "probe");

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kind, kinds[i]) == 0)
            b->probe = (enum libvirt_probe_kind)i;
    }
    if (read_places(c, b, e) != 0 || libvirt_probe_check(c, b->first_port > 0, e) != 0)
        return -1;
    if (b->warm > 0 && b->probe == LIBVIRT_PROBE_NONE)
        return err_set(e, ERR_CONFIG,
                       "warm = %d needs a probe: a domain is put aside once it is ready",
                       b->warm);
    if (!*conf_string(c, "volume") && (*conf_string(c, "disk") || conf_is_set(c, "pool")))
        return err_set(e, ERR_CONFIG, "%s needs volume, the base of the overlays",
                       *conf_string(c, "disk") ? "disk" : "pool");
    return 0;
}

static int libvirt_check_options(const struct conf *options, struct err *e)
{
    struct libvirt b = {0};

    return read_options(options, &b, e);
}

/* It becomes part of the names of domains and volumes. */
static int check_service(const char *service, struct err *e)
{
    for (const char *p = service; *p; p++) {
        if (!isalnum((unsigned char)*p) && (p == service || !strchr("_.-", *p)))
            return err_set(e, ERR_CONFIG,
                           "service \"%.60s\": the name of a domain has letters, digits, '_', "
                           "'.' and '-' alone",
                           service);
    }
    return 0;
}

/* --- open and close ----------------------------------------------------------------------- */

static void drop_all(void *user)
{
    struct libvirt *b = user;

    libvirt_list_clear(&b->list);
    libvirt_disconnect(&b->host);
    libvirt_disconnect(&b->saver_host);
    for (size_t i = 0; i < b->n_known; i++)
        probe_stop(&b->known[i].probe);
    free(b->known);
    str_clear(&b->report);
    conf_free(b->options);
    free(b);
}

static void drop_saver(void *user)
{
    struct libvirt *b = user;

    aside_end(b->saver, drop_all, b);
}

/* A call that libvirt has not come back from keeps what it needs until it does. */
static void libvirt_close(void *backend)
{
    struct libvirt *b = backend;

    if (b)
        aside_end(b->aside, drop_saver, b);
}

static int libvirt_open(void **out, const struct conf *options, const struct backend_call *call,
                        struct err *e)
{
    struct libvirt *b = calloc(1, sizeof *b);

    if (!b)
        return err_nomem(e);
    if (read_options(options, b, e) != 0 || check_service(call->service, e) != 0 ||
        conf_copy(&b->options, options, e) != 0 || aside_new(&b->aside, e) != 0 ||
        aside_new(&b->saver, e) != 0)
        goto fail;
    if (!str_copy(b->service, sizeof b->service, call->service)) {
        err_set(e, ERR_CONFIG, "service \"%.60s\": the name is too long", call->service);
        goto fail;
    }
    b->host.uri = b->saver_host.uri = conf_string(b->options, "uri");
    libvirt_prepare();
    *out = b;
    return 0;
fail:
    libvirt_close(b);
    return -1;
}

/* --- one call ----------------------------------------------------------------------------- */

struct job {
    struct libvirt *b;
    int (*work)(struct job *j, struct err *e);
    int64_t deadline_mono_ms;
    bool is_dry_run;
    int count;                    /* of scale */
    struct backend_status status; /* of status */
};

static int work(void *job, struct err *e)
{
    struct job *j = job;

    if (libvirt_connect(&j->b->host, e) != 0)
        return -1;
    return j->work(j, e);
}

static int run(struct libvirt *b, const struct backend_call *call, struct job *j,
               int (*what)(struct job *j, struct err *e), struct err *e)
{
    j->b = b;
    j->work = what;
    j->deadline_mono_ms = call->deadline_mono_ms;
    j->is_dry_run = call->is_dry_run;
    if (aside_run(b->aside, work, j, sizeof *j, call->deadline_mono_ms, e) == 0)
        return 0;
    return err_wrap(e, "libvirt");
}

/* Time is left for one more of what may take a second or two. */
static bool has_time(const struct job *j)
{
    return clk_mono_ms() < j->deadline_mono_ms;
}

/* Started and not draining: a paused one too, for it holds its place. */
static bool is_running(const struct libvirt_domain *d)
{
    bool is_on =
        d->state == LIBVIRT_RUNNING || d->state == LIBVIRT_PAUSED || d->state == LIBVIRT_FROZEN;

    return is_on && d->mark.role != LIBVIRT_WARM && d->mark.role != LIBVIRT_DRAIN;
}

static bool is_dead(const struct libvirt_domain *d)
{
    return d->state == LIBVIRT_OFF || d->state == LIBVIRT_CRASHED;
}

static int count_running(const struct libvirt *b)
{
    int n = 0;

    for (size_t i = 0; i < b->list.n; i++)
        n += is_running(&b->list.all[i]);
    return n;
}

static int list(struct libvirt *b, struct err *e)
{
    libvirt_list_clear(&b->list);
    return libvirt_list(&b->host, b->service, &b->list, e);
}

static int look(struct job *j, int64_t until_mono_ms, struct err *e)
{
    return list(j->b, e) != 0 ? -1 : libvirt_probe_all(j->b, j->is_dry_run, until_mono_ms, e);
}

/* --- status ------------------------------------------------------------------------------- */

static void write_note(const struct libvirt *b, char *out, size_t size)
{
    int64_t wait_ms = b->next_start_mono_ms - clk_mono_ms();
    int n_stuck = 0, n_saved = 0, n_warm = 0;

    for (size_t i = 0; i < b->list.n; i++) {
        const struct libvirt_domain *d = &b->list.all[i];
        bool is_warm = d->mark.role == LIBVIRT_WARM;

        n_stuck += is_running(d) && d->state != LIBVIRT_RUNNING;
        n_saved += d->state == LIBVIRT_SAVED && !is_warm && d->mark.role != LIBVIRT_DRAIN;
        n_warm += is_warm && (d->state == LIBVIRT_PAUSED || d->state == LIBVIRT_SAVED);
    }
    if (wait_ms > 0)
        snprintf(out, size, "%d ended by themselves: next start in %lld s", b->failures_in_row,
                 (long long)((wait_ms + 999) / 1000));
    else if (n_stuck > 0)
        snprintf(out, size, "%d are paused, by a person or by an I/O error", n_stuck);
    else if (n_saved > 0)
        snprintf(out, size, "%d were saved to disk by someone else", n_saved);
    else if (n_warm < b->warm)
        snprintf(out, size, "%d of %d warm ones are there", n_warm, b->warm);
}

static int work_status(struct job *j, struct err *e)
{
    struct libvirt *b = j->b;

    if (look(j, j->deadline_mono_ms - CLK_SECOND_MS / 10, e) != 0)
        return -1;
    j->status = (struct backend_status){.desired = -1,
                                        .running = count_running(b),
                                        .failed = b->failed,
                                        .least = -1,
                                        .most = b->most};
    for (size_t i = 0; i < b->list.n; i++) {
        const struct libvirt_domain *d = &b->list.all[i];
        bool is_going = d->mark.role == LIBVIRT_DRAIN || d->state == LIBVIRT_ENDING;

        j->status.ready += is_running(d) && d->is_ready;
        j->status.draining += is_going && !is_dead(d);
    }
    write_note(b, j->status.note, sizeof j->status.note);
    return 0;
}

static int libvirt_status(void *backend, const struct backend_call *call,
                          struct backend_status *out, struct err *e)
{
    struct job j = {0};

    if (run(backend, call, &j, work_status, e) != 0)
        return -1;
    *out = j.status;
    return 0;
}

/* --- starting ----------------------------------------------------------------------------- */

/* What a start needs to know of the host, read when the first one is due. */
struct stock {
    struct libvirt_template template;
    struct libvirt_base base;
    bool has_base;
    int room; /* domains that the host's memory still takes */
    int64_t host_bytes, used_bytes, most_bytes;
};

static int read_room(struct libvirt *b, struct stock *s, struct err *e)
{
    double share = conf_double(b->options, "host_memory");

    if (libvirt_memory(&b->host, &s->host_bytes, &s->used_bytes, e) != 0)
        return -1;
    s->most_bytes = (int64_t)((double)s->host_bytes * share);
    s->room = share > 0 ? 0 : b->places;
    if (share > 0 && s->most_bytes > s->used_bytes) {
        int64_t room = (s->most_bytes - s->used_bytes) / s->template.survey.memory_bytes;

        s->room = room < b->places ? (int)room : b->places;
    }
    return 0;
}

static int read_stock(struct libvirt *b, struct stock *s, struct err *e)
{
    const char *volume = conf_string(b->options, "volume");
    const char *pool = conf_string(b->options, "pool");

    *s = (struct stock){.has_base = *volume != '\0'};
    if (libvirt_template_read(&b->host, conf_string(b->options, "template"),
                              *volume ? conf_string(b->options, "disk") : NULL, &s->template,
                              e) != 0)
        return -1;
    if (s->template.is_active)
        return err_set(e, ERR_CONFIG,
                       "template %.80s runs: shut it down, it is there to be copied",
                       conf_string(b->options, "template"));
    if (s->has_base && libvirt_base_read(&b->host, pool, volume, &s->base, e) != 0)
        return -1;
    return read_room(b, s, e);
}

static void clear_stock(struct stock *s)
{
    libvirt_template_clear(&s->template);
}

/* The lowest; 0: none. */
static int free_number(const struct libvirt *b, int above)
{
    for (int number = above + 1; number <= b->places; number++) {
        bool is_taken = false;

        for (size_t i = 0; i < b->list.n_taken; i++)
            is_taken |= b->list.taken[i] == number;
        if (!is_taken)
            return number;
    }
    return 0;
}

static int make(struct libvirt *b, const struct stock *s, int number, enum libvirt_role role,
                struct err *e)
{
    struct libvirt_mark mark = {.number = number, .since_ms = clk_wall_ms()};
    struct libvirt_making m = {.template = &s->template,
                               .base = s->has_base ? &s->base : NULL,
                               .pool = conf_string(b->options, "pool"),
                               .port = libvirt_port(b, number),
                               .started = role};

    str_copy(mark.group, sizeof mark.group, b->service);
    return libvirt_make(&b->host, &m, &mark, e);
}

static int no_time(int done, int asked, struct err *e)
{
    return err_set(e, ERR_IO, "no time left: %d of %d started", done, asked);
}

/* One that boots to become warm serves as soon as one begun now, or sooner. */
static bool can_wake(const struct libvirt_domain *d)
{
    bool is_warm = d->mark.role == LIBVIRT_WARM;

    if (d->state == LIBVIRT_SAVED)
        return d->mark.role != LIBVIRT_DRAIN;
    return is_warm && (d->state == LIBVIRT_PAUSED || d->state == LIBVIRT_RUNNING);
}

/* Paused before saved before booting. */
static struct libvirt_domain *pick_wake(struct libvirt *b)
{
    static const enum libvirt_state order[] = {LIBVIRT_PAUSED, LIBVIRT_SAVED, LIBVIRT_RUNNING};

    for (size_t k = 0; k < sizeof order / sizeof order[0]; k++) {
        for (size_t i = 0; i < b->list.n; i++) {
            if (b->list.all[i].state == order[k] && can_wake(&b->list.all[i]))
                return &b->list.all[i];
        }
    }
    return NULL;
}

/* Woken before its mark says so: a cut in between leaves a warm one that runs, which is put
 * aside again. */
static int wake(struct libvirt *b, struct libvirt_domain *d, struct err *e)
{
    bool has_agent = strcmp(conf_string(b->options, "shutdown"), "acpi") != 0;
    struct libvirt_mark mark = d->mark;

    if (d->state != LIBVIRT_RUNNING && libvirt_wake(d, has_agent, e) != 0)
        return -1;
    mark.role = LIBVIRT_STARTED;
    mark.since_ms = clk_wall_ms();
    return libvirt_mark(d, &mark, e);
}

static int start_new(struct job *j, int missing, int asked, struct err *e)
{
    struct libvirt *b = j->b;
    struct stock s;
    int number = 0, rc = read_stock(b, &s, e);

    for (int room = s.room; missing > 0 && rc == 0; missing--, room--) {
        number = free_number(b, number);
        if (room == 0)
            rc = err_set(e, ERR_LIMIT,
                         "%d of %d started: the host's memory is full (%lld of %lld MiB, "
                         "host_memory = %g)",
                         asked - missing, asked, (long long)(s.used_bytes / MIB),
                         (long long)(s.host_bytes / MIB),
                         conf_double(b->options, "host_memory"));
        else if (number == 0)
            rc = err_set(e, ERR_BUSY, "%d of %d started: the other places still drain",
                         asked - missing, asked);
        else if (!has_time(j))
            rc = no_time(asked - missing, asked, e);
        else
            rc = make(b, &s, number, LIBVIRT_STARTED, e);
    }
    clear_stock(&s);
    return rc;
}

static int scale_out(struct job *j, int missing, struct err *e)
{
    struct libvirt *b = j->b;
    struct libvirt_domain *d;
    int asked = missing;

    if (clk_mono_ms() < b->next_start_mono_ms)
        return err_set(e, ERR_BUSY, "%d domains ended by themselves: waiting to start more",
                       b->failures_in_row);
    while (missing > 0 && (d = pick_wake(b)) != NULL) {
        if (!has_time(j))
            return no_time(asked - missing, asked, e);
        if (wake(b, d, e) != 0)
            return -1;
        missing--;
    }
    return missing > 0 ? start_new(j, missing, asked, e) : 0;
}

/* --- stopping ----------------------------------------------------------------------------- */

/* A guest that does not answer, or knows neither way, is destroyed in the end all the same. */
static void ask_to_stop(struct libvirt *b, struct libvirt_domain *d)
{
    struct libvirt_known *k = libvirt_known(b, d);
    bool is_first = !k || k->next_stop_mono_ms == 0;
    struct err e = {0};

    if (k && clk_mono_ms() < k->next_stop_mono_ms)
        return;
    if (k)
        k->next_stop_mono_ms = clk_mono_ms() + STOP_AGAIN_MS;
    if (libvirt_shut_down(d, conf_string(b->options, "shutdown"), &e) != 0 && is_first)
        log_warn(b->service, "shutdown: %s", e.msg);
}

static int drain(struct libvirt *b, struct libvirt_domain *d, struct err *e)
{
    int64_t drain_ms = conf_duration_ms(b->options, "drain");
    struct libvirt_mark mark = d->mark;

    mark.role = LIBVIRT_DRAIN;
    mark.stop_ms = clk_wall_ms() + drain_ms;
    mark.kill_ms = mark.stop_ms + conf_duration_ms(b->options, "grace");
    if (libvirt_mark(d, &mark, e) != 0)
        return -1;
    if (drain_ms == 0 && d->state == LIBVIRT_RUNNING)
        ask_to_stop(b, d);
    return 0;
}

/* Not ready before ready, then the newest: the oldest are the proven ones. */
static struct libvirt_domain *pick_victim(struct libvirt *b)
{
    struct libvirt_domain *best = NULL;

    for (size_t i = 0; i < b->list.n; i++) {
        struct libvirt_domain *d = &b->list.all[i];

        if (!is_running(d))
            continue;
        if (!best || d->is_ready < best->is_ready ||
            (d->is_ready == best->is_ready && d->mark.since_ms >= best->mark.since_ms))
            best = d;
    }
    return best;
}

static int scale_in(struct libvirt *b, int surplus, struct err *e)
{
    for (; surplus > 0; surplus--) {
        if (drain(b, pick_victim(b), e) != 0)
            return -1;
    }
    return 0;
}

static int work_scale(struct job *j, struct err *e)
{
    struct libvirt *b = j->b;
    int running;

    if (list(b, e) != 0)
        return -1;
    for (size_t i = 0; i < b->list.n; i++) { /* as of the last look */
        const struct libvirt_known *k = libvirt_known(b, &b->list.all[i]);

        b->list.all[i].is_ready = k && k->is_ready;
    }
    running = count_running(b);
    if (j->count > running)
        return scale_out(j, j->count - running, e);
    return scale_in(b, running - j->count, e);
}

static int libvirt_scale(void *backend, const struct backend_call *call, int count,
                         struct err *e)
{
    struct libvirt *b = backend;
    struct job j = {.count = count};

    if (count < 0 || count > b->most)
        return err_set(e, ERR_LIMIT, "%d instances asked: %s %d", count,
                       b->first_port > 0 ? "the ports hold" : "the option instances allows",
                       b->most);
    return run(b, call, &j, work_scale, e);
}

/* --- what ended, and what will not -------------------------------------------------------- */

/* The first is replaced at once; more without a start that lasts wait 1 s, 2 s, 4 s ... */
static void note_failure(struct libvirt *b, const struct libvirt_domain *d, const char *how)
{
    int64_t wait_ms = CLK_SECOND_MS;

    if (clk_wall_ms() - d->mark.since_ms > BACKOFF_MOST_MS)
        b->failures_in_row = 0; /* it had worked for long */
    for (int i = 1; i < b->failures_in_row && wait_ms < BACKOFF_MOST_MS; i++)
        wait_ms *= 2;
    if (b->failures_in_row++ > 0)
        b->next_start_mono_ms = clk_mono_ms() + wait_ms;
    b->failed++;
    log_warn(b->service, "domain %s %s", d->name, how);
}

static int replace(struct libvirt *b, struct libvirt_domain *d, const char *how, struct err *e)
{
    if (libvirt_remove(&b->host, d, e) != 0)
        return -1;
    note_failure(b, d, how);
    return 0;
}

static bool is_overdue(const struct libvirt *b, const struct libvirt_domain *d)
{
    return d->state == LIBVIRT_RUNNING && !d->is_ready &&
           clk_wall_ms() - d->mark.since_ms >= conf_duration_ms(b->options, "ready_within");
}

static int set_role(struct libvirt_domain *d, enum libvirt_role role, struct err *e)
{
    struct libvirt_mark mark = d->mark;

    mark.role = role;
    return libvirt_mark(d, &mark, e);
}

struct save_job {
    struct libvirt *b;
    char name[LIBVIRT_NAME_SIZE];
};

static int work_save(void *job, struct err *e)
{
    struct save_job *j = job;
    struct err why = {0};

    (void)e;
    if (libvirt_connect(&j->b->saver_host, &why) == 0 &&
        libvirt_save(&j->b->saver_host, j->b->service, j->name, &why) == 0)
        return 0;
    log_warn(j->b->service, "save of a warm domain: %s", why.msg);
    return -1;
}

/* A save takes as long as its memory takes to write: it is done beside the calls. */
static int put_aside(struct libvirt *b, struct libvirt_domain *d, struct err *e)
{
    struct save_job j = {.b = b};

    if (strcmp(conf_string(b->options, "warm_kind"), "paused") == 0)
        return libvirt_pause(d, e);
    if (clk_mono_ms() < b->next_save_mono_ms)
        return 0;
    str_copy(j.name, sizeof j.name, d->name);
    if (aside_try(b->saver, work_save, &j, sizeof j))
        b->next_save_mono_ms = clk_mono_ms() + SAVE_AGAIN_MS;
    return 0;
}

static int tend_warm(struct libvirt *b, struct libvirt_domain *d, struct err *e)
{
    if (is_dead(d))
        return replace(b, d, "ended by itself before it was warm", e);
    if (is_overdue(b, d) && !aside_is_busy(b->saver))
        return replace(b, d, "was not ready in time to become a warm one", e);
    return d->state == LIBVIRT_RUNNING && d->is_ready ? put_aside(b, d, e) : 0;
}

static int tend_drain(struct libvirt *b, struct libvirt_domain *d, struct err *e)
{
    if (is_dead(d) || d->state == LIBVIRT_SAVED || clk_wall_ms() >= d->mark.kill_ms)
        return libvirt_remove(&b->host, d, e);
    if (clk_wall_ms() >= d->mark.stop_ms && d->state == LIBVIRT_RUNNING)
        ask_to_stop(b, d);
    return 0;
}

static int tend_one(struct libvirt *b, struct libvirt_domain *d, struct err *e)
{
    switch (d->mark.role) {
    case LIBVIRT_NEW:
        if (!is_dead(d))
            return set_role(d, LIBVIRT_STARTED, e);
        return clk_wall_ms() - d->mark.since_ms >= LEFTOVER_MS ? libvirt_remove(&b->host, d, e)
                                                               : 0;
    case LIBVIRT_STARTED:
        if (is_dead(d))
            return replace(b, d, "ended by itself before it was ready", e);
        if (is_overdue(b, d))
            return replace(b, d, "was not ready in time", e);
        return d->is_ready ? set_role(d, LIBVIRT_SERVING, e) : 0;
    case LIBVIRT_SERVING:
        return is_dead(d) ? replace(b, d, "ended by itself", e) : 0;
    case LIBVIRT_WARM:
        return tend_warm(b, d, e);
    case LIBVIRT_DRAIN:
        return tend_drain(b, d, e);
    case LIBVIRT_ROLES:
        break;
    }
    return 0;
}

/* One more or one less a round, so that a round stays short; none while those that are to serve
 * still start: they need the host more. */
static int keep_warm(struct libvirt *b, struct err *e)
{
    struct libvirt_domain *last = NULL;
    int n = 0, number = free_number(b, 0), rc;
    bool is_starting = false;
    struct stock s;

    for (size_t i = 0; i < b->list.n; i++) {
        struct libvirt_domain *d = &b->list.all[i];

        is_starting |= is_running(d) && d->mark.role != LIBVIRT_SERVING;
        if (d->mark.role != LIBVIRT_WARM || is_dead(d))
            continue;
        last = d;
        n++;
    }
    if (n > b->warm && !aside_is_busy(b->saver))
        return libvirt_remove(&b->host, last, e);
    if (n >= b->warm || is_starting || number == 0 || clk_mono_ms() < b->next_start_mono_ms ||
        clk_mono_ms() < b->next_warm_mono_ms)
        return 0;
    rc = read_stock(b, &s, e);
    if (rc == 0 && s.room > 0)
        rc = make(b, &s, number, LIBVIRT_WARM, e);
    if (rc != 0 || s.room == 0)
        b->next_warm_mono_ms = clk_mono_ms() + WARM_AGAIN_MS;
    clear_stock(&s);
    return rc;
}

/* `status` follows within the same deadline: what is slow (a destroy takes a second or two) is
 * begun in the first part of the time alone; the rest waits for the next round. */
static int work_tend(struct job *j, struct err *e)
{
    struct libvirt *b = j->b;
    int64_t now = clk_mono_ms(), until = now + (j->deadline_mono_ms - now) * 2 / 5;
    struct err first = {0};

    if (look(j, until, e) != 0)
        return -1;
    for (size_t i = 0; i < b->list.n && clk_mono_ms() < until; i++) {
        struct err why = {0};

        if (tend_one(b, &b->list.all[i], &why) != 0 && first.code == ERR_NONE &&
            why.code != ERR_CONFLICT) /* gone, or another's work meanwhile */
            first = why;
    }
    if (first.code == ERR_NONE && clk_mono_ms() < until && keep_warm(b, &first) != 0)
        err_wrap(&first, "warm");
    return first.code == ERR_NONE ? 0 : err_set(e, first.code, "%s", first.msg);
}

static int libvirt_tend(void *backend, const struct backend_call *call, struct err *e)
{
    struct job j = {0};

    return call->is_dry_run ? 0 : run(backend, call, &j, work_tend, e);
}

/* --- check -------------------------------------------------------------------------------- */

static int work_check(struct job *j, struct err *e)
{
    struct libvirt *b = j->b;
    struct stock s;
    int rc;

    str_reset(&b->report);
    if (libvirt_check_write(&b->host, e) != 0)
        return -1;
    rc = read_stock(b, &s, e);
    if (rc == 0)
        rc = list(b, e);
    if (rc == 0) {
        int running = count_running(b);

        str_printf(&b->report, "%d domains of %s run on %s\n", running, b->service,
                   b->host.name);
        str_printf(&b->report,
                   "memory: %lld MiB each; the host has %lld MiB, of which its "
                   "domains have %lld\n",
                   (long long)(s.template.survey.memory_bytes / MIB),
                   (long long)(s.host_bytes / MIB), (long long)(s.used_bytes / MIB));
        if (s.room < b->most + b->warm - running)
            str_printf(&b->report, "room for %d more, not for the %d of instances%s\n", s.room,
                       b->most, b->warm > 0 ? " and the warm ones" : "");
        if (b->probe == LIBVIRT_PROBE_NONE)
            str_add(&b->report, "without a probe a domain counts as ready once it runs\n");
    }
    clear_stock(&s);
    return rc == 0 && b->report.failed ? err_nomem(e) : rc;
}

static int libvirt_check(void *backend, const struct backend_call *call, struct str *out,
                         struct err *e)
{
    struct libvirt *b = backend;
    struct job j = {0};

    if (run(b, call, &j, work_check, e) != 0)
        return -1;
    return str_add(out, str_text(&b->report)) == 0 ? 0 : err_nomem(e);
}

static const struct conf_option options[] = {
    {"uri", CONF_STRING, "qemu:///system", 1, 400, "URI",
     "Which libvirt, as virsh has it: \"qemu:///system\", \"qemu+ssh://root@host/system\", "
     "\"qemu+tls://host/system\". Nobody is there to type a password."},
    {"template", CONF_STRING, NULL, 1, 400, "FILE|NAME",
     "Domain XML that instances are made of: a file, \"/etc/scaler/web.xml\", or a defined "
     "domain "
     "that is never started itself. {name}, {id}, {number}, {group}, {uuid} and {port} in it "
     "are "
     "filled in."},
    {"volume", CONF_STRING, "", 0, 200, "NAME",
     "Volume that stays as it is under all instances: each gets a qcow2 overlay over it, made "
     "and deleted with the instance."},
    {"pool", CONF_STRING, "default", 1, 63, "NAME",
     "Storage pool (dir, fs, netfs) of that volume and of the overlays."},
    {"disk", CONF_STRING, "", 0, 31, "TARGET",
     "Disk of the template that becomes the overlay, by its target, \"vda\"; unset: the first "
     "hard disk."},
    {"instances", CONF_INT, "64", 1, 4096, "instances",
     "Most domains of a service, beside the warm ones."},
    {"ports", CONF_STRING, "", 0, 64, "",
     "Ports \"8001-8064\", for guests behind one address: the first is number 1's; {port} in "
     "the "
     "template, and what is probed."},
    {"address", CONF_STRING, "lease", 1, 63, "",
     "Where an instance is probed: its \"lease\" of a libvirt network, as its guest \"agent\" "
     "says, as the host's \"arp\" table says, or a numeric address, \"10.0.0.{number}\"."},
    {"probe", CONF_ENUM, "none", 0, 0, "none|tcp|http|exec|agent",
     "What makes a running domain ready: a connection, an HTTP status below 400, a command's "
     "exit 0, an answer of its guest agent, or nothing."},
    {"probe_port", CONF_INT, "80", 1, 65535, "",
     "Port that is probed, where there are no ports."},
    {"probe_path", CONF_STRING, "/", 1, 400, "", "Path that an http probe gets."},
    {"probe_command", CONF_STRINGS, "", 0, 64, "",
     "Command of an exec probe; {address}, {name}, {id}, {number}, {group} and {port} are "
     "filled "
     "in."},
    {"probe_interval", CONF_DURATION, "1s", 0.01, 3600, "s",
     "Time from one probe to the next."},
    {"probe_timeout", CONF_DURATION, "1s", 0.05, 60, "s", "A probe without answer fails then."},
    {"probe_failures", CONF_INT, "3", 1, 1000, "probes",
     "A ready instance is no longer ready after so many failed probes in a row."},
    {"ready_within", CONF_DURATION, "10m", 1, 86400, "s",
     "A domain that was not ready by then is replaced."},
    {"warm", CONF_INT, "0", 0, 256, "domains",
     "Domains kept booted, ready and put aside, so that a scale-out resumes them; needs a "
     "probe."},
    {"warm_kind", CONF_ENUM, "paused", 0, 0, "paused|saved",
     "How they are put aside: paused keeps their memory; saved writes it to disk (managed "
     "save) "
     "and takes longer to come back."},
    {"drain", CONF_DURATION, "0s", 0, 86400, "s",
     "Time from the decision that an instance goes until it is asked to shut down."},
    {"shutdown", CONF_ENUM, "auto", 0, 0, "auto|agent|acpi",
     "How it is asked: by its guest agent, by the ACPI power button, or as the hypervisor "
     "finds "
     "best. The agent also sets the clock of one that was warm."},
    {"grace", CONF_DURATION, "60s", 1, 86400, "s",
     "Time from that until it is destroyed. It is asked every 5 s."},
    {"host_memory", CONF_DOUBLE, "0.9", 0, 100, "",
     "Share of the host's memory that all its domains together may have; beyond it nothing is "
     "started. 0: not looked at; above 1: more is promised than there is."},
    CONF_END,
};

static const char about[] =
    "A domain is scaler's when its name is SERVICE-NUMBER and its metadata holds the element\n"
    "instance of the namespace " LIBVIRT_MARK_URI ", with the service in it; no other\n"
    "is ever touched. The element also says how far the domain's life has come, so that "
    "nothing\n"
    "is lost when scaler restarts. The count is the domains that were started and do not "
    "drain.\n"
    "One that ends by itself, crashes or is not ready in time is removed, with its overlay,\n"
    "nvram and managed save, and replaced; repeated ends wait longer each time. Each number "
    "has\n"
    "its own MAC addresses, so that the leases of a network do not run out.\n"
    "\n"
    "A warm domain was booted until its probe succeeded and then put aside: it must not mind\n"
    "that time has passed meanwhile. It keeps its lease only while it is longer than that.\n"
    "\n"
    "libvirt knows no deadlines. A call that is late fails, and the next one waits until "
    "libvirt\n"
    "has come back from it; a silent connection ends after some 20 s.\n"
    "\n"
    "The least right is that of the group libvirt (on the socket), which is as good as root "
    "on\n"
    "that host. With access_drivers = [\"polkit\"] in libvirtd.conf, the actions\n"
    "org.libvirt.api.connect.getattr, read, search-domains, search-storage-pools and write;\n"
    "domain.getattr, read, read-secure (a template that is a domain), write, save, delete,\n"
    "start, stop, init-control, suspend, hibernate and set-time; storage-pool.getattr and\n"
    "search-storage-vols; storage-vol.getattr, read, create, delete. Those of domain can be "
    "bound to names:\n"
    "\n"
    "  polkit.addRule(function(action, subject) {\n"
    "    var name = action.lookup(\"domain_name\");\n"
    "    if (/^org\\.libvirt\\.api\\.domain\\./.test(action.id) &&\n"
    "        subject.user == \"scaler\" && name && /^web-[0-9]{4}$/.test(name))\n"
    "      return polkit.Result.YES;\n"
    "  });\n";

const struct backend backend_libvirt = {
    .name = "libvirt",
    .summary = "instances are virtual machines of a host with libvirt, SERVICE-0001, "
               "SERVICE-0002, ..., made from a template",
    .about = about,
    .options = options,
    .lead_time_guess_ms = CLK_MINUTE_MS,
    .check_options = libvirt_check_options,
    .open = libvirt_open,
    .status = libvirt_status,
    .scale = libvirt_scale,
    .check = libvirt_check,
    .tend = libvirt_tend,
    .close = libvirt_close,
};
