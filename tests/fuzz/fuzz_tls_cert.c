/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A peer's certificate that may be anything. */
#include "secure/certificate.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    p2p_cert_owner owner;
    p2p_peer_id again;
    p2p_bytes der = {data, size};
    if (p2p_cert_verify(&owner, der, UINT64_C(1700000000000)) != P2P_OK)
        return 0;
    const p2p_bytes key = {owner.public_key, owner.public_key_len};
    if (p2p_peer_id_of_key(&again, key) != P2P_OK || !p2p_peer_id_equal(&again, &owner.peer))
        abort();
    return 0;
}
