/* redis_read.c - client CPU of one incremental read of 10,000 services from Redis: the source
 * as the daemon calls it, against a bare pipelined hiredis loop over the same keys.
 *
 *   bench_redis_read [SERVICES]      starts a redis-server of its own on a unix socket */
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/str.h"
#include "collect/source.h"

enum { STEP_MS = 60000, CELLS = 2, ROUNDS = 15, BATCH = 128, MOST = 100000 };

static char dir[] = "/tmp/scaler-bench-XXXXXX";
static char path[128];

static pid_t start_server(void)
{
    pid_t pid;

    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/redis.sock", dir);
    pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stdout))
            _exit(127);
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path, "--save",
               "", "--dir", dir, "--loglevel", "warning", (char *)NULL);
        _exit(127);
    }
    return pid;
}

static redisContext *connect_bare(void)
{
    for (int i = 0; i < 500; i++) {
        redisContext *c = redisConnectUnix(path);

        if (c && !c->err)
            return c;
        redisFree(c);
        usleep(10000);
    }
    fprintf(stderr, "redis-server did not start\n");
    exit(1);
}

static double cpu_us(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void fill(redisContext *c, size_t n, int64_t open_ms)
{
    for (size_t i = 0; i < n; i++) {
        for (int k = 1; k <= CELLS + 2; k++)
            redisAppendCommand(c, "SET rate:service-%d:%lld %d", (int)i,
                               (long long)((open_ms - k * STEP_MS) / 1000), 1000 + (int)i);
        for (int k = 1; k <= CELLS + 2; k++) {
            void *reply;

            if (redisGetReply(c, &reply) != REDIS_OK) {
                fprintf(stderr, "%s\n", c->errstr);
                exit(1);
            }
            freeReplyObject(reply);
        }
    }
}

static double read_replies(redisContext *c, size_t n)
{
    double sum = 0, v;

    for (size_t i = 0; i < n; i++) {
        redisReply *r;

        if (redisGetReply(c, (void **)&r) != REDIS_OK)
            exit(1);
        for (size_t k = 0; k < r->elements; k++)
            if (str_to_double(r->element[k]->str, (size_t)r->element[k]->len, &v))
                sum += v;
        freeReplyObject(r);
    }
    return sum;
}

static double read_bare(redisContext *c, size_t n, int64_t open_ms)
{
    double sum = 0;

    for (size_t from = 0; from < n; from += BATCH) {
        size_t end = from + BATCH < n ? from + BATCH : n;

        for (size_t i = from; i < end; i++) {
            char keys[CELLS][64];
            const char *argv[CELLS + 1] = {"MGET"};

            for (int k = 0; k < CELLS; k++) {
                snprintf(keys[k], sizeof keys[k], "rate:service-%zu:%" PRId64, i,
                         (open_ms - (CELLS - k) * STEP_MS) / 1000);
                argv[k + 1] = keys[k];
            }
            redisAppendCommandArgv(c, CELLS + 1, argv, NULL);
        }
        sum += read_replies(c, end - from);
    }
    return sum;
}

struct ours {
    const struct source *s;
    void *source;
    struct conf *connection, *options;
    struct source_query *queries;
    struct source_reply *replies;
    char (*names)[32];
};

static void open_ours(struct ours *o, size_t n, int64_t open_ms)
{
    char url[160];
    struct err e = {0};

    o->s = source_find("redis");
    snprintf(url, sizeof url, "unix://%s", path);
    o->queries = calloc(n, sizeof *o->queries);
    o->replies = calloc(n, sizeof *o->replies);
    o->names = calloc(n, sizeof *o->names);
    if (!o->queries || !o->replies || !o->names ||
        conf_new(&o->connection, o->s->options, &e) != 0 ||
        conf_set(o->connection, "url", url, &e) != 0 ||
        conf_new(&o->options, o->s->query_options, &e) != 0 ||
        conf_set(o->options, "layout", "counter", &e) != 0 ||
        conf_set(o->options, "key", "rate:{service}:{epoch}", &e) != 0 ||
        conf_set(o->options, "overlap", "0", &e) != 0 ||
        o->s->open(&o->source, o->connection, &e) != 0) {
        fprintf(stderr, "%s\n", e.msg);
        exit(1);
    }
    for (size_t i = 0; i < n; i++) {
        snprintf(o->names[i], sizeof o->names[i], "service-%zu", i);
        o->queries[i] = (struct source_query){.service = o->names[i],
                                              .options = o->options,
                                              .step_ms = STEP_MS,
                                              .since_ms = open_ms - CELLS * STEP_MS};
    }
}

static double read_ours(struct ours *o, size_t n)
{
    struct err e = {0};
    double sum = 0;

    if (o->s->fetch(o->source, o->queries, n, o->replies, clk_mono_ms() + 10000, &e) != 0) {
        fprintf(stderr, "%s\n", e.msg);
        exit(1);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < o->replies[i].n; k++)
            sum += o->replies[i].items[k].value * STEP_MS / 1000;
    return sum;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void compare(size_t n)
{
    double ours_us[ROUNDS], bare_us[ROUNDS], ratio[ROUNDS], sum_ours = 0, sum_bare = 0;
    /* Cells stay the same while it runs, unless a minute ends: then it starts anew. */
    int64_t open_ms = clk_wall_ms() / STEP_MS * STEP_MS;
    redisContext *c = connect_bare();
    struct ours o;

    fill(c, n, open_ms);
    open_ours(&o, n, open_ms);
    read_ours(&o, n); /* both are warm, as they are in a daemon */
    read_bare(c, n, open_ms);
    for (int i = 0; i < ROUNDS; i++) {
        double t0 = cpu_us(), t1;

        sum_ours = read_ours(&o, n);
        t1 = cpu_us();
        ours_us[i] = (t1 - t0) / (double)n;
        sum_bare = read_bare(c, n, open_ms);
        bare_us[i] = (cpu_us() - t1) / (double)n;
        ratio[i] = ours_us[i] / bare_us[i];
    }
    qsort(ours_us, ROUNDS, sizeof *ours_us, by_value);
    qsort(bare_us, ROUNDS, sizeof *bare_us, by_value);
    qsort(ratio, ROUNDS, sizeof *ratio, by_value);
    if (clk_wall_ms() / STEP_MS * STEP_MS != open_ms)
        printf("a minute ended during the run: run it again\n");
    else if (sum_ours < sum_bare * 0.999999 || sum_ours > sum_bare * 1.000001)
        printf("the two read different values: %.3f and %.3f\n", sum_ours, sum_bare);
    else
        printf("%zu services, %d cells each, median of %d rounds: source %.2f us/service, bare "
               "loop %.2f us/service, ratio %.2f (%.2f .. %.2f)\n",
               n, CELLS, ROUNDS, ours_us[ROUNDS / 2], bare_us[ROUNDS / 2], ratio[ROUNDS / 2],
               ratio[0], ratio[ROUNDS - 1]);
    o.s->close(o.source);
    for (size_t i = 0; i < n; i++)
        source_reply_clear(&o.replies[i]);
    conf_free(o.options);
    conf_free(o.connection);
    free(o.queries);
    free(o.replies);
    free(o.names);
    redisFree(c);
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 10000;
    pid_t pid;

    if (n == 0 || n > MOST) {
        fprintf(stderr, "usage: bench_redis_read [SERVICES], 1 to %d\n", MOST);
        return 2;
    }
    pid = start_server();
    if (pid < 0)
        return 1;
    compare(n);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    unlink(path);
    rmdir(dir);
    return 0;
}
