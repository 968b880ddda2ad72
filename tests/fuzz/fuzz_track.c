/* Any bytes as a running record (forecast/track.h). The checksum is made right first, or nothing
 * behind it would ever be read: what is loaded must answer within its limits. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "forecast/track.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int is_true, const char *what)
{
    if (is_true)
        return;
    fprintf(stderr, "fuzz_track: %s\n", what);
    abort();
}

static void use(struct track *t)
{
    double cells[600];
    struct series came = {.step_ms = 300000, .n = 600, .values = cells};
    struct str bytes = STR_EMPTY;

    for (size_t i = 0; i < 600; i++)
        cells[i] = i % 7 == 0 ? NAN : (double)i;
    track_score(t, &came);
    for (size_t k = 0; k < TRACK_LEADS; k++)
        for (double p = 0.001; p < 1; p += 0.037) {
            double level = track_level(t, k, p);

            expect(level >= 0 && level <= 1, "a level outside 0 to 1");
        }
    expect(track_save(t, &bytes, NULL) == 0, "it cannot be saved");
    str_clear(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size + sizeof(uint64_t));
    uint64_t sum = hash_bytes(HASH_START, data, size);
    struct track t;

    if (!bytes)
        return 0;
    memcpy(bytes, data, size);
    memcpy(bytes + size, &sum, sizeof sum);
    if (track_load(&t, bytes, size + sizeof sum, NULL) == 0)
        use(&t);
    free(bytes);
    return 0;
}
