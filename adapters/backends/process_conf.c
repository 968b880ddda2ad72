/* process_conf.c - the options of the process backend, checked and put into plain values. */
#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <netdb.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "adapters/backends/ports.h"
#include "adapters/backends/process.h"
#include "base/str.h"

const struct conf_option process_options[] = {
    {"command", CONF_STRINGS, NULL, 1, 1024, "",
     "Program and arguments, one string each; {port}, {id} and {service} are filled in. No "
     "shell is involved. It must stay in the foreground. Instances that run already keep the "
     "command they were started with."},
    {"ports", CONF_STRING, "", 0, 64, "",
     "Ports to choose from, \"8001-8064\"; each instance gets one, in {port} and in the "
     "environment as PORT. After a change of the range those outside it end, each once another "
     "is ready."},
    {"instances", CONF_INT, "64", 1, PORTS_MOST, "instances",
     "Most instances of a service without ports."},
    {"working_dir", CONF_STRING, "", 0, 400, "", "Directory that instances start in."},
    {"user", CONF_STRING, "", 0, 64, "",
     "User that instances run as, with its groups alone; needs root. Unset: the user of scaler "
     "itself."},
    {"group", CONF_STRING, "", 0, 64, "",
     "Group that instances run as; needs root. Unset: the user's."},
    {"environment", CONF_STRINGS, "", 0, 1024, "",
     "\"NAME=value\" entries; instances see these, PORT, SCALER_SERVICE and SCALER_INSTANCE, "
     "and nothing else."},
    {"output", CONF_STRING, "", 0, 400, "",
     "File for stdout and stderr, with {id}; unset: ID.log beside the instance's other files."},
    {"output_most_kb", CONF_INT, "10240", 0, 1e9, "KiB",
     "Looked at every 10 s: beyond this the output file is copied to FILE.1 and emptied, so an "
     "instance keeps at most twice this and what it writes in 10 s; 0: never. Nothing is cut "
     "while no daemon runs."},
    {"probe", CONF_ENUM, "default", 0, 0, "default|none|tcp|http|exec",
     "What makes an instance ready: a connection, an HTTP status below 400, a command's exit "
     "0, "
     "or nothing. Default: tcp with ports, else none."},
    {"probe_host", CONF_STRING, "127.0.0.1", 1, 64, "", "Numeric address that is probed."},
    {"probe_path", CONF_STRING, "/", 1, 400, "", "Path that an http probe gets."},
    {"probe_command", CONF_STRINGS, "", 0, 64, "",
     "Command of an exec probe, run as the instance's user; {port} and {id} are filled in."},
    {"probe_interval", CONF_DURATION, "1s", 0.01, 3600, "s",
     "Time from one probe to the next."},
    {"probe_timeout", CONF_DURATION, "1s", 0.05, 60, "s", "A probe without answer fails then."},
    {"probe_failures", CONF_INT, "3", 1, 1000, "probes",
     "A ready instance is no longer ready after so many failed probes in a row."},
    {"ready_within", CONF_DURATION, "10m", 1, 86400, "s",
     "An instance that is not ready by then is replaced."},
    {"pre_stop", CONF_STRINGS, "", 0, 64, "",
     "Command run before an instance is told to stop (take it from a balancer here that the "
     "option balancer does not know). Should it fail, that is logged, and the instance stops "
     "all the same. It may run again after a restart."},
    {"pre_stop_timeout", CONF_DURATION, "30s", 0.1, 86400, "s",
     "A pre_stop command that has not ended by then is killed."},
    {"stop_signal", CONF_ENUM, "TERM", 0, 0, "TERM|INT|QUIT|HUP|USR1|USR2",
     "Signal that asks an instance, with all its processes, to end."},
    {"grace", CONF_DURATION, "30s", 0, 86400, "s",
     "Time from the stop signal until what is left is killed."},
    {"backoff_most", CONF_DURATION, "5m", 1, 86400, "s",
     "Starts after crashes wait 1 s, 2 s, 4 s ... up to this."},
    {"memory_mb", CONF_INT, "0", 0, 1e9, "MiB", "Memory of one instance; 0: no limit."},
    {"cpu", CONF_DOUBLE, "0", 0, 4096, "cores", "CPU of one instance; 0: no limit."},
    {"nofile", CONF_INT, "0", 0, 1e9, "descriptors", "Open files of a process; 0: as ours."},
    {"processes", CONF_INT, "0", 0, 1e9, "processes",
     "Processes and threads of one instance; 0: no limit."},
    {"core_mb", CONF_INT, "-1", -1, 1e9, "MiB",
     "Largest core dump of a process; 0: none, -1: as ours."},
    BALANCER_OPTIONS,
    CONF_END,
};

static int check_environment(const struct conf *c, struct err *e)
{
    const char *const *list;
    size_t n = conf_strings(c, "environment", &list);

    for (size_t i = 0; i < n; i++) {
        if (!strchr(list[i], '=') || list[i][0] == '=')
            return err_set(e, ERR_CONFIG, "environment: \"%.60s\": not NAME=value", list[i]);
    }
    return 0;
}

/* ERR_CONFIG for a brace that is none of ours, so that a typo is not handed to the program. */
static int check_template(const char *key, const char *text, bool has_ports, struct err *e)
{
    for (const char *p = strchr(text, '{'); p; p = strchr(p + 1, '{')) {
        if (strncmp(p, "{port}", 6) == 0 && !has_ports)
            return err_set(e, ERR_CONFIG, "%s: \"%.60s\" needs ports = \"8001-8064\"", key,
                           text);
        if (strncmp(p, "{port}", 6) != 0 && strncmp(p, "{id}", 4) != 0 &&
            strncmp(p, "{service}", 9) != 0)
            return err_set(e, ERR_CONFIG,
                           "%s: \"%.60s\": unknown placeholder (there are {port}, {id}, "
                           "{service})",
                           key, text);
    }
    return 0;
}

static int check_templates(const struct conf *c, bool has_ports, struct err *e)
{
    static const char *const keys[] = {"command", "pre_stop", "probe_command"};

    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        const char *const *list;
        size_t n = conf_strings(c, keys[k], &list);

        for (size_t i = 0; i < n; i++) {
            if (check_template(keys[k], list[i], has_ports, e) != 0)
                return -1;
        }
    }
    return check_template("output", conf_string(c, "output"), has_ports, e);
}

static int signal_number(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } rows[] = {{"TERM", SIGTERM}, {"INT", SIGINT},   {"QUIT", SIGQUIT},
                {"HUP", SIGHUP},   {"USR1", SIGUSR1}, {"USR2", SIGUSR2}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].number;
    }
    return SIGTERM;
}

static int read_probe(const struct conf *c, struct process_conf *out, struct err *e)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *addr = NULL;
    const char *kind = conf_string(c, "probe");
    const char *const *list;
    bool has_ports = out->first_port > 0;

    if (strcmp(kind, "default") == 0)
        kind = has_ports ? "tcp" : "none";
    out->probe = PROCESS_PROBE_NONE;
    if (strcmp(kind, "tcp") == 0)
        out->probe = PROCESS_PROBE_TCP;
    else if (strcmp(kind, "http") == 0)
        out->probe = PROCESS_PROBE_HTTP;
    else if (strcmp(kind, "exec") == 0)
        out->probe = PROCESS_PROBE_EXEC;
    if ((out->probe == PROCESS_PROBE_TCP || out->probe == PROCESS_PROBE_HTTP) && !has_ports)
        return err_set(e, ERR_CONFIG, "probe = \"%s\" needs ports = \"8001-8064\"", kind);
    if (out->probe == PROCESS_PROBE_EXEC && conf_strings(c, "probe_command", &list) == 0)
        return err_set(e, ERR_CONFIG, "probe = \"exec\" needs probe_command = [\"...\"]");
    if (conf_string(c, "probe_path")[0] != '/')
        return err_set(e, ERR_CONFIG, "probe_path = \"%s\": must begin with a slash",
                       conf_string(c, "probe_path"));
    for (const char *p = conf_string(c, "probe_path"); *p; p++) {
        if (isspace((unsigned char)*p) || iscntrl((unsigned char)*p))
            return err_set(e, ERR_CONFIG, "probe_path: blanks must be written as %%20");
    }
    if (getaddrinfo(conf_string(c, "probe_host"), NULL, &hints, &addr) != 0)
        return err_set(e, ERR_CONFIG, "probe_host = \"%s\": not a numeric address",
                       conf_string(c, "probe_host"));
    freeaddrinfo(addr);
    return 0;
}

/* Root may have lost the rights to it, and another may have been given them. */
static bool may_change_user(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    uint32_t needed = 1U << CAP_SETUID | 1U << CAP_SETGID;

    return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & needed) == needed;
}

/* Calls run side by side, so not getpwnam. An entry too long for the buffer is one too. */
static int check_identity(const char *user, const char *group, struct err *e)
{
    struct passwd pw_entry, *pw = NULL;
    struct group gr_entry, *gr = NULL;
    char text[4096];
    bool is_same = true;

    if (user[0] != '\0') {
        if (getpwnam_r(user, &pw_entry, text, sizeof text, &pw) != ERANGE && !pw)
            return err_set(e, ERR_CONFIG, "user = \"%s\": no such user", user);
        is_same = pw && pw->pw_uid == geteuid() && pw->pw_gid == getegid();
    }
    if (group[0] != '\0') {
        if (getgrnam_r(group, &gr_entry, text, sizeof text, &gr) != ERANGE && !gr)
            return err_set(e, ERR_CONFIG, "group = \"%s\": no such group", group);
        is_same &= gr && gr->gr_gid == getegid();
    }
    if (!is_same && !may_change_user())
        return err_set(e, ERR_DENIED,
                       "%s = \"%s\": only root may start instances as another (run scaler as "
                       "root, or leave it out)",
                       user[0] != '\0' ? "user" : "group", user[0] != '\0' ? user : group);
    return 0;
}

static int read_all(const struct conf *c, struct process_conf *out, struct err *e)
{
    const char *ports = conf_string(c, "ports");
    const char *const *list;
    int64_t core_mb;

    *out = (struct process_conf){0};
    if (conf_strings(c, "command", &list) == 0 || list[0][0] == '\0')
        return err_set(e, ERR_CONFIG, "command: empty (write [\"/srv/web\", \"{port}\"])");
    if (ports[0] != '\0' && ports_parse(ports, &out->first_port, &out->last_port, e) != 0)
        return -1;
    if (check_templates(c, ports[0] != '\0', e) != 0 || check_environment(c, e) != 0 ||
        read_probe(c, out, e) != 0 || balancing_check_options(c, ports[0] != '\0', e) != 0)
        return -1;
    out->most =
        ports[0] != '\0' ? out->last_port - out->first_port + 1 : (int)conf_int(c, "instances");
    out->output_most_bytes = conf_int(c, "output_most_kb") * 1024;
    out->probe_interval_ms = conf_duration_ms(c, "probe_interval");
    out->probe_timeout_ms = conf_duration_ms(c, "probe_timeout");
    out->probe_failures = (int)conf_int(c, "probe_failures");
    out->ready_within_ms = conf_duration_ms(c, "ready_within");
    out->pre_stop_ms = conf_duration_ms(c, "pre_stop_timeout");
    out->grace_ms = conf_duration_ms(c, "grace");
    out->backoff_most_ms = conf_duration_ms(c, "backoff_most");
    out->stop_signal = signal_number(conf_string(c, "stop_signal"));
    out->limit.memory_bytes = conf_int(c, "memory_mb") << 20;
    out->limit.cpus = conf_double(c, "cpu");
    out->limit.nofile = conf_int(c, "nofile");
    out->limit.processes = conf_int(c, "processes");
    core_mb = conf_int(c, "core_mb");
    out->limit.core_bytes = core_mb < 0 ? -1 : core_mb << 20;
    return 0;
}

int process_conf_check(const struct conf *c, struct err *e)
{
    struct process_conf unused;

    return read_all(c, &unused, e);
}

int process_conf_read(const struct conf *c, struct process_conf *out, struct err *e)
{
    if (read_all(c, out, e) != 0)
        return -1;
    return check_identity(conf_string(c, "user"), conf_string(c, "group"), e);
}

/* --- one instance's texts ---------------------------------------------------------------- */

static void fill(struct str *out, const char *text, const char *service, const char *id,
                 int port)
{
    for (const char *p = text; *p; p++) {
        if (strncmp(p, "{port}", 6) == 0) {
            str_printf(out, "%d", port);
            p += 5;
        } else if (strncmp(p, "{id}", 4) == 0) {
            str_add(out, id);
            p += 3;
        } else if (strncmp(p, "{service}", 9) == 0) {
            str_add(out, service);
            p += 8;
        } else {
            str_add_n(out, p, 1);
        }
    }
    str_add_n(out, "", 1); /* its own terminator: texts follow each other */
}

/* Offsets first, pointers once the text no longer moves. */
static const char **point_into(char *text, size_t n)
{
    const char **list = calloc(n + 1, sizeof *list);

    for (size_t i = 0; list && i < n; i++) {
        list[i] = text;
        text += strlen(text) + 1;
    }
    return list;
}

static const char **filled_list(struct process_texts *t, size_t slot, const struct conf *c,
                                const char *key, const char *service, const char *id, int port)
{
    struct str *s = &t->text[slot];
    const char *const *list;
    size_t n = conf_strings(c, key, &list);

    for (size_t i = 0; i < n; i++)
        fill(s, list[i], service, id, port);
    if (strcmp(key, "environment") == 0) {
        if (port > 0) {
            str_printf(s, "PORT=%d", port);
            str_add_n(s, "", 1);
            n++;
        }
        str_printf(s, "SCALER_SERVICE=%s", service);
        str_add_n(s, "", 1);
        str_printf(s, "SCALER_INSTANCE=%s", id);
        str_add_n(s, "", 1);
        n += 2;
    }
    t->list[slot] = s->failed ? NULL : point_into(s->data, n);
    return t->list[slot];
}

void process_texts_clear(struct process_texts *t)
{
    for (size_t i = 0; i < PROCESS_TEXTS; i++) {
        str_clear(&t->text[i]);
        free(t->list[i]);
    }
    str_clear(&t->output);
    *t = (struct process_texts){0};
}

int process_spec(const struct conf *c, const struct process_conf *pc, const char *dir,
                 const char *service, const char *id, int port, struct process_texts *t,
                 struct instance_spec *out, struct err *e)
{
    *t = (struct process_texts){0};
    *out = (struct instance_spec){.service = service,
                                  .id = id,
                                  .port = port,
                                  .working_dir = conf_string(c, "working_dir"),
                                  .user = conf_string(c, "user"),
                                  .group = conf_string(c, "group"),
                                  .stop_signal = pc->stop_signal,
                                  .pre_stop_ms = pc->pre_stop_ms,
                                  .grace_ms = pc->grace_ms,
                                  .limit = pc->limit};
    out->command = filled_list(t, 0, c, "command", service, id, port);
    out->environment = filled_list(t, 1, c, "environment", service, id, port);
    out->pre_stop = filled_list(t, 2, c, "pre_stop", service, id, port);
    out->probe = filled_list(t, 3, c, "probe_command", service, id, port);
    if (conf_string(c, "output")[0] != '\0')
        fill(&t->output, conf_string(c, "output"), service, id, port);
    else
        str_printf(&t->output, "%s/%s.log", dir, id);
    out->output = str_text(&t->output);
    if (t->output.failed || !out->command || !out->environment || !out->pre_stop || !out->probe)
        return err_nomem(e);
    return 0;
}
