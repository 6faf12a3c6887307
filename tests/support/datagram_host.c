/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/datagram_host.h"

enum { PORT = 4001, DRAW_MAX = 65507 };

void datagram_host_start(datagram_host *h, unsigned number, const p2p_config *config) {
    static const p2p_transport_type *const transports[] = {&p2p_quic, NULL};
    p2p_config own = P2P_CONFIG_DEFAULTS;
    memset(h, 0, sizeof *h);
    if (config != NULL)
        own = *config;
    faulty_mem_init(&h->mem);
    seeded_random_init(&h->random, number);
    check_ok(p2p_identity_generate(&h->identity, P2P_ED25519, &h->mem.mem, &h->random.random));
    if (own.transports == NULL)
        own.transports = transports;
    own.identity = h->identity;
    own.mem = h->mem.mem;
    own.random = h->random.random;
    own.wall_ms = UINT64_C(1800000000000);
    h->now = P2P_SECOND;
    h->local = (p2p_sockaddr){.family = 4, .ip = {10, 0, 0, (uint8_t)number}, .port = PORT};
    h->out = calloc(DATAGRAMS_MAX, sizeof *h->out);
    check_ok(p2p_host_new(&h->host, &own, h->now));
}

void datagram_host_stop(datagram_host *h) {
    p2p_host_free(h->host);
    p2p_identity_free(h->identity);
    if (h->mem.live_blocks != 0)
        fail_msg("%zu blocks leaked, %zu bytes", h->mem.live_blocks, h->mem.live_bytes);
    free(h->out);
}

void datagram_host_clear(datagram_host *h) {
    h->out_count = 0;
}

static void keep(datagram_host *h, const p2p_datagrams *batch, const uint8_t *bytes) {
    for (size_t at = 0; at < batch->len; at += batch->segment) {
        size_t len = batch->len - at < batch->segment ? batch->len - at : batch->segment;
        if (h->out_count == DATAGRAMS_MAX || len > DATAGRAM_LEN_MAX)
            return;
        datagram *d = &h->out[h->out_count++];
        d->from = h->local;
        d->to = batch->remote;
        d->len = len;
        memcpy(d->bytes, bytes + at, len);
    }
}

static void draw_all(datagram_host *h) {
    static uint8_t block[DRAW_MAX];
    p2p_datagrams batch;
    while (p2p_host_draw_datagrams(h->host, h->socket, block, sizeof block, 16, &batch))
        keep(h, &batch, block);
}

static void carry_out(datagram_host *h, const p2p_effect *effect) {
    if (effect->type == P2P_EFFECT_BIND) {
        h->socket = effect->socket;
        p2p_host_input(h->host, &(p2p_input){.type = P2P_INPUT_OPENED,
                                    .now = h->now,
                                    .socket = effect->socket,
                                    .local = h->local});
    } else if (effect->type == P2P_EFFECT_SEND) {
        draw_all(h);
    }
}

static void note(datagram_host *h, const p2p_event *event) {
    if (event->type == P2P_EVENT_CONNECTED) {
        h->connected++;
        h->conn = event->conn;
    } else if (event->type == P2P_EVENT_DISCONNECTED) {
        h->disconnected++;
        h->reason = event->reason;
    } else if (event->type == P2P_EVENT_DIAL_FAILED) {
        h->dial_failed++;
        h->reason = event->reason;
    }
    if (h->on_event != NULL)
        h->on_event(h, event);
}

void datagram_host_pump(datagram_host *h) {
    p2p_effect effect;
    p2p_event event;
    bool busy = true;
    while (busy) {
        busy = false;
        while (p2p_host_next_effect(h->host, &effect)) {
            carry_out(h, &effect);
            busy = true;
        }
        while (p2p_host_next_event(h->host, &event)) {
            note(h, &event);
            busy = true;
        }
    }
}

static void tick(datagram_host *h) {
    p2p_host_input(h->host, &(p2p_input){.type = P2P_INPUT_TICK, .now = h->now});
    datagram_host_pump(h);
}

void datagram_host_pass(datagram_host *h, p2p_time duration) {
    p2p_time until = h->now + duration;
    for (;;) {
        p2p_time next = p2p_host_deadline(h->host);
        if (next > until)
            break;
        h->now = next > h->now ? next : h->now + 1;
        tick(h);
    }
    h->now = until;
    tick(h);
}

void datagram_host_give(
    datagram_host *h, const p2p_sockaddr *from, const uint8_t *bytes, size_t len) {
    uint8_t copy[DATAGRAM_LEN_MAX];
    len = len < sizeof copy ? len : sizeof copy;
    memcpy(copy, bytes, len);
    p2p_host_input(h->host, &(p2p_input){.type = P2P_INPUT_DATAGRAM,
                                .now = h->now,
                                .socket = h->socket,
                                .data = copy,
                                .len = len,
                                .local = h->local,
                                .remote = *from});
    datagram_host_pump(h);
}

void datagram_host_listen(datagram_host *h) {
    p2p_multiaddr addr;
    char text[64];
    snprintf(text, sizeof text, "/ip4/%u.%u.%u.%u/udp/%u/quic-v1", h->local.ip[0], h->local.ip[1],
        h->local.ip[2], h->local.ip[3], h->local.port);
    check_ok(p2p_multiaddr_parse(&addr, text, NULL));
    check_ok(p2p_host_listen(h->host, &addr, NULL));
    datagram_host_pump(h);
}

void datagram_host_dial(datagram_host *h, const datagram_host *to) {
    p2p_multiaddr addr;
    p2p_dial_options options = {.size = sizeof options, .force_new = true};
    p2p_multiaddr_from_sockaddr(&addr, &to->local, P2P_UDP);
    check_ok(p2p_multiaddr_push(&addr, P2P_QUIC_V1, (p2p_bytes){0}));
    check_ok(p2p_host_dial(h->host, NULL, &addr, 1, &options, NULL));
    datagram_host_pump(h);
    tick(h);
}

static size_t hand_over(datagram_host *from, datagram_host *to) {
    size_t count = from->out_count;
    datagram *taken = malloc((count > 0 ? count : 1) * sizeof *taken);
    memcpy(taken, from->out, count * sizeof *taken);
    from->out_count = 0;
    for (size_t i = 0; i < count; i++)
        datagram_host_give(to, &taken[i].from, taken[i].bytes, taken[i].len);
    free(taken);
    return count;
}

void datagram_hosts_talk(datagram_host *a, datagram_host *b, size_t rounds) {
    while (rounds-- > 0 && hand_over(a, b) + hand_over(b, a) > 0) {
        datagram_host_pass(a, P2P_MILLISECOND);
        datagram_host_pass(b, P2P_MILLISECOND);
    }
}
