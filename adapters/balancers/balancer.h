/* balancer.h - load balancers that are told which instances get traffic, for backends that
 * start instances on hosts themselves.
 *
 * An instance is added once it is ready, and counts as ready only from then on; it is taken out
 * before it is told to stop, and stops when the balancer gives it nothing new and nothing is
 * under way, or its time is over. A balancer that cannot be told changes nothing: what it may
 * still give traffic to keeps running, up to a bound, and that is said.
 *
 * A kind of balancer has one call, `sync`: the whole truth each time, so that a restart of
 * either side is mended by the next. The rest, when to call and what follows from it, is
 * struct balancing. */
#ifndef SCALER_ADAPTERS_BALANCERS_BALANCER_H
#define SCALER_ADAPTERS_BALANCERS_BALANCER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "conf/conf.h"

enum balancer_wish {
    BALANCER_READY, /* gets traffic */
    BALANCER_DRAIN, /* nothing new; what is under way ends by itself */
    BALANCER_KEEP,  /* as it stands: not known yet whether it is ready */
};

/* One instance. The first four belong to the contract with a kind of balancer, the rest to
 * balancing.c. Zeros: neither told nor leaving. */
struct balancer_member {
    int port;
    enum balancer_wish wish;
    bool is_listed; /* out: the balancer gives it traffic */
    int open;       /* out: requests or connections under way; -1: it cannot say */

    enum balancer_wish told_wish; /* the wish of the last sync that succeeded */
    bool is_told;                 /* there was one */
    bool has_traffic;             /* it was, or may have been, given some */
    int64_t leaving_mono;         /* its end was asked for; 0: it was not */
    int64_t unlisted_mono;        /* the balancer gives it nothing since; 0: it does */
};

struct balancer_call {
    const char *service;
    const char *host; /* numeric address at which the balancer reaches instances */
    int64_t deadline_mono_ms;
    char refused[160]; /* out: what it would not do though it could be told; "" nothing */
};

struct balancer {
    const char *name; /* as in balancer = "..." */
    int64_t every_ms; /* a sync is due so often though nothing changed */
    int64_t sync_ms;  /* no sync takes longer: supervision waits for it */
    /* The message of an error begins with the option. ERR_CONFIG. */
    int (*check_options)(const struct conf *options, struct err *e);
    int (*open)(void **out, const struct conf *options, struct err *e);
    /* Brings the balancer to what the members wish, those of the service that are not among
     * them taken out, and fills in what it says of each. Sends nothing when all stands.
     * ERR_IO: it cannot be told (now); ERR_DENIED, ERR_CONFIG, ERR_LIMIT, ERR_DATA. */
    int (*sync)(void *balancer, struct balancer_call *call,
                struct balancer_member *const *members, size_t n, struct err *e);
    /* Preflight without a change: lines for a person in `out`. */
    int (*check)(void *balancer, struct balancer_call *call, struct str *out, struct err *e);
    void (*close)(void *balancer);
};

extern const struct balancer *const balancer_table[]; /* ends with NULL */

/* "127.0.0.1:8001", "[::1]:8001"; `out` holds BALANCER_ADDRESS_SIZE bytes. */
#define BALANCER_ADDRESS_SIZE 80
const char *balancer_address(const char *host, int port, char *out);

/* Rows for the options of a backend; each begins with "balancer". */
#define BALANCER_OPTIONS                                                                       \
    {"balancer",                                                                               \
     CONF_ENUM,                                                                                \
     "none",                                                                                   \
     0,                                                                                        \
     0,                                                                                        \
     "none|haproxy|nginx|command",                                                             \
     "Load balancer that is told: an instance is added once it is ready and counts only "      \
     "then, "                                                                                  \
     "and is taken out before it stops. Needs ports."},                                        \
        {"balancer_host",                                                                      \
         CONF_STRING,                                                                          \
         "127.0.0.1",                                                                          \
         1,                                                                                    \
         63,                                                                                   \
         "",                                                                                   \
         "Numeric address at which the balancer reaches instances."},                          \
        {"balancer_drain",                                                                     \
         CONF_DURATION,                                                                        \
         "10s",                                                                                \
         0.1,                                                                                  \
         86400,                                                                                \
         "s",                                                                                  \
         "An instance that is taken out runs on for so long before it is told to stop; less "  \
         "where the balancer says that nothing is under way (haproxy, command)."},             \
        {"balancer_patience",                                                                  \
         CONF_DURATION,                                                                        \
         "10m",                                                                                \
         1,                                                                                    \
         86400,                                                                                \
         "s",                                                                                  \
         "While the balancer cannot be told, an instance that is to stop runs on for so "      \
         "long, "                                                                              \
         "since it may still get traffic; then it stops all the same."},                       \
        {"balancer_socket",                                                                    \
         CONF_STRING,                                                                          \
         "/run/haproxy/admin.sock",                                                            \
         1,                                                                                    \
         100,                                                                                  \
         "",                                                                                   \
         "haproxy: its stats socket, level admin: a path, or \"127.0.0.1:9999\"."},            \
        {"balancer_backend",                                                                   \
         CONF_STRING,                                                                          \
         "",                                                                                   \
         0,                                                                                    \
         100,                                                                                  \
         "NAME",                                                                               \
         "haproxy: its backend that gets the servers."},                                       \
        {"balancer_slots",                                                                     \
         CONF_STRING,                                                                          \
         "",                                                                                   \
         0,                                                                                    \
         60,                                                                                   \
         "NAME",                                                                               \
         "haproxy: prefix of a server-template whose servers are used, \"web\" for web1, "     \
         "web2 "                                                                               \
         "and so on. Unset: servers SERVICE-PORT are added and deleted."},                     \
        {"balancer_server",                                                                    \
         CONF_STRING,                                                                          \
         "",                                                                                   \
         0,                                                                                    \
         200,                                                                                  \
         "WORDS",                                                                              \
         "haproxy, without slots: what more a new server is given, as in \"maxconn 100\"."},   \
        {"balancer_file",                                                                      \
         CONF_STRING,                                                                          \
         "",                                                                                   \
         0,                                                                                    \
         400,                                                                                  \
         "FILE",                                                                               \
         "nginx: file that its upstream includes, of this service alone. It is replaced, so "  \
         "scaler must be able to write its directory."},                                       \
        {"balancer_pid_file",                                                                  \
         CONF_STRING,                                                                          \
         "/run/nginx.pid",                                                                     \
         1,                                                                                    \
         400,                                                                                  \
         "FILE",                                                                               \
         "nginx: pid of its master process, which gets SIGHUP."},                              \
    {                                                                                          \
        "balancer_command", CONF_STRINGS, "", 0, 64, "",                                       \
            "nginx: program and arguments that make it reload, in the place of the signal "    \
            "([\"/usr/sbin/nginx\", \"-s\", \"reload\"]). command: program that gets JSON on " \
            "its stdin; see above at backend process. With its path; no shell."                \
    }

/* What the rows cannot check. ERR_CONFIG, the message beginning with the option. */
int balancing_check_options(const struct conf *options, bool has_ports, struct err *e);

/* A backend's balancer. */
struct balancing {
    const struct balancer *type; /* NULL: none; then all below is idle */
    void *object;
    char host[64], service[128];
    int64_t drain_ms, patience_ms;
    int64_t next_mono;    /* a sync is due, whatever changed */
    int64_t failing_mono; /* it could not be told since; 0: it could */
    int n_failures;       /* in a row */
    char why[160];        /* the last failure, or what was refused; "" all is told */
};

/* From options that hold BALANCER_OPTIONS. Nothing is sent. ERR_CONFIG, ERR_IO, ERR_NOMEM. */
int balancing_open(struct balancing *b, const struct conf *options, const char *service,
                   struct err *e);
void balancing_close(struct balancing *b); /* zeros are fine */
bool balancing_is_on(const struct balancing *b);

/* Tells the balancer when that is due: something changed, or its time has come; after a failure
 * with a growing wait. Failures are logged once and stand in `why`. */
void balancing_sync(struct balancing *b, struct balancer_member *const *members, size_t n,
                    int64_t deadline_mono_ms);

/* Asks for its end: from now on the wish is to drain. */
void balancing_leave(struct balancer_member *m);
/* It stays after all. */
void balancing_stay(struct balancer_member *m);
bool balancing_is_leaving(const struct balancer_member *m);

/* Whether one that is leaving may be told to stop. Without a balancer at once. `*is_blind`:
 * only since patience is over, though it may still get traffic. */
bool balancing_may_stop(const struct balancing *b, const struct balancer_member *m,
                        bool *is_blind);

/* Whether a ready instance counts. */
bool balancing_counts(const struct balancing *b, const struct balancer_member *m);

/* "" or what a person should know, into a status. True when there is something. */
bool balancing_note(const struct balancing *b, char *out, size_t size);

/* For a backend's check. ERR_... as of the kind. */
int balancing_check(const struct balancing *b, int64_t deadline_mono_ms, struct str *out,
                    struct err *e);

extern const char balancing_about[]; /* for the manual of backend process */

#endif
