/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A peer that echoes: prints its address and sends back what anybody sends it. */
#include <stdio.h>

#include <p2p/node.h>

static void echo(p2p_stream *stream, void *self) {
    (void)self;
    for (size_t n; (n = p2p_stream_write(stream, p2p_stream_peek(stream))) > 0;)
        p2p_stream_consume(stream, n);
    if (p2p_stream_at_end(stream))
        p2p_stream_shut(stream);
}

static const char *const ids[] = {"/echo/1.0.0", NULL};
static const p2p_protocol protocol = {sizeof protocol, ids, true, false, NULL, echo, echo, NULL};

static void on_event(void *ctx, p2p_host *host, const p2p_event *event) {
    char text[P2P_HOST_ADDR_TEXT_MAX];
    (void)ctx;
    if (event->type == P2P_EVENT_LISTENING)
        printf("%s\n", p2p_host_addr_text(host, &event->addr, text));
    fflush(stdout);
}

int main(void) {
    p2p_config config = P2P_CONFIG_DEFAULTS;
    p2p_node *node;
    if (p2p_node_new(&node, &config) || p2p_node_listen(node, "/ip4/127.0.0.1/tcp/0") ||
        p2p_host_add_protocol(p2p_node_host(node), &protocol, NULL))
        return 1;
    p2p_node_on_event(node, on_event, NULL);
    p2p_node_run(node);
}
