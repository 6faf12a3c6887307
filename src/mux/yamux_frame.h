/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The twelve bytes at the head of every yamux frame (yamux spec, "Framing"). */
#ifndef P2P_MUX_YAMUX_FRAME_H
#define P2P_MUX_YAMUX_FRAME_H

#include <p2p/base.h>

enum { P2P_YAMUX_HEADER_LEN = 12 };

typedef enum p2p_yamux_type {
    P2P_YAMUX_DATA = 0,   /* length: bytes that follow */
    P2P_YAMUX_WINDOW = 1, /* length: credit in bytes; with RST: error code */
    P2P_YAMUX_PING = 2,   /* length: opaque value, echoed with ACK */
    P2P_YAMUX_GOAWAY = 3  /* length: error code */
} p2p_yamux_type;

enum { P2P_YAMUX_SYN = 1, P2P_YAMUX_ACK = 2, P2P_YAMUX_FIN = 4, P2P_YAMUX_RST = 8 };

/* Session errors as GoAway carries them; other values are libp2p's own codes. */
enum { P2P_YAMUX_NORMAL = 0, P2P_YAMUX_PROTOCOL_ERROR = 1, P2P_YAMUX_INTERNAL_ERROR = 2 };

typedef struct p2p_yamux_frame {
    uint8_t type;
    uint16_t flags;
    uint32_t stream;
    uint32_t length;
} p2p_yamux_frame;

/* MALFORMED: another version or an unknown type. Unknown flags are kept. */
P2P_NODISCARD p2p_err p2p_yamux_frame_decode(
    p2p_yamux_frame *frame, const uint8_t src[P2P_YAMUX_HEADER_LEN]);
void p2p_yamux_frame_encode(const p2p_yamux_frame *frame, uint8_t dst[P2P_YAMUX_HEADER_LEN]);

#endif
