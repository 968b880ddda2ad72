/* fuzz_tick.c - any bytes as a tick row of the store: ids ascend, and the walk ends. */
#include <stdlib.h>

#include "collect/store_db.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store_tick_reader r = {.at = data, .end = data + size};
    int64_t last = 0;
    size_t n = 0;

    while (store_tick_next(&r)) {
        if (r.id < last || ++n > size)
            abort();
        last = r.id;
    }
    return 0;
}
