/* shadow_print.c - see shadow_print.h. */
#include "cli/shadow_print.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clk.h"

enum { MOMENTS = 6 };

/* ---- for programs ---- */

const struct print_column shadow_columns[] = {
    {"service", "", PRINT_LEFT},
    {"span", "", PRINT_LEFT},
    {"from", "", PRINT_LEFT},
    {"seconds", "", PRINT_RIGHT},
    {"scored", "", PRINT_RIGHT},
    {"requests", "", PRINT_RIGHT},
    {"other_instance_hours", "", PRINT_RIGHT},
    {"instance_hours", "", PRINT_RIGHT},
    {"other_price", "", PRINT_RIGHT},
    {"price", "", PRINT_RIGHT},
    {"other_above", "", PRINT_RIGHT},
    {"above", "", PRINT_RIGHT},
    {"other_short_s", "", PRINT_RIGHT},
    {"short_s", "", PRINT_RIGHT},
    {"other_worst_5m", "", PRINT_RIGHT},
    {"worst_5m", "", PRINT_RIGHT},
    {"other_outs", "", PRINT_RIGHT},
    {"outs", "", PRINT_RIGHT},
    {"full_s", "", PRINT_RIGHT},
    {"ready", "", PRINT_LEFT},
    {"verdict", "", PRINT_LEFT},
};
const size_t shadow_n_columns = sizeof shadow_columns / sizeof shadow_columns[0];

/* What a row is made of: all of the time, or a day of it. */
struct span {
    const char *name;
    int64_t from_ms;
    double total_s, scored_s, asked;
    const struct shadow_sum *sums;
    double worst[SHADOW_SIDES], full_s; /* NAN of a day */
};

static struct span whole(const struct shadow *s)
{
    struct span out = {.name = "all",
                       .from_ms = s->start_ms,
                       .total_s = (double)((int64_t)s->n * s->step_ms) / CLK_SECOND_MS,
                       .scored_s = s->gap_s[SHADOW_SCORED],
                       .asked = s->asked,
                       .sums = s->sums,
                       .full_s = s->full_s};

    for (int w = 0; w < SHADOW_SIDES; w++)
        out.worst[w] = shadow_worst(s, (enum shadow_who)w);
    return out;
}

static struct span day(const struct shadow_day *d)
{
    return (struct span){.name = "day",
                         .from_ms = d->start_ms,
                         .total_s = d->total_s,
                         .scored_s = d->scored_s,
                         .asked = d->asked,
                         .sums = d->sums,
                         .worst = {NAN, NAN},
                         .full_s = NAN};
}

static double share(double part, double all)
{
    return all > 0 ? part / all : 0;
}

static void add_span(struct print *p, const struct shadow_shown *s, const struct span *v,
                     const char *ready, const char *verdict)
{
    print_text(p, s->service);
    print_text(p, v->name);
    print_time(p, v->from_ms);
    print_number(p, v->total_s, 0);
    print_number(p, share(v->scored_s, v->total_s), 6);
    print_number(p, v->asked, 0);
    for (int w = 0; w < SHADOW_SIDES; w++)
        print_number(p, v->sums[w].instance_hours, 4);
    for (int w = 0; w < SHADOW_SIDES; w++)
        print_number(p, v->sums[w].instance_hours * s->price, 2);
    for (int w = 0; w < SHADOW_SIDES; w++)
        print_number(p, share(v->sums[w].above, v->asked), 8);
    for (int w = 0; w < SHADOW_SIDES; w++)
        print_number(p, v->sums[w].above_s, 1);
    for (int w = 0; w < SHADOW_SIDES; w++)
        print_number(p, v->worst[w], 6);
    for (int w = 0; w < SHADOW_SIDES; w++)
        print_int(p, v->sums[w].outs);
    print_number(p, v->full_s, 0);
    print_text(p, ready);
    print_text(p, verdict);
}

void shadow_print_rows(struct print *p, const struct shadow_shown *s)
{
    const struct shadow *sh = s->shadow;
    struct span all = whole(sh);
    char verdict[512];

    shadow_verdict(sh, verdict, sizeof verdict);
    add_span(p, s, &all, shadow_is_ready(sh) ? "yes" : "no", verdict);
    for (size_t i = 0; i < sh->n_days; i++) {
        struct span d = day(&sh->days[i]);

        add_span(p, s, &d, NULL, NULL);
    }
}

/* ---- for people ---- */

static void duration_text(double seconds, char *out, size_t size)
{
    clk_format_duration(llround(seconds) * CLK_SECOND_MS, out, size);
}

static void print_seconds(struct print *p, double seconds)
{
    print_duration(p, llround(seconds) * CLK_SECOND_MS);
}

static void print_hours(struct print *p, double v)
{
    print_number(p, v, v < 10 ? 2 : v < 1000 ? 1 : 0);
}

static void show_gaps(const struct shadow *s)
{
    static const char *const names[SHADOW_GAPS] = {
        NULL, "without a decision in dry run", "without load",
        "without the other's counts (backend away, or a rollout)"};
    const char *before = "left out of both sides: ";
    char text[32];

    for (int g = SHADOW_SCORED + 1; g < SHADOW_GAPS; g++) {
        if (s->gap_s[g] <= 0)
            continue;
        duration_text(s->gap_s[g], text, sizeof text);
        printf("%s%s %s", before, text, names[g]);
        before = ", ";
    }
    if (before[0] == ',')
        printf("\n");
}

static void show_head(const struct shadow_shown *shown)
{
    const struct shadow *s = shown->shadow;
    const struct shadow_setup *b = &s->setup;
    char from[32], to[32], start[32], drain[32], full[32];

    clk_format_time(s->start_ms, from, sizeof from);
    clk_format_time(shadow_time_ms(s, s->n), to, sizeof to);
    clk_format_duration(b->fleet.start_ms, start, sizeof start);
    clk_format_duration(b->fleet.drain_ms, drain, sizeof drain);
    printf("%s: %.1f days, %s to %s, %.1f %% of it scored\n", shown->service,
           (double)((int64_t)s->n * s->step_ms) / (double)b->day_ms, from, to,
           floor(1000 * shadow_scored(s)) / 10);
    show_gaps(s);
    printf("for instances that carry %.4g a second; ", b->per_instance);
    if (isnan(b->objective))
        printf("a request above capacity is priced as %.4g idle ones\n", b->cost_ratio);
    else
        printf("%.4g %% of requests may be above capacity\n", 100 * b->objective);
    printf(
        "scaler's counts as they were decided then; starts of %s%s +-%.0f %%, drains of %s\n",
        start, b->is_lead_guessed ? " (a guess)" : "", 100 * b->fleet.jitter, drain);
    if (s->full_s <= 0)
        return;
    duration_text(s->full_s, full, sizeof full);
    printf("the other's instances were full for %s: the load is what was served, more may have "
           "been asked then\n",
           full);
}

static void print_amount(struct print *p, double v)
{
    print_number(p, v, v < 10 ? 2 : v < 100 ? 1 : 0);
}

enum { SIDE_COLUMNS = 7 };

static int show_sides(const struct shadow_shown *shown, struct err *e)
{
    static const struct print_column columns[SIDE_COLUMNS] = {
        {"", "", PRINT_LEFT},       {"", "INST-HOURS", PRINT_RIGHT},
        {"", "ABOVE", PRINT_RIGHT}, {"", "SHORT", PRINT_RIGHT},
        {"", "5 MIN", PRINT_RIGHT}, {"", "OUTS A DAY", PRINT_RIGHT},
        {"", "PRICE", PRINT_RIGHT}}; /* the last one where there is a price */
    static const char *const names[SHADOW_SIDES] = {"other scaler", "scaler"};
    const struct shadow *s = shown->shadow;
    double days = s->gap_s[SHADOW_SCORED] * CLK_SECOND_MS / (double)s->setup.day_ms;
    bool has_price = !isnan(shown->price);
    struct print *p;

    printf("\n");
    if (print_new(&p, stdout, PRINT_TABLE, columns, has_price ? SIDE_COLUMNS : SIDE_COLUMNS - 1,
                  e) != 0)
        return -1;
    for (int w = 0; w < SHADOW_SIDES; w++) {
        const struct shadow_sum *sum = &s->sums[w];

        print_text(p, names[w]);
        print_hours(p, sum->instance_hours);
        print_share(p, shadow_above(s, (enum shadow_who)w));
        print_seconds(p, sum->above_s);
        print_share(p, shadow_worst(s, (enum shadow_who)w));
        print_number(p, days > 0 ? sum->outs / days : NAN, 1);
        if (has_price)
            print_number(p, sum->instance_hours * shown->price, 2);
    }
    return print_end(p, e);
}

static int show_days(const struct shadow *s, struct err *e)
{
    static const struct print_column columns[] = {
        {"", "DAY FROM", PRINT_LEFT},     {"", "SCORED", PRINT_RIGHT},
        {"", "OTHER HOURS", PRINT_RIGHT}, {"", "SCALER", PRINT_RIGHT},
        {"", "OTHER ABOVE", PRINT_RIGHT}, {"", "SCALER", PRINT_RIGHT},
        {"", "OTHER SHORT", PRINT_RIGHT}, {"", "SCALER", PRINT_RIGHT}};
    struct print *p;

    printf("\n");
    if (print_new(&p, stdout, PRINT_TABLE, columns, sizeof columns / sizeof *columns, e) != 0)
        return -1;
    for (size_t i = 0; i < s->n_days; i++) {
        const struct shadow_day *d = &s->days[i];

        print_time(p, d->start_ms);
        print_share(p, floor(1000 * share(d->scored_s, d->total_s)) / 1000);
        for (int w = 0; w < SHADOW_SIDES; w++)
            print_hours(p, d->sums[w].instance_hours);
        for (int w = 0; w < SHADOW_SIDES; w++)
            print_share(p, share(d->sums[w].above, d->asked));
        for (int w = 0; w < SHADOW_SIDES; w++)
            print_seconds(p, d->sums[w].above_s);
    }
    return print_end(p, e);
}

static const char *who_is_short(const struct shadow_moment *m)
{
    static const char *const names[] = {"nobody", "other scaler", "scaler", "both"};

    return names[(m->above[SHADOW_OTHER] > 0 ? 1 : 0) | (m->above[SHADOW_OURS] > 0 ? 2 : 0)];
}

static int show_moments(const struct shadow *s, struct err *e)
{
    static const struct print_column columns[] = {{"", "FROM", PRINT_LEFT},
                                                  {"", "FOR", PRINT_RIGHT},
                                                  {"", "LOAD", PRINT_RIGHT},
                                                  {"", "OTHER READY", PRINT_RIGHT},
                                                  {"", "SCALER READY", PRINT_RIGHT},
                                                  {"", "SHORT", PRINT_LEFT},
                                                  {"", "OTHER REQUESTS", PRINT_RIGHT},
                                                  {"", "SCALER", PRINT_RIGHT}};
    struct shadow_moment moments[MOMENTS];
    size_t n = shadow_moments(s, moments, MOMENTS);
    struct print *p;

    if (n == 0) {
        printf("\nno moment differs\n");
        return 0;
    }
    printf("\nthe moments that differ most; load a second and counts of their worst %s:\n",
           s->step_ms == CLK_MINUTE_MS ? "minute" : "step");
    if (print_new(&p, stdout, PRINT_TABLE, columns, sizeof columns / sizeof *columns, e) != 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        const struct shadow_moment *m = &moments[i];
        const struct shadow_cell *c = &s->cells[m->worst];

        print_time(p, shadow_time_ms(s, m->from));
        print_duration(p, (int64_t)m->n * s->step_ms);
        print_amount(p, c->asked * CLK_SECOND_MS / (double)s->step_ms);
        print_int(p, c->ready[SHADOW_OTHER]);
        print_int(p, c->ready[SHADOW_OURS]);
        print_text(p, who_is_short(m));
        for (int w = 0; w < SHADOW_SIDES; w++)
            print_number(p, m->above[w], 0);
    }
    return print_end(p, e);
}

int shadow_print_table(const struct shadow_shown *shown, struct err *e)
{
    const struct shadow *s = shown->shadow;
    char verdict[512];

    show_head(shown);
    if (show_sides(shown, e) != 0)
        return -1;
    printf(
        "ABOVE: requests above capacity; 5 MIN: in the worst ones. SHORT: time with load "
        "above capacity.\nscaler decided each time from what the other ran: in charge it would "
        "change its count less often.\n");
    if (show_days(s, e) != 0 || show_moments(s, e) != 0)
        return -1;
    shadow_verdict(s, verdict, sizeof verdict);
    printf("\n%s\n", verdict);
    return 0;
}
