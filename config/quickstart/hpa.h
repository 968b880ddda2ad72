/* hpa.h - Kubernetes' HorizontalPodAutoscaler, its documented rule.
 *
 *   desired = ceil(current x (metric / target)), left alone while |metric / target - 1| <= 0.1
 *
 * scale-out: at most the larger of twice the count and four more in 15 s; scale-in: not below
 * the highest desired count of the stabilisation window. Source: kubernetes.io, "Horizontal
 * Pod Autoscaling", sections "Algorithm details", "Scaling policies", "Stabilization window".
 * The metric is an AverageValue: requests per second an instance; the target is a share of
 * what an instance carries.
 *
 * The demo compresses: its processes start in 4 s where VMs or pods with caches to load take
 * some minutes, so one second stands for a minute, and HPA's own times are divided by 60: the
 * 5 minutes of stabilisation become 5 s, and the 15 s of its sync period would be 0.25 s. It
 * is given a sync each second, when a new second of the metric is there, and the scale-out
 * policy of the four syncs in it (x 2^4, or + 16). */
#ifndef SCALER_QUICKSTART_HPA_H
#define SCALER_QUICKSTART_HPA_H

#define HPA_TOLERANCE 0.1
#define HPA_STABILISATION_S 5
#define HPA_SYNCS_A_STEP 4

struct hpa {
    double target;         /* share of an instance's capacity, in (0, 1] */
    double capacity_per_s; /* of one instance */
    int least, most;
    int recent[HPA_STABILISATION_S]; /* desired counts of the last syncs, oldest first */
    int n_recent;
};

/* The count wanted after one sync: `current` instances exist (starting ones too), `load_per_s`
 * was measured. Call once a second; a second without a metric is no call, and no change. */
int hpa_sync(struct hpa *h, int current, double load_per_s);

#endif
