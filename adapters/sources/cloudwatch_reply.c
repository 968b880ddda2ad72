/* cloudwatch_reply.c - see cloudwatch_reply.h. Source: Amazon CloudWatch API Reference,
 * GetMetricData and MetricDataResult. */
#include "adapters/sources/cloudwatch_reply.h"

#include <stdbool.h>
#include <string.h>

#include "base/clk.h"
#include "net/xml.h"

static bool read_id(const char *id, size_t *out)
{
    int64_t n;

    if (id[0] != 'q' || !str_to_int64(id + 1, strlen(id + 1), &n) || n < 0)
        return false;
    *out = (size_t)n;
    return true;
}

static void tell_failure(const struct cloudwatch_reader *r, size_t query, const char *status,
                         const struct xml_node *result)
{
    const char *words = xml_text(xml_child(xml_child(result, "Messages"), "member"), "Value");
    struct err e = {0};

    if (strcmp(status, "Forbidden") == 0)
        err_set(&e, ERR_DENIED, "forbidden: grant cloudwatch:GetMetricData: %.120s", words);
    else if (strcmp(status, "InternalError") == 0)
        err_set(&e, ERR_IO, "CloudWatch failed at this metric: %.120s", words);
    if (e.code != ERR_NONE)
        r->failed(r->user, query, &e);
}

static int read_result(const struct xml_node *result, const struct cloudwatch_reader *r,
                       struct err *e)
{
    const struct xml_node *t = xml_child(xml_child(result, "Timestamps"), "member");
    const struct xml_node *v = xml_child(xml_child(result, "Values"), "member");
    size_t query;

    if (!read_id(xml_text(result, "Id"), &query))
        return err_set(e, ERR_DATA, "a result without the id of a query");
    for (; t && v; t = xml_next(t, "member"), v = xml_next(v, "member")) {
        int64_t time_ms;
        double value;

        if (!clk_parse_time(t->text, strlen(t->text), &time_ms) ||
            !str_to_double(v->text, strlen(v->text), &value))
            return err_set(e, ERR_DATA, "a value that is no number, or a time that is none");
        if (r->value(r->user, query, time_ms, value, e) != 0)
            return -1;
    }
    if (t || v)
        return err_set(e, ERR_DATA, "times and values differ in number");
    tell_failure(r, query, xml_text(result, "StatusCode"), result);
    return 0;
}

int cloudwatch_read(const char *xml, size_t n, const struct cloudwatch_reader *reader,
                    struct str *next_token, struct err *e)
{
    const struct xml_node *result, *m;
    struct xml *x = NULL;
    int rc = 0;

    str_reset(next_token);
    if (xml_read(&x, xml, n, e) != 0)
        return -1;
    result = xml_child(xml_root(x), "GetMetricDataResult");
    if (!xml_child(result, "MetricDataResults"))
        rc = err_set(e, ERR_DATA, "not a reply to GetMetricData");
    m = xml_child(xml_child(result, "MetricDataResults"), "member");
    for (; rc == 0 && m; m = xml_next(m, "member"))
        rc = read_result(m, reader, e);
    str_add(next_token, xml_text(result, "NextToken"));
    if (rc == 0 && next_token->failed)
        rc = err_nomem(e);
    xml_free(x);
    return rc;
}
