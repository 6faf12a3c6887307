/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 *     100 hosts, each dials 3 others drawn at random; 1 to 200 ms, 1 % of segments lost, a fifth of
 *     the hosts cut off from the rest for 20 to 60 s, again and again:
 *
 *        h ─── h     h ─── h            h ─── h  ┊  h ─── h
 *        │ ╲ ╱ │ ╲ ╱ │     │     →      │     │  ┊  │     │
 *        h ─── h ─── h ─── h            h ─── h  ┊  h ─── h
 *
 * Every host pings and perfs those it dialled for ten minutes.
 */
#include <p2p/perf.h>
#include <p2p/ping.h>

#include "sim/world.h"

enum { HOSTS = 100, DIALS = 3, EDGES = HOSTS * DIALS, MINUTES = 10, PERF_MAX = 50000 };

typedef struct edge {
    node *from, *to;
    p2p_conn *conn;
    p2p_ping *ping;
    uint64_t request;
    size_t answers, ping_failures, perfs, perf_failures;
    bool perf_running, quiet;
} edge;

static edge edges[EDGES];

static edge *edge_of(const node *from, const p2p_peer_id *peer) {
    for (size_t i = from->index * DIALS; i < (from->index + 1) * DIALS; i++)
        if (edges[i].to != NULL && p2p_peer_id_equal(p2p_host_peer(edges[i].to->host), peer))
            return &edges[i];
    return NULL;
}

/* The edge's next step after so many seconds and up to as many more. */
static void later(edge *e, unsigned seconds) {
    p2p_host *host = e->from->host;
    p2p_time wait = (p2p_time)(seconds * (1 + world_chance(e->from->world)) * P2P_SECOND);
    if (!e->quiet)
        check_ok(p2p_host_set_timer(host, (uint64_t)(e - edges), p2p_host_now(host) + wait));
}

static void on_ping(void *ctx, p2p_ping *ping, p2p_err err, p2p_time rtt) {
    edge *e = ctx;
    (void)rtt;
    e->answers += err == P2P_OK;
    e->ping_failures += err != P2P_OK;
    e->ping = err == P2P_OK ? ping : NULL;
    later(e, 5);
}

static void on_perf(void *ctx, p2p_perf *perf, const p2p_perf_progress *progress) {
    edge *e = ctx;
    (void)perf;
    if (!progress->done)
        return;
    e->perf_running = false;
    e->perfs += progress->err == P2P_OK;
    e->perf_failures += progress->err != P2P_OK;
}

static void step(edge *e) {
    if (e->quiet)
        return;
    if (e->conn == NULL) {
        if (e->request == 0)
            e->request = world_dial(e->from, e->to);
        return;
    }
    p2p_perf *perf;
    p2p_err err = P2P_OK;
    if (e->ping != NULL)
        p2p_ping_send(e->ping);
    else
        err = p2p_ping_start(&e->ping, e->conn, 30 * P2P_SECOND, on_ping, e);
    if (err == P2P_OK && !e->perf_running) {
        world *w = e->from->world;
        uint64_t up = (uint64_t)(world_chance(w) * PERF_MAX),
                 down = (uint64_t)(world_chance(w) * PERF_MAX);
        err = p2p_perf_start(&perf, e->conn, up, down, 0, on_perf, e);
        e->perf_running = err == P2P_OK;
    }
    if (err != P2P_OK)
        later(e, 5);
}

static void note(node *self, const p2p_event *event) {
    switch (event->type) {
    case P2P_EVENT_DIALED: {
        edge *e = edge_of(self, p2p_conn_peer(event->conn));
        e->request = 0;
        e->conn = event->conn;
        step(e);
        break;
    }
    case P2P_EVENT_DIAL_FAILED:
        for (size_t i = self->index * DIALS; i < (self->index + 1) * DIALS; i++)
            if (edges[i].request == event->request) {
                edges[i].request = 0;
                later(&edges[i], 5);
            }
        break;
    case P2P_EVENT_DISCONNECTED: {
        edge *e = edge_of(self, p2p_conn_peer(event->conn));
        if (e == NULL || e->conn != event->conn)
            break;
        check(e->ping == NULL && !e->perf_running); /* streams end before their connection */
        e->conn = NULL;
        later(e, 2);
        break;
    }
    case P2P_EVENT_TIMER:
        step(&edges[event->request]);
        break;
    default:
        break;
    }
}

static void build(world *w, uint64_t seed) {
    node *hosts[HOSTS];
    world_init(w, seed);
    memset(edges, 0, sizeof edges);
    for (size_t i = 0; i < HOSTS; i++) {
        hosts[i] = world_add(w, NULL);
        hosts[i]->on_event = note;
        check_ok(p2p_host_add_protocol(hosts[i]->host, &p2p_ping_protocol, NULL));
        check_ok(p2p_host_add_protocol(hosts[i]->host, &p2p_perf_protocol, NULL));
        world_listen(hosts[i], "/tcp/4001");
    }
    for (size_t i = 0; i < EDGES; i++) {
        node *to;
        do
            to = hosts[(size_t)(world_chance(w) * HOSTS)];
        while (
            to == hosts[i / DIALS] || edge_of(hosts[i / DIALS], p2p_host_peer(to->host)) != NULL);
        edges[i] = (edge){.from = hosts[i / DIALS], .to = to};
        p2p_time latency = (1 + (p2p_time)(world_chance(w) * 200)) * P2P_MILLISECOND;
        world_link(w, edges[i].from, to,
            &(link){.latency = latency, .jitter = latency / 10, .loss = 0.01, .rate = 2000000});
    }
    for (size_t i = 0; i < EDGES; i++)
        step(&edges[i]);
}

/* Cuts a fifth of the hosts off from the rest, or heals. */
static void partition(world *w, bool down) {
    bool apart[HOSTS];
    for (size_t i = 0; i < HOSTS; i++)
        apart[i] = down && world_chance(w) < 0.2;
    for (size_t i = 0; i < EDGES; i++) {
        bool cut = apart[edges[i].from->index] != apart[edges[i].to->index];
        world_path(w, edges[i].from, edges[i].to)->down = cut;
        world_path(w, edges[i].to, edges[i].from)->down = cut;
    }
}

static void check_everybody_answers(world *w) {
    world_run(w, 90 * P2P_SECOND); /* redials, retransmissions */
    size_t before[EDGES], perfs = 0;
    for (size_t i = 0; i < EDGES; i++)
        before[i] = edges[i].answers;
    world_run(w, 60 * P2P_SECOND);
    for (size_t i = 0; i < EDGES; i++) {
        check(edges[i].conn != NULL);
        check(edges[i].answers > before[i]);
        perfs += edges[i].perfs;
    }
    check(perfs > (size_t)EDGES * MINUTES * 3);
}

static uint64_t ten_minutes(uint64_t seed) {
    world w;
    build(&w, seed);
    for (p2p_time end = w.now + MINUTES * 60 * P2P_SECOND; w.now < end;) {
        world_run(&w, (p2p_time)((20 + world_chance(&w) * 20) * P2P_SECOND));
        partition(&w, true);
        world_run(&w, (p2p_time)((20 + world_chance(&w) * 40) * P2P_SECOND));
        partition(&w, false);
    }
    check_everybody_answers(&w);
    for (size_t i = 0; i < EDGES; i++)
        edges[i].quiet = true;
    for (size_t i = 0; i < HOSTS; i++) {
        p2p_host_close(w.nodes[i]->host);
        world_pump(w.nodes[i]);
    }
    world_run(&w, 20 * P2P_SECOND);
    for (size_t i = 0; i < HOSTS; i++) {
        check(w.nodes[i]->stopped);
        check(w.nodes[i]->connected == w.nodes[i]->disconnected);
    }
    uint64_t trace = w.trace;
    world_deinit(&w);
    return trace;
}

static void a_random_graph_lives_through_partitions_and_repeats_itself(void **state) {
    (void)state;
    uint64_t first = ten_minutes(2024);
    check(ten_minutes(2024) == first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_random_graph_lives_through_partitions_and_repeats_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
