/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A session whose peer is the test itself: it writes frames by hand and reads those that come. */
#ifndef P2P_TEST_RAW_YAMUX_H
#define P2P_TEST_RAW_YAMUX_H

#include "mux/yamux.h"
#include "support/check.h"
#include "support/mux.h"

enum { SYN = P2P_YAMUX_SYN, ACK = P2P_YAMUX_ACK, FIN = P2P_YAMUX_FIN, RST = P2P_YAMUX_RST };

static const char HELLO[] = "\x13/multistream/1.0.0\n\x03/t\n";

enum { HELLO_LEN = sizeof HELLO - 1 };

typedef struct raw {
    faulty_mem mem;
    mux_end *end;
    uint8_t out[1 << 20]; /* what the session said and nobody has looked at yet */
    size_t out_len, out_at;
} raw;

/* A responder, so that the test's streams have odd numbers. */
static inline raw *raw_new(void) {
    raw *r = calloc(1, sizeof *r);
    faulty_mem_init(&r->mem);
    r->end = malloc(sizeof *r->end);
    mux_end_defaults(r->end);
    return r;
}

static inline void raw_start(raw *r) {
    check_ok(mux_end_start(r->end, &p2p_yamux, &r->mem.mem, false));
}

static inline void raw_free(raw *r) {
    mux_end_stop(r->end);
    check(r->mem.live_bytes == 0);
    free(r->end);
    free(r);
}

static inline p2p_yamux_session *session(raw *r) {
    return P2P_CONTAINER(r->end->conn, p2p_yamux_session, conn);
}

static inline void say(raw *r, uint8_t type, uint16_t flags, uint32_t stream, uint32_t length) {
    uint8_t head[P2P_YAMUX_HEADER_LEN];
    p2p_yamux_frame_encode(&(p2p_yamux_frame){type, flags, stream, length}, head);
    check_ok(mux_end_feed(r->end, head, sizeof head));
}

static inline void say_data(raw *r, uint16_t flags, uint32_t stream, const void *data, size_t len) {
    say(r, P2P_YAMUX_DATA, flags, stream, (uint32_t)len);
    check_ok(mux_end_feed(r->end, data, len));
}

/* A stream that is negotiated. */
static inline void say_open(raw *r, uint32_t stream) {
    say_data(r, SYN, stream, HELLO, HELLO_LEN);
}

static inline void draw_all(raw *r) {
    size_t len;
    memmove(r->out, r->out + r->out_at, r->out_len - r->out_at);
    r->out_len -= r->out_at;
    r->out_at = 0;
    while ((len = mux_end_draw(r->end, r->out + r->out_len, sizeof r->out - r->out_len)) > 0)
        r->out_len += len;
}

/* The next frame; its body is skipped, or given. False: nothing more was said. */
static inline bool hear(raw *r, p2p_yamux_frame *frame, const uint8_t **body) {
    if (r->out_at == r->out_len)
        draw_all(r);
    if (r->out_at == r->out_len)
        return false;
    check(r->out_len - r->out_at >= P2P_YAMUX_HEADER_LEN);
    check_ok(p2p_yamux_frame_decode(frame, r->out + r->out_at));
    r->out_at += P2P_YAMUX_HEADER_LEN;
    if (body != NULL)
        *body = r->out + r->out_at;
    if (frame->type == P2P_YAMUX_DATA) {
        check(frame->length <= r->out_len - r->out_at);
        r->out_at += frame->length;
    }
    return true;
}

/* Looks for the next frame of a kind about a stream; the test fails if none comes. */
static inline p2p_yamux_frame hear_one(raw *r, uint8_t type, uint16_t flags, uint32_t stream) {
    p2p_yamux_frame frame;
    while (hear(r, &frame, NULL))
        if (frame.type == type && (frame.flags & flags) == flags && frame.stream == stream)
            return frame;
    fail_msg("no frame of type %u, flags %u for stream %u", type, flags, stream);
    return frame;
}

/* Whatever was said until now does not matter. */
static inline void ignore_all(raw *r) {
    p2p_yamux_frame frame;
    while (hear(r, &frame, NULL)) {
    }
}

static inline void hear_nothing_of(raw *r, uint32_t stream) {
    p2p_yamux_frame frame;
    while (hear(r, &frame, NULL))
        check(frame.type > P2P_YAMUX_WINDOW || frame.stream != stream);
}

/* The session still works: a ping comes back. */
static inline void check_alive(raw *r) {
    say(r, P2P_YAMUX_PING, SYN, 0, 0x5eed);
    check(hear_one(r, P2P_YAMUX_PING, ACK, 0).length == 0x5eed);
    check(!r->end->ended);
}

/* It said GoAway with the code, and ended. */
static inline void check_dead(raw *r, p2p_err err, uint32_t code) {
    check(hear_one(r, P2P_YAMUX_GOAWAY, 0, 0).length == code);
    draw_all(r);
    check(r->end->ended && r->end->reason.err == err && r->end->reason.text[0] != 0);
}

#endif
