/* scratch.h - a directory for targets whose parser reads a file; removed at the end. */
#ifndef TESTS_FUZZ_SCRATCH_H
#define TESTS_FUZZ_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

const char *scratch_dir(void);
/* Writes a file in it, over what was there; aborts when it cannot. */
void scratch_put(const char *name, const uint8_t *data, size_t size);

#endif
