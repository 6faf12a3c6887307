/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Nodes without a host: a scenario sends and reads their bytes itself. */
#include "sim/parts.h"

node *world_add_raw(world *w, node_input_fn on_input) {
    node *n = sim_new_node(w);
    n->on_input = on_input;
    return n;
}

p2p_socket world_raw_connect(node *n, const node *to, uint16_t port) {
    p2p_effect e = {.type = P2P_EFFECT_CONNECT, .socket = ++n->next_socket, .remote = to->ip};
    e.remote.port = port;
    sim_connect(n, &e);
    return e.socket;
}

void world_raw_listen(node *n, uint16_t port) {
    p2p_effect e = {.type = P2P_EFFECT_LISTEN, .socket = ++n->next_socket, .local = n->ip};
    e.local.port = port;
    sim_listen_or_bind(n, &e, LISTENER);
}

size_t world_raw_send(node *n, p2p_socket socket, p2p_bytes bytes) {
    sim_socket *s = sim_find_socket(n, socket);
    if (s == NULL || s->peer == NULL || s->blocked)
        return 0;
    sim_send_bytes(n, s, bytes);
    return bytes.len;
}

p2p_socket world_raw_bind(node *n, uint16_t port) {
    p2p_sockaddr local = n->ip;
    local.port = port;
    sim_new_socket(n, ++n->next_socket, DATAGRAM, &local)->open = true;
    return n->next_socket;
}

void world_raw_datagram(node *n, p2p_socket socket, const p2p_sockaddr *to, p2p_bytes bytes) {
    sim_send_datagram(n, sim_find_socket(n, socket), &(p2p_datagrams){.remote = *to}, bytes);
}

void world_raw_close(node *n, p2p_socket socket, bool abort) {
    sim_socket *s = sim_find_socket(n, socket);
    if (s != NULL)
        sim_close_socket(n->world, s, abort ? P2P_ERR_RESET : P2P_OK);
}
