/* life.c - see life.h. */
#include "lib/life.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/file.h"
#include "lib/test.h"

struct test_redis life_redis;
char life_tag[64], life_dir[300];
int life_first_port, life_api_port;
pid_t life_daemon_pid;
int64_t life_fed_from_s, life_fed_last_s, life_redis_whole_from_s;
struct life_settings life_settings;

const char *life_path(const char *name)
{
    static char path[400];

    snprintf(path, sizeof path, "%s/%s", life_dir, name);
    return path;
}

const char *life_server(void)
{
    const char *path = getenv("SCALER_TEST_SERVER");

    assert_non_null(path);
    return path;
}

/* Pids of our instances of one service (NULL: all), by their command line. */
int life_instances(const char *service, int *pids)
{
    DIR *proc = opendir("/proc");
    char needle[128], path[300];
    struct dirent *entry;
    int n = 0;

    snprintf(needle, sizeof needle, "%s-%s", life_tag, service ? service : "");
    while (proc && (entry = readdir(proc)) != NULL && n < LIFE_MOST_PIDS) {
        char line[4096];
        ssize_t len;
        int fd;

        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        fd = open(path, O_RDONLY);
        len = fd >= 0 ? read(fd, line, sizeof line - 1) : -1;
        if (fd >= 0)
            close(fd);
        for (ssize_t i = 0; i < len; i++)
            if (line[i] == '\0')
                line[i] = ' ';
        line[len > 0 ? len : 0] = '\0';
        /* not the command on its way to exec: only what has become the instance */
        if (strstr(line, needle) && strncmp(line, life_server(), strlen(life_server())) == 0)
            pids[n++] = atoi(entry->d_name);
    }
    if (proc)
        closedir(proc);
    return n;
}

int life_count(const char *service)
{
    int pids[LIFE_MOST_PIDS];

    return life_instances(service, pids);
}

void life_end_instances(void)
{
    int pids[LIFE_MOST_PIDS], n = life_instances(NULL, pids);

    for (int i = 0; i < n; i++)
        kill(pids[i], SIGKILL);
}

void life_start_redis(void)
{
    test_redis_start(&life_redis, "redis", NULL);
    life_redis_whole_from_s = clk_wall_ms() / 1000 + 2;
}

void life_sleep_ms(int ms)
{
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};

    nanosleep(&t, NULL);
}

/* Requests of the second at hand and of any that were slept over, once each. */
static void life_feed_once(int per_s)
{
    int64_t now_s = clk_wall_ms() / 1000;

    if (life_fed_last_s == 0)
        life_fed_from_s = now_s, life_fed_last_s = now_s - 1;
    for (; life_fed_last_s < now_s; life_fed_last_s++)
        test_redis_do(&life_redis, "SET rate:web:%lld %d EX 300",
                      (long long)(life_fed_last_s + 1), per_s);
}

/* Feeds for so long, or until `is_so` says so. */
bool life_feed(int per_s, int ms, bool (*is_so)(void))
{
    int64_t end_ms = clk_mono_ms() + ms;

    while (clk_mono_ms() < end_ms) {
        if (per_s >= 0)
            life_feed_once(per_s);
        if (is_so && is_so())
            return true;
        life_sleep_ms(50);
    }
    return false;
}

void life_configure(const char *more_services)
{
    const struct life_settings *l = &life_settings;
    struct str text = STR_EMPTY;

    str_printf(
        &text,
        "redis = { url = \"%s\"; };\n"
        "api = { listen = \"127.0.0.1:%d\"; };\n"
        "defaults = { mode = \"act\"; first_scale_in_after = \"1s\"; lead_time = \"1s\";\n"
        "  timezone = \"UTC\";\n"
        "  source = { type = \"redis\"; layout = \"counter\";\n"
        "             key = \"rate:{service}:{epoch}\"; step = \"1s\"; };\n"
        "  capacity = { per_instance = %.1f; };\n"
        "  rails = { in_window = \"2s\"; in_share = 0.5; hour_share = 0.0; }; };\n"
        "services = ({ name = \"web\"; limits = { min = %d; max = %d; }; %s\n"
        "  backend = { ",
        life_redis.url, life_api_port, l->per_instance, l->min, l->max, l->service);
    if (l->instead)
        str_add(&text, l->instead);
    else
        str_printf(&text,
                   "type = \"process\"; command = [\"%s\", \"--port\", \"{port}\",\n"
                   "    \"--tag\", \"%s-web\"]; ports = \"%d-%d\"; grace = \"1s\"; %s",
                   life_server(), life_tag, life_first_port, life_first_port + LIFE_PORTS - 1,
                   l->backend);
    str_printf(&text, "}; }%s);\n", more_services);
    assert_false(text.failed);
    assert_int_equal(file_replace(life_path("scaler.cfg"), text.data, text.len, 0600, NULL), 0);
    str_clear(&text);
}

pid_t life_start(const char *name, const char *more)
{
    char config[400], state[400];
    const char *argv[] = {test_scaler_bin(), "run", "--config", config,
                          "--state-dir",     state, more,       NULL};

    snprintf(config, sizeof config, "%s/scaler.cfg", life_dir);
    snprintf(state, sizeof state, "%s/state", life_dir);
    life_daemon_pid = test_start(name, argv);
    return life_daemon_pid;
}

void life_stop(pid_t pid, int expected_exit)
{
    int status = -1;

    kill(pid, SIGTERM);
    for (int i = 0; i < 1200 && waitpid(pid, &status, WNOHANG) == 0; i++)
        life_sleep_ms(50);
    if (pid == life_daemon_pid)
        life_daemon_pid = 0;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), expected_exit);
}

/* Runs a command of the program and returns what it printed. Static buffer. */
const char *life_scaler(int *exit_code, const char *words)
{
    static char out[65536];
    char line[1200];
    size_t n;
    FILE *p;
    int rc;

    snprintf(line, sizeof line, "%s %s --config %s/scaler.cfg --state-dir %s/state 2>&1",
             test_scaler_bin(), words, life_dir, life_dir);
    p = popen(line, "r");
    assert_non_null(p);
    n = fread(out, 1, sizeof out - 1, p);
    out[n] = '\0';
    rc = pclose(p);
    if (exit_code)
        *exit_code = WEXITSTATUS(rc);
    return out;
}

/* One field of the web service's status, as the daemon wrote it. */
struct service_status life_status(void)
{
    struct service_status *services = NULL, web = {0};
    struct daemon_status d = {0};
    struct str text = STR_EMPTY;

    if (file_read(life_path("state/status.json"), 1 << 20, &text, NULL) == 0 &&
        daemon_status_read(&d, &services, str_text(&text), text.len, NULL) == 0 && d.n > 0)
        web = services[0];
    free(services);
    str_clear(&text);
    return web;
}

/* What a program of this name has printed so far; valid until the next call. */
const char *life_log(const char *name)
{
    static struct str text;
    char path[400];

    str_clear(&text);
    snprintf(path, sizeof path, "%s/%s.log", test_temp_dir(), name);
    file_read(path, 1 << 22, &text, NULL);
    return str_text(&text);
}

bool life_log_has(const char *name, const char *part)
{
    return strstr(life_log(name), part) != NULL;
}

int life_begin(void **state)
{
    static int number;

    (void)state;
    snprintf(life_dir, sizeof life_dir, "%s/t%d", test_temp_dir(), ++number);
    snprintf(life_tag, sizeof life_tag, "scaler-test-%d-t%d", (int)getpid(), number);
    assert_int_equal(mkdir(life_dir, 0700), 0);
    life_first_port = 0;
    for (int tries = 0; life_first_port < 2000 || life_first_port > 60000; tries++)
        life_first_port = test_free_port() / LIFE_PORTS * LIFE_PORTS;
    life_api_port = test_free_port();
    life_fed_from_s = life_fed_last_s = 0;
    test_redis_do(&life_redis, "FLUSHALL");
    life_settings = (struct life_settings){1, 12, 10, "", "", NULL};
    life_configure("");
    return 0;
}

int life_finish(void **state)
{
    (void)state;
    if (life_daemon_pid > 0) /* a test that failed left it */
        test_kill(life_daemon_pid);
    life_daemon_pid = 0;
    life_scaler(NULL, "stop --instances"); /* also their cgroups, which kill leaves behind */
    life_end_instances();
    return 0;
}
