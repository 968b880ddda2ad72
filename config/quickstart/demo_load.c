/* demo_load.c - sends copies of one request stream to two fleets and keeps the bill.
 *
 *   demo_load --midnight EPOCH --from -12 --to 90 --seed N --redis SOCKET
 *             --fleet LABEL,KEY,NAME,FIRST,LAST --fleet LABEL,KEY,NAME,FIRST,LAST
 *             [--csv FILE] [--values FILE]
 *
 * Arrivals are a Poisson process with the intensity of day_rate(); each one goes to both fleets
 * at the same moment, so that what this machine does meanwhile hits both alike. Every request
 * is counted into Redis where an application counts it: at the front door, refused or not.
 * Seconds before midnight (--from) are sent and not scored. The generator times itself: a run
 * in which requests went out late is called invalid.
 *
 * Instance-seconds are counted from outside, from /proc, for both fleets alike. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/rng.h"
#include "base/str.h"
#include "counter.h"
#include "day.h"
#include "fleet.h"
#include "report.h"

#define FLUSH_EVERY_MS 25
#define TEND_EVERY_MS 50
#define SCAN_EVERY_MS 500
#define LINE_EVERY_S 2
#define LAST_ANSWERS_S 1.2 /* time for what was asked last */

struct side {
    char label[32], key[64], name[64];
    int first, last; /* ports */
    struct fleet *fleet;
    int running;
    int uncounted; /* asked, not yet counted into Redis */
};

struct load {
    struct side sides[REPORT_FLEETS];
    int n_sides;
    int64_t midnight_s, from_s, to_s;
    uint64_t seed;
    const char *redis, *csv_path, *values_path;
    int epoll_fd;
    struct counter *counter;
    struct rng rng;
    int64_t start_mono_ms;
    double start_s;        /* of the run's clock at start_mono_ms */
    double next_arrival_s; /* of the run's clock */
    int64_t counted_epoch_s;
    int64_t flush_mono_ms, tend_mono_ms, scan_mono_ms;
    double scanned_s;
    float *late_ms;
    size_t n_late, cap_late;
    int last_line;
    struct report report;
};

static int64_t integer_or_exit(const char *text)
{
    int64_t v;

    if (str_to_int64(text, strlen(text), &v))
        return v;
    fprintf(stderr, "demo_load: \"%s\" is not a whole number\n", text);
    exit(2);
}

static void add_side(struct load *l, const char *spec)
{
    struct side *s = &l->sides[l->n_sides];

    if (l->n_sides < REPORT_FLEETS &&
        sscanf(spec, "%31[^,],%63[^,],%63[^,],%d,%d", s->label, s->key, s->name, &s->first,
               &s->last) == 5 &&
        s->first > 0 && s->last >= s->first && s->last < 65536) {
        l->n_sides++;
        return;
    }
    fprintf(stderr, "demo_load: --fleet \"%s\": want LABEL,KEY,NAME,FIRST,LAST, twice\n", spec);
    exit(2);
}

static void read_arguments(struct load *l, int argc, char **argv)
{
    static const struct option options[] = {{"midnight", required_argument, NULL, 'm'},
                                            {"from", required_argument, NULL, 'f'},
                                            {"to", required_argument, NULL, 't'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"redis", required_argument, NULL, 'r'},
                                            {"fleet", required_argument, NULL, 'F'},
                                            {"csv", required_argument, NULL, 'c'},
                                            {"values", required_argument, NULL, 'v'},
                                            {NULL, 0, NULL, 0}};
    int o;

    l->seed = 1;
    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (o == 'm')
            l->midnight_s = integer_or_exit(optarg);
        else if (o == 'f')
            l->from_s = integer_or_exit(optarg);
        else if (o == 't')
            l->to_s = integer_or_exit(optarg);
        else if (o == 's')
            l->seed = (uint64_t)integer_or_exit(optarg);
        else if (o == 'r')
            l->redis = optarg;
        else if (o == 'F')
            add_side(l, optarg);
        else if (o == 'c')
            l->csv_path = optarg;
        else if (o == 'v')
            l->values_path = optarg;
        else
            exit(2);
    }
    if (!l->redis || l->n_sides != REPORT_FLEETS || l->to_s < 1 || l->from_s > 0 ||
        l->to_s >= FLEET_BUCKETS) {
        fprintf(stderr,
                "demo_load: needs --redis, two --fleet, --from <= 0 and --to from 1 to "
                "%d\n",
                FLEET_BUCKETS - 1);
        exit(2);
    }
}

static double now_s(const struct load *l)
{
    return l->start_s + (double)(clk_mono_ms() - l->start_mono_ms) / 1000.0;
}

/* Bucket 0 takes what is not scored. */
static int bucket_of(const struct load *l, double t_s)
{
    return t_s >= 0.0 && t_s < (double)l->to_s ? (int)t_s + 1 : 0;
}

static void flush_counts(struct load *l)
{
    for (int i = 0; i < REPORT_FLEETS; i++) {
        struct side *s = &l->sides[i];
        counter_add(l->counter, s->key, l->counted_epoch_s, s->uncounted);
        s->uncounted = 0;
    }
    counter_tend(l->counter);
}

static void note_late(struct load *l, double late_s)
{
    if (l->n_late == l->cap_late) {
        size_t cap = l->cap_late ? 2 * l->cap_late : 65536;
        float *more = realloc(l->late_ms, cap * sizeof *more);
        if (!more)
            return;
        l->late_ms = more;
        l->cap_late = cap;
    }
    l->late_ms[l->n_late++] = (float)fmax(0.0, 1000.0 * late_s);
}

static void send_due(struct load *l)
{
    double now = now_s(l);

    while (l->next_arrival_s <= now && l->next_arrival_s < (double)l->to_s) {
        double t = l->next_arrival_s;
        int bucket = bucket_of(l, t);
        int64_t epoch_s = clk_wall_ms() / 1000;
        if (epoch_s != l->counted_epoch_s) {
            flush_counts(l);
            l->counted_epoch_s = epoch_s;
        }
        for (int i = 0; i < REPORT_FLEETS; i++) {
            fleet_ask(l->sides[i].fleet, bucket);
            l->sides[i].uncounted++;
        }
        if (bucket > 0) {
            l->report.second[bucket - 1].offered++;
            note_late(l, now_s(l) - t);
        }
        l->next_arrival_s = t - log(1.0 - rng_uniform(&l->rng)) / day_rate(l->seed, t);
    }
}

/* Does this process belong to a fleet? Its arguments say so: demo_service ... NAME ... */
static int side_of(const struct load *l, const char *arguments, size_t n)
{
    const char *base = strrchr(arguments, '/');

    if (strcmp(base ? base + 1 : arguments, "demo_service") != 0)
        return -1;
    for (const char *a = arguments; a < arguments + n; a += strlen(a) + 1)
        for (int i = 0; i < REPORT_FLEETS; i++)
            if (strcmp(a, l->sides[i].name) == 0)
                return i;
    return -1;
}

static void scan_processes(struct load *l)
{
    DIR *proc = opendir("/proc");
    struct dirent *d;

    for (int i = 0; i < REPORT_FLEETS; i++)
        l->sides[i].running = 0;
    while (proc && (d = readdir(proc)) != NULL) {
        char path[300], text[1024];
        ssize_t n = -1;
        if (!isdigit((unsigned char)d->d_name[0]))
            continue;
        snprintf(path, sizeof path, "/proc/%s/cmdline", d->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            n = read(fd, text, sizeof text - 1);
            close(fd);
        }
        if (n <= 0)
            continue;
        text[n] = '\0';
        int side = side_of(l, text, (size_t)n);
        if (side >= 0)
            l->sides[side].running++;
    }
    if (proc)
        closedir(proc);
}

/* Counts processes, charges them for the time since the last look, notes the second. */
static void account(struct load *l)
{
    double now = now_s(l);
    double to = fmin(now, (double)l->to_s);
    double from = fmax(l->scanned_s, 0.0);

    scan_processes(l);
    for (int i = 0; i < REPORT_FLEETS; i++) {
        struct side *s = &l->sides[i];
        if (to > from)
            l->report.instance_seconds[i] += s->running * (to - from);
        if (bucket_of(l, now) > 0) {
            l->report.second[(int)now].ready[i] = fleet_ready(s->fleet);
            l->report.second[(int)now].running[i] = s->running;
        }
    }
    l->scanned_s = now;
}

static void show_progress(struct load *l)
{
    int done = (int)floor(now_s(l)) - 1; /* the last second that is whole */

    if (done < 0 || done >= l->to_s || done < l->last_line + LINE_EVERY_S)
        return;
    l->report.seconds = done + 1;
    report_line(&l->report, done, done - l->last_line, stdout);
    l->last_line = done;
}

static void tend(struct load *l)
{
    int64_t now = clk_mono_ms();

    if (now >= l->flush_mono_ms) {
        l->flush_mono_ms = now + FLUSH_EVERY_MS;
        flush_counts(l);
    }
    if (now >= l->tend_mono_ms) {
        l->tend_mono_ms = now + TEND_EVERY_MS;
        for (int i = 0; i < REPORT_FLEETS; i++)
            fleet_tend(l->sides[i].fleet);
    }
    if (now >= l->scan_mono_ms) {
        l->scan_mono_ms = now + SCAN_EVERY_MS;
        account(l);
    }
    show_progress(l);
}

static void run(struct load *l)
{
    struct epoll_event events[256];

    l->start_mono_ms = clk_mono_ms();
    l->start_s = (double)(clk_wall_ms() - l->midnight_s * 1000) / 1000.0;
    l->scanned_s = l->start_s;
    l->next_arrival_s = fmax(l->start_s, (double)l->from_s);
    l->last_line = -1;
    while (now_s(l) < (double)l->to_s + LAST_ANSWERS_S) {
        send_due(l);
        int n = epoll_wait(l->epoll_fd, events, 256, 1);
        for (int i = 0; i < n; i++)
            fleet_event(events[i].data.ptr, events[i].events);
        tend(l);
    }
}

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void finish_report(struct load *l)
{
    struct report *r = &l->report;

    r->seconds = (int)l->to_s;
    if (l->n_late > 0) {
        qsort(l->late_ms, l->n_late, sizeof *l->late_ms, ascending);
        r->late_p99_ms = (double)l->late_ms[l->n_late * 99 / 100];
        r->late_worst_ms = (double)l->late_ms[l->n_late - 1];
    }
}

static int write_file(const char *path, const struct report *r,
                      void (*write_to)(const struct report *, FILE *))
{
    FILE *f = path ? fopen(path, "we") : NULL;

    if (!path)
        return 0;
    if (f)
        write_to(r, f);
    if (f && fclose(f) == 0)
        return 0;
    fprintf(stderr, "demo_load: cannot write %s\n", path);
    return -1;
}

int main(int argc, char **argv)
{
    struct load *l = calloc(1, sizeof *l);
    int rc = 1;

    if (!l)
        return 1;
    read_arguments(l, argc, argv);
    signal(SIGPIPE, SIG_IGN); /* Redis may die under a write */
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->counter = counter_new(l->redis);
    rng_init(&l->rng, l->seed);
    l->report.capacity_per_s = DEMO_CAPACITY_PER_S;
    for (int i = 0; i < REPORT_FLEETS; i++) {
        struct side *s = &l->sides[i];
        s->fleet = fleet_new(s->name, s->first, s->last, l->epoll_fd);
        l->report.fleets[i] = s->fleet;
        l->report.labels[i] = s->label;
        if (!s->fleet || !l->counter || l->epoll_fd < 0)
            goto done;
    }
    run(l);
    finish_report(l);
    printf("\n");
    report_chart(&l->report, stdout);
    printf("\n");
    report_bill(&l->report, stdout);
    printf("  %lld counts were lost while Redis was away\n",
           (long long)counter_lost(l->counter));
    rc = write_file(l->csv_path, &l->report, report_csv) == 0 &&
                 write_file(l->values_path, &l->report, report_values) == 0
             ? 0
             : 1;
done:
    for (int i = 0; i < REPORT_FLEETS; i++)
        fleet_free(l->sides[i].fleet);
    counter_free(l->counter);
    free(l->late_ms);
    free(l);
    return rc;
}
