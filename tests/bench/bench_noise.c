/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How much of the raw cipher's speed a security layer keeps: bytes are drawn from one layer and fed
 * to the other in blocks of 16 to 256 KiB, within one thread and without sockets. In turns with it,
 * the cipher alone seals and opens copies of 16 KiB; the median over the turns is what counts, for
 * the machine may be busy.
 *
 *     bench_noise [noise|tls] [turns]
 */
#include <p2p/identity.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "machine.h"
#include "secure/noise_transport.h"
#include "stack/security.h"

static void fill(void *ctx, uint8_t *dst, size_t len) {
    uint64_t *x = ctx;
    for (size_t i = 0; i < len; i++)
        dst[i] = (uint8_t)((*x = *x * 6364136223846793005U + 1442695040888963407U) >> 56);
}

typedef struct side {
    p2p_env env;
    p2p_wire wire;
    p2p_layer *layer;
    p2p_layer upper;
    uint64_t heard;
    bool talks;
} side;

static uint8_t words[65536];

static p2p_err upper_feed(p2p_layer *layer, uint8_t *data, size_t len) {
    (void)data;
    ((side *)(void *)((char *)layer - offsetof(side, upper)))->heard += len;
    return P2P_OK;
}

/* As a muxer does it: the application's bytes are copied behind a small header. */
static p2p_err upper_draw(p2p_layer *layer, uint8_t *dst, size_t cap, size_t *len) {
    side *s = (side *)(void *)((char *)layer - offsetof(side, upper));
    *len = !s->talks ? 0 : cap < sizeof words ? cap : sizeof words;
    memcpy(dst, words, *len);
    return P2P_OK;
}

static const p2p_layer_ops UPPER = {"upper", upper_feed, upper_draw, NULL, NULL};

static void wake(p2p_wire *wire) {
    (void)wire;
}

static const p2p_wire_ops WIRE = {wake, NULL};

static p2p_err done(void *ctx, const p2p_secured *secured) {
    side *s = ctx;
    (void)secured;
    s->layer->above = &s->upper;
    return P2P_OK;
}

static void start(side *s, const p2p_security *security, p2p_identity *identity, const p2p_mem *mem,
    const p2p_random *random, bool initiator) {
    p2p_env_part *parts = s->env.parts; /* the host's key is made once */
    *s = (side){.wire = {.ops = &WIRE}, .upper = {.ops = &UPPER}};
    s->env.parts = parts;
    s->env.mem = mem;
    s->env.random = random;
    s->env.identity = identity;
    s->env.wall_ms = UINT64_C(1700000000000);
    p2p_secure_params params = {
        .env = &s->env, .wire = &s->wire, .initiator = initiator, .done = done, .ctx = s};
    if (security->start(&s->layer, &params) != P2P_OK)
        exit(1);
}

static size_t move(side *from, side *to, uint8_t *block, size_t cap) {
    size_t len;
    p2p_err err = p2p_layer_draw(from->layer, block, cap, &len);
    if (err == P2P_OK)
        err = p2p_layer_feed(to->layer, block, len);
    if (err != P2P_OK) {
        fprintf(stderr, "%s\n", p2p_err_name(err));
        exit(1);
    }
    return len;
}

/* Seals and opens a block over and over; Gbit/s with both done by this thread. */
static double raw(const EVP_CIPHER *cipher, size_t frame, double seconds) {
    uint8_t key[32] = {1};
    uint8_t nonce[12] = {0};
    uint8_t *block = malloc(65536 + 16);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    EVP_CipherInit_ex(ctx, cipher, NULL, key, nonce, 1);
    double begin = cpu_seconds(RUSAGE_SELF);
    uint64_t bytes = 0;
    while (cpu_seconds(RUSAGE_SELF) - begin < seconds) {
        int n;
        for (size_t at = 0; at < 1 << 20; at += frame) {
            memcpy(block, words, frame);
            EVP_CipherInit_ex(ctx, NULL, NULL, NULL, nonce, 1);
            EVP_CipherUpdate(ctx, block, &n, block, (int)frame);
            EVP_CipherFinal_ex(ctx, block + frame, &n);
            EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, block + frame);
            EVP_CipherInit_ex(ctx, NULL, NULL, NULL, nonce, 0);
            EVP_CipherUpdate(ctx, block, &n, block, (int)frame);
            EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, block + frame);
            EVP_CipherFinal_ex(ctx, block + frame, &n);
            bytes += frame;
        }
    }
    EVP_CIPHER_CTX_free(ctx);
    free(block);
    return (double)bytes * 8 / (cpu_seconds(RUSAGE_SELF) - begin) / 1e9;
}

static double layered(side *a, side *b, uint8_t *block, size_t cap, double seconds) {
    uint64_t before = b->heard;
    double begin = cpu_seconds(RUSAGE_SELF);
    while (cpu_seconds(RUSAGE_SELF) - begin < seconds)
        move(a, b, block, cap);
    return (double)(b->heard - before) * 8 / (cpu_seconds(RUSAGE_SELF) - begin) / 1e9;
}

static int by_value(const void *one, const void *other) {
    double x = *(const double *)one;
    double y = *(const double *)other;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof *values, by_value);
    return values[count / 2];
}

static void handshakes(side *a, side *b, const p2p_security *security, p2p_identity *identity,
    const p2p_mem *mem, const p2p_random *random, uint8_t *block) {
    double begin = cpu_seconds(RUSAGE_SELF);
    int count = 0;
    do {
        if (count > 0) {
            a->layer->ops->free(a->layer);
            b->layer->ops->free(b->layer);
        }
        start(a, security, identity, mem, random, true);
        start(b, security, identity, mem, random, false);
        while (a->layer->above == NULL || b->layer->above == NULL) {
            move(a, b, block, 65536);
            move(b, a, block, 65536);
        }
        count++;
    } while (cpu_seconds(RUSAGE_SELF) - begin < 1);
    printf(
        "handshakes, one side  %6.0f us\n", (cpu_seconds(RUSAGE_SELF) - begin) * 1e6 / 2 / count);
}

enum { TURNS_MAX = 200 };

int main(int argc, char **argv) {
    bool tls = argc > 1 && strcmp(argv[1], "tls") == 0;
    size_t turns = argc > 2 ? strtoul(argv[2], NULL, 10) : 25;
    uint64_t seed = 1;
    const p2p_mem mem = {NULL, NULL};
    const p2p_random random = {fill, &seed};
    static side a;
    static side b;
    uint8_t *block = malloc(1 << 18);
    p2p_identity *identity;
    if (p2p_identity_generate(&identity, P2P_ED25519, &mem, &random) != P2P_OK)
        return 1;
    handshakes(&a, &b, tls ? &p2p_tls : &p2p_noise, identity, &mem, &random, block);
    a.talks = true;
    for (size_t cap = 16384; cap <= 1 << 18; cap *= 2) {
        double speed[TURNS_MAX];
        double share[TURNS_MAX];
        size_t n = turns == 0 ? 1 : turns < TURNS_MAX ? turns : TURNS_MAX;
        for (size_t i = 0; i < n; i++) {
            double cipher = raw(tls ? EVP_aes_128_gcm() : EVP_chacha20_poly1305(), 16384, 0.02);
            speed[i] = layered(&a, &b, block, cap, 0.02);
            share[i] = speed[i] / cipher;
        }
        printf("blocks of %3zu KiB     %6.2f Gbit/s, %.2f of the cipher\n", cap / 1024,
            median(speed, n), median(share, n));
    }
    return 0;
}
