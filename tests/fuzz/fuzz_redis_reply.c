/* fuzz_redis_reply.c - any bytes as what Redis sends, handed to a layout. The first byte
 * chooses the layout and its options. */
#include "adapters/sources/redis_work.h"

#include <math.h>
#include <stdlib.h>

#include "net/redis_value.h"

enum { CELLS = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void take_one(const struct layout *layout, struct page *page, size_t index,
                     const struct rds_value *value)
{
    if (layout->take_page)
        layout->take_page(page, value);
    else
        layout->take(page->work, index, value);
}

static void take_all(const struct layout *layout, uint8_t options, const char *bytes, size_t n)
{
    double sums[CELLS];
    uint32_t counts[CELLS] = {0};
    struct source_reply reply = {0};
    struct source_query query = {.service = "web", .step_ms = 60000, .since_ms = 60000};
    struct plan plan = {.layout = layout,
                        .has_field = (options & 1) != 0,
                        .is_counts = (options & 2) != 0,
                        .has_time_members = (options & 4) != 0,
                        .time_unit_ms = (options & 8) != 0 ? 1 : 1000};
    struct memo memo = {.total = {.is_known = (options & 2) != 0, .at_ms = 500000, .value = 3}};
    struct work w = {.query = &query,
                     .reply = &reply,
                     .memo = &memo,
                     .plan = &plan,
                     .server_ms = 600000,
                     .from_ms = 60000,
                     .n_cells = CELLS,
                     .sums = sums,
                     .counts = counts};
    struct page page = {.work = &w, .from = "60"};
    struct rds_arena arena = {.most = 1 << 20};
    redisReader *r = rds_reader_new(&arena);
    void *value;

    for (int i = 0; i < CELLS; i++)
        sums[i] = NAN;
    template_parse(&plan.key, "k:{service}:{epoch}", NULL);
    template_parse(&plan.field, "n", NULL);
    /* as many answers as commands, at most one a cell: more the client never hands on */
    if (r && redisReaderFeed(r, bytes, n) == REDIS_OK)
        for (size_t i = 0; i < CELLS && redisReaderGetReply(r, &value) == REDIS_OK && value;
             i++) {
            if (reply.err.code == ERR_NONE)
                take_one(layout, &page, i, value);
            rds_arena_reset(&arena);
        }
    for (size_t i = 0; i < CELLS; i++)
        if (work_value(&w, i) < 0)
            abort(); /* a load is never negative */
    if (r)
        redisReaderFree(r);
    rds_arena_clear(&arena);
    source_reply_clear(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    size_t n_layouts = 0;

    while (redis_layouts[n_layouts].name)
        n_layouts++;
    if (n > 0)
        take_all(&redis_layouts[bytes[0] % n_layouts], bytes[0] >> 4, (const char *)bytes + 1,
                 n - 1);
    return 0;
}
