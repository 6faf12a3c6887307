/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Writes WebSocket frames around payload that is already in place: the layer above draws behind the
 * room that the head needs, then the head is put before it and the payload masked where it lies.
 * Control frames go first; at most one pong (the latest) and one close wait for room.
 *
 *     size_t n = p2p_ws_writer_control(&writer, block, cap);
 *     size_t max, at = p2p_ws_writer_room(&writer, cap - n, &max);
 *     if (max > 0 && (len = draw(above, block + n + at, max)) > 0)
 *         n += p2p_ws_writer_seal(&writer, block + n, len);
 */
#ifndef P2P_TRANSPORT_WEBSOCKET_FRAME_WRITER_H
#define P2P_TRANSPORT_WEBSOCKET_FRAME_WRITER_H

#include "transport/websocket_frame.h"

/* The longest payload of one frame: as much as a two-byte length says. */
#define P2P_WS_PAYLOAD_MAX ((size_t)UINT16_MAX)

enum { P2P_WS_KEY_POOL = 16 };

typedef struct p2p_ws_writer {
    p2p_ws_role role;
    const p2p_random *random; /* masking keys; used by clients only */
    bool pong_waits;
    bool close_waits;
    bool closed; /* the close frame went out: nothing may follow */
    uint8_t pong_len;
    uint8_t close_len;
    uint8_t keys_left;
    uint8_t keys[P2P_WS_KEY_POOL][4];
    uint8_t pong[P2P_WS_CONTROL_MAX];
    uint8_t close[P2P_WS_CONTROL_MAX];
} p2p_ws_writer;

/* random must outlive the writer; it may be NULL for a server. */
void p2p_ws_writer_init(p2p_ws_writer *writer, p2p_ws_role role, const p2p_random *random);

/* The answer to a ping (at most P2P_WS_CONTROL_MAX bytes); it replaces one that still waits
 * (section 5.5.3). */
void p2p_ws_writer_pong(p2p_ws_writer *writer, p2p_bytes payload);
/* Says goodbye; only the first call counts. P2P_WS_NO_CODE sends an empty close frame. The reason
 * is cut at a character's edge when it is too long. */
void p2p_ws_writer_close(p2p_ws_writer *writer, unsigned code, const char *reason);

static inline bool p2p_ws_writer_waiting(const p2p_ws_writer *writer) {
    return writer->pong_waits || writer->close_waits;
}

/* Writes the control frames that wait, as far as they fit whole; returns the bytes written. */
size_t p2p_ws_writer_control(p2p_ws_writer *writer, uint8_t *dst, size_t cap);

/*
 * Where in a block of `cap` bytes the payload has to be put, and how much of it fits. *payload_max
 * is 0 when the block is too small, or once a close frame waits or was sent.
 */
size_t p2p_ws_writer_room(const p2p_ws_writer *writer, size_t cap, size_t *payload_max);
/* Makes a binary frame of the payload_len (> 0) bytes that were put there; returns its length,
 * counted from the block's start. */
size_t p2p_ws_writer_seal(p2p_ws_writer *writer, uint8_t *block, size_t payload_len);

#endif
