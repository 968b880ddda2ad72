/* Any bytes as a session of `scaler advise`: lines are split at newlines. Whatever comes in, an
 * answer stays one line, and a count within the limits of the session. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/advise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(int is_true, const char *what)
{
    if (is_true)
        return;
    fprintf(stderr, "fuzz_advise: %s\n", what);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data, *end = at + size;
    struct str reply = STR_EMPTY;
    struct brain_setup setup;
    struct advise *a;
    bool is_end = false;

    brain_setup_init(&setup);
    if (advise_new(&a, &setup, NULL) != 0)
        return 0;
    while (at < end && !is_end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((stop ? stop : end) - at);

        str_reset(&reply);
        advise_line(a, at, n, &reply, &is_end, NULL);
        expect(is_end || (reply.len > 0 && reply.len < 4096), "an answer of a fair length");
        expect(is_end || strchr(str_text(&reply), '\n') == reply.data + reply.len - 1,
               "exactly one line");
        at += n + 1;
    }
    str_clear(&reply);
    advise_free(a);
    return 0;
}
