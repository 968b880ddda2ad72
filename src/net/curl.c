/* curl.c - see curl.h. */
#include "net/curl.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/clk.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_set_up;

static void set_up(void)
{
    is_set_up = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

CURL *net_curl_new(const char *ca_file, const char *cert_file, const char *key_file)
{
    bool is_good = true;
    CURL *c;

    pthread_once(&once, set_up);
    c = is_set_up ? curl_easy_init() : NULL;
    if (!c)
        return NULL;
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    is_good &= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    is_good &= curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK;
    is_good &= curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
    /* Without it a clean-up waits for a name look-up that hangs. */
    curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
    if (ca_file && *ca_file)
        is_good &= curl_easy_setopt(c, CURLOPT_CAINFO, ca_file) == CURLE_OK;
    if (cert_file && *cert_file)
        is_good &= curl_easy_setopt(c, CURLOPT_SSLCERT, cert_file) == CURLE_OK;
    if (key_file && *key_file)
        is_good &= curl_easy_setopt(c, CURLOPT_SSLKEY, key_file) == CURLE_OK;
    if (is_good)
        return c;
    curl_easy_cleanup(c);
    return NULL;
}

long net_left_ms(int64_t deadline_mono_ms)
{
    int64_t left = deadline_mono_ms - clk_mono_ms();

    if (left < 1)
        return 1;
    return left > CLK_HOUR_MS ? (long)CLK_HOUR_MS : (long)left;
}

void net_quiet_begin(struct net_quiet *q)
{
    sigset_t pipe, pending;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    q->was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe, &q->before);
}

void net_quiet_end(const struct net_quiet *q)
{
    const struct timespec none = {0, 0};
    sigset_t pipe;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    if (!q->was_pending)
        while (sigtimedwait(&pipe, NULL, &none) == SIGPIPE)
            continue;
    pthread_sigmask(SIG_SETMASK, &q->before, NULL);
}

/* Why a connection could not be made, by the system's word. */
static int connect_error(struct err *e, CURL *c, const char *detail)
{
    long code = 0;

    curl_easy_getinfo(c, CURLINFO_OS_ERRNO, &code);
    switch (code) {
    case 0:
        return err_set(e, ERR_IO, "cannot connect (is it running there?): %s", detail);
    case ENOENT:
        return err_set(e, ERR_IO,
                       "cannot connect: no such file (is it running, with this socket?)");
    case EACCES:
    case EPERM:
        return err_set(e, ERR_DENIED,
                       "cannot connect: permission denied (give scaler's user the right to "
                       "it)");
    default:
        return err_set(e, ERR_IO, "cannot connect: %s (is it running there?)",
                       strerror((int)code));
    }
}

int net_curl_error(struct err *e, CURL *c, CURLcode code, const char *detail)
{
    const char *why = detail && *detail ? detail : curl_easy_strerror(code);

    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return err_set(e, ERR_DENIED, "certificate not trusted (set ca_file): %s", why);
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
        return err_set(e, ERR_CONFIG, "ca_file, cert_file or key_file cannot be used: %s", why);
    case CURLE_SSL_CONNECT_ERROR:
        return err_set(e, ERR_IO, "TLS failed (does this port speak TLS?): %s", why);
    case CURLE_COULDNT_RESOLVE_HOST:
        return err_set(e, ERR_IO, "host name not found (check the url): %s", why);
    case CURLE_COULDNT_CONNECT:
        return connect_error(e, c, why);
    case CURLE_OPERATION_TIMEDOUT:
        return err_set(e, ERR_IO, "no answer within the deadline: %s", why);
    case CURLE_OUT_OF_MEMORY:
        return err_nomem(e);
    default:
        return err_set(e, ERR_IO, "%s", why);
    }
}
