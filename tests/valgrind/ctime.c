/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Constant time, after the method of secp256k1's ctime_tests: secrets are marked as memory that was
 * never written, and memcheck reports every branch and every address that depends on them. Run it
 * under valgrind (run.py); without, it does nothing but work.
 *
 * What is judged is this library's own code. Reports from inside OpenSSL, GnuTLS and nettle are
 * suppressed (libraries.supp); from inside libsodium there are none. What becomes public on the way
 * through them is declared so where it leaves them: the linker puts a function of this file before
 * each such function (--wrap).
 */
#include <stdio.h>
#include <stdlib.h>

#include <ngtcp2/ngtcp2_crypto.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <valgrind/memcheck.h>

#include <p2p/identity.h>

#include "base/bytes.h"
#include "crypto/certificate.h"
#include "quic/address.h"
#include "quic/endpoint.h"
#include "secure/noise_handshake.h"
#include "secure/noise_transport.h"
#include "secure/tls_record.h"
#include "webrtc/stun.h"

static const p2p_mem MEM = {0};

static void secret(const void *bytes, size_t len) {
    (void)VALGRIND_MAKE_MEM_UNDEFINED(bytes, len);
}

static void open_to_all(const void *bytes, size_t len) {
    (void)VALGRIND_MAKE_MEM_DEFINED(bytes, len);
}

static void must(bool good, const char *what) {
    if (good)
        return;
    fprintf(stderr, "ctime: %s\n", what);
    exit(1);
}

static p2p_err answer(p2p_err err) {
    open_to_all(&err, sizeof err);
    return err;
}

/* --- what becomes public --- */

bool __real_p2p_same_secret(const void *a, const void *b, size_t len);
bool __wrap_p2p_same_secret(const void *a, const void *b, size_t len);
int __real_BN_is_zero(const BIGNUM *number);
int __wrap_BN_is_zero(const BIGNUM *number);
int __real_BN_cmp(const BIGNUM *a, const BIGNUM *b);
int __wrap_BN_cmp(const BIGNUM *a, const BIGNUM *b);
int __real_crypto_scalarmult(unsigned char *q, const unsigned char *n, const unsigned char *p);
int __wrap_crypto_scalarmult(unsigned char *q, const unsigned char *n, const unsigned char *p);
int __real_crypto_sign_seed_keypair(
    unsigned char *public_key, unsigned char *key, const unsigned char *seed);
int __wrap_crypto_sign_seed_keypair(
    unsigned char *public_key, unsigned char *key, const unsigned char *seed);
int __real_EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *ctx, int what, int len, void *out);
int __wrap_EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *ctx, int what, int len, void *out);
int __real_EVP_CipherUpdate(
    EVP_CIPHER_CTX *ctx, unsigned char *out, int *done, const unsigned char *in, int len);
int __wrap_EVP_CipherUpdate(
    EVP_CIPHER_CTX *ctx, unsigned char *out, int *done, const unsigned char *in, int len);
size_t __real_EC_POINT_point2oct(const EC_GROUP *group, const EC_POINT *point,
    point_conversion_form_t form, unsigned char *out, size_t len, BN_CTX *ctx);
size_t __wrap_EC_POINT_point2oct(const EC_GROUP *group, const EC_POINT *point,
    point_conversion_form_t form, unsigned char *out, size_t len, BN_CTX *ctx);
p2p_err __real_p2p_p256_sign(
    uint8_t r[32], uint8_t s[32], const uint8_t scalar[32], const uint8_t digest[32]);
p2p_err __wrap_p2p_p256_sign(
    uint8_t r[32], uint8_t s[32], const uint8_t scalar[32], const uint8_t digest[32]);

/* Whether two secrets are the same is public; where they differ is not. */
bool __wrap_p2p_same_secret(const void *a, const void *b, size_t len) {
    bool same = __real_p2p_same_secret(a, b, len);
    open_to_all(&same, sizeof same);
    return same;
}

/* Whether a number is a private key. */
int __wrap_BN_is_zero(const BIGNUM *number) {
    int is = __real_BN_is_zero(number);
    open_to_all(&is, sizeof is);
    return is;
}

int __wrap_BN_cmp(const BIGNUM *a, const BIGNUM *b) {
    int order = __real_BN_cmp(a, b);
    open_to_all(&order, sizeof order);
    return order;
}

/* Whether a product is all zero: then the peer is at fault, and is told so (RFC 7748 §6.1). */
int __wrap_crypto_scalarmult(unsigned char *q, const unsigned char *n, const unsigned char *p) {
    int rv = __real_crypto_scalarmult(q, n, p);
    open_to_all(&rv, sizeof rv);
    return rv;
}

/* Public keys, signatures, ciphertext with its tag. */
int __wrap_crypto_sign_seed_keypair(
    unsigned char *public_key, unsigned char *key, const unsigned char *seed) {
    int rv = __real_crypto_sign_seed_keypair(public_key, key, seed);
    open_to_all(public_key, crypto_sign_PUBLICKEYBYTES);
    return rv;
}

size_t __wrap_EC_POINT_point2oct(const EC_GROUP *group, const EC_POINT *point,
    point_conversion_form_t form, unsigned char *out, size_t len, BN_CTX *ctx) {
    size_t n = __real_EC_POINT_point2oct(group, point, form, out, len, ctx);
    open_to_all(&n, sizeof n);
    open_to_all(out, n);
    return n;
}

p2p_err __wrap_p2p_p256_sign(
    uint8_t r[32], uint8_t s[32], const uint8_t scalar[32], const uint8_t digest[32]) {
    p2p_err err = __real_p2p_p256_sign(r, s, scalar, digest);
    open_to_all(r, 32);
    open_to_all(s, 32);
    return err;
}

/* TLS looks for the content type at the end of what it has opened and verified (RFC 8446 §5.4). */
static bool text_is_public;

int __wrap_EVP_CipherUpdate(
    EVP_CIPHER_CTX *ctx, unsigned char *out, int *done, const unsigned char *in, int len) {
    int rv = __real_EVP_CipherUpdate(ctx, out, done, in, len);
    if (out != NULL && (text_is_public || EVP_CIPHER_CTX_is_encrypting(ctx)))
        open_to_all(out, (size_t)len);
    return rv;
}

int __wrap_EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *ctx, int what, int len, void *out) {
    int rv = __real_EVP_CIPHER_CTX_ctrl(ctx, what, len, out);
    if (what == EVP_CTRL_AEAD_GET_TAG)
        open_to_all(out, (size_t)len);
    return rv;
}

/* --- Noise --- */

static void fill(void *ctx, uint8_t *dst, size_t len) {
    uint8_t *next = ctx;
    for (size_t i = 0; i < len; i++)
        dst[i] = (*next)++ ^ 0x5a;
    secret(dst, len);
}

static p2p_err draw_secret(p2p_layer *layer, uint8_t *dst, size_t cap, size_t *len) {
    static bool drawn;
    (void)layer;
    *len = drawn ? 0 : 100;
    must(cap >= 100, "no room for a frame");
    memset(dst, 7, *len);
    secret(dst, *len);
    drawn = true;
    return P2P_OK;
}

/* Message `from` → `to`; the payload is what the peer may know. */
static void pass(p2p_noise_handshake *from, p2p_noise_handshake *to) {
    uint8_t message[256];
    size_t len;
    p2p_bytes payload;
    must(answer(p2p_noise_handshake_write(
             from, message, sizeof message, &len, P2P_LITERAL("payload"))) == P2P_OK,
        "no Noise message was written");
    must(answer(p2p_noise_handshake_read(to, message, len, &payload)) == P2P_OK,
        "a Noise message was not read");
    open_to_all(payload.ptr, payload.len);
    must(p2p_bytes_equal(payload, P2P_LITERAL("payload")), "another payload was read");
}

static void noise(void) {
    static const p2p_layer_ops ops = {.name = "secret", .draw = draw_secret};
    p2p_layer above = {&ops, NULL, NULL};
    uint8_t start = 1, wire[512];
    p2p_random random = {fill, &start};
    p2p_noise_keypair keys[4];
    p2p_noise_handshake a, b;
    p2p_noise_transport at_a = {0}, at_b = {0};
    size_t len;
    for (size_t i = 0; i < P2P_COUNT(keys); i++)
        must(answer(p2p_noise_keypair_generate(&keys[i], &random)) == P2P_OK, "no key pair");
    for (size_t i = 0; i < P2P_COUNT(keys); i++)
        open_to_all(keys[i].public_key, 32);
    p2p_noise_handshake_init(&a, true, (p2p_bytes){0}, &keys[0], &keys[1]);
    p2p_noise_handshake_init(&b, false, (p2p_bytes){0}, &keys[2], &keys[3]);
    pass(&a, &b);
    pass(&b, &a);
    pass(&a, &b);
    must(answer(p2p_noise_handshake_split(&a, &at_a.tx, &at_a.rx)) == P2P_OK &&
             answer(p2p_noise_handshake_split(&b, &at_b.tx, &at_b.rx)) == P2P_OK,
        "no split");
    p2p_noise_handshake_deinit(&a);
    p2p_noise_handshake_deinit(&b);
    must(answer(p2p_noise_transport_draw(&at_a, &above, wire, sizeof wire, &len)) == P2P_OK,
        "no frame");
    must(len == 2 + 100 + 16, "another length");
    p2p_noise_message message = {wire + 2, len - 2};
    must(answer(p2p_noise_transport_open(&at_b, &message)) == P2P_OK && message.len == 100,
        "the frame was not opened");
    p2p_noise_transport_deinit(&at_a);
    p2p_noise_transport_deinit(&at_b);
}

/* --- TLS records --- */

static void tls_records(void) {
    uint8_t secrets[2][P2P_TLS_SECRET_MAX], record[128], content;
    for (uint16_t suite = 0x1301; suite <= 0x1303; suite++) {
        p2p_tls_record a, b;
        p2p_frame text;
        memset(secrets, 9, sizeof secrets);
        secret(secrets, sizeof secrets);
        must(answer(p2p_tls_record_init(&a, suite, secrets[0], secrets[1])) == P2P_OK &&
                 answer(p2p_tls_record_init(&b, suite, secrets[1], secrets[0])) == P2P_OK,
            "no TLS keys");
        memset(record + P2P_TLS_HEAD_LEN, 3, 40);
        secret(record + P2P_TLS_HEAD_LEN, 40);
        must(answer(p2p_tls_record_seal(&a, record, 40, P2P_TLS_DATA)) == P2P_OK, "no TLS record");
        text_is_public = true;
        must(answer(p2p_tls_record_open(
                 &b, (p2p_frame){record, 40 + P2P_TLS_RECORD_OVERHEAD}, &content, &text)) == P2P_OK,
            "the TLS record was not opened");
        text_is_public = false;
        must(answer(p2p_tls_record_renew(&a, &a.tx)) == P2P_OK, "no next key");
        p2p_tls_record_deinit(&a);
        p2p_tls_record_deinit(&b);
    }
}

/* --- keys --- */

/* The secret part of a private key as `p2p key` keeps it: read, written again, wiped. */
static void key(p2p_key_kind kind, size_t at, size_t len) {
    uint8_t start = 40, bytes[P2P_PRIVATE_KEY_MAX], again[P2P_PRIVATE_KEY_MAX];
    size_t bytes_len, again_len;
    p2p_random random = {fill, &start};
    p2p_identity *identity;
    must(answer(p2p_identity_generate(&identity, kind, &MEM, &random)) == P2P_OK, "no identity");
    must(answer(p2p_identity_private_key(identity, bytes, &bytes_len)) == P2P_OK, "no key file");
    p2p_identity_free(identity);
    open_to_all(&bytes_len, sizeof bytes_len);
    open_to_all(bytes, bytes_len);
    secret(bytes + at, len);
    must(answer(p2p_identity_decode(&identity, p2p_bytes_of(bytes, bytes_len), &MEM)) == P2P_OK,
        "the key file was not read");
    must(answer(p2p_identity_private_key(identity, again, &again_len)) == P2P_OK, "not written");
    must(p2p_same_secret(bytes, again, bytes_len), "another key was written");
    p2p_wipe(again, sizeof again);
    p2p_identity_free(identity);
}

static void keys(void) {
    enum { HEAD = 4 }; /* 08 type 12 length */

    key(P2P_ED25519, HEAD, 32);
    key(P2P_SECP256K1, HEAD, 32);
}

/* --- certificates of WebTransport and WebRTC --- */

static void certificates(void) {
    uint8_t own[64];
    p2p_certificate out;
    p2p_certificate_subject subject = {
        P2P_LITERAL("ctime"), P2P_CERTIFICATE_2020, P2P_CERTIFICATE_2120};
    memset(own, 0x33, sizeof own);
    secret(own, sizeof own);
    must(answer(p2p_certificate_derive(&out, p2p_bytes_of(own, sizeof own), (p2p_bytes){0},
             P2P_LITERAL("info"), &subject)) == P2P_OK,
        "no certificate");
    p2p_certificate_wipe(&out);
}

/* --- tokens --- */

static void comparing(void) {
    uint8_t a[32] = {1}, b[32] = {1};
    secret(a, sizeof a);
    must(p2p_same_secret(a, b, sizeof a), "the same are not the same");
    b[31] = 1;
    must(!p2p_same_secret(a, b, sizeof a), "others are the same");
}

static void stun(void) {
    uint8_t packet[256], transaction[12] = {5}, password[24];
    size_t len;
    p2p_stun_msg msg;
    p2p_sockaddr from = {.family = 4, .port = 9};
    memset(password, 'x', sizeof password);
    secret(password, sizeof password);
    p2p_bytes with = p2p_bytes_of(password, sizeof password);
    p2p_writer w = p2p_stun_begin(packet, sizeof packet, P2P_STUN_SUCCESS, 1, transaction);
    p2p_stun_put_address(&w, &from);
    p2p_stun_put_integrity(&w, with);
    open_to_all(packet, w.len); /* it goes out */
    must(answer(p2p_stun_finish(&w, &len)) == P2P_OK, "no STUN answer");
    must(answer(p2p_stun_parse(&msg, p2p_bytes_of(packet, len))) == P2P_OK, "not parsed");
    must(answer(p2p_stun_check_integrity(&msg, with)) == P2P_OK, "its MAC is refused");
    packet[msg.integrity_at + 4] ^= 1;
    must(answer(p2p_stun_check_integrity(&msg, with)) == P2P_ERR_DECRYPT, "a MAC is accepted");
}

static void quic_tokens(void) {
    static p2p_quic_endpoint endpoint;
    static p2p_env env;
    uint8_t token[NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN2], reset[16], cid[P2P_QUIC_CID_LEN] = {1};
    p2p_input from = {.remote = {.family = 4, .port = 7}};
    p2p_quic_arrival in = {.from = &from};
    p2p_quic_sockaddr remote;
    ngtcp2_socklen remote_len = p2p_quic_sockaddr_from(&remote, &from.remote);
    ngtcp2_cid original = {.datalen = 8}, read;
    ngtcp2_pkt_hd hd = {.version = NGTCP2_PROTO_VER_V1, .dcid = {.datalen = P2P_QUIC_CID_LEN}};
    endpoint.env = &env;
    ngtcp2_ssize len =
        ngtcp2_crypto_generate_retry_token2(token, endpoint.token_key, sizeof endpoint.token_key,
            hd.version, &remote.any, remote_len, &hd.dcid, &original, env.now);
    must(len > 0, "no Retry token");
    hd.token = token;
    hd.tokenlen = (size_t)len;
    secret(endpoint.token_key, sizeof endpoint.token_key);
    secret(endpoint.reset_key, sizeof endpoint.reset_key);
    must(answer(p2p_quic_check_token(&endpoint, &read, &in, &hd)) == P2P_OK, "a token is refused");
    token[len - 20] ^= 1;
    must(answer(p2p_quic_check_token(&endpoint, &read, &in, &hd)) == P2P_ERR_BAD_SIGNATURE,
        "a token is accepted");
    p2p_quic_reset_token(&endpoint, reset, cid, sizeof cid);
}

/* What run.py must see reported, or it would see nothing. */
static void leak(void) {
    uint8_t a = 1;
    secret(&a, sizeof a);
    if (a == 1)
        fputs("ctime: leaking on purpose\n", stderr);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "leak") == 0) {
        leak();
        return 0;
    }
    noise();
    tls_records();
    keys();
    certificates();
    comparing();
    stun();
    quic_tokens();
    return 0;
}
