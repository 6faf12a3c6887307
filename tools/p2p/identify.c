/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* p2p identify: what a peer says about itself. */
#include "client.h"

#define PATIENCE (15 * P2P_SECOND)

enum { TIMER_PATIENCE = 1 };

typedef struct asker {
    cli_client client;
} asker;

static bool addrs_are_signed(const p2p_peer_info *info) {
    static p2p_peer_record record;
    return info->signed_record.len > 0 &&
           p2p_peer_record_open(&record, info->signed_record) == P2P_OK;
}

static void print_json(cli_program *p, const p2p_conn *conn, const p2p_peer_info *info) {
    static cli_json j;
    char text[CLI_ADDR_TEXT];
    cli_json_begin(&j, "identify");
    cli_json_peer(&j, "peer", p2p_conn_peer(conn));
    cli_json_bytes(&j, "agent", info->agent);
    cli_json_bytes(&j, "protocol_version", info->protocol_version);
    if (info->observed.len > 0)
        cli_json_addr(&j, "observed", &info->observed, NULL);
    cli_json_bool(&j, "addrs_signed", addrs_are_signed(info));
    cli_json_list(&j, "protocols");
    for (size_t i = 0; i < info->protocol_count; i++)
        cli_json_item(&j, info->protocols[i]);
    cli_json_list_end(&j);
    cli_json_list(&j, "addrs");
    for (size_t i = 0; i < info->addr_count; i++) {
        p2p_multiaddr_format(text, sizeof text, &info->addrs[i]);
        cli_json_item(&j, (p2p_bytes){(const uint8_t *)text, __builtin_strlen(text)});
    }
    cli_json_list_end(&j);
    cli_json_end(&j, &p->out);
}

static void print_text(cli_program *p, const p2p_conn *conn, const p2p_peer_info *info) {
    cli_out *out = &p->out;
    char text[CLI_ADDR_TEXT];
    cli_say(out, CLI_GREEN, "peer      %s", cli_peer_text(text, p2p_conn_peer(conn)));
    cli_say(out, CLI_PLAIN, "agent     %.*s", (int)info->agent.len, (const char *)info->agent.ptr);
    cli_say(out, CLI_PLAIN, "version   %.*s", (int)info->protocol_version.len,
        (const char *)info->protocol_version.ptr);
    if (info->observed.len > 0)
        cli_say(out, CLI_PLAIN, "sees us   %s", cli_addr_text(text, &info->observed, NULL));
    for (size_t i = 0; i < info->protocol_count; i++)
        cli_say(out, CLI_PLAIN, "protocol  %.*s", (int)info->protocols[i].len,
            (const char *)info->protocols[i].ptr);
    const char *note = addrs_are_signed(info) ? " (signed)" : "";
    for (size_t i = 0; i < info->addr_count; i++)
        cli_say(out, CLI_PLAIN, "address   %s%s", cli_addr_text(text, &info->addrs[i], NULL), note);
}

static void on_event(cli_program *p, p2p_host *host, const p2p_event *event) {
    const asker *own = p->self;
    if (event->type == P2P_EVENT_IDENTIFIED && event->conn == own->client.conn) {
        print_json(p, event->conn, event->info);
        print_text(p, event->conn, event->info);
        cli_client_finish(p, host);
    } else if (event->type == P2P_EVENT_TIMER) {
        cli_fail(p, "the peer did not identify itself within 15 seconds; it may not speak "
                    "/ipfs/id/1.0.0");
        cli_client_finish(p, host);
    }
}

static void connected(cli_program *p, p2p_host *host) {
    if (p2p_host_set_timer(host, TIMER_PATIENCE, p2p_host_now(host) + PATIENCE) == P2P_OK)
        return;
    cli_fail(p, "out of memory; close other programs and try again");
    cli_client_finish(p, host);
}

static void start(cli_program *p, p2p_host *host) {
    asker *own = p->self;
    own->client.connected = connected;
    own->client.event = on_event;
    cli_client_start(p, host);
}

const cli_command cli_identify = {.name = "identify",
    .operands = "ADDR",
    .operands_min = 1,
    .operands_max = 1,
    .options = " key security muxer json log qlog record ",
    .about = "ask a peer what it is and speaks",
    .help =
        "Connects to ADDR and prints what the peer tells about itself (/ipfs/id/1.0.0): agent,\n"
        "protocols, addresses, and how it sees us.",
    .run = cli_run,
    .self_size = sizeof(asker),
    .check = cli_client_check,
    .start = start,
    .event = cli_client_event,
    .interrupt = cli_client_interrupt};
