/* kube_hpa.c - see kube_hpa.h. Source: Kubernetes API reference, HorizontalPodAutoscaler v1
 * autoscaling. */
#include "adapters/backends/kube_hpa.h"

#include <stdio.h>
#include <string.h>

struct search {
    const struct kube_target *target;
    struct kube_hpa *out;
};

static void path_of(const struct kube *k, const char *name, const char *query, char *out,
                    size_t size)
{
    snprintf(out, size, "/apis/autoscaling/v1/namespaces/%s/horizontalpodautoscalers%s%s%s",
             kube_namespace(k), *name ? "/" : "", name, query);
}

/* "apps/v1" is of the group "apps"; "v1" of the core's. Versions of one kind are one thing. */
static bool is_of_group(const char *api_version, const char *group)
{
    const char *slash = strchr(api_version, '/');
    size_t n = slash ? (size_t)(slash - api_version) : 0;

    return strlen(group) == n && strncmp(api_version, group, n) == 0;
}

/* Deployments of old manifests: the same objects as those of apps. */
static bool is_old_name(const char *api_version, const char *group)
{
    return strcmp(group, "apps") == 0 && is_of_group(api_version, "extensions");
}

static void look_at(void *user, const json_t *item)
{
    struct search *s = user;
    const json_t *ref = kube_at(item, "spec.scaleTargetRef");
    const json_t *maker = json_array_get(kube_at(item, "metadata.ownerReferences"), 0);
    const char *api_version = kube_text(ref, "apiVersion");

    if (s->out->name[0] || strcmp(kube_text(ref, "kind"), s->target->kind) != 0 ||
        strcmp(kube_text(ref, "name"), s->target->name) != 0 ||
        !(*api_version == '\0' || is_of_group(api_version, s->target->group) ||
          is_old_name(api_version, s->target->group)))
        return;
    str_copy(s->out->name, sizeof s->out->name, kube_text(item, "metadata.name"));
    str_copy(s->out->version, sizeof s->out->version,
             kube_text(item, "metadata.resourceVersion"));
    s->out->least = kube_int(item, "spec.minReplicas", 1);
    s->out->most = kube_int(item, "spec.maxReplicas", -1);
    if (maker)
        snprintf(s->out->made_by, sizeof s->out->made_by, "%.20s %.50s",
                 kube_text(maker, "kind"), kube_text(maker, "name"));
}

int kube_hpa_find(struct kube *k, const struct kube_target *target, int64_t deadline_mono_ms,
                  struct kube_hpa *out, struct err *e)
{
    struct search s = {target, out};
    char path[200];

    *out = (struct kube_hpa){0};
    path_of(k, "", "", path, sizeof path);
    if (kube_each(k, path, "", deadline_mono_ms, look_at, &s, e) != 0)
        return err_wrap(e, "horizontalpodautoscalers");
    return 0;
}

int kube_hpa_set_least(struct kube *k, const struct kube_hpa *hpa, int least, bool is_trial,
                       int64_t deadline_mono_ms, struct err *e)
{
    char path[500];

    path_of(k, hpa->name, is_trial ? "?dryRun=All" : "", path, sizeof path);
    return kube_patch(k, path,
                      json_pack("{s:{s:s}, s:{s:i}}", "metadata", "resourceVersion",
                                hpa->version, "spec", "minReplicas", least),
                      deadline_mono_ms, e);
}
