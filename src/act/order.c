/* order.c - see order.h. */
#include "act/order.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

static int order_path(const char *state_dir, const char *kind, const char *service, char *out,
                      size_t size, struct err *e)
{
    int n;

    if (service[0] == '\0' || strchr(service, '/'))
        return err_set(e, ERR_CONFIG, "service \"%s\": not a name (no slash, not empty)",
                       service);
    n = snprintf(out, size, "%s/%s.%s", state_dir, kind, service);
    if (n < 0 || (size_t)n >= size)
        return err_set(e, ERR_CONFIG, "%.80s...: path too long", state_dir);
    return 0;
}

/* Beside the other name, then renamed: whoever reads sees the old one or the new one. The name
 * begins with a dot, so that no list holds it. */
int order_write(const char *state_dir, const char *kind, const char *service, const char *text,
                struct err *e)
{
    char path[PATH_MAX], beside[PATH_MAX];
    int fault;

    if (order_path(state_dir, kind, service, path, sizeof path, e) != 0)
        return -1;
    if (snprintf(beside, sizeof beside, "%s/.%s-%ld", state_dir, kind, (long)getpid()) >=
        (int)sizeof beside)
        return err_set(e, ERR_CONFIG, "%.80s...: path too long", state_dir);
    unlink(beside);
    if (symlink(text, beside) == 0 && rename(beside, path) == 0)
        return 0;
    fault = errno;
    unlink(beside);
    return err_set(e, ERR_IO, "%s: %s", path, strerror(fault));
}

int order_remove(const char *state_dir, const char *kind, const char *service, struct err *e)
{
    char path[PATH_MAX];

    if (order_path(state_dir, kind, service, path, sizeof path, e) != 0)
        return -1;
    if (unlink(path) != 0 && errno != ENOENT)
        return err_set(e, ERR_IO, "%s: cannot remove: %s", path, strerror(errno));
    return 0;
}

int order_each(const char *state_dir, const char *kind,
               bool (*found)(void *user, const char *service, const char *text), void *user,
               struct err *e)
{
    size_t len = strlen(kind);
    struct dirent *entry;
    DIR *d = opendir(state_dir);
    bool go_on = true;

    if (!d)
        return err_set(e, ERR_IO, "%s: %s", state_dir, strerror(errno));
    while (go_on && (entry = readdir(d)) != NULL) {
        char text[ORDER_TEXT_SIZE];
        ssize_t n;

        if (strncmp(entry->d_name, kind, len) != 0 || entry->d_name[len] != '.')
            continue;
        n = readlinkat(dirfd(d), entry->d_name, text, sizeof text - 1);
        if (n <= 0 || strlen(entry->d_name + len + 1) >= ORDER_SERVICE_SIZE)
            continue;
        text[n] = '\0';
        go_on = found(user, entry->d_name + len + 1, text);
    }
    closedir(d);
    return 0;
}

bool order_field(const char *text, const char *key, char *out, size_t size)
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
