/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The UDP sockets of a host, shared by everything that speaks over UDP: QUIC, WebTransport, WebRTC
 * and STUN. One socket for each address that is listened on; one for each family to dial from while
 * nothing is listening. Datagrams in are given to the consumer their first byte names; datagrams
 * out are drawn from senders that take turns.
 */
#ifndef P2P_TRANSPORT_UDP_MUX_H
#define P2P_TRANSPORT_UDP_MUX_H

#include "stack/env.h"

typedef struct p2p_udp p2p_udp;           /* all sockets of one host */
typedef struct p2p_udp_sock p2p_udp_sock; /* one bound socket */
typedef struct p2p_udp_consumer p2p_udp_consumer;
typedef struct p2p_udp_sender p2p_udp_sender;
typedef struct p2p_udp_user p2p_udp_user;

/* What the first byte of a datagram says (RFC 7983 and 9443, without RTP and TURN). */
typedef enum p2p_udp_kind {
    P2P_UDP_OTHER = 0,
    P2P_UDP_QUIC = 1,
    P2P_UDP_STUN = 2,
    P2P_UDP_DTLS = 4
} p2p_udp_kind;

p2p_udp_kind p2p_udp_kind_of(uint8_t first_byte);

/* Takes datagrams of some kinds from all sockets. Embedded in its owner. */
struct p2p_udp_consumer {
    p2p_list node;
    unsigned kinds; /* p2p_udp_kind, or-ed */
    /* False: not for this one, ask the next. `data` may be changed. */
    bool (*datagram)(p2p_udp_consumer *consumer, p2p_udp_sock *sock, uint8_t *data, size_t len,
        const p2p_input *from);
    /* The host goes: free the owner. */
    void (*free)(p2p_udp_consumer *consumer);
};

/* Has datagrams to send, now and then. Embedded in its owner. */
struct p2p_udp_sender {
    p2p_list node;
    p2p_udp_sock *sock;
    /*
     * Gives one batch as p2p_sock_ops.draw_datagrams does. A sender that has more afterwards calls
     * p2p_udp_want in it, and then stands behind all others.
     */
    bool (*draw)(
        p2p_udp_sender *sender, uint8_t *dst, size_t cap, size_t max_segments, p2p_datagrams *out);
};

/* Holds a socket open: a listener, a connection, a dial. Embedded in its owner. */
struct p2p_udp_user {
    p2p_list node;
    p2p_udp_sock *sock; /* NULL: holds none */
    bool told;          /* `opened` was called */
    /* The socket is bound. Called once, never from within the call that asked for it. */
    void (*opened)(p2p_udp_user *user);
    /* The socket could not be bound or is gone; the user no longer holds it. */
    void (*closed)(p2p_udp_user *user, p2p_err err);
};

/* The host's, made for the first who asks; the environment frees it with the host. */
P2P_NODISCARD p2p_err p2p_udp_get(p2p_udp **out, p2p_env *env);

/* Consumers are asked in the order in which they were added; they stay until the end. */
void p2p_udp_add_consumer(p2p_udp *udp, p2p_udp_consumer *consumer);
/* The consumer with this function, so that two transports can share what stands behind it; or NULL.
 */
p2p_udp_consumer *p2p_udp_find_consumer(const p2p_udp *udp,
    bool (*datagram)(p2p_udp_consumer *, p2p_udp_sock *, uint8_t *, size_t, const p2p_input *));

/* Listens at `at`; an address (with a port) that is bound already is shared. NO_MEMORY, LIMIT. */
P2P_NODISCARD p2p_err p2p_udp_listen(p2p_udp *udp, p2p_udp_user *user, const p2p_sockaddr *at);
/*
 * A socket to dial `remote` from: one that listens, so that a NAT shows the peer the address it
 * also hears others on (which hole punching needs), else the shared one of the family.
 */
P2P_NODISCARD p2p_err p2p_udp_dial(p2p_udp *udp, p2p_udp_user *user, const p2p_sockaddr *remote);
/*
 * A socket of its own, on a port that the system chooses, to reach `remote`: for protocols that
 * tell two connections between the same two ports apart by nothing (DTLS). Nobody else dials from
 * it.
 */
P2P_NODISCARD p2p_err p2p_udp_own(p2p_udp *udp, p2p_udp_user *user, const p2p_sockaddr *remote);
/* One more user of a bound socket. */
void p2p_udp_share(p2p_udp_sock *sock, p2p_udp_user *user);
/* Gives the socket back; it is closed with its last user, once what that one
 * gave to p2p_udp_send is out. Does nothing without a socket. */
void p2p_udp_release(p2p_udp_user *user);

/* The sender has something to send (or may have). */
void p2p_udp_want(p2p_udp_sender *sender);
void p2p_udp_unwant(p2p_udp_sender *sender);

enum {
    P2P_UDP_LOOSE_MAX = 64, /* loose datagrams that wait in a socket */
    P2P_UDP_LOOSE_LEN_MAX = 1500
};

/* A datagram that belongs to no sender: sent before all others. LIMIT: too many wait; TOO_BIG. */
P2P_NODISCARD p2p_err p2p_udp_send(
    p2p_udp_sock *sock, const p2p_sockaddr *to, const p2p_sockaddr *from, p2p_bytes datagram);

const p2p_sockaddr *p2p_udp_local(const p2p_udp_sock *sock);

#endif
