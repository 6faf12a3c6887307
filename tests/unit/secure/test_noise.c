/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "secure/noise.h"

#include "identity/identity.h"
#include "support/secure_pair.h"

static const p2p_mem PLAIN = {NULL, NULL};
static const p2p_muxer *const YM[] = {&SECURE_YAMUX, &SECURE_MPLEX, NULL};
static const p2p_muxer *const MY[] = {&SECURE_MPLEX, &SECURE_YAMUX, NULL};
static const p2p_muxer *const OTHER[] = {&SECURE_OTHER, NULL};

static void open_pair(secure_pair *pair) {
    check_ok(secure_pair_init(pair, &PLAIN, 1));
    pair->a.params.muxers = YM;
    pair->b.params.muxers = MY;
}

static void check_both_know_each_other(const secure_pair *pair) {
    check(pair->a.done == 1 && pair->b.done == 1);
    check(p2p_peer_id_equal(&pair->a.secured.peer, p2p_identity_peer(pair->b.identity)));
    check(p2p_peer_id_equal(&pair->b.secured.peer, p2p_identity_peer(pair->a.identity)));
    check_same(pair->a.secured.public_key, p2p_identity_public_key(pair->b.identity));
    check_same(pair->b.secured.public_key, p2p_identity_public_key(pair->a.identity));
}

static void both_sides_learn_identity_and_muxer(void **state) {
    (void)state;
    secure_pair pair;
    open_pair(&pair);
    pair.a.params.expected = *p2p_identity_peer(pair.b.identity);
    pair.b.params.expected = *p2p_identity_peer(pair.a.identity);
    check_ok(secure_pair_start(&pair, &p2p_noise));
    check_ok(secure_run(&pair));
    check_both_know_each_other(&pair);
    check(pair.a.secured.muxer == &SECURE_YAMUX && pair.b.secured.muxer == &SECURE_YAMUX);
    secure_pair_deinit(&pair);
}

static void muxers_that_do_not_fit_are_left_to_multistream(void **state) {
    (void)state;
    for (int turn = 0; turn < 4; turn++) {
        secure_pair pair;
        open_pair(&pair);
        pair.a.params.muxers = turn == 0 ? NULL : turn == 1 ? YM : turn == 2 ? OTHER : NULL;
        pair.b.params.muxers = turn == 0 ? YM : turn == 1 ? NULL : turn == 2 ? YM : NULL;
        check_ok(secure_pair_start(&pair, &p2p_noise));
        check_ok(secure_run(&pair));
        check_both_know_each_other(&pair);
        check(pair.a.secured.muxer == NULL && pair.b.secured.muxer == NULL);
        secure_pair_deinit(&pair);
    }
}

static void fill(uint8_t *data, size_t len, uint64_t seed) {
    seeded_random random;
    seeded_random_init(&random, seed);
    random.random.fill(random.random.ctx, data, len);
}

/* Handshake and 200 000 bytes both ways, fed in pieces of one size and drawn in another. */
static void talk(size_t piece, size_t cap, size_t say_once, size_t amount) {
    secure_pair pair;
    uint8_t *from_a = malloc(amount);
    uint8_t *from_b = malloc(amount);
    fill(from_a, amount, 10);
    fill(from_b, amount, 11);
    open_pair(&pair);
    pair.piece = piece;
    pair.cap = cap;
    pair.a.say_once = say_once;
    check_ok(secure_pair_start(&pair, &p2p_noise));
    secure_side_say(&pair.a, from_a, amount);
    secure_side_say(&pair.b, from_b, amount);
    check_ok(secure_run(&pair));
    check_both_know_each_other(&pair);
    check_same(p2p_bytes_of(pair.b.heard, pair.b.heard_len), p2p_bytes_of(from_a, amount));
    check_same(p2p_bytes_of(pair.a.heard, pair.a.heard_len), p2p_bytes_of(from_b, amount));
    secure_eof(&pair.a);
    secure_eof(&pair.b);
    check(pair.a.eof == 1 && pair.b.eof == 1 && pair.a.err == P2P_OK && pair.b.err == P2P_OK);
    secure_pair_deinit(&pair);
    free(from_a);
    free(from_b);
}

static void any_fragmentation_carries_the_same_bytes(void **state) {
    (void)state;
    talk(0, 262144, 0, 500000);
    talk(1, 40000, 0, 50000);
    talk(0, 65536, 17, 20000);
    for (size_t piece = 2; piece < 40; piece += 3)
        talk(piece, 1000 + piece, 0, 20000);
    talk(16384, 16384, 0, 200000);
    talk(65536, 16403, 4096, 200000);
    talk(0, 19, 0, 500);
}

static void what_the_initiator_says_follows_in_the_same_draw(void **state) {
    (void)state;
    secure_pair pair;
    open_pair(&pair);
    check_ok(secure_pair_start(&pair, &p2p_noise));
    check(secure_move(&pair, &pair.a, &pair.b) == 34);
    check(secure_move(&pair, &pair.b, &pair.a) > 0);
    check(pair.a.done == 1 && pair.b.done == 0);
    secure_side_say(&pair.a, (const uint8_t *)"early", 5);
    check(secure_move(&pair, &pair.a, &pair.b) > 0);
    check(pair.b.done == 1);
    check_same(p2p_bytes_of(pair.b.heard, pair.b.heard_len), P2P_LITERAL("early"));
    secure_pair_deinit(&pair);
}

/* spec: noise #the-libp2p-handshake-payload: if the signature of the static key is invalid, the
 * connection MUST be terminated. */
static void every_flipped_byte_of_the_handshake_is_refused(void **state) {
    (void)state;
    secure_pair pair;
    open_pair(&pair);
    check_ok(secure_pair_start(&pair, &p2p_noise));
    check_ok(secure_run(&pair));
    uint64_t lengths[] = {pair.a.sent, pair.b.sent};
    secure_pair_deinit(&pair);
    for (int side = 0; side < 2; side++) {
        for (uint64_t at = 0; at < lengths[side]; at++) {
            open_pair(&pair);
            pair.flip_from = side == 0 ? &pair.a : &pair.b;
            pair.flip_at = at;
            pair.flip_mask = (uint8_t)(1U << (at % 8));
            check_ok(secure_pair_start(&pair, &p2p_noise));
            p2p_err err = secure_run(&pair);
            /* A length that grew leaves the reader waiting for bytes that do not come. */
            if (err == P2P_OK) {
                check(pair.a.done == 0 || pair.b.done == 0);
                secure_eof(side == 0 ? &pair.b : &pair.a);
                err = side == 0 ? pair.b.err : pair.a.err;
                check(err == P2P_ERR_RESET);
            }
            check(pair.b.done == 0);
            check(side == 0 || pair.a.done == 0);
            secure_pair_deinit(&pair);
        }
    }
}

static void an_end_before_the_handshake_is_over_is_a_reset(void **state) {
    (void)state;
    secure_pair pair;
    open_pair(&pair);
    check_ok(secure_pair_start(&pair, &p2p_noise));
    check_ok(secure_run(&pair));
    uint64_t lengths[] = {pair.a.sent, pair.b.sent};
    secure_pair_deinit(&pair);
    for (int side = 0; side < 2; side++) {
        for (uint64_t at = 0; at < lengths[side]; at++) {
            open_pair(&pair);
            secure_side *to = side == 0 ? &pair.b : &pair.a;
            pair.cut_from = side == 0 ? &pair.a : &pair.b;
            pair.cut_at = at;
            check_ok(secure_pair_start(&pair, &p2p_noise));
            check_err(P2P_ERR_RESET, secure_run(&pair));
            check(to->done == 0 && to->err == P2P_ERR_RESET);
            secure_pair_deinit(&pair);
        }
    }
}

static void an_end_inside_a_frame_is_a_reset(void **state) {
    (void)state;
    for (size_t cut = 0; cut <= 23; cut++) {
        secure_pair pair;
        open_pair(&pair);
        check_ok(secure_pair_start(&pair, &p2p_noise));
        check_ok(secure_run(&pair));
        secure_side_say(&pair.a, (const uint8_t *)"hello", 5);
        pair.cut_from = &pair.a;
        pair.cut_at = pair.a.sent + cut;
        check_err(cut % 23 == 0 ? P2P_OK : P2P_ERR_RESET, secure_run(&pair));
        check(pair.b.eof == (cut % 23 == 0 ? 1 : 0));
        secure_pair_deinit(&pair);
    }
}

static void a_flipped_byte_of_the_data_is_refused(void **state) {
    (void)state;
    for (uint64_t at = 2; at < 23; at++) { /* not the length: that one only waits for more */
        secure_pair pair;
        open_pair(&pair);
        check_ok(secure_pair_start(&pair, &p2p_noise));
        check_ok(secure_run(&pair));
        pair.flip_from = &pair.b;
        pair.flip_at = pair.b.sent + at;
        pair.flip_mask = 0x10;
        secure_side_say(&pair.b, (const uint8_t *)"hello", 5);
        check_err(P2P_ERR_DECRYPT, secure_run(&pair));
        check(pair.a.heard_len == 0);
        secure_pair_deinit(&pair);
    }
}

static void another_peer_than_expected_never_learns_who_asked(void **state) {
    (void)state;
    secure_pair pair;
    open_pair(&pair);
    pair.a.params.expected = *p2p_identity_peer(pair.a.identity);
    check_ok(secure_pair_start(&pair, &p2p_noise));
    check_err(P2P_ERR_WRONG_PEER, secure_run(&pair));
    check(pair.a.done == 0 && pair.b.done == 0);
    check(pair.a.sent == 34); /* the first message and nothing more */
    check(p2p_peer_id_equal(&pair.a.seen, p2p_identity_peer(pair.b.identity)));
    secure_pair_deinit(&pair);
}

static void a_responder_may_expect_a_peer_too(void **state) {
    (void)state;
    secure_pair pair;
    open_pair(&pair);
    pair.b.params.expected = *p2p_identity_peer(pair.b.identity);
    check_ok(secure_pair_start(&pair, &p2p_noise));
    check_err(P2P_ERR_WRONG_PEER, secure_run(&pair));
    check(pair.b.done == 0 && pair.b.err == P2P_ERR_WRONG_PEER);
    check(p2p_peer_id_equal(&pair.b.seen, p2p_identity_peer(pair.a.identity)));
    secure_pair_deinit(&pair);
}

static void the_error_of_done_ends_the_handshake(void **state) {
    (void)state;
    secure_pair pair;
    open_pair(&pair);
    pair.b.done_result = P2P_ERR_GATED;
    check_ok(secure_pair_start(&pair, &p2p_noise));
    check_err(P2P_ERR_GATED, secure_run(&pair));
    secure_pair_deinit(&pair);
}

/* spec: noise #the-libp2p-handshake-payload: the initiator MUST NOT send extensions in its first
 * message. */
static void a_first_message_with_a_payload_is_refused(void **state) {
    (void)state;
    secure_pair pair;
    uint8_t message[35] = {0, 33, 9};
    open_pair(&pair);
    check_ok(secure_pair_start(&pair, &p2p_noise));
    check_err(P2P_ERR_VIOLATION, p2p_layer_feed(pair.b.layer, message, sizeof message));
    secure_pair_deinit(&pair);
}

/* --- options --- */

typedef struct hash_check {
    p2p_bytes want;
    bool found;
    int calls;
} hash_check;

static p2p_err check_hashes(void *ctx, const p2p_bytes *certhashes, size_t count) {
    hash_check *check = ctx;
    check->calls++;
    for (size_t i = 0; i < count; i++)
        check->found |= p2p_bytes_equal(certhashes[i], check->want);
    return check->found ? P2P_OK : P2P_ERR_BAD_CERTIFICATE;
}

static p2p_err run_with_hashes(hash_check *check, uint64_t *initiator_sent) {
    secure_pair pair;
    const p2p_bytes hashes[] = {P2P_LITERAL("first"), P2P_LITERAL("second")};
    const p2p_noise_options server = {.certhashes = hashes, .certhash_count = 2};
    const p2p_noise_options client = {.check_certhashes = check_hashes, .ctx = check};
    open_pair(&pair);
    check_ok(p2p_noise_start(&pair.a.layer, &pair.a.params, &client));
    check_ok(p2p_noise_start(&pair.b.layer, &pair.b.params, &server));
    p2p_err err = secure_run(&pair);
    *initiator_sent = pair.a.sent;
    secure_pair_deinit(&pair);
    return err;
}

static void certificate_hashes_are_checked_before_the_third_message(void **state) {
    (void)state;
    uint64_t sent;
    hash_check good = {.want = P2P_LITERAL("second")};
    check_ok(run_with_hashes(&good, &sent));
    check(good.calls == 1 && good.found && sent > 34);
    hash_check bad = {.want = P2P_LITERAL("third")};
    check_err(P2P_ERR_BAD_CERTIFICATE, run_with_hashes(&bad, &sent));
    check(bad.calls == 1 && sent == 34);
}

static void sides_with_different_prologues_do_not_agree(void **state) {
    (void)state;
    for (int same = 0; same < 2; same++) {
        secure_pair pair;
        const p2p_noise_options a = {.prologue = P2P_LITERAL("webrtc")};
        const p2p_noise_options b = {.prologue = same ? a.prologue : P2P_LITERAL("other")};
        open_pair(&pair);
        check_ok(p2p_noise_start(&pair.a.layer, &pair.a.params, &a));
        check_ok(p2p_noise_start(&pair.b.layer, &pair.b.params, &b));
        check_err(same ? P2P_OK : P2P_ERR_DECRYPT, secure_run(&pair));
        secure_pair_deinit(&pair);
    }
}

static void too_many_certificate_hashes_of_our_own_are_refused(void **state) {
    (void)state;
    static uint8_t large[5000];
    secure_pair pair;
    const p2p_bytes hash = {large, sizeof large};
    const p2p_noise_options options = {.certhashes = &hash, .certhash_count = 1};
    open_pair(&pair);
    check_err(P2P_ERR_LIMIT, p2p_noise_start(&pair.a.layer, &pair.a.params, &options));
    secure_pair_deinit(&pair);
}

/* --- a signer that answers later --- */

typedef struct slow_signer {
    p2p_identity *real;
    p2p_sign_job *job;
    uint8_t message[256];
    size_t message_len;
    int asked;
} slow_signer;

static void remember(void *ctx, p2p_bytes message, p2p_sign_job *job) {
    slow_signer *slow = ctx;
    check(slow->job == NULL && message.len <= sizeof slow->message);
    memcpy(slow->message, message.ptr, message.len);
    slow->message_len = message.len;
    slow->job = job;
    slow->asked++;
}

static void answer(slow_signer *slow, p2p_err err) {
    p2p_sign_job *job = slow->job;
    slow->job = NULL;
    if (err != P2P_OK) {
        p2p_sign_done(job, err, p2p_bytes_of(NULL, 0));
        return;
    }
    p2p_signature signature;
    p2p_sign_job *pending;
    check_ok(p2p_identity_sign(slow->real, &signature, &pending,
        p2p_bytes_of(slow->message, slow->message_len), NULL, NULL));
    p2p_sign_done(job, P2P_OK, p2p_bytes_of(signature.bytes, signature.len));
}

static void make_slow(secure_side *side, slow_signer *slow) {
    *slow = (slow_signer){.real = side->identity};
    check_ok(p2p_identity_external(
        &side->identity, p2p_identity_public_key(slow->real), remember, slow, side->env.mem));
    side->env.identity = side->identity;
}

static void a_late_signature_pauses_the_handshake(void **state) {
    (void)state;
    for (int initiator = 0; initiator < 2; initiator++) {
        secure_pair pair;
        slow_signer slow;
        open_pair(&pair);
        secure_side *side = initiator ? &pair.a : &pair.b;
        make_slow(side, &slow);
        check_ok(secure_pair_start(&pair, &p2p_noise));
        check_ok(secure_run(&pair));
        check(pair.a.done == 0 && pair.b.done == 0 && slow.asked == 1);
        answer(&slow, P2P_OK);
        check(side->woken == 1);
        check_ok(secure_run(&pair));
        check_both_know_each_other(&pair);
        secure_pair_deinit(&pair);
        p2p_identity_free(slow.real);
    }
}

static void a_signature_is_asked_for_once_for_all_connections(void **state) {
    (void)state;
    secure_pair pair;
    slow_signer slow;
    open_pair(&pair);
    make_slow(&pair.b, &slow);
    check_ok(secure_pair_start(&pair, &p2p_noise));
    p2p_layer *second;
    p2p_layer *third;
    check_ok(p2p_noise.start(&second, &pair.b.params));
    check_ok(p2p_noise.start(&third, &pair.b.params));
    check_ok(secure_run(&pair));
    third->ops->free(third);
    answer(&slow, P2P_OK);
    check_ok(secure_run(&pair));
    check_both_know_each_other(&pair);
    second->ops->free(second);
    check(slow.asked == 1);
    secure_pair_deinit(&pair);
    p2p_identity_free(slow.real);
}

static void a_layer_may_be_freed_while_its_signature_is_made(void **state) {
    (void)state;
    secure_pair pair;
    slow_signer slow;
    open_pair(&pair);
    make_slow(&pair.b, &slow);
    check_ok(secure_pair_start(&pair, &p2p_noise));
    check_ok(secure_run(&pair));
    pair.b.layer->ops->free(pair.b.layer);
    pair.b.layer = NULL;
    answer(&slow, P2P_OK);
    check(pair.b.woken == 0 && pair.b.failed == 0);
    secure_pair_deinit(&pair);
    p2p_identity_free(slow.real);
}

static void a_refused_signature_fails_the_handshake_and_is_tried_again_next_time(void **state) {
    (void)state;
    secure_pair pair;
    slow_signer slow;
    open_pair(&pair);
    make_slow(&pair.b, &slow);
    check_ok(secure_pair_start(&pair, &p2p_noise));
    check_ok(secure_run(&pair));
    answer(&slow, P2P_ERR_PERMISSION);
    check(pair.b.failed == 1 && pair.b.err == P2P_ERR_PERMISSION);
    pair.a.layer->ops->free(pair.a.layer);
    pair.b.layer->ops->free(pair.b.layer);
    pair.b.err = P2P_OK;
    check_ok(secure_pair_start(&pair, &p2p_noise));
    check_ok(secure_run(&pair));
    check(slow.asked == 2);
    answer(&slow, P2P_OK);
    check_ok(secure_run(&pair));
    check_both_know_each_other(&pair);
    secure_pair_deinit(&pair);
    p2p_identity_free(slow.real);
}

static void speaking_out_of_turn_is_refused(void **state) {
    (void)state;
    secure_pair pair;
    slow_signer slow;
    uint8_t more[] = {0, 1, 0};
    open_pair(&pair);
    make_slow(&pair.b, &slow);
    check_ok(secure_pair_start(&pair, &p2p_noise));
    check_ok(secure_run(&pair));
    check_err(P2P_ERR_VIOLATION, p2p_layer_feed(pair.b.layer, more, sizeof more));
    answer(&slow, P2P_OK);
    secure_pair_deinit(&pair);
    p2p_identity_free(slow.real);
}

/* --- memory --- */

static p2p_err scenario(const p2p_mem *mem, void *ctx) {
    (void)ctx;
    static const uint8_t words[3000] = {1};
    secure_pair pair;
    p2p_err err = secure_pair_init(&pair, mem, 4);
    pair.a.params.muxers = pair.b.params.muxers = YM;
    pair.piece = 7;
    if (err == P2P_OK)
        err = secure_pair_start(&pair, &p2p_noise);
    secure_side_say(&pair.a, words, sizeof words);
    if (err == P2P_OK)
        err = secure_run(&pair);
    if (err == P2P_OK)
        check(pair.b.heard_len == sizeof words);
    secure_pair_deinit(&pair);
    return err;
}

static void every_failed_allocation_is_an_error_without_a_leak(void **state) {
    (void)state;
    sweep_allocations(scenario, NULL);
}

static void an_idle_connection_holds_less_than_300_bytes(void **state) {
    (void)state;
    faulty_mem faulty;
    secure_pair pair;
    faulty_mem_init(&faulty);
    check_ok(secure_pair_init(&pair, &faulty.mem, 4));
    check_ok(secure_pair_start(&pair, &p2p_noise));
    check_ok(secure_run(&pair));
    size_t with_two = faulty.live_bytes;
    pair.a.layer->ops->free(pair.a.layer);
    pair.a.layer = NULL;
    check(with_two - faulty.live_bytes < 300);
    secure_pair_deinit(&pair);
    check(faulty.live_bytes == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_learn_identity_and_muxer),
        cmocka_unit_test(muxers_that_do_not_fit_are_left_to_multistream),
        cmocka_unit_test(any_fragmentation_carries_the_same_bytes),
        cmocka_unit_test(what_the_initiator_says_follows_in_the_same_draw),
        cmocka_unit_test(every_flipped_byte_of_the_handshake_is_refused),
        cmocka_unit_test(an_end_before_the_handshake_is_over_is_a_reset),
        cmocka_unit_test(an_end_inside_a_frame_is_a_reset),
        cmocka_unit_test(a_flipped_byte_of_the_data_is_refused),
        cmocka_unit_test(another_peer_than_expected_never_learns_who_asked),
        cmocka_unit_test(a_responder_may_expect_a_peer_too),
        cmocka_unit_test(the_error_of_done_ends_the_handshake),
        cmocka_unit_test(a_first_message_with_a_payload_is_refused),
        cmocka_unit_test(certificate_hashes_are_checked_before_the_third_message),
        cmocka_unit_test(sides_with_different_prologues_do_not_agree),
        cmocka_unit_test(too_many_certificate_hashes_of_our_own_are_refused),
        cmocka_unit_test(a_late_signature_pauses_the_handshake),
        cmocka_unit_test(a_signature_is_asked_for_once_for_all_connections),
        cmocka_unit_test(a_layer_may_be_freed_while_its_signature_is_made),
        cmocka_unit_test(a_refused_signature_fails_the_handshake_and_is_tried_again_next_time),
        cmocka_unit_test(speaking_out_of_turn_is_refused),
        cmocka_unit_test(every_failed_allocation_is_an_error_without_a_leak),
        cmocka_unit_test(an_idle_connection_holds_less_than_300_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
