/* test_redis_query.c - what a service may ask of a Redis is checked before any server is. */
#include "lib/test.h"

#include "collect/source.h"
#include "conf/conf.h"

static void a_query_that_cannot_be_asked_is_answered_with_what_would_be_right(void **state)
{
    static const struct {
        const char *name, *layout, *key, *field, *message;
    } cases[] = {
        {"good", "counter", "rate:{service}:{epoch}", "", ""},
        {"no layout", NULL, "rate:{service}:{epoch}", "",
         "layout is missing: write counter, hash, hash_day, zset, stream, total or timeseries"},
        {"open brace", "counter", "rate:{service", "", "key: "},
        {"unknown place", "counter", "rate:{servce}:{epoch}", "", "key: "},
        {"counter without time", "counter", "rate:{service}", "", "key"},
        {"day without a field", "hash_day", "rate:{service}", "", "field"},
    };
    const struct source *redis = source_find("redis");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct conf *query = NULL;
        struct err e = {0};

        print_message("%s\n", cases[i].name);
        assert_int_equal(conf_new(&query, redis->query_options, &e), 0);
        assert_int_equal(conf_set(query, "key", cases[i].key, &e), 0);
        assert_int_equal(conf_set(query, "field", cases[i].field, &e), 0);
        if (cases[i].layout)
            assert_int_equal(conf_set(query, "layout", cases[i].layout, &e), 0);
        if (cases[i].message[0] == '\0') {
            assert_int_equal(redis->check_query(query, &e), 0);
        } else {
            assert_int_equal(redis->check_query(query, &e), -1);
            assert_int_equal(e.code, ERR_CONFIG);
            assert_contains(e.msg, cases[i].message);
        }
        conf_free(query);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_that_cannot_be_asked_is_answered_with_what_would_be_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
