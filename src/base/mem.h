/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Memory through the caller's one function (p2p_mem). Sizes are exact on every call, so that the
 * function can account for each host and each peer. This folder is the only one that may name
 * malloc.
 */
#ifndef P2P_BASE_MEM_H
#define P2P_BASE_MEM_H

#include <p2p/base.h>

/* Zeroed memory, or NULL. size must not be 0. */
void *p2p_mem_alloc(const p2p_mem *mem, size_t size);
/* As p2p_mem.resize; the added bytes are not zeroed. */
void *p2p_mem_resize(const p2p_mem *mem, void *ptr, size_t old_size, size_t new_size);
/* Frees what p2p_mem_alloc gave. NULL is allowed. */
void p2p_mem_free(const p2p_mem *mem, void *ptr, size_t size);
/* A copy of the bytes, or NULL when out of memory or when there is nothing to copy. */
uint8_t *p2p_mem_copy(const p2p_mem *mem, p2p_bytes bytes);

#endif
