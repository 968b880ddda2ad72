/* demo_history.c - GENERATED history for the demo, as CSV on standard output.
 *
 *   demo_history --midnight EPOCH --from SECOND --to SECOND --seed N
 *
 * Rows `timestamp_unix,value`: the requests of each second in [midnight + from, midnight + to),
 * drawn about the same daily shape as the live load. --rate prints the expected rate instead.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "day.h"

static int64_t integer_or_exit(const char *text)
{
    int64_t v;

    if (str_to_int64(text, strlen(text), &v))
        return v;
    fprintf(stderr, "demo_history: \"%s\" is not a whole number\n", text);
    exit(2);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"midnight", required_argument, NULL, 'm'}, {"from", required_argument, NULL, 'f'},
        {"to", required_argument, NULL, 't'},       {"seed", required_argument, NULL, 's'},
        {"rate", no_argument, NULL, 'r'},           {NULL, 0, NULL, 0}};
    int64_t midnight = 0, from = 0, to = 0, seed = 1;
    bool as_rate = false;
    int o;

    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (o == 'm')
            midnight = integer_or_exit(optarg);
        else if (o == 'f')
            from = integer_or_exit(optarg);
        else if (o == 't')
            to = integer_or_exit(optarg);
        else if (o == 's')
            seed = integer_or_exit(optarg);
        else if (o == 'r')
            as_rate = true;
        else
            return 2;
    }
    printf("timestamp_unix,value\n");
    for (int64_t s = from; s < to; s++)
        printf("%" PRId64 ",%.6g\n", midnight + s,
               as_rate ? day_rate((uint64_t)seed, (double)s + 0.5)
                       : day_count((uint64_t)seed, s));
    return fflush(stdout) == 0 ? 0 : 1;
}
