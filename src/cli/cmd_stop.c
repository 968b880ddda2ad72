/* cmd_stop.c - `scaler stop --instances`: the only thing that ends instances for good. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "act/instance.h"
#include "base/clk.h"
#include "base/vec.h"
#include "cli/command.h"
#include "cli/place.h"
#include "collect/store.h"

#define STEP_US 20000

static const struct conf_option options[] = {
    {"instances", CONF_BOOL, "false", 0, 0, "",
     "Needed: says that the processes themselves are to end, not only the daemon."},
    {"service", CONF_STRING, "", 0, 127, "NAME", "Only the instances of this service."},
    {"force", CONF_BOOL, "false", 0, 0, "",
     "Also while a daemon runs, which then takes their end for crashes and starts them again."},
    CONF_END,
};

struct stopping {
    const char *state_dir;
    const char *service; /* being scanned */
    struct instance **items;
    size_t n, cap;
    int *locks; /* of the services, held until the end */
    size_t n_locks, cap_locks;
    bool is_forced;
    struct err err; /* the first one */
};

static void add_instance(void *user, const char *id)
{
    struct stopping *s = user;
    struct instance *in = NULL;

    if (s->err.code != ERR_NONE ||
        instance_adopt(&in, s->state_dir, s->service, id, false, &s->err) != 0 || !in)
        return;
    if (vec_reserve(&s->items, &s->cap, s->n + 1, sizeof *s->items) != 0) {
        instance_free(in);
        err_nomem(&s->err);
        return;
    }
    s->items[s->n++] = in;
}

static int lock_service(struct stopping *s, const char *service)
{
    int lock;

    if (vec_reserve(&s->locks, &s->cap_locks, s->n_locks + 1, sizeof *s->locks) != 0)
        return err_nomem(&s->err);
    lock = instance_lock_service(s->state_dir, service, &s->err);
    if (lock >= 0) {
        s->locks[s->n_locks++] = lock;
        return 0;
    }
    if (s->err.code != ERR_BUSY)
        return -1;
    if (!s->is_forced)
        return err_wrap(&s->err,
                        "service \"%s\": a daemon runs and would start them again: take the "
                        "service out of its configuration (and send it SIGHUP), end the "
                        "daemon, or --force",
                        service);
    s->err = (struct err){0};
    fprintf(stderr, "scaler: %s: a daemon runs: it will take this for crashes\n", service);
    return 0;
}

/* The count first: a daemon that starts meanwhile must not start them again. */
static int add_service(struct stopping *s, const char *service)
{
    char dir[INSTANCE_PATH_SIZE];

    s->service = service;
    if (instance_check_service(service, &s->err) != 0)
        return -1;
    if (!instance_dir(s->state_dir, service, dir, sizeof dir))
        return err_set(&s->err, ERR_CONFIG, "%.80s...: path too long", s->state_dir);
    if (access(dir, F_OK) != 0)
        return 0;
    if (lock_service(s, service) != 0)
        return -1;
    instance_sweep_groups(dir, service);
    if (instance_write_desired(dir, 0, &s->err) != 0 ||
        instance_scan(s->state_dir, service, add_instance, s, &s->err) != 0)
        return -1;
    return s->err.code == ERR_NONE ? 0 : -1;
}

/* Also services that no configuration names any more. */
static int add_all(struct stopping *s)
{
    char dir[PATH_MAX];
    struct dirent *entry;
    DIR *d;
    int rc = 0;

    snprintf(dir, sizeof dir, "%.4000s/instances", s->state_dir);
    d = opendir(dir);
    if (!d)
        return errno == ENOENT ? 0 : err_set(&s->err, ERR_IO, "%s: %s", dir, strerror(errno));
    while (rc == 0 && (entry = readdir(d)) != NULL) {
        if (entry->d_name[0] != '.')
            rc = add_service(s, entry->d_name);
    }
    closedir(d);
    return rc;
}

static int drain_all(struct stopping *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (instance_drain(s->items[i], &s->err) != 0)
            return -1;
    }
    return 0;
}

/* Each has its pre_stop and its grace; whatever comes after is SIGKILL and short. */
static void wait_for_all(struct stopping *s)
{
    size_t left = s->n;

    while (left > 0) {
        for (size_t i = 0; i < s->n; i++) {
            struct instance *in = s->items[i];

            if (in->phase == INSTANCE_GONE || instance_tend(in, clk_mono_ms()) != INSTANCE_GONE)
                continue;
            if (in->pre_stop_why[0] != '\0')
                fprintf(stderr, "scaler: %s/%s: pre_stop: %s\n", in->spec.service, in->id,
                        in->pre_stop_why);
            printf("%s/%s: stopped\n", in->spec.service, in->id);
            fflush(stdout);
            left--;
        }
        if (left > 0)
            usleep(STEP_US);
    }
}

static int stop_instances(struct stopping *s, const char *service)
{
    int rc = service[0] != '\0' ? add_service(s, service) : add_all(s);

    if (rc == 0)
        rc = drain_all(s);
    if (rc == 0) {
        fprintf(stderr, "%zu instances to stop\n", s->n);
        wait_for_all(s);
    }
    for (size_t i = 0; i < s->n; i++)
        instance_free(s->items[i]);
    for (size_t i = 0; i < s->n_locks; i++)
        close(s->locks[i]);
    free(s->items);
    free(s->locks);
    return rc;
}

/* A slip in the name must not read as "nothing was running"; a service that no configuration
 * names any more is known by its directory. */
static int check_service(const struct conf *opts, const char *state_dir, const char *service,
                         struct err *e)
{
    char dir[INSTANCE_PATH_SIZE];

    if (service[0] == '\0' ||
        (instance_dir(state_dir, service, dir, sizeof dir) && access(dir, F_OK) == 0))
        return 0;
    return place_check_service(opts, state_dir, service, e);
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    struct stopping s = {0};
    struct err e = {0};
    char dir[PATH_MAX];
    int lock = -1, rc;

    (void)words;
    (void)n_words;
    if (!conf_bool(opts, "instances")) {
        err_set(&e, ERR_CONFIG,
                "stop: this ends the instances of services: write `scaler stop --instances` "
                "(to end the daemon alone, send it SIGTERM)");
        return command_fail(&e);
    }
    if (place_state_dir(opts, dir, sizeof dir, &e) != 0 ||
        check_service(opts, dir, conf_string(opts, "service"), &e) != 0)
        return command_fail(&e);
    s.state_dir = dir;
    s.is_forced = conf_bool(opts, "force");
    /* For all, no daemon may come meanwhile; one that does not run a service may stay. */
    if (conf_string(opts, "service")[0] == '\0' && access(dir, F_OK) == 0 &&
        store_lock(dir, &lock, &e) != 0 && !s.is_forced) {
        if (e.code == ERR_BUSY)
            err_wrap(&e, "a daemon runs and would start them again: end it first, or --force");
        return command_fail(&e);
    }
    rc = stop_instances(&s, conf_string(opts, "service"));
    if (lock >= 0)
        close(lock);
    return rc == 0 ? EXIT_DONE : command_fail(&s.err);
}

const struct command command_stop = {
    .name = "stop",
    .summary = "end instances that scaler runs on this host",
    .words = "",
    .about =
        "Instances outlive the daemon: its end, its restart and its upgrade leave them\n"
        "running. This drains them (pre_stop, stop signal, grace, SIGKILL), waits until\n"
        "they are gone, and reports each. It needs no daemon and no configuration. Beside a\n"
        "running daemon it ends those of a service that the daemon does not run: one that\n"
        "was taken out of the configuration, or stands in a dry run.",
    .examples = "scaler stop --instances\n"
                "    ends the instances of all services\n"
                "scaler stop --instances --service checkout\n"
                "    ends those of one\n",
    .options = options,
    .run = run,
};
