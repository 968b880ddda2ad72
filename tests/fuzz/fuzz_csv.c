/* fuzz_csv.c - any bytes as a file of samples. */
#include <stdlib.h>

#include "collect/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct csv_options options = {.most_bad = size % 3, .most_samples = 1000};
    struct sample items[7];
    struct csv *c = NULL;
    struct err e = {0};
    size_t n = 0, all = 0;
    int rc;

    if (csv_open_text(&c, "fuzz.csv", (const char *)data, size, &options, &e) != 0)
        return 0;
    do {
        rc = csv_next(c, items, sizeof items / sizeof items[0], &n, &e);
        all += n;
    } while (rc == 0 && n > 0);
    if (rc != 0 && e.msg[0] == '\0')
        abort(); /* refused without a word */
    if (rc == 0 && (all != csv_report(c)->samples || csv_report(c)->bad > options.most_bad))
        abort(); /* the report tells of another file */
    csv_close(c);
    return 0;
}
