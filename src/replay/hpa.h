/* hpa.h - Kubernetes' HorizontalPodAutoscaler, its documented rule.
 *
 *   desired = ceil(current x (metric / target)), left alone while |metric / target - 1| <= 0.1
 *
 * scale-out: at most the larger of twice the count and four more in 15 s; scale-in: not below
 * the highest desired count of the stabilisation window (5 minutes by default). Source:
 * kubernetes.io, "Horizontal Pod Autoscaling", sections "Algorithm details", "Scaling
 * policies", "Stabilization window". The metric is an AverageValue: requests per second an
 * instance; the target is a share of what an instance carries. */
#ifndef SCALER_REPLAY_HPA_H
#define SCALER_REPLAY_HPA_H

#define HPA_TOLERANCE 0.1
#define HPA_WINDOW_MOST 20 /* syncs: 5 minutes of one every 15 s */

struct hpa {
    double target;         /* share of an instance's capacity, in (0, 1] */
    double capacity_per_s; /* of one instance */
    int least, most;
    int window;                  /* syncs of the stabilisation window, 1 .. HPA_WINDOW_MOST */
    double policies_a_sync;      /* scale-out policies of 15 s that one sync stands for */
    int recent[HPA_WINDOW_MOST]; /* desired counts of the last syncs, oldest first */
    int n_recent;
};

/* The count wanted after one sync: `current` instances exist (starting ones too), `load_per_s`
 * was measured. Call once a sync; a sync without a metric is no call, and no change. */
int hpa_sync(struct hpa *h, int current, double load_per_s);

#endif
