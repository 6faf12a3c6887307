/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What arrives at a node, and what that does to its sockets. */
#include "sim/parts.h"

static void arrive_connect(world *w, const happening *h) {
    sim_socket *dialler = sim_find_socket(h->from, h->from_socket);
    sim_socket *listener = sim_find_socket(h->at, h->socket);
    if (dialler == NULL)
        return;
    p2p_time back = world_path(w, h->at, h->from)->latency;
    if (listener == NULL) {
        sim_schedule(w, ARRIVE_CLOSED, w->now + back, h->from, h->from_socket, (p2p_bytes){0})
            ->err = P2P_ERR_REFUSED;
        return;
    }
    sim_socket *accepted =
        sim_new_socket(h->at, P2P_SOCKET_ACCEPTED | ++h->at->next_accepted, STREAM, &h->local);
    accepted->remote = h->remote;
    accepted->peer = dialler;
    accepted->far = h->from;
    dialler->peer = accepted;
    happening *opened =
        sim_schedule(w, ARRIVE_OPENED, w->now + back, h->from, h->from_socket, (p2p_bytes){0});
    opened->local = h->remote;
    opened->remote = h->local;
    /* The third packet of the handshake makes it acceptable. */
    happening *accept =
        sim_schedule(w, ARRIVE_ACCEPT, w->now + back + world_path(w, h->from, h->at)->latency,
            h->at, accepted->id, (p2p_bytes){0});
    accept->from_socket = h->socket;
    accept->local = h->local;
    accept->remote = h->remote;
}

/* A stream's bytes cannot arrive while the link is down: they try again later, and all behind them
 * keep their order. */
static bool stalled(world *w, const happening *h) {
    sim_socket *s = sim_find_socket(h->at, h->socket);
    if (s == NULL || s->kind != STREAM || s->far == NULL || h->kind == ARRIVE_LOST)
        return false;
    if (s->held_until <= w->now) {
        if (!world_path(w, s->far, h->at)->down)
            return false;
        s->held_until = w->now + P2P_SECOND;
    }
    happening *again =
        sim_schedule(w, h->kind, s->held_until, h->at, h->socket, p2p_bytes_of(h->data, h->len));
    again->from = h->from;
    again->from_socket = h->from_socket;
    again->err = h->err;
    again->local = h->local;
    again->remote = h->remote;
    return true;
}

static void arrive_bytes(world *w, happening *h) {
    sim_socket *sender = h->from == NULL ? NULL : sim_find_socket(h->from, h->from_socket);
    if (sender != NULL) {
        sender->in_flight -= h->len;
        if (sender->blocked && sender->in_flight < IN_FLIGHT_MAX / 2) {
            sender->blocked = false;
            sim_give(h->from, &(p2p_input){.type = P2P_INPUT_WRITABLE, .socket = sender->id});
        }
    }
    if (sim_find_socket(h->at, h->socket) == NULL)
        return;
    w->bytes_delivered += h->len;
    sim_give(h->at,
        &(p2p_input){.type = P2P_INPUT_BYTES, .socket = h->socket, .data = h->data, .len = h->len});
}

void sim_happen(world *w, happening *h) {
    node *n = h->at;
    if (!n->alive || stalled(w, h))
        return;
    sim_socket *s = sim_find_socket(n, h->socket);
    switch (h->kind) {
    case ARRIVE_CONNECT:
        arrive_connect(w, h);
        return;
    case ARRIVE_BYTES:
        arrive_bytes(w, h);
        return;
    case ARRIVE_LOST:
        sim_give(n, &(p2p_input){.type = P2P_INPUT_CLOSED, .socket = h->socket, .err = h->err});
        return;
    default:
        break;
    }
    if (s == NULL)
        return;
    switch (h->kind) {
    case ARRIVE_OPENED:
        s->open = true;
        sim_give(n,
            &(p2p_input){
                .type = P2P_INPUT_OPENED, .socket = s->id, .local = h->local, .remote = h->remote});
        break;
    case ARRIVE_ACCEPT:
        s->open = true;
        sim_give(n, &(p2p_input){.type = P2P_INPUT_ACCEPTED,
                        .listener = h->from_socket,
                        .socket = s->id,
                        .local = h->local,
                        .remote = h->remote});
        break;
    case ARRIVE_EOF:
        sim_give(n, &(p2p_input){.type = P2P_INPUT_EOF, .socket = s->id});
        break;
    case ARRIVE_CLOSED: {
        p2p_socket id = s->id;
        s->peer = NULL;
        sim_close_socket(w, s, P2P_OK);
        sim_give(n, &(p2p_input){.type = P2P_INPUT_CLOSED, .socket = id, .err = h->err});
        break;
    }
    case ARRIVE_DATAGRAM:
        sim_give(n, &(p2p_input){.type = P2P_INPUT_DATAGRAM,
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
