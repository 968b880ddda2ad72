/* systemd.c - instances are units of one template, "web@8001.service".
 *
 * systemd is the supervisor: it restarts, kills and limits as the unit says. Here is only how
 * many of them are started. The count is what runs, whoever started it; nothing is kept here
 * and nothing is enabled. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "act/backend.h"
#include "act/probe.h"
#include "act/seen.h"
#include "adapters/backends/ports.h"
#include "adapters/backends/systemd_bus.h"
#include "adapters/balancers/balancer.h"
#include "base/clk.h"
#include "base/log.h"

#define MIB (INT64_C(1) << 20)
#define USEC_A_CORE 1e6
/* Rounds with a failed probe until a unit is taken from the balancer. */
#define PROBE_FAILURES 3
enum { NAME_SIZE = 300, PATH_SIZE = 700 };

/* What one place (a port, or a number from 1) holds. */
enum unit_state { UNIT_FREE, UNIT_FAILED, UNIT_STARTING, UNIT_ACTIVE, UNIT_STOPPING };

struct place {
    enum unit_state state;
    bool is_ready;
    int failed_probes; /* rounds in a row */
    struct probe probe;
    struct balancer_member member;
};

struct systemd {
    char bus[200];
    char prefix[200]; /* "web@" */
    int first, most;
    bool has_ports, is_probed;
    char probe_host[64], probe_path[401]; /* path "": a bare connection */
    int64_t probe_timeout_ms;
    struct systemd_limits limits;
    struct place *places; /* most; as of the last look */
    int n_outside;        /* of the template, but not of the ports or numbers */
    struct seen seen;
    struct balancing balancing;
    char failed_path[PATH_SIZE]; /* of a failed unit; "" none */
    bool has_base;               /* failed units are counted from `base` on */
    int base, n_reset;
};

/* --- options ----------------------------------------------------------------------------- */

/* "web@{port}.service": what stands before the braces. */
static int read_template(const struct conf *c, struct systemd *b, struct err *e)
{
    const char *unit = conf_string(c, "unit"), *id = b->has_ports ? "{port}" : "{id}";
    const char *at = strchr(unit, '@');
    char end[32];

    snprintf(end, sizeof end, "%s.service", id);
    if (!at || at == unit || strcmp(at + 1, end) != 0 || strpbrk(unit, "/*?[] \t"))
        return err_set(e, ERR_CONFIG, "unit = \"%.80s\": write \"web@%s\"%s", unit, end,
                       b->has_ports ? "" : ", or set ports");
    snprintf(b->prefix, sizeof b->prefix, "%.*s", (int)(at + 1 - unit), unit);
    return 0;
}

static int read_probe(const struct conf *c, struct systemd *b, struct err *e)
{
    const char *kind = conf_string(c, "probe"), *path = conf_string(c, "probe_path");

    b->is_probed = strcmp(kind, "none") != 0;
    b->probe_timeout_ms = conf_duration_ms(c, "probe_timeout");
    str_copy(b->probe_host, sizeof b->probe_host, conf_string(c, "probe_host"));
    if (b->is_probed && !b->has_ports)
        return err_set(e, ERR_CONFIG, "probe = \"%s\" needs ports = \"8001-8064\"", kind);
    if (path[0] != '/' || strpbrk(path, " \t\r\n"))
        return err_set(e, ERR_CONFIG, "probe_path = \"%.80s\": begins with a slash, no blanks",
                       path);
    if (strcmp(kind, "http") == 0)
        str_copy(b->probe_path, sizeof b->probe_path, path);
    return 0;
}

static int64_t or_none(int64_t value)
{
    return value > 0 ? value : -1;
}

static int read_options(const struct conf *c, struct systemd *b, struct err *e)
{
    const char *ports = conf_string(c, "ports"), *bus = conf_string(c, "bus");
    int last;

    b->has_ports = ports[0] != '\0';
    b->first = 1;
    last = (int)conf_int(c, "instances");
    if (b->has_ports && ports_parse(ports, &b->first, &last, e) != 0)
        return -1;
    b->most = last - b->first + 1;
    if (strcmp(bus, "system") != 0 && strcmp(bus, "user") != 0 &&
        strncmp(bus, "unix:", strlen("unix:")) != 0)
        return err_set(e, ERR_CONFIG,
                       "bus = \"%.80s\": write \"system\", \"user\" or \"unix:path=...\"", bus);
    str_copy(b->bus, sizeof b->bus, bus);
    b->limits = (struct systemd_limits){or_none(conf_int(c, "memory_mb") * MIB),
                                        or_none((int64_t)(conf_double(c, "cpu") * USEC_A_CORE)),
                                        or_none(conf_int(c, "processes"))};
    return read_template(c, b, e) != 0 || read_probe(c, b, e) != 0 ||
                   balancing_check_options(c, b->has_ports, e) != 0
               ? -1
               : 0;
}

static int systemd_check_options(const struct conf *options, struct err *e)
{
    struct systemd b = {0};

    return read_options(options, &b, e);
}

static void systemd_close(void *backend)
{
    struct systemd *b = backend;

    if (!b)
        return;
    balancing_close(&b->balancing);
    free(b->places);
    free(b);
}

static int systemd_open(void **out, const struct conf *options, const struct backend_call *call,
                        struct err *e)
{
    struct systemd *b = calloc(1, sizeof *b);

    if (!b)
        return err_nomem(e);
    if (read_options(options, b, e) != 0 ||
        balancing_open(&b->balancing, options, call->service, e) != 0) {
        systemd_close(b);
        return -1;
    }
    b->places = calloc((size_t)b->most, sizeof *b->places);
    if (!b->places) {
        systemd_close(b);
        return err_nomem(e);
    }
    *out = b;
    return 0;
}

/* --- looking ----------------------------------------------------------------------------- */

static void unit_name(const struct systemd *b, int place, char *out)
{
    snprintf(out, NAME_SIZE, "%s%d.service", b->prefix, b->first + place);
}

/* -1: none of ours. */
static int place_of(const struct systemd *b, const char *name)
{
    size_t n = strlen(b->prefix);
    const char *dot = strrchr(name, '.');
    int64_t id;

    if (strncmp(name, b->prefix, n) != 0 || !dot || dot <= name + n || name[n] == '0' ||
        !str_to_int64(name + n, (size_t)(dot - name) - n, &id) || id < b->first ||
        id - b->first >= b->most)
        return -1;
    return (int)(id - b->first);
}

/* A job that waits is what will be. */
static enum unit_state state_of(const struct systemd_unit *u)
{
    bool is_active = strcmp(u->active, "active") == 0 || strcmp(u->active, "reloading") == 0;

    if (strcmp(u->active, "deactivating") == 0)
        return UNIT_STOPPING;
    if (strcmp(u->job, "stop") == 0 && (is_active || strcmp(u->active, "activating") == 0))
        return UNIT_STOPPING;
    if (is_active)
        return UNIT_ACTIVE;
    if (strcmp(u->active, "activating") == 0 || strcmp(u->job, "start") == 0)
        return UNIT_STARTING;
    return strcmp(u->active, "failed") == 0 ? UNIT_FAILED : UNIT_FREE;
}

static void take_unit(void *user, const struct systemd_unit *u)
{
    struct systemd *b = user;
    int place = place_of(b, u->name);
    enum unit_state state = state_of(u);

    if (place < 0) {
        b->n_outside += state == UNIT_STARTING || state == UNIT_ACTIVE;
        return;
    }
    b->places[place].state = state;
    b->places[place].is_ready = state == UNIT_ACTIVE && !b->is_probed;
    if (state == UNIT_FAILED)
        str_copy(b->failed_path, sizeof b->failed_path, u->path);
}

static void start_probes(struct systemd *b, int64_t until_mono_ms)
{
    for (int i = 0; i < b->most; i++) {
        struct place *p = &b->places[i];

        p->probe = (struct probe){.fd = -1};
        if (p->state == UNIT_ACTIVE)
            probe_start_tcp(&p->probe, b->probe_host, b->first + i,
                            b->probe_path[0] ? b->probe_path : NULL, until_mono_ms);
    }
}

/* All are asked at once; who has not answered by then is not ready. */
static int ask_probes(struct systemd *b, int64_t deadline_mono_ms, struct err *e)
{
    struct pollfd *fds = calloc((size_t)b->most, sizeof *fds);
    int64_t now = clk_mono_ms(), until = now + b->probe_timeout_ms;

    if (!fds)
        return err_nomem(e);
    if (until > deadline_mono_ms)
        until = deadline_mono_ms;
    start_probes(b, until);
    for (;;) {
        nfds_t n = 0;

        now = clk_mono_ms();
        for (int i = 0; i < b->most; i++) {
            enum probe_result result = probe_step(&b->places[i].probe, now);

            b->places[i].is_ready = result == PROBE_YES;
            if (result == PROBE_PENDING)
                fds[n++] = probe_pollfd(&b->places[i].probe);
        }
        if (n == 0 || now >= until)
            break;
        poll(fds, n, (int)(until - now));
    }
    for (int i = 0; i < b->most; i++)
        probe_stop(&b->places[i].probe);
    free(fds);
    return 0;
}

static int look(struct systemd *b, struct systemd_bus *bus, int64_t deadline_mono_ms,
                struct err *e)
{
    char pattern[NAME_SIZE];

    for (int i = 0; i < b->most; i++) {
        b->places[i].state = UNIT_FREE;
        b->places[i].is_ready = false;
    }
    b->n_outside = 0;
    b->failed_path[0] = '\0';
    snprintf(pattern, sizeof pattern, "%s*.service", b->prefix);
    if (systemd_bus_list(bus, pattern, take_unit, b, e) != 0)
        return -1;
    return b->is_probed ? ask_probes(b, deadline_mono_ms, e) : 0;
}

static int count_in(const struct systemd *b, enum unit_state state)
{
    int n = 0;

    for (int i = 0; i < b->most; i++)
        n += b->places[i].state == state;
    return n;
}

static bool is_up(const struct place *p)
{
    return p->state == UNIT_STARTING || p->state == UNIT_ACTIVE;
}

static bool is_running(const struct place *p)
{
    return is_up(p) && !balancing_is_leaving(&p->member);
}

static int count_running(const struct systemd *b)
{
    int n = 0;

    for (int i = 0; i < b->most; i++)
        n += is_running(&b->places[i]);
    return n;
}

/* --- status ------------------------------------------------------------------------------ */

/* Units that had failed before are not ours; those that we reset still count. */
static int failed_since_open(struct systemd *b)
{
    int failed = b->n_reset + count_in(b, UNIT_FAILED);

    if (!b->has_base || failed < b->base) /* someone else reset them */
        b->base = failed;
    b->has_base = true;
    return failed - b->base;
}

static void write_note(const struct systemd *b, struct systemd_bus *bus, char *out, size_t size)
{
    char result[40] = "";
    struct err ignored = {0};

    if (balancing_note(&b->balancing, out, size))
        return;
    if (b->failed_path[0] && systemd_bus_property(bus, b->failed_path, "Result", result,
                                                  sizeof result, &ignored) == 0)
        snprintf(out, size, "%d failed units, one by %s%s", count_in(b, UNIT_FAILED), result,
                 strcmp(result, "start-limit-hit") == 0
                     ? ": started too often (StartLimitBurst of the unit)"
                     : "");
    else if (b->n_outside > 0)
        snprintf(out, size, "%d units run outside of the ports or instances configured",
                 b->n_outside);
}

static int systemd_status(void *backend, const struct backend_call *call,
                          struct backend_status *out, struct err *e)
{
    struct systemd *b = backend;
    struct systemd_bus *bus = NULL;

    if (systemd_bus_open(&bus, b->bus, call->deadline_mono_ms, e) != 0)
        return -1;
    if (look(b, bus, call->deadline_mono_ms, e) != 0) {
        systemd_bus_close(bus);
        return -1;
    }
    *out = (struct backend_status){.desired = -1,
                                   .running = count_running(b),
                                   .draining = count_in(b, UNIT_STOPPING),
                                   .failed = failed_since_open(b),
                                   .least = -1,
                                   .most = b->most};
    for (int i = 0; i < b->most; i++) {
        const struct place *p = &b->places[i];

        out->draining += is_up(p) && !is_running(p);
        out->ready += is_running(p) && p->is_ready &&
                      (call->is_dry_run || balancing_counts(&b->balancing, &p->member));
    }
    out->is_changing = out->ready != out->running || out->draining > 0;
    write_note(b, bus, out->note, sizeof out->note);
    systemd_bus_close(bus);
    seen_note(&b->seen, out->running);
    return 0;
}

/* --- scale ------------------------------------------------------------------------------- */

/* The lowest free one; those that failed come last. -1: none. */
static int pick_start(const struct systemd *b)
{
    int failed = -1;

    for (int i = 0; i < b->most; i++) {
        if (b->places[i].state == UNIT_FREE)
            return i;
        if (b->places[i].state == UNIT_FAILED && failed < 0)
            failed = i;
    }
    return failed;
}

/* Not ready before ready, then the highest. */
static int pick_stop(const struct systemd *b)
{
    int best = -1;

    for (int i = 0; i < b->most; i++) {
        const struct place *p = &b->places[i];

        if (is_running(p) && (best < 0 || p->is_ready <= b->places[best].is_ready))
            best = i;
    }
    return best;
}

static int start_one(struct systemd *b, struct systemd_bus *bus, int place, struct err *e)
{
    char name[NAME_SIZE];

    unit_name(b, place, name);
    if (b->places[place].state == UNIT_FAILED) { /* also forgets how often it was started */
        if (systemd_bus_reset(bus, name, e) != 0)
            return -1;
        b->n_reset++;
        b->places[place].state = UNIT_FREE;
    }
    if (systemd_bus_limit(bus, name, &b->limits, e) != 0 ||
        systemd_bus_order(bus, "StartUnit", name, e) != 0)
        return -1;
    b->places[place].state = UNIT_STARTING;
    return 0;
}

static int stop_one(struct systemd *b, struct systemd_bus *bus, int place, struct err *e)
{
    char name[NAME_SIZE];

    unit_name(b, place, name);
    if (systemd_bus_order(bus, "StopUnit", name, e) != 0)
        return -1;
    b->places[place].state = UNIT_STOPPING;
    return 0;
}

/* The balancer first. */
static int stop_if_out(struct systemd *b, struct systemd_bus *bus, int place, struct err *e)
{
    bool is_blind = false;

    if (!balancing_may_stop(&b->balancing, &b->places[place].member, &is_blind))
        return 0;
    if (is_blind)
        log_warn(b->balancing.service,
                 "unit of port %d: stops although the balancer could not be told "
                 "(balancer_patience)",
                 b->first + place);
    if (stop_one(b, bus, place, e) != 0)
        return -1;
    balancing_stay(&b->places[place].member); /* its state says the rest */
    return 0;
}

/* --- the balancer ------------------------------------------------------------------------- */

/* A failed probe alone says little, and one that fails everywhere is wrong itself. */
static enum balancer_wish wish_of(const struct place *p, bool has_ready)
{
    if (!is_running(p))
        return BALANCER_DRAIN;
    if (p->is_ready)
        return BALANCER_READY;
    return p->failed_probes < PROBE_FAILURES || !has_ready ? BALANCER_KEEP : BALANCER_DRAIN;
}

static void balance(struct systemd *b, int64_t deadline_mono_ms)
{
    struct balancer_member **members;
    bool has_ready = false;
    size_t n = 0;

    members = calloc((size_t)b->most, sizeof(struct balancer_member *));
    if (!members) {
        log_warn(b->balancing.service, "balancer: out of memory: told later");
        return;
    }
    for (int i = 0; i < b->most; i++)
        has_ready |= is_running(&b->places[i]) && b->places[i].is_ready;
    for (int i = 0; i < b->most; i++) {
        struct place *p = &b->places[i];

        if (!is_up(p) && p->state != UNIT_STOPPING) {
            p->member = (struct balancer_member){0};
            p->failed_probes = 0;
            continue;
        }
        p->failed_probes = p->is_ready ? 0 : p->failed_probes + 1;
        p->member.port = b->first + i;
        p->member.wish = wish_of(p, has_ready);
        members[n++] = &p->member;
    }
    balancing_sync(&b->balancing, members, n, deadline_mono_ms);
    free(members);
}

static int tend_on(struct systemd *b, struct systemd_bus *bus, const struct backend_call *call,
                   struct err *e)
{
    if (look(b, bus, call->deadline_mono_ms, e) != 0)
        return -1;
    balance(b, call->deadline_mono_ms);
    for (int i = 0; i < b->most; i++) {
        const struct place *p = &b->places[i];

        if (is_up(p) && !is_running(p) && stop_if_out(b, bus, i, e) != 0)
            return -1;
    }
    return 0;
}

static int systemd_tend(void *backend, const struct backend_call *call, struct err *e)
{
    struct systemd *b = backend;
    struct systemd_bus *bus = NULL;
    int rc;

    if (call->is_dry_run || !balancing_is_on(&b->balancing))
        return 0;
    if (systemd_bus_open(&bus, b->bus, call->deadline_mono_ms, e) != 0)
        return -1;
    rc = tend_on(b, bus, call, e);
    systemd_bus_close(bus);
    return rc;
}

/* --- towards the count -------------------------------------------------------------------- */

static int approach(struct systemd *b, struct systemd_bus *bus, int count, struct err *e)
{
    int running = count_running(b);

    for (; running > count; running--) {
        int place = pick_stop(b);

        balancing_leave(&b->places[place].member);
        if (stop_if_out(b, bus, place, e) != 0)
            return -1;
    }
    for (int i = 0; i < b->most && running < count; i++) { /* not told to stop yet */
        if (is_up(&b->places[i]) && !is_running(&b->places[i])) {
            balancing_stay(&b->places[i].member);
            running++;
        }
    }
    for (; running < count; running++) {
        int place = pick_start(b);

        if (place < 0)
            return err_set(e, ERR_BUSY, "%d of %d started: the other places still drain",
                           running, count);
        if (start_one(b, bus, place, e) != 0)
            return -1;
    }
    return 0;
}

static int scale_on(struct systemd *b, struct systemd_bus *bus, const struct backend_call *call,
                    int count, struct err *e)
{
    char what[NAME_SIZE];
    int running;

    if (look(b, bus, call->deadline_mono_ms, e) != 0)
        return -1;
    running = count_running(b);
    snprintf(what, sizeof what, "running %.100s*", b->prefix);
    if (running != count && seen_compare(&b->seen, running, what, e) != 0)
        return -1;
    if (approach(b, bus, count, e) != 0) {
        seen_forget(&b->seen);
        return -1;
    }
    seen_note(&b->seen, count);
    if (balancing_is_on(&b->balancing))
        balance(b, call->deadline_mono_ms);
    return 0;
}

static int systemd_scale(void *backend, const struct backend_call *call, int count,
                         struct err *e)
{
    struct systemd *b = backend;
    struct systemd_bus *bus = NULL;
    int rc;

    if (count < 0 || count > b->most)
        return err_set(e, ERR_LIMIT, "%d instances asked: %s hold %d", count,
                       b->has_ports ? "the ports" : "the option instances", b->most);
    if (systemd_bus_open(&bus, b->bus, call->deadline_mono_ms, e) != 0)
        return -1;
    rc = scale_on(b, bus, call, count, e);
    systemd_bus_close(bus);
    return rc;
}

/* --- check ------------------------------------------------------------------------------- */

static int check_unit(const struct systemd *b, struct systemd_bus *bus, struct str *out,
                      struct err *e)
{
    char name[NAME_SIZE], path[PATH_SIZE], state[40], type[40], kill_mode[40];

    snprintf(name, sizeof name, "%s.service", b->prefix);
    if (systemd_bus_file_state(bus, name, state, sizeof state, e) != 0)
        return e && e->code == ERR_CONFIG ? err_wrap(e, "no template %.100s", name) : -1;
    unit_name(b, 0, name);
    if (systemd_bus_load(bus, name, path, sizeof path, e) != 0 ||
        systemd_bus_property(bus, path, "Type", type, sizeof type, e) != 0 ||
        systemd_bus_property(bus, path, "KillMode", kill_mode, sizeof kill_mode, e) != 0)
        return -1;
    str_printf(out, "%s*.service: unit file %s, Type=%s, KillMode=%s\n", b->prefix, state, type,
               kill_mode);
    if (strcmp(type, "notify") != 0 && !b->is_probed)
        str_add(out, "without Type=notify or a probe a unit counts as ready once it runs\n");
    if (strcmp(kill_mode, "none") == 0 || strcmp(kill_mode, "process") == 0)
        str_add(out, "KillMode leaves children running after a stop\n");
    return 0;
}

static int systemd_check(void *backend, const struct backend_call *call, struct str *out,
                         struct err *e)
{
    struct systemd *b = backend;
    struct systemd_bus *bus = NULL;
    int rc;

    if (systemd_bus_open(&bus, b->bus, call->deadline_mono_ms, e) != 0)
        return -1;
    rc = check_unit(b, bus, out, e);
    if (rc == 0)
        rc = look(b, bus, call->deadline_mono_ms, e);
    systemd_bus_close(bus);
    if (rc != 0)
        return -1;
    str_printf(out, "%d running, %d failed, %d places\n", count_running(b),
               count_in(b, UNIT_FAILED), b->most);
    if (geteuid() != 0 && strcmp(b->bus, "user") != 0)
        str_add(out, "the right to start and stop cannot be tried without a change: see the "
                     "polkit rule in the manual\n");
    return out->failed ? err_nomem(e)
                       : balancing_check(&b->balancing, call->deadline_mono_ms, out, e);
}

static const struct conf_option options[] = {
    {"unit", CONF_STRING, NULL, 1, 180, "NAME",
     "Template unit with the place of its instance: \"web@{port}.service\" with ports, "
     "\"web@{id}.service\" without."},
    {"ports", CONF_STRING, "", 0, 64, "",
     "Ports to choose from, \"8001-8064\": the instance name of a unit is its port."},
    {"instances", CONF_INT, "64", 1, PORTS_MOST, "instances",
     "Most instances of a service without ports; they are numbered from 1."},
    {"bus", CONF_STRING, "system", 1, 180, "",
     "Which systemd: \"system\", \"user\" (that of scaler's user), or the address of a bus, "
     "\"unix:path=...\"."},
    {"probe", CONF_ENUM, "none", 0, 0, "none|tcp|http",
     "What makes an active unit ready, beside Type=notify: a connection to its port, or an "
     "HTTP "
     "status below 400."},
    {"probe_host", CONF_STRING, "127.0.0.1", 1, 63, "", "Numeric address that is probed."},
    {"probe_path", CONF_STRING, "/", 1, 400, "", "Path that an http probe gets."},
    {"probe_timeout", CONF_DURATION, "1s", 0.05, 60, "s", "A probe without answer fails then."},
    {"memory_mb", CONF_INT, "0", 0, 1e9, "MiB", "MemoryMax of one instance; 0: as the unit."},
    {"cpu", CONF_DOUBLE, "0", 0, 4096, "cores", "CPUQuota of one instance; 0: as the unit."},
    {"processes", CONF_INT, "0", 0, 1e9, "processes",
     "TasksMax of one instance; 0: as the unit."},
    BALANCER_OPTIONS,
    CONF_END,
};

static const char about[] =
    "Starts and stops units of one template over D-Bus. The count is the units that are "
    "active\n"
    "or activating, also those that a person started. A unit is ready when systemd calls it\n"
    "active (Type=notify: when the program said so) and the probe, if any, succeeds. A stop "
    "is\n"
    "systemctl stop: the unit's ExecStop, KillSignal and TimeoutStopSec are the drain. Those "
    "not\n"
    "ready stop first, then the highest port. Failed units are reset before they are started\n"
    "again, free ports taken first. Limits are set until the next boot. Nothing is enabled: "
    "an\n"
    "enabled unit would come back at boot though it had been scaled in. Load balancers: as\n"
    "with backend process; a unit that a person stops is not taken out first.\n"
    "\n"
    "The least right, for a user scaler that is not root, in\n"
    "/etc/polkit-1/rules.d/scaler.rules (package polkitd):\n"
    "\n"
    "  polkit.addRule(function(action, subject) {\n"
    "    var unit = action.lookup(\"unit\");\n"
    "    if (action.id == \"org.freedesktop.systemd1.manage-units\" &&\n"
    "        subject.user == \"scaler\" && unit && /^web@[0-9]+\\.service$/.test(unit))\n"
    "      return polkit.Result.YES;\n"
    "  });\n";

const struct backend backend_systemd = {
    .name = "systemd",
    .summary = "instances are systemd units of one template",
    .about = about,
    .options = options,
    .lead_time_guess_ms = 10 * CLK_SECOND_MS,
    .check_options = systemd_check_options,
    .open = systemd_open,
    .status = systemd_status,
    .scale = systemd_scale,
    .check = systemd_check,
    .tend = systemd_tend,
    .close = systemd_close,
};
