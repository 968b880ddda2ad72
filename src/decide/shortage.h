/* shortage.h - load above capacity, with the noise below one tick. */
#ifndef SCALER_DECIDE_SHORTAGE_H
#define SCALER_DECIDE_SHORTAGE_H

#include <stddef.h>

/* Expected load above a capacity a when the load's mean over the tick is r and it varies within
 * it with deviation r x noise (normal):
 *   r s L((a - r) / (r s)),   L(z) = phi(z) - z (1 - Phi(z)),   s = noise
 * the newsvendor's expected shortage (Silver, Pyke & Thomas, Inventory and Production
 * Management, 4th ed., appendix II). From a table, within 1e-4 of r s; noise 0: max(r - a, 0).
 */
double shortage(double load, double capacity, double noise);

/* over[k] += shortage(load, capacity[k], noise) for n capacities. */
void shortage_add(double load, const float *capacity, size_t n, double noise, float *over);

#endif
