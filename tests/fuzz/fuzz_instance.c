/* fuzz_instance.c - any bytes as each of the files of an instance. */
#include <stdlib.h>

#include "act/instance_file.h"
#include "fuzz/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct instance_drain_mark mark;
    struct instance_record record;
    struct instance_spec spec;
    struct err e = {0};

    scratch_put("a.json", data, size);
    scratch_put("a.pid", data, size);
    scratch_put("a.drain", data, size);
    if (instance_spec_read(scratch_dir(), "a", &spec, &e) == 0) {
        if (!spec.command[0])
            abort(); /* nothing to start */
        instance_spec_clear(&spec);
    } else if (e.msg[0] == '\0') {
        abort(); /* refused without a word */
    }
    if (instance_record_read(scratch_dir(), "a", &record, &e) == 1 &&
        (record.pid <= 1 || record.groups.n > LIMIT_MOST_GROUPS))
        abort(); /* a signal to it would reach others */
    instance_mark_read(scratch_dir(), "a", &mark);
    return 0;
}
