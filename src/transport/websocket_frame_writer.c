/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * WebSocket frames, outgoing (RFC 6455 sections 5.1 to 5.5).
 *
 * The length of a payload is known only after the layer above has drawn it, but stands before it.
 * So room is left for a two-byte length, which covers all that fits in one frame here; the rare
 * payload that is shorter than 126 bytes is moved forward by those two bytes.
 *
 * Every frame of a client has a masking key of its own (section 5.3). Keys are fetched sixteen at a
 * time: the source of randomness may be a system call.
 */
#include "transport/websocket_frame_writer.h"

#include "base/bytes.h"
#include "base/check.h"

enum { LEN_16 = 126 };

void p2p_ws_writer_init(p2p_ws_writer *writer, p2p_ws_role role, const p2p_random *random) {
    *writer = (p2p_ws_writer){.role = role, .random = random};
}

void p2p_ws_writer_pong(p2p_ws_writer *w, p2p_bytes payload) {
    P2P_REQUIRE(payload.len <= P2P_WS_CONTROL_MAX);
    if (w->close_waits || w->closed)
        return;
    p2p_copy(w->pong, payload.ptr, payload.len);
    w->pong_len = (uint8_t)payload.len;
    w->pong_waits = true;
}

void p2p_ws_writer_close(p2p_ws_writer *w, unsigned code, const char *reason) {
    P2P_REQUIRE(code == P2P_WS_NO_CODE || p2p_ws_code_valid(code));
    if (w->close_waits || w->closed)
        return;
    w->close_waits = true;
    if (code == P2P_WS_NO_CODE)
        return;
    p2p_store16(w->close, (uint16_t)code);
    size_t len = reason == NULL ? 0 : strlen(reason);
    if (len > P2P_WS_CONTROL_MAX - 2) {
        len = P2P_WS_CONTROL_MAX - 2;
        while (len > 0 && ((uint8_t)reason[len] & 0xc0) == 0x80)
            len--;
    }
    p2p_copy(w->close + 2, reason, len);
    w->close_len = (uint8_t)(2 + len);
}

static const uint8_t *next_key(p2p_ws_writer *w) {
    if (w->role == P2P_WS_SERVER)
        return NULL;
    if (w->keys_left == 0) {
        w->random->fill(w->random->ctx, w->keys[0], sizeof w->keys);
        w->keys_left = P2P_WS_KEY_POOL;
    }
    return w->keys[--w->keys_left];
}

static size_t put_control(
    p2p_ws_writer *w, uint8_t *dst, size_t cap, p2p_ws_opcode opcode, p2p_bytes payload) {
    size_t head_len = p2p_ws_head_len(w->role, payload.len);
    if (cap < head_len + payload.len)
        return 0;
    const uint8_t *key = next_key(w);
    uint8_t head[P2P_WS_HEAD_MAX];
    p2p_ws_head_encode(head, w->role, opcode, payload.len, key);
    memcpy(dst, head, head_len);
    p2p_copy(dst + head_len, payload.ptr, payload.len);
    if (key != NULL)
        p2p_ws_mask(dst + head_len, payload.len, key, 0);
    return head_len + payload.len;
}

size_t p2p_ws_writer_control(p2p_ws_writer *w, uint8_t *dst, size_t cap) {
    size_t len = 0;
    if (w->pong_waits) {
        size_t n = put_control(w, dst, cap, P2P_WS_PONG, p2p_bytes_of(w->pong, w->pong_len));
        w->pong_waits = n == 0;
        len += n;
    }
    if (w->close_waits && !w->pong_waits) {
        p2p_bytes payload = p2p_bytes_of(w->close, w->close_len);
        size_t n = put_control(w, dst + len, cap - len, P2P_WS_CLOSE, payload);
        w->close_waits = n == 0;
        w->closed = n > 0;
        len += n;
    }
    return len;
}

size_t p2p_ws_writer_room(const p2p_ws_writer *w, size_t cap, size_t *payload_max) {
    size_t head = p2p_ws_head_len(w->role, LEN_16);
    size_t room = cap > head ? cap - head : 0;
    *payload_max = room < P2P_WS_PAYLOAD_MAX ? room : P2P_WS_PAYLOAD_MAX;
    if (w->close_waits || w->closed)
        *payload_max = 0;
    return head;
}

size_t p2p_ws_writer_seal(p2p_ws_writer *w, uint8_t *block, size_t payload_len) {
    P2P_REQUIRE(payload_len > 0 && payload_len <= P2P_WS_PAYLOAD_MAX);
    const uint8_t *key = next_key(w);
    uint8_t head[P2P_WS_HEAD_MAX];
    size_t head_len = p2p_ws_head_encode(head, w->role, P2P_WS_BINARY, payload_len, key);
    size_t left_for_head = p2p_ws_head_len(w->role, LEN_16);
    if (head_len < left_for_head)
        memmove(block + head_len, block + left_for_head, payload_len);
    memcpy(block, head, head_len);
    if (key != NULL)
        p2p_ws_mask(block + head_len, payload_len, key, 0);
    return head_len + payload_len;
}
