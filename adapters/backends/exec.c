/* exec.c - a program of the user's own starts and stops instances: protocol.h on its stdin and
 * stdout, one run a call. */
#include <stdlib.h>
#include <string.h>

#include "act/program.h"
#include "adapters/backends/protocol.h"
#include "base/clk.h"
#include "base/file.h"

struct exec {
    struct conf *options;
    const char **argv, **environment; /* borrowed from options */
    int64_t timeout_ms;
};

static int exec_check_options(const struct conf *c, struct err *e)
{
    const char *const *list;
    size_t n = conf_strings(c, "command", &list);

    if (n == 0 || list[0][0] != '/')
        return err_set(e, ERR_CONFIG,
                       "command: write the program with its path (\"/usr/local/bin/fleet\")");
    n = conf_strings(c, "environment", &list);
    for (size_t i = 0; i < n; i++) {
        if (!strchr(list[i], '=') || list[i][0] == '=')
            return err_set(e, ERR_CONFIG, "environment: \"%.60s\": not NAME=value", list[i]);
    }
    return 0;
}

/* The option's entries, ended by NULL. */
static const char **list_of(const struct conf *c, const char *name)
{
    const char *const *list;
    size_t n = conf_strings(c, name, &list);
    const char **out = calloc(n + 1, sizeof *out);

    for (size_t i = 0; out && i < n; i++)
        out[i] = list[i];
    return out;
}

static void exec_close(void *backend)
{
    struct exec *x = backend;

    if (!x)
        return;
    free(x->argv);
    free(x->environment);
    conf_free(x->options);
    free(x);
}

static int exec_open(void **out, const struct conf *options, const struct backend_call *call,
                     struct err *e)
{
    struct exec *x = calloc(1, sizeof *x);

    (void)call;
    if (!x)
        return err_nomem(e);
    if (exec_check_options(options, e) != 0 || conf_copy(&x->options, options, e) != 0)
        goto fail;
    x->timeout_ms = conf_duration_ms(options, "timeout");
    x->argv = list_of(x->options, "command");
    x->environment = list_of(x->options, "environment");
    if (!x->argv || !x->environment) {
        err_nomem(e);
        goto fail;
    }
    /* Who may write it may do what scaler may. */
    if (file_check_owner(x->argv[0], false, e) != 0) {
        err_wrap(e, "command");
        goto fail;
    }
    *out = x;
    return 0;
fail:
    exec_close(x);
    return -1;
}

static int judge(const struct exec *x, const struct program_result *r, struct err *e)
{
    static const enum err_code codes[] = {ERR_NONE,     ERR_IO,    ERR_CONFIG, ERR_BUSY,
                                          ERR_CONFLICT, ERR_LIMIT, ERR_DENIED};
    size_t status = (size_t)r->exit_status;
    const char *said = r->complaint[0] ? r->complaint : "it said nothing on stderr";

    if (r->exit_status == 0)
        return 0;
    if (r->exit_status < 0)
        return err_set(e, ERR_IO, "%.80s: ended by a signal: %s", x->argv[0], said);
    return err_set(e, status < sizeof codes / sizeof codes[0] ? codes[status] : ERR_IO,
                   "%.80s: exit %d: %s", x->argv[0], r->exit_status, said);
}

static int run(void *user, const char *request, size_t n, const struct backend_call *call,
               struct str *reply, struct err *e)
{
    const struct exec *x = user;
    int64_t until = clk_mono_ms() + x->timeout_ms;
    struct program c = {.argv = x->argv,
                        .environment = x->environment,
                        .input = request,
                        .input_len = n,
                        .most_bytes = PROTOCOL_MOST_BYTES,
                        .deadline_mono_ms =
                            until < call->deadline_mono_ms ? until : call->deadline_mono_ms};
    struct program_result r;

    if (program_run(&c, &r, e) != 0)
        return -1;
    if (judge(x, &r, e) != 0) {
        program_result_clear(&r);
        return -1;
    }
    *reply = r.output; /* handed over */
    return 0;
}

static struct protocol protocol_of(void *backend)
{
    return (struct protocol){run, backend};
}

static int exec_status(void *backend, const struct backend_call *call,
                       struct backend_status *out, struct err *e)
{
    struct protocol p = protocol_of(backend);

    return protocol_status(&p, call, out, e);
}

static int exec_scale(void *backend, const struct backend_call *call, int count, struct err *e)
{
    struct protocol p = protocol_of(backend);

    return protocol_scale(&p, call, count, e);
}

static int exec_check(void *backend, const struct backend_call *call, struct str *out,
                      struct err *e)
{
    struct protocol p = protocol_of(backend);

    return protocol_check(&p, call, out, e);
}

static const struct conf_option options[] = {
    {"command", CONF_STRINGS, NULL, 1, 64, "",
     "Program, with its path, and arguments; no shell is involved. The program must belong to "
     "root or to scaler's user, and others must not be able to write it. It reads one line of "
     "JSON, "
     "{\"v\":1,\"action\":\"status\",\"service\":\"checkout\",\"dry_run\":false}; the action "
     "is status, scale (with \"count\", absolute) or check. To status it answers "
     "{\"running\":3,\"ready\":2}, and what it knows of desired, draining, failed, least, "
     "most, "
     "is_changing, rollout (what is being rolled out: no scale-in meanwhile), other_owner and "
     "note; to the others with an object, for check with a note. "
     "Exit 0: done; 1: failed, try again; 2: configured wrongly; 3: busy; 4: changed by "
     "someone "
     "else; 5: limit reached; 6: denied; the first line of stderr says why. In a dry run scale "
     "is never called. What it leaves running needs a session of its own (setsid) and no "
     "inherited output."},
    {"environment", CONF_STRINGS, "", 0, 1024, "",
     "\"NAME=value\" entries: all that the program sees."},
    {"timeout", CONF_DURATION, "30s", 0.1, 3600, "s",
     "A run that has not ended by then is killed, with its process group."},
    CONF_END,
};

static const char *const account[] = {"command", NULL};

const struct backend backend_exec = {
    .name = "exec",
    .summary = "a program of your own starts and stops instances (JSON in, JSON out)",
    .options = options,
    .lead_time_guess_ms = CLK_MINUTE_MS,
    .account = account,
    .check_options = exec_check_options,
    .open = exec_open,
    .status = exec_status,
    .scale = exec_scale,
    .check = exec_check,
    .close = exec_close,
};
