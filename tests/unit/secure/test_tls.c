/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <openssl/ssl.h>

#include "identity/identity.h"
#include "support/forged_cert.h"
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

/* What ALPN gives both sides; they must find the same. */
static const p2p_muxer *agreed(const p2p_muxer *const *client, const p2p_muxer *const *server) {
    secure_pair pair;
    open_pair(&pair);
    pair.a.params.muxers = client;
    pair.b.params.muxers = server;
    pair.a.params.expected = *p2p_identity_peer(pair.b.identity);
    pair.b.params.expected = *p2p_identity_peer(pair.a.identity);
    check_ok(secure_pair_start(&pair, &p2p_tls));
    check_ok(secure_run(&pair));
    check_both_know_each_other(&pair);
    check(pair.a.secured.muxer == pair.b.secured.muxer);
    const p2p_muxer *muxer = pair.a.secured.muxer;
    secure_pair_deinit(&pair);
    return muxer;
}

/* spec: connections/inlined-muxer-negotiation #multiplexer-negotiation-over-tls: the server SHOULD
 * pick the first protocol from the client's list that it supports. */
static void the_server_takes_the_clients_first_muxer_that_it_has(void **state) {
    (void)state;
    check(agreed(YM, MY) == &SECURE_YAMUX);
    check(agreed(MY, YM) == &SECURE_MPLEX);
    check(agreed(OTHER, YM) == NULL);
    check(agreed(NULL, YM) == NULL);
    check(agreed(YM, NULL) == NULL);
}

static void fill(uint8_t *data, size_t len, uint64_t seed) {
    seeded_random random;
    seeded_random_init(&random, seed);
    random.random.fill(random.random.ctx, data, len);
}

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
    check_ok(secure_pair_start(&pair, &p2p_tls));
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
    talk(1, 40000, 0, 20000);
    talk(0, 65536, 17, 20000);
    for (size_t piece = 2; piece < 40; piece += 5)
        talk(piece, 1000 + piece, 0, 20000);
    talk(16384, 16384, 0, 200000);
    talk(65536, 16406, 4096, 200000);
    talk(0, 23, 0, 500);
}

/* A flip of the version in a record's head is harmless: RFC 8446 section 5.1 wants it ignored. */
static bool in_record_version(const secure_side *side, uint64_t at) {
    for (uint64_t start = 0; start <= at && start + 5 < sizeof side->tape;) {
        if (at == start + 1 || at == start + 2)
            return true;
        start += 5 + (uint64_t)p2p_load16(side->tape + start + 3);
    }
    return false;
}

/* The bytes that each side sends in a handshake: ECDSA signatures differ by a few in length. */
static void handshake_lengths(secure_pair *pair, uint64_t lengths[2]) {
    check_ok(secure_pair_start(pair, &p2p_tls));
    check_ok(secure_run(pair));
    lengths[0] = pair->a.sent - 8;
    lengths[1] = pair->b.sent - 8;
    secure_pair_reset(pair);
}

static void check_flip(secure_pair *pair, int side, uint64_t at) {
    secure_side *from = side == 0 ? &pair->a : &pair->b;
    pair->flip_from = from;
    pair->flip_at = at;
    pair->flip_mask = (uint8_t)(1U << (at % 8));
    check_ok(secure_pair_start(pair, &p2p_tls));
    p2p_err err = secure_run(pair);
    if (err == P2P_OK && pair->b.done == 0) {
        secure_eof(side == 0 ? &pair->b : &pair->a);
        err = P2P_ERR_RESET;
    }
    if (err == P2P_OK && !in_record_version(from, at))
        fail_msg("byte %d of side %d may be flipped", (int)at, side);
    if (err == P2P_OK)
        check_both_know_each_other(pair);
    else
        check(pair->b.done == 0);
    secure_pair_reset(pair);
}

static void every_flipped_byte_of_the_handshake_is_refused(void **state) {
    (void)state;
    secure_pair pair;
    uint64_t lengths[2];
    open_pair(&pair);
    handshake_lengths(&pair, lengths);
    for (int side = 0; side < 2; side++) {
        for (uint64_t at = 0; at < lengths[side]; at++)
            check_flip(&pair, side, at);
    }
    secure_pair_deinit(&pair);
}

static void an_end_before_the_handshake_is_over_is_a_reset(void **state) {
    (void)state;
    secure_pair pair;
    uint64_t lengths[2];
    open_pair(&pair);
    handshake_lengths(&pair, lengths);
    for (int side = 0; side < 2; side++) {
        for (uint64_t at = 0; at < lengths[side]; at++) {
            secure_side *to = side == 0 ? &pair.b : &pair.a;
            pair.cut_from = side == 0 ? &pair.a : &pair.b;
            pair.cut_at = at;
            check_ok(secure_pair_start(&pair, &p2p_tls));
            check_err(P2P_ERR_RESET, secure_run(&pair));
            check(to->done == 0 && to->err == P2P_ERR_RESET);
            secure_pair_reset(&pair);
        }
    }
    secure_pair_deinit(&pair);
}

static void an_end_inside_a_record_is_a_reset(void **state) {
    (void)state;
    for (size_t cut = 0; cut <= 27; cut++) {
        secure_pair pair;
        open_pair(&pair);
        check_ok(secure_pair_start(&pair, &p2p_tls));
        check_ok(secure_run(&pair));
        secure_side_say(&pair.a, (const uint8_t *)"hello", 5);
        pair.cut_from = &pair.a;
        pair.cut_at = pair.a.sent + cut;
        check_err(cut % 27 == 0 ? P2P_OK : P2P_ERR_RESET, secure_run(&pair));
        check(pair.b.eof == (cut % 27 == 0 ? 1 : 0));
        secure_pair_deinit(&pair);
    }
}

static void a_flipped_byte_of_the_data_is_refused(void **state) {
    (void)state;
    for (uint64_t at = 5; at < 27; at++) {
        secure_pair pair;
        open_pair(&pair);
        check_ok(secure_pair_start(&pair, &p2p_tls));
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

static void a_record_that_is_too_long_is_refused(void **state) {
    (void)state;
    secure_pair pair;
    uint8_t head[] = {22, 3, 1, 0x41, 0x01};
    open_pair(&pair);
    check_ok(secure_pair_start(&pair, &p2p_tls));
    check_err(P2P_ERR_VIOLATION, p2p_layer_feed(pair.b.layer, head, sizeof head));
    secure_pair_deinit(&pair);
}

/* spec: tls #libp2p-public-key-extension: clients MUST abort the connection if the peer id is
 * another than intended. */
static void another_peer_than_expected_never_learns_who_asked(void **state) {
    (void)state;
    secure_pair pair;
    open_pair(&pair);
    pair.a.params.expected = *p2p_identity_peer(pair.a.identity);
    check_ok(secure_pair_start(&pair, &p2p_tls));
    check_err(P2P_ERR_WRONG_PEER, secure_run(&pair));
    check(pair.a.done == 0 && pair.b.done == 0);
    check(p2p_peer_id_equal(&pair.a.seen, p2p_identity_peer(pair.b.identity)));
    secure_pair_deinit(&pair);
}

static void count_line(void *ctx, const p2p_log_line *line) {
    int *lines = ctx;
    check(strstr(line->text, "refused this host's certificate") != NULL);
    (*lines)++;
}

static void a_client_learns_late_that_its_certificate_was_refused(void **state) {
    (void)state;
    secure_pair pair;
    int lines = 0;
    uint8_t alert[256];
    size_t len;
    const p2p_log log = {count_line, &lines, P2P_LOG_INFO};
    open_pair(&pair);
    pair.a.env.log = &log;
    pair.b.params.expected = *p2p_identity_peer(pair.b.identity);
    check_ok(secure_pair_start(&pair, &p2p_tls));
    check_err(P2P_ERR_WRONG_PEER, secure_run(&pair));
    check(pair.a.done == 1 && pair.b.done == 0 && pair.a.err == P2P_OK);
    check(p2p_peer_id_equal(&pair.b.seen, p2p_identity_peer(pair.a.identity)));
    check_ok(p2p_layer_draw(pair.b.layer, alert, sizeof alert, &len));
    check(len > 0);
    check_err(P2P_ERR_RESET, p2p_layer_feed(pair.a.layer, alert, len));
    check(lines == 1);
    secure_pair_deinit(&pair);
}

static void the_error_of_done_ends_the_handshake(void **state) {
    (void)state;
    secure_pair pair;
    open_pair(&pair);
    pair.b.done_result = P2P_ERR_GATED;
    check_ok(secure_pair_start(&pair, &p2p_tls));
    check_err(P2P_ERR_GATED, secure_run(&pair));
    secure_pair_deinit(&pair);
}

static void an_expired_certificate_is_refused(void **state) {
    (void)state;
    secure_pair pair;
    open_pair(&pair);
    pair.a.env.wall_ms = UINT64_C(80000000000000); /* the year 4505 */
    check_ok(secure_pair_start(&pair, &p2p_tls));
    check_err(P2P_ERR_BAD_CERTIFICATE, secure_run(&pair));
    check(pair.a.err == P2P_ERR_BAD_CERTIFICATE);
    secure_pair_deinit(&pair);
}

/* --- a peer made of plain OpenSSL, which can do what our own layer does not --- */

typedef struct raw_peer {
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
    uint8_t heard[65536];
    size_t heard_len;
} raw_peer;

static int accept_all(X509_STORE_CTX *store, void *unused) {
    (void)store;
    (void)unused;
    return 1;
}

static const char *raw_suite; /* the only one of the raw peer; NULL: OpenSSL's list */

static void raw_init(raw_peer *raw, bool client, int versions, const forged_cert *cert) {
    *raw = (raw_peer){.ctx = SSL_CTX_new(TLS_method())};
    SSL_CTX_set_min_proto_version(raw->ctx, versions);
    SSL_CTX_set_max_proto_version(raw->ctx, versions);
    if (raw_suite != NULL)
        check(SSL_CTX_set_ciphersuites(raw->ctx, raw_suite) == 1);
    SSL_CTX_set_verify(raw->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(raw->ctx, accept_all, NULL);
    if (cert != NULL) {
        uint8_t der[4096];
        EVP_PKEY *key;
        size_t len = forge_cert(cert, der, sizeof der, &key);
        check(SSL_CTX_use_certificate_ASN1(raw->ctx, (int)len, der) == 1);
        check(SSL_CTX_use_PrivateKey(raw->ctx, key) == 1);
        EVP_PKEY_free(key);
    }
    raw->ssl = SSL_new(raw->ctx);
    raw->in = BIO_new(BIO_s_mem());
    raw->out = BIO_new(BIO_s_mem());
    SSL_set_bio(raw->ssl, raw->in, raw->out);
    if (client)
        SSL_set_connect_state(raw->ssl);
    else
        SSL_set_accept_state(raw->ssl);
}

static void raw_deinit(raw_peer *raw) {
    SSL_free(raw->ssl);
    SSL_CTX_free(raw->ctx);
}

/* Until both are quiet; the layer's error. */
static p2p_err raw_run(raw_peer *raw, secure_side *side) {
    static uint8_t block[70000];
    bool moved = true;
    while (moved && side->err == P2P_OK) {
        size_t len;
        moved = false;
        check_ok(p2p_layer_draw(side->layer, block, sizeof block, &len));
        if (len > 0)
            BIO_write(raw->in, block, (int)len);
        (void)SSL_do_handshake(raw->ssl);
        size_t got;
        while (SSL_is_init_finished(raw->ssl) && SSL_read_ex(raw->ssl, raw->heard + raw->heard_len,
                                                     sizeof raw->heard - raw->heard_len, &got) == 1)
            raw->heard_len += got;
        int n = BIO_read(raw->out, block, sizeof block);
        if (n > 0)
            side->err = p2p_layer_feed(side->layer, block, (size_t)n);
        moved = len > 0 || n > 0;
    }
    return side->err;
}

/* Our layer in one role against a plain peer in the other. */
static p2p_err against(
    bool raw_client, int versions, const forged_cert *cert, secure_pair *pair, raw_peer *raw) {
    secure_side *side = raw_client ? &pair->b : &pair->a;
    open_pair(pair);
    pair->a.env.wall_ms = pair->b.env.wall_ms = UINT64_C(1686000000000); /* forged for 2023 */
    raw_init(raw, raw_client, versions, cert);
    check_ok(p2p_tls.start(&side->layer, &side->params));
    return raw_run(raw, side);
}

static p2p_err verdict(bool raw_client, int versions, const forged_cert *cert) {
    secure_pair pair;
    raw_peer raw;
    p2p_err err = against(raw_client, versions, cert, &pair, &raw);
    check((err == P2P_OK) == ((raw_client ? &pair.b : &pair.a)->done == 1));
    secure_pair_deinit(&pair);
    raw_deinit(&raw);
    return err;
}

static void a_peer_without_alpn_is_accepted(void **state) {
    (void)state;
    const forged_cert plain = {0};
    check_ok(verdict(true, TLS1_3_VERSION, &plain));
    check_ok(verdict(false, TLS1_3_VERSION, &plain));
}

static void a_peer_with_another_key_is_accepted(void **state) {
    (void)state;
    const forged_cert keys[] = {
        {.key_type = "ED25519"}, {.curve = "P-384", .digest = "SHA384"}, {.key_type = "RSA"}};
    for (size_t i = 0; i < P2P_COUNT(keys); i++) {
        check_ok(verdict(true, TLS1_3_VERSION, &keys[i]));
        check_ok(verdict(false, TLS1_3_VERSION, &keys[i]));
    }
}

static void a_bad_certificate_is_refused_in_both_roles(void **state) {
    (void)state;
    const forged_cert bad = {.no_extension = true};
    check_err(P2P_ERR_BAD_CERTIFICATE, verdict(true, TLS1_3_VERSION, &bad));
    check_err(P2P_ERR_BAD_CERTIFICATE, verdict(false, TLS1_3_VERSION, &bad));
    check_err(P2P_ERR_BAD_CERTIFICATE, verdict(true, TLS1_3_VERSION, NULL));
}

/* spec: tls #handshake-protocol: endpoints MUST NOT negotiate lower TLS versions than 1.3. */
static void older_versions_are_refused(void **state) {
    (void)state;
    const forged_cert plain = {0};
    check_err(P2P_ERR_NO_SECURITY, verdict(true, TLS1_2_VERSION, &plain));
    check_err(P2P_ERR_NO_SECURITY, verdict(false, TLS1_2_VERSION, &plain));
}

/* spec: tls #peer-authentication: abort if more than one certificate is received. */
static void a_chain_of_two_is_refused(void **state) {
    (void)state;
    for (int client = 0; client < 2; client++) {
        secure_pair pair;
        raw_peer raw;
        uint8_t der[4096];
        const forged_cert plain = {0};
        secure_side *side = client ? &pair.b : &pair.a;
        open_pair(&pair);
        side->env.wall_ms = UINT64_C(1686000000000);
        raw_init(&raw, client, TLS1_3_VERSION, &plain);
        const uint8_t *at = der;
        size_t len = forge_cert(&plain, der, sizeof der, NULL);
        X509 *second = d2i_X509(NULL, &at, (long)len);
        check(SSL_add0_chain_cert(raw.ssl, second) == 1);
        check_ok(p2p_tls.start(&side->layer, &side->params));
        check_err(P2P_ERR_BAD_CERTIFICATE, raw_run(&raw, side));
        secure_pair_deinit(&pair);
        raw_deinit(&raw);
    }
}

/* spec: tls #alpn: the server MUST abort the handshake if it supports none of the protocols
 * offered. */
static void alpn_without_anything_in_common_is_refused(void **state) {
    (void)state;
    secure_pair pair;
    raw_peer raw;
    const forged_cert plain = {0};
    open_pair(&pair);
    raw_init(&raw, true, TLS1_3_VERSION, &plain);
    check(SSL_set_alpn_protos(raw.ssl, (const uint8_t *)"\x02h2", 3) == 0);
    check_ok(p2p_tls.start(&pair.b.layer, &pair.b.params));
    check_err(P2P_ERR_NO_MUXER, raw_run(&raw, &pair.b));
    secure_pair_deinit(&pair);
    raw_deinit(&raw);
}

/* spec: connections/inlined-muxer-negotiation #multiplexer-negotiation-over-tls: "libp2p" MUST
 * always be the last item in the list. */
/* spec: tls #future-extensibility: clients MUST NOT send any value in the Server Name Indication.
 */
static void a_client_names_no_server_and_offers_libp2p_last(void **state) {
    (void)state;
    secure_pair pair;
    open_pair(&pair);
    check_ok(secure_pair_start(&pair, &p2p_tls));
    check(secure_move(&pair, &pair.a, &pair.b) > 0);
    const uint8_t *tape = pair.a.tape;
    size_t at = 5 + 4 + 2 + 32; /* heads, version, random */
    at += 1 + tape[at];         /* session id */
    at += 2 + (size_t)p2p_load16(tape + at);
    at += 1 + tape[at]; /* compression */
    size_t end = at + 2 + p2p_load16(tape + at);
    bool alpn = false;
    for (at += 2; at < end; at += 4 + (size_t)p2p_load16(tape + at + 2)) {
        uint16_t type = p2p_load16(tape + at);
        p2p_bytes value = p2p_bytes_of(tape + at + 4, p2p_load16(tape + at + 2));
        check(type != 0); /* server_name */
        if (type == 16) {
            alpn = true;
            check_same(value, P2P_LITERAL("\0\x21\x0c/yamux/1.0.0\x0c/mplex/6.7.0\x06libp2p"));
        }
    }
    check(alpn && at == end);
    secure_pair_deinit(&pair);
}

static void update_keys(bool client) {
    secure_pair pair;
    raw_peer raw;
    size_t written;
    const forged_cert plain = {0};
    static uint8_t words[40000];
    check_ok(against(client, TLS1_3_VERSION, &plain, &pair, &raw));
    secure_side *side = client ? &pair.b : &pair.a;
    fill(words, sizeof words, 7);
    for (int i = 0; i < 3; i++) {
        size_t before = raw.heard_len;
        side->heard_len = 0;
        check(SSL_key_update(raw.ssl, SSL_KEY_UPDATE_REQUESTED) == 1);
        check(SSL_write_ex(raw.ssl, "more", 4, &written) == 1);
        secure_side_say(side, words, 20000);
        check_ok(raw_run(&raw, side));
        check_same(p2p_bytes_of(side->heard, side->heard_len), P2P_LITERAL("more"));
        check(raw.heard_len - before == 20000 && memcmp(raw.heard + before, words, 20000) == 0);
    }
    check(client || SSL_CTX_sess_accept_good(raw.ctx) == 1); /* its tickets were read past */
    secure_pair_deinit(&pair);
    raw_deinit(&raw);
}

static void keys_may_be_updated_with_every_cipher_suite(void **state) {
    (void)state;
    static const char *const SUITES[] = {
        "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"};
    for (size_t i = 0; i < P2P_COUNT(SUITES); i++) {
        raw_suite = SUITES[i];
        update_keys(true);
        update_keys(false);
    }
    raw_suite = NULL;
}

static void a_key_update_may_come_in_single_bytes_of_any_draw(void **state) {
    (void)state;
    secure_pair pair;
    raw_peer raw;
    uint8_t block[64];
    size_t len;
    const forged_cert plain = {0};
    check_ok(against(true, TLS1_3_VERSION, &plain, &pair, &raw));
    check(SSL_key_update(raw.ssl, SSL_KEY_UPDATE_REQUESTED) == 1);
    (void)SSL_do_handshake(raw.ssl);
    for (uint8_t byte; BIO_read(raw.out, &byte, 1) == 1;)
        check_ok(p2p_layer_feed(pair.b.layer, &byte, 1));
    for (size_t cap = 0; cap < 27; cap++) {
        check_ok(p2p_layer_draw(pair.b.layer, block, cap, &len));
        check(len == 0);
    }
    check_ok(p2p_layer_draw(pair.b.layer, block, 27, &len));
    check(len == 27);
    check_ok(p2p_layer_draw(pair.b.layer, block, sizeof block, &len));
    check(len == 0);
    secure_pair_deinit(&pair);
    raw_deinit(&raw);
}

static void close_notify_is_the_end_and_nothing_counts_after_it(void **state) {
    (void)state;
    secure_pair pair;
    raw_peer raw;
    const forged_cert plain = {0};
    check_ok(against(true, TLS1_3_VERSION, &plain, &pair, &raw));
    check(SSL_shutdown(raw.ssl) == 0);
    check_ok(raw_run(&raw, &pair.b));
    check(pair.b.eof == 1);
    uint8_t more[] = {23, 3, 3, 0, 1, 0};
    check_ok(p2p_layer_feed(pair.b.layer, more, sizeof more));
    check_ok(p2p_layer_eof(pair.b.layer));
    check(pair.b.eof == 1);
    secure_pair_deinit(&pair);
    raw_deinit(&raw);
}

/* --- a signer that answers later --- */

typedef struct late {
    p2p_identity *real;
    p2p_sign_job *job;
    uint8_t message[512];
    size_t message_len;
} late;

static void remember(void *ctx, p2p_bytes message, p2p_sign_job *job) {
    late *l = ctx;
    memcpy(l->message, message.ptr, message.len);
    l->message_len = message.len;
    l->job = job;
}

static void make_late(secure_side *side, late *l) {
    *l = (late){.real = side->identity};
    check_ok(p2p_identity_external(
        &side->identity, p2p_identity_public_key(l->real), remember, l, side->env.mem));
    side->env.identity = side->identity;
}

static void answer(late *l, p2p_err err) {
    p2p_signature signature;
    p2p_sign_job *pending;
    check_ok(p2p_identity_sign(
        l->real, &signature, &pending, p2p_bytes_of(l->message, l->message_len), NULL, NULL));
    p2p_sign_done(l->job, err, p2p_bytes_of(signature.bytes, signature.len));
}

static void a_late_signature_pauses_the_handshake(void **state) {
    (void)state;
    for (int client = 0; client < 2; client++) {
        secure_pair pair;
        late l;
        open_pair(&pair);
        secure_side *side = client ? &pair.a : &pair.b;
        make_late(side, &l);
        check_ok(secure_pair_start(&pair, &p2p_tls));
        check_ok(secure_run(&pair));
        check(pair.a.done == 0 && pair.b.done == 0);
        answer(&l, P2P_OK);
        check(side->woken == 1);
        check_ok(secure_run(&pair));
        check_both_know_each_other(&pair);
        secure_pair_deinit(&pair);
        p2p_identity_free(l.real);
    }
}

static void a_refused_signature_fails_the_handshake(void **state) {
    (void)state;
    secure_pair pair;
    late l;
    open_pair(&pair);
    make_late(&pair.b, &l);
    check_ok(secure_pair_start(&pair, &p2p_tls));
    check_ok(secure_run(&pair));
    answer(&l, P2P_ERR_PERMISSION);
    check(pair.b.failed == 1 && pair.b.err == P2P_ERR_PERMISSION);
    secure_pair_deinit(&pair);
    p2p_identity_free(l.real);
}

static void a_layer_may_be_freed_while_the_certificate_is_signed(void **state) {
    (void)state;
    secure_pair pair;
    late l;
    open_pair(&pair);
    make_late(&pair.b, &l);
    check_ok(secure_pair_start(&pair, &p2p_tls));
    check_ok(secure_run(&pair));
    pair.b.layer->ops->free(pair.b.layer);
    pair.b.layer = NULL;
    answer(&l, P2P_OK);
    check(pair.b.woken == 0 && pair.b.failed == 0);
    secure_pair_deinit(&pair);
    p2p_identity_free(l.real);
}

/* --- memory --- */

static p2p_err scenario(const p2p_mem *mem, void *ctx) {
    (void)ctx;
    static const uint8_t words[3000] = {1};
    secure_pair pair;
    p2p_err err = secure_pair_init(&pair, mem, 4);
    pair.piece = 700;
    if (err == P2P_OK)
        err = secure_pair_start(&pair, &p2p_tls);
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

static void an_idle_connection_holds_no_buffer(void **state) {
    (void)state;
    faulty_mem faulty;
    secure_pair pair;
    faulty_mem_init(&faulty);
    check_ok(secure_pair_init(&pair, &faulty.mem, 4));
    check_ok(secure_pair_start(&pair, &p2p_tls));
    check_ok(secure_run(&pair));
    size_t with_two = faulty.live_bytes;
    pair.a.layer->ops->free(pair.a.layer);
    pair.a.layer = NULL;
    check(with_two - faulty.live_bytes < 512);
    secure_pair_deinit(&pair);
    check(faulty.live_bytes == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_server_takes_the_clients_first_muxer_that_it_has),
        cmocka_unit_test(any_fragmentation_carries_the_same_bytes),
        cmocka_unit_test(every_flipped_byte_of_the_handshake_is_refused),
        cmocka_unit_test(an_end_before_the_handshake_is_over_is_a_reset),
        cmocka_unit_test(an_end_inside_a_record_is_a_reset),
        cmocka_unit_test(a_flipped_byte_of_the_data_is_refused),
        cmocka_unit_test(a_record_that_is_too_long_is_refused),
        cmocka_unit_test(another_peer_than_expected_never_learns_who_asked),
        cmocka_unit_test(a_client_learns_late_that_its_certificate_was_refused),
        cmocka_unit_test(the_error_of_done_ends_the_handshake),
        cmocka_unit_test(an_expired_certificate_is_refused),
        cmocka_unit_test(a_peer_without_alpn_is_accepted),
        cmocka_unit_test(a_peer_with_another_key_is_accepted),
        cmocka_unit_test(a_bad_certificate_is_refused_in_both_roles),
        cmocka_unit_test(older_versions_are_refused),
        cmocka_unit_test(a_chain_of_two_is_refused),
        cmocka_unit_test(alpn_without_anything_in_common_is_refused),
        cmocka_unit_test(a_client_names_no_server_and_offers_libp2p_last),
        cmocka_unit_test(keys_may_be_updated_with_every_cipher_suite),
        cmocka_unit_test(a_key_update_may_come_in_single_bytes_of_any_draw),
        cmocka_unit_test(close_notify_is_the_end_and_nothing_counts_after_it),
        cmocka_unit_test(a_late_signature_pauses_the_handshake),
        cmocka_unit_test(a_refused_signature_fails_the_handshake),
        cmocka_unit_test(a_layer_may_be_freed_while_the_certificate_is_signed),
        cmocka_unit_test(every_failed_allocation_is_an_error_without_a_leak),
        cmocka_unit_test(an_idle_connection_holds_no_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
