/* cmd_explain.c - one decision, told so that a person can judge it. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act/record.h"
#include "base/clk.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/open_store.h"
#include "cli/print.h"

static const struct conf_option options[] = {
    {"service", CONF_STRING, "", 0, 0, "NAME", "The last decision of this service."},
    {"at", CONF_STRING, "", 0, 0, "TIME",
     "The decision of --service that was made at this time, or in force then."},
    {"replay", CONF_BOOL, "false", 0, 0, "",
     "Decide again from the record; exit code 1 when the count differs."},
    {"format", CONF_ENUM, "text", 0, 0, "text|json", "Text for people, JSON for programs."},
    CONF_END,
};

#define SERVICES_MOST 1000 /* newest decisions whose services are proposed */

struct explained {
    struct store_decision row;
    struct record record;
    struct str body;
    struct store_outcome *outcomes;
    size_t n_outcomes;
};

/* Why there is nothing to explain of a service: never decided, or no such service. */
static int explain_none(struct store *s, const char *service, struct err *e)
{
    struct store_decision *items = NULL;
    struct store_series *series = NULL;
    const char *names[SERVICES_MOST], *closest;
    size_t n = 0, n_series = 0, n_names = 0;

    if (store_series_list(s, service, &series, &n_series, e) != 0 ||
        store_decision_list(s, NULL, INT64_MIN / 2, INT64_MAX, SERVICES_MOST, &items, &n, e) !=
            0) {
        free(series);
        return -1;
    }
    for (size_t i = 0; i < n; i++)
        names[n_names++] = items[i].service;
    closest = str_closest(service, names, n_names);
    if (n == 0)
        err_set(e, ERR_SHORT, "nothing was decided yet: `scaler run` does, also as a dry run");
    else if (n_series > 0)
        err_set(e, ERR_SHORT,
                "nothing was decided for service \"%s\" yet; the store holds its samples",
                service);
    else if (closest)
        err_set(e, ERR_SHORT, "no decision of service \"%s\" (did you mean \"%s\"?)", service,
                closest);
    else
        err_set(e, ERR_SHORT, "no decision of service \"%s\"; the last one is of \"%s\"",
                service, items[n - 1].service);
    free(items);
    free(series);
    return -1;
}

static int explain_unknown_id(struct store *s, int64_t id, struct err *e)
{
    struct store_decision *last = NULL;
    size_t n = 0;

    if (store_decision_list(s, NULL, INT64_MIN / 2, INT64_MAX, 1, &last, &n, e) != 0)
        return -1;
    if (n == 0)
        err_set(e, ERR_SHORT, "no decision %lld: nothing was decided yet", (long long)id);
    else
        err_set(e, ERR_SHORT,
                "no decision %lld in the store: the last one is %lld (see `scaler decisions`)",
                (long long)id, (long long)last[0].id);
    free(last);
    return -1;
}

static int look_up(struct store *s, int64_t id, const char *service, struct explained *x,
                   struct err *e)
{
    struct store_decision *last = NULL;
    size_t n = 0;
    int rc;

    if (id == 0 && service[0] == '\0') { /* the last of all */
        if (store_decision_list(s, NULL, INT64_MIN / 2, INT64_MAX, 1, &last, &n, e) != 0)
            return -1;
        id = n > 0 ? last[0].id : 0;
        free(last);
        if (id == 0)
            return err_set(e, ERR_SHORT,
                           "nothing was decided yet: `scaler run` does, also as a dry run");
    }
    rc = store_decision_get(s, id, service, &x->row, &x->body, e);
    if (rc != 0 && e->code == ERR_SHORT)
        return id != 0 ? explain_unknown_id(s, id, e) : explain_none(s, service, e);
    if (rc == 0)
        rc = record_from_json(str_text(&x->body), x->body.len, &x->record, e);
    if (rc == 0)
        rc = store_outcome_list(s, x->row.id, &x->outcomes, &x->n_outcomes, e);
    return rc;
}

static int print_as_json(const struct explained *x, struct err *e)
{
    json_t *o = json_loads(str_text(&x->body), 0, NULL), *outcomes = json_array();

    for (size_t i = 0; i < x->n_outcomes; i++) {
        const struct store_outcome *r = &x->outcomes[i];

        json_array_append_new(outcomes, json_pack("{s:I, s:b, s:i, s:I, s:s}", "time_ms",
                                                  (json_int_t)r->time_ms, "is_done", r->is_done,
                                                  "ready", r->ready, "took_ms",
                                                  (json_int_t)r->took_ms, "note", r->note));
    }
    json_object_set_new(o, "id", json_integer(x->row.id));
    json_object_set_new(o, "service", json_string(x->row.service));
    json_object_set_new(o, "time_ms", json_integer(x->row.time_ms));
    json_object_set_new(o, "until_ms", json_integer(x->row.until_ms));
    json_object_set_new(o, "outcomes", outcomes);
    return print_json(stdout, o, e);
}

static int print_story(const struct explained *x, struct err *e)
{
    struct str out = STR_EMPTY;
    int rc = record_story(&x->record, &x->row, x->outcomes, x->n_outcomes, &out, e);

    if (rc == 0)
        fputs(str_text(&out), stdout);
    str_clear(&out);
    return rc;
}

static int replay(const struct explained *x)
{
    struct decision again;
    bool is_same = record_replay(&x->record, &again);

    fprintf(is_same ? stdout : stderr, "replay: %d instances by \"%s\", %s the record%s\n",
            again.count, decision_binding(&again)->rail, is_same ? "as in" : "not as in",
            !is_same && x->record.decide_version != DECIDE_VERSION
                ? " (which another version of scaler made)"
                : "");
    return is_same ? EXIT_DONE : EXIT_FAILED;
}

/* The decision in force at --at. */
static int find_at(struct store *s, const char *service, const char *at, int64_t *id,
                   struct err *e)
{
    struct store_decision *items = NULL;
    int64_t at_ms;
    size_t n = 0;

    if (service[0] == '\0')
        return err_set(e, ERR_CONFIG, "--at needs --service");
    if (open_store_time("at", at, clk_wall_ms(), 0, &at_ms, e) != 0 ||
        store_decision_list(s, service, at_ms, at_ms + 1, 1, &items, &n, e) != 0)
        return -1;
    *id = n > 0 ? items[0].id : 0;
    free(items);
    return n > 0 ? 0
                 : err_set(e, ERR_SHORT, "no decision of service \"%s\" was in force then",
                           service);
}

static int run(const struct conf *opts, const char *const *words, size_t n_words)
{
    const char *service = conf_string(opts, "service"), *at = conf_string(opts, "at");
    struct explained x = {0};
    struct store *s = NULL;
    struct err e = {0};
    int64_t id = 0;
    int rc;

    if (n_words == 1 && (!str_to_int64(words[0], strlen(words[0]), &id) || id <= 0)) {
        err_set(&e, ERR_CONFIG, "\"%.60s\" is no decision: give an ID from `scaler decisions`",
                words[0]);
        return command_fail(&e);
    }
    if (open_store(opts, STORE_READ, &s, &e) != 0)
        return command_fail(&e);
    rc = at[0] != '\0' && id == 0 ? find_at(s, service, at, &id, &e) : 0;
    if (rc == 0)
        rc = look_up(s, id, service, &x, &e);
    if (rc == 0)
        rc = strcmp(conf_string(opts, "format"), "json") == 0 ? print_as_json(&x, &e)
                                                              : print_story(&x, &e);
    rc = rc != 0 ? command_fail(&e) : conf_bool(opts, "replay") ? replay(&x) : EXIT_DONE;
    free(x.outcomes);
    str_clear(&x.body);
    store_close(s);
    return rc;
}

const struct command command_explain = {
    .name = "explain",
    .summary = "tell why a count was chosen, and what came of it",
    .words = "[ID]",
    .most_words = 1,
    .about = "Tells one decision from its record: load, forecast, capacity, floors, plan,\n"
             "each rail with its numbers (* marks the one that bound the count), the gate\n"
             "and the outcome. Without ID the last decision.\n",
    .examples = "scaler explain --service web\n"
                "    why web runs what it runs now\n"
                "scaler explain 4711 --replay\n"
                "    decide again from the record and compare\n",
    .options = options,
    .run = run,
};
