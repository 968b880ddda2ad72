/* fault_calls.c - see fault_calls.h. The dynamic linker finds the executable's functions before
 * those of the C library. */
#include "lib/fault_calls.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static _Thread_local size_t left; /* calls until the one that meets it; 0: not armed */
static _Thread_local enum call_fault fault;
static _Thread_local const char *met;

void fault_calls_arm(enum call_fault how, size_t nth)
{
    fault = how;
    met = NULL;
    left = nth;
}

const char *fault_calls_disarm(void)
{
    left = 0;
    return met;
}

/* Is it this call? */
static bool is_met(const char *name)
{
    if (left == 0 || --left > 0)
        return false;
    met = name;
    return true;
}

static int refuse(int cause)
{
    errno = cause;
    return -1;
}

/* POSIX lets a data pointer hold a function; ISO C does not know of it. */
#define REAL(name) (__extension__(__typeof__(&(name))) dlsym(RTLD_NEXT, #name))

int connect(int fd, __CONST_SOCKADDR_ARG to, socklen_t n)
{
    if (is_met("connect") && fault == CALL_ERROR)
        return refuse(ECONNREFUSED);
    return REAL(connect)(fd, to, n);
}

ssize_t send(int fd, const void *bytes, size_t n, int flags)
{
    if (is_met("send")) {
        if (fault == CALL_ERROR)
            return refuse(ECONNRESET);
        if (fault == CALL_INTERRUPTED)
            return refuse(EINTR);
        if (fault == CALL_SHORT && n > 1)
            n = 1;
    }
    return REAL(send)(fd, bytes, n, flags);
}

ssize_t recv(int fd, void *bytes, size_t n, int flags)
{
    if (is_met("recv")) {
        if (fault == CALL_ERROR)
            return refuse(ECONNRESET);
        if (fault == CALL_INTERRUPTED)
            return refuse(EINTR);
        if (fault == CALL_CLOSED)
            return 0;
        if (n > 1)
            n = 1;
    }
    return REAL(recv)(fd, bytes, n, flags);
}

int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    if (is_met("poll")) {
        if (fault == CALL_ERROR)
            return refuse(ENOMEM);
        if (fault == CALL_INTERRUPTED)
            return refuse(EINTR);
    }
    return REAL(poll)(fds, n, timeout_ms);
}

ssize_t pread(int fd, void *bytes, size_t n, off_t at)
{
    if (is_met("pread")) {
        if (fault == CALL_ERROR)
            return refuse(EIO);
        if (fault == CALL_INTERRUPTED)
            return refuse(EINTR);
        if (fault == CALL_CLOSED)
            return 0;
        if (n > 1)
            n = 1;
    }
    return REAL(pread)(fd, bytes, n, at);
}

int fstat(int fd, struct stat *out)
{
    if (is_met("fstat") && fault == CALL_ERROR)
        return refuse(EIO);
    return REAL(fstat)(fd, out);
}
