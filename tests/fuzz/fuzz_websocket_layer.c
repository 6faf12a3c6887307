/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A server's WebSocket layer (first bit of the input) or a client's, fed in pieces and drawn from
 * in between; plain requests are answered by a handler. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "transport/websocket_layer.h"

static p2p_layer *ws;
static p2p_layer above;
static bool ended;

static p2p_err above_feed(p2p_layer *layer, uint8_t *data, size_t len) {
    (void)layer;
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum = (uint8_t)(sum + data[i]);
    return P2P_OK;
}

static p2p_err above_draw(p2p_layer *layer, uint8_t *dst, size_t cap, size_t *len) {
    (void)layer;
    *len = cap < 3 ? cap : 3;
    memset(dst, 'x', *len);
    return P2P_OK;
}

static const p2p_layer_ops ABOVE = {"above", above_feed, above_draw, NULL, NULL, NULL};

static p2p_err opened(void *ctx) {
    (void)ctx;
    ws->above = &above;
    return P2P_OK;
}

static void served(void *ctx, p2p_err err) {
    (void)ctx;
    (void)err;
    ended = true;
}

static void serve(void *ctx, const p2p_http_request *request, p2p_http_response *response) {
    (void)ctx;
    p2p_http_response_set_status(response, 200);
    p2p_http_response_write(response, p2p_http_request_header(request, "x"));
    p2p_http_response_write(response, request->query);
    p2p_http_response_write(response, request->body);
}

static void wake(p2p_wire *wire) {
    (void)wire;
}

static void fill(void *ctx, uint8_t *dst, size_t len) {
    (void)ctx;
    memset(dst, 0, len);
}

static void draw(size_t cap) {
    uint8_t *block = malloc(cap);
    size_t len;
    p2p_err err = p2p_layer_draw(ws, block, cap, &len);
    (void)err;
    free(block);
}

static void talk(p2p_env *env, const uint8_t *data, size_t size) {
    while (size > 1 && !ended) {
        size_t n = data[0] < size - 1 ? data[0] : size - 1;
        uint8_t *piece = malloc(n + 1);
        memcpy(piece, data + 1, n);
        p2p_err err = p2p_layer_feed(ws, piece, n);
        free(piece);
        data += n + 1;
        size -= n + 1;
        for (p2p_list *node; (node = p2p_list_pop(&env->calls)) != NULL;) {
            p2p_call *call = P2P_CONTAINER(node, p2p_call, node);
            call->run(call);
        }
        draw(n + 1);
        if (err != P2P_OK)
            break;
    }
    ws->ops->shut(ws);
    draw(65536);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const p2p_mem MEM = {0};
    static const p2p_random RANDOM = {fill, NULL};
    static const p2p_wire_ops WIRE = {wake, NULL};
    static const p2p_ws_dial DIAL = {.host = "h", .port = 80};
    char why[P2P_WS_WHY_MAX] = "";
    if (size == 0)
        return 0;
    p2p_env env = {.mem = &MEM, .random = &RANDOM, .http_fn = serve};
    p2p_wire wire = {.ops = &WIRE};
    p2p_list_init(&env.calls);
    above.ops = &ABOVE;
    ended = false;
    p2p_ws_layer_params params = {.env = &env,
        .wire = &wire,
        .dial = (data[0] & 1) != 0 ? &DIAL : NULL,
        .opened = opened,
        .served = served,
        .why = why};
    if (p2p_ws_layer_new(&ws, &params) != P2P_OK)
        return 0;
    talk(&env, data + 1, size - 1);
    ws->ops->free(ws);
    return 0;
}
