/* cmd_approve.c - `scaler approve`: says yes to changed settings that would remove much. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/approve.h"
#include "base/clk.h"
#include "cli/command.h"
#include "cli/place.h"

static const struct conf_option options[] = {
    CONF_END,
};

static const struct service_status *find(const struct daemon_status *d, const char *name)
{
    for (size_t i = 0; i < d->n; i++)
        if (strcmp(d->services[i].name, name) == 0)
            return &d->services[i];
    return NULL;
}

/* What waits, as the daemon wrote it: the yes names that change and no other. */
static int write_yes(const char *dir, const struct service_status *s, struct err *e)
{
    struct approve a = {.from = -1, .to = -1, .since_ms = s->approval_ms,
                        .until_ms = clk_wall_ms() + APPROVE_VALID_MS};

    str_copy(a.service, sizeof a.service, s->name);
    place_user(a.by, sizeof a.by);
    return approve_write(dir, &a, e);
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    struct service_status *services = NULL;
    const struct service_status *s = NULL;
    struct daemon_status d = {0};
    char dir[PATH_MAX];
    struct err e = {0};
    int rc = -1;

    (void)n_words;
    if (place_state_dir(opts, dir, sizeof dir, &e) != 0 ||
        place_check_service(opts, dir, words[0], &e) != 0)
        return command_fail(&e);
    if (place_status(dir, &d, &services, &e) == 0)
        s = find(&d, words[0]);
    if (!s || s->approval_ms == 0)
        err_set(&e, ERR_DATA, "service \"%s\": nothing waits for approval", words[0]);
    else
        rc = write_yes(dir, s, &e);
    if (rc == 0)
        printf("service \"%s\": approved: %s\n", s->name, s->approval);
    if (rc == 0 && !place_is_running(dir))
        printf("no daemon runs: it counts if one starts within an hour\n");
    free(services);
    return rc == 0 ? EXIT_DONE : command_fail(&e);
}

const struct command command_approve = {
    .name = "approve",
    .summary = "say yes to changed settings that would remove much of a service",
    .words = "SERVICE",
    .least_words = 1,
    .most_words = 1,
    .about =
        "A configuration, read again or at a start, whose lower limits, higher per_instance\n"
        "or laxer objective would remove more than 20 % of what runs of a service does so\n"
        "only after this command. Until then these old settings stay in force, and all the\n"
        "rest of the configuration is taken up at once; status, /metrics and the log say what\n"
        "waits, and every decision carries the reason `approval`. It waits across restarts,\n"
        "until approved or until the file asks for something else. What is approved is then\n"
        "approached at the pace of the rails, never at one stroke.",
    .examples = "scaler approve checkout\n"
                "    the settings of the file are in force within a second or two\n",
    .options = options,
    .run = run,
};
