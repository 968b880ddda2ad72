/* test_azure_vmss.c - the azure_vmss backend against recorded replies: nothing here is in
 * Azure's cloud.
 *
 * Replies: sample responses of Azure's reference, cut to the members that matter, with values
 * from its descriptions: Compute REST API 2024-07-01, Virtual Machine Scale Sets: Get, Update;
 * Virtual Machine Scale Set VMs: List, Get Instance View; Virtual Machine Scale Set Rolling
 * Upgrades: Get Latest; Azure Monitor REST API 2022-10-01, Autoscale Settings. Refusals:
 * "Troubleshoot common Azure deployment errors", "Resolve errors for resource quotas". Token:
 * "How to use managed identities for Azure resources on an Azure VM to acquire an access
 * token". */
#include "lib/backend_rig.h"
#include "lib/recorded.h"
#include "lib/test.h"

#define HEAD(status) \
    "HTTP/1.1 " status " X\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
#define GROUP "/subscriptions/b67f7fec-69fc-4974-9099-a26bd6ffeda3/resourceGroups/prod"
#define SET GROUP "/providers/Microsoft.Compute/virtualMachineScaleSets/web"
#define GET "GET " SET "?api-version=2024-07-01 HTTP/1.1"
#define LIST "GET " SET "/virtualMachines?$expand=instanceView&api-version=2024-07-01 HTTP/1.1"
#define LIST_2 "GET " SET "/virtualMachines?$skiptoken=2 HTTP/1.1"
#define UPGRADE "GET " SET "/rollingUpgrades/latest?api-version=2024-07-01 HTTP/1.1"
#define AUTOSCALE                                                                   \
    "GET " GROUP "/providers/Microsoft.Insights/autoscalesettings?api-version=2022" \
    "-10-01 HTTP/1.1"
#define PATCH(n) "PATCH " SET "?api-version=2024-07-01 HTTP/1.1 {\"sku\":{\"capacity\":" n "}}"
#define TOKEN_PATH                                                                         \
    "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=http%3A%2F%2F127" \
    ".0.0.1%3A"

#define TOKEN                                                                            \
    HEAD("200")                                                                          \
    "{\"access_token\":\"eyJ0eXAi.one\",\"refresh_token\":\"\",\"expires_in\":\"3599\"," \
    "\"expires_on\":\"1506484173\",\"not_before\":\"1506480273\",\"token_type\":\"Bearer\"}"
#define SCALE_SET(capacity, state, mode, more)                                               \
    HEAD("200")                                                                              \
    "{\"id\":\"" SET "\",\"name\":\"web\",\"sku\":{\"name\":\"Standard_D1_v2\",\"tier\":"    \
    "\"Standard\",\"capacity\":" capacity "},\"properties\":{\"provisioningState\":\"" state \
    "\",\"orchestrationMode\":\"Uniform\",\"upgradePolicy\":{\"mode\":\"" mode "\"}}" more "}"
#define TAGGED ",\"etag\":\"\\\"7\\\"\""
#define TWO SCALE_SET("2", "Succeeded", "Manual", TAGGED)
#define MACHINE(state, power, latest, more)                                             \
    "{\"instanceId\":\"1\",\"properties\":{\"provisioningState\":\"" state              \
    "\",\"latestModelApplied\":" latest ",\"instanceView\":{\"statuses\":[{\"code\":"   \
    "\"ProvisioningState/succeeded\",\"level\":\"Info\"},{\"code\":\"PowerState/" power \
    "\",\"level\":\"Info\"}]" more "}}}"
#define RUNS MACHINE("Succeeded", "running", "true", "")
#define HEALTH(state) ",\"vmHealth\":{\"status\":{\"code\":\"HealthState/" state "\"}}"
#define MACHINES(list) HEAD("200") "{\"value\":[" list "]}"
#define UPGRADES(code) \
    HEAD("200") "{\"properties\":{\"runningStatus\":{\"code\":\"" code "\"}}}"
#define NO_SETTING HEAD("200") "{\"value\":[]}"
#define SETTING(target, enabled)                                                         \
    HEAD("200")                                                                          \
    "{\"value\":[{\"name\":\"MySetting\",\"properties\":{\"profiles\":[{\"name\":"       \
    "\"adios\",\"capacity\":{\"minimum\":\"1\",\"maximum\":\"10\",\"default\":\"1\"}}]," \
    "\"enabled\":" enabled ",\"targetResourceUri\":\"" target "\"}}]}"
#define REFUSED(status, code, message) \
    HEAD(status) "{\"error\":{\"code\":\"" code "\",\"message\":\"" message "\"}}"
#define DENIED                            \
    REFUSED("403", "AuthorizationFailed", \
            "The client does not have authorization to perform action")
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
static char url[64];

static void open_as(const char *experimental)
{
    const char *pairs[] = {"scale_set",
                           "web",
                           "resource_group",
                           "prod",
                           "subscription",
                           "b67f7fec-69fc-4974-9099-a26bd6ffeda3",
                           "endpoint",
                           url,
                           "experimental",
                           experimental,
                           NULL};

    backend_rig_open(&rig, "azure_vmss", pairs);
}

static int begin_all(void **state)
{
    static const struct recorded_row none[] = {END};
    char base[64];

    (void)state;
    recorded_start(&server, true, none);
    recorded_start(&metadata, true, none);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", server.port);
    snprintf(base, sizeof base, "http://127.0.0.1:%d", metadata.port);
    return setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", base, 1);
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
    static const struct recorded_row token[] = {ROW(TOKEN_PATH, TOKEN), END};

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
        const char *name, *set, *machines, *upgrade, *setting, *rollout, *owner, *note;
        int desired, running, ready, draining, least, most;
        bool is_changing;
    } cases[] = {
        {"at rest", TWO, MACHINES(RUNS "," RUNS), "", NO_SETTING, "", "", "", 2, 2, 2, 0, -1,
         -1, false},
        {"health is asked", TWO,
         MACHINES(MACHINE("Succeeded", "running", "true", HEALTH("healthy")) "," MACHINE(
             "Succeeded", "running", "true", HEALTH("unhealthy"))),
         "", NO_SETTING, "", "", "", 2, 2, 1, 0, -1, -1, true},
        {"on the way", SCALE_SET("2", "Updating", "Manual", TAGGED),
         MACHINES(RUNS "," MACHINE("Creating", "starting", "true", "")), "", NO_SETTING, "", "",
         "", 2, 2, 1, 0, -1, -1, true},
        {"going", SCALE_SET("1", "Updating", "Manual", TAGGED),
         MACHINES(RUNS "," MACHINE("Deleting", "running", "true", "")), "", NO_SETTING, "", "",
         "", 1, 1, 1, 1, -1, -1, true},
        {"accepted, then failed", SCALE_SET("2", "Failed", "Manual", TAGGED), MACHINES(RUNS),
         "", NO_SETTING, "", "",
         "the last change failed, 1 of 2 are there: see the activity log", 2, 1, 1, 0, -1, -1,
         true},
        {"one stopped", TWO, MACHINES(RUNS "," MACHINE("Succeeded", "deallocated", "true", "")),
         "", NO_SETTING, "", "", "0 failed to start, 1 are stopped", 2, 1, 1, 0, -1, -1, true},
        {"one not provisioned", TWO,
         MACHINES(RUNS "," MACHINE("Failed", "running", "true", "")), "", NO_SETTING, "", "",
         "1 failed to start, 0 are stopped", 2, 2, 1, 0, -1, -1, true},
        {"a rolling upgrade", SCALE_SET("2", "Succeeded", "Rolling", TAGGED),
         MACHINES(RUNS "," RUNS), UPGRADES("RollingForward"), NO_SETTING,
         "a rolling upgrade is under way", "", "", 2, 2, 2, 0, -1, -1, true},
        {"one that is over", SCALE_SET("2", "Succeeded", "Rolling", TAGGED),
         MACHINES(RUNS "," RUNS), UPGRADES("Completed"), NO_SETTING, "", "", "", 2, 2, 2, 0, -1,
         -1, false},
        {"none so far", SCALE_SET("2", "Succeeded", "Rolling", TAGGED), MACHINES(RUNS "," RUNS),
         REFUSED("404", "NotFound", "No rolling upgrade"), NO_SETTING, "", "", "", 2, 2, 2, 0,
         -1, -1, false},
        {"an automatic upgrade", SCALE_SET("2", "Succeeded", "Automatic", TAGGED),
         MACHINES(RUNS "," MACHINE("Succeeded", "running", "false", "")), "", NO_SETTING,
         "1 machines get another model", "", "", 2, 2, 2, 0, -1, -1, true},
        {"an old model that stays", TWO,
         MACHINES(RUNS "," MACHINE("Succeeded", "running", "false", "")), "", NO_SETTING, "",
         "", "", 2, 2, 2, 0, -1, -1, false},
        {"autoscale", TWO, MACHINES(RUNS "," RUNS), "",
         SETTING("/subscriptions/B67F7FEC-69fc-4974-9099-a26bd6ffeda3/resourcegroups/PROD/"
                 "providers/microsoft.compute/virtualmachinescalesets/web",
                 "true"),
         "", "autoscale setting MySetting", "", 2, 2, 2, 0, 1, 10, false},
        {"autoscale that is off", TWO, MACHINES(RUNS "," RUNS), "", SETTING(SET, "false"), "",
         "", "", 2, 2, 2, 0, -1, -1, false},
        {"autoscale of another set", TWO, MACHINES(RUNS "," RUNS), "", SETTING(SET "2", "true"),
         "", "", "", 2, 2, 2, 0, -1, -1, false},
        {"autoscale not to be seen", TWO, MACHINES(RUNS "," RUNS), "", DENIED, "", "",
         "no right to see whether autoscale moves it", 2, 2, 2, 0, -1, -1, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct recorded_row rows[] = {
            {GET, cases[i].set, strlen(cases[i].set)},
            {LIST, cases[i].machines, strlen(cases[i].machines)},
            {UPGRADE, cases[i].upgrade, strlen(cases[i].upgrade)},
            {AUTOSCALE, cases[i].setting, strlen(cases[i].setting)},
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

/* A link leads on, but never to another host: the token would go there. */
static void lists_come_in_pages(void **state)
{
    char page[1200];
    struct recorded_row rows[] = {ROW(GET, SCALE_SET("3", "Succeeded", "Manual", TAGGED)),
                                  {LIST, page, 0},
                                  ROW(LIST_2, MACHINES(RUNS)),
                                  END};

    (void)state;
    snprintf(page, sizeof page,
             HEAD("200") "{\"value\":[" RUNS "," RUNS "],\"nextLink\":\"%s" SET
                         "/virtualMachines?$skiptoken=2\"}",
             url);
    rows[1].cut = strlen(page);
    recorded_set(&server, rows);
    assert_int_equal(backend_rig_status(&rig).ready, 3);
    snprintf(page, sizeof page,
             HEAD("200") "{\"value\":[],\"nextLink\":\"%s.example.net" SET "\"}", url);
    rows[1].cut = strlen(page);
    recorded_set(&server, rows);
    backend_rig_is_blind(&rig, ERR_DATA, "a link to another host");
    snprintf(page, sizeof page,
             HEAD("200") "{\"value\":[],\"nextLink\":\"%s" SET
                         "/virtualMachines?$expand=instanceView&api-version=2024-07-01\"}",
             url);
    rows[1].cut = strlen(page);
    recorded_set(&server, rows);
    backend_rig_is_blind(&rig, ERR_LIMIT, "more than 100 pages");
}

static void a_capacity_is_patched(void **state)
{
    static const struct recorded_row rows[] = {ROW(GET, TWO), ROW(PATCH("5"), HEAD("202") ""),
                                               END};
    static const struct recorded_row untagged[] = {
        ROW(GET, SCALE_SET("2", "Succeeded", "Manual", "")),
        ROW(PATCH("5"), SCALE_SET("5", "Updating", "Manual", "")), END};
    int before;

    (void)state;
    recorded_set(&server, rows);
    before = atomic_load(&server.n_requests);
    backend_rig_scale(&rig, 2); /* stands */
    assert_int_equal(atomic_load(&server.n_requests) - before, 1);
    backend_rig_scale(&rig, 5);
    assert_contains(server.head, "Authorization: Bearer eyJ0eXAi.one\r\n");
    assert_contains(server.head, "If-Match: \"7\"\r\n");
    assert_contains(metadata.head, "Metadata: true\r\n");
    backend_rig_close(&rig);
    open_as("true");
    recorded_set(&server, untagged);
    backend_rig_scale(&rig, 5);
    assert_null(strstr(server.head, "If-Match"));
}

static void refusals_are_typed(void **state)
{
    static const struct {
        const char *reply, *words;
        enum err_code code;
    } cases[] = {
        {REFUSED("409", "OperationNotAllowed",
                 "Operation could not be completed as it results in exceeding approved "
                 "standardDSv3Family Cores quota."),
         "exceeding approved", ERR_LIMIT},
        {REFUSED("409", "AllocationFailed", "Allocation failed."), "AllocationFailed",
         ERR_LIMIT},
        {REFUSED("409", "AnotherOperationInProgress", "Another operation"), "Another operation",
         ERR_BUSY},
        {REFUSED("409", "ScopeLocked", "The scope cannot perform write"), "ScopeLocked",
         ERR_DENIED},
        {REFUSED("409", "Conflict", "in conflict"), "in conflict", ERR_CONFLICT},
        {REFUSED("412", "PreconditionFailed", "The etag"), "The etag", ERR_CONFLICT},
        {REFUSED("429", "TooManyRequests", "slowly"), "slowly", ERR_BUSY},
        {DENIED, "does not have authorization", ERR_DENIED},
        {REFUSED("404", "ResourceNotFound", "was not found"), "was not found", ERR_CONFIG},
        {REFUSED("503", "ServerBusy", "later"), "later", ERR_IO},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct recorded_row rows[] = {
            ROW(GET, TWO), {PATCH("5"), cases[i].reply, strlen(cases[i].reply)}, END};

        recorded_set(&server, rows);
        backend_rig_refuses(&rig, 5, cases[i].code, cases[i].words);
    }
}

static void what_cannot_be_scaled_is_said(void **state)
{
    static const struct recorded_row flexible[] = {
        ROW(GET, HEAD("200") "{\"sku\":{\"capacity\":2},\"properties\":{\"orchestrationMode\":"
                             "\"Flexible\"}}"),
        END};
    static const struct recorded_row no_capacity[] = {ROW(GET, HEAD("200") "{\"sku\":{}}"),
                                                      END};
    static const struct recorded_row bad_etag[] = {
        ROW(GET, SCALE_SET("2", "Succeeded", "Manual", ",\"etag\":\"7\\r\\nX: y\"")), END};

    (void)state;
    recorded_set(&server, flexible);
    backend_rig_is_blind(&rig, ERR_CONFIG, "orchestration mode Flexible");
    recorded_set(&server, no_capacity);
    backend_rig_is_blind(&rig, ERR_DATA, "no sku.capacity");
    recorded_set(&server, bad_etag);
    backend_rig_is_blind(&rig, ERR_DATA, "its etag is none");
}

static void another_writer_is_noticed(void **state)
{
    static const struct recorded_row two[] = {ROW(GET, TWO), ROW(LIST, MACHINES(RUNS "," RUNS)),
                                              ROW(AUTOSCALE, NO_SETTING), END};
    static const struct recorded_row four[] = {
        ROW(GET, SCALE_SET("4", "Succeeded", "Manual", TAGGED)),
        ROW(PATCH("5"), HEAD("200") "{}"), END};

    (void)state;
    recorded_set(&server, two);
    backend_rig_status(&rig);
    recorded_set(&server, four);
    backend_rig_refuses(&rig, 5, ERR_CONFLICT, "capacity of \"web\" was 2 and is 4");
    backend_rig_scale(&rig, 5); /* decided anew */
}

/* Azure's expires_in is text: were it not read, each call would ask for a token. */
static void tokens_are_kept(void **state)
{
    static const struct recorded_row rows[] = {ROW(GET, TWO), END};
    static const struct recorded_row none[] = {
        ROW(TOKEN_PATH, HEAD("400") "{\"error\":\"invalid_request\",\"error_description\":"
                                    "\"Identity not found\"}"),
        END};
    static const struct recorded_row away[] = {ROW(TOKEN_PATH, HEAD("410") "{}"), END};
    int before;

    (void)state;
    recorded_set(&server, rows);
    before = atomic_load(&metadata.n_requests);
    backend_rig_scale(&rig, 2);
    backend_rig_scale(&rig, 2);
    assert_int_equal(atomic_load(&metadata.n_requests) - before, 1);
    backend_rig_close(&rig);
    open_as("true");
    recorded_set(&metadata, none);
    backend_rig_is_blind(&rig, ERR_DENIED, "no such identity (HTTP 400)");
    recorded_set(&metadata, away);
    backend_rig_is_blind(&rig, ERR_IO, "410");
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
    static const struct recorded_row rows[] = {
        ROW(GET, SCALE_SET("2", "Succeeded", "Rolling", "")), ROW(LIST, MACHINES(RUNS)),
        ROW(UPGRADE, DENIED), ROW(AUTOSCALE, SETTING(SET, "true")), END};
    const char *said;

    (void)state;
    backend_rig_close(&rig);
    open_as("false");
    recorded_set(&server, rows);
    said = backend_rig_check(&rig, 0);
    assert_contains(said, "scale set \"web\": capacity 2, 1 run, 1 ready, Succeeded");
    assert_contains(said, "autoscale setting \"MySetting\" moves its capacity too");
    assert_contains(said, "cannot see its rolling upgrade");
    assert_contains(said, "has no etag");
    assert_contains(said, "recorded replies only");
}

static void options_are_checked(void **state)
{
    static const struct {
        const char *name, *value, *says;
    } cases[] = {
        {"scale_set", "a/b", "scale_set = \"a/b\""},
        {"resource_group", "..", "not a name"},
        {"subscription", "a?b", "subscription = \"a?b\""},
        {"client_id", "a&b", "client_id = \"a&b\""},
        {"endpoint", "http://management.example.net", "must be https"},
    };
    const struct backend *azure = backend_find("azure_vmss");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct conf *c = NULL;
        struct err e = {0};

        assert_int_equal(conf_new(&c, azure->options, &e), 0);
        conf_set(c, "scale_set", "web", &e);
        conf_set(c, "resource_group", "prod", &e);
        conf_set(c, "subscription", "b67f7fec-69fc-4974-9099-a26bd6ffeda3", &e);
        assert_int_equal(azure->check_options(c, &e), 0);
        assert_int_equal(conf_set(c, cases[i].name, cases[i].value, &e), 0);
        assert_int_equal(azure->check_options(c, &e), -1);
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
        cmocka_unit_test_setup_teardown(lists_come_in_pages, begin, end),
        cmocka_unit_test_setup_teardown(a_capacity_is_patched, begin, end),
        cmocka_unit_test_setup_teardown(refusals_are_typed, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_scaled_is_said, begin, end),
        cmocka_unit_test_setup_teardown(another_writer_is_noticed, begin, end),
        cmocka_unit_test_setup_teardown(tokens_are_kept, begin, end),
        cmocka_unit_test_setup_teardown(check_tells, begin, end),
    };

    return cmocka_run_group_tests_name("azure_vmss", tests, begin_all, end_all);
}
