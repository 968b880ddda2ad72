/* redis_value.c - see redis_value.h. */
#include "net/redis_value.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 65536, KEPT_BYTES = 1048576, ALIGN = 16 };

struct rds_block {
    struct rds_block *next;
    size_t cap, used;
    _Alignas(ALIGN) char bytes[];
};

void rds_arena_reset(struct rds_arena *a)
{
    struct rds_block *b = a->blocks;

    while (b && b->next) {
        struct rds_block *next = b->next;

        free(b);
        b = next;
    }
    if (b && b->cap > KEPT_BYTES) {
        free(b);
        b = NULL;
    }
    if (b)
        b->used = 0;
    a->blocks = b;
    a->used = 0;
    a->is_over = false;
}

void rds_arena_clear(struct rds_arena *a)
{
    rds_arena_reset(a);
    free(a->blocks);
    a->blocks = NULL;
}

static void *take(struct rds_arena *a, size_t n)
{
    struct rds_block *b = a->blocks;
    void *p;

    n = (n + ALIGN - 1) / ALIGN * ALIGN;
    if (n > a->most || a->used > a->most - n) {
        a->is_over = true;
        return NULL;
    }
    if (!b || b->cap - b->used < n) {
        size_t cap = n > BLOCK_BYTES ? n : BLOCK_BYTES;

        b = malloc(sizeof *b + cap);
        if (!b)
            return NULL;
        *b = (struct rds_block){.next = a->blocks, .cap = cap};
        a->blocks = b;
    }
    p = b->bytes + b->used;
    b->used += n;
    a->used += n;
    return p;
}

static struct rds_value *make(const redisReadTask *task, enum rds_type type, size_t more)
{
    struct rds_arena *a = task->privdata;
    struct rds_value *v = take(a, sizeof *v + more);

    if (!v)
        return NULL;
    *v = (struct rds_value){.type = type};
    if (task->parent) {
        const struct rds_value *parent = task->parent->obj;

        parent->items[task->idx] = v;
    }
    return v;
}

static void *create_string(const redisReadTask *task, char *text, size_t n)
{
    enum rds_type type = task->type == REDIS_REPLY_ERROR    ? RDS_ERROR
                         : task->type == REDIS_REPLY_STATUS ? RDS_STATUS
                                                            : RDS_STRING;
    struct rds_value *v = make(task, type, n + 1);
    char *copy;

    if (!v)
        return NULL;
    copy = (char *)(v + 1);
    memcpy(copy, text, n);
    copy[n] = '\0';
    v->text = copy;
    v->len = n;
    return v;
}

static void *create_array(const redisReadTask *task, int n)
{
    size_t len = n > 0 ? (size_t)n : 0;
    struct rds_value *v = make(task, RDS_ARRAY, len * sizeof(struct rds_value *));

    if (!v)
        return NULL;
    v->len = len;
    v->items = (const struct rds_value **)(v + 1);
    return v;
}

static void *create_integer(const redisReadTask *task, long long n)
{
    struct rds_value *v = make(task, RDS_INTEGER, 0);

    if (v)
        v->integer = n;
    return v;
}

static void *create_nil(const redisReadTask *task)
{
    return make(task, RDS_NIL, 0);
}

static void free_object(void *object)
{
    (void)object; /* the arena's */
}

redisReader *rds_reader_new(struct rds_arena *a)
{
    static redisReplyObjectFunctions functions = {create_string, create_array, create_integer,
                                                  create_nil, free_object};
    redisReader *r = redisReaderCreateWithFunctions(&functions);

    if (r)
        r->privdata = a;
    return r;
}
