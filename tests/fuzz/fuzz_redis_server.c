/* fuzz_redis_server.c - any bytes as all that a Redis ever sends: over a real connection, to
 * what asks it for its state and looks through its keys. The byte 255 ends what answers one
 * request. */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "adapters/sources/redis_discover.h"
#include "adapters/sources/redis_server.h"
#include "base/clk.h"
#include "fuzz/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_BYTES = 65536, DEADLINE_MS = 20, END_OF_ANSWER = 255 };

struct script {
    int listener;
    const uint8_t *data;
    size_t size;
};

/* Sends up to the next mark. False when there is no more. */
static bool answer(int fd, const struct script *s, size_t *at)
{
    const uint8_t *from = s->data + *at;
    const uint8_t *mark = memchr(from, END_OF_ANSWER, s->size - *at);
    size_t n = mark ? (size_t)(mark - from) : s->size - *at;

    *at += n + (mark != NULL);
    return n > 0 ? send(fd, from, n, MSG_NOSIGNAL) >= 0 && *at < s->size : *at < s->size;
}

/* A server that begins its bytes anew on each connection, whatever it is asked. */
static void *serve(void *arg)
{
    const struct script *s = arg;
    char asked[65536];
    int fd;

    while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
        bool is_more = s->size > 0;
        size_t at = 0;

        while (read(fd, asked, sizeof asked) > 0)
            if (!is_more || !(is_more = answer(fd, s, &at)))
                shutdown(fd, SHUT_WR);
        close(fd);
    }
    return NULL;
}

static int listen_at(char *url, size_t n)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (snprintf(a.sun_path, sizeof a.sun_path, "%s/redis", scratch_dir()) >=
            (int)sizeof a.sun_path ||
        snprintf(url, n, "unix://%s", a.sun_path) >= (int)n)
        abort();
    unlink(a.sun_path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 4) != 0)
        abort();
    return fd;
}

/* Each on a connection of its own: the bytes answer both from their beginning. */
static void talk(const char *url, bool is_discover)
{
    const struct rds_options options = {.url = url, .most_reply_bytes = MOST_BYTES};
    int64_t deadline = clk_mono_ms() + DEADLINE_MS;
    struct source_finding *found = NULL;
    struct server_facts facts;
    struct err e = {0};
    char text[256];
    struct rds *r;
    size_t n = 0;
    int rc;

    if (rds_new(&r, &options, &e) != 0)
        abort();
    if (is_discover)
        rc = redis_discover(r, &found, &n, text, sizeof text, deadline, &e);
    else if ((rc = server_ask(r, deadline, &facts, &e)) == 0)
        server_may_evict(&facts, text, sizeof text);
    if (rc != 0 && e.msg[0] == '\0')
        abort(); /* refused without a word */
    free(found);
    rds_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script s = {.data = data, .size = size < MOST_BYTES ? size : MOST_BYTES};
    pthread_t thread;
    char url[256];

    s.listener = listen_at(url, sizeof url);
    if (pthread_create(&thread, NULL, serve, &s) != 0)
        abort();
    talk(url, false);
    talk(url, true);
    shutdown(s.listener, SHUT_RDWR); /* ends accept */
    pthread_join(thread, NULL);
    close(s.listener);
    return 0;
}
