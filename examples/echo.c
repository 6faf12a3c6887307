/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Two hosts in one program: one echoes, the other says hello to it. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include <p2p/node.h>
#include <uv.h>

static void fill_random(void *ctx, uint8_t *dst, size_t len) {
    (void)ctx;
    if (getrandom(dst, len, 0) != (ssize_t)len)
        abort();
}

static void nothing(p2p_stream *stream, void *self) {
    (void)stream, (void)self;
}

static void echo(p2p_stream *stream, void *self) {
    (void)self;
    p2p_stream_consume(stream, p2p_stream_write(stream, p2p_stream_peek(stream)));
    if (p2p_stream_at_end(stream))
        p2p_stream_shut(stream);
}

static void say(p2p_stream *stream, void *self) {
    (void)self;
    p2p_stream_write(stream, (p2p_bytes){(const uint8_t *)"hello", 5});
    p2p_stream_shut(stream);
}

static void hear(p2p_stream *stream, void *self) {
    (void)self;
    p2p_bytes view = p2p_stream_peek(stream);
    printf("%.*s\n", (int)view.len, (const char *)view.ptr);
    p2p_stream_consume(stream, view.len);
}

static void closed(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    (void)end, (void)self;
    p2p_host_close(p2p_stream_host(stream));
}

static const char *const ids[] = {"/echo/1.0.0", NULL};
static const p2p_protocol server = {sizeof server, ids, true, true, nothing, echo, echo, closed};
static const p2p_protocol client = {sizeof client, ids, false, true, say, hear, nothing, closed};

static p2p_node *nodes[2];

static void on_event(void *loop, p2p_host *host, const p2p_event *event) {
    static int stopped;
    p2p_err err = P2P_OK;
    if (event->type == P2P_EVENT_LISTENING) {
        err = p2p_host_dial(
            p2p_node_host(nodes[1]), p2p_host_peer(host), &event->addr, 1, NULL, NULL);
        p2p_node_kick(nodes[1]);
    } else if (event->type == P2P_EVENT_DIALED)
        err = p2p_conn_open(event->conn, &client, NULL, NULL);
    else if (event->type == P2P_EVENT_STOPPED && ++stopped == 2)
        uv_stop(loop);
    if (err != P2P_OK)
        printf("%s\n", p2p_err_text(err));
}

int main(void) {
    const p2p_random random = {fill_random, NULL};
    p2p_identity *identity[2];
    uv_loop_t *loop = uv_default_loop();
    for (int i = 0; i < 2; i++) {
        p2p_config config = P2P_CONFIG_DEFAULTS;
        if (p2p_identity_generate(&identity[i], P2P_ED25519, &config.mem, &random) != P2P_OK)
            return 1;
        config.identity = identity[i];
        if (p2p_node_new_on(&nodes[i], &config, loop) != P2P_OK)
            return 1;
        p2p_node_on_event(nodes[i], on_event, loop);
    }
    if (p2p_host_add_protocol(p2p_node_host(nodes[0]), &server, NULL) != P2P_OK ||
        p2p_node_listen(nodes[0], "/ip4/127.0.0.1/tcp/0") != P2P_OK)
        return 1;
    uv_run(loop, UV_RUN_DEFAULT);
    for (int i = 0; i < 2; i++)
        p2p_node_free(nodes[i]);
    uv_run(loop, UV_RUN_DEFAULT);
    for (int i = 0; i < 2; i++)
        p2p_identity_free(identity[i]);
    return 0;
}
