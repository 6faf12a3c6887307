/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Hashes, HMAC (RFC 2104) and HKDF (RFC 5869) over OpenSSL's digests.
 *
 * Everything is one operation: the digest of up to four parts laid end to end. HMAC and HKDF are
 * written on top of it, because OpenSSL's own HKDF refuses the empty secret that Noise needs.
 *
 * These functions return nothing: a provider that cannot compute SHA-256 leaves nothing to go on
 * with, so that case ends the process.
 */
#include "crypto/crypto.h"

#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/check.h"

enum { BLOCK_LEN = 64, SHA256_LEN = 32, PARTS_MAX = 4 };

static void digest_parts(uint8_t *digest, const EVP_MD *md, const p2p_bytes *parts, size_t count) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    P2P_REQUIRE(ctx != NULL);
    P2P_REQUIRE(EVP_DigestInit_ex2(ctx, md, NULL) == 1);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0)
            P2P_REQUIRE(EVP_DigestUpdate(ctx, parts[i].ptr, parts[i].len) == 1);
    }
    P2P_REQUIRE(EVP_DigestFinal_ex(ctx, digest, NULL) == 1);
    EVP_MD_CTX_free(ctx);
}

void p2p_sha256(uint8_t digest[32], p2p_bytes data) {
    digest_parts(digest, EVP_sha256(), &data, 1);
}

void p2p_sha256_two(uint8_t digest[32], p2p_bytes first, p2p_bytes second) {
    const p2p_bytes parts[] = {first, second};
    digest_parts(digest, EVP_sha256(), parts, 2);
}

void p2p_sha1(uint8_t digest[20], p2p_bytes data) {
    digest_parts(digest, EVP_sha1(), &data, 1);
}

/* The MAC of at most PARTS_MAX - 1 parts; mac may be one of them. */
static void hmac_parts(
    uint8_t *mac, const EVP_MD *md, p2p_bytes key, const p2p_bytes *parts, size_t count) {
    size_t mac_len = (size_t)EVP_MD_get_size(md);
    uint8_t pad[BLOCK_LEN] = {0};
    uint8_t inner[EVP_MAX_MD_SIZE];
    if (key.len > BLOCK_LEN)
        digest_parts(pad, md, &key, 1);
    else
        p2p_copy(pad, key.ptr, key.len);
    for (size_t i = 0; i < BLOCK_LEN; i++)
        pad[i] ^= 0x36;

    p2p_bytes all[PARTS_MAX] = {p2p_bytes_of(pad, BLOCK_LEN)};
    INVARIANT(count < PARTS_MAX);
    for (size_t i = 0; i < count; i++)
        all[i + 1] = parts[i];
    digest_parts(inner, md, all, count + 1);

    for (size_t i = 0; i < BLOCK_LEN; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    all[1] = p2p_bytes_of(inner, mac_len);
    digest_parts(mac, md, all, 2);
    p2p_wipe(pad, sizeof pad);
    p2p_wipe(inner, sizeof inner);
}

void p2p_hmac_sha256(uint8_t mac[32], p2p_bytes key, p2p_bytes data) {
    hmac_parts(mac, EVP_sha256(), key, &data, 1);
}

void p2p_hmac_sha1(uint8_t mac[20], p2p_bytes key, p2p_bytes data) {
    hmac_parts(mac, EVP_sha1(), key, &data, 1);
}

/* An absent salt is SHA256_LEN zeros in RFC 5869 §2.2; HMAC pads the empty key to the same. */
void p2p_hkdf_extract(uint8_t prk[32], p2p_bytes salt, p2p_bytes secret) {
    p2p_hmac_sha256(prk, salt, secret);
}

void p2p_hkdf_expand(uint8_t *out, size_t len, const uint8_t prk[32], p2p_bytes info) {
    P2P_REQUIRE(len <= 255 * SHA256_LEN);
    uint8_t block[SHA256_LEN];
    p2p_bytes previous = {0};
    for (uint8_t counter = 1; len > 0; counter++) {
        const p2p_bytes parts[] = {previous, info, p2p_bytes_of(&counter, 1)};
        hmac_parts(block, EVP_sha256(), p2p_bytes_of(prk, 32), parts, 3);
        size_t part = len < SHA256_LEN ? len : SHA256_LEN;
        memcpy(out, block, part);
        out += part;
        len -= part;
        previous = p2p_bytes_of(block, SHA256_LEN);
    }
    p2p_wipe(block, sizeof block);
}
