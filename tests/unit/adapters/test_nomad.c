/* test_nomad.c - the nomad backend against recorded replies: no Nomad runs on a test machine.
 *
 * Replies: Nomad HTTP API, Jobs: sample responses of "Read Job Scale Status", "Scale Task
 * Group", "Read Job" (cut to the members that matter) and "List Job Deployments" (one of them);
 * Scaling Policies, "Read Scaling Policy", for Min, Max and Policy. Refusals: the words and
 * codes of Job.Scale and Job.ScaleStatus in nomad/job_endpoint.go, active states those of
 * Deployment.Active in nomad/structs/deployment.go, of hashicorp/nomad. */
#include "lib/backend_rig.h"
#include "lib/recorded.h"
#include "lib/test.h"

#include <sys/stat.h>

#define HEAD(status) \
    "HTTP/1.1 " status " X\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
#define QUERY "?namespace=default HTTP/1.1"
#define SCALE "GET /v1/job/example/scale" QUERY
#define JOB "GET /v1/job/example" QUERY
#define DEPLOYMENT "GET /v1/job/example/deployment" QUERY
#define POST "POST /v1/job/example/scale" QUERY

#define GROUP(desired, healthy, placed, running, stopped)                                      \
    HEAD("200")                                                                                \
    "{\"JobCreateIndex\":10,\"JobID\":\"example\",\"Namespace\":\"default\","                  \
    "\"JobModifyIndex\":18,\"JobStopped\":" stopped                                            \
    ",\"TaskGroups\":{\"cache\":{\"Desired\":" desired ",\"Events\":null,\"Healthy\":" healthy \
    ",\"Placed\":" placed ",\"Running\":" running ",\"Unhealthy\":0}}}"
#define THREE GROUP("3", "3", "3", "3", "false")
#define BOUNDED(policy)                                                                  \
    HEAD("200")                                                                          \
    "{\"ID\":\"example\",\"Type\":\"service\",\"JobModifyIndex\":14,\"TaskGroups\":[{"   \
    "\"Name\":\"cache\",\"Count\":3,\"Scaling\":{\"Enabled\":true,\"Max\":10,\"Min\":2," \
    "\"Policy\":" policy ",\"Target\":{\"Group\":\"cache\",\"Job\":\"example\"}}}]}"
#define UNBOUNDED                                                                      \
    HEAD("200")                                                                        \
    "{\"ID\":\"example\",\"Type\":\"service\",\"JobModifyIndex\":14,\"TaskGroups\":[{" \
    "\"Name\":\"cache\",\"Count\":3,\"Scaling\":null}]}"
#define DEPLOYING(status, index)                                                              \
    HEAD("200")                                                                               \
    "{\"ID\":\"85ee4a9a-339f-a921-a9ef-0550d20b2c61\",\"JobID\":\"example\","                 \
    "\"JobVersion\":1,\"JobModifyIndex\":" index ",\"JobCreateIndex\":7,\"Status\":\"" status \
    "\",\"StatusDescription\":\"Deployment is running\",\"CreateIndex\":21}"
#define NO_DEPLOYMENT HEAD("200") "null"
#define SCALED                                                                     \
    HEAD("200")                                                                    \
    "{\"EvalCreateIndex\":45,\"EvalID\":\"116f3ede-f6a5-f6e7-2d0e-1fda136390f0\"," \
    "\"Index\":45,\"JobModifyIndex\":44,\"KnownLeader\":false,\"LastContact\":0,"  \
    "\"Warnings\":\"\"}"
#define DENIED HEAD("403") "Permission denied"
#define ROW(start, reply)               \
    {                                   \
        start, reply, sizeof(reply) - 1 \
    }
#define END           \
    {                 \
        NULL, NULL, 0 \
    }

static struct recorded server;
static struct backend_rig rig;
static char url[64], token_path[300];

static void open_as(const char *experimental)
{
    const char *pairs[] = {"job",        "example",  "group",        "cache",      "url", url,
                           "token_file", token_path, "experimental", experimental, NULL};

    backend_rig_open(&rig, "nomad", pairs);
}

static int begin_all(void **state)
{
    const struct recorded_row none[] = {END};
    FILE *f;

    (void)state;
    recorded_start(&server, true, none);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", server.port);
    snprintf(token_path, sizeof token_path, "%s/token", test_temp_dir());
    f = fopen(token_path, "we");
    fprintf(f, "b780e702-98ce-521f-2e5f-c6b87de05b24\n");
    fclose(f);
    return chmod(token_path, 0600);
}

static int end_all(void **state)
{
    (void)state;
    recorded_stop(&server);
    return 0;
}

static int begin(void **state)
{
    (void)state;
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
        const char *name, *scale, *deployment, *job, *rollout, *owner, *note;
        int desired, running, ready, least, most;
        bool is_changing;
    } cases[] = {
        {"at rest", THREE, NO_DEPLOYMENT, UNBOUNDED, "", "", "", 3, 3, 3, -1, -1, false},
        {"bounds", THREE, NO_DEPLOYMENT, BOUNDED("null"), "", "", "", 3, 3, 3, 2, 10, false},
        {"a policy", THREE, NO_DEPLOYMENT,
         BOUNDED("{\"engage\":true,\"foo\":\"bar\",\"howdy\":\"doody\",\"value\":6.0}"), "",
         "scaling policy of group cache", "", 3, 3, 3, 2, 10, false},
        {"bounds not to be seen", THREE, DENIED, DENIED, "", "", "", 3, 3, 3, -1, -1, false},
        {"over", THREE, DEPLOYING("successful", "19"), UNBOUNDED, "", "", "", 3, 3, 3, -1, -1,
         false},
        {"a deployment", GROUP("3", "1", "3", "3", "false"), DEPLOYING("running", "19"),
         UNBOUNDED, "a deployment of the job is running", "", "", 3, 3, 1, -1, -1, true},
        {"a paused one", THREE, DEPLOYING("paused", "19"), UNBOUNDED,
         "a deployment of the job is paused", "",
         "a deployment is paused: Nomad refuses to scale until it is over", 3, 3, 3, -1, -1,
         true},
        {"started by a rescheduling, health not told", GROUP("3", "0", "3", "3", "false"),
         DEPLOYING("successful", "19"), UNBOUNDED, "", "", "", 3, 3, 3, -1, -1, false},
        {"no room", GROUP("5", "3", "3", "3", "false"), NO_DEPLOYMENT, UNBOUNDED, "", "",
         "2 of 5 have no place on a node yet", 5, 3, 3, -1, -1, true},
        {"starting", GROUP("3", "0", "3", "1", "false"), NO_DEPLOYMENT, UNBOUNDED, "", "", "",
         3, 3, 1, -1, -1, true},
        {"stopped", GROUP("3", "0", "0", "0", "true"), NO_DEPLOYMENT, UNBOUNDED, "", "",
         "the job is stopped", 0, 0, 0, -1, -1, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct recorded_row rows[] = {
            {SCALE, cases[i].scale, strlen(cases[i].scale)},
            {DEPLOYMENT, cases[i].deployment, strlen(cases[i].deployment)},
            {JOB, cases[i].job, strlen(cases[i].job)},
            END};
        struct backend_status st;

        print_message("%s\n", cases[i].name);
        open_as("true");
        recorded_set(&server, rows);
        st = backend_rig_status(&rig);
        assert_int_equal(st.desired, cases[i].desired);
        assert_int_equal(st.running, cases[i].running);
        assert_int_equal(st.ready, cases[i].ready);
        assert_int_equal(st.least, cases[i].least);
        assert_int_equal(st.most, cases[i].most);
        assert_int_equal(st.is_changing, cases[i].is_changing);
        assert_string_equal(st.rollout, cases[i].rollout);
        assert_string_equal(st.other_owner, cases[i].owner);
        assert_string_equal(st.note, cases[i].note);
        backend_rig_close(&rig);
    }
}

/* With the token, all that the audit trail shows, and the version of the job that it is for. */
static void a_count_is_posted(void **state)
{
    static const struct recorded_row rows[] = {
        ROW(SCALE, THREE), ROW(JOB, BOUNDED("null")), ROW(DEPLOYMENT, NO_DEPLOYMENT),
        ROW(POST " {\"Count\":5,\"Target\":{\"Group\":\"cache\"},\"Message\":\"scaler: 3 to "
                 "5\",\"Meta\":{\"source\":\"scaler\",\"from\":3},\"PolicyOverride\":false,"
                 "\"JobModifyIndex\":14}",
            SCALED),
        END};
    int before;

    (void)state;
    recorded_set(&server, rows);
    before = atomic_load(&server.n_requests);
    backend_rig_scale(&rig, 3); /* stands */
    assert_int_equal(atomic_load(&server.n_requests) - before, 1);
    backend_rig_scale(&rig, 5);
    assert_contains(server.head, "X-Nomad-Token: b780e702-98ce-521f-2e5f-c6b87de05b24\r\n");
}

/* The job gets a new version by it, and with an update block a deployment: that is none of
 * another version of the program. */
static void the_deployment_of_a_scaling_is_no_rollout(void **state)
{
    static const struct recorded_row before[] = {ROW(SCALE, THREE), ROW(JOB, UNBOUNDED),
                                                 ROW(POST, SCALED), END};
    static const struct recorded_row ours[] = {ROW(SCALE, GROUP("5", "3", "5", "4", "false")),
                                               ROW(DEPLOYMENT, DEPLOYING("running", "44")),
                                               ROW(JOB, UNBOUNDED), END};
    static const struct recorded_row others[] = {ROW(SCALE, GROUP("5", "3", "5", "4", "false")),
                                                 ROW(DEPLOYMENT, DEPLOYING("running", "50")),
                                                 ROW(JOB, UNBOUNDED), END};
    struct backend_status st;

    (void)state;
    recorded_set(&server, before);
    backend_rig_scale(&rig, 5);
    recorded_set(&server, ours);
    st = backend_rig_status(&rig);
    assert_string_equal(st.rollout, "");
    assert_true(st.is_changing);
    assert_int_equal(st.ready, 3); /* the fourth runs and is not healthy yet */
    recorded_set(&server, others);
    assert_string_equal(backend_rig_status(&rig).rollout, "a deployment of the job is running");
}

static void refusals_are_typed(void **state)
{
    static const struct {
        const char *reply, *words;
        enum err_code code;
    } cases[] = {
        {HEAD("400") "job scaling blocked due to active deployment",
         "blocked due to active deployment", ERR_BUSY},
        {HEAD("400") "group count was greater than scaling policy maximum: 5 > 4",
         "maximum: 5 > 4", ERR_LIMIT},
        {HEAD("400") "group count was less than scaling policy minimum: 5 < 6",
         "minimum: 5 < 6", ERR_LIMIT},
        {HEAD("500") "Enforcing job modify index 14: job exists with conflicting job modify "
                     "index: 20",
         "conflicting job modify index", ERR_CONFLICT},
        {DENIED, "403", ERR_DENIED},
        {HEAD("400") "task group \"cache\" specified for scaling does not exist in job",
         "does not exist in job", ERR_CONFIG},
        {HEAD("500") "No cluster leader", "No cluster leader", ERR_IO},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct recorded_row rows[] = {ROW(SCALE, THREE),
                                            ROW(JOB, UNBOUNDED),
                                            {POST, cases[i].reply, strlen(cases[i].reply)},
                                            END};

        recorded_set(&server, rows);
        backend_rig_refuses(&rig, 5, cases[i].code, cases[i].words);
    }
}

static void bounds_are_kept_before_anything_is_sent(void **state)
{
    static const struct recorded_row rows[] = {ROW(SCALE, THREE), ROW(JOB, BOUNDED("null")),
                                               ROW(POST, SCALED), END};

    (void)state;
    recorded_set(&server, rows);
    backend_rig_refuses(&rig, 11, ERR_LIMIT, "has max 10");
    backend_rig_refuses(&rig, 1, ERR_LIMIT, "has min 2");
    assert_null(strstr(server.last, "POST"));
    backend_rig_scale(&rig, 10);
}

static void what_cannot_be_scaled_is_said(void **state)
{
    static const struct recorded_row stopped[] = {ROW(SCALE, GROUP("3", "0", "0", "0", "true")),
                                                  END};
    static const struct recorded_row no_group[] = {
        ROW(SCALE, HEAD("200") "{\"JobID\":\"example\",\"TaskGroups\":{\"web\":{}}}"), END};
    static const struct recorded_row no_job[] = {ROW(SCALE, HEAD("404") "job not found"), END};
    static const struct recorded_row garbage[] = {ROW(SCALE, HEAD("200") "[1,2]"), END};

    (void)state;
    recorded_set(&server, stopped);
    backend_rig_refuses(&rig, 5, ERR_CONFIG, "is stopped");
    recorded_set(&server, no_group);
    backend_rig_is_blind(&rig, ERR_CONFIG, "has no task group \"cache\"");
    recorded_set(&server, no_job);
    backend_rig_is_blind(&rig, ERR_CONFIG, "job not found");
    recorded_set(&server, garbage);
    backend_rig_is_blind(&rig, ERR_DATA, "not a reply");
}

static void another_writer_is_noticed(void **state)
{
    static const struct recorded_row three[] = {ROW(SCALE, THREE), ROW(JOB, UNBOUNDED),
                                                ROW(DEPLOYMENT, NO_DEPLOYMENT), END};
    static const struct recorded_row four[] = {ROW(SCALE, GROUP("4", "4", "4", "4", "false")),
                                               ROW(JOB, UNBOUNDED), ROW(POST, SCALED), END};

    (void)state;
    recorded_set(&server, three);
    backend_rig_status(&rig);
    recorded_set(&server, four);
    backend_rig_refuses(&rig, 5, ERR_CONFLICT, "count of group \"cache\" was 3 and is 4");
    backend_rig_scale(&rig, 5); /* decided anew */
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
        ROW(SCALE, THREE), ROW(JOB, BOUNDED("{\"a\":1}")),
        ROW(DEPLOYMENT, DEPLOYING("running", "19")), END};
    static const struct recorded_row blind[] = {ROW(SCALE, THREE), ROW(JOB, DENIED),
                                                ROW(DEPLOYMENT, DENIED), END};
    const char *said;

    (void)state;
    recorded_set(&server, rows);
    said = backend_rig_check(&rig, 0);
    assert_contains(said, "3 asked for, 3 placed, 3 running");
    assert_contains(said, "allows 2 to 10");
    assert_contains(said, "the Nomad Autoscaler would move it too");
    assert_contains(said, "a deployment is running");
    recorded_set(&server, blind);
    backend_rig_close(&rig);
    open_as("false");
    said = backend_rig_check(&rig, 0);
    assert_contains(said, "cannot see its bounds");
    assert_contains(said, "cannot see its deployments");
    assert_contains(said, "recorded replies only");
}

static void region_and_namespace_are_asked_for(void **state)
{
    static const struct recorded_row rows[] = {
        ROW("GET /v1/job/example/scale?namespace=team&region=eu HTTP/1.1",
            GROUP("1", "1", "1", "1", "false")),
        END};
    const char *pairs[] = {"job",      "example",   "group", "cache",  "url", url, "token_file",
                           token_path, "namespace", "team",  "region", "eu",  NULL};

    (void)state;
    backend_rig_open(&rig, "nomad", pairs);
    recorded_set(&server, rows);
    assert_int_equal(backend_rig_status(&rig).desired, 1);
    backend_rig_close(&rig);
}

static void options_are_checked(void **state)
{
    static const struct {
        const char *name, *value, *says;
    } cases[] = {
        {"job", "a/b", "job = \"a/b\""},
        {"group", "a b", "group = \"a b\""},
        {"url", "nomad:4646", "url"},
        {"token_env", "NOMAD_TOKEN", "keep one"},
    };
    const struct backend *nomad = backend_find("nomad");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct conf *c = NULL;
        struct err e = {0};

        assert_int_equal(conf_new(&c, nomad->options, &e), 0);
        conf_set(c, "job", "example", &e);
        conf_set(c, "token_file", "/token", &e);
        assert_int_equal(conf_set(c, cases[i].name, cases[i].value, &e), 0);
        assert_int_equal(nomad->check_options(c, &e), -1);
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
        cmocka_unit_test(region_and_namespace_are_asked_for),
        cmocka_unit_test_setup_teardown(a_count_is_posted, begin, end),
        cmocka_unit_test_setup_teardown(the_deployment_of_a_scaling_is_no_rollout, begin, end),
        cmocka_unit_test_setup_teardown(refusals_are_typed, begin, end),
        cmocka_unit_test_setup_teardown(bounds_are_kept_before_anything_is_sent, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_scaled_is_said, begin, end),
        cmocka_unit_test_setup_teardown(another_writer_is_noticed, begin, end),
        cmocka_unit_test_setup_teardown(check_tells, begin, end),
    };

    return cmocka_run_group_tests_name("nomad", tests, begin_all, end_all);
}
