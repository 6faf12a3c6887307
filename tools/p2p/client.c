/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "client.h"

#include <string.h>

bool cli_client_check(cli_program *p) {
    char why[128];
    const char *text = p->options.operands[0];
    p2p_multiaddr addr;
    if (p2p_multiaddr_parse(&addr, text, why) == P2P_OK)
        return true;
    cli_wrong_use(p,
        "\"%.80s%s\" is no address: %s; give one such as /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW…",
        text, strlen(text) > 80 ? "…" : "", why);
    return false;
}

static const char *advice(p2p_err err) {
    switch (err) {
    case P2P_ERR_REFUSED:
        return "; check the port, and that the peer is running";
    case P2P_ERR_TIMEOUT:
    case P2P_ERR_UNREACHABLE:
        return "; check the address, the network and firewalls between";
    case P2P_ERR_WRONG_PEER:
        return "; correct the /p2p/ part of the address if that is the right peer";
    case P2P_ERR_NO_SECURITY:
        return "; try another list with --security";
    case P2P_ERR_NO_MUXER:
        return "; try another list with --muxer";
    case P2P_ERR_RESOLVE:
        return "; check the name, or give its /ip4 or /ip6 address";
    case P2P_ERR_UNSUPPORTED:
        return "; give an address such as /ip4/192.0.2.1/tcp/4001";
    case P2P_ERR_NOT_FOUND:
        return "; give one with an IP address or name before /p2p/";
    case P2P_ERR_INVALID:
        return "; check the address";
    default:
        return "";
    }
}

static void cannot_reach(cli_program *p, p2p_host *host, p2p_err err, const char *text) {
    const char *addr = p->options.operands[0];
    cli_fail(
        p, "cannot reach %.160s%s: %s%s", addr, strlen(addr) > 160 ? "…" : "", text, advice(err));
    cli_client_finish(p, host);
}

void cli_client_start(cli_program *p, p2p_host *host) {
    cli_client *c = p->self;
    p2p_err err = p2p_multiaddr_parse(&c->addr, p->options.operands[0], NULL);
    if (err == P2P_OK)
        err = p2p_host_dial(host, NULL, &c->addr, 1, NULL, NULL);
    if (err != P2P_OK)
        cannot_reach(p, host, err, p2p_err_text(err));
}

void cli_client_finish(cli_program *p, p2p_host *host) {
    cli_client *c = p->self;
    c->over = true;
    p2p_host_close(host);
}

static void tell_connected(cli_program *p) {
    static cli_json j;
    const cli_client *c = p->self;
    p2p_conn_stats stats;
    p2p_conn_get_stats(c->conn, &stats);
    cli_json_begin(&j, "connected");
    cli_json_peer(&j, "peer", p2p_conn_peer(c->conn));
    cli_json_addr(&j, "addr", p2p_conn_remote(c->conn), NULL);
    cli_json_text(&j, "direction", "outbound");
    cli_json_text(&j, "transport", p2p_conn_transport(c->conn));
    cli_json_text(&j, "security", p2p_conn_security(c->conn));
    cli_json_text(&j, "muxer", p2p_conn_muxer(c->conn));
    cli_json_float(&j, "setup_ms", (double)stats.setup / (double)P2P_MILLISECOND);
    cli_json_end(&j, &p->out);
}

static void lost(cli_program *p, p2p_host *host, const p2p_reason *reason) {
    cli_client *c = p->self;
    c->conn = NULL;
    if (c->over)
        return;
    cli_fail(p, "the connection was lost: %s; try again", reason->text);
    cli_client_finish(p, host);
}

void cli_client_event(cli_program *p, p2p_host *host, const p2p_event *event) {
    cli_client *c = p->self;
    switch (event->type) {
    case P2P_EVENT_DIALED:
        c->conn = event->conn;
        tell_connected(p);
        if (!c->over)
            c->connected(p, host);
        break;
    case P2P_EVENT_DIAL_FAILED:
        if (!c->over)
            cannot_reach(p, host, event->reason.err, event->reason.text);
        break;
    case P2P_EVENT_DISCONNECTED:
        if (event->conn == c->conn)
            lost(p, host, &event->reason);
        break;
    default:
        if (c->event != NULL && !c->over)
            c->event(p, host, event);
        break;
    }
}

void cli_client_interrupt(cli_program *p, p2p_host *host) {
    const cli_client *c = p->self;
    if (!c->over)
        cli_fail(p, "interrupted before it was done");
    cli_client_finish(p, host);
}
