/* fuzz_config.c - the text of a configuration. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "service/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf_faults faults = {0};
    struct config *c = NULL;
    struct err e = {0};
    char *text = malloc(size + 1);

    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (config_parse(&c, "fuzz.cfg", text, &faults, &e) == 0)
        config_free(c);
    else if (e.code == ERR_NONE || e.msg[0] == '\0')
        abort(); /* refused without a word */
    conf_faults_clear(&faults);
    free(text);
    return 0;
}
