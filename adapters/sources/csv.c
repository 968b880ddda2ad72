/* csv.c - loads out of files that something else appends to: a line a time, as collect/csv.h
 * reads them.
 *
 * Only the end of a file is read: from the back in growing pieces, until the piece begins
 * before what is asked for. So a file of years costs no more each step than one of a day. A
 * file has no clock: a cell counts as complete when ours says that it is over. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/sources/template.h"
#include "base/clk.h"
#include "base/str.h"
#include "collect/csv.h"
#include "collect/source.h"

enum {
    FIRST_PIECE_BYTES = 65536,
    MOST_FIRST_LINE_BYTES = 4096, /* a header, or a first line of data */
};

struct csv_source {
    char dir[PATH_MAX];
    size_t most_bytes;
};

static int open_source(void **out, const struct conf *options, struct err *e)
{
    const char *dir = conf_string(options, "dir");
    struct csv_source *s;

    if (dir[0] != '/')
        return err_set(e, ERR_CONFIG, "dir = \"%s\": must begin with a slash", dir);
    s = calloc(1, sizeof *s);
    if (!s)
        return err_nomem(e);
    str_copy(s->dir, sizeof s->dir, dir);
    s->most_bytes = (size_t)conf_int(options, "most_bytes");
    *out = s;
    return 0;
}

static void close_source(void *source)
{
    free(source);
}

static int check_query(const struct conf *query_options, struct err *e)
{
    struct template t;

    if (template_parse(&t, conf_string(query_options, "path"), e) != 0)
        return err_wrap(e, "path");
    if (t.has_any_time)
        return err_set(e, ERR_CONFIG,
                       "path: only {service} is filled in; a file a day is not "
                       "followed: append to one file");
    return 0;
}

static int read_at(int fd, off_t at, size_t n, struct str *out, struct err *e)
{
    char buf[65536];

    while (n > 0) {
        ssize_t k = pread(fd, buf, n < sizeof buf ? n : sizeof buf, at);

        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return err_set(e, ERR_IO, "cannot read: %s", strerror(errno));
        if (k == 0)
            return err_set(e, ERR_IO, "got shorter while it was read: asked again soon");
        if (str_add_n(out, buf, (size_t)k) != 0)
            return err_nomem(e);
        at += k;
        n -= (size_t)k;
    }
    return 0;
}

/* The first line (perhaps a header) and the last `piece` bytes from their first whole line. */
static int read_end(int fd, off_t size, size_t piece, struct str *text, struct err *e)
{
    struct str end = STR_EMPTY;
    const char *newline;
    int rc = -1;

    if ((off_t)piece >= size)
        return read_at(fd, 0, (size_t)size, text, e);
    if (read_at(fd, 0, MOST_FIRST_LINE_BYTES, text, e) != 0 ||
        read_at(fd, size - (off_t)piece, piece, &end, e) != 0)
        goto done;
    newline = text->len > 0 ? memchr(text->data, '\n', text->len) : NULL;
    if (!newline) {
        err_set(e, ERR_DATA, "the first line is longer than %d bytes: is this a CSV file?",
                MOST_FIRST_LINE_BYTES);
        goto done;
    }
    text->len = (size_t)(newline + 1 - text->data);
    newline = end.len > 0 ? memchr(end.data, '\n', end.len) : NULL;
    if (newline &&
        str_add_n(text, newline + 1, (size_t)(end.data + end.len - newline - 1)) != 0) {
        err_nomem(e);
        goto done;
    }
    rc = 0;
done:
    str_clear(&end);
    return rc;
}

static int parse(const char *name, const struct str *text, const struct source_query *q,
                 struct sample **items, size_t *n, struct source_reply *reply, struct err *e)
{
    const char *time_column = conf_string(q->options, "time_column");
    const char *value_column = conf_string(q->options, "value_column");
    struct csv_options options = {.time_column = time_column[0] ? time_column : NULL,
                                  .value_column = value_column[0] ? value_column : NULL,
                                  .most_bad = SIZE_MAX};
    struct sample *got = NULL;
    struct csv *c = NULL;
    size_t room = text->len / 4 + 2; /* the shortest line is "0,0\n" */
    int rc = -1;

    got = malloc(room * sizeof *got);
    if (!got)
        return err_nomem(e);
    if (csv_open_text(&c, name, str_text(text), text->len, &options, e) != 0)
        goto done;
    for (*n = 0;;) {
        size_t k;

        if (csv_next(c, got + *n, room - *n, &k, e) != 0)
            goto done;
        if (k == 0)
            break;
        *n += k;
    }
    if (csv_report(c)->bad > 0)
        snprintf(reply->note, sizeof reply->note, "%zu lines passed over: %.110s",
                 csv_report(c)->bad, csv_report(c)->first_bad.msg);
    *items = got;
    got = NULL;
    rc = 0;
done:
    csv_close(c);
    free(got);
    return rc;
}

/* Does the piece reach back far enough? Its first line is the file's, so the second counts. */
static bool reaches(const struct sample *items, size_t n, int64_t since_ms)
{
    return n > 1 && items[1].time_ms < since_ms;
}

/* Reads from the back until since_ms is covered; the caller frees *items. */
static int read_since(const struct csv_source *s, int fd, const char *name,
                      const struct source_query *q, struct sample **items, size_t *n,
                      struct source_reply *reply, struct err *e)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return err_set(e, ERR_IO, "cannot read: %s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_CONFIG, "is no regular file");
    for (size_t piece = FIRST_PIECE_BYTES;; piece *= 4) {
        struct str text = STR_EMPTY;
        bool is_whole;
        int rc;

        if (piece > s->most_bytes)
            piece = s->most_bytes;
        is_whole = (off_t)piece >= st.st_size;
        rc = read_end(fd, st.st_size, piece, &text, e);
        if (rc == 0)
            rc = parse(name, &text, q, items, n, reply, e);
        str_clear(&text);
        if (rc != 0 || is_whole || piece == s->most_bytes || reaches(*items, *n, q->since_ms))
            return rc;
        free(*items);
        *items = NULL;
    }
}

static int by_time(const void *a, const void *b)
{
    int64_t x = ((const struct sample *)a)->time_ms, y = ((const struct sample *)b)->time_ms;

    return (x > y) - (x < y);
}

/* One sample a complete cell: rates are averaged, counts added up and made a rate. */
static int add_cells(const struct source_query *q, struct sample *items, size_t n,
                     int64_t now_ms, struct source_reply *reply, struct err *e)
{
    bool is_count = strcmp(conf_string(q->options, "units"), "counts") == 0;
    size_t i = 0;

    qsort(items, n, sizeof *items, by_time);
    while (i < n) {
        int64_t cell_ms = items[i].time_ms - items[i].time_ms % q->step_ms;
        double sum = 0;
        size_t k = 0;

        for (; i < n && items[i].time_ms < cell_ms + q->step_ms; i++)
            if (sample_is_load(items[i].value)) {
                sum += items[i].value;
                k++;
            }
        if (k == 0 || cell_ms < q->since_ms || cell_ms + q->step_ms > now_ms)
            continue;
        sum /= is_count ? (double)q->step_ms / CLK_SECOND_MS : (double)k;
        if (source_reply_add(reply, cell_ms, sum) != 0)
            return err_nomem(e);
    }
    return 0;
}

static int fetch_one(const struct csv_source *s, const struct source_query *q,
                     struct source_reply *reply, struct err *e)
{
    struct str path = STR_EMPTY;
    struct sample *items = NULL;
    struct template t;
    size_t n = 0;
    int fd = -1, rc = -1;

    if (template_parse(&t, conf_string(q->options, "path"), e) != 0)
        return -1;
    str_printf(&path, "%s/", s->dir);
    if (template_write(&t, q->service, q->since_ms, NULL, &path) != 0)
        path.failed = true;
    if (path.failed) {
        err_nomem(e);
        goto done;
    }
    fd = open(str_text(&path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        err_set(e, errno == EACCES ? ERR_DENIED : ERR_IO, "cannot open: %s", strerror(errno));
        goto done;
    }
    rc = read_since(s, fd, str_text(&path), q, &items, &n, reply, e);
    if (rc == 0)
        rc = add_cells(q, items, n, clk_wall_ms(), reply, e);
done:
    if (rc != 0 && e && !strstr(e->msg, str_text(&path)))
        err_wrap(e, "%s", str_text(&path));
    if (fd >= 0)
        close(fd);
    free(items);
    str_clear(&path);
    return rc;
}

static int fetch(void *source, const struct source_query *queries, size_t n,
                 struct source_reply *replies, int64_t deadline_mono_ms, struct err *e)
{
    (void)e;
    for (size_t i = 0; i < n; i++) {
        replies[i].n = 0;
        replies[i].err.code = ERR_NONE;
        replies[i].note[0] = '\0';
        if (clk_mono_ms() >= deadline_mono_ms)
            err_set(&replies[i].err, ERR_IO, "no time was left to read its file");
        else
            fetch_one(source, &queries[i], &replies[i], &replies[i].err);
    }
    return 0;
}

static int check(void *source, char *out, size_t size, int64_t deadline_mono_ms, struct err *e)
{
    const struct csv_source *s = source;

    (void)deadline_mono_ms;
    if (access(s->dir, R_OK | X_OK) != 0)
        return err_set(e, ERR_IO, "%s: %s", s->dir, strerror(errno));
    snprintf(out, size, "%.200s can be read", s->dir);
    return 0;
}

static const struct conf_option options[] = {
    {"dir", CONF_STRING, NULL, 1, 4000, "", "Directory that the files lie in, from the root."},
    {"most_bytes", CONF_INT, "67108864", 65536, 1073741824, "bytes",
     "Most that is read of one file's end."},
    CONF_END,
};

static const struct conf_option query_options[] = {
    {"path", CONF_STRING, "{service}.csv", 1, 180, "",
     "File below dir; {service} is filled in. Lines of time,value; something else appends to "
     "it."},
    {"time_column", CONF_STRING, "", 0, 200, "", "Header name of the times; none: found."},
    {"value_column", CONF_STRING, "", 0, 200, "", "Header name of the values; none: found."},
    {"units", CONF_ENUM, "rate", 0, 0, "rate|counts",
     "A line gives requests per second, or a number of requests."},
    CONF_END,
};

const struct source source_csv = {
    .name = "csv",
    .summary = "files of time,value that something else appends to",
    .options = options,
    .query_options = query_options,
    .open = open_source,
    .fetch = fetch,
    .check_query = check_query,
    .check = check,
    .close = close_source,
};
