/* config_ref.c - see config_ref.h. */
#include "daemon/config_ref.h"

#include <stdlib.h>

struct config_ref *config_ref_new(struct config *c)
{
    struct config_ref *r = calloc(1, sizeof *r);

    if (r)
        *r = (struct config_ref){c, 1};
    return r;
}

struct config_ref *config_ref_hold(struct config_ref *r)
{
    r->n++;
    return r;
}

void config_ref_drop(struct config_ref *r)
{
    if (!r || --r->n > 0)
        return;
    config_free(r->config);
    free(r);
}
