/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The host's allocator as ngtcp2 wants it. */
#ifndef P2P_QUIC_MEMORY_H
#define P2P_QUIC_MEMORY_H

#include <ngtcp2/ngtcp2.h>

#include <p2p/base.h>

/* mem outlives all connections. */
void p2p_quic_memory(ngtcp2_mem *out, const p2p_mem *mem);

#endif
