/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Is it UTF-8? Bytes may come in pieces; a bad byte is reported with the piece that holds it
 * (RFC 3629: shortest forms, no surrogates, nothing above U+10FFFF).
 */
#ifndef P2P_BASE_UTF8_H
#define P2P_BASE_UTF8_H

#include <p2p/base.h>

/* Zeroed to begin. */
typedef struct p2p_utf8 {
    uint8_t missing; /* continuation bytes still to come */
    uint8_t low;     /* the next one must lie between low and high */
    uint8_t high;
} p2p_utf8;

/* False when no continuation can make it UTF-8. */
bool p2p_utf8_feed(p2p_utf8 *state, p2p_bytes bytes);

/* False in the middle of a character. */
static inline bool p2p_utf8_whole(const p2p_utf8 *state) {
    return state->missing == 0;
}

/* All of `bytes` is UTF-8 text. */
bool p2p_utf8_valid(p2p_bytes bytes);

#endif
