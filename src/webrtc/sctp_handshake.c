/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Setting an association up and ending it in good order (RFC 9260 sections 5 and 9). Both ends of a
 * data channel connection usually send INIT at once (section 5.2.1); because an association has one
 * tag and one first TSN from its birth, which stand in its INIT and in every INIT ACK, whichever
 * handshake finishes first gives the same result, and no tie-tags are needed. The cookie holds all
 * that was learnt from the peer's INIT under a MAC, so an INIT costs no memory. An INIT or a cookie
 * that would restart an open association is ignored: under DTLS a peer that lost its state has lost
 * the connection, too.
 */
#include "base/mem.h"
#include "crypto/crypto.h"
#include "webrtc/sctp_assoc.h"

enum {
    MAX_TRIES = 8, /* Max.Init.Retransmits */
    COOKIE_BODY = 32,
    COOKIE_LEN = COOKIE_BODY + 32,
    MAX_SHIFT = 3
};

static const p2p_time COOKIE_LIFE = 60 * P2P_SECOND;
static const p2p_time FIRST_WAIT = P2P_SECOND;

enum { COOKIE_FORWARD_TSN = 1, COOKIE_RECONFIG = 2, COOKIE_ZERO_CHECKSUM = 4 };

static void make_cookie(
    const p2p_sctp *a, const p2p_sctp_init *peer, p2p_time now, uint8_t out[COOKIE_LEN]) {
    memset(out, 0, COOKIE_LEN);
    p2p_store64(out, now);
    p2p_store32(out + 8, a->local_tag);
    p2p_store32(out + 12, peer->tag);
    p2p_store32(out + 16, peer->tsn);
    p2p_store32(out + 20, peer->window);
    p2p_store16(out + 24, peer->out_streams);
    p2p_store16(out + 26, peer->in_streams);
    out[28] = (peer->forward_tsn ? COOKIE_FORWARD_TSN : 0) |
              (peer->reconfig ? COOKIE_RECONFIG : 0) |
              (peer->zero_checksum ? COOKIE_ZERO_CHECKSUM : 0);
    p2p_bytes key = p2p_bytes_of(a->handshake.secret, sizeof a->handshake.secret);
    p2p_hmac_sha256(out + COOKIE_BODY, key, p2p_bytes_of(out, COOKIE_BODY));
}

/* NOT_FOUND: not one of this association's; TIMEOUT: too old. */
static p2p_err open_cookie(const p2p_sctp *a, p2p_bytes cookie, p2p_sctp_init *peer, p2p_time now) {
    uint8_t mac[32];
    if (cookie.len != COOKIE_LEN)
        return P2P_ERR_NOT_FOUND;
    p2p_bytes key = p2p_bytes_of(a->handshake.secret, sizeof a->handshake.secret);
    p2p_hmac_sha256(mac, key, p2p_bytes_of(cookie.ptr, COOKIE_BODY));
    if (!p2p_same_secret(mac, cookie.ptr + COOKIE_BODY, sizeof mac))
        return P2P_ERR_NOT_FOUND;
    const uint8_t *p = cookie.ptr;
    *peer = (p2p_sctp_init){.tag = p2p_load32(p + 12),
        .tsn = p2p_load32(p + 16),
        .window = p2p_load32(p + 20),
        .out_streams = p2p_load16(p + 24),
        .in_streams = p2p_load16(p + 26),
        .forward_tsn = p[28] & COOKIE_FORWARD_TSN,
        .reconfig = p[28] & COOKIE_RECONFIG,
        .zero_checksum = p[28] & COOKIE_ZERO_CHECKSUM};
    return now - p2p_load64(p) > COOKIE_LIFE ? P2P_ERR_TIMEOUT : P2P_OK;
}

static void learn_peer(p2p_sctp *a, const p2p_sctp_init *peer) {
    a->peer_tag = peer->tag;
    a->zero_checksum = a->config.zero_checksum && peer->zero_checksum;
    p2p_sctp_tx_start(a, peer);
    p2p_sctp_rx_start(a, peer);
    p2p_sctp_reset_start(a, peer);
}

void p2p_sctp_handshake_deinit(p2p_sctp *a) {
    p2p_mem_free(a->config.mem, a->handshake.cookie, a->handshake.cookie_len);
    a->handshake.cookie = NULL;
    a->handshake.cookie_len = 0;
    p2p_wipe(a->handshake.secret, sizeof a->handshake.secret);
}

static void open_up(p2p_sctp *a) {
    a->state = SCTP_ESTABLISHED;
    a->handshake.again_at = P2P_NEVER;
    a->handshake.init_due = a->handshake.cookie_due = false;
    p2p_mem_free(a->config.mem, a->handshake.cookie, a->handshake.cookie_len);
    a->handshake.cookie = NULL;
    a->handshake.cookie_len = 0;
    a->config.events->opened(a->config.ctx);
}

p2p_err p2p_sctp_connect(p2p_sctp *a, p2p_time now) {
    if (a->state != SCTP_IDLE)
        return P2P_ERR_STATE;
    a->state = SCTP_COOKIE_WAIT;
    a->handshake.init_due = true;
    a->handshake.tries = 0;
    a->handshake.again_at = now + FIRST_WAIT;
    return P2P_OK;
}

/* Only remembered: a flood of them costs one cookie for each packet pulled. */
p2p_err p2p_sctp_on_init(p2p_sctp *a, p2p_bytes body, p2p_time now) {
    p2p_sctp_init peer;
    if (a->state > SCTP_COOKIE_ECHOED || p2p_sctp_init_decode(&peer, body) != P2P_OK) {
        a->dropped++;
        return P2P_OK;
    }
    a->handshake.answer = peer;
    a->handshake.answer_tag = peer.tag;
    a->handshake.answer_at = now;
    a->handshake.init_ack_due = true;
    return P2P_OK;
}

static void report_unrecognized(p2p_sctp *a, const p2p_sctp_init *peer) {
    uint8_t cause[SCTP_CHUNK_HEADER + sizeof peer->unrecognized];
    size_t len = SCTP_CHUNK_HEADER + peer->unrecognized_len;
    if (peer->unrecognized_len == 0)
        return;
    p2p_store16(cause, SCTP_CAUSE_UNRECOGNIZED_PARAMETER);
    p2p_store16(cause + 2, (uint16_t)len);
    memcpy(cause + SCTP_CHUNK_HEADER, peer->unrecognized, peer->unrecognized_len);
    p2p_sctp_reply(a, SCTP_ERROR, 0, p2p_bytes_of(cause, len));
}

p2p_err p2p_sctp_on_init_ack(p2p_sctp *a, p2p_bytes body, p2p_time now) {
    p2p_sctp_init peer;
    if (a->state != SCTP_COOKIE_WAIT)
        return P2P_OK;
    size_t room = a->config.mtu - SCTP_HEADER - SCTP_CHUNK_HEADER;
    if (p2p_sctp_init_decode(&peer, body) != P2P_OK || peer.cookie.len == 0)
        return p2p_sctp_fail(a, P2P_ERR_MALFORMED, SCTP_CAUSE_INVALID_PARAMETER);
    if (peer.cookie.len > room)
        return p2p_sctp_fail(a, P2P_ERR_TOO_BIG, SCTP_CAUSE_NO_RESOURCE);
    a->handshake.cookie = p2p_mem_copy(a->config.mem, peer.cookie);
    if (a->handshake.cookie == NULL)
        return p2p_sctp_fail(a, P2P_ERR_NO_MEMORY, SCTP_CAUSE_NO_RESOURCE);
    a->handshake.cookie_len = peer.cookie.len;
    learn_peer(a, &peer);
    report_unrecognized(a, &peer);
    a->state = SCTP_COOKIE_ECHOED;
    a->handshake.init_due = false;
    a->handshake.cookie_due = true;
    a->handshake.tries = 0;
    a->handshake.again_at = now + FIRST_WAIT;
    return P2P_OK;
}

p2p_err p2p_sctp_on_cookie_echo(p2p_sctp *a, p2p_bytes body, p2p_time now) {
    p2p_sctp_init peer;
    p2p_err err = open_cookie(a, body, &peer, now);
    if (err == P2P_ERR_NOT_FOUND || a->state == SCTP_DEAD) {
        a->dropped++;
        return P2P_OK;
    }
    if (a->state > SCTP_COOKIE_ECHOED) {
        /* Our COOKIE ACK was lost, or the two handshakes crossed; anything else would be a restart.
         */
        if (peer.tag == a->peer_tag)
            p2p_sctp_reply(a, SCTP_COOKIE_ACK, 0, p2p_bytes_of(NULL, 0));
        return P2P_OK;
    }
    if (err == P2P_ERR_TIMEOUT) {
        a->peer_tag = peer.tag;
        uint8_t cause[8] = {0, SCTP_CAUSE_STALE_COOKIE, 0, sizeof cause};
        p2p_sctp_reply(a, SCTP_ERROR, 0, p2p_bytes_of(cause, sizeof cause));
        return P2P_OK;
    }
    learn_peer(a, &peer);
    p2p_sctp_reply(a, SCTP_COOKIE_ACK, 0, p2p_bytes_of(NULL, 0));
    open_up(a);
    return P2P_OK;
}

p2p_err p2p_sctp_on_cookie_ack(p2p_sctp *a) {
    if (a->state == SCTP_COOKIE_ECHOED)
        open_up(a);
    return P2P_OK;
}

/* --- shutdown --- */

p2p_err p2p_sctp_shutdown(p2p_sctp *a, p2p_time now) {
    if (a->state != SCTP_ESTABLISHED)
        return P2P_ERR_STATE;
    a->state = SCTP_SHUTDOWN_PENDING;
    p2p_sctp_shutdown_step(a, now);
    return P2P_OK;
}

void p2p_sctp_shutdown_step(p2p_sctp *a, p2p_time now) {
    if (!sctp_tx_empty(a))
        return;
    if (a->state == SCTP_SHUTDOWN_PENDING)
        a->state = SCTP_SHUTDOWN_SENT;
    else if (a->state == SCTP_SHUTDOWN_RECEIVED)
        a->state = SCTP_SHUTDOWN_ACK_SENT;
    else
        return;
    a->handshake.shutdown_due = true;
    a->handshake.tries = 0;
    a->handshake.again_at = now + p2p_sctp_rto(a);
}

static p2p_err on_shutdown_chunk(p2p_sctp *a, p2p_bytes body, p2p_time now) {
    if (body.len < 4)
        return p2p_sctp_fail(a, P2P_ERR_MALFORMED, SCTP_CAUSE_PROTOCOL_VIOLATION);
    p2p_err err = p2p_sctp_on_cum_ack(a, p2p_load32(body.ptr), now);
    if (err != P2P_OK)
        return err;
    if (a->state == SCTP_ESTABLISHED || a->state == SCTP_SHUTDOWN_PENDING ||
        a->state == SCTP_SHUTDOWN_SENT)
        a->state = SCTP_SHUTDOWN_RECEIVED;
    else if (a->state == SCTP_SHUTDOWN_ACK_SENT)
        a->handshake.shutdown_due = true; /* ours was lost */
    p2p_sctp_shutdown_step(a, now);
    return P2P_OK;
}

p2p_err p2p_sctp_on_shutdown(p2p_sctp *a, uint8_t type, p2p_bytes body, p2p_time now) {
    if (!sctp_open(a))
        return P2P_OK;
    if (type == SCTP_SHUTDOWN)
        return on_shutdown_chunk(a, body, now);
    if (type == SCTP_SHUTDOWN_ACK &&
        (a->state == SCTP_SHUTDOWN_SENT || a->state == SCTP_SHUTDOWN_ACK_SENT)) {
        p2p_sctp_reply(a, SCTP_SHUTDOWN_COMPLETE, 0, p2p_bytes_of(NULL, 0));
        return p2p_sctp_over(a, P2P_ERR_EOF);
    }
    if (type == SCTP_SHUTDOWN_COMPLETE && a->state == SCTP_SHUTDOWN_ACK_SENT)
        return p2p_sctp_over(a, P2P_ERR_EOF);
    return P2P_OK;
}

/* --- time and output --- */

p2p_err p2p_sctp_handshake_tick(p2p_sctp *a, p2p_time now) {
    sctp_handshake *h = &a->handshake;
    if (h->again_at > now)
        return P2P_OK;
    if (++h->tries > MAX_TRIES)
        return p2p_sctp_fail(a, P2P_ERR_TIMEOUT, SCTP_CAUSE_USER_ABORT);
    h->again_at = now + (FIRST_WAIT << (h->tries < MAX_SHIFT ? h->tries : MAX_SHIFT));
    h->init_due = a->state == SCTP_COOKIE_WAIT;
    h->cookie_due = a->state == SCTP_COOKIE_ECHOED;
    h->shutdown_due = a->state == SCTP_SHUTDOWN_SENT || a->state == SCTP_SHUTDOWN_ACK_SENT;
    return P2P_OK;
}

static p2p_sctp_init own_init(const p2p_sctp *a) {
    return (p2p_sctp_init){.tag = a->local_tag,
        .window = p2p_sctp_rx_window(a),
        .out_streams = a->config.max_streams,
        .in_streams = a->config.max_streams,
        .tsn = a->handshake.tsn,
        .zero_checksum = a->config.zero_checksum};
}

static void write_init_ack(p2p_sctp *a, p2p_writer *w) {
    uint8_t cookie[COOKIE_LEN];
    const p2p_sctp_init *peer = &a->handshake.answer;
    p2p_sctp_init init = own_init(a);
    make_cookie(a, peer, a->handshake.answer_at, cookie);
    init.cookie = p2p_bytes_of(cookie, sizeof cookie);
    memcpy(init.unrecognized, peer->unrecognized, peer->unrecognized_len);
    init.unrecognized_len = peer->unrecognized_len;
    p2p_sctp_init_encode(w, SCTP_INIT_ACK, &init);
}

static void write_shutdown(const p2p_sctp *a, p2p_writer *w) {
    bool ack = a->state == SCTP_SHUTDOWN_ACK_SENT;
    size_t chunk = p2p_sctp_begin_chunk(w, ack ? SCTP_SHUTDOWN_ACK : SCTP_SHUTDOWN, 0);
    if (!ack)
        p2p_writer_u32(w, a->rx.cum_tsn);
    p2p_sctp_end(w, chunk);
}

/* RFC 9653: INIT and COOKIE ECHO carry their checksum always. */
bool p2p_sctp_handshake_write(p2p_sctp *a, p2p_writer *w, uint32_t *tag, bool *checksum) {
    sctp_handshake *h = &a->handshake;
    if (h->init_ack_due) {
        h->init_ack_due = false;
        *tag = h->answer_tag;
        *checksum = true;
        write_init_ack(a, w);
        return true;
    }
    if (h->init_due) {
        h->init_due = false;
        *tag = 0;
        *checksum = true;
        p2p_sctp_init init = own_init(a);
        p2p_sctp_init_encode(w, SCTP_INIT, &init);
        return true;
    }
    if (h->cookie_due) {
        h->cookie_due = false;
        *checksum = true;
        size_t chunk = p2p_sctp_begin_chunk(w, SCTP_COOKIE_ECHO, 0);
        p2p_writer_bytes(w, p2p_bytes_of(h->cookie, h->cookie_len));
        p2p_sctp_end(w, chunk);
    } else if (h->shutdown_due) {
        h->shutdown_due = false;
        write_shutdown(a, w);
    }
    return false;
}
