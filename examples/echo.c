/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Two hosts in one program: one echoes, the other says hello to it. */
#include <stdio.h>
#include <string.h>

#include <p2p/node.h>
#include <uv.h>

static void echo(p2p_stream *stream, void *self) {
    (void)self;
    for (size_t n; (n = p2p_stream_write(stream, p2p_stream_peek(stream))) > 0;)
        p2p_stream_consume(stream, n);
    if (p2p_stream_at_end(stream))
        p2p_stream_shut(stream);
}

static void say(p2p_stream *stream, void *text) {
    p2p_stream_write(stream, (p2p_bytes){text, strlen(text)});
    p2p_stream_shut(stream);
}

static void hear(p2p_stream *stream, void *text) {
    (void)text;
    p2p_bytes heard = p2p_stream_peek(stream);
    printf("%.*s", (int)heard.len, (const char *)heard.ptr);
    p2p_stream_consume(stream, heard.len);
}

static void done(p2p_stream *stream, const p2p_stream_end *end, void *text) {
    (void)stream, (void)end, (void)text;
    uv_stop(uv_default_loop());
}

static const char *const ids[] = {"/echo/1.0.0", NULL};
static const p2p_protocol server = {sizeof server, ids, true, false, NULL, echo, echo, NULL};
static const p2p_protocol client = {sizeof client, ids, false, false, say, hear, NULL, done};

static void on_event(void *b, p2p_host *host, const p2p_event *event) {
    p2p_err err = P2P_OK;
    if (event->type == P2P_EVENT_LISTENING) {
        err = p2p_host_dial(p2p_node_host(b), p2p_host_peer(host), &event->addr, 1, NULL, NULL);
        p2p_node_kick(b);
    } else if (event->type == P2P_EVENT_DIALED)
        err = p2p_conn_open(event->conn, &client, "hello\n", NULL);
    if (err != P2P_OK)
        printf("%s\n", p2p_err_text(err));
}

int main(void) {
    p2p_config config = P2P_CONFIG_DEFAULTS;
    p2p_node *a, *b;
    if (p2p_node_new_on(&a, &config, uv_default_loop()) != P2P_OK ||
        p2p_node_new_on(&b, &config, uv_default_loop()) != P2P_OK ||
        p2p_host_add_protocol(p2p_node_host(a), &server, NULL) != P2P_OK ||
        p2p_node_listen(a, "/ip4/127.0.0.1/tcp/0") != P2P_OK)
        return 1;
    p2p_node_on_event(a, on_event, b);
    p2p_node_on_event(b, on_event, b);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    p2p_node_free(a);
    p2p_node_free(b);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
