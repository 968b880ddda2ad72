/* cmd_decisions.c - one line a decision. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "cli/command.h"
#include "cli/open_store.h"
#include "cli/print.h"

static const struct conf_option options[] = {
    {"service", CONF_STRING, "", 0, 0, "NAME", "Only this service; default: all."},
    {"since", CONF_DURATION, "24h", 0, 0, "s", "How far back."},
    {"most", CONF_INT, "1000", 1, 1000000, "", "At most so many, the newest."},
    {"changes", CONF_BOOL, "false", 0, 0, "", "Only those that changed the count."},
    PRINT_FORMAT_OPTION,
    CONF_END,
};

static const struct print_column columns[] = {
    {"id", "ID", PRINT_RIGHT},
    {"time", "TIME", PRINT_LEFT},
    {"same_for", "SAME FOR", PRINT_RIGHT},
    {"service", "SERVICE", PRINT_LEFT},
    {"load", "LOAD", PRINT_RIGHT},
    {"from", "FROM", PRINT_RIGHT},
    {"to", "TO", PRINT_RIGHT},
    {"reason", "REASON", PRINT_LEFT},
    {"gate", "GATE", PRINT_LEFT},
    {"outcome", "OUTCOME", PRINT_LEFT},
};

/* "ready after 42s", "not delivered: quota", "" */
static int outcome_text(struct store *s, const struct store_decision *d, char *out, size_t size,
                        struct err *e)
{
    struct store_outcome *items = NULL;
    char took[24];
    size_t n = 0;

    out[0] = '\0';
    if (strcmp(d->gate, "sent") != 0)
        return 0;
    if (store_outcome_list(s, d->id, &items, &n, e) != 0)
        return -1;
    if (n > 0) {
        const struct store_outcome *o = &items[n - 1];

        clk_format_duration(o->took_ms / CLK_SECOND_MS * CLK_SECOND_MS, took, sizeof took);
        snprintf(out, size, "%s after %s%s%s", o->is_done ? "delivered" : "not delivered", took,
                 o->note[0] ? ": " : "", o->note);
    }
    free(items);
    return 0;
}

static void say_none(const struct conf *opts)
{
    const char *service = conf_string(opts, "service");
    char since[32];

    clk_format_duration(conf_duration_ms(opts, "since"), since, sizeof since);
    fprintf(stderr, "scaler: nothing was decided%s%s in the last %s: see --since\n",
            service[0] ? " for " : "", service, since);
}

static int print_rows(struct store *s, const struct store_decision *items, size_t n,
                      const struct conf *opts, struct err *e)
{
    struct print *p = NULL;
    char outcome[256];

    if (print_new(&p, stdout, print_format(opts), columns, sizeof columns / sizeof columns[0],
                  e) != 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        const struct store_decision *d = &items[i];

        if (conf_bool(opts, "changes") && d->from == d->to)
            continue;
        if (outcome_text(s, d, outcome, sizeof outcome, e) != 0) {
            print_end(p, NULL);
            return -1;
        }
        print_int(p, d->id);
        print_time(p, d->time_ms);
        print_duration(p, (d->until_ms - d->time_ms) / CLK_SECOND_MS * CLK_SECOND_MS);
        print_text(p, d->service);
        print_number(p, d->load, 2);
        print_int(p, d->from);
        print_int(p, d->to);
        print_text(p, d->reason);
        print_text(p, d->gate);
        print_text(p, outcome);
    }
    if (print_format(opts) == PRINT_TABLE && n == 0)
        say_none(opts);
    return print_end(p, e);
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    const char *service = conf_string(opts, "service");
    int64_t now_ms = clk_wall_ms();
    struct store_decision *items = NULL;
    struct store *s = NULL;
    struct err e = {0};
    size_t n = 0;
    int rc;

    (void)words;
    (void)n_words;
    if (open_store(opts, STORE_READ, &s, &e) != 0)
        return command_fail(&e);
    /* The clock of the data may be ahead of ours: nothing that was decided is hidden. */
    rc = store_decision_list(s, service[0] ? service : NULL,
                             now_ms - conf_duration_ms(opts, "since"), INT64_MAX,
                             (size_t)conf_int(opts, "most"), &items, &n, &e);
    if (rc == 0)
        rc = print_rows(s, items, n, opts, &e);
    free(items);
    store_close(s);
    return rc == 0 ? EXIT_DONE : command_fail(&e);
}

const struct command command_decisions = {
    .name = "decisions",
    .summary = "list what was decided, when, why, and what came of it",
    .words = "",
    .about = "One line a decision. A decision stands until the next line of its service:\n"
             "SAME FOR tells how long it was decided again unchanged. LOAD is in requests\n"
             "per second, FROM and TO are instances, REASON is what bound the count, GATE\n"
             "what became of it. `scaler explain ID` tells all about one.\n",
    .examples = "scaler decisions --service web --since 2h\n"
                "    what was decided for web in the last two hours\n"
                "scaler decisions --changes --format csv\n"
                "    a day's changes for a spreadsheet\n",
    .options = options,
    .run = run,
};
