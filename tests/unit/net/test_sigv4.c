/* test_sigv4.c - signed requests as a server sees them, against AWS's published signatures and
 * against a computation of our own.
 *
 * Published: AWS Signature Version 4 test suite (aws-sig-v4-test-suite), cases named below;
 * key AKIDEXAMPLE, 20150830T123600Z, us-east-1, service "service". */
#include "lib/test.h"

#include <glib.h>
#include <microhttpd.h>
#include <netinet/in.h>

#include "base/clk.h"
#include "net/http.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define ALL_PLAIN "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* What the server saw of the last request. */
static struct {
    char method[16], path[200], body[500], authorization[600];
    GHashTable *headers; /* names in lower case */
    char *parameters[8]; /* "name=value" decoded */
    size_t n_parameters;
} seen;
static struct MHD_Daemon *server;
static char base[64];

static enum MHD_Result keep_header(void *user, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    (void)user, (void)kind;
    g_hash_table_replace(seen.headers, g_ascii_strdown(name, -1), g_strdup(value ? value : ""));
    return MHD_YES;
}

static enum MHD_Result keep_parameter(void *user, enum MHD_ValueKind kind, const char *name,
                                      const char *value)
{
    char *n = g_uri_escape_string(name, NULL, false);
    char *v = g_uri_escape_string(value ? value : "", NULL, false);

    (void)user, (void)kind;
    seen.parameters[seen.n_parameters++] = g_strdup_printf("%s=%s", n, v);
    g_free(n);
    g_free(v);
    return MHD_YES;
}

static void forget(void)
{
    for (size_t i = 0; i < seen.n_parameters; i++)
        g_free(seen.parameters[i]);
    seen.n_parameters = 0;
    seen.body[0] = '\0';
    g_hash_table_remove_all(seen.headers);
}

static enum MHD_Result answer(void *user, struct MHD_Connection *c, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state)
{
    struct MHD_Response *r;
    enum MHD_Result rc;

    (void)user, (void)version;
    if (!*state) {
        *state = &seen;
        forget();
        return MHD_YES;
    }
    if (*upload_size > 0) {
        snprintf(seen.body, sizeof seen.body, "%.*s", (int)*upload_size, upload);
        *upload_size = 0;
        return MHD_YES;
    }
    snprintf(seen.method, sizeof seen.method, "%s", method);
    snprintf(seen.path, sizeof seen.path, "%s", url);
    MHD_get_connection_values(c, MHD_HEADER_KIND, keep_header, NULL);
    MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, keep_parameter, NULL);
    r = MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
    rc = MHD_queue_response(c, 200, r);
    MHD_destroy_response(r);
    return rc;
}

static int start(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    (void)state;
    seen.headers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    server = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, answer, NULL,
                              MHD_OPTION_SOCK_ADDR, &a, MHD_OPTION_END);
    assert_non_null(server);
    snprintf(base, sizeof base, "http://127.0.0.1:%d",
             MHD_get_daemon_info(server, MHD_DAEMON_INFO_BIND_PORT)->port);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    MHD_stop_daemon(server);
    forget();
    g_hash_table_destroy(seen.headers);
    return 0;
}

static void send_signed(const char *method, const char *path, const char *body,
                        const char *content_type, const char *token, const char *const *headers)
{
    struct http_options none = {0};
    struct sigv4 sign = {"us-east-1", "service", "AKIDEXAMPLE", SECRET, token};
    struct http_reply reply;
    struct err e = {0};
    struct http *h;
    char url[400];
    struct http_request r = {.method = method,
                             .url = url,
                             .body = body,
                             .body_len = body ? strlen(body) : 0,
                             .content_type = content_type,
                             .headers = headers,
                             .sign = &sign,
                             .most_bytes = 1000,
                             .deadline_mono_ms = clk_mono_ms() + 10000};

    snprintf(url, sizeof url, "%s%s", base, path);
    assert_int_equal(http_new(&h, &none, &e), 0);
    if (http_call(h, &r, &reply, &e) != 0)
        fail_msg("%s", e.msg);
    assert_int_equal(reply.status, 200);
    snprintf(seen.authorization, sizeof seen.authorization, "%s",
             (char *)g_hash_table_lookup(seen.headers, "authorization"));
    http_reply_clear(&reply);
    http_free(h);
}

static void signatures_are_those_that_aws_published(void **state)
{
    static const char *const then[] = {"Host: example.amazonaws.com",
                                       "X-Amz-Date: 20150830T123600Z", NULL};
    static const struct {
        const char *name, *path, *signature;
    } cases[] = {
        {"get-vanilla", "/",
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"get-vanilla-query-order-key-case", "/?Param2=value2&Param1=value1",
         "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        {"get-vanilla-query-unreserved", "/?" ALL_PLAIN "=" ALL_PLAIN,
         "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
        {"get-vanilla-empty-query-key", "/?Param1=value1",
         "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
        {"get-vanilla-utf8-query", "/?\xe1\x88\xb4=bar",
         "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("%s\n", cases[i].name);
        send_signed("GET", cases[i].path, NULL, NULL, NULL, then);
        assert_contains(seen.authorization, cases[i].signature);
    }
}

/* --- the signature, computed from what the server saw ------------------------------------ */

static void hmac(const guint8 *key, gsize n, const char *text, guint8 out[32])
{
    GHmac *h = g_hmac_new(G_CHECKSUM_SHA256, key, n);
    gsize size = 32;

    g_hmac_update(h, (const guchar *)text, -1);
    g_hmac_get_digest(h, out, &size);
    g_hmac_unref(h);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *canonical_request(const char *signed_headers)
{
    GString *s = g_string_new(NULL);
    char **names = g_strsplit(signed_headers, ";", -1);
    char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, seen.body, -1);

    qsort(seen.parameters, seen.n_parameters, sizeof seen.parameters[0], by_bytes);
    g_string_printf(s, "%s\n%s\n", seen.method, seen.path);
    for (size_t i = 0; i < seen.n_parameters; i++)
        g_string_append_printf(s, "%s%s", i > 0 ? "&" : "", seen.parameters[i]);
    g_string_append(s, "\n");
    for (char **p = names; *p; p++) {
        const char *value = g_hash_table_lookup(seen.headers, *p);

        if (!value)
            fail_msg("signed, but not sent: %s", *p);
        g_string_append_printf(s, "%s:%s\n", *p, value);
    }
    g_string_append_printf(s, "\n%s\n%s", signed_headers, hash);
    g_strfreev(names);
    g_free(hash);
    return g_string_free(s, false);
}

/* Signature of the last request by the book. The caller frees. */
static char *signature_by_the_book(const char *signed_headers)
{
    const char *date = g_hash_table_lookup(seen.headers, "x-amz-date");
    char *day = g_strndup(date, 8);
    char *request = canonical_request(signed_headers);
    char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, request, -1);
    char *to_sign = g_strdup_printf(
        "AWS4-HMAC-SHA256\n%s\n%s/us-east-1/service/aws4_request\n%s", date, day, hash);
    guint8 k[32];
    char *signature;

    hmac((const guint8 *)"AWS4" SECRET, strlen("AWS4" SECRET), day, k);
    hmac(k, 32, "us-east-1", k);
    hmac(k, 32, "service", k);
    hmac(k, 32, "aws4_request", k);
    signature = g_compute_hmac_for_string(G_CHECKSUM_SHA256, k, 32, to_sign, -1);
    g_free(day);
    g_free(request);
    g_free(hash);
    g_free(to_sign);
    return signature;
}

static void what_is_sent_is_what_was_signed(void **state)
{
    static const char *const target[] = {"X-Amz-Target: Some_20141113.DescribeServices", NULL};
    static const struct {
        const char *name, *method, *path, *body, *type, *token;
        const char *const *headers;
        const char *must_be_signed;
    } cases[] = {
        {"get", "GET", "/2015-03-31/functions/f", NULL, NULL, NULL, NULL, "host;x-amz-date"},
        {"get, query", "GET", "/a/b?z=1&Qualifier=a:b%2f&a=&b&c=%41%20+", NULL, NULL, NULL,
         NULL, "host;x-amz-date"},
        {"delete with a token", "DELETE", "/a?Qualifier=live", NULL, NULL, "AQo//tok=en", NULL,
         "x-amz-security-token"},
        {"form", "POST", "/", "Action=A&Version=2011-01-01",
         "application/x-www-form-urlencoded; charset=utf-8", "AQo//tok=en", NULL,
         "x-amz-security-token"},
        {"json", "POST", "/", "{\"cluster\": \"a\"}", "application/x-amz-json-1.1", NULL,
         target, "x-amz-target"},
        {"put", "PUT", "/a?Qualifier=live", "{}", "application/json", NULL, NULL,
         "host;x-amz-date"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char signed_headers[200] = "", signature[65] = "", *expected;

        print_message("%s\n", cases[i].name);
        send_signed(cases[i].method, cases[i].path, cases[i].body, cases[i].type,
                    cases[i].token, cases[i].headers);
        assert_int_equal(sscanf(strstr(seen.authorization, "SignedHeaders="),
                                "SignedHeaders=%199[^,], Signature=%64s", signed_headers,
                                signature),
                         2);
        assert_contains(signed_headers, cases[i].must_be_signed);
        expected = signature_by_the_book(signed_headers);
        assert_string_equal(signature, expected);
        g_free(expected);
        assert_null(g_hash_table_lookup(seen.headers, "expect"));
    }
}

static void urls_take_their_canonical_form(void **state)
{
    static const struct {
        const char *name, *url, *expected;
    } cases[] = {
        {"no path", "https://h", "https://h/"},
        {"sorted", "https://h/?b=2&a=3&a=1&A=9", "https://h/?A=9&a=1&a=3&b=2"},
        {"a name before its longer", "https://h/?ab=1&a=2&a-=0", "https://h/?a=2&a-=0&ab=1"},
        {"no value", "https://h/p?b&a=", "https://h/p?a=&b="},
        {"encoded once", "https://h/?a=%7e%3a&b=x y", "https://h/?a=~%3A&b=x%20y"},
        {"a lone percent", "https://h/?a=5%&b=%4", "https://h/?a=5%25&b=%254"},
        {"empty ones", "https://h/?&&a=1&", "https://h/?a=1"},
        {"no fragment", "https://h/p?a=1#b", "https://h/p?a=1"},
        {"blank in the path", "https://h/a b", NULL},
        {"encoded path", "https://h/a%3Ab", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct str out = STR_EMPTY;
        struct err e = {0};

        print_message("%s\n", cases[i].name);
        if (cases[i].expected) {
            assert_int_equal(sigv4_url(&out, cases[i].url, &e), 0);
            assert_string_equal(str_text(&out), cases[i].expected);
        } else {
            assert_int_equal(sigv4_url(&out, cases[i].url, &e), -1);
            assert_int_equal(e.code, ERR_CONFIG);
        }
        str_clear(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_those_that_aws_published),
        cmocka_unit_test(what_is_sent_is_what_was_signed),
        cmocka_unit_test(urls_take_their_canonical_form),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
