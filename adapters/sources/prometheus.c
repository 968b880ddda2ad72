/* prometheus.c - loads out of Prometheus by range queries.
 *
 * The value of a cell is the query's value at the cell's end, since rate(x[60s]) looks back. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/sources/prometheus_query.h"
#include "adapters/sources/prometheus_reply.h"
#include "base/clk.h"
#include "base/str.h"
#include "base/vec.h"
#include "collect/source.h"
#include "net/http.h"

enum {
    MOST_POINTS = 10000, /* Prometheus refuses more than 11,000 a series */
    MOST_CELLS = 530000, /* of one service in one fetch: a year of minutes */
};

struct prometheus {
    struct http *http;
    char *texts[8]; /* of the options that http borrows */
    char *url;      /* without a slash at its end */
    size_t most_reply_bytes;
    double *values;
    size_t values_cap;
};

static int call(struct prometheus *p, const char *path, const struct str *form,
                int64_t deadline_mono_ms, struct http_reply *reply, struct err *e)
{
    char url[1200];
    struct http_request r = {.method = "POST",
                             .url = url,
                             .body = str_text(form),
                             .body_len = form->len,
                             .content_type = "application/x-www-form-urlencoded",
                             .most_bytes = p->most_reply_bytes,
                             .deadline_mono_ms = deadline_mono_ms};

    snprintf(url, sizeof url, "%s%s", p->url, path);
    return http_call(p->http, &r, reply, e);
}

/* A refusal in Prometheus' own words tells more than the status alone. */
static int judge_status(const struct http_reply *reply, struct err *e)
{
    size_t n;
    struct prometheus_grid none = {0, 1, 0, NULL};

    if (reply->status == 400 || reply->status == 422)
        return prometheus_read_range(str_text(&reply->body), reply->body.len, true, &none, &n,
                                     e) == 0
                   ? err_set(e, ERR_CONFIG, "HTTP %d", reply->status)
                   : -1;
    return http_check_status(reply, e);
}

static void add_escaped(struct str *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
            str_add_n(out, text, 1);
        else
            str_printf(out, "%%%02X", c);
    }
}

static int server_time(struct prometheus *p, int64_t deadline_mono_ms, int64_t *out_ms,
                       struct err *e)
{
    struct str form = STR_EMPTY;
    struct http_reply reply = {0};
    int rc = str_add(&form, "query=time%28%29");

    if (rc != 0)
        err_nomem(e);
    else
        rc = call(p, "/api/v1/query", &form, deadline_mono_ms, &reply, e);
    if (rc == 0)
        rc = judge_status(&reply, e);
    if (rc == 0)
        rc = prometheus_read_time(str_text(&reply.body), reply.body.len, out_ms, e);
    http_reply_clear(&reply);
    str_clear(&form);
    return rc == 0 ? 0 : err_wrap(e, "prometheus");
}

static int fetch_part(struct prometheus *p, const struct source_query *q, const char *query,
                      struct prometheus_grid *grid, size_t *n_series, int64_t deadline_mono_ms,
                      struct err *e)
{
    struct str form = STR_EMPTY;
    struct http_reply reply = {0};
    int64_t end_ms = grid->start_ms + (int64_t)(grid->n - 1) * grid->step_ms;
    int rc = -1;

    str_add(&form, "query=");
    add_escaped(&form, query);
    str_printf(&form, "&start=%" PRId64 ".%03d&end=%" PRId64 ".%03d&step=%" PRId64 ".%03d",
               grid->start_ms / 1000, (int)(grid->start_ms % 1000), end_ms / 1000,
               (int)(end_ms % 1000), grid->step_ms / 1000, (int)(grid->step_ms % 1000));
    if (form.failed)
        err_nomem(e);
    else if (call(p, "/api/v1/query_range", &form, deadline_mono_ms, &reply, e) == 0 &&
             judge_status(&reply, e) == 0)
        rc = prometheus_read_range(str_text(&reply.body), reply.body.len,
                                   conf_bool(q->options, "sum"), grid, n_series, e);
    http_reply_clear(&reply);
    str_clear(&form);
    return rc;
}

static int hand_out(const struct source_query *q, const struct prometheus_grid *g,
                    struct source_reply *reply, struct err *e)
{
    bool is_counts = strcmp(conf_string(q->options, "units"), "counts") == 0;
    double scale = is_counts ? 1000.0 / (double)q->step_ms : 1;

    for (size_t i = 0; i < g->n; i++)
        if (!isnan(g->values[i]) &&
            source_reply_add(reply, g->start_ms + ((int64_t)i - 1) * g->step_ms,
                             g->values[i] * scale) != 0)
            return err_nomem(e);
    return 0;
}

static int fetch_one(struct prometheus *p, const struct source_query *q,
                     struct source_reply *reply, int64_t server_ms, int64_t deadline_mono_ms,
                     struct err *e)
{
    int64_t step_ms = q->step_ms, newest_end_ms = server_ms / step_ms * step_ms;
    int64_t end_ms = q->since_ms / step_ms * step_ms -
                     (conf_int(q->options, "overlap") - 1) * step_ms; /* of the first cell */
    struct str query = STR_EMPTY;
    size_t all_series = 0;
    int rc = 0;

    if (end_ms < newest_end_ms - MOST_CELLS * step_ms)
        end_ms = newest_end_ms - MOST_CELLS * step_ms;
    if (end_ms < step_ms)
        end_ms = step_ms;
    prometheus_query_fill(&query, conf_string(q->options, "query"), q->service, step_ms);
    if (query.failed || vec_reserve(&p->values, &p->values_cap, MOST_POINTS, sizeof *p->values))
        rc = err_nomem(e);
    while (rc == 0 && end_ms <= newest_end_ms) {
        size_t left = (size_t)((newest_end_ms - end_ms) / step_ms) + 1, n_series = 0;
        struct prometheus_grid g = {end_ms, step_ms, left < MOST_POINTS ? left : MOST_POINTS,
                                    p->values};

        rc = fetch_part(p, q, str_text(&query), &g, &n_series, deadline_mono_ms, e);
        if (rc == 0)
            rc = hand_out(q, &g, reply, e);
        all_series += n_series;
        end_ms += (int64_t)g.n * step_ms;
    }
    if (rc == 0 && all_series == 0)
        str_copy(reply->note, sizeof reply->note, "the query matches no series");
    str_clear(&query);
    return rc;
}

/* A server that does not answer or refuses us concerns every service. */
static bool concerns_all(const struct err *e)
{
    return e->code == ERR_DENIED || e->code == ERR_IO || e->code == ERR_NOMEM;
}

static int fetch(void *source, const struct source_query *queries, size_t n,
                 struct source_reply *replies, int64_t deadline_mono_ms, struct err *e)
{
    struct prometheus *p = source;
    int64_t server_ms = 0;
    size_t k = 0;

    if (server_time(p, deadline_mono_ms, &server_ms, e) != 0)
        return -1;
    for (; k < n; k++) {
        replies[k].n = 0;
        replies[k].err.code = ERR_NONE;
        replies[k].note[0] = '\0';
        if (fetch_one(p, &queries[k], &replies[k], server_ms, deadline_mono_ms,
                      &replies[k].err) != 0) {
            err_wrap(&replies[k].err, "prometheus");
            replies[k].n = 0;
            if (concerns_all(&replies[k].err) && clk_mono_ms() >= deadline_mono_ms)
                break;
        }
    }
    for (size_t i = k + 1; i < n; i++) {
        replies[i].n = 0;
        replies[i].note[0] = '\0';
        replies[i].err = replies[k].err; /* no time was left to ask them */
    }
    return 0;
}

static int check_query(const struct conf *query_options, struct err *e)
{
    if (prometheus_query_check(conf_string(query_options, "query"), e) != 0)
        return err_wrap(e, "query");
    return 0;
}

static int check(void *source, char *out, size_t size, int64_t deadline_mono_ms, struct err *e)
{
    struct prometheus *p = source;
    int64_t server_ms;

    if (server_time(p, deadline_mono_ms, &server_ms, e) != 0)
        return -1;
    snprintf(out, size, "Prometheus at %s, its clock is %+.1f s from ours", p->url,
             (double)(server_ms - clk_wall_ms()) / 1000.0);
    return 0;
}

static void close_source(void *source)
{
    struct prometheus *p = source;

    if (!p)
        return;
    http_free(p->http);
    for (size_t i = 0; i < sizeof p->texts / sizeof p->texts[0]; i++)
        free(p->texts[i]);
    free(p->url);
    free(p->values);
    free(p);
}

static int open_source(void **out, const struct conf *options, struct err *e)
{
    static const char *const names[] = {"ca_file",       "cert_file",   "key_file",
                                        "token_file",    "token_env",   "user",
                                        "password_file", "password_env"};
    struct prometheus *p = calloc(1, sizeof *p);
    size_t len;

    if (!p)
        return err_nomem(e);
    p->most_reply_bytes = (size_t)conf_int(options, "most_reply_bytes");
    p->url = strdup(conf_string(options, "url"));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        p->texts[i] = strdup(conf_string(options, names[i]));
        if (!p->texts[i] || !p->url) {
            close_source(p);
            return err_nomem(e);
        }
    }
    for (len = strlen(p->url); len > 0 && p->url[len - 1] == '/'; len--)
        p->url[len - 1] = '\0';
    struct http_options o = {.ca_file = p->texts[0],
                             .cert_file = p->texts[1],
                             .key_file = p->texts[2],
                             .bearer_file = p->texts[3],
                             .bearer_env = p->texts[4],
                             .user = p->texts[5],
                             .password_file = p->texts[6],
                             .password_env = p->texts[7]};
    if (http_check_url(p->url, e) != 0 || http_new(&p->http, &o, e) != 0) {
        close_source(p);
        return -1;
    }
    *out = p;
    return 0;
}

static const struct conf_option options[] = {
    {"url", CONF_STRING, NULL, 1, 1000, "", "Where it listens, as in http://127.0.0.1:9090."},
    {"token_file", CONF_STRING, "", 0, 4000, "", "File that holds a bearer token alone."},
    {"token_env", CONF_STRING, "", 0, 200, "", "Environment variable that holds it."},
    {"user", CONF_STRING, "", 0, 200, "", "User of basic authentication."},
    {"password_file", CONF_STRING, "", 0, 4000, "", "File that holds the password alone."},
    {"password_env", CONF_STRING, "", 0, 200, "",
     "Environment variable that holds the password."},
    {"ca_file", CONF_STRING, "", 0, 4000, "",
     "Certificates that the server's must chain to; none: the system's."},
    {"cert_file", CONF_STRING, "", 0, 4000, "", "Certificate shown to the server."},
    {"key_file", CONF_STRING, "", 0, 4000, "", "Key of cert_file."},
    {"most_reply_bytes", CONF_INT, "67108864", 65536, 1073741824, "bytes",
     "Longest reply that is read."},
    CONF_END,
};

static const struct conf_option query_options[] = {
    {"query", CONF_STRING, NULL, 1, 4000, "",
     "PromQL, as in sum(rate(http_requests_total{app=\"{service}\"}[{step}])); {service} and "
     "{step} are filled in; every other brace is PromQL's own; {{service}} is the text "
     "itself."},
    {"units", CONF_ENUM, "rate", 0, 0, "rate|counts",
     "The query gives requests per second, or requests per step."},
    {"sum", CONF_BOOL, "false", 0, 0, "", "Add up several series instead of refusing them."},
    {"overlap", CONF_INT, "2", 0, 60, "cells", "Cells read again, for late writes."},
    CONF_END,
};

const struct source source_prometheus = {
    .name = "prometheus",
    .summary = "the result of a PromQL query",
    .options = options,
    .query_options = query_options,
    .open = open_source,
    .fetch = fetch,
    .check_query = check_query,
    .check = check,
    .close = close_source,
};
