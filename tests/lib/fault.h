/* fault.h - makes one chosen allocation fail.
 *
 * For tests that scaler_fault_test() of tests/CMakeLists.txt links: there malloc, calloc,
 * realloc, strdup and strndup of the program's own code (not of shared libraries) pass through
 * here. The loop of a fault test is
 *
 *     for (size_t n = 1; ; n++) {
 *         fault_arm(n);
 *         rc = what_is_tested();
 *         if (!fault_disarm())
 *             break;                      // fewer than n allocations: all were tried
 *         assert_int_equal(rc, -1);       // and e.code is ERR_NOMEM
 *     }
 *
 * Leaks are found by AddressSanitizer at the end of the test. */
#ifndef SCALER_TESTS_LIB_FAULT_H
#define SCALER_TESTS_LIB_FAULT_H

#include <stdbool.h>
#include <stddef.h>

/* The nth allocation from now on (the first is 1) returns NULL, those after it succeed. */
void fault_arm(size_t nth);

/* Ends it. True when the allocation was reached and failed. */
bool fault_disarm(void);

#endif
