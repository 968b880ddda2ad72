/* table.c - every backend that `backend = { type = "..." }` may name. */
#include "act/backend.h"

extern const struct backend backend_azure_vmss;
extern const struct backend backend_docker;
extern const struct backend backend_ec2_asg;
extern const struct backend backend_ecs;
extern const struct backend backend_exec;
extern const struct backend backend_gce_mig;
extern const struct backend backend_kubernetes;
extern const struct backend backend_lambda;
extern const struct backend backend_libvirt;
extern const struct backend backend_nomad;
extern const struct backend backend_process;
extern const struct backend backend_swarm;
extern const struct backend backend_systemd;
extern const struct backend backend_webhook;

const struct backend *const backend_table[] = {
    &backend_process,
#ifdef SCALER_WITH_SYSTEMD
    &backend_systemd,
#endif
#ifdef SCALER_WITH_LIBVIRT
    &backend_libvirt,
#endif
    &backend_docker,  &backend_swarm,   &backend_kubernetes, &backend_nomad,
    &backend_ec2_asg, &backend_gce_mig, &backend_azure_vmss, &backend_ecs,
    &backend_lambda,  &backend_exec,    &backend_webhook,    NULL,
};
