/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* version u8 (0), type u8, flags u16, stream u32, length u32; all big endian. */
#include "mux/yamux_frame.h"

#include "base/bytes.h"

p2p_err p2p_yamux_frame_decode(p2p_yamux_frame *frame, const uint8_t src[P2P_YAMUX_HEADER_LEN]) {
    /* spec: yamux #version-field: the field is always set to 0. */
    if (src[0] != 0 || src[1] > P2P_YAMUX_GOAWAY)
        return P2P_ERR_MALFORMED;
    frame->type = src[1];
    frame->flags = p2p_load16(src + 2);
    frame->stream = p2p_load32(src + 4);
    frame->length = p2p_load32(src + 8);
    return P2P_OK;
}

void p2p_yamux_frame_encode(const p2p_yamux_frame *frame, uint8_t dst[P2P_YAMUX_HEADER_LEN]) {
    dst[0] = 0;
    dst[1] = frame->type;
    /* spec: yamux #framing: all fields are encoded in network order. */
    p2p_store16(dst + 2, frame->flags);
    p2p_store32(dst + 4, frame->stream);
    p2p_store32(dst + 8, frame->length);
}
