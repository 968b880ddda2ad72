/* Any bytes as a saved brain (decide/brain.h). The checksum is made right first, or nothing
 * behind it would ever be read: what is loaded must go on deciding within its limits. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "decide/brain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int is_true, const char *what)
{
    if (is_true)
        return;
    fprintf(stderr, "fuzz_brain: %s\n", what);
    abort();
}

/* As brain_save seals its bytes. */
static void seal(uint8_t *bytes, size_t n)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < n - sizeof sum; i++)
        sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
    memcpy(bytes + n - sizeof sum, &sum, sizeof sum);
}

static void use(struct brain *b, int64_t now_ms)
{
    struct brain_fleet fleet = {.ready = 3};
    struct decide_in in;
    struct decision d;

    for (int k = 0; k < 40; k++, now_ms += CLK_HOUR_MS) {
        brain_observe(b, now_ms, &fleet);
        brain_sample(b, now_ms - CLK_HOUR_MS, 100 + k);
        if (brain_is_night_due(b))
            brain_night(b, NULL);
        brain_decide(b, now_ms, &in, &d);
        expect(d.count >= 1 && d.count <= 50, "a count within the limits");
        brain_asked(b, now_ms, d.count);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct brain_setup setup;
    struct err e = {0};
    struct brain *b;
    uint8_t *copy;

    if (size < sizeof(uint64_t) || !(copy = malloc(size)))
        return 0;
    memcpy(copy, data, size);
    seal(copy, size);
    brain_setup_init(&setup);
    setup.step_ms = CLK_HOUR_MS;
    setup.per_instance = 10;
    setup.max = 50;
    if (brain_load(&b, &setup, 0, copy, size, &e) == 0) {
        struct str again = STR_EMPTY;

        expect(brain_save(b, &again, NULL) == 0 && again.len == size,
               "what was loaded is saved as so many bytes");
        str_clear(&again);
        use(b, 20000 * CLK_DAY_MS);
        brain_free(b);
    } else {
        expect(e.msg[0] != '\0', "a refusal says why");
    }
    free(copy);
    return 0;
}
