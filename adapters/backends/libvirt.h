/* libvirt.h - shared by the files of the libvirt backend. */
#ifndef SCALER_ADAPTERS_BACKENDS_LIBVIRT_H
#define SCALER_ADAPTERS_BACKENDS_LIBVIRT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "act/backend.h"
#include "act/probe.h"
#include "adapters/backends/aside.h"
#include "adapters/backends/libvirt_host.h"
#include "conf/conf.h"

enum libvirt_probe_kind {
    LIBVIRT_PROBE_NONE,
    LIBVIRT_PROBE_TCP,
    LIBVIRT_PROBE_HTTP,
    LIBVIRT_PROBE_EXEC,
    LIBVIRT_PROBE_AGENT,
};

/* What is remembered of a domain between two looks; lost with the process, without harm. */
struct libvirt_known {
    char uuid[LIBVIRT_UUID_SIZE];
    bool is_listed, is_ready;
    int failed_probes; /* in a row */
    char address[64];  /* "" not known */
    struct probe probe;
    int64_t next_probe_mono_ms;
    int64_t next_stop_mono_ms; /* when it may be asked again to shut down */
};

struct libvirt {
    struct conf *options;
    char service[64];
    int first_port;   /* 0: no ports */
    int most, places; /* instances; numbers, those of warm and draining ones included */
    int warm;
    enum libvirt_probe_kind probe;

    /* Calls run in `aside`, saves to disk in `saver`: only they touch what is below. */
    struct aside *aside, *saver;
    struct libvirt_host host, saver_host;
    struct libvirt_list list; /* of the last look */
    struct libvirt_known *known;
    size_t n_known, cap_known;
    struct str report; /* of `check` */
    int failed, failures_in_row;
    int64_t next_start_mono_ms, next_warm_mono_ms, next_save_mono_ms;
};

/* ERR_CONFIG: the options of readiness. */
int libvirt_probe_check(const struct conf *c, bool has_ports, struct err *e);
/* Notes for every domain of b->list whether it is ready, asking those that are due; by the
 * given time. A command is not run in a dry run: what runs counts as ready then. ERR_NOMEM. */
int libvirt_probe_all(struct libvirt *b, bool is_dry_run, int64_t until_mono_ms, struct err *e);
struct libvirt_known *libvirt_known(struct libvirt *b, const struct libvirt_domain *d);
int libvirt_port(const struct libvirt *b, int number); /* of an instance; 0 none */

#endif
