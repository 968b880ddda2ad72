/* instance_file.c - see instance_file.h. */
#include "act/instance_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"

#define MOST_BYTES ((size_t)1 << 20)
#define PRE_STOP_DEFAULT_MS 30000

const char *instance_file(const char *dir, const char *id, const char *suffix, char *out)
{
    snprintf(out, INSTANCE_FILE_SIZE, "%s/%s.%s", dir, id, suffix);
    return out;
}

void instance_remove_file(const char *dir, const char *id, const char *suffix)
{
    char path[INSTANCE_FILE_SIZE];

    unlink(instance_file(dir, id, suffix, path));
}

void instance_remove_all(const char *dir, const char *id)
{
    instance_remove_file(dir, id, "pid");
    instance_remove_file(dir, id, "drain");
    instance_remove_file(dir, id, "error");
    instance_remove_file(dir, id, "json");
}

/* NULL: ERR_IO. */
static const char *boot_id(struct err *e)
{
    static const char path[] = "/proc/sys/kernel/random/boot_id";
    static _Thread_local char id[40];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, id, 36);

    if (n <= 0)
        err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    id[n > 0 ? n : 0] = '\0';
    return n > 0 ? id : NULL;
}

/* Steals json. */
static int write_json(const char *dir, const char *id, const char *suffix, json_t *json,
                      struct err *e)
{
    char path[INSTANCE_FILE_SIZE];
    char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
    int rc =
        text ? file_replace(instance_file(dir, id, suffix, path), text, strlen(text), 0600, e)
             : err_nomem(e);

    free(text);
    json_decref(json);
    return rc;
}

static json_t *read_json(const char *dir, const char *id, const char *suffix, struct err *e)
{
    char path[INSTANCE_FILE_SIZE];
    struct str text = STR_EMPTY;
    json_error_t fault;
    json_t *json = NULL;

    instance_file(dir, id, suffix, path);
    if (file_read(path, MOST_BYTES, &text, e) == 0) {
        json = json_loadb(str_text(&text), text.len, JSON_REJECT_DUPLICATES, &fault);
        if (!json && json_error_code(&fault) == json_error_out_of_memory)
            err_nomem(e);
        else if (!json)
            err_set(e, ERR_DATA, "%s:%d: %s", path, fault.line, fault.text);
    }
    str_clear(&text);
    return json;
}

/* NULL without memory: a list that lacks a word would start something else. */
static json_t *list_to_json(const char *const *list)
{
    json_t *array = json_array();

    for (; array && list && *list; list++) {
        if (json_array_append_new(array, json_string(*list)) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

int instance_spec_write(const char *dir, const struct instance_spec *s, struct err *e)
{
    json_t *j = json_pack(
        "{s:s, s:s, s:i, s:o, s:o, s:s, s:s, s:s, s:o, s:i, s:I, s:I, s:f, s:I, s:I, s:I, s:o,"
        " s:s, s:I, s:I}",
        "service", s->service, "id", s->id, "port", s->port, "command",
        list_to_json(s->command), "environment", list_to_json(s->environment), "working_dir",
        s->working_dir, "user", s->user, "output", s->output, "pre_stop",
        list_to_json(s->pre_stop), "stop_signal", s->stop_signal, "grace_ms",
        (json_int_t)s->grace_ms, "memory_bytes", (json_int_t)s->limit.memory_bytes, "cpus",
        s->limit.cpus, "processes", (json_int_t)s->limit.processes, "nofile",
        (json_int_t)s->limit.nofile, "started_ms", (json_int_t)s->started_ms, "probe",
        list_to_json(s->probe), "group", s->group, "pre_stop_ms", (json_int_t)s->pre_stop_ms,
        "core_bytes", (json_int_t)s->limit.core_bytes);

    return write_json(dir, s->id, "json", j, e);
}

/* A NULL-terminated list of the strings in a JSON array; NULL when it is none. */
static const char **list_from_json(const json_t *array)
{
    size_t n = json_array_size(array);
    const char **list = json_is_array(array) ? calloc(n + 1, sizeof *list) : NULL;

    for (size_t i = 0; list && i < n; i++) {
        list[i] = json_string_value(json_array_get(array, i));
        if (!list[i]) {
            free(list);
            return NULL;
        }
    }
    return list;
}

void instance_spec_clear(struct instance_spec *s)
{
    if (s->json) {
        free((void *)s->command);
        free((void *)s->environment);
        free((void *)s->pre_stop);
        free((void *)s->probe);
        json_decref(s->json);
    }
    *s = (struct instance_spec){0};
}

int instance_spec_read(const char *dir, const char *id, struct instance_spec *s, struct err *e)
{
    json_int_t pre_stop_ms = PRE_STOP_DEFAULT_MS, core_bytes = -1;
    json_int_t grace_ms, memory_bytes, processes, nofile, started_ms;
    json_t *command, *environment, *pre_stop, *probe;
    json_t *j = read_json(dir, id, "json", e);

    *s = (struct instance_spec){0};
    if (!j)
        return -1;
    s->json = j;
    s->group = "";
    /* What the first version did not write is optional: its instances are adopted, too. */
    if (json_unpack(j,
                    "{s:s, s:s, s:i, s:o, s:o, s:s, s:s, s:s, s:o, s:i, s:I, s:I, s:F, s:I, "
                    "s:I, s:I, s:o, s?s, s?I, s?I}",
                    "service", &s->service, "id", &s->id, "port", &s->port, "command", &command,
                    "environment", &environment, "working_dir", &s->working_dir, "user",
                    &s->user, "output", &s->output, "pre_stop", &pre_stop, "stop_signal",
                    &s->stop_signal, "grace_ms", &grace_ms, "memory_bytes", &memory_bytes,
                    "cpus", &s->limit.cpus, "processes", &processes, "nofile", &nofile,
                    "started_ms", &started_ms, "probe", &probe, "group", &s->group,
                    "pre_stop_ms", &pre_stop_ms, "core_bytes", &core_bytes) != 0)
        goto bad;
    s->pre_stop_ms = pre_stop_ms;
    s->grace_ms = grace_ms;
    s->started_ms = started_ms;
    s->limit.memory_bytes = memory_bytes;
    s->limit.processes = processes;
    s->limit.nofile = nofile;
    s->limit.core_bytes = core_bytes;
    s->command = list_from_json(command);
    s->environment = list_from_json(environment);
    s->pre_stop = list_from_json(pre_stop);
    s->probe = list_from_json(probe);
    if (s->command && s->command[0] && s->environment && s->pre_stop && s->probe)
        return 0;
bad:
    instance_spec_clear(s);
    return err_set(e, ERR_DATA, "%s/%s.json: not an instance's description", dir, id);
}

int instance_record_write(const char *dir, const char *id, const struct instance_record *r,
                          struct err *e)
{
    const char *names[LIMIT_MOST_GROUPS + 1] = {NULL};
    const char *boot = boot_id(e);

    if (!boot)
        return -1;
    for (size_t i = 0; i < r->groups.n; i++)
        names[i] = r->groups.dir[i];
    return write_json(dir, id, "pid",
                      json_pack("{s:i, s:I, s:s, s:o}", "pid", (int)r->pid, "start_ticks",
                                (json_int_t)r->start_ticks, "boot", boot, "groups",
                                list_to_json(names)),
                      e);
}

/* False for a boot of another length: jansson cuts a text short when it has no memory for it,
 * and says nothing. */
static bool take_record(const json_t *j, const char *this_boot, struct instance_record *out)
{
    json_int_t ticks = 0;
    const char *boot = "";
    json_t *groups = NULL;
    int pid = 0;

    if (json_unpack((json_t *)(uintptr_t)j, "{s:i, s:I, s:s, s:o}", "pid", &pid, "start_ticks",
                    &ticks, "boot", &boot, "groups", &groups) != 0 ||
        pid <= 1)
        return true;
    if (strlen(boot) != strlen(this_boot))
        return false;
    out->pid = pid;
    out->start_ticks = (uint64_t)ticks;
    out->is_this_boot = strcmp(boot, this_boot) == 0;
    for (size_t i = 0; i < json_array_size(groups) && i < LIMIT_MOST_GROUPS; i++) {
        const char *dir = json_string_value(json_array_get(groups, i));

        if (dir && str_copy(out->groups.dir[out->groups.n], LIMIT_PATH_SIZE, dir))
            out->groups.n++;
    }
    return true;
}

int instance_record_read(const char *dir, const char *id, struct instance_record *out,
                         struct err *e)
{
    char path[INSTANCE_FILE_SIZE];
    struct err why = {0};
    const char *boot;
    json_t *j;

    *out = (struct instance_record){0};
    if (access(instance_file(dir, id, "pid", path), F_OK) != 0 && errno == ENOENT)
        return 0;
    j = read_json(dir, id, "pid", &why);
    if (!j && why.code == ERR_DATA)
        return 0;
    if (!j)
        return err_set(e, why.code, "%s", why.msg);
    boot = boot_id(e);
    if (boot && !take_record(j, boot, out)) {
        err_set(e, ERR_IO, "%s: its boot is not an id of a boot", path);
        boot = NULL;
    }
    json_decref(j);
    return !boot ? -1 : out->pid > 1;
}

int instance_mark_write(const char *dir, const char *id, const struct instance_drain_mark *m,
                        struct err *e)
{
    const char *boot = boot_id(e);

    if (!boot)
        return -1;
    return write_json(dir, id, "drain",
                      json_pack("{s:i, s:I, s:s}", "phase", (int)m->phase, "until_mono_ms",
                                (json_int_t)m->until_mono_ms, "boot", boot),
                      e);
}

bool instance_mark_read(const char *dir, const char *id, struct instance_drain_mark *out)
{
    char path[INSTANCE_FILE_SIZE];
    const char *boot = "", *this_boot = boot_id(NULL);
    json_int_t until = 0;
    int phase = 0;
    json_t *j;

    *out = (struct instance_drain_mark){.phase = INSTANCE_PRE_STOP};
    if (access(instance_file(dir, id, "drain", path), F_OK) != 0)
        return false;
    j = read_json(dir, id, "drain", NULL);
    if (j && this_boot &&
        json_unpack(j, "{s:i, s:I, s:s}", "phase", &phase, "until_mono_ms", &until, "boot",
                    &boot) == 0 &&
        strcmp(boot, this_boot) == 0 && phase >= INSTANCE_PRE_STOP &&
        phase <= INSTANCE_KILLING) {
        out->phase = (enum instance_phase)phase;
        out->until_mono_ms = until;
    }
    json_decref(j);
    return true;
}

bool instance_is_locked(const char *dir, const char *id)
{
    char path[INSTANCE_FILE_SIZE];
    int fd = open(instance_file(dir, id, "lock", path), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    bool is_locked;

    if (fd < 0)
        return errno != ENOENT;
    is_locked = flock(fd, LOCK_SH | LOCK_NB) != 0;
    close(fd); /* lets go of it again */
    return is_locked;
}

int instance_write_desired(const char *dir, int count, struct err *e)
{
    char path[INSTANCE_FILE_SIZE], text[24];

    snprintf(path, sizeof path, "%s/desired", dir);
    snprintf(text, sizeof text, "%d\n", count);
    return file_replace(path, text, strlen(text), 0600, e);
}

int instance_read_desired(const char *dir)
{
    char path[INSTANCE_FILE_SIZE];
    struct str text = STR_EMPTY;
    int64_t count = -1;
    bool is_good;

    snprintf(path, sizeof path, "%s/desired", dir);
    is_good = file_read(path, 64, &text, NULL) == 0 &&
              str_to_int64(str_text(&text), strcspn(str_text(&text), "\n"), &count);
    str_clear(&text);
    return is_good && count >= 0 && count <= INT_MAX ? (int)count : -1;
}
