/* demo_hpa.c - the other fleet: scaled by Kubernetes HPA's documented rule (replay/hpa.h).
 *
 * The demo compresses time, a day to 60 s, but its processes need 4 s where a pod with caches
 * to load needs minutes; there is no one factor for HPA's own times. So it gets what suits it:
 * a sync each second, as soon as a new second of the metric is there; the scale-out policy of
 * four syncs at once (x 2^4, or + 16); and of two stabilisation windows, 1 s (5 minutes by the
 * length of the day, rounded up to a sync) and 5 s (a minute of life a second), the better.
 *
 *   demo_hpa choose --history FILE --objective 0.01 [--least 2] [--most 32]
 *       replays generated history at three targets, each with two stabilisation windows, and
 *       names the best: the cheapest that keeps the objective, else the one that refuses
 *       least. HPA is given this hindsight.
 *   demo_hpa run --target 0.65 --window 5 --redis SOCKET --key KEY --name NAME --first PORT
 * --last PORT
 *                --service PROGRAM --while FILE [--least 2] [--most 32]
 *       scales real processes, the same program with the same readiness as the first fleet's.
 *       SIGTERM ends it and all its processes. */
#include <errno.h>
#include <getopt.h>
#include <hiredis/hiredis.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/str.h"
#include "day.h"
#include "replay/hpa.h"

#define PROCESSES_MAX 128
#define HISTORY_MAX 100000
#define POLICIES_A_SYNC 4 /* scale-out policies of 15 s that a sync of 1 s stands for */
#define SYNC_AFTER_MS 100 /* after the second's end: its count is whole by then */

extern char **environ;

struct arguments {
    const char *history, *redis, *key, *name, *service, *while_file;
    double objective, target;
    int least, most, first, last, window;
};

struct process {
    pid_t pid; /* 0: none on this port */
    bool is_draining;
    int64_t started_mono_ms;
};

static volatile sig_atomic_t is_ending;

static void on_signal(int sig)
{
    (void)sig;
    is_ending = 1;
}

static double number_or_exit(const char *option, const char *text, double least, double most)
{
    double v;

    if (str_to_double(text, strlen(text), &v) && v >= least && v <= most)
        return v;
    fprintf(stderr, "demo_hpa: --%s = \"%s\": not a number from %g to %g\n", option, text,
            least, most);
    exit(2);
}

static void read_arguments(struct arguments *a, int argc, char **argv)
{
    static const struct option options[] = {
        {"history", required_argument, NULL, 'h'}, {"objective", required_argument, NULL, 'o'},
        {"least", required_argument, NULL, 'l'},   {"most", required_argument, NULL, 'm'},
        {"target", required_argument, NULL, 't'},  {"redis", required_argument, NULL, 'r'},
        {"key", required_argument, NULL, 'k'},     {"name", required_argument, NULL, 'n'},
        {"first", required_argument, NULL, 'f'},   {"last", required_argument, NULL, 'L'},
        {"service", required_argument, NULL, 's'}, {"while", required_argument, NULL, 'w'},
        {"window", required_argument, NULL, 'W'},  {NULL, 0, NULL, 0}};
    int o;

    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (o == 'h')
            a->history = optarg;
        else if (o == 'o')
            a->objective = number_or_exit("objective", optarg, 0, 1);
        else if (o == 'l')
            a->least = (int)number_or_exit("least", optarg, 1, PROCESSES_MAX);
        else if (o == 'm')
            a->most = (int)number_or_exit("most", optarg, 1, PROCESSES_MAX);
        else if (o == 't')
            a->target = number_or_exit("target", optarg, 0.05, 1);
        else if (o == 'r')
            a->redis = optarg;
        else if (o == 'k')
            a->key = optarg;
        else if (o == 'W')
            a->window = (int)number_or_exit("window", optarg, 1, HPA_WINDOW_MOST);
        else if (o == 'n')
            a->name = optarg;
        else if (o == 'f')
            a->first = (int)number_or_exit("first", optarg, 1, 65535);
        else if (o == 'L')
            a->last = (int)number_or_exit("last", optarg, 1, 65535);
        else if (o == 's')
            a->service = optarg;
        else if (o == 'w')
            a->while_file = optarg;
        else
            exit(2);
    }
}

/* -- choose: a replay second by second -- */

static size_t read_history(const char *path, double *out)
{
    char line[128];
    size_t n = 0;
    FILE *f = path ? fopen(path, "re") : NULL;

    if (!f) {
        fprintf(stderr, "demo_hpa: cannot open --history %s\n", path ? path : "(not given)");
        exit(2);
    }
    while (n < HISTORY_MAX && fgets(line, sizeof line, f)) {
        const char *comma = strchr(line, ',');
        double v;
        if (comma && str_to_double(comma + 1, strcspn(comma + 1, "\r\n"), &v))
            out[n++] = v;
    }
    fclose(f);
    return n;
}

struct bill {
    double asked, refused, instance_s;
};

/* The count decided after second i serves from second i + 1 + ready_after on; what is taken
 * away is gone at once. */
static struct bill replay(struct hpa h, const double *load, size_t n)
{
    enum { lead = (int)DEMO_READY_AFTER_S + 1 };
    struct bill b = {0};
    int starting[lead] = {0}; /* by seconds left, soonest first */
    int ready = (int)ceil(load[0] / (h.target * h.capacity_per_s));

    for (size_t i = 0; i < n; i++) {
        int pending = 0;
        int want;
        ready += starting[0];
        memmove(starting, starting + 1, sizeof starting - sizeof starting[0]);
        starting[lead - 1] = 0;
        for (int k = 0; k < lead; k++)
            pending += starting[k];
        b.asked += load[i];
        b.refused += fmax(0.0, load[i] - ready * h.capacity_per_s);
        b.instance_s += ready + pending;
        want = hpa_sync(&h, ready + pending, load[i]);
        if (want > ready + pending)
            starting[lead - 1] += want - ready - pending;
        for (int k = lead - 1; k >= 0 && want < ready + pending; k--) /* newest first */
            for (; starting[k] > 0 && want < ready + pending; pending--)
                starting[k]--;
        if (want < ready)
            ready = want;
    }
    return b;
}

static int choose(const struct arguments *a)
{
    static const struct {
        double target;
        int window_s;
    } settings[] = {{0.5, 1}, {0.5, 5}, {0.65, 1}, {0.65, 5}, {0.8, 1}, {0.8, 5}};
    static double load[HISTORY_MAX];
    size_t n = read_history(a->history, load);
    double best_share = INFINITY, best_cost = INFINITY;
    struct hpa best = {0};

    if (n == 0) {
        fprintf(stderr, "demo_hpa: no rows in %s\n", a->history);
        return 1;
    }
    printf(
        "  target  window   refused   instance-seconds   (replay of %zu generated seconds)\n",
        n);
    for (size_t t = 0; t < sizeof settings / sizeof settings[0]; t++) {
        struct hpa h = {.target = settings[t].target,
                        .window = settings[t].window_s,
                        .policies_a_sync = POLICIES_A_SYNC,
                        .capacity_per_s = DEMO_CAPACITY_PER_S,
                        .least = a->least,
                        .most = a->most};
        struct bill b = replay(h, load, n);
        double share = b.asked > 0 ? b.refused / b.asked : 0;
        bool both_keep = share <= a->objective && best_share <= a->objective;
        printf("  %4.0f %%     %d s   %5.2f %%   %16.0f\n", 100 * h.target, h.window,
               100 * share, b.instance_s);
        if (both_keep ? b.instance_s < best_cost : share < best_share) {
            best = h;
            best_share = share;
            best_cost = b.instance_s;
        }
    }
    printf("best target=%.2f window=%d\n", best.target, best.window);
    return 0;
}

/* -- run: real processes -- */

static int count(const struct process *p, int n)
{
    int live = 0;

    for (int i = 0; i < n; i++)
        live += p[i].pid != 0 && !p[i].is_draining;
    return live;
}

static void reap(struct process *p, int n)
{
    pid_t pid;

    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
        for (int i = 0; i < n; i++)
            if (p[i].pid == pid)
                p[i] = (struct process){0};
}

static void start_one(struct process *p, int n, const struct arguments *a)
{
    char port[16], capacity[32];
    sigset_t none;
    posix_spawnattr_t attr;
    int at = 0;

    while (at < n && p[at].pid != 0)
        at++;
    if (at == n)
        return;
    snprintf(port, sizeof port, "%d", a->first + at);
    snprintf(capacity, sizeof capacity, "%g", DEMO_CAPACITY_PER_S);
    const char *argv[] = {a->service,   "--port", port,      "--name",      a->name,
                          "--capacity", capacity, "--while", a->while_file, NULL};
    sigemptyset(&none);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    if (posix_spawn(&p[at].pid, a->service, NULL, &attr, (char *const *)argv, environ) != 0)
        p[at].pid = 0;
    posix_spawnattr_destroy(&attr);
    p[at].started_mono_ms = clk_mono_ms();
}

/* The newest goes first, as a ReplicaSet chooses. */
static void stop_one(struct process *p, int n)
{
    int newest = -1;

    for (int i = 0; i < n; i++)
        if (p[i].pid != 0 && !p[i].is_draining &&
            (newest < 0 || p[i].started_mono_ms > p[newest].started_mono_ms))
            newest = i;
    if (newest < 0)
        return;
    p[newest].is_draining = true;
    kill(p[newest].pid, SIGTERM);
}

/* Requests of second `epoch_s`; NAN when Redis is away or does not have the key: unknown. */
static double read_load(redisContext **redis, const struct arguments *a, int64_t epoch_s)
{
    const struct timeval within = {.tv_usec = 200000};
    double v = NAN;
    redisReply *r;

    if (*redis && (*redis)->err) {
        redisFree(*redis);
        *redis = NULL;
    }
    if (!*redis)
        *redis = redisConnectUnixWithTimeout(a->redis, within);
    if (!*redis || (*redis)->err)
        return NAN;
    redisSetTimeout(*redis, within);
    r = redisCommand(*redis, "GET rate:%s:%lld", a->key, (long long)epoch_s);
    if (r && r->type == REDIS_REPLY_STRING && !str_to_double(r->str, r->len, &v))
        v = NAN;
    if (r)
        freeReplyObject(r);
    return v;
}

static void end_all(struct process *p, int n)
{
    int64_t kill_mono_ms = clk_mono_ms() + 2000;
    bool is_left = true;

    for (int i = 0; i < n; i++)
        if (p[i].pid != 0)
            kill(p[i].pid, SIGTERM);
    while (is_left) {
        is_left = false;
        reap(p, n);
        for (int i = 0; i < n; i++) {
            is_left |= p[i].pid != 0;
            if (p[i].pid != 0 && clk_mono_ms() > kill_mono_ms)
                kill(p[i].pid, SIGKILL);
        }
        usleep(20000);
    }
}

static void wait_for_second(int64_t *epoch_s)
{
    int64_t now = clk_wall_ms();
    int64_t due = (now / 1000 + 1) * 1000 + SYNC_AFTER_MS;

    if (due - now > 1000)
        due -= 1000;
    usleep((useconds_t)((due - now) * 1000));
    *epoch_s = due / 1000 - 1; /* the second that has just become whole */
}

static int run(const struct arguments *a)
{
    struct hpa h = {.target = a->target,
                    .window = a->window,
                    .policies_a_sync = POLICIES_A_SYNC,
                    .capacity_per_s = DEMO_CAPACITY_PER_S,
                    .least = a->least,
                    .most = a->most};
    struct process p[PROCESSES_MAX] = {0};
    int n = a->last - a->first + 1 < PROCESSES_MAX ? a->last - a->first + 1 : PROCESSES_MAX;
    redisContext *redis = NULL;

    while (!is_ending && access(a->while_file, F_OK) == 0) {
        int64_t epoch_s;
        wait_for_second(&epoch_s);
        reap(p, n);
        double load = read_load(&redis, a, epoch_s);
        int current = count(p, n);
        int want = isfinite(load) ? hpa_sync(&h, current, load)
                                  : (current < a->least ? a->least : current);
        printf("%lld load %.0f current %d desired %d\n", (long long)epoch_s, load, current,
               want);
        fflush(stdout);
        for (int i = current; i < want; i++)
            start_one(p, n, a);
        for (int i = want; i < current; i++)
            stop_one(p, n);
    }
    end_all(p, n);
    if (redis)
        redisFree(redis);
    return 0;
}

int main(int argc, char **argv)
{
    struct arguments a = {
        .objective = 0.01, .target = 0.65, .least = 2, .most = 32, .window = 5};
    struct sigaction act = {.sa_handler = on_signal};
    const char *what = argc > 1 ? argv[1] : "";

    if (argc > 1)
        read_arguments(&a, argc - 1, argv + 1);
    if (strcmp(what, "choose") == 0)
        return choose(&a);
    if (strcmp(what, "run") != 0 || !a.redis || !a.key || !a.name || !a.service ||
        !a.while_file || a.first == 0 || a.last < a.first) {
        fprintf(stderr, "usage: demo_hpa choose --history FILE | demo_hpa run --redis ...\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN); /* Redis may die under a write */
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    return run(&a);
}
