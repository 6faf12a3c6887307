/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A peer connection's datagrams. Nothing is queued here: when the socket has room, ICE is asked
 * first, then DTLS' handshake, then SCTP, whose packets are made in the block that goes to the
 * system and sealed where they lie. Packets of a bulk transfer have one size, so that a batch of
 * them is one call of the system's (GSO).
 *
 * A check with credentials of the sender's own making proves nothing about its address, and a hello
 * is answered by a much larger flight, again and again. So until DTLS is open, which takes
 * knowledge of what was sent, no more than three times the received bytes go out.
 *
 * The timer is set when everything was drawn, to the next moment that any layer waits for; an idle
 * connection wakes for ICE's consent checks alone.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "webrtc/peer_parts.h"

/* specs/webrtc/webrtc-direct.md: the same bound as QUIC's. */
enum { AMPLIFICATION_MAX = 3 };

/* Who only receives cannot know that more is due. So when the peer falls silent for so long the
 * path is checked once: a NAT may have changed the address. */
#define QUIET (P2P_SECOND)

/* While the socket takes nothing, what is due stays due. */
#define DUE_AGAIN (10 * P2P_MILLISECOND)

static p2p_time earlier(p2p_time a, p2p_time b) {
    return a < b ? a : b;
}

static void arm(p2p_webrtc_peer *peer, p2p_time not_before) {
    p2p_time at = earlier(p2p_ice_deadline(peer->ice), peer->events->deadline(peer->ctx));
    if (peer->dtls != NULL)
        at = earlier(at, p2p_dtls_deadline(peer->dtls));
    if (peer->channels != NULL)
        at = earlier(at, p2p_sctp_deadline(p2p_datachannels_sctp(peer->channels)));
    at = earlier(at, earlier(peer->question.again_at, peer->quiet_at));
    p2p_timer_set(&peer->env->timers, &peer->timer, at > not_before ? at : not_before);
}

static void tick_channels(p2p_webrtc_peer *peer, p2p_time now) {
    p2p_sctp *sctp = p2p_datachannels_sctp(peer->channels);
    p2p_sctp_info info;
    p2p_err err = p2p_sctp_tick(sctp, now);
    (void)err; /* `ended` told */
    p2p_sctp_get_info(sctp, &info);
    if (info.backoff > 0)
        p2p_ice_doubt(peer->ice, now);
}

void p2p_webrtc_peer_on_time(p2p_timer *timer, p2p_time now) {
    p2p_webrtc_peer *peer = P2P_CONTAINER(timer, p2p_webrtc_peer, timer);
    if (peer->quiet_at <= now) {
        peer->quiet_at = P2P_NEVER;
        p2p_ice_doubt(peer->ice, now);
    }
    p2p_ice_tick(peer->ice, now);
    if (peer->dtls != NULL)
        p2p_dtls_tick(peer->dtls, now);
    if (peer->channels != NULL)
        tick_channels(peer, now);
    if (!peer->over)
        peer->events->tick(peer->ctx);
    p2p_webrtc_peer_settle(peer);
    if (!peer->over)
        arm(peer, now + DUE_AGAIN);
}

/* --- in --- */

/* A dialler has one socket and does not care by which of the machine's addresses it was reached. */
static p2p_ice_path path_of(const p2p_webrtc_peer *peer, const p2p_input *from) {
    return (p2p_ice_path){
        .remote = from->remote, .local = peer->outbound ? (p2p_sockaddr){0} : from->local};
}

bool p2p_webrtc_peer_on_stun(p2p_webrtc_target *target, p2p_bytes packet, const p2p_input *from) {
    p2p_webrtc_peer *peer = P2P_CONTAINER(target, p2p_webrtc_peer, target);
    p2p_ice_path path = path_of(peer, from);
    if (p2p_ice_input(peer->ice, packet, &path.remote, &path.local, peer->env->now) != P2P_OK)
        return false;
    peer->received += packet.len;
    p2p_webrtc_peer_heard(peer, &path, packet.len, false);
    p2p_webrtc_peer_settle(peer);
    return true;
}

void p2p_webrtc_peer_on_dtls(
    p2p_webrtc_target *target, uint8_t *data, size_t len, const p2p_input *from) {
    p2p_webrtc_peer *peer = P2P_CONTAINER(target, p2p_webrtc_peer, target);
    p2p_time now = peer->env->now;
    p2p_ice_path path = path_of(peer, from);
    if (!p2p_ice_accepts(peer->ice, &path.remote, &path.local))
        return;
    if (peer->dtls == NULL && (peer->dtls_client || p2p_webrtc_peer_start_dtls(peer) != P2P_OK))
        return; /* the peer repeats its hello */
    peer->received += len;
    if (!peer->proven)
        peer->path = path; /* the last of them completes the handshake */
    size_t at = 0;
    p2p_bytes plain;
    bool answered = false;
    while (!peer->over && peer->failure == P2P_OK &&
           p2p_dtls_input(peer->dtls, data, len, &at, &plain, now) == P2P_OK) {
        p2p_ice_heard(peer->ice, &path.remote, &path.local, now);
        /* The peer's first data may come with the last flight of its handshake. */
        if (peer->channels == NULL)
            p2p_webrtc_peer_settle(peer);
        if (peer->channels == NULL || peer->over)
            break;
        p2p_sctp *sctp = p2p_datachannels_sctp(peer->channels);
        p2p_err err = p2p_sctp_input(sctp, data + (plain.ptr - data), plain.len, now);
        (void)err; /* `ended` told */
        answered = answered || p2p_sctp_answered(sctp, peer->question.nonce);
    }
    if (peer->outbound && peer->associated)
        peer->quiet_at = now + QUIET;
    p2p_webrtc_peer_heard(peer, &path, len, answered);
    p2p_webrtc_peer_settle(peer);
}

/* --- out --- */

/* Whether a datagram may go out; one that may not is lost, and comes again by time. */
static bool affordable(p2p_webrtc_peer *peer, size_t len) {
    if (peer->proven)
        return true;
    if (peer->sent + len > AMPLIFICATION_MAX * peer->received)
        return false;
    peer->sent += len;
    return true;
}

static void to(p2p_datagrams *out, const p2p_ice_path *path, size_t len) {
    *out =
        (p2p_datagrams){.remote = path->remote, .local = path->local, .len = len, .segment = len};
}

static bool draw_held(p2p_webrtc_peer *peer, uint8_t *dst, size_t cap, size_t *len) {
    peer_held *held = peer->held;
    if (held == NULL || held->len > cap)
        return false;
    *len = held->len;
    memcpy(dst, held->bytes, held->len);
    p2p_mem_free(peer->env->mem, held, sizeof *held);
    peer->held = NULL;
    return true;
}

/* One that does not fit its batch; without memory it is lost, and SCTP repeats it. */
static void hold(p2p_webrtc_peer *peer, const uint8_t *bytes, size_t len) {
    peer->held = p2p_mem_alloc(peer->env->mem, sizeof *peer->held);
    if (peer->held == NULL)
        return;
    peer->held->len = len;
    memcpy(peer->held->bytes, bytes, len);
}

/* One packet of SCTP's, sealed. False: there is none. */
static bool seal_next(p2p_webrtc_peer *peer, uint8_t *dst, size_t cap, size_t *len) {
    p2p_sctp *sctp = p2p_datachannels_sctp(peer->channels);
    size_t head = p2p_dtls_head(peer->dtls), plain;
    if (p2p_sctp_output(sctp, dst + head, P2P_WEBRTC_SCTP_MTU, &plain, peer->env->now) != P2P_OK)
        return false;
    return p2p_dtls_seal(peer->dtls, dst, cap, len, p2p_bytes_of(dst + head, plain)) == P2P_OK;
}

/* False in *all: there is more. */
static size_t draw_batch(p2p_webrtc_peer *peer, uint8_t *dst, size_t cap, size_t max_segments,
    size_t *segment, bool *all) {
    size_t len = 0;
    *all = false;
    for (size_t count = 0; count < max_segments && cap - len >= P2P_WEBRTC_DATAGRAM_MAX; count++) {
        size_t one;
        if (!seal_next(peer, dst + len, cap - len, &one)) {
            *all = true;
            break;
        }
        if (count == 0)
            *segment = one;
        if (one > *segment) {
            hold(peer, dst + len, one);
            break;
        }
        len += one;
        if (one < *segment)
            break;
    }
    return len;
}

bool p2p_webrtc_peer_draw(
    p2p_udp_sender *sender, uint8_t *dst, size_t cap, size_t max_segments, p2p_datagrams *out) {
    p2p_webrtc_peer *peer = P2P_CONTAINER(sender, p2p_webrtc_peer, sender);
    p2p_time now = peer->env->now;
    p2p_ice_path path;
    size_t len, segment = 0;
    bool all = true;
    if (peer->over || cap < P2P_WEBRTC_DATAGRAM_MAX)
        return false;
    while (p2p_ice_output(peer->ice, dst, cap, &len, &path, now) == P2P_OK) {
        if (!affordable(peer, len))
            continue;
        to(out, &path, len);
        p2p_udp_want(sender);
        return true;
    }
    if (p2p_webrtc_peer_draw_question(peer, dst, cap, &len, &path)) {
        to(out, &path, len);
        p2p_udp_want(sender);
        return true;
    }
    if (peer->dtls == NULL || !p2p_webrtc_peer_data_path(peer, &path)) {
        arm(peer, 0);
        return false;
    }
    while (draw_held(peer, dst, cap, &len) ||
           p2p_dtls_output(peer->dtls, dst, cap, &len, now) == P2P_OK) {
        if (!affordable(peer, len))
            continue;
        to(out, &path, len);
        p2p_udp_want(sender);
        return true;
    }
    len = 0;
    if (peer->channels != NULL && p2p_dtls_get_state(peer->dtls) == P2P_DTLS_OPEN) {
        if (peer->associated)
            peer->events->fill(peer->ctx);
        if (peer->over)
            return false;
        len = draw_batch(peer, dst, cap, max_segments, &segment, &all);
    }
    if (all)
        arm(peer, 0);
    else
        p2p_udp_want(sender);
    to(out, &path, len);
    out->segment = segment;
    if (peer->failure != P2P_OK)
        p2p_webrtc_peer_settle(peer);
    return len > 0;
}

void p2p_webrtc_peer_say_goodbye(p2p_webrtc_peer *peer) {
    uint8_t datagram[P2P_WEBRTC_DATAGRAM_MAX];
    p2p_ice_path path;
    size_t len;
    if (peer->dtls == NULL || peer->user.sock == NULL || !p2p_webrtc_peer_data_path(peer, &path) ||
        p2p_dtls_get_state(peer->dtls) != P2P_DTLS_OPEN)
        return;
    p2p_err err = P2P_OK;
    if (peer->channels != NULL) {
        p2p_sctp_abort(p2p_datachannels_sctp(peer->channels));
        if (seal_next(peer, datagram, sizeof datagram, &len))
            err = p2p_udp_send(
                peer->user.sock, &path.remote, &path.local, p2p_bytes_of(datagram, len));
    }
    p2p_dtls_close(peer->dtls);
    if (err == P2P_OK &&
        p2p_dtls_output(peer->dtls, datagram, sizeof datagram, &len, peer->env->now) == P2P_OK)
        err = p2p_udp_send(peer->user.sock, &path.remote, &path.local, p2p_bytes_of(datagram, len));
    (void)err; /* the peer notices by time */
}
