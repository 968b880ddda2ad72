/* hash.h - FNV-1a, 64 bits: for change detection, hash tables and check sums of our own files.
 * Not against an adversary. Source: Fowler, Noll & Vo; RFC 9923, section 2. */
#ifndef SCALER_BASE_HASH_H
#define SCALER_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_START UINT64_C(0xcbf29ce484222325)

/* Carries a hash on over n bytes; begin with HASH_START. Pieces hash as their whole. */
static inline uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    return hash;
}

#endif
