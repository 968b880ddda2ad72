/* file.c - see file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, size_t most_bytes, struct str *out, struct err *e)
{
    char buf[65536];
    size_t total = 0;

    for (;;) {
        ssize_t n = read(fd, buf, sizeof buf);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, ERR_IO, "cannot read: %s", strerror(errno));
        if (n == 0)
            return 0;
        total += (size_t)n;
        if (total > most_bytes)
            return err_set(e, ERR_LIMIT, "larger than the limit of %zu bytes", most_bytes);
        if (str_add_n(out, buf, (size_t)n) != 0)
            return err_nomem(e);
    }
}

int file_read(const char *path, size_t most_bytes, struct str *out, struct err *e)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    int rc;

    if (fd < 0) {
        err_set(e, ERR_IO, "cannot open: %s", strerror(errno));
        return err_wrap(e, "%s", path);
    }
    rc = read_all(fd, most_bytes, out, e);
    if (!is_stdin)
        close(fd);
    return rc == 0 ? 0 : err_wrap(e, "%s", is_stdin ? "standard input" : path);
}

static int write_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, bytes, n);

        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return -1;
        bytes += k;
        n -= (size_t)k;
    }
    return 0;
}

/* A rename is durable only once the directory is. */
static int sync_parent(const char *path)
{
    char dir[PATH_MAX];
    char *slash;
    int fd, rc;

    if (!str_copy(dir, sizeof dir, path))
        return -1;
    slash = strrchr(dir, '/');
    if (!slash)
        str_copy(dir, sizeof dir, ".");
    else if (slash == dir)
        slash[1] = '\0';
    else
        *slash = '\0';
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    rc = fsync(fd);
    close(fd);
    return rc;
}

int file_replace(const char *path, const void *bytes, size_t n, unsigned mode, struct err *e)
{
    char tmp[PATH_MAX];
    int fd = -1, rc = -1;

    if (snprintf(tmp, sizeof tmp, "%s.tmp-%ld", path, (long)getpid()) >= (int)sizeof tmp) {
        err_set(e, ERR_IO, "path too long");
        return err_wrap(e, "%s", path);
    }
    fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, (mode_t)mode);
    if (fd < 0 || write_all(fd, bytes, n) != 0 || fsync(fd) != 0) {
        err_set(e, ERR_IO, "cannot write: %s", strerror(errno));
        goto done;
    }
    if (rename(tmp, path) != 0 || sync_parent(path) != 0) {
        err_set(e, ERR_IO, "cannot replace: %s", strerror(errno));
        goto done;
    }
    rc = 0;
done:
    if (fd >= 0) {
        close(fd);
        if (rc != 0)
            unlink(tmp);
    }
    return rc == 0 ? 0 : err_wrap(e, "%s", path);
}

int file_lock(const char *path, struct err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0) {
        err_set(e, ERR_IO, "cannot open: %s", strerror(errno));
        return err_wrap(e, "%s", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            err_set(e, ERR_BUSY, "locked by another process");
        else
            err_set(e, ERR_IO, "cannot lock: %s", strerror(errno));
        close(fd);
        return err_wrap(e, "%s", path);
    }
    return fd;
}

int file_make_dirs(const char *path, struct err *e)
{
    char part[PATH_MAX];

    if (!str_copy(part, sizeof part, path))
        return err_set(e, ERR_IO, "%.60s...: path too long", path);
    for (char *p = part + 1;; p++) {
        char c = *p;

        if (c != '/' && c != '\0')
            continue;
        *p = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return err_set(e, ERR_IO, "%s: cannot create directory: %s", part, strerror(errno));
        if (c == '\0')
            return 0;
        *p = '/';
    }
}

int file_check_owner(const char *path, bool is_secret, struct err *e)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return err_set(e, ERR_DENIED, "%s: owned by user %u; make it yours: chown %u %s", path,
                       (unsigned)st.st_uid, (unsigned)geteuid(), path);
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return err_set(e, ERR_DENIED, "%s: writable by others; mend it: chmod go-w %s", path,
                       path);
    if (is_secret && (st.st_mode & S_IROTH))
        return err_set(e, ERR_DENIED, "%s: readable by others; mend it: chmod o-r %s", path,
                       path);
    return 0;
}
