/* test_balancer.c - the process backend behind load balancers: a real haproxy, a real nginx and
 * a program. A client sends requests all the while, none of which may fail: the balancers are
 * told not to try a second instance. Workers of nginx that shut down close connections on which
 * no request has come yet; these the client sends again, as HTTP has it (RFC 9110, 9.2.2). */
#include "lib/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clk.h"
#include "lib/process_rig.h"
#include "lib/servers.h"

enum kind { DYNAMIC, SLOTS, SIGNAL, RELOAD, KINDS };
static const char *const kind_names[KINDS] = {"haproxy, servers added",
                                              "haproxy, a server-template, by TCP",
                                              "nginx, by signal", "nginx, by nginx -s reload"};

/* A balancer of the test's own. */
struct front {
    enum kind kind;
    int port;       /* where clients go */
    char conf[300]; /* its configuration */
    char sock[300]; /* haproxy's stats socket, and another by TCP */
    int stats_port;
    char servers[300]; /* nginx's file */
    char pid_file[300];
    pid_t pid;
};

static pid_t nginx_pid; /* its workers outlive a master that is killed */

static void end_nginx(void)
{
    if (nginx_pid > 0) {
        kill(nginx_pid, SIGTERM);
        waitpid(nginx_pid, NULL, 0);
        nginx_pid = 0;
    }
}

static bool is_haproxy(const struct front *f)
{
    return f->kind == DYNAMIC || f->kind == SLOTS;
}

static void write_file(const char *path, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void write_file(const char *path, const char *fmt, ...)
{
    FILE *f = fopen(path, "w");
    va_list ap;

    assert_non_null(f);
    va_start(ap, fmt);
    vfprintf(f, fmt, ap);
    va_end(ap);
    fclose(f);
}

static void write_haproxy(struct front *f, const char *level)
{
    write_file(f->conf,
               "global\n  stats socket %s mode 600 level %s\n"
               "  stats socket ipv4@127.0.0.1:%d level %s\n  stats timeout 5s\n"
               "defaults\n  mode http\n  timeout connect 2s\n  timeout client 10s\n"
               "  timeout server 10s\n  retries 0\n  option httpclose\n"
               "frontend in\n  bind 127.0.0.1:%d\n  default_backend web\n"
               "backend web\n  balance leastconn\n"
               "  server standing 127.0.0.1:1 disabled\n%s",
               f->sock, level, f->stats_port, level, f->port,
               f->kind == SLOTS ? "  server-template web 6 127.0.0.1:1 disabled\n" : "");
}

static void write_nginx(struct front *f)
{
    const char *dir = test_temp_dir();

    write_file(f->servers, "server 127.0.0.1:1 down;\n");
    write_file(f->conf,
               "daemon off;\nworker_processes 2;\npid %s;\nerror_log %s/nginx-error.log;\n"
               "events { worker_connections 256; }\n"
               "http { access_log off; client_body_temp_path %s/n1; proxy_temp_path %s/n2;\n"
               " fastcgi_temp_path %s/n3; uwsgi_temp_path %s/n4; scgi_temp_path %s/n5;\n"
               " upstream web { least_conn; include %s; }\n"
               " server { listen 127.0.0.1:%d; location / { proxy_pass http://web;\n"
               "  proxy_next_upstream off; } } }\n",
               f->pid_file, dir, dir, dir, dir, dir, dir, f->servers, f->port);
}

static void run(struct front *f)
{
    const char *haproxy[] = {"/usr/sbin/haproxy", "-db", "-f", f->conf, NULL};
    const char *nginx[] = {"/usr/sbin/nginx", "-c", f->conf, NULL};

    f->pid = test_start(is_haproxy(f) ? "haproxy" : "nginx", is_haproxy(f) ? haproxy : nginx);
    if (!is_haproxy(f)) {
        if (nginx_pid == 0)
            atexit(end_nginx); /* before test_start's own */
        nginx_pid = f->pid;
    }
    assert_true(test_wait_port(f->port, NULL));
    if (is_haproxy(f))
        assert_true(test_wait_port(0, f->sock));
}

static void halt(struct front *f)
{
    if (!is_haproxy(f))
        end_nginx();
    test_kill(f->pid);
}

static void set_up(struct front *f, struct rig *r, enum kind kind)
{
    static int serial;
    const char *dir = test_temp_dir();
    char tcp[32];

    *f = (struct front){.kind = kind, .port = test_free_port(), .stats_port = test_free_port()};
    snprintf(f->conf, sizeof f->conf, "%s/front-%d.conf", dir, ++serial);
    snprintf(f->sock, sizeof f->sock, "%s/stats-%d", dir, serial);
    snprintf(f->servers, sizeof f->servers, "%s/servers-%d.conf", dir, serial);
    snprintf(f->pid_file, sizeof f->pid_file, "%s/nginx-%d.pid", dir, serial);
    rig_init(r, "web");
    rig_set(r, "balancer", is_haproxy(f) ? "haproxy" : "nginx");
    rig_set(r, "balancer_drain", "600ms");
    if (is_haproxy(f)) {
        write_haproxy(f, "admin");
        rig_set(r, "balancer_socket", f->sock);
        rig_set(r, "balancer_backend", "web");
        if (kind == SLOTS) {
            snprintf(tcp, sizeof tcp, "127.0.0.1:%d", f->stats_port);
            rig_set(r, "balancer_socket", tcp);
            rig_set(r, "balancer_slots", "web");
        }
    } else {
        write_nginx(f);
        rig_set(r, "balancer_file", f->servers);
        rig_set(r, "balancer_pid_file", f->pid_file);
        if (kind == RELOAD) {
            rig_set(r, "balancer_command", "/usr/sbin/nginx");
            rig_set(r, "balancer_command", "-c");
            rig_set(r, "balancer_command", f->conf);
            rig_set(r, "balancer_command", "-s");
            rig_set(r, "balancer_command", "reload");
        }
    }
    run(f);
}

/* What haproxy says to a command. */
static const char *ask(const struct front *f, const char *command)
{
    static char out[16384];
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t n = 0;
    ssize_t got;

    assert_true(strlen(f->sock) < sizeof a.sun_path);
    memcpy(a.sun_path, f->sock, strlen(f->sock));
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    dprintf(fd, "%s\n", command);
    while ((got = recv(fd, out + n, sizeof out - 1 - n, 0)) > 0)
        n += (size_t)got;
    out[n] = '\0';
    close(fd);
    return out;
}

/* Servers that get traffic, by the balancer's own word. */
static int count_listed(const struct front *f)
{
    char text[16384];
    int n = 0;

    if (is_haproxy(f)) {
        str_copy(text, sizeof text, ask(f, "show stat web 4 -1"));
        for (const char *p = text; (p = strstr(p, ",no check,")) != NULL; p++)
            n++;
    } else {
        rig_read(f->servers, text, sizeof text);
        for (const char *p = text; (p = strstr(p, "server ")) != NULL; p++)
            n += !strstr(p, " down;");
    }
    return n;
}

/* --- the client --------------------------------------------------------------------------- */

struct client {
    int port;
    atomic_bool is_over;
    bool sends_again; /* what was closed without an answer, once */
    atomic_int n_good, n_bad, n_again;
    char bad[100]; /* the first one */
    pthread_t threads[16];
};

static const char no_answer[] = "no answer";

/* NULL: a good answer. */
static const char *request(int port, char *buf, size_t size)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {8, 0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const char *why = NULL;
    ssize_t n;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        why = "no connection";
    } else {
        dprintf(fd, "GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n");
        n = recv(fd, buf, size - 1, 0);
        buf[n > 0 ? n : 0] = '\0';
        if (strncmp(buf, "HTTP/1.1 200", 12) != 0)
            why = n > 0 ? buf : no_answer;
    }
    close(fd);
    return why;
}

static void *send_requests(void *user)
{
    struct client *c = user;
    char buf[2048];

    while (!atomic_load(&c->is_over)) {
        const char *why = request(c->port, buf, sizeof buf);

        if (why == no_answer && c->sends_again) {
            atomic_fetch_add(&c->n_again, 1);
            why = request(c->port, buf, sizeof buf);
        }
        if (!why)
            atomic_fetch_add(&c->n_good, 1);
        else if (atomic_fetch_add(&c->n_bad, 1) == 0)
            snprintf(c->bad, sizeof c->bad, "%.*s", (int)strcspn(why, "\r\n"), why);
        usleep(2000);
    }
    return NULL;
}

static void client_start(struct client *c, const struct front *f)
{
    *c = (struct client){.port = f->port, .sends_again = !is_haproxy(f)};
    for (size_t i = 0; i < sizeof c->threads / sizeof c->threads[0]; i++)
        assert_int_equal(pthread_create(&c->threads[i], NULL, send_requests, c), 0);
}

static void client_stop(struct client *c)
{
    atomic_store(&c->is_over, true);
    for (size_t i = 0; i < sizeof c->threads / sizeof c->threads[0]; i++)
        pthread_join(c->threads[i], NULL);
    print_message("    %d requests, %d sent again, %d failed\n", atomic_load(&c->n_good),
                  atomic_load(&c->n_again), atomic_load(&c->n_bad));
    if (atomic_load(&c->n_bad) > 0)
        fail_msg("a request failed: %s", c->bad);
    assert_true(atomic_load(&c->n_good) > 50);
}

/* --- tests -------------------------------------------------------------------------------- */

/* And a restart of scaler in between, which is no change to the balancer. */
static void no_request_fails_while_the_count_moves(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        struct client client;
        struct front f;
        struct rig r;

        print_message("  %s\n", kind_names[kind]);
        set_up(&f, &r, (enum kind)kind);
        rig_add_args(&r, "--answer-after", "20"); /* so that some are always under way */
        rig_open(&r);
        rig_scale(&r, 2);
        rig_settle(&r, 2, 2, 0);
        assert_int_equal(count_listed(&f), 2);
        client_start(&client, &f);
        rig_tend_for(&r, 200);
        rig_scale(&r, 5);
        rig_settle(&r, 5, 5, 0);
        assert_int_equal(count_listed(&f), 5);
        rig_tend_for(&r, 200);
        rig_close(&r);
        rig_open(&r);
        rig_settle(&r, 5, 5, 0);
        assert_int_equal(count_listed(&f), 5);
        rig_scale(&r, 2);
        assert_int_equal(rig_status(&r).running, 2);
        assert_int_equal(rig_status(&r).draining, 3);
        rig_settle(&r, 2, 2, 0);
        assert_int_equal(count_listed(&f), 2);
        rig_tend_for(&r, 200);
        client_stop(&client);
        rig_end(&r);
        assert_int_equal(count_listed(&f), 0);
        if (is_haproxy(&f)) /* the one that is not ours stands */
            assert_non_null(strstr(ask(&f, "show servers state web"), " standing "));
        halt(&f);
    }
}

/* A request is under way at an instance that is to stop. */
static void what_is_under_way_is_waited_for(void **state)
{
    struct front f;
    struct rig r;
    int64_t began;

    (void)state;
    set_up(&f, &r, DYNAMIC);
    rig_set(&r, "balancer_drain", "30s");
    rig_open(&r);
    rig_scale(&r, 1);
    rig_settle(&r, 1, 1, 0);
    kill(rig_pid_of(&r, r.port), SIGSTOP); /* it takes the connection and does not answer */
    if (fork() == 0) {
        char buf[2048];

        _exit(request(f.port, buf, sizeof buf) == NULL ? 0 : 1);
    }
    usleep(200000);
    began = clk_mono_ms();
    rig_scale(&r, 0);
    rig_tend_for(&r, 700);
    assert_int_equal(rig_status(&r).draining, 1);
    assert_int_equal(count_listed(&f), 0);
    kill(rig_pid_of(&r, r.port), SIGCONT);
    rig_settle(&r, 0, 0, 0);
    assert_true(clk_mono_ms() - began < 10000); /* not the 30 s */
    {
        int status = -1;

        assert_true(waitpid(-1, &status, 0) > 0);
        assert_int_equal(status, 0);
    }
    rig_end(&r);
    halt(&f);
}

static void a_balancer_that_is_away_stops_nothing(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        struct backend_status st;
        struct front f;
        struct rig r;

        print_message("  %s\n", kind_names[kind]);
        set_up(&f, &r, (enum kind)kind);
        rig_open(&r);
        rig_scale(&r, 3);
        rig_settle(&r, 3, 3, 0);
        halt(&f);
        rig_scale(&r, 1);
        rig_tend_for(&r, 1500); /* far beyond balancer_drain */
        assert_int_equal(rig_count_alive(&r, false), 3);
        st = rig_status(&r);
        assert_int_equal(st.running, 1);
        assert_int_equal(st.draining, 2);
        assert_non_null(strstr(st.note, "cannot be told"));
        rig_scale(&r, 4); /* two stay after all, one is new and does not count */
        rig_tend_for(&r, 500);
        st = rig_status(&r);
        assert_int_equal(st.running, 4);
        assert_int_equal(st.ready, 3);
        run(&f); /* haproxy has forgotten all; nginx reads its file */
        rig_settle(&r, 4, 4, 0);
        assert_int_equal(count_listed(&f), 4);
        assert_string_equal(rig_status(&r).note, "");
        rig_end(&r);
        halt(&f);
    }
}

static void patience_has_an_end(void **state)
{
    struct front f;
    struct rig r;

    (void)state;
    set_up(&f, &r, DYNAMIC);
    rig_set(&r, "balancer_patience", "1s");
    rig_open(&r);
    rig_scale(&r, 2);
    rig_settle(&r, 2, 2, 0);
    halt(&f);
    rig_scale(&r, 0);
    rig_tend_for(&r, 600);
    assert_int_equal(rig_count_alive(&r, false), 2);
    rig_settle(&r, 0, 0, 0);
    rig_end(&r);
}

/* While no scaler ran one died, and somebody left a server under our name. */
static void a_restart_finds_what_changed_meanwhile(void **state)
{
    char line[100];
    struct front f;
    struct rig r;

    (void)state;
    set_up(&f, &r, DYNAMIC);
    rig_open(&r);
    rig_scale(&r, 2);
    rig_settle(&r, 2, 2, 0);
    rig_close(&r);
    kill(rig_pid_of(&r, r.port), SIGKILL);
    ask(&f, "add server web/web-1 127.0.0.1:1");
    ask(&f, "set server web/web-1 state ready");
    snprintf(line, sizeof line, "set server web/web-%d state maint", r.port + 1);
    ask(&f, line);
    assert_int_equal(count_listed(&f), 2);
    usleep(100000);
    rig_open(&r);
    rig_settle(&r, 2, 2, 0);
    assert_int_equal(count_listed(&f), 2);
    assert_null(strstr(ask(&f, "show servers state web"), " web-1 "));
    rig_end(&r);
    halt(&f);
}

/* haproxy itself is restarted while all else stands: no change here, and yet all is told. */
static void what_a_restart_of_the_balancer_forgot_is_told_again(void **state)
{
    struct front f;
    struct rig r;

    (void)state;
    set_up(&f, &r, DYNAMIC);
    rig_open(&r);
    rig_scale(&r, 3);
    rig_settle(&r, 3, 3, 0);
    halt(&f);
    run(&f);
    assert_int_equal(count_listed(&f), 0);
    rig_tend_for(&r, 2500);
    assert_int_equal(count_listed(&f), 3);
    rig_end(&r);
    halt(&f);
}

/* Its probe fails: it gets nothing new. All fail: the probe is wrong, they stay. */
static void one_that_does_not_answer_is_taken_out_but_never_all(void **state)
{
    struct front f;
    struct rig r;

    (void)state;
    set_up(&f, &r, DYNAMIC);
    rig_set(&r, "probe_timeout", "100ms");
    rig_set(&r, "probe", "http");
    rig_open(&r);
    rig_scale(&r, 2);
    rig_settle(&r, 2, 2, 0);
    kill(rig_pid_of(&r, r.port), SIGSTOP);
    rig_settle(&r, 2, 1, 0);
    assert_int_equal(count_listed(&f), 1);
    kill(rig_pid_of(&r, r.port + 1), SIGSTOP);
    rig_settle(&r, 2, 0, 0);
    rig_tend_for(&r, 1500);
    assert_int_equal(count_listed(&f), 1);
    kill(rig_pid_of(&r, r.port), SIGCONT);
    kill(rig_pid_of(&r, r.port + 1), SIGCONT);
    rig_settle(&r, 2, 2, 0);
    assert_int_equal(count_listed(&f), 2);
    rig_end(&r);
    halt(&f);
}

/* haproxy checks health itself: what it calls down does not count. */
static void the_balancers_own_check_counts(void **state)
{
    struct front f;
    struct rig r;

    (void)state;
    set_up(&f, &r, DYNAMIC);
    rig_set(&r, "balancer_server", "check inter 100ms fastinter 100ms fall 2 rise 1 maxconn 9");
    rig_set(&r, "probe_failures", "1000");
    rig_open(&r);
    rig_scale(&r, 2);
    rig_settle(&r, 2, 2, 0);
    assert_non_null(strstr(ask(&f, "show stat web 4 -1"), ",UP"));
    kill(rig_pid_of(&r, r.port), SIGKILL); /* and another is started on another port */
    rig_settle(&r, 1, 1, -1);
    rig_settle(&r, 2, 2, 0);
    rig_end(&r);
    halt(&f);
}

/* Where haproxy was, something listens: it never answers, or not in the protocol. */
static void a_socket_that_makes_no_sense_stops_nothing(void **state)
{
    static const char *const answers[] = {NULL, "<html>\n", "1\n# names\n3 web 1\n", ""};

    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct front f;
        struct rig r;
        int64_t began;
        pid_t pid = 0;

        print_message("  %s\n", answers[i] ? answers[i] : "silence");
        set_up(&f, &r, DYNAMIC);
        rig_open(&r);
        rig_scale(&r, 2);
        rig_settle(&r, 2, 2, 0);
        halt(&f);
        unlink(f.sock);
        memcpy(a.sun_path, f.sock, strlen(f.sock));
        assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
        assert_int_equal(listen(fd, 16), 0);
        if (answers[i] && (pid = fork()) == 0) {
            for (;;) {
                int c = accept(fd, NULL, NULL);
                char buf[500];

                if (recv(c, buf, sizeof buf, 0) > 0)
                    send(c, answers[i], strlen(answers[i]), MSG_NOSIGNAL);
                close(c);
            }
        }
        began = clk_mono_ms();
        rig_scale(&r, 1);
        assert_true(clk_mono_ms() - began < 3000);
        rig_tend_for(&r, 1000);
        assert_int_equal(rig_count_alive(&r, false), 2);
        assert_non_null(strstr(rig_status(&r).note, "cannot be told"));
        close(fd);
        if (pid > 0) {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, 0);
        }
        unlink(f.sock);
        run(&f);
        rig_settle(&r, 1, 1, 0);
        rig_end(&r);
        halt(&f);
    }
}

static const char *check(struct rig *r, int expected)
{
    static char out[1000];
    struct backend_call call = rig_call(r);
    struct str text = STR_EMPTY;
    struct err e = {0};

    assert_int_equal(rig_backend()->check(r->backend, &call, &text, &e), expected);
    snprintf(out, sizeof out, "%s%s", str_text(&text), e.msg);
    str_clear(&text);
    return out;
}

static void check_tells_what_is_missing(void **state)
{
    static const struct {
        const char *name, *level, *option, *value, *says;
        int rc;
    } cases[] = {
        {"good", "admin", "balancer_backend", "web", "has 1 servers, 0 of them of this", 0},
        {"level", "operator", "balancer_backend", "web", "level admin", -1},
        {"backend", "admin", "balancer_backend", "wbe", "backend wbe: Can't find", -1},
        {"slots", "admin", "balancer_slots", "none", "no servers none1", -1},
        {"socket", "admin", "balancer_socket", "/nowhere", "/nowhere: No such file", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct front f;
        struct rig r;
        const char *said;

        print_message("  %s\n", cases[i].name);
        set_up(&f, &r, DYNAMIC);
        halt(&f);
        write_haproxy(&f, cases[i].level);
        run(&f);
        rig_set(&r, cases[i].option, cases[i].value);
        r.is_dry_run = true;
        rig_open(&r);
        said = check(&r, cases[i].rc);
        if (!strstr(said, cases[i].says))
            fail_msg("said: %s", said);
        rig_close(&r);
        rig_drop(&r);
        halt(&f);
    }
}

/* What it refuses is said, and its instance does not count. */
static void a_refusal_is_told(void **state)
{
    struct backend_status st;
    struct front f;
    struct rig r;

    (void)state;
    set_up(&f, &r, SLOTS);
    halt(&f);
    f.kind = DYNAMIC; /* without the template */
    write_haproxy(&f, "admin");
    run(&f);
    rig_set(&r, "balancer_slots", "web");
    rig_open(&r);
    rig_scale(&r, 1);
    rig_tend_for(&r, 500);
    st = rig_status(&r);
    assert_int_equal(st.running, 1);
    assert_int_equal(st.ready, 0);
    assert_non_null(strstr(st.note, "are in use"));
    rig_end(&r);
    halt(&f);
}

/* nginx keeps its old workers when the configuration is faulty, and says nothing to a signal.
 */
static void a_reload_that_is_not_taken_up_is_noticed(void **state)
{
    char text[4096];
    struct front f;
    struct rig r;

    (void)state;
    set_up(&f, &r, SIGNAL);
    rig_open(&r);
    rig_scale(&r, 1);
    rig_settle(&r, 1, 1, 0);
    rig_read(f.conf, text, sizeof text);
    write_file(f.conf, "nonsense;\n%s", text);
    {
        struct backend_call call = rig_call(&r);
        struct err e = {0};

        call.deadline_mono_ms = clk_mono_ms() + 7000;
        assert_int_equal(rig_backend()->scale(r.backend, &call, 2, &e), 0);
    }
    rig_tend_for(&r, 1500);
    assert_int_equal(rig_status(&r).running, 2);
    assert_int_equal(rig_status(&r).ready, 1);
    assert_non_null(strstr(rig_status(&r).note, "did not take up its configuration"));
    write_file(f.conf, "%s", text);
    rig_settle(&r, 2, 2, 0);
    rig_end(&r);
    halt(&f);
}

/* The program keeps what it was told in a file, and fails while another is there. */
static void a_program_is_told_in_json(void **state)
{
    char path[400], told[400], broken[400], text[4096];
    struct backend_status st;
    struct rig r;

    (void)state;
    rig_init(&r, "web");
    snprintf(path, sizeof path, "%s/balance.sh", r.state_dir);
    snprintf(told, sizeof told, "%s/told", r.state_dir);
    snprintf(broken, sizeof broken, "%s/broken", r.state_dir);
    write_file(path,
               "#!/bin/sh\nif [ -e %s ]; then echo 'out of order' >&2; exit 6; fi\n"
               "cat >%s\necho '{\"note\": \"fine\", \"open\": {\"%d\": 0}}'\n",
               broken, told, r.port);
    chmod(path, 0700);
    rig_set(&r, "balancer", "command");
    rig_set(&r, "balancer_command", path);
    rig_set(&r, "balancer_drain", "500ms");
    rig_open(&r);
    rig_scale(&r, 1);
    rig_settle(&r, 1, 1, 0);
    rig_read(told, text, sizeof text);
    snprintf(path, sizeof path,
             "[{\"address\":\"127.0.0.1:%d\",\"port\":%d,\"state\":\"ready\"}]", r.port,
             r.port);
    assert_non_null(strstr(text, path));
    assert_non_null(strstr(text, "{\"v\":1,\"action\":\"sync\",\"service\":\"web\","));
    assert_non_null(strstr(check(&r, 0), "says: fine"));
    write_file(broken, "yes");
    rig_scale(&r, 2);
    rig_tend_for(&r, 800);
    st = rig_status(&r);
    assert_int_equal(st.running, 2);
    assert_int_equal(st.ready, 1);
    assert_non_null(strstr(st.note, "out of order"));
    unlink(broken);
    rig_settle(&r, 2, 2, 0);
    rig_scale(&r, 0);
    rig_read(told, text, sizeof text);
    assert_non_null(strstr(text, "\"state\":\"drain\""));
    rig_settle(&r, 0, 0, 0);
    rig_tend(&r);
    rig_read(told, text, sizeof text);
    rig_end(&r);
}

static void options_are_checked(void **state)
{
    static const struct {
        const char *pairs[6], *says;
    } cases[] = {
        {{"balancer", "haproxy"}, "balancer_backend: missing"},
        {{"balancer", "haproxy", "balancer_backend", "a b"}, "balancer_backend = \"a b\""},
        {{"balancer", "haproxy", "balancer_backend", "web", "balancer_socket", "here"},
         "balancer_socket = \"here\": write a path"},
        {{"balancer", "nginx"}, "balancer_file = \"\""},
        {{"balancer", "command"}, "balancer_command: write the program"},
        {{"balancer", "nginx", "ports", ""}, "balancer = \"nginx\" needs ports"},
        {{"balancer", "nginx", "balancer_host", "localhost"}, "not a numeric address"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err e = {0};
        struct rig r;

        rig_init(&r, "web");
        for (size_t k = 0; k + 1 < 6 && cases[i].pairs[k]; k += 2)
            rig_set(&r, cases[i].pairs[k], cases[i].pairs[k + 1]);
        assert_int_equal(rig_backend()->check_options(r.conf, &e), -1);
        assert_int_equal(e.code, ERR_CONFIG);
        if (!strstr(e.msg, cases[i].says))
            fail_msg("said: %s", e.msg);
        rig_drop(&r);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(a_program_is_told_in_json),
        cmocka_unit_test(no_request_fails_while_the_count_moves),
        cmocka_unit_test(what_is_under_way_is_waited_for),
        cmocka_unit_test(a_balancer_that_is_away_stops_nothing),
        cmocka_unit_test(patience_has_an_end),
        cmocka_unit_test(a_restart_finds_what_changed_meanwhile),
        cmocka_unit_test(what_a_restart_of_the_balancer_forgot_is_told_again),
        cmocka_unit_test(one_that_does_not_answer_is_taken_out_but_never_all),
        cmocka_unit_test(the_balancers_own_check_counts),
        cmocka_unit_test(a_socket_that_makes_no_sense_stops_nothing),
        cmocka_unit_test(check_tells_what_is_missing),
        cmocka_unit_test(a_refusal_is_told),
        cmocka_unit_test(a_reload_that_is_not_taken_up_is_noticed),
    };
    int rc = rig_begin(argc, argv);

    if (rc != 0)
        return rc;
    if (!test_has_program("/usr/sbin/haproxy") || !test_has_program("/usr/sbin/nginx"))
        return 77; /* config/packages.sh test */
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("balancer", tests, NULL, NULL);
}
