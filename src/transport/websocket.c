/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The WebSocket transport (specs/websockets): addresses, and which layers stand on the socket. The
 * host and port of an address say where to connect, /sni or the name it was resolved from what to
 * ask for there.
 */
#include <p2p/websocket.h>

#include <stdio.h>

#include "base/bytes.h"
#include "secure/web_tls.h"
#include "transport/tcp_mux.h"
#include "transport/websocket_layer.h"

_Static_assert(
    (int)P2P_WS_WHY_MAX == (int)P2P_TCP_WHY_MAX && (int)P2P_WEB_TLS_WHY_MAX == (int)P2P_TCP_WHY_MAX,
    "the pipe's sentence is handed to its layers");

/* --- addresses --- */

/* What stands behind /tcp/PORT. */
typedef struct ws_tail {
    bool tls;
    p2p_bytes sni, path; /* ptr NULL: not there */
} ws_tail;

/* /ws, /wss, /tls/ws, /tls/sni/NAME/ws; then perhaps /http-path/PATH; nothing else. */
static bool parse_tail(const p2p_multiaddr *addr, ws_tail *tail) {
    p2p_component part = {0};
    size_t at;
    *tail = (ws_tail){0};
    if (!p2p_addr_begins(addr, P2P_TCP, &at) || !p2p_multiaddr_next(addr, &at, &part))
        return false;
    if (part.code == P2P_TLS) {
        tail->tls = true;
        if (!p2p_multiaddr_next(addr, &at, &part))
            return false;
        if (part.code == P2P_SNI) {
            tail->sni = part.value;
            if (!p2p_multiaddr_next(addr, &at, &part))
                return false;
        }
    }
    if (part.code == P2P_WSS && !tail->tls)
        tail->tls = true;
    else if (part.code != P2P_WS)
        return false;
    if (p2p_multiaddr_next(addr, &at, &part)) {
        if (part.code != P2P_HTTP_PATH)
            return false;
        tail->path = part.value;
    }
    return at == addr->len;
}

static bool can_dial(const p2p_multiaddr *addr) {
    ws_tail tail;
    return parse_tail(addr, &tail);
}

static bool can_listen(const p2p_multiaddr *addr) {
    ws_tail tail;
    p2p_sockaddr at;
    return parse_tail(addr, &tail) && p2p_tcp_to_sockaddr(addr, &at);
}

/* --- the layers of a pipe --- */

static p2p_err opened(void *ctx) {
    return p2p_tcp_pipe_upgrade(ctx);
}

static void served(void *ctx, p2p_err err) {
    p2p_tcp_pipe_finish(ctx, err);
}

/* The IP of an address as text, for hosts without a name. */
static void ip_text(char *dst, size_t cap, const p2p_multiaddr *addr) {
    char text[P2P_MULTIADDR_TEXT_MAX];
    p2p_component part;
    size_t at = 0;
    p2p_multiaddr one = {0};
    while (p2p_multiaddr_next(addr, &at, &part) && part.code != P2P_IP4 && part.code != P2P_IP6)
        ;
    dst[0] = '\0';
    if (p2p_multiaddr_push(&one, part.code, part.value) != P2P_OK)
        return;
    p2p_multiaddr_format(text, sizeof text, &one);
    const char *value = strchr(text + 1, '/');
    snprintf(dst, cap, "%.*s", (int)cap - 1, value == NULL ? "" : value + 1);
}

static void host_of(char host[256], const p2p_dial *dial, const ws_tail *tail) {
    if (tail->sni.len > 0 && tail->sni.len < 256) {
        memcpy(host, tail->sni.ptr, tail->sni.len);
        host[tail->sni.len] = '\0';
    } else if (dial->host_name[0] != '\0') {
        memcpy(host, dial->host_name, 256);
    } else {
        ip_text(host, 256, &dial->addr);
    }
}

static p2p_err add_tls(p2p_tcp_pipe *pipe, const char *server) {
    p2p_web_tls_params params = {.env = pipe->owner->transport.env,
        .wire = &pipe->wire,
        .server = server,
        .insecure = pipe->dial != NULL && pipe->dial->insecure_tls,
        .why = pipe->why};
    p2p_layer *layer;
    p2p_err err = p2p_web_tls_new(&layer, &params);
    if (err == P2P_OK)
        p2p_tcp_pipe_add(pipe, layer);
    return err;
}

static p2p_err add_websocket(p2p_tcp_pipe *pipe, bool tls, const p2p_ws_dial *dial) {
    p2p_ws_layer_params params = {.env = pipe->owner->transport.env,
        .wire = &pipe->wire,
        .dial = dial,
        .remote = &pipe->remote_addr,
        .tls = tls,
        .opened = opened,
        .served = served,
        .ctx = pipe,
        .why = pipe->why};
    p2p_layer *layer;
    p2p_err err = p2p_ws_layer_new(&layer, &params);
    if (err == P2P_OK)
        p2p_tcp_pipe_add(pipe, layer);
    return err;
}

static p2p_err begin(p2p_tcp_pipe *pipe, bool tls) {
    char host[256] = "";
    ws_tail tail = {0};
    p2p_err err = P2P_OK;
    if (pipe->dial != NULL && parse_tail(&pipe->dial->addr, &tail))
        host_of(host, pipe->dial, &tail);
    if (tls)
        err = add_tls(pipe, pipe->dial == NULL ? NULL : host);
    if (err != P2P_OK)
        return err;
    p2p_ws_dial dial = {.host = host, .port = pipe->remote.port, .secure = tls, .path = tail.path};
    return add_websocket(pipe, tls, pipe->dial == NULL ? NULL : &dial);
}

static p2p_err begin_ws(p2p_tcp_pipe *pipe) {
    return begin(pipe, false);
}

static p2p_err begin_wss(p2p_tcp_pipe *pipe) {
    return begin(pipe, true);
}

static bool is_method(uint8_t first) {
    return first >= 'A' && first <= 'Z';
}

static bool is_tls(uint8_t first) {
    return first == 0x16; /* a handshake record */
}

static const p2p_tcp_kind WS = {"ws", {P2P_WS}, is_method, begin_ws};
static const p2p_tcp_kind WSS = {"wss", {P2P_TLS, P2P_WS}, is_tls, begin_wss};

/* --- the transport --- */

static p2p_tcp_transport *of(p2p_transport *transport) {
    return P2P_CONTAINER(transport, p2p_tcp_transport, transport);
}

static p2p_err dial(p2p_transport *transport, p2p_dial *dial) {
    ws_tail tail;
    p2p_sockaddr to;
    if (!parse_tail(&dial->addr, &tail) || !p2p_tcp_to_sockaddr(&dial->addr, &to))
        return P2P_ERR_UNSUPPORTED;
    return p2p_tcp_dial(of(transport), dial, tail.tls ? &WSS : &WS, &to);
}

static void cancel(p2p_transport *transport, p2p_dial *dial) {
    (void)transport;
    p2p_tcp_cancel(dial);
}

static p2p_err listen_at(p2p_transport *transport, p2p_listener *listener) {
    ws_tail tail;
    p2p_sockaddr at;
    if (!parse_tail(&listener->addr, &tail) || !p2p_tcp_to_sockaddr(&listener->addr, &at))
        return P2P_ERR_UNSUPPORTED;
    if (tail.tls && !p2p_web_tls_has_certificate(transport->env))
        return P2P_ERR_STATE;
    return p2p_tcp_listen(of(transport), listener, tail.tls ? &WSS : &WS, &at);
}

static void unlisten(p2p_transport *transport, p2p_listener *listener) {
    p2p_tcp_unlisten(of(transport), listener);
}

static p2p_err start(p2p_transport **out, p2p_env *env, const p2p_transport_up *up, void *swarm) {
    return p2p_tcp_transport_new(out, &p2p_websocket, env, up, swarm);
}

const p2p_transport_type p2p_websocket = {
    "ws", can_dial, can_listen, start, p2p_tcp_transport_free, dial, cancel, listen_at, unlisten};
