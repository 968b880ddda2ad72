/* libvirt_probe.c - which domains are ready. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/backends/libvirt.h"
#include "base/clk.h"
#include "base/log.h"

enum { MOST_AT_ONCE = 256, MOST_WORDS = 64 };

/* --- texts with placeholders -------------------------------------------------------------- */

struct fill {
    const char *name, *value;
};

/* False when memory ran out. */
static bool fill(const char *text, const struct fill *fills, size_t n, struct str *out)
{
    while (*text) {
        size_t k = 0;

        while (k < n && strncmp(text, fills[k].name, strlen(fills[k].name)) != 0)
            k++;
        if (k < n) {
            str_add(out, fills[k].value);
            text += strlen(fills[k].name);
        } else {
            str_add_n(out, text++, 1);
        }
    }
    return !out->failed;
}

static bool is_learned(const char *address)
{
    return strcmp(address, "lease") == 0 || strcmp(address, "agent") == 0 ||
           strcmp(address, "arp") == 0;
}

/* "10.0.0.{number}". */
static void fill_address(const char *pattern, int number, char *out, size_t size)
{
    char text[16];
    const struct fill fills[] = {{"{number}", text}};
    struct str s = STR_EMPTY;

    snprintf(text, sizeof text, "%d", number);
    if (!fill(pattern, fills, 1, &s) || !str_copy(out, size, str_text(&s)))
        *out = '\0';
    str_clear(&s);
}

static int check_address(const char *pattern, struct err *e)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    char address[64];

    if (is_learned(pattern))
        return 0;
    fill_address(pattern, 1, address, sizeof address);
    if (inet_pton(AF_INET, address, bytes) != 1 && inet_pton(AF_INET6, address, bytes) != 1)
        return err_set(e, ERR_CONFIG,
                       "address = \"%.80s\": write \"lease\", \"agent\", \"arp\", or a numeric "
                       "address, which {number} makes one's own (\"10.0.0.{number}\")",
                       pattern);
    return 0;
}

int libvirt_probe_check(const struct conf *c, bool has_ports, struct err *e)
{
    const char *kind = conf_string(c, "probe"), *path = conf_string(c, "probe_path");
    const char *address = conf_string(c, "address");
    const char *const *words;
    size_t n = conf_strings(c, "probe_command", &words);

    if (strcmp(kind, "exec") == 0 && (n == 0 || words[0][0] != '/'))
        return err_set(e, ERR_CONFIG,
                       "probe = \"exec\" needs probe_command, a program with its path");
    if (n > 0 && strcmp(kind, "exec") != 0)
        return err_set(e, ERR_CONFIG, "probe_command needs probe = \"exec\"");
    if (path[0] != '/' || strpbrk(path, " \t\r\n"))
        return err_set(e, ERR_CONFIG, "probe_path = \"%.80s\": begins with a slash, no blanks",
                       path);
    if ((strcmp(kind, "tcp") == 0 || strcmp(kind, "http") == 0) && !is_learned(address) &&
        !strstr(address, "{number}") && !has_ports && conf_int(c, "instances") > 1)
        return err_set(e, ERR_CONFIG,
                       "address = \"%.60s\" is the same for all instances: write {number} into "
                       "it, or set ports",
                       address);
    return check_address(address, e);
}

/* --- what is remembered ------------------------------------------------------------------- */

struct libvirt_known *libvirt_known(struct libvirt *b, const struct libvirt_domain *d)
{
    for (size_t i = 0; i < b->n_known; i++) {
        if (strcmp(b->known[i].uuid, d->uuid) == 0)
            return &b->known[i];
    }
    return NULL;
}

static int add_known(struct libvirt *b, const struct libvirt_domain *d, struct err *e)
{
    if (b->n_known == b->cap_known) {
        size_t cap = b->cap_known > 0 ? 2 * b->cap_known : 16;
        struct libvirt_known *more = realloc(b->known, cap * sizeof *more);

        if (!more)
            return err_nomem(e);
        b->known = more;
        b->cap_known = cap;
    }
    b->known[b->n_known] = (struct libvirt_known){.is_listed = true, .probe = {.fd = -1}};
    str_copy(b->known[b->n_known].uuid, LIBVIRT_UUID_SIZE, d->uuid);
    b->n_known++;
    return 0;
}

/* One entry a domain; those of domains that are gone are dropped. */
static int sync_known(struct libvirt *b, struct err *e)
{
    size_t kept = 0;

    for (size_t i = 0; i < b->n_known; i++)
        b->known[i].is_listed = false;
    for (size_t i = 0; i < b->list.n; i++) {
        struct libvirt_known *k = libvirt_known(b, &b->list.all[i]);

        if (k)
            k->is_listed = true;
        else if (add_known(b, &b->list.all[i], e) != 0)
            return -1;
    }
    for (size_t i = 0; i < b->n_known; i++) {
        if (b->known[i].is_listed)
            b->known[kept++] = b->known[i];
    }
    b->n_known = kept;
    return 0;
}

/* --- asking ------------------------------------------------------------------------------- */

static bool is_asked(const struct libvirt_domain *d)
{
    return d->state == LIBVIRT_RUNNING && d->mark.role != LIBVIRT_DRAIN;
}

int libvirt_port(const struct libvirt *b, int number)
{
    return b->first_port > 0 ? b->first_port + number - 1 : 0;
}

static void take_answer(struct libvirt *b, struct libvirt_known *k, bool is_yes)
{
    k->failed_probes = is_yes ? 0 : k->failed_probes + 1;
    if (is_yes)
        k->is_ready = true;
    else if (k->failed_probes >= conf_int(b->options, "probe_failures"))
        k->is_ready = false;
    if (!is_yes)
        k->address[0] = '\0'; /* it may have another */
    probe_stop(&k->probe);
}

/* A domain without an address is not ready; why it has none stands in the log once. */
static bool find_address(struct libvirt *b, struct libvirt_domain *d, struct libvirt_known *k)
{
    const char *how = conf_string(b->options, "address");
    struct err e = {0};

    if (k->address[0])
        return true;
    if (!is_learned(how))
        fill_address(how, d->mark.number, k->address, sizeof k->address);
    else if (libvirt_address(d, how, k->address, sizeof k->address, &e) != 0)
        log_debug(b->service, "no address: %s", e.msg);
    return k->address[0] != '\0';
}

/* In a process group of its own; its end is the answer. 0: it did not start. */
static pid_t start_command(const char *const *argv)
{
    static const char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    pid_t pid = 0;
    int rc;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                        POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, 0, 1);
    posix_spawn_file_actions_adddup2(&actions, 0, 2);
    rc = posix_spawn(&pid, argv[0], &actions, &attr, (char *const *)(uintptr_t)argv,
                     (char *const *)(uintptr_t)environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    if (rc != 0)
        log_warn("libvirt", "probe_command %s: %s", argv[0], strerror(rc));
    return rc == 0 ? pid : 0;
}

static pid_t run_command(struct libvirt *b, struct libvirt_domain *d, struct libvirt_known *k)
{
    char id[16], number[16], port[16];
    const struct fill fills[] = {
        {"{address}", k->address}, {"{name}", d->name}, {"{id}", id},
        {"{number}", number},      {"{port}", port},    {"{group}", b->service}};
    struct str text[MOST_WORDS] = {STR_EMPTY};
    const char *argv[MOST_WORDS + 1] = {NULL};
    const char *const *words;
    size_t n = conf_strings(b->options, "probe_command", &words);
    bool is_whole = true;
    pid_t pid = 0;

    snprintf(id, sizeof id, "%04d", d->mark.number);
    snprintf(number, sizeof number, "%d", d->mark.number);
    snprintf(port, sizeof port, "%d", libvirt_port(b, d->mark.number));
    for (size_t i = 0; i < n && i < MOST_WORDS; i++) {
        is_whole &= fill(words[i], fills, sizeof fills / sizeof fills[0], &text[i]);
        argv[i] = str_text(&text[i]);
    }
    if (is_whole && argv[0])
        pid = start_command(argv);
    for (size_t i = 0; i < n && i < MOST_WORDS; i++)
        str_clear(&text[i]);
    return pid;
}

static bool needs_address(const struct libvirt *b)
{
    const char *const *words;
    size_t n = conf_strings(b->options, "probe_command", &words);

    if (b->probe != LIBVIRT_PROBE_EXEC)
        return true;
    for (size_t i = 0; i < n; i++) {
        if (strstr(words[i], "{address}"))
            return true;
    }
    return false;
}

static void ask(struct libvirt *b, struct libvirt_domain *d, struct libvirt_known *k,
                bool is_dry_run, int64_t now_mono_ms)
{
    int64_t until = now_mono_ms + conf_duration_ms(b->options, "probe_timeout");
    int port = b->first_port > 0 ? libvirt_port(b, d->mark.number)
                                 : (int)conf_int(b->options, "probe_port");
    pid_t pid;

    k->next_probe_mono_ms = now_mono_ms + conf_duration_ms(b->options, "probe_interval");
    if (b->probe == LIBVIRT_PROBE_NONE || (b->probe == LIBVIRT_PROBE_EXEC && is_dry_run)) {
        take_answer(b, k, true);
    } else if (b->probe == LIBVIRT_PROBE_AGENT) {
        take_answer(b, k, libvirt_agent_answers(d));
    } else if (needs_address(b) && !find_address(b, d, k)) {
        take_answer(b, k, false);
    } else if (b->probe == LIBVIRT_PROBE_EXEC) {
        pid = run_command(b, d, k);
        if (pid > 0)
            probe_start_command(&k->probe, pid, until);
        else
            take_answer(b, k, false);
    } else {
        probe_start_tcp(&k->probe, k->address, port,
                        b->probe == LIBVIRT_PROBE_HTTP ? conf_string(b->options, "probe_path")
                                                       : NULL,
                        until);
    }
}

static void begin(struct libvirt *b, bool is_dry_run, int64_t until_mono_ms)
{
    for (size_t i = 0; i < b->list.n; i++) {
        struct libvirt_domain *d = &b->list.all[i];
        struct libvirt_known *k = libvirt_known(b, d);
        int64_t now = clk_mono_ms();

        if (!is_asked(d)) {
            k->is_ready = false;
            k->failed_probes = 0;
            k->next_probe_mono_ms = 0;
        } else if (now >= k->next_probe_mono_ms && now < until_mono_ms) {
            ask(b, d, k, is_dry_run, now);
        }
    }
}

/* What the pending ones wait for; all are begun, so that none is left when it returns 0. */
static nfds_t step(struct libvirt *b, struct pollfd *fds, bool is_over)
{
    nfds_t n = 0;

    for (size_t i = 0; i < b->n_known; i++) {
        struct libvirt_known *k = &b->known[i];
        enum probe_result result = probe_step(&k->probe, is_over ? INT64_MAX : clk_mono_ms());

        if (result == PROBE_YES || result == PROBE_NO)
            take_answer(b, k, result == PROBE_YES);
        else if (result == PROBE_PENDING && n < MOST_AT_ONCE)
            fds[n++] = probe_pollfd(&k->probe);
    }
    return n;
}

int libvirt_probe_all(struct libvirt *b, bool is_dry_run, int64_t until_mono_ms, struct err *e)
{
    struct pollfd fds[MOST_AT_ONCE];
    int64_t last;

    if (sync_known(b, e) != 0)
        return -1;
    begin(b, is_dry_run, until_mono_ms);
    last = clk_mono_ms() + conf_duration_ms(b->options, "probe_timeout");
    if (until_mono_ms > last) /* nobody waits for one that does not answer */
        until_mono_ms = last;
    for (;;) {
        int64_t now = clk_mono_ms();
        nfds_t n = step(b, fds, now >= until_mono_ms);

        if (n == 0)
            break;
        poll(fds, n, now < until_mono_ms ? (int)(until_mono_ms - now) : 0);
    }
    for (size_t i = 0; i < b->list.n; i++) {
        struct libvirt_domain *d = &b->list.all[i];

        d->is_ready = is_asked(d) && libvirt_known(b, d)->is_ready;
    }
    return 0;
}
