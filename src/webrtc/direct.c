/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The transport …/udp/PORT/webrtc-direct (specs/webrtc/webrtc-direct.md): a browser dials a server
 * without a certificate authority and without signalling, since the address names the certificate's
 * hash and the STUN credentials say everything else.
 *
 * The certificate is derived from the host's key, so that published addresses survive a restart.
 * When the key lives elsewhere (an external signer) there is nothing to derive from: the
 * certificate is then new in each run, and so are the addresses.
 *
 * A dial has a socket of its own: DTLS records do not say which connection they belong to, so two
 * connections between the same two ports could not be told apart.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "transport/udp_transport.h"
#include "webrtc/handshake.h"

enum { MULTIHASH_LEN = 34 };

/*
 * A dial checks one pair, so nothing has to be spared. js-libp2p in Node needs it: the first check
 * makes it start an agent for the dialler, and only a later one is answered.
 */
#define FIRST_PAUSE (150 * P2P_MILLISECOND)

typedef struct direct {
    p2p_transport transport;
    p2p_webrtc_router *router;
    p2p_dtls_context *certificate; /* NULL: not needed yet */
    uint8_t certhash[MULTIHASH_LEN];
    p2p_list inbound; /* inbound.node */
} direct;

typedef struct direct_listener {
    p2p_udp_listener udp;
    p2p_webrtc_door door;
} direct_listener;

typedef struct direct_dial {
    p2p_webrtc_handshake handshake;
    direct *direct;
    p2p_dial *of;
    p2p_sockaddr remote;
} direct_dial;

/* A connection of a client that has not proven who it is. */
typedef struct inbound {
    p2p_webrtc_handshake handshake;
    direct *direct;
    p2p_list node;
    p2p_sockaddr remote;
} inbound;

static direct *direct_of(const direct_listener *listener) {
    return P2P_CONTAINER(listener->udp.transport, direct, transport);
}

/* --- addresses --- */

/* /ip…/udp/PORT/webrtc-direct; *at stands behind it. */
static bool begins(const p2p_multiaddr *addr, size_t *at) {
    p2p_component part;
    return p2p_addr_begins(addr, P2P_UDP, at) && p2p_multiaddr_next(addr, at, &part) &&
           part.code == P2P_WEBRTC_DIRECT;
}

/* The SHA-256 hashes behind it; hashes of another kind are left out. */
static size_t read_certhashes(
    const p2p_multiaddr *addr, uint8_t hashes[P2P_DTLS_EXPECTED_MAX][32], bool *only) {
    p2p_component part;
    size_t at, count = 0;
    *only = begins(addr, &at);
    while (*only && p2p_multiaddr_next(addr, &at, &part)) {
        *only = part.code == P2P_CERTHASH;
        if (*only && part.value.len == MULTIHASH_LEN && part.value.ptr[0] == 0x12 &&
            part.value.ptr[1] == 0x20 && count < P2P_DTLS_EXPECTED_MAX)
            memcpy(hashes[count++], part.value.ptr + 2, 32);
    }
    return count;
}

static bool can_dial(const p2p_multiaddr *addr) {
    uint8_t hashes[P2P_DTLS_EXPECTED_MAX][32];
    bool only;
    return read_certhashes(addr, hashes, &only) > 0 && only;
}

static bool can_listen(const p2p_multiaddr *addr) {
    p2p_sockaddr host;
    p2p_proto_code code;
    size_t at;
    return begins(addr, &at) && at == addr->len && p2p_multiaddr_to_sockaddr(addr, &host, &code);
}

static void to_multiaddr(p2p_multiaddr *addr, const p2p_sockaddr *from) {
    p2p_multiaddr_from_sockaddr(addr, from, P2P_UDP);
    if (p2p_multiaddr_push(addr, P2P_WEBRTC_DIRECT, (p2p_bytes){0}) != P2P_OK)
        addr->len = 0; /* cannot be: two bytes fit */
}

/* --- the certificate --- */

static p2p_err derive(const direct *own, p2p_certificate *certificate) {
    static const p2p_certificate_subject SUBJECT = {
        {(const uint8_t *)"c-libp2p", 8}, P2P_CERTIFICATE_2020, P2P_CERTIFICATE_2120};
    p2p_env *env = own->transport.env;
    uint8_t secret[P2P_PRIVATE_KEY_MAX];
    size_t len;
    p2p_err err = p2p_identity_private_key(env->identity, secret, &len);
    if (err == P2P_ERR_UNSUPPORTED) {
        len = 32;
        p2p_env_random(env, secret, len);
        P2P_LOG(env->log, P2P_LOG_WARN, "webrtc", 0, env->now,
            "the key is external: webrtc-direct addresses will change with every start");
        err = P2P_OK;
    }
    if (err == P2P_OK)
        err = p2p_certificate_derive(certificate, p2p_bytes_of(secret, len), (p2p_bytes){0},
            P2P_LITERAL("c-libp2p webrtc-direct certificate"), &SUBJECT);
    p2p_wipe(secret, sizeof secret);
    return err;
}

static p2p_err need_certificate(direct *own) {
    p2p_certificate certificate;
    if (own->certificate != NULL)
        return P2P_OK;
    p2p_err err = derive(own, &certificate);
    if (err == P2P_OK) {
        own->certhash[0] = 0x12;
        own->certhash[1] = 0x20;
        memcpy(own->certhash + 2, certificate.sha256, 32);
        err = p2p_dtls_context_new(&own->certificate, &certificate, own->transport.env->mem);
    }
    p2p_certificate_wipe(&certificate);
    return err;
}

/* --- connections --- */

static p2p_webrtc_peer_config peer_config(const direct *own, p2p_webrtc_handshake *handshake) {
    const p2p_limits *limits = own->transport.env->limits;
    return (p2p_webrtc_peer_config){.env = own->transport.env,
        .router = own->router,
        .certificate = own->certificate,
        .max_channels = limits->streams_inbound_per_conn + limits->streams_outbound_per_conn + 1,
        .events = &p2p_webrtc_handshake_events,
        .ctx = handshake};
}

static void name_connection(p2p_webrtc_muxer *muxer) {
    p2p_ice_path path;
    p2p_webrtc_peer_path(muxer->peer, &path);
    to_multiaddr(&muxer->conn.local, &path.local);
    to_multiaddr(&muxer->conn.remote, &path.remote);
    muxer->conn.transport = "webrtc-direct";
}

/* --- dialling --- */

static void free_dial(direct_dial *dial) {
    dial->of->transport_data = NULL;
    p2p_mem_free(dial->direct->transport.env->mem, dial, sizeof *dial);
}

static void dial_answered(p2p_webrtc_handshake *handshake) {
    const direct_dial *dial = P2P_CONTAINER(handshake, direct_dial, handshake);
    const p2p_transport *transport = &dial->direct->transport;
    transport->up->progress(transport->swarm, dial->of);
}

static void dial_done(p2p_webrtc_handshake *handshake, p2p_webrtc_muxer *muxer) {
    direct_dial *dial = P2P_CONTAINER(handshake, direct_dial, handshake);
    const p2p_transport *transport = &dial->direct->transport;
    p2p_dial *of = dial->of;
    p2p_sockaddr remote = dial->remote;
    name_connection(muxer);
    muxer->conn.remote = of->addr;
    free_dial(dial);
    p2p_err err = transport->up->connected(transport->swarm, of, &remote, &muxer->conn);
    (void)err; /* the swarm has ended it */
}

static void dial_failed(p2p_webrtc_handshake *handshake, p2p_err err, const char *text) {
    direct_dial *dial = P2P_CONTAINER(handshake, direct_dial, handshake);
    const p2p_transport *transport = &dial->direct->transport;
    p2p_dial *of = dial->of;
    free_dial(dial);
    transport->up->dial_failed(transport->swarm, of, err, text);
}

static p2p_err start_dial(direct_dial *dial) {
    const p2p_env *env = dial->direct->transport.env;
    uint8_t hashes[P2P_DTLS_EXPECTED_MAX][32];
    char text[P2P_ICE_DIRECT_V2_LEN]; /* the longer of the two */
    bool only;
    p2p_webrtc_peer_config config = peer_config(dial->direct, &dial->handshake);
    config.dtls_client = true;
    config.expected_count = read_certhashes(&dial->of->addr, hashes, &only);
    config.expected = (const uint8_t(*)[32])hashes;
    config.ice.controlling = true;
    /* A full agent on the other side is controlled all the same: the specification says who. */
    config.ice.remote_lite = true;
    config.ice.first_pause = FIRST_PAUSE;
    config.ice.credentials = dial->of->webrtc_version == 2 ? p2p_ice_direct_v2(text, env->random)
                                                           : p2p_ice_direct_v1(text, env->random);
    return p2p_webrtc_peer_dial(&dial->handshake.peer, &config, &dial->remote);
}

static p2p_err dial_to(p2p_transport *transport, p2p_dial *of) {
    direct *own = P2P_CONTAINER(transport, direct, transport);
    p2p_env *env = transport->env;
    p2p_proto_code code;
    p2p_sockaddr remote;
    if (!can_dial(&of->addr) || !p2p_multiaddr_to_sockaddr(&of->addr, &remote, &code) ||
        of->webrtc_version < 0 || of->webrtc_version > 2)
        return P2P_ERR_UNSUPPORTED;
    p2p_err err = need_certificate(own);
    if (err != P2P_OK)
        return err;
    direct_dial *dial = p2p_mem_alloc(env->mem, sizeof *dial);
    if (dial == NULL)
        return P2P_ERR_NO_MEMORY;
    dial->direct = own;
    dial->of = of;
    dial->remote = remote;
    dial->handshake.env = env;
    dial->handshake.outbound = true;
    dial->handshake.expected = of->expected;
    dial->handshake.answered = dial_answered;
    dial->handshake.done = dial_done;
    dial->handshake.failed = dial_failed;
    of->transport_data = dial;
    p2p_webrtc_handshake_init(&dial->handshake,
        p2p_sockaddr_is_public(&remote) ? env->timeouts->dial : env->timeouts->dial_local);
    err = start_dial(dial);
    if (err != P2P_OK)
        free_dial(dial);
    return err;
}

static void cancel(p2p_transport *transport, p2p_dial *of) {
    direct_dial *dial = of->transport_data;
    (void)transport;
    if (dial == NULL)
        return;
    p2p_webrtc_handshake_deinit(&dial->handshake);
    free_dial(dial);
}

/* --- being dialled --- */

static void free_inbound(inbound *in) {
    p2p_list_remove(&in->node);
    p2p_mem_free(in->direct->transport.env->mem, in, sizeof *in);
}

static void inbound_answered(p2p_webrtc_handshake *handshake) {
    (void)handshake;
}

static void inbound_done(p2p_webrtc_handshake *handshake, p2p_webrtc_muxer *muxer) {
    inbound *in = P2P_CONTAINER(handshake, inbound, handshake);
    const p2p_transport *transport = &in->direct->transport;
    p2p_sockaddr remote = in->remote;
    name_connection(muxer);
    free_inbound(in);
    p2p_err err = transport->up->connected(transport->swarm, NULL, &remote, &muxer->conn);
    (void)err; /* the swarm has ended it */
}

static void tell_ended(
    const p2p_transport *transport, const p2p_sockaddr *remote, p2p_err err, const char *text) {
    p2p_multiaddr addr;
    to_multiaddr(&addr, remote);
    transport->up->inbound_ended(transport->swarm, remote, &addr, err, text);
}

static void inbound_failed(p2p_webrtc_handshake *handshake, p2p_err err, const char *text) {
    inbound *in = P2P_CONTAINER(handshake, inbound, handshake);
    const p2p_transport *transport = &in->direct->transport;
    p2p_sockaddr remote = in->remote;
    free_inbound(in);
    tell_ended(transport, &remote, err, text);
}

static p2p_err accept(direct_listener *listener, const p2p_ice_credentials *credentials,
    const p2p_sockaddr *remote, inbound **out) {
    direct *own = direct_of(listener);
    p2p_env *env = own->transport.env;
    inbound *in = p2p_mem_alloc(env->mem, sizeof *in);
    if (in == NULL)
        return P2P_ERR_NO_MEMORY;
    in->direct = own;
    in->remote = *remote;
    in->handshake.env = env;
    in->handshake.answered = inbound_answered;
    in->handshake.done = inbound_done;
    in->handshake.failed = inbound_failed;
    p2p_list_push(&own->inbound, &in->node);
    p2p_webrtc_handshake_init(&in->handshake, env->timeouts->accept);
    p2p_webrtc_peer_config config = peer_config(own, &in->handshake);
    config.ice.lite = true;
    config.ice.credentials = *credentials;
    p2p_err err = p2p_webrtc_peer_accept(&in->handshake.peer, &config, listener->door.sock);
    if (err != P2P_OK)
        free_inbound(in);
    else
        *out = in;
    return err;
}

static p2p_webrtc_target *knock(
    p2p_webrtc_door *door, const p2p_ice_credentials *credentials, const p2p_input *from) {
    direct_listener *listener = P2P_CONTAINER(door, direct_listener, door);
    const p2p_transport *transport = &direct_of(listener)->transport;
    p2p_multiaddr addr;
    inbound *in;
    to_multiaddr(&addr, &from->remote);
    if (!transport->up->admit(transport->swarm, &from->remote, &addr))
        return NULL;
    p2p_err err = accept(listener, credentials, &from->remote, &in);
    if (err == P2P_OK)
        return p2p_webrtc_peer_target(in->handshake.peer);
    tell_ended(transport, &from->remote, err, p2p_err_text(err));
    return NULL;
}

/* --- listening --- */

static void listener_bound(p2p_udp_listener *udp) {
    direct_listener *listener = P2P_CONTAINER(udp, direct_listener, udp);
    const direct *own = direct_of(listener);
    p2p_multiaddr bound;
    listener->door.sock = udp->user.sock;
    p2p_webrtc_open_door(own->router, &listener->door);
    to_multiaddr(&bound, p2p_udp_local(udp->user.sock));
    if (p2p_multiaddr_push(
            &bound, P2P_CERTHASH, p2p_bytes_of(own->certhash, sizeof own->certhash)) != P2P_OK)
        bound.len = 0; /* cannot be */
    p2p_udp_listening(udp, &bound);
}

static void listener_freed(p2p_udp_listener *udp) {
    p2p_webrtc_close_door(&P2P_CONTAINER(udp, direct_listener, udp)->door);
}

static const p2p_udp_listener_ops LISTENER_OPS = {
    sizeof(direct_listener), listener_bound, listener_freed};

static p2p_err listen_at(p2p_transport *transport, p2p_listener *of) {
    direct *own = P2P_CONTAINER(transport, direct, transport);
    p2p_udp_listener *udp;
    if (!can_listen(&of->addr))
        return P2P_ERR_UNSUPPORTED;
    p2p_err err = need_certificate(own);
    if (err == P2P_OK)
        err = p2p_udp_listener_new(&udp, &LISTENER_OPS, transport, of);
    if (err != P2P_OK)
        return err;
    P2P_CONTAINER(udp, direct_listener, udp)->door.knock = knock;
    err = p2p_udp_listener_bind(udp, p2p_webrtc_router_udp(own->router));
    if (err != P2P_OK)
        p2p_udp_listener_free(udp);
    return err;
}

/* --- the transport --- */

static p2p_err start(p2p_transport **out, p2p_env *env, const p2p_transport_up *up, void *swarm) {
    direct *own = p2p_mem_alloc(env->mem, sizeof *own);
    if (own == NULL)
        return P2P_ERR_NO_MEMORY;
    own->transport = (p2p_transport){&p2p_webrtc_direct, env, up, swarm};
    p2p_list_init(&own->inbound);
    p2p_err err = p2p_webrtc_router_get(&own->router, env);
    if (err != P2P_OK) {
        p2p_mem_free(env->mem, own, sizeof *own);
        return err;
    }
    *out = &own->transport;
    return P2P_OK;
}

/* Nothing of a turn is under way any more: what is buried here is freed here. */
static void free_transport(p2p_transport *transport) {
    direct *own = P2P_CONTAINER(transport, direct, transport);
    p2p_env *env = transport->env;
    while (!p2p_list_empty(&own->inbound)) {
        inbound *in = P2P_CONTAINER(own->inbound.next, inbound, node);
        p2p_webrtc_handshake_deinit(&in->handshake);
        free_inbound(in);
    }
    p2p_env_free_dead(env);
    p2p_dtls_context_free(own->certificate);
    p2p_mem_free(env->mem, own, sizeof *own);
}

const p2p_transport_type p2p_webrtc_direct = {"webrtc-direct", can_dial, can_listen, start,
    free_transport, dial_to, cancel, listen_at, p2p_udp_unlisten};
