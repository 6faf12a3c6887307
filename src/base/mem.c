/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

void *p2p_mem_resize(const p2p_mem *mem, void *ptr, size_t old_size, size_t new_size) {
    INVARIANT((ptr == NULL) == (old_size == 0));
    if (mem->resize != NULL)
        return mem->resize(mem->ctx, ptr, old_size, new_size);
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, new_size);
}

void *p2p_mem_alloc(const p2p_mem *mem, size_t size) {
    void *ptr = p2p_mem_resize(mem, NULL, 0, size);
    if (ptr != NULL)
        memset(ptr, 0, size);
    return ptr;
}

void p2p_mem_free(const p2p_mem *mem, void *ptr, size_t size) {
    if (ptr != NULL)
        p2p_mem_resize(mem, ptr, size, 0);
}

uint8_t *p2p_mem_copy(const p2p_mem *mem, p2p_bytes bytes) {
    if (bytes.len == 0)
        return NULL;
    uint8_t *copy = p2p_mem_resize(mem, NULL, 0, bytes.len);
    if (copy != NULL)
        memcpy(copy, bytes.ptr, bytes.len);
    return copy;
}
