/* fuzz_template.c - any text as a template, filled for any time. */
#include "adapters/sources/template.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const int64_t times[] = {0, 1700000040000, INT64_C(253402300799000)};
    char *text = malloc(n + 1);
    struct template t;
    struct err e;

    if (!text)
        return 0;
    if (n > 0)
        memcpy(text, bytes, n);
    text[n] = '\0';
    if (template_parse(&t, text, &e) == 0)
        for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
            struct str out = STR_EMPTY;

            template_write(&t, "web", times[i], NULL, &out);
            str_clear(&out);
        }
    free(text);
    return 0;
}
