/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * RFC 6455 for libp2p (specs/websockets): message boundaries mean nothing, so payload streams
 * through in both directions and nothing is ever collected but heads and control frames.
 *
 * All that only the handshake needs lies in `setup`, which is freed at its end. A plain request
 * stays there until its answer was drawn. The ends of a connection: a close frame of the peer's
 * with one of the codes of good order, and an end of the bytes below without one, both count as an
 * end of file; the layer above judges whether it came at a good moment.
 */
#include "transport/websocket_layer.h"

#include <stdio.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "transport/http_exchange.h"
#include "transport/websocket_frame_reader.h"
#include "transport/websocket_frame_writer.h"

enum {
    SAID_MAX = P2P_HTTP_ANSWER_MAX,
    /* Behind another frame, a smaller one is left for the next draw: it would be mostly overhead.
     */
    WORTHWHILE = 512
};

/* Payload is not collected, so a long frame costs nothing; a length beyond this is a mistake. */
#define FRAME_MAX (UINT64_C(256) << 20)

typedef enum state { HANDSHAKE, REQUEST_BODY, ANSWERING, OPEN, ENDED } state;

typedef struct ws_layer ws_layer;

typedef struct ws_setup {
    ws_layer *ws;
    p2p_http_reader http;
    p2p_http_exchange exchange;
    char key[P2P_WS_KEY_TEXT + 1];
} ws_setup;

struct ws_layer {
    p2p_layer layer;
    p2p_ws_layer_params params;
    state state;
    p2p_ws_role role;
    ws_setup *setup; /* NULL once the handshake is over */
    p2p_buf said;    /* HTTP, not yet drawn */
    p2p_err verdict; /* ANSWERING: for `served` */
    p2p_ws_reader reader;
    p2p_ws_writer writer;
};

static void free_setup(ws_layer *ws) {
    if (ws->setup == NULL)
        return;
    p2p_http_reader_deinit(&ws->setup->http);
    p2p_http_exchange_deinit(&ws->setup->exchange);
    p2p_mem_free(ws->params.env->mem, ws->setup, sizeof *ws->setup);
    ws->setup = NULL;
}

static void ws_free(p2p_layer *layer) {
    ws_layer *ws = P2P_CONTAINER(layer, ws_layer, layer);
    free_setup(ws);
    p2p_buf_deinit(&ws->said);
    p2p_mem_free(ws->params.env->mem, ws, sizeof *ws);
}

static p2p_err say(ws_layer *ws, const p2p_writer *w) {
    p2p_err err = p2p_writer_end(w);
    return err != P2P_OK ? err : p2p_buf_append(&ws->said, p2p_writer_view(w));
}

/* --- server --- */

/* Any page may connect unless the configuration names those that may. */
static bool allow_origin(void *ctx, p2p_bytes origin) {
    for (const char *const *at = ctx; *at != NULL; at++)
        if (p2p_http_same(origin, *at))
            return true;
    return false;
}

static p2p_err refuse(ws_layer *ws, unsigned status) {
    uint8_t block[512];
    p2p_writer w = p2p_writer_of(block, sizeof block);
    p2p_ws_put_answer(&w, status, NULL);
    ws->state = ANSWERING;
    ws->verdict = P2P_ERR_REFUSED;
    snprintf(ws->params.why, P2P_WS_WHY_MAX, "the HTTP request was refused with status %u", status);
    return say(ws, &w);
}

static void answered(p2p_http_exchange *exchange, p2p_err err) {
    ws_layer *ws = P2P_CONTAINER(exchange, ws_setup, exchange)->ws;
    ws->state = ANSWERING;
    ws->verdict = err;
    if (err != P2P_OK)
        p2p_buf_deinit(&ws->said);
    p2p_wire_wake(ws->layer.wire);
}

static p2p_err plain_request(ws_layer *ws, p2p_bytes rest) {
    p2p_http_exchange *exchange = &ws->setup->exchange;
    exchange->env = ws->params.env;
    exchange->head = &ws->setup->http.head;
    exchange->remote = ws->params.remote;
    exchange->tls = ws->params.tls;
    exchange->out = &ws->said;
    exchange->answered = answered;
    ws->state = REQUEST_BODY;
    unsigned status = p2p_http_exchange_start(exchange);
    return status != 0 ? refuse(ws, status) : p2p_http_exchange_feed(exchange, rest);
}

static p2p_err judge_request(ws_layer *ws) {
    uint8_t block[512];
    p2p_writer w = p2p_writer_of(block, sizeof block);
    const p2p_http_head *head = &ws->setup->http.head;
    const char *const *origins = ws->params.env->ws_origins;
    p2p_ws_policy policy = {
        .allow_origin = origins == NULL ? NULL : allow_origin, .ctx = (void *)origins};
    unsigned status = p2p_ws_judge(head, &policy);
    if (status != 101)
        return refuse(ws, status);
    p2p_ws_put_answer(&w, status, head);
    ws->state = OPEN;
    return say(ws, &w);
}

/* --- client --- */

static p2p_err ask(ws_layer *ws, const p2p_ws_dial *dial) {
    uint8_t block[P2P_WS_REQUEST_MAX];
    p2p_writer w = p2p_writer_of(block, sizeof block);
    p2p_err err = p2p_ws_put_request(&w, dial, ws->params.env->random, ws->setup->key);
    return err != P2P_OK ? err : say(ws, &w);
}

static p2p_err judge_answer(ws_layer *ws) {
    const p2p_http_head *head = &ws->setup->http.head;
    p2p_err err = p2p_ws_check_answer(head, ws->setup->key);
    if (err == P2P_OK)
        ws->state = OPEN;
    else if (err == P2P_ERR_REFUSED)
        snprintf(ws->params.why, P2P_WS_WHY_MAX,
            "the server refused the WebSocket with the HTTP status %u", head->status);
    else
        snprintf(ws->params.why, P2P_WS_WHY_MAX,
            "the server's answer to the WebSocket request breaks RFC 6455");
    return err;
}

/* --- handshake --- */

static p2p_err bad_head(ws_layer *ws, p2p_err err) {
    if (err == P2P_ERR_NO_MEMORY)
        return err;
    if (ws->role == P2P_WS_SERVER)
        return refuse(ws, ws->setup->http.refusal);
    snprintf(ws->params.why, P2P_WS_WHY_MAX, "the server does not answer in HTTP/1.1");
    return err;
}

/* *used: how much of the input was the handshake's. */
static p2p_err shake(ws_layer *ws, p2p_bytes in, size_t *used) {
    p2p_err err = p2p_http_reader_feed(&ws->setup->http, in, used);
    if (err == P2P_ERR_AGAIN)
        return P2P_OK;
    if (err != P2P_OK) {
        *used = in.len;
        return bad_head(ws, err);
    }
    if (ws->role == P2P_WS_CLIENT) {
        err = judge_answer(ws);
    } else if (!p2p_ws_is_upgrade(&ws->setup->http.head)) {
        p2p_bytes rest = p2p_bytes_of(in.ptr + *used, in.len - *used);
        *used = in.len;
        return plain_request(ws, rest);
    } else {
        err = judge_request(ws);
    }
    if (err != P2P_OK || ws->state != OPEN)
        return err;
    free_setup(ws);
    return ws->params.opened(ws->params.ctx);
}

/* --- frames in --- */

static bool good_end(uint16_t code) {
    return code == P2P_WS_NORMAL || code == P2P_WS_GOING_AWAY || code == P2P_WS_NO_CODE;
}

/* The peer's close is answered with the same code (section 5.5.1). */
static p2p_err closed(ws_layer *ws, uint16_t code) {
    ws->state = ENDED;
    p2p_ws_writer_close(&ws->writer, code, NULL);
    p2p_wire_wake(ws->layer.wire);
    if (!good_end(code)) {
        snprintf(ws->params.why, P2P_WS_WHY_MAX, "the peer closed the WebSocket with code %u",
            (unsigned)code);
        return P2P_ERR_RESET;
    }
    p2p_err err = p2p_layer_eof(ws->layer.above);
    return err == P2P_OK ? P2P_ERR_EOF : err;
}

static p2p_err take_item(ws_layer *ws, const p2p_ws_item *item) {
    switch (item->event) {
    case P2P_WS_GOT_DATA:
        return p2p_layer_feed(ws->layer.above, item->data, item->len);
    case P2P_WS_GOT_PING:
        p2p_ws_writer_pong(&ws->writer, p2p_bytes_of(item->data, item->len));
        p2p_wire_wake(ws->layer.wire);
        return P2P_OK;
    case P2P_WS_GOT_CLOSED:
        return closed(ws, item->code);
    default:
        return P2P_OK;
    }
}

static p2p_err feed_frames(ws_layer *ws, uint8_t *data, size_t len) {
    p2p_err err = P2P_OK;
    while (err == P2P_OK && len > 0 && ws->state == OPEN) {
        p2p_ws_item item;
        err = p2p_ws_reader_feed(&ws->reader, data, len, &item);
        if (err != P2P_OK) {
            p2p_ws_writer_close(&ws->writer, item.code, NULL);
            snprintf(ws->params.why, P2P_WS_WHY_MAX,
                "the peer broke the WebSocket protocol (close code %u)", (unsigned)item.code);
            return err;
        }
        data += item.used;
        len -= item.used;
        err = take_item(ws, &item);
    }
    return err;
}

static p2p_err ws_feed(p2p_layer *layer, uint8_t *data, size_t len) {
    ws_layer *ws = P2P_CONTAINER(layer, ws_layer, layer);
    size_t used = 0;
    p2p_err err = P2P_OK;
    if (ws->state == REQUEST_BODY)
        return p2p_http_exchange_feed(&ws->setup->exchange, p2p_bytes_of(data, len));
    if (ws->state == HANDSHAKE)
        err = shake(ws, p2p_bytes_of(data, len), &used);
    return err != P2P_OK || used == len ? err : feed_frames(ws, data + used, len - used);
}

static p2p_err ws_eof(p2p_layer *layer) {
    ws_layer *ws = P2P_CONTAINER(layer, ws_layer, layer);
    if (ws->state == OPEN)
        return p2p_layer_eof(ws->layer.above);
    /* A client may end its direction behind its request, but hardly one does. */
    return P2P_ERR_EOF;
}

/* --- out --- */

static size_t draw_said(p2p_buf *said, uint8_t *dst, size_t cap) {
    size_t len = p2p_buf_draw(said, dst, cap);
    if (len > 0 && p2p_buf_len(said) == 0)
        p2p_buf_deinit(said);
    return len;
}

static p2p_err draw_frames(ws_layer *ws, uint8_t *dst, size_t cap, size_t *len) {
    size_t n = p2p_ws_writer_control(&ws->writer, dst, cap);
    p2p_err err = P2P_OK;
    while (ws->state == OPEN) {
        size_t max;
        size_t payload;
        size_t at = p2p_ws_writer_room(&ws->writer, cap - n, &max);
        if (max == 0 || (n > 0 && max < WORTHWHILE))
            break;
        err = p2p_layer_draw(ws->layer.above, dst + n + at, max, &payload);
        if (err != P2P_OK || payload == 0)
            break;
        n += p2p_ws_writer_seal(&ws->writer, dst + n, payload);
    }
    *len += n;
    return err;
}

static p2p_err ws_draw(p2p_layer *layer, uint8_t *dst, size_t cap, size_t *len) {
    ws_layer *ws = P2P_CONTAINER(layer, ws_layer, layer);
    *len = draw_said(&ws->said, dst, cap);
    if (p2p_buf_len(&ws->said) > 0 || ws->state == HANDSHAKE || ws->state == REQUEST_BODY)
        return P2P_OK;
    if (ws->state == ANSWERING) {
        ws->state = ENDED;
        ws->params.served(ws->params.ctx, ws->verdict);
        return P2P_OK;
    }
    return draw_frames(ws, dst + *len, cap - *len, len);
}

/* --- the layer --- */

static void ws_shut(p2p_layer *layer) {
    ws_layer *ws = P2P_CONTAINER(layer, ws_layer, layer);
    if (ws->state == OPEN)
        p2p_ws_writer_close(&ws->writer, P2P_WS_NORMAL, NULL);
    if (ws->state == ANSWERING)
        return; /* the answer is the last word */
    if (ws->state != OPEN && ws->state != ENDED) {
        free_setup(ws);
        p2p_buf_deinit(&ws->said);
    }
    ws->state = ENDED;
}

static const p2p_layer_ops WS_OPS = {"ws", ws_feed, ws_draw, ws_eof, ws_free, ws_shut};

p2p_err p2p_ws_layer_new(p2p_layer **out, const p2p_ws_layer_params *params) {
    const p2p_mem *mem = params->env->mem;
    *out = NULL;
    ws_layer *ws = p2p_mem_alloc(mem, sizeof *ws);
    if (ws == NULL)
        return P2P_ERR_NO_MEMORY;
    bool client = params->dial != NULL;
    ws->layer = (p2p_layer){.ops = &WS_OPS, .wire = params->wire};
    ws->params = *params;
    ws->params.dial = NULL;
    ws->role = client ? P2P_WS_CLIENT : P2P_WS_SERVER;
    p2p_buf_init(&ws->said, mem, SAID_MAX);
    p2p_ws_reader_init(&ws->reader, ws->role, FRAME_MAX);
    p2p_ws_writer_init(&ws->writer, ws->role, params->env->random);
    ws->setup = p2p_mem_alloc(mem, sizeof *ws->setup);
    if (ws->setup == NULL) {
        ws_free(&ws->layer);
        return P2P_ERR_NO_MEMORY;
    }
    ws->setup->ws = ws;
    p2p_http_reader_init(
        &ws->setup->http, client ? P2P_HTTP_RESPONSE : P2P_HTTP_REQUEST, mem, P2P_HTTP_HEAD_MAX);
    p2p_err err = client ? ask(ws, params->dial) : P2P_OK;
    if (err != P2P_OK) {
        ws_free(&ws->layer);
        return err;
    }
    *out = &ws->layer;
    p2p_wire_wake(params->wire);
    return P2P_OK;
}
