/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Datagrams into a listening QUIC endpoint, with a genuine client in the middle of its handshake.
 * The input is a list of steps: a byte that says what happens, then what that takes.
 */
#include <stdlib.h>

#include "support/datagram_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct steps {
    const uint8_t *at;
    size_t left;
} steps;

static uint8_t next(steps *s) {
    if (s->left == 0)
        return 0;
    s->left--;
    return *s->at++;
}

/* A datagram of the input's own: a length in two bytes, then the bytes; what is missing is zero. */
static void raw(steps *s, datagram_host *server, const p2p_sockaddr *from) {
    uint8_t packet[1500] = {0};
    size_t len = (size_t)(next(s) << 8 | next(s)) % sizeof packet + 1;
    size_t given = len < s->left ? len : s->left;
    memcpy(packet, s->at, given);
    s->at += given;
    s->left -= given;
    datagram_host_give(server, from, packet, len);
}

/* Passes on what one side sent, with one byte changed, or one datagram left out. */
static void pass_on(steps *s, datagram_host *from, datagram_host *to, bool harm) {
    datagram first = {0};
    if (from->out_count == 0)
        return;
    first = from->out[0];
    memmove(from->out, from->out + 1, --from->out_count * sizeof first);
    if (harm) {
        size_t at = (size_t)(next(s) << 8 | next(s)) % first.len;
        first.bytes[at] ^= next(s);
    }
    datagram_host_give(to, &first.from, first.bytes, first.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    steps s = {data, size};
    datagram_host *server = malloc(sizeof *server), *client = malloc(sizeof *client);
    p2p_sockaddr stranger = {.family = 4, .ip = {192, 0, 2, 1}, .port = 9};
    if (server == NULL || client == NULL)
        abort();
    datagram_host_start(server, 1, NULL);
    datagram_host_start(client, 2, NULL);
    datagram_host_listen(server);
    datagram_host_dial(client, server);
    for (int i = 0; i < 64 && s.left > 0; i++) {
        switch (next(&s) % 8) {
        case 0:
            raw(&s, server, &stranger);
            break;
        case 1:
            raw(&s, server, &client->local);
            break;
        case 2:
            raw(&s, client, &server->local);
            break;
        case 3:
            pass_on(&s, client, server, false);
            break;
        case 4:
            pass_on(&s, server, client, false);
            break;
        case 5:
            pass_on(&s, client, server, true);
            break;
        case 6:
            pass_on(&s, server, client, true);
            break;
        default:
            datagram_host_pass(server, next(&s) * 100 * P2P_MILLISECOND);
            datagram_host_pass(client, next(&s) * 100 * P2P_MILLISECOND);
            break;
        }
    }
    datagram_host_stop(client);
    datagram_host_stop(server);
    free(client);
    free(server);
    return 0;
}
