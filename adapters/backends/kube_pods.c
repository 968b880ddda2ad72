/* kube_pods.c - see kube_pods.h. Source: Kubernetes documentation, "Pod Lifecycle". */
#include "adapters/backends/kube_pods.h"

#include <stdbool.h>
#include <string.h>

#include "base/clk.h"

/* Past its deletionTimestamp, which is when the grace is over. */
#define STUCK_AFTER_MS (5 * CLK_MINUTE_MS)

/* NULL: the pod has no such condition. */
static const json_t *condition(const json_t *pod, const char *type)
{
    const json_t *list = kube_at(pod, "status.conditions");

    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(kube_text(json_array_get(list, i), "type"), type) == 0)
            return json_array_get(list, i);
    return NULL;
}

/* Why a container does not run, but for those that are only on their way; "" where all do. */
static const char *trouble(const json_t *pod)
{
    static const char *const lists[] = {"status.initContainerStatuses",
                                        "status.containerStatuses"};

    for (size_t l = 0; l < 2; l++) {
        const json_t *list = kube_at(pod, lists[l]);

        for (size_t i = 0; i < json_array_size(list); i++) {
            const char *why = kube_text(json_array_get(list, i), "state.waiting.reason");

            if (*why && strcmp(why, "ContainerCreating") != 0 &&
                strcmp(why, "PodInitializing") != 0)
                return why;
        }
    }
    return "";
}

void kube_pods_add(void *pods, const json_t *pod)
{
    struct kube_pods *p = pods;
    const char *phase = kube_text(pod, "status.phase");
    const char *until = kube_text(pod, "metadata.deletionTimestamp");
    const char *why = trouble(pod);
    int64_t until_ms = 0;

    if (strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0)
        return;
    if (*until) {
        bool is_late = clk_parse_time(until, strlen(until), &until_ms) &&
                       p->now_ms > until_ms + STUCK_AFTER_MS;

        p->stuck += is_late;
        p->going += !is_late && *kube_text(pod, "spec.nodeName");
        return;
    }
    if (!*kube_text(pod, "spec.nodeName")) {
        p->waiting++;
        str_copy(p->why_waiting, sizeof p->why_waiting,
                 kube_text(condition(pod, "PodScheduled"), "message"));
        return;
    }
    p->started++;
    p->ready += strcmp(kube_text(condition(pod, "Ready"), "status"), "True") == 0;
    p->failing += *why != '\0';
    if (*why)
        str_copy(p->why_failing, sizeof p->why_failing, why);
}

int kube_pods_count(struct kube *k, const char *selector, int64_t deadline_mono_ms,
                    struct kube_pods *out, struct err *e)
{
    struct str query = STR_EMPTY;
    char path[120];
    int rc;

    *out = (struct kube_pods){.now_ms = clk_wall_ms()};
    snprintf(path, sizeof path, "/api/v1/namespaces/%s/pods", kube_namespace(k));
    str_add(&query, "labelSelector=");
    kube_encode(&query, selector);
    rc = query.failed
             ? err_nomem(e)
             : kube_each(k, path, str_text(&query), deadline_mono_ms, kube_pods_add, out, e);
    str_clear(&query);
    return rc == 0 ? 0 : err_wrap(e, "pods");
}
