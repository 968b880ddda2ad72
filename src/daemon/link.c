/* link.c - see link.h. */
#include "daemon/link.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"

/* Longest wait of a breaker, unless a service's step asks for less. */
#define MOST_WAIT_MS INT64_C(5000)

static bool is_of(const struct link *l, const struct config_source *conf)
{
    return l->hash == conf->hash && l->source == conf->source &&
           strcmp(l->name, conf->name) == 0;
}

struct link *link_find(struct link *list, const struct config_source *conf)
{
    for (struct link *l = list; l; l = l->next)
        if (!l->is_gone && is_of(l, conf))
            return l;
    return NULL;
}

static int open_one(struct link **out, struct config_ref *ref, const struct config_source *conf,
                    struct err *e)
{
    struct link *l = calloc(1, sizeof *l);

    if (!l)
        return err_nomem(e);
    if (conf->source->open(&l->object, conf->options, e) != 0) {
        free(l);
        return err_wrap(e, "source %s", conf->name);
    }
    l->ref = config_ref_hold(ref);
    l->source = conf->source;
    l->hash = conf->hash;
    str_copy(l->name, sizeof l->name, conf->name);
    pool_endpoint_init(&l->endpoint, conf->name, MOST_WAIT_MS);
    *out = l;
    return 0;
}

int link_open_missing(struct link *list, struct config_ref *ref, struct link **added,
                      struct err *e)
{
    const struct config *c = ref->config;

    for (size_t i = 0; i < c->n_sources; i++) {
        struct link *l = NULL;

        if (link_find(list, &c->sources[i]))
            continue;
        if (open_one(&l, ref, &c->sources[i], e) != 0)
            return -1;
        l->next = *added;
        *added = l;
    }
    return 0;
}

void link_mark_gone(struct link *list, const struct config *c)
{
    for (struct link *l = list; l; l = l->next) {
        l->is_gone = true;
        for (size_t i = 0; i < c->n_sources; i++)
            if (is_of(l, &c->sources[i]))
                l->is_gone = false;
    }
}

static void close_one(struct link *l)
{
    l->source->close(l->object);
    config_ref_drop(l->ref);
    free(l);
}

void link_reap(struct link **list)
{
    while (*list) {
        struct link *old = *list;

        if (!old->is_gone || old->is_busy || old->endpoint.in_flight > 0) {
            list = &old->next;
            continue;
        }
        *list = old->next;
        close_one(old);
    }
}

void link_close_all(struct link *list)
{
    while (list) {
        struct link *next = list->next;

        close_one(list);
        list = next;
    }
}

void link_log(struct link *l, const struct pool_job *job)
{
    bool is_failing = job->err.code != ERR_NONE;

    if (job->outcome == POOL_CANCELLED || is_failing == l->is_failing)
        return;
    l->is_failing = is_failing;
    if (is_failing)
        log_error("source", "%s: %s", l->name, job->err.msg);
    else
        log_info("source", "%s: answers again", l->name);
}
