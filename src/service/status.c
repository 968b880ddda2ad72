/* status.c - see status.h. One table of fields, so that writing and reading cannot differ. */
#include "service/status.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum field_type { FIELD_INT, FIELD_INT64, FIELD_DOUBLE, FIELD_BOOL, FIELD_TEXT, FIELD_COUNT };

struct field {
    const char *name;
    enum field_type type;
    size_t offset, size;
};

#define ROW(s, type, member)                                                       \
    {                                                                              \
#member, type, offsetof(struct s, member), sizeof(((struct s *)0)->member) \
    }
#define SERVICE(type, member) ROW(service_status, type, member)
#define DAEMON(type, member) ROW(daemon_status, type, member)

static const struct field service_fields[] = {
    SERVICE(FIELD_TEXT, name),
    SERVICE(FIELD_TEXT, mode),
    SERVICE(FIELD_INT64, step_ms),
    SERVICE(FIELD_DOUBLE, load),
    SERVICE(FIELD_INT64, load_ms),
    SERVICE(FIELD_DOUBLE, forecast),
    SERVICE(FIELD_DOUBLE, need),
    SERVICE(FIELD_INT64, lead_time_ms),
    SERVICE(FIELD_BOOL, is_learning),
    SERVICE(FIELD_INT64, status_ms),
    SERVICE(FIELD_INT, running),
    SERVICE(FIELD_INT, ready),
    SERVICE(FIELD_INT, pending),
    SERVICE(FIELD_INT, draining),
    SERVICE(FIELD_INT64, decided_ms),
    SERVICE(FIELD_INT, desired),
    SERVICE(FIELD_INT, floor),
    SERVICE(FIELD_TEXT, reason),
    SERVICE(FIELD_TEXT, gate),
    SERVICE(FIELD_TEXT, blind),
    SERVICE(FIELD_TEXT, late),
    SERVICE(FIELD_TEXT, rollout),
    SERVICE(FIELD_INT64, rollout_ms),
    SERVICE(FIELD_BOOL, is_rollout_late),
    SERVICE(FIELD_INT, calls),
    SERVICE(FIELD_INT, calls_most),
    SERVICE(FIELD_INT64, calls_free_ms),
    SERVICE(FIELD_TEXT, budget),
    SERVICE(FIELD_TEXT, approval),
    SERVICE(FIELD_INT64, approval_ms),
    SERVICE(FIELD_INT64, action_ms),
    SERVICE(FIELD_INT, action_from),
    SERVICE(FIELD_INT, action_to),
    SERVICE(FIELD_INT64, plan_ms),
    SERVICE(FIELD_TEXT, permit),
    SERVICE(FIELD_INT64, permit_until_ms),
    SERVICE(FIELD_DOUBLE, stated),
    SERVICE(FIELD_DOUBLE, per_instance),
    SERVICE(FIELD_TEXT, capacity),
    SERVICE(FIELD_TEXT, guards),
    SERVICE(FIELD_BOOL, is_guarded),
    SERVICE(FIELD_TEXT, shadow),
    SERVICE(FIELD_INT64, shadow_ms),
    SERVICE(FIELD_BOOL, is_shadow_ready),
    SERVICE(FIELD_DOUBLE, shadow_hours),
    SERVICE(FIELD_DOUBLE, shadow_other_hours),
    SERVICE(FIELD_DOUBLE, shadow_above),
    SERVICE(FIELD_DOUBLE, shadow_other_above),
    SERVICE(FIELD_TEXT, note),
    SERVICE(FIELD_TEXT, error),
    SERVICE(FIELD_INT64, error_ms),
    SERVICE(FIELD_COUNT, samples),
    SERVICE(FIELD_COUNT, decisions),
    SERVICE(FIELD_COUNT, scale_calls),
    SERVICE(FIELD_COUNT, fetch_errors),
    SERVICE(FIELD_COUNT, backend_errors),
    SERVICE(FIELD_COUNT, fits),
    SERVICE(FIELD_DOUBLE, forecasts_scored),
    SERVICE(FIELD_DOUBLE, naive_ratio),
    SERVICE(FIELD_DOUBLE, cover95),
};

static const struct field daemon_fields[] = {
    DAEMON(FIELD_INT64, written_ms),
    DAEMON(FIELD_INT64, started_ms),
    DAEMON(FIELD_INT, pid),
    DAEMON(FIELD_BOOL, is_dry_run),
    DAEMON(FIELD_INT64, worst_late_ms),
    DAEMON(FIELD_COUNT, io_threads),
    DAEMON(FIELD_COUNT, io_queued),
    DAEMON(FIELD_COUNT, compute_queued),
    DAEMON(FIELD_TEXT, store),
    DAEMON(FIELD_TEXT, config),
};

#define N(table) (sizeof(table) / sizeof((table)[0]))

/* Bytes from outside (a source's note) may be no UTF-8; jansson refuses those. */
static json_t *text_json(const char *text)
{
    char clean[512];
    json_t *v = json_string(text);
    size_t n = 0;

    if (v)
        return v;
    for (; n < sizeof clean - 1 && text[n] != '\0'; n++)
        clean[n] = (unsigned char)text[n] < 0x80 ? text[n] : '?';
    clean[n] = '\0';
    return json_string(clean);
}

static json_t *field_json(const struct field *f, const char *base)
{
    const void *at = base + f->offset;
    double v;

    switch (f->type) {
    case FIELD_INT:
        return json_integer(*(const int *)at);
    case FIELD_INT64:
        return json_integer(*(const int64_t *)at);
    case FIELD_COUNT:
        return json_integer((json_int_t) * (const uint64_t *)at);
    case FIELD_BOOL:
        return json_boolean(*(const bool *)at);
    case FIELD_TEXT:
        return text_json(at);
    case FIELD_DOUBLE:
        v = *(const double *)at;
        return isfinite(v) ? json_real(v) : json_null();
    }
    return NULL;
}

static json_t *fields_json(const struct field *fields, size_t n, const void *base)
{
    json_t *object = json_object();

    for (size_t i = 0; object && i < n; i++) {
        if (json_object_set_new(object, fields[i].name, field_json(&fields[i], base)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* What is absent or of another type keeps its start value: an older or newer daemon's file is
 * shown as far as it is understood. */
static void field_read(const struct field *f, char *base, const json_t *v)
{
    void *at = base + f->offset;

    switch (f->type) {
    case FIELD_INT:
        if (json_is_integer(v) && json_integer_value(v) >= INT_MIN &&
            json_integer_value(v) <= INT_MAX)
            *(int *)at = (int)json_integer_value(v);
        break;
    case FIELD_INT64:
        if (json_is_integer(v))
            *(int64_t *)at = json_integer_value(v);
        break;
    case FIELD_COUNT:
        if (json_is_integer(v))
            *(uint64_t *)at = (uint64_t)json_integer_value(v);
        break;
    case FIELD_BOOL:
        *(bool *)at = json_is_true(v);
        break;
    case FIELD_TEXT:
        if (json_is_string(v))
            str_copy(at, f->size, json_string_value(v));
        break;
    case FIELD_DOUBLE:
        *(double *)at = json_is_number(v) ? json_number_value(v) : NAN;
        break;
    }
}

static void fields_read(const struct field *fields, size_t n, void *base, const json_t *object)
{
    for (size_t i = 0; i < n; i++)
        field_read(&fields[i], base, json_object_get(object, fields[i].name));
}

json_t *service_status_json(const struct service_status *s)
{
    return fields_json(service_fields, N(service_fields), s);
}

static int add_bytes(const char *bytes, size_t n, void *out)
{
    return str_add_n(out, bytes, n);
}

static int add_json(json_t *v, struct str *out)
{
    int rc =
        v ? json_dump_callback(v, add_bytes, out, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : -1;

    json_decref(v);
    return rc;
}

/* One service after the other: a tree of ten thousand would be fifty times its text. */
int daemon_status_write(const struct daemon_status *s, struct str *out, struct err *e)
{
    int rc = add_json(fields_json(daemon_fields, N(daemon_fields), s), out);

    if (rc == 0 && out->len > 1)
        out->len -= 2; /* "\n}" */
    if (rc == 0)
        rc = str_add(out, ",\n\"services\": [\n");
    for (size_t i = 0; rc == 0 && i < s->n; i++) {
        rc = i > 0 ? str_add(out, ",\n") : 0;
        if (rc == 0)
            rc = add_json(service_status_json(&s->services[i]), out);
    }
    if (rc == 0)
        rc = str_add(out, "\n]}\n");
    return rc == 0 ? 0 : err_nomem(e);
}

int daemon_status_read(struct daemon_status *s, struct service_status **services,
                       const char *text, size_t n, struct err *e)
{
    json_error_t fault;
    json_t *root = json_loadb(text, n, 0, &fault);
    json_t *list = json_object_get(root, "services");
    struct service_status *items = NULL;

    if (!root || !json_is_array(list)) {
        json_decref(root);
        return err_set(e, ERR_DATA, "not a status: %s", root ? "no services" : fault.text);
    }
    *s = (struct daemon_status){.n = json_array_size(list)};
    fields_read(daemon_fields, N(daemon_fields), s, root);
    items = calloc(s->n > 0 ? s->n : 1, sizeof *items);
    if (!items) {
        json_decref(root);
        return err_nomem(e);
    }
    for (size_t i = 0; i < s->n; i++)
        fields_read(service_fields, N(service_fields), &items[i], json_array_get(list, i));
    json_decref(root);
    s->services = *services = items;
    return 0;
}
