/* vec.h - growing a plain array that its owner keeps as pointer, count and capacity. */
#ifndef SCALER_BASE_VEC_H
#define SCALER_BASE_VEC_H

#include <stddef.h>

/* Makes room for at least `need` elements of `size` bytes in *items, whose capacity is *cap;
 * grows by half so that appending is O(1) amortised. Existing elements keep their values, new
 * ones are undefined. Returns 0, or -1 when memory runs out or need * size overflows: then
 * *items and *cap are unchanged. `items` is the address of a typed pointer:
 *     if (vec_reserve(&s->values, &s->cap, s->n + 1, sizeof *s->values) != 0) ... */
int vec_reserve(void *items, size_t *cap, size_t need, size_t size);

#endif
