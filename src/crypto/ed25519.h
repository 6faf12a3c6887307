/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Ed25519 (RFC 8032) on plain bytes; what signing keys of that type are made of. */
#ifndef P2P_CRYPTO_ED25519_H
#define P2P_CRYPTO_ED25519_H

#include <p2p/base.h>

enum { P2P_ED25519_LEN = 32, P2P_ED25519_SIGNATURE_LEN = 64 };

void p2p_ed25519_public(uint8_t public_key[32], const uint8_t seed[32]);
/* `key` is seed ‖ public key. */
void p2p_ed25519_sign(uint8_t sig[64], const uint8_t key[64], p2p_bytes message);
bool p2p_ed25519_verify(const uint8_t public_key[32], p2p_bytes message, p2p_bytes sig);

#endif
