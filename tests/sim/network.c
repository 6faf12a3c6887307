/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The network between the nodes: sockets, and what it makes of the bytes and datagrams that leave
 * one (rate, latency, loss, a cut). What it puts under way arrives in arrive.c.
 */
#include "sim/parts.h"

/* How long a lost segment of a stream takes to be sent again: at least one RTT. */
#define RETRANSMIT (200 * P2P_MILLISECOND)

enum { ETHERNET = 1500 - 20 - 8 };

sim_socket *sim_find_socket(const node *owner, p2p_socket id) {
    return p2p_map_get(&owner->sockets, id);
}

sim_socket *sim_new_socket(node *owner, p2p_socket id, int kind, const p2p_sockaddr *local) {
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

void sim_close_socket(world *w, sim_socket *s, p2p_err err) {
    if (s->peer != NULL) {
        sim_socket *peer = s->peer;
        p2p_time when = arrival(w, s, peer->owner, 1);
        happening *h = sim_schedule(w, err == P2P_OK ? ARRIVE_EOF : ARRIVE_CLOSED, when,
            peer->owner, peer->id, (p2p_bytes){0});
        h->err = P2P_ERR_RESET;
        peer->peer = NULL;
    }
    forget_socket(s);
}

/* Both ends lose it, without a word to this one's node either: what a router does that forgets. */
static void cut(node *n, sim_socket *s) {
    world *w = n->world;
    p2p_socket id = s->id;
    sim_close_socket(w, s, P2P_ERR_RESET);
    sim_schedule(w, ARRIVE_LOST, w->now, n, id, (p2p_bytes){0})->err = P2P_ERR_RESET;
}

bool sim_send_bytes(node *n, sim_socket *s, p2p_bytes bytes) {
    world *w = n->world;
    bool last = n->cut_after > 0 && n->sent + bytes.len >= n->cut_after;
    if (last)
        bytes.len = n->cut_after > n->sent ? (size_t)(n->cut_after - n->sent) : 0;
    n->sent += bytes.len;
    if (bytes.len > 0) {
        s->in_flight += bytes.len;
        s->blocked = s->in_flight > IN_FLIGHT_MAX;
        happening *h = sim_schedule(
            w, ARRIVE_BYTES, arrival(w, s, s->far, bytes.len), s->far, s->peer->id, bytes);
        h->from = n;
        h->from_socket = s->id;
    }
    if (last)
        cut(n, s);
    return !last;
}

void sim_send_eof(world *w, sim_socket *s) {
    if (!s->shut || s->shut_sent || s->blocked || s->peer == NULL)
        return;
    s->shut_sent = true;
    sim_schedule(w, ARRIVE_EOF, arrival(w, s, s->far, 1), s->far, s->peer->id, (p2p_bytes){0});
}

void sim_send_datagram(node *n, sim_socket *s, const p2p_datagrams *d, p2p_bytes bytes) {
    world *w = n->world;
    sim_socket *to = find_bound(w, DATAGRAM, &d->remote);
    w->datagrams++;
    if (w->tap != NULL)
        w->tap(n, bytes);
    bool wrong_source = d->local.family == 4 && memcmp(d->local.ip, n->ip.ip, 4) != 0;
    if (to == NULL || wrong_source)
        return;
    const link *l = world_path(w, n, to->owner);
    if (l->down || l->no_udp || bytes.len > (l->mtu > 0 ? l->mtu : ETHERNET) ||
        (l->loss > 0 && world_chance(w) < l->loss)) {
        w->datagrams_lost++;
        return;
    }
    int copies = l->duplication > 0 && world_chance(w) < l->duplication ? 2 : 1;
    for (int i = 0; i < copies; i++) {
        happening *h = sim_schedule(
            w, ARRIVE_DATAGRAM, arrival(w, s, to->owner, bytes.len), to->owner, to->id, bytes);
        h->remote = n->ip;
        h->remote.port = s->local.port;
        h->local = d->remote;
        h->ecn = d->ecn;
    }
}

void sim_connect(node *n, const p2p_effect *e) {
    world *w = n->world;
    p2p_sockaddr local = e->local.family != 0 ? e->local : n->ip;
    if (local.port == 0)
        local.port = n->next_port++;
    sim_socket *s = sim_new_socket(n, e->socket, STREAM, &local);
    s->remote = e->remote;
    sim_socket *target = find_bound(w, LISTENER, &e->remote);
    if (target == NULL) {
        happening *h = sim_schedule(
            w, ARRIVE_CLOSED, w->now + 2 * w->default_link.latency, n, s->id, (p2p_bytes){0});
        h->err = P2P_ERR_REFUSED;
        return;
    }
    if (world_path(w, n, target->owner)->down)
        return; /* silence */
    s->far = target->owner;
    happening *h = sim_schedule(w, ARRIVE_CONNECT, arrival(w, s, target->owner, 40), target->owner,
        target->id, (p2p_bytes){0});
    h->from = n;
    h->from_socket = s->id;
    h->local = e->remote;
    h->remote = local;
}

void sim_listen_or_bind(node *n, const p2p_effect *e, int kind) {
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
        sim_new_socket(n, e->socket, kind, &at)->open = true;
    }
    input.now = w->now;
    if (n->host != NULL)
        p2p_host_input(n->host, &input);
}
