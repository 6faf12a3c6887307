/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include "webrtc/stun.h"

#define PASSWORD P2P_LITERAL("VOkJxbRl1RmTxUk/WvJxBt")

static const uint8_t transaction[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static size_t read_vector(const char *name, uint8_t *dst, size_t cap) {
    size_t len;
    uint8_t *text = read_vector_file(name, &len);
    size_t bytes = from_hex((const char *)text, dst, cap);
    free(text);
    return bytes;
}

static void the_request_of_rfc_5769_is_understood(void **state) {
    (void)state;
    uint8_t raw[256];
    p2p_stun_msg msg;
    size_t len = read_vector("stun/rfc5769-request.hex", raw, sizeof raw);
    check_ok(p2p_stun_parse(&msg, p2p_bytes_of(raw, len)));
    check(msg.class == P2P_STUN_REQUEST && msg.method == P2P_STUN_BINDING);
    check_same(msg.username, P2P_LITERAL("evtj:h6vY"));
    check_same(msg.software, P2P_LITERAL("STUN test client"));
    check(msg.priority == 0x6e0001ff);
    check(msg.controlled && !msg.controlling && msg.tie_breaker == UINT64_C(0x932ff9b151263b36));
    check(msg.unknown_count == 0 && !msg.use_candidate && msg.mapped.family == 0);
    check_ok(p2p_stun_check_integrity(&msg, PASSWORD));
    check_ok(p2p_stun_check_fingerprint(&msg));
    check_err(P2P_ERR_DECRYPT, p2p_stun_check_integrity(&msg, P2P_LITERAL("another password....")));
}

static void the_responses_of_rfc_5769_are_understood(void **state) {
    (void)state;
    uint8_t raw[256];
    p2p_stun_msg msg;
    size_t len = read_vector("stun/rfc5769-response-ipv4.hex", raw, sizeof raw);
    check_ok(p2p_stun_parse(&msg, p2p_bytes_of(raw, len)));
    check(msg.class == P2P_STUN_SUCCESS && msg.mapped.family == 4 && msg.mapped.port == 32853);
    check_bytes(p2p_bytes_of(msg.mapped.ip, 4), "c0000201");
    check_ok(p2p_stun_check_integrity(&msg, PASSWORD));
    check_ok(p2p_stun_check_fingerprint(&msg));

    len = read_vector("stun/rfc5769-response-ipv6.hex", raw, sizeof raw);
    check_ok(p2p_stun_parse(&msg, p2p_bytes_of(raw, len)));
    check(msg.class == P2P_STUN_SUCCESS && msg.mapped.family == 6 && msg.mapped.port == 32853);
    check_bytes(p2p_bytes_of(msg.mapped.ip, 16), "20010db8123456780011223344556677");
    check_ok(p2p_stun_check_integrity(&msg, PASSWORD));
    check_ok(p2p_stun_check_fingerprint(&msg));
}

static void the_long_term_request_of_rfc_5769_is_understood(void **state) {
    (void)state;
    uint8_t raw[256];
    uint8_t key[16]; /* MD5 of user:realm:password */
    p2p_stun_msg msg;
    from_hex("e8ca7ad59d5eb0518e312911d2dab2a9", key, sizeof key);
    size_t len = read_vector("stun/rfc5769-long-term.hex", raw, sizeof raw);
    check_ok(p2p_stun_parse(&msg, p2p_bytes_of(raw, len)));
    check_same(msg.realm, P2P_LITERAL("example.org"));
    check_same(msg.nonce, P2P_LITERAL("f//499k954d6OL34oL9FSTvy64sA"));
    check(msg.username.len == 18 && msg.unknown_count == 0);
    check_ok(p2p_stun_check_integrity(&msg, p2p_bytes_of(key, sizeof key)));
    check_err(P2P_ERR_NOT_FOUND, p2p_stun_check_fingerprint(&msg));
}

static void a_flipped_bit_is_refused(void **state) {
    (void)state;
    uint8_t raw[256];
    size_t len = read_vector("stun/rfc5769-request.hex", raw, sizeof raw);
    for (size_t bit = 0; bit < len * 8; bit++) {
        p2p_stun_msg msg;
        raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
        p2p_err err = p2p_stun_parse(&msg, p2p_bytes_of(raw, len));
        bool whole = err == P2P_OK && p2p_stun_check_integrity(&msg, PASSWORD) == P2P_OK &&
                     p2p_stun_check_fingerprint(&msg) == P2P_OK;
        check(!whole);
        raw[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void a_cut_message_is_malformed(void **state) {
    (void)state;
    uint8_t raw[256];
    size_t len = read_vector("stun/rfc5769-request.hex", raw, sizeof raw);
    for (size_t cut = 0; cut < len; cut++) {
        p2p_stun_msg msg;
        uint8_t *exact = malloc(cut + 1);
        memcpy(exact, raw, cut);
        check_err(P2P_ERR_MALFORMED, p2p_stun_parse(&msg, p2p_bytes_of(exact, cut)));
        free(exact);
    }
}

static void what_is_written_is_read(void **state) {
    (void)state;
    uint8_t raw[256];
    size_t len;
    p2p_stun_msg msg;
    p2p_writer w = p2p_stun_begin(raw, sizeof raw, P2P_STUN_REQUEST, P2P_STUN_BINDING, transaction);
    p2p_stun_put(&w, P2P_STUN_USERNAME, P2P_LITERAL("server:client"));
    p2p_stun_put_u32(&w, P2P_STUN_PRIORITY, 77);
    p2p_stun_put_u64(&w, P2P_STUN_ICE_CONTROLLING, UINT64_C(0x0102030405060708));
    p2p_stun_put(&w, P2P_STUN_USE_CANDIDATE, (p2p_bytes){0});
    p2p_stun_put_integrity(&w, P2P_LITERAL("key"));
    check_ok(p2p_stun_finish(&w, &len));
    check_ok(p2p_stun_parse(&msg, p2p_bytes_of(raw, len)));
    check(msg.use_candidate && msg.controlling && msg.priority == 77);
    check(msg.tie_breaker == UINT64_C(0x0102030405060708));
    check_same(p2p_bytes_of(msg.transaction, 12), p2p_bytes_of(transaction, 12));
    check_same(msg.username, P2P_LITERAL("server:client"));
    check_ok(p2p_stun_check_integrity(&msg, P2P_LITERAL("key")));
    check_ok(p2p_stun_check_fingerprint(&msg));
}

static void every_class_and_method_survives(void **state) {
    (void)state;
    uint8_t raw[64];
    size_t len;
    p2p_stun_msg msg;
    for (int class = 0; class < 4; class ++) {
        for (uint16_t method = 0; method < 0x1000; method++) {
            p2p_writer w =
                p2p_stun_begin(raw, sizeof raw, (p2p_stun_class) class, method, transaction);
            check_ok(p2p_stun_finish(&w, &len));
            check_ok(p2p_stun_parse(&msg, p2p_bytes_of(raw, len)));
            check((int)msg.class == class && msg.method == method);
        }
    }
}

static void an_error_names_what_was_not_understood(void **state) {
    (void)state;
    uint8_t raw[256];
    size_t len;
    p2p_stun_msg msg;
    p2p_writer w = p2p_stun_begin(raw, sizeof raw, P2P_STUN_REQUEST, P2P_STUN_BINDING, transaction);
    p2p_stun_put(&w, (p2p_stun_type)0x7abc, P2P_LITERAL("required"));
    p2p_stun_put(&w, (p2p_stun_type)0xc057, P2P_LITERAL("optional"));
    check_ok(p2p_stun_finish(&w, &len));
    check_ok(p2p_stun_parse(&msg, p2p_bytes_of(raw, len)));
    check(msg.unknown_count == 1 && msg.unknown[0] == 0x7abc);

    check_ok(p2p_stun_write_error(raw, sizeof raw, &len, transaction, P2P_STUN_UNKNOWN_ATTRIBUTE,
        msg.unknown, msg.unknown_count, P2P_LITERAL("key")));
    /* The attribute behind ERROR-CODE (header 20, 4 + 4 + 17 padded to 28). */
    check_bytes(p2p_bytes_of(raw + 48, 8), "000a0002 7abc0000");
    check_ok(p2p_stun_parse(&msg, p2p_bytes_of(raw, len)));
    check(msg.class == P2P_STUN_ERROR && msg.error_code == 420);
    check_ok(p2p_stun_check_integrity(&msg, P2P_LITERAL("key")));

    static const p2p_stun_code codes[] = {400, 401, 487};
    for (size_t i = 0; i < P2P_COUNT(codes); i++) {
        check_ok(p2p_stun_write_error(
            raw, sizeof raw, &len, transaction, codes[i], NULL, 0, (p2p_bytes){0}));
        check_ok(p2p_stun_parse(&msg, p2p_bytes_of(raw, len)));
        check(msg.error_code == codes[i] && msg.integrity_at == 0);
    }
}

static void a_small_buffer_is_an_error_and_not_written_past(void **state) {
    (void)state;
    p2p_sockaddr from = {.family = 6, .port = 9};
    size_t len;
    uint8_t whole[256];
    check_ok(
        p2p_stun_write_success(whole, sizeof whole, &len, transaction, &from, P2P_LITERAL("key")));
    for (size_t cap = 0; cap < len; cap++) {
        size_t written = 0;
        uint8_t *exact = malloc(cap + 1);
        check_err(P2P_ERR_TOO_BIG,
            p2p_stun_write_success(exact, cap, &written, transaction, &from, P2P_LITERAL("key")));
        free(exact);
    }
}

static void attributes_behind_the_integrity_do_not_count(void **state) {
    (void)state;
    uint8_t raw[256];
    size_t len;
    p2p_stun_msg msg;
    p2p_writer w = p2p_stun_begin(raw, sizeof raw, P2P_STUN_REQUEST, P2P_STUN_BINDING, transaction);
    p2p_stun_put_integrity(&w, P2P_LITERAL("key"));
    p2p_stun_put(&w, P2P_STUN_USE_CANDIDATE, (p2p_bytes){0});
    p2p_stun_put(&w, (p2p_stun_type)0x0777, (p2p_bytes){0});
    check_ok(p2p_stun_finish(&w, &len));
    check_ok(p2p_stun_parse(&msg, p2p_bytes_of(raw, len)));
    check(!msg.use_candidate && msg.unknown_count == 0);
    check_ok(p2p_stun_check_integrity(&msg, P2P_LITERAL("key")));
}

static void sizes_beyond_the_limits_are_refused(void **state) {
    (void)state;
    static uint8_t raw[2000];
    size_t len;
    p2p_stun_msg msg;
    p2p_writer w = p2p_stun_begin(raw, P2P_STUN_MAX, P2P_STUN_REQUEST, 1, transaction);
    for (int i = 0; i < P2P_STUN_ATTR_MAX + 1; i++)
        p2p_stun_put(&w, (p2p_stun_type)0x9000, (p2p_bytes){0});
    check_ok(p2p_stun_finish(&w, &len));
    check_err(P2P_ERR_MALFORMED, p2p_stun_parse(&msg, p2p_bytes_of(raw, len)));

    w = p2p_stun_begin(raw, sizeof raw, P2P_STUN_REQUEST, 1, transaction);
    p2p_store16(raw + 2, sizeof raw - P2P_STUN_HEADER);
    check_err(P2P_ERR_TOO_BIG, p2p_stun_parse(&msg, p2p_bytes_of(raw, sizeof raw)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_request_of_rfc_5769_is_understood),
        cmocka_unit_test(the_responses_of_rfc_5769_are_understood),
        cmocka_unit_test(the_long_term_request_of_rfc_5769_is_understood),
        cmocka_unit_test(a_flipped_bit_is_refused),
        cmocka_unit_test(a_cut_message_is_malformed),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(every_class_and_method_survives),
        cmocka_unit_test(an_error_names_what_was_not_understood),
        cmocka_unit_test(a_small_buffer_is_an_error_and_not_written_past),
        cmocka_unit_test(attributes_behind_the_integrity_do_not_count),
        cmocka_unit_test(sizes_beyond_the_limits_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
