/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* p2p ping: round trips, one after the other. */
#include <p2p/ping.h>

#include "client.h"

#define PATIENCE (10 * P2P_SECOND)

enum { TIMER_NEXT = 1 };

typedef struct pinger {
    cli_client client;
    p2p_ping *ping;
    uint64_t sent, received;
    p2p_time least, most, sum;
} pinger;

static double ms(p2p_time t) {
    return (double)t / (double)P2P_MILLISECOND;
}

static void summary(cli_program *p) {
    static cli_json j;
    const pinger *own = p->self;
    p2p_time mean = own->received > 0 ? own->sum / own->received : 0;
    cli_json_begin(&j, "ping");
    cli_json_int(&j, "sent", own->sent);
    cli_json_int(&j, "received", own->received);
    cli_json_float(&j, "min_ms", ms(own->least));
    cli_json_float(&j, "mean_ms", ms(mean));
    cli_json_float(&j, "max_ms", ms(own->most));
    cli_json_end(&j, &p->out);
    cli_say(&p->out, CLI_GREEN, "%llu sent, %llu answered, min %.3f ms, mean %.3f ms, max %.3f ms",
        (unsigned long long)own->sent, (unsigned long long)own->received, ms(own->least), ms(mean),
        ms(own->most));
}

static void answered(cli_program *p, p2p_time rtt) {
    static cli_json j;
    pinger *own = p->self;
    char peer[P2P_PEER_ID_TEXT_MAX];
    own->received++;
    own->sum += rtt;
    own->least = own->received == 1 || rtt < own->least ? rtt : own->least;
    own->most = rtt > own->most ? rtt : own->most;
    const p2p_peer_id *id = p2p_conn_peer(own->client.conn);
    cli_json_begin(&j, "pong");
    cli_json_peer(&j, "peer", id);
    cli_json_int(&j, "seq", own->received);
    cli_json_float(&j, "rtt_ms", ms(rtt));
    cli_json_end(&j, &p->out);
    cli_say(&p->out, CLI_PLAIN, "%s seq %llu rtt %.3f ms", cli_peer_text(peer, id),
        (unsigned long long)own->received, ms(rtt));
}

static void finish(cli_program *p, p2p_host *host) {
    pinger *own = p->self;
    if (own->ping != NULL)
        p2p_ping_stop(own->ping);
    own->ping = NULL;
    summary(p);
    cli_client_finish(p, host);
}

static void next(cli_program *p) {
    pinger *own = p->self;
    own->sent++;
    p2p_ping_send(own->ping);
}

static void on_ping(void *ctx, p2p_ping *ping, p2p_err err, p2p_time rtt) {
    cli_program *p = ctx;
    pinger *own = p->self;
    if (own->client.conn == NULL)
        return; /* its end is told once */
    p2p_host *host = p2p_conn_host(own->client.conn);
    (void)ping;
    if (err != P2P_OK) {
        own->ping = NULL;
        if (own->client.over)
            return;
        cli_fail(p, "no answer to ping %llu: %s", (unsigned long long)own->sent,
            err == P2P_ERR_TIMEOUT ? "10 seconds passed" : p2p_err_text(err));
        finish(p, host);
        return;
    }
    answered(p, rtt);
    if (own->sent < p->options.count && p->options.interval == 0)
        next(p);
    else if (own->sent == p->options.count ||
             p2p_host_set_timer(host, TIMER_NEXT, p2p_host_now(host) + p->options.interval) !=
                 P2P_OK)
        finish(p, host);
}

static void connected(cli_program *p, p2p_host *host) {
    pinger *own = p->self;
    own->sent = 1;
    p2p_err err = p2p_ping_start(&own->ping, own->client.conn, PATIENCE, on_ping, p);
    if (err == P2P_OK)
        return;
    cli_fail(p, "cannot ping: %s", p2p_err_text(err));
    cli_client_finish(p, host);
}

static void on_event(cli_program *p, p2p_host *host, const p2p_event *event) {
    const pinger *own = p->self;
    (void)host;
    if (event->type == P2P_EVENT_TIMER && own->ping != NULL)
        next(p);
}

static void start(cli_program *p, p2p_host *host) {
    pinger *own = p->self;
    own->client.connected = connected;
    own->client.event = on_event;
    cli_client_start(p, host);
}

static void interrupt(cli_program *p, p2p_host *host) {
    const pinger *own = p->self;
    if (own->received > 0 && !own->client.over)
        finish(p, host);
    else
        cli_client_interrupt(p, host);
}

const cli_command cli_ping = {.name = "ping",
    .operands = "ADDR",
    .operands_min = 1,
    .operands_max = 1,
    .options = " count interval key security muxer json log qlog record ",
    .about = "measure round trips to a peer",
    .help = "Connects to ADDR and sends pings (/ipfs/ping/1.0.0): 4, or --count. A Ctrl-C ends it\n"
            "with the summary.",
    .run = cli_run,
    .self_size = sizeof(pinger),
    .check = cli_client_check,
    .start = start,
    .event = cli_client_event,
    .interrupt = interrupt};
