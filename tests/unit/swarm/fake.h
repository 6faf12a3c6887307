/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A host on a transport that exists on paper: it notes what it is asked to dial and to listen on,
 * and the test says how that went. It speaks /ip4|ip6/…/tcp.
 */
#ifndef P2P_TEST_FAKE_H
#define P2P_TEST_FAKE_H

#include "base/bytes.h"
#include "base/mem.h"
#include "host/host.h"
#include "support/check.h"

enum { FAKE_MAX = 128 };

typedef struct fake_conn {
    p2p_conn conn;
    uint32_t code; /* of close or abort */
    bool stubborn; /* does not end when it is closed */
} fake_conn;

typedef struct fake {
    p2p_transport transport;
    faulty_mem mem;
    seeded_random random;
    p2p_identity *identity;
    p2p_config config;
    p2p_host *host;
    p2p_swarm *swarm;
    p2p_dial *dials[FAKE_MAX]; /* in the order they came; NULL: over */
    size_t dialled, cancelled;
    p2p_listener *listeners[FAKE_MAX];
    size_t listened, unlistened;
    p2p_err answer; /* of dial and listen */
    size_t aborted, closed, freed;
} fake;

static fake f;

static inline bool fake_can(const p2p_multiaddr *addr) {
    return p2p_multiaddr_has(addr, P2P_TCP);
}

static inline p2p_err fake_start(
    p2p_transport **out, p2p_env *env, const p2p_transport_up *up, void *swarm) {
    f.transport.env = env;
    f.transport.up = up;
    f.transport.swarm = swarm;
    *out = &f.transport;
    return P2P_OK;
}

static inline void fake_free(p2p_transport *transport) {
    (void)transport;
}

static inline p2p_err fake_dial(p2p_transport *transport, p2p_dial *dial) {
    (void)transport;
    check(f.dialled < FAKE_MAX);
    if (f.answer == P2P_OK)
        f.dials[f.dialled++] = dial;
    return f.answer;
}

static inline void fake_cancel(p2p_transport *transport, p2p_dial *dial) {
    (void)transport;
    for (size_t i = 0; i < f.dialled; i++)
        if (f.dials[i] == dial) {
            f.dials[i] = NULL;
            f.cancelled++;
            return;
        }
    fail_msg("a dial was cancelled that is over");
}

static inline p2p_err fake_listen(p2p_transport *transport, p2p_listener *listener) {
    (void)transport;
    check(f.listened < FAKE_MAX);
    if (f.answer == P2P_OK)
        f.listeners[f.listened++] = listener;
    return f.answer;
}

static inline void fake_unlisten(p2p_transport *transport, p2p_listener *listener) {
    (void)transport;
    (void)listener;
    f.unlistened++;
}

static const p2p_transport_type FAKE_TYPE = {.name = "fake",
    .can_dial = fake_can,
    .can_listen = fake_can,
    .start = fake_start,
    .free = fake_free,
    .dial = fake_dial,
    .cancel = fake_cancel,
    .listen = fake_listen,
    .unlisten = fake_unlisten};
static const p2p_transport_type *const FAKE_TYPES[] = {&FAKE_TYPE, NULL};

/* The configuration may be changed between the two. */
static inline void fake_prepare(void) {
    f = (fake){.transport = {.type = &FAKE_TYPE}};
    faulty_mem_init(&f.mem);
    seeded_random_init(&f.random, 5);
    check_ok(p2p_identity_generate(&f.identity, P2P_ED25519, &f.mem.mem, &f.random.random));
    f.config = P2P_CONFIG_DEFAULTS;
    f.config.mem = f.mem.mem;
    f.config.random = f.random.random;
    f.config.identity = f.identity;
    f.config.transports = FAKE_TYPES;
    f.config.no_identify = true;
}

static inline void fake_begin(void) {
    check_ok(p2p_host_new(&f.host, &f.config, P2P_SECOND));
    f.swarm = &f.host->swarm;
}

static inline void fake_up(void) {
    fake_prepare();
    fake_begin();
}

static inline void fake_down(void) {
    p2p_host_free(f.host);
    p2p_identity_free(f.identity);
    check(f.mem.live_blocks == 0);
}

static inline void fake_pass(p2p_time time) {
    p2p_input tick = {.type = P2P_INPUT_TICK, .now = f.host->env.now + time};
    p2p_host_input(f.host, &tick);
}

/* The next event must be this one. */
static inline p2p_event fake_event(p2p_event_type type) {
    p2p_event event;
    check(p2p_host_next_event(f.host, &event));
    check(event.type == type);
    return event;
}

static inline void fake_no_event(void) {
    p2p_event event;
    check(!p2p_host_next_event(f.host, &event));
}

static inline p2p_multiaddr fake_addr(const char *text) {
    p2p_multiaddr addr;
    check_ok(p2p_multiaddr_parse(&addr, text, NULL));
    return addr;
}

static inline p2p_peer_id fake_peer(unsigned number) {
    p2p_peer_id peer = {.len = 34, .bytes = {0x12, 0x20}};
    memcpy(peer.bytes + 2, &number, sizeof number);
    return peer;
}

static inline p2p_sockaddr fake_ip(unsigned last) {
    return (p2p_sockaddr){.family = 4, .ip = {9, 9, 9, (uint8_t)last}, .port = 1};
}

/* --- connections */

static inline p2p_err fake_conn_open(p2p_conn *conn, p2p_stream *stream) {
    (void)conn;
    (void)stream;
    return P2P_OK;
}

static inline void fake_conn_ignore(p2p_conn *conn, p2p_stream *stream) {
    (void)conn;
    (void)stream;
}

static inline void fake_conn_close(p2p_conn *conn, uint32_t code) {
    fake_conn *own = (fake_conn *)(void *)conn;
    f.closed++;
    own->code = code;
    if (!own->stubborn)
        p2p_conn_ended(conn, P2P_ERR_CLOSED, false, 0, NULL);
}

static inline void fake_conn_abort(p2p_conn *conn, uint32_t code) {
    f.aborted++;
    ((fake_conn *)(void *)conn)->code = code;
}

static inline void fake_conn_free(p2p_conn *conn) {
    const p2p_mem *mem = conn->env->mem;
    f.freed++;
    p2p_conn_deinit(conn);
    p2p_mem_free(mem, conn, sizeof(fake_conn));
}

static const p2p_conn_ops FAKE_CONN_OPS = {.open = fake_conn_open,
    .wake = fake_conn_ignore,
    .forget = fake_conn_ignore,
    .close = fake_conn_close,
    .abort = fake_conn_abort,
    .free = fake_conn_free};

/* A connection that the swarm does not know yet; NULL: no memory. */
static inline p2p_conn *fake_conn_new(const p2p_peer_id *peer, bool outbound) {
    p2p_env *env = &f.host->env;
    fake_conn *own = p2p_mem_alloc(env->mem, sizeof *own);
    if (own == NULL)
        return NULL;
    if (p2p_conn_init(&own->conn, &FAKE_CONN_OPS, env, outbound) != P2P_OK) {
        p2p_mem_free(env->mem, own, sizeof *own);
        return NULL;
    }
    if (p2p_conn_authenticated(&own->conn, peer, p2p_bytes_text("key")) != P2P_OK) {
        fake_conn_free(&own->conn);
        return NULL;
    }
    return &own->conn;
}

/* An inbound connection from 9.9.9.last, admitted and handed over. */
static inline p2p_err fake_come(const p2p_peer_id *peer, unsigned last, p2p_conn **out) {
    p2p_sockaddr remote = fake_ip(last);
    p2p_multiaddr addr;
    p2p_multiaddr_from_sockaddr(&addr, &remote, P2P_TCP);
    *out = NULL;
    if (!f.transport.up->admit(f.swarm, &remote, &addr))
        return P2P_ERR_GATED;
    p2p_conn *conn = fake_conn_new(peer, false);
    if (conn == NULL) {
        f.transport.up->inbound_ended(f.swarm, &remote, &addr, P2P_ERR_NO_MEMORY, "no memory");
        return P2P_ERR_NO_MEMORY;
    }
    p2p_err err = f.transport.up->connected(f.swarm, NULL, &remote, conn);
    if (err == P2P_OK)
        *out = conn;
    return err;
}

/* The attempt succeeds. */
static inline p2p_conn *fake_succeed(size_t index, const p2p_peer_id *peer) {
    p2p_dial *dial = f.dials[index];
    p2p_sockaddr remote = fake_ip(1);
    p2p_conn *conn = fake_conn_new(peer, true);
    check(dial != NULL && conn != NULL);
    f.dials[index] = NULL;
    p2p_err err = f.transport.up->connected(f.swarm, dial, &remote, conn);
    return err == P2P_OK ? conn : NULL;
}

static inline void fake_fail(size_t index, p2p_err err, const char *text) {
    p2p_dial *dial = f.dials[index];
    check(dial != NULL);
    f.dials[index] = NULL;
    f.transport.up->dial_failed(f.swarm, dial, err, text);
}

#endif
