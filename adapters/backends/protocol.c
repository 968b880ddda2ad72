/* protocol.c - see protocol.h. */
#include "adapters/backends/protocol.h"

#include <jansson.h>
#include <stdlib.h>

#define MOST_COUNT 1000000

static int make_request(const char *action, const struct backend_call *call, int count,
                        struct str *out, struct err *e)
{
    json_t *o = json_pack("{s:i, s:s, s:s, s:b}", "v", 1, "action", action, "service",
                          call->service, "dry_run", (int)call->is_dry_run);
    char *text = NULL;

    if (o && (count < 0 || json_object_set_new(o, "count", json_integer(count)) == 0))
        text = json_dumps(o, JSON_COMPACT);
    if (text)
        str_printf(out, "%s\n", text);
    free(text);
    json_decref(o);
    return text && !out->failed ? 0 : err_nomem(e);
}

/* One request and its reply, an object; the caller drops it. */
static int ask(const struct protocol *p, const char *action, const struct backend_call *call,
               int count, json_t **out, struct err *e)
{
    struct str request = STR_EMPTY, reply = STR_EMPTY;
    json_error_t why;
    int rc = -1;

    if (make_request(action, call, count, &request, e) != 0 ||
        p->send(p->user, str_text(&request), request.len, call, &reply, e) != 0)
        goto done;
    *out = json_loadb(str_text(&reply), reply.len, JSON_REJECT_DUPLICATES, &why);
    if (json_is_object(*out)) {
        rc = 0;
    } else if (*out) {
        err_set(e, ERR_DATA, "the reply is not a JSON object");
        json_decref(*out);
    } else {
        err_set(e, ERR_DATA, "the reply is not JSON: %.100s", why.text);
    }
done:
    str_clear(&request);
    str_clear(&reply);
    return rc == 0 ? 0 : err_wrap(e, "%s", action);
}

/* `def` -2: it must be there. */
static int read_count(const json_t *o, const char *name, int def, int *out, struct err *e)
{
    const json_t *v = json_object_get(o, name);
    json_int_t n = json_integer_value(v);

    if (!v && def == -2)
        return err_set(e, ERR_DATA, "status: \"%s\" is missing in the reply", name);
    *out = def;
    if (!v || json_is_null(v))
        return 0;
    if (!json_is_integer(v) || n < (def == -1 ? -1 : 0) || n > MOST_COUNT)
        return err_set(e, ERR_DATA, "status: \"%s\" in the reply is not a count", name);
    *out = (int)n;
    return 0;
}

static void read_text(const json_t *o, const char *name, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(o, name));

    str_copy(out, size, text ? text : "");
}

static int read_status(const json_t *o, struct backend_status *out, struct err *e)
{
    *out = (struct backend_status){0};
    if (read_count(o, "desired", -1, &out->desired, e) != 0 ||
        read_count(o, "running", -2, &out->running, e) != 0 ||
        read_count(o, "ready", -2, &out->ready, e) != 0 ||
        read_count(o, "draining", 0, &out->draining, e) != 0 ||
        read_count(o, "failed", 0, &out->failed, e) != 0 ||
        read_count(o, "least", -1, &out->least, e) != 0 ||
        read_count(o, "most", -1, &out->most, e) != 0)
        return -1;
    if (out->ready > out->running)
        return err_set(e, ERR_DATA, "status: %d ready of %d running", out->ready, out->running);
    out->is_changing = json_is_true(json_object_get(o, "is_changing"));
    read_text(o, "rollout", out->rollout, sizeof out->rollout);
    if (json_is_true(json_object_get(o, "rollout")))
        str_copy(out->rollout, sizeof out->rollout, "another version is rolled out");
    out->is_changing |= out->rollout[0] != '\0';
    read_text(o, "other_owner", out->other_owner, sizeof out->other_owner);
    read_text(o, "note", out->note, sizeof out->note);
    return 0;
}

int protocol_status(const struct protocol *p, const struct backend_call *call,
                    struct backend_status *out, struct err *e)
{
    json_t *o = NULL;
    int rc;

    if (ask(p, "status", call, -1, &o, e) != 0)
        return -1;
    rc = read_status(o, out, e);
    json_decref(o);
    return rc;
}

int protocol_scale(const struct protocol *p, const struct backend_call *call, int count,
                   struct err *e)
{
    struct backend_status st;
    json_t *o = NULL;

    if (protocol_status(p, call, &st, e) != 0)
        return -1;
    if (count < 0 || (st.most >= 0 && count > st.most))
        return err_set(e, ERR_LIMIT, "%d instances asked: the most is %d", count, st.most);
    if (count == (st.desired >= 0 ? st.desired : st.running))
        return 0;
    if (ask(p, "scale", call, count, &o, e) != 0)
        return -1;
    json_decref(o);
    return 0;
}

int protocol_check(const struct protocol *p, const struct backend_call *call, struct str *out,
                   struct err *e)
{
    struct backend_status st;
    json_t *o = NULL;
    const char *note;

    if (ask(p, "check", call, -1, &o, e) != 0)
        return -1;
    note = json_string_value(json_object_get(o, "note"));
    if (note && *note)
        str_printf(out, "%.400s\n", note);
    json_decref(o);
    if (out->failed)
        return err_nomem(e);
    return protocol_status(p, call, &st, e); /* what it says must be readable, too */
}
