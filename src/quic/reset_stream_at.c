/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The frame's layout is that of RESET_STREAM with a number behind it, the reliable size, so a plain
 * RESET_STREAM always fits in its place, with padding behind it. But a peer may write the reset
 * ahead of the STREAM frame with the reliable bytes, while a receiver of a plain reset forgets what
 * comes later; therefore resets that need bytes of their own packet move to the end. A last frame
 * without a length, which would swallow them, is given one.
 */
#include "quic/reset_stream_at.h"

#include "base/bytes.h"

enum frame_type {
    PADDING = 0x00,
    PING = 0x01,
    ACK = 0x02,
    ACK_ECN = 0x03,
    RESET_STREAM = 0x04,
    STOP_SENDING = 0x05,
    CRYPTO = 0x06,
    NEW_TOKEN = 0x07,
    STREAM = 0x08, /* to 0x0f */
    STREAM_FIN = 0x01,
    STREAM_LEN = 0x02,
    STREAM_OFF = 0x04,
    MAX_DATA = 0x10,
    MAX_STREAM_DATA = 0x11,
    MAX_STREAMS_BIDI = 0x12,
    MAX_STREAMS_UNI = 0x13,
    DATA_BLOCKED = 0x14,
    STREAM_DATA_BLOCKED = 0x15,
    STREAMS_BLOCKED_BIDI = 0x16,
    STREAMS_BLOCKED_UNI = 0x17,
    NEW_CONNECTION_ID = 0x18,
    RETIRE_CONNECTION_ID = 0x19,
    PATH_CHALLENGE = 0x1a,
    PATH_RESPONSE = 0x1b,
    CLOSE = 0x1c,
    CLOSE_APPLICATION = 0x1d,
    HANDSHAKE_DONE = 0x1e,
    RESET_STREAM_AT = 0x24,
    DATAGRAM = 0x30,
    DATAGRAM_LEN = 0x31
};

enum {
    ROUNDS = 2, /* of looking for a stream's bytes: they may stand in disorder, but hardly more */
    RESETS_MAX = 112, /* as many as a packet of the usual size can hold */
    RESET_MAX = 25    /* bytes of a RESET_STREAM */
};

#define PARAMETER UINT64_C(0x1d)
#define PARAMETER_EARLY UINT64_C(0x17f7586d2cb571)

void p2p_reset_stream_at_put_parameter(p2p_writer *w) {
    p2p_writer_quic_varint(w, PARAMETER);
    p2p_writer_quic_varint(w, 0);
    p2p_writer_quic_varint(w, PARAMETER_EARLY);
    p2p_writer_quic_varint(w, 0);
}

typedef struct frame {
    uint64_t type;
    uint64_t id, code, size, reliable; /* RESET_STREAM_AT */
    uint64_t offset, data_len;         /* STREAM, with id */
    size_t
        head_len; /* up to the data of STREAM and DATAGRAM, the reliable size of RESET_STREAM_AT */
} frame;

static void skip_numbers(p2p_cursor *c, unsigned count) {
    while (count-- > 0)
        p2p_cursor_quic_varint(c);
}

static void skip_ack(p2p_cursor *c, bool ecn) {
    skip_numbers(c, 2);
    uint64_t ranges = p2p_cursor_quic_varint(c);
    skip_numbers(c, 1);
    while (ranges-- > 0 && c->err == P2P_OK)
        skip_numbers(c, 2);
    if (ecn)
        skip_numbers(c, 3);
}

static void read_stream(p2p_cursor *c, frame *f, const uint8_t *start) {
    f->id = p2p_cursor_quic_varint(c);
    if ((f->type & STREAM_OFF) != 0)
        f->offset = p2p_cursor_quic_varint(c);
    f->data_len = (f->type & STREAM_LEN) != 0 ? p2p_cursor_quic_varint(c) : c->left;
    f->head_len = (size_t)(c->ptr - start);
    p2p_cursor_take(c, f->data_len);
}

static void read_datagram(p2p_cursor *c, frame *f, const uint8_t *start) {
    f->data_len = f->type == DATAGRAM_LEN ? p2p_cursor_quic_varint(c) : c->left;
    f->head_len = (size_t)(c->ptr - start);
    p2p_cursor_take(c, f->data_len);
}

/* The frames that are a few numbers, or numbers and bytes. */
static void read_other(p2p_cursor *c, uint64_t type) {
    switch (type) {
    case PADDING:
    case PING:
    case HANDSHAKE_DONE:
        break;
    case MAX_DATA:
    case MAX_STREAMS_BIDI:
    case MAX_STREAMS_UNI:
    case DATA_BLOCKED:
    case STREAMS_BLOCKED_BIDI:
    case STREAMS_BLOCKED_UNI:
    case RETIRE_CONNECTION_ID:
        skip_numbers(c, 1);
        break;
    case STOP_SENDING:
    case MAX_STREAM_DATA:
    case STREAM_DATA_BLOCKED:
        skip_numbers(c, 2);
        break;
    case RESET_STREAM:
        skip_numbers(c, 3);
        break;
    case CRYPTO:
        skip_numbers(c, 1);
        p2p_cursor_take(c, p2p_cursor_quic_varint(c));
        break;
    case NEW_TOKEN:
        p2p_cursor_take(c, p2p_cursor_quic_varint(c));
        break;
    case NEW_CONNECTION_ID:
        skip_numbers(c, 2);
        p2p_cursor_take(c, p2p_cursor_u8(c));
        p2p_cursor_take(c, 16);
        break;
    case PATH_CHALLENGE:
    case PATH_RESPONSE:
        p2p_cursor_take(c, 8);
        break;
    case CLOSE:
    case CLOSE_APPLICATION:
        skip_numbers(c, type == CLOSE ? 2 : 1);
        p2p_cursor_take(c, p2p_cursor_quic_varint(c));
        break;
    default:
        p2p_cursor_fail(c);
    }
}

static bool is_stream(const frame *f) {
    return f->type >= STREAM && f->type <= (STREAM | STREAM_FIN | STREAM_LEN | STREAM_OFF);
}

static bool next_frame(p2p_cursor *c, frame *f) {
    const uint8_t *start = c->ptr;
    if (c->left == 0)
        return false;
    if (start[0] >= 0x40)
        p2p_cursor_fail(c); /* no type that is known needs more than a byte */
    *f = (frame){.type = p2p_cursor_quic_varint(c)};
    if (is_stream(f)) {
        read_stream(c, f, start);
    } else if (f->type == DATAGRAM || f->type == DATAGRAM_LEN) {
        read_datagram(c, f, start);
    } else if (f->type == ACK || f->type == ACK_ECN) {
        skip_ack(c, f->type == ACK_ECN);
    } else if (f->type == RESET_STREAM_AT) {
        f->id = p2p_cursor_quic_varint(c);
        f->code = p2p_cursor_quic_varint(c);
        f->size = p2p_cursor_quic_varint(c);
        f->head_len = (size_t)(c->ptr - start);
        f->reliable = p2p_cursor_quic_varint(c);
    } else {
        read_other(c, f->type);
    }
    return c->err == P2P_OK;
}

/* Counts the resets; false if the payload is malformed, which is for others to judge. */
static bool look(p2p_bytes payload, size_t *resets) {
    p2p_cursor c = p2p_cursor_of(payload);
    frame f;
    *resets = 0;
    while (next_frame(&c, &f))
        *resets += f.type == RESET_STREAM_AT;
    return c.err == P2P_OK;
}

/* How far the stream reaches without a gap, with what this packet brings. */
static uint64_t reach(p2p_bytes payload, uint64_t id, uint64_t have) {
    for (unsigned round = 0; round < ROUNDS; round++) {
        p2p_cursor c = p2p_cursor_of(payload);
        frame f;
        while (next_frame(&c, &f))
            if (is_stream(&f) && f.id == id && f.offset <= have && f.offset + f.data_len > have)
                have = f.offset + f.data_len;
    }
    return have;
}

static bool all_arrived(p2p_bytes payload, p2p_stream_received received, void *ctx) {
    p2p_cursor c = p2p_cursor_of(payload);
    frame f;
    while (next_frame(&c, &f)) {
        if (f.type != RESET_STREAM_AT || f.reliable > f.size)
            continue;
        uint64_t have = received(ctx, (int64_t)f.id);
        if (have < f.reliable && reach(payload, f.id, have) < f.reliable)
            return false;
    }
    return true;
}

/*
 * Resets whose bytes came with earlier packets stay where they are: the type changes, and the
 * reliable size becomes padding. The rest is counted.
 */
static size_t rewrite_in_place(
    uint8_t *payload, size_t len, p2p_stream_received received, void *ctx) {
    p2p_cursor c = p2p_cursor_of(p2p_bytes_of(payload, len));
    size_t left = 0, start = 0;
    for (frame f; next_frame(&c, &f); start = len - c.left) {
        if (f.type != RESET_STREAM_AT)
            continue;
        if (received(ctx, (int64_t)f.id) < f.reliable) {
            left++;
            continue;
        }
        payload[start] = RESET_STREAM;
        memset(payload + start + f.head_len, PADDING, len - c.left - start - f.head_len);
    }
    return left;
}

/* Resets as the library knows them, to follow the other frames. */
static void collect(p2p_writer *w, p2p_bytes payload) {
    p2p_cursor c = p2p_cursor_of(payload);
    frame f;
    while (next_frame(&c, &f)) {
        if (f.type != RESET_STREAM_AT)
            continue;
        p2p_writer_quic_varint(w, RESET_STREAM);
        p2p_writer_quic_varint(w, f.id);
        p2p_writer_quic_varint(w, f.code);
        p2p_writer_quic_varint(w, f.size);
    }
}

static size_t varint_len(uint64_t v) {
    p2p_writer measure = p2p_writer_of(NULL, 0);
    p2p_writer_quic_varint(&measure, v);
    return measure.len;
}

/* Drops the resets, keeps the order of the rest. *open: where a last frame without a length begins
 * in what is left, and its head's length; SIZE_MAX if there is none. */
static size_t compact(uint8_t *payload, size_t len, size_t *open, frame *last) {
    p2p_cursor c = p2p_cursor_of(p2p_bytes_of(payload, len));
    size_t kept = 0, start = 0;
    frame f;
    *open = SIZE_MAX;
    while (next_frame(&c, &f)) {
        size_t end = len - c.left;
        if (f.type != RESET_STREAM_AT) {
            bool lengthless = f.type == DATAGRAM || (is_stream(&f) && (f.type & STREAM_LEN) == 0);
            if (lengthless) {
                *open = kept;
                *last = f;
            }
            memmove(payload + kept, payload + start, end - start);
            kept += end - start;
            /* The cursor stands behind what was moved: it reads on unchanged bytes. */
        }
        start = end;
    }
    return kept;
}

p2p_err p2p_reset_stream_at_rewrite(
    uint8_t *payload, size_t len, p2p_stream_received received, void *ctx) {
    uint8_t resets[RESETS_MAX * RESET_MAX];
    p2p_bytes view = p2p_bytes_of(payload, len);
    size_t count, open;
    frame last = {0};
    if (!look(view, &count) || count == 0)
        return P2P_OK;
    count = rewrite_in_place(payload, len, received, ctx);
    if (count == 0)
        return P2P_OK;
    if (count > RESETS_MAX || !all_arrived(view, received, ctx))
        return P2P_ERR_AGAIN;
    p2p_writer w = p2p_writer_of(resets, sizeof resets);
    collect(&w, view);
    /* Only the last frame can be without a length, so what it needs is known before anything moves.
     */
    p2p_cursor c = p2p_cursor_of(view);
    size_t others = 0, start = 0, extra = 0;
    for (frame f; next_frame(&c, &f); start = len - c.left) {
        if (f.type == RESET_STREAM_AT)
            continue;
        others += len - c.left - start;
        if (f.type == DATAGRAM || (is_stream(&f) && (f.type & STREAM_LEN) == 0))
            extra = varint_len(f.data_len);
    }
    if (others + extra + w.len > len)
        return P2P_ERR_AGAIN;
    size_t kept = compact(payload, len, &open, &last);
    if (open != SIZE_MAX) {
        uint8_t *data = payload + open + last.head_len;
        memmove(data + extra, data, (size_t)last.data_len);
        p2p_writer length = p2p_writer_of(data, extra);
        p2p_writer_quic_varint(&length, last.data_len);
        payload[open] |= last.type == DATAGRAM ? 0x01 : STREAM_LEN;
        kept += extra;
    }
    p2p_bytes said = p2p_writer_view(&w);
    p2p_copy(payload + kept, said.ptr, said.len);
    kept += said.len;
    memset(payload + kept, PADDING, len - kept);
    return P2P_OK;
}
