/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Two upgrades back to back, with the security protocols and muxers of two hosts. */
#include "stack/upgrade.h"

#include "base/bytes.h"
#include "host/host.h"
#include "support/check.h"

typedef struct side {
    p2p_wire wire; /* first */
    faulty_mem mem;
    seeded_random random;
    p2p_identity *identity;
    p2p_host *host;
    p2p_upgrade *upgrade;
    p2p_conn *conn;
    size_t ready, drawn;
} side;

static side a, b;

static void wake(p2p_wire *wire) {
    (void)wire;
}

static const p2p_wire_ops WIRE_OPS = {wake, NULL};

static const p2p_security *const NOISE[] = {&p2p_noise, NULL}, *const TLS[] = {&p2p_tls, NULL},
                                 *const TLS_NOISE[] = {&p2p_tls, &p2p_noise, NULL};
static const p2p_muxer *const YAMUX[] = {&p2p_yamux, NULL}, *const MPLEX[] = {&p2p_mplex, NULL};

static void on_ready(void *ctx, p2p_conn *conn) {
    side *s = ctx;
    s->ready++;
    s->conn = conn;
}

static void on_failed(void *ctx, p2p_err err) {
    (void)ctx;
    (void)err;
    fail_msg("no signer of this test works outside of feed and draw");
}

static void start_side(
    side *s, uint64_t seed, const p2p_security *const *security, const p2p_muxer *const *muxers) {
    *s = (side){.wire = {.ops = &WIRE_OPS}};
    faulty_mem_init(&s->mem);
    seeded_random_init(&s->random, seed);
    check_ok(p2p_identity_generate(&s->identity, P2P_ED25519, &s->mem.mem, &s->random.random));
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.mem = s->mem.mem;
    config.random = s->random.random;
    config.identity = s->identity;
    config.security = security;
    config.muxers = muxers;
    config.wall_ms = UINT64_C(1790000000000);
    check_ok(p2p_host_new(&s->host, &config, P2P_SECOND));
}

static p2p_err begin(side *s, bool initiator, bool patient, const p2p_peer_id *expected) {
    p2p_upgrade_params params = {.env = &s->host->env,
        .wire = &s->wire,
        .initiator = initiator,
        .patient = patient,
        .ready = on_ready,
        .failed = on_failed,
        .ctx = s};
    if (expected != NULL)
        params.expected = *expected;
    return p2p_upgrade_new(&s->upgrade, &params, NULL);
}

static void stop_side(side *s) {
    if (s->conn != NULL) {
        p2p_conn_abort(s->conn, 0);
        s->conn->ops->free(s->conn);
    }
    p2p_upgrade_free(s->upgrade);
    p2p_host_free(s->host);
    p2p_identity_free(s->identity);
    check(s->mem.live_blocks == 0);
}

static void stop(void) {
    stop_side(&a);
    stop_side(&b);
}

/* Draws at most `cap` bytes at a time and feeds them in pieces. */
static p2p_err move(side *from, side *to, size_t cap, size_t piece, bool *moved) {
    static uint8_t block[65536];
    size_t len;
    p2p_err err = p2p_layer_draw(from->wire.bottom, block, cap, &len);
    *moved |= len > 0;
    from->drawn += len;
    for (size_t at = 0; at < len && err == P2P_OK; at += piece)
        err = p2p_layer_feed(to->wire.bottom, block + at, len - at < piece ? len - at : piece);
    return err;
}

/* Until both are quiet or one has failed; that error and who had it. */
static p2p_err run(size_t cap, size_t piece, const side **failed) {
    for (bool moved = true; moved;) {
        moved = false;
        *failed = &b;
        p2p_err err = move(&a, &b, cap, piece, &moved);
        if (err != P2P_OK)
            return err;
        *failed = &a;
        err = move(&b, &a, cap, piece, &moved);
        if (err != P2P_OK)
            return err;
    }
    return P2P_OK;
}

static void both_ends_agree_however_the_bytes_are_cut(void **state) {
    (void)state;
    static const size_t CUTS[][2] = {{65536, 65536}, {65536, 1}, {1, 1}, {7, 3}, {100, 65536}};
    for (size_t i = 0; i < 10; i++) {
        const side *failed;
        bool tls = i % 2;
        start_side(&a, 1, tls ? TLS : NOISE, YAMUX);
        start_side(&b, 2, TLS_NOISE, YAMUX);
        check_ok(begin(&a, true, false, p2p_host_peer(b.host)));
        check_ok(begin(&b, false, false, NULL));
        check_ok(run(CUTS[i / 2][0], CUTS[i / 2][1], &failed));
        check(a.ready == 1 && b.ready == 1);
        check(p2p_peer_id_equal(p2p_conn_peer(a.conn), p2p_host_peer(b.host)));
        check(p2p_peer_id_equal(p2p_conn_peer(b.conn), p2p_host_peer(a.host)));
        assert_string_equal(p2p_conn_security(a.conn), tls ? "/tls/1.0.0" : "/noise");
        assert_string_equal(p2p_conn_security(b.conn), tls ? "/tls/1.0.0" : "/noise");
        assert_string_equal(p2p_conn_muxer(b.conn), "/yamux/1.0.0");
        check(!p2p_upgrade_retry_patiently(a.upgrade));
        stop();
    }
}

static void another_peer_is_named(void **state) {
    (void)state;
    const side *failed;
    char text[240], id[P2P_PEER_ID_TEXT_MAX];
    start_side(&a, 1, NOISE, YAMUX);
    start_side(&b, 2, NOISE, YAMUX);
    check_ok(begin(&a, true, false, p2p_host_peer(a.host)));
    check_ok(begin(&b, false, false, NULL));
    check_err(P2P_ERR_WRONG_PEER, run(65536, 65536, &failed));
    check(failed == &a && a.ready == 0);
    p2p_upgrade_explain(a.upgrade, P2P_ERR_WRONG_PEER, text);
    p2p_peer_id_format(id, sizeof id, p2p_host_peer(b.host));
    check(strstr(text, id) != NULL);
    p2p_peer_id_format(id, sizeof id, p2p_host_peer(a.host));
    check(strstr(text, id) != NULL);
    stop();
}

static void without_a_common_security_protocol_both_lists_are_named(void **state) {
    (void)state;
    const side *failed;
    char text[240];
    start_side(&a, 1, NOISE, YAMUX);
    start_side(&b, 2, TLS, YAMUX);
    check_ok(begin(&a, true, true, NULL));
    check_ok(begin(&b, false, false, NULL));
    check_err(P2P_ERR_NO_SECURITY, run(65536, 65536, &failed));
    check(failed == &a);
    p2p_upgrade_explain(a.upgrade, P2P_ERR_NO_SECURITY, text);
    check(strstr(text, "/noise") != NULL);
    check(!p2p_upgrade_retry_patiently(a.upgrade)); /* there is nothing else to try */
    p2p_upgrade_explain(b.upgrade, P2P_ERR_NO_SECURITY, text);
    check(strstr(text, "/noise") != NULL && strstr(text, "/tls/1.0.0") != NULL);
    stop();
}

static void a_refused_assumption_can_be_asked_again_patiently(void **state) {
    (void)state;
    for (int patient = 0; patient < 2; patient++) {
        const side *failed;
        start_side(&a, 1, TLS_NOISE, YAMUX);
        start_side(&b, 2, NOISE, YAMUX);
        check_ok(begin(&a, true, patient, NULL));
        check_ok(begin(&b, false, false, NULL));
        p2p_err err = run(65536, 65536, &failed);
        check_err(patient ? P2P_OK : P2P_ERR_NO_SECURITY, err);
        check(a.ready == (size_t)patient);
        check(p2p_upgrade_retry_patiently(a.upgrade) == !patient);
        if (patient)
            assert_string_equal(p2p_conn_security(a.conn), "/noise");
        stop();
    }
}

static void an_unanswered_assumption_counts_as_refused_when_the_wire_is_cut(void **state) {
    (void)state;
    start_side(&a, 1, TLS_NOISE, YAMUX);
    start_side(&b, 2, NOISE, YAMUX);
    check_ok(begin(&a, true, false, NULL));
    check_ok(begin(&b, false, false, NULL));
    check(!p2p_upgrade_retry_patiently(a.upgrade));
    p2p_upgrade_cut_off(a.upgrade);
    check(p2p_upgrade_retry_patiently(a.upgrade));
    stop();
}

static void without_a_common_muxer_it_says_so(void **state) {
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        const side *failed;
        char text[240];
        start_side(&a, 1, tls ? TLS : NOISE, YAMUX);
        start_side(&b, 2, tls ? TLS : NOISE, MPLEX);
        check_ok(begin(&a, true, false, NULL));
        check_ok(begin(&b, false, false, NULL));
        p2p_err err = run(65536, 65536, &failed);
        check(err != P2P_OK && b.ready == 0);
        p2p_upgrade_explain(b.upgrade, P2P_ERR_NO_MUXER, text);
        check(strstr(text, "/mplex/6.7.0") != NULL);
        stop();
    }
}

static void an_early_end_names_the_step(void **state) {
    (void)state;
    char text[240];
    bool moved = false;
    start_side(&a, 1, NOISE, YAMUX);
    start_side(&b, 2, NOISE, YAMUX);
    check_ok(begin(&a, true, true, NULL));
    check_ok(begin(&b, false, false, NULL));
    p2p_err err = p2p_layer_eof(b.wire.bottom);
    check_err(P2P_ERR_EOF, err);
    p2p_upgrade_explain(b.upgrade, err, text);
    check(strstr(text, "closed the connection while agreeing on a security") != NULL);
    check_ok(move(&a, &b, 65536, 65536, &moved));
    p2p_upgrade_explain(b.upgrade, P2P_ERR_TIMEOUT, text);
    check(strstr(text, "time ran out during the /noise handshake") != NULL);
    stop();
}

static void garbage_is_refused(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        uint8_t junk[400];
        seeded_random random;
        start_side(&b, 2, TLS_NOISE, YAMUX);
        check_ok(begin(&b, false, false, NULL));
        seeded_random_init(&random, seed);
        for (size_t i = 0; i < sizeof junk; i++)
            junk[i] = (uint8_t)seeded_random_next(&random);
        junk[0] |= 1; /* not a length that waits for more than comes */
        junk[0] &= 0x7f;
        p2p_err err = p2p_layer_feed(b.wire.bottom, junk, sizeof junk);
        check(err != P2P_OK && b.ready == 0);
        stop_side(&b);
    }
}

static void memory_may_fail_at_every_step(void **state) {
    (void)state;
    for (size_t n = 1, ok = 0; ok == 0; n++) {
        const side *failed;
        start_side(&a, 1, NOISE, YAMUX);
        start_side(&b, 2, NOISE, YAMUX);
        b.mem.fail_at = b.mem.requests + n;
        check_ok(begin(&a, true, false, NULL));
        p2p_err err = begin(&b, false, false, NULL);
        if (err == P2P_OK)
            err = run(65536, 65536, &failed);
        ok = err == P2P_OK && b.mem.requests < b.mem.fail_at;
        check(ok || err != P2P_OK || (a.ready == 1 && b.ready == 1));
        stop();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_agree_however_the_bytes_are_cut),
        cmocka_unit_test(another_peer_is_named),
        cmocka_unit_test(without_a_common_security_protocol_both_lists_are_named),
        cmocka_unit_test(a_refused_assumption_can_be_asked_again_patiently),
        cmocka_unit_test(an_unanswered_assumption_counts_as_refused_when_the_wire_is_cut),
        cmocka_unit_test(without_a_common_muxer_it_says_so),
        cmocka_unit_test(an_early_end_names_the_step),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(memory_may_fail_at_every_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
