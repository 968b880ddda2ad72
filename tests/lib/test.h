/* test.h - what every test includes instead of cmocka.h: it fixes the include order. */
#ifndef SCALER_TESTS_LIB_TEST_H
#define SCALER_TESTS_LIB_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* |a - b| <= tolerance, NAN equal to NAN; prints both otherwise. */
#define assert_near(a, b, tolerance) test_assert_near(a, b, tolerance, #a, __FILE__, __LINE__)
void test_assert_near(double a, double b, double tolerance, const char *what, const char *file,
                      int line);

/* Fails with both texts unless `text` contains `part`. */
#define assert_contains(text, part) test_assert_contains(text, part, __FILE__, __LINE__)
void test_assert_contains(const char *text, const char *part, const char *file, int line);

/* A fresh directory under TMPDIR, removed with all it holds at exit. Static buffer. */
const char *test_temp_dir(void);

/* Path of a development trace, or NULL (after saying so) where the traces are absent: the
 * test then calls skip(). Static buffer. */
const char *test_trace(const char *name);

/* Path of the built program. */
const char *test_scaler_bin(void);

#endif
