/* seen.h - notices that someone else moved a count since we last looked, on platforms whose
 * writes carry no version. What happens between a look and the write right after it is not
 * noticed. */
#ifndef SCALER_ACT_SEEN_H
#define SCALER_ACT_SEEN_H

#include <stdbool.h>

#include "base/err.h"

struct seen { /* zeros: nothing seen yet */
    bool is_known;
    int count;
};

/* `count` stands: it was read, or accepted from us. */
void seen_note(struct seen *s, int count);
/* Nobody knows: a call failed that may have been accepted all the same. */
void seen_forget(struct seen *s);

/* Takes note of what stands now. ERR_CONFLICT when that is not what was seen before: "WHAT was
 * 3 and is 5". */
int seen_compare(struct seen *s, int count, const char *what, struct err *e);

#endif
