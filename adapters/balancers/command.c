/* command.c - a balancer that a program of the user's own tells: JSON on its stdin, one run a
 * call. The protocol stands in balancing_about. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/program.h"
#include "adapters/balancers/balancer.h"
#include "base/clk.h"
#include "base/file.h"

#define MOST_BYTES 65536

struct command {
    struct conf *options; /* argv borrows its texts */
    const char **argv;
};

static int command_check_options(const struct conf *c, struct err *e)
{
    const char *const *list;

    if (conf_strings(c, "balancer_command", &list) == 0 || list[0][0] != '/')
        return err_set(e, ERR_CONFIG,
                       "balancer_command: write the program with its path "
                       "(\"/usr/local/bin/balance\")");
    return 0;
}

static void command_close(void *balancer)
{
    struct command *x = balancer;

    if (!x)
        return;
    free(x->argv);
    conf_free(x->options);
    free(x);
}

static int command_open(void **out, const struct conf *c, struct err *e)
{
    struct command *x = calloc(1, sizeof *x);
    const char *const *list;
    size_t n;

    if (!x)
        return err_nomem(e);
    if (conf_copy(&x->options, c, e) != 0)
        goto fail;
    n = conf_strings(x->options, "balancer_command", &list);
    x->argv = calloc(n + 1, sizeof *x->argv);
    if (!x->argv) {
        err_nomem(e);
        goto fail;
    }
    for (size_t i = 0; i < n; i++)
        x->argv[i] = list[i];
    if (file_check_owner(x->argv[0], false, e) != 0)
        goto fail;
    *out = x;
    return 0;
fail:
    command_close(x);
    return -1;
}

static json_t *member_json(const struct balancer_call *call, const struct balancer_member *m)
{
    static const char *const states[] = {
        [BALANCER_READY] = "ready", [BALANCER_DRAIN] = "drain", [BALANCER_KEEP] = "keep"};
    char address[BALANCER_ADDRESS_SIZE];

    return json_pack("{s:s, s:i, s:s}", "address",
                     balancer_address(call->host, m->port, address), "port", m->port, "state",
                     states[m->wish]);
}

static int make_request(const char *action, const struct balancer_call *call,
                        struct balancer_member *const *members, size_t n, struct str *out,
                        struct err *e)
{
    json_t *list = json_array();
    json_t *o =
        json_pack("{s:i, s:s, s:s}", "v", 1, "action", action, "service", call->service);
    char *text = NULL;
    int failed = !o || !list;

    for (size_t i = 0; i < n && !failed; i++)
        failed = json_array_append_new(list, member_json(call, members[i]));
    if (!failed && (!members || json_object_set(o, "members", list) == 0))
        text = json_dumps(o, JSON_COMPACT);
    if (text)
        str_printf(out, "%s\n", text);
    free(text);
    json_decref(list);
    json_decref(o);
    return text && !out->failed ? 0 : err_nomem(e);
}

static int judge(const struct command *x, const struct program_result *r, struct err *e)
{
    static const enum err_code codes[] = {ERR_NONE,     ERR_IO,    ERR_CONFIG, ERR_BUSY,
                                          ERR_CONFLICT, ERR_LIMIT, ERR_DENIED};
    size_t status = (size_t)r->exit_status;

    if (r->exit_status == 0)
        return 0;
    return err_set(e, status < sizeof codes / sizeof codes[0] ? codes[status] : ERR_IO,
                   "%.80s: exit %d: %s", x->argv[0], r->exit_status,
                   r->complaint[0] ? r->complaint : "it said nothing on stderr");
}

/* One run; *out is the object it said, NULL when it said nothing. */
static int ask(const struct command *x, const char *action, const struct balancer_call *call,
               struct balancer_member *const *members, size_t n, json_t **out, struct err *e)
{
    static const char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    struct str request = STR_EMPTY;
    struct program_result r = {0};
    int rc = make_request(action, call, members, n, &request, e);

    *out = NULL;
    if (rc == 0) {
        struct program p = {.argv = x->argv,
                            .environment = environment,
                            .input = str_text(&request),
                            .input_len = request.len,
                            .most_bytes = MOST_BYTES,
                            .deadline_mono_ms = call->deadline_mono_ms};

        rc = program_run(&p, &r, e);
    }
    if (rc == 0)
        rc = judge(x, &r, e);
    if (rc == 0 && strspn(str_text(&r.output), " \t\r\n") < r.output.len) {
        *out = json_loadb(str_text(&r.output), r.output.len, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(*out)) {
            json_decref(*out);
            *out = NULL;
            rc = err_set(e, ERR_DATA, "%.80s: its output is no JSON object", x->argv[0]);
        }
    }
    program_result_clear(&r);
    str_clear(&request);
    return rc;
}

static bool has_number(const json_t *list, int number)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (json_integer_value(json_array_get(list, i)) == number)
            return true;
    }
    return false;
}

static int command_sync(void *balancer, struct balancer_call *call,
                        struct balancer_member *const *members, size_t n, struct err *e)
{
    struct command *x = balancer;
    json_t *said = NULL;

    if (ask(x, "sync", call, members, n, &said, e) != 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        struct balancer_member *m = members[i];
        char port[16];
        const json_t *open;

        snprintf(port, sizeof port, "%d", m->port);
        open = json_object_get(json_object_get(said, "open"), port);
        m->open = json_is_integer(open) && json_integer_value(open) >= 0 &&
                          json_integer_value(open) <= INT32_MAX
                      ? (int)json_integer_value(open)
                      : -1;
        if (m->wish != BALANCER_KEEP)
            m->is_listed = m->wish == BALANCER_READY;
        else if (json_object_get(said, "listed"))
            m->is_listed = has_number(json_object_get(said, "listed"), m->port);
    }
    json_decref(said);
    return 0;
}

static int command_check(void *balancer, struct balancer_call *call, struct str *out,
                         struct err *e)
{
    struct command *x = balancer;
    json_t *said = NULL;
    const char *note;

    if (ask(x, "check", call, NULL, 0, &said, e) != 0)
        return -1;
    note = json_string_value(json_object_get(said, "note"));
    str_printf(out, "balancer: %s %s%.300s\n", x->argv[0], note ? "says: " : "answers",
               note ? note : "");
    json_decref(said);
    return out->failed ? err_nomem(e) : 0;
}

const struct balancer balancer_command = {
    .name = "command",
    .every_ms = 30 * CLK_SECOND_MS,
    .sync_ms = 10 * CLK_SECOND_MS,
    .check_options = command_check_options,
    .open = command_open,
    .sync = command_sync,
    .check = command_check,
    .close = command_close,
};
