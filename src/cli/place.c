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

int place_state_dir(const struct conf *opts, char *out, size_t size, struct err *e)
{
    const char *given = conf_is_auto(opts, "state_dir") ? NULL : conf_string(opts, "state_dir");
    struct config *c = given ? NULL : read_config(opts);
    int rc = config_state_dir(given, c ? c->state_dir : NULL, out, size, e);

    config_free(c);
    return rc;
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
    return err_set(e, ERR_CONFIG, "unknown service \"%s\"; %zu are known: see scaler status",
                   service, n);
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
