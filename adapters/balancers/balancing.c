/* balancing.c - when a load balancer is told, and what follows from its answers. See
 * balancer.h.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "adapters/balancers/balancer.h"
#include "base/clk.h"
#include "base/log.h"

#define RETRY_MOST_MS (8 * CLK_SECOND_MS)

const char *balancer_address(const char *host, int port, char *out)
{
    snprintf(out, BALANCER_ADDRESS_SIZE, strchr(host, ':') ? "[%.63s]:%d" : "%.63s:%d", host,
             port);
    return out;
}

/* NULL: "none". */
static const struct balancer *find(const char *name)
{
    for (size_t i = 0; balancer_table[i]; i++) {
        if (strcmp(balancer_table[i]->name, name) == 0)
            return balancer_table[i];
    }
    return NULL;
}

static bool is_numeric(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

int balancing_check_options(const struct conf *options, bool has_ports, struct err *e)
{
    const char *name = conf_string(options, "balancer");
    const struct balancer *type = find(name);

    if (!type)
        return 0;
    if (!has_ports)
        return err_set(e, ERR_CONFIG, "balancer = \"%s\" needs ports = \"8001-8064\"", name);
    if (!is_numeric(conf_string(options, "balancer_host")))
        return err_set(e, ERR_CONFIG, "balancer_host = \"%s\": not a numeric address",
                       conf_string(options, "balancer_host"));
    return type->check_options(options, e);
}

int balancing_open(struct balancing *b, const struct conf *options, const char *service,
                   struct err *e)
{
    const struct balancer *type = find(conf_string(options, "balancer"));

    *b = (struct balancing){.drain_ms = conf_duration_ms(options, "balancer_drain"),
                            .patience_ms = conf_duration_ms(options, "balancer_patience")};
    str_copy(b->host, sizeof b->host, conf_string(options, "balancer_host"));
    str_copy(b->service, sizeof b->service, service);
    if (type && type->open(&b->object, options, e) != 0)
        return err_wrap(e, "balancer");
    b->type = type;
    return 0;
}

void balancing_close(struct balancing *b)
{
    if (b->type)
        b->type->close(b->object);
    *b = (struct balancing){0};
}

bool balancing_is_on(const struct balancing *b)
{
    return b->type != NULL;
}

/* --- telling ------------------------------------------------------------------------------ */

/* Something is to be said, or an answer is waited for. */
static bool is_pending(struct balancer_member *const *members, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct balancer_member *m = members[i];

        if (!m->is_told || m->told_wish != m->wish ||
            (m->wish == BALANCER_READY && !m->is_listed) || m->leaving_mono != 0)
            return true;
    }
    return false;
}

static void note_success(struct balancing *b, const char *refused, int64_t now_mono_ms)
{
    if (b->failing_mono != 0)
        log_info(b->service, "balancer %s: told again after %lld s", b->type->name,
                 (long long)((now_mono_ms - b->failing_mono) / CLK_SECOND_MS));
    b->failing_mono = 0;
    b->n_failures = 0;
    if (*refused && strcmp(refused, b->why) != 0)
        log_warn(b->service, "balancer %s: %s", b->type->name, refused);
    str_copy(b->why, sizeof b->why, refused);
    b->next_mono = now_mono_ms + b->type->every_ms;
}

static void note_failure(struct balancing *b, const struct err *e, int64_t now_mono_ms)
{
    int64_t wait_ms = CLK_SECOND_MS / 2;

    for (int i = 0; i < b->n_failures && wait_ms < RETRY_MOST_MS; i++)
        wait_ms *= 2;
    if (b->failing_mono == 0) {
        b->failing_mono = now_mono_ms;
        log_warn(b->service, "balancer %s cannot be told: %s", b->type->name, e->msg);
    }
    b->n_failures++;
    str_copy(b->why, sizeof b->why, e->msg);
    b->next_mono = now_mono_ms + wait_ms;
}

static void take_answers(struct balancer_member *const *members, size_t n, int64_t now_mono_ms)
{
    for (size_t i = 0; i < n; i++) {
        struct balancer_member *m = members[i];

        m->is_told = true;
        m->told_wish = m->wish;
        if (m->is_listed)
            m->unlisted_mono = 0;
        else if (m->unlisted_mono == 0)
            m->unlisted_mono = now_mono_ms;
    }
}

void balancing_sync(struct balancing *b, struct balancer_member *const *members, size_t n,
                    int64_t deadline_mono_ms)
{
    int64_t now = clk_mono_ms();
    struct balancer_call call = {b->service, b->host, deadline_mono_ms, ""};
    struct err e = {0};

    if (!b->type || (now < b->next_mono && (b->failing_mono != 0 || !is_pending(members, n))))
        return;
    if (deadline_mono_ms > now + b->type->sync_ms)
        call.deadline_mono_ms = now + b->type->sync_ms;
    for (size_t i = 0; i < n; i++)
        members[i]->has_traffic |= members[i]->wish != BALANCER_DRAIN;
    if (b->type->sync(b->object, &call, members, n, &e) != 0) {
        note_failure(b, &e, clk_mono_ms());
        return;
    }
    now = clk_mono_ms();
    note_success(b, call.refused, now);
    take_answers(members, n, now);
}

/* --- what follows ------------------------------------------------------------------------- */

void balancing_leave(struct balancer_member *m)
{
    m->wish = BALANCER_DRAIN;
    if (m->leaving_mono == 0)
        m->leaving_mono = clk_mono_ms();
}

void balancing_stay(struct balancer_member *m)
{
    m->leaving_mono = 0;
}

bool balancing_is_leaving(const struct balancer_member *m)
{
    return m->leaving_mono != 0;
}

bool balancing_may_stop(const struct balancing *b, const struct balancer_member *m,
                        bool *is_blind)
{
    int64_t now = clk_mono_ms();
    bool is_out = m->is_told && m->told_wish == BALANCER_DRAIN && !m->is_listed;

    *is_blind = false;
    if (!b->type || !m->has_traffic)
        return true;
    if (is_out && (m->open == 0 || now - m->unlisted_mono >= b->drain_ms))
        return true;
    *is_blind = !is_out && now - m->leaving_mono >= b->patience_ms;
    return *is_blind;
}

bool balancing_counts(const struct balancing *b, const struct balancer_member *m)
{
    return !b->type || m->is_listed;
}

bool balancing_note(const struct balancing *b, char *out, size_t size)
{
    if (!b->type || b->why[0] == '\0')
        return false;
    if (b->failing_mono != 0)
        snprintf(out, size, "balancer %s cannot be told for %lld s: %.110s", b->type->name,
                 (long long)((clk_mono_ms() - b->failing_mono) / CLK_SECOND_MS), b->why);
    else
        snprintf(out, size, "balancer %s: %.140s", b->type->name, b->why);
    return true;
}

int balancing_check(const struct balancing *b, int64_t deadline_mono_ms, struct str *out,
                    struct err *e)
{
    struct balancer_call call = {b->service, b->host, deadline_mono_ms, ""};

    if (!b->type)
        return 0;
    return b->type->check(b->object, &call, out, e) == 0
               ? 0
               : err_wrap(e, "balancer %s", b->type->name);
}

const char balancing_about[] =
    "With balancer = \"haproxy\" the servers of one HAProxy backend (2.5 or later) are kept "
    "by\n"
    "its runtime API. The stats socket needs level admin, and scaler's user the right to "
    "write\n"
    "it:\n"
    "\n"
    "  global\n"
    "    stats socket /run/haproxy/admin.sock mode 660 group scaler level admin\n"
    "  backend web\n"
    "    balance roundrobin\n"
    "\n"
    "Servers are added as SERVICE-PORT, which HAProxy allows with balance roundrobin,\n"
    "leastconn and random; all others of the backend are left alone. With balancer_slots the\n"
    "disabled servers of \"server-template web 64 127.0.0.1:1 disabled\" are used. What a "
    "reload\n"
    "of HAProxy forgets is told again within a second. An instance stops once its server has\n"
    "no session, or balancer_drain is over.\n"
    "\n"
    "With \"nginx\" a file of its own is replaced and nginx reloads, at most once a round:\n"
    "\n"
    "  upstream web { include /etc/nginx/scaler/web.conf; }\n"
    "\n"
    "It needs the right to write that directory (ReadWritePaths= of scaler.service), and to\n"
    "reload: by SIGHUP to the pid of balancer_pid_file, or by balancer_command. New workers\n"
    "are waited for. With no instance the file has one server that is down. A reload\n"
    "may close a connection before its first request: clients send that again.\n"
    "\n"
    "With \"command\" a program gets one line of JSON for each change and every 30 s:\n"
    "\n"
    "  {\"v\":1,\"action\":\"sync\",\"service\":\"web\",\"members\":[\n"
    "   {\"address\":\"127.0.0.1:8001\",\"port\":8001,\"state\":\"ready\"}]}\n"
    "\n"
    "The state is ready, drain (nothing new) or keep (as it stands); who is not named is "
    "gone.\n"
    "Exit 0 says that all of it holds; stdout may be empty, or say what is under way:\n"
    "{\"open\":{\"8001\":3}}, and which of those to keep get traffic: {\"listed\":[8001]}. "
    "Other\n"
    "exits as of backend exec. To the action check it answers by its exit and a \"note\".\n"
    "\n"
    "A balancer that cannot be told stops nothing: what runs goes on, new instances do not\n"
    "count as ready, and those to stop wait for balancer_patience. Instances whose probe "
    "fails\n"
    "are taken out unless none would be left.\n";
