/* rails.h - rules that may change a proposed count, in one ordered list, hard limits last.
 *
 * Each rail looks at the inputs and at what the stages before it proposed, and either leaves
 * the count alone or moves it and says why, with the numbers. Adding one: a function, an entry
 * of rails[], an option row where it has a setting, test rows. */
#ifndef SCALER_DECIDE_RAILS_H
#define SCALER_DECIDE_RAILS_H

#include "decide/decide.h"

struct rail {
    const char *name;
    void (*apply)(const struct decide_in *in, struct decision *d);
};

extern const struct rail rails[]; /* ends with an entry without a name */

void rails_apply(const struct decide_in *in, struct decision *d);

#endif
