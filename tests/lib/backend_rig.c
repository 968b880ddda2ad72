/* backend_rig.c - see backend_rig.h. */
#include "lib/backend_rig.h"

#include "base/clk.h"
#include "lib/test.h"

static struct backend_call *within(struct backend_rig *r)
{
    r->call.deadline_mono_ms = clk_mono_ms() + 10000;
    return &r->call;
}

void backend_rig_open(struct backend_rig *r, const char *type, const char *const *pairs)
{
    struct err e = {0};

    *r = (struct backend_rig){.backend = backend_find(type),
                              .call = {.service = "web", .state_dir = test_temp_dir()}};
    assert_non_null(r->backend);
    assert_int_equal(conf_new(&r->options, r->backend->options, &e), 0);
    for (; *pairs; pairs += 2)
        if (conf_set(r->options, pairs[0], pairs[1], &e) != 0)
            fail_msg("%s", e.msg);
    if (r->backend->open(&r->object, r->options, within(r), &e) != 0)
        fail_msg("%s", e.msg);
}

void backend_rig_close(struct backend_rig *r)
{
    r->backend->close(r->object);
    conf_free(r->options);
    *r = (struct backend_rig){0};
}

struct backend_status backend_rig_status(struct backend_rig *r)
{
    struct backend_status st;
    struct err e = {0};

    if (r->backend->status(r->object, within(r), &st, &e) != 0)
        fail_msg("%s", e.msg);
    return st;
}

void backend_rig_scale(struct backend_rig *r, int count)
{
    struct err e = {0};

    if (r->backend->scale(r->object, within(r), count, &e) != 0)
        fail_msg("%s", e.msg);
}

static void failed_as(int rc, const struct err *e, enum err_code code, const char *words)
{
    assert_int_equal(rc, -1);
    assert_contains(e->msg, words);
    assert_int_equal(e->code, code);
}

void backend_rig_refuses(struct backend_rig *r, int count, enum err_code code,
                         const char *words)
{
    struct err e = {0};
    int rc = r->backend->scale(r->object, within(r), count, &e);

    failed_as(rc, &e, code, words);
}

void backend_rig_is_blind(struct backend_rig *r, enum err_code code, const char *words)
{
    struct backend_status st;
    struct err e = {0};
    int rc = r->backend->status(r->object, within(r), &st, &e);

    failed_as(rc, &e, code, words);
}

const char *backend_rig_check(struct backend_rig *r, int expected_rc)
{
    static char text[4096];
    struct str out = STR_EMPTY;
    struct err e = {0};
    int rc = r->backend->check(r->object, within(r), &out, &e);

    snprintf(text, sizeof text, "%s", rc == 0 ? str_text(&out) : e.msg);
    if (rc != expected_rc)
        fail_msg("check: %s", text);
    str_clear(&out);
    return text;
}
