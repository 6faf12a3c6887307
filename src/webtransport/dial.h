/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * On the way to a server: QUIC and its certificate, then HTTP/3 until the server's SETTINGS are
 * here. Embedded in the object of who dials: the swarm's in transport.c, a program's in client.c.
 */
#ifndef P2P_WEBTRANSPORT_DIAL_H
#define P2P_WEBTRANSPORT_DIAL_H

#include "transport/transport.h"
#include "webtransport/address.h"
#include "webtransport/h3_conn.h"

typedef struct p2p_wt_dial p2p_wt_dial;

typedef struct p2p_wt_dial_ops {
    void (*answered)(p2p_wt_dial *dial); /* the server's first packet; may be NULL */
    /* Sessions can be asked for: the dial's part is over unless that fails. */
    p2p_err (*ready)(p2p_wt_dial *dial, p2p_bytes authority);
    void (*failed)(p2p_wt_dial *dial, const p2p_reason *reason); /* the last call */
} p2p_wt_dial_ops;

struct p2p_wt_dial {
    const p2p_wt_dial_ops *ops;
    p2p_quic_conn *conn;
    p2p_h3_conn *h3;  /* NULL: QUIC shakes hands */
    bool asked;       /* `ready` succeeded: the session tells of its end */
    const char *host; /* for the request, "": the IP */
    p2p_sockaddr remote;
    p2p_bytes certhashes[P2P_WT_DIALLED_MAX]; /* in the address, which must last */
    size_t certhash_count;
};

/* Of the transport p2p_webtransport. UNSUPPORTED: no such address, or one without a hash. */
P2P_NODISCARD p2p_err p2p_wt_dial_start(
    p2p_transport *transport, p2p_wt_dial *dial, const p2p_multiaddr *addr);
/* It is not wanted any more; nothing is called. */
void p2p_wt_dial_cancel(p2p_wt_dial *dial);
/* Its memory goes. */
void p2p_wt_dial_forget(p2p_wt_dial *dial);

#endif
