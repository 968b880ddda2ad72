/* fuzz_record.c - any bytes as a kept decision: what is read can be told, replayed, and written
 * so that it reads the same again. */
#include <stdlib.h>
#include <string.h>

#include "act/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str first = STR_EMPTY, second = STR_EMPTY, story = STR_EMPTY;
    struct store_decision row;
    struct decision decision;
    struct record r, again;
    struct err e = {0};

    if (record_from_json((const char *)data, size, &r, &e) != 0) {
        if (e.msg[0] == '\0')
            abort(); /* refused without a word */
        return 0;
    }
    record_replay(&r, &decision);
    record_row(&r, RECORD_CHANGE, "web", &row);
    if (record_story(&r, &row, NULL, 0, &story, &e) != 0 ||
        record_to_json(&r, &first, &e) != 0 ||
        record_from_json(first.data, first.len, &again, &e) != 0 ||
        record_to_json(&again, &second, &e) != 0)
        abort();
    if (strcmp(str_text(&first), str_text(&second)) != 0)
        abort(); /* what was written reads as something else */
    str_clear(&first);
    str_clear(&second);
    str_clear(&story);
    return 0;
}
