/* vector.h - functions built twice: for every processor, and for the wider vector units that
 * most have; the loader picks. Without fused multiply-add, so that both give the same results.
 *
 * Left out under sanitizers, whose start comes after the loader's picking. */
#ifndef SCALER_FORECAST_VECTOR_H
#define SCALER_FORECAST_VECTOR_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define VECTORISED __attribute__((target_clones("avx2", "default")))
#else
#define VECTORISED
#endif

#endif
