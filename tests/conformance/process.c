/* process.c - the conformance of the process backend, with helper processes. */
#include "conformance/suite.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clk.h"
#include "lib/process_rig.h"

enum { PORTS = 6 };

struct processes {
    struct rig rig;
    char marks[340]; /* the helpers write their starts and stops there */
    int taken[PORTS], n_taken;
};

static int start(struct bench *b)
{
    struct processes *p = calloc(1, sizeof *p);
    const char *const *list;
    size_t n;
    struct err e = {0};

    assert_non_null(p);
    b->user = p;
    rig_init(&p->rig, b->service);
    snprintf(p->marks, sizeof p->marks, "%s/marks", b->state_dir);
    rig_add_args(&p->rig, "--mark", p->marks);
    n = conf_strings(p->rig.conf, "command", &list);
    assert_int_equal(conf_set_list(b->conf, "command", list, n, &e), 0);
    conf_set(b->conf, "ports", conf_string(p->rig.conf, "ports"), &e);
    conf_set(b->conf, "probe_interval", "20ms", &e);
    conf_set(b->conf, "grace", "5s", &e);
    return 0;
}

static void stop(struct bench *b)
{
    struct processes *p = b->user;
    struct backend_call call = {.service = b->service,
                                .state_dir = b->state_dir,
                                .deadline_mono_ms = clk_mono_ms() + 5000};
    struct backend_status st = {.draining = 1};
    void *object = NULL;
    struct err e = {0};

    for (int i = 0; i < p->n_taken; i++)
        close(p->taken[i]);
    assert_int_equal(b->backend->open(&object, b->conf, &call, &e), 0);
    b->backend->scale(object, &call, 0, &e);
    for (int i = 0; i < 500 && st.running + st.draining > 0; i++) {
        call.deadline_mono_ms = clk_mono_ms() + 5000;
        b->backend->tend(object, &call, &e);
        b->backend->status(object, &call, &st, &e);
        usleep(10000);
    }
    b->backend->close(object);
    rig_assert_none_left(&p->rig);
    rig_drop(&p->rig);
    free(p);
}

static int count(struct bench *b)
{
    struct processes *p = b->user;

    return rig_count_alive(&p->rig, false);
}

/* Starts and stop signals that the processes themselves saw. */
static int writes(struct bench *b)
{
    struct processes *p = b->user;
    char text[8192];
    int n = 0;

    rig_read(p->marks, text, sizeof text);
    for (const char *s = text; (s = strchr(s, '\n')) != NULL; s++)
        n++;
    return n;
}

static void kill_one(struct bench *b)
{
    struct processes *p = b->user;
    char path[400], text[2048];

    snprintf(path, sizeof path, "%s/instances/%s/%d.pid", b->state_dir, b->service,
             p->rig.port);
    rig_read(path, text, sizeof text);
    assert_non_null(strstr(text, "\"pid\": "));
    kill((pid_t)strtol(strstr(text, "\"pid\": ") + 7, NULL, 10), SIGKILL);
}

/* Others have the last ports. */
static void set_room(struct bench *b, int most)
{
    struct processes *p = b->user;

    for (int i = most; i < PORTS; i++) {
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)(p->rig.port + i))};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
        assert_int_equal(listen(fd, 1), 0);
        p->taken[p->n_taken++] = fd;
    }
}

/* The command is read when the object is opened. */
static void add_option(struct bench *b, const char *option, int ms)
{
    struct backend_call call = {.service = b->service,
                                .state_dir = b->state_dir,
                                .deadline_mono_ms = clk_mono_ms() + 5000};
    char text[16];
    struct err e = {0};

    snprintf(text, sizeof text, "%d", ms);
    conf_set(b->conf, "command", option, &e);
    conf_set(b->conf, "command", text, &e);
    b->backend->close(b->object);
    assert_int_equal(b->backend->open(&b->object, b->conf, &call, &e), 0);
}

static void set_late(struct bench *b, int ms)
{
    add_option(b, "--ready-after", ms);
}

static void set_drain(struct bench *b, int ms)
{
    add_option(b, "--stop-after", ms);
}

static const struct suite_entry entry = {
    .backend = "process",
    .server = "helper processes",
    .start = start,
    .stop = stop,
    .count = count,
    .writes = writes,
    .kill_one = kill_one,
    .set_room = set_room,
    .set_late = set_late,
    .set_drain = set_drain,
    .is_restored = true,
    .is_exclusive = true,
    .na =
        {
            [SUITE_CONFLICT] = "the directory of the instances is locked",
            [SUITE_DOWN] = "no server",
            [SUITE_SLOW] = "no server",
            [SUITE_GARBAGE] = "no server",
            [SUITE_STATUS] = "no server",
            [SUITE_HUGE] = "no server",
        },
};

int main(int argc, char **argv)
{
    int rc = argc > 1 && strcmp(argv[1], "--table") == 0 ? 0 : rig_begin(argc, argv);

    return rc != 0 ? rc : suite_main(&entry, argc, argv);
}
