/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The program that the public test suites run in a container: transport interop in its modern and
 * its legacy contract, and perf (README.md). Dialler and listener meet through redis. What the
 * suite reads goes to stdout, everything else to stderr. Exit status: 0 passed, 1 failed, 2 the
 * environment makes no sense.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <p2p/node.h>
#include <p2p/perf.h>
#include <p2p/ping.h>

#include "../c/certificate.h"
#include "perf.h"
#include "rendezvous.h"

enum { TIMER_OVER = 1, REASON_MAX = 400 };

static settings own;
static p2p_node *node;
static p2p_time dial_started;
static bool published;
static int exit_status = 1; /* until something has passed */

static p2p_host *host(void) {
    return p2p_node_host(node);
}

static void say(const char *what, const char *why) {
    fprintf(stderr, "contract: %s%s%s\n", what, why[0] == 0 ? "" : ": ", why);
}

/* The program is over: the connection says goodbye, then the loop ends. */
static void finish(int status) {
    exit_status = status;
    p2p_host_close(host());
}

static void must(p2p_err err, const char *what) {
    if (err == P2P_OK)
        return;
    say(what, p2p_err_text(err));
    exit(1);
}

static void on_event(void *ctx, p2p_host *h, const p2p_event *event);

static void make_node(void) {
    p2p_config config = P2P_CONFIG_DEFAULTS;
    if (own.security[0] != NULL)
        config.security = own.security;
    if (own.muxers[0] != NULL)
        config.muxers = own.muxers;
    must(p2p_node_new(&node, &config), "cannot start");
    p2p_node_on_event(node, on_event, NULL);
    must(p2p_host_add_protocol(host(), &p2p_ping_protocol, NULL), "ping");
    must(p2p_host_add_protocol(host(), &p2p_perf_protocol, NULL), "perf");
    must(p2p_host_set_timer(host(), TIMER_OVER, p2p_host_now(host()) + own.timeout), "timer");
}

/* --- the dialler --- */

static double milliseconds(p2p_time t) {
    return (double)t / (double)P2P_MILLISECOND;
}

/* Both texts are read by programs to the letter, the misspelt name included. */
static void print_latency(p2p_time handshake_plus_one_rtt, p2p_time rtt) {
    double both = milliseconds(handshake_plus_one_rtt), one = milliseconds(rtt);
    if (own.legacy)
        printf("{\"handshakePlusOneRTTMillis\":%.3f,\"pingRTTMilllis\":%.3f}\n", both, one);
    else
        printf(
            "latency:\n  handshake_plus_one_rtt: %.3f\n  ping_rtt: %.3f\n  unit: ms\n", both, one);
    fflush(stdout);
}

static void on_ping(void *ctx, p2p_ping *ping, p2p_err err, p2p_time rtt) {
    (void)ctx;
    if (err != P2P_OK) {
        say("no answer to the ping", p2p_err_text(err));
        finish(1);
        return;
    }
    print_latency(p2p_host_now(host()) - dial_started, rtt);
    p2p_ping_stop(ping);
    finish(0);
}

static void on_perf(const char *why) {
    if (why != NULL)
        say("perf failed", why);
    finish(why == NULL ? 0 : 1);
}

static void on_dialed(p2p_conn *conn) {
    p2p_ping *ping;
    if (own.perf)
        perf_start(conn, &own.amounts, on_perf);
    else
        must(p2p_ping_start(&ping, conn, own.timeout, on_ping, NULL), "cannot ping");
}

/* The node is made when there is somebody to dial: its clock stands still until it runs. */
static void dial(void) {
    char text[P2P_MULTIADDR_TEXT_MAX], why[REASON_MAX], parse_why[128];
    p2p_multiaddr addr;
    const p2p_dial_options options = {.size = sizeof options, .insecure_tls = true};
    if (!rendezvous_find(&own, text, sizeof text, why, sizeof why)) {
        say(why, "");
        exit(1);
    }
    if (p2p_multiaddr_parse(&addr, text, parse_why) != P2P_OK) {
        say("the listener's address makes no sense", parse_why);
        exit(1);
    }
    fprintf(stderr, "contract: dialling %s\n", text);
    make_node();
    dial_started = p2p_host_now(host());
    must(p2p_host_dial(host(), NULL, &addr, 1, &options, NULL), "cannot dial");
}

/* --- the listener --- */

/* The first address that others can use; on a machine that has only loopback, that one. */
static void publish(void) {
    char text[P2P_MULTIADDR_TEXT_MAX + P2P_PEER_ID_TEXT_MAX + 8], why[REASON_MAX];
    p2p_multiaddr addr, best = {0};
    for (size_t i = 0; p2p_host_addr(host(), i, &addr); i++) {
        p2p_multiaddr_format(text, sizeof text, &addr);
        bool loopback = strncmp(text, "/ip4/127.", 9) == 0 || strncmp(text, "/ip6/::1/", 9) == 0;
        if (best.len == 0 || !loopback)
            best = addr;
        if (!loopback)
            break;
    }
    size_t len = p2p_multiaddr_format(text, sizeof text, &best);
    len += (size_t)snprintf(text + len, sizeof text - len, "/p2p/");
    p2p_peer_id_format(text + len, sizeof text - len, p2p_host_peer(host()));
    if (!rendezvous_leave(&own, text, why, sizeof why)) {
        say(why, "");
        exit(1);
    }
    fprintf(stderr, "contract: listening at %s\n", text);
}

static void listen_somewhere(void) {
    char why[REASON_MAX];
    if (!rendezvous_check(&own, why, sizeof why)) {
        say(why, "");
        exit(1);
    }
    make_node();
    must(show_certificate(host()), "no certificate for wss");
    must(p2p_node_listen(node, own.listen), "cannot listen");
}

/* --- the program --- */

static void on_event(void *ctx, p2p_host *h, const p2p_event *event) {
    (void)ctx;
    (void)h;
    switch (event->type) {
    case P2P_EVENT_LISTENING: /* once for each address */
        if (!published)
            publish();
        published = true;
        break;
    case P2P_EVENT_LISTEN_FAILED:
        say("cannot listen", event->reason.text);
        finish(1);
        break;
    case P2P_EVENT_DIALED:
        on_dialed(event->conn);
        break;
    case P2P_EVENT_DIAL_FAILED:
        say("the dial failed", event->reason.text);
        finish(1);
        break;
    case P2P_EVENT_INBOUND_FAILED:
        say("an inbound connection failed", event->reason.text);
        break;
    case P2P_EVENT_TIMER:
        say(own.dialer ? "the test was not over in time" : "nobody ended this listener in time",
            "");
        finish(1);
        break;
    case P2P_EVENT_STOPPED:
        p2p_node_stop(node);
        break;
    default:
        break;
    }
}

int main(int argc, char **argv) {
    char why[REASON_MAX];
    if (!settings_read(&own, argc, argv, why, sizeof why)) {
        say(why, "");
        return 2;
    }
    if (own.dialer)
        dial();
    else
        listen_somewhere();
    p2p_node_kick(node);
    p2p_node_run(node);
    p2p_node_free(node);
    return exit_status;
}
