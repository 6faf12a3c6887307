/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The transport …/udp/PORT/quic-v1 (specs/quic): ALPN "libp2p", the certificate of specs/tls shown
 * and demanded by both sides. Dials wait for the host's certificate, which an external key may
 * sign late, then for a socket; a listener the same.
 */
#include <stdio.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "quic/muxer.h"
#include "quic/tls.h"
#include "secure/certificate.h"
#include "transport/udp_transport.h"

typedef struct quic_transport {
    p2p_transport transport;
    p2p_quic_endpoint *endpoint;
    p2p_quic_credentials *own;
    bool going; /* the host is being freed */
} quic_transport;

typedef struct quic_listener {
    p2p_udp_listener udp;
    p2p_quic_listener listener;
    p2p_cert_waiter waiter;
} quic_listener;

typedef struct quic_dial {
    p2p_cert_waiter waiter;
    quic_transport *quic;
    p2p_dial *of;
    p2p_quic_conn *conn;   /* NULL: waits for the certificate */
    p2p_quic_muxer *muxer; /* the peer is known and the handshake not complete */
    p2p_sockaddr remote;
    p2p_peer_id seen; /* who answered, when it is not who was expected */
} quic_dial;

/* --- addresses --- */

/* /ip…/udp/PORT/quic-v1 and nothing behind it. */
static bool can_dial(const p2p_multiaddr *addr) {
    p2p_component part;
    size_t at;
    return p2p_addr_begins(addr, P2P_UDP, &at) && p2p_multiaddr_next(addr, &at, &part) &&
           part.code == P2P_QUIC_V1 && at == addr->len;
}

static bool can_listen(const p2p_multiaddr *addr) {
    p2p_sockaddr at;
    p2p_proto_code code;
    return can_dial(addr) && p2p_multiaddr_to_sockaddr(addr, &at, &code);
}

static void to_multiaddr(p2p_multiaddr *addr, const p2p_sockaddr *from) {
    p2p_multiaddr_from_sockaddr(addr, from, P2P_UDP);
    if (p2p_multiaddr_push(addr, P2P_QUIC_V1, (p2p_bytes){0}) != P2P_OK)
        addr->len = 0; /* cannot be: two bytes fit */
}

/* --- who we are, and who they are --- */

/* AGAIN: the waiter will be called. */
static p2p_err prepare(quic_transport *quic, p2p_cert_waiter *waiter) {
    p2p_env *env = quic->transport.env;
    const p2p_cert *cert;
    if (quic->own != NULL)
        return P2P_OK;
    p2p_err err = p2p_cert_get(&cert, env, waiter);
    if (err != P2P_OK)
        return err;
    return p2p_quic_credentials_new(&quic->own, env->mem, cert->certificate, cert->private_key);
}

static p2p_err credentials(void *ctx, const p2p_quic_credentials **out) {
    const quic_transport *quic = ctx;
    *out = quic->own;
    return P2P_OK;
}

/* spec: quic #peer-authentication: peers authenticate each other using the handshake logic of the
 * libp2p TLS spec. */
static p2p_err verify(p2p_quic_conn *conn, p2p_bytes certificate) {
    p2p_cert_owner owner;
    p2p_quic_muxer *muxer;
    p2p_err err = p2p_cert_verify(&owner, certificate, p2p_env_wall_ms(p2p_quic_conn_env(conn)));
    if (err != P2P_OK)
        return err;
    if (!p2p_quic_conn_outbound(conn)) {
        err = p2p_quic_muxer_new(
            &muxer, conn, &owner.peer, p2p_bytes_of(owner.public_key, owner.public_key_len));
        if (err == P2P_OK)
            p2p_quic_conn_set_self(conn, muxer);
        return err;
    }
    quic_dial *dial = p2p_quic_conn_self(conn);
    if (dial->of->expected.len > 0 && !p2p_peer_id_equal(&dial->of->expected, &owner.peer)) {
        dial->seen = owner.peer;
        return P2P_ERR_WRONG_PEER;
    }
    return p2p_quic_muxer_new(
        &dial->muxer, conn, &owner.peer, p2p_bytes_of(owner.public_key, owner.public_key_len));
}

/* --- the life of a connection --- */

static bool admit(void *ctx, const p2p_sockaddr *remote) {
    const quic_transport *quic = ctx;
    p2p_multiaddr addr;
    to_multiaddr(&addr, remote);
    return quic->transport.up->admit(quic->transport.swarm, remote, &addr);
}

static void inbound_ended(
    const quic_transport *quic, const p2p_sockaddr *remote, p2p_err err, const char *text) {
    p2p_multiaddr addr;
    if (quic->going)
        return;
    to_multiaddr(&addr, remote);
    quic->transport.up->inbound_ended(quic->transport.swarm, remote, &addr, err, text);
}

static void lost(void *ctx, const p2p_sockaddr *remote, p2p_err err) {
    inbound_ended(ctx, remote, err, p2p_err_text(err));
}

static void free_dial(quic_dial *dial) {
    p2p_list_remove(&dial->waiter.node);
    dial->of->transport_data = NULL;
    if (dial->muxer != NULL)
        p2p_quic_muxer_free(dial->muxer);
    p2p_mem_free(dial->quic->transport.env->mem, dial, sizeof *dial);
}

static void answered(p2p_quic_conn *conn) {
    const quic_transport *quic = p2p_quic_conn_ctx(conn);
    const quic_dial *dial = p2p_quic_conn_self(conn);
    if (!p2p_quic_conn_is_established(conn))
        quic->transport.up->progress(quic->transport.swarm, dial->of);
}

static p2p_err established(p2p_quic_conn *conn) {
    const quic_transport *quic = p2p_quic_conn_ctx(conn);
    p2p_quic_muxer *muxer = p2p_quic_conn_self(conn);
    p2p_dial *of = NULL;
    p2p_sockaddr local;
    if (p2p_quic_conn_outbound(conn)) {
        quic_dial *dial = p2p_quic_conn_self(conn);
        muxer = dial->muxer;
        of = dial->of;
        dial->muxer = NULL;
        p2p_quic_conn_set_self(conn, muxer);
        free_dial(dial);
    }
    p2p_quic_conn_local(conn, &local);
    to_multiaddr(&muxer->conn.local, &local);
    to_multiaddr(&muxer->conn.remote, p2p_quic_conn_remote(conn));
    muxer->conn.transport = "quic-v1";
    muxer->conn.started = p2p_quic_conn_started(conn);
    return quic->transport.up->connected(
        quic->transport.swarm, of, p2p_quic_conn_remote(conn), &muxer->conn);
}

static void explain(
    const quic_dial *dial, const p2p_reason *reason, char text[P2P_REASON_TEXT_MAX]) {
    char wanted[P2P_PEER_ID_TEXT_MAX], theirs[P2P_PEER_ID_TEXT_MAX];
    if (reason->err != P2P_ERR_WRONG_PEER) {
        snprintf(text, P2P_REASON_TEXT_MAX, "%s", reason->text);
        return;
    }
    p2p_peer_id_format(wanted, sizeof wanted, &dial->of->expected);
    p2p_peer_id_format(theirs, sizeof theirs, &dial->seen);
    snprintf(
        text, P2P_REASON_TEXT_MAX, "wrong peer: expected %.90s but %.90s answered", wanted, theirs);
}

static void fail_dial(quic_dial *dial, const p2p_reason *reason) {
    const p2p_transport *transport = &dial->quic->transport;
    p2p_dial *of = dial->of;
    char text[P2P_REASON_TEXT_MAX];
    explain(dial, reason, text);
    free_dial(dial);
    transport->up->dial_failed(transport->swarm, of, reason->err, text);
}

static void closed(p2p_quic_conn *conn, const p2p_reason *reason) {
    const quic_transport *quic = p2p_quic_conn_ctx(conn);
    p2p_quic_muxer *muxer = p2p_quic_conn_self(conn);
    if (p2p_quic_conn_is_established(conn)) {
        muxer->quic = NULL;
        p2p_conn_ended(
            &muxer->conn, reason->err, reason->by_peer, reason->remote_code, reason->text);
    } else if (p2p_quic_conn_outbound(conn)) {
        fail_dial(p2p_quic_conn_self(conn), reason);
    } else {
        if (muxer != NULL)
            p2p_quic_muxer_free(muxer);
        inbound_ended(quic, p2p_quic_conn_remote(conn), reason->err, reason->text);
    }
}

static const p2p_quic_app APP = {.alpn = "libp2p",
    .peer_certificate = true,
    .admit = admit,
    .lost = lost,
    .credentials = credentials,
    .verify = verify,
    .answered = answered,
    .established = established,
    .closed = closed,
    .stream_opened = p2p_quic_muxer_stream_opened,
    .stream_data = p2p_quic_muxer_stream_data,
    .stream_reset = p2p_quic_muxer_stream_reset,
    .stream_stopped = p2p_quic_muxer_stream_stopped,
    .stream_pull = p2p_quic_muxer_stream_pull,
    .stream_sent = p2p_quic_muxer_stream_sent,
    .stream_acked = p2p_quic_muxer_stream_acked,
    .stream_closed = p2p_quic_muxer_stream_closed};

/* --- dialling --- */

static p2p_err start_dial(quic_dial *dial) {
    const p2p_timeouts *timeouts = dial->quic->transport.env->timeouts;
    p2p_quic_dial_params params = {.app = &APP,
        .ctx = dial->quic,
        .self = dial,
        .remote = dial->remote,
        .timeout = p2p_sockaddr_is_public(&dial->remote) ? timeouts->dial : timeouts->dial_local};
    return p2p_quic_dial(dial->quic->endpoint, &dial->conn, &params);
}

static void dial_ready(p2p_cert_waiter *waiter, p2p_err err) {
    quic_dial *dial = P2P_CONTAINER(waiter, quic_dial, waiter);
    if (err == P2P_OK)
        err = prepare(dial->quic, waiter);
    if (err == P2P_OK)
        err = start_dial(dial);
    if (err == P2P_OK || err == P2P_ERR_AGAIN)
        return;
    p2p_reason reason = {.err = err};
    snprintf(reason.text, sizeof reason.text, "no certificate: %s", p2p_err_text(err));
    fail_dial(dial, &reason);
}

static p2p_err dial_to(p2p_transport *transport, p2p_dial *of) {
    p2p_proto_code code;
    p2p_sockaddr remote;
    if (!p2p_multiaddr_to_sockaddr(&of->addr, &remote, &code) || code != P2P_UDP)
        return P2P_ERR_UNSUPPORTED;
    quic_dial *dial = p2p_mem_alloc(transport->env->mem, sizeof *dial);
    if (dial == NULL)
        return P2P_ERR_NO_MEMORY;
    dial->quic = P2P_CONTAINER(transport, quic_transport, transport);
    dial->of = of;
    dial->remote = remote;
    dial->waiter.ready = dial_ready;
    of->transport_data = dial;
    p2p_err err = prepare(dial->quic, &dial->waiter);
    if (err == P2P_OK)
        err = start_dial(dial);
    else if (err == P2P_ERR_AGAIN)
        return P2P_OK;
    if (err != P2P_OK)
        free_dial(dial);
    return err;
}

static void cancel(p2p_transport *transport, p2p_dial *of) {
    quic_dial *dial = of->transport_data;
    (void)transport;
    if (dial == NULL)
        return;
    if (dial->conn != NULL)
        p2p_quic_conn_close(dial->conn, P2P_CODE_NONE);
    free_dial(dial);
}

/* --- listening --- */

static quic_transport *transport_of(const p2p_udp_listener *udp) {
    return P2P_CONTAINER(udp->transport, quic_transport, transport);
}

static void listener_bound(p2p_udp_listener *udp) {
    quic_listener *own = P2P_CONTAINER(udp, quic_listener, udp);
    quic_transport *quic = transport_of(udp);
    p2p_multiaddr bound;
    own->listener = (p2p_quic_listener){.sock = udp->user.sock, .app = &APP, .ctx = quic};
    p2p_quic_listen(quic->endpoint, &own->listener);
    to_multiaddr(&bound, p2p_udp_local(udp->user.sock));
    p2p_udp_listening(udp, &bound);
}

static void listener_freed(p2p_udp_listener *udp) {
    quic_listener *own = P2P_CONTAINER(udp, quic_listener, udp);
    p2p_list_remove(&own->waiter.node);
    p2p_quic_unlisten(&own->listener);
}

static const p2p_udp_listener_ops LISTENER_OPS = {
    sizeof(quic_listener), listener_bound, listener_freed};

static p2p_err start_listening(quic_listener *own) {
    quic_transport *quic = transport_of(&own->udp);
    p2p_err err = prepare(quic, &own->waiter);
    if (err == P2P_OK)
        err = p2p_udp_listener_bind(&own->udp, p2p_quic_endpoint_udp(quic->endpoint));
    return err == P2P_ERR_AGAIN ? P2P_OK : err;
}

static void listener_ready(p2p_cert_waiter *waiter, p2p_err err) {
    quic_listener *own = P2P_CONTAINER(waiter, quic_listener, waiter);
    if (err == P2P_OK)
        err = start_listening(own);
    if (err != P2P_OK)
        p2p_udp_listener_fail(&own->udp, err);
}

static p2p_err listen_at(p2p_transport *transport, p2p_listener *of) {
    p2p_udp_listener *udp;
    p2p_err err = p2p_udp_listener_new(&udp, &LISTENER_OPS, transport, of);
    if (err != P2P_OK)
        return err;
    quic_listener *own = P2P_CONTAINER(udp, quic_listener, udp);
    own->waiter.ready = listener_ready;
    err = start_listening(own);
    if (err != P2P_OK)
        p2p_udp_listener_free(udp);
    return err;
}

/* --- the transport --- */

static p2p_err start(p2p_transport **out, p2p_env *env, const p2p_transport_up *up, void *swarm) {
    quic_transport *quic = p2p_mem_alloc(env->mem, sizeof *quic);
    if (quic == NULL)
        return P2P_ERR_NO_MEMORY;
    quic->transport = (p2p_transport){&p2p_quic, env, up, swarm};
    p2p_err err = p2p_quic_endpoint_get(&quic->endpoint, env);
    if (err != P2P_OK) {
        p2p_mem_free(env->mem, quic, sizeof *quic);
        return err;
    }
    *out = &quic->transport;
    return P2P_OK;
}

static void free_transport(p2p_transport *transport) {
    quic_transport *quic = P2P_CONTAINER(transport, quic_transport, transport);
    quic->going = true;
    p2p_quic_abandon(quic->endpoint, quic);
    p2p_quic_credentials_free(quic->own);
    p2p_mem_free(transport->env->mem, quic, sizeof *quic);
}

const p2p_transport_type p2p_quic = {"quic-v1", can_dial, can_listen, start, free_transport,
    dial_to, cancel, listen_at, p2p_udp_unlisten};
