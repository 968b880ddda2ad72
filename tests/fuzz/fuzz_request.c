/* fuzz_request.c - any text as a request of the HTTP interface: method, path and Host, a line
 * each. Metrics and status are for the hosts that were named alone. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/routes.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct daemon_status *status(void *user)
{
    static const struct service_status service = {.name = "web", .mode = "dry_run"};
    static const struct daemon_status s = {.services = &service, .n = 1};

    (void)user;
    return &s;
}

static bool is_ready(void *user, char *why, size_t size)
{
    (void)user;
    str_copy(why, size, "not yet");
    return false;
}

static void check(const struct reply *r, const char *host)
{
    const char *body = str_text(&r->body);
    bool is_told = strstr(body, "\"web\"") != NULL;

    if (r->code < 200 || r->code > 599 || !r->type)
        abort();
    if (is_told && (!host || (strncasecmp(host, "localhost", 9) != 0 &&
                              strncmp(host, "127.0.0.1", 9) != 0 && host[0] != '[' &&
                              strncasecmp(host, "scaler.example", 14) != 0)))
        abort(); /* to a page behind another name */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const hosts[] = {"scaler.example"};
    const struct api_view view = {status, is_ready, NULL};
    char *text = malloc(size + 1), *rest = text;
    const char *method, *path, *host;
    struct reply r;

    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    method = strsep(&rest, "\n");
    path = strsep(&rest, "\n");
    host = strsep(&rest, "\n");
    routes_answer(&view, method, path ? path : "/", host, hosts, 1, &r);
    while (r.more && r.more(&r))
        continue;
    check(&r, host);
    reply_clear(&r);
    free(text);
    return 0;
}
