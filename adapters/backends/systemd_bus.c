/* systemd_bus.c - see systemd_bus.h. Source: org.freedesktop.systemd1(5). */
#include "adapters/backends/systemd_bus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "base/clk.h"
#include "base/str.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define PATH "/org/freedesktop/systemd1"
#define MANAGER SYSTEMD ".Manager"
#define USEC_A_MS 1000

struct systemd_bus {
    sd_bus *bus;
    int64_t deadline_mono_ms;
};

/* --- errors ------------------------------------------------------------------------------ */

static enum err_code code_of(const char *name, int number)
{
    static const struct {
        const char *name;
        enum err_code code;
    } known[] = {
        {"org.freedesktop.DBus.Error.AccessDenied", ERR_DENIED},
        {"org.freedesktop.DBus.Error.AuthFailed", ERR_DENIED},
        {"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", ERR_DENIED},
        {"org.freedesktop.DBus.Error.FileNotFound", ERR_CONFIG},
        {"org.freedesktop.DBus.Error.InvalidArgs", ERR_CONFIG},
        {"org.freedesktop.DBus.Error.LimitsExceeded", ERR_LIMIT},
        {SYSTEMD ".NoSuchUnit", ERR_CONFIG},
        {SYSTEMD ".UnitMasked", ERR_CONFIG},
        {SYSTEMD ".LoadFailed", ERR_CONFIG},
        {SYSTEMD ".BadUnitSetting", ERR_CONFIG},
        {SYSTEMD ".TransactionIsDestructive", ERR_BUSY},
    };

    for (size_t i = 0; name && i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(name, known[i].name) == 0)
            return known[i].code;
    }
    switch (number) {
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    case ENOENT:
        return name ? ERR_CONFIG : ERR_IO; /* without a name: no socket, not no unit */
    case EBADMSG:
    case ENXIO:
        return ERR_DATA;
    default:
        return ERR_IO;
    }
}

/* `what` could not be done; frees the error. */
static int failed(sd_bus_error *error, int rc, const char *what, struct err *e)
{
    int number = error && sd_bus_error_is_set(error) ? sd_bus_error_get_errno(error) : -rc;
    enum err_code code = code_of(error ? error->name : NULL, number);

    err_set(e, code, "%.100s: %.80s%s", what,
            error && error->message ? error->message : strerror(number),
            code == ERR_DENIED ? " (polkit must allow " SYSTEMD ".manage-units)" : "");
    sd_bus_error_free(error);
    return -1;
}

/* Every call from here on has the time that is left. */
static int within(struct systemd_bus *b, const char *what, struct err *e)
{
    int64_t left_ms = b->deadline_mono_ms - clk_mono_ms();

    if (left_ms <= 0)
        return err_set(e, ERR_IO, "%.100s: no time left", what);
    sd_bus_set_method_call_timeout(b->bus, (uint64_t)left_ms * USEC_A_MS);
    return 0;
}

/* --- the connection ---------------------------------------------------------------------- */

static int connect_to(sd_bus **out, const char *where)
{
    sd_bus *bus = NULL;
    int rc;

    if (strcmp(where, "system") == 0)
        return sd_bus_open_system(out);
    if (strcmp(where, "user") == 0)
        return sd_bus_open_user(out);
    rc = sd_bus_new(&bus);
    if (rc >= 0)
        rc = sd_bus_set_address(bus, where);
    if (rc >= 0)
        rc = sd_bus_set_bus_client(bus, 1);
    if (rc >= 0)
        rc = sd_bus_start(bus);
    if (rc < 0)
        sd_bus_unref(bus);
    else
        *out = bus;
    return rc;
}

/* The handshake: a call would wait for it without regard to its own deadline. */
static int wait_ready(sd_bus *bus, int64_t deadline_mono_ms)
{
    for (;;) {
        int rc = sd_bus_is_ready(bus);
        int64_t left_ms = deadline_mono_ms - clk_mono_ms();

        if (rc != 0)
            return rc;
        if (left_ms <= 0)
            return -ETIMEDOUT;
        rc = sd_bus_process(bus, NULL);
        if (rc == 0)
            rc = sd_bus_wait(bus, (uint64_t)left_ms * USEC_A_MS);
        if (rc < 0 && rc != -EINTR)
            return rc;
    }
}

void systemd_bus_close(struct systemd_bus *b)
{
    if (!b)
        return;
    sd_bus_close(b->bus);
    sd_bus_unref(b->bus);
    free(b);
}

int systemd_bus_open(struct systemd_bus **out, const char *where, int64_t deadline_mono_ms,
                     struct err *e)
{
    struct systemd_bus *b = calloc(1, sizeof *b);
    int rc;

    if (!b)
        return err_nomem(e);
    b->deadline_mono_ms = deadline_mono_ms;
    rc = connect_to(&b->bus, where);
    if (rc >= 0)
        rc = wait_ready(b->bus, deadline_mono_ms);
    if (rc < 0) {
        systemd_bus_close(b);
        return err_set(e, code_of(NULL, -rc), "bus \"%.120s\": %s", where, strerror(-rc));
    }
    *out = b;
    return 0;
}

/* --- units ------------------------------------------------------------------------------- */

int systemd_bus_list(struct systemd_bus *b, const char *pattern,
                     void (*tell)(void *user, const struct systemd_unit *unit), void *user,
                     struct err *e)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    struct systemd_unit u;
    int rc;

    if (within(b, "list of units", e) != 0)
        return -1;
    rc = sd_bus_call_method(b->bus, SYSTEMD, PATH, MANAGER, "ListUnitsByPatterns", &error,
                            &reply, "asas", 0, 1, pattern);
    if (rc >= 0)
        rc = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
    while (rc >= 0 &&
           (rc = sd_bus_message_read(reply, "(ssssssouso)", &u.name, NULL, NULL, &u.active,
                                     &u.sub, NULL, &u.path, NULL, &u.job, NULL)) > 0)
        tell(user, &u);
    sd_bus_message_unref(reply);
    return rc < 0 ? failed(&error, rc, "list of units", e) : 0;
}

int systemd_bus_reset(struct systemd_bus *b, const char *unit, struct err *e)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    int rc;

    if (within(b, unit, e) != 0)
        return -1;
    rc = sd_bus_call_method(b->bus, SYSTEMD, PATH, MANAGER, "ResetFailedUnit", &error, NULL,
                            "s", unit);
    return rc < 0 ? failed(&error, rc, unit, e) : 0;
}

int systemd_bus_order(struct systemd_bus *b, const char *method, const char *unit,
                      struct err *e)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    int rc;

    if (within(b, unit, e) != 0)
        return -1;
    rc = sd_bus_call_method(b->bus, SYSTEMD, PATH, MANAGER, method, &error, NULL, "ss", unit,
                            "replace");
    return rc < 0 ? failed(&error, rc, unit, e) : 0;
}

static int add_limit(sd_bus_message *m, const char *name, int64_t value)
{
    return value < 0 ? 0 : sd_bus_message_append(m, "(sv)", name, "t", (uint64_t)value);
}

static int limit_message(struct systemd_bus *b, sd_bus_message **out, const char *unit,
                         const struct systemd_limits *limits)
{
    int rc = sd_bus_message_new_method_call(b->bus, out, SYSTEMD, PATH, MANAGER,
                                            "SetUnitProperties");

    if (rc >= 0)
        rc = sd_bus_message_append(*out, "sb", unit, 1);
    if (rc >= 0)
        rc = sd_bus_message_open_container(*out, 'a', "(sv)");
    if (rc >= 0)
        rc = add_limit(*out, "MemoryMax", limits->memory_bytes);
    if (rc >= 0)
        rc = add_limit(*out, "CPUQuotaPerSecUSec", limits->cpu_usec);
    if (rc >= 0)
        rc = add_limit(*out, "TasksMax", limits->tasks);
    return rc >= 0 ? sd_bus_message_close_container(*out) : rc;
}

int systemd_bus_limit(struct systemd_bus *b, const char *unit,
                      const struct systemd_limits *limits, struct err *e)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *m = NULL;
    int rc;

    if (limits->memory_bytes < 0 && limits->cpu_usec < 0 && limits->tasks < 0)
        return 0;
    if (within(b, unit, e) != 0)
        return -1;
    rc = limit_message(b, &m, unit, limits);
    if (rc >= 0)
        rc = sd_bus_call(b->bus, m, 0, &error, NULL);
    sd_bus_message_unref(m);
    return rc < 0 ? failed(&error, rc, unit, e) : 0;
}

static int ask_text(struct systemd_bus *b, const char *method, const char *unit,
                    const char *type, char *out, size_t size, struct err *e)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    sd_bus_message *reply = NULL;
    const char *text = "";
    int rc;

    if (within(b, unit, e) != 0)
        return -1;
    rc = sd_bus_call_method(b->bus, SYSTEMD, PATH, MANAGER, method, &error, &reply, "s", unit);
    if (rc >= 0)
        rc = sd_bus_message_read(reply, type, &text);
    str_copy(out, size, rc >= 0 ? text : "");
    sd_bus_message_unref(reply);
    return rc < 0 ? failed(&error, rc, unit, e) : 0;
}

int systemd_bus_file_state(struct systemd_bus *b, const char *unit, char *out, size_t size,
                           struct err *e)
{
    return ask_text(b, "GetUnitFileState", unit, "s", out, size, e);
}

int systemd_bus_load(struct systemd_bus *b, const char *unit, char *path, size_t size,
                     struct err *e)
{
    return ask_text(b, "LoadUnit", unit, "o", path, size, e);
}

int systemd_bus_property(struct systemd_bus *b, const char *path, const char *name, char *out,
                         size_t size, struct err *e)
{
    sd_bus_error error = SD_BUS_ERROR_NULL;
    char *text = NULL;
    int rc;

    if (within(b, name, e) != 0)
        return -1;
    rc = sd_bus_get_property_string(b->bus, SYSTEMD, path, SYSTEMD ".Service", name, &error,
                                    &text);
    str_copy(out, size, rc >= 0 ? text : "");
    free(text);
    return rc < 0 ? failed(&error, rc, name, e) : 0;
}
