/* report.c - sums over the scored seconds; nothing is left out and nothing is weighted. */
#include "report.h"

#include <inttypes.h>
#include <math.h>

#include "day.h"

#define WORST_SPAN_S 5

struct total {
    int64_t served, refused, retried;
    int64_t worst_refused, worst_asked; /* the 5 s with the most refused */
    int worst_from;
};

int report_is_valid(const struct report *r)
{
    return r->late_p99_ms <= REPORT_LATE_P99_MS && r->late_worst_ms <= REPORT_LATE_WORST_MS;
}

static struct fleet_counts sum(const struct report *r, int fleet, int from, int to)
{
    struct fleet_counts all = {0};

    for (int s = from < 0 ? 0 : from; s < to && s < r->seconds; s++) {
        struct fleet_counts c = fleet_counts(r->fleets[fleet], s + 1);
        all.served += c.served;
        all.refused += c.refused;
        all.retried += c.retried;
    }
    return all;
}

static struct total total_of(const struct report *r, int fleet)
{
    struct fleet_counts all = sum(r, fleet, 0, r->seconds);
    struct total t = {.served = all.served, .refused = all.refused, .retried = all.retried};

    for (int s = 0; s + WORST_SPAN_S <= r->seconds; s++) {
        struct fleet_counts c = sum(r, fleet, s, s + WORST_SPAN_S);
        if (c.refused > t.worst_refused) {
            t.worst_refused = c.refused;
            t.worst_asked = c.refused + c.served;
            t.worst_from = s;
        }
    }
    return t;
}

static double share(int64_t part, int64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0.0;
}

/* The demo's wall clock: a day of 60 s shown as 24 hours. */
static void clock_text(int second, char *out, size_t size)
{
    int minutes = second % DAY_LENGTH_S * (24 * 60 / DAY_LENGTH_S);

    snprintf(out, size, "day %d %02d:%02d", second / DAY_LENGTH_S + 1, minutes / 60,
             minutes % 60);
}

void report_line(const struct report *r, int second, int span, FILE *out)
{
    char when[32];
    const struct report_second *now = &r->second[second];

    clock_text(second + 1, when, sizeof when);
    fprintf(out, "  %s %4d/s", when, now->offered);
    for (int f = 0; f < REPORT_FLEETS; f++) {
        struct fleet_counts c = sum(r, f, second + 1 - span, second + 1);
        fprintf(out, "   %-6s %2d of %2d ready, %3" PRId64 " refused", r->labels[f],
                now->ready[f], now->running[f], c.refused);
    }
    fprintf(out, "\n");
    fflush(out);
}

static void bars(const char *label, const double *v, int n, double top, FILE *out)
{
    static const char *const bar[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

    fprintf(out, "  %-11s", label);
    for (int i = 0; i < n; i++) {
        long level = lround(8.0 * v[i] / top);
        fputs(bar[level < 0 ? 0 : level > 8 ? 8 : level], out);
    }
    fprintf(out, "\n");
}

void report_chart(const struct report *r, FILE *out)
{
    double v[FLEET_BUCKETS];
    double top = 1.0;

    for (int s = 0; s < r->seconds; s++) {
        top = fmax(top, r->second[s].offered);
        for (int f = 0; f < REPORT_FLEETS; f++)
            top = fmax(top, r->second[s].ready[f] * r->capacity_per_s);
    }
    for (int s = 0; s < r->seconds; s++)
        v[s] = r->second[s].offered;
    bars("requests", v, r->seconds, top, out);
    for (int f = 0; f < REPORT_FLEETS; f++) {
        for (int s = 0; s < r->seconds; s++)
            v[s] = r->second[s].ready[f] * r->capacity_per_s;
        bars(r->labels[f], v, r->seconds, top, out);
        fprintf(out, "  %-11s", "  refused");
        for (int s = 0; s < r->seconds; s++)
            fputc(fleet_counts(r->fleets[f], s + 1).refused > 0 ? 'x' : '.', out);
        fprintf(out, "\n");
    }
    fprintf(out, "  %-11s%s\n", "", "one column a second; capacity ready on the load's scale");
}

void report_bill(const struct report *r, FILE *out)
{
    fprintf(out, "  %-10s %9s %9s %9s %18s %18s\n", "fleet", "served", "refused", "share",
            "worst 5 s refused", "instance-seconds");
    for (int f = 0; f < REPORT_FLEETS; f++) {
        struct total t = total_of(r, f);
        char worst[32];
        snprintf(worst, sizeof worst, "%" PRId64 " (%.1f %%)", t.worst_refused,
                 share(t.worst_refused, t.worst_asked));
        fprintf(out, "  %-10s %9" PRId64 " %9" PRId64 " %7.2f %% %18s %18.0f\n", r->labels[f],
                t.served, t.refused, share(t.refused, t.served + t.refused), worst,
                r->instance_seconds[f]);
    }
    fprintf(out, "  load generator: p99 %.0f ms late, worst %.0f ms: %s\n", r->late_p99_ms,
            r->late_worst_ms,
            report_is_valid(r) ? "a valid run"
                               : "TOO LATE, this run is INVALID (is the machine busy?)");
}

void report_csv(const struct report *r, FILE *out)
{
    fprintf(out, "second,offered");
    for (int f = 0; f < REPORT_FLEETS; f++)
        fprintf(out, ",served_%d,refused_%d,ready_%d,running_%d", f, f, f, f);
    fprintf(out, "\n");
    for (int s = 0; s < r->seconds; s++) {
        fprintf(out, "%d,%d", s, r->second[s].offered);
        for (int f = 0; f < REPORT_FLEETS; f++) {
            struct fleet_counts c = fleet_counts(r->fleets[f], s + 1);
            fprintf(out, ",%" PRId64 ",%" PRId64 ",%d,%d", c.served, c.refused,
                    r->second[s].ready[f], r->second[s].running[f]);
        }
        fprintf(out, "\n");
    }
}

void report_values(const struct report *r, FILE *out)
{
    for (int f = 0; f < REPORT_FLEETS; f++) {
        struct total t = total_of(r, f);
        fprintf(out, "served_%d=%" PRId64 "\nrefused_%d=%" PRId64 "\nretried_%d=%" PRId64 "\n",
                f, t.served, f, t.refused, f, t.retried);
        fprintf(out, "refused_share_%d=%.6f\ninstance_seconds_%d=%.1f\n", f,
                share(t.refused, t.served + t.refused) / 100.0, f, r->instance_seconds[f]);
        fprintf(out, "worst5_refused_%d=%" PRId64 "\nworst5_from_%d=%d\n", f, t.worst_refused,
                f, t.worst_from);
    }
    fprintf(out, "late_p99_ms=%.1f\nlate_worst_ms=%.1f\nvalid=%d\n", r->late_p99_ms,
            r->late_worst_ms, report_is_valid(r));
}
