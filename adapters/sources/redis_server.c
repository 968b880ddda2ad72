/* redis_server.c - see redis_server.h. */
#include "adapters/sources/redis_server.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clk.h"
#include "base/str.h"

struct asked {
    struct server_facts *f;
    struct err err;
};

/* The value of "name:" in INFO's lines, cut to fit. False when it is not there. */
static bool info_text(const char *info, const char *name, char *out, size_t size)
{
    size_t n = strlen(name);

    out[0] = '\0';
    for (const char *p = info; p; p = strchr(p, '\n')) {
        p += *p == '\n';
        if (strncmp(p, name, n) == 0 && p[n] == ':') {
            size_t k = strcspn(p + n + 1, "\r\n");

            if (k >= size)
                k = size - 1;
            memcpy(out, p + n + 1, k);
            out[k] = '\0';
            return true;
        }
    }
    return false;
}

/* 0 for what is not there, or no count. */
static int64_t info_int(const char *info, const char *name)
{
    char text[32];
    int64_t v;

    return info_text(info, name, text, sizeof text) && str_to_int64(text, strlen(text), &v) &&
                   v > 0
               ? v
               : 0;
}

static void take_info(struct server_facts *f, const char *info)
{
    char link[16];
    int64_t now_s, uptime_s;

    f->is_known = info_text(info, "run_id", f->run_id, sizeof f->run_id);
    info_text(info, "redis_version", f->version, sizeof f->version);
    info_text(info, "role", f->role, sizeof f->role);
    info_text(info, "maxmemory_policy", f->policy, sizeof f->policy);
    f->is_loading = info_int(info, "loading") != 0;
    f->evicted = info_int(info, "evicted_keys");
    f->maxmemory = info_int(info, "maxmemory");
    /* The uptime is told in whole seconds of the server's clock, so only the second is known in
     * which it started: the last moment of it is taken. (No such clock before Redis 6.) */
    now_s = info_int(info, "server_time_usec") / 1000000;
    if (now_s <= 0)
        now_s = f->now_ms / CLK_SECOND_MS;
    uptime_s = info_int(info, "uptime_in_seconds");
    if (uptime_s > now_s)
        uptime_s = 0; /* nonsense: nothing before this moment is believed */
    f->started_ms = (now_s - uptime_s + 1) * CLK_SECOND_MS - 1;
    f->is_stale_replica =
        info_text(info, "master_link_status", link, sizeof link) &&
        (strcmp(link, "up") != 0 || info_int(info, "master_sync_in_progress"));
}

static void on_reply(void *user, size_t index, const struct rds_value *v)
{
    struct asked *a = user;
    int64_t s, us;

    if (v->type == RDS_ERROR) {
        struct err err = {0};

        rds_error(v, index == 0 ? "TIME" : "INFO", &err);
        /* Rights to these two may be missing; anything else concerns every command. */
        if (strncmp(v->text, "NOPERM", 6) != 0 && a->err.code == ERR_NONE)
            a->err = err;
    } else if (index == 0 && v->type == RDS_ARRAY && v->len == 2 &&
               v->items[0]->type == RDS_STRING && v->items[1]->type == RDS_STRING &&
               str_to_int64(v->items[0]->text, v->items[0]->len, &s) &&
               str_to_int64(v->items[1]->text, v->items[1]->len, &us) && s > 0 &&
               s < INT64_C(100000000000)) {
        a->f->now_ms = s * CLK_SECOND_MS + us / 1000;
        a->f->has_clock = true;
    } else if (index == 1 && v->type == RDS_STRING) {
        take_info(a->f, v->text);
    } else if (a->err.code == ERR_NONE) {
        err_set(&a->err, ERR_DATA, "%s: not what Redis answers", index == 0 ? "TIME" : "INFO");
    }
}

int server_ask(struct rds *r, int64_t deadline_mono_ms, struct server_facts *out, struct err *e)
{
    struct asked a = {.f = out};

    *out = (struct server_facts){.now_ms = clk_wall_ms()};
    if (rds_add_words(r, e, "TIME", NULL) != 0 || rds_add_words(r, e, "INFO", NULL) != 0) {
        rds_drop(r);
        return -1;
    }
    if (rds_run(r, deadline_mono_ms, on_reply, &a, e) != 0)
        return -1;
    if (a.err.code != ERR_NONE)
        return err_set(e, a.err.code, "redis %s: %s", rds_name(r), a.err.msg);
    if (out->is_known && out->is_loading)
        return err_set(e, ERR_IO, "redis %s: LOADING: the server is loading its data: wait",
                       rds_name(r));
    return 0;
}

bool server_may_evict(const struct server_facts *f, char *out, size_t size)
{
    if (f->maxmemory == 0 || strcmp(f->policy, "noeviction") == 0 || f->policy[0] == '\0')
        return false;
    snprintf(out, size,
             "maxmemory-policy %s deletes history silently when %" PRId64
             " MB are full: set noeviction",
             f->policy, f->maxmemory >> 20);
    return true;
}
