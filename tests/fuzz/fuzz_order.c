/* fuzz_order.c - any text as an operator's order: what is in force has an end and says
 * something. */
#include <stdlib.h>
#include <string.h>

#include "act/approve.h"
#include "act/override.h"
#include "fuzz/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int64_t now_ms = INT64_C(1795336800000);

static void read_overrides(void)
{
    struct override *items;
    size_t n;

    if (override_list(scratch_dir(), now_ms, &items, &n, NULL) != 0)
        return;
    for (size_t i = 0; i < n; i++)
        if (items[i].until_ms <= now_ms || (items[i].least < 0 && items[i].most < 0) ||
            items[i].least < -1 || items[i].most < -1)
            abort();
    free(items);
}

static void read_approvals(void)
{
    struct approve *items;
    size_t n;

    if (approve_list(scratch_dir(), now_ms, &items, &n, NULL) != 0)
        return;
    for (size_t i = 0; i < n; i++)
        if (items[i].until_ms <= now_ms)
            abort();
    free(items);
}

/* Orders are links: a text without NULs that fits into one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[ORDER_TEXT_SIZE * 2];
    size_t n = size < sizeof text ? size : sizeof text - 1;

    memcpy(text, data, n);
    text[n] = '\0';
    if (order_write(scratch_dir(), "override", "web", text, NULL) == 0)
        read_overrides();
    if (order_write(scratch_dir(), "approve", "web", text, NULL) == 0)
        read_approvals();
    return 0;
}
