/* pack.h - one list of fields, walked to write them into bytes or to read them back.
 *
 * The same function names a struct's fields for both ways, so that they cannot disagree. Bytes
 * are the machine's own (a store does not travel between machines of another byte order: the
 * head tells, see brain_load). Reading trusts nothing: past the end, or after pack_refuse,
 * every further call leaves its target alone and `failed` stays set. */
#ifndef SCALER_BASE_PACK_H
#define SCALER_BASE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Nothing that counts ticks, or instances, is beyond these. */
#define PACK_TICKS (INT64_C(1) << 40)
#define PACK_COUNT (1 << 28)

struct pack {
    struct str *out;         /* writing: appended to; NULL: reading */
    const unsigned char *at; /* reading: what is left, up to `end` */
    const unsigned char *end;
    bool failed;
};

void pack_bytes(struct pack *p, void *v, size_t n);

/* Reading: refuses a value outside [least, most], NAN included. */
void pack_int(struct pack *p, int *v, int least, int most);
void pack_long(struct pack *p, long *v, long least, long most);
void pack_int64(struct pack *p, int64_t *v, int64_t least, int64_t most);
void pack_double(struct pack *p, double *v, double least, double most);
void pack_bool(struct pack *p, bool *v);

/* n values, each within [least, most]; with may_be_nan, NAN too. */
void pack_doubles(struct pack *p, double *v, size_t n, double least, double most,
                  bool may_be_nan);
void pack_floats(struct pack *p, float *v, size_t n, float least, float most, bool may_be_nan);

/* Reading: what was read makes no sense. Writing: nothing. */
void pack_refuse_if(struct pack *p, bool makes_no_sense);

#endif
