/* quantile.c - see quantile.h. */
#include "decide/quantile.h"

#include <math.h>

static void swap(float *a, float *b)
{
    float t = *a;

    *a = *b;
    *b = t;
}

/* Wirth's form of quickselect: Algorithms + Data Structures = Programs, 1976, program 2.12. */
float quantile_select(float *v, size_t n, double q)
{
    long lo = 0, hi = (long)n - 1, k;

    if (n == 0)
        return NAN;
    k = (long)fmax(ceil(q * (double)n) - 1, 0);
    k = k < (long)n ? k : (long)n - 1;
    while (lo < hi) {
        float pivot = v[k];
        long i = lo, j = hi;

        do {
            while (v[i] < pivot)
                i++;
            while (v[j] > pivot)
                j--;
            if (i <= j)
                swap(&v[i++], &v[j--]);
        } while (i <= j);
        if (j < k)
            lo = i;
        if (k < i)
            hi = j;
    }
    return v[k];
}
