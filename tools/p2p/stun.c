/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* p2p stun: how a STUN server sees this machine. */
#include <p2p/stun.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "program.h"

enum { PORT = 3478, NAME_MAX_LEN = 253 };

typedef struct asker {
    p2p_host *host;
    p2p_multiaddr server;
    p2p_stun_query *query; /* NULL: not under way */
} asker;

/* --- the address --- */

/* "HOST", "HOST:PORT", "[IPv6]:PORT", with or without the "stun:" of RFC 7064, as a multiaddr. */
static bool split(const char *text, char name[NAME_MAX_LEN + 1], unsigned *port) {
    if (strncmp(text, "stun:", 5) == 0)
        text += 5;
    bool bracket = text[0] == '[';
    const char *end = bracket ? strchr(text, ']') : strrchr(text, ':');
    if (!bracket && end != NULL && strchr(text, ':') != end)
        end = NULL; /* a bare IPv6 address */
    const char *from = bracket ? text + 1 : text;
    size_t len = end != NULL ? (size_t)(end - from) : bracket ? 0 : strlen(from);
    const char *colon = bracket && end != NULL ? end + 1 : end;
    if (len == 0 || len > NAME_MAX_LEN || (colon != NULL && *colon != ':' && *colon != 0))
        return false;
    memcpy(name, from, len);
    name[len] = 0;
    *port = PORT;
    if (colon == NULL || *colon == 0)
        return true;
    char *rest;
    unsigned long number = strtoul(colon + 1, &rest, 10);
    *port = (unsigned)number;
    return colon[1] >= '0' && colon[1] <= '9' && *rest == 0 && number > 0 && number < 65536;
}

static bool read_server(p2p_multiaddr *addr, const char *text) {
    static const char *const KINDS[] = {"ip4", "ip6", "dns"};
    char name[NAME_MAX_LEN + 1], full[NAME_MAX_LEN + 32];
    unsigned port;
    if (text[0] == '/')
        return p2p_multiaddr_parse(addr, text, NULL) == P2P_OK;
    if (!split(text, name, &port) || strchr(name, '/') != NULL)
        return false;
    for (size_t i = 0; i < P2P_COUNT(KINDS); i++) {
        snprintf(full, sizeof full, "/%s/%s/udp/%u", KINDS[i], name, port);
        if (p2p_multiaddr_parse(addr, full, NULL) == P2P_OK)
            return true;
    }
    return false;
}

static bool check(cli_program *p) {
    asker scratch;
    const char *text = p->options.operands[0];
    if (read_server(&scratch.server, text) && p2p_multiaddr_has(&scratch.server, P2P_UDP))
        return true;
    cli_wrong_use(p,
        "\"%.80s%s\" is no address of a STUN server; give one such as stun.example.org:3478 or "
        "/ip4/192.0.2.1/udp/4001",
        text, strlen(text) > 80 ? "…" : "");
    return false;
}

/* --- the answer --- */

static void print_address(cli_json *j, const char *name, const p2p_sockaddr *from) {
    p2p_multiaddr addr;
    if (from->family == 0)
        return;
    p2p_multiaddr_from_sockaddr(&addr, from, P2P_UDP);
    cli_json_addr(j, name, &addr, NULL);
}

static void print_json(cli_program *p, const p2p_stun_answer *answer) {
    static cli_json j;
    cli_json_begin(&j, "stun");
    print_address(&j, "addr", &answer->mapped);
    print_address(&j, "server", &answer->server);
    print_address(&j, "local", &answer->local);
    if (answer->local.family != 0)
        cli_json_bool(&j, "nat", !p2p_sockaddr_equal(&answer->local, &answer->mapped));
    if (answer->software.len > 0)
        cli_json_bytes(&j, "software", answer->software);
    cli_json_int(&j, "requests", answer->requests);
    cli_json_float(&j, "took_ms", (double)answer->took / (double)P2P_MILLISECOND);
    cli_json_end(&j, &p->out);
}

static void print_text(cli_program *p, const p2p_stun_answer *answer) {
    char text[CLI_ADDR_TEXT];
    p2p_multiaddr addr;
    p2p_multiaddr_from_sockaddr(&addr, &answer->mapped, P2P_UDP);
    const char *nat = answer->local.family == 0                             ? ""
                      : p2p_sockaddr_equal(&answer->local, &answer->mapped) ? " (no NAT between)"
                                                                            : " (behind a NAT)";
    cli_say(&p->out, CLI_GREEN, "%s%s", cli_addr_text(text, &addr, NULL), nat);
}

static void explain(cli_program *p, const p2p_stun_answer *answer) {
    const char *who = p->options.operands[0];
    const char *dots = strlen(who) > 160 ? "…" : "";
    if (answer->err == P2P_ERR_TIMEOUT)
        cli_fail(p,
            "no answer from %.160s%s to %u request%s within %.1f seconds; check the address and "
            "port, that UDP is let through, and that a STUN server runs there",
            who, dots, answer->requests, answer->requests == 1 ? "" : "s",
            (double)answer->took / (double)P2P_SECOND);
    else if (answer->code != 0)
        cli_fail(p, "%.160s%s refused with STUN error %u%s; ask another server", who, dots,
            answer->code, answer->code == 401 ? " (it wants credentials)" : "");
    else if (answer->err == P2P_ERR_RESOLVE)
        cli_fail(
            p, "the name in %.160s%s has no address; check it, or give an IP address", who, dots);
    else
        cli_fail(
            p, "cannot ask %.160s%s: %s; ask another server", who, dots, p2p_err_text(answer->err));
}

static void answered(void *ctx, const p2p_stun_answer *answer) {
    cli_program *p = ctx;
    asker *own = p->self;
    own->query = NULL;
    if (answer->err == P2P_OK) {
        print_json(p, answer);
        print_text(p, answer);
    } else {
        explain(p, answer);
    }
    p2p_host_close(own->host);
}

/* --- life --- */

static void start(cli_program *p, p2p_host *host) {
    asker *own = p->self;
    const p2p_stun_options options = {
        .size = sizeof options, .requests = (unsigned)p->options.requests, .rto = p->options.rto};
    own->host = host;
    p2p_err err = read_server(&own->server, p->options.operands[0])
                      ? p2p_stun_ask(&own->query, host, &own->server, &options, answered, p)
                      : P2P_ERR_INVALID;
    if (err == P2P_OK)
        return;
    cli_fail(p, "cannot ask %.160s: %s; give an address such as stun.example.org:3478",
        p->options.operands[0], p2p_err_text(err));
    p2p_host_close(host);
}

static void event(cli_program *p, p2p_host *host, const p2p_event *event) {
    (void)p, (void)host, (void)event;
}

static void interrupt(cli_program *p, p2p_host *host) {
    asker *own = p->self;
    if (own->query != NULL) {
        p2p_stun_cancel(own->query);
        cli_fail(p, "interrupted before an answer came");
    }
    own->query = NULL;
    p2p_host_close(host);
}

const cli_command cli_stun = {.name = "stun",
    .operands = "ADDR",
    .operands_min = 1,
    .operands_max = 1,
    .options = " requests rto json log ",
    .about = "ask a STUN server for one's own address",
    .help = "Asks the STUN server at ADDR how it sees this machine: HOST:PORT (port 3478 if not\n"
            "given), or a multiaddr with /udp/. Every node that listens on webrtc-direct is one,\n"
            "unless it was told not to be. Requests are repeated as RFC 8489 says.",
    .run = cli_run,
    .self_size = sizeof(asker),
    .check = check,
    .start = start,
    .event = event,
    .interrupt = interrupt};
