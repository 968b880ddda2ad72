/* override.c - see override.h. */
#include "act/override.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/str.h"
#include "base/vec.h"

#define PREFIX "override."
#define MOST_TEXT 512

static int override_path(const char *state_dir, const char *service, char *out, size_t size,
                         struct err *e)
{
    int n;

    if (service[0] == '\0' || strchr(service, '/'))
        return err_set(e, ERR_CONFIG, "service \"%s\": not a name (no slash, not empty)",
                       service);
    n = snprintf(out, size, "%s/" PREFIX "%s", state_dir, service);
    if (n < 0 || (size_t)n >= size)
        return err_set(e, ERR_CONFIG, "%.80s...: path too long", state_dir);
    return 0;
}

/* Beside the other name, then renamed: whoever reads sees the old one or the new one. The name
 * begins with a dot, so that no list holds it. */
static int put(const char *state_dir, const char *path, const char *text)
{
    char beside[PATH_MAX];
    int fault;

    if (snprintf(beside, sizeof beside, "%s/.override-%ld", state_dir, (long)getpid()) >=
        (int)sizeof beside) {
        errno = ENAMETOOLONG;
        return -1;
    }
    unlink(beside);
    if (symlink(text, beside) == 0 && rename(beside, path) == 0)
        return 0;
    fault = errno;
    unlink(beside);
    errno = fault;
    return -1;
}

int override_write(const char *state_dir, const struct override *o, struct err *e)
{
    char path[PATH_MAX], text[MOST_TEXT], until[32];
    int n;

    if (override_path(state_dir, o->service, path, sizeof path, e) != 0)
        return -1;
    clk_format_time(o->until_ms, until, sizeof until);
    n = snprintf(text, sizeof text, "min=%d max=%d until=%s", o->least, o->most, until);
    snprintf(text + n, sizeof text - (size_t)n, " by=%s reason=%s", o->by, o->reason);
    if (put(state_dir, path, text) == 0)
        return 0;
    text[n] = '\0'; /* fits into the inode */
    if (put(state_dir, path, text) == 0)
        return 0;
    return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
}

int override_remove(const char *state_dir, const char *service, struct err *e)
{
    char path[PATH_MAX];

    if (override_path(state_dir, service, path, sizeof path, e) != 0)
        return -1;
    if (unlink(path) != 0 && errno != ENOENT)
        return err_set(e, ERR_IO, "%s: cannot remove: %s", path, strerror(errno));
    return 0;
}

/* The text after "key=" up to the next blank, or to the end for `reason`. */
static bool field(const char *text, const char *key, char *out, size_t size)
{
    const char *p = strstr(text, key);
    size_t n;

    out[0] = '\0';
    if (!p || (p != text && p[-1] != ' '))
        return false;
    p += strlen(key);
    n = strcmp(key, "reason=") == 0 ? strlen(p) : strcspn(p, " ");
    if (n >= size)
        return false;
    memcpy(out, p, n);
    out[n] = '\0';
    return true;
}

static bool read_count(const char *text, const char *key, int *out)
{
    char digits[32];
    int64_t v;

    if (!field(text, key, digits, sizeof digits) || !str_to_int64(digits, strlen(digits), &v) ||
        v < -1 || v > INT_MAX)
        return false;
    *out = (int)v;
    return true;
}

static bool parse(const char *text, struct override *o)
{
    char until[40];

    field(text, "by=", o->by, sizeof o->by);
    field(text, "reason=", o->reason, sizeof o->reason);
    return read_count(text, "min=", &o->least) && read_count(text, "max=", &o->most) &&
           (o->least >= 0 || o->most >= 0) && field(text, "until=", until, sizeof until) &&
           clk_parse_time(until, strlen(until), &o->until_ms);
}

static bool read_one(int dir_fd, const char *name, struct override *o)
{
    char text[MOST_TEXT];
    ssize_t n = readlinkat(dir_fd, name, text, sizeof text - 1);

    *o = (struct override){0};
    if (n <= 0 || !str_copy(o->service, sizeof o->service, name + strlen(PREFIX)))
        return false;
    text[n] = '\0';
    return parse(text, o);
}

int override_list(const char *state_dir, int64_t now_ms, struct override **items, size_t *n,
                  struct err *e)
{
    struct override one, *list = NULL;
    struct dirent *entry;
    size_t count = 0, cap = 0;
    DIR *d = opendir(state_dir);
    int rc = 0;

    *items = NULL;
    *n = 0;
    if (!d)
        return err_set(e, ERR_IO, "%s: %s", state_dir, strerror(errno));
    while (rc == 0 && (entry = readdir(d)) != NULL) {
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0 ||
            !read_one(dirfd(d), entry->d_name, &one) || one.until_ms <= now_ms)
            continue;
        rc = vec_reserve(&list, &cap, count + 1, sizeof *list);
        if (rc == 0)
            list[count++] = one;
    }
    closedir(d);
    if (rc != 0) {
        free(list);
        return err_nomem(e);
    }
    *items = list;
    *n = count;
    return 0;
}
