/* cmd_resume.c - `scaler resume`: ends what `scaler hold` and too many starts began. */
#include <limits.h>
#include <stdio.h>

#include "act/hold.h"
#include "cli/command.h"
#include "cli/place.h"

static const struct conf_option options[] = {
    {"all", CONF_BOOL, "false", 0, 0, "",
     "End the hold of all services, and the one after too many starts; holds of single "
     "services stay."},
    {"accept_low", CONF_BOOL, "false", 0, 0, "",
     "End the dip floor of the service: its low load is no outage, but the new usual."},
    CONF_END,
};

/* A word of its own, beside holds: what is held stays held. */
static int accept_low(const struct conf *opts, const char *dir, const char *service)
{
    struct err e = {0};

    if (place_check_service(opts, dir, service, &e) != 0 ||
        hold_accept_low(dir, service, &e) != 0)
        return command_fail(&e);
    printf("%s: the low load is taken for the usual one, as soon as the daemon looks\n",
           service);
    return EXIT_DONE;
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    const char *service = n_words > 0 ? words[0] : NULL;
    bool was_held = false;
    char dir[PATH_MAX];
    struct err e = {0};

    if (conf_bool(opts, "all") == (service != NULL)) {
        err_set(&e, ERR_CONFIG, "resume: name one service, or --all");
        return command_fail(&e);
    }
    if (conf_bool(opts, "accept_low") && !service) {
        err_set(&e, ERR_CONFIG, "resume: --accept-low is for one service, not for --all");
        return command_fail(&e);
    }
    if (place_state_dir(opts, dir, sizeof dir, &e) != 0)
        return command_fail(&e);
    if (conf_bool(opts, "accept_low"))
        return accept_low(opts, dir, service);
    if (hold_remove(dir, service, &was_held, &e) != 0)
        return command_fail(&e);
    /* after a slip the hold that was meant stands; that of a service since removed is ended */
    if (!was_held && service && place_check_service(opts, dir, service, &e) != 0)
        return command_fail(&e);
    printf(was_held ? "%s: no longer held\n"
                    : "%s: was not held; waits for another writer or after failures end\n",
           service ? service : "all services");
    return EXIT_DONE;
}

const struct command command_resume = {
    .name = "resume",
    .summary = "end a hold",
    .words = "[SERVICE]",
    .most_words = 1,
    .about =
        "Ends the hold of one service, or with --all the general one and the one that a\n"
        "daemon sets when it is started more than three times in ten minutes. It also ends\n"
        "the time for which a count is left to another writer, and the wait after calls\n"
        "that failed.\n"
        "\n"
        "With --accept-low it ends the dip floor instead, and no hold: after a sudden fall\n"
        "the instances that are usual at this time stay for dip_hold (24 h), since load that\n"
        "vanished in an outage comes back within minutes. Where it is to stay low (traffic\n"
        "moved away, a shop closed), this says so.",
    .examples = "scaler resume checkout\n"
                "    checkout scales again\n"
                "scaler resume --all\n"
                "    the general hold ends\n"
                "scaler resume checkout --accept-low\n"
                "    the load fell for good: the dip floor ends\n",
    .options = options,
    .run = run,
};
