/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A host: one peer of the network. It listens, dials, keeps connections and limits, and calls
 * protocols.
 *
 * A host does no input or output itself (see p2p/driver.h); with libuv, p2p/node.h wraps both. It
 * belongs to one thread at a time; two hosts share nothing.
 *
 *     p2p_config config = P2P_CONFIG_DEFAULTS;
 *     config.identity = identity;
 *     p2p_host_new(&host, &config, now);
 *     p2p_host_add_protocol(host, &echo, NULL);
 *     p2p_host_listen(host, &addr, NULL);
 */
#ifndef P2P_HOST_H
#define P2P_HOST_H

#include <p2p/conn.h>
#include <p2p/identity.h>
#include <p2p/multiaddr.h>
#include <p2p/protocol.h>
#include <p2p/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Every table and buffer of a host has its maximum here. Reaching one is P2P_ERR_LIMIT, never more
 * memory. */
typedef struct p2p_limits {
    size_t conns;         /* all connections, also those being set up */
    size_t conns_inbound; /* of those, inbound */
    size_t conns_per_peer;
    size_t conns_per_ip;    /* inbound; an IPv6 /56 counts as one */
    size_t pending_inbound; /* inbound connections that are not authenticated yet */
    size_t dials;           /* attempts in flight */
    size_t dials_per_peer;  /* attempts in flight to one peer */
    size_t streams;         /* all streams of the host */
    size_t streams_inbound_per_conn;
    size_t streams_outbound_per_conn;
    size_t buffered_bytes;  /* stream data waiting in the host, both directions, all streams */
    size_t write_buffer;    /* per stream: most bytes p2p_stream_write holds */
    size_t window_initial;  /* per stream: receive window at the start (yamux: at least 256 KiB) */
    size_t window_max;      /* per stream: receive window after growth */
    size_t conn_window_max; /* per connection, where the transport has one (QUIC) */
    size_t peers;           /* peer store entries */
    size_t addrs_per_peer;
    size_t listeners;
    size_t protocols;
    size_t events; /* undelivered events that need no memory of their own to be dropped */
} p2p_limits;

typedef struct p2p_timeouts {
    p2p_time dial;       /* one address, to usable connection */
    p2p_time dial_local; /* the same, private addresses */
    p2p_time accept;     /* inbound, to usable connection */
    p2p_time negotiate;  /* protocol of a stream */
    p2p_time idle;       /* a connection without streams; 0: keep */
    p2p_time close;      /* graceful close, then at once */
    p2p_time keepalive;  /* muxer ping when nothing else was sent; 0: none */
} p2p_timeouts;

/*
 * Refuses what the application does not want. Every member may be NULL; false refuses. Asked in the
 * middle of other calls: it decides by its arguments and calls nothing of the host.
 */
typedef struct p2p_gater {
    bool (*dial_peer)(void *ctx, const p2p_peer_id *peer);
    bool (*dial_addr)(void *ctx, const p2p_peer_id *peer, const p2p_multiaddr *addr);
    bool (*accept)(void *ctx, const p2p_multiaddr *remote); /* before anything is spent on it */
    bool (*secured)(void *ctx, bool outbound, const p2p_peer_id *peer, const p2p_multiaddr *remote);
    void *ctx;
} p2p_gater;

/*
 * Takes what each QUIC connection writes down about itself: a qlog of the main schema (version 0.3)
 * as a JSON text sequence (RFC 7464), piece by piece as things happen. Called in the middle of
 * inputs and draws: it keeps the bytes and calls nothing of the host.
 */
typedef struct p2p_qlog_piece {
    uint64_t number; /* of the connection, counted in this host */
    bool outbound;
    p2p_bytes cid; /* the first connection id the client made up: both ends have the same */
    p2p_bytes bytes;
    bool end; /* the last of this connection */
} p2p_qlog_piece;

typedef struct p2p_qlog {
    void (*write)(void *ctx, const p2p_qlog_piece *piece); /* NULL: no qlogs */
    void *ctx;
} p2p_qlog;

typedef struct p2p_config {
    size_t size; /* sizeof(p2p_config) */
    p2p_mem mem;
    p2p_random random;
    p2p_log log;
    p2p_identity *identity; /* borrowed; outlives the host. p2p_host_new requires it */
    const char *agent;      /* NULL: "c-libp2p/VERSION". Copied */
    uint64_t wall_ms;       /* Unix time at p2p_host_new, for certificates and records */

    /* NULL-terminated lists in order of preference; NULL: all that this build has. Not copied:
     * constants. */
    const p2p_transport_type *const *transports;
    const p2p_security *const *security;
    const p2p_muxer *const *muxers;

    p2p_limits limits;
    p2p_timeouts timeouts;
    p2p_gater gater;
    /* NULL-terminated list of the web origins ("https://example.org") whose pages may connect by
     * WebSocket; NULL: any. Not copied. */
    const char *const *ws_origins;
    bool no_identify; /* do not run identify, and do not answer it */
    /* Do not answer the STUN requests of strangers on the ports of webrtc-direct. */
    bool no_stun_server;
    p2p_qlog qlog;
} p2p_config;

P2P_API extern const p2p_config p2p_config_defaults;
#define P2P_CONFIG_DEFAULTS p2p_config_defaults

/* INVALID with a reason in the log, NO_MEMORY. */
P2P_API P2P_NODISCARD p2p_err p2p_host_new(p2p_host **out, const p2p_config *config, p2p_time now);
/* Frees it at once, with all connections; the `closed` callbacks of open streams run, events are
 * dropped. Close first to say goodbye. */
P2P_API void p2p_host_free(p2p_host *host);
/* Stops listening and dialling and closes all connections in good order; STOPPED is the last event.
 */
P2P_API void p2p_host_close(p2p_host *host);

P2P_API const p2p_peer_id *p2p_host_peer(const p2p_host *host);
P2P_API p2p_identity *p2p_host_identity(const p2p_host *host);
/* The host's clock: the time of its latest input. */
P2P_API p2p_time p2p_host_now(const p2p_host *host);
/* Unix time in milliseconds that belongs to it. */
P2P_API uint64_t p2p_host_wall_ms(const p2p_host *host);
P2P_API const p2p_mem *p2p_host_mem(const p2p_host *host);
P2P_API const p2p_limits *p2p_host_limits(const p2p_host *host);
P2P_API void p2p_host_random(p2p_host *host, uint8_t *dst, size_t len);

/* --- what the configuration said, changed while the host runs */

/*
 * New maxima. What exists beyond a smaller one stays, and goes in its own time; until then nothing
 * is added. window_initial, window_max and conn_window_max are for connections that come,
 * addrs_per_peer for peers that become known.
 */
P2P_API void p2p_host_set_limits(p2p_host *host, const p2p_limits *limits);
/* New patience with what begins from now on. keepalive is for connections that come. */
P2P_API void p2p_host_set_timeouts(p2p_host *host, const p2p_timeouts *timeouts);
P2P_API void p2p_host_set_log_level(p2p_host *host, p2p_log_level level);
/* As in p2p_config: NULL-terminated, NULL: any, not copied. For WebSockets that come. */
P2P_API void p2p_host_set_ws_origins(p2p_host *host, const char *const *origins);
P2P_API void p2p_host_set_stun_server(p2p_host *host, bool answers);

/* --- protocols */

/* The struct must outlive the host. EXISTS if one of its ids is taken, LIMIT. */
P2P_API P2P_NODISCARD p2p_err p2p_host_add_protocol(
    p2p_host *host, const p2p_protocol *protocol, void *self);
/* Peers can no longer open it; open streams go on. */
P2P_API void p2p_host_remove_protocol(p2p_host *host, const p2p_protocol *protocol);
/* The ids that peers may open here, in order of registration: NULL at the end. */
P2P_API const char *p2p_host_protocol(const p2p_host *host, size_t index);

/* --- listening */

/* Enough text for any address with a peer id behind it, with the terminator. */
enum { P2P_HOST_ADDR_TEXT_MAX = P2P_MULTIADDR_TEXT_MAX + P2P_PEER_ID_TEXT_MAX };

/* Starts listening; LISTENING or LISTEN_FAILED follows with this number. UNSUPPORTED: no transport
 * for it; LIMIT. */
P2P_API P2P_NODISCARD p2p_err p2p_host_listen(
    p2p_host *host, const p2p_multiaddr *addr, uint64_t *listener);
P2P_API void p2p_host_unlisten(p2p_host *host, uint64_t listener);
/* The host's addresses as others can use them (0.0.0.0 and :: expanded), without /p2p; false at the
 * end. */
P2P_API bool p2p_host_addr(const p2p_host *host, size_t index, p2p_multiaddr *addr);
/* Such an address as the text with which others dial this host, /p2p/… included; returns `text`. */
P2P_API const char *p2p_host_addr_text(
    const p2p_host *host, const p2p_multiaddr *addr, char text[P2P_HOST_ADDR_TEXT_MAX]);

/* --- dialling */

typedef struct p2p_dial_options {
    size_t size;
    bool force_new;    /* make another connection even if there is one */
    bool insecure_tls; /* wss: do not check the certificate; the peer is still authenticated */
    p2p_time timeout;  /* for the whole dial; 0: from the configuration */
    /* How webrtc-direct introduces itself: 1, which all peers understand, or 2, for servers that
     * have it (specs PR 715). 0: 1. */
    int webrtc_version;
} p2p_dial_options;

/*
 * Dials a peer at the given addresses, and at those the peer store knows if `peer` is given. The
 * peer id may also stand in the addresses (/p2p/…). DIALED or DIAL_FAILED follows with this number;
 * a second dial to a peer that is being dialled shares its attempts. An existing connection is
 * given unless force_new.
 */
P2P_API P2P_NODISCARD p2p_err p2p_host_dial(p2p_host *host, const p2p_peer_id *peer,
    const p2p_multiaddr *addrs, size_t count, const p2p_dial_options *options, uint64_t *request);
P2P_API void p2p_host_cancel_dial(p2p_host *host, uint64_t request);

/* Adds addresses of a peer to the peer store until `expires`. */
P2P_API void p2p_host_add_addr(
    p2p_host *host, const p2p_peer_id *peer, const p2p_multiaddr *addr, p2p_time expires);
/* The peer's known addresses; false at the end. */
P2P_API bool p2p_host_peer_addr(
    const p2p_host *host, const p2p_peer_id *peer, size_t index, p2p_multiaddr *addr);

/* How much of p2p_limits is in use now; the names are those there. */
typedef struct p2p_usage {
    size_t conns, conns_inbound, pending_inbound, dials, streams, buffered_bytes, peers, listeners,
        protocols;
} p2p_usage;

P2P_API void p2p_host_get_usage(const p2p_host *host, p2p_usage *usage);

/* Walks the connections: pass NULL first; NULL at the end. */
P2P_API p2p_conn *p2p_host_next_conn(const p2p_host *host, const p2p_conn *conn);
/* The best connection to a peer: unlimited before limited, then the one with most streams, then the
 * newest. */
P2P_API p2p_conn *p2p_host_find_conn(const p2p_host *host, const p2p_peer_id *peer);

/* --- events */

/* What identify learned about a peer (identify spec). Views are valid until the next event. */
typedef struct p2p_peer_info {
    p2p_bytes agent, protocol_version;
    size_t protocol_count;
    const p2p_bytes *protocols;
    size_t addr_count;
    const p2p_multiaddr *addrs; /* listen addresses; the connection vouches for them */
    /* The same as a peer record to pass on to others, unread; p2p_peer_record_open verifies it.
     * Empty: the peer sent none. */
    p2p_bytes signed_record;
    p2p_multiaddr observed; /* how the peer sees this host; len 0 if it did not say */
} p2p_peer_info;

typedef enum p2p_event_type {
    P2P_EVENT_LISTENING,      /* listener, addr: once for each address */
    P2P_EVENT_LISTEN_FAILED,  /* listener, addr, reason; also when a listener dies later */
    P2P_EVENT_CONNECTED,      /* conn */
    P2P_EVENT_DISCONNECTED,   /* conn, reason; conn is gone after the next call */
    P2P_EVENT_DIALED,         /* request, conn */
    P2P_EVENT_DIAL_FAILED,    /* request, reason */
    P2P_EVENT_IDENTIFIED,     /* conn, info */
    P2P_EVENT_INBOUND_FAILED, /* addr, reason: an inbound connection did not come about */
    P2P_EVENT_ADDRESSES,      /* the host's own addresses changed */
    P2P_EVENT_ACCEPT_PAUSED,  /* reason: accepting stopped for want of descriptors; it resumes by
                                 itself */
    P2P_EVENT_TIMER,          /* request: a timer of p2p_host_set_timer */
    P2P_EVENT_STOPPED         /* after p2p_host_close */
} p2p_event_type;

typedef struct p2p_event {
    p2p_event_type type;
    p2p_conn *conn;
    uint64_t request;
    uint64_t listener;
    p2p_multiaddr addr;
    p2p_reason reason;
    const p2p_peer_info *info;
} p2p_event;

/*
 * Runs what is due: protocol callbacks first, then one event at a time is returned; false when
 * nothing is left. Protocols are called from here and, for streams that are left, from
 * p2p_host_free; from nowhere else.
 */
P2P_API bool p2p_host_next_event(p2p_host *host, p2p_event *event);

/* A TIMER event at `when` with a number of the caller's; the same number replaces, P2P_NEVER
 * clears. LIMIT. */
P2P_API P2P_NODISCARD p2p_err p2p_host_set_timer(p2p_host *host, uint64_t number, p2p_time when);

#ifdef __cplusplus
}
#endif
#endif
