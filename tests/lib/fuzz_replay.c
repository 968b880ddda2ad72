/* fuzz_replay.c - the main of a fuzz target in a build without libFuzzer: hands it every file
 * of the corpus folder given, each also cut in half and with one byte changed. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay(const struct str *s)
{
    const uint8_t *bytes = (const uint8_t *)str_text(s);

    LLVMFuzzerTestOneInput(bytes, s->len);
    LLVMFuzzerTestOneInput(bytes, s->len / 2);
    for (size_t i = 0; i < s->len; i += 1 + s->len / 64) {
        char kept = s->data[i];

        s->data[i] = (char)(kept ^ 0x15);
        LLVMFuzzerTestOneInput(bytes, s->len);
        s->data[i] = kept;
    }
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    struct dirent *entry;
    int n = 0;

    if (!folder) {
        fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
        return 2;
    }
    while ((entry = readdir(folder))) {
        struct str s = STR_EMPTY;
        char path[1024];

        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        if (entry->d_name[0] != '.' && file_read(path, 1 << 24, &s, NULL) == 0) {
            replay(&s);
            n++;
        }
        str_clear(&s);
    }
    closedir(folder);
    printf("%d files\n", n);
    return n > 0 ? 0 : 1;
}
