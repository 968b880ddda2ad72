/* test_program.c - programs that answer, and those that do not. */
#include "lib/test.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/clk.h"
#include "base/file.h"
#include "net/program.h"

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

static int run(const char *body, const char *in, int deadline_ms, struct str *out,
               struct err *e)
{
    const char *argv[] = {make(body), "one", "two words", NULL};
    const char *environment[] = {"COLOUR=blue", NULL};
    struct program_call call = {.argv = argv,
                                .environment = environment,
                                .in = in,
                                .in_len = strlen(in),
                                .most_bytes = 100000,
                                .deadline_mono_ms = clk_mono_ms() + deadline_ms};
    int exit_code;

    str_reset(out);
    *e = (struct err){0};
    return program_run(&call, out, &exit_code, e);
}

static void it_is_told_and_answers(void **state)
{
    struct str out = STR_EMPTY;
    struct err e;

    (void)state;
    assert_int_equal(run("read x; echo \"$x|$1|$2|$COLOUR|$HOME\"", "hello\n", 5000, &out, &e),
                     0);
    assert_string_equal(str_text(&out), "hello|one|two words|blue|\n");
    str_clear(&out);
}

/* More than a pipe holds, both ways at once. */
static void much_goes_through(void **state)
{
    struct str out = STR_EMPTY;
    struct err e;
    char *in = malloc(90001);

    (void)state;
    assert_non_null(in);
    memset(in, 'x', 90000);
    in[90000] = '\0';
    assert_int_equal(run("exec cat", in, 5000, &out, &e), 0);
    assert_int_equal(out.len, 90000);
    assert_int_equal(run("echo done", in, 5000, &out, &e), 0); /* without listening */
    assert_string_equal(str_text(&out), "done\n");
    free(in);
    str_clear(&out);
}

static void every_failure_says_what_and_why(void **state)
{
    static const struct {
        const char *name, *body, *says;
        enum err_code code;
    } rows[] = {
        {"an exit code", "echo no quota left >&2; exit 3", "exit code 3 (no quota left",
         ERR_IO},
        {"a signal", "kill -9 $$", "killed by signal 9", ERR_IO},
        {"silence", "sleep 60", "no answer in time", ERR_IO},
        {"an end that does not come", "echo hi; exec >&-; sleep 60", "did not end in time",
         ERR_IO},
        {"too much", "while echo 0123456789012345678901234567890123456789; do :; done",
         "prints more than 100000 bytes", ERR_LIMIT},
    };
    struct str out = STR_EMPTY;
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t began_ms = clk_mono_ms();

        print_message("%s\n", rows[i].name);
        assert_int_equal(run(rows[i].body, "", 700, &out, &e), -1);
        assert_int_equal(e.code, rows[i].code);
        assert_contains(e.msg, rows[i].says);
        assert_contains(e.msg, script);
        assert_true(clk_mono_ms() - began_ms < 20000);
    }
    str_clear(&out);
}

/* What it started ends with it. */
static void nothing_is_left_behind(void **state)
{
    struct str out = STR_EMPTY;
    struct err e;
    char line[400];

    (void)state;
    assert_int_equal(run("sleep 47 >/dev/null 2>&1 & echo $!", "", 5000, &out, &e), 0);
    /* gone, or dead and not yet buried */
    snprintf(line, sizeof line,
             "sleep 0.2; s=$(cut -d' ' -f3 /proc/%d/stat 2>/dev/null); "
             "[ -n \"$s\" ] && [ \"$s\" != Z ]",
             atoi(str_text(&out)));
    assert_int_not_equal(system(line), 0);
    str_clear(&out);
}

static void a_program_that_others_may_write_is_not_run(void **state)
{
    const char *argv[] = {NULL, NULL};
    struct program_call call = {
        .argv = argv, .in = "", .most_bytes = 100, .deadline_mono_ms = clk_mono_ms() + 5000};
    struct str out = STR_EMPTY;
    struct err e = {0};
    int exit_code;

    (void)state;
    argv[0] = make("echo hi");
    assert_int_equal(chmod(argv[0], 0777), 0);
    assert_int_equal(program_run(&call, &out, &exit_code, &e), -1);
    assert_int_equal(e.code, ERR_DENIED);
    assert_contains(e.msg, "chmod");
    argv[0] = "program";
    assert_int_equal(program_run(&call, &out, &exit_code, &e), -1);
    assert_int_equal(e.code, ERR_CONFIG);
    argv[0] = "/no/such/program";
    assert_int_equal(program_run(&call, &out, &exit_code, &e), -1);
    assert_int_equal(e.code, ERR_IO);
    str_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_told_and_answers),
        cmocka_unit_test(much_goes_through),
        cmocka_unit_test(every_failure_says_what_and_why),
        cmocka_unit_test(nothing_is_left_behind),
        cmocka_unit_test(a_program_that_others_may_write_is_not_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
