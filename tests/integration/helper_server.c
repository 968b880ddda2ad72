/* helper_server.c - an instance for tests: listens on a port, and misbehaves as told.
 *
 *   --port N            listen there (else $PORT when set)
 *   --ready-after MS    start to listen only then
 *   --stop-after MS     on SIGTERM, end only so much later
 *   --ignore-term       never end on SIGTERM
 *   --exit N            end at once with this status
 *   --children N        fork N processes that ignore SIGTERM
 *   --detached N        fork N processes with sessions of their own
 *   --allocate MB       use so much memory, then go on
 *   --spin 1            keep a core busy while serving
 *   --print N           write N lines of 100 bytes
 *   --status N          answer HTTP with this status
 *   --answer-after MS   answer only so much later, one after the other
 *   --mark FILE         append "start" and "term" lines with the time there
 *   --tag TEXT          to be found by in the process list
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t is_told;
static int stop_after_ms, answer_after_ms, ignores_term, spins, http_status = 200;
static const char *mark_path;

static void mark(const char *what)
{
    struct timespec t;
    FILE *f = mark_path ? fopen(mark_path, "a") : NULL;

    clock_gettime(CLOCK_MONOTONIC, &t);
    if (f) {
        fprintf(f, "%s %ld %lld\n", what, (long)getpid(),
                (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000);
        fclose(f);
    }
}

static void on_term(int sig)
{
    (void)sig;
    is_told = 1;
}

static void wait_ms(int ms)
{
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};

    while (nanosleep(&t, &t) != 0 && !is_told)
        ;
}

static void fork_children(int n, int is_detached)
{
    for (int i = 0; i < n; i++) {
        if (fork() != 0)
            continue;
        if (is_detached)
            setsid();
        signal(SIGTERM, SIG_IGN);
        for (;;)
            pause();
    }
}

static void use_memory(size_t mb)
{
    char *p = malloc(mb << 20);

    if (!p)
        exit(9);
    for (size_t i = 0; i < mb << 20; i += 4096)
        ((volatile char *)p)[i] = 1;
}

static int listen_on(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 16) != 0) {
        perror("bind");
        exit(8);
    }
    return fd;
}

static void answer(int fd)
{
    char buf[1024];
    int c = accept(fd, NULL, NULL);
    struct timeval limit = {0, 200000};

    if (c < 0)
        return;
    setsockopt(c, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (recv(c, buf, sizeof buf, 0) > 0) {
        wait_ms(answer_after_ms);
        dprintf(c, "HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n", http_status);
    }
    close(c);
}

static void serve(int port)
{
    int fd = port > 0 ? listen_on(port) : -1;

    while (!is_told || ignores_term) {
        struct pollfd p = {fd, POLLIN, 0};

        if (poll(&p, 1, spins ? 0 : 50) > 0)
            answer(fd);
    }
    mark("term");
    is_told = 0;
    wait_ms(stop_after_ms);
}

int main(int argc, char **argv)
{
    int port = getenv("PORT") ? atoi(getenv("PORT")) : 0, ready_after_ms = 0;
    int children = 0, detached = 0, lines = 0;
    size_t allocate_mb = 0;

    signal(SIGTERM, on_term);
    for (int i = 1; i < argc; i++) {
        const char *o = argv[i], *v = i + 1 < argc ? argv[i + 1] : "0";

        if (strcmp(o, "--ignore-term") == 0) {
            ignores_term = 1;
            continue;
        }
        i++;
        if (strcmp(o, "--port") == 0)
            port = atoi(v);
        else if (strcmp(o, "--ready-after") == 0)
            ready_after_ms = atoi(v);
        else if (strcmp(o, "--stop-after") == 0)
            stop_after_ms = atoi(v);
        else if (strcmp(o, "--exit") == 0)
            exit(atoi(v));
        else if (strcmp(o, "--children") == 0)
            children = atoi(v);
        else if (strcmp(o, "--detached") == 0)
            detached = atoi(v);
        else if (strcmp(o, "--allocate") == 0)
            allocate_mb = (size_t)atoi(v);
        else if (strcmp(o, "--spin") == 0)
            spins = atoi(v);
        else if (strcmp(o, "--print") == 0)
            lines = atoi(v);
        else if (strcmp(o, "--status") == 0)
            http_status = atoi(v);
        else if (strcmp(o, "--answer-after") == 0)
            answer_after_ms = atoi(v);
        else if (strcmp(o, "--mark") == 0)
            mark_path = v;
        else if (strcmp(o, "--tag") != 0)
            exit(64);
    }
    mark("start");
    fork_children(children, 0);
    fork_children(detached, 1);
    for (int i = 0; i < lines; i++)
        printf("%-99s\n", "line");
    fflush(stdout);
    use_memory(allocate_mb);
    wait_ms(ready_after_ms);
    serve(port);
    return 0;
}
