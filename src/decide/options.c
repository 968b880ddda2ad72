/* options.c - see options.h. */
#include "decide/options.h"

#include <stddef.h>

#include "conf/option.h"

const struct conf_option decide_objective_options[] = {
    {"objective", CONF_DOUBLE, "0.001", 0.000001, 0.2, "share",
     "Share of requests allowed above capacity; the dial between risk and cost."},
    {"cost_ratio", CONF_DOUBLE, "auto", 1, 1000000, "",
     "Instead of an objective: the price of a request above capacity over the price of the "
     "idle "
     "capacity that would have carried it."},
    CONF_END,
};

const struct conf_option decide_capacity_options[] = {
    {"per_instance", CONF_DOUBLE, NULL, 0.000001, 1e9, "requests per second",
     "Load that one ready instance carries within its objective. A claim: while a guard of "
     "kind "
     "utilisation measures less, that is in force."},
    {"noise", CONF_DOUBLE, "auto", 0, 1, "share",
     "Deviation of the load within one step, as a share of it; auto: learned from finer "
     "samples, "
     "else 0.03."},
    CONF_END,
};

const struct conf_option decide_limit_options[] = {
    {"min", CONF_INT, "1", 0, 1000000, "instances", "Never fewer instances than this."},
    {"max", CONF_INT, NULL, 1, 1000000, "instances",
     "Never more instances than this; wanting more is an alert."},
    {"multiple_of", CONF_INT, "1", 1, 10000, "instances",
     "Counts are rounded up to multiples of this, within max."},
    {"zones", CONF_INT, "1", 1, 1000, "",
     "Zones or hosts that the instances are spread over evenly: so many run that those of all "
     "but one carry the load, ceil(n x zones / (zones - 1)). 1: no reserve."},
    CONF_END,
};

const struct conf_option decide_rail_options[] = {
    {"in_share", CONF_DOUBLE, "0.2", 0, 1, "share",
     "Scale-in removes at most this share of the highest count of in_window (at least one "
     "instance)."},
    {"in_window", CONF_DURATION, "10m", 0, 86400, "s", "Window of in_share."},
    {"hour_share", CONF_DOUBLE, "0.5", 0, 1, "share",
     "Scale-in keeps at least this share of what ran an hour ago."},
    {"out_most", CONF_INT, "0", 0, 1000000, "instances",
     "Most instances added by one decision; 0: any number."},
    {"stabilisation", CONF_DURATION, "0s", 0, 86400, "s",
     "Scale-in goes no lower than the highest count proposed within this window."},
    {"out_cooldown", CONF_DURATION, "0s", 0, 86400, "s",
     "No scale-in so soon after a scale-out."},
    {"in_cooldown", CONF_DURATION, "0s", 0, 86400, "s", "No scale-in so soon after another."},
    {"scale_outs_a_day", CONF_INT, "50", 1, 100000, "",
     "Budget of scale-outs a day that the price of a change is steered to."},
    {"changes_most", CONF_INT, "0", 0, 1000000, "",
     "Most changes in 24 h, after which nothing is scaled in; 0: no limit."},
    {"stale_steps", CONF_INT, "3", 1, 1000, "steps",
     "Steps without fresh data until the service counts as blind: no scale-in, scale-out by "
     "the "
     "forecast."},
    {"zero_hold", CONF_DURATION, "30m", 0, 86400, "s",
     "A load that falls to zero is believed after this time."},
    {"dip_hold", CONF_DURATION, "24h", 0, 604800, "s",
     "The floor that holds through an outage ends after this time."},
    {"settle_samples", CONF_INT, "3", 0, 1000, "samples",
     "Fresh samples after a start before anything is scaled in."},
    {"rollout_most", CONF_DURATION, "1h", 0, 604800, "s",
     "While another version is rolled out nothing is scaled in and nothing is learned; a "
     "rollout "
     "that lasts longer than this is said to be late."},
    {"rollout_scale_in", CONF_BOOL, "false", 0, 0, "",
     "Scale in again once a rollout is late; false: not before it ends."},
    CONF_END,
};
