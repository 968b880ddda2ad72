/* pack.c - see pack.h. */
#include "base/pack.h"

#include <math.h>
#include <string.h>

void pack_bytes(struct pack *p, void *v, size_t n)
{
    if (p->failed)
        return;
    if (p->out) {
        p->failed = str_add_n(p->out, v, n) != 0;
    } else if ((size_t)(p->end - p->at) < n) {
        p->failed = true;
    } else {
        memcpy(v, p->at, n);
        p->at += n;
    }
}

void pack_refuse_if(struct pack *p, bool makes_no_sense)
{
    p->failed |= !p->out && makes_no_sense;
}

void pack_int64(struct pack *p, int64_t *v, int64_t least, int64_t most)
{
    int64_t x = *v;

    pack_bytes(p, &x, sizeof x);
    pack_refuse_if(p, x < least || x > most);
    if (!p->failed)
        *v = x;
}

void pack_int(struct pack *p, int *v, int least, int most)
{
    int64_t x = *v;

    pack_int64(p, &x, least, most);
    *v = (int)x;
}

void pack_long(struct pack *p, long *v, long least, long most)
{
    int64_t x = *v;

    pack_int64(p, &x, least, most);
    *v = (long)x;
}

void pack_bool(struct pack *p, bool *v)
{
    int x = *v;

    pack_int(p, &x, 0, 1);
    *v = x != 0;
}

void pack_doubles(struct pack *p, double *v, size_t n, double least, double most,
                  bool may_be_nan)
{
    for (size_t i = 0; i < n && !p->failed; i++) {
        double x = v[i];

        pack_bytes(p, &x, sizeof x);
        pack_refuse_if(p, isnan(x) ? !may_be_nan : !(x >= least && x <= most));
        if (!p->failed)
            v[i] = x;
    }
}

void pack_floats(struct pack *p, float *v, size_t n, float least, float most, bool may_be_nan)
{
    for (size_t i = 0; i < n && !p->failed; i++) {
        float x = v[i];

        pack_bytes(p, &x, sizeof x);
        pack_refuse_if(p, isnan(x) ? !may_be_nan : !(x >= least && x <= most));
        if (!p->failed)
            v[i] = x;
    }
}

void pack_double(struct pack *p, double *v, double least, double most)
{
    pack_doubles(p, v, 1, least, most, false);
}
