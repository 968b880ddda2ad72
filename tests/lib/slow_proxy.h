/* slow_proxy.h - stands between a client and a real server and makes it slow, or its replies
 * wrong, on loopback. The wrong ones are for request and reply protocols such as HTTP. */
#ifndef SCALER_TESTS_LIB_SLOW_PROXY_H
#define SCALER_TESTS_LIB_SLOW_PROXY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum slow_mode {
    SLOW_NOT,     /* passes everything on at once */
    SLOW_CHUNKS,  /* 1,000 bytes of the server's every 2 ms */
    SLOW_TRICKLE, /* one byte of the server's every 20 ms */
    SLOW_STALL,   /* 20 bytes of the server's, then nothing for ever */
    SLOW_SILENT,  /* accepts and reads, answers nothing */
    SLOW_REPLY,   /* answers each request with `reply`; the server never sees it */
    SLOW_FLOOD,   /* the same, and goes on for ever with blanks */
    SLOW_CUT,     /* a write reaches the server, its reply is dropped with the connection */
};

struct slow_proxy {
    int fd, port;
    atomic_int mode; /* enum slow_mode; counts for bytes from now on */
    atomic_int is_stopped;
    int to_port;         /* of 127.0.0.1, or */
    const char *to_path; /* a unix socket */
    const char *reply;   /* whole, as it goes over the wire; set before the mode */
    /* Whether these bytes begin a request that changes something; NULL: none does. Set before
     * the first connection. */
    bool (*is_write)(const char *request, size_t n);
    atomic_int n_writes; /* that reached the server */
    pthread_t thread;
};

/* to_path NULL: a port of 127.0.0.1. One connection at a time, the newest. */
void slow_proxy_start(struct slow_proxy *p, int to_port, const char *to_path);
void slow_proxy_stop(struct slow_proxy *p);

#endif
