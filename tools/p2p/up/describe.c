/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The node and its peers as JSON: /api/node, /api/peers, and the first line of --json. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "up.h"

enum { PEERS_SHOWN = 256 };

static double ms(p2p_time t) {
    return (double)t / (double)P2P_MILLISECOND;
}

const char *up_transport_of(const p2p_multiaddr *addr) {
    if (p2p_multiaddr_has(addr, P2P_WEBTRANSPORT))
        return "webtransport";
    if (p2p_multiaddr_has(addr, P2P_WEBRTC_DIRECT))
        return "webrtc-direct";
    if (p2p_multiaddr_has(addr, P2P_QUIC_V1))
        return "quic-v1";
    if (p2p_multiaddr_has(addr, P2P_WSS) ||
        (p2p_multiaddr_has(addr, P2P_WS) && p2p_multiaddr_has(addr, P2P_TLS)))
        return "wss";
    return p2p_multiaddr_has(addr, P2P_WS) ? "ws" : "tcp";
}

/* --- addresses --- */

/* From near to far: loopback, this network, the world. */
static int distance(const p2p_multiaddr *addr) {
    p2p_sockaddr at;
    p2p_proto_code transport;
    if (!p2p_multiaddr_to_sockaddr(addr, &at, &transport))
        return 2;
    return p2p_sockaddr_is_loopback(&at) ? 0 : p2p_sockaddr_is_public(&at) ? 2 : 1;
}

static void put_addr(cli_json *j, const p2p_multiaddr *addr, const p2p_peer_id *peer) {
    char text[CLI_ADDR_TEXT];
    cli_json_item(j, p2p_bytes_text(cli_addr_text(text, addr, peer)));
}

static void put_addrs_of(const up *u, cli_json *j, const char *transport) {
    p2p_multiaddr addr;
    cli_json_list(j, transport);
    for (int far = 0; far <= 2; far++)
        for (size_t i = 0; p2p_host_addr(u->host, i, &addr); i++)
            if (distance(&addr) == far && strcmp(up_transport_of(&addr), transport) == 0)
                put_addr(j, &addr, p2p_host_peer(u->host));
    cli_json_list_end(j);
}

void up_describe_addrs(up *u, cli_json *j) {
    static const char *const BROWSER[] = {"ws", "wss", "webtransport", "webrtc-direct"};
    p2p_multiaddr addr;
    cli_json_list(j, "addrs");
    for (size_t i = 0; p2p_host_addr(u->host, i, &addr); i++)
        put_addr(j, &addr, p2p_host_peer(u->host));
    cli_json_list_end(j);
    cli_json_object(j, "browser");
    for (size_t i = 0; i < P2P_COUNT(BROWSER); i++)
        put_addrs_of(u, j, BROWSER[i]);
    cli_json_object_end(j);
}

/* --- the node --- */

static void put_limit(cli_json *j, const char *name, size_t used, size_t max) {
    cli_json_object(j, NULL);
    cli_json_text(j, "name", name);
    cli_json_int(j, "used", used);
    cli_json_int(j, "max", max);
    cli_json_object_end(j);
}

static void put_limits(const up *u, cli_json *j) {
    const p2p_limits *limits = p2p_host_limits(u->host);
    p2p_usage usage;
    p2p_host_get_usage(u->host, &usage);
    cli_json_list(j, "limits");
    put_limit(j, "connections", usage.conns, limits->conns);
    put_limit(j, "streams", usage.streams, limits->streams);
    put_limit(j, "buffered_bytes", usage.buffered_bytes, limits->buffered_bytes);
    put_limit(j, "dials", usage.dials, limits->dials);
    put_limit(j, "peers", usage.peers, limits->peers);
    cli_json_list_end(j);
}

void up_describe_node(up *u, cli_json *j) {
    const char *id;
    char agent[64];
    snprintf(agent, sizeof agent, "c-libp2p/%s", p2p_version());
    cli_json_text(j, "version", p2p_version());
    cli_json_text(j, "agent", agent);
    cli_json_peer(j, "peer", p2p_host_peer(u->host));
    cli_json_int(j, "started_ms", u->started_ms);
    cli_json_int(j, "now_ms", up_wall_ms());
    if (u->http.daemon != NULL)
        cli_json_text(j, "page", u->http.url);
    else
        cli_json_null(j, "page");
    up_describe_addrs(u, j);
    cli_json_list(j, "protocols");
    for (size_t i = 0; (id = p2p_host_protocol(u->host, i)) != NULL; i++)
        cli_json_item(j, p2p_bytes_text(id));
    cli_json_list_end(j);
    cli_json_text(j, "offload", p2p_node_offload(u->node));
    put_limits(u, j);
}

/* --- peers --- */

void up_describe_conn(cli_json *j, const p2p_conn *conn) {
    cli_json_int(j, "id", p2p_conn_id(conn));
    cli_json_peer(j, "peer", p2p_conn_peer(conn));
    cli_json_addr(j, "addr", p2p_conn_remote(conn), NULL);
    cli_json_text(j, "direction", p2p_conn_outbound(conn) ? "out" : "in");
    cli_json_text(j, "transport", p2p_conn_transport(conn));
    cli_json_text(j, "security", p2p_conn_security(conn));
    cli_json_text(j, "muxer", p2p_conn_muxer(conn));
}

static void put_conn(cli_json *j, const p2p_conn *conn) {
    p2p_conn_stats stats;
    p2p_time now = uv_hrtime();
    p2p_conn_get_stats(conn, &stats);
    p2p_time age = now > stats.opened ? now - stats.opened : 0;
    cli_json_object(j, NULL);
    up_describe_conn(j, conn);
    cli_json_bool(j, "limited", p2p_conn_limited(conn));
    cli_json_int(j, "opened_ms", up_wall_ms() - age / P2P_MILLISECOND);
    cli_json_int(j, "age_ms", age / P2P_MILLISECOND);
    cli_json_float(j, "setup_ms", ms(stats.setup));
    if (stats.rtt > 0)
        cli_json_float(j, "rtt_ms", ms(stats.rtt));
    else
        cli_json_null(j, "rtt_ms");
    cli_json_int(j, "streams", stats.streams);
    cli_json_int(j, "bytes_in", stats.bytes_in);
    cli_json_int(j, "bytes_out", stats.bytes_out);
    cli_json_object_end(j);
}

static void put_peer(const up *u, cli_json *j, const p2p_conn *best) {
    const up_peer_info *info = NULL;
    const p2p_peer_id *peer = p2p_conn_peer(best);
    cli_json_object(j, NULL);
    cli_json_peer(j, "peer", peer);
    cli_json_list(j, "connections");
    for (p2p_conn *c = NULL; (c = p2p_host_next_conn(u->host, c)) != NULL;) {
        if (!p2p_peer_id_equal(p2p_conn_peer(c), peer))
            continue;
        put_conn(j, c);
        info = p2p_conn_user(c) != NULL ? p2p_conn_user(c) : info;
    }
    cli_json_list_end(j);
    cli_json_text(j, "agent", info != NULL ? info->agent : "");
    cli_json_list(j, "protocols");
    for (size_t i = 0; info != NULL && i < info->protocol_count; i++)
        cli_json_item(j, p2p_bytes_text(info->protocols[i]));
    cli_json_list_end(j);
    cli_json_object_end(j);
}

void up_describe_peers(up *u, cli_json *j) {
    size_t count = 0;
    cli_json_list(j, "peers");
    for (p2p_conn *c = NULL; (c = p2p_host_next_conn(u->host, c)) != NULL;) {
        /* The best connection stands for the peer. */
        if (p2p_host_find_conn(u->host, p2p_conn_peer(c)) == c && ++count <= PEERS_SHOWN)
            put_peer(u, j, c);
    }
    cli_json_list_end(j);
    cli_json_int(j, "hidden", count > PEERS_SHOWN ? count - PEERS_SHOWN : 0);
}
