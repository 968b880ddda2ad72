/* test_aws_credentials.c - the chain of places that keys come from, each as a server or file of
 * the test gives them.
 *
 * Replies of the metadata service and of the container's service: shapes of the EC2 User Guide,
 * "Retrieve security credentials from instance metadata", and of the ECS Developer Guide, "Task
 * IAM role"; STS: API Reference, AssumeRoleWithWebIdentity, "Sample Response". */
#include "lib/recorded.h"
#include "lib/test.h"

#include "adapters/cloud/aws_credentials.h"
#include "adapters/cloud/aws_profile.h"
#include "base/clk.h"
#include "base/file.h"

#define OK(type, len, body) \
    "HTTP/1.1 200 OK\r\nContent-Type: " type "\r\nContent-Length: " len "\r\n\r\n" body
#define ROLE_KEYS                                                                         \
    "{\"Code\":\"Success\",\"Type\":\"AWS-HMAC\",\"AccessKeyId\":\"ASIAX\","              \
    "\"SecretAccessKey\":\"s3cret\",\"Token\":\"tok\",\"Expiration\":\"2030-01-01T00:00:" \
    "00Z\"}"
#define ROLE_KEYS_LEN "135"
#define STS                                                                                   \
    "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">" \
    "<AssumeRoleWithWebIdentityResult><Credentials><SessionToken>tok</SessionToken>"          \
    "<SecretAccessKey>s3cret</SecretAccessKey><Expiration>2030-01-01T00:00:00Z</Expiration>"  \
    "<AccessKeyId>ASIAX</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult>"        \
    "</AssumeRoleWithWebIdentityResponse>"

static struct recorded server;
static char dir[200];

static void clear_environment(void)
{
    static const char *const names[] = {"AWS_ACCESS_KEY_ID",
                                        "AWS_SECRET_ACCESS_KEY",
                                        "AWS_SESSION_TOKEN",
                                        "AWS_PROFILE",
                                        "AWS_REGION",
                                        "AWS_DEFAULT_REGION",
                                        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                                        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                                        "AWS_WEB_IDENTITY_TOKEN_FILE",
                                        "AWS_ROLE_ARN",
                                        "AWS_ENDPOINT_URL_STS",
                                        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                                        "AWS_SHARED_CREDENTIALS_FILE",
                                        "AWS_CONFIG_FILE"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    setenv("HOME", dir, 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    setenv("http_proxy", "http://127.0.0.1:9/", 1); /* these go past it */
}

static int start(void **state)
{
    static const struct recorded_row none[] = {{NULL, NULL, 0}};
    char path[300];

    (void)state;
    snprintf(dir, sizeof dir, "%s", test_temp_dir());
    snprintf(path, sizeof path, "%s/.aws", dir);
    assert_int_equal(file_make_dirs(path, NULL), 0);
    recorded_start(&server, true, none);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    recorded_stop(&server);
    return 0;
}

static int begin(void **state)
{
    char path[300];

    (void)state;
    clear_environment();
    snprintf(path, sizeof path, "%s/.aws/credentials", dir);
    remove(path);
    snprintf(path, sizeof path, "%s/.aws/config", dir);
    remove(path);
    return 0;
}

static void put_file(const char *name, const char *text, unsigned mode)
{
    char path[300];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(file_replace(path, text, strlen(text), mode, NULL), 0);
}

static int find(struct aws_credentials *c, const char *profile, struct err *e)
{
    *c = (struct aws_credentials){0};
    return aws_credentials_find(c, profile, clk_mono_ms() + 5000, e);
}

static void expect(const char *profile, const char *key_id, const char *token, const char *from)
{
    struct aws_credentials c;
    struct err e = {0};

    if (find(&c, profile, &e) != 0)
        fail_msg("%s", e.msg);
    assert_string_equal(c.key_id, key_id);
    assert_string_equal(c.secret, "s3cret");
    assert_string_equal(c.token ? c.token : "none", token);
    assert_string_equal(c.from, from);
    aws_credentials_clear(&c);
}

static void expect_failure(const char *profile, enum err_code code, const char *message)
{
    struct aws_credentials c;
    struct err e = {0};

    assert_int_equal(find(&c, profile, &e), -1);
    assert_contains(e.msg, message);
    assert_int_equal(e.code, code);
    assert_null(strstr(e.msg, "s3cret"));
    assert_null(c.key_id);
}

static void set_url(const char *variable, const char *path)
{
    char url[200];

    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", server.port, path);
    setenv(variable, url, 1);
}

static const char credentials[] = "# keys\n"
                                  "[default]\r\n"
                                  "aws_access_key_id = AKIADEFAULT\r\n"
                                  "aws_secret_access_key=s3cret\r\n"
                                  "[web]\n"
                                  "aws_access_key_id=AKIAWEB\n"
                                  "aws_secret_access_key=s3cret\n"
                                  "aws_session_token=tok\n"
                                  "[half]\n"
                                  "aws_access_key_id=AKIAHALF\n";
static const char config[] = "[default]\n"
                             "region = eu-west-1\n"
                             "[profile web]\n"
                             "aws_access_key_id=AKIAOTHER\n"
                             "aws_secret_access_key=other\n"
                             "s3 =\n  region = nested\n"
                             "region=eu-central-1\n"
                             "[profile sso]\n"
                             "sso_session = corp\n"
                             "[profile admin]\n"
                             "role_arn = arn:aws:iam::1:role/a\n"
                             "[profile both]\n"
                             "credential_process = /bin/keys\n"
                             "role_arn = arn:aws:iam::1:role/a\n"
                             "aws_access_key_id=AKIABOTH\n"
                             "aws_secret_access_key=s3cret\n"
                             "[profile process]\n"
                             "credential_process = /bin/keys\n"
                             "aws_access_key_id=AKIAPROCESS\n"
                             "aws_secret_access_key=s3cret\n"
                             "[half]\n"
                             "aws_secret_access_key=s3cret\n";

static void the_environment_and_profiles_give_keys(void **state)
{
    (void)state;
    put_file(".aws/credentials", credentials, 0600);
    put_file(".aws/config", config, 0600);
    expect(NULL, "AKIADEFAULT", "none", "profile default");
    expect("web", "AKIAWEB", "tok", "profile web");
    setenv("AWS_PROFILE", "web", 1);
    expect("", "AKIAWEB", "tok", "profile web");
    setenv("AWS_ACCESS_KEY_ID", "AKIAENV", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "s3cret", 1);
    expect(NULL, "AKIAENV", "none", "environment");
    expect("default", "AKIADEFAULT", "none", "profile default"); /* named: comes first */
}

static void a_profile_that_cannot_be_used_says_why(void **state)
{
    (void)state;
    put_file(".aws/credentials", credentials, 0600);
    put_file(".aws/config", config, 0600);
    expect_failure("nobody", ERR_CONFIG, "profile \"nobody\": not found in ~/.aws");
    expect_failure("sso", ERR_CONFIG, "uses sso_session, which is not supported");
    expect_failure("admin", ERR_CONFIG, "uses role_arn, which is not supported");
    /* its keys are only what the role is asked for with */
    expect_failure("both", ERR_CONFIG, "uses role_arn, which is not supported");
    expect("process", "AKIAPROCESS", "none", "profile process");
    expect_failure("half", ERR_CONFIG, "has no keys"); /* [half] in config is no profile */
    put_file(".aws/credentials", credentials, 0644);
    expect_failure("web", ERR_DENIED, "readable by others");
}

static void regions_are_found(void **state)
{
    static const struct recorded_row rows[] = {
        {"PUT /latest/api/token", OK("text/plain", "5", "TOKEN"), 0},
        {"GET /latest/meta-data/placement/region", OK("text/plain", "9", "us-east-2"), 0},
        {NULL, NULL, 0}};
    char region[64];
    struct err e = {0};
    int64_t until = clk_mono_ms() + 5000;

    (void)state;
    assert_int_equal(aws_region_find(region, sizeof region, NULL, until, &e), -1);
    assert_contains(e.msg, "no region");
    recorded_set(&server, rows);
    unsetenv("AWS_EC2_METADATA_DISABLED");
    set_url("AWS_EC2_METADATA_SERVICE_ENDPOINT", "/");
    assert_int_equal(aws_region_find(region, sizeof region, NULL, until, &e), 0);
    assert_string_equal(region, "us-east-2");
    put_file(".aws/config", config, 0600);
    assert_int_equal(aws_region_find(region, sizeof region, "web", until, &e), 0);
    assert_string_equal(region, "eu-central-1");
    setenv("AWS_DEFAULT_REGION", "ap-south-1", 1);
    assert_int_equal(aws_region_find(region, sizeof region, "web", until, &e), 0);
    assert_string_equal(region, "ap-south-1");
}

static void an_instance_gives_the_keys_of_its_role(void **state)
{
    static const struct recorded_row rows[] = {
        {"PUT /latest/api/token", OK("text/plain", "5", "TOKEN"), 0},
        {"GET /latest/meta-data/iam/security-credentials/web",
         OK("application/json", ROLE_KEYS_LEN, ROLE_KEYS), 0},
        {"GET /latest/meta-data/iam/security-credentials/ ", OK("text/plain", "3", "web"), 0},
        {NULL, NULL, 0}};
    static const struct recorded_row no_role[] = {
        {"PUT /latest/api/token", OK("text/plain", "5", "TOKEN"), 0}, {NULL, NULL, 0}};
    static const struct recorded_row no_token[] = {
        {"PUT /latest/api/token", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 0},
        {NULL, NULL, 0}};

    (void)state;
    unsetenv("AWS_EC2_METADATA_DISABLED");
    set_url("AWS_EC2_METADATA_SERVICE_ENDPOINT", "");
    recorded_set(&server, rows);
    expect(NULL, "ASIAX", "tok", "role of the instance, web");
    assert_contains(server.head, "X-aws-ec2-metadata-token: TOKEN\r\n");
    recorded_set(&server, no_role);
    expect_failure(NULL, ERR_DENIED, "the instance has no role");
    recorded_set(&server, no_token);
    expect_failure(NULL, ERR_DENIED, "no IMDSv2 here");
}

static void a_silent_metadata_service_is_left_soon(void **state)
{
    static const struct recorded_row silent[] = {{"PUT ", NULL, 0}, {NULL, NULL, 0}};
    int64_t began = clk_mono_ms();

    (void)state;
    unsetenv("AWS_EC2_METADATA_DISABLED");
    set_url("AWS_EC2_METADATA_SERVICE_ENDPOINT", "");
    recorded_set(&server, silent);
    expect_failure(NULL, ERR_DENIED, "no answer within the deadline");
    assert_in_range(clk_mono_ms() - began, 900, 2000);
}

static void a_container_gives_the_keys_of_its_role(void **state)
{
    static const struct recorded_row rows[] = {
        {"GET /v2/credentials/1", OK("application/json", ROLE_KEYS_LEN, ROLE_KEYS), 0},
        {NULL, NULL, 0}};
    char path[300];

    (void)state;
    recorded_set(&server, rows);
    set_url("AWS_CONTAINER_CREDENTIALS_FULL_URI", "/v2/credentials/1");
    expect(NULL, "ASIAX", "tok", "role of the container");
    assert_null(strstr(server.head, "Authorization"));
    put_file("token", "from-a-file\n", 0644);
    snprintf(path, sizeof path, "%s/token", dir);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path, 1);
    expect(NULL, "ASIAX", "tok", "role of the container");
    assert_contains(server.head, "Authorization: from-a-file\r\n");
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1.example.com/", 1);
    expect_failure(NULL, ERR_CONFIG, "must be https, or a host of this machine");
}

static void a_service_account_gives_the_keys_of_its_role(void **state)
{
    static const struct recorded_row rows[] = {
        {"POST / HTTP/1.1 Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws"
         "%3Aiam%3A%3A1%3Arole%2Fa&RoleSessionName=scaler&WebIdentityToken=e30.e30",
         OK("text/xml", "365", STS), 0},
        {NULL, NULL, 0}};
    static const struct recorded_row refused[] = {
        {"POST /",
         "HTTP/1.1 400 Bad Request\r\nContent-Length: 128\r\n\r\n"
         "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidIdentityToken</Code>"
         "<Message>No provider</Message></Error></ErrorResponse>",
         0},
        {NULL, NULL, 0}};
    char path[300];

    (void)state;
    recorded_set(&server, rows);
    put_file("token", "e30.e30", 0644);
    snprintf(path, sizeof path, "%s/token", dir);
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", path, 1);
    setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/a", 1);
    setenv("no_proxy", "127.0.0.1", 1);
    set_url("AWS_ENDPOINT_URL_STS", "/");
    expect(NULL, "ASIAX", "tok", "role by web identity");
    recorded_set(&server, refused);
    expect_failure(NULL, ERR_DENIED, "web identity: HTTP 400: No provider");
}

static void nobody_gives_any(void **state)
{
    (void)state;
    expect_failure(NULL, ERR_DENIED, "no AWS credentials: none in the environment");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_environment_and_profiles_give_keys, begin),
        cmocka_unit_test_setup(a_profile_that_cannot_be_used_says_why, begin),
        cmocka_unit_test_setup(regions_are_found, begin),
        cmocka_unit_test_setup(an_instance_gives_the_keys_of_its_role, begin),
        cmocka_unit_test_setup(a_silent_metadata_service_is_left_soon, begin),
        cmocka_unit_test_setup(a_container_gives_the_keys_of_its_role, begin),
        cmocka_unit_test_setup(a_service_account_gives_the_keys_of_its_role, begin),
        cmocka_unit_test_setup(nobody_gives_any, begin),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
