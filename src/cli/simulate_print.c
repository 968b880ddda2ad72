/* simulate_print.c - see simulate_print.h. */
#include "cli/simulate_print.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clk.h"

enum { MOMENTS = 3 };
static const double LITTLE = 0.005; /* of the instance-hours: as many */

/* ---- for programs ---- */

static void add_row(struct print *p, const struct simulate_shown *s,
                    const struct contest_row *row, double objective)
{
    print_text(p, s->service);
    print_text(p, row->name);
    print_number(p, objective, 6);
    print_number(p, row->instance_hours, 2);
    print_number(p, row->cost, 4);
    print_number(p, row->instance_hours * s->price, 2);
    print_number(p, row->above, 8);
    print_number(p, row->time_above, 8);
    print_number(p, row->worst_window, 6);
    print_number(p, row->worst_day, 6);
    print_number(p, row->above_less, 8);
    print_number(p, row->outs_day, 2);
    print_number(p, row->ins_day, 2);
    print_number(p, row->used, 4);
}

/* What scaler was told; NAN: a price instead. */
static double objective_of(const struct simulate_shown *s)
{
    const struct brain_setup *b = &s->setup->brain;

    return isnan(b->cost_ratio) ? b->objective : NAN;
}

int simulate_print_rows(const struct simulate_shown *s, enum print_format format, struct err *e)
{
    static const struct print_column columns[] = {
        {"service", "", PRINT_LEFT},        {"policy", "", PRINT_LEFT},
        {"objective", "", PRINT_RIGHT},     {"instance_hours", "", PRINT_RIGHT},
        {"cost", "", PRINT_RIGHT},          {"price", "", PRINT_RIGHT},
        {"above", "", PRINT_RIGHT},         {"time_above", "", PRINT_RIGHT},
        {"worst_5m", "", PRINT_RIGHT},      {"worst_day", "", PRINT_RIGHT},
        {"above_10_less", "", PRINT_RIGHT}, {"outs_a_day", "", PRINT_RIGHT},
        {"ins_a_day", "", PRINT_RIGHT},     {"used", "", PRINT_RIGHT}};
    const struct contest *c = s->contest;
    struct print *p;

    if (print_new(&p, stdout, format, columns, sizeof columns / sizeof *columns, e) != 0)
        return -1;
    for (size_t i = 0; i < CONTEST_ROWS; i++)
        add_row(p, s, &c->rows[i], i == CONTEST_SCALER ? objective_of(s) : NAN);
    for (size_t i = 0; i < c->n_dials; i++)
        add_row(p, s, &c->dials[i].row, c->dials[i].objective);
    return print_end(p, e);
}

/* ---- for people: one screen ---- */

static void print_contestant(struct print *p, const char *name, const struct contest_row *row,
                             double price)
{
    print_text(p, name);
    print_number(p, row->instance_hours, row->instance_hours < 1000 ? 1 : 0);
    print_number(p, row->cost, 3);
    if (!isnan(price))
        print_number(p, row->instance_hours * price, 2);
    print_share(p, row->above);
    print_share(p, row->time_above);
    print_share(p, row->worst_window);
    print_share(p, row->worst_day);
    print_share(p, row->above_less);
    print_number(p, row->outs_day, 1);
    print_share(p, row->used);
}

enum { COLUMNS = 11 };

/* shown: borrowed until the table's end. */
static struct print *new_contestants(struct print_column shown[COLUMNS], const char *title,
                                     double price, struct err *e)
{
    static const struct print_column columns[] = {
        {"", "INST-HOURS", PRINT_RIGHT}, {"", "COST", PRINT_RIGHT},  {"", "PRICE", PRINT_RIGHT},
        {"", "ABOVE", PRINT_RIGHT},      {"", "TIME", PRINT_RIGHT},  {"", "5 MIN", PRINT_RIGHT},
        {"", "DAY", PRINT_RIGHT},        {"", "-10 %", PRINT_RIGHT}, {"", "OUTS", PRINT_RIGHT},
        {"", "USED", PRINT_RIGHT}};
    struct print *p = NULL;
    size_t n = 0;

    shown[n++] = (struct print_column){"", title, PRINT_LEFT};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (!isnan(price) || strcmp(columns[i].title, "PRICE") != 0)
            shown[n++] = columns[i];
    return print_new(&p, stdout, PRINT_TABLE, shown, n, e) == 0 ? p : NULL;
}

/* No target loses as little as is allowed: then the best is only the one that loses least. */
static bool has_no_good_hpa(const struct simulate_shown *s)
{
    return s->contest->rows[CONTEST_HPA_BEST].above > s->contest->allowed;
}

static int show_contest(const struct simulate_shown *s, struct err *e)
{
    struct print_column columns[COLUMNS];
    struct print *p = new_contestants(columns, "", s->price, e);

    if (!p)
        return -1;
    for (size_t i = 0; i < CONTEST_ROWS; i++) {
        const struct contest_row *row = &s->contest->rows[i];
        char name[48];

        snprintf(name, sizeof name, "%s%s", row->name,
                 i != CONTEST_HPA_BEST      ? ""
                 : has_no_good_hpa(s)       ? " (loses least)"
                 : s->contest->hpa_ties > 0 ? " (best, tied)"
                                            : " (best)");
        print_contestant(p, name, row, s->price);
    }
    return print_end(p, e);
}

/* What it would cost to be stricter or laxer. */
static int show_dials(const struct simulate_shown *s, struct err *e)
{
    const struct contest *c = s->contest;
    struct print_column columns[COLUMNS];
    struct print *p;

    if (c->n_dials == 0)
        return 0;
    printf("\n");
    p = new_contestants(columns, "OBJECTIVE", s->price, e);
    if (!p)
        return -1;
    for (size_t i = 0; i < c->n_dials + 1; i++) {
        /* the stricter first, then as it is */
        const struct contest_dial *d = i == 0 ? &c->dials[0] : i == 2 ? &c->dials[1] : NULL;
        char name[32];

        snprintf(name, sizeof name, "%.4g %%",
                 100 * (d ? d->objective : s->setup->brain.objective));
        print_contestant(p, name, d ? &d->row : &c->rows[CONTEST_SCALER], s->price);
    }
    return print_end(p, e);
}

static void show_time(const struct simulate_shown *s)
{
    const struct simulate *own = &s->contest->own;
    const struct trace *t = s->trace;
    char from[32], to[32], step[32];

    clk_format_time(own->start_ms, from, sizeof from);
    clk_format_time(simulate_time_ms(own, own->n), to, sizeof to);
    clk_format_duration(t->from_step_ms, step, sizeof step);
    printf("%s%s%.1f days, %s to %s, after %.1f days to learn from\n",
           s->service ? s->service : "", s->service ? ": " : "",
           (double)((int64_t)own->n * own->step_ms) / (double)SIMULATE_DAY_MS, from, to,
           (double)((int64_t)s->setup->simulate.from * own->step_ms) / (double)SIMULATE_DAY_MS);
    if (t->from_step_ms > own->step_ms)
        printf("the history is in steps of %s, joined by lines: truth is more restless\n",
               step);
    if (t->bridged > 0)
        printf("%.1f %% of it are gaps, joined by lines\n",
               100 * (double)t->bridged / (double)t->load->n);
}

static void show_basis(const struct simulate_shown *s)
{
    const struct simulate_setup *sim = &s->setup->simulate;
    const struct brain_setup *b = &s->setup->brain;
    char told[32], start[32], drain[32];

    clk_format_duration(b->lead_time_ms, told, sizeof told);
    clk_format_duration(sim->fleet.start_ms, start, sizeof start);
    clk_format_duration(sim->fleet.drain_ms, drain, sizeof drain);
    printf("for instances that carry %.4g a second, at least %d", sim->per_instance, sim->min);
    if (sim->max < 1000000)
        printf(", at most %d", sim->max);
    if (isnan(b->cost_ratio))
        printf("; %.4g %% of requests may be above capacity\n", 100 * b->objective);
    else
        printf("; a request above capacity is priced as %.4g idle ones\n", b->cost_ratio);
    printf("simulated: starts of %s", start);
    if (sim->fleet.jitter > 0)
        printf(" +-%.0f %%, 3 %% of them half as long again", 100 * sim->fleet.jitter);
    if (b->lead_time_ms != sim->fleet.start_ms)
        printf(" (scaler was told %s)", told);
    if (sim->fleet.fail > 0)
        printf("; %.3g %% of calls fail; drains of %s; ", 100 * sim->fleet.fail, drain);
    else
        printf("; no call fails; drains of %s; ", drain);
    if (sim->burst > 0)
        printf("noise of %.3g %% within a minute; ", 100 * sim->burst);
    printf("seed %llu\n", (unsigned long long)sim->fleet.seed);
}

static void show_against(const struct contest_row *own, const struct contest_row *peer,
                         const char *what)
{
    double more = peer->instance_hours > 0 ? own->instance_hours / peer->instance_hours - 1 : 0;
    char a[32], b[32], sum[64];

    if (fabs(more) < LITTLE)
        snprintf(sum, sizeof sum, "as many instance-hours");
    else
        snprintf(sum, sizeof sum, "%.0f %% %s instance-hours", 100 * fabs(more),
                 more < 0 ? "fewer" : "more");
    printf("against %s%s: %s; above capacity %s, not %s\n", peer->name, what, sum,
           print_share_text(own->above, a, sizeof a),
           print_share_text(peer->above, b, sizeof b));
}

/* What HPA's best target is worth, where that is not plain. */
static void show_best(const struct simulate_shown *s)
{
    const char *name = s->contest->rows[CONTEST_HPA_BEST].name;
    int ties = s->contest->hpa_ties;
    char tied[64] = "";

    if (ties > 0)
        snprintf(tied, sizeof tied, ", and %d other target%s as little", ties,
                 ties == 1 ? " loses" : "s lose");
    if (has_no_good_hpa(s))
        printf("no target of HPA keeps within %.3g %% above capacity: %s loses least%s\n",
               100 * s->contest->allowed, name, tied);
    else if (ties > 0)
        printf("HPA's best is no single target: %d other%s to the same as %s\n", ties,
               ties == 1 ? " comes" : "s come", name);
}

static void show_verdict(const struct simulate_shown *s)
{
    const struct contest_row *rows = s->contest->rows, *own = &rows[CONTEST_SCALER];
    double objective = objective_of(s);
    char a[32], b[32];

    printf("\nscaler: %s of requests above capacity",
           print_share_text(own->above, a, sizeof a));
    if (!isnan(objective))
        printf(": the objective of %.4g %% is %s", 100 * objective,
               own->above <= objective ? "kept" : "NOT KEPT");
    printf("\nif capacity is 10 %% less than you say: %s above it",
           print_share_text(own->above_less, b, sizeof b));
    if (!isnan(objective))
        printf(", %.3g times the objective", own->above_less / objective);
    printf("\n");
    show_against(own, &rows[CONTEST_HPA], "");
    show_best(s);
    show_against(own, &rows[CONTEST_HPA_BEST],
                 has_no_good_hpa(s)         ? ""
                 : s->contest->hpa_ties > 0 ? " (one of its best)"
                                            : " (its best)");
}

/* The cell of a span that lost the most. */
static const struct simulate_cell *worst_cell(const struct simulate *s, struct simulate_span w)
{
    const struct simulate_cell *worst = &s->cells[w.from];

    for (size_t k = 1; k < w.n; k++)
        if (s->cells[w.from + k].above > worst->above)
            worst = &s->cells[w.from + k];
    return worst;
}

static void print_amount(struct print *p, double v)
{
    print_number(p, v, v < 10 ? 2 : v < 100 ? 1 : 0);
}

static void add_moment(struct print *p, const struct simulate_shown *s, struct simulate_span w)
{
    const struct simulate *own = &s->contest->own;
    const struct simulate_cell *c = worst_cell(own, w);

    print_time(p, simulate_time_ms(own, w.from));
    print_duration(p, (int64_t)w.n * own->step_ms);
    print_amount(p, w.above);
    print_share(p, w.above / w.asked);
    print_amount(p, c->asked * CLK_SECOND_MS / (double)own->step_ms);
    print_amount(p, c->ready * s->setup->simulate.per_instance);
    print_int(p, c->ready);
    print_int(p, c->running - c->ready);
}

static int show_worst(const struct simulate_shown *s, struct err *e)
{
    static const struct print_column columns[] = {
        {"", "FROM", PRINT_LEFT},   {"", "FOR", PRINT_RIGHT},     {"", "REQUESTS", PRINT_RIGHT},
        {"", "ABOVE", PRINT_RIGHT}, {"", "LOAD", PRINT_RIGHT},    {"", "ROOM", PRINT_RIGHT},
        {"", "READY", PRINT_RIGHT}, {"", "STARTING", PRINT_RIGHT}};
    const struct simulate *own = &s->contest->own;
    struct simulate_span known[MOMENTS], day = simulate_worst_day(own);
    struct print *p;

    if (day.n == 0) {
        printf("worst moments: none, no request was above capacity\n");
        return 0;
    }
    printf(
        "scaler's worst 5 minutes and day (UTC); load a second, room and counts of their worst "
        "minute:\n");
    if (print_new(&p, stdout, PRINT_TABLE, columns, sizeof columns / sizeof *columns, e) != 0)
        return -1;
    for (size_t n = 0; n < MOMENTS; n++) {
        known[n] = simulate_worst_window(own, known, n);
        if (known[n].n == 0)
            break;
        add_moment(p, s, known[n]);
    }
    add_moment(p, s, day);
    return print_end(p, e);
}

int simulate_print_table(const struct simulate_shown *s, struct err *e)
{
    show_time(s);
    show_basis(s);
    printf("\n");
    if (show_contest(s, e) != 0)
        return -1;
    printf(
        "COST: instance-hours over perfect foresight's. ABOVE: requests above capacity; 5 MIN, "
        "DAY: in the\nworst ones; -10 %%: if capacity is 10 %% less than you say. TIME: with "
        "load above capacity.\nOUTS: scale-outs a day. USED: of the capacity that was "
        "ready.\n");
    if (show_dials(s, e) != 0)
        return -1;
    show_verdict(s);
    return show_worst(s, e);
}
