/* test_server.c - real requests over loopback to the server on a loop. */
#include "lib/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "api/server.h"
#include "base/clk.h"

#define MANY_SERVICES 3000

static struct service_status services[MANY_SERVICES];
static struct daemon_status daemon_now;
static bool is_ready_now;

static const struct daemon_status *view_status(void *user)
{
    (void)user;
    return &daemon_now;
}

static bool view_ready(void *user, char *why, size_t size)
{
    (void)user;
    snprintf(why, size, "no decision yet");
    return is_ready_now;
}

static const struct api_view view = {view_status, view_ready, NULL};

/* One client on a thread of its own: sends `request`, keeps what comes until the end. */
struct client {
    uv_thread_t thread;
    int port;
    const char *request;
    struct str reply;
    uv_async_t *over;
    atomic_int *left; /* of a crowd: its last one says that all are over; NULL: alone */
};

static atomic_int clients_left;

static void client_main(void *arg)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct timeval most = {.tv_sec = 20};
    struct client *c = arg;
    char buf[65536];
    ssize_t n;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    to.sin_port = htons((uint16_t)c->port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
        send(fd, c->request, strlen(c->request), MSG_NOSIGNAL) > 0)
        while ((n = recv(fd, buf, sizeof buf, 0)) > 0)
            str_add_n(&c->reply, buf, (size_t)n);
    close(fd);
    if (!c->left || atomic_fetch_sub(c->left, 1) == 1)
        uv_async_send(c->over);
}

static void on_over(uv_async_t *over)
{
    uv_stop(over->loop);
}

/* What came back to one request; the caller clears it. */
static struct str ask(const char *request)
{
    static const char *const hosts[] = {"scaler.example"};
    struct client c = {.request = request};
    struct server *s = NULL;
    uv_async_t over;
    uv_loop_t loop;
    struct err e;

    assert_int_equal(uv_loop_init(&loop), 0);
    uv_async_init(&loop, &over, on_over);
    if (server_open(&s, &loop, "127.0.0.1:0", hosts, 1, &view, &e) != 0)
        fail_msg("%s", e.msg);
    c.port = server_port(s);
    c.over = &over;
    uv_thread_create(&c.thread, client_main, &c);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_thread_join(&c.thread);
    server_close(s);
    uv_close((uv_handle_t *)&over, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return c.reply;
}

#define END "Host: localhost\r\nConnection: close\r\n\r\n"

static void test_each_path_has_its_answer(void **state)
{
    static const struct {
        const char *name, *request, *status, *body;
    } rows[] = {
        {"health", "GET /healthz HTTP/1.1\r\n" END, "HTTP/1.1 200", "ok"},
        {"not ready", "GET /readyz HTTP/1.1\r\n" END, "HTTP/1.1 503", "no decision yet"},
        {"metrics", "GET /metrics HTTP/1.1\r\n" END, "HTTP/1.1 200",
         "scaler_load{service=\"s1\"} 12.5"},
        {"unknown values left out", "GET /metrics HTTP/1.0\r\n" END, "200 OK",
         "# TYPE scaler_forecast_load gauge\n# HELP scaler_needed_load"},
        {"status", "GET /v1/status HTTP/1.1\r\n" END, "HTTP/1.1 200", "\"name\":\"s1\""},
        {"elsewhere", "GET /etc/passwd HTTP/1.1\r\n" END, "HTTP/1.1 404", "/healthz"},
        {"post", "POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n" END, "HTTP/1.1 405", "GET"},
        {"another name for us",
         "GET /metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: "
         "close\r\n\r\n",
         "HTTP/1.1 421", "api.hosts"},
        {"no name at all", "GET /metrics HTTP/1.0\r\n\r\n", " 421", "api.hosts"},
        {"a name that begins like ours",
         "GET /metrics HTTP/1.1\r\nHost: localhost.evil.example\r\nConnection: "
         "close\r\n\r\n",
         "HTTP/1.1 421", "api.hosts"},
        {"our name",
         "GET /metrics HTTP/1.1\r\nHost: scaler.example:80\r\nConnection: "
         "close\r\n\r\n",
         "HTTP/1.1 200", "scaler_build_info"},
        {"a probe by address",
         "GET /healthz HTTP/1.1\r\nHost: 10.0.0.7:80\r\nConnection: "
         "close\r\n\r\n",
         "HTTP/1.1 200", "ok"},
    };

    (void)state;
    services[0] = (struct service_status){
        .name = "s1", .load = 12.5, .forecast = NAN, .need = 20, .desired = 3, .ready = -1};
    daemon_now = (struct daemon_status){.services = services, .n = 1};
    is_ready_now = false;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str reply = ask(rows[i].request);

        print_message("%s\n", rows[i].name);
        assert_contains(str_text(&reply), rows[i].status);
        assert_contains(str_text(&reply), rows[i].body);
        str_clear(&reply);
    }
}

static void test_a_body_is_not_taken(void **state)
{
    struct str reply;

    (void)state;
    daemon_now = (struct daemon_status){0};
    reply = ask("POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000000\r\n\r\n"
                "0123456789");
    assert_null(strstr(str_text(&reply), "HTTP/1.1 200"));
    str_clear(&reply);
}

struct crowd {
    struct client clients[100];
    size_t n_over;
};

static void on_all_over(uv_async_t *over)
{
    struct crowd *c = over->data;
    size_t n = 0;

    for (size_t i = 0; i < sizeof c->clients / sizeof c->clients[0]; i++)
        n += uv_thread_join(&c->clients[i].thread) == 0;
    c->n_over = n;
    uv_stop(over->loop);
}

/* A hundred at once, more than are taken: half send a part of a head and fall silent, half ask.
 * None of them waits longer than the server's patience, and some get their answer. */
static void test_a_hundred_at_once_and_silent_ones_are_closed(void **state)
{
    static struct crowd crowd;
    const size_t n = sizeof crowd.clients / sizeof crowd.clients[0];
    int64_t begin_ms = clk_mono_ms();
    size_t n_answered = 0;
    struct server *s = NULL;
    uv_async_t over;
    uv_loop_t loop;

    (void)state;
    memset(&crowd, 0, sizeof crowd);
    daemon_now = (struct daemon_status){0};
    assert_int_equal(uv_loop_init(&loop), 0);
    uv_async_init(&loop, &over, on_all_over);
    over.data = &crowd;
    assert_int_equal(server_open(&s, &loop, "127.0.0.1:0", NULL, 0, &view, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        struct client *c = &crowd.clients[i];

        c->request = i % 2 ? "GET /healthz HTTP/1.1\r\n" END : "GET /healthz HTTP/1.1\r\nHo";
        c->port = server_port(s);
        c->over = &over;
        c->left = &clients_left;
    }
    clients_left = (int)n;
    for (size_t i = 0; i < n; i++)
        uv_thread_create(&crowd.clients[i].thread, client_main, &crowd.clients[i]);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(crowd.n_over, n);
    for (size_t i = 0; i < n; i++) {
        bool is_answered = strstr(str_text(&crowd.clients[i].reply), " 200 ") != NULL;

        assert_false(is_answered && i % 2 == 0);
        n_answered += is_answered;
        str_clear(&crowd.clients[i].reply);
    }
    assert_in_range(n_answered, 10, n / 2);
    assert_in_range(clk_mono_ms() - begin_ms, 0, 18000); /* a client gives up after 20 s */
    server_close(s);
    uv_close((uv_handle_t *)&over, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void test_a_large_head_is_refused(void **state)
{
    struct str request = STR_EMPTY, reply;

    (void)state;
    str_add(&request, "GET /healthz HTTP/1.1\r\nX: ");
    for (int i = 0; i < 60000; i++)
        str_add(&request, "y");
    str_add(&request, "\r\n" END);
    reply = ask(str_text(&request));
    assert_null(strstr(str_text(&reply), "HTTP/1.1 200"));
    str_clear(&request);
    str_clear(&reply);
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;

    while ((text = strstr(text, part)) != NULL) {
        n++;
        text++;
    }
    return n;
}

static void test_many_services_come_in_pieces_and_none_is_lost(void **state)
{
    struct str reply;

    (void)state;
    for (int i = 0; i < MANY_SERVICES; i++) {
        services[i] = (struct service_status){.load = i, .need = NAN, .forecast = NAN};
        snprintf(services[i].name, sizeof services[i].name, "s\"%d", i);
    }
    daemon_now = (struct daemon_status){.services = services, .n = MANY_SERVICES};
    reply = ask("GET /metrics HTTP/1.0\r\n" END);
    assert_int_equal(count(str_text(&reply), "\nscaler_load{service=\"s\\\""), MANY_SERVICES);
    assert_int_equal(count(str_text(&reply), "# TYPE scaler_instances gauge"), 1);
    str_clear(&reply);
    reply = ask("GET /v1/status HTTP/1.0\r\n" END);
    assert_int_equal(count(str_text(&reply), "\"name\":"), MANY_SERVICES);
    str_clear(&reply);
}

static void test_an_address_in_use_or_wrong_is_said(void **state)
{
    static const char *const wrong[] = {"9464", "nowhere:1", "127.0.0.1:x", "127.0.0.1:70000",
                                        ""};
    struct server *first = NULL, *second = NULL;
    char address[32];
    uv_loop_t loop;
    struct err e;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(server_open(&first, &loop, "127.0.0.1:0", NULL, 0, &view, &e), 0);
    snprintf(address, sizeof address, "127.0.0.1:%d", server_port(first));
    assert_int_equal(server_open(&second, &loop, address, NULL, 0, &view, &e), -1);
    assert_int_equal(e.code, ERR_IO);
    assert_contains(e.msg, "give each its own address");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(server_open(&second, &loop, wrong[i], NULL, 0, &view, &e), -1);
        assert_int_equal(e.code, ERR_CONFIG);
    }
    server_close(first);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_path_has_its_answer),
        cmocka_unit_test(test_a_body_is_not_taken),
        cmocka_unit_test(test_a_hundred_at_once_and_silent_ones_are_closed),
        cmocka_unit_test(test_a_large_head_is_refused),
        cmocka_unit_test(test_many_services_come_in_pieces_and_none_is_lost),
        cmocka_unit_test(test_an_address_in_use_or_wrong_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
