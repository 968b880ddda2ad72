/* wire.c - see wire.h. */
#include "conformance/wire.h"

void wire_fault(struct wire *w, enum suite_fault fault, int status)
{
    static const char huge[] =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{";
    enum slow_mode mode = SLOW_NOT;

    atomic_store(&w->proxy.mode, SLOW_NOT);
    switch (fault) {
    case SUITE_FAULT_NONE:
        break;
    case SUITE_FAULT_STATUS:
        snprintf(w->reply, sizeof w->reply,
                 "HTTP/1.1 %d No\r\nContent-Type: application/json\r\nContent-Length: "
                 "13\r\n\r\n{\"told\":true}",
                 status);
        mode = SLOW_REPLY;
        break;
    case SUITE_FAULT_SILENT:
        mode = SLOW_SILENT;
        break;
    case SUITE_FAULT_GARBAGE:
        snprintf(w->reply, sizeof w->reply,
                 "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: "
                 "14\r\n\r\n<html>oh</html");
        mode = SLOW_REPLY;
        break;
    case SUITE_FAULT_HUGE:
        snprintf(w->reply, sizeof w->reply, "%s", huge);
        mode = SLOW_FLOOD;
        break;
    case SUITE_FAULT_CUT:
        mode = SLOW_CUT;
        break;
    }
    w->proxy.reply = w->reply;
    atomic_store(&w->proxy.mode, mode);
}
