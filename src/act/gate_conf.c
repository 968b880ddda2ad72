/* gate_conf.c - the gate's option rows and what a configuration makes of them. */
#include <string.h>

#include "act/gate.h"

const struct conf_option gate_options[] = {
    {"mode", CONF_ENUM, "dry_run", 0, 0, "dry_run|floor|act",
     "dry_run only says what it would do, floor only ever raises the count, act does it all."},
    {"on_conflict", CONF_ENUM, "yield", 0, 0, "yield|floor|insist",
     "When someone else moved the count: yield leaves it alone for 10 minutes (longer each "
     "time), floor only raises it for that long, insist sets ours again. A platform that keeps "
     "no count (docker, systemd, exec without \"desired\") cannot tell a stop by someone from a "
     "crash: what is missing is started again, what is over is stopped."},
    {"first_scale_in_after", CONF_DURATION, "1h", 0, 604800, "s",
     "How long after it began to act the first scale-in may be."},
    {"approve", CONF_ENUM, "none", 0, 0, "none|scale_in|all",
     "Changes that wait until a person says `scaler approve SERVICE`; those within a plan that "
     "was approved (--plan) pass without."},
    {"approve_tolerance", CONF_DURATION, "30m", 0, 86400, "s",
     "So much earlier or later than an approved plan has them, its counts may be used."},
    CONF_END,
};

static enum gate_approve approve_from(const char *word)
{
    if (strcmp(word, "all") == 0)
        return GATE_APPROVE_ALL;
    return strcmp(word, "scale_in") == 0 ? GATE_APPROVE_IN : GATE_APPROVE_NONE;
}

static enum gate_mode mode_from(const char *word)
{
    if (strcmp(word, "act") == 0)
        return GATE_MODE_ACT;
    return strcmp(word, "floor") == 0 ? GATE_MODE_FLOOR : GATE_MODE_DRY_RUN;
}

void gate_conf_read(const struct conf *c, struct gate_conf *out)
{
    const char *conflict = conf_string(c, "on_conflict");

    gate_conf_default(out);
    out->mode = mode_from(conf_string(c, "mode"));
    out->first_scale_in_after_ms = conf_duration_ms(c, "first_scale_in_after");
    out->approve = approve_from(conf_string(c, "approve"));
    out->approve_tolerance_ms = conf_duration_ms(c, "approve_tolerance");
    if (strcmp(conflict, "floor") == 0)
        out->on_conflict = GATE_ON_CONFLICT_FLOOR;
    else if (strcmp(conflict, "insist") == 0)
        out->on_conflict = GATE_ON_CONFLICT_INSIST;
}
