/* exec.c - the conformance of the exec backend, with the example program of its manual. */
#include "conformance/suite.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clk.h"
#include "base/file.h"

struct sleepers {
    char dir[340];
};

/* Exit codes, in the place of HTTP's. */
static const struct suite_status statuses[] = {
    {1, ERR_IO},    {2, ERR_CONFIG}, {3, ERR_BUSY}, {4, ERR_CONFLICT},
    {5, ERR_LIMIT}, {6, ERR_DENIED}, {77, ERR_IO},  {0, ERR_NONE},
};

static int start(struct bench *b)
{
    struct sleepers *s = calloc(1, sizeof *s);
    char text[400];
    struct err e = {0};

    assert_non_null(s);
    b->user = s;
    snprintf(s->dir, sizeof s->dir, "%s/sleepers", b->state_dir);
    assert_int_equal(mkdir(s->dir, 0700), 0);
    snprintf(text, sizeof text, "%s/tests/conformance/exec_faults.sh",
             getenv("SCALER_SOURCE_DIR"));
    conf_set(b->conf, "command", text, &e);
    snprintf(text, sizeof text, "SLEEPERS_DIR=%s", s->dir);
    conf_set(b->conf, "environment", text, &e);
    conf_set(b->conf, "environment", "SLEEPERS_MOST=6", &e);
    assert_int_equal(e.code, ERR_NONE);
    return 0;
}

/* The files of the sleepers that live; kills so many of them. */
static int visit(const struct sleepers *s, int kill_most)
{
    DIR *d = opendir(s->dir);
    struct dirent *entry;
    int n = 0;

    assert_non_null(d);
    while ((entry = readdir(d)) != NULL) {
        char path[700], line[2000];
        struct str text = STR_EMPTY;
        struct err e = {0};
        pid_t pid;

        if (!strstr(entry->d_name, ".pid"))
            continue;
        snprintf(path, sizeof path, "%s/%s", s->dir, entry->d_name);
        assert_int_equal(file_read(path, 100, &text, &e), 0);
        pid = (pid_t)strtol(str_text(&text), NULL, 10);
        str_clear(&text);
        assert_true(pid > 1);
        snprintf(path, sizeof path, "/proc/%ld/cmdline", (long)pid);
        if (file_read(path, sizeof line, &text, &e) == 0 && text.len > 0) {
            n++;
            if (kill_most-- > 0)
                kill(pid, SIGKILL);
        }
        str_clear(&text);
    }
    closedir(d);
    return n;
}

static void stop(struct bench *b)
{
    visit(b->user, 1000);
    free(b->user);
}

static int count(struct bench *b)
{
    return visit(b->user, 0);
}

/* The program's own log: a line for each start and stop. */
static int writes(struct bench *b)
{
    const struct sleepers *s = b->user;
    struct str text = STR_EMPTY;
    struct err e = {0};
    char path[400];
    int n = 0;

    snprintf(path, sizeof path, "%s/log", s->dir);
    if (file_read(path, 65536, &text, &e) == 0) {
        for (const char *p = str_text(&text); (p = strchr(p, '\n')) != NULL; p++)
            n++;
    }
    str_clear(&text);
    return n;
}

static void set_fault(struct bench *b, const char *word, long long number)
{
    const struct sleepers *s = b->user;
    char path[400];
    FILE *f;

    snprintf(path, sizeof path, "%s/fault", s->dir);
    f = fopen(path, "we");
    assert_non_null(f);
    if (number >= 0)
        fprintf(f, "%s %lld\n", word, number);
    else
        fprintf(f, "%s\n", word);
    fclose(f);
}

static void fault(struct bench *b, enum suite_fault kind, int status)
{
    static const char *const words[] = {
        [SUITE_FAULT_NONE] = "none",     [SUITE_FAULT_STATUS] = "status",
        [SUITE_FAULT_SILENT] = "silent", [SUITE_FAULT_GARBAGE] = "garbage",
        [SUITE_FAULT_HUGE] = "huge",     [SUITE_FAULT_CUT] = "cut",
    };

    set_fault(b, words[kind], kind == SUITE_FAULT_STATUS ? status : -1);
}

static void set_late(struct bench *b, int ms)
{
    set_fault(b, "late", clk_wall_ms() + ms);
}

static void set_rollout(struct bench *b, bool is_on)
{
    set_fault(b, is_on ? "rollout" : "none", -1);
}

static void move(struct bench *b, int n)
{
    const struct sleepers *s = b->user;
    char line[1200];

    snprintf(line, sizeof line,
             "echo '{\"action\":\"scale\",\"count\":%d}' | SLEEPERS_DIR='%s' "
             "'%s/config/examples/backends/sleepers.sh' >/dev/null",
             n, s->dir, getenv("SCALER_SOURCE_DIR"));
    assert_int_equal(system(line), 0);
}

static void kill_one(struct bench *b)
{
    visit(b->user, 1);
}

static const struct suite_entry entry = {
    .backend = "exec",
    .server = "the example program",
    .start = start,
    .stop = stop,
    .count = count,
    .writes = writes,
    .fault = fault,
    .move = move,
    .kill_one = kill_one,
    .set_late = set_late,
    .set_rollout = set_rollout,
    .statuses = statuses,
    .na =
        {
            [SUITE_PARTIAL] = "the example program always has room",
            [SUITE_DRAIN] = "the example program's instances end at once",
        },
};

int main(int argc, char **argv)
{
    return suite_main(&entry, argc, argv);
}
