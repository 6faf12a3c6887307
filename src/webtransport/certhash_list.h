/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The list of certificate hashes that a WebTransport server vouches for inside its Noise handshake
 * (NoiseExtensions, field 1), so that a client knows the hashes it dialled with came from that
 * peer.
 */
#ifndef P2P_WEBTRANSPORT_CERTHASH_LIST_H
#define P2P_WEBTRANSPORT_CERTHASH_LIST_H

#include "base/cursor.h"

enum {
    P2P_CERTHASH_LEN = 34,      /* multihash: sha2-256, 32 bytes */
    P2P_CERTHASH_LIST_MAX = 32, /* entries of a peer's list; three are usual */
};

/* The multihash of a certificate from the SHA-256 of its DER form. */
void p2p_certhash_of_digest(uint8_t hash[P2P_CERTHASH_LEN], const uint8_t digest[32]);
/* Is it a sha2-256 multihash? The others in an address are ignored when a certificate is checked.
 */
bool p2p_certhash_is_sha256(p2p_bytes hash);

/* Appends the hashes to a NoiseExtensions message. */
void p2p_certhash_list_put(p2p_writer *w, const p2p_bytes *hashes, size_t count);
/*
 * The client's check: is every hash it dialled with in the server's NoiseExtensions?
 * BAD_CERTIFICATE if one is missing, MALFORMED, or VIOLATION (more than P2P_CERTHASH_LIST_MAX).
 */
P2P_NODISCARD p2p_err p2p_certhash_list_check(
    p2p_bytes extensions, const p2p_bytes *dialled, size_t count);

#endif
