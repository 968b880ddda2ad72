/* gate.c - see gate.h. */
#include "act/gate.h"

#include <stdio.h>
#include <string.h>

#include "base/clk.h"
#include "base/str.h"

/* A status older than this proves nothing about what may be removed. */
#define STATUS_MOST_AGE_MS (2 * CLK_MINUTE_MS)
#define LEAST_FRESH_SAMPLES 3
/* Yielding starts here and doubles with each conflict up to a day; a day without one ends it.
 */
#define YIELD_FIRST_MS (10 * CLK_MINUTE_MS)
#define YIELD_MOST_MS CLK_DAY_MS
/* Between calls that failed: doubling from the first; where a retry cannot help, the other. */
#define RETRY_FIRST_MS CLK_SECOND_MS
#define RETRY_MOST_MS CLK_MINUTE_MS
#define RETRY_HOPELESS_MS (5 * CLK_MINUTE_MS)

void gate_conf_default(struct gate_conf *out)
{
    *out = (struct gate_conf){.mode = GATE_MODE_DRY_RUN,
                              .on_conflict = GATE_ON_CONFLICT_YIELD,
                              .first_scale_in_after_ms = CLK_HOUR_MS,
                              .approve_tolerance_ms = 30 * CLK_MINUTE_MS};
}

const char *gate_mode_name(enum gate_mode mode)
{
    static const char *const names[] = {"dry_run", "floor", "act"};

    return names[mode];
}

const char *gate_kind_name(enum gate_kind kind)
{
    static const char *const names[] = {"nothing", "sent",     "dry_run",
                                        "held",    "conflict", "failed"};

    return names[kind];
}

void gate_state_init(struct gate_state *s)
{
    *s = (struct gate_state){0};
}

void gate_state_resume(struct gate_state *s)
{
    s->yield_until_ms = 0;
    s->yields = 0;
    s->failures = 0;
    s->retry_ms = 0;
}

static bool stop(struct gate_result *r, enum gate_kind kind, const char *by, int64_t until_ms,
                 const char *why)
{
    r->kind = kind;
    r->until_ms = until_ms;
    str_copy(r->by, sizeof r->by, by);
    str_copy(r->why, sizeof r->why, why);
    return false;
}

/* The count that stands. A status read before our last call was answered does not know of it,
 * and a platform without a wanted count lags behind while it changes. */
static int standing(const struct gate_state *s, const struct gate_in *in)
{
    const struct backend_status *st = in->status;

    if (s->has_asked && in->status_ms <= s->asked_ms)
        return s->asked;
    if (st->desired >= 0)
        return st->desired;
    return s->has_asked && st->is_changing ? s->asked : st->running;
}

/* Counts a conflict and sets how long the other writer is left alone. */
static void note_conflict(struct gate_state *s, int64_t now_ms)
{
    int64_t wait_ms = YIELD_FIRST_MS;

    if (now_ms - s->last_conflict_ms > CLK_DAY_MS)
        s->yields = 0;
    for (int i = 0; i < s->yields && wait_ms < YIELD_MOST_MS; i++)
        wait_ms *= 2;
    s->yields++;
    s->last_conflict_ms = now_ms;
    s->yield_until_ms = now_ms + (wait_ms < YIELD_MOST_MS ? wait_ms : YIELD_MOST_MS);
}

static void look_for_conflict(struct gate_state *s, const struct gate_in *in)
{
    if (!s->has_asked || in->status_ms <= s->asked_ms || in->status->desired < 0 ||
        in->status->desired == s->asked)
        return;
    note_conflict(s, in->now_ms);
    s->moved_from = s->asked;
    s->moved_to = in->status->desired;
    s->asked = in->status->desired; /* one move is one conflict */
}

/* An accepted count that did not arrive is asked again: harmless where it stands, a help where
 * the platform lost or gave it up. Only while that count is still what is wanted, and missing.
 */
static bool is_repeat(const struct gate_state *s, const struct gate_in *in,
                      struct gate_result *r)
{
    if (!s->must_repeat || !s->has_asked || r->to != s->asked || in->status->ready >= r->to)
        return false;
    snprintf(r->why, sizeof r->why, "asked again: %d ready of %d", in->status->ready, r->to);
    return true;
}

/* The platform's own limits; said in r->why. */
static int within_platform(const struct backend_status *st, int count, struct gate_result *r)
{
    if (st->most >= 0 && count > st->most) {
        snprintf(r->why, sizeof r->why, "%d wanted, the platform's most is %d", count,
                 st->most);
        return st->most;
    }
    if (st->least >= 0 && count < st->least) {
        snprintf(r->why, sizeof r->why, "%d wanted, the platform's least is %d", count,
                 st->least);
        return st->least;
    }
    return count;
}

/* Who else writes the count, and what is made of that: "someone moved the count from 5 to 7
 * (conflict 1 in a row); on_conflict = "yield"". */
static void describe_conflict(const struct gate_conf *conf, const struct gate_state *s,
                              const struct gate_in *in, char *out, size_t size)
{
    static const char *const words[] = {"yield", "floor", "insist"};

    if (in->status->other_owner[0] != '\0')
        snprintf(out, size, "%s also writes this count; on_conflict = \"%s\"",
                 in->status->other_owner, words[conf->on_conflict]);
    else
        snprintf(out, size,
                 "someone moved the count from %d to %d (conflict %d in a row); on_conflict = "
                 "\"%s\"",
                 s->moved_from, s->moved_to, s->yields, words[conf->on_conflict]);
}

/* True when another writer has the count; on_conflict says what that means. */
static bool is_taken(const struct gate_conf *conf, const struct gate_state *s,
                     const struct gate_in *in, struct gate_result *r)
{
    bool has_owner = in->status->other_owner[0] != '\0';
    bool is_moved = in->now_ms < s->yield_until_ms;
    char why[sizeof r->why];

    if (!has_owner && !is_moved)
        return false;
    describe_conflict(conf, s, in, why, sizeof why);
    if (conf->on_conflict == GATE_ON_CONFLICT_INSIST ||
        (conf->on_conflict == GATE_ON_CONFLICT_FLOOR && r->to >= r->from)) {
        /* what is set over the other's head is said, once */
        if (r->why[0] == '\0' && is_moved && r->from == s->moved_to)
            str_copy(r->why, sizeof r->why, why);
        return false;
    }
    stop(r, GATE_CONFLICT, has_owner ? in->status->other_owner : "another writer",
         has_owner ? 0 : s->yield_until_ms, why);
    return true;
}

static bool is_held(const struct hold *h, struct gate_result *r)
{
    bool is_in = r->to < r->from;

    if (is_in ? !h->in : !h->out)
        return false;
    stop(r, GATE_HELD, h->by[0] ? h->by : "hold file", h->until_ms, h->reason);
    return true;
}

/* Reasons why a count may not fall although nobody holds it. */
static bool is_too_early_to_remove(const struct gate_conf *conf, const struct gate_state *s,
                                   const struct gate_in *in, struct gate_result *r)
{
    int64_t first_ms = s->acting_since_ms + conf->first_scale_in_after_ms;
    int64_t lead_ms = in->started_ms + in->lead_time_ms;
    char why[sizeof r->why];

    if (conf->mode == GATE_MODE_FLOOR) {
        stop(r, GATE_HELD, "mode", 0, "mode floor only raises the count");
    } else if (in->status_ms < in->started_ms) {
        stop(r, GATE_HELD, "start", 0, "status not read since the start");
    } else if (in->now_ms - in->status_ms > STATUS_MOST_AGE_MS) {
        snprintf(why, sizeof why, "status is %lld s old",
                 (long long)((in->now_ms - in->status_ms) / 1000));
        stop(r, GATE_HELD, "status", 0, why);
    } else if (in->is_rollout) { /* seen since the count was decided */
        snprintf(why, sizeof why, "a rollout is under way (%s): no scale-in",
                 in->status->rollout);
        stop(r, GATE_HELD, "rollout", 0, why);
    } else if (in->now_ms < first_ms) {
        stop(r, GATE_HELD, "first hour", first_ms,
             "no scale-in so soon after it began to act (first_scale_in_after)");
    } else if (in->fresh_samples < LEAST_FRESH_SAMPLES) {
        snprintf(why, sizeof why, "%d of %d fresh samples since the start", in->fresh_samples,
                 LEAST_FRESH_SAMPLES);
        stop(r, GATE_HELD, "start", 0, why);
    } else if (in->now_ms < lead_ms) {
        stop(r, GATE_HELD, "start", lead_ms, "no scale-in within a lead time of the start");
    } else {
        return false;
    }
    return true;
}

/* Who begins to act starts from what runs: a count asked in an earlier time is no claim. */
static void note_mode(const struct gate_conf *conf, struct gate_state *s,
                      const struct gate_in *in)
{
    if (conf->mode == GATE_MODE_DRY_RUN) {
        s->acting_since_ms = 0;
        s->must_repeat = false;
    } else if (s->acting_since_ms == 0) {
        s->acting_since_ms = in->now_ms;
        s->has_asked = false;
    }
}

static void add_why(struct gate_result *r, const char *text)
{
    size_t n = strlen(r->why);

    if (text[0] != '\0')
        snprintf(r->why + n, sizeof r->why - n, "%s%s", n > 0 ? "; " : "", text);
}

/* Takes r->to as far as a person said yes; false: not at all, and r->to is left. */
static bool is_approved(const struct gate_conf *conf, const struct gate_in *in,
                        struct gate_result *r)
{
    char text[sizeof r->why] = "approved ";
    int plan, once, reach;

    r->uses_once = false;
    if (conf->approve == GATE_APPROVE_NONE || r->to == r->from ||
        (conf->approve == GATE_APPROVE_IN && r->to > r->from))
        return true;
    plan = permit_reach(in->permit, in->now_ms, conf->approve_tolerance_ms, in->conf_hash,
                        r->from, r->to);
    once = permit_once_reach(in->once, in->now_ms, r->from, r->to);
    r->uses_once = r->to < r->from ? once < plan : once > plan;
    reach = r->uses_once ? once : plan;
    if (reach == r->from)
        return false;
    if (reach != r->to) {
        snprintf(text, sizeof text, "%d wanted, %d approved ", r->to, reach);
        r->to = reach;
    }
    if (r->uses_once)
        snprintf(text + strlen(text), sizeof text - strlen(text), "by %s", in->once->by);
    else
        permit_text(in->permit, text + strlen(text), sizeof text - strlen(text));
    add_why(r, text);
    return true;
}

/* What the hook said of just this change; NULL: it was not asked. */
static const struct gate_answer *
answer_of(const struct gate_conf *conf, const struct gate_in *in, const struct gate_result *r)
{
    const struct gate_answer *a = in->answer;

    return conf->has_hook && a && a->from == r->from && a->to == r->to ? a : NULL;
}

/* The count as the hook would have it. */
static void obey_answer(const struct gate_in *in, const struct gate_answer *a,
                        struct gate_result *r)
{
    add_why(r, a->text);
    if (!a->is_denied && a->count != a->to)
        r->to = within_platform(in->status, a->count, r);
}

/* Whether it may be sent but for the hook and the approval; says who holds it. */
static bool is_free(const struct gate_conf *conf, struct gate_state *s,
                    const struct gate_in *in, const struct hold *hold, struct gate_result *r)
{
    if (is_held(hold, r) || is_taken(conf, s, in, r))
        return false;
    return r->to > r->from || !is_too_early_to_remove(conf, s, in, r);
}

bool gate_judge(const struct gate_conf *conf, struct gate_state *s, const struct gate_in *in,
                const struct hold *hold, struct gate_result *r)
{
    bool is_dry = conf->mode == GATE_MODE_DRY_RUN, is_yes = true;
    const struct gate_answer *answer;
    char why[sizeof r->why];

    *r = (struct gate_result){.kind = GATE_NOTHING, .from = -1, .to = in->count};
    note_mode(conf, s, in);
    if (!in->status) {
        if (is_dry)
            return stop(r, GATE_DRY_RUN, "", 0, "status not read yet");
        return stop(r, GATE_HELD, "start", 0, "status not read yet");
    }
    if (!is_dry)
        look_for_conflict(s, in);
    r->from = standing(s, in);
    r->to = within_platform(in->status, in->count, r);
    if (r->to == r->from) {
        if (!is_repeat(s, in, r))
            return false;
        answer = NULL;
    } else {
        str_copy(why, sizeof why, r->why);
        is_yes = is_dry || is_approved(conf, in, r);
        answer = answer_of(conf, in, r);
        r->asks_hook = conf->has_hook && !answer && (!is_dry || conf->has_dry_run_hook);
        if (answer)
            obey_answer(in, answer, r);
        if (answer && is_yes && !is_dry &&
            r->to != answer->to) { /* it must hold for this, too */
            str_copy(r->why, sizeof r->why, why);
            add_why(r, answer->text);
            is_yes = is_approved(conf, in, r);
        }
    }
    if (is_dry) {
        r->kind = GATE_DRY_RUN;
        return false;
    }
    str_copy(why, sizeof why, r->why);
    if (answer && (answer->is_denied || r->to == r->from))
        return stop(r, GATE_HELD, GATE_BY_HOOK, 0, why);
    if (!is_free(conf, s, in, hold, r))
        goto unasked;
    if (!is_yes) {
        stop(r, GATE_HELD, GATE_BY_APPROVAL, 0, "waits for `scaler approve`");
        goto unasked;
    }
    if (in->now_ms < s->retry_ms) {
        stop(r, GATE_HELD, GATE_BY_RETRY, s->retry_ms, s->last_err.msg);
        goto unasked;
    }
    if (r->asks_hook)
        return stop(r, GATE_HELD, GATE_BY_HOOK, 0, "to be asked");
    r->kind = GATE_SENT;
    return true;
unasked:
    r->asks_hook = r->uses_once = false;
    return false;
}

static bool is_hopeless(enum err_code code)
{
    return code == ERR_CONFIG || code == ERR_DENIED || code == ERR_LIMIT || code == ERR_DATA;
}

static void call_failed(const struct gate_conf *conf, struct gate_state *s,
                        const struct gate_in *in, struct gate_result *r)
{
    int64_t wait_ms = RETRY_FIRST_MS;

    s->last_err = r->err;
    s->has_asked = false; /* it may have been accepted all the same: the status will tell */
    if (r->err.code == ERR_CONFLICT && conf->on_conflict != GATE_ON_CONFLICT_INSIST) {
        note_conflict(s, in->now_ms);
        s->moved_from = r->from;
        s->moved_to = r->from;
        stop(r, GATE_CONFLICT, "another writer", s->yield_until_ms, s->last_err.msg);
        return;
    }
    for (int i = 0; i < s->failures && wait_ms < RETRY_MOST_MS; i++)
        wait_ms *= 2;
    if (wait_ms > RETRY_MOST_MS)
        wait_ms = RETRY_MOST_MS;
    s->failures++;
    s->retry_ms = in->now_ms + (is_hopeless(r->err.code) ? RETRY_HOPELESS_MS : wait_ms);
    stop(r, GATE_FAILED, "", s->retry_ms, r->err.msg);
}

void gate_submit(const struct gate_conf *conf, struct gate_state *s, const struct gate_in *in,
                 const struct backend *backend, void *object, const struct backend_call *call,
                 struct gate_result *r)
{
    struct hold hold;

    hold_read(call->state_dir, call->service, in->now_ms, &hold);
    if (!gate_judge(conf, s, in, &hold, r))
        return;
    s->must_repeat = false;
    if (backend->scale(object, call, r->to, &r->err) != 0) {
        call_failed(conf, s, in, r);
        return;
    }
    r->err = (struct err){0};
    s->has_asked = true;
    s->asked = r->to;
    s->asked_ms = in->now_ms;
    s->failures = 0;
    s->retry_ms = 0;
}

void gate_result_text(const struct gate_result *r, char *out, size_t size)
{
    char until[48] = "", move[48];

    if (r->until_ms > 0) {
        memcpy(until, " until ", 8);
        clk_format_time(r->until_ms, until + 7, sizeof until - 7);
    }
    if (r->from >= 0)
        snprintf(move, sizeof move, "%d -> %d", r->from, r->to);
    else
        snprintf(move, sizeof move, "-> %d", r->to);
    switch (r->kind) {
    case GATE_NOTHING:
        snprintf(out, size, "nothing to do: %d stands", r->to);
        break;
    case GATE_SENT:
        snprintf(out, size, "sent %s", move);
        break;
    case GATE_DRY_RUN:
        snprintf(out, size, r->from >= 0 ? "dry run: would send %s" : "dry run", move);
        break;
    case GATE_HELD:
        snprintf(out, size, "%s held by %s%s", move, r->by, until);
        break;
    case GATE_CONFLICT:
        snprintf(out, size, "%s left to %s%s", move, r->by, until);
        break;
    case GATE_FAILED:
        snprintf(out, size, "%s failed (%s), retry%s", move, err_name(r->err.code), until);
        break;
    }
    if (r->why[0] != '\0') {
        size_t n = strlen(out);
        snprintf(out + n, size - n, ": %s", r->why);
    }
}
