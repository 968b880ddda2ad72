/* test_record_memory.c - every allocation of a record on its way to JSON and back fails once,
 * also those of jansson. */
#include "lib/test.h"

#include "act/record.h"
#include "lib/fault.h"

static struct record busy(void)
{
    struct record r = {.decide_version = DECIDE_VERSION, .conf_hash = 7};

    decide_in_init(&r.in);
    r.in.now_ms = INT64_C(1700000000000);
    r.in.is_status_known = true;
    r.in.ready = 14;
    r.in.load = 1234.5;
    r.in.load_age_ms = 20000;
    r.in.per_instance = 97.1;
    r.in.min = 3;
    r.in.max = 18;
    decide(&r.in, &r.decision);
    r.gate = (struct gate_result){.kind = GATE_SENT, .from = 14, .to = r.decision.count};
    return r;
}

static int use_record(struct err *e)
{
    struct record r = busy(), back;
    struct store_decision row;
    struct str text = STR_EMPTY, story = STR_EMPTY;
    int rc = -1;

    record_row(&r, RECORD_CHANGE, "web", &row);
    if (record_to_json(&r, &text, e) == 0 &&
        record_from_json(str_text(&text), text.len, &back, e) == 0)
        rc = record_story(&back, &row, NULL, 0, &story, e);
    fault_disarm();
    if (rc == 0) {
        assert_int_equal(back.decision.count, r.decision.count);
        assert_int_equal(back.decision.n_reasons, r.decision.n_reasons);
        assert_near(back.in.load, r.in.load, 0);
    }
    str_clear(&text);
    str_clear(&story);
    return rc;
}

/* A record that lost a part on the way would replay to something else: it is whole or an
 * error. Without room for a token jansson says that the text is malformed. */
static void a_record_is_whole_or_an_error(void **state)
{
    (void)state;
    fault_wrap_libraries();
    fault_try(&(struct fault_loop){.name = "record",
                                   .use = use_record,
                                   .least = 100,
                                   .spread = 200,
                                   .also = ERR_DATA,
                                   .may_succeed = true});
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_whole_or_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
