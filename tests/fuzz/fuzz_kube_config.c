/* fuzz_kube_config.c - any bytes as a kubeconfig, and as a pod that an API server tells of. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "adapters/backends/kube_pods.h"
#include "adapters/cloud/kube_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void try_context(const char *text, size_t n, const char *context)
{
    struct kube_config c;
    struct err e = {0};

    if (kube_config_parse(&c, text, n, context, "/d", &e) != 0 &&
        (e.code == ERR_NONE || e.msg[0] == '\0'))
        abort();
    kube_config_clear(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    json_t *pod = json_loadb((const char *)bytes, n, 0, NULL);
    struct kube_pods pods = {.now_ms = 1};

    try_context((const char *)bytes, n, "");
    try_context((const char *)bytes, n, "prod");
    kube_pods_add(&pods, pod);
    if (pods.ready > pods.started)
        abort();
    json_decref(pod);
    return 0;
}
