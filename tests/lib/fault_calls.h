/* fault_calls.h - makes one chosen system call fail, also inside libcurl.
 *
 * A test that links fault_calls.c has connect, send, recv, poll, pread and fstat of its own:
 * those of the program and of the shared libraries pass through here. Only calls of the thread
 * that armed count, so a server in another thread is left alone. */
#ifndef SCALER_TESTS_LIB_FAULT_CALLS_H
#define SCALER_TESTS_LIB_FAULT_CALLS_H

#include <stdbool.h>
#include <stddef.h>

enum call_fault {
    CALL_ERROR,       /* -1: connection refused or reset, I/O error */
    CALL_INTERRUPTED, /* -1, EINTR; a connect is left alone, it never blocks */
    CALL_SHORT,       /* one byte is moved */
    CALL_CLOSED,      /* recv and pread: 0, as at the end */
};

/* The nth call from now on (the first is 1) meets the fault, those after it do not. */
void fault_calls_arm(enum call_fault how, size_t nth);

/* Ends it. The name of the call that met the fault; NULL: none was reached. */
const char *fault_calls_disarm(void);

#endif
