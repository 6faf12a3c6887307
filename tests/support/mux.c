/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/mux.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

uint8_t mux_pattern(size_t at) {
    return (uint8_t)(at * 7 + (at >> 8));
}

static void fill_random(void *ctx, uint8_t *dst, size_t len) {
    mux_end *end = ctx;
    for (size_t i = 0; i < len; i++) {
        end->seed = end->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        dst[i] = (uint8_t)(end->seed >> 33);
    }
}

/* --- the protocol --- */

static void send_more(mux_app *app) {
    uint8_t block[3000];
    while (app->sent < app->to_send) {
        size_t len = app->to_send - app->sent;
        if (len > sizeof block)
            len = sizeof block;
        for (size_t i = 0; i < len; i++)
            block[i] = mux_pattern(app->sent + i);
        size_t taken = p2p_stream_write(app->stream, p2p_bytes_of(block, len));
        app->sent += taken;
        if (taken < len)
            return;
    }
    p2p_stream_shut(app->stream);
}

static void opened(p2p_stream *stream, void *self) {
    mux_end *end = self;
    mux_app *app = p2p_stream_user(stream);
    if (app == NULL) {
        if (end->app_count == MUX_APPS_MAX) {
            p2p_stream_reset(stream, 77);
            return;
        }
        app = &end->apps[end->app_count++];
        *app =
            (mux_app){.end = end, .stream = stream, .to_send = end->reply, .stopped = end->stopped};
        p2p_stream_set_user(stream, app);
    }
    send_more(app);
}

static void readable(p2p_stream *stream, void *self) {
    (void)self;
    mux_app *app = p2p_stream_user(stream);
    if (app == NULL || app->stopped)
        return;
    for (p2p_bytes view; (view = p2p_stream_peek(stream)).len > 0;) {
        for (size_t i = 0; i < view.len; i++)
            app->wrong += view.ptr[i] != mux_pattern(app->received + i);
        app->received += view.len;
        p2p_stream_consume(stream, view.len);
    }
    app->ended = p2p_stream_at_end(stream);
}

static void writable(p2p_stream *stream, void *self) {
    (void)self;
    mux_app *app = p2p_stream_user(stream);
    if (app != NULL)
        send_more(app);
}

static void closed(p2p_stream *stream, const p2p_stream_end *how, void *self) {
    (void)self;
    mux_app *app = p2p_stream_user(stream);
    if (app == NULL)
        return;
    app->stream = NULL;
    app->closed = true;
    app->how = *how;
}

/* --- the surroundings of a connection --- */

static void woken(p2p_wire *wire) {
    P2P_CONTAINER(wire, mux_end, wire)->woken = true;
}

static const p2p_wire_ops wire_ops = {.wake = woken};

static void conn_ended(p2p_conn *conn, const p2p_reason *reason) {
    mux_end *end = conn->swarm;
    end->ended = true;
    end->reason = *reason;
}

static const p2p_protocol *find_protocol(p2p_conn *conn, p2p_bytes id, void **self) {
    mux_end *end = conn->swarm;
    *self = end;
    return p2p_bytes_equal(id, P2P_LITERAL("/t")) ? &end->protocol : NULL;
}

static const p2p_conn_events events = {.ended = conn_ended, .find_protocol = find_protocol};

static const char *const IDS[] = {"/t", NULL};

void mux_end_defaults(mux_end *end) {
    memset(end, 0, offsetof(mux_end, apps));
    end->limits = (p2p_limits){.streams = 1000,
        .streams_inbound_per_conn = 1000,
        .streams_outbound_per_conn = 1000,
        .buffered_bytes = 64 << 20,
        .write_buffer = 64 * 1024,
        .window_initial = 256 * 1024,
        .window_max = 16 << 20};
    end->timeouts = (p2p_timeouts){
        .negotiate = 10 * P2P_SECOND, .close = 5 * P2P_SECOND, .keepalive = 15 * P2P_SECOND};
    end->protocol = (p2p_protocol){.size = sizeof(p2p_protocol),
        .ids = IDS,
        .inbound = true,
        .opened = opened,
        .readable = readable,
        .writable = writable,
        .closed = closed};
}

p2p_err mux_end_start(mux_end *end, const p2p_muxer *muxer, const p2p_mem *mem, bool initiator) {
    p2p_env *env = &end->env;
    end->random = (p2p_random){fill_random, end};
    *env = (p2p_env){.now = 1000 * P2P_SECOND,
        .mem = mem,
        .random = &end->random,
        .log = &end->log,
        .limits = &end->limits,
        .timeouts = &end->timeouts};
    p2p_timers_init(&env->timers, mem);
    p2p_chunk_pool_init(&env->chunks, mem, end->limits.buffered_bytes);
    p2p_list_init(&env->ready);
    p2p_list_init(&env->dead);
    end->wire = (p2p_wire){.ops = &wire_ops};
    p2p_err err = muxer->start(&end->layer, &end->conn, env, &end->wire, initiator);
    if (err != P2P_OK) {
        end->conn = NULL;
        return err;
    }
    end->wire.bottom = end->layer;
    end->conn->swarm = end;
    end->conn->events = &events;
    return P2P_OK;
}

void mux_end_turn(mux_end *end) {
    p2p_list *node;
    do {
        while ((node = p2p_list_pop(&end->env.ready)) != NULL)
            p2p_stream_dispatch(p2p_stream_of_ready(node));
        while ((node = p2p_list_pop(&end->env.dead)) != NULL) {
            p2p_dead *dead = P2P_CONTAINER(node, p2p_dead, node);
            dead->free(dead);
        }
    } while (!p2p_list_empty(&end->env.ready));
}

void mux_end_stop(mux_end *end) {
    if (end->conn != NULL) {
        p2p_conn_abort(end->conn, 0);
        mux_end_turn(end);
        p2p_conn_bury(end->conn);
        p2p_dead *dead = &end->conn->dead;
        p2p_list_remove(&dead->node);
        dead->free(dead);
    }
    end->conn = NULL;
    p2p_timers_deinit(&end->env.timers);
    p2p_chunk_pool_deinit(&end->env.chunks);
}

mux_app *mux_end_open(mux_end *end, size_t to_send, p2p_err *err) {
    p2p_stream *stream;
    *err = end->app_count == MUX_APPS_MAX ? P2P_ERR_LIMIT
                                          : p2p_conn_open(end->conn, &end->protocol, end, &stream);
    if (*err != P2P_OK)
        return NULL;
    mux_app *app = &end->apps[end->app_count++];
    *app = (mux_app){.end = end, .stream = stream, .to_send = to_send};
    p2p_stream_set_user(stream, app);
    return app;
}

static void ended_with(mux_end *end, p2p_err err) {
    if (err != P2P_OK)
        p2p_conn_ended(end->conn, err, false, 0, NULL);
}

p2p_err mux_end_feed(mux_end *end, const void *data, size_t len) {
    uint8_t *copy = malloc(len + 1);
    p2p_copy(copy, data, len);
    p2p_err err = p2p_layer_feed(end->layer, copy, len);
    free(copy);
    ended_with(end, err);
    mux_end_turn(end);
    return err;
}

size_t mux_end_draw(mux_end *end, uint8_t *dst, size_t cap) {
    size_t len;
    end->woken = false;
    ended_with(end, p2p_layer_draw(end->layer, dst, cap, &len));
    mux_end_turn(end);
    return len;
}

void mux_end_pass(mux_end *end, p2p_time time) {
    end->env.now += time;
    p2p_timers_run(&end->env.timers, end->env.now);
    mux_end_turn(end);
}
