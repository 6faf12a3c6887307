/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Many short-lived clients of one node, as browser tabs are: each is a host of its own with a new
 * identity, connects over the next of the given addresses, pings, sends and compares, leaves
 * streams half said, and goes: with a goodbye, or by aborting the connection, or by vanishing in
 * the middle of everything, its sockets closed and nothing said.
 *
 *     load-clients --clients N --seconds S [--seed N] ADDR…
 *
 * Everything runs in one thread, and rates are bounded: the machine has better things to do. At the
 * end all that is left vanishes, and a line of JSON says what was done. Exit status: 0 all as it
 * should be, 1 a dial or an answer failed, 2 wrong usage. A slow machine fails nothing: what waits,
 * waits a minute.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include <p2p/node.h>
#include <p2p/ping.h>

#include "../interop/c/echo.h"

enum {
    CLIENTS_MAX = 1000,
    ADDRS_MAX = 16,
    TICK_MS = 50,
    STARTS_PER_TICK = 2, /* at most 40 handshakes a second */
    LIFE_MIN_MS = 500,   /* of a connection */
    LIFE_MAX_MS = 8000,
    PAUSE_MAX_MS = 1000, /* until the next client takes its place */
    GOODBYE_MS = 10000,  /* a goodbye that takes longer is cut */
    PINGS = 3,           /* on the average */
    ECHOES_MAX = 4,
    ECHO_LEN_MAX = 64 * 1024
};

#define PATIENCE (60 * P2P_SECOND)

typedef enum phase { ABSENT, DIALLING, TALKING, LEAVING } phase;

typedef enum way { GOODBYE, ABORT, VANISH, WAYS } way;

static const char *const WAY_NAMES[WAYS] = {"goodbye", "abort", "vanish"};

typedef struct client {
    phase phase;
    way way; /* how it will go */
    size_t addr;
    p2p_node *node;
    p2p_conn *conn;
    uint64_t due_ms; /* of the next step */
    bool stopped;    /* its goodbye is over */
} client;

static struct {
    client clients[CLIENTS_MAX];
    size_t count;
    p2p_multiaddr addrs[ADDRS_MAX];
    const char *addr_texts[ADDRS_MAX];
    size_t addr_count;
    uint64_t end_ms;
    uint64_t random;
    size_t next_addr;
    uv_timer_t tick;
} run;

static struct {
    uint64_t lives[ADDRS_MAX], ways[WAYS], pings, echoes, bytes, half_said, resets, failures;
} done;

static void failed(const client *c, const char *what, const char *why) {
    done.failures++;
    fprintf(stderr, "load-clients: %s: %s: %s\n", run.addr_texts[c->addr], what, why);
}

/* splitmix64: the same seed is the same run, as far as the network lets it. */
static uint64_t any(uint64_t below) {
    uint64_t z = run.random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

static uint64_t now_ms(void) {
    return uv_now(uv_default_loop());
}

/* --- what a client does with its connection --- */

static void on_echo(echo_client *e, const char *why) {
    client *c = e->ctx;
    bool expected = e->hold || c->phase == LEAVING || c->conn == NULL;
    if (why == NULL) {
        done.echoes++;
        done.bytes += e->len;
    } else if (e->wrong || !expected)
        failed(c, "echo", why);
}

/* One in four is begun and never ended; one in eight is broken off with all it has to say. */
static void talk(client *c) {
    for (size_t i = 0, count = 1 + any(ECHOES_MAX); i < count; i++) {
        bool half = any(4) == 0;
        echo_client *e = echo_start(c->conn, 2 + any(ECHO_LEN_MAX), half, on_echo, c);
        if (half)
            done.half_said++;
        if (e == NULL || any(8) != 0)
            continue;
        e->hold = true; /* its end is expected */
        done.resets++;
        p2p_stream_reset(e->stream, P2P_CODE_NONE);
    }
}

static void on_ping(void *ctx, p2p_ping *ping, p2p_err err, p2p_time rtt) {
    client *c = ctx;
    (void)rtt;
    if (err != P2P_OK) {
        if (c->phase == TALKING && c->conn != NULL)
            failed(c, "ping", p2p_err_text(err));
        return;
    }
    done.pings++;
    if (any(PINGS) != 0)
        p2p_ping_send(ping);
    else
        p2p_ping_stop(ping);
}

static void on_event(void *ctx, p2p_host *host, const p2p_event *event) {
    client *c = ctx;
    (void)host;
    if (event->type == P2P_EVENT_DIALED) {
        p2p_ping *ping;
        c->phase = TALKING;
        c->conn = event->conn;
        c->due_ms = now_ms() + LIFE_MIN_MS + any(LIFE_MAX_MS - LIFE_MIN_MS);
        done.lives[c->addr]++;
        p2p_err err = p2p_ping_start(&ping, c->conn, PATIENCE, on_ping, c);
        if (err != P2P_OK)
            failed(c, "ping", p2p_err_text(err));
        talk(c);
    } else if (event->type == P2P_EVENT_DIAL_FAILED) {
        failed(c, "dial", event->reason.text);
        c->way = VANISH;
        c->due_ms = now_ms();
    } else if (event->type == P2P_EVENT_DISCONNECTED) {
        if (c->phase == TALKING)
            failed(c, "connection", event->reason.text);
        c->conn = NULL;
    } else if (event->type == P2P_EVENT_STOPPED)
        c->stopped = true;
}

/* --- coming and going --- */

static bool arrive(client *c) {
    p2p_config config = P2P_CONFIG_DEFAULTS;
    const p2p_dial_options options = {
        .size = sizeof options, .timeout = PATIENCE, .insecure_tls = true};
    config.timeouts.negotiate = config.timeouts.dial = config.timeouts.dial_local = PATIENCE;
    c->addr = run.next_addr++ % run.addr_count;
    c->way = (way)any(WAYS);
    c->stopped = false;
    c->conn = NULL;
    p2p_err err = p2p_node_new_on(&c->node, &config, uv_default_loop());
    if (err != P2P_OK) {
        failed(c, "a new host", p2p_err_text(err));
        return false;
    }
    p2p_node_on_event(c->node, on_event, c);
    p2p_host *host = p2p_node_host(c->node);
    err = p2p_host_add_protocol(host, &p2p_ping_protocol, NULL);
    if (err == P2P_OK)
        err = p2p_host_dial(host, NULL, &run.addrs[c->addr], 1, &options, NULL);
    if (err != P2P_OK)
        failed(c, "dial", p2p_err_text(err));
    c->phase = DIALLING;
    c->due_ms = err == P2P_OK ? UINT64_MAX : now_ms();
    p2p_node_kick(c->node);
    return true;
}

/* Nothing is said: the host's memory and sockets are gone at once. */
static void vanish(client *c) {
    c->phase = LEAVING;
    p2p_node_free(c->node);
    c->node = NULL;
    c->phase = ABSENT;
    c->due_ms = now_ms() + any(PAUSE_MAX_MS);
}

static void leave(client *c) {
    done.ways[c->way]++;
    if (c->way == VANISH || c->conn == NULL) {
        vanish(c);
        return;
    }
    c->phase = LEAVING;
    c->due_ms = now_ms() + GOODBYE_MS;
    if (c->way == ABORT)
        p2p_conn_abort(c->conn, P2P_CODE_NONE);
    p2p_host_close(p2p_node_host(c->node));
    p2p_node_kick(c->node);
}

static bool step(client *c) {
    if (c->phase == LEAVING && c->stopped)
        vanish(c);
    if (c->due_ms > now_ms())
        return false;
    if (c->phase == ABSENT)
        return arrive(c);
    if (c->phase == LEAVING)
        vanish(c);
    else
        leave(c);
    return false;
}

static void on_tick(uv_timer_t *timer) {
    bool over = now_ms() >= run.end_ms;
    size_t starts = 0;
    for (size_t i = 0; i < run.count; i++) {
        client *c = &run.clients[i];
        if (over && c->node != NULL)
            vanish(c);
        else if (!over && (c->phase != ABSENT || starts < STARTS_PER_TICK))
            starts += step(c);
    }
    if (over)
        uv_close((uv_handle_t *)timer, NULL);
}

/* --- the program --- */

static void usage(const char *why) {
    fprintf(stderr,
        "load-clients: %s; usage: load-clients --clients N --seconds S [--seed N] ADDR…\n", why);
    exit(2);
}

static uint64_t number(const char *text, uint64_t max) {
    char *end;
    uint64_t n = text == NULL ? 0 : strtoull(text, &end, 10);
    if (text == NULL || *end != 0 || n < 1 || n > max)
        usage("an option needs a number");
    return n;
}

static uint64_t parse(int argc, char **argv) {
    uint64_t seconds = 10;
    run.count = 10;
    run.random = 1;
    for (int i = 1; i < argc; i++) {
        char why[128];
        if (strcmp(argv[i], "--clients") == 0)
            run.count = (size_t)number(argv[++i], CLIENTS_MAX);
        else if (strcmp(argv[i], "--seconds") == 0)
            seconds = number(argv[++i], 86400);
        else if (strcmp(argv[i], "--seed") == 0)
            run.random = number(argv[++i], UINT64_MAX);
        else if (run.addr_count == ADDRS_MAX)
            usage("too many addresses");
        else if (p2p_multiaddr_parse(&run.addrs[run.addr_count], argv[i], why) != P2P_OK)
            usage(why);
        else
            run.addr_texts[run.addr_count++] = argv[i];
    }
    if (run.addr_count == 0)
        usage("an address is needed");
    return seconds;
}

static void summary(void) {
    const char *between = "";
    printf("{\"lives\":[");
    for (size_t i = 0; i < run.addr_count; i++, between = ",")
        printf("%s%llu", between, (unsigned long long)done.lives[i]);
    printf("]");
    for (size_t i = 0; i < WAYS; i++)
        printf(",\"%s\":%llu", WAY_NAMES[i], (unsigned long long)done.ways[i]);
    printf(",\"pings\":%llu,\"echoes\":%llu,\"bytes\":%llu,\"half_said\":%llu,\"resets\":%llu,"
           "\"failures\":%llu}\n",
        (unsigned long long)done.pings, (unsigned long long)done.echoes,
        (unsigned long long)done.bytes, (unsigned long long)done.half_said,
        (unsigned long long)done.resets, (unsigned long long)done.failures);
}

int main(int argc, char **argv) {
    uint64_t seconds = parse(argc, argv);
    uv_loop_t *loop = uv_default_loop();
    run.end_ms = now_ms() + seconds * 1000;
    uv_timer_init(loop, &run.tick);
    uv_timer_start(&run.tick, on_tick, 0, TICK_MS);
    uv_run(loop, UV_RUN_DEFAULT);
    summary();
    return done.failures == 0 ? 0 : 1;
}
