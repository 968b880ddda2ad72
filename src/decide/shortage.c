/* shortage.c - see shortage.h. */
#include "decide/shortage.h"

#include <math.h>

enum { CELLS = 160 };
static const double SPAN = 4; /* deviations; beyond, L(z) is 0 or -z within 1e-5 */

/* L at z = -4 + k / 20, k = 0..160. L(-z) = L(z) + z, so half of it suffices: L(k / 20). */
static const double LOSS[CELLS / 2 + 1] = {
    3.989423e-01, 3.744409e-01, 3.509353e-01, 3.284220e-01, 3.068946e-01, 2.863447e-01,
    2.667612e-01, 2.481311e-01, 2.304388e-01, 2.136671e-01, 1.977966e-01, 1.828060e-01,
    1.686727e-01, 1.553724e-01, 1.428794e-01, 1.311669e-01, 1.202072e-01, 1.099717e-01,
    1.004311e-01, 9.155574e-02, 8.331547e-02, 7.568013e-02, 6.861951e-02, 6.210354e-02,
    5.610245e-02, 5.058687e-02, 4.552796e-02, 4.089754e-02, 3.666814e-02, 3.281314e-02,
    2.930679e-02, 2.612433e-02, 2.324197e-02, 2.063700e-02, 1.828779e-02, 1.617379e-02,
    1.427558e-02, 1.257484e-02, 1.105435e-02, 9.697990e-03, 8.490703e-03, 7.418477e-03,
    6.468313e-03, 5.628186e-03, 4.887008e-03, 4.234588e-03, 3.661585e-03, 3.159462e-03,
    2.720444e-03, 2.337468e-03, 2.004137e-03, 1.714675e-03, 1.463880e-03, 1.247084e-03,
    1.060106e-03, 8.992136e-04, 7.610867e-04, 6.427765e-04, 5.416738e-04, 4.554755e-04,
    3.821543e-04, 3.199313e-04, 2.672491e-04, 2.227486e-04, 1.852468e-04, 1.537167e-04,
    1.272693e-04, 1.051372e-04, 8.665967e-05, 7.126949e-05, 5.848092e-05, 4.787917e-05,
    3.911101e-05, 3.187641e-05, 2.592126e-05, 2.103086e-05, 1.702436e-05, 1.374977e-05,
    1.107973e-05, 8.907802e-06, 7.145258e-06,
};

static double loss(double z)
{
    double at = fabs(z) * (CELLS / 2) / SPAN, up;
    int k = (int)at;

    up = LOSS[k] + (at - k) * (LOSS[k + 1] - LOSS[k]);
    return z < 0 ? up - z : up;
}

double shortage(double load, double capacity, double noise)
{
    double deviation = load * noise, gap = capacity - load;

    if (gap >= SPAN * deviation)
        return 0;
    if (gap <= -SPAN * deviation)
        return -gap;
    return deviation * loss(gap / deviation);
}

void shortage_add(double load, const float *capacity, size_t n, double noise, float *over)
{
    double ample = load + SPAN * load * noise;

    for (size_t k = 0; k < n; k++)
        if ((double)capacity[k] < ample)
            over[k] += (float)shortage(load, (double)capacity[k], noise);
}
