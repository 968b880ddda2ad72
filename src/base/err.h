/* err.h - one error type for the whole program.
 *
 * The code says what the caller does next; the message says what happened. Nothing is
 * allocated, so reporting an error cannot fail. On success an error is left alone. */
#ifndef SCALER_BASE_ERR_H
#define SCALER_BASE_ERR_H

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

enum err_code {
    ERR_NONE = 0,
    ERR_CONFIG,   /* the user wrote something wrong: show it, do not retry */
    ERR_DATA,     /* input is malformed: drop it, count it */
    ERR_SHORT,    /* not enough history yet: fall back to the reactive floor */
    ERR_IO,       /* the other side failed or is away: retry with backoff */
    ERR_BUSY,     /* a change is already under way: ask again later */
    ERR_CONFLICT, /* someone else changed it: read again, decide anew */
    ERR_LIMIT,    /* quota or size reached: alert, keep what runs */
    ERR_DENIED,   /* credentials or rights: alert, do not retry */
    ERR_NOMEM,
};

enum { ERR_MSG_SIZE = 256 };

struct err {
    enum err_code code;
    char msg[ERR_MSG_SIZE]; /* innermost cause last: "a: b: cause"; cut, never overrun */
};

/* Both fill in e (may be NULL) and return -1; wrap puts "context: " in front. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
int err_wrap(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* err_set with ERR_NOMEM and its one message. */
int err_nomem(struct err *e);

/* A word for the code, as it stands in logs and JSON ("config", "io", ...). Never NULL. */
const char *err_name(enum err_code code);

#ifdef __clang_analyzer__
/* It sees one file at a time: without this, paths on which a failure returns 0. */
#define err_set(...) (err_set(__VA_ARGS__), -1)
#define err_wrap(...) (err_wrap(__VA_ARGS__), -1)
#define err_nomem(e) (err_nomem(e), -1)
#endif

#endif
