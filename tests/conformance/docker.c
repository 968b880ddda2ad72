/* docker.c - the conformance of the docker backend, with an engine of the test's own: podman,
 * or a Docker Engine where TEST_DOCKERD is defined. */
#include "conformance/wire.h"

#include <jansson.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clk.h"
#include "lib/servers.h"
#include "net/http.h"

struct engine {
    struct wire wire;
};

/* One engine for all cases: it starts once, and each case leaves it empty. */
static char sock[200];
static struct http *direct; /* past the proxy */
static pid_t engine;

static void shell(const char *line)
{
    if (system(line) != 0)
        fail_msg("failed: %s", line);
}

#ifdef TEST_DOCKERD
#define ENGINE "dockerd"
/* By its whole path: another program of that name may come first. */
#define PROGRAM "/usr/sbin/dockerd"

static void run_engine(const char *dir)
{
    char data[300], state[300], pid[300], url[300];
    const char *argv[] = {PROGRAM,
                          "--data-root",
                          data,
                          "--exec-root",
                          state,
                          "-p",
                          pid,
                          "-H",
                          url,
                          "--bridge=none",
                          "--iptables=false",
                          "--ip6tables=false",
                          "--storage-driver=vfs",
                          NULL};

    snprintf(data, sizeof data, "%s/data", dir);
    snprintf(state, sizeof state, "%s/state", dir);
    snprintf(pid, sizeof pid, "%s/pid", dir);
    snprintf(url, sizeof url, "unix://%s", sock);
    engine = test_start(ENGINE, argv);
}
#else
#define ENGINE "podman"
#define PROGRAM "podman"

static void run_engine(const char *dir)
{
    char root[300], run[300], conf[300], line[900], url[300];
    const char *argv[] = {
        PROGRAM, "--root",    root,   "--runroot", run,       "--storage-driver",
        "vfs",   "--runtime", "runc", "system",    "service", "--time",
        "0",     url,         NULL};

    snprintf(url, sizeof url, "unix://%s", sock);
    snprintf(root, sizeof root, "%s/root", dir);
    snprintf(run, sizeof run, "%s/run", dir);
    snprintf(conf, sizeof conf, "%s/containers.conf", dir);
    snprintf(line, sizeof line,
             "printf '[containers]\\ndefault_ulimits=[\"nofile=1024:1024\",\"nproc=1024:1024\"]"
             "\\nnetns=\"host\"\\n[engine]\\ncgroup_manager=\"cgroupfs\"\\nevents_logger="
             "\"file\"\\n' >%s",
             conf);
    shell(line);
    setenv("CONTAINERS_CONF", conf, 1);
    engine = test_start(ENGINE, argv);
}
#endif

static void start_engine(void)
{
    const char *dir = test_temp_dir();
    char line[1500];
    struct err e = {0};

    snprintf(sock, sizeof sock, "%s/engine.sock", dir);
    run_engine(dir);
    assert_true(test_wait_port(0, sock));
    snprintf(line, sizeof line,
             "cd %s && mkdir -p img/bin && cp -L $(command -v busybox) img/bin/busybox && tar "
             "-C img -cf img.tar . && curl -sf --unix-socket %s -X POST -H 'Content-Type: "
             "application/x-tar' --data-binary @img.tar "
             "'http://d/v1.40/images/create?fromSrc=-&repo=localhost/app&tag=latest' "
             ">/dev/null",
             dir, sock);
    shell(line);
    assert_int_equal(http_new(&direct, &(struct http_options){.unix_socket = sock}, &e), 0);
}

static json_t *ask(const char *method, const char *path, const char *body)
{
    char url[500];
    struct http_request r = {.method = method,
                             .url = url,
                             .body = body,
                             .body_len = body ? strlen(body) : 0,
                             .content_type = "application/json",
                             .most_bytes = 1000000,
                             .deadline_mono_ms = clk_mono_ms() + 10000};
    struct http_reply reply;
    struct err e = {0};
    json_t *o;

    snprintf(url, sizeof url, "http://engine/v1.40%s", path);
    if (http_call(direct, &r, &reply, &e) != 0 || http_check_status(&reply, &e) != 0)
        fail_msg("%s %s: %s", method, path, e.msg);
    o = json_loadb(str_text(&reply.body), reply.body.len, 0, NULL);
    http_reply_clear(&reply);
    return o;
}

static bool is_write(const char *request, size_t n)
{
    return (n > 5 && memcmp(request, "POST ", 5) == 0) ||
           (n > 7 && memcmp(request, "DELETE ", 7) == 0);
}

static int start(struct bench *b)
{
    struct engine *g;
    char text[100];
    struct err e = {0};

    if (geteuid() != 0 || !test_has_program(PROGRAM) || !test_has_program("runc") ||
        !test_has_program("busybox") || !test_has_program("curl")) {
        fprintf(stderr, "skipped: needs root, " ENGINE ", runc, busybox-static and curl\n");
        return 77;
    }
    if (!direct)
        start_engine();
    g = calloc(1, sizeof *g);
    assert_non_null(g);
    b->user = g;
    slow_proxy_start(&g->wire.proxy, 0, sock);
    g->wire.proxy.is_write = is_write;
    snprintf(text, sizeof text, "http://127.0.0.1:%d", g->wire.proxy.port);
    conf_set(b->conf, "url", text, &e);
    conf_set(b->conf, "image", "localhost/app:latest", &e);
    conf_set(b->conf, "command", "/bin/busybox", &e);
    conf_set(b->conf, "command", "sleep", &e);
    conf_set(b->conf, "command", "1000", &e);
    conf_set(b->conf, "network", "host", &e);
    conf_set(b->conf, "memory_mb", "32", &e);
    conf_set(b->conf, "instances", "6", &e);
    conf_set(b->conf, "grace", "1s", &e); /* the first process of a container ignores SIGTERM */
    assert_int_equal(e.code, ERR_NONE);
    return 0;
}

/* Those of the case, `all` or running alone. */
static json_t *list(const struct bench *b, const char *all)
{
    char path[300];

    snprintf(path, sizeof path,
             "/containers/json?all=%s&filters=%%7B%%22label%%22%%3A%%5B%%22scaler.service%%3D%s"
             "%%22%%5D%%7D",
             all, b->service);
    return ask("GET", path, NULL);
}

static void drop(const char *id)
{
    char path[200];

    snprintf(path, sizeof path, "/containers/%s?force=true", id);
    json_decref(ask("DELETE", path, NULL));
}

static void stop(struct bench *b)
{
    struct engine *g = b->user;
    json_t *all = list(b, "true");

    for (size_t i = 0; i < json_array_size(all); i++)
        drop(json_string_value(json_object_get(json_array_get(all, i), "Id")));
    json_decref(all);
    slow_proxy_stop(&g->wire.proxy);
    free(g);
}

static int count(struct bench *b)
{
    json_t *running = list(b, "false");
    int n = (int)json_array_size(running);

    json_decref(running);
    return n;
}

static int writes(struct bench *b)
{
    struct engine *g = b->user;

    return atomic_load(&g->wire.proxy.n_writes);
}

static void fault(struct bench *b, enum suite_fault kind, int status)
{
    struct engine *g = b->user;

    wire_fault(&g->wire, kind, status);
}

/* Someone adds one under the label; from 2 to 3 is what the suite asks for. */
static void move(struct bench *b, int n)
{
    assert_int_equal(n, count(b) + 1);
    json_decref(ask("POST", "/containers/create?name=other",
                    "{\"Image\":\"localhost/app:latest\",\"Cmd\":[\"/bin/busybox\",\"sleep\","
                    "\"1000\"],\"Labels\":{\"scaler.service\":\"web\"},\"HostConfig\":{"
                    "\"NetworkMode\":\"host\"}}"));
    json_decref(ask("POST", "/containers/other/start", NULL));
}

static void kill_one(struct bench *b)
{
    (void)b;
    json_decref(ask("POST", "/containers/web-1/kill?signal=SIGKILL", NULL));
}

static void set_drain(struct bench *b, int ms)
{
    (void)b;
    assert_in_range(ms, 1, 1000); /* the grace of `start`: they never end before it */
}

#ifdef TEST_DOCKERD
/* The image with a health check that is first made after half a second. */
static void set_late(struct bench *b, int ms)
{
    struct backend_call call = {.service = b->service,
                                .state_dir = b->state_dir,
                                .deadline_mono_ms = clk_mono_ms() + 5000};
    char line[900];
    struct err e = {0};

    snprintf(
        line, sizeof line,
        "curl -sf --unix-socket %s -X POST -H 'Content-Type: application/x-tar' "
        "--data-binary @%s/img.tar 'http://d/v1.40/images/create?fromSrc=-&"
        "repo=localhost/checked&tag=latest&changes=HEALTHCHECK%%20--interval%%3D%dms%%20CMD"
        "%%20%%5B%%22%%2Fbin%%2Fbusybox%%22%%2C%%22true%%22%%5D' >/dev/null",
        sock, test_temp_dir(), ms);
    shell(line);
    conf_set(b->conf, "image", "localhost/checked:latest", &e);
    b->backend->close(b->object);
    assert_int_equal(b->backend->open(&b->object, b->conf, &call, &e), 0);
}
#endif

static const struct suite_entry entry = {
    .backend = "docker",
    .server = ENGINE,
    .start = start,
    .stop = stop,
    .count = count,
    .writes = writes,
    .fault = fault,
    .move = move,
    .kill_one = kill_one,
    .set_drain = set_drain,
#ifdef TEST_DOCKERD
    .set_late = set_late,
#endif
    .na =
        {
            [SUITE_PARTIAL] = "the engine starts all or fails",
#ifndef TEST_DOCKERD
            [SUITE_LATE] = "podman runs health checks under systemd alone",
#endif
        },
};

int main(int argc, char **argv)
{
    int rc = suite_main(&entry, argc, argv);

    http_free(direct);
    if (engine > 0) { /* told, so that it ends what it started */
        kill(engine, SIGTERM);
        for (int i = 0; i < 500; i++) {
            siginfo_t info = {0};

            /* Left to be waited for by what kills it at exit. */
            if (waitid(P_PID, (id_t)engine, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
                info.si_pid != 0)
                break;
            usleep(20000);
        }
    }
    return rc;
}
