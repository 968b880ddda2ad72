/* brain_save.c - see brain.h: what was learned as bytes, and back. Whoever changes a field here
 * or in a *_pack of this folder raises BRAIN_FORMAT: older bytes are then trained anew. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/pack.h"
#include "decide/brain_struct.h"

static const char HEAD[8] = {'s', 'c', 'a', 'l', 'e', 'r', 'b', '\n'};
static const int64_t TIME_MOST = INT64_C(1) << 60;
static const double LOAD_MOST = 1e300;

/* The head also holds what the past was judged by. */
struct head {
    char name[sizeof HEAD];
    uint32_t order; /* 1, as this machine writes it */
    uint32_t version;
    int64_t step_ms, day_ms;
    double objective, cost_ratio, noise;
};

static void head_fill(const struct brain_setup *s, struct head *h)
{
    memset(h, 0, sizeof *h);
    memcpy(h->name, HEAD, sizeof HEAD);
    h->order = 1;
    h->version = BRAIN_FORMAT;
    h->step_ms = s->step_ms;
    h->day_ms = s->day_ms;
    h->objective = s->objective;
    h->cost_ratio = isnan(s->cost_ratio) ? 0 : s->cost_ratio;
    h->noise = isnan(s->noise) ? -1 : s->noise;
}

static int head_check(const struct head *h, const struct head *own, struct err *e)
{
    if (memcmp(h->name, own->name, sizeof h->name) != 0)
        return err_set(e, ERR_DATA, "no saved brain");
    if (h->order != own->order || h->version != own->version)
        return err_set(e, ERR_DATA, "saved by version %u, this is %u", h->version,
                       own->version);
    if (h->step_ms != own->step_ms || h->day_ms != own->day_ms)
        return err_set(e, ERR_DATA, "saved with steps of %lld s and days of %lld s",
                       (long long)h->step_ms / 1000, (long long)h->day_ms / 1000);
    if (h->objective != own->objective || h->cost_ratio != own->cost_ratio ||
        h->noise != own->noise)
        return err_set(e, ERR_DATA, "saved with another objective, cost ratio or noise");
    return 0;
}

static void pack_forecast(struct peak_forecast *f, struct pack *p)
{
    pack_double(p, &f->level, -1000, 1000);
    pack_doubles(p, f->mean, PEAK_BLOCKS, -1e9, 1e9, false);
    pack_double(p, &f->sigma, 0, 1e9);
    pack_double(p, &f->eps, 0, LOAD_MOST);
    pack_doubles(p, f->margin, PEAK_QUANTILES, -1e9, 1e9, false);
}

static void pack_now(struct brain *b, struct pack *p)
{
    pack_doubles(p, &b->load, 1, 0, LOAD_MOST, true);
    pack_int64(p, &b->load_end_ms, -TIME_MOST, TIME_MOST);
    pack_int64(p, &b->zero_since_ms, 0, INT64_MAX);
    pack_int(p, &b->fresh_samples, 0, INT_MAX);
    pack_double(p, &b->age_ticks, 0, 1e6);
    pack_int(p, &b->seen.ready, 0, PACK_COUNT);
    pack_int(p, &b->seen.pending, 0, PACK_COUNT);
    pack_int(p, &b->seen.draining, 0, PACK_COUNT);
    pack_int(p, &b->seen.failed, 0, PACK_COUNT);
    pack_bool(p, &b->is_seen);
    pack_int(p, &b->ready_before, 0, PACK_COUNT);
    pack_bool(p, &b->was_asked);
    pack_int64(p, &b->start_ms, -TIME_MOST, TIME_MOST);
    pack_int64(p, &b->last_out_ms, INT64_MIN / 2, TIME_MOST);
    pack_int64(p, &b->last_in_ms, INT64_MIN / 2, TIME_MOST);
}

static void pack_brain(struct brain *b, struct pack *p)
{
    double per_instance = b->setup.per_instance;

    pack_double(p, &per_instance, 1e-300, LOAD_MOST);
    pack_int64(p, &b->next_cell, INT64_MIN, TIME_MOST / b->setup.step_ms);
    pack_refuse_if(p, b->next_cell < 0 && b->next_cell != INT64_MIN);
    pack_double(p, &b->sum, 0, LOAD_MOST);
    pack_double(p, &b->squares, 0, LOAD_MOST);
    pack_int(p, &b->n_sum, 0, b->per_tick);
    pack_doubles(p, &b->noise, 1, 0, LOAD_MOST, true);
    pack_double(p, &b->fleet, 0, LOAD_MOST);
    pack_double(p, &b->event_price, 0, 1);
    pack_int(p, &b->chosen, -1, CALIBRATE_CANDIDATES - 1);
    pack_bool(p, &b->is_night_due);
    pack_bool(p, &b->has_forecast);
    pack_forecast(&b->forecast, p);
    pack_double(p, &b->recent_peak, 0, LOAD_MOST);
    pack_doubles(p, &b->usual, 1, 0, LOAD_MOST, true);
    pack_double(p, &b->dip_floor, 0, LOAD_MOST);
    pack_now(b, p);
    loads_pack(&b->loads, p);
    peak_pack(&b->peak, p);
    dip_pack(&b->dip, p);
    leadtime_pack(&b->leadtime, p);
    account_pack(&b->account, p);
    pack_refuse_if(p, b->account.tick > b->loads.n || b->account.days > b->loads.n);
    calibrate_pack(b->calibrate, p);
    b->fleet *= per_instance / b->setup.per_instance; /* in instances of today */
}

int brain_save(struct brain *b, struct str *out, struct err *e)
{
    struct pack p = {.out = out};
    size_t from = out->len;
    struct head head;
    uint64_t sum;

    head_fill(&b->setup, &head);
    pack_bytes(&p, &head, sizeof head);
    pack_brain(b, &p);
    sum = hash_bytes(HASH_START, str_text(out) + from, out->len - from);
    pack_bytes(&p, &sum, sizeof sum);
    return p.failed ? err_nomem(e) : 0;
}

int brain_load(struct brain **out, const struct brain_setup *setup, int64_t now_ms,
               const void *bytes, size_t n, struct err *e)
{
    struct pack p = {.at = bytes, .end = (const unsigned char *)bytes + n};
    struct head head, own;
    struct brain *b;
    uint64_t sum;

    if (n < sizeof head + sizeof sum)
        return err_set(e, ERR_DATA, "%zu bytes: no saved brain", n);
    pack_bytes(&p, &head, sizeof head);
    head_fill(setup, &own);
    if (head_check(&head, &own, e) != 0)
        return -1;
    p.end -= sizeof sum;
    memcpy(&sum, p.end, sizeof sum);
    if (hash_bytes(HASH_START, bytes, n - sizeof sum) != sum)
        return err_set(e, ERR_DATA, "damaged: its checksum is another");
    if (brain_new(&b, setup, now_ms, e) != 0)
        return -1;
    pack_brain(b, &p);
    if (p.failed || p.at != p.end) {
        brain_free(b);
        return err_set(e, ERR_DATA, "damaged: a field makes no sense");
    }
    *out = b;
    return 0;
}
