/* test.c - see test.h. */
#include "lib/test.h"

#include <ftw.h>
#include <limits.h>
#include <unistd.h>

static char temp_dir[PATH_MAX];

void test_assert_near(double a, double b, double tolerance, const char *what, const char *file,
                      int line)
{
    if ((isnan(a) && isnan(b)) || fabs(a - b) <= tolerance)
        return;
    print_error("%s is %.12g, not %.12g within %g\n", what, a, b, tolerance);
    _fail(file, line);
}

void test_assert_contains(const char *text, const char *part, const char *file, int line)
{
    if (strstr(text, part))
        return;
    print_error("\"%s\"\n  does not contain \"%s\"\n", text, part);
    _fail(file, line);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void remove_temp_dir(void)
{
    nftw(temp_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *test_temp_dir(void)
{
    const char *base = getenv("TMPDIR");

    if (temp_dir[0] != '\0')
        return temp_dir;
    snprintf(temp_dir, sizeof temp_dir, "%s/scaler-test-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(temp_dir))
        abort();
    atexit(remove_temp_dir);
    return temp_dir;
}

const char *test_trace(const char *name)
{
    static char path[PATH_MAX];
    const char *dir = getenv("SCALER_TRACES");

    snprintf(path, sizeof path, "%s/%s.csv", dir ? dir : "../shared/traces", name);
    if (access(path, R_OK) == 0)
        return path;
    print_message("skipped: no trace at %s\n", path);
    return NULL;
}

const char *test_scaler_bin(void)
{
    const char *bin = getenv("SCALER_BIN");

    return bin ? bin : "./scaler";
}
