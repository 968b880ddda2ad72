/* place.c - see place.h. */
#include "cli/place.h"

#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "cli/command.h"
#include "conf/conf_file.h"
#include "service/config.h"

#define MOST_STATUS_BYTES ((size_t)256 << 20)

static struct config *read_config(const struct conf *opts)
{
    struct conf_faults faults = {0};
    struct config *c = NULL;

    if (config_load(&c, command_config_path(opts), &faults, NULL) != 0)
        c = NULL;
    conf_faults_clear(&faults);
    return c;
}

/* What the file says of it, whatever else is wrong there: an order must reach its daemon with a
 * faulty configuration, too, and must never go to another state directory unseen. */
static int configured_dir(const struct conf *opts, char *out, size_t size, struct err *e)
{
    const char *path = command_config_path(opts), *text;
    struct conf_faults faults = {0};
    const struct conf_node *node;
    struct conf_file *f = NULL;
    int rc = 0;

    out[0] = '\0';
    if (conf_is_auto(opts, "config") && access(path, F_OK) != 0)
        return 0; /* none: the usual place */
    if (conf_file_read(&f, path, &faults, e) != 0) {
        err_set(e, ERR_CONFIG, "%s; the state directory stands in it: say --state-dir DIR",
                faults.n > 0 ? faults.items[0].text : path);
        conf_faults_clear(&faults);
        return -1;
    }
    node = conf_node_member(conf_file_root(f), "state_dir");
    text = node ? conf_node_text(node) : NULL;
    if (text && strcmp(text, "auto") != 0 && !str_copy(out, size, text))
        rc = err_set(e, ERR_CONFIG, "%s: state_dir: path too long", path);
    conf_file_free(f);
    conf_faults_clear(&faults);
    return rc;
}

int place_state_dir(const struct conf *opts, char *out, size_t size, struct err *e)
{
    const char *given = conf_is_auto(opts, "state_dir") ? NULL : conf_string(opts, "state_dir");
    char configured[PATH_MAX] = "";

    if (!given && configured_dir(opts, configured, sizeof configured, e) != 0)
        return -1;
    return config_state_dir(given, configured[0] ? configured : NULL, out, size, e);
}

int place_status(const char *state_dir, struct daemon_status *out,
                 struct service_status **services, struct err *e)
{
    struct str text = STR_EMPTY;
    char path[PATH_MAX];
    int rc = -1;

    *services = NULL;
    if (snprintf(path, sizeof path, "%s/status.json", state_dir) >= (int)sizeof path)
        return err_set(e, ERR_CONFIG, "state_dir: path too long");
    if (file_read(path, MOST_STATUS_BYTES, &text, e) == 0) {
        rc = daemon_status_read(out, services, str_text(&text), text.len, e);
        if (rc != 0)
            err_wrap(e, "%s", path);
    }
    str_clear(&text);
    return rc;
}

bool place_is_running(const char *state_dir)
{
    char path[PATH_MAX];
    struct err e;
    struct stat st;
    int fd;

    /* looking must not make the file */
    if (snprintf(path, sizeof path, "%s/lock", state_dir) >= (int)sizeof path ||
        stat(path, &st) != 0)
        return false;
    fd = file_lock(path, &e);
    if (fd >= 0)
        close(fd);
    return fd < 0 && e.code == ERR_BUSY;
}

static int unknown_service(const char *service, const char *const *names, size_t n,
                           struct err *e)
{
    const char *closest = str_closest(service, names, n);

    if (closest)
        return err_set(e, ERR_CONFIG, "unknown service \"%s\" (did you mean \"%s\"?)", service,
                       closest);
    return err_set(e, ERR_CONFIG, "unknown service \"%s\" (see scaler status)", service);
}

static int check_name(const char *service, const char **names, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], service) == 0)
            return 0;
    return n > 0 ? unknown_service(service, names, n, e) : 0;
}

int place_check_service(const struct conf *opts, const char *state_dir, const char *service,
                        struct err *e)
{
    struct config *c = read_config(opts);
    struct service_status *services = NULL;
    struct daemon_status status = {0};
    const char **names;
    size_t n = 0;
    int rc = 0;

    place_status(state_dir, &status, &services, NULL);
    names = calloc((c ? c->n_services : 0) + status.n + 1, sizeof *names);
    if (names) {
        for (size_t i = 0; c && i < c->n_services; i++)
            names[n++] = c->services[i].name;
        for (size_t i = 0; services && i < status.n; i++)
            names[n++] = services[i].name;
        rc = check_name(service, names, n, e);
    }
    free(names);
    free(services);
    config_free(c);
    return rc;
}

bool place_limits(const struct conf *opts, const char *service, int *min, int *max)
{
    struct config *c = read_config(opts);
    const struct service_conf *s = c ? config_service(c, service) : NULL;

    if (s) {
        *min = (int)conf_int(s->groups[SERVICE_LIMITS], "min");
        *max = (int)conf_int(s->groups[SERVICE_LIMITS], "max");
    }
    config_free(c);
    return s != NULL;
}

void place_user(char *out, size_t size)
{
    const char *sudo = getenv("SUDO_USER");
    const struct passwd *pw = getpwuid(getuid());

    if (sudo && sudo[0] != '\0')
        str_copy(out, size, sudo);
    else if (pw)
        str_copy(out, size, pw->pw_name);
    else
        snprintf(out, size, "uid %lu", (unsigned long)getuid());
}
