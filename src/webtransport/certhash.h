/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The hashes by which certificates are known: /certhash in addresses, and in the list that a server
 * vouches for inside its Noise handshake (secure/noise.h). */
#ifndef P2P_WEBTRANSPORT_CERTHASH_H
#define P2P_WEBTRANSPORT_CERTHASH_H

#include <p2p/base.h>

enum { P2P_CERTHASH_LEN = 34 }; /* multihash: sha2-256, 32 bytes */

/* The multihash of a certificate from the SHA-256 of its DER form. */
void p2p_certhash_of_digest(uint8_t hash[P2P_CERTHASH_LEN], const uint8_t digest[32]);
/* Is it a sha2-256 multihash? The others in an address are ignored when a certificate is checked.
 */
bool p2p_certhash_is_sha256(p2p_bytes hash);

#endif
