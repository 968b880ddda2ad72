/* test_kube_config.c - kubeconfig files and what a pod is told. */
#include "lib/test.h"

#include <sys/stat.h>

#include "adapters/cloud/kube_config.h"
#include "base/file.h"

#define HEAD "apiVersion: v1\nkind: Config\n"
#define CONTEXT \
    "current-context: prod\ncontexts:\n- {name: prod, context: {cluster: c, user: u}}\n"
#define CLUSTER "clusters:\n- {name: c, cluster: {server: \"https://10.0.0.1:6443\"}}\n"
#define USER(what) "users:\n- name: u\n  user: {" what "}\n"

/* base64 of "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n", by coreutils. */
#define PEM64                                                    \
    "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1BPT0KLS0tLS1FTkQgQ0" \
    "VSVElGSUNBVEUtLS0tLQo="

static int parse(struct kube_config *c, const char *text, const char *context, struct err *e)
{
    return kube_config_parse(c, text, strlen(text), context, "/etc/k", e);
}

static void a_whole_file_is_read(void **state)
{
    static const char text[] =
        HEAD "current-context: dev\n"
             "contexts:\n"
             "- name: dev\n  context: {cluster: local, user: nobody}\n"
             "- name: prod\n  context:\n    cluster: big\n    user: &who ci\n"
             "    namespace: shop\n"
             "clusters:\n"
             "- name: local\n  cluster: {server: http://127.0.0.1:8001}\n"
             "- name: big\n  cluster:\n    server: https://k.example:6443/\n"
             "    certificate-authority: ignored.crt\n"
             "    certificate-authority-data: " PEM64 "\n"
             "users:\n"
             "- name: nobody\n  user: {}\n"
             "- name: *who\n  user:\n    token: old\n    tokenFile: tokens/ci\n"
             "    client-certificate: /abs/me.crt\n"
             "    client-key: me.key\n";
    struct kube_config c;
    struct err e = {0};

    (void)state;
    if (parse(&c, text, "prod", &e) != 0)
        fail_msg("%s", e.msg);
    assert_string_equal(c.server, "https://k.example:6443");
    assert_string_equal(c.name_space, "shop");
    assert_string_equal(c.ca_pem,
                        "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n");
    assert_null(c.ca_file);
    assert_string_equal(c.token_file, "/etc/k/tokens/ci");
    assert_string_equal(c.cert_file, "/abs/me.crt");
    assert_string_equal(c.key_file, "/etc/k/me.key");
    assert_string_equal(c.from, "context prod");
    assert_false(c.is_unverified);
    kube_config_clear(&c);

    assert_int_equal(parse(&c, text, "", &e), 0); /* the current one */
    assert_string_equal(c.server, "http://127.0.0.1:8001");
    assert_null(c.name_space);
    assert_null(c.token);
    kube_config_clear(&c);
}

static void what_it_cannot_use_is_named(void **state)
{
    static const struct {
        const char *name, *text, *words;
    } cases[] = {
        {"nothing", "", "not a kubeconfig"},
        {"a list", "- a\n- b\n", "not a kubeconfig"},
        {"no YAML", HEAD "contexts: [\n", "not YAML"},
        {"no context chosen", HEAD "contexts: []\n", "no current-context"},
        {"unknown context", HEAD "current-context: x\n" CLUSTER, "no context \"x\""},
        {"unknown cluster", HEAD CONTEXT "clusters: []\n", "no cluster \"c\""},
        {"unknown user", HEAD CONTEXT CLUSTER, "no user \"u\""},
        {"no server", HEAD CONTEXT "clusters: [{name: c, cluster: {}}]\n", "no server"},
        {"no url", HEAD CONTEXT "clusters: [{name: c, cluster: {server: 10.0.0.1}}]\n",
         "cluster \"c\": url \"10.0.0.1\""},
        {"a proxy",
         HEAD CONTEXT
         "clusters: [{name: c, cluster: {server: \"https://a\", proxy-url: \"http://p\"}}]\n",
         "proxy-url is not supported"},
        {"bad data",
         HEAD CONTEXT "clusters: [{name: c, cluster: {server: \"https://a\", "
                      "certificate-authority-data: \"?\"}}]\n",
         "certificate-authority-data is not PEM in base64"},
        {"a plug-in", HEAD CONTEXT CLUSTER USER("exec: {command: aws}"),
         "user \"u\": exec is not supported: use the token of a service account"},
        {"an old plug-in", HEAD CONTEXT CLUSTER USER("auth-provider: {name: gcp}"),
         "auth-provider is not supported"},
        {"a password", HEAD CONTEXT CLUSTER USER("username: a, password: b"),
         "username is not supported"},
        {"half a certificate", HEAD CONTEXT CLUSTER USER("client-key: a.key"),
         "belong together"},
        {"two lines", HEAD CONTEXT CLUSTER USER("token: \"a\\nb\""), "more than one line"},
        {"a token in the open",
         HEAD CONTEXT "clusters: [{name: c, cluster: {server: \"http://10.0.0.1\"}}]\n" USER(
             "token: s3cret"),
         "a token is not sent over plain http"},
        {"a host that only looks near",
         HEAD CONTEXT
         "clusters: [{name: c, cluster: {server: \"http://127.a.example\"}}]\n" USER(
             "token: s3cret"),
         "a token is not sent over plain http"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kube_config c;
        struct err e = {0};

        print_message("%s\n", cases[i].name);
        assert_int_equal(parse(&c, cases[i].text, "", &e), -1);
        assert_int_equal(e.code, ERR_CONFIG);
        assert_contains(e.msg, cases[i].words);
        assert_null(strstr(e.msg, "s3cret"));
        kube_config_clear(&c);
    }
}

static void only_true_turns_verification_off(void **state)
{
    static const struct {
        const char *text;
        bool is_off;
    } cases[] = {{"true", true}, {"false", false}, {"\"\"", false}, {"null", false}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kube_config c;
        char text[400];
        struct err e = {0};

        snprintf(text, sizeof text,
                 HEAD CONTEXT "clusters: [{name: c, cluster: {server: \"https://a\", "
                              "insecure-skip-tls-verify: %s}}]\n" USER("token: t"),
                 cases[i].text);
        assert_int_equal(parse(&c, text, "", &e), 0);
        assert_int_equal(c.is_unverified, cases[i].is_off);
        kube_config_clear(&c);
    }
}

static void write_file(const char *dir, const char *name, const char *text, unsigned mode)
{
    char path[400];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(file_replace(path, text, strlen(text), mode, NULL), 0);
}

static void a_pod_is_told_where_and_who(void **state)
{
    char dir[300], path[400];
    struct kube_config c;
    struct err e = {0};

    (void)state;
    snprintf(dir, sizeof dir, "%s/pod", test_temp_dir());
    assert_int_equal(mkdir(dir, 0700), 0);
    unsetenv("KUBERNETES_SERVICE_HOST");
    assert_int_equal(kube_config_of_pod(&c, dir, &e), -1);
    assert_contains(e.msg, "not in a pod");
    setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
    setenv("KUBERNETES_SERVICE_PORT", "443", 1);
    assert_int_equal(kube_config_of_pod(&c, dir, &e), -1);
    assert_contains(e.msg, "namespace");
    write_file(dir, "namespace", "shop", 0644);
    if (kube_config_of_pod(&c, dir, &e) != 0)
        fail_msg("%s", e.msg);
    assert_string_equal(c.server, "https://[fd00::1]:443");
    assert_string_equal(c.name_space, "shop");
    snprintf(path, sizeof path, "%s/token", dir);
    assert_string_equal(c.token_file, path);
    snprintf(path, sizeof path, "%s/ca.crt", dir);
    assert_string_equal(c.ca_file, path);
    assert_true(c.is_pod);
    kube_config_clear(&c);
    unsetenv("KUBERNETES_SERVICE_HOST");
    unsetenv("KUBERNETES_SERVICE_PORT");
}

static void files_are_found_and_guarded(void **state)
{
    static const char good[] = HEAD CONTEXT CLUSTER USER("token: t");
    char path[400];
    struct kube_config c;
    struct err e = {0};

    (void)state;
    unsetenv("KUBECONFIG");
    unsetenv("HOME");
    assert_int_equal(kube_config_find(&c, "", "", &e), -1);
    assert_contains(e.msg, "name a file with kubeconfig");
    setenv("KUBECONFIG", "/a:/b", 1);
    assert_int_equal(kube_config_find(&c, "", "", &e), -1);
    assert_contains(e.msg, "several files");
    snprintf(path, sizeof path, "%s/config", test_temp_dir());
    setenv("KUBECONFIG", path, 1);
    assert_int_equal(kube_config_find(&c, "", "", &e), -1);
    assert_int_equal(e.code, ERR_IO);
    write_file(test_temp_dir(), "config", good, 0644);
    assert_int_equal(kube_config_find(&c, "", "", &e), -1);
    assert_int_equal(e.code, ERR_DENIED);
    assert_contains(e.msg, "readable by others");
    write_file(test_temp_dir(), "config", good, 0600);
    assert_int_equal(kube_config_find(&c, "", "", &e), 0);
    assert_contains(c.from, "context prod of ");
    kube_config_clear(&c);
    unsetenv("KUBECONFIG");
    assert_int_equal(kube_config_find(&c, path, "other", &e), -1);
    assert_contains(e.msg, "no context \"other\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_file_is_read),
        cmocka_unit_test(what_it_cannot_use_is_named),
        cmocka_unit_test(only_true_turns_verification_off),
        cmocka_unit_test(a_pod_is_told_where_and_who),
        cmocka_unit_test(files_are_found_and_guarded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
