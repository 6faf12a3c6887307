/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reads WebSocket frames from bytes that arrive in any pieces, in place and without keeping a
 * message: libp2p treats the connection as a stream of bytes, so payload is handed on as it comes.
 *
 *     while (len > 0) {
 *         p2p_ws_item item;
 *         err = p2p_ws_reader_feed(&reader, data, len, &item);
 *         if (err != P2P_OK)
 *             …close with item.code…
 *         data += item.used, len -= item.used;
 *         switch (item.event) { … }
 *     }
 */
#ifndef P2P_TRANSPORT_WEBSOCKET_FRAME_READER_H
#define P2P_TRANSPORT_WEBSOCKET_FRAME_READER_H

#include "base/utf8.h"
#include "transport/websocket_frame.h"

typedef enum p2p_ws_event {
    P2P_WS_NEED_MORE,  /* all was used; nothing to hand on */
    P2P_WS_GOT_DATA,   /* payload of a binary message, unmasked, inside the input */
    P2P_WS_GOT_PING,   /* to be answered with a pong of the same payload */
    P2P_WS_GOT_PONG,   /* a ping's answer, or unasked */
    P2P_WS_GOT_CLOSED, /* the peer's close: code and reason; all input after it is ignored */
} p2p_ws_event;

typedef struct p2p_ws_item {
    p2p_ws_event event;
    size_t used;   /* bytes of input consumed */
    uint8_t *data; /* GOT_DATA: in the input; the others: in the reader, until the next call */
    size_t len;
    /* GOT_CLOSED: the peer's code or P2P_WS_NO_CODE. After an error: the code to close with. */
    uint16_t code;
} p2p_ws_item;

typedef struct p2p_ws_reader {
    p2p_ws_role role;
    uint64_t max_frame;
    uint64_t left;   /* payload bytes of this frame still to come */
    uint64_t offset; /* payload bytes of this frame that came */
    p2p_err failed;
    uint16_t failed_code;
    uint8_t state;
    uint8_t have;    /* bytes of the head, or of a control frame's payload, that are here */
    uint8_t need;    /* bytes that the head will have */
    uint8_t opcode;  /* of this frame */
    uint8_t message; /* opcode of the unfinished data message, 0 if there is none */
    bool fin;
    p2p_utf8 text;
    uint8_t key[4];
    uint8_t head[P2P_WS_HEAD_MAX];
    uint8_t control[P2P_WS_CONTROL_MAX];
} p2p_ws_reader;

/* role: who this side is. A frame that says it is longer than max_frame is refused with 1009. */
void p2p_ws_reader_init(p2p_ws_reader *reader, p2p_ws_role role, uint64_t max_frame);

/*
 * Takes bytes from the front of `data` (which is unmasked where it lies) up to the next thing to
 * report. MALFORMED or VIOLATION: the peer broke a rule, item->code says which close code tells it
 * so, and every further call gives the same answer.
 */
P2P_NODISCARD p2p_err p2p_ws_reader_feed(
    p2p_ws_reader *reader, uint8_t *data, size_t len, p2p_ws_item *item);

#endif
