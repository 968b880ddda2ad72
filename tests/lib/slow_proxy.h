/* slow_proxy.h - stands between a client and a real server and makes it slow, on loopback. */
#ifndef SCALER_TESTS_LIB_SLOW_PROXY_H
#define SCALER_TESTS_LIB_SLOW_PROXY_H

#include <pthread.h>
#include <stdatomic.h>

enum slow_mode {
    SLOW_NOT,     /* passes everything on at once */
    SLOW_CHUNKS,  /* 1,000 bytes of the server's every 2 ms */
    SLOW_TRICKLE, /* one byte of the server's every 20 ms */
    SLOW_STALL,   /* 20 bytes of the server's, then nothing for ever */
    SLOW_SILENT,  /* accepts and reads, answers nothing */
};

struct slow_proxy {
    int fd, port;
    atomic_int mode; /* enum slow_mode; counts for bytes from now on */
    atomic_int is_stopped;
    int to_port;         /* of 127.0.0.1, or */
    const char *to_path; /* a unix socket */
    pthread_t thread;
};

/* to_path NULL: a port of 127.0.0.1. One connection at a time, the newest. */
void slow_proxy_start(struct slow_proxy *p, int to_port, const char *to_path);
void slow_proxy_stop(struct slow_proxy *p);

#endif
