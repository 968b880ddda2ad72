/* fault.h - makes one chosen allocation fail.
 *
 * For tests that scaler_fault_test() of tests/CMakeLists.txt links: there malloc, calloc,
 * realloc, strdup and strndup of the program's own code pass through here, and after
 * fault_wrap_libraries() those of SQLite and jansson too (other shared libraries' do not). A
 * test writes one function that uses a part of the program, and fault_try() runs it with the
 * first allocation failing, then the second, until none is left to fail.
 *
 * Leaks are found by AddressSanitizer at the end of the test. */
#ifndef SCALER_TESTS_LIB_FAULT_H
#define SCALER_TESTS_LIB_FAULT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* The nth allocation from now on (the first is 1) returns NULL, those after it succeed. */
void fault_arm(size_t nth);

/* Ends it. True when the allocation was reached and failed. */
bool fault_disarm(void);

/* Allocations of SQLite and jansson count and fail as well. Before the first call of either. */
void fault_wrap_libraries(void);

struct fault_loop {
    const char *name; /* in messages */
    /* Uses what is tested, and frees all of it; what the failure must not have harmed it checks
     * itself, after fault_disarm(). 0, or -1 with an error. */
    int (*use)(struct err *e);
    size_t least;  /* allocations there must be: fewer, and the test tests nothing */
    size_t spread; /* 0: every one; else the first `spread`, then each 1/spread further on */
    enum err_code also; /* beside ERR_NOMEM: a library that cannot tell; ERR_NONE: none */
    bool may_succeed;   /* there are allocations that it can do without */
};

/* Runs loop->use once for every chosen allocation. It must return -1 with ERR_NOMEM whenever
 * one failed (or 0, where it may), and 0 when none did. */
void fault_try(const struct fault_loop *loop);

#endif
