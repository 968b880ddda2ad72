/* nginx.c - a balancer: the servers of one nginx upstream, in a file that it includes.
 *
 * The file is replaced whole, and nginx reloads once for all changes of a round. nginx reads it
 * at each start too, so a reload that fails is only tried again. After a signal the workers
 * tell whether it was taken up: nginx keeps its old ones when the configuration is faulty.
 * Source: nginx.org, "Controlling nginx", "Changing Configuration". */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "act/program.h"
#include "adapters/balancers/balancer.h"
#include "base/clk.h"
#include "base/file.h"

#define MOST_FILE_BYTES (1024 * 1024)
#define LOOK_EVERY_MS 5
#define MOST_OUTPUT_BYTES 65536

struct nginx {
    char file[401], pid_file[401];
    struct conf *options; /* argv borrows its texts */
    const char **argv;    /* NULL: by signal */
    bool is_read;         /* nginx took up the file as it stands; not known after our start */
};

static bool is_signalled(const struct conf *c)
{
    const char *const *list;

    return conf_strings(c, "balancer_command", &list) == 0;
}

static int nginx_check_options(const struct conf *c, struct err *e)
{
    const char *const *list;

    if (conf_string(c, "balancer_file")[0] != '/')
        return err_set(e, ERR_CONFIG,
                       "balancer_file = \"%s\": balancer \"nginx\" needs it, with its path",
                       conf_string(c, "balancer_file"));
    if (conf_strings(c, "balancer_command", &list) > 0 && list[0][0] != '/')
        return err_set(e, ERR_CONFIG, "balancer_command = \"%.80s\": write it with its path",
                       list[0]);
    return 0;
}

static void nginx_close(void *balancer)
{
    struct nginx *x = balancer;

    if (!x)
        return;
    free(x->argv);
    conf_free(x->options);
    free(x);
}

/* NULL-terminated. */
static int take_command(struct nginx *x, struct err *e)
{
    const char *const *list;
    size_t n = conf_strings(x->options, "balancer_command", &list);

    x->argv = calloc(n + 1, sizeof *x->argv);
    if (!x->argv)
        return err_nomem(e);
    for (size_t i = 0; i < n; i++)
        x->argv[i] = list[i];
    return file_check_owner(x->argv[0], false, e);
}

static int nginx_open(void **out, const struct conf *c, struct err *e)
{
    struct nginx *x = calloc(1, sizeof *x);

    if (!x)
        return err_nomem(e);
    str_copy(x->file, sizeof x->file, conf_string(c, "balancer_file"));
    str_copy(x->pid_file, sizeof x->pid_file, conf_string(c, "balancer_pid_file"));
    if (conf_copy(&x->options, c, e) != 0 || (!is_signalled(c) && take_command(x, e) != 0)) {
        nginx_close(x);
        return -1;
    }
    *out = x;
    return 0;
}

/* --- the file ----------------------------------------------------------------------------- */

static void server_line(const struct balancer_call *call, int port, char *out, size_t size)
{
    char address[BALANCER_ADDRESS_SIZE];

    snprintf(out, size, "server %s;\n", balancer_address(call->host, port, address));
}

/* Without any server nginx would not start. */
static int make_text(const struct balancer_call *call, struct balancer_member *const *members,
                     size_t n, const char *old, struct str *out, struct err *e)
{
    char line[BALANCER_ADDRESS_SIZE + 16];
    bool is_empty = true;

    str_printf(out, "# Written by scaler for service \"%s\": edits are lost.\n", call->service);
    for (size_t i = 0; i < n; i++) {
        server_line(call, members[i]->port, line, sizeof line);
        if (members[i]->wish == BALANCER_DRAIN ||
            (members[i]->wish == BALANCER_KEEP && !strstr(old, line)))
            continue;
        str_add(out, line);
        is_empty = false;
    }
    if (is_empty)
        str_printf(out, "server %s down;\n", balancer_address(call->host, 1, line));
    return out->failed ? err_nomem(e) : 0;
}

/* "" when there is none yet. */
static int read_old(const struct nginx *x, struct str *out, struct err *e)
{
    if (access(x->file, F_OK) != 0 && errno == ENOENT)
        return 0;
    return file_read(x->file, MOST_FILE_BYTES, out, e);
}

/* --- the reload --------------------------------------------------------------------------- */

static int run_command(const struct nginx *x, int64_t deadline_mono_ms, struct err *e)
{
    static const char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    struct program p = {.argv = x->argv,
                        .environment = environment,
                        .input = "",
                        .most_bytes = MOST_OUTPUT_BYTES,
                        .deadline_mono_ms = deadline_mono_ms};
    struct program_result r;
    int rc = 0;

    if (program_run(&p, &r, e) != 0)
        return -1;
    if (r.exit_status != 0)
        rc = err_set(e, ERR_IO, "%.80s: exit %d: %s", x->argv[0], r.exit_status,
                     r.complaint[0] ? r.complaint : "it said nothing on stderr");
    program_result_clear(&r);
    return rc;
}

static int read_pid(const struct nginx *x, pid_t *out, struct err *e)
{
    struct str text = STR_EMPTY;
    char name[32] = "", path[64];
    int64_t pid = 0;
    FILE *f;

    if (file_read(x->pid_file, 64, &text, e) != 0) {
        str_clear(&text);
        return -1;
    }
    str_to_int64(str_text(&text), strcspn(str_text(&text), "\n"), &pid);
    str_clear(&text);
    /* A pid file that was left may name anyone by now. */
    snprintf(path, sizeof path, "/proc/%lld/comm", (long long)pid);
    f = pid > 1 && pid <= INT32_MAX ? fopen(path, "re") : NULL;
    if (f) {
        if (!fgets(name, sizeof name, f))
            name[0] = '\0';
        fclose(f);
    }
    if (strncmp(name, "nginx", strlen("nginx")) != 0)
        return err_set(e, ERR_IO,
                       "%s: no nginx is seen as process %lld (of another user? set "
                       "balancer_command)",
                       x->pid_file, (long long)pid);
    *out = (pid_t)pid;
    return 0;
}

/* Its children, each with a blank behind. */
static void list_workers(pid_t master, char *out, size_t size)
{
    char path[64];
    size_t n = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%ld/task/%ld/children", (long)master, (long)master);
    f = fopen(path, "re");
    if (f) {
        n = fread(out, 1, size - 1, f);
        fclose(f);
    }
    out[n] = '\0';
}

/* A worker that ends tells so in its title: "nginx: worker process is shutting down". */
static bool takes_requests(long pid)
{
    char path[64], title[128];
    size_t n = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%ld/cmdline", pid);
    f = fopen(path, "re");
    if (f) {
        n = fread(title, 1, sizeof title - 1, f);
        fclose(f);
    }
    title[n] = '\0';
    return strstr(title, "worker process") && !strstr(title, "shutting down");
}

static bool holds(const char *list, long pid)
{
    for (const char *p = list; *p; p += strcspn(p, " "), p += strspn(p, " ")) {
        if (strtol(p, NULL, 10) == pid)
            return true;
    }
    return false;
}

/* There are new workers, and those of before take no more. */
static bool is_taken_up(pid_t master, const char *before)
{
    char now[4096];
    bool has_new = false;

    list_workers(master, now, sizeof now);
    for (const char *p = now; *p; p += strcspn(p, " "), p += strspn(p, " ")) {
        long pid = strtol(p, NULL, 10);

        if (!holds(before, pid))
            has_new |= takes_requests(pid);
        else if (takes_requests(pid))
            return false;
    }
    return has_new;
}

static int wait_for_workers(pid_t master, const char *before, int64_t deadline_mono_ms,
                            struct err *e)
{
    const struct timespec pause = {0, LOOK_EVERY_MS * 1000000L};

    while (!is_taken_up(master, before)) {
        if (clk_mono_ms() >= deadline_mono_ms)
            return err_set(e, ERR_IO,
                           "nginx did not take up its configuration: see its error log");
        nanosleep(&pause, NULL);
    }
    return 0;
}

/* After a command whose master is not known its exit status must do. */
static int reload(const struct nginx *x, int64_t deadline_mono_ms, struct err *e)
{
    char before[4096] = "";
    pid_t master = 0;

    if (read_pid(x, &master, x->argv ? NULL : e) == 0)
        list_workers(master, before, sizeof before);
    else if (!x->argv)
        return -1;
    if (x->argv && run_command(x, deadline_mono_ms, e) != 0)
        return -1;
    if (!x->argv && kill(master, SIGHUP) != 0)
        return err_set(e, errno == EPERM ? ERR_DENIED : ERR_IO, "nginx, process %ld: %s",
                       (long)master, strerror(errno));
    return master > 0 ? wait_for_workers(master, before, deadline_mono_ms, e) : 0;
}

/* --- the balancer ------------------------------------------------------------------------- */

static int bring(struct nginx *x, const struct balancer_call *call, const struct str *old,
                 const struct str *text, struct err *e)
{
    if (old->len != text->len || memcmp(str_text(old), str_text(text), text->len) != 0) {
        x->is_read = false;
        if (file_replace(x->file, str_text(text), text->len, 0644, e) != 0)
            return -1;
    }
    if (x->is_read)
        return 0;
    if (reload(x, call->deadline_mono_ms, e) != 0)
        return -1;
    x->is_read = true;
    return 0;
}

static int nginx_sync(void *balancer, struct balancer_call *call,
                      struct balancer_member *const *members, size_t n, struct err *e)
{
    struct nginx *x = balancer;
    struct str old = STR_EMPTY, text = STR_EMPTY;
    char line[BALANCER_ADDRESS_SIZE + 16];
    int rc = -1;

    if (read_old(x, &old, e) != 0 ||
        make_text(call, members, n, str_text(&old), &text, e) != 0 ||
        bring(x, call, &old, &text, e) != 0)
        goto done;
    for (size_t i = 0; i < n; i++) {
        server_line(call, members[i]->port, line, sizeof line);
        members[i]->is_listed = strstr(str_text(&text), line) != NULL;
        members[i]->open = -1;
    }
    rc = 0;
done:
    str_clear(&old);
    str_clear(&text);
    return rc;
}

static int nginx_check(void *balancer, struct balancer_call *call, struct str *out,
                       struct err *e)
{
    const struct nginx *x = balancer;
    char dir[401];
    pid_t master = 0;
    char *slash;

    (void)call;
    str_copy(dir, sizeof dir, x->file);
    slash = strrchr(dir, '/');
    slash[slash == dir] = '\0';
    if (access(dir, W_OK) != 0)
        return err_set(e, errno == ENOENT ? ERR_CONFIG : ERR_DENIED,
                       "balancer_file: cannot write in %s: %s", dir, strerror(errno));
    if (x->argv) {
        str_printf(out, "nginx: %s is replaced, then %s runs\n", x->file, x->argv[0]);
        return out->failed ? err_nomem(e) : 0;
    }
    if (read_pid(x, &master, e) != 0)
        return -1;
    if (kill(master, 0) != 0)
        return err_set(e, ERR_DENIED, "nginx, process %ld: %s: set balancer_command",
                       (long)master, strerror(errno));
    str_printf(out, "nginx: %s is replaced, then process %ld reloads\n", x->file, (long)master);
    return out->failed ? err_nomem(e) : 0;
}

const struct balancer balancer_nginx = {
    .name = "nginx",
    .every_ms = 5 * CLK_SECOND_MS,
    .sync_ms = 5 * CLK_SECOND_MS,
    .check_options = nginx_check_options,
    .open = nginx_open,
    .sync = nginx_sync,
    .check = nginx_check,
    .close = nginx_close,
};
