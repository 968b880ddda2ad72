/* test_program.c - programs that answer, and those that do not. */
#include "lib/test.h"

#include <stdlib.h>

#include "act/program.h"

#include "base/clk.h"
#include "base/file.h"

static char script[300];

/* Writes a shell script and returns its path. */
static const char *make(const char *body)
{
    char text[1000];

    snprintf(script, sizeof script, "%s/program", test_temp_dir());
    snprintf(text, sizeof text, "#!/bin/sh\n%s\n", body);
    assert_int_equal(file_replace(script, text, strlen(text), 0700, NULL), 0);
    return script;
}

static struct program_result result;

static int run(const char *body, const char *in, int deadline_ms, struct err *e)
{
    const char *argv[] = {make(body), "one", "two words", NULL};
    const char *environment[] = {"COLOUR=blue", NULL};
    struct program program = {.argv = argv,
                              .environment = environment,
                              .input = in,
                              .input_len = strlen(in),
                              .most_bytes = 100000,
                              .deadline_mono_ms = clk_mono_ms() + deadline_ms};

    *e = (struct err){0};
    program_result_clear(&result);
    return program_run(&program, &result, e);
}

static int end(void **state)
{
    (void)state;
    program_result_clear(&result);
    return 0;
}

static void it_is_told_and_answers(void **state)
{
    struct err e;

    (void)state;
    assert_int_equal(run("read x; echo \"$x|$1|$2|$COLOUR|$HOME\"", "hello\n", 5000, &e), 0);
    assert_string_equal(str_text(&result.output), "hello|one|two words|blue|\n");
    assert_int_equal(run("/bin/cat /dev/stdin", "hello", 5000, &e), 0);
    assert_string_equal(str_text(&result.output), "hello");
}

/* More than a pipe holds, both ways at once. */
static void much_goes_through(void **state)
{
    struct err e;
    char *in = malloc(90001);

    (void)state;
    assert_non_null(in);
    memset(in, 'x', 90000);
    in[90000] = '\0';
    assert_int_equal(run("exec /bin/cat", in, 5000, &e), 0);
    assert_int_equal(result.output.len, 90000);
    assert_int_equal(run("echo done", in, 5000, &e), 0); /* without listening */
    assert_string_equal(str_text(&result.output), "done\n");
    free(in);
}

static void its_end_is_told(void **state)
{
    struct err e;

    (void)state;
    assert_int_equal(run("echo no quota left >&2; exit 3", "", 5000, &e), 0);
    assert_int_equal(result.exit_status, 3);
    assert_string_equal(result.complaint, "no quota left");
    assert_int_equal(run("kill -9 $$", "", 5000, &e), 0);
    assert_int_equal(result.exit_status, -1);
}

static void without_an_end_it_is_killed(void **state)
{
    static const struct {
        const char *name, *body, *says;
        enum err_code code;
    } rows[] = {
        {"silence", "exec /bin/sleep 60", "no end before the deadline", ERR_IO},
        {"an end that does not come", "echo hi; exec >&-; /bin/sleep 60",
         "no end before the deadline", ERR_IO},
        {"too much", "while echo 0123456789012345678901234567890123456789; do :; done",
         "larger than the limit of 100000 bytes", ERR_LIMIT},
    };
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t began_ms = clk_mono_ms();

        print_message("%s\n", rows[i].name);
        assert_int_equal(run(rows[i].body, "", 700, &e), -1);
        assert_int_equal(e.code, rows[i].code);
        assert_contains(e.msg, rows[i].says);
        assert_contains(e.msg, script);
        assert_true(clk_mono_ms() - began_ms < 20000);
    }
}

static void a_program_that_is_not_there_is_a_fault_of_the_configuration(void **state)
{
    const char *argv[] = {"/no/such/program", NULL}, *environment[] = {NULL};
    struct program program = {.argv = argv,
                              .environment = environment,
                              .input = "",
                              .most_bytes = 100,
                              .deadline_mono_ms = clk_mono_ms() + 5000};
    struct err e = {0};

    (void)state;
    assert_int_equal(program_run(&program, &result, &e), -1);
    assert_int_equal(e.code, ERR_CONFIG);
    assert_contains(e.msg, "/no/such/program");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_told_and_answers),
        cmocka_unit_test(much_goes_through),
        cmocka_unit_test(its_end_is_told),
        cmocka_unit_test(without_an_end_it_is_killed),
        cmocka_unit_test(a_program_that_is_not_there_is_a_fault_of_the_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
