/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the reader and the writer of WebSocket frames share (RFC 6455 section 5): the names of
 * things, masking, and the frame's head.
 */
#ifndef P2P_TRANSPORT_WEBSOCKET_FRAME_H
#define P2P_TRANSPORT_WEBSOCKET_FRAME_H

#include <p2p/base.h>

enum {
    P2P_WS_HEAD_MAX = 14,    /* 2, extended length 8, masking key 4 */
    P2P_WS_CONTROL_MAX = 125 /* payload of a ping, pong or close (section 5.5) */
};

/* Who this side is. A client masks what it sends; a server must not (section 5.1). */
typedef enum p2p_ws_role { P2P_WS_CLIENT, P2P_WS_SERVER } p2p_ws_role;

typedef enum p2p_ws_opcode {
    P2P_WS_CONTINUATION = 0,
    P2P_WS_TEXT = 1,
    P2P_WS_BINARY = 2,
    P2P_WS_CLOSE = 8,
    P2P_WS_PING = 9,
    P2P_WS_PONG = 10
} p2p_ws_opcode;

/* Section 7.4.1, those that this library sends or tells apart. */
typedef enum p2p_ws_code {
    P2P_WS_NORMAL = 1000,
    P2P_WS_GOING_AWAY = 1001,
    P2P_WS_PROTOCOL_ERROR = 1002,
    P2P_WS_UNSUPPORTED_DATA = 1003,
    P2P_WS_NO_CODE = 1005, /* never on the wire: the close frame had no code */
    P2P_WS_INVALID_DATA = 1007,
    P2P_WS_POLICY = 1008,
    P2P_WS_TOO_BIG = 1009,
    P2P_WS_INTERNAL_ERROR = 1011
} p2p_ws_code;

/* May this code stand in a close frame? */
bool p2p_ws_code_valid(unsigned code);

/* XORs the payload where it lies; `offset` is how much of this frame's payload came before. Its own
 * inverse. */
void p2p_ws_mask(uint8_t *data, size_t len, const uint8_t key[4], uint64_t offset);

/* Bytes of the head for a payload of that length. */
size_t p2p_ws_head_len(p2p_ws_role role, uint64_t payload_len);
/* Writes the head of an unfragmented frame; `key` is used by clients only. Returns its length. */
size_t p2p_ws_head_encode(uint8_t head[P2P_WS_HEAD_MAX], p2p_ws_role role, p2p_ws_opcode opcode,
    uint64_t payload_len, const uint8_t key[4]);

#endif
