/* account.c - see account.h. */
#include "daemon/account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clk.h"
#include "base/log.h"
#include "base/str.h"

static bool is_list(const struct backend *backend, const char *option)
{
    for (const struct conf_option *o = backend->options; o->name; o++)
        if (strcmp(o->name, option) == 0)
            return o->type == CONF_STRINGS;
    return false;
}

/* What a platform counts by: of a URL the host alone, of a command the program. */
static void add_value(struct str *out, const struct service_conf *conf, const char *option)
{
    const char *const *list;
    const char *text = "", *scheme;

    if (!is_list(conf->backend, option))
        text = conf_string(conf->backend_options, option);
    else if (conf_strings(conf->backend_options, option, &list) > 0)
        text = list[0];
    scheme = strstr(text, "://");
    str_add(out, " ");
    str_add_n(out, text,
              scheme ? (size_t)(scheme - text) + 3 + strcspn(scheme + 3, "/?#") : strlen(text));
}

static void name_account(const struct service_conf *conf, char *out, size_t size)
{
    struct str text = STR_EMPTY;

    str_add(&text, conf->backend->name);
    for (const char *const *o = conf->backend->account; *o; o++)
        add_value(&text, conf, *o);
    str_copy(out, size, str_text(&text));
    str_clear(&text);
}

void account_leave_all(struct account *list)
{
    for (struct account *a = list; a; a = a->next)
        a->n = a->budget.limit = 0;
}

struct account *account_join(struct account **list, const struct service_conf *conf)
{
    char name[sizeof(*list)->name];
    struct account *a = *list;

    if (!conf->backend->account)
        return NULL;
    name_account(conf, name, sizeof name);
    while (a && strcmp(a->name, name) != 0)
        a = a->next;
    if (!a) {
        a = calloc(1, sizeof *a);
        if (!a)
            return NULL;
        str_copy(a->name, sizeof a->name, name);
        budget_init(&a->budget, 0);
        a->next = *list;
        *list = a;
    }
    a->n++;
    if (conf->calls_an_hour > 0 &&
        (a->budget.limit == 0 || conf->calls_an_hour < a->budget.limit))
        a->budget.limit = conf->calls_an_hour;
    return a;
}

/* Tells the log once, whichever service meets it. */
static void tell(struct account *a, bool is_used_up, const char *text)
{
    if (is_used_up && !a->is_told)
        log_warn("calls_an_hour", "%s: %s", a->name, text);
    else if (!is_used_up && a->is_told)
        log_info("calls_an_hour", "%s: calls are free again", a->name);
    a->is_told = is_used_up;
}

void account_show(struct account *a, int64_t period_ms, int64_t now_ms, int64_t mono_ms,
                  struct service_status *out)
{
    struct budget *b = &a->budget;
    int64_t read_ms = budget_free_mono_ms(b, BUDGET_READ, mono_ms);
    int64_t out_ms = budget_free_mono_ms(b, BUDGET_OUT, mono_ms);
    int64_t spread_ms = budget_period_ms(b, a->n);
    int64_t free_ms = out_ms > mono_ms ? out_ms : read_ms;
    char at[32], by[48] = "";

    out->calls = budget_used(b, mono_ms);
    out->calls_most = b->limit;
    out->calls_free_ms = free_ms > mono_ms ? now_ms + free_ms - mono_ms : 0;
    out->budget[0] = '\0';
    if (a->n > 1)
        snprintf(by, sizeof by, " by %d services", a->n);
    clk_format_time(out->calls_free_ms / 1000 * 1000, at, sizeof at);
    if (out_ms > mono_ms)
        snprintf(
            out->budget, sizeof out->budget,
            "calls_an_hour is used up: %d of %d in the last hour%s; nothing is sent before "
            "%s",
            out->calls, b->limit, by, at);
    else if (read_ms > mono_ms)
        snprintf(out->budget, sizeof out->budget,
                 "calls_an_hour is used up for reads: %d of %d in the last hour%s, the rest is "
                 "for scaling; status is read again at %s",
                 out->calls, b->limit, by, at);
    else if (spread_ms > period_ms) {
        clk_format_duration((spread_ms + 999) / 1000 * 1000, at, sizeof at);
        snprintf(out->budget, sizeof out->budget,
                 "status is read every %s: calls_an_hour = %d%s", at, b->limit, by);
    }
    tell(a, out->calls_free_ms > 0, out->budget);
}

void account_free_all(struct account **list)
{
    while (*list) {
        struct account *a = *list;

        *list = a->next;
        free(a);
    }
}
