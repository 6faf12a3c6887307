/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The generator is HKDF (RFC 5869): the seed and a label give a key, the key and a counter give
 * blocks. OpenSSL gets it as a RAND_METHOD, which OpenSSL 3 still asks before its own providers.
 * GnuTLS offers no such thing: this program has a gnutls_rnd of its own, which the dynamic linker
 * finds before the library's, for the library's calls too. Without a seed it hands on to that one.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "seeded.h"

#include <dlfcn.h>
#include <gnutls/crypto.h>
#include <openssl/rand.h>

#include "base/bytes.h"
#include "crypto/crypto.h"

void cli_seeded_init(cli_seeded *s, const uint8_t seed[CLI_SEED_LEN], const char *label) {
    *s = (cli_seeded){0};
    p2p_hkdf_extract(s->key, p2p_bytes_text(label), p2p_bytes_of(seed, CLI_SEED_LEN));
}

static void refill(cli_seeded *s) {
    uint8_t info[8];
    p2p_store64(info, s->counter++);
    p2p_hkdf_expand(s->block, sizeof s->block, s->key, p2p_bytes_of(info, sizeof info));
    s->left = sizeof s->block;
}

void cli_seeded_fill(void *ctx, uint8_t *dst, size_t len) {
    cli_seeded *s = ctx;
    while (len > 0) {
        if (s->left == 0)
            refill(s);
        size_t piece = len < s->left ? len : s->left;
        memcpy(dst, s->block + sizeof s->block - s->left, piece);
        s->left -= piece;
        dst += piece;
        len -= piece;
    }
}

/* --- OpenSSL --- */

/* Neither library gives its source of randomness a context. */
static cli_seeded openssl_stream, gnutls_stream;

static int give_bytes(unsigned char *dst, int len) {
    if (len < 0)
        return 0;
    cli_seeded_fill(&openssl_stream, dst, (size_t)len);
    return 1;
}

static int take_seed(const void *bytes, int len) {
    (void)bytes;
    (void)len;
    return 1;
}

static int take_entropy(const void *bytes, int len, double entropy) {
    (void)entropy;
    return take_seed(bytes, len);
}

static int is_ready(void) {
    return 1;
}

static const RAND_METHOD METHOD = {.seed = take_seed,
    .bytes = give_bytes,
    .add = take_entropy,
    .pseudorand = give_bytes,
    .status = is_ready};

/* --- GnuTLS --- */

typedef int (*rnd_fn)(gnutls_rnd_level_t level, void *dst, size_t len);

static bool gnutls_seeded;

/* The library's own, which this one hides. */
static int library_rnd(gnutls_rnd_level_t level, void *dst, size_t len) {
    static rnd_fn own;
    if (own == NULL)
        *(void **)&own = dlsym(RTLD_NEXT, "gnutls_rnd");
    return own == NULL ? GNUTLS_E_RANDOM_FAILED : own(level, dst, len);
}

/* Visible to the dynamic linker. Called by GnuTLS and by ngtcp2's helper for it. */
__attribute__((visibility("default"))) int gnutls_rnd(
    gnutls_rnd_level_t level, void *dst, size_t len) {
    if (!gnutls_seeded)
        return library_rnd(level, dst, len);
    cli_seeded_fill(&gnutls_stream, dst, len);
    return 0;
}

/* A GnuTLS that was linked within itself would not ask ours. */
static bool gnutls_asks(void) {
    gnutls_datum_t key = {NULL, 0};
    uint64_t counter = gnutls_stream.counter;
    size_t left = gnutls_stream.left;
    if (gnutls_key_generate(&key, 16) == 0)
        gnutls_free(key.data);
    return counter != gnutls_stream.counter || left != gnutls_stream.left;
}

/* --- both --- */

bool cli_seed_libraries(const uint8_t seed[CLI_SEED_LEN]) {
    cli_seeded_init(&openssl_stream, seed, "p2p recording: OpenSSL");
    cli_seeded_init(&gnutls_stream, seed, "p2p recording: GnuTLS");
    gnutls_seeded = true;
    return gnutls_asks() && RAND_set_rand_method(&METHOD) == 1;
}

void cli_unseed_libraries(void) {
    gnutls_seeded = false;
    (void)RAND_set_rand_method(NULL);
    p2p_wipe(&openssl_stream, sizeof openssl_stream);
    p2p_wipe(&gnutls_stream, sizeof gnutls_stream);
}
