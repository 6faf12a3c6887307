/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "secure/noise_payload.h"

#include "stack/upgrade.h"
#include "support/check.h"

static const p2p_muxer YAMUX = {"/yamux/1.0.0", NULL};
static const p2p_muxer MPLEX = {"/mplex/6.7.0", NULL};
static const p2p_muxer QMUX = {"/qmux/1.0.0", NULL};

static const p2p_muxer *const NONE[] = {NULL};
static const p2p_muxer *const Y[] = {&YAMUX, NULL};
static const p2p_muxer *const YM[] = {&YAMUX, &MPLEX, NULL};
static const p2p_muxer *const MY[] = {&MPLEX, &YAMUX, NULL};
static const p2p_muxer *const M[] = {&MPLEX, NULL};
static const p2p_muxer *const QMY[] = {&QMUX, &MPLEX, &YAMUX, NULL};

/* What both sides find for these two lists; they must find the same. */
static const p2p_muxer *agreed(
    const p2p_muxer *const *initiator, const p2p_muxer *const *responder) {
    const p2p_muxer *const *lists[] = {initiator, responder};
    const p2p_muxer *found[2];
    for (int side = 0; side < 2; side++) {
        uint8_t sent[256];
        p2p_bytes hashes[P2P_NOISE_CERTHASHES_MAX];
        size_t count;
        p2p_writer w = p2p_writer_of(sent, sizeof sent);
        p2p_noise_extensions_encode(&w, NULL, 0, lists[1 - side]);
        check_ok(p2p_writer_end(&w));
        check_ok(p2p_noise_extensions_decode(
            p2p_writer_view(&w), hashes, &count, side == 0, lists[side], &found[side]));
        check(count == 0);
    }
    check(found[0] == found[1]);
    return found[0];
}

/* spec: connections/inlined-muxer-negotiation #multiplexer-negotiation-over-noise: the first item
 * from the initiator's list that both parties support. */
static void the_muxer_is_the_initiators_first_that_the_responder_has(void **state) {
    (void)state;
    check(agreed(Y, Y) == &YAMUX);
    check(agreed(YM, MY) == &YAMUX);
    check(agreed(MY, YM) == &MPLEX);
    check(agreed(MY, Y) == &YAMUX);
    check(agreed(YM, M) == &MPLEX);
    check(agreed(QMY, YM) == &MPLEX);
    check(agreed(YM, QMY) == &YAMUX);
}

static void without_a_common_muxer_multistream_decides(void **state) {
    (void)state;
    check(agreed(Y, M) == NULL);
    check(agreed(NULL, Y) == NULL);
    check(agreed(Y, NULL) == NULL);
    check(agreed(NULL, NULL) == NULL);
    check(agreed(NONE, Y) == NULL);
}

static void a_list_of_more_than_a_hundred_is_not_looked_at(void **state) {
    (void)state;
    uint8_t sent[4096];
    p2p_bytes hashes[P2P_NOISE_CERTHASHES_MAX];
    size_t count;
    const p2p_muxer *muxer;
    p2p_writer w = p2p_writer_of(sent, sizeof sent);
    p2p_noise_extensions_encode(&w, NULL, 0, Y);
    for (int i = 1; i < 100; i++)
        p2p_noise_extensions_encode(&w, NULL, 0, M);
    check_ok(p2p_noise_extensions_decode(p2p_writer_view(&w), hashes, &count, true, Y, &muxer));
    check(muxer == &YAMUX);
    p2p_noise_extensions_encode(&w, NULL, 0, M);
    check_ok(p2p_noise_extensions_decode(p2p_writer_view(&w), hashes, &count, true, Y, &muxer));
    check(muxer == NULL);
}

static void certificate_hashes_arrive_in_order(void **state) {
    (void)state;
    uint8_t sent[256];
    const p2p_bytes mine[] = {P2P_LITERAL("one"), P2P_LITERAL("two")};
    p2p_bytes hashes[P2P_NOISE_CERTHASHES_MAX];
    size_t count;
    const p2p_muxer *muxer;
    p2p_writer w = p2p_writer_of(sent, sizeof sent);
    p2p_noise_extensions_encode(&w, mine, 2, Y);
    check_bytes(p2p_writer_view(&w), "0a03 6f6e65 0a03 74776f 120c 2f79616d75782f312e302e30");
    check_ok(p2p_noise_extensions_decode(p2p_writer_view(&w), hashes, &count, true, Y, &muxer));
    check(count == 2 && muxer == &YAMUX);
    check_same(hashes[0], mine[0]);
    check_same(hashes[1], mine[1]);
}

static void too_many_certificate_hashes_are_refused(void **state) {
    (void)state;
    uint8_t sent[256];
    const p2p_bytes hash = P2P_LITERAL("h");
    p2p_bytes hashes[P2P_NOISE_CERTHASHES_MAX];
    size_t count;
    const p2p_muxer *muxer;
    p2p_writer w = p2p_writer_of(sent, sizeof sent);
    for (int i = 0; i < P2P_NOISE_CERTHASHES_MAX; i++)
        p2p_noise_extensions_encode(&w, &hash, 1, NULL);
    check_ok(p2p_noise_extensions_decode(p2p_writer_view(&w), hashes, &count, true, Y, &muxer));
    p2p_noise_extensions_encode(&w, &hash, 1, NULL);
    check_err(P2P_ERR_VIOLATION,
        p2p_noise_extensions_decode(p2p_writer_view(&w), hashes, &count, true, Y, &muxer));
}

static p2p_err decode(p2p_noise_payload *payload, const char *hex) {
    static uint8_t encoded[256];
    size_t len = from_hex(hex, encoded, sizeof encoded);
    return p2p_noise_payload_decode(payload, p2p_bytes_of(encoded, len));
}

static void a_payload_is_read_and_unknown_fields_are_skipped(void **state) {
    (void)state;
    p2p_noise_payload payload;
    check_ok(decode(&payload, "0a02 aabb 1201 cc"));
    check_bytes(payload.identity_key, "aabb");
    check_bytes(payload.identity_sig, "cc");
    check(payload.extensions.len == 0);
    /* 3 is the early data of old, 9 and 10 are unknown */
    check_ok(decode(&payload, "1a03 010203 1201 cc 48 05 2202 1200 0a02 aabb 5200"));
    check_bytes(payload.identity_key, "aabb");
    check_bytes(payload.extensions, "1200");
}

static void a_broken_payload_is_refused(void **state) {
    (void)state;
    p2p_noise_payload payload;
    check_err(P2P_ERR_MALFORMED, decode(&payload, ""));
    check_err(P2P_ERR_MALFORMED, decode(&payload, "0a02 aabb"));
    check_err(P2P_ERR_MALFORMED, decode(&payload, "1201 cc"));
    check_err(P2P_ERR_MALFORMED, decode(&payload, "0a02 aabb 1202 cc"));
    check_err(P2P_ERR_MALFORMED, decode(&payload, "0a02 aabb 1201 cc 0a02 aabb"));
    check_err(P2P_ERR_MALFORMED, decode(&payload, "08 05 1201 cc"));
}

static void a_payload_comes_back_as_it_was(void **state) {
    (void)state;
    uint8_t encoded[64];
    const p2p_noise_payload sent = {
        P2P_LITERAL("key"), P2P_LITERAL("signature"), P2P_LITERAL("extensions")};
    p2p_noise_payload got;
    p2p_writer w = p2p_writer_of(encoded, sizeof encoded);
    p2p_noise_payload_encode(&w, &sent);
    check_ok(p2p_noise_payload_decode(&got, p2p_writer_view(&w)));
    check_same(got.identity_key, sent.identity_key);
    check_same(got.identity_sig, sent.identity_sig);
    check_same(got.extensions, sent.extensions);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_muxer_is_the_initiators_first_that_the_responder_has),
        cmocka_unit_test(without_a_common_muxer_multistream_decides),
        cmocka_unit_test(a_list_of_more_than_a_hundred_is_not_looked_at),
        cmocka_unit_test(certificate_hashes_arrive_in_order),
        cmocka_unit_test(too_many_certificate_hashes_are_refused),
        cmocka_unit_test(a_payload_is_read_and_unknown_fields_are_skipped),
        cmocka_unit_test(a_broken_payload_is_refused),
        cmocka_unit_test(a_payload_comes_back_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
