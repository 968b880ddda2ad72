/* str.h - a growing byte string, and numbers to and from text.
 *
 * A failed append (memory) sets `failed` and makes every later append a no-op, so that a
 * writer appends freely and checks once at the end. */
#ifndef SCALER_BASE_STR_H
#define SCALER_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct str {
    char *data; /* NUL-terminated when not NULL; may hold NULs before `len` */
    size_t len; /* bytes, the final NUL not counted */
    size_t cap;
    bool failed; /* an append ran out of memory: the content is cut short */
};

#define STR_EMPTY ((struct str){0})

void str_clear(struct str *s); /* frees; s is STR_EMPTY afterwards */
void str_reset(struct str *s); /* empties, keeps the memory */

/* Append; 0, or -1 when memory ran out (now or before). */
int str_add(struct str *s, const char *text);
int str_add_n(struct str *s, const void *bytes, size_t n);
int str_printf(struct str *s, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Appends v with `decimals` (0..9) digits after the point, as printf("%.*f") rounds except
 * for ties, many times faster; NAN as "nan", infinities as "inf" and "-inf". */
int str_add_fixed(struct str *s, double v, int decimals);

/* The content, never NULL ("" when empty). Borrowed until the next append. */
const char *str_text(const struct str *s);

/* Reads a decimal number that fills all of text[0..n). Accepts what strtod does except hex;
 * fast for up to 15 digits. False when it is not a number. "nan" and "inf" are accepted:
 * the caller says whether they make sense. */
bool str_to_double(const char *text, size_t n, double *out);

/* Reads a decimal integer that fills all of text[0..n). False on anything else or overflow. */
bool str_to_int64(const char *text, size_t n, int64_t *out);

/* Copies src into dst[size], cut to fit, always terminated. True when it fitted whole. */
bool str_copy(char *dst, size_t size, const char *src);

/* The entry of names[0..n) closest to `word` by edit distance (Damerau-Levenshtein, optimal
 * string alignment), or NULL when none is within a third of the word's length (at least 1,
 * at most 3 edits): the "did you mean" of every error message. */
const char *str_closest(const char *word, const char *const *names, size_t n);

#endif
