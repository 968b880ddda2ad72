/* test_gce_mig.c - the gce_mig backend against recorded replies: nothing here is in Google's
 * cloud.
 *
 * Replies: the JSON representations of Google's reference, cut to the members that matter, with
 * values from its descriptions: Compute Engine API v1, instanceGroupManagers (resource, get,
 * listManagedInstances, resize), ManagedInstance, autoscalers (resource), zoneOperations
 * (resource). Refusals: Cloud Quotas, "Troubleshoot quota errors" (403 QUOTA_EXCEEDED and
 * RATE_LIMIT_EXCEEDED); the envelope is that of "Errors" of Cloud APIs. Token: Compute Engine,
 * "Authenticate workloads to Google Cloud APIs using service accounts"; of a key file: "Using
 * OAuth 2.0 for Server to Server Applications", and its JWT error codes. The signature is
 * checked by openssl. */
#include "lib/backend_rig.h"
#include "lib/recorded.h"
#include "lib/test.h"

#include <jansson.h>
#include <sys/stat.h>
#include <time.h>

#include "adapters/cloud/google_key.h"
#include "base/file.h"
#include "base/str.h"

#define HEAD(status) \
    "HTTP/1.1 " status " X\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
#define SCOPE "/compute/v1/projects/my-project/zones/europe-west3-a/"
#define GROUP_PATH SCOPE "instanceGroupManagers/web"
#define GET "GET " GROUP_PATH " HTTP/1.1"
#define LIST "POST " GROUP_PATH "/listManagedInstances?maxResults=500 HTTP/1.1"
#define LIST_2 \
    "POST " GROUP_PATH "/listManagedInstances?maxResults=500&pageToken=CAE%3D%2F HTTP/1.1"
#define RESIZE(n) "POST " GROUP_PATH "/resize?size=" n "&requestId="
#define AUTOSCALER "GET " SCOPE "autoscalers/web-as HTTP/1.1"
#define TOKEN_PATH "GET /computeMetadata/v1/instance/service-accounts/default/token HTTP/1.1"

#define TOKEN(text, seconds) \
    HEAD("200")              \
    "{\"access_token\":\"" text "\",\"expires_in\":" seconds ",\"token_type\":\"Bearer\"}"
#define GROUP(size, stable, reached, more)                                               \
    HEAD("200")                                                                          \
    "{\"kind\":\"compute#instanceGroupManager\",\"id\":\"4216934216\",\"name\":\"web\"," \
    "\"targetSize\":" size ",\"status\":{\"isStable\":" stable ",\"versionTarget\":{"    \
    "\"isReached\":" reached "}" more "}"
#define PROACTIVE ",\"updatePolicy\":{\"type\":\"PROACTIVE\"}}"
#define OPPORTUNISTIC ",\"updatePolicy\":{\"type\":\"OPPORTUNISTIC\"}}"
#define TWO GROUP("2", "true", "true", "") PROACTIVE
#define SCALED_BY                                                                      \
    GROUP("2", "true", "true",                                                         \
          ",\"autoscaler\":\"https://www.googleapis.com" SCOPE "autoscalers/web-as\"") \
    PROACTIVE
#define INSTANCE(status, action, more)                                                  \
    "{\"name\":\"web-1\",\"instanceStatus\":\"" status "\",\"currentAction\":\"" action \
    "\"" more "}"
#define RUNS INSTANCE("RUNNING", "NONE", "")
#define HEALTH(state) ",\"instanceHealth\":[{\"detailedHealthState\":\"" state "\"}]"
#define MISSING                                                                        \
    "{\"name\":\"web-2\",\"currentAction\":\"CREATING\",\"lastAttempt\":{\"errors\":{" \
    "\"errors\":[{\"code\":\"QUOTA_EXCEEDED\",\"message\":\"Quota 'CPUS' exceeded.\"}]}}}"
#define INSTANCES(list) HEAD("200") "{\"managedInstances\":[" list "]}"
#define AUTOSCALES(mode)                                                \
    HEAD("200")                                                         \
    "{\"name\":\"web-as\",\"autoscalingPolicy\":{\"minNumReplicas\":2," \
    "\"maxNumReplicas\":9,\"mode\":\"" mode "\"}}"
#define OPERATION(more)                                                           \
    HEAD("200")                                                                   \
    "{\"kind\":\"compute#operation\",\"name\":\"operation-1\",\"operationType\":" \
    "\"resize\",\"status\":\"RUNNING\",\"progress\":0" more "}"
#define REFUSED(status, reason, message)                                        \
    HEAD(status)                                                                \
    "{\"error\":{\"code\":" status ",\"message\":\"" message "\",\"errors\":[{" \
    "\"message\":\"" message "\",\"domain\":\"global\",\"reason\":\"" reason "\"}]}}"
#define ROW(start, reply)               \
    {                                   \
        start, reply, sizeof(reply) - 1 \
    }
#define END           \
    {                 \
        NULL, NULL, 0 \
    }

static struct recorded server, metadata;
static struct backend_rig rig;
static char url[64], metadata_host[64];

static void open_as(const char *experimental)
{
    const char *pairs[] = {
        "group",    "web", "project",      "my-project", "zone", "europe-west3-a",
        "endpoint", url,   "experimental", experimental, NULL};

    backend_rig_open(&rig, "gce_mig", pairs);
}

static int begin_all(void **state)
{
    static const struct recorded_row none[] = {END};

    (void)state;
    recorded_start(&server, true, none);
    recorded_start(&metadata, true, none);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", server.port);
    snprintf(metadata_host, sizeof metadata_host, "127.0.0.1:%d", metadata.port);
    return setenv("GCE_METADATA_HOST", metadata_host, 1);
}

static int end_all(void **state)
{
    (void)state;
    recorded_stop(&server);
    recorded_stop(&metadata);
    return 0;
}

static int begin(void **state)
{
    static const struct recorded_row token[] = {ROW(TOKEN_PATH, TOKEN("ya29.one", "3599")),
                                                END};

    (void)state;
    recorded_set(&metadata, token);
    open_as("true");
    return 0;
}

static int end(void **state)
{
    (void)state;
    backend_rig_close(&rig);
    return 0;
}

static void states_are_told(void **state)
{
    static const struct {
        const char *name, *group, *instances, *autoscaler, *rollout, *owner, *note;
        int desired, running, ready, draining, least, most;
        bool is_changing;
    } cases[] = {
        {"at rest", TWO, INSTANCES(RUNS "," RUNS), NULL, "", "", "", 2, 2, 2, 0, -1, -1, false},
        {"empty", GROUP("0", "true", "true", "") PROACTIVE, HEAD("200") "{}", NULL, "", "", "",
         0, 0, 0, 0, -1, -1, false},
        {"health is asked", TWO,
         INSTANCES(INSTANCE("RUNNING", "NONE", HEALTH("HEALTHY")) "," INSTANCE(
             "RUNNING", "NONE", HEALTH("TIMEOUT"))),
         NULL, "", "", "", 2, 2, 1, 0, -1, -1, true},
        {"on the way", GROUP("2", "false", "true", "") PROACTIVE,
         INSTANCES(
             INSTANCE("STAGING", "CREATING", "") "," INSTANCE("RUNNING", "VERIFYING", "")),
         NULL, "", "", "", 2, 2, 0, 0, -1, -1, true},
        {"going", GROUP("1", "false", "true", "") PROACTIVE,
         INSTANCES(RUNS "," INSTANCE("RUNNING", "DELETING", "")), NULL, "", "", "", 1, 1, 1, 1,
         -1, -1, true},
        {"no quota", GROUP("2", "false", "true", "") PROACTIVE, INSTANCES(RUNS "," MISSING),
         NULL, "", "", "1 of 2 not made: QUOTA_EXCEEDED: Quota 'CPUS' exceeded.", 2, 1, 1, 0,
         -1, -1, true},
        {"a rollout", GROUP("2", "false", "false", "") PROACTIVE, INSTANCES(RUNS "," RUNS),
         NULL, "the group replaces instances by those of another template", "", "", 2, 2, 2, 0,
         -1, -1, true},
        {"one that waits for ever", GROUP("2", "true", "false", "") OPPORTUNISTIC,
         INSTANCES(RUNS "," RUNS), NULL, "", "", "", 2, 2, 2, 0, -1, -1, false},
        {"an autoscaler", SCALED_BY, INSTANCES(RUNS "," RUNS), AUTOSCALES("ON"), "",
         "autoscaler web-as", "", 2, 2, 2, 0, 2, 9, false},
        {"one that is off", SCALED_BY, INSTANCES(RUNS "," RUNS), AUTOSCALES("OFF"), "", "", "",
         2, 2, 2, 0, -1, -1, false},
        {"one not to be seen", SCALED_BY, INSTANCES(RUNS "," RUNS),
         REFUSED("403", "forbidden", "Required 'compute.autoscalers.get' permission"), "",
         "autoscaler web-as", "", 2, 2, 2, 0, -1, -1, false},
    };
    static const char absent[] = REFUSED("404", "notFound", "was not found");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *autoscaler = cases[i].autoscaler ? cases[i].autoscaler : absent;
        const struct recorded_row rows[] = {
            {GET, cases[i].group, strlen(cases[i].group)},
            {LIST, cases[i].instances, strlen(cases[i].instances)},
            {AUTOSCALER, autoscaler, strlen(autoscaler)},
            END};
        struct backend_status st;

        print_message("%s\n", cases[i].name);
        begin(NULL);
        recorded_set(&server, rows);
        st = backend_rig_status(&rig);
        assert_int_equal(st.desired, cases[i].desired);
        assert_int_equal(st.running, cases[i].running);
        assert_int_equal(st.ready, cases[i].ready);
        assert_int_equal(st.draining, cases[i].draining);
        assert_int_equal(st.least, cases[i].least);
        assert_int_equal(st.most, cases[i].most);
        assert_int_equal(st.is_changing, cases[i].is_changing);
        assert_string_equal(st.rollout, cases[i].rollout);
        assert_string_equal(st.other_owner, cases[i].owner);
        assert_string_equal(st.note, cases[i].note);
        end(NULL);
    }
}

static void lists_come_in_pages(void **state)
{
    static const struct recorded_row rows[] = {
        ROW(GET, GROUP("3", "true", "true", "") PROACTIVE),
        ROW(LIST, HEAD("200") "{\"managedInstances\":[" RUNS "," RUNS
                              "],\"nextPageToken\":\"CAE=/\"}"),
        ROW(LIST_2, INSTANCES(RUNS)), END};
    static const struct recorded_row endless[] = {
        ROW(GET, TWO),
        ROW("POST " GROUP_PATH "/listManagedInstances",
            HEAD("200") "{\"managedInstances\":[" RUNS "],\"nextPageToken\":\"again\"}"),
        END};

    (void)state;
    recorded_set(&server, rows);
    assert_int_equal(backend_rig_status(&rig).ready, 3);
    recorded_set(&server, endless);
    backend_rig_is_blind(&rig, ERR_LIMIT, "more than 100 pages");
}

static void a_size_is_posted(void **state)
{
    static const struct recorded_row rows[] = {ROW(GET, TWO), ROW(RESIZE("5"), OPERATION("")),
                                               END};
    const char *id;
    int before;

    (void)state;
    recorded_set(&server, rows);
    before = atomic_load(&server.n_requests);
    backend_rig_scale(&rig, 2); /* stands */
    assert_int_equal(atomic_load(&server.n_requests) - before, 1);
    backend_rig_scale(&rig, 5);
    assert_contains(server.head, "Authorization: Bearer ya29.one\r\n");
    id = strstr(server.last, "requestId=");
    assert_non_null(id);
    id += strlen("requestId=");
    assert_int_equal(strcspn(id, " "), 36);
    assert_int_equal(id[14], '4'); /* version 4 */
    assert_non_null(strchr("89ab", id[19]));
}

static void refusals_are_typed(void **state)
{
    static const struct {
        const char *reply, *words;
        enum err_code code;
    } cases[] = {
        {REFUSED("403", "QUOTA_EXCEEDED", "Quota 'CPUS' exceeded."), "Quota 'CPUS'", ERR_LIMIT},
        {REFUSED("403", "RATE_LIMIT_EXCEEDED", "Quota exceeded for quota metric 'Queries'"),
         "RATE_LIMIT_EXCEEDED", ERR_BUSY},
        {REFUSED("403", "forbidden",
                 "Required 'compute.instanceGroupManagers.update' permission"),
         "instanceGroupManagers.update", ERR_DENIED},
        {REFUSED("404", "notFound", "The resource was not found"), "was not found", ERR_CONFIG},
        {REFUSED("409", "conflict", "busy"), "conflict", ERR_CONFLICT},
        {REFUSED("412", "conditionNotMet", "Precondition"), "conditionNotMet", ERR_CONFLICT},
        {REFUSED("429", "tooMany", "slowly"), "slowly", ERR_BUSY},
        {REFUSED("503", "backendError", "Try again"), "Try again", ERR_IO},
        {OPERATION(",\"error\":{\"errors\":[{\"code\":\"QUOTA_EXCEEDED\",\"message\":\"Quota "
                   "'CPUS' exceeded.\"}]}"),
         "resize: QUOTA_EXCEEDED", ERR_LIMIT},
        {OPERATION(
             ",\"error\":{\"errors\":[{\"code\":\"INTERNAL_ERROR\",\"message\":\"oh\"}]}"),
         "resize: INTERNAL_ERROR", ERR_IO},
        {HEAD("200") "{\"kind\":\"compute#zone\"}", "not an operation", ERR_DATA},
        {HEAD("200") "[1]", "no JSON object", ERR_DATA},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct recorded_row rows[] = {
            ROW(GET, TWO), {RESIZE("5"), cases[i].reply, strlen(cases[i].reply)}, END};

        recorded_set(&server, rows);
        backend_rig_refuses(&rig, 5, cases[i].code, cases[i].words);
    }
}

static void another_writer_is_noticed(void **state)
{
    static const struct recorded_row two[] = {ROW(GET, TWO), ROW(LIST, INSTANCES(RUNS)), END};
    static const struct recorded_row four[] = {
        ROW(GET, GROUP("4", "true", "true", "") PROACTIVE), ROW(RESIZE("5"), OPERATION("")),
        END};

    (void)state;
    recorded_set(&server, two);
    backend_rig_status(&rig);
    recorded_set(&server, four);
    backend_rig_refuses(&rig, 5, ERR_CONFLICT, "targetSize of \"web\" was 2 and is 4");
    backend_rig_scale(&rig, 5); /* decided anew */
}

/* Kept while it lasts; asked for anew once it is refused, or shortly before its end. */
static void tokens_are_kept_and_renewed(void **state)
{
    static const struct recorded_row good[] = {ROW(GET, TWO), END};
    static const struct recorded_row bad[] = {
        ROW(GET, REFUSED("401", "authError", "Invalid Credentials")), END};
    static const struct recorded_row brief[] = {ROW(TOKEN_PATH, TOKEN("ya29.two", "200")), END};
    int before;

    (void)state;
    recorded_set(&server, good);
    before = atomic_load(&metadata.n_requests);
    backend_rig_scale(&rig, 2);
    backend_rig_scale(&rig, 2);
    assert_int_equal(atomic_load(&metadata.n_requests) - before, 1);
    assert_contains(metadata.head, "Metadata-Flavor: Google\r\n");
    recorded_set(&server, bad);
    recorded_set(&metadata, brief);
    before = atomic_load(&server.n_requests);
    backend_rig_refuses(&rig, 5, ERR_DENIED, "Invalid Credentials");
    assert_int_equal(atomic_load(&server.n_requests) - before, 2); /* shown once more */
    assert_contains(server.head, "Authorization: Bearer ya29.two\r\n");
    recorded_set(&server, good);
    before = atomic_load(&metadata.n_requests);
    backend_rig_scale(&rig, 2); /* 200 s are within the margin */
    assert_int_equal(atomic_load(&metadata.n_requests) - before, 1);
}

static void a_machine_without_an_identity_is_told(void **state)
{
    static const struct recorded_row none[] = {END}; /* 404 */
    static const struct recorded_row garbage[] = {ROW(TOKEN_PATH, HEAD("200") "{}"), END};

    (void)state;
    recorded_set(&metadata, none);
    backend_rig_is_blind(&rig, ERR_DENIED, "no such identity (HTTP 404): run on a machine");
    recorded_set(&metadata, garbage);
    backend_rig_is_blind(&rig, ERR_DATA, "no token in it");
    setenv("GCE_METADATA_HOST", "127.0.0.1:1", 1);
    backend_rig_close(&rig);
    open_as("true");
    backend_rig_is_blind(&rig, ERR_IO,
                         "no metadata server answers at 127.0.0.1:1: run on a machine");
    setenv("GCE_METADATA_HOST", metadata_host, 1);
}

static void a_token_of_a_file_is_read_anew(void **state)
{
    static const struct recorded_row region[] = {
        ROW("GET "
            "/compute/v1/projects/my-project/regions/europe-west3/instanceGroupManagers/web "
            "HTTP/1.1",
            TWO),
        END};
    char path[300];
    const char *pairs[] = {"group",        "web",      "project", "my-project", "region",
                           "europe-west3", "endpoint", url,       "token_file", path,
                           "experimental", "true",     NULL};

    (void)state;
    snprintf(path, sizeof path, "%s/token", test_temp_dir());
    backend_rig_open(&rig, "gce_mig", pairs);
    recorded_set(&server, region);
    for (int i = 0; i < 2; i++) {
        char line[80];
        FILE *f = fopen(path, "we");

        assert_non_null(f);
        fprintf(f, "ya29.file%d\n", i);
        fclose(f);
        assert_int_equal(chmod(path, 0600), 0);
        backend_rig_scale(&rig, 2);
        snprintf(line, sizeof line, "Authorization: Bearer ya29.file%d\r\n", i);
        assert_contains(server.head, line);
    }
    backend_rig_close(&rig);
}

static void write_text(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
}

/* A key file as Google writes it; `key` "": with a fresh RSA key. */
static void write_key_file(const char *path, const char *type, const char *token_uri,
                           const char *key)
{
    struct str pem = STR_EMPTY;
    char from[400];
    char *text;
    json_t *o;

    snprintf(from, sizeof from, "%s/key.pem", test_temp_dir());
    if (!*key)
        assert_int_equal(file_read(from, 65536, &pem, NULL), 0);
    o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "type", type, "project_id", "my-project",
                  "private_key_id", "af14", "private_key", *key ? key : str_text(&pem),
                  "client_email", "scaler@my-project.iam.gserviceaccount.com", "token_uri",
                  token_uri);
    text = json_dumps(o, JSON_INDENT(2));
    assert_non_null(text);
    write_text(path, text, 0600);
    free(text);
    json_decref(o);
    str_clear(&pem);
}

static void open_with_key(const char *path)
{
    const char *pairs[] = {
        "group",    "web", "project",  "my-project", "zone", "europe-west3-a",
        "endpoint", url,   "key_file", path,         NULL};

    backend_rig_open(&rig, "gce_mig", pairs);
}

/* The assertion's three parts: openssl says whether the last signs the others. */
static void check_assertion(const char *assertion)
{
    struct str text = STR_EMPTY;
    char path[300], cmd[1500];
    json_t *claims;

    snprintf(path, sizeof path, "%s/jwt", test_temp_dir());
    write_text(path, assertion, 0600);
    snprintf(cmd, sizeof cmd,
             "cd '%s' && cut -d. -f1,2 jwt | tr -d '\\n' >signed && "
             "{ cut -d. -f3 jwt | tr -d '\\n' | tr '_-' '/+'; echo ==; } | base64 -d >sig && "
             "openssl rsa -in key.pem -pubout -out pub.pem 2>/dev/null && "
             "openssl dgst -sha256 -verify pub.pem -signature sig signed >/dev/null && "
             "{ cut -d. -f2 jwt | tr -d '\\n' | tr '_-' '/+'; echo ===; } | "
             "base64 -di 2>/dev/null >claims; test -s claims",
             test_temp_dir());
    assert_int_equal(system(cmd), 0);
    snprintf(path, sizeof path, "%s/claims", test_temp_dir());
    assert_int_equal(file_read(path, 65536, &text, NULL), 0);
    claims = json_loadb(str_text(&text), text.len, 0, NULL);
    assert_non_null(claims);
    assert_string_equal(json_string_value(json_object_get(claims, "iss")),
                        "scaler@my-project.iam.gserviceaccount.com");
    assert_string_equal(json_string_value(json_object_get(claims, "scope")),
                        "https://www.googleapis.com/auth/compute");
    assert_int_equal(json_integer_value(json_object_get(claims, "exp")) -
                         json_integer_value(json_object_get(claims, "iat")),
                     3600);
    assert_near((double)json_integer_value(json_object_get(claims, "iat")), (double)time(NULL),
                60.0);
    json_decref(claims);
    str_clear(&text);
}

static void a_key_file_signs_for_a_token(void **state)
{
    static const char form[] =
        "POST /token HTTP/1.1 grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
        "&assertion=";
    static const struct recorded_row good[] = {ROW(form, TOKEN("ya29.key", "3599")), END};
    static const struct recorded_row refused[] = {
        ROW(form, HEAD("400") "{\"error\":\"invalid_grant\",\"error_description\":"
                              "\"Invalid JWT Signature.\"}"),
        END};
    static const struct recorded_row group[] = {ROW(GET, TWO), ROW(LIST, INSTANCES(RUNS)), END};
    char path[300], uri[80], cmd[400];

    (void)state;
    snprintf(path, sizeof path, "%s/key.json", test_temp_dir());
    snprintf(uri, sizeof uri, "http://%s/token", metadata_host);
    snprintf(cmd, sizeof cmd, "openssl genrsa -out '%s/key.pem' 2048 2>/dev/null",
             test_temp_dir());
    if (!google_key_can_sign() || system(cmd) != 0)
        skip(); /* no GnuTLS, no openssl */
    write_key_file(path, "service_account", uri, "");
    open_with_key(path);
    recorded_set(&server, group);
    recorded_set(&metadata, good);
    assert_int_equal(backend_rig_status(&rig).desired, 2);
    assert_contains(server.head, "Authorization: Bearer ya29.key\r\n");
    check_assertion(metadata.last + strlen(form));
    backend_rig_close(&rig);

    open_with_key(path);
    recorded_set(&metadata, refused);
    backend_rig_is_blind(&rig, ERR_DENIED, "invalid_grant: Invalid JWT Signature.");
    assert_int_equal(chmod(path, 0644), 0);
    backend_rig_is_blind(&rig, ERR_DENIED, "chmod");
    write_key_file(path, "authorized_user", uri, "");
    backend_rig_is_blind(&rig, ERR_CONFIG, "not the JSON key of a service account");
    write_key_file(path, "service_account", "http://oauth2.example.net/token", "");
    backend_rig_is_blind(&rig, ERR_CONFIG, "token_uri = \"http://oauth2.example.net/token\"");
    write_key_file(path, "service_account", uri, "-----BEGIN PRIVATE KEY-----\nAAAA\n");
    backend_rig_is_blind(&rig, ERR_CONFIG, "no RSA key");
    backend_rig_close(&rig);
}

static void it_acts_only_as_experimental(void **state)
{
    (void)state;
    open_as("false");
    backend_rig_refuses(&rig, 5, ERR_CONFIG, "experimental = true");
    backend_rig_close(&rig);
}

static void check_tells(void **state)
{
    static const struct recorded_row rows[] = {ROW(GET, SCALED_BY),
                                               ROW(LIST, INSTANCES(RUNS "," MISSING)),
                                               ROW(AUTOSCALER, AUTOSCALES("ON")), END};
    const char *said;

    (void)state;
    backend_rig_close(&rig);
    open_as("false");
    recorded_set(&server, rows);
    said = backend_rig_check(&rig, 0);
    assert_contains(said, "zones/europe-west3-a, group \"web\": targetSize 2, 1 run, 1 ready");
    assert_contains(said, "autoscaler \"web-as\" moves its size too");
    assert_contains(said, "1 not made: QUOTA_EXCEEDED");
    assert_contains(said, "recorded replies only");
}

static void options_are_checked(void **state)
{
    static const struct {
        const char *name, *value, *says;
    } cases[] = {
        {"zone", "", "give one of the two"},
        {"region", "europe-west3", "give one of the two"},
        {"group", "a/b", "group = \"a/b\""},
        {"project", "p?x", "project = \"p?x\""},
        {"endpoint", "http://compute.example.net", "must be https"},
        {"endpoint", "http://127.example.net", "must be https"},
        {"endpoint", "https://compute.googleapis.com/", "without a final slash"},
    };
    const struct backend *gce = backend_find("gce_mig");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct conf *c = NULL;
        struct err e = {0};

        assert_int_equal(conf_new(&c, gce->options, &e), 0);
        conf_set(c, "group", "web", &e);
        conf_set(c, "project", "my-project", &e);
        conf_set(c, "zone", "europe-west3-a", &e);
        assert_int_equal(gce->check_options(c, &e), 0);
        assert_int_equal(conf_set(c, cases[i].name, cases[i].value, &e), 0);
        assert_int_equal(gce->check_options(c, &e), -1);
        assert_int_equal(e.code, ERR_CONFIG);
        assert_contains(e.msg, cases[i].says);
        conf_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(states_are_told),
        cmocka_unit_test(it_acts_only_as_experimental),
        cmocka_unit_test(a_token_of_a_file_is_read_anew),
        cmocka_unit_test(a_key_file_signs_for_a_token),
        cmocka_unit_test_setup_teardown(lists_come_in_pages, begin, end),
        cmocka_unit_test_setup_teardown(a_size_is_posted, begin, end),
        cmocka_unit_test_setup_teardown(refusals_are_typed, begin, end),
        cmocka_unit_test_setup_teardown(another_writer_is_noticed, begin, end),
        cmocka_unit_test_setup_teardown(tokens_are_kept_and_renewed, begin, end),
        cmocka_unit_test_setup_teardown(a_machine_without_an_identity_is_told, begin, end),
        cmocka_unit_test_setup_teardown(check_tells, begin, end),
    };

    return cmocka_run_group_tests_name("gce_mig", tests, begin_all, end_all);
}
