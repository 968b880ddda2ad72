/* prometheus_reply.c - see prometheus_reply.h. Source: Prometheus' manual, "HTTP API", sections
 * "Format overview", "Range queries" and "Expression query result formats". */
#include "adapters/sources/prometheus_reply.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "collect/sample.h"

enum { SHOWN_SERIES = 3 };

static int load(const char *text, size_t len, json_t **out, struct err *e)
{
    json_error_t where;
    json_t *status, *root = json_loadb(text, len, 0, &where);

    /* Without memory for its very first buffer jansson says nothing. */
    if (!root && (!where.text[0] || json_error_code(&where) == json_error_out_of_memory))
        return err_nomem(e);
    if (!root)
        return err_set(e, ERR_DATA, "not JSON (is this a Prometheus?): %.80s", where.text);
    status = json_object_get(root, "status");
    if (json_is_string(status) && strcmp(json_string_value(status), "success") == 0) {
        *out = root;
        return 0;
    }
    const char *type = json_string_value(json_object_get(root, "errorType"));
    const char *text_ = json_string_value(json_object_get(root, "error"));

    if (type && text_)
        err_set(e, strcmp(type, "bad_data") == 0 ? ERR_CONFIG : ERR_IO,
                "Prometheus refused: %.40s: %.160s", type, text_);
    else
        err_set(e, ERR_DATA, "not a reply of Prometheus: no status \"success\"");
    json_decref(root);
    return -1;
}

static void add_labels(struct str *out, const json_t *series)
{
    const char *key;
    json_t *value, *metric = json_object_get(series, "metric");
    bool is_first = true;

    str_add(out, "{");
    json_object_foreach(metric, key, value)
    {
        str_printf(out, "%s%.40s=\"%.40s\"", is_first ? "" : ",", key,
                   json_is_string(value) ? json_string_value(value) : "");
        is_first = false;
    }
    str_add(out, "}");
}

static int too_many(const json_t *result, struct err *e)
{
    struct str labels = STR_EMPTY;
    size_t n = json_array_size(result);

    for (size_t i = 0; i < n && i < SHOWN_SERIES; i++) {
        str_add(&labels, i > 0 ? " " : "");
        add_labels(&labels, json_array_get(result, i));
    }
    err_set(e, ERR_CONFIG,
            "%zu series came back: narrow the query to one, or add them up with sum = true "
            "(import: --sum): %.120s%s",
            n, str_text(&labels), n > SHOWN_SERIES ? " ..." : "");
    str_clear(&labels);
    return -1;
}

static int add_point(struct prometheus_grid *g, const json_t *pair, struct err *e)
{
    const json_t *time = json_array_get(pair, 0), *value = json_array_get(pair, 1);
    double t, v, at;

    if (!json_is_number(time) || !json_is_string(value) ||
        !str_to_double(json_string_value(value), json_string_length(value), &v))
        return err_set(e, ERR_DATA,
                       "not a reply of Prometheus: a point is not [time, \"value\"]");
    t = json_number_value(time) * 1000.0;
    at = (t - (double)g->start_ms) / (double)g->step_ms;
    if (!isfinite(v) || !(at > -0.5 && at < (double)g->n - 0.5))
        return 0;
    if (v < 0)
        return err_set(e, ERR_DATA, "value %g at %.0f: a load is not negative", v, t / 1000.0);
    if (!sample_is_load(v))
        return err_set(e, ERR_DATA, "value %g at %.0f: beyond %g, which no load is", v,
                       t / 1000.0, SAMPLE_MOST);
    double *cell = &g->values[(size_t)(at + 0.5)];
    *cell = isnan(*cell) ? v : *cell + v;
    return 0;
}

static int add_series(struct prometheus_grid *g, const json_t *series, struct err *e)
{
    const json_t *values = json_object_get(series, "values");
    size_t n = json_array_size(values);

    if (!json_is_array(values))
        return err_set(e, ERR_DATA, "not a reply of Prometheus: a series has no values");
    for (size_t i = 0; i < n; i++)
        if (add_point(g, json_array_get(values, i), e) != 0)
            return -1;
    return 0;
}

int prometheus_read_range(const char *json, size_t len, bool is_sum,
                          struct prometheus_grid *grid, size_t *n_series, struct err *e)
{
    json_t *root, *result;
    int rc = -1;

    for (size_t i = 0; i < grid->n; i++)
        grid->values[i] = NAN;
    *n_series = 0;
    if (load(json, len, &root, e) != 0)
        return -1;
    result = json_object_get(json_object_get(root, "data"), "result");
    if (!json_is_array(result)) {
        err_set(e, ERR_DATA, "not a reply of Prometheus: no data.result");
        goto done;
    }
    *n_series = json_array_size(result);
    if (*n_series > 1 && !is_sum) {
        too_many(result, e);
        goto done;
    }
    for (size_t i = 0; i < *n_series; i++)
        if (add_series(grid, json_array_get(result, i), e) != 0)
            goto done;
    rc = 0;
done:
    json_decref(root);
    return rc;
}

int prometheus_read_time(const char *json, size_t len, int64_t *out_ms, struct err *e)
{
    json_t *root, *pair;
    double t;
    int rc = -1;

    if (load(json, len, &root, e) != 0)
        return -1;
    pair = json_object_get(json_object_get(root, "data"), "result");
    t = json_number_value(json_array_get(pair, 0));
    if (t > 0 && t < 1e11) {
        *out_ms = (int64_t)(t * 1000.0);
        rc = 0;
    } else {
        err_set(e, ERR_DATA, "not a reply of Prometheus: no time in it");
    }
    json_decref(root);
    return rc;
}
