/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The driver of one node: gives its host what arrived, and carries out what the host asks for. As
 * libuv's driver in src/uv does, without a socket.
 */
#include "sim/parts.h"

/* What is drawn from a host at once. */
enum { DRAW_CAP = 256 * 1024, DATAGRAM_CAP = 65507 };

void sim_give(node *n, p2p_input *input) {
    if (!n->alive)
        return;
    input->now = n->world->now;
    sim_trace(
        n->world, (uint64_t)input->type * 31 + input->socket + input->len * 7 + n->world->now);
    sim_trace_bytes(n->world, p2p_bytes_of(input->data, input->len));
    if (n->host == NULL) {
        if (n->on_input != NULL)
            n->on_input(n, input);
        return;
    }
    p2p_host_input(n->host, input);
    world_pump(n);
}

static void draw_stream(node *n, sim_socket *s) {
    static uint8_t block[DRAW_CAP];
    p2p_socket id = s->id;
    while (s != NULL && s->open && s->peer != NULL && !s->blocked) {
        size_t len = p2p_host_draw(n->host, id, block, sizeof block);
        s = sim_find_socket(n, id);
        if (len == 0 || s == NULL || s->peer == NULL)
            break;
        if (!sim_send_bytes(n, s, p2p_bytes_of(block, len)))
            return;
    }
    if (s != NULL)
        sim_send_eof(n->world, s);
}

static void draw_datagrams(node *n, sim_socket *s) {
    static uint8_t block[DATAGRAM_CAP];
    p2p_datagrams d;
    p2p_socket id = s->id;
    while (p2p_host_draw_datagrams(n->host, id, block, sizeof block, 10, &d)) {
        size_t segment = d.segment == 0 ? d.len : d.segment;
        for (size_t at = 0; at < d.len; at += segment)
            sim_send_datagram(
                n, s, &d, p2p_bytes_of(block + at, d.len - at < segment ? d.len - at : segment));
    }
}

static void carry_out(node *n, const p2p_effect *e) {
    world *w = n->world;
    sim_socket *s = sim_find_socket(n, e->socket);
    sim_trace(w, (uint64_t)e->type * 131 + e->socket);
    switch (e->type) {
    case P2P_EFFECT_CONNECT:
        sim_connect(n, e);
        break;
    case P2P_EFFECT_LISTEN:
        sim_listen_or_bind(n, e, LISTENER);
        break;
    case P2P_EFFECT_BIND:
        sim_listen_or_bind(n, e, DATAGRAM);
        break;
    case P2P_EFFECT_CLOSE:
        if (s != NULL)
            sim_close_socket(w, s, e->abort ? P2P_ERR_RESET : P2P_OK);
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
    sim_trace(n->world, (uint64_t)e->type * 977 + e->request);
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
