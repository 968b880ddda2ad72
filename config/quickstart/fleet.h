/* fleet.h - a load balancer over the ready processes of one fleet.
 *
 * Ports of the range are probed with GET /ready; whoever answers with the fleet's name is given
 * load, the least busy first, turn by turn among equals. A connection that closes takes its
 * instance out until it answers a probe again. A request whose kept connection was closed
 * before a reply is asked once more elsewhere, as RFC 9110, section 9.2.2 allows. */
#ifndef SCALER_QUICKSTART_FLEET_H
#define SCALER_QUICKSTART_FLEET_H

#include <stdint.h>

struct fleet;

struct fleet_counts {
    int64_t served;  /* 200 */
    int64_t refused; /* 503, no ready instance, no answer within a second */
    int64_t retried; /* asked again because an instance left */
};

/* `name` is borrowed. The epoll descriptor is shared; events carry a pointer that is given
 * to fleet_event. NULL when memory ran out. */
struct fleet *fleet_new(const char *name, int first_port, int last_port, int epoll_fd);
void fleet_free(struct fleet *f);

/* One request; its outcome is counted in `bucket` (0 .. buckets-1, see fleet_counts). */
void fleet_ask(struct fleet *f, int bucket);

/* What epoll said about data.ptr. Every pointer registered is of this kind. */
void fleet_event(void *ptr, uint32_t events);

/* Probes, time-outs, and freeing what was closed: call every 50 ms or so, outside a batch of
 * events. */
void fleet_tend(struct fleet *f);

int fleet_ready(const struct fleet *f);

/* Outcomes of one bucket. Buckets are seconds of the run, at most FLEET_BUCKETS. */
#define FLEET_BUCKETS 900
struct fleet_counts fleet_counts(const struct fleet *f, int bucket);

#endif
