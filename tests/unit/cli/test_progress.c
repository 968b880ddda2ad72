/* test_progress.c - what the line of a long command says. */
#include "lib/test.h"

#include "cli/progress.h"

static void the_line_tells_how_far_and_how_long(void **state)
{
    static const struct {
        size_t done, total;
        int64_t elapsed_ms;
        const char *line;
    } rows[] = {
        {1200000, 0, 4000, "1200000 rows, 300000 a second"},
        {0, 0, 0, "0 rows, 0 a second"},
        {0, 50, 2000, "0 of 50 rows"},
        {10, 50, 2000, "10 of 50 rows (20 %), 8 s left"},
        {50, 50, 2000, "50 of 50 rows (100 %), 0 s left"},
        {60, 50, 2000, "60 of 50 rows (100 %), 0 s left"},
    };
    char line[120];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(progress_line("rows", rows[i].done, rows[i].total,
                                          rows[i].elapsed_ms, line, sizeof line),
                            rows[i].line);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_tells_how_far_and_how_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
