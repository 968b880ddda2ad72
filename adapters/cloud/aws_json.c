/* aws_json.c - see aws_json.h. */
#include "adapters/cloud/aws_json.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int read_reply(const struct aws_reply *reply, json_t **out, struct err *e)
{
    json_error_t where;

    *out = NULL;
    if (reply->body.len == 0)
        return 0;
    *out = json_loadb(str_text(&reply->body), reply->body.len, 0, &where);
    if (json_is_object(*out))
        return 0;
    json_decref(*out);
    *out = NULL;
    return err_set(e, ERR_DATA, "not a reply of AWS: %.100s",
                   where.text[0] ? where.text : "no JSON object");
}

int aws_call_json(struct aws *a, const struct aws_request *r, json_t *body,
                  int64_t deadline_mono_ms, json_t **out, struct aws_reply *reply,
                  struct err *e)
{
    struct aws_request with_body = *r;
    struct str text = STR_EMPTY;
    char *dump = body ? json_dumps(body, JSON_COMPACT) : NULL;
    bool needs_body = r->target || (r->method && strcmp(r->method, "PUT") == 0);
    int rc;

    *out = NULL;
    *reply = (struct aws_reply){0};
    if (dump)
        str_add(&text, dump);
    if ((body || needs_body) && (!dump || text.failed)) {
        rc = err_nomem(e);
    } else {
        with_body.body = dump ? &text : NULL;
        with_body.content_type = r->target ? "application/x-amz-json-1.1" : "application/json";
        rc = aws_call(a, &with_body, deadline_mono_ms, reply, e);
    }
    if (rc == 0)
        rc = read_reply(reply, out, e);
    free(dump);
    json_decref(body);
    str_clear(&text);
    return rc;
}

int aws_json_int(const json_t *object, const char *key, int otherwise)
{
    const json_t *v = json_object_get(object, key);
    json_int_t n = json_integer_value(v);

    return json_is_integer(v) && n >= 0 && n <= INT_MAX ? (int)n : otherwise;
}

const char *aws_json_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}
