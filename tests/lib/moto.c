/* moto.c - see moto.h. */
#include "lib/moto.h"

#include <unistd.h>

#include "base/clk.h"
#include "lib/aws_world.h"
#include "lib/servers.h"
#include "lib/test.h"

static const struct conf_option options[] = {AWS_OPTIONS, CONF_END};
static struct aws_reply last;

static struct aws *connect_to(const char *endpoint)
{
    struct conf *c;
    struct aws *a = NULL;
    struct err e = {0};

    assert_int_equal(conf_new(&c, options, &e), 0);
    assert_int_equal(conf_set(c, "region", "us-east-1", &e), 0);
    assert_int_equal(conf_set(c, "endpoint", endpoint, &e), 0);
    assert_int_equal(aws_new(&a, c, &e), 0);
    conf_free(c);
    return a;
}

bool test_moto_start(struct test_moto *m)
{
    char port[16];
    const char *argv[] = {"moto_server", "-H", "127.0.0.1", "-p", port, NULL};
    int number;

    if (!test_has_program("moto_server"))
        return false;
    number = test_free_port();
    snprintf(port, sizeof port, "%d", number);
    snprintf(m->endpoint, sizeof m->endpoint, "http://127.0.0.1:%d", number);
    aws_world_environment();
    test_start("moto", argv);
    assert_true(test_wait_port(number, NULL));
    m->aws = connect_to(m->endpoint);
    return true;
}

void test_moto_stop(struct test_moto *m)
{
    aws_reply_clear(&last);
    aws_free(m->aws);
}

void test_moto_reconnect(struct test_moto *m)
{
    aws_free(m->aws);
    m->aws = connect_to(m->endpoint);
}

const char *test_moto_form(struct test_moto *m, const char *service, const char *fmt, ...)
{
    char words[4000];
    struct str form = STR_EMPTY;
    struct err e = {0};
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    str_add(&form, words);
    aws_reply_clear(&last);
    if (aws_call_form(m->aws, service, &form, clk_mono_ms() + 20000, &last, &e) != 0)
        fail_msg("%.200s: %s", words, e.msg);
    str_clear(&form);
    return str_text(&last.body);
}

const char *test_moto_json(struct test_moto *m, const char *service, const char *method,
                           const char *path, const char *target, const char *body)
{
    struct str text = STR_EMPTY;
    struct err e = {0};
    struct aws_request r = {.service = service,
                            .method = method,
                            .path = path,
                            .target = target,
                            .content_type =
                                target ? "application/x-amz-json-1.1" : "application/json",
                            .body = body ? &text : NULL};

    str_add(&text, body ? body : "");
    aws_reply_clear(&last);
    if (aws_call(m->aws, &r, clk_mono_ms() + 20000, &last, &e) != 0)
        fail_msg("%s%s: %s", target ? target : "", path ? path : "", e.msg);
    str_clear(&text);
    return str_text(&last.body);
}
