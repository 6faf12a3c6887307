/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Key files, public keys and peer ids. What is read as a private key must write and sign. */
#include <stdint.h>
#include <stdlib.h>

#include "identity/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const p2p_identity *identity) {
    static uint8_t out[P2P_PRIVATE_KEY_MAX];
    static const p2p_mem mem = {0};
    size_t len;
    p2p_identity *again;
    p2p_signature signature;
    p2p_sign_job *pending;
    p2p_bytes message = P2P_LITERAL("message");
    if (p2p_identity_private_key(identity, out, &len) != P2P_OK ||
        p2p_identity_decode(&again, p2p_bytes_of(out, len), &mem) != P2P_OK)
        abort();
    if (!p2p_peer_id_equal(p2p_identity_peer(identity), p2p_identity_peer(again)))
        abort();
    if (p2p_identity_sign(again, &signature, &pending, message, NULL, NULL) != P2P_OK ||
        p2p_verify(p2p_identity_public_key(identity), message,
            p2p_bytes_of(signature.bytes, signature.len)) != P2P_OK)
        abort();
    p2p_identity_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const p2p_mem mem = {0};
    p2p_identity *identity;
    p2p_peer_id id;
    p2p_bytes bytes = p2p_bytes_of(data, size);
    if (p2p_identity_decode(&identity, bytes, &mem) == P2P_OK) {
        use(identity);
        p2p_identity_free(identity);
    }
    (void)p2p_verify(bytes, P2P_LITERAL("message"), P2P_LITERAL("signature"));
    (void)p2p_peer_id_of_key(&id, bytes);
    (void)p2p_peer_id_decode(&id, bytes);
    return 0;
}
