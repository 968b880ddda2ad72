/* cmd_hold.c - `scaler hold`: the emergency brake. It writes a file that the gate reads before
 * every call, so it works with a broken configuration, a full disk, or no daemon at all. */
#include <limits.h>
#include <stdio.h>

#include "act/hold.h"
#include "base/clk.h"
#include "base/file.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/place.h"

static const struct conf_option options[] = {
    {"all", CONF_BOOL, "false", 0, 0, "", "Hold every service."},
    {"in", CONF_BOOL, "false", 0, 0, "", "Hold scale-in only."},
    {"out", CONF_BOOL, "false", 0, 0, "", "Hold scale-out only."},
    {"for", CONF_DURATION, "auto", 1, 31536000, "s", "How long; auto: until `scaler resume`."},
    {"reason", CONF_STRING, NULL, 1, 127, "TEXT", "Why, for those who find it later."},
    CONF_END,
};

static void say(const char *service, const struct hold *h)
{
    char until[48] = "until `scaler resume`";

    if (h->until_ms > 0) {
        str_copy(until, sizeof until, "until ");
        clk_format_time(h->until_ms / 1000 * 1000, until + 6, sizeof until - 6);
    }
    printf("%s%s: %s held %s\n", service ? "service " : "all services", service ? service : "",
           h->in && h->out ? "scale-in and scale-out"
           : h->in         ? "scale-in"
                           : "scale-out",
           until);
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    bool is_all = conf_bool(opts, "all");
    bool in = conf_bool(opts, "in"), out = conf_bool(opts, "out");
    const char *service = n_words > 0 ? words[0] : NULL;
    struct hold h = {.in = in || !out, .out = out || !in};
    char dir[PATH_MAX];
    struct err e = {0};

    if (is_all == (service != NULL)) {
        err_set(&e, ERR_CONFIG, "hold: name one service, or --all");
        return command_fail(&e);
    }
    if (!conf_is_auto(opts, "for"))
        h.until_ms = clk_wall_ms() + conf_duration_ms(opts, "for");
    place_user(h.by, sizeof h.by);
    str_copy(h.reason, sizeof h.reason, conf_string(opts, "reason"));
    if (place_state_dir(opts, dir, sizeof dir, &e) != 0 ||
        (service && place_check_service(opts, dir, service, &e) != 0) ||
        file_make_dirs(dir, &e) != 0 || hold_write(dir, service, &h, &e) != 0)
        return command_fail(&e);
    say(service, &h);
    return EXIT_DONE;
}

const struct command command_hold = {
    .name = "hold",
    .summary = "stop scaling of one service or all, at once",
    .words = "[SERVICE]",
    .most_words = 1,
    .about = "Takes effect before the next change, also with a broken configuration, a full\n"
             "disk, or before a start: a file `hold` (or `hold.SERVICE`) in the state\n"
             "directory is enough. Decisions go on and are recorded as held.",
    .examples = "scaler hold --all --for 2h --reason \"network maintenance\"\n"
                "    nothing changes for two hours\n"
                "scaler hold checkout --in --reason \"sale\"\n"
                "    checkout only grows, until `scaler resume checkout`\n",
    .options = options,
    .run = run,
};
