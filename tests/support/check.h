/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What unit tests use beside cmocka: checks that print the expression and the error's name, bytes
 * written as hex, an allocator that fails on demand, and a random source from a seed.
 */
#ifndef P2P_TEST_CHECK_H
#define P2P_TEST_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <p2p/base.h>

#include "base/bytes.h"

#define check(condition) check_true_at((condition), #condition, __FILE__, __LINE__)
#define check_ok(expr) check_err_at(P2P_OK, (expr), #expr, __FILE__, __LINE__)
#define check_err(want, expr) check_err_at((want), (expr), #expr, __FILE__, __LINE__)
/* `got` is a p2p_bytes, `hex` a text with optional blanks. */
#define check_bytes(got, hex) check_bytes_at((got), (hex), #got, __FILE__, __LINE__)
#define check_same(got, want) check_same_at((got), (want), #got, __FILE__, __LINE__)

/* Printed beside every failed check unless empty: the seed of a scenario. */
extern char check_note[128];

void check_true_at(bool condition, const char *text, const char *file, int line);
void check_err_at(p2p_err want, p2p_err got, const char *text, const char *file, int line);
void check_bytes_at(p2p_bytes got, const char *hex, const char *text, const char *file, int line);
void check_same_at(p2p_bytes got, p2p_bytes want, const char *text, const char *file, int line);

/* Decodes hex (blanks ignored) into dst; the number of bytes. Fails the test if it does not fit or
 * is not hex. */
size_t from_hex(const char *hex, uint8_t *dst, size_t cap);

/*
 * Counts what is alive and fails the n-th request (fail_at, counted from 1; 0: never). Exact sizes
 * are checked at every free.
 */
typedef struct faulty_mem {
    p2p_mem mem;
    size_t requests;
    size_t fail_at;
    size_t live_bytes;
    size_t live_blocks;
    size_t peak_bytes;
} faulty_mem;

void faulty_mem_init(faulty_mem *faulty);
/*
 * Runs the scenario once undisturbed, then again failing the 1st, 2nd, … request. The scenario
 * returns P2P_OK or the error it met; with a failed request it must return an error or finish well,
 * and must leak nothing.
 */
void sweep_allocations(p2p_err (*scenario)(const p2p_mem *mem, void *ctx), void *ctx);

/* Deterministic bytes (splitmix64), good for tests only. */
typedef struct seeded_random {
    p2p_random random;
    uint64_t state;
} seeded_random;

void seeded_random_init(seeded_random *seeded, uint64_t seed);
uint64_t seeded_random_next(seeded_random *seeded);

/* A whole file under tests/spec; the test fails if it cannot be read. Free with free(). */
uint8_t *read_vector_file(const char *name, size_t *len);

#endif
