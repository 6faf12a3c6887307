/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "sim/world.h"

#include <stdio.h>

#include "base/bytes.h"
#include "p2p/seeded.h"

/* What a socket of the simulated network may have under way in one direction. */
enum { IN_FLIGHT_MAX = 4 * 1024 * 1024, DRAW_CAP = 256 * 1024, DATAGRAM_CAP = 65507 };

/* How long a lost segment of a stream takes to be sent again: at least one RTT. */
#define RETRANSMIT (200 * P2P_MILLISECOND)

struct sim_socket {
    sim_socket *next; /* in owner->bound */
    node *owner;
    p2p_socket id;

    enum { STREAM, LISTENER, DATAGRAM } kind;

    p2p_sockaddr local, remote;
    sim_socket *peer; /* STREAM, once it has arrived there */
    node *far;        /* STREAM: the node at the other end, also after `peer` closed */
    bool open;        /* OPENED was or need not be given */
    bool shut, shut_sent, blocked, reading;
    size_t in_flight;
    p2p_time busy_until, last_arrival;
    p2p_time held_until; /* what arrives earlier waits: the link was down */
};

typedef enum arrival_kind {
    ARRIVE_CONNECT,
    ARRIVE_OPENED,
    ARRIVE_ACCEPT,
    ARRIVE_BYTES,
    ARRIVE_EOF,
    ARRIVE_CLOSED,
    ARRIVE_LOST, /* CLOSED for a socket that the world has forgotten already */
    ARRIVE_DATAGRAM
} arrival_kind;

struct happening {
    p2p_time when;
    uint64_t order;
    arrival_kind kind;
    node *at;
    p2p_socket socket; /* of `at` */
    node *from;
    p2p_socket from_socket;
    p2p_err err;
    p2p_sockaddr local, remote;
    uint8_t ecn;
    size_t len;
    uint8_t data[];
};

/* --- chance, trace, time --- */

double world_chance(world *w) {
    return (double)(seeded_random_next(&w->random) >> 11) / 9007199254740992.0;
}

static void trace(world *w, uint64_t what) {
    w->trace = (w->trace ^ what) * UINT64_C(1099511628211);
}

static void trace_bytes(world *w, p2p_bytes bytes) {
    size_t at = 0;
    for (; at + 8 <= bytes.len; at += 8)
        trace(w, p2p_load64(bytes.ptr + at));
    for (; at < bytes.len; at++)
        trace(w, bytes.ptr[at]);
}

static bool before(const happening *a, const happening *b) {
    return a->when != b->when ? a->when < b->when : a->order < b->order;
}

static happening *schedule(
    world *w, arrival_kind k, p2p_time when, node *at, p2p_socket socket, p2p_bytes data) {
    happening *h = calloc(1, sizeof *h + data.len);
    h->when = when;
    h->order = ++w->next_order;
    h->kind = k;
    h->at = at;
    h->socket = socket;
    h->len = data.len;
    p2p_copy(h->data, data.ptr, data.len);
    if (w->heap_len == w->heap_cap) {
        w->heap_cap = w->heap_cap == 0 ? 64 : w->heap_cap * 2;
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
        w->heap = realloc(w->heap, w->heap_cap * sizeof w->heap[0]);
    }
    size_t slot = w->heap_len++;
    for (; slot > 0 && before(h, w->heap[(slot - 1) / 2]); slot = (slot - 1) / 2)
        w->heap[slot] = w->heap[(slot - 1) / 2];
    w->heap[slot] = h;
    return h;
}

static happening *pop(world *w) {
    happening *first = w->heap[0], *last = w->heap[--w->heap_len];
    size_t slot = 0, child;
    while ((child = 2 * slot + 1) < w->heap_len) {
        if (child + 1 < w->heap_len && before(w->heap[child + 1], w->heap[child]))
            child++;
        if (!before(w->heap[child], last))
            break;
        w->heap[slot] = w->heap[child];
        slot = child;
    }
    w->heap[slot] = last;
    return first;
}

/* --- nodes and links --- */

static const p2p_mem LIBC = {NULL, NULL};

/* What OpenSSL and GnuTLS draw is part of the world, too. */
static bool seed_libraries(uint64_t seed) {
    uint8_t bytes[CLI_SEED_LEN] = {0};
    p2p_store64(bytes, seed);
    return cli_seed_libraries(bytes);
}

void world_init(world *w, uint64_t seed) {
    *w = (world){.seed = seed, .now = P2P_SECOND, .default_link = {.latency = P2P_MILLISECOND}};
    seeded_random_init(&w->random, seed);
    w->repeats = seed_libraries(seed);
    p2p_map_init(&w->links, &LIBC, 0);
    snprintf(check_note, sizeof check_note, "world of seed %llu", (unsigned long long)seed);
}

static uint64_t link_key(const node *a, const node *b) {
    return (uint64_t)a->index << 32 | b->index;
}

link *world_path(world *w, const node *a, const node *b) {
    link *l = p2p_map_get(&w->links, link_key(a, b));
    return l == NULL ? &w->default_link : l;
}

static void set_link(world *w, const node *a, const node *b, const link *given) {
    link *l = p2p_map_get(&w->links, link_key(a, b));
    if (l == NULL) {
        l = calloc(1, sizeof *l);
        check_ok(p2p_map_put(&w->links, link_key(a, b), l));
    }
    *l = *given;
}

void world_link(world *w, node *a, node *b, const link *l) {
    set_link(w, a, b, l);
    set_link(w, b, a, l);
}

static node *new_node(world *w) {
    check(w->node_count < WORLD_NODES_MAX);
    node *n = calloc(1, sizeof *n);
    size_t index = w->node_count++;
    w->nodes[index] = n;
    w->deadlines[index] = P2P_NEVER;
    n->world = w;
    n->index = index;
    n->alive = true;
    n->ip = (p2p_sockaddr){.family = 4, .ip = {10, 0, (uint8_t)(index >> 8), (uint8_t)(index + 1)}};
    n->next_port = 40000;
    seeded_random_init(&n->random, w->seed * 1000003 + index);
    faulty_mem_init(&n->mem);
    p2p_map_init(&n->sockets, &LIBC, 0);
    return n;
}

p2p_err world_try_add(world *w, const p2p_config *given, node **out) {
    node *n = *out = new_node(w);
    const p2p_mem *mem = w->mem != NULL ? w->mem : &n->mem.mem;
    p2p_err err = p2p_identity_generate(&n->identity, P2P_ED25519, mem, &n->random.random);
    p2p_config config = given != NULL ? *given : P2P_CONFIG_DEFAULTS;
    config.identity = n->identity;
    config.mem = *mem;
    config.random = n->random.random;
    if (config.wall_ms == 0)
        config.wall_ms = UINT64_C(1790000000000);
    if (err == P2P_OK)
        err = p2p_host_new(&n->host, &config, w->now);
    if (err != P2P_OK)
        return err;
    p2p_input input = {
        .type = P2P_INPUT_INTERFACES, .now = w->now, .addrs = &n->ip, .addr_count = 1};
    p2p_host_input(n->host, &input);
    return P2P_OK;
}

node *world_add(world *w, const p2p_config *given) {
    node *n;
    check_ok(world_try_add(w, given, &n));
    return n;
}

void world_move(node *n, uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
    n->ip = (p2p_sockaddr){.family = 4, .ip = {a, b, c, d}};
    p2p_input input = {
        .type = P2P_INPUT_INTERFACES, .now = n->world->now, .addrs = &n->ip, .addr_count = 1};
    p2p_host_input(n->host, &input);
}

node *world_add_raw(world *w, node_input_fn on_input) {
    node *n = new_node(w);
    n->on_input = on_input;
    return n;
}

static void close_socket(world *w, sim_socket *s, p2p_err err);

static sim_socket *any_socket(const node *n) {
    size_t at = 0;
    const p2p_map_entry *entry = p2p_map_next(&n->sockets, &at);
    return entry == NULL ? NULL : entry->value;
}

void world_kill(node *n) {
    world *w = n->world;
    if (!n->alive)
        return;
    n->alive = false;
    p2p_host_free(n->host);
    n->host = NULL;
    w->deadlines[n->index] = P2P_NEVER;
    p2p_identity_free(n->identity);
    for (sim_socket *s; (s = any_socket(n)) != NULL;)
        close_socket(w, s, P2P_ERR_RESET);
    p2p_map_deinit(&n->sockets);
    if (n->mem.live_blocks != 0)
        fail_msg("node %zu leaked %zu blocks, %zu bytes (seed %llu)", n->index, n->mem.live_blocks,
            n->mem.live_bytes, (unsigned long long)w->seed);
}

void world_deinit(world *w) {
    for (size_t i = 0; i < w->node_count; i++)
        world_kill(w->nodes[i]);
    while (w->heap_len > 0)
        free(pop(w));
    for (size_t i = 0; i < w->node_count; i++)
        free(w->nodes[i]);
    size_t at = 0;
    for (p2p_map_entry *entry; (entry = p2p_map_next(&w->links, &at)) != NULL;)
        free(entry->value);
    p2p_map_deinit(&w->links);
    free(w->heap);
    cli_unseed_libraries();
    check_note[0] = 0;
}

/* --- sockets --- */

static sim_socket *find_socket(const node *owner, p2p_socket id) {
    return p2p_map_get(&owner->sockets, id);
}

static sim_socket *new_socket(node *owner, p2p_socket id, int kind, const p2p_sockaddr *local) {
    sim_socket *s = calloc(1, sizeof *s);
    s->owner = owner;
    s->id = id;
    s->kind = kind;
    s->local = *local;
    s->reading = true;
    check_ok(p2p_map_put(&owner->sockets, id, s));
    if (kind != STREAM) {
        s->next = owner->bound;
        owner->bound = s;
    }
    return s;
}

static void forget_socket(sim_socket *s) {
    sim_socket **at = &s->owner->bound;
    while (*at != NULL && *at != s)
        at = &(*at)->next;
    if (*at != NULL)
        *at = s->next;
    p2p_map_remove(&s->owner->sockets, s->id);
    free(s);
}

static bool matches(const sim_socket *s, const p2p_sockaddr *to) {
    if (s->local.family == P2P_FAMILY_MEMORY || to->family == P2P_FAMILY_MEMORY)
        return s->local.family == to->family && memcmp(s->local.ip, to->ip, 8) == 0;
    return s->local.port == to->port && memcmp(s->owner->ip.ip, to->ip, 4) == 0;
}

static sim_socket *find_bound(world *w, int kind, const p2p_sockaddr *to) {
    for (size_t i = 0; i < w->node_count; i++) {
        const node *n = w->nodes[i];
        if (!n->alive || (to->family == 4 && memcmp(n->ip.ip, to->ip, 4) != 0))
            continue;
        for (sim_socket *s = n->bound; s != NULL; s = s->next)
            if (s->kind == (unsigned)kind && matches(s, to))
                return s;
    }
    return NULL;
}

/* When something of `len` bytes that leaves now arrives; streams never overtake themselves. */
static p2p_time arrival(world *w, sim_socket *s, const node *to, size_t len) {
    const link *l = world_path(w, s->owner, to);
    p2p_time start = s->busy_until > w->now ? s->busy_until : w->now;
    if (l->rate > 0)
        s->busy_until = start + len * P2P_SECOND / l->rate;
    else
        s->busy_until = start;
    p2p_time when = s->busy_until + l->latency;
    if (l->jitter > 0)
        when += (p2p_time)(world_chance(w) * (double)l->jitter);
    if (s->kind == STREAM) {
        if (l->loss > 0 && world_chance(w) < l->loss)
            when += RETRANSMIT > 2 * l->latency ? RETRANSMIT : 2 * l->latency;
        when = when < s->last_arrival ? s->last_arrival : when;
        s->last_arrival = when;
    }
    return when;
}

static void close_socket(world *w, sim_socket *s, p2p_err err) {
    if (s->peer != NULL) {
        sim_socket *peer = s->peer;
        p2p_time when = arrival(w, s, peer->owner, 1);
        happening *h = schedule(w, err == P2P_OK ? ARRIVE_EOF : ARRIVE_CLOSED, when, peer->owner,
            peer->id, (p2p_bytes){0});
        h->err = P2P_ERR_RESET;
        peer->peer = NULL;
    }
    forget_socket(s);
}

/* --- the driver of one node --- */

static void give(node *n, p2p_input *input) {
    if (!n->alive)
        return;
    input->now = n->world->now;
    trace(n->world, (uint64_t)input->type * 31 + input->socket + input->len * 7 + n->world->now);
    trace_bytes(n->world, p2p_bytes_of(input->data, input->len));
    if (n->host == NULL) {
        if (n->on_input != NULL)
            n->on_input(n, input);
        return;
    }
    p2p_host_input(n->host, input);
    world_pump(n);
}

/* Both ends lose it, without a word to this one's node either: what a router does that forgets. */
static void cut(node *n, sim_socket *s) {
    world *w = n->world;
    p2p_socket id = s->id;
    close_socket(w, s, P2P_ERR_RESET);
    schedule(w, ARRIVE_LOST, w->now, n, id, (p2p_bytes){0})->err = P2P_ERR_RESET;
}

/* Puts bytes of a stream under way; false when that cut it. */
static bool send_bytes(node *n, sim_socket *s, p2p_bytes bytes) {
    world *w = n->world;
    bool last = n->cut_after > 0 && n->sent + bytes.len >= n->cut_after;
    if (last)
        bytes.len = n->cut_after > n->sent ? (size_t)(n->cut_after - n->sent) : 0;
    n->sent += bytes.len;
    if (bytes.len > 0) {
        s->in_flight += bytes.len;
        s->blocked = s->in_flight > IN_FLIGHT_MAX;
        happening *h =
            schedule(w, ARRIVE_BYTES, arrival(w, s, s->far, bytes.len), s->far, s->peer->id, bytes);
        h->from = n;
        h->from_socket = s->id;
    }
    if (last)
        cut(n, s);
    return !last;
}

static void send_eof(world *w, sim_socket *s) {
    if (!s->shut || s->shut_sent || s->blocked || s->peer == NULL)
        return;
    s->shut_sent = true;
    schedule(w, ARRIVE_EOF, arrival(w, s, s->far, 1), s->far, s->peer->id, (p2p_bytes){0});
}

static void draw_stream(node *n, sim_socket *s) {
    static uint8_t block[DRAW_CAP];
    p2p_socket id = s->id;
    while (s != NULL && s->open && s->peer != NULL && !s->blocked) {
        size_t len = p2p_host_draw(n->host, id, block, sizeof block);
        s = find_socket(n, id);
        if (len == 0 || s == NULL || s->peer == NULL)
            break;
        if (!send_bytes(n, s, p2p_bytes_of(block, len)))
            return;
    }
    if (s != NULL)
        send_eof(n->world, s);
}

static void send_datagram(node *n, sim_socket *s, const p2p_datagrams *d, p2p_bytes bytes) {
    world *w = n->world;
    sim_socket *to = find_bound(w, DATAGRAM, &d->remote);
    w->datagrams++;
    bool wrong_source = d->local.family == 4 && memcmp(d->local.ip, n->ip.ip, 4) != 0;
    if (to == NULL || wrong_source)
        return;
    const link *l = world_path(w, n, to->owner);
    if (l->down || l->no_udp || (l->mtu > 0 && bytes.len > l->mtu) ||
        (l->loss > 0 && world_chance(w) < l->loss)) {
        w->datagrams_lost++;
        return;
    }
    int copies = l->duplication > 0 && world_chance(w) < l->duplication ? 2 : 1;
    for (int i = 0; i < copies; i++) {
        happening *h = schedule(
            w, ARRIVE_DATAGRAM, arrival(w, s, to->owner, bytes.len), to->owner, to->id, bytes);
        h->remote = n->ip;
        h->remote.port = s->local.port;
        h->local = d->remote;
        h->ecn = d->ecn;
    }
}

static void draw_datagrams(node *n, sim_socket *s) {
    static uint8_t block[DATAGRAM_CAP];
    p2p_datagrams d;
    p2p_socket id = s->id;
    while (p2p_host_draw_datagrams(n->host, id, block, sizeof block, 10, &d)) {
        size_t segment = d.segment == 0 ? d.len : d.segment;
        for (size_t at = 0; at < d.len; at += segment)
            send_datagram(
                n, s, &d, p2p_bytes_of(block + at, d.len - at < segment ? d.len - at : segment));
    }
}

static void connect_to(node *n, const p2p_effect *e) {
    world *w = n->world;
    p2p_sockaddr local = e->local.family != 0 ? e->local : n->ip;
    if (local.port == 0)
        local.port = n->next_port++;
    sim_socket *s = new_socket(n, e->socket, STREAM, &local);
    s->remote = e->remote;
    sim_socket *target = find_bound(w, LISTENER, &e->remote);
    if (target == NULL) {
        happening *h = schedule(
            w, ARRIVE_CLOSED, w->now + 2 * w->default_link.latency, n, s->id, (p2p_bytes){0});
        h->err = P2P_ERR_REFUSED;
        return;
    }
    if (world_path(w, n, target->owner)->down)
        return; /* silence */
    s->far = target->owner;
    happening *h = schedule(w, ARRIVE_CONNECT, arrival(w, s, target->owner, 40), target->owner,
        target->id, (p2p_bytes){0});
    h->from = n;
    h->from_socket = s->id;
    h->local = e->remote;
    h->remote = local;
}

static void listen_or_bind(node *n, const p2p_effect *e, int kind) {
    world *w = n->world;
    p2p_sockaddr at = e->local;
    if (at.family == 4 && at.port == 0)
        at.port = n->next_port++;
    sim_socket *taken = find_bound(w, kind,
        &(p2p_sockaddr){.family = at.family,
            .port = at.port,
            .ip = {n->ip.ip[0], n->ip.ip[1], n->ip.ip[2], n->ip.ip[3]}});
    p2p_input input = {.type = P2P_INPUT_OPENED, .socket = e->socket, .local = at};
    if (taken != NULL && at.family == 4) {
        input.type = P2P_INPUT_CLOSED;
        input.err = P2P_ERR_ADDRESS_IN_USE;
    } else {
        new_socket(n, e->socket, kind, &at)->open = true;
    }
    input.now = w->now;
    if (n->host != NULL)
        p2p_host_input(n->host, &input);
}

static void carry_out(node *n, const p2p_effect *e) {
    world *w = n->world;
    sim_socket *s = find_socket(n, e->socket);
    trace(w, (uint64_t)e->type * 131 + e->socket);
    switch (e->type) {
    case P2P_EFFECT_CONNECT:
        connect_to(n, e);
        break;
    case P2P_EFFECT_LISTEN:
        listen_or_bind(n, e, LISTENER);
        break;
    case P2P_EFFECT_BIND:
        listen_or_bind(n, e, DATAGRAM);
        break;
    case P2P_EFFECT_CLOSE:
        if (s != NULL)
            close_socket(w, s, e->abort ? P2P_ERR_RESET : P2P_OK);
        break;
    case P2P_EFFECT_SHUT:
        if (s != NULL) {
            s->shut = true;
            if (s->open)
                draw_stream(n, s);
        }
        break;
    case P2P_EFFECT_SEND:
        if (s != NULL && s->kind == DATAGRAM)
            draw_datagrams(n, s);
        else if (s != NULL)
            draw_stream(n, s);
        break;
    case P2P_EFFECT_READ:
        if (s != NULL)
            s->reading = e->on;
        break;
    case P2P_EFFECT_ACCEPT:
        break;
    case P2P_EFFECT_RESOLVE: {
        p2p_input input = {.type = P2P_INPUT_RESOLVED,
            .now = w->now,
            .request = e->request,
            .err = P2P_ERR_RESOLVE};
        p2p_host_input(n->host, &input);
        break;
    }
    }
}

static void note(node *n, const p2p_event *e) {
    trace(n->world, (uint64_t)e->type * 977 + e->request);
    if (e->type == P2P_EVENT_CONNECTED) {
        n->connected++;
        n->last_conn = e->conn;
    }
    if (e->type == P2P_EVENT_DISCONNECTED) {
        n->disconnected++;
        if (n->last_conn == e->conn)
            n->last_conn = NULL;
    }
    if (e->reason.err != P2P_OK)
        n->last_reason = e->reason;
    n->stopped |= e->type == P2P_EVENT_STOPPED;
    if (n->on_event != NULL)
        n->on_event(n, e);
}

/* More turns than this without anything from outside: the host runs in circles. */
enum { TURNS_MAX = 1000000 };

void world_pump(node *n) {
    if (n->pumping || n->host == NULL)
        return;
    n->pumping = true;
    size_t turns = 0;
    for (bool busy = true; busy && n->host != NULL;) {
        p2p_effect effect;
        p2p_event event;
        busy = false;
        while (p2p_host_next_effect(n->host, &effect)) {
            carry_out(n, &effect);
            busy = true;
        }
        while (n->host != NULL && p2p_host_next_event(n->host, &event)) {
            note(n, &event);
            busy = true;
        }
        if (!busy && n->host != NULL && p2p_host_next_effect(n->host, &effect)) {
            carry_out(n, &effect); /* callbacks without an event may have asked for it */
            busy = true;
        }
        if (++turns > TURNS_MAX)
            fail_msg("node %zu runs in circles", n->index);
    }
    n->pumping = false;
    n->world->deadlines[n->index] = n->host == NULL ? P2P_NEVER : p2p_host_deadline(n->host);
}

/* --- happenings --- */

static void arrive_connect(world *w, const happening *h) {
    sim_socket *dialler = find_socket(h->from, h->from_socket);
    sim_socket *listener = find_socket(h->at, h->socket);
    if (dialler == NULL)
        return;
    p2p_time back = world_path(w, h->at, h->from)->latency;
    if (listener == NULL) {
        schedule(w, ARRIVE_CLOSED, w->now + back, h->from, h->from_socket, (p2p_bytes){0})->err =
            P2P_ERR_REFUSED;
        return;
    }
    sim_socket *accepted =
        new_socket(h->at, P2P_SOCKET_ACCEPTED | ++h->at->next_accepted, STREAM, &h->local);
    accepted->remote = h->remote;
    accepted->peer = dialler;
    accepted->far = h->from;
    dialler->peer = accepted;
    happening *opened =
        schedule(w, ARRIVE_OPENED, w->now + back, h->from, h->from_socket, (p2p_bytes){0});
    opened->local = h->remote;
    opened->remote = h->local;
    /* The third packet of the handshake makes it acceptable. */
    happening *accept =
        schedule(w, ARRIVE_ACCEPT, w->now + back + world_path(w, h->from, h->at)->latency, h->at,
            accepted->id, (p2p_bytes){0});
    accept->from_socket = h->socket;
    accept->local = h->local;
    accept->remote = h->remote;
}

/* A stream's bytes cannot arrive while the link is down: they try again later, and all behind them
 * keep their order. */
static bool stalled(world *w, const happening *h) {
    sim_socket *s = find_socket(h->at, h->socket);
    if (s == NULL || s->kind != STREAM || s->far == NULL || h->kind == ARRIVE_LOST)
        return false;
    if (s->held_until <= w->now) {
        if (!world_path(w, s->far, h->at)->down)
            return false;
        s->held_until = w->now + P2P_SECOND;
    }
    happening *again =
        schedule(w, h->kind, s->held_until, h->at, h->socket, p2p_bytes_of(h->data, h->len));
    again->from = h->from;
    again->from_socket = h->from_socket;
    again->err = h->err;
    again->local = h->local;
    again->remote = h->remote;
    return true;
}

static void arrive_bytes(world *w, happening *h) {
    sim_socket *sender = h->from == NULL ? NULL : find_socket(h->from, h->from_socket);
    if (sender != NULL) {
        sender->in_flight -= h->len;
        if (sender->blocked && sender->in_flight < IN_FLIGHT_MAX / 2) {
            sender->blocked = false;
            give(h->from, &(p2p_input){.type = P2P_INPUT_WRITABLE, .socket = sender->id});
        }
    }
    if (find_socket(h->at, h->socket) == NULL)
        return;
    w->bytes_delivered += h->len;
    give(h->at,
        &(p2p_input){.type = P2P_INPUT_BYTES, .socket = h->socket, .data = h->data, .len = h->len});
}

static void happen(world *w, happening *h) {
    node *n = h->at;
    if (!n->alive || stalled(w, h))
        return;
    sim_socket *s = find_socket(n, h->socket);
    switch (h->kind) {
    case ARRIVE_CONNECT:
        arrive_connect(w, h);
        return;
    case ARRIVE_BYTES:
        arrive_bytes(w, h);
        return;
    case ARRIVE_LOST:
        give(n, &(p2p_input){.type = P2P_INPUT_CLOSED, .socket = h->socket, .err = h->err});
        return;
    default:
        break;
    }
    if (s == NULL)
        return;
    switch (h->kind) {
    case ARRIVE_OPENED:
        s->open = true;
        give(n,
            &(p2p_input){
                .type = P2P_INPUT_OPENED, .socket = s->id, .local = h->local, .remote = h->remote});
        break;
    case ARRIVE_ACCEPT:
        s->open = true;
        give(n, &(p2p_input){.type = P2P_INPUT_ACCEPTED,
                    .listener = h->from_socket,
                    .socket = s->id,
                    .local = h->local,
                    .remote = h->remote});
        break;
    case ARRIVE_EOF:
        give(n, &(p2p_input){.type = P2P_INPUT_EOF, .socket = s->id});
        break;
    case ARRIVE_CLOSED: {
        p2p_socket id = s->id;
        s->peer = NULL;
        close_socket(w, s, P2P_OK);
        give(n, &(p2p_input){.type = P2P_INPUT_CLOSED, .socket = id, .err = h->err});
        break;
    }
    case ARRIVE_DATAGRAM:
        give(n, &(p2p_input){.type = P2P_INPUT_DATAGRAM,
                    .socket = s->id,
                    .data = h->data,
                    .len = h->len,
                    .remote = h->remote,
                    .local = h->local,
                    .ecn = h->ecn});
        break;
    default:
        break;
    }
}

/* The node whose deadline comes first. */
static node *next_due(world *w, p2p_time *when) {
    size_t due = 0;
    *when = P2P_NEVER;
    for (size_t i = 0; i < w->node_count; i++) {
        if (w->deadlines[i] >= *when)
            continue;
        *when = w->deadlines[i];
        due = i;
    }
    return w->nodes[due];
}

bool world_run_until(world *w, p2p_time duration, bool (*done)(void *ctx), void *ctx) {
    p2p_time end = w->now + duration;
    p2p_time stood_at = 0;
    size_t steps = 0;
    for (size_t i = 0; i < w->node_count; i++)
        world_pump(w->nodes[i]);
    while (done == NULL || !done(ctx)) {
        p2p_time tick;
        node *due = next_due(w, &tick);
        p2p_time arrive = w->heap_len > 0 ? w->heap[0]->when : P2P_NEVER;
        p2p_time next = tick < arrive ? tick : arrive;
        if (next > end || next == P2P_NEVER) {
            w->now = end;
            /* Hosts know the time of their latest input only: direct calls between runs need it to
             * be this one. */
            for (size_t i = 0; i < w->node_count; i++)
                if (w->nodes[i]->host != NULL)
                    give(w->nodes[i], &(p2p_input){.type = P2P_INPUT_TICK});
            return done != NULL && done(ctx);
        }
        w->now = next > w->now ? next : w->now;
        steps = w->now == stood_at ? steps + 1 : 0;
        stood_at = w->now;
        if (steps > TURNS_MAX)
            fail_msg("time stands still");
        if (arrive <= tick) {
            happening *h = pop(w);
            happen(w, h);
            free(h);
        } else {
            give(due, &(p2p_input){.type = P2P_INPUT_TICK});
        }
    }
    return true;
}

void world_run(world *w, p2p_time duration) {
    world_run_until(w, duration, NULL, NULL);
}

/* --- shorthands --- */

void world_listen(node *n, const char *tail) {
    char text[128];
    p2p_multiaddr addr;
    snprintf(text, sizeof text, "/ip4/%u.%u.%u.%u%s", n->ip.ip[0], n->ip.ip[1], n->ip.ip[2],
        n->ip.ip[3], tail);
    check_ok(p2p_multiaddr_parse(&addr, text, NULL));
    check_ok(p2p_host_listen(n->host, &addr, NULL));
    world_pump(n);
}

uint64_t world_dial(node *from, node *to) {
    p2p_multiaddr addrs[8];
    size_t count = 0;
    uint64_t request;
    while (count < 8 && p2p_host_addr(to->host, count, &addrs[count]))
        count++;
    check_ok(p2p_host_dial(from->host, p2p_host_peer(to->host), addrs, count, NULL, &request));
    world_pump(from);
    return request;
}

void world_rebind(node *n, uint16_t port_shift) {
    for (sim_socket *s = n->bound; s != NULL; s = s->next)
        if (s->kind == DATAGRAM)
            s->local.port = (uint16_t)(s->local.port + port_shift);
}

/* --- raw nodes --- */

p2p_socket world_raw_connect(node *n, const node *to, uint16_t port) {
    p2p_effect e = {.type = P2P_EFFECT_CONNECT, .socket = ++n->next_socket, .remote = to->ip};
    e.remote.port = port;
    connect_to(n, &e);
    return e.socket;
}

void world_raw_listen(node *n, uint16_t port) {
    p2p_effect e = {.type = P2P_EFFECT_LISTEN, .socket = ++n->next_socket, .local = n->ip};
    e.local.port = port;
    listen_or_bind(n, &e, LISTENER);
}

size_t world_raw_send(node *n, p2p_socket socket, p2p_bytes bytes) {
    sim_socket *s = find_socket(n, socket);
    if (s == NULL || s->peer == NULL || s->blocked)
        return 0;
    send_bytes(n, s, bytes);
    return bytes.len;
}

p2p_socket world_raw_bind(node *n, uint16_t port) {
    p2p_sockaddr local = n->ip;
    local.port = port;
    new_socket(n, ++n->next_socket, DATAGRAM, &local)->open = true;
    return n->next_socket;
}

void world_raw_datagram(node *n, p2p_socket socket, const p2p_sockaddr *to, p2p_bytes bytes) {
    send_datagram(n, find_socket(n, socket), &(p2p_datagrams){.remote = *to}, bytes);
}

void world_raw_close(node *n, p2p_socket socket, bool abort) {
    sim_socket *s = find_socket(n, socket);
    if (s != NULL)
        close_socket(n->world, s, abort ? P2P_ERR_RESET : P2P_OK);
}
