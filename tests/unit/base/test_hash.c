/* FNV-1a against its published test vectors (RFC 9923, appendix C; isthe.com/chongo/tech). */
#include "lib/test.h"

#include "base/hash.h"

static void published_vectors_come_out(void **state)
{
    static const struct {
        const char *text;
        uint64_t hash;
    } rows[] = {{"", UINT64_C(0xcbf29ce484222325)},
                {"a", UINT64_C(0xaf63dc4c8601ec8c)},
                {"foobar", UINT64_C(0x85944171f73967e8)}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_true(hash_bytes(HASH_START, rows[i].text, strlen(rows[i].text)) == rows[i].hash);
}

static void pieces_hash_as_their_whole(void **state)
{
    (void)state;
    assert_true(hash_bytes(hash_bytes(HASH_START, "foo", 3), "bar", 3) ==
                UINT64_C(0x85944171f73967e8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors_come_out),
        cmocka_unit_test(pieces_hash_as_their_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
