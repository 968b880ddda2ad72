/* table.c - every load balancer that balancer = "..." may name. */
#include "adapters/balancers/balancer.h"

extern const struct balancer balancer_command;
extern const struct balancer balancer_haproxy;
extern const struct balancer balancer_nginx;

const struct balancer *const balancer_table[] = {&balancer_haproxy, &balancer_nginx,
                                                 &balancer_command, NULL};
