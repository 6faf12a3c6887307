/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* p2p listen: a peer that answers ping, identify, perf and echo until it is interrupted. */
#include <p2p/perf.h>
#include <p2p/ping.h>

#include <string.h>

#include "program.h"

/* Where it listens when nothing is said. */
static const char *const DEFAULT_LISTEN[] = {"/ip4/0.0.0.0/tcp/4001", "/ip6/::/tcp/4001",
    "/ip4/0.0.0.0/tcp/4001/ws", "/ip6/::/tcp/4001/ws", "/ip4/0.0.0.0/udp/4001/quic-v1",
    "/ip6/::/udp/4001/quic-v1", "/ip4/0.0.0.0/udp/4001/quic-v1/webtransport",
    "/ip6/::/udp/4001/quic-v1/webtransport", "/ip4/0.0.0.0/udp/4001/webrtc-direct",
    "/ip6/::/udp/4001/webrtc-direct", "/ip4/0.0.0.0/tcp/4001/tls/ws", "/ip6/::/tcp/4001/tls/ws"};

/* And with a certificate, the last two. */
enum { DEFAULT_COUNT = sizeof DEFAULT_LISTEN / sizeof DEFAULT_LISTEN[0], NEED_CERTIFICATE = 2 };

enum { TIMER_READY = 1 };

/* A listener on a machine without addresses of its kind says nothing; that is waited for. */
#define PATIENCE (2 * P2P_SECOND)

typedef struct listener {
    uint64_t number;
    bool settled;
} listener;

typedef struct server {
    listener listeners[CLI_LISTEN_MAX];
    size_t count, failed;
    bool ready, over;
} server;

static const char *const *addresses(const cli_program *p, size_t *count) {
    if (p->options.listen_count > 0) {
        *count = p->options.listen_count;
        return p->options.listen;
    }
    *count = p->options.tls_cert != NULL ? DEFAULT_COUNT : DEFAULT_COUNT - NEED_CERTIFICATE;
    return DEFAULT_LISTEN;
}

static bool check(cli_program *p) {
    for (size_t i = 0; i < p->options.listen_count; i++) {
        p2p_multiaddr addr;
        char why[128];
        const char *text = p->options.listen[i];
        if (p2p_multiaddr_parse(&addr, text, why) == P2P_OK)
            continue;
        cli_wrong_use(p, "\"%.80s%s\" is no address: %s; give one such as /ip4/0.0.0.0/tcp/4001",
            text, strlen(text) > 80 ? "…" : "", why);
        return false;
    }
    return true;
}

static void finish(cli_program *p, p2p_host *host) {
    server *own = p->self;
    own->over = true;
    p2p_host_close(host);
}

/* --- listening --- */

static void announce(cli_program *p, p2p_host *host) {
    static cli_json j;
    server *own = p->self;
    p2p_multiaddr addr;
    char text[CLI_ADDR_TEXT];
    const p2p_peer_id *peer = p2p_host_peer(host);
    own->ready = true;
    for (size_t i = 0; p2p_host_addr(host, i, &addr); i++) {
        cli_json_begin(&j, "listening");
        cli_json_addr(&j, "addr", &addr, peer);
        cli_json_end(&j, &p->out);
        cli_say(&p->out, CLI_GREEN, "%s", cli_addr_text(text, &addr, peer));
    }
    cli_json_begin(&j, "ready");
    cli_json_peer(&j, "peer", peer);
    if (p->offload != NULL)
        cli_json_text(&j, "offload", p->offload);
    cli_json_end(&j, &p->out);
    cli_say(&p->out, CLI_PLAIN, "ready");
}

static void ready_when_settled(cli_program *p, p2p_host *host) {
    const server *own = p->self;
    bool all = true;
    for (size_t i = 0; i < own->count; i++)
        all = all && own->listeners[i].settled;
    if (all && !own->ready && !own->over)
        announce(p, host);
}

static void settle(server *own, uint64_t number) {
    for (size_t i = 0; i < own->count; i++)
        own->listeners[i].settled |= own->listeners[i].number == number;
}

static const char *advice(p2p_err err) {
    if (err == P2P_ERR_ADDRESS_IN_USE)
        return "; stop the program that listens there, or give another port with --listen (port 0 "
               "takes a free one)";
    if (err == P2P_ERR_PERMISSION)
        return "; give a port above 1023 with --listen";
    if (err == P2P_ERR_UNREACHABLE)
        return "; give an address of this machine with --listen";
    if (err == P2P_ERR_STATE)
        return "; give its certificate with --tls-cert and --tls-key";
    if (err == P2P_ERR_UNSUPPORTED)
        return "; give an address such as /ip4/0.0.0.0/tcp/4001 with --listen";
    return "";
}

/* On a machine without IPv6 the default address of that kind is left out. */
static bool may_be_missing(const cli_program *p, const server *own, p2p_err err) {
    return p->options.listen_count == 0 && own->failed + 1 < own->count &&
           (err == P2P_ERR_UNSUPPORTED || err == P2P_ERR_UNREACHABLE);
}

static void listen_failed(
    cli_program *p, p2p_host *host, uint64_t number, p2p_err err, const char *text) {
    server *own = p->self;
    settle(own, number);
    if (own->over)
        return;
    if (may_be_missing(p, own, err)) {
        own->failed++;
        ready_when_settled(p, host);
        return;
    }
    cli_fail(p, "%s%s", text, advice(err));
    finish(p, host);
}

static void start(cli_program *p, p2p_host *host) {
    server *own = p->self;
    size_t count;
    const char *const *addrs = addresses(p, &count);
    p2p_err err = p2p_host_add_protocol(host, &p2p_ping_protocol, NULL);
    if (err == P2P_OK)
        err = p2p_host_add_protocol(host, &p2p_perf_protocol, NULL);
    if (err == P2P_OK)
        err = p2p_host_add_protocol(host, &cli_echo_protocol, NULL);
    if (err == P2P_OK)
        err = p2p_host_set_timer(host, TIMER_READY, p2p_host_now(host) + PATIENCE);
    if (err != P2P_OK) {
        cli_fail(p, "cannot start: %s", p2p_err_text(err));
        finish(p, host);
    }
    for (size_t i = 0; i < count && !own->over; i++) {
        p2p_multiaddr addr;
        own->count++;
        err = p2p_multiaddr_parse(&addr, addrs[i], NULL);
        if (err == P2P_OK)
            err = p2p_host_listen(host, &addr, &own->listeners[i].number);
        if (err == P2P_OK)
            continue;
        own->listeners[i].settled = true;
        cli_fail(p, "cannot listen on %.160s: %s%s", addrs[i],
            err == P2P_ERR_UNSUPPORTED ? "no transport of this host listens on such an address"
                                       : p2p_err_text(err),
            advice(err));
        finish(p, host);
    }
}

/* --- connections --- */

static const char *direction(const p2p_conn *conn) {
    return p2p_conn_outbound(conn) ? "outbound" : "inbound";
}

static void came(cli_program *p, const p2p_conn *conn) {
    static cli_json j;
    char addr[CLI_ADDR_TEXT];
    p2p_conn_stats stats;
    p2p_conn_get_stats(conn, &stats);
    cli_json_begin(&j, "connected");
    cli_json_peer(&j, "peer", p2p_conn_peer(conn));
    cli_json_addr(&j, "addr", p2p_conn_remote(conn), NULL);
    cli_json_text(&j, "direction", direction(conn));
    cli_json_text(&j, "transport", p2p_conn_transport(conn));
    cli_json_text(&j, "security", p2p_conn_security(conn));
    cli_json_text(&j, "muxer", p2p_conn_muxer(conn));
    cli_json_float(&j, "setup_ms", (double)stats.setup / (double)P2P_MILLISECOND);
    cli_json_end(&j, &p->out);
    if (!p->out.json)
        cli_note(&p->out, CLI_DIM, "connected: %s (%s %s)",
            cli_addr_text(addr, p2p_conn_remote(conn), p2p_conn_peer(conn)),
            p2p_conn_security(conn), p2p_conn_muxer(conn));
}

static void went(cli_program *p, const p2p_conn *conn, const p2p_reason *reason) {
    static cli_json j;
    char addr[CLI_ADDR_TEXT];
    cli_json_begin(&j, "disconnected");
    cli_json_peer(&j, "peer", p2p_conn_peer(conn));
    cli_json_addr(&j, "addr", p2p_conn_remote(conn), NULL);
    cli_json_bool(&j, "by_peer", reason->by_peer);
    cli_json_text(&j, "error", p2p_err_name(reason->err));
    cli_json_text(&j, "reason", reason->text);
    cli_json_end(&j, &p->out);
    if (!p->out.json)
        cli_note(&p->out, CLI_DIM, "disconnected: %s: %s",
            cli_addr_text(addr, p2p_conn_remote(conn), p2p_conn_peer(conn)), reason->text);
}

static void inbound_failed(cli_program *p, const p2p_event *event) {
    static cli_json j;
    char addr[CLI_ADDR_TEXT];
    cli_json_begin(&j, "inbound-failed");
    cli_json_addr(&j, "addr", &event->addr, NULL);
    cli_json_text(&j, "error", p2p_err_name(event->reason.err));
    cli_json_text(&j, "reason", event->reason.text);
    cli_json_end(&j, &p->out);
    if (!p->out.json)
        cli_note(&p->out, CLI_YELLOW, "a connection from %s did not come about: %s",
            cli_addr_text(addr, &event->addr, NULL), event->reason.text);
}

static void on_event(cli_program *p, p2p_host *host, const p2p_event *event) {
    server *own = p->self;
    switch (event->type) {
    case P2P_EVENT_LISTENING:
        settle(own, event->listener);
        ready_when_settled(p, host);
        break;
    case P2P_EVENT_TIMER:
        if (!own->ready && !own->over)
            announce(p, host);
        break;
    case P2P_EVENT_LISTEN_FAILED:
        listen_failed(p, host, event->listener, event->reason.err, event->reason.text);
        break;
    case P2P_EVENT_CONNECTED:
        came(p, event->conn);
        break;
    case P2P_EVENT_DISCONNECTED:
        went(p, event->conn, &event->reason);
        break;
    case P2P_EVENT_INBOUND_FAILED:
        inbound_failed(p, event);
        break;
    case P2P_EVENT_ACCEPT_PAUSED:
        cli_note(&p->out, CLI_YELLOW, "p2p: accepting pauses for a moment: %s", event->reason.text);
        break;
    default:
        break;
    }
}

static void interrupt(cli_program *p, p2p_host *host) {
    finish(p, host);
}

const cli_command cli_listen = {.name = "listen",
    .operands = "",
    .options = " listen key tls-cert tls-key security muxer json log qlog record ",
    .about = "be a peer: serve ping, identify, perf and echo",
    .help = "Prints its addresses, one a line, then `ready`, and serves ping, identify, perf and\n"
            "echo until Ctrl-C. Without --listen: all transports on port 4001, IPv4 and IPv6,\n"
            "wss if there is a certificate.",
    .run = cli_run,
    .self_size = sizeof(server),
    .check = check,
    .start = start,
    .event = on_event,
    .interrupt = interrupt};
