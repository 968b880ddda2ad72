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
 * The demo compresses time, a day to 60 s, but its processes need 4 s where a pod with caches
 * to load needs minutes; there is no one factor for HPA's own times. So it gets what suits it:
 * a sync each second, as soon as a new second of the metric is there; the scale-out policy of
 * four syncs at once (x 2^4, or + 16); and of two stabilisation windows, 1 s (5 minutes by the
 * length of the day, rounded up to a sync) and 5 s (a minute of life a second), the better. */
#ifndef SCALER_QUICKSTART_HPA_H
#define SCALER_QUICKSTART_HPA_H

#define HPA_TOLERANCE 0.1
#define HPA_STABILISATION_MOST_S 16
#define HPA_SYNCS_A_STEP 4

struct hpa {
    double target;         /* share of an instance's capacity, in (0, 1] */
    double capacity_per_s; /* of one instance */
    int least, most;
    int stabilisation_s;                  /* 1 .. HPA_STABILISATION_MOST_S */
    int recent[HPA_STABILISATION_MOST_S]; /* desired counts of the last syncs, oldest first */
    int n_recent;
};

/* The count wanted after one sync: `current` instances exist (starting ones too), `load_per_s`
 * was measured. Call once a second; a second without a metric is no call, and no change. */
int hpa_sync(struct hpa *h, int current, double load_per_s);

#endif
