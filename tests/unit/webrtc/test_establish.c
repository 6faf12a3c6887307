/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * ICE and DTLS together as webrtc-direct uses them: a listener that knows nothing of its client
 * until the first check, and a dialler that knows address and certhash. In virtual time, over a
 * path that loses and reorders.
 */
#include "support/check.h"

#include "lossy_link.h"
#include "webrtc/dtls.h"
#include "webrtc/ice.h"

static const p2p_mem mem;
static const p2p_sockaddr addresses[2] = {
    {.family = 4, .ip = {192, 0, 2, 1}, .port = 9},
    {.family = 6, .ip = {0x20, 1, 0xd, 0xb8}, .port = 5000},
};

typedef struct side {
    p2p_ice *ice;
    p2p_dtls *dtls;
    p2p_dtls_context *context;
    p2p_certificate certificate;
    bool heard;
} side;

typedef struct world {
    lossy_link link;
    seeded_random random;
    side sides[2]; /* 0 listens */
    p2p_time now;
    unsigned opened_by_check;
} world;

static void listen_to(world *w, p2p_bytes packet) {
    p2p_stun_msg msg;
    int version;
    p2p_ice_config config = {.lite = true};
    side *server = &w->sides[0];
    check_ok(p2p_stun_parse(&msg, packet));
    check_ok(p2p_ice_direct_check(&config.credentials, &version, &msg));
    check_ok(p2p_ice_new(&server->ice, &config, &mem, &w->random.random, w->now));
    p2p_dtls_config dtls = {.context = server->context};
    check_ok(p2p_dtls_new(&server->dtls, &dtls, &mem, w->now));
    w->opened_by_check++;
}

static void open_world(world *w, uint64_t seed, unsigned loss) {
    memset(w, 0, sizeof *w);
    link_init(&w->link, seed, loss, 10 * P2P_MILLISECOND, 40 * P2P_MILLISECOND);
    seeded_random_init(&w->random, seed);
    p2p_certificate_subject subject = {
        P2P_LITERAL("libp2p-webrtc-direct"), P2P_CERTIFICATE_2020, P2P_CERTIFICATE_2120};
    for (int i = 0; i < 2; i++) {
        check_ok(p2p_certificate_generate(&w->sides[i].certificate, &subject, &w->random.random));
        check_ok(p2p_dtls_context_new(&w->sides[i].context, &w->sides[i].certificate, &mem));
    }
    char text[P2P_ICE_DIRECT_V2_LEN];
    p2p_ice_config config = {.controlling = true, .remote_lite = true};
    config.credentials = p2p_ice_direct_v2(text, &w->random.random);
    p2p_ice_candidate candidate = {.addr = addresses[0], .priority = 1};
    side *client = &w->sides[1];
    check_ok(p2p_ice_new(&client->ice, &config, &mem, &w->random.random, 0));
    check_ok(p2p_ice_add_remote(client->ice, &candidate));
    p2p_ice_end_of_candidates(client->ice, 0);
}

static void close_world(world *w) {
    for (int i = 0; i < 2; i++) {
        p2p_ice_free(w->sides[i].ice);
        p2p_dtls_free(w->sides[i].dtls);
        p2p_dtls_context_free(w->sides[i].context);
    }
}

static void flush(world *w) {
    uint8_t raw[LINK_MTU];
    size_t len;
    p2p_ice_path path;
    for (int i = 0; i < 2; i++) {
        side *s = &w->sides[i];
        if (s->ice == NULL)
            continue;
        while (p2p_ice_output(s->ice, raw, sizeof raw, &len, &path, w->now) == P2P_OK)
            link_send(&w->link, 1 - i, raw, len, w->now);
        if (i == 1 && s->dtls == NULL && p2p_ice_selected(s->ice, &path)) {
            const uint8_t(*hash)[32] = (const uint8_t(*)[32])w->sides[0].certificate.sha256;
            p2p_dtls_config config = {
                .context = s->context, .client = true, .expected = hash, .expected_count = 1};
            check_ok(p2p_dtls_new(&s->dtls, &config, &mem, w->now));
        }
        while (s->dtls != NULL && p2p_ice_selected(s->ice, &path) &&
               p2p_dtls_output(s->dtls, raw, sizeof raw, &len, w->now) == P2P_OK)
            link_send(&w->link, 1 - i, raw, len, w->now);
    }
}

static void deliver(world *w, link_packet *packet) {
    side *s = &w->sides[packet->to];
    const p2p_sockaddr *from = &addresses[1 - packet->to];
    const p2p_sockaddr *to = &addresses[packet->to];
    p2p_bytes bytes = p2p_bytes_of(packet->data, packet->len);
    if (p2p_stun_is(bytes)) {
        if (s->ice == NULL)
            listen_to(w, bytes);
        p2p_err err = p2p_ice_input(s->ice, bytes, from, to, w->now);
        check(err == P2P_OK || err == P2P_ERR_NOT_FOUND);
        return;
    }
    if (s->dtls == NULL || !p2p_ice_accepts(s->ice, from, to))
        return;
    size_t at = 0;
    p2p_bytes plain;
    while (p2p_dtls_input(s->dtls, packet->data, packet->len, &at, &plain, w->now) == P2P_OK) {
        p2p_ice_heard(s->ice, from, to, w->now);
        s->heard = true;
    }
}

static p2p_time deadline(const world *w) {
    p2p_time at = P2P_NEVER;
    for (int i = 0; i < 2; i++) {
        if (w->sides[i].ice != NULL)
            at = earlier(at, p2p_ice_deadline(w->sides[i].ice));
        if (w->sides[i].dtls != NULL)
            at = earlier(at, p2p_dtls_deadline(w->sides[i].dtls));
    }
    return at;
}

static void step(world *w) {
    flush(w);
    link_packet *packet = link_first(&w->link);
    p2p_time timer = deadline(w);
    if (packet != NULL && packet->at <= timer) {
        w->now = packet->at;
        deliver(w, packet);
        packet->to = -1;
        return;
    }
    check(timer != P2P_NEVER && timer >= w->now);
    w->now = timer;
    for (int i = 0; i < 2; i++) {
        if (w->sides[i].ice != NULL)
            p2p_ice_tick(w->sides[i].ice, w->now);
        if (w->sides[i].dtls != NULL)
            p2p_dtls_tick(w->sides[i].dtls, w->now);
    }
}

static bool is_open(const side *s) {
    return s->dtls != NULL && p2p_dtls_get_state(s->dtls) == P2P_DTLS_OPEN;
}

static void a_connection_is_established_over_a_bad_path(void **state) {
    (void)state;
    static world w;
    p2p_time worst = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        open_world(&w, seed, (unsigned)(seed % 5) * 5);
        while (!is_open(&w.sides[0]) || !is_open(&w.sides[1])) {
            step(&w);
            if (w.now > 60 * P2P_SECOND)
                fail_msg("seed %u is stuck", (unsigned)seed);
        }
        worst = w.now > worst ? w.now : worst;
        check(w.opened_by_check == 1);
        check_same(p2p_bytes_of(p2p_dtls_peer_sha256(w.sides[0].dtls), 32),
            p2p_bytes_of(w.sides[1].certificate.sha256, 32));
        for (int tries = 0; tries < 50 && (!w.sides[0].heard || !w.sides[1].heard); tries++) {
            for (int i = 0; i < 2; i++) {
                uint8_t raw[100];
                size_t len;
                check_ok(
                    p2p_dtls_seal(w.sides[i].dtls, raw, sizeof raw, &len, P2P_LITERAL("payload")));
                link_send(&w.link, 1 - i, raw, len, w.now);
            }
            step(&w);
            step(&w);
        }
        check(w.sides[0].heard && w.sides[1].heard);
        close_world(&w);
    }
    check(worst < 30 * P2P_SECOND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_established_over_a_bad_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
