/* cmd_approve.c - `scaler approve`: says yes to what waits for it, or to a plan. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/approve.h"
#include "base/clk.h"
#include "cli/command.h"
#include "cli/open_store.h"
#include "cli/place.h"
#include "service/agenda.h"

static const struct conf_option options[] = {
    {"plan", CONF_BOOL, "false", 0, 0, "",
     "Approve the running plan: its changes need no further word until it ends."},
    {"for", CONF_DURATION, "24h", 60, 604800, "s", "With --plan, for so long."},
    {"reason", CONF_STRING, "", 0, 80, "TEXT", "With --plan, shown beside it."},
    {"revoke", CONF_BOOL, "false", 0, 0, "", "Take back the approval of a plan."},
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
static int write_yes(const char *dir, const struct service_status *s, bool is_action,
                     struct err *e)
{
    struct approve a = {.since_ms = is_action ? s->action_ms : s->approval_ms,
                        .until_ms = clk_wall_ms() + APPROVE_VALID_MS,
                        .from = is_action ? s->action_from : -1,
                        .to = is_action ? s->action_to : -1};

    str_copy(a.service, sizeof a.service, s->name);
    place_user(a.by, sizeof a.by);
    return approve_write(dir, &a, e);
}

/* Settings first: a change of the count may be due to them. */
static int approve_what_waits(const char *dir, const struct service_status *s, const char *name,
                              struct err *e)
{
    bool is_action = s && s->approval_ms == 0 && s->action_ms > 0;

    if (!s || (s->approval_ms == 0 && !is_action))
        return err_set(e, ERR_DATA, "service \"%s\": nothing waits for approval", name);
    if (write_yes(dir, s, is_action, e) != 0)
        return -1;
    if (is_action)
        printf("service \"%s\": approved: %d -> %d, once\n", name, s->action_from,
               s->action_to);
    else
        printf("service \"%s\": approved: %s\n", name, s->approval);
    return 0;
}

/* The plan that the daemon published last. ERR_SHORT when there is none. */
static int running_plan(const struct conf *opts, const char *name, struct agenda *out,
                        struct err *e)
{
    struct str text = STR_EMPTY;
    struct store *store = NULL;
    int rc = -1;

    if (open_store(opts, STORE_READ, &store, e) != 0)
        return -1;
    if (store_state_get(store, name, AGENDA_STATE, &text, NULL, NULL) != 0)
        err_set(e, ERR_SHORT,
                "service \"%s\": no plan runs yet: the daemon makes one when it has learned",
                name);
    else
        rc = agenda_load(out, str_text(&text), text.len, e);
    str_clear(&text);
    store_close(store);
    return rc;
}

static void tell_plan(const struct agenda *a, int64_t now_ms)
{
    int least = a->steps[0].count, most = least, changes = 0;
    char made[32];

    for (size_t h = 0; h < a->n; h++) {
        if (a->start_ms + (int64_t)(h + 1) * a->step_ms <= now_ms)
            continue;
        least = a->steps[h].count < least ? a->steps[h].count : least;
        most = a->steps[h].count > most ? a->steps[h].count : most;
        changes += h > 0 && a->steps[h].count != a->steps[h - 1].count;
    }
    clk_format_time(a->made_ms / CLK_SECOND_MS * CLK_SECOND_MS, made, sizeof made);
    printf("the plan of %s: %d changes, %d to %d instances\n", made, changes, least, most);
}

static int approve_plan(const struct conf *opts, const char *dir, const char *name,
                        struct err *e)
{
    struct approve_plan a = {.until_ms = clk_wall_ms() + conf_duration_ms(opts, "for")};
    int64_t now_ms = clk_wall_ms(), end_ms;
    struct agenda plan;
    char until[32];
    int rc = -1;

    if (running_plan(opts, name, &plan, e) != 0)
        return -1;
    end_ms = plan.start_ms + (int64_t)plan.n * plan.step_ms;
    if (a.until_ms > end_ms)
        a.until_ms = end_ms;
    a.until_ms = a.until_ms / CLK_SECOND_MS * CLK_SECOND_MS;
    a.plan_ms = plan.made_ms;
    str_copy(a.service, sizeof a.service, name);
    str_copy(a.reason, sizeof a.reason, conf_string(opts, "reason"));
    place_user(a.by, sizeof a.by);
    if (a.until_ms <= now_ms)
        err_set(e, ERR_DATA, "service \"%s\": the running plan has ended", name);
    else
        rc = approve_plan_write(dir, &a, e);
    if (rc == 0) {
        clk_format_time(a.until_ms, until, sizeof until);
        printf("service \"%s\": approved by %s until %s: ", name, a.by, until);
        tell_plan(&plan, now_ms);
    }
    agenda_clear(&plan);
    return rc;
}

static int approve(const struct conf *opts, const char *dir, const char *name, struct err *e)
{
    struct service_status *services = NULL;
    struct daemon_status d = {0};
    int rc;

    if (conf_bool(opts, "revoke")) {
        if (approve_plan_remove(dir, name, e) != 0)
            return -1;
        printf("service \"%s\": no plan is approved\n", name);
        return 0;
    }
    if (conf_bool(opts, "plan"))
        return approve_plan(opts, dir, name, e);
    rc = place_status(dir, &d, &services, NULL);
    rc = approve_what_waits(dir, rc == 0 ? find(&d, name) : NULL, name, e);
    free(services);
    return rc;
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    char dir[PATH_MAX];
    struct err e = {0};

    (void)n_words;
    if (conf_bool(opts, "plan") && conf_bool(opts, "revoke"))
        err_set(&e, ERR_CONFIG, "give either --plan or --revoke");
    if (e.code != ERR_NONE || place_state_dir(opts, dir, sizeof dir, &e) != 0 ||
        place_check_service(opts, dir, words[0], &e) != 0 ||
        approve(opts, dir, words[0], &e) != 0)
        return command_fail(&e);
    if (!place_is_running(dir))
        printf("no daemon runs: it counts if one starts in time\n");
    return EXIT_DONE;
}

const struct command command_approve = {
    .name = "approve",
    .summary = "say yes to what waits for it: settings, a change, or a whole plan",
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
        "approached at the pace of the rails, never at one stroke.\n"
        "\n"
        "With approve = \"scale_in\" or \"all\" changes of the count wait, too. Without\n"
        "--plan the one that waits is approved, as far as status shows it, and once. With\n"
        "--plan the running plan is (scaler plan --diff tells what is new since it was\n"
        "made): what stays within its counts, approve_tolerance earlier or later, passes\n"
        "until it ends, and other changes wait as before. A plan ends after --for, with\n"
        "its last step, when taken back, and when the service's configuration changes.",
    .examples = "scaler approve checkout\n"
                "    what waits is in force within a second or two\n"
                "scaler approve checkout --plan --for 9h --reason \"day shift\"\n"
                "    nobody is asked for what the plan has until then\n"
                "scaler approve checkout --revoke\n"
                "    from now on each change waits again\n",
    .options = options,
    .run = run,
};
