/* test_http.c - requests and credentials as a server sees them, and its answers as we judge
 * them. */
#include "lib/test.h"

#include <microhttpd.h>
#include <netinet/in.h>

#include "base/clk.h"
#include "base/file.h"
#include "lib/servers.h"
#include "net/http.h"

enum { LONG_MS = 10000 };

/* Answers with the status in the path and the request's Authorization as body. */
static enum MHD_Result answer(void *user, struct MHD_Connection *c, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state)
{
    const char *auth = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");
    struct MHD_Response *r;
    enum MHD_Result rc;

    (void)user, (void)method, (void)version, (void)upload, (void)upload_size, (void)state;
    if (!auth)
        auth = "nobody";
    r = MHD_create_response_from_buffer(strlen(auth), (void *)(uintptr_t)auth,
                                        MHD_RESPMEM_MUST_COPY);
    rc = MHD_queue_response(c, (unsigned)atoi(url + 1), r);
    MHD_destroy_response(r);
    return rc;
}

static struct MHD_Daemon *server;
static char base[64], token_path[300];

static int start(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    (void)state;
    server = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, answer, NULL,
                              MHD_OPTION_SOCK_ADDR, &a, MHD_OPTION_END);
    assert_non_null(server);
    snprintf(base, sizeof base, "http://127.0.0.1:%d",
             MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT)->port);
    snprintf(token_path, sizeof token_path, "%s/token", test_temp_dir());
    return 0;
}

static int stop(void **state)
{
    (void)state;
    MHD_stop_daemon(server);
    return 0;
}

static int get(struct http *h, const char *path, size_t most, struct http_reply *reply,
               struct err *e)
{
    char url[100];
    struct http_request r = {.method = "GET",
                             .url = url,
                             .most_bytes = most,
                             .deadline_mono_ms = clk_mono_ms() + LONG_MS};

    snprintf(url, sizeof url, "%s%s", base, path);
    return http_call(h, &r, reply, e);
}

static void write_token(const char *text)
{
    assert_int_equal(file_replace(token_path, text, strlen(text), 0600, NULL), 0);
}

static void credentials_arrive_and_a_new_token_is_taken_up(void **state)
{
    struct http_options none = {0}, bearer = {.bearer_file = token_path},
                        basic = {.user = "me", .password_file = token_path};
    const struct {
        const char *name, *token, *expected;
        const struct http_options *options;
    } cases[] = {
        {"none", "t1\n", "nobody", &none},
        {"bearer", "t1\n", "Bearer t1", &bearer},
        {"basic", "letmein\n", "Basic bWU6bGV0bWVpbg==", &basic}, /* base64 of me:letmein */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_reply reply;
        struct err e = {0};
        struct http *h;

        print_message("%s\n", cases[i].name);
        write_token(cases[i].token);
        assert_int_equal(http_new(&h, cases[i].options, &e), 0);
        for (int k = 0; k < 2; k++) { /* again over the same connection */
            if (get(h, "/200", 1000, &reply, &e) != 0)
                fail_msg("%s", e.msg);
            assert_int_equal(reply.status, 200);
            assert_string_equal(str_text(&reply.body), cases[i].expected);
            http_reply_clear(&reply);
        }
        if (cases[i].options == &bearer) {
            write_token("t2\n");
            assert_int_equal(get(h, "/200", 1000, &reply, &e), 0);
            assert_string_equal(str_text(&reply.body), "Bearer t2");
            http_reply_clear(&reply);
        }
        http_free(h);
    }
}

static void every_status_is_judged_with_its_cure(void **state)
{
    static const struct {
        const char *path;
        enum err_code code;
        const char *message;
    } cases[] = {
        {"/200", ERR_NONE, ""},
        {"/302", ERR_CONFIG, "redirects are not followed"},
        {"/400", ERR_CONFIG, "HTTP 400: nobody"},
        {"/401", ERR_DENIED, "check the token or the password"},
        {"/403", ERR_DENIED, "check the token or the password"},
        {"/404", ERR_CONFIG, "check the url"},
        {"/409", ERR_CONFLICT, "changed by someone else"},
        {"/429", ERR_BUSY, "too many requests"},
        {"/503", ERR_IO, "the server failed"},
    };
    struct http_options none = {0};
    struct http *h;

    (void)state;
    assert_int_equal(http_new(&h, &none, NULL), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_reply reply;
        struct err e = {0};

        print_message("%s\n", cases[i].path);
        assert_int_equal(get(h, cases[i].path, 1000, &reply, &e), 0);
        assert_int_equal(http_check_status(&reply, &e), cases[i].code == ERR_NONE ? 0 : -1);
        assert_int_equal(e.code, cases[i].code);
        assert_contains(e.msg, cases[i].message);
        http_reply_clear(&reply);
    }
    http_free(h);
}

static void a_call_that_cannot_be_made_says_why(void **state)
{
    static const struct {
        const char *name, *url;
        size_t most;
        int patience_ms;
        enum err_code code;
        const char *message;
    } cases[] = {
        {"too large", NULL, 3, LONG_MS, ERR_LIMIT, "larger than the limit of 3 bytes"},
        {"too late", NULL, 1000, -1, ERR_IO, "deadline"},
        {"nobody there", "http://127.0.0.1:1/", 1000, LONG_MS, ERR_IO,
         "Connection refused (is it running there?)"},
        {"password in it", "http://me:secret@host/", 1000, LONG_MS, ERR_CONFIG, "is refused"},
        {"no host", "http:///x", 1000, LONG_MS, ERR_CONFIG, "no host"},
        {"another protocol", "ftp://host/", 1000, LONG_MS, ERR_CONFIG, "write http://"},
    };
    struct http_options none = {.is_direct = 1};
    struct http *h;
    char url[100];

    (void)state;
    assert_int_equal(http_new(&h, &none, NULL), 0);
    snprintf(url, sizeof url, "%s/200", base);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_request r = {.method = "GET",
                                 .url = cases[i].url ? cases[i].url : url,
                                 .most_bytes = cases[i].most,
                                 .deadline_mono_ms = clk_mono_ms() + cases[i].patience_ms};
        struct http_reply reply;
        struct err e = {0};

        print_message("%s\n", cases[i].name);
        assert_int_equal(http_call(h, &r, &reply, &e), -1);
        assert_int_equal(e.code, cases[i].code);
        assert_contains(e.msg, cases[i].message);
        assert_null(strstr(e.msg, "secret"));
        http_reply_clear(&reply);
    }
    http_free(h);
}

/* --- certificates as text --- */

static char *slurp(const char *name)
{
    struct str text = STR_EMPTY;
    char path[400];

    snprintf(path, sizeof path, "%s/%s", test_temp_dir(), name);
    assert_int_equal(file_read(path, 100000, &text, NULL), 0);
    return text.data;
}

/* Asks whoever calls for a certificate that it made itself. */
static int start_strict_server(void)
{
    const char *dir = test_temp_dir();
    char line[1500], port_text[40], cert[340], key[340], trusted[340];
    int port = test_free_port();
    const char *argv[] = {"openssl",
                          "s_server",
                          "-accept",
                          port_text,
                          "-cert",
                          cert,
                          "-key",
                          key,
                          "-CAfile",
                          trusted,
                          "-Verify",
                          "1",
                          "-verify_return_error",
                          "-www",
                          NULL};

    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "server" : "client";

        snprintf(line, sizeof line,
                 "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
                 "-days 2 -subj /CN=%s -addext subjectAltName=IP:127.0.0.1 -keyout %s/%s.key "
                 "-out %s/%s.crt >%s/openssl.log 2>&1",
                 name, dir, name, dir, name, dir);
        assert_int_equal(system(line), 0);
    }
    snprintf(port_text, sizeof port_text, "127.0.0.1:%d", port);
    snprintf(cert, sizeof cert, "%s/server.crt", dir);
    snprintf(key, sizeof key, "%s/server.key", dir);
    snprintf(trusted, sizeof trusted, "%s/client.crt", dir);
    test_start("s_server", argv);
    assert_true(test_wait_port(port, NULL));
    return port;
}

static void certificates_may_be_text(void **state)
{
    char *ca, *cert, *key, url[64];

    (void)state;
    if (!test_has_program("openssl"))
        skip();
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", start_strict_server());
    ca = slurp("server.crt");
    cert = slurp("client.crt");
    key = slurp("client.key");
    const struct {
        const char *name;
        struct http_options o;
        enum err_code code;
    } cases[] = {
        {"all three", {.ca_pem = ca, .cert_pem = cert, .key_pem = key}, ERR_NONE},
        {"nothing to show", {.ca_pem = ca}, ERR_IO},
        {"another's key", {.ca_pem = ca, .cert_pem = ca, .key_pem = key}, ERR_CONFIG},
        {"an unknown server", {.cert_pem = cert, .key_pem = key}, ERR_DENIED},
        {"one that the user does not verify",
         {.cert_pem = cert, .key_pem = key, .is_unverified = 1},
         ERR_NONE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_request r = {.method = "GET",
                                 .url = url,
                                 .most_bytes = 100000,
                                 .deadline_mono_ms = clk_mono_ms() + LONG_MS};
        struct http_reply reply;
        struct err e = {0};
        struct http *h;

        print_message("%s\n", cases[i].name);
        assert_int_equal(http_new(&h, &cases[i].o, &e), 0);
        if (http_call(h, &r, &reply, &e) == 0)
            assert_int_equal(reply.status, 200);
        if (e.code != cases[i].code)
            fail_msg("%s: %s", err_name(e.code), e.msg);
        http_reply_clear(&reply);
        http_free(h);
    }
    free(ca);
    free(cert);
    free(key);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(credentials_arrive_and_a_new_token_is_taken_up),
        cmocka_unit_test(every_status_is_judged_with_its_cure),
        cmocka_unit_test(a_call_that_cannot_be_made_says_why),
        cmocka_unit_test(certificates_may_be_text),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
