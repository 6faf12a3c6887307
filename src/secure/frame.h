/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Frames out of a stream of bytes that is cut anywhere, for the two formats whose head ends in a
 * big-endian 16-bit length of what follows: Noise messages (the length alone) and TLS records (type
 * and version before it).
 *
 * Only what has to wait is copied: a frame that is whole in the caller's block stays there; one
 * that is not is collected, and of the next block only the bytes that complete it are copied. The
 * collecting memory goes with the block that ends where a frame does, so an idle connection holds
 * none and a busy one asks for it once.
 */
#ifndef P2P_SECURE_FRAME_H
#define P2P_SECURE_FRAME_H

#include "base/buf.h"

typedef struct p2p_frame_format {
    size_t head_len;    /* the length is its last two bytes */
    size_t content_max; /* a longer one is a VIOLATION */
} p2p_frame_format;

/* A whole frame with its head, where it lies. */
typedef struct p2p_frame {
    uint8_t *ptr; /* NULL: it is not complete yet */
    size_t len;
} p2p_frame;

/*
 * Takes the next frame from *data, moving *data past it. The frame is good until p2p_frame_done,
 * which must be called before the next one is taken. `partial` has room for the largest frame.
 * VIOLATION, NO_MEMORY.
 */
P2P_NODISCARD p2p_err p2p_frame_next(p2p_buf *partial, const p2p_frame_format *format,
    uint8_t **data, size_t *len, p2p_frame *frame);
/* The frame has been used; `left` bytes of the block stand behind it. */
void p2p_frame_done(p2p_buf *partial, const p2p_frame *frame, size_t left);

#endif
