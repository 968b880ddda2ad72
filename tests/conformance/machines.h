/* machines.h - the stand-in of a cloud that keeps one group of machines: its HTTP server, the
 * metadata server that hands out tokens, and all of an entry but the shapes of the replies. */
#ifndef SCALER_TESTS_CONFORMANCE_MACHINES_H
#define SCALER_TESTS_CONFORMANCE_MACHINES_H

#include <jansson.h>
#include <microhttpd.h>

#include "conformance/wire.h"

enum { MACHINES_ROOM = 20 };

struct machine {
    int64_t ready_mono;
    int64_t gone_mono; /* 0: it stays */
};

struct machines {
    /* Of the cloud, set by the entry. The reply's JSON, taken over (NULL: empty), and status;
     * called under the lock. */
    json_t *(*respond)(struct machines *m, struct MHD_Connection *c, const char *method,
                       const char *url, const json_t *body, int *status);
    bool (*is_write)(const char *request, size_t n); /* as slow_proxy's */
    const char *token_path;                          /* of the metadata server */
    const char *token_header, *token_value;          /* that it wants to see */
    const char *token_reply;                         /* whose access_token is machines_token */

    struct MHD_Daemon *daemon;
    struct wire wire;
    pthread_mutex_t lock; /* of all below */
    struct machine list[64];
    int n, desired, version, writes, room, late_ms, drain_ms;
    bool is_rolling;
};

extern const char machines_token[];

/* Starts the server and the proxy before it; the API is at the proxy's port, the metadata
 * server at `port` of the result. */
int machines_start(struct machines *m);
/* Another count, by a call of the API (then it is a write) or by someone else. */
void machines_set(struct machines *m, int count, bool is_write);
bool machines_is_ready(const struct machine *m);

/* Functions of a suite_entry; b->user is the struct machines. */
void machines_stop(struct bench *b);
int machines_count(struct bench *b);
int machines_writes(struct bench *b);
void machines_fault(struct bench *b, enum suite_fault kind, int status);
void machines_move(struct bench *b, int count);
void machines_kill_one(struct bench *b);
void machines_set_room(struct bench *b, int most);
void machines_set_late(struct bench *b, int ms);
void machines_set_drain(struct bench *b, int ms);
void machines_set_rollout(struct bench *b, bool is_on);

#endif
