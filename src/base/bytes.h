/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Views of bytes, big-endian loads and stores, and the two operations on secrets. */
#ifndef P2P_BASE_BYTES_H
#define P2P_BASE_BYTES_H

#include <string.h>

#include <p2p/base.h>

#define P2P_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define P2P_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* The bytes of a string literal, without its terminator. */
#define P2P_LITERAL(text) ((p2p_bytes){(const uint8_t *)(text), sizeof(text) - 1})

static inline p2p_bytes p2p_bytes_of(const void *ptr, size_t len) {
    return (p2p_bytes){(const uint8_t *)ptr, len};
}

static inline p2p_bytes p2p_bytes_text(const char *text) {
    return p2p_bytes_of(text, strlen(text));
}

static inline bool p2p_bytes_equal(p2p_bytes a, p2p_bytes b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool p2p_bytes_start(p2p_bytes whole, p2p_bytes head) {
    return whole.len >= head.len && (head.len == 0 || memcmp(whole.ptr, head.ptr, head.len) == 0);
}

/* memcpy that allows a NULL source when there is nothing to copy. */
static inline void p2p_copy(void *dst, const void *src, size_t len) {
    if (len > 0)
        memcpy(dst, src, len);
}

static inline uint16_t p2p_load16(const uint8_t *p) {
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t p2p_load32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t p2p_load64(const uint8_t *p) {
    return (uint64_t)p2p_load32(p) << 32 | p2p_load32(p + 4);
}

static inline void p2p_store16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void p2p_store32(uint8_t *p, uint32_t v) {
    p2p_store16(p, (uint16_t)(v >> 16));
    p2p_store16(p + 2, (uint16_t)v);
}

static inline void p2p_store64(uint8_t *p, uint64_t v) {
    p2p_store32(p, (uint32_t)(v >> 32));
    p2p_store32(p + 4, (uint32_t)v);
}

static inline void p2p_store64le(uint8_t *p, uint64_t v) {
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

/* Overwrites a secret in a way the compiler may not leave out. */
void p2p_wipe(void *secret, size_t len);
/* Compares in time that depends on len alone. */
bool p2p_same_secret(const void *a, const void *b, size_t len);

#endif
