/* replay.c - runs a fuzz target over its corpus without libFuzzer: every file as it is, cut at
 * every length up to 200 bytes, and with each of its first 200 bytes changed. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { MOST_BYTES = 1 << 20, CUT_BYTES = 200 };

/* A copy of its own size, so that a read past the end is seen. */
static void run(const uint8_t *bytes, size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);

    if (!copy)
        exit(1);
    memcpy(copy, bytes, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static void run_file(const char *dir, const char *name)
{
    static uint8_t bytes[MOST_BYTES];
    char path[4096];
    FILE *f;
    size_t n;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "rb");
    if (!f) {
        fprintf(stderr, "%s: cannot open\n", path);
        exit(1);
    }
    n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    run(bytes, n);
    for (size_t i = 0; i < n && i < CUT_BYTES; i++) {
        uint8_t was = bytes[i];

        run(bytes, i);
        bytes[i] = (uint8_t)(was ^ 0x15);
        run(bytes, n);
        bytes[i] = was;
    }
}

int main(int argc, char **argv)
{
    DIR *d = argc == 2 ? opendir(argv[1]) : NULL;
    size_t n = 0;

    if (!d) {
        fprintf(stderr, "usage: %s CORPUS_DIRECTORY\n", argv[0]);
        return 2;
    }
    for (struct dirent *f = readdir(d); f; f = readdir(d))
        if (f->d_name[0] != '.') {
            run_file(argv[1], f->d_name);
            n++;
        }
    closedir(d);
    printf("%zu files\n", n);
    return n > 0 ? 0 : 1;
}
