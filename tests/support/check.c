/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include <malloc.h>

char check_note[128];

static void print_note(void) {
    if (check_note[0] != 0)
        print_error("  in %s\n", check_note);
}

void check_true_at(bool condition, const char *text, const char *file, int line) {
    if (condition)
        return;
    print_error("%s:%d: not true: %s\n", file, line, text);
    print_note();
    _fail(file, line);
}

void check_err_at(p2p_err want, p2p_err got, const char *text, const char *file, int line) {
    if (want == got)
        return;
    print_error(
        "%s:%d: %s gave %s, not %s\n", file, line, text, p2p_err_name(got), p2p_err_name(want));
    print_note();
    _fail(file, line);
}

static void print_hex(const char *label, p2p_bytes bytes) {
    fprintf(stderr, "  %s (%zu)", label, bytes.len);
    for (size_t i = 0; i < bytes.len && i < 128; i++)
        fprintf(stderr, "%s%02x", i % 4 == 0 ? " " : "", bytes.ptr[i]);
    fputc('\n', stderr);
}

void check_same_at(p2p_bytes got, p2p_bytes want, const char *text, const char *file, int line) {
    if (p2p_bytes_equal(got, want))
        return;
    print_error("%s:%d: %s differs\n", file, line, text);
    print_hex("got ", got);
    print_hex("want", want);
    _fail(file, line);
}

void check_bytes_at(p2p_bytes got, const char *hex, const char *text, const char *file, int line) {
    size_t cap = strlen(hex) / 2 + 1;
    uint8_t *want = malloc(cap);
    size_t len = from_hex(hex, want, cap);
    check_same_at(got, p2p_bytes_of(want, len), text, file, line);
    free(want);
}

static int nibble(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

size_t from_hex(const char *hex, uint8_t *dst, size_t cap) {
    size_t digits = 0;
    for (; *hex != '\0'; hex++) {
        if (*hex == ' ' || *hex == '\n')
            continue;
        int value = nibble(*hex);
        if (value < 0 || digits / 2 >= cap)
            fail_msg("bad or too long hex text");
        dst[digits / 2] = (uint8_t)(digits % 2 == 0 ? value << 4 : dst[digits / 2] | value);
        digits++;
    }
    if (digits % 2 != 0)
        fail_msg("odd number of hex digits");
    return digits / 2;
}

static void *faulty_resize(void *ctx, void *ptr, size_t old_size, size_t new_size) {
    faulty_mem *faulty = ctx;
    if (ptr != NULL && malloc_usable_size(ptr) < old_size)
        fail_msg("a block of %zu bytes was said to have %zu", malloc_usable_size(ptr), old_size);
    if (new_size > 0 && ++faulty->requests == faulty->fail_at)
        return NULL;
    faulty->live_bytes += new_size - old_size;
    if (faulty->live_bytes > faulty->peak_bytes)
        faulty->peak_bytes = faulty->live_bytes;
    if (ptr == NULL && new_size > 0)
        faulty->live_blocks++;
    if (ptr != NULL && new_size == 0)
        faulty->live_blocks--;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, new_size);
}

void faulty_mem_init(faulty_mem *faulty) {
    *faulty = (faulty_mem){.mem = {faulty_resize, faulty}};
}

void sweep_allocations(p2p_err (*scenario)(const p2p_mem *mem, void *ctx), void *ctx) {
    faulty_mem faulty;
    faulty_mem_init(&faulty);
    check_ok(scenario(&faulty.mem, ctx));
    size_t requests = faulty.requests;
    check(faulty.live_blocks == 0 && faulty.live_bytes == 0);
    for (size_t n = 1; n <= requests; n++) {
        faulty_mem_init(&faulty);
        faulty.fail_at = n;
        p2p_err err = scenario(&faulty.mem, ctx);
        if (faulty.live_blocks != 0 || faulty.live_bytes != 0)
            fail_msg("request %zu of %zu failed: %zu blocks, %zu bytes leaked (scenario: %s)", n,
                requests, faulty.live_blocks, faulty.live_bytes, p2p_err_name(err));
    }
}

uint64_t seeded_random_next(seeded_random *seeded) {
    uint64_t z = seeded->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void seeded_fill(void *ctx, uint8_t *dst, size_t len) {
    for (size_t i = 0; i < len; i++)
        dst[i] = (uint8_t)seeded_random_next(ctx);
}

void seeded_random_init(seeded_random *seeded, uint64_t seed) {
    *seeded = (seeded_random){.random = {seeded_fill, seeded}, .state = seed};
}

uint8_t *read_vector_file(const char *name, size_t *len) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", P2P_TEST_DATA, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("cannot read %s", path);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    uint8_t *data = malloc((size_t)size + 1);
    *len = fread(data, 1, (size_t)size, file);
    data[*len] = 0;
    fclose(file);
    return data;
}
