/* vec.c - see vec.h. */
#include "base/vec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_CAP = 16 };

int vec_reserve(void *items, size_t *cap, size_t need, size_t size)
{
    void *old, *grown;
    size_t want;

    if (need <= *cap)
        return 0;
    want = *cap + *cap / 2;
    if (want < need)
        want = need;
    if (want < LEAST_CAP)
        want = LEAST_CAP;
    if (size != 0 && want > SIZE_MAX / 2 / size)
        return -1;
    memcpy(&old, items, sizeof old); /* the caller's pointer has another type */
    grown = realloc(old, want * size);
    if (!grown)
        return -1;
    memcpy(items, &grown, sizeof grown);
    *cap = want;
    return 0;
}
