/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Two associations joined by a link in virtual time that loses, delays, reorders and duplicates,
 * from one seed. A message's bytes follow from its stream, number and place, so the receiver checks
 * every byte as it comes.
 */
#ifndef P2P_TEST_SCTP_PAIR_H
#define P2P_TEST_SCTP_PAIR_H

#include "base/mem.h"
#include "support/check.h"
#include "webrtc/sctp.h"

enum { PAIR_STREAMS = 64, PAIR_FLYING = 8192, PAIR_MTU = 1200 };

typedef struct pair_side {
    p2p_sctp *sctp;
    bool opened;
    bool closed;
    p2p_err reason;
    uint32_t next_message[PAIR_STREAMS]; /* received in full */
    size_t offset[PAIR_STREAMS];
    uint32_t sent[PAIR_STREAMS];
    size_t pieces, bytes, messages, abandoned, writable, peer_resets, released;
    uint16_t last_released;
    bool unchecked; /* messages may be missing or out of order */
} pair_side;

typedef struct pair_packet {
    p2p_time at;
    size_t len;
    int to;
    uint8_t data[PAIR_MTU];
} pair_packet;

typedef struct pair {
    pair_side side[2];
    seeded_random seeded;
    p2p_time now;
    p2p_time delay, jitter;
    unsigned loss, duplicate; /* per cent */
    pair_packet **flying;     /* heap by time */
    size_t count;
    uint64_t carried;
} pair;

static inline uint8_t pair_byte(uint16_t stream, uint32_t number, size_t at) {
    return (uint8_t)(stream * 7 + number * 13 + at * 31 + (at >> 8));
}

static inline void pair_opened(void *ctx) {
    ((pair_side *)ctx)->opened = true;
}

static inline void pair_piece(void *ctx, const p2p_sctp_piece *piece) {
    pair_side *side = ctx;
    side->pieces++;
    side->bytes += piece->bytes.len;
    side->messages += piece->last && !piece->abandoned;
    side->abandoned += piece->abandoned;
    if (side->unchecked)
        return;
    uint16_t s = piece->stream;
    if (s >= PAIR_STREAMS || piece->first != (side->offset[s] == 0))
        fail_msg("piece of stream %u out of place", s);
    for (size_t i = 0; i < piece->bytes.len; i++) {
        if (piece->bytes.ptr[i] != pair_byte(s, side->next_message[s], side->offset[s] + i))
            fail_msg("stream %u message %u differs", s, side->next_message[s]);
    }
    side->offset[s] += piece->bytes.len;
    if (piece->last) {
        side->next_message[s]++;
        side->offset[s] = 0;
    }
}

static inline void pair_writable(void *ctx, uint16_t stream, void *user) {
    (void)stream, (void)user;
    ((pair_side *)ctx)->writable++;
}

static inline void pair_peer_reset(void *ctx, uint16_t stream, void *user) {
    pair_side *side = ctx;
    (void)user;
    side->peer_resets++;
    if (stream < PAIR_STREAMS)
        side->next_message[stream] = 0;
}

static inline void pair_released(void *ctx, uint16_t stream, void *user, p2p_err err) {
    pair_side *side = ctx;
    (void)user, (void)err;
    side->released++;
    side->last_released = stream;
    if (stream < PAIR_STREAMS)
        side->sent[stream] = 0;
}

static inline void pair_closed(void *ctx, p2p_err err) {
    pair_side *side = ctx;
    if (side->closed)
        fail_msg("closed twice");
    side->closed = true;
    side->reason = err;
}

static const p2p_sctp_events PAIR_EVENTS = {
    pair_opened, pair_piece, pair_writable, pair_peer_reset, pair_released, pair_closed};
static const p2p_mem PAIR_MEM = {NULL, NULL};

static inline p2p_err pair_init(pair *p, uint64_t seed, const p2p_sctp_config *base) {
    memset(p, 0, sizeof *p);
    seeded_random_init(&p->seeded, seed);
    p->now = P2P_SECOND;
    p->delay = 10 * P2P_MILLISECOND;
    p->flying = calloc(PAIR_FLYING, sizeof *p->flying);
    for (int i = 0; i < 2; i++) {
        p2p_sctp_config config = *base;
        config.mem = base->mem != NULL ? base->mem : &PAIR_MEM;
        config.random = &p->seeded.random;
        config.events = &PAIR_EVENTS;
        config.ctx = &p->side[i];
        p2p_err err = p2p_sctp_new(&p->side[i].sctp, &config);
        if (err != P2P_OK)
            return err;
    }
    return P2P_OK;
}

static inline void pair_deinit(pair *p) {
    for (size_t i = 0; i < p->count; i++)
        free(p->flying[i]);
    free(p->flying);
    p2p_sctp_free(p->side[0].sctp);
    p2p_sctp_free(p->side[1].sctp);
}

static inline unsigned pair_chance(pair *p) {
    return (unsigned)(seeded_random_next(&p->seeded) % 100);
}

static inline void pair_carry(pair *p, int to, const uint8_t *data, size_t len) {
    if (pair_chance(p) < p->loss || p->count == PAIR_FLYING)
        return;
    pair_packet *packet = malloc(sizeof *packet);
    packet->at = p->now + p->delay;
    if (p->jitter > 0)
        packet->at += seeded_random_next(&p->seeded) % p->jitter;
    packet->to = to;
    packet->len = len;
    memcpy(packet->data, data, len);
    size_t at = p->count++;
    for (; at > 0 && p->flying[(at - 1) / 2]->at > packet->at; at = (at - 1) / 2)
        p->flying[at] = p->flying[(at - 1) / 2];
    p->flying[at] = packet;
}

static inline pair_packet *pair_take(pair *p) {
    pair_packet *first = p->flying[0], *moved = p->flying[--p->count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < p->count; at = child) {
        if (child + 1 < p->count && p->flying[child + 1]->at < p->flying[child]->at)
            child++;
        if (p->flying[child]->at >= moved->at)
            break;
        p->flying[at] = p->flying[child];
    }
    p->flying[at] = moved;
    return first;
}

static inline void pair_draw(pair *p) {
    uint8_t data[PAIR_MTU];
    size_t len;
    for (int i = 0; i < 2; i++) {
        while (p2p_sctp_output(p->side[i].sctp, data, sizeof data, &len, p->now) == P2P_OK) {
            p->carried++;
            pair_carry(p, 1 - i, data, len);
            if (pair_chance(p) < p->duplicate)
                pair_carry(p, 1 - i, data, len);
        }
    }
}

/* Goes to the next moment at which something happens; false when nothing will before `until`. */
static inline bool pair_step(pair *p, p2p_time until) {
    pair_draw(p);
    p2p_time next = p->count > 0 ? p->flying[0]->at : P2P_NEVER;
    for (int i = 0; i < 2; i++) {
        p2p_time at = p2p_sctp_deadline(p->side[i].sctp);
        next = at < next ? at : next;
    }
    if (next == P2P_NEVER || next > until)
        return false;
    p->now = next > p->now ? next : p->now;
    while (p->count > 0 && p->flying[0]->at <= p->now) {
        pair_packet *packet = pair_take(p);
        p2p_sctp_input(p->side[packet->to].sctp, packet->data, packet->len, p->now);
        free(packet);
    }
    for (int i = 0; i < 2; i++) {
        if (p2p_sctp_deadline(p->side[i].sctp) <= p->now)
            p2p_sctp_tick(p->side[i].sctp, p->now);
    }
    return true;
}

static inline void pair_run(pair *p, p2p_time duration) {
    p2p_time until = p->now + duration;
    while (pair_step(p, until)) {
    }
    p->now = until;
}

static inline void pair_open(pair *p) {
    check_ok(p2p_sctp_connect(p->side[0].sctp, p->now));
    for (int i = 0; i < 100000 && !(p->side[0].opened && p->side[1].opened); i++)
        check(pair_step(p, P2P_NEVER - 1));
}

static inline p2p_err pair_send(
    pair *p, int from, uint16_t stream, size_t len, const p2p_sctp_options *options) {
    pair_side *side = &p->side[from];
    uint8_t *message = malloc(len + 1);
    for (size_t i = 0; i < len; i++)
        message[i] = pair_byte(stream, side->sent[stream], i);
    p2p_err err = p2p_sctp_send(side->sctp, stream, 53, (p2p_bytes){message, len}, options, p->now);
    if (err == P2P_OK)
        side->sent[stream]++;
    free(message);
    return err;
}

#endif
