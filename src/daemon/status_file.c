/* status_file.c - see status_file.h. */
#include "daemon/status_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "act/order.h"
#include "base/log.h"
#include "base/str.h"

#define KIND "unwritten"
#define OF "status.json"

static int write_text(const char *path, const struct str *text, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    ssize_t n;

    if (fd < 0)
        return err_set(e, ERR_IO, "%s", strerror(errno));
    n = write(fd, text->data, text->len);
    if (n < 0)
        err_set(e, ERR_IO, "%s", strerror(errno));
    else if ((size_t)n < text->len)
        err_set(e, ERR_IO, "room for %zd of %zu bytes", n, text->len);
    close(fd);
    return n == (ssize_t)text->len ? 0 : -1;
}

static int replace(const char *dir, const struct daemon_status *status, struct err *e)
{
    char path[PATH_MAX], beside[PATH_MAX];
    struct str text = STR_EMPTY;
    int rc;

    if (snprintf(path, sizeof path, "%s/" OF, dir) >= (int)sizeof path ||
        snprintf(beside, sizeof beside, "%s/" OF ".new", dir) >= (int)sizeof beside)
        return err_set(e, ERR_CONFIG, "path too long");
    rc = daemon_status_write(status, &text, e);
    if (rc == 0)
        rc = write_text(beside, &text, e);
    if (rc == 0 && rename(beside, path) != 0)
        rc = err_set(e, ERR_IO, "%s", strerror(errno));
    if (rc != 0)
        unlink(beside);
    str_clear(&text);
    return rc;
}

void status_file_write(struct status_file *f, const char *state_dir,
                       const struct daemon_status *status)
{
    char text[ORDER_TEXT_SIZE];
    struct err e = {0};

    if (replace(state_dir, status, &e) == 0) {
        if (f->since_ms != 0)
            log_info("daemon", OF " is written again");
        if (!f->is_written) /* also what an earlier life has left */
            order_remove(state_dir, KIND, OF, NULL);
        *f = (struct status_file){.is_written = true};
        return;
    }
    f->is_written = false;
    if (f->since_ms != 0)
        return;
    f->since_ms = status->written_ms;
    log_error("daemon", OF " cannot be written: %s; `scaler status` shows what was", e.msg);
    snprintf(text, sizeof text, "since=%lld reason=%.200s", (long long)f->since_ms, e.msg);
    order_write(state_dir, KIND, OF, text, NULL);
}

struct found {
    bool is_found;
    int64_t since_ms;
    char *reason;
    size_t size;
};

static bool take(void *user, const char *of, const char *text)
{
    struct found *found = user;
    char since[32];

    if (strcmp(of, OF) != 0)
        return true;
    found->is_found = order_field(text, "since=", since, sizeof since) &&
                      str_to_int64(since, strlen(since), &found->since_ms) &&
                      order_field(text, "reason=", found->reason, found->size);
    return false;
}

bool status_file_is_unwritten(const char *state_dir, int64_t *since_ms, char *reason,
                              size_t size)
{
    struct found found = {.reason = reason, .size = size};

    if (order_each(state_dir, KIND, take, &found, NULL) != 0)
        return false;
    *since_ms = found.since_ms;
    return found.is_found;
}
