/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Signed envelopes with peer records, and the key inside. */
#include <stdint.h>
#include <stdlib.h>

#include "identity/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static p2p_peer_record record;
    p2p_envelope envelope;
    p2p_peer_id id;
    char text[P2P_PEER_ID_TEXT_MAX];
    p2p_bytes encoded = p2p_bytes_of(data, size);
    if (p2p_peer_record_open(&record, encoded) == P2P_OK) {
        if (record.addr_count > P2P_PEER_RECORD_ADDRS || record.peer.len == 0)
            abort();
    }
    if (p2p_envelope_decode(&envelope, encoded) != P2P_OK)
        return 0;
    if (p2p_peer_id_of_key(&id, envelope.public_key) == P2P_OK &&
        p2p_peer_id_format(text, sizeof text, &id) >= sizeof text)
        abort();
    return 0;
}
