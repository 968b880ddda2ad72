/* hold.c - see hold.h. */
#include "act/hold.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/file.h"
#include "base/str.h"

#define GENERAL_FILE "hold"
#define RESTART_FILE "restart-hold"
#define STARTS_FILE "starts"
#define RESUMED_FILE "resumed"
#define ACCEPT_FILE "accept-low"
#define MOST_BYTES 4096

/* ERR_CONFIG unless the service's name can stand in a file name. */
static int hold_path(const char *state_dir, const char *service, char *out, size_t size,
                     struct err *e)
{
    int n;

    if (service && (service[0] == '\0' || strchr(service, '/')))
        return err_set(e, ERR_CONFIG, "service \"%s\": not a name (no slash, not empty)",
                       service);
    n = snprintf(out, size, "%s/%s%s%s", state_dir, GENERAL_FILE, service ? "." : "",
                 service ? service : "");
    if (n < 0 || (size_t)n >= size)
        return err_set(e, ERR_CONFIG, "%.80s...: path too long", state_dir);
    return 0;
}

/* One "key value" line. An unknown key is ignored: a newer program may have written it. */
static void read_line(char *line, struct hold *h)
{
    char *value = strchr(line, ' ');

    if (!value)
        return;
    *value++ = '\0';
    if (strcmp(line, "direction") == 0) {
        h->in = strcmp(value, "out") != 0;
        h->out = strcmp(value, "in") != 0;
    } else if (strcmp(line, "until") == 0) {
        if (!clk_parse_time(value, strlen(value), &h->until_ms))
            h->until_ms = 0;
    } else if (strcmp(line, "by") == 0) {
        str_copy(h->by, sizeof h->by, value);
    } else if (strcmp(line, "reason") == 0) {
        str_copy(h->reason, sizeof h->reason, value);
    }
}

/* False when there is no such file or its hold is over. */
static bool read_file(const char *path, int64_t now_ms, struct hold *h)
{
    char text[MOST_BYTES];
    char *save = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n;

    *h = (struct hold){.in = true, .out = true};
    if (fd < 0) {
        if (errno == ENOENT)
            return false;
        snprintf(h->reason, sizeof h->reason, "hold file cannot be opened: %s",
                 strerror(errno));
        return true;
    }
    n = read(fd, text, sizeof text - 1);
    if (n < 0)
        snprintf(h->reason, sizeof h->reason, "hold file cannot be read: %s", strerror(errno));
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
        read_line(l, h);
    return h->until_ms == 0 || h->until_ms > now_ms;
}

static int width(const struct hold *h)
{
    return (h->in ? 1 : 0) + (h->out ? 1 : 0);
}

static void merge(struct hold *h, const struct hold *other)
{
    struct hold old = *h;

    if (width(other) > width(&old))
        *h = *other;
    h->in = old.in || other->in;
    h->out = old.out || other->out;
    if (width(&old) == 0)
        return;
    h->until_ms = old.until_ms > other->until_ms ? old.until_ms : other->until_ms;
    if (old.until_ms == 0 || other->until_ms == 0)
        h->until_ms = 0;
}

void hold_read(const char *state_dir, const char *service, int64_t now_ms, struct hold *h)
{
    char path[PATH_MAX];
    struct hold one;

    *h = (struct hold){0};
    if (hold_path(state_dir, NULL, path, sizeof path, NULL) == 0 &&
        read_file(path, now_ms, &one))
        merge(h, &one);
    if (hold_path(state_dir, service, path, sizeof path, NULL) == 0 &&
        read_file(path, now_ms, &one))
        merge(h, &one);
    if (snprintf(path, sizeof path, "%s/%s", state_dir, RESTART_FILE) < (int)sizeof path &&
        read_file(path, now_ms, &one))
        merge(h, &one);
}

/* A line break in a name or reason would start a key of its own. */
static void add_line(struct str *s, const char *key, const char *value)
{
    if (value[0] == '\0')
        return;
    str_printf(s, "%s ", key);
    for (const char *p = value; *p; p++)
        str_add_n(s, (unsigned char)*p < ' ' ? " " : p, 1);
    str_add(s, "\n");
}

static int write_hold(const char *path, const struct hold *h, struct err *e)
{
    struct str s = STR_EMPTY;
    char until[32] = "";
    int fd, rc;

    if (h->until_ms > 0)
        clk_format_time(h->until_ms, until, sizeof until);
    add_line(&s, "direction", h->in && h->out ? "both" : h->in ? "in" : "out");
    add_line(&s, "until", until);
    add_line(&s, "by", h->by);
    add_line(&s, "reason", h->reason);
    rc = s.failed ? err_nomem(e) : file_replace(path, s.data, s.len, 0644, e);
    str_clear(&s);
    if (rc == 0)
        return 0;
    /* An empty file takes no block: it can be made where nothing can be written. */
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return -1;
    close(fd);
    return err_set(e, ERR_LIMIT,
                   "%s: no room for its text: everything is held, without end, until resume",
                   path);
}

int hold_write(const char *state_dir, const char *service, const struct hold *h, struct err *e)
{
    char path[PATH_MAX];

    if (!h->in && !h->out)
        return err_set(e, ERR_CONFIG, "a hold needs a direction: in, out or both");
    if (hold_path(state_dir, service, path, sizeof path, e) != 0)
        return -1;
    return write_hold(path, h, e);
}

static int remove_file(const char *path, bool *was_there, struct err *e)
{
    if (unlink(path) == 0) {
        *was_there = true;
        return 0;
    }
    if (errno == ENOENT)
        return 0;
    return err_set(e, ERR_IO, "%s: cannot remove: %s", path, strerror(errno));
}

/* `resumed` or `resumed.SERVICE`: an empty file, whose time of change is all it says. */
static int resumed_path(const char *state_dir, const char *service, char *out, size_t size)
{
    int n = snprintf(out, size, "%s/%s%s%s", state_dir, RESUMED_FILE, service ? "." : "",
                     service ? service : "");

    return n < 0 || (size_t)n >= size ? -1 : 0;
}

static int note_resume(const char *state_dir, const char *service, struct err *e)
{
    char path[PATH_MAX];
    int fd;

    if (resumed_path(state_dir, service, path, sizeof path) != 0)
        return err_set(e, ERR_CONFIG, "%.80s...: path too long", state_dir);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && futimens(fd, NULL) == 0)
        return close(fd);
    if (fd >= 0)
        close(fd);
    return errno == ENOENT ? 0 : err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
}

int64_t hold_resumed_ms(const char *state_dir, const char *service)
{
    const char *names[] = {NULL, service};
    int64_t latest_ms = 0;

    for (size_t i = 0; i < 2; i++) {
        char path[PATH_MAX];
        struct stat st;
        int64_t ms;

        if (resumed_path(state_dir, names[i], path, sizeof path) != 0 || lstat(path, &st) != 0)
            continue;
        ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
        latest_ms = ms > latest_ms ? ms : latest_ms;
    }
    return latest_ms;
}

int hold_remove(const char *state_dir, const char *service, bool *was_held, struct err *e)
{
    char path[PATH_MAX];

    *was_held = false;
    if (hold_path(state_dir, service, path, sizeof path, e) != 0 ||
        remove_file(path, was_held, e) != 0 || note_resume(state_dir, service, e) != 0)
        return -1;
    if (service)
        return 0;
    snprintf(path, sizeof path, "%.4000s/%s", state_dir, RESTART_FILE);
    if (remove_file(path, was_held, e) != 0)
        return -1;
    snprintf(path, sizeof path, "%.4000s/%s", state_dir, STARTS_FILE);
    return remove_file(path, &(bool){false}, e);
}

int hold_accept_low(const char *state_dir, const char *service, struct err *e)
{
    char path[PATH_MAX];

    if (hold_path(state_dir, service, path, sizeof path, e) != 0)
        return -1;
    snprintf(path, sizeof path, "%.3800s/%s.%.250s", state_dir, ACCEPT_FILE, service);
    return file_replace(path, "", 0, 0600, e);
}

bool hold_take_accept_low(const char *state_dir, const char *service)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%.3800s/%s.%.250s", state_dir, ACCEPT_FILE, service);
    return unlink(path) == 0;
}

/* Appends the starts of the last HOLD_STARTS_MS in `text` to out; returns how many. */
static int recent_starts(char *text, int64_t now_ms, struct str *out)
{
    char *save = NULL;
    int n = 0;

    for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
        int64_t at_ms;

        if (!str_to_int64(l, strlen(l), &at_ms) || at_ms <= now_ms - HOLD_STARTS_MS ||
            at_ms > now_ms)
            continue;
        str_printf(out, "%lld\n", (long long)at_ms);
        n++;
    }
    return n;
}

static void write_restart_hold(const char *state_dir, int starts, struct err *e)
{
    struct hold h = {.in = true, .by = "scaler"};
    char path[PATH_MAX];

    snprintf(h.reason, sizeof h.reason, "%d starts within 10 minutes; see the log, then resume",
             starts);
    snprintf(path, sizeof path, "%.4000s/%s", state_dir, RESTART_FILE);
    write_hold(path, &h, e);
}

int hold_note_start(const char *state_dir, int64_t now_ms, bool *is_held, struct err *e)
{
    struct str old = STR_EMPTY, starts = STR_EMPTY;
    char path[PATH_MAX];
    struct hold h;
    int n = 0, rc;

    snprintf(path, sizeof path, "%.4000s/%s", state_dir, STARTS_FILE);
    if (file_read(path, MOST_BYTES, &old, NULL) == 0 && old.data)
        n = recent_starts(old.data, now_ms, &starts);
    str_printf(&starts, "%lld\n", (long long)now_ms);
    rc = starts.failed ? err_nomem(e) : file_replace(path, starts.data, starts.len, 0600, e);
    if (rc == 0 && n + 1 > HOLD_MOST_STARTS)
        write_restart_hold(state_dir, n + 1, NULL);
    str_clear(&old);
    str_clear(&starts);
    snprintf(path, sizeof path, "%.4000s/%s", state_dir, RESTART_FILE);
    *is_held = read_file(path, now_ms, &h);
    return rc;
}
