/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A QUIC connection as the files of this folder see it. connection.c: how it is made and ends;
 * packets.c: datagrams in and out, and time; callbacks.c: what ngtcp2 calls; stream.c: what
 * applications do with streams.
 */
#ifndef P2P_QUIC_CONNECTION_H
#define P2P_QUIC_CONNECTION_H

#include "quic/address.h"
#include "quic/endpoint.h"
#include "quic/memory.h"
#include "quic/pacing.h"

enum {
    /* What an Ethernet frame holds over IPv6: the longest UDP payload looked for at first. */
    P2P_QUIC_PAYLOAD_ETHERNET = 1452,
    /* The same of a jumbo frame, and of the loopback device: looked for when there is much to send,
     * see packets.c. */
    P2P_QUIC_PAYLOAD_JUMBO = 9000 - 40 - 8,
    P2P_QUIC_PAYLOAD_MAX = 65000
};

/* A packet that could not join the batch it was written after: another destination or ECN mark. */
typedef struct p2p_quic_held {
    p2p_sockaddr remote;
    uint8_t ecn;
    size_t len;
    uint8_t bytes[];
} p2p_quic_held;

struct p2p_quic_conn {
    p2p_quic_route route;
    p2p_quic_endpoint *endpoint;
    const p2p_mem *mem;
    const p2p_quic_app *app;
    void *ctx, *self;
    ngtcp2_conn *ng; /* NULL: a dial whose socket is not open yet, or over */
    p2p_quic_tls_session *tls;
    struct p2p_quic_receiving *receiving; /* keys of received packets; tls_gnutls.c's */
    p2p_udp_user user;
    p2p_udp_sender sender;
    p2p_timer timer;
    p2p_list node; /* endpoint->conns */
    p2p_dead dead;
    p2p_quic_window window;
    p2p_list sending;        /* p2p_quic_stream.node */
    size_t burst;            /* bytes of the stream at the head since it had its turn */
    uint64_t bulk;           /* bytes of streams sent */
    p2p_sockaddr remote;     /* at the start; afterwards where packets come from */
    p2p_sockaddr local;      /* own address in the datagram that came last; family 0: not known */
    p2p_sockaddr path_local; /* this end of the path, as ngtcp2 knows it; see migration.c */
    bool astray;             /* the machine has lost `local` */
    p2p_time progress;       /* the latest acknowledgement of stream data, or start of sending */
    p2p_time narrow_until, narrow_for; /* large packets do not arrive: see packets.c */
    p2p_quic_pacer pacer;
    p2p_quic_held *held;
    uint64_t initial_key; /* in endpoint->initials; 0: none */
    uint64_t reset_key;   /* in endpoint->resets */
    p2p_bytes datagram;   /* a DATAGRAM frame that waits, owned */
    p2p_time started, handshake_timeout;
    uint64_t close_code;
    uint64_t number;
    ngtcp2_cid first; /* the client's first id for its server */
    p2p_err failure;  /* what a hook wants the connection to end with */
    bool outbound;
    bool answered; /* a packet of the peer's was accepted */
    bool established;
    bool keep_alive;
    bool drop_tls;        /* the handshake is confirmed: TLS has nothing more to do */
    bool busy;            /* ngtcp2 is working: it must not be asked to write, or be freed */
    bool closing;         /* the application closed it meanwhile */
    bool finishing;       /* to be closed when all is acknowledged */
    bool stateless_reset; /* the peer forgot the connection */
    bool over;
};

/* --- connection.c --- */

/* Makes an inbound connection of a client's first packet and works on that. original: the client's
 * connection id before a Retry, NULL if there was none. */
void p2p_quic_conn_accept(p2p_quic_endpoint *endpoint, const p2p_quic_listener *listener,
    const p2p_quic_arrival *in, const ngtcp2_pkt_hd *hd, const ngtcp2_cid *original);
/* ngtcp2 gave an error: ends the connection as that deserves and reports it. */
void p2p_quic_conn_fail(p2p_quic_conn *conn, int rv);
/* Writes CONNECTION_CLOSE, frees what ngtcp2 and TLS hold and gives the ids away. Reports nothing.
 */
void p2p_quic_conn_shut(p2p_quic_conn *conn, const ngtcp2_ccerr *why);
/* Done with ngtcp2: what had to wait for that. */
void p2p_quic_conn_settle(p2p_quic_conn *conn);
/* Ends it with p2p_quic_app.closed. */
void p2p_quic_conn_report(p2p_quic_conn *conn, const p2p_reason *reason);
/* What p2p_quic_conn_finish waited for has come. */
void p2p_quic_conn_end_finished(p2p_quic_conn *conn);
void p2p_quic_conns_clear(p2p_quic_endpoint *endpoint);

/* --- reason.c --- */

/* What an error of ngtcp2's means: for the application, and for the peer. False: the peer is not
 * told. */
bool p2p_quic_explain(const p2p_quic_conn *conn, int rv, p2p_reason *reason, ngtcp2_ccerr *why);
/* The code to close with when the application wants no part of a connection. */
uint64_t p2p_quic_close_code(p2p_err err);

/* --- packets.c --- */

void p2p_quic_conn_datagram(p2p_quic_conn *conn, const p2p_quic_arrival *in);
bool p2p_quic_conn_draw(
    p2p_udp_sender *sender, uint8_t *dst, size_t cap, size_t max_segments, p2p_datagrams *out);
void p2p_quic_conn_fire(p2p_timer *timer, p2p_time now);
void p2p_quic_conn_drop_held(p2p_quic_conn *conn);

/* --- migration.c --- */

/* The machine's own addresses are these now. */
void p2p_quic_conn_interfaces(p2p_quic_conn *conn, const p2p_sockaddr *addrs, size_t count);
/* Where to send from; family 0: let the system choose. */
p2p_sockaddr p2p_quic_conn_source(const p2p_quic_conn *conn);

/* --- callbacks.c --- */

void p2p_quic_callbacks(ngtcp2_callbacks *callbacks);
extern const p2p_quic_tls_hooks p2p_quic_handshake_hooks;

#endif
