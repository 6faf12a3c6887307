/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include "webrtc/stun.h"
#include "webrtc/stun_server.h"

static const uint8_t transaction[12] = {9};
static const p2p_sockaddr v4 = {.family = 4, .ip = {192, 0, 2, 1}, .port = 40000};
static const p2p_sockaddr v6 = {.family = 6, .ip = {0x20, 1, 0xd, 0xb8, 5}, .port = 40000};

static size_t bare_request(uint8_t raw[20]) {
    p2p_writer w = p2p_stun_begin(raw, 20, P2P_STUN_REQUEST, P2P_STUN_BINDING, transaction);
    return w.len;
}

static void the_asker_learns_its_address(void **state) {
    (void)state;
    uint8_t raw[20];
    uint8_t answer[128];
    size_t len;
    p2p_stun_msg msg;
    p2p_bytes request = p2p_bytes_of(raw, bare_request(raw));
    check_ok(p2p_stun_respond(answer, sizeof answer, &len, request, &v6));
    check(len <= 3 * request.len);
    check_ok(p2p_stun_parse(&msg, p2p_bytes_of(answer, len)));
    check(msg.class == P2P_STUN_SUCCESS && memcmp(&msg.mapped, &v6, sizeof v6) == 0);
    check_ok(p2p_stun_check_fingerprint(&msg));
    check_same(p2p_bytes_of(msg.transaction, 12), p2p_bytes_of(transaction, 12));
}

static void no_answer_is_longer_than_three_requests(void **state) {
    (void)state;
    for (size_t unknown = 0; unknown < 20; unknown++) {
        uint8_t raw[256];
        uint8_t answer[512];
        size_t len = 0;
        p2p_writer w = p2p_stun_begin(raw, sizeof raw, P2P_STUN_REQUEST, 1, transaction);
        for (size_t i = 0; i < unknown; i++)
            p2p_stun_put(&w, (p2p_stun_type)(0x100 + i), (p2p_bytes){0});
        p2p_store16(raw + 2, (uint16_t)(w.len - P2P_STUN_HEADER));
        check_ok(p2p_stun_respond(answer, sizeof answer, &len, p2p_writer_view(&w), &v6));
        check(len > 0 && len <= 3 * w.len);
    }
}

static void a_broken_request_is_told_so(void **state) {
    (void)state;
    uint8_t raw[64];
    uint8_t answer[128];
    size_t len;
    p2p_stun_msg msg;
    p2p_writer w = p2p_stun_begin(raw, sizeof raw, P2P_STUN_REQUEST, 1, transaction);
    p2p_stun_put(&w, P2P_STUN_PRIORITY, P2P_LITERAL("odd"));
    p2p_store16(raw + 2, (uint16_t)(w.len - P2P_STUN_HEADER));
    check_ok(p2p_stun_respond(answer, sizeof answer, &len, p2p_writer_view(&w), &v4));
    check_ok(p2p_stun_parse(&msg, p2p_bytes_of(answer, len)));
    check(msg.error_code == P2P_STUN_BAD_REQUEST);
}

static void nothing_but_plain_requests_is_answered(void **state) {
    (void)state;
    uint8_t raw[128];
    uint8_t answer[128];
    size_t len;
    for (int class = P2P_STUN_INDICATION; class <= P2P_STUN_ERROR; class ++) {
        p2p_writer w = p2p_stun_begin(raw, sizeof raw, (p2p_stun_class) class, 1, transaction);
        check_err(P2P_ERR_UNSUPPORTED,
            p2p_stun_respond(answer, sizeof answer, &len, p2p_writer_view(&w), &v4));
    }
    p2p_writer w = p2p_stun_begin(raw, sizeof raw, P2P_STUN_REQUEST, 1, transaction);
    p2p_stun_put_integrity(&w, P2P_LITERAL("key"));
    check_err(P2P_ERR_UNSUPPORTED,
        p2p_stun_respond(answer, sizeof answer, &len, p2p_writer_view(&w), &v4));
    check_err(P2P_ERR_MALFORMED, p2p_stun_respond(answer, sizeof answer, &len,
                                     P2P_LITERAL("this is not a STUN message"), &v4));
}

static void a_network_gets_its_burst_and_then_its_rate(void **state) {
    (void)state;
    faulty_mem mem;
    seeded_random random;
    p2p_stun_limiter *limiter;
    p2p_time now = 5 * P2P_SECOND;
    faulty_mem_init(&mem);
    seeded_random_init(&random, 1);
    p2p_stun_limiter_config config = {.per_second = 10, .burst = 5, .networks = 16};
    check_ok(p2p_stun_limiter_new(&limiter, &config, &mem.mem, &random.random));
    for (int i = 0; i < 5; i++)
        check(p2p_stun_limiter_allows(limiter, &v4, now));
    check(!p2p_stun_limiter_allows(limiter, &v4, now));
    check(!p2p_stun_limiter_allows(limiter, &v4, now + 99 * P2P_MILLISECOND));
    check(p2p_stun_limiter_allows(limiter, &v4, now + 100 * P2P_MILLISECOND));
    check(!p2p_stun_limiter_allows(limiter, &v4, now + 100 * P2P_MILLISECOND));
    check(p2p_stun_limiter_allows(limiter, &v6, now)); /* another network has its own */
    p2p_sockaddr neighbour = v6;
    neighbour.ip[15] = 77; /* the same site: the same bucket */
    for (int i = 0; i < 4; i++)
        check(p2p_stun_limiter_allows(limiter, &neighbour, now));
    check(!p2p_stun_limiter_allows(limiter, &neighbour, now));
    p2p_stun_limiter_free(limiter);
    check(mem.live_blocks == 0);
}

static void a_flood_of_networks_costs_no_memory(void **state) {
    (void)state;
    faulty_mem mem;
    seeded_random random;
    p2p_stun_limiter *limiter;
    faulty_mem_init(&mem);
    seeded_random_init(&random, 1);
    p2p_stun_limiter_config config = {.per_second = 1, .burst = 1, .networks = 64};
    check_ok(p2p_stun_limiter_new(&limiter, &config, &mem.mem, &random.random));
    size_t requests = mem.requests;
    for (uint32_t i = 0; i < 10000; i++) {
        p2p_sockaddr from = {.family = 4};
        p2p_store32(from.ip, i);
        check(p2p_stun_limiter_allows(limiter, &from, 0));
    }
    check(mem.requests == requests);
    p2p_stun_limiter_free(limiter);

    config.burst = 0;
    check_err(P2P_ERR_INVALID, p2p_stun_limiter_new(&limiter, &config, &mem.mem, &random.random));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_asker_learns_its_address),
        cmocka_unit_test(no_answer_is_longer_than_three_requests),
        cmocka_unit_test(a_broken_request_is_told_so),
        cmocka_unit_test(nothing_but_plain_requests_is_answered),
        cmocka_unit_test(a_network_gets_its_burst_and_then_its_rate),
        cmocka_unit_test(a_flood_of_networks_costs_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
