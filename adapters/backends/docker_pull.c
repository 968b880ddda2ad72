/* docker_pull.c - see docker_pull.h. */
#include "adapters/backends/docker_pull.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/backends/aside.h"
#include "adapters/backends/docker_api.h"
#include "base/log.h"

/* What the thread works on: it may outlive its backend. */
struct job {
    struct conf *options; /* the api borrows its texts */
    struct docker_api api;
};

struct docker_pull {
    struct aside *aside;
    struct job *job;
};

static void job_free(void *user)
{
    struct job *j = user;

    if (!j)
        return;
    docker_disconnect(&j->api);
    conf_free(j->options);
    free(j);
}

int docker_pull_new(struct docker_pull **out, const struct conf *options, const char *service,
                    struct err *e)
{
    struct docker_pull *p = calloc(1, sizeof *p);

    if (!p)
        return err_nomem(e);
    p->job = calloc(1, sizeof *p->job);
    if (!p->job) {
        err_nomem(e);
        goto fail;
    }
    if (conf_copy(&p->job->options, options, e) != 0 ||
        docker_connect(&p->job->api, p->job->options, service, e) != 0 ||
        aside_new(&p->aside, e) != 0)
        goto fail;
    *out = p;
    return 0;
fail:
    docker_pull_free(p);
    return -1;
}

void docker_pull_free(struct docker_pull *p)
{
    if (!p)
        return;
    aside_end(p->aside, job_free, p->job);
    free(p);
}

/* --- the answer --------------------------------------------------------------------------- */

/* The engine hands on what the registry said, in words alone. */
static enum err_code code_of(const char *words)
{
    static const struct {
        const char *words;
        enum err_code code;
    } rows[] = {{"toomanyrequests", ERR_BUSY},       {"denied", ERR_DENIED},
                {"unauthorized", ERR_DENIED},        {"authentication required", ERR_DENIED},
                {"no basic auth", ERR_DENIED},       {"manifest unknown", ERR_CONFIG},
                {"name unknown", ERR_CONFIG},        {"not found", ERR_CONFIG},
                {"no matching manifest", ERR_CONFIG}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strstr(words, rows[i].words))
            return rows[i].code;
    }
    return ERR_IO;
}

static int read_one(const json_t *o, struct err *e)
{
    const char *error = json_string_value(json_object_get(o, "error"));

    if (!json_is_object(o))
        return err_set(e, ERR_DATA, "not a progress report of a pull");
    if (error)
        return err_set(e, code_of(error), "%.180s", error);
    return 0;
}

int docker_pull_read(const char *text, size_t n, struct err *e)
{
    for (;;) {
        json_error_t where;
        json_t *o;
        int rc;

        while (n > 0 && isspace((unsigned char)*text))
            text++, n--;
        if (n == 0)
            return 0;
        o = json_loadb(text, n, JSON_DISABLE_EOF_CHECK, &where);
        if (!o)
            return err_set(e, ERR_DATA, "the report of a pull is not JSON, or ends within");
        rc = read_one(o, e);
        json_decref(o);
        if (rc != 0)
            return -1;
        text += where.position;
        n -= (size_t)where.position;
    }
}

/* --- the call ----------------------------------------------------------------------------- */

static int work(void *user, struct err *e)
{
    const struct job *j = *(struct job *const *)user;
    const char *image = conf_string(j->options, "image");
    struct docker_api api = j->api;
    struct str text = STR_EMPTY;
    int rc;

    api.deadline_mono_ms = clk_mono_ms() + DOCKER_PULL_MOST_MS;
    rc = docker_create_image(&api, image, &text, e);
    if (rc != 0 && e->code == ERR_IO) /* a 500, whatever the registry said */
        e->code = code_of(e->msg);
    if (rc == 0)
        rc = docker_pull_read(str_text(&text), text.len, e);
    if (rc == 0) /* the last word is the engine's list */
        rc = docker_has_image(&api, image, e);
    if (rc != 0) {
        err_wrap(e, "pull of \"%.80s\"", image);
        log_warn(api.service, "%s", e->msg); /* maybe nobody waits for it any more */
    } else {
        log_info(api.service, "image \"%.80s\" pulled", image);
    }
    str_clear(&text);
    return rc;
}

bool docker_pull_is_busy(const struct docker_pull *p)
{
    return aside_is_busy(p->aside);
}

int docker_pull_run(struct docker_pull *p, int64_t deadline_mono_ms, struct err *e)
{
    struct job *job = p->job;
    int rc = -1;

    if (!aside_is_busy(p->aside))
        rc = aside_run(p->aside, work, &job, sizeof(struct job *), deadline_mono_ms, e);
    if (rc != 0 && aside_is_busy(p->aside))
        return err_set(e, ERR_BUSY, "image \"%.80s\" is being pulled",
                       conf_string(job->options, "image"));
    return rc;
}
