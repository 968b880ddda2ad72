/* counter.c - hiredis in its non-blocking form, pumped by hand: the load generator's clock must
 * not depend on Redis. */
#include "counter.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/clk.h"

#define RETRY_MS 100
#define KEY_TTL_S 60 /* as rate keys are usually kept: far shorter than any history */

struct counter {
    const char *socket_path;
    redisContext *redis; /* NULL: away */
    int64_t retry_mono_ms;
    int pending; /* commands sent or queued, not answered */
    int64_t lost;
};

struct counter *counter_new(const char *socket_path)
{
    struct counter *c = calloc(1, sizeof *c);

    if (c)
        c->socket_path = socket_path;
    return c;
}

void counter_free(struct counter *c)
{
    if (c && c->redis)
        redisFree(c->redis);
    free(c);
}

static void disconnect(struct counter *c)
{
    if (c->redis)
        redisFree(c->redis);
    c->redis = NULL;
    c->pending = 0;
    c->retry_mono_ms = clk_mono_ms() + RETRY_MS;
}

static void connect_when_due(struct counter *c)
{
    if (c->redis || clk_mono_ms() < c->retry_mono_ms)
        return;
    c->redis = redisConnectUnixNonBlock(c->socket_path);
    if (!c->redis || c->redis->err)
        disconnect(c);
}

void counter_add(struct counter *c, const char *name, int64_t epoch_s, int n)
{
    if (n <= 0)
        return;
    connect_when_due(c);
    if (!c->redis) {
        c->lost += n;
        return;
    }
    for (int i = 0; i < n; i++)
        redisAppendCommand(c->redis, "INCR rate:%s:%lld", name, (long long)epoch_s);
    redisAppendCommand(c->redis, "EXPIRE rate:%s:%lld %d", name, (long long)epoch_s, KEY_TTL_S);
    c->pending += n + 1;
}

void counter_tend(struct counter *c)
{
    int is_done = 0;
    void *reply = NULL;

    if (!c->redis || c->pending == 0)
        return;
    if (redisBufferWrite(c->redis, &is_done) != REDIS_OK ||
        redisBufferRead(c->redis) != REDIS_OK) {
        c->lost += c->pending;
        disconnect(c);
        return;
    }
    while (redisGetReplyFromReader(c->redis, &reply) == REDIS_OK && reply) {
        freeReplyObject(reply);
        c->pending--;
    }
}

int64_t counter_lost(const struct counter *c)
{
    return c->lost;
}
