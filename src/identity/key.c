/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Public keys in libp2p's protobuf (peer-ids spec #keys). The message is proto2 with both fields
 * required: RSA's type 0 is written out. Only the one canonical encoding is accepted, because the
 * same key in other bytes would have another peer id.
 */
#include "identity/identity.h"

#include "base/proto.h"

_Static_assert((int)P2P_RSA == (int)P2P_KEY_RSA && (int)P2P_ED25519 == (int)P2P_KEY_ED25519 &&
                   (int)P2P_SECP256K1 == (int)P2P_KEY_SECP256K1 &&
                   (int)P2P_ECDSA == (int)P2P_KEY_ECDSA,
    "the public and the provider's numbers are the same");

enum { FIELD_TYPE = 1, FIELD_DATA = 2 };

void p2p_public_key_encode(p2p_writer *w, p2p_key_kind kind, p2p_bytes data) {
    p2p_proto_put_uint(w, FIELD_TYPE, (uint64_t)kind);
    p2p_proto_put_bytes(w, FIELD_DATA, data);
}

/* spec: peer-ids #keys: encoding must be deterministic: minimal, in tag order, all fields, no
 * others. */
static bool is_canonical(uint64_t type, p2p_bytes data, p2p_bytes encoded) {
    uint8_t head[16];
    p2p_writer w = p2p_writer_of(head, sizeof head);
    p2p_proto_put_uint(&w, FIELD_TYPE, type);
    p2p_proto_put_head(&w, FIELD_DATA, data.len);
    /* The data was found in there, so if the head is right and the lengths add up, all is. */
    return w.len + data.len == encoded.len && p2p_bytes_start(encoded, p2p_writer_view(&w));
}

p2p_err p2p_public_key_decode(p2p_key_kind *kind, p2p_bytes *data, p2p_bytes encoded) {
    p2p_cursor c = p2p_cursor_of(encoded);
    p2p_proto_field f;
    uint64_t type = 0;
    *data = (p2p_bytes){0};
    if (encoded.len > P2P_PUBLIC_KEY_MAX)
        return P2P_ERR_MALFORMED;
    while (p2p_proto_next(&c, &f)) {
        if (f.number == FIELD_TYPE)
            type = p2p_proto_uint(&c, &f);
        else if (f.number == FIELD_DATA)
            *data = p2p_proto_bytes(&c, &f);
        else
            p2p_cursor_fail(&c);
    }
    if (p2p_cursor_end(&c) != P2P_OK || type > INT32_MAX || !is_canonical(type, *data, encoded))
        return P2P_ERR_MALFORMED;
    if (type > P2P_ECDSA)
        return P2P_ERR_UNSUPPORTED;
    *kind = (p2p_key_kind)type;
    return P2P_OK;
}

p2p_err p2p_verify(p2p_bytes public_key, p2p_bytes message, p2p_bytes signature) {
    p2p_key_kind kind;
    p2p_bytes data;
    p2p_sigkey *key;
    p2p_err err = p2p_public_key_decode(&kind, &data, public_key);
    if (err == P2P_OK)
        err = p2p_sigkey_new_public(&key, (p2p_key_type)kind, data);
    if (err != P2P_OK)
        return err;
    err = p2p_sigkey_verify(key, message, signature);
    p2p_sigkey_free(key);
    return err;
}
