/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Bytes as text that begins with the letter of its base (multiformats/multibase). */
#ifndef P2P_MULTI_MULTIBASE_H
#define P2P_MULTI_MULTIBASE_H

#include <p2p/base.h>

/* The prefix letters of the registry that this library reads and writes. */
typedef enum p2p_multibase {
    P2P_BASE16 = 'f',
    P2P_BASE16_UPPER = 'F',
    P2P_BASE32 = 'b',
    P2P_BASE32_UPPER = 'B',
    P2P_BASE32_PAD = 'c',
    P2P_BASE32_PAD_UPPER = 'C',
    P2P_BASE36 = 'k',
    P2P_BASE36_UPPER = 'K',
    P2P_BASE58_BTC = 'z',
    P2P_BASE64 = 'm',
    P2P_BASE64_PAD = 'M',
    P2P_BASE64_URL = 'u',
    P2P_BASE64_URL_PAD = 'U'
} p2p_multibase;

/* Bases 36 and 58 take time quadratic in the length, so both directions stop here. */
enum { P2P_BIG_BASE_MAX = 160 };

/*
 * Reads text with its prefix letter: INVALID (a wrong letter, wrong padding, bits left over),
 * UNSUPPORTED (unknown base), TOO_BIG (more than cap bytes, or than P2P_BIG_BASE_MAX). Bases whose
 * letters have one case accept the other.
 */
P2P_NODISCARD p2p_err p2p_multibase_decode(uint8_t *out, size_t cap, size_t *len, p2p_bytes text);
/* Writes prefix, text and terminator; returns the length needed without it. 0 for an unknown base
 * or too many bytes for it. */
size_t p2p_multibase_encode(char *dst, size_t cap, p2p_multibase base, p2p_bytes data);

/* The same without prefix letter. */
P2P_NODISCARD p2p_err p2p_base_decode(
    uint8_t *out, size_t cap, size_t *len, p2p_multibase base, p2p_bytes text);
size_t p2p_base_encode(char *dst, size_t cap, p2p_multibase base, p2p_bytes data);

#endif
