/* model.c - see model.h. */
#include "forecast/model.h"

#include <string.h>

const struct model *model_find(const char *name)
{
    for (size_t i = 0; model_table[i]; i++)
        if (strcmp(model_table[i]->name, name) == 0)
            return model_table[i];
    return NULL;
}
