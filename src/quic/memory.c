/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * p2p_mem wants to be told sizes, ngtcp2 does not know them: each block begins with its own, in as
 * many bytes as keep the alignment.
 */
#include "quic/memory.h"

#include <string.h>

#include "base/mem.h"

enum { HEAD = 16 };

static size_t *head_of(void *ptr) {
    return (size_t *)(void *)((char *)ptr - HEAD);
}

static void *resize(void *ptr, size_t size, void *mem) {
    size_t old = ptr == NULL ? 0 : *head_of(ptr) + HEAD;
    if (size > SIZE_MAX - HEAD)
        return NULL;
    size_t *head = p2p_mem_resize(mem, ptr == NULL ? NULL : head_of(ptr), old, size + HEAD);
    if (head == NULL)
        return NULL;
    *head = size;
    return (char *)head + HEAD;
}

static void *allocate(size_t size, void *mem) {
    return resize(NULL, size, mem);
}

static void *allocate_zeroed(size_t count, size_t size, void *mem) {
    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    void *ptr = resize(NULL, count * size, mem);
    if (ptr != NULL)
        memset(ptr, 0, count * size);
    return ptr;
}

static void release(void *ptr, void *mem) {
    if (ptr != NULL)
        p2p_mem_free(mem, head_of(ptr), *head_of(ptr) + HEAD);
}

void p2p_quic_memory(ngtcp2_mem *out, const p2p_mem *mem) {
    *out = (ngtcp2_mem){.user_data = (void *)mem,
        .malloc = allocate,
        .free = release,
        .calloc = allocate_zeroed,
        .realloc = resize};
}
