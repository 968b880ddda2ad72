/* engine.c - see engine.h. */
#include "conformance/engine.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clk.h"
#include "lib/servers.h"
#include "lib/test.h"
#include "net/http.h"

/* By its whole path: another program of that name may come first. */
#define DOCKERD "/usr/sbin/dockerd"

char engine_sock[200];
static struct http *direct;
static pid_t engine;

static void shell(const char *line)
{
    if (system(line) != 0)
        fail_msg("failed: %s", line);
}

static void run_docker(const char *dir)
{
    char data[300], state[300], pid[300], url[300];
    const char *argv[] = {DOCKERD,
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
    snprintf(url, sizeof url, "unix://%s", engine_sock);
    engine = test_start("dockerd", argv);
}

static void run_podman(const char *dir)
{
    char root[300], run[300], conf[300], line[900], url[300];
    const char *argv[] = {"podman",           "--root", root,        "--runroot", run,
                          "--storage-driver", "vfs",    "--runtime", "runc",      "system",
                          "service",          "--time", "0",         url,         NULL};

    snprintf(url, sizeof url, "unix://%s", engine_sock);
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
    engine = test_start("podman", argv);
}

void engine_import(const char *name, const char *changes)
{
    char line[1500];

    snprintf(line, sizeof line,
             "curl -sf --unix-socket %s -X POST -H 'Content-Type: application/x-tar' "
             "--data-binary @%s/img.tar 'http://d/v1.40/images/create?fromSrc=-&"
             "repo=localhost/%s&tag=latest%s%s' >/dev/null",
             engine_sock, test_temp_dir(), name, *changes ? "&changes=" : "", changes);
    shell(line);
}

int engine_start(bool is_docker)
{
    const char *dir = test_temp_dir();
    char line[600];
    struct err e = {0};

    if (direct)
        return 0;
    if (geteuid() != 0 || !test_has_program(is_docker ? DOCKERD : "podman") ||
        !test_has_program("runc") || !test_has_program("busybox") ||
        !test_has_program("curl")) {
        fprintf(stderr, "skipped: needs root, %s, runc, busybox-static and curl\n",
                is_docker ? "dockerd" : "podman");
        return 77;
    }
    snprintf(engine_sock, sizeof engine_sock, "%s/engine.sock", dir);
    if (is_docker)
        run_docker(dir);
    else
        run_podman(dir);
    assert_true(test_wait_port(0, engine_sock));
    snprintf(line, sizeof line,
             "cd %s && mkdir -p img/bin && cp -L $(command -v busybox) img/bin/busybox && tar "
             "-C img -cf img.tar .",
             dir);
    shell(line);
    engine_import("app", "");
    assert_int_equal(http_new(&direct, &(struct http_options){.unix_socket = engine_sock}, &e),
                     0);
    return 0;
}

static void call(const char *method, const char *path, const char *body,
                 struct http_reply *reply)
{
    char url[500];
    struct http_request r = {.method = method,
                             .url = url,
                             .body = body,
                             .body_len = body ? strlen(body) : 0,
                             .content_type = "application/json",
                             .most_bytes = 1000000,
                             .deadline_mono_ms = clk_mono_ms() + 10000};
    struct err e = {0};

    snprintf(url, sizeof url, "http://engine/v1.40%s", path);
    if (http_call(direct, &r, reply, &e) != 0)
        fail_msg("%s %s: %s", method, path, e.msg);
}

int engine_try(const char *method, const char *path, const char *body)
{
    struct http_reply reply;
    int status;

    call(method, path, body, &reply);
    status = reply.status;
    http_reply_clear(&reply);
    return status;
}

json_t *engine_ask(const char *method, const char *path, const char *body)
{
    struct http_reply reply;
    struct err e = {0};
    json_t *o;

    call(method, path, body, &reply);
    if (http_check_status(&reply, &e) != 0)
        fail_msg("%s %s: %s", method, path, e.msg);
    o = json_loadb(str_text(&reply.body), reply.body.len, JSON_DECODE_ANY, NULL);
    http_reply_clear(&reply);
    return o;
}

void engine_end(void)
{
    http_free(direct);
    direct = NULL;
    if (engine <= 0)
        return;
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
