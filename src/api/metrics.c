/* metrics.c - see metrics.h. A metric is one row. */
#include "api/metrics.h"

#include <math.h>

struct metric {
    const char *name, *type, *help;
    const char *label; /* a second label with its value, or NULL */
    double (*of_service)(const struct service_status *s);
    double (*of_daemon)(const struct daemon_status *s);
};

static double known(int count)
{
    return count < 0 ? (double)NAN : (double)count;
}

#define OF_SERVICE(name, expression)                   \
    static double name(const struct service_status *s) \
    {                                                  \
        return expression;                             \
    }
#define OF_DAEMON(name, expression)                   \
    static double name(const struct daemon_status *s) \
    {                                                 \
        return expression;                            \
    }

OF_SERVICE(load, s->load)
OF_SERVICE(load_time, s->load_ms > 0 ? (double)s->load_ms / 1000 : (double)NAN)
OF_SERVICE(forecast, s->forecast)
OF_SERVICE(need, s->need)
OF_SERVICE(lead_time, (double)s->lead_time_ms / 1000)
OF_SERVICE(ready, known(s->ready))
OF_SERVICE(pending, known(s->pending))
OF_SERVICE(draining, known(s->draining))
OF_SERVICE(desired, known(s->desired))
OF_SERVICE(floor_count, s->decided_ms > 0 ? (double)s->floor : (double)NAN)
OF_SERVICE(is_late, s->late[0] != '\0')
OF_SERVICE(rollout, s->rollout_ms > 0)
OF_SERVICE(is_rollout_late, s->is_rollout_late)
OF_SERVICE(calls, s->calls_most > 0 ? (double)s->calls : (double)NAN)
OF_SERVICE(calls_most, s->calls_most > 0 ? (double)s->calls_most : (double)NAN)
OF_SERVICE(calls_free, (double)s->calls_free_ms / 1000)
OF_SERVICE(is_waiting, s->approval_ms > 0 || s->action_ms > 0)
OF_SERVICE(is_blind, s->blind[0] != '\0')
OF_SERVICE(stated, s->stated > 0 ? s->stated : (double)NAN)
OF_SERVICE(per_instance, s->per_instance > 0 ? s->per_instance : (double)NAN)
OF_SERVICE(is_guarded, s->is_guarded)
OF_SERVICE(is_learning, s->is_learning)
OF_SERVICE(shadow_ready, s->shadow_ms > 0 ? (double)s->is_shadow_ready : (double)NAN)
OF_SERVICE(shadow_hours, s->shadow_hours)
OF_SERVICE(shadow_other_hours, s->shadow_other_hours)
OF_SERVICE(shadow_above, s->shadow_above)
OF_SERVICE(shadow_other_above, s->shadow_other_above)
OF_SERVICE(samples, (double)s->samples)
OF_SERVICE(decisions, (double)s->decisions)
OF_SERVICE(scale_calls, (double)s->scale_calls)
OF_SERVICE(fetch_errors, (double)s->fetch_errors)
OF_SERVICE(backend_errors, (double)s->backend_errors)
OF_SERVICE(scored, s->forecasts_scored)
OF_SERVICE(naive_ratio, s->naive_ratio)
OF_SERVICE(cover95, s->cover95)
OF_SERVICE(fits, (double)s->fits)
OF_DAEMON(started, (double)s->started_ms / 1000)
OF_DAEMON(services, (double)s->n)
OF_DAEMON(dry_run, s->is_dry_run)
OF_DAEMON(late, (double)s->worst_late_ms / 1000)
OF_DAEMON(io_threads, (double)s->io_threads)
OF_DAEMON(io_queued, (double)s->io_queued)
OF_DAEMON(compute_queued, (double)s->compute_queued)
OF_DAEMON(store_failing, s->store[0] != '\0')
OF_DAEMON(config_refused, s->config[0] != '\0')

static const struct metric metrics[] = {
    {"scaler_start_time_seconds", "gauge", "When the daemon started, since 1970.", NULL, NULL,
     started},
    {"scaler_services", "gauge", "Services in the configuration.", NULL, NULL, services},
    {"scaler_dry_run", "gauge", "1 when no service acts.", NULL, NULL, dry_run},
    {"scaler_loop_late_seconds", "gauge", "Longest delay of a timer in the last minute.", NULL,
     NULL, late},
    {"scaler_io_threads", "gauge", "Threads for calls that block.", NULL, NULL, io_threads},
    {"scaler_io_queued", "gauge", "Calls waiting for a thread.", NULL, NULL, io_queued},
    {"scaler_fits_queued", "gauge", "Fits waiting for a core.", NULL, NULL, compute_queued},
    {"scaler_store_failing", "gauge", "1 while the store cannot be written.", NULL, NULL,
     store_failing},
    {"scaler_config_refused", "gauge", "1 when the last reload was refused.", NULL, NULL,
     config_refused},
    {"scaler_load", "gauge", "Newest sample of the load, per second.", NULL, load, NULL},
    {"scaler_load_time_seconds", "gauge", "End of the newest sample, since 1970.", NULL,
     load_time, NULL},
    {"scaler_forecast_load", "gauge",
     "Median of the largest load until an instance ordered now is useful.", NULL, forecast,
     NULL},
    {"scaler_needed_load", "gauge", "The same at the quantile that the objective asks for.",
     NULL, need, NULL},
    {"scaler_lead_time_seconds", "gauge", "From a decision until its instance is useful.", NULL,
     lead_time, NULL},
    {"scaler_instances", "gauge", "Instances by state.", "state=\"ready\"", ready, NULL},
    {"scaler_instances", NULL, NULL, "state=\"pending\"", pending, NULL},
    {"scaler_instances", NULL, NULL, "state=\"draining\"", draining, NULL},
    {"scaler_desired_instances", "gauge", "The count decided last.", NULL, desired, NULL},
    {"scaler_floor_instances", "gauge", "What the load measured now needs.", NULL, floor_count,
     NULL},
    {"scaler_late", "gauge", "1 while a change that was accepted has not arrived in time.",
     NULL, is_late, NULL},
    {"scaler_rollout", "gauge",
     "1 while another version is rolled out: nothing is removed, nothing is learned.", NULL,
     rollout, NULL},
    {"scaler_rollout_late", "gauge", "1 when that has lasted longer than rollout_most.", NULL,
     is_rollout_late, NULL},
    {"scaler_calls_last_hour", "gauge",
     "Requests to the platform in the last hour, by all services of the account.", NULL, calls,
     NULL},
    {"scaler_calls_most", "gauge", "The limit of them: calls_an_hour.", NULL, calls_most, NULL},
    {"scaler_calls_free_time_seconds", "gauge",
     "Until when that is used up, since 1970; 0: it is not.", NULL, calls_free, NULL},
    {"scaler_approval_waiting", "gauge",
     "1 while changed settings or a change of the count wait for `scaler approve`.", NULL,
     is_waiting, NULL},
    {"scaler_blind", "gauge", "1 while there is no fresh data: nothing is removed.", NULL,
     is_blind, NULL},
    {"scaler_stated_capacity", "gauge", "Load that an instance is said to carry, per second.",
     NULL, stated, NULL},
    {"scaler_capacity", "gauge",
     "Load that an instance is taken to carry: less than stated where a guard measured less.",
     NULL, per_instance, NULL},
    {"scaler_guarded", "gauge",
     "1 while a guard is over its limit or has no fresh value: nothing is removed.", NULL,
     is_guarded, NULL},
    {"scaler_learning", "gauge", "1 until history suffices for a forecast.", NULL, is_learning,
     NULL},
    {"scaler_forecasts_scored", "gauge",
     "Scores in the running record of earlier forecasts; one counts half four weeks later.",
     NULL, scored, NULL},
    {"scaler_forecast_naive_ratio", "gauge",
     "Error of earlier forecasts over that of repeating the last week; above 1: not to be "
     "trusted.",
     NULL, naive_ratio, NULL},
    {"scaler_forecast_p95_share", "gauge",
     "Share of what came at or below the p95 of earlier forecasts.", NULL, cover95, NULL},
    {"scaler_shadow_ready", "gauge",
     "1 when a service in dry run is ready to act, by the last verdict of `scaler shadow`.",
     NULL, shadow_ready, NULL},
    {"scaler_shadow_instance_hours", "gauge",
     "Instance-hours of the days it judged, by scaler.", "who=\"scaler\"", shadow_hours, NULL},
    {"scaler_shadow_instance_hours", NULL, NULL, "who=\"other\"", shadow_other_hours, NULL},
    {"scaler_shadow_above_ratio", "gauge",
     "Share of the requests above capacity in the days it judged, by scaler.", "who=\"scaler\"",
     shadow_above, NULL},
    {"scaler_shadow_above_ratio", NULL, NULL, "who=\"other\"", shadow_other_above, NULL},
    {"scaler_samples_total", "counter", "Samples taken.", NULL, samples, NULL},
    {"scaler_decisions_total", "counter", "Decisions made.", NULL, decisions, NULL},
    {"scaler_scale_calls_total", "counter", "Counts that a backend accepted.", NULL,
     scale_calls, NULL},
    {"scaler_fetch_errors_total", "counter", "Reads of the source that failed.", NULL,
     fetch_errors, NULL},
    {"scaler_backend_errors_total", "counter", "Calls of the backend that failed.", NULL,
     backend_errors, NULL},
    {"scaler_fits_total", "counter", "Fits finished.", NULL, fits, NULL},
};

/* Backslash, quote and newline are escaped in label values. */
static void add_label(struct str *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '"')
            str_add_n(out, "\\", 1);
        if (*text == '\n')
            str_add(out, "\\n");
        else
            str_add_n(out, text, 1);
    }
}

static void add_head(struct str *out, const struct metric *m)
{
    if (m->help)
        str_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, m->type);
}

static void add_value(struct str *out, const struct metric *m, const struct service_status *s)
{
    double v = m->of_service(s);

    if (!isfinite(v))
        return;
    str_printf(out, "%s{service=\"", m->name);
    add_label(out, s->name);
    str_printf(out, "\"%s%s} %.15g\n", m->label ? "," : "", m->label ? m->label : "", v);
}

bool metrics_next(const struct daemon_status *s, size_t *metric, size_t *service,
                  struct str *out)
{
    const struct metric *m = &metrics[*metric];
    size_t end;

    if (*metric >= sizeof metrics / sizeof metrics[0] || out->failed)
        return false;
    if (*metric == 0)
        str_printf(out, "# HELP scaler_build_info The program's version.\n"
                        "# TYPE scaler_build_info gauge\n"
                        "scaler_build_info{version=\"" SCALER_VERSION "\"} 1\n");
    if (*service == 0)
        add_head(out, m);
    if (m->of_daemon)
        str_printf(out, "%s %.15g\n", m->name, m->of_daemon(s));
    end = *service + METRICS_SERVICES < s->n ? *service + METRICS_SERVICES : s->n;
    for (; m->of_service && *service < end; (*service)++)
        add_value(out, m, &s->services[*service]);
    if (m->of_daemon || *service >= s->n) {
        (*metric)++;
        *service = 0;
    }
    return true;
}
