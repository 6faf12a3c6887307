/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include <openssl/ssl.h>

#include "lossy_link.h"
#include "webrtc/dtls.h"

static p2p_certificate certificates[2]; /* of the server, of the client */
static const p2p_mem plain_mem;

static int make_certificates(void **state) {
    (void)state;
    p2p_certificate_subject subject = {
        P2P_LITERAL("test"), P2P_CERTIFICATE_2020, P2P_CERTIFICATE_2120};
    check_ok(p2p_certificate_derive(
        &certificates[0], P2P_LITERAL("server"), (p2p_bytes){0}, P2P_LITERAL("dtls"), &subject));
    check_ok(p2p_certificate_derive(
        &certificates[1], P2P_LITERAL("client"), (p2p_bytes){0}, P2P_LITERAL("dtls"), &subject));
    return 0;
}

/* Side 0 is the server. */
typedef struct pair {
    lossy_link link;
    p2p_dtls_context *contexts[2];
    p2p_dtls *sides[2];
    p2p_time now;
    size_t received[2];
    uint8_t last[2][LINK_MTU];
    size_t last_len[2];
} pair;

typedef struct pair_options {
    uint64_t seed;
    unsigned loss;
    p2p_time delay, jitter;
    uint16_t mtu;
    const uint8_t (*expected)[32]; /* of the client */
    size_t expected_count;
} pair_options;

static p2p_err pair_open(pair *p, pair_options options, const p2p_mem *mem) {
    memset(p, 0, sizeof *p);
    link_init(&p->link, options.seed, options.loss, options.delay, options.jitter);
    for (int i = 0; i < 2; i++) {
        p2p_err err = p2p_dtls_context_new(&p->contexts[i], &certificates[i], mem);
        if (err != P2P_OK)
            return err;
        p2p_dtls_config config = {.context = p->contexts[i], .client = i == 1, .mtu = options.mtu};
        if (i == 1) {
            config.expected = options.expected;
            config.expected_count = options.expected_count;
        }
        err = p2p_dtls_new(&p->sides[i], &config, mem, p->now);
        if (err != P2P_OK)
            return err;
    }
    return P2P_OK;
}

static void pair_close(pair *p) {
    for (int i = 0; i < 2; i++) {
        p2p_dtls_free(p->sides[i]);
        p2p_dtls_context_free(p->contexts[i]);
    }
}

static void deliver(pair *p, int side, uint8_t *data, size_t len) {
    size_t at = 0;
    p2p_bytes plain;
    while (p2p_dtls_input(p->sides[side], data, len, &at, &plain, p->now) == P2P_OK) {
        p->received[side]++;
        p2p_copy(p->last[side], plain.ptr, plain.len);
        p->last_len[side] = plain.len;
    }
    check(at == len);
}

static void flush(pair *p) {
    uint8_t datagram[LINK_MTU];
    size_t len;
    for (int side = 0; side < 2; side++) {
        while (p2p_dtls_output(p->sides[side], datagram, sizeof datagram, &len, p->now) == P2P_OK)
            link_send(&p->link, 1 - side, datagram, len, p->now);
    }
}

/* Moves time to the next thing that happens; false when nothing will. */
static bool step(pair *p) {
    flush(p);
    link_packet *packet = link_first(&p->link);
    p2p_time timer = earlier(p2p_dtls_deadline(p->sides[0]), p2p_dtls_deadline(p->sides[1]));
    if (packet == NULL && timer == P2P_NEVER)
        return false;
    if (packet != NULL && packet->at <= timer) {
        p->now = packet->at;
        deliver(p, packet->to, packet->data, packet->len);
        packet->to = -1;
        return true;
    }
    p->now = timer;
    for (int side = 0; side < 2; side++)
        p2p_dtls_tick(p->sides[side], p->now);
    return true;
}

static bool both(const pair *p, p2p_dtls_state state) {
    return p2p_dtls_get_state(p->sides[0]) == state && p2p_dtls_get_state(p->sides[1]) == state;
}

static void say(pair *p, int from, p2p_bytes text) {
    uint8_t datagram[LINK_MTU];
    size_t len;
    check_ok(p2p_dtls_seal(p->sides[from], datagram, sizeof datagram, &len, text));
    link_send(&p->link, 1 - from, datagram, len, p->now);
}

static void two_sides_talk_and_part(void **state) {
    (void)state;
    static pair p;
    faulty_mem mem;
    faulty_mem_init(&mem);
    check_ok(pair_open(&p, (pair_options){.delay = P2P_MILLISECOND}, &mem.mem));
    while (!both(&p, P2P_DTLS_OPEN))
        check(step(&p));
    check(p.now <= 4 * P2P_MILLISECOND); /* two round trips: no cookie exchange */
    for (int i = 0; i < 2; i++) {
        check_same(p2p_bytes_of(p2p_dtls_peer_sha256(p.sides[i]), 32),
            p2p_bytes_of(certificates[1 - i].sha256, 32));
        check_same(p2p_bytes_of(p2p_dtls_local_sha256(p.sides[i]), 32),
            p2p_bytes_of(certificates[i].sha256, 32));
        check(p2p_dtls_deadline(p.sides[i]) == P2P_NEVER);
    }
    say(&p, 0, P2P_LITERAL("from the server"));
    while (step(&p))
        ;
    check_same(p2p_bytes_of(p.last[1], p.last_len[1]), P2P_LITERAL("from the server"));
    say(&p, 1, P2P_LITERAL("from the client"));
    while (step(&p))
        ;
    check_same(p2p_bytes_of(p.last[0], p.last_len[0]), P2P_LITERAL("from the client"));
    say(&p, 1, (p2p_bytes){0});
    while (step(&p))
        ;
    check(p.received[0] == 2 && p.last_len[0] == 0);
    p2p_dtls_close(p.sides[1]);
    check_err(P2P_ERR_CLOSED, p2p_dtls_end(p.sides[1]));
    while (step(&p))
        ;
    check_err(P2P_ERR_EOF, p2p_dtls_end(p.sides[0]));
    uint8_t datagram[LINK_MTU];
    size_t len;
    check_err(P2P_ERR_STATE,
        p2p_dtls_seal(p.sides[0], datagram, sizeof datagram, &len, P2P_LITERAL("too late")));
    pair_close(&p);
    check(mem.live_blocks == 0);
}

static void a_message_is_sealed_where_it_lies(void **state) {
    (void)state;
    static pair p;
    check_ok(pair_open(&p, (pair_options){0}, &plain_mem));
    while (!both(&p, P2P_DTLS_OPEN))
        check(step(&p));
    uint8_t datagram[200];
    size_t len;
    size_t head = p2p_dtls_head(p.sides[0]);
    memset(datagram + head, 'x', 100);
    check_err(P2P_ERR_TOO_BIG, p2p_dtls_seal(p.sides[0], datagram, head + 100 + P2P_DTLS_TAG - 1,
                                   &len, p2p_bytes_of(datagram + head, 100)));
    check_ok(p2p_dtls_seal(
        p.sides[0], datagram, head + 100 + P2P_DTLS_TAG, &len, p2p_bytes_of(datagram + head, 100)));
    check(len == head + 100 + P2P_DTLS_TAG);
    deliver(&p, 1, datagram, len);
    check(p.received[1] == 1 && p.last_len[1] == 100 && p.last[1][99] == 'x');
    pair_close(&p);
}

static void loss_and_reordering_only_delay_the_handshake(void **state) {
    (void)state;
    static pair p;
    static const uint16_t mtus[] = {256, 400, 1200};
    for (uint64_t seed = 0; seed < 60; seed++) {
        pair_options options = {.seed = seed,
            .loss = (unsigned)(seed % 3) * 10,
            .delay = 20 * P2P_MILLISECOND,
            .jitter = 60 * P2P_MILLISECOND,
            .mtu = mtus[seed % P2P_COUNT(mtus)]};
        check_ok(pair_open(&p, options, &plain_mem));
        while (!both(&p, P2P_DTLS_OPEN)) {
            if (!step(&p) || p.now > 40 * P2P_SECOND)
                fail_msg("seed %u stuck: %s, %s", (unsigned)seed,
                    p2p_err_name(p2p_dtls_end(p.sides[0])), p2p_err_name(p2p_dtls_end(p.sides[1])));
        }
        p.link.loss_percent = 0;
        say(&p, 0, P2P_LITERAL("down"));
        say(&p, 1, P2P_LITERAL("up"));
        while (step(&p))
            ;
        check(p.received[0] == 1 && p.received[1] == 1);
        pair_close(&p);
    }
}

static void a_lost_last_flight_is_sent_again(void **state) {
    (void)state;
    static pair p;
    check_ok(pair_open(&p, (pair_options){0}, &plain_mem));
    while (p2p_dtls_get_state(p.sides[0]) != P2P_DTLS_OPEN)
        check(step(&p));
    p.link.loss_percent = 100;
    flush(&p); /* the server's Finished is gone */
    p.link.loss_percent = 0;
    check(p2p_dtls_get_state(p.sides[1]) == P2P_DTLS_CONNECTING);
    while (!both(&p, P2P_DTLS_OPEN))
        check(step(&p));
    pair_close(&p);
}

static void nobody_there_is_a_timeout(void **state) {
    (void)state;
    static pair p;
    check_ok(pair_open(&p, (pair_options){.loss = 100}, &plain_mem));
    while (step(&p))
        ;
    check_err(P2P_ERR_TIMEOUT, p2p_dtls_end(p.sides[1]));
    check_err(P2P_ERR_TIMEOUT, p2p_dtls_end(p.sides[0]));
    check(p.now == 30 * P2P_SECOND);
    check(p.link.sent == 10); /* at 0, 0.4, 1.2, 2.8, 6, 10, … 26 and 30 is the end */
    pair_close(&p);
}

static void the_expected_certificate_is_enforced(void **state) {
    (void)state;
    static pair p;
    uint8_t expected[2][32] = {{1, 2, 3}};
    memcpy(expected[1], certificates[0].sha256, 32);
    pair_options options = {.expected = (const uint8_t(*)[32])expected, .expected_count = 2};
    check_ok(pair_open(&p, options, &plain_mem));
    while (!both(&p, P2P_DTLS_OPEN))
        check(step(&p));
    pair_close(&p);

    options.expected_count = 1;
    check_ok(pair_open(&p, options, &plain_mem));
    while (step(&p) && !both(&p, P2P_DTLS_ENDED))
        ;
    check_err(P2P_ERR_BAD_CERTIFICATE, p2p_dtls_end(p.sides[1]));
    check_err(P2P_ERR_RESET, p2p_dtls_end(p.sides[0])); /* by the alert */
    pair_close(&p);
}

static size_t read_hex(const char *name, uint8_t *dst, size_t cap) {
    size_t len;
    uint8_t *text = read_vector_file(name, &len);
    size_t bytes = from_hex((const char *)text, dst, cap);
    free(text);
    return bytes;
}

static void chromiums_hello_is_answered_in_any_order(void **state) {
    (void)state;
    uint8_t fragments[2][1500];
    size_t lens[2];
    lens[0] = read_hex("dtls/chromium156-dtls-clienthello-fragment1.hex", fragments[0], 1500);
    lens[1] = read_hex("dtls/chromium156-dtls-clienthello-fragment2.hex", fragments[1], 1500);
    static const char *const orders[] = {"01", "10", "0011", "1100", "1010", "0101", "00001"};
    p2p_dtls_context *context;
    check_ok(p2p_dtls_context_new(&context, &certificates[0], &plain_mem));
    for (size_t i = 0; i < P2P_COUNT(orders); i++) {
        p2p_dtls *server;
        p2p_dtls_config config = {.context = context};
        uint8_t out[1500];
        size_t len = 0;
        bool seen[2] = {false, false};
        check_ok(p2p_dtls_new(&server, &config, &plain_mem, 0));
        for (const char *o = orders[i]; *o != '\0'; o++) {
            uint8_t copy[1500];
            size_t at = 0;
            p2p_bytes plain;
            int n = *o - '0';
            check_err(P2P_ERR_AGAIN, p2p_dtls_output(server, out, sizeof out, &len, 0));
            memcpy(copy, fragments[n], lens[n]);
            check_err(P2P_ERR_AGAIN, p2p_dtls_input(server, copy, lens[n], &at, &plain, 0));
            seen[n] = true;
            if (seen[0] && seen[1])
                break;
        }
        check_ok(p2p_dtls_output(server, out, sizeof out, &len, 0));
        check(out[0] == P2P_DTLS_HANDSHAKE && out[13] == 2);     /* ServerHello */
        check(out[25] == 0xfe && out[26] == 0xfd);               /* DTLS 1.2 */
        size_t suite = 13 + 12 + 2 + 32 + 1 + out[13 + 12 + 34]; /* behind the session id */
        check(out[suite] == 0xc0 && out[suite + 1] == 0x2b);     /* ECDHE-ECDSA-AES128-GCM */
        check(len <= 1200);
        p2p_dtls_free(server);
    }
    p2p_dtls_context_free(context);
}

static void garbage_before_the_hello_changes_nothing(void **state) {
    (void)state;
    static pair p;
    seeded_random random;
    seeded_random_init(&random, 3);
    check_ok(pair_open(&p, (pair_options){0}, &plain_mem));
    for (int i = 0; i < 2000; i++) {
        uint8_t raw[100];
        random.random.fill(&random, raw, sizeof raw);
        size_t len = seeded_random_next(&random) % (sizeof raw + 1);
        if (i % 2 == 0 && len > 20) {
            raw[0] = (uint8_t)(P2P_DTLS_ALERT + 1 + i % 3); /* a head that looks right */
            raw[1] = 0xfe;
            raw[2] = 0xfd;
            raw[3] = 0;
            raw[4] = (uint8_t)(i % 4 == 0);
            raw[11] = 0;
            raw[12] = (uint8_t)(len - 13);
        }
        deliver(&p, 0, raw, len);
    }
    while (!both(&p, P2P_DTLS_OPEN))
        check(step(&p));
    pair_close(&p);
}

static size_t fragment(uint8_t dst[64], uint16_t seq, uint32_t len, uint32_t at, uint32_t number) {
    memset(dst, 0, 64);
    dst[0] = P2P_DTLS_HANDSHAKE;
    dst[1] = 0xfe;
    dst[2] = 0xfd;
    p2p_store32(dst + 7, number);
    dst[12] = 12 + 8;
    p2p_store32(dst + 13, len);
    dst[13] = 1; /* ClientHello */
    p2p_store16(dst + 17, seq);
    p2p_store32(dst + 18, at);
    p2p_store16(dst + 17, seq);
    dst[19] = (uint8_t)(at >> 16);
    dst[24] = 8;
    return 13 + 12 + 8;
}

static void fragments_without_end_are_limited(void **state) {
    (void)state;
    static pair p;
    uint8_t raw[64];
    check_ok(pair_open(&p, (pair_options){0}, &plain_mem));
    /* Longer than any message, or of a far future: not even looked at. */
    for (uint32_t i = 0; i < 2000; i++) {
        deliver(&p, 0, raw, fragment(raw, 0, 8193, 0, i));
        deliver(&p, 0, raw, fragment(raw, 16, 100, 0, i));
        deliver(&p, 0, raw, fragment(raw, 0, 100, 93, i));
    }
    check(p2p_dtls_get_state(p.sides[0]) == P2P_DTLS_CONNECTING);
    uint32_t sent = 0;
    for (; p2p_dtls_get_state(p.sides[0]) == P2P_DTLS_CONNECTING; sent++) {
        check(sent < 1000);
        deliver(&p, 0, raw, fragment(raw, (uint16_t)(sent % 10), 8192, sent % 64 * 2, 2000 + sent));
    }
    check_err(P2P_ERR_LIMIT, p2p_dtls_end(p.sides[0]));
    pair_close(&p);
}

static void replayed_and_corrupted_records_are_passed_over(void **state) {
    (void)state;
    static pair p;
    uint8_t sealed[100][64];
    uint8_t copy[64];
    size_t lens[100];
    check_ok(pair_open(&p, (pair_options){0}, &plain_mem));
    while (!both(&p, P2P_DTLS_OPEN))
        check(step(&p));
    flush(&p);
    for (size_t i = 0; i < 100; i++)
        check_ok(p2p_dtls_seal(
            p.sides[1], sealed[i], sizeof sealed[i], &lens[i], p2p_bytes_of(&i, sizeof i)));
    for (size_t bit = 0; bit < lens[0] * 8; bit++) {
        memcpy(copy, sealed[0], lens[0]);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        deliver(&p, 0, copy, lens[0]);
    }
    check(p.received[0] == 0 && both(&p, P2P_DTLS_OPEN));
    /* 99 first, then everything down to where the window of 64 ends, each twice. */
    for (size_t i = 100; i-- > 0;) {
        for (int twice = 0; twice < 2; twice++) {
            memcpy(copy, sealed[i], lens[i]);
            deliver(&p, 0, copy, lens[i]);
        }
    }
    check(p.received[0] == 64);
    pair_close(&p);
}

/* Notes the explicit nonces in a datagram of the client; fails on one that was there before. */
static size_t note_nonces(uint64_t seen[32], size_t count, const uint8_t *datagram, size_t len) {
    for (size_t at = 0; at + 21 <= len; at += 13 + (size_t)p2p_load16(datagram + at + 11)) {
        if (p2p_load16(datagram + at + 3) == 0)
            continue;
        for (size_t i = 0; i < count; i++)
            check(seen[i] != p2p_load64(datagram + at + 13));
        check(count < 32);
        seen[count++] = p2p_load64(datagram + at + 13);
    }
    return count;
}

static void no_nonce_is_used_twice_even_by_a_failing_handshake(void **state) {
    (void)state;
    static pair p;
    uint64_t seen[32];
    uint8_t out[LINK_MTU];
    size_t nonces = 0;
    size_t len;
    check_ok(pair_open(&p, (pair_options){0}, &plain_mem));
    p2p_dtls *client = p.sides[1];
    for (int round = 0; round < 4 && nonces == 0; round++) {
        while (p2p_dtls_output(client, out, sizeof out, &len, p.now) == P2P_OK) {
            nonces = note_nonces(seen, nonces, out, len);
            if (nonces == 0)
                deliver(&p, 0, out, len);
        }
        while (p2p_dtls_output(p.sides[0], out, sizeof out, &len, p.now) == P2P_OK)
            deliver(&p, 1, out, len);
    }
    check(nonces == 1); /* Finished; it is lost, so it is sealed again */
    p.now = p2p_dtls_deadline(client);
    p2p_dtls_tick(client, p.now);
    while (p2p_dtls_output(client, out, sizeof out, &len, p.now) == P2P_OK)
        nonces = note_nonces(seen, nonces, out, len);
    check(nonces == 2);
    /* A message that nobody expects after ServerHelloDone, number 4: OpenSSL would seal an alert.
     */
    uint8_t bad[64];
    len = fragment(bad, 5, 8, 0, 1000);
    bad[13] = 99;
    deliver(&p, 1, bad, len);
    check_err(P2P_ERR_VIOLATION, p2p_dtls_end(client));
    while (p2p_dtls_output(client, out, sizeof out, &len, p.now) == P2P_OK)
        nonces = note_nonces(seen, nonces, out, len);
    pair_close(&p);
}

static void messages_share_a_datagram(void **state) {
    (void)state;
    static pair p;
    uint8_t datagram[400];
    size_t len = 0;
    check_ok(pair_open(&p, (pair_options){0}, &plain_mem));
    while (!both(&p, P2P_DTLS_OPEN))
        check(step(&p));
    for (int i = 0; i < 5; i++) {
        size_t one;
        check_ok(p2p_dtls_seal(
            p.sides[1], datagram + len, sizeof datagram - len, &one, P2P_LITERAL("part")));
        len += one;
    }
    datagram[len++] = 23; /* and a stump */
    deliver(&p, 0, datagram, len);
    check(p.received[0] == 5);
    pair_close(&p);
}

/* --- against OpenSSL's own DTLS, for the records --- */

static SSL *openssl_peer(SSL_CTX **ctx, bool client, const char *suite, bool certificate) {
    *ctx = SSL_CTX_new(DTLS_method());
    check(SSL_CTX_set_cipher_list(*ctx, suite) == 1);
    SSL_CTX_set_verify(*ctx, SSL_VERIFY_NONE, NULL);
    if (certificate) {
        const p2p_certificate *own = &certificates[1];
        check(SSL_CTX_use_certificate_ASN1(*ctx, (int)own->der_len, own->der) == 1);
        check(SSL_CTX_use_PrivateKey_ASN1(EVP_PKEY_EC, *ctx, own->key, (long)own->key_len) == 1);
    }
    SSL *ssl = SSL_new(*ctx);
    SSL_set_options(ssl, SSL_OP_NO_QUERY_MTU);
    SSL_set_mtu(ssl, 1200);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    BIO_set_mem_eof_return(SSL_get_rbio(ssl), -1);
    if (client)
        SSL_set_connect_state(ssl);
    else {
        SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
        SSL_set_accept_state(ssl);
    }
    return ssl;
}

static int accept_any(X509_STORE_CTX *store, void *ctx) {
    (void)store;
    (void)ctx;
    return 1;
}

/* Moves what both sides have to say; the number of messages our side received. */
static size_t exchange(p2p_dtls *dtls, SSL *ssl, uint8_t *last, size_t *last_len) {
    uint8_t data[8192];
    size_t received = 0;
    size_t len;
    bool moved = true;
    while (moved) {
        moved = false;
        if (!SSL_is_init_finished(ssl))
            SSL_do_handshake(ssl);
        int got = BIO_read(SSL_get_wbio(ssl), data, (int)sizeof data);
        if (got > 0) {
            size_t at = 0;
            p2p_bytes plain;
            while (p2p_dtls_input(dtls, data, (size_t)got, &at, &plain, 0) == P2P_OK) {
                received++;
                memcpy(last, plain.ptr, plain.len);
                *last_len = plain.len;
            }
            moved = true;
        }
        while (p2p_dtls_output(dtls, data, sizeof data, &len, 0) == P2P_OK) {
            BIO_write(SSL_get_rbio(ssl), data, (int)len);
            SSL_do_handshake(ssl);
            moved = true;
        }
    }
    return received;
}

static void every_suite_speaks_with_openssl(void **state) {
    (void)state;
    static const char *const suites[] = {"ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"};
    p2p_dtls_context *context;
    check_ok(p2p_dtls_context_new(&context, &certificates[0], &plain_mem));
    for (size_t i = 0; i < 2 * P2P_COUNT(suites); i++) {
        bool client = i % 2 == 1;
        SSL_CTX *ctx;
        SSL *ssl = openssl_peer(&ctx, !client, suites[i / 2], true);
        SSL_CTX_set_cert_verify_callback(ctx, accept_any, NULL);
        p2p_dtls *dtls;
        uint8_t data[2000];
        uint8_t last[2000];
        size_t len;
        p2p_dtls_config config = {.context = context, .client = client};
        check_ok(p2p_dtls_new(&dtls, &config, &plain_mem, 0));
        exchange(dtls, ssl, last, &len);
        check(SSL_is_init_finished(ssl) && p2p_dtls_get_state(dtls) == P2P_DTLS_OPEN);
        check_same(
            p2p_bytes_of(p2p_dtls_peer_sha256(dtls), 32), p2p_bytes_of(certificates[1].sha256, 32));
        for (int round = 0; round < 3; round++) {
            check(SSL_write(ssl, "hello from OpenSSL", 18) == 18);
            check(exchange(dtls, ssl, last, &len) == 1);
            check_same(p2p_bytes_of(last, len), P2P_LITERAL("hello from OpenSSL"));
            check_ok(p2p_dtls_seal(dtls, data, sizeof data, &len, P2P_LITERAL("hello back")));
            BIO_write(SSL_get_rbio(ssl), data, (int)len);
            check(SSL_read(ssl, last, sizeof last) == 10 && memcmp(last, "hello back", 10) == 0);
        }
        p2p_dtls_close(dtls);
        exchange(dtls, ssl, last, &len);
        check(SSL_read(ssl, last, sizeof last) <= 0);
        check(SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN);
        p2p_dtls_free(dtls);
        SSL_free(ssl);
        SSL_CTX_free(ctx);
    }
    p2p_dtls_context_free(context);
}

static void a_client_without_certificate_or_common_suite_is_refused(void **state) {
    (void)state;
    p2p_dtls_context *context;
    check_ok(p2p_dtls_context_new(&context, &certificates[0], &plain_mem));
    for (int i = 0; i < 2; i++) {
        SSL_CTX *ctx;
        SSL *ssl = openssl_peer(&ctx, true,
            i == 0 ? "ECDHE-ECDSA-AES128-GCM-SHA256" : "ECDHE-RSA-AES128-GCM-SHA256", false);
        p2p_dtls *dtls;
        uint8_t last[2000];
        size_t len;
        p2p_dtls_config config = {.context = context};
        check_ok(p2p_dtls_new(&dtls, &config, &plain_mem, 0));
        exchange(dtls, ssl, last, &len);
        check(p2p_dtls_get_state(dtls) == P2P_DTLS_ENDED);
        check_err(i == 0 ? P2P_ERR_BAD_CERTIFICATE : P2P_ERR_NO_SECURITY, p2p_dtls_end(dtls));
        p2p_dtls_free(dtls);
        SSL_free(ssl);
        SSL_CTX_free(ctx);
    }
    p2p_dtls_context_free(context);
}

static p2p_err whole_life(const p2p_mem *mem, void *ctx) {
    pair *p = ctx;
    p2p_err err = pair_open(p, (pair_options){0}, mem);
    while (err == P2P_OK && !both(p, P2P_DTLS_OPEN)) {
        step(p);
        err = p2p_dtls_end(p->sides[0]) != P2P_OK ? p2p_dtls_end(p->sides[0])
                                                  : p2p_dtls_end(p->sides[1]);
    }
    pair_close(p);
    return err;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    static pair p;
    sweep_allocations(whole_life, &p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_sides_talk_and_part),
        cmocka_unit_test(a_message_is_sealed_where_it_lies),
        cmocka_unit_test(loss_and_reordering_only_delay_the_handshake),
        cmocka_unit_test(a_lost_last_flight_is_sent_again),
        cmocka_unit_test(nobody_there_is_a_timeout),
        cmocka_unit_test(the_expected_certificate_is_enforced),
        cmocka_unit_test(chromiums_hello_is_answered_in_any_order),
        cmocka_unit_test(garbage_before_the_hello_changes_nothing),
        cmocka_unit_test(fragments_without_end_are_limited),
        cmocka_unit_test(replayed_and_corrupted_records_are_passed_over),
        cmocka_unit_test(no_nonce_is_used_twice_even_by_a_failing_handshake),
        cmocka_unit_test(messages_share_a_datagram),
        cmocka_unit_test(every_suite_speaks_with_openssl),
        cmocka_unit_test(a_client_without_certificate_or_common_suite_is_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, make_certificates, NULL);
}
