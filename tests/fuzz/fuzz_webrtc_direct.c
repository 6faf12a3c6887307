/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Datagrams from the network to a host that listens for webrtc-direct, and time. Each step is a
 * byte of what and a byte of how: a check with right credentials, one repeated from elsewhere,
 * bytes of the input as they are, seconds that pass.
 */
#include <stdlib.h>
#include <string.h>

#include <p2p/driver.h>
#include <p2p/identity.h>

#include "base/bytes.h"
#include "base/cursor.h"
#include "webrtc/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t counter;

static void fill(void *ctx, uint8_t *dst, size_t len) {
    (void)ctx;
    for (size_t i = 0; i < len; i++)
        dst[i] = (uint8_t)(counter++ * 73);
}

static const p2p_mem mem;
static const p2p_random random_source = {fill, NULL};
static p2p_identity *identity;

typedef struct scene {
    p2p_host *host;
    p2p_time now;
} scene;

static void carry_out(scene *s) {
    uint8_t block[65507];
    p2p_effect effect;
    p2p_datagrams out;
    p2p_event event;
    do {
        while (p2p_host_next_effect(s->host, &effect)) {
            while (effect.type == P2P_EFFECT_SEND &&
                   p2p_host_draw_datagrams(s->host, effect.socket, block, sizeof block, 10, &out))
                if (out.len > sizeof block || out.segment > out.len)
                    abort();
        }
    } while (p2p_host_next_event(s->host, &event));
}

static void give(scene *s, p2p_input *input) {
    input->now = s->now;
    p2p_host_input(s->host, input);
    carry_out(s);
}

static void arrive(scene *s, const uint8_t *bytes, size_t len, uint8_t how) {
    uint8_t copy[1500];
    p2p_input input = {.type = P2P_INPUT_DATAGRAM, .socket = 1, .data = copy, .len = len};
    memcpy(copy, bytes, len);
    input.local = (p2p_sockaddr){.family = 4, .ip = {192, 0, 2, 1}, .port = 4001};
    input.remote =
        (p2p_sockaddr){.family = 4, .ip = {198, 51, 100, how & 3}, .port = 1 + (how & 7)};
    give(s, &input);
}

static void check_arrives(scene *s, uint8_t how) {
    static const uint8_t transaction[12];
    uint8_t packet[400];
    size_t len;
    char ufrag[] = "libp2p+webrtc+v1/aaaaaaaaaaaaaaaaaaaaaaaa", name[100];
    ufrag[20] = (char)('a' + (how >> 5));
    p2p_writer text = p2p_writer_of(name, sizeof name);
    p2p_writer_bytes(&text, p2p_bytes_text(ufrag));
    p2p_writer_u8(&text, ':');
    p2p_writer_bytes(&text, p2p_bytes_text(ufrag));
    p2p_writer w =
        p2p_stun_begin(packet, sizeof packet, P2P_STUN_REQUEST, P2P_STUN_BINDING, transaction);
    p2p_stun_put(&w, P2P_STUN_USERNAME, p2p_writer_view(&text));
    if (how & 16)
        p2p_stun_put(&w, P2P_STUN_USE_CANDIDATE, (p2p_bytes){0});
    p2p_stun_put_integrity(&w, p2p_bytes_text(ufrag));
    if (p2p_stun_finish(&w, &len) != P2P_OK)
        abort();
    arrive(s, packet, len, how);
}

static void listen_somewhere(scene *s) {
    p2p_multiaddr addr;
    p2p_input opened = {.type = P2P_INPUT_OPENED, .socket = 1};
    opened.local = (p2p_sockaddr){.family = 4, .ip = {192, 0, 2, 1}, .port = 4001};
    if (p2p_multiaddr_parse(&addr, "/ip4/192.0.2.1/udp/4001/webrtc-direct", NULL) != P2P_OK ||
        p2p_host_listen(s->host, &addr, NULL) != P2P_OK)
        abort();
    carry_out(s);
    give(s, &opened);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const p2p_transport_type *const transports[] = {&p2p_webrtc_direct, NULL};
    scene s = {.now = P2P_SECOND};
    counter = 0;
    if (identity == NULL &&
        p2p_identity_generate(&identity, P2P_ED25519, &mem, &random_source) != P2P_OK)
        abort();
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.identity = identity;
    config.random = random_source;
    config.transports = transports;
    if (p2p_host_new(&s.host, &config, s.now) != P2P_OK)
        abort();
    listen_somewhere(&s);
    while (size >= 2) {
        uint8_t what = data[0], how = data[1];
        data += 2;
        size -= 2;
        if (what < 64) {
            check_arrives(&s, how);
        } else if (what < 80) {
            s.now += (p2p_time)how * P2P_SECOND / 4;
            p2p_input tick = {.type = P2P_INPUT_TICK};
            give(&s, &tick);
        } else {
            size_t len = (size_t)(what - 80) * 8 < size ? (size_t)(what - 80) * 8 : size;
            if (len > 0)
                arrive(&s, data, len, how);
            data += len;
            size -= len;
        }
    }
    p2p_host_free(s.host);
    return 0;
}
