/* fuzz_status.c - any bytes as the status file of a daemon: what is read can be written, and
 * reads the same again. */
#include <stdlib.h>
#include <string.h>

#include "service/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(const struct daemon_status *s, struct str *out)
{
    if (daemon_status_write(s, out, NULL) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str first = STR_EMPTY, second = STR_EMPTY;
    struct service_status *services, *again;
    struct daemon_status s;
    struct err e = {0};

    if (daemon_status_read(&s, &services, (const char *)data, size, &e) != 0) {
        if (e.msg[0] == '\0')
            abort(); /* refused without a word */
        return 0;
    }
    write_again(&s, &first);
    free(services);
    if (daemon_status_read(&s, &again, first.data, first.len, &e) != 0)
        abort();
    write_again(&s, &second);
    free(again);
    if (strcmp(str_text(&first), str_text(&second)) != 0)
        abort(); /* what was written reads as something else */
    str_clear(&first);
    str_clear(&second);
    return 0;
}
