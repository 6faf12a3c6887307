/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A peer made by hand, which sends what no good peer sends. */
#ifndef P2P_TEST_SCTP_RAW_H
#define P2P_TEST_SCTP_RAW_H

#include "unit/webrtc/sctp_pair.h"
#include "webrtc/crc32c.h"
#include "webrtc/sctp_chunk.h"

enum { PEER_TAG = 0x11223344, PEER_TSN = 1000, CAP = 1200 };

typedef struct raw {
    faulty_mem mem;
    seeded_random seeded;
    pair_side side;
    p2p_sctp *sctp;
    uint32_t tag; /* of the association */
    uint32_t tsn; /* its first */
    uint8_t out[CAP];
    size_t out_len;
    p2p_writer w;
    uint8_t packet[CAP];
} raw;

static inline void begin(raw *r, uint32_t tag) {
    r->w = p2p_writer_of(r->packet, sizeof r->packet);
    p2p_writer_u16(&r->w, 5000);
    p2p_writer_u16(&r->w, 5000);
    p2p_writer_u32(&r->w, tag);
    p2p_writer_u32(&r->w, 0);
}

static inline p2p_err feed(raw *r) {
    uint32_t crc = p2p_crc32c(r->packet, r->w.len);
    for (int i = 0; i < 4; i++)
        r->packet[8 + i] = (uint8_t)(crc >> (8 * i));
    return p2p_sctp_input(r->sctp, r->packet, r->w.len, P2P_SECOND);
}

/* The next packet of the association; the type of its first chunk, or -1. */
static inline int draw(raw *r) {
    if (p2p_sctp_output(r->sctp, r->out, sizeof r->out, &r->out_len, P2P_SECOND) != P2P_OK)
        return -1;
    check(r->out_len >= 16);
    return r->out[12];
}

static inline p2p_err feed_chunk(raw *r, uint8_t type, uint8_t flags, p2p_bytes body) {
    begin(r, r->tag);
    size_t chunk = p2p_sctp_begin_chunk(&r->w, type, flags);
    p2p_writer_bytes(&r->w, body);
    p2p_sctp_end(&r->w, chunk);
    return feed(r);
}

static inline p2p_err feed_data(
    raw *r, uint32_t tsn, uint16_t stream, uint16_t ssn, uint8_t flags, size_t len) {
    uint8_t body[CAP] = {0};
    p2p_store32(body, PEER_TSN + tsn);
    p2p_store16(body + 4, stream);
    p2p_store16(body + 6, ssn);
    p2p_store32(body + 8, 53);
    return feed_chunk(r, SCTP_DATA, flags, p2p_bytes_of(body, 12 + len));
}

static inline p2p_err feed_sack(raw *r, uint32_t cum, uint32_t window, uint16_t from, uint16_t to) {
    uint8_t body[16];
    p2p_store32(body, cum);
    p2p_store32(body + 4, window);
    p2p_store16(body + 8, to > 0);
    p2p_store16(body + 10, 0);
    p2p_store16(body + 12, from);
    p2p_store16(body + 14, to);
    return feed_chunk(r, SCTP_SACK, 0, p2p_bytes_of(body, to > 0 ? 16 : 12));
}

static inline void start_with(raw *r, const p2p_sctp_config *base) {
    memset(r, 0, sizeof *r);
    faulty_mem_init(&r->mem);
    seeded_random_init(&r->seeded, 3);
    p2p_sctp_config config = *base;
    config.mem = &r->mem.mem;
    config.random = &r->seeded.random;
    config.events = &PAIR_EVENTS;
    config.ctx = &r->side;
    check_ok(p2p_sctp_new(&r->sctp, &config));
    r->side.sctp = r->sctp;
    r->side.unchecked = true;
    check_ok(p2p_sctp_connect(r->sctp, P2P_SECOND));
    check(draw(r) == SCTP_INIT);
    r->tag = p2p_load32(r->out + 16);
    r->tsn = p2p_load32(r->out + 28);
    begin(r, r->tag);
    p2p_sctp_init init = {.tag = PEER_TAG,
        .window = 1 << 20,
        .out_streams = 100,
        .in_streams = 100,
        .tsn = PEER_TSN,
        .cookie = P2P_LITERAL("cookie")};
    p2p_sctp_init_encode(&r->w, SCTP_INIT_ACK, &init);
    check_ok(feed(r));
    check(draw(r) == SCTP_COOKIE_ECHO);
    check(p2p_load32(r->out + 4) == PEER_TAG);
    check_bytes(p2p_bytes_of(r->out + 16, 6), "636f6f6b6965");
    check_ok(feed_chunk(r, SCTP_COOKIE_ACK, 0, p2p_bytes_of(NULL, 0)));
    check(r->side.opened);
}

static inline void start(raw *r) {
    p2p_sctp_config config = P2P_SCTP_DEFAULTS;
    start_with(r, &config);
}

static inline void stop(raw *r) {
    p2p_sctp_free(r->sctp);
    check(r->mem.live_bytes == 0);
}

enum { WHOLE = SCTP_BEGIN | SCTP_END };

#endif
