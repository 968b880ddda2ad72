/* test_redis_faults.c - servers that refuse, dribble, lie, die and come back empty. */
#include "lib/servers.h"
#include "lib/test.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/file.h"
#include "collect/source.h"
#include "net/redis.h"

enum { LONG_MS = 10000 }; /* for what answers as fast as the machine allows */

/* ---- a server of our own that behaves badly ---- */

enum badness { DRIBBLE, CLOSE_MID_REPLY, GARBAGE, HUGE_BULK, HUGE_ARRAY, SILENT, NO_NEWLINE };

struct fake {
    int fd, port;
    enum badness how;
    pthread_t thread;
};

static bool put(int fd, const char *text)
{
    return send(fd, text, strlen(text), MSG_NOSIGNAL) > 0;
}

static void misbehave(int fd, enum badness how)
{
    static const char filler[] =
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

    switch (how) {
    case DRIBBLE:
        put(fd, "$100000\r\n");
        while (put(fd, "x"))
            usleep(20000);
        break;
    case CLOSE_MID_REPLY:
        put(fd, "$100\r\nhalf");
        break;
    case GARBAGE:
        put(fd, "HTTP/1.0 400 Bad Request\r\n\r\n");
        usleep(500000);
        break;
    case HUGE_BULK:
        put(fd, "$1000000000\r\n");
        while (put(fd, filler))
            continue;
        break;
    case HUGE_ARRAY:
        put(fd, "*2000000000\r\n");
        usleep(500000);
        break;
    case NO_NEWLINE:
        put(fd, "+");
        while (put(fd, filler))
            continue;
        break;
    case SILENT:
        recv(fd, (char[1]){0}, 1, 0); /* until the other side gives up */
        break;
    }
}

static void *serve(void *user)
{
    struct fake *f = user;

    for (;;) {
        char buf[4096];
        int fd = accept(f->fd, NULL, NULL);

        if (fd < 0)
            return NULL;
        if (recv(fd, buf, sizeof buf, 0) > 0)
            misbehave(fd, f->how);
        close(fd);
    }
}

static void fake_start(struct fake *f, enum badness how)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;

    f->how = how;
    f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(f->fd, (struct sockaddr *)&a, &n), 0);
    assert_int_equal(listen(f->fd, 16), 0);
    f->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
}

static void fake_stop(struct fake *f)
{
    shutdown(f->fd, SHUT_RDWR);
    pthread_join(f->thread, NULL);
    close(f->fd);
}

struct answers {
    size_t n;
    char last[128];
    enum rds_type type;
};

static void on_reply(void *user, size_t index, const struct rds_value *v)
{
    struct answers *a = user;

    assert_int_equal(index, a->n);
    a->n++;
    a->type = v->type;
    snprintf(a->last, sizeof a->last, "%s", v->text ? v->text : "");
}

struct bad_server {
    const char *name;
    enum badness how;
    enum err_code code; /* of the run; ERR_NONE: the reply itself is the error */
    const char *message;
};

static const struct bad_server bad_servers[] = {
    {"dribbles", DRIBBLE, ERR_IO, "deadline passed after 0 of 1 replies"},
    {"closes mid-reply", CLOSE_MID_REPLY, ERR_IO, "closed by the server"},
    {"speaks HTTP", GARBAGE, ERR_DATA, "not the Redis protocol"},
    {"sends 1e9 bytes", HUGE_BULK, ERR_NONE, "LIMIT"},
    {"announces 2e9 elements", HUGE_ARRAY, ERR_NONE, "LIMIT"},
    {"never ends a line", NO_NEWLINE, ERR_NONE, "LIMIT"},
    {"is silent", SILENT, ERR_IO, "deadline passed"},
};

static void no_server_holds_a_call_past_its_deadline(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_servers / sizeof bad_servers[0]; i++) {
        const struct bad_server *b = &bad_servers[i];
        struct answers a = {0};
        struct err e = {0};
        struct fake f;
        struct rds *r;
        char url[64];
        int64_t took = INT64_MAX, patience;
        int rc = 0;

        print_message("%s\n", b->name);
        fake_start(&f, b->how);
        snprintf(url, sizeof url, "redis://127.0.0.1:%d", f.port);
        struct rds_options o = {.url = url, .most_reply_bytes = 1000000};
        /* Those that do not run into it need time to be found out on a busy machine. */
        patience = strstr(b->message, "deadline") ? 400 : LONG_MS;
        /* A busy machine may wake us late: one of several calls is in time. */
        for (int k = 0; k < 5 && took > patience + 100; k++) {
            int64_t started;

            a.n = 0;
            assert_int_equal(rds_new(&r, &o, &e), 0);
            assert_int_equal(rds_add_words(r, &e, "GET", "x", NULL), 0);
            started = clk_mono_ms();
            rc = rds_run(r, started + patience, on_reply, &a, &e);
            took = clk_mono_ms() - started;
            rds_free(r);
        }
        assert_true(took <= patience + 100);
        if (b->code == ERR_NONE) {
            assert_int_equal(rc, 0);
            assert_int_equal(a.type, RDS_ERROR);
            assert_contains(a.last, b->message);
        } else {
            assert_int_equal(rc, -1);
            assert_int_equal(e.code, b->code);
            assert_contains(e.msg, b->message);
            assert_contains(e.msg, url + strlen("redis://"));
        }
        fake_stop(&f);
    }
}

/* ---- a real server ---- */

static void ten_thousand_commands_do_not_lock_up(void **state)
{
    struct test_redis server;
    struct rds *r;
    struct answers a = {0};
    struct err e = {0};
    char *big = malloc(100001);

    (void)state;
    test_redis_start(&server, "pipeline", NULL);
    struct rds_options o = {.url = server.url, .most_reply_bytes = 1000000};
    assert_int_equal(rds_new(&r, &o, &e), 0);
    memset(big, 'x', 100000);
    big[100000] = '\0';
    assert_int_equal(rds_add_words(r, &e, "SET", "big", big, NULL), 0);
    assert_int_equal(rds_run(r, clk_mono_ms() + 5000, on_reply, &a, &e), 0);
    /* 50 MB of replies while commands go out: they fit no buffer. */
    a.n = 0;
    for (int i = 0; i < 500; i++) {
        assert_int_equal(rds_add_words(r, &e, "GET", "big", NULL), 0);
        for (int k = 0; k < 19; k++)
            assert_int_equal(rds_add_words(r, &e, "EXISTS", "a", "b", "c", "d", NULL), 0);
    }
    if (rds_run(r, clk_mono_ms() + 20000, on_reply, &a, &e) != 0)
        fail_msg("%s", e.msg);
    assert_int_equal(a.n, 10000);
    free(big);
    rds_free(r);
    test_kill(server.pid);
}

static void a_killed_server_is_found_again(void **state)
{
    struct test_redis server;
    struct rds *r;
    struct answers a = {0};
    struct err e = {0};

    (void)state;
    test_redis_start(&server, "again", NULL);
    struct rds_options o = {.url = server.url, .most_reply_bytes = 1000000};
    assert_int_equal(rds_new(&r, &o, &e), 0);
    rds_add_words(r, &e, "PING", NULL);
    assert_int_equal(rds_run(r, clk_mono_ms() + 2000, on_reply, &a, &e), 0);
    test_kill(server.pid);
    a.n = 0;
    rds_add_words(r, &e, "PING", NULL);
    assert_int_equal(rds_run(r, clk_mono_ms() + 2000, on_reply, &a, &e), -1);
    assert_int_equal(e.code, ERR_IO);
    assert_contains(e.msg, server.path);
    assert_contains(e.msg, "Connection refused");
    assert_null(strstr(e.msg, "port 80"));
    /* Again and again: told to wait, without a system call to the dead server. The waits
     * double, so even a slow machine comes within one. */
    for (int k = 0; k < 1000 && !strstr(e.msg, "next attempt in"); k++) {
        rds_add_words(r, &e, "PING", NULL);
        assert_int_equal(rds_run(r, clk_mono_ms() + 2000, on_reply, &a, &e), -1);
    }
    assert_contains(e.msg, "next attempt in");
    test_redis_start(&server, "again", NULL);
    for (int k = 0, rc = -1; rc != 0; k++) {
        rds_add_words(r, &e, "PING", NULL);
        rc = rds_run(r, clk_mono_ms() + 2000, on_reply, &a, &e);
        if (k == 600)
            fail_msg("%s", e.msg);
        usleep(20000);
    }
    assert_string_equal(a.last, "PONG");
    /* Restarted while idle: the dead connection is replaced without an error. */
    test_kill(server.pid);
    test_redis_start(&server, "again", NULL);
    a.n = 0;
    rds_add_words(r, &e, "PING", NULL);
    if (rds_run(r, clk_mono_ms() + 2000, on_reply, &a, &e) != 0)
        fail_msg("%s", e.msg);
    rds_free(r);
    test_kill(server.pid);
}

/* ---- password, ACL, TLS ---- */

static char secret_path[300], ca_path[300];

static void write_secret(const char *text)
{
    snprintf(secret_path, sizeof secret_path, "%s/password", test_temp_dir());
    assert_int_equal(file_replace(secret_path, text, strlen(text), 0600, NULL), 0);
}

struct login {
    const char *name, *user, *password;
    enum err_code code;
    const char *message;
    int patience_ms;
};

static const struct login logins[] = {
    {"no password", "", NULL, ERR_DENIED, "NOAUTH", LONG_MS},
    {"wrong password", "", "guess\n", ERR_DENIED, "check user and password_file", LONG_MS},
    {"right password", "", "letmein\n", ERR_NONE, "", LONG_MS},
    {"ACL user", "reader", "readme\n", ERR_NONE, "", LONG_MS},
    {"ACL user without rights", "blind", "seeme\n", ERR_DENIED, "ACL SETUSER", LONG_MS},
    {"empty password", "", "\n", ERR_CONFIG, "the secret is empty", LONG_MS},
};

/* One GET of "k", as a service would: the code and message of whatever fails. */
static void try_login(const char *url, const struct login *l, const char *ca)
{
    struct rds_options o = {
        .url = url, .user = l->user, .ca_file = ca, .most_reply_bytes = 100000};
    struct answers a = {0};
    struct err e = {0};
    struct rds *r;

    print_message("%s\n", l->name);
    if (l->password) {
        write_secret(l->password);
        o.password_file = secret_path;
    }
    assert_int_equal(rds_new(&r, &o, &e), 0);
    rds_add_words(r, &e, "GET", "k", NULL);
    if (rds_run(r, clk_mono_ms() + l->patience_ms, on_reply, &a, &e) == 0 &&
        a.type == RDS_ERROR) {
        struct rds_value v = {.type = RDS_ERROR, .text = a.last, .len = strlen(a.last)};

        rds_error(&v, "k", &e);
    }
    if (e.code != l->code)
        fail_msg("code %d: %s", (int)e.code, e.msg);
    assert_contains(e.msg, l->message);
    rds_free(r);
}

static void run(const char *command)
{
    assert_int_equal(system(command), 0);
}

static void logins_and_tls_work_and_fail_clearly(void **state)
{
    char acl[300], port[16], tls_port[16], cert[300], key[300], command[1500], url[64];
    const char *dir = test_temp_dir();
    int p = test_free_port(), t = test_free_port();
    struct test_redis server;
    static const char users[] = "user default on >letmein ~* +@all\n"
                                "user reader on >readme ~* +@read +info +time\n"
                                "user blind on >seeme ~none +ping\n";

    (void)state;
    snprintf(acl, sizeof acl, "%s/users.acl", dir);
    snprintf(cert, sizeof cert, "%s/server.crt", dir);
    snprintf(key, sizeof key, "%s/server.key", dir);
    snprintf(ca_path, sizeof ca_path, "%s", cert);
    snprintf(port, sizeof port, "%d", p);
    snprintf(tls_port, sizeof tls_port, "%d", t);
    assert_int_equal(file_replace(acl, users, sizeof users - 1, 0600, NULL), 0);
    snprintf(
        command, sizeof command,
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout %s "
        "-out %s >%s/openssl.log 2>&1",
        key, cert, dir);
    run(command);
    const char *more[] = {"--port",
                          port,
                          "--bind",
                          "127.0.0.1",
                          "--aclfile",
                          acl,
                          "--tls-port",
                          tls_port,
                          "--tls-cert-file",
                          cert,
                          "--tls-key-file",
                          key,
                          "--tls-ca-cert-file",
                          cert,
                          "--tls-auth-clients",
                          "no",
                          NULL};
    test_redis_start(&server, "login", more);
    snprintf(url, sizeof url, "redis://127.0.0.1:%d/0", p);
    for (size_t i = 0; i < sizeof logins / sizeof logins[0]; i++)
        try_login(url, &logins[i], NULL);
    snprintf(url, sizeof url, "rediss://localhost:%d/1", t);
    try_login(url, &(struct login){"TLS", "", "letmein", ERR_NONE, "", LONG_MS}, ca_path);
    try_login(
        url,
        &(struct login){"TLS, unknown CA", "", "letmein", ERR_DENIED, "set ca_file", LONG_MS},
        NULL);
    snprintf(url, sizeof url, "rediss://127.0.0.1:%d", p);
    try_login(url,
              &(struct login){"TLS on a plain port", "", "letmein", ERR_IO, "speak TLS", 500},
              ca_path);
    snprintf(url, sizeof url, "redis://127.0.0.1:%d/99", p);
    try_login(url,
              &(struct login){"no such database", "", "letmein", ERR_CONFIG, "no such database",
                              LONG_MS},
              NULL);
    chmod(secret_path, 0644);
    struct rds_options o = {.url = url, .password_file = secret_path, .most_reply_bytes = 1000};
    struct answers a = {0};
    struct err e = {0};
    struct rds *r;
    assert_int_equal(rds_new(&r, &o, &e), 0);
    rds_add_words(r, &e, "PING", NULL);
    assert_int_equal(rds_run(r, clk_mono_ms() + LONG_MS, on_reply, &a, &e), -1);
    assert_int_equal(e.code, ERR_DENIED);
    assert_contains(e.msg, "chmod o-r");
    rds_free(r);
    test_kill(server.pid);
}

static void urls_are_checked(void **state)
{
    static const struct {
        const char *url, *message;
    } bad[] = {
        {"redis://:secret@host:6379", "password in it is refused"},
        {"redis://me@host", "password in it is refused"},
        {"http://host", "write redis://host:6379/0"},
        {"redis://host/x", "write a number"},
        {"unix://", "whole path"},
        {"unix://relative.sock", "whole path"},
        {"unix:///a.sock?x=1", "only ?db=N"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rds_options o = {.url = bad[i].url, .most_reply_bytes = 1000};
        struct err e = {0};
        struct rds *r;

        print_message("%s\n", bad[i].url);
        assert_int_equal(rds_new(&r, &o, &e), -1);
        assert_int_equal(e.code, ERR_CONFIG);
        assert_contains(e.msg, bad[i].message);
        assert_null(strstr(e.msg, "secret"));
    }
}

/* ---- sockets that cannot be reached ---- */

static void an_unreachable_socket_is_named_with_its_cause(void **state)
{
    static const struct {
        const char *name;
        bool is_file;
        mode_t mode;
        const char *message;
    } cases[] = {
        {"absent", false, 0, "no such file (is it running, with this socket?)"},
        {"a plain file", true, 0600, "Connection refused (is it running there?)"},
        {"forbidden", true, 0, "permission denied (give scaler's user the right to it)"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[300], url[320];
        struct rds_options o = {.url = url, .most_reply_bytes = 1000};
        struct answers a = {0};
        struct err e = {0};
        struct rds *r;

        print_message("%s\n", cases[i].name);
        if (cases[i].mode == 0 && cases[i].is_file && geteuid() == 0)
            continue; /* root may */
        snprintf(path, sizeof path, "%s/nobody-%zu.sock", test_temp_dir(), i);
        snprintf(url, sizeof url, "unix://%s", path);
        if (cases[i].is_file) {
            assert_int_equal(file_replace(path, "", 0, 0600, NULL), 0);
            chmod(path, cases[i].mode);
        }
        assert_int_equal(rds_new(&r, &o, &e), 0);
        rds_add_words(r, &e, "PING", NULL);
        assert_int_equal(rds_run(r, clk_mono_ms() + LONG_MS, on_reply, &a, &e), -1);
        assert_contains(e.msg, path);
        assert_contains(e.msg, cases[i].message);
        assert_null(strstr(e.msg, "localhost"));
        rds_free(r);
    }
}

/* ---- states in which a server refuses ---- */

/* What `scaler check` and a fetch of one service say of this server. */
static void ask_source(const char *url, const char *layout, char *seen, size_t size,
                       struct source_reply *reply, struct err *e)
{
    const struct source *s = source_find("redis");
    struct conf *connection, *options;
    struct source_query q = {"web", NULL, 60000, clk_wall_ms() / 60000 * 60000 - 180000, false};
    void *source;

    assert_int_equal(conf_new(&connection, s->options, e), 0);
    assert_int_equal(conf_set(connection, "url", url, e), 0);
    assert_int_equal(conf_new(&options, s->query_options, e), 0);
    assert_int_equal(conf_set(options, "layout", layout, e), 0);
    assert_int_equal(conf_set(options, "key", "rate:{service}:{epoch}", e), 0);
    assert_int_equal(conf_set(options, "absence", "zero", e), 0);
    assert_int_equal(s->open(&source, connection, e), 0);
    seen[0] = '\0';
    q.options = options;
    if (s->check(source, seen, size, clk_mono_ms() + LONG_MS, e) == 0)
        s->fetch(source, &q, 1, reply, clk_mono_ms() + LONG_MS, e);
    s->close(source);
    conf_free(options);
    conf_free(connection);
}

static void a_server_that_loads_its_data_is_waited_for(void **state)
{
    /* Each key takes 20 ms to load, so it loads for 10 s unless it is killed. */
    static const char *const slow[] = {"--key-load-delay",
                                       "20000",
                                       "--save",
                                       "3600 1",
                                       "--loading-process-events-interval-bytes",
                                       "1024",
                                       NULL};
    static const char *const keep[] = {"--dbfilename", "dump.rdb", NULL};
    struct source_reply reply = {0};
    struct test_redis server;
    struct err e = {0};
    char seen[256];

    (void)state;
    test_redis_start(&server, "loading", keep);
    for (int i = 0; i < 500; i++)
        test_redis_do(&server, "SET key:%d 0123456789012345678901234567890123456789", i);
    assert_string_equal(test_redis_do(&server, "SAVE"), "OK");
    test_kill(server.pid);
    test_redis_start(&server, "loading", slow);
    ask_source(server.url, "counter", seen, sizeof seen, &reply, &e);
    assert_int_equal(e.code, ERR_IO);
    assert_contains(e.msg, server.path);
    assert_contains(e.msg, "the server is loading its data: wait");
    test_kill(server.pid);
    source_reply_clear(&reply);
}

static void a_cluster_node_names_the_one_that_holds_the_key(void **state)
{
    /* Another node has all slots; it need not be there to be named. */
    static const char nodes[] =
        "1111111111111111111111111111111111111111 127.0.0.1:0@0 myself,master - 0 0 1 "
        "connected\n"
        "2222222222222222222222222222222222222222 127.0.0.1:7999@17999 master - 0 0 2 "
        "connected 0-16383\n"
        "vars currentEpoch 2 lastVoteEpoch 0\n";
    static const struct {
        const char *layout, *message;
    } cases[] = {
        {"hash", "key is on another node: name that node in the url (MOVED"},
        {"counter", "give the keys one hash tag"}, /* MGET over several slots */
    };
    char port[16], cluster_port[16], path[300];
    const char *more[] = {"--cluster-enabled",
                          "yes",
                          "--cluster-config-file",
                          "nodes.conf",
                          "--cluster-allow-reads-when-down",
                          "yes",
                          "--port",
                          port,
                          "--cluster-port",
                          cluster_port,
                          "--bind",
                          "127.0.0.1",
                          NULL};
    struct test_redis server;

    (void)state;
    snprintf(path, sizeof path, "%s/nodes.conf", test_temp_dir());
    assert_int_equal(file_replace(path, nodes, sizeof nodes - 1, 0600, NULL), 0);
    snprintf(port, sizeof port, "%d", test_free_port());
    snprintf(cluster_port, sizeof cluster_port, "%d", test_free_port());
    test_redis_start(&server, "cluster", more);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct source_reply reply = {0};
        struct err e = {0};
        char seen[256];

        print_message("%s\n", cases[i].layout);
        ask_source(server.url, cases[i].layout, seen, sizeof seen, &reply, &e);
        assert_string_equal(e.msg, "");
        assert_contains(reply.err.msg, cases[i].message);
        assert_int_equal(reply.err.code, ERR_CONFIG);
        source_reply_clear(&reply);
    }
    test_kill(server.pid);
}

static void a_replica_without_its_master_is_told(void **state)
{
    char master[16];
    const char *more[] = {"--replicaof", "127.0.0.1", master, NULL};
    struct source_reply reply = {0};
    struct test_redis server;
    struct err e = {0};
    char seen[256];

    (void)state;
    snprintf(master, sizeof master, "%d", test_free_port());
    test_redis_start(&server, "replica", more);
    ask_source(server.url, "counter", seen, sizeof seen, &reply, &e);
    assert_contains(seen, "its link to the master is down");
    assert_int_equal(reply.err.code, ERR_NONE);
    assert_int_equal(reply.n, 0);
    assert_contains(reply.note, "a replica whose link to its master is down");
    source_reply_clear(&reply);
    reply = (struct source_reply){0};
    assert_string_equal(test_redis_do(&server, "CONFIG SET replica-serve-stale-data no"), "OK");
    ask_source(server.url, "counter", seen, sizeof seen, &reply, &e);
    assert_int_equal(reply.err.code, ERR_IO);
    assert_contains(reply.err.msg, "replica without its master");
    source_reply_clear(&reply);
    test_kill(server.pid);
}

static void eviction_is_warned_of(void **state)
{
    static const char *const more[] = {"--maxmemory", "64mb", "--maxmemory-policy",
                                       "allkeys-lru", NULL};
    struct source_reply reply = {0};
    struct test_redis server;
    struct err e = {0};
    char seen[256];

    (void)state;
    test_redis_start(&server, "evicting", more);
    ask_source(server.url, "counter", seen, sizeof seen, &reply, &e);
    assert_contains(seen, "maxmemory-policy allkeys-lru deletes history silently when 64 MB");
    assert_contains(seen, "set noeviction");
    source_reply_clear(&reply);
    test_kill(server.pid);
}

static void what_was_evicted_is_unknown(void **state)
{
    static const char *const more[] = {"--maxmemory", "3mb", "--maxmemory-policy",
                                       "allkeys-random", NULL};
    static const char *const pairs[] = {"layout",  "counter", "key", "rate:{service}:{epoch}",
                                        "absence", "zero",    NULL};
    const struct source *s = source_find("redis");
    struct conf *connection, *options;
    struct source_reply reply = {0};
    struct test_redis server;
    struct err e = {0};
    void *source;

    (void)state;
    test_redis_start(&server, "evicted", more);
    assert_int_equal(conf_new(&connection, s->options, &e), 0);
    assert_int_equal(conf_set(connection, "url", server.url, &e), 0);
    assert_int_equal(conf_new(&options, s->query_options, &e), 0);
    for (const char *const *p = pairs; *p; p += 2)
        assert_int_equal(conf_set(options, p[0], p[1], &e), 0);
    assert_int_equal(s->open(&source, connection, &e), 0);
    for (int i = 0; i < 2; i++) {
        struct source_query q = {"web", options, 60000, clk_wall_ms() / 60000 * 60000 - 180000,
                                 false};

        if (s->fetch(source, &q, 1, &reply, clk_mono_ms() + LONG_MS, &e) != 0 ||
            reply.err.code != ERR_NONE)
            fail_msg("%s%s", e.msg, reply.err.msg);
        assert_int_equal(reply.n, 0);
        assert_contains(reply.note, i == 0 ? "redis: nothing under"
                                           : "redis evicted keys (maxmemory-policy "
                                             "allkeys-random): what is absent is unknown");
        /* 9 MB in one script, which Redis lets end; the next write evicts. Lua without blanks:
         * words of test_redis_do are split at them. */
        test_redis_do(&server, "EVAL for\ti=1,1000\tdo\tredis.call('SET','f:'..i,"
                               "string.rep('x',9000))\tend 0");
        test_redis_do(&server, "SET more 1");
    }
    s->close(source);
    source_reply_clear(&reply);
    conf_free(options);
    conf_free(connection);
    test_kill(server.pid);
}

static void error_replies_carry_their_cure(void **state)
{
    static const struct {
        const char *text;
        enum err_code code;
        const char *cure;
    } cases[] = {
        {"READONLY You can't write against a read only replica.", ERR_CONFIG,
         "name the master"},
        {"MOVED 3999 127.0.0.1:6381", ERR_CONFIG,
         "name that node in the url (MOVED 3999 127.0"},
        {"ASK 3999 127.0.0.1:6381", ERR_IO, "moves this key: wait"},
        {"LOADING Redis is loading the dataset in memory", ERR_IO, "wait"},
        {"ERR max number of clients reached", ERR_IO, "raise maxclients"},
        {"OOM command not allowed", ERR_IO, "raise maxmemory"},
        {"ERR whatever", ERR_CONFIG, "the server refused: ERR whatever"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rds_value v = {
            .type = RDS_ERROR, .text = cases[i].text, .len = strlen(cases[i].text)};
        struct err e = {0};

        print_message("%s\n", cases[i].text);
        assert_int_equal(rds_error(&v, "rate:web", &e), -1);
        assert_int_equal(e.code, cases[i].code);
        assert_contains(e.msg, cases[i].cure);
        assert_contains(e.msg, "rate:web: ");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_checked),
        cmocka_unit_test(no_server_holds_a_call_past_its_deadline),
        cmocka_unit_test(ten_thousand_commands_do_not_lock_up),
        cmocka_unit_test(a_killed_server_is_found_again),
        cmocka_unit_test(logins_and_tls_work_and_fail_clearly),
        cmocka_unit_test(an_unreachable_socket_is_named_with_its_cause),
        cmocka_unit_test(error_replies_carry_their_cure),
        cmocka_unit_test(a_server_that_loads_its_data_is_waited_for),
        cmocka_unit_test(a_cluster_node_names_the_one_that_holds_the_key),
        cmocka_unit_test(a_replica_without_its_master_is_told),
        cmocka_unit_test(eviction_is_warned_of),
        cmocka_unit_test(what_was_evicted_is_unknown),
    };

    if (!test_has_program("redis-server") || !test_has_program("openssl"))
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
