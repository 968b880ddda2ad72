/* test_aws_signature.c - keys, signatures and rights as moto checks them when told to.
 *
 * It does so for POST alone: its GETs fail with any client. Signatures of GETs are held by
 * tests/unit/net/test_sigv4.c. */
#include "lib/backend_rig.h"
#include "lib/moto.h"
#include "lib/test.h"

static struct test_moto moto;
static char key_id[64], secret[64];

static void take(const char *reply, const char *tag, char *out, size_t size)
{
    const char *p = strstr(reply, tag);

    assert_non_null(p);
    p += strlen(tag);
    snprintf(out, size, "%.*s", (int)strcspn(p, "<"), p);
}

/* The only calls that are not checked: a user who may look at groups, and no more. */
static int start(void **state)
{
    const char *reply;

    (void)state;
    test_moto_form(&moto, "iam", "Action=CreateUser&Version=2010-05-08&UserName=web");
    reply =
        test_moto_form(&moto, "iam", "Action=CreateAccessKey&Version=2010-05-08&UserName=web");
    take(reply, "<AccessKeyId>", key_id, sizeof key_id);
    take(reply, "<SecretAccessKey>", secret, sizeof secret);
    test_moto_form(
        &moto, "iam",
        "Action=PutUserPolicy&Version=2010-05-08&UserName=web&PolicyName=look"
        "&PolicyDocument=%s",
        "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A"
        "%22Allow%22%2C%22Action%22%3A%22autoscaling%3ADescribeAutoScalingGroups%22%2C"
        "%22Resource%22%3A%22%2A%22%7D%5D%7D");
    return 0;
}

static void status_with(const char *key, const char *secret_key, enum err_code code,
                        const char *words)
{
    const char *pairs[] = {"group",    "web",         "region", "us-east-1",
                           "endpoint", moto.endpoint, NULL};
    struct backend_rig r;

    setenv("AWS_ACCESS_KEY_ID", key, 1);
    setenv("AWS_SECRET_ACCESS_KEY", secret_key, 1);
    backend_rig_open(&r, "ec2_asg", pairs);
    backend_rig_is_blind(&r, code, words);
    backend_rig_close(&r);
}

static void a_good_key_passes_and_a_wrong_one_is_told(void **state)
{
    (void)state;
    status_with(key_id, secret, ERR_CONFIG, "no Auto Scaling group \"web\"");
    status_with(key_id, "wrong", ERR_DENIED, "wrong secret, or a wrong clock");
    status_with("AKIANOBODY", secret, ERR_DENIED, "the key is not known");
}

static void a_missing_right_is_told(void **state)
{
    struct str form = STR_EMPTY;
    struct aws_reply reply;
    struct err e = {0};

    (void)state;
    setenv("AWS_ACCESS_KEY_ID", key_id, 1);
    setenv("AWS_SECRET_ACCESS_KEY", secret, 1);
    test_moto_reconnect(&moto);
    str_add(&form, "Action=SetDesiredCapacity&Version=2011-01-01&AutoScalingGroupName=web"
                   "&DesiredCapacity=3");
    assert_int_equal(aws_call_form(moto.aws, "autoscaling", &form, INT64_MAX, &reply, &e), -1);
    assert_int_equal(e.code, ERR_DENIED);
    assert_contains(e.msg, "not authorized to perform: autoscaling:SetDesiredCapacity");
    aws_reply_clear(&reply);
    str_clear(&form);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_key_passes_and_a_wrong_one_is_told),
        cmocka_unit_test(a_missing_right_is_told),
    };
    int rc;

    setenv("INITIAL_NO_AUTH_ACTION_COUNT", "3", 1);
    if (!test_moto_start(&moto))
        return 77;
    rc = cmocka_run_group_tests(tests, start, NULL);
    test_moto_stop(&moto);
    return rc;
}
