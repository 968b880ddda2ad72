/* fuzz_hold.c - any bytes as a hold file: it holds something until a time it tells, or is over.
 */
#include <stdlib.h>

#include "act/hold.h"
#include "fuzz/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const int64_t now_ms = INT64_C(1795336800000);
    struct hold h;

    scratch_put("hold", data, size);
    scratch_put("hold.web", data, size / 2);
    hold_read(scratch_dir(), "web", now_ms, &h);
    if ((h.in || h.out) && h.until_ms != 0 && h.until_ms <= now_ms)
        abort(); /* it is over */
    return 0;
}
