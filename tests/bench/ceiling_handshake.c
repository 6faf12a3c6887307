/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The most handshakes a core can do: the responder's primitives of Noise XX as libp2p uses it, in
 * libsodium, which has the fastest of them. Key pair, three Diffie-Hellmans, one signature checked;
 * the own signature is kept from handshake to handshake. Hashing and the four small seals and opens
 * are done on fixed bytes.
 */
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "machine.h"

enum { ROUNDS = 2000, HASHES = 14, MACS = 4 * 3 * 2, SMALL = 110 };

/* Two HMACs of two hashes over short blocks cost what these hashes do. */
static void hash(uint8_t state[32]) {
    uint8_t block[96] = {0};
    memcpy(block, state, 32);
    crypto_hash_sha256(state, block, sizeof block);
}

int main(void) {
    uint8_t ours[32], theirs[32], theirs_public[32], shared[32], public_key[32], state[32] = {0};
    uint8_t signer[32], signer_secret[64], signature[64], statement[56] = {0};
    uint8_t small[SMALL + 16] = {0}, nonce[12] = {0};
    int bad = sodium_init() < 0;
    randombytes_buf(theirs, sizeof theirs);
    crypto_scalarmult_base(theirs_public, theirs);
    crypto_sign_keypair(signer, signer_secret);
    crypto_sign_detached(signature, NULL, statement, sizeof statement, signer_secret);
    double from = cpu_seconds(RUSAGE_SELF);
    for (int round = 0; round < ROUNDS; round++) {
        randombytes_buf(ours, sizeof ours);
        crypto_scalarmult_base(public_key, ours);
        for (int i = 0; i < 3; i++)
            bad |= crypto_scalarmult(shared, ours, theirs_public);
        for (int i = 0; i < HASHES + MACS; i++)
            hash(state);
        unsigned long long len = SMALL;
        for (int i = 0; i < 4; i++)
            crypto_aead_chacha20poly1305_ietf_encrypt(
                small, &len, small, SMALL, state, sizeof state, NULL, nonce, state);
        bad |= crypto_sign_verify_detached(signature, statement, sizeof statement, signer);
    }
    double each = (cpu_seconds(RUSAGE_SELF) - from) / ROUNDS;
    if (bad)
        return 1;
    printf("{\"rate\":%.0f,\"us\":%.1f}\n", 1 / each, each * 1e6);
    return 0;
}
