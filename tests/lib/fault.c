/* fault.c - see fault.h. The names are those of ld's --wrap. */
#include "lib/fault.h"

#include "lib/test.h"

#include <errno.h>
#include <jansson.h>
#include <sqlite3.h>

static size_t left; /* allocations until the one that fails; 0: not armed */
static bool has_failed;
static sqlite3_mem_methods sqlite_own; /* SQLite's allocator behind ours */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);

void fault_arm(size_t nth)
{
    left = nth;
    has_failed = false;
}

bool fault_disarm(void)
{
    left = 0;
    return has_failed;
}

static bool fails(void)
{
    if (left == 0 || --left > 0)
        return false;
    has_failed = true;
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return fails() ? NULL : __real_realloc(p, size);
}

char *__wrap_strdup(const char *s)
{
    return fails() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n)
{
    return fails() ? NULL : __real_strndup(s, n);
}

static void *sqlite_malloc(int size)
{
    return fails() ? NULL : sqlite_own.xMalloc(size);
}

static void *sqlite_realloc(void *p, int size)
{
    return fails() ? NULL : sqlite_own.xRealloc(p, size);
}

void fault_wrap_libraries(void)
{
    sqlite3_mem_methods ours;

    assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_own), SQLITE_OK);
    ours = sqlite_own;
    ours.xMalloc = sqlite_malloc;
    ours.xRealloc = sqlite_realloc;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &ours), SQLITE_OK);
    json_set_alloc_funcs(__wrap_malloc, free);
}

void fault_try(const struct fault_loop *loop)
{
    size_t tries = 0, survived = 0;

    for (size_t n = 1;; n += 1 + (loop->spread > 0 ? n / loop->spread : 0)) {
        struct err e = {0};
        int rc;

        has_failed = false;
        left = n;
        rc = loop->use(&e);
        if (!has_failed) {
            left = 0;
            print_message("%s: %zu of %zu allocations failed, %zu did no harm\n", loop->name,
                          tries, n - 1, survived);
            if (rc != 0)
                fail_msg("%s: without a failure: %s", loop->name, e.msg);
            assert_true(n > loop->least);
            return;
        }
        tries++;
        survived += rc == 0 ? 1 : 0;
        if (rc == 0 ? !loop->may_succeed
                    : rc != -1 || (e.code != ERR_NOMEM && e.code != loop->also) ||
                          e.code == ERR_NONE)
            fail_msg("%s: allocation %zu: %d, %s: %s", loop->name, n, rc, err_name(e.code),
                     e.msg);
    }
}
