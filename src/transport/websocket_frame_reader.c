/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * WebSocket frames, incoming (RFC 6455 sections 5 and 7.1.5 to 7.1.6).
 *
 * Four states: the head is collected, a data payload streams through, a control payload is
 * collected, or the peer has closed. A head is judged by its first two bytes as soon as they are
 * here, so that a peer that speaks something else is refused at once.
 *
 * libp2p sends binary messages only. A text message is an error of its own kind (1003), but it is
 * checked as text first: bad UTF-8 is 1007, at the byte that makes it bad. No extension is ever
 * negotiated, hence no reserved bit may be set.
 */
#include "transport/websocket_frame_reader.h"

#include "base/bytes.h"

enum { HEAD, DATA, CONTROL, CLOSED };

enum {
    FIN = 0x80,
    RESERVED = 0x70,
    OPCODE = 0x0f,
    CONTROL_BIT = 0x08,
    MASKED = 0x80,
    LEN_16 = 126,
    LEN_64 = 127
};

void p2p_ws_reader_init(p2p_ws_reader *reader, p2p_ws_role role, uint64_t max_frame) {
    *reader = (p2p_ws_reader){.role = role, .max_frame = max_frame, .need = 2};
}

static p2p_err fail(p2p_ws_reader *r, p2p_err err, p2p_ws_code code) {
    r->failed = err;
    r->failed_code = (uint16_t)code;
    return err;
}

static bool is_control(const p2p_ws_reader *r) {
    return (r->opcode & CONTROL_BIT) != 0;
}

/* The first two bytes say what the frame is and how long its head will be. */
static p2p_err judge_start(p2p_ws_reader *r) {
    uint8_t first = r->head[0];
    uint8_t second = r->head[1];
    uint8_t len = second & 0x7f;
    r->fin = (first & FIN) != 0;
    r->opcode = first & OPCODE;
    bool known = r->opcode <= P2P_WS_BINARY || (is_control(r) && r->opcode <= P2P_WS_PONG);
    /* spec: rfc6455 #5.2: the reserved bits MUST be 0; an unknown opcode MUST fail the connection.
     */
    if ((first & RESERVED) != 0 || !known)
        return fail(r, P2P_ERR_VIOLATION, P2P_WS_PROTOCOL_ERROR);
    /* spec: rfc6455 #5.1: a server MUST close the connection upon a frame that is not masked, a
     * client upon one that is. */
    if (((second & MASKED) != 0) != (r->role == P2P_WS_SERVER))
        return fail(r, P2P_ERR_VIOLATION, P2P_WS_PROTOCOL_ERROR);
    /* spec: rfc6455 #5.5: control frames MUST have a payload of 125 bytes or less and MUST NOT be
     * fragmented. */
    if (is_control(r) && (!r->fin || len > P2P_WS_CONTROL_MAX))
        return fail(r, P2P_ERR_VIOLATION, P2P_WS_PROTOCOL_ERROR);
    /* A continuation needs a message to continue, a new message the end of the last one. */
    if (!is_control(r) && (r->opcode == P2P_WS_CONTINUATION) != (r->message != 0))
        return fail(r, P2P_ERR_VIOLATION, P2P_WS_PROTOCOL_ERROR);
    r->need = (uint8_t)(2 +
                        (len == LEN_64      ? 8
                            : len == LEN_16 ? 2
                                            : 0) +
                        ((second & MASKED) != 0 ? 4 : 0));
    return P2P_OK;
}

/* The head is whole: length and key. */
static p2p_err begin_payload(p2p_ws_reader *r) {
    uint8_t len = r->head[1] & 0x7f;
    uint64_t shortest = 0; /* the least length that may be written in this form */
    r->left = len;
    if (len == LEN_16) {
        r->left = p2p_load16(r->head + 2);
        shortest = LEN_16;
    } else if (len == LEN_64) {
        r->left = p2p_load64(r->head + 2);
        shortest = UINT64_C(0x10000);
    }
    /* spec: rfc6455 #5.2: the minimal number of bytes MUST be used to encode the length. */
    if (r->left < shortest || r->left > INT64_MAX)
        return fail(r, P2P_ERR_MALFORMED, P2P_WS_PROTOCOL_ERROR);
    if (r->left > r->max_frame && !is_control(r))
        return fail(r, P2P_ERR_VIOLATION, P2P_WS_TOO_BIG);
    if (r->role == P2P_WS_SERVER)
        memcpy(r->key, r->head + r->need - 4, sizeof r->key);
    r->offset = 0;
    r->have = 0;
    r->state = is_control(r) ? CONTROL : DATA;
    if (!is_control(r) && r->opcode != P2P_WS_CONTINUATION) {
        r->message = r->opcode;
        r->text = (p2p_utf8){0};
    }
    return P2P_OK;
}

static p2p_err read_head(p2p_ws_reader *r, p2p_bytes in, size_t *used) {
    while (*used < in.len) {
        r->head[r->have++] = in.ptr[(*used)++];
        if (r->have == 2) {
            p2p_err err = judge_start(r);
            if (err != P2P_OK)
                return err;
        }
        if (r->have == r->need)
            return begin_payload(r);
    }
    return P2P_OK;
}

static void begin_head(p2p_ws_reader *r) {
    r->state = HEAD;
    r->have = 0;
    r->need = 2;
}

/* Section 5.5.1: nothing, or a code and a reason in UTF-8. */
static p2p_err judge_close(p2p_ws_reader *r, p2p_ws_item *item) {
    item->event = P2P_WS_GOT_CLOSED;
    item->code = P2P_WS_NO_CODE;
    if (item->len == 1)
        return fail(r, P2P_ERR_MALFORMED, P2P_WS_PROTOCOL_ERROR);
    if (item->len >= 2) {
        item->code = p2p_load16(item->data);
        item->data += 2;
        item->len -= 2;
        if (!p2p_ws_code_valid(item->code))
            return fail(r, P2P_ERR_VIOLATION, P2P_WS_PROTOCOL_ERROR);
        if (!p2p_utf8_valid(p2p_bytes_of(item->data, item->len)))
            return fail(r, P2P_ERR_MALFORMED, P2P_WS_INVALID_DATA);
    }
    r->state = CLOSED;
    return P2P_OK;
}

static p2p_err read_control(p2p_ws_reader *r, p2p_bytes in, p2p_ws_item *item) {
    size_t n = in.len - item->used < r->left ? in.len - item->used : (size_t)r->left;
    p2p_copy(r->control + r->have, in.ptr + item->used, n);
    r->have = (uint8_t)(r->have + n);
    r->left -= n;
    item->used += n;
    if (r->left > 0)
        return P2P_OK;
    if (r->role == P2P_WS_SERVER)
        p2p_ws_mask(r->control, r->have, r->key, 0);
    item->data = r->control;
    item->len = r->have;
    uint8_t opcode = r->opcode;
    begin_head(r);
    if (opcode == P2P_WS_CLOSE)
        return judge_close(r, item);
    item->event = opcode == P2P_WS_PING ? P2P_WS_GOT_PING : P2P_WS_GOT_PONG;
    return P2P_OK;
}

static p2p_err judge_text(p2p_ws_reader *r, p2p_bytes piece, bool ended) {
    if (!p2p_utf8_feed(&r->text, piece) || (ended && !p2p_utf8_whole(&r->text)))
        return fail(r, P2P_ERR_MALFORMED, P2P_WS_INVALID_DATA);
    return ended ? fail(r, P2P_ERR_VIOLATION, P2P_WS_UNSUPPORTED_DATA) : P2P_OK;
}

static p2p_err read_data(p2p_ws_reader *r, uint8_t *data, size_t len, p2p_ws_item *item) {
    uint8_t *piece = data + item->used;
    size_t n = len - item->used < r->left ? len - item->used : (size_t)r->left;
    if (n > 0 && r->role == P2P_WS_SERVER)
        p2p_ws_mask(piece, n, r->key, r->offset);
    r->offset += n;
    r->left -= n;
    item->used += n;
    bool text = r->message == P2P_WS_TEXT;
    bool ended = r->left == 0 && r->fin;
    if (r->left == 0)
        begin_head(r);
    if (ended)
        r->message = 0;
    if (text)
        return judge_text(r, p2p_bytes_of(piece, n), ended);
    if (n > 0) {
        item->event = P2P_WS_GOT_DATA;
        item->data = piece;
        item->len = n;
    }
    return P2P_OK;
}

/* True when there is something to do without a further byte: the payload is empty. */
static bool payload_done(const p2p_ws_reader *r) {
    return (r->state == DATA || r->state == CONTROL) && r->left == 0;
}

p2p_err p2p_ws_reader_feed(p2p_ws_reader *r, uint8_t *data, size_t len, p2p_ws_item *item) {
    *item = (p2p_ws_item){.event = P2P_WS_NEED_MORE};
    p2p_err err = r->failed;
    while (
        err == P2P_OK && item->event == P2P_WS_NEED_MORE && (item->used < len || payload_done(r))) {
        switch (r->state) {
        case HEAD:
            err = read_head(r, p2p_bytes_of(data, len), &item->used);
            break;
        case DATA:
            err = read_data(r, data, len, item);
            break;
        case CONTROL:
            err = read_control(r, p2p_bytes_of(data, len), item);
            break;
        default:
            item->used = len; /* section 5.5.1: nothing counts after a close frame */
            return P2P_OK;
        }
    }
    if (err != P2P_OK)
        *item = (p2p_ws_item){.used = item->used, .code = r->failed_code};
    return err;
}
