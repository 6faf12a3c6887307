/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The transport …/udp/PORT/quic-v1/webtransport (specs/webtransport): ALPN "h3" on the same
 * endpoint as plain QUIC, a certificate that changes every fortnight and is known by its hash, a
 * session of WebTransport, and Noise inside it. A dial goes through QUIC, SETTINGS, CONNECT and
 * Noise; its state is in wt_dial until the muxer is complete.
 */
#include <stdio.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "crypto/crypto.h"
#include "crypto/x509.h"
#include "stack/stream.h"
#include "transport/udp_transport.h"
#include "webtransport/certificates.h"
#include "webtransport/client.h"
#include "webtransport/dial.h"
#include "webtransport/raw.h"

enum { VOUCHED = 3 /* last, current, next */ };

typedef struct wt_transport {
    p2p_transport transport;
    p2p_quic_endpoint *endpoint;
    p2p_wt_certificates certificates;
    p2p_bytes vouched[VOUCHED];
    p2p_list listeners; /* wt_listener.node */
    p2p_list conns;     /* p2p_h3_conn.node */
    p2p_list logins;    /* p2p_wt_muxer.node: inbound ones that shake hands */
    bool going;         /* the host is being freed */
} wt_transport;

typedef struct wt_listener {
    p2p_udp_listener udp;
    p2p_list node;
    p2p_quic_listener listener;
} wt_listener;

typedef struct wt_dial {
    p2p_wt_dial dial;
    wt_transport *wt;
    p2p_dial *of;
    p2p_wt_muxer *muxer; /* NULL: no session was asked for */
} wt_dial;

static bool can_dial(const p2p_multiaddr *addr) {
    p2p_bytes hashes[P2P_WT_DIALLED_MAX];
    size_t count;
    return p2p_wt_read_certhashes(addr, hashes, &count) && count > 0;
}

/* --- certificates --- */

static p2p_err credentials(void *ctx, const p2p_quic_credentials **out) {
    const wt_transport *wt = ctx;
    *out = wt->certificates.own; /* a dial shows none */
    return P2P_OK;
}

/* What a browser demands of a certificate it is told the hash of. */
static p2p_err verify(p2p_quic_conn *conn, p2p_bytes certificate) {
    const p2p_wt_dial *dial = p2p_quic_conn_self(conn);
    int64_t now = (int64_t)(p2p_env_wall_ms(p2p_quic_conn_env(conn)) / 1000);
    p2p_x509 x509;
    uint8_t digest[P2P_SHA256_LEN], hash[P2P_CERTHASH_LEN];
    if (!p2p_quic_conn_outbound(conn))
        return P2P_ERR_BAD_CERTIFICATE; /* none was asked for */
    p2p_sha256(digest, certificate);
    p2p_certhash_of_digest(hash, digest);
    size_t at = 0;
    while (at < dial->certhash_count &&
           !p2p_bytes_equal(dial->certhashes[at], p2p_bytes_of(hash, sizeof hash)))
        at++;
    if (at == dial->certhash_count)
        return P2P_ERR_BAD_CERTIFICATE;
    p2p_err err = p2p_x509_read(&x509, certificate);
    if (err == P2P_OK && (now < x509.not_before || now > x509.not_after ||
                             x509.not_after - x509.not_before > P2P_WT_CERT_SECONDS))
        err = P2P_ERR_BAD_CERTIFICATE;
    return err;
}

/* --- inbound --- */

static bool admit(void *ctx, const p2p_sockaddr *remote) {
    const wt_transport *wt = ctx;
    p2p_multiaddr addr;
    p2p_wt_addr_of(&addr, remote);
    return wt->transport.up->admit(wt->transport.swarm, remote, &addr);
}

static void inbound_ended(
    const wt_transport *wt, const p2p_sockaddr *remote, p2p_err err, const char *text) {
    p2p_multiaddr addr;
    if (wt->going)
        return;
    p2p_wt_addr_of(&addr, remote);
    wt->transport.up->inbound_ended(wt->transport.swarm, remote, &addr, err, text);
}

static void lost(void *ctx, const p2p_sockaddr *remote, p2p_err err) {
    inbound_ended(ctx, remote, err, p2p_err_text(err));
}

static void inbound_ready(p2p_wt_muxer *muxer) {
    const wt_transport *wt = muxer->params.ctx;
    /* A refusal has aborted it and will free it. */
    p2p_err refused =
        wt->transport.up->connected(wt->transport.swarm, NULL, &muxer->remote, &muxer->conn);
    (void)refused;
}

static void inbound_failed(p2p_wt_muxer *muxer, const p2p_reason *reason) {
    const wt_transport *wt = muxer->params.ctx;
    inbound_ended(wt, &muxer->remote, reason->err, reason->text);
    if (wt->going)
        p2p_list_push(&((wt_transport *)muxer->params.ctx)->logins, &muxer->node);
    p2p_conn_bury(&muxer->conn);
}

static unsigned request(p2p_h3_conn *h3, p2p_wt_session *session, const p2p_h3_request *asked) {
    wt_transport *wt = h3->ctx;
    p2p_wt_muxer *muxer;
    unsigned status = p2p_wt_judge(asked);
    if (status == 404)
        return p2p_wt_raw_request(wt->transport.env, session, asked);
    if (status != 200)
        return status;
    if (!h3->admitted && !admit(wt, &h3->remote))
        return 503;
    h3->admitted = true;
    p2p_wt_muxer_params params = {.env = wt->transport.env,
        .certhashes = wt->vouched,
        .certhash_count = VOUCHED,
        .ready = inbound_ready,
        .failed = inbound_failed,
        .ctx = wt};
    if (p2p_wt_muxer_new(&muxer, &params) != P2P_OK)
        return 503;
    h3->admitted = false; /* the muxer answers for it now */
    p2p_list_push(&wt->logins, &muxer->node);
    p2p_wt_muxer_attach(muxer, session);
    p2p_wt_session_set_app(session, &p2p_wt_muxer_app, muxer);
    return 200;
}

/* --- dialling for the swarm --- */

static void free_dial(wt_dial *own) {
    own->of->transport_data = NULL;
    p2p_wt_dial_forget(&own->dial);
    p2p_mem_free(own->wt->transport.env->mem, own, sizeof *own);
}

static void fail_dial(wt_dial *own, const p2p_reason *reason) {
    const p2p_transport *transport = &own->wt->transport;
    p2p_dial *of = own->of;
    free_dial(own);
    transport->up->dial_failed(transport->swarm, of, reason->err, reason->text);
}

static void muxer_ready(p2p_wt_muxer *muxer) {
    wt_dial *own = muxer->params.ctx;
    const p2p_transport *transport = &own->wt->transport;
    p2p_dial *of = own->of;
    free_dial(own);
    p2p_err refused = transport->up->connected(transport->swarm, of, &muxer->remote, &muxer->conn);
    (void)refused;
}

static void muxer_failed(p2p_wt_muxer *muxer, const p2p_reason *reason) {
    p2p_conn_bury(&muxer->conn);
    fail_dial(muxer->params.ctx, reason);
}

static void dial_answered(p2p_wt_dial *dial) {
    const wt_dial *own = P2P_CONTAINER(dial, wt_dial, dial);
    own->wt->transport.up->progress(own->wt->transport.swarm, own->of);
}

static p2p_err dial_ready(p2p_wt_dial *dial, p2p_bytes authority) {
    wt_dial *own = P2P_CONTAINER(dial, wt_dial, dial);
    p2p_wt_muxer *muxer;
    p2p_wt_session *session;
    p2p_wt_muxer_params params = {.env = own->wt->transport.env,
        .outbound = true,
        .expected = own->of->expected,
        .certhashes = dial->certhashes,
        .certhash_count = dial->certhash_count,
        .ready = muxer_ready,
        .failed = muxer_failed,
        .ctx = own};
    p2p_err err = p2p_wt_muxer_new(&muxer, &params);
    if (err != P2P_OK)
        return err;
    err = p2p_wt_session_open(
        &session, dial->h3, authority, P2P_LITERAL(P2P_WT_PATH), &p2p_wt_muxer_app, muxer);
    if (err != P2P_OK) {
        p2p_wt_muxer_free(muxer);
        return err;
    }
    own->muxer = muxer;
    p2p_wt_muxer_attach(muxer, session);
    return P2P_OK;
}

static void dial_failed(p2p_wt_dial *dial, const p2p_reason *reason) {
    fail_dial(P2P_CONTAINER(dial, wt_dial, dial), reason);
}

static const p2p_wt_dial_ops DIAL_OPS = {dial_answered, dial_ready, dial_failed};

/* --- dialling for anybody --- */

/* The server's SETTINGS are here: ask for the session. */
static void ready(p2p_h3_conn *h3) {
    p2p_wt_dial *dial = h3->self;
    char authority[P2P_WT_AUTHORITY_MAX];
    if (dial == NULL)
        return;
    size_t len = p2p_wt_authority(authority, sizeof authority, dial->host, &dial->remote);
    p2p_err err = dial->ops->ready(dial, p2p_bytes_of(authority, len));
    if (err == P2P_OK)
        dial->asked = true;
    else
        p2p_h3_conn_fail(h3, P2P_H3_NO_ERROR, err,
            err == P2P_ERR_UNSUPPORTED ? "the server does not offer WebTransport"
                                       : "could not ask for a WebTransport session");
}

static void ended(p2p_h3_conn *h3, const p2p_reason *reason) {
    p2p_wt_dial *dial = h3->self;
    if (h3->admitted)
        inbound_ended(h3->ctx, &h3->remote, reason->err, reason->text);
    h3->admitted = false;
    if (dial != NULL && !dial->asked)
        dial->ops->failed(dial, reason);
}

static const p2p_h3_owner OWNER = {ready, request, ended};

/* --- from QUIC --- */

static void answered(p2p_quic_conn *conn) {
    p2p_wt_dial *dial = p2p_quic_conn_self(conn);
    if (!p2p_quic_conn_is_established(conn) && dial->ops->answered != NULL)
        dial->ops->answered(dial);
}

static p2p_err can_send(p2p_quic_conn *conn) {
    wt_transport *wt = p2p_quic_conn_ctx(conn);
    p2p_h3_conn *h3;
    p2p_err err = p2p_h3_conn_new(&h3, conn, &OWNER, NULL);
    if (err != P2P_OK)
        return err;
    h3->admitted = true;
    p2p_list_push(&wt->conns, &h3->node);
    return P2P_OK;
}

static p2p_err established(p2p_quic_conn *conn) {
    wt_transport *wt = p2p_quic_conn_ctx(conn);
    p2p_h3_conn *h3;
    if (!p2p_quic_conn_outbound(conn))
        return P2P_OK;
    p2p_wt_dial *dial = p2p_quic_conn_self(conn);
    p2p_err err = p2p_h3_conn_new(&h3, conn, &OWNER, dial);
    if (err != P2P_OK) {
        p2p_reason reason = {.err = err};
        snprintf(reason.text, sizeof reason.text, "could not start HTTP/3: %s", p2p_err_text(err));
        p2p_quic_conn_set_self(conn, NULL);
        dial->ops->failed(dial, &reason);
        return err;
    }
    dial->h3 = h3;
    p2p_list_push(&wt->conns, &h3->node);
    return P2P_OK;
}

static void closed(p2p_quic_conn *conn, const p2p_reason *reason) {
    const wt_transport *wt = p2p_quic_conn_ctx(conn);
    void *self = p2p_quic_conn_self(conn);
    if (p2p_quic_conn_outbound(conn) && !p2p_quic_conn_is_established(conn))
        ((p2p_wt_dial *)self)->ops->failed(self, reason);
    else if (self != NULL)
        p2p_h3_conn_closed(self, reason);
    else if (!p2p_quic_conn_outbound(conn))
        inbound_ended(wt, p2p_quic_conn_remote(conn), reason->err, reason->text);
}

static const p2p_quic_app APP = {.alpn = "h3",
    .uni_streams = P2P_H3_UNI_STREAMS,
    .datagram_max = P2P_H3_DATAGRAM_MAX,
    .admit = admit,
    .lost = lost,
    .credentials = credentials,
    .verify = verify,
    .answered = answered,
    .can_send = can_send,
    .established = established,
    .closed = closed,
    .stream_opened = p2p_h3_stream_opened,
    .stream_data = p2p_h3_stream_data,
    .stream_reset = p2p_h3_stream_reset,
    .stream_stopped = p2p_h3_stream_stopped,
    .stream_pull = p2p_h3_stream_pull,
    .stream_sent = p2p_h3_stream_sent,
    .stream_acked = p2p_h3_stream_acked,
    .stream_closed = p2p_h3_stream_closed,
    .datagram = p2p_h3_datagram,
    .stream_received = p2p_h3_stream_received};

p2p_err p2p_wt_dial_start(p2p_transport *transport, p2p_wt_dial *dial, const p2p_multiaddr *addr) {
    wt_transport *wt = P2P_CONTAINER(transport, wt_transport, transport);
    const p2p_timeouts *timeouts = transport->env->timeouts;
    p2p_proto_code code;
    if (!p2p_multiaddr_to_sockaddr(addr, &dial->remote, &code) || code != P2P_UDP ||
        !p2p_wt_read_certhashes(addr, dial->certhashes, &dial->certhash_count) ||
        dial->certhash_count == 0)
        return P2P_ERR_UNSUPPORTED;
    p2p_quic_dial_params params = {.app = &APP,
        .ctx = wt,
        .self = dial,
        .remote = dial->remote,
        .timeout = p2p_sockaddr_is_public(&dial->remote) ? timeouts->dial : timeouts->dial_local};
    return p2p_quic_dial(wt->endpoint, &dial->conn, &params);
}

void p2p_wt_dial_cancel(p2p_wt_dial *dial) {
    p2p_h3_conn *h3 = dial->h3;
    p2p_wt_dial_forget(dial);
    if (h3 != NULL)
        p2p_h3_conn_fail(h3, P2P_H3_NO_ERROR, P2P_ERR_CANCELLED, "");
    else
        p2p_quic_conn_close(dial->conn, P2P_H3_NO_ERROR);
}

void p2p_wt_dial_forget(p2p_wt_dial *dial) {
    if (dial->h3 != NULL)
        dial->h3->self = NULL;
    dial->h3 = NULL;
}

static p2p_err dial_to(p2p_transport *transport, p2p_dial *of) {
    wt_dial *own = p2p_mem_alloc(transport->env->mem, sizeof *own);
    if (own == NULL)
        return P2P_ERR_NO_MEMORY;
    own->dial.ops = &DIAL_OPS;
    own->dial.host = of->host_name;
    own->wt = P2P_CONTAINER(transport, wt_transport, transport);
    own->of = of;
    of->transport_data = own;
    p2p_err err = p2p_wt_dial_start(transport, &own->dial, &of->addr);
    if (err != P2P_OK)
        free_dial(own);
    return err;
}

static void cancel(p2p_transport *transport, p2p_dial *of) {
    wt_dial *own = of->transport_data;
    (void)transport;
    if (own == NULL)
        return;
    p2p_wt_muxer *muxer = own->muxer;
    if (muxer == NULL)
        p2p_wt_dial_cancel(&own->dial);
    free_dial(own);
    if (muxer != NULL) {
        p2p_wt_muxer_quit(muxer);
        p2p_conn_bury(&muxer->conn);
    }
}

/* --- listening --- */

static wt_transport *transport_of(const wt_listener *own) {
    return P2P_CONTAINER(own->udp.transport, wt_transport, transport);
}

static void publish(const wt_listener *own) {
    p2p_multiaddr bound;
    p2p_wt_addr_of(&bound, p2p_udp_local(own->udp.user.sock));
    if (p2p_wt_certificates_push(&transport_of(own)->certificates, &bound) == P2P_OK)
        p2p_udp_listening(&own->udp, &bound);
}

static void rotated(p2p_wt_certificates *certificates) {
    wt_transport *wt = P2P_CONTAINER(certificates, wt_transport, certificates);
    for (p2p_list *node = wt->listeners.next; node != &wt->listeners; node = node->next) {
        wt_listener *own = P2P_CONTAINER(node, wt_listener, node);
        if (own->udp.user.told)
            publish(own);
    }
}

static void listener_bound(p2p_udp_listener *udp) {
    wt_listener *own = P2P_CONTAINER(udp, wt_listener, udp);
    wt_transport *wt = transport_of(own);
    own->listener = (p2p_quic_listener){.sock = udp->user.sock, .app = &APP, .ctx = wt};
    p2p_quic_listen(wt->endpoint, &own->listener);
    publish(own);
}

static void listener_freed(p2p_udp_listener *udp) {
    wt_listener *own = P2P_CONTAINER(udp, wt_listener, udp);
    p2p_list_remove(&own->node);
    p2p_quic_unlisten(&own->listener);
}

static const p2p_udp_listener_ops LISTENER_OPS = {
    sizeof(wt_listener), listener_bound, listener_freed};

static p2p_err listen_at(p2p_transport *transport, p2p_listener *of) {
    wt_transport *wt = P2P_CONTAINER(transport, wt_transport, transport);
    p2p_udp_listener *udp;
    p2p_err err = p2p_wt_certificates_prepare(&wt->certificates);
    if (err == P2P_OK)
        err = p2p_udp_listener_new(&udp, &LISTENER_OPS, transport, of);
    if (err != P2P_OK)
        return err;
    p2p_list_push(&wt->listeners, &P2P_CONTAINER(udp, wt_listener, udp)->node);
    err = p2p_udp_listener_bind(udp, p2p_quic_endpoint_udp(wt->endpoint));
    if (err != P2P_OK)
        p2p_udp_listener_free(udp);
    return err;
}

/* --- the transport --- */

static p2p_err start(p2p_transport **out, p2p_env *env, const p2p_transport_up *up, void *swarm) {
    wt_transport *wt = p2p_mem_alloc(env->mem, sizeof *wt);
    if (wt == NULL)
        return P2P_ERR_NO_MEMORY;
    wt->transport = (p2p_transport){&p2p_webtransport, env, up, swarm};
    p2p_list_init(&wt->listeners);
    p2p_list_init(&wt->conns);
    p2p_list_init(&wt->logins);
    p2p_err err = p2p_quic_endpoint_get(&wt->endpoint, env);
    if (err == P2P_OK)
        err = p2p_wt_certificates_init(&wt->certificates, env, rotated);
    if (err != P2P_OK) {
        p2p_mem_free(env->mem, wt, sizeof *wt);
        return err;
    }
    wt->vouched[0] = p2p_bytes_of(wt->certificates.last, P2P_CERTHASH_LEN);
    wt->vouched[1] = p2p_bytes_of(wt->certificates.current, P2P_CERTHASH_LEN);
    wt->vouched[2] = p2p_bytes_of(wt->certificates.next, P2P_CERTHASH_LEN);
    *out = &wt->transport;
    return P2P_OK;
}

/* Sessions without libp2p are unknown to the swarm: their programs are told here, and it is the
 * last turn for what was buried. */
static void finish_turn(p2p_env *env) {
    for (p2p_list *node; (node = p2p_list_pop(&env->ready)) != NULL;)
        p2p_stream_dispatch(p2p_stream_of_ready(node));
    p2p_env_free_dead(env);
}

static void free_transport(p2p_transport *transport) {
    wt_transport *wt = P2P_CONTAINER(transport, wt_transport, transport);
    wt->going = true;
    p2p_quic_abandon(wt->endpoint, wt);
    p2p_wt_clients_finish(transport->env);
    finish_turn(transport->env);
    while (!p2p_list_empty(&wt->logins))
        p2p_wt_muxer_free(P2P_CONTAINER(wt->logins.next, p2p_wt_muxer, node));
    while (!p2p_list_empty(&wt->conns))
        p2p_h3_conn_free(P2P_CONTAINER(wt->conns.next, p2p_h3_conn, node));
    p2p_wt_certificates_deinit(&wt->certificates);
    p2p_mem_free(transport->env->mem, wt, sizeof *wt);
}

const p2p_transport_type p2p_webtransport = {"webtransport", can_dial, p2p_wt_can_listen, start,
    free_transport, dial_to, cancel, listen_at, p2p_udp_unlisten};
