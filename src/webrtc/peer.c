/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The life of a peer connection. ICE finds a path; DTLS begins on the first that passed a check,
 * without waiting for nomination, as browsers do; SCTP begins when DTLS is open, and both ends send
 * INIT (RFC 8831 section 6). A server makes its DTLS only for a ClientHello, so that a STUN check
 * alone costs an ICE agent and no more.
 *
 * An end noted inside a layer's event takes effect when the input is done (settle), because layers
 * may not be freed under their own feet; memory goes at the end of the turn.
 */
#include <stdio.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "webrtc/peer_parts.h"

enum {
    RECEIVE_BUFFER = 5 << 20, /* what Chromium gives, too */
    /* For one channel: all of it, since an application that rests should hold up its peer and not
     * lose its stream; and what comes of probes of a closed window. */
    CHANNEL_LIMIT = RECEIVE_BUFFER + (1 << 20),
    SEND_BUFFER = 8 << 20,
    /* Queued beyond the congestion window, so that there is always something to send when an
     * acknowledgement comes. */
    LOOKAHEAD = 128 << 10,
    MESSAGE_MAX = 257 << 10
};

/* --- failing --- */

void p2p_webrtc_peer_fail(p2p_webrtc_peer *peer, p2p_err err, bool by_peer) {
    if (peer->failure != P2P_OK || peer->over)
        return;
    peer->failure = err;
    peer->by_peer = by_peer;
}

static const char *explain(const p2p_webrtc_peer *peer) {
    switch (peer->failure) {
    case P2P_ERR_TIMEOUT:
        if (!peer->answered)
            return "no answer to ICE checks";
        if (peer->channels == NULL)
            return "the DTLS handshake took too long";
        return peer->associated ? "the peer stopped answering (ICE consent ran out)"
                                : "the SCTP handshake took too long";
    case P2P_ERR_BAD_CERTIFICATE:
        return "the peer's certificate does not have the hash that the address names";
    case P2P_ERR_EOF:
        return "the peer closed the connection";
    default:
        return p2p_err_text(peer->failure);
    }
}

static void free_peer(p2p_dead *dead) {
    p2p_webrtc_peer *peer = P2P_CONTAINER(dead, p2p_webrtc_peer, dead);
    const p2p_mem *mem = peer->env->mem;
    p2p_datachannels_free(peer->channels);
    p2p_dtls_free(peer->dtls);
    p2p_ice_free(peer->ice);
    p2p_mem_free(mem, peer->held, sizeof *peer->held);
    p2p_mem_free(mem, peer, sizeof *peer);
}

static void shut(p2p_webrtc_peer *peer) {
    peer->over = true;
    p2p_webrtc_leave(&peer->target);
    p2p_udp_unwant(&peer->sender);
    p2p_udp_release(&peer->user);
    p2p_timers_forget(&peer->env->timers, &peer->timer);
    p2p_env_bury(peer->env, &peer->dead, free_peer);
}

void p2p_webrtc_peer_close(p2p_webrtc_peer *peer) {
    if (peer->over)
        return;
    p2p_webrtc_peer_say_goodbye(peer);
    shut(peer);
}

static void end(p2p_webrtc_peer *peer) {
    p2p_reason reason = {.err = peer->failure, .by_peer = peer->by_peer};
    snprintf(reason.text, sizeof reason.text, "%s", explain(peer));
    if (!peer->by_peer)
        p2p_webrtc_peer_say_goodbye(peer);
    shut(peer);
    peer->events->ended(peer->ctx, &reason);
}

/* --- data channels --- */

static void connected(void *ctx) {
    p2p_webrtc_peer *peer = ctx;
    peer->associated = true;
    peer->events->channels.connected(peer->ctx);
}

static void channel_opened(void *ctx, p2p_datachannel *channel) {
    const p2p_webrtc_peer *peer = ctx;
    if (peer->over)
        p2p_datachannel_close(channel);
    else
        peer->events->channels.opened(peer->ctx, channel);
}

static void channel_piece(
    void *ctx, p2p_datachannel *channel, p2p_bytes bytes, bool text, bool last) {
    const p2p_webrtc_peer *peer = ctx;
    if (!peer->over)
        peer->events->channels.piece(peer->ctx, channel, bytes, text, last);
}

static void channel_writable(void *ctx, p2p_datachannel *channel) {
    const p2p_webrtc_peer *peer = ctx;
    if (!peer->over)
        peer->events->channels.writable(peer->ctx, channel);
}

static void channel_closed(void *ctx, p2p_datachannel *channel, p2p_err err) {
    p2p_webrtc_peer *peer = ctx;
    if (!peer->over)
        peer->events->channels.closed(peer->ctx, channel, err);
}

/* Both ends say goodbye by ABORT, since data channels have no other way (RFC 8831 leaves it to the
 * closing of DTLS): an orderly end. */
static void channels_ended(void *ctx, p2p_err err) {
    bool by_peer = err == P2P_ERR_RESET || err == P2P_ERR_EOF;
    p2p_webrtc_peer_fail(ctx, by_peer ? P2P_ERR_EOF : err, by_peer);
}

static const p2p_datachannel_events CHANNEL_EVENTS = {.connected = connected,
    .opened = channel_opened,
    .piece = channel_piece,
    .writable = channel_writable,
    .closed = channel_closed,
    .ended = channels_ended};

static p2p_err start_channels(p2p_webrtc_peer *peer) {
    p2p_datachannels_config config = {.sctp = P2P_SCTP_DEFAULTS,
        .dtls_client = peer->dtls_client,
        .max_channels = peer->max_channels,
        .receive_limit = CHANNEL_LIMIT,
        .events = &CHANNEL_EVENTS,
        .ctx = peer};
    config.sctp.mem = peer->env->mem;
    config.sctp.random = peer->env->random;
    config.sctp.mtu = P2P_WEBRTC_SCTP_MTU;
    config.sctp.receive_buffer = RECEIVE_BUFFER;
    config.sctp.send_buffer = SEND_BUFFER;
    config.sctp.max_message_in = MESSAGE_MAX;
    config.sctp.zero_checksum = true; /* DTLS has one */
    p2p_err err = p2p_datachannels_new(&peer->channels, &config);
    if (err != P2P_OK)
        return err;
    return p2p_sctp_connect(p2p_datachannels_sctp(peer->channels), peer->env->now);
}

/* --- from one layer to the next --- */

p2p_err p2p_webrtc_peer_start_dtls(p2p_webrtc_peer *peer) {
    p2p_dtls_config config = {.context = peer->certificate,
        .client = peer->dtls_client,
        .expected = (const uint8_t(*)[32])peer->expected,
        .expected_count = peer->expected_count};
    return p2p_dtls_new(&peer->dtls, &config, peer->env->mem, peer->env->now);
}

static void look_at_ice(p2p_webrtc_peer *peer) {
    p2p_ice_event event;
    p2p_ice_path path;
    while (p2p_ice_next_event(peer->ice, &event)) {
        if (event == P2P_ICE_FAILED)
            p2p_webrtc_peer_fail(peer, P2P_ERR_TIMEOUT, false);
        if (event == P2P_ICE_MOVED && peer->channels != NULL)
            p2p_sctp_moved(p2p_datachannels_sctp(peer->channels), peer->env->now);
    }
    if (peer->failure != P2P_OK || !p2p_ice_selected(peer->ice, &path))
        return;
    if (peer->dtls_client && peer->dtls == NULL) {
        p2p_err err = p2p_webrtc_peer_start_dtls(peer);
        if (err != P2P_OK)
            p2p_webrtc_peer_fail(peer, err, false);
    }
    if (!peer->answered) {
        peer->answered = true;
        peer->events->answered(peer->ctx);
    }
}

static void look_at_dtls(p2p_webrtc_peer *peer) {
    if (peer->dtls == NULL || peer->over)
        return;
    p2p_dtls_state state = p2p_dtls_get_state(peer->dtls);
    if (state == P2P_DTLS_ENDED) {
        p2p_err err = p2p_dtls_end(peer->dtls);
        p2p_webrtc_peer_fail(peer, err, err == P2P_ERR_EOF || err == P2P_ERR_RESET);
    }
    if (state == P2P_DTLS_OPEN)
        peer->proven = true;
    if (state == P2P_DTLS_OPEN && peer->channels == NULL && peer->failure == P2P_OK) {
        p2p_err err = start_channels(peer);
        if (err != P2P_OK)
            p2p_webrtc_peer_fail(peer, err, false);
    }
}

void p2p_webrtc_peer_settle(p2p_webrtc_peer *peer) {
    if (peer->over)
        return;
    look_at_ice(peer);
    look_at_dtls(peer);
    if (peer->over)
        return;
    if (peer->failure != P2P_OK)
        end(peer);
    else
        p2p_udp_want(&peer->sender);
}

/* --- life --- */

/* The socket is there: checks may begin. */
static void socket_opened(p2p_udp_user *user) {
    p2p_webrtc_peer *peer = P2P_CONTAINER(user, p2p_webrtc_peer, user);
    p2p_ice_candidate candidate = {.kind = P2P_ICE_HOST, .addr = peer->remote, .priority = 1};
    peer->sender.sock = user->sock;
    p2p_err err = p2p_webrtc_expect(&peer->target, &peer->remote);
    if (err == P2P_OK)
        err = p2p_ice_add_remote(peer->ice, &candidate);
    if (err == P2P_OK)
        p2p_ice_end_of_candidates(peer->ice, peer->env->now);
    else
        p2p_webrtc_peer_fail(peer, err, false);
    p2p_webrtc_peer_settle(peer);
}

static void socket_closed(p2p_udp_user *user, p2p_err err) {
    p2p_webrtc_peer *peer = P2P_CONTAINER(user, p2p_webrtc_peer, user);
    p2p_webrtc_peer_fail(peer, err, false);
    p2p_webrtc_peer_settle(peer);
}

static p2p_err make(p2p_webrtc_peer **out, const p2p_webrtc_peer_config *config) {
    p2p_env *env = config->env;
    *out = NULL;
    if (config->expected_count > P2P_DTLS_EXPECTED_MAX)
        return P2P_ERR_LIMIT;
    p2p_webrtc_peer *peer = p2p_mem_alloc(env->mem, sizeof *peer);
    if (peer == NULL)
        return P2P_ERR_NO_MEMORY;
    peer->env = env;
    peer->events = config->events;
    peer->ctx = config->ctx;
    peer->router = config->router;
    peer->certificate = config->certificate;
    peer->max_channels = config->max_channels;
    peer->dtls_client = config->dtls_client;
    peer->expected_count = (uint8_t)config->expected_count;
    p2p_copy(peer->expected, config->expected, config->expected_count * sizeof peer->expected[0]);
    peer->target.stun = p2p_webrtc_peer_on_stun;
    peer->target.dtls = p2p_webrtc_peer_on_dtls;
    peer->user.opened = socket_opened;
    peer->user.closed = socket_closed;
    peer->sender.draw = p2p_webrtc_peer_draw;
    peer->question.again_at = peer->quiet_at = P2P_NEVER;
    p2p_err err = p2p_timers_expect(&env->timers, &peer->timer, p2p_webrtc_peer_on_time);
    if (err != P2P_OK) {
        p2p_mem_free(env->mem, peer, sizeof *peer);
        return err;
    }
    err = p2p_ice_new(&peer->ice, &config->ice, env->mem, env->random, env->now);
    if (err != P2P_OK) {
        shut(peer);
        return err;
    }
    *out = peer;
    return P2P_OK;
}

p2p_err p2p_webrtc_peer_accept(
    p2p_webrtc_peer **out, const p2p_webrtc_peer_config *config, p2p_udp_sock *sock) {
    p2p_webrtc_peer *peer;
    p2p_err err = make(&peer, config);
    *out = NULL;
    if (err != P2P_OK)
        return err;
    p2p_udp_share(sock, &peer->user);
    peer->sender.sock = sock;
    err = p2p_webrtc_join(config->router, &peer->target, sock, config->ice.credentials.local_ufrag);
    if (err != P2P_OK) {
        shut(peer);
        return err;
    }
    *out = peer;
    return P2P_OK;
}

p2p_err p2p_webrtc_peer_dial(
    p2p_webrtc_peer **out, const p2p_webrtc_peer_config *config, const p2p_sockaddr *remote) {
    p2p_webrtc_peer *peer;
    p2p_err err = make(&peer, config);
    *out = NULL;
    if (err != P2P_OK)
        return err;
    peer->outbound = peer->proven = true;
    peer->remote = *remote;
    err = p2p_udp_own(p2p_webrtc_router_udp(config->router), &peer->user, remote);
    if (err == P2P_OK)
        err = p2p_webrtc_join(
            config->router, &peer->target, peer->user.sock, config->ice.credentials.local_ufrag);
    if (err != P2P_OK) {
        shut(peer);
        return err;
    }
    *out = peer;
    return P2P_OK;
}

void p2p_webrtc_peer_give(p2p_webrtc_peer *peer, const p2p_webrtc_peer_events *events, void *ctx) {
    peer->events = events;
    peer->ctx = ctx;
}

/* --- questions --- */

p2p_webrtc_target *p2p_webrtc_peer_target(p2p_webrtc_peer *peer) {
    return &peer->target;
}

void p2p_webrtc_peer_want(p2p_webrtc_peer *peer) {
    if (!peer->over)
        p2p_udp_want(&peer->sender);
}

p2p_datachannels *p2p_webrtc_peer_channels(p2p_webrtc_peer *peer) {
    return peer->channels;
}

bool p2p_webrtc_peer_has_room(const p2p_webrtc_peer *peer) {
    const p2p_sctp *sctp = p2p_datachannels_sctp(peer->channels);
    size_t cwnd = p2p_sctp_cwnd(sctp);
    return p2p_sctp_send_memory(sctp) < cwnd + cwnd / 2 + LOOKAHEAD;
}

bool p2p_webrtc_peer_is_drained(const p2p_webrtc_peer *peer) {
    return p2p_sctp_send_memory(p2p_datachannels_sctp(peer->channels)) == 0;
}

const uint8_t *p2p_webrtc_peer_local_sha256(const p2p_webrtc_peer *peer) {
    return p2p_dtls_local_sha256(peer->dtls);
}

const uint8_t *p2p_webrtc_peer_sha256(const p2p_webrtc_peer *peer) {
    return p2p_dtls_peer_sha256(peer->dtls);
}

p2p_time p2p_webrtc_peer_rtt(const p2p_webrtc_peer *peer) {
    p2p_sctp_info info;
    if (peer->channels == NULL)
        return 0;
    p2p_sctp_get_info(p2p_datachannels_sctp(peer->channels), &info);
    return info.min_rtt;
}

void p2p_webrtc_peer_path(const p2p_webrtc_peer *peer, p2p_ice_path *path) {
    *path = (p2p_ice_path){.remote = peer->remote};
    bool some = p2p_webrtc_peer_data_path(peer, path);
    (void)some;
    if (path->local.family == 0 && peer->user.sock != NULL)
        path->local = *p2p_udp_local(peer->user.sock);
}
