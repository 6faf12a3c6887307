/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Two WebSocket layers, and above each one that sends and collects a text. */
#ifndef P2P_TEST_WEBSOCKET_PAIR_H
#define P2P_TEST_WEBSOCKET_PAIR_H

#include "stack/conn.h"
#include "support/check.h"
#include "transport/websocket_layer.h"

/* --- a layer that sends and collects a text --- */

enum { PAYLOAD = 70000 };

typedef struct end {
    p2p_layer layer; /* above the WebSocket */
    p2p_wire wire;
    p2p_layer *ws;
    uint8_t got[PAYLOAD];
    size_t got_len, sent;
    bool open, ended;
    p2p_err served;
    bool was_served;
    char why[P2P_WS_WHY_MAX];
} end;

static uint8_t pattern(size_t i) {
    return (uint8_t)(i * 7 + (i >> 8));
}

static p2p_err end_feed(p2p_layer *layer, uint8_t *data, size_t len) {
    end *e = P2P_CONTAINER(layer, end, layer);
    check(e->got_len + len <= PAYLOAD);
    memcpy(e->got + e->got_len, data, len);
    e->got_len += len;
    return P2P_OK;
}

static p2p_err end_draw(p2p_layer *layer, uint8_t *dst, size_t cap, size_t *len) {
    end *e = P2P_CONTAINER(layer, end, layer);
    *len = PAYLOAD - e->sent < cap ? PAYLOAD - e->sent : cap;
    for (size_t i = 0; i < *len; i++)
        dst[i] = pattern(e->sent + i);
    e->sent += *len;
    return P2P_OK;
}

static p2p_err end_eof(p2p_layer *layer) {
    P2P_CONTAINER(layer, end, layer)->ended = true;
    return P2P_OK;
}

static const p2p_layer_ops END_OPS = {"end", end_feed, end_draw, end_eof, NULL, NULL};

static p2p_err opened(void *ctx) {
    end *e = ctx;
    e->open = true;
    e->ws->above = &e->layer;
    return P2P_OK;
}

static void served(void *ctx, p2p_err err) {
    end *e = ctx;
    e->was_served = true;
    e->served = err;
}

static void no_wake(p2p_wire *wire) {
    (void)wire;
}

static const p2p_wire_ops WIRE_OPS = {no_wake, NULL};

/* --- a pair --- */

typedef struct pair {
    p2p_env env;
    seeded_random random;
    end a, b; /* client, server */
} pair;

static p2p_err start_end(pair *p, end *e, const p2p_ws_dial *dial) {
    memset(e, 0, sizeof *e);
    e->layer.ops = &END_OPS;
    e->wire.ops = &WIRE_OPS;
    p2p_ws_layer_params params = {.env = &p->env,
        .wire = &e->wire,
        .dial = dial,
        .opened = opened,
        .served = served,
        .ctx = e,
        .why = e->why};
    return p2p_ws_layer_new(&e->ws, &params);
}

static void stop_end(end *e) {
    if (e->ws != NULL)
        e->ws->ops->free(e->ws);
    e->ws = NULL;
}

static void init_pair(pair *p, const p2p_mem *mem) {
    memset(p, 0, sizeof *p);
    seeded_random_init(&p->random, 3);
    p->env.mem = mem;
    p->env.random = &p->random.random;
    p2p_list_init(&p->env.calls);
}

static p2p_err start_pair(pair *p, const p2p_mem *mem) {
    static const p2p_ws_dial DIAL = {.host = "example.org", .port = 80};
    init_pair(p, mem);
    p2p_err err = start_end(p, &p->a, &DIAL);
    return err == P2P_OK ? start_end(p, &p->b, NULL) : err;
}

static void stop_pair(pair *p) {
    stop_end(&p->a);
    stop_end(&p->b);
}

/* Draws blocks of cap bytes and feeds them in pieces; *moved tells whether there were any. */
static p2p_err move(end *from, end *to, size_t cap, size_t piece, bool *moved) {
    uint8_t *block = malloc(cap);
    size_t len;
    p2p_err err = p2p_layer_draw(from->ws, block, cap, &len);
    check(len <= cap);
    *moved = len > 0;
    for (size_t at = 0; err == P2P_OK && at < len; at += piece) {
        size_t n = len - at < piece ? len - at : piece;
        uint8_t *exact = malloc(n); /* so that reading past it is seen */
        memcpy(exact, block + at, n);
        err = p2p_layer_feed(to->ws, exact, n);
        free(exact);
    }
    free(block);
    return err;
}

static p2p_err run(pair *p, size_t cap, size_t piece) {
    p2p_err err = P2P_OK;
    for (bool there = true, back = true; err == P2P_OK && (there || back);) {
        err = move(&p->a, &p->b, cap, piece, &there);
        if (err == P2P_OK)
            err = move(&p->b, &p->a, cap, piece, &back);
    }
    return err;
}

/* What a peer sends to one side, as an exact copy. */
static p2p_err feed_text(end *e, const void *text, size_t len) {
    uint8_t *copy = malloc(len);
    memcpy(copy, text, len);
    p2p_err err = p2p_layer_feed(e->ws, copy, len);
    free(copy);
    return err;
}

#endif
