/* rng.h - reproducible random numbers: jitter, simulations, tests. Not for secrets.
 *
 * SplitMix64: Steele, Lea & Flood, "Fast Splittable Pseudorandom Number Generators",
 * OOPSLA 2014, figure 17. State is one word; equal seeds give equal sequences. */
#ifndef SCALER_BASE_RNG_H
#define SCALER_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state;
};

void rng_init(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);
double rng_uniform(struct rng *r); /* in [0, 1) */
double rng_normal(struct rng *r);  /* mean 0, deviation 1 (Box-Muller) */

#endif
