/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* As much of cmocka as the unit tests use, for wasm32, which has no setjmp: the first failure ends
 * the program. */
#ifndef P2P_TEST_WASM_CMOCKA_H
#define P2P_TEST_WASM_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*function)(void **state);
};

#define cmocka_unit_test(fn) \
    { #fn, fn }
#define cmocka_run_group_tests(tests, setup, teardown) \
    p2p_run_tests((tests), sizeof(tests) / sizeof((tests)[0]))
#define print_error(...) fprintf(stderr, __VA_ARGS__)
#define fail_msg(...) (fprintf(stderr, __VA_ARGS__), _fail(__FILE__, __LINE__))
#define assert_string_equal(a, b) \
    (strcmp((a), (b)) == 0 ? (void)0 : fail_msg("%s differs from %s\n", (a), (b)))
#define assert_int_equal(a, b) ((a) == (b) ? (void)0 : fail_msg("%s differs\n", #a))
#define assert_memory_equal(a, b, n) \
    (memcmp((a), (b), (n)) == 0 ? (void)0 : fail_msg("%s differs\n", #a))
#define assert_non_null(p) ((p) != NULL ? (void)0 : fail_msg("%s is NULL\n", #p))
#define assert_null(p) ((p) == NULL ? (void)0 : fail_msg("%s is not NULL\n", #p))
#define assert_true(x) ((x) ? (void)0 : fail_msg("%s is false\n", #x))
#define assert_false(x) (!(x) ? (void)0 : fail_msg("%s is true\n", #x))

static inline void _fail(const char *file, int line) {
    fprintf(stderr, "failed at %s:%d\n", file, line);
    exit(1);
}

static inline int p2p_run_tests(const struct CMUnitTest *tests, size_t count) {
    for (size_t i = 0; i < count; i++) {
        void *state = NULL;
        tests[i].function(&state);
    }
    return 0;
}

#endif
