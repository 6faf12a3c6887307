/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What people read: first who and where, then a line for everything that happens. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "up.h"

enum { AGENT_SHOWN = 60 };

const char *up_short_peer(char dst[32], const p2p_peer_id *peer) {
    char text[P2P_PEER_ID_TEXT_MAX];
    size_t len = p2p_peer_id_format(text, sizeof text, peer);
    if (len > 12)
        snprintf(dst, 32, "%.4s…%s", text, text + len - 6);
    else
        snprintf(dst, 32, "%.12s", text);
    return dst;
}

/* --- the start --- */

static bool for_browsers(const p2p_multiaddr *addr) {
    const char *transport = up_transport_of(addr);
    return strcmp(transport, "tcp") != 0 && strcmp(transport, "quic-v1") != 0;
}

static void print_addrs(up *u, bool browsers) {
    char text[CLI_ADDR_TEXT];
    p2p_multiaddr addr;
    for (size_t i = 0; p2p_host_addr(u->host, i, &addr); i++)
        if (for_browsers(&addr) == browsers)
            cli_say(&u->program->out, CLI_PLAIN, "  %s",
                cli_addr_text(text, &addr, p2p_host_peer(u->host)));
}

void up_print_addrs(up *u) {
    cli_say(&u->program->out, CLI_PLAIN, "addresses for any peer:");
    print_addrs(u, false);
    cli_say(&u->program->out, CLI_PLAIN, "addresses for browsers:");
    print_addrs(u, true);
}

void up_print_start(up *u) {
    static cli_json j;
    char peer[P2P_PEER_ID_TEXT_MAX];
    cli_out *out = &u->program->out;
    cli_json_begin(&j, "up");
    up_describe_node(u, &j);
    cli_json_end(&j, out);
    cli_json_begin(&j, "ready");
    cli_json_end(&j, out);
    cli_say(out, CLI_PLAIN, "peer: %s", cli_peer_text(peer, p2p_host_peer(u->host)));
    up_print_addrs(u);
    if (u->http.daemon != NULL)
        cli_say(out, CLI_GREEN, "page: %s", u->http.url);
    cli_say(out, CLI_PLAIN, "ready");
}

/* --- what happens --- */

static void came(up *u, const p2p_conn *conn) {
    char peer[32], addr[CLI_ADDR_TEXT];
    p2p_conn_stats stats;
    p2p_conn_get_stats(conn, &stats);
    cli_say(&u->program->out, CLI_PLAIN, "%-12s  %s  %-3s  %-13s  %s  in %.1f ms", "connected",
        up_short_peer(peer, p2p_conn_peer(conn)), p2p_conn_outbound(conn) ? "out" : "in",
        up_transport_of(p2p_conn_remote(conn)), cli_addr_text(addr, p2p_conn_remote(conn), NULL),
        (double)stats.setup / (double)P2P_MILLISECOND);
}

static void went(up *u, const p2p_event *event) {
    char peer[32];
    const p2p_conn *conn = event->conn;
    cli_say(&u->program->out, CLI_DIM, "%-12s  %s  %-3s  %-13s  %s", "disconnected",
        up_short_peer(peer, p2p_conn_peer(conn)), p2p_conn_outbound(conn) ? "out" : "in",
        up_transport_of(p2p_conn_remote(conn)), event->reason.text);
}

/* "ping" of /ipfs/ping/1.0.0: the last part of an id that is no version. */
static p2p_bytes short_protocol(p2p_bytes id) {
    size_t end = id.len, begin;
    for (;;) {
        for (begin = end; begin > 0 && id.ptr[begin - 1] != '/';)
            begin--;
        bool version = end > begin && id.ptr[begin] >= '0' && id.ptr[begin] <= '9';
        if (!version || begin < 2)
            return p2p_bytes_of(id.ptr + begin, end - begin);
        end = begin - 1;
    }
}

/* As many names as a line has room for. That it speaks identify is clear when this is printed. */
static void short_protocols(char *dst, size_t cap, const p2p_peer_info *info) {
    size_t len = 0;
    dst[0] = 0;
    for (size_t i = 0; i < info->protocol_count; i++) {
        p2p_bytes name = short_protocol(info->protocols[i]);
        if (p2p_bytes_start(info->protocols[i], P2P_LITERAL("/ipfs/id/")))
            continue;
        if (len + name.len + sizeof " …" >= cap) {
            snprintf(dst + len, cap - len, " …");
            return;
        }
        len += (size_t)snprintf(dst + len, cap - len, "%s%.*s", len > 0 ? " " : ", speaks ",
            (int)name.len, (const char *)name.ptr);
    }
}

/* Browsers put all of their own name behind the library's. */
static size_t short_agent(p2p_bytes agent) {
    size_t len = agent.len < AGENT_SHOWN ? agent.len : AGENT_SHOWN;
    while (len > 0 && len < agent.len && (agent.ptr[len] & 0xc0) == 0x80)
        len--;
    return len;
}

static void identified(up *u, const p2p_event *event) {
    char peer[32], protocols[100];
    p2p_bytes agent = event->info->agent;
    size_t len = short_agent(agent);
    short_protocols(protocols, sizeof protocols, event->info);
    cli_say(&u->program->out, CLI_DIM, "%-12s  %s  %.*s%s%s", "identified",
        up_short_peer(peer, p2p_conn_peer(event->conn)), (int)len, (const char *)agent.ptr,
        len < agent.len ? "…" : "", protocols);
}

static void inbound_failed(up *u, const p2p_event *event) {
    char addr[CLI_ADDR_TEXT];
    cli_say(&u->program->out, CLI_YELLOW, "%-12s  %s  %s", "failed",
        cli_addr_text(addr, &event->addr, NULL), event->reason.text);
}

void up_print_event(up *u, const p2p_event *event) {
    switch (event->type) {
    case P2P_EVENT_CONNECTED:
        came(u, event->conn);
        break;
    case P2P_EVENT_DISCONNECTED:
        went(u, event);
        break;
    case P2P_EVENT_IDENTIFIED:
        identified(u, event);
        break;
    case P2P_EVENT_INBOUND_FAILED:
        inbound_failed(u, event);
        break;
    case P2P_EVENT_ACCEPT_PAUSED:
        cli_note(&u->program->out, CLI_YELLOW, "p2p: accepting pauses for a moment: %s",
            event->reason.text);
        break;
    default:
        break;
    }
}

void up_print_hello(up *u, const p2p_peer_id *from, p2p_bytes name, p2p_bytes text) {
    char peer[32];
    up_short_peer(peer, from);
    if (name.len > 0)
        cli_say(&u->program->out, CLI_GREEN, "hello from %.*s (%s): %.*s", (int)name.len,
            (const char *)name.ptr, peer, (int)text.len, (const char *)text.ptr);
    else
        cli_say(&u->program->out, CLI_GREEN, "hello from %s: %.*s", peer, (int)text.len,
            (const char *)text.ptr);
}
