/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "webtransport/certhash.h"

#include <string.h>

enum { SHA2_256 = 0x12 };

void p2p_certhash_of_digest(uint8_t hash[P2P_CERTHASH_LEN], const uint8_t digest[32]) {
    hash[0] = SHA2_256;
    hash[1] = 32;
    memcpy(hash + 2, digest, 32);
}

bool p2p_certhash_is_sha256(p2p_bytes hash) {
    return hash.len == P2P_CERTHASH_LEN && hash.ptr[0] == SHA2_256 && hash.ptr[1] == 32;
}
