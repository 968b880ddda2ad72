/* process_probe.c - which instances are ready. */
#include <poll.h>
#include <stdlib.h>

#include "adapters/backends/process.h"
#include "base/clk.h"

/* Waited for at once; more are asked in the next round. */
#define MOST_AT_ONCE 256

static bool is_probed(const struct process_slot *s)
{
    return s->instance && s->instance->phase == INSTANCE_RUNNING &&
           !instance_is_starting(s->instance);
}

static void start_probe(const struct process *p, struct process_slot *s, int64_t now_mono_ms)
{
    int64_t until = now_mono_ms + p->conf.probe_timeout_ms;
    const char *host = conf_string(p->options, "probe_host");
    pid_t pid;

    s->next_probe_mono = now_mono_ms + p->conf.probe_interval_ms;
    switch (p->conf.probe) {
    case PROCESS_PROBE_NONE:
        s->probe = (struct probe){.result = PROBE_YES, .fd = -1};
        break;
    case PROCESS_PROBE_TCP:
        probe_start_tcp(&s->probe, host, s->instance->spec.port, NULL, until);
        break;
    case PROCESS_PROBE_HTTP:
        probe_start_tcp(&s->probe, host, s->instance->spec.port,
                        conf_string(p->options, "probe_path"), until);
        break;
    case PROCESS_PROBE_EXEC:
        if (p->is_dry_run) { /* what runs counts: asking would start a process */
            s->probe = (struct probe){.result = PROBE_YES, .fd = -1};
            break;
        }
        pid = instance_run_step(s->instance, INSTANCE_PROBE_STEP, NULL);
        if (pid > 0)
            probe_start_command(&s->probe, pid, until);
        else
            s->probe = (struct probe){.result = PROBE_NO, .fd = -1};
        break;
    }
}

static void take_answer(const struct process *p, struct process_slot *s, int64_t now_mono_ms)
{
    if (s->probe.result == PROBE_YES) {
        s->failed_probes = 0;
        if (!s->is_ready)
            s->ready_mono = now_mono_ms;
        s->is_ready = true;
    } else {
        s->failed_probes++;
        if (s->failed_probes >= p->conf.probe_failures)
            s->is_ready = false;
    }
    s->probe = (struct probe){.fd = -1};
}

/* Steps every probe; collects what the pending ones wait for. */
static nfds_t step_all(struct process *p, struct pollfd *fds, int64_t now_mono_ms)
{
    nfds_t n = 0;

    for (int i = 0; i < p->conf.most; i++) {
        struct process_slot *s = &p->slots[i];

        if (!is_probed(s)) {
            probe_stop(&s->probe);
            continue;
        }
        if (s->probe.result == PROBE_IDLE && now_mono_ms >= s->next_probe_mono)
            start_probe(p, s, now_mono_ms);
        switch (probe_step(&s->probe, now_mono_ms)) {
        case PROBE_IDLE:
            break;
        case PROBE_PENDING:
            if (n < MOST_AT_ONCE)
                fds[n++] = probe_pollfd(&s->probe);
            break;
        case PROBE_YES:
        case PROBE_NO:
            take_answer(p, s, now_mono_ms);
            break;
        }
    }
    return n;
}

void process_probe_all(struct process *p, int64_t until_mono_ms)
{
    struct pollfd fds[MOST_AT_ONCE];

    for (;;) {
        int64_t now = clk_mono_ms();
        nfds_t n = step_all(p, fds, now);

        if (n == 0 || now >= until_mono_ms)
            return;
        poll(fds, n, (int)(until_mono_ms - now));
    }
}
