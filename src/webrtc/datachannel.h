/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * WebRTC data channels (RFC 8831, RFC 8832): numbered message channels over one SCTP association. A
 * channel is opened by an OPEN message on an unused stream id, or agreed on beforehand
 * ("negotiated"), which libp2p does with id 0 for its handshake. Ids are even for the DTLS client
 * and odd for the server.
 *
 * Packets and time go through the association itself: p2p_datachannels_sctp gives it, for
 * p2p_sctp_connect, _input, _output, _deadline, _tick, _shutdown and _abort, and nothing else.
 */
#ifndef P2P_WEBRTC_DATACHANNEL_H
#define P2P_WEBRTC_DATACHANNEL_H

#include "webrtc/dcep.h"
#include "webrtc/sctp.h"

typedef struct p2p_datachannels p2p_datachannels;
typedef struct p2p_datachannel p2p_datachannel;

/* Calls made from p2p_sctp_input and p2p_sctp_tick; every function below but free may be called in
 * them. All must be set. */
typedef struct p2p_datachannel_events {
    void (*connected)(void *ctx);
    /* The peer opened a channel; set its user pointer now. */
    void (*opened)(void *ctx, p2p_datachannel *channel);
    /* Part of a message. Whoever keeps the bytes says so with p2p_datachannel_hold. An empty
     * message is one piece without bytes. */
    void (*piece)(void *ctx, p2p_datachannel *channel, p2p_bytes bytes, bool text, bool last);
    void (*writable)(void *ctx, p2p_datachannel *channel);
    /* The channel is gone when this returns: EOF (the peer closed it), FLOW_CONTROL (it sent more
     * than may be held), VIOLATION, or what ended the association. Not after p2p_datachannel_close.
     */
    void (*closed)(void *ctx, p2p_datachannel *channel, p2p_err err);
    /* The association is over; all channels are gone. */
    void (*ended)(void *ctx, p2p_err err);
} p2p_datachannel_events;

typedef struct p2p_datachannels_config {
    p2p_sctp_config sctp; /* its events, ctx and max_live are set here */
    bool dtls_client;
    size_t max_channels;  /* at a time, of both sides */
    size_t receive_limit; /* bytes held for one channel before it is closed */
    const p2p_datachannel_events *events;
    void *ctx;
} p2p_datachannels_config;

P2P_NODISCARD p2p_err p2p_datachannels_new(
    p2p_datachannels **out, const p2p_datachannels_config *config);
/* Without events. */
void p2p_datachannels_free(p2p_datachannels *set);
p2p_sctp *p2p_datachannels_sctp(p2p_datachannels *set);
size_t p2p_datachannels_count(const p2p_datachannels *set);

/* Opens a channel and sends OPEN; messages may follow at once. STATE (not connected), LIMIT (no id
 * or too many channels), INVALID, AGAIN, NO_MEMORY. */
P2P_NODISCARD p2p_err p2p_datachannel_open(
    p2p_datachannels *set, const p2p_dcep_open *options, p2p_datachannel **out);
/* One that both sides agreed on: ordered, reliable, without OPEN. EXISTS. May come before the
 * association is open. */
P2P_NODISCARD p2p_err p2p_datachannel_open_negotiated(
    p2p_datachannels *set, uint16_t id, p2p_datachannel **out);
/* After what is queued, closes the channel for both sides. It is gone when this returns. */
void p2p_datachannel_close(p2p_datachannel *channel);

/* Queues a copy of a message, which may be empty. AGAIN: `writable` will tell. */
P2P_NODISCARD p2p_err p2p_datachannel_send(
    p2p_datachannel *channel, p2p_bytes message, bool text, p2p_time now);
/* Bytes queued and not yet acknowledged. */
size_t p2p_datachannel_buffered(const p2p_datachannel *channel);
P2P_NODISCARD p2p_err p2p_datachannel_set_low_water(p2p_datachannel *channel, size_t bytes);
/* Bytes of pieces that are kept, and let go again. */
void p2p_datachannel_hold(p2p_datachannel *channel, size_t len);
void p2p_datachannel_release(p2p_datachannel *channel, size_t len);

uint16_t p2p_datachannel_id(const p2p_datachannel *channel);
p2p_bytes p2p_datachannel_label(const p2p_datachannel *channel);
p2p_bytes p2p_datachannel_protocol(const p2p_datachannel *channel);
void p2p_datachannel_set_user(p2p_datachannel *channel, void *user);
void *p2p_datachannel_user(const p2p_datachannel *channel);

#endif
