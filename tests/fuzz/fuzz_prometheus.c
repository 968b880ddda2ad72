/* fuzz_prometheus.c - any bytes as the reply to a range query. */
#include "adapters/sources/prometheus_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    double values[16];
    struct prometheus_grid g = {60000, 60000, 16, values};
    size_t n_series;
    int64_t time_ms;
    struct err e;

    prometheus_read_range((const char *)bytes, n, false, &g, &n_series, &e);
    prometheus_read_range((const char *)bytes, n, true, &g, &n_series, &e);
    prometheus_read_time((const char *)bytes, n, &time_ms, &e);
    return 0;
}
