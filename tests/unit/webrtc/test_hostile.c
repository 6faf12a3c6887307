/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Strangers at the port of a listener, from as many addresses as they like to forge. What they can
 * cost is counted: memory, connections, and bytes sent to addresses that asked for nothing.
 */
#include "webrtc/router.h"

#include "base/cursor.h"
#include "crypto/certificate.h"
#include "support/datagram_host.h"
#include "webrtc/dtls.h"
#include "webrtc/stun.h"

enum { AMPLIFICATION_MAX = 3, DATAGRAM_CAP = 1500 };

/* What one forged address sent and was sent. */
typedef struct tally {
    uint64_t in, out;
} tally;

static const p2p_transport_type *const TRANSPORTS[] = {&p2p_webrtc_direct, NULL};

static void start(datagram_host *h, size_t pending) {
    p2p_multiaddr addr;
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.transports = TRANSPORTS;
    if (pending > 0)
        config.limits.pending_inbound = pending;
    datagram_host_start(h, 1, &config);
    p2p_multiaddr_from_sockaddr(&addr, &h->local, P2P_UDP);
    check_ok(p2p_multiaddr_push(&addr, P2P_WEBRTC_DIRECT, (p2p_bytes){0}));
    check_ok(p2p_host_listen(h->host, &addr, NULL));
    datagram_host_pump(h);
}

static p2p_webrtc_counters counters_of(const datagram_host *h) {
    p2p_webrtc_router *router;
    p2p_webrtc_counters counters;
    check_ok(p2p_webrtc_router_get(&router, &h->host->env));
    p2p_webrtc_get_counters(router, &counters);
    return counters;
}

static p2p_sockaddr forged(uint32_t i) {
    return (p2p_sockaddr){
        .family = 4, .ip = {203, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}, .port = 4000};
}

/* Gives a datagram and counts it and what follows at once. */
static void give(datagram_host *h, tally *t, const p2p_sockaddr *from, p2p_bytes bytes) {
    t->in += bytes.len;
    datagram_host_give(h, from, bytes.ptr, bytes.len);
    for (size_t i = 0; i < h->out_count; i++)
        t->out += h->out[i].len;
    datagram_host_clear(h);
}

static void pass(datagram_host *h, tally *t, p2p_time duration) {
    for (p2p_time step = 0; step < duration; step += 100 * P2P_MILLISECOND) {
        datagram_host_pass(h, 100 * P2P_MILLISECOND);
        for (size_t i = 0; i < h->out_count; i++)
            t->out += h->out[i].len;
        datagram_host_clear(h);
    }
}

/* A check of version 1 for the ufrag `number`; the key is right if `good`. */
static p2p_bytes check_for(uint8_t *dst, uint32_t number, bool good) {
    char username[128];
    uint8_t transaction[P2P_STUN_TRANSACTION] = {0};
    size_t len;
    int text = snprintf(
        username, sizeof username, "libp2p+webrtc+v1/%032u:libp2p+webrtc+v1/%032u", number, number);
    p2p_store32(transaction, number);
    p2p_writer w =
        p2p_stun_begin(dst, DATAGRAM_CAP, P2P_STUN_REQUEST, P2P_STUN_BINDING, transaction);
    p2p_stun_put(&w, P2P_STUN_USERNAME, p2p_bytes_of(username, (size_t)text));
    p2p_stun_put_u32(&w, P2P_STUN_PRIORITY, 1);
    p2p_stun_put_u64(&w, P2P_STUN_ICE_CONTROLLING, 1);
    p2p_stun_put_integrity(&w, good ? p2p_bytes_of(username, 17 + 32) : P2P_LITERAL("bad"));
    check_ok(p2p_stun_finish(&w, &len));
    return p2p_bytes_of(dst, len);
}

/* A client's first flight, as libp2p's diallers send it. */
static p2p_bytes hello(uint8_t *dst) {
    static const p2p_mem mem = {NULL, NULL};
    static const p2p_certificate_subject subject = {
        {(const uint8_t *)"x", 1}, P2P_CERTIFICATE_2020, P2P_CERTIFICATE_2120};
    p2p_certificate certificate;
    p2p_dtls_context *context;
    p2p_dtls *client;
    size_t len;
    check_ok(p2p_certificate_derive(
        &certificate, P2P_LITERAL("secret"), (p2p_bytes){0}, P2P_LITERAL("info"), &subject));
    check_ok(p2p_dtls_context_new(&context, &certificate, &mem));
    p2p_dtls_config config = {.context = context, .client = true};
    check_ok(p2p_dtls_new(&client, &config, &mem, P2P_SECOND));
    check_ok(p2p_dtls_output(client, dst, DATAGRAM_CAP, &len, P2P_SECOND));
    p2p_dtls_free(client);
    p2p_dtls_context_free(context);
    return p2p_bytes_of(dst, len);
}

static void stun_with_good_credentials_from_many_addresses(void **state) {
    (void)state;
    datagram_host h;
    tally t = {0};
    uint8_t packet[DATAGRAM_CAP];
    start(&h, 64);
    size_t before = h.mem.live_bytes;
    for (uint32_t i = 0; i < 20000; i++) {
        p2p_sockaddr from = forged(i);
        give(&h, &t, &from, check_for(packet, i, true));
    }
    check(counters_of(&h).targets == 64);
    check(h.mem.live_bytes - before < 64 * 4096);
    pass(&h, &t, 40 * P2P_SECOND);
    check(counters_of(&h).targets == 0 && counters_of(&h).addresses == 0);
    check(t.out > 0 && t.out <= AMPLIFICATION_MAX * t.in);
    datagram_host_stop(&h);
}

static void stun_with_bad_credentials_from_many_addresses(void **state) {
    (void)state;
    datagram_host h;
    tally t = {0};
    uint8_t packet[DATAGRAM_CAP];
    start(&h, 0);
    p2p_sockaddr known = forged(77);
    give(&h, &t, &known, check_for(packet, 77, true));
    size_t before = h.mem.live_bytes, answered = t.out;
    for (uint32_t i = 0; i < 20000; i++) { /* of nobody, and of a connection that there is */
        p2p_sockaddr from = forged(i);
        give(&h, &t, &from, check_for(packet, i % 2 == 0 ? i : 77, false));
    }
    check(counters_of(&h).targets == 1 && counters_of(&h).addresses == 1);
    check(h.mem.live_bytes == before && t.out == answered);
    datagram_host_stop(&h);
}

/* Whoever forges an address knows all that is needed for a check, and sends a hello behind it. */
static void a_hello_from_a_forged_address_is_not_answered_in_abundance(void **state) {
    (void)state;
    datagram_host h;
    uint8_t packet[DATAGRAM_CAP], first[DATAGRAM_CAP];
    p2p_bytes flight = hello(first);
    start(&h, 0);
    tally t = {0};
    p2p_sockaddr from = forged(1);
    give(&h, &t, &from, check_for(packet, 1, true));
    give(&h, &t, &from, flight);
    check(t.out > 2 * flight.len); /* the server's flight */
    pass(&h, &t, 40 * P2P_SECOND);
    check(t.out <= AMPLIFICATION_MAX * t.in);
    check(counters_of(&h).targets == 0);
    datagram_host_stop(&h);
}

static void a_flood_of_hellos_is_bounded_and_forgotten(void **state) {
    (void)state;
    datagram_host h;
    tally t = {0};
    uint8_t packet[DATAGRAM_CAP], first[DATAGRAM_CAP];
    p2p_bytes flight = hello(first);
    start(&h, 32);
    size_t before = h.mem.live_bytes;
    for (uint32_t i = 0; i < 500; i++) {
        p2p_sockaddr from = forged(i);
        give(&h, &t, &from, flight); /* nobody known sends it */
        give(&h, &t, &from, check_for(packet, i, true));
        give(&h, &t, &from, flight);
        give(&h, &t, &from, flight);
    }
    check(counters_of(&h).targets == 32);
    check(h.mem.live_bytes - before < 32 * 16384);
    pass(&h, &t, 40 * P2P_SECOND);
    check(counters_of(&h).targets == 0);
    check(t.out <= AMPLIFICATION_MAX * t.in);
    datagram_host_stop(&h);
}

/* Each is the beginning of one hello that never ends, at another place and with another number. */
static void a_flood_of_hello_fragments_is_bounded_and_forgotten(void **state) {
    (void)state;
    datagram_host h;
    tally t = {0};
    uint8_t packet[DATAGRAM_CAP] = {0};
    start(&h, 0);
    p2p_sockaddr from = forged(1);
    give(&h, &t, &from, check_for(packet, 1, true));
    size_t before = h.mem.live_bytes;
    for (uint32_t i = 0; i < 20000; i++) {
        uint8_t record[13 + 12 + 100] = {22, 0xfe, 0xfd, 0, 0, 0, 0, (uint8_t)(i >> 24),
            (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 0, 112, 1};
        p2p_store16(record + 15, 8000);                            /* of a long message */
        p2p_store16(record + 17, (uint16_t)(i % 3));               /* one of these */
        p2p_store16(record + 20, (uint16_t)(1 + i * 7919 % 7800)); /* from anywhere */
        p2p_store16(record + 23, 100);
        give(&h, &t, &from, p2p_bytes_of(record, sizeof record));
        check(h.mem.live_bytes < before + 32768);
    }
    pass(&h, &t, 40 * P2P_SECOND);
    check(counters_of(&h).targets == 0);
    check(t.out <= AMPLIFICATION_MAX * t.in);
    datagram_host_stop(&h);
}

static void plain_requests_from_many_addresses_cost_no_memory(void **state) {
    (void)state;
    datagram_host h;
    tally t = {0};
    uint8_t packet[64];
    size_t len;
    start(&h, 0);
    size_t before = h.mem.live_bytes;
    for (uint32_t i = 0; i < 20000; i++) {
        uint8_t transaction[P2P_STUN_TRANSACTION] = {(uint8_t)i};
        p2p_sockaddr from = forged(i);
        p2p_writer w =
            p2p_stun_begin(packet, sizeof packet, P2P_STUN_REQUEST, P2P_STUN_BINDING, transaction);
        check_ok(p2p_stun_finish(&w, &len));
        give(&h, &t, &from, p2p_bytes_of(packet, len));
    }
    check(h.mem.live_bytes == before && counters_of(&h).targets == 0);
    check(t.out > 0 && t.out <= AMPLIFICATION_MAX * t.in);
    datagram_host_stop(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stun_with_good_credentials_from_many_addresses),
        cmocka_unit_test(stun_with_bad_credentials_from_many_addresses),
        cmocka_unit_test(a_hello_from_a_forged_address_is_not_answered_in_abundance),
        cmocka_unit_test(a_flood_of_hellos_is_bounded_and_forgotten),
        cmocka_unit_test(a_flood_of_hello_fragments_is_bounded_and_forgotten),
        cmocka_unit_test(plain_requests_from_many_addresses_cost_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
