/* fuzz_approval.c - any bytes as kept settings that wait for a person: what is taken bounds a
 * count, and goes on to be judged. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "service/approval.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct approval_terms *t)
{
    if (t->min < 0 || t->max < 1 || t->min > t->max || !(t->per_instance > 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct approval_terms wanted = {1, 5, 100, 0.01, NAN};
    struct str first = STR_EMPTY, second = STR_EMPTY;
    struct approval a, again;

    approval_load(&a, (const char *)data, size);
    if (!a.is_known)
        return 0;
    check(&a.force);
    check(&a.wanted);
    if (approval_save(&a, &first, NULL) != 0)
        abort();
    approval_load(&again, first.data, first.len);
    if (!again.is_known || approval_save(&again, &second, NULL) != 0 ||
        strcmp(str_text(&first), str_text(&second)) != 0)
        abort(); /* what was written reads as something else */
    approval_offer(&a, &wanted, true);
    if (a.state == APPROVAL_JUDGING)
        approval_judge(&a, INT_MAX, INT_MAX, 1, 1000);
    check(&a.force);
    str_clear(&first);
    str_clear(&second);
    return 0;
}
