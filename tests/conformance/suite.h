/* suite.h - the same tests for every backend, each against its server (ctest -L conformance).
 *
 * To add a backend: one file, tests/conformance/NAME.c, that fills a struct suite_entry and
 * calls suite_main; one line, scaler_conformance(NAME), in tests/CMakeLists.txt; then
 * `cmake --build build/asan --target conformance_table` writes its column into tests/README.md.
 *
 * The suite drives the backend; the entry is the other side: it starts the server, and tells by
 * the server's own word what runs there and how many writes arrived. A function that an entry
 * leaves NULL, or a case named in `na`, is "n/a" in the table; each needs a reason in `na`.
 * An entry fails by cmocka's assertions. */
#ifndef SCALER_TESTS_CONFORMANCE_SUITE_H
#define SCALER_TESTS_CONFORMANCE_SUITE_H

#include "lib/test.h"

#include "act/backend.h"
#include "conf/conf.h"

enum suite_case {
    SUITE_OUT_AND_IN,
    SUITE_SAME_TWICE, /* sends nothing */
    SUITE_CONFLICT,   /* another writer moved the count: seen, and undone by an absolute one */
    SUITE_PARTIAL,    /* the server has less room than was asked for */
    SUITE_LATE,       /* accepted, ready only later */
    SUITE_DIES,       /* an instance ends by itself */
    SUITE_DOWN,       /* the server is gone in the middle of a write */
    SUITE_SLOW,       /* the deadline is kept */
    SUITE_GARBAGE,
    SUITE_STATUS, /* 401, 403, 404, 409, 429, 5xx: typed errors */
    SUITE_HUGE,   /* a reply without end: bounded */
    SUITE_RESTART,
    SUITE_TWO_WRITERS,
    SUITE_DRY_RUN, /* no write reaches the server */
    SUITE_DRAIN,
    SUITE_LIMITS,
    SUITE_ROLLOUT, /* told while it lasts; starts of one version are none */
    SUITE_CASES,
};

/* What the server's side does to the calls from here on. */
enum suite_fault {
    SUITE_FAULT_NONE,
    SUITE_FAULT_STATUS,  /* every call is refused with the given HTTP status */
    SUITE_FAULT_SILENT,  /* takes the request, never answers */
    SUITE_FAULT_GARBAGE, /* answers, but not in its protocol */
    SUITE_FAULT_HUGE,    /* answers without end */
    SUITE_FAULT_CUT,     /* a write is carried out, the answer to it lost; reads work */
};

struct bench {
    const struct suite_entry *entry;
    const struct backend *backend; /* set by suite_main */
    struct conf *conf;             /* made with the defaults before start; freed after stop */
    void *object;                  /* open, or NULL */
    char service[32];
    char state_dir[300];
    void *user; /* the entry's own: not NULL from start to stop */
};

/* How a refusal must come out; a list ends with a status 0. */
struct suite_status {
    int status;
    enum err_code code;
};

struct suite_entry {
    const char *backend; /* as in the configuration */
    const char *server;  /* for the table: "helper processes", "podman 4.3", "recorded" */
    int settle_ms;       /* until a change must be there; 0: 15 s */
    int least;           /* the count that `start` leaves, and the least there can be: 0 or 1 */

    /* A server of its own for one case, `least` running; sets b->conf. 77: cannot run here,
     * after saying why; 0. `stop` ends all of it, also what runs. */
    int (*start)(struct bench *b);
    void (*stop)(struct bench *b);
    int (*count)(struct bench *b);  /* instances that really run, draining ones too */
    int (*writes)(struct bench *b); /* so far: what would change something */

    void (*fault)(struct bench *b, enum suite_fault fault, int status);
    void (*move)(struct bench *b, int count);    /* as another writer */
    void (*kill_one)(struct bench *b);           /* one instance ends by itself */
    void (*set_room)(struct bench *b, int most); /* no more than so many can start */
    void (*set_late)(struct bench *b, int ms);   /* those started from here on: ready so late */
    void (*set_drain)(struct bench *b, int ms);  /* instances take so long to stop */
    /* Another version is rolled out, or that is over. NULL: no reason needs to be given. */
    void (*set_rollout)(struct bench *b, bool is_on);
    bool is_restored;  /* who died is replaced without a further call of `scale` */
    bool is_exclusive; /* a second object is refused (ERR_BUSY) while one acts */
    const struct suite_status *statuses; /* NULL: as http_check_status says */
    const char *na[SUITE_CASES];         /* why a case makes no sense; NULL: it does */
};

/* Runs the cases, or one: argv[1] as a pattern. `--table` prints "CASE<tab>RESULT" lines
 * instead of running. The exit code of a test program: 0, 77 skipped, else failed. */
int suite_main(const struct suite_entry *entry, int argc, char **argv);

#endif
