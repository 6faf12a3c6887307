/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Signed envelopes (libp2p RFC 0002): a payload, what it is, and who signed it. The signature also
 * covers a domain that is not in the envelope, so that a statement made for one purpose cannot be
 * passed off as one for another.
 */
#include "identity/identity.h"

#include "base/proto.h"

enum { FIELD_PUBLIC_KEY = 1, FIELD_PAYLOAD_TYPE = 2, FIELD_PAYLOAD = 3, FIELD_SIGNATURE = 5 };

/* spec: rfc-0002 #signature-production--verification: domain, type and payload are signed, each
 * with its length before it. */
static void put_with_length(p2p_writer *w, p2p_bytes bytes) {
    p2p_writer_uvarint(w, bytes.len);
    p2p_writer_bytes(w, bytes);
}

void p2p_envelope_signed_bytes(
    p2p_writer *w, p2p_bytes domain, p2p_bytes payload_type, p2p_bytes payload) {
    put_with_length(w, domain);
    put_with_length(w, payload_type);
    put_with_length(w, payload);
}

void p2p_envelope_encode(p2p_writer *w, const p2p_envelope *envelope) {
    p2p_proto_put_bytes(w, FIELD_PUBLIC_KEY, envelope->public_key);
    p2p_proto_put_bytes(w, FIELD_PAYLOAD_TYPE, envelope->payload_type);
    p2p_proto_put_bytes(w, FIELD_PAYLOAD, envelope->payload);
    p2p_proto_put_bytes(w, FIELD_SIGNATURE, envelope->signature);
}

p2p_err p2p_envelope_decode(p2p_envelope *envelope, p2p_bytes encoded) {
    p2p_cursor c = p2p_cursor_of(encoded);
    p2p_proto_field f;
    uint32_t seen = 0;
    *envelope = (p2p_envelope){0};
    while (p2p_proto_next(&c, &f)) {
        p2p_proto_once(&c, &f, &seen);
        if (f.number == FIELD_PUBLIC_KEY)
            envelope->public_key = p2p_proto_bytes(&c, &f);
        else if (f.number == FIELD_PAYLOAD_TYPE)
            envelope->payload_type = p2p_proto_bytes(&c, &f);
        else if (f.number == FIELD_PAYLOAD)
            envelope->payload = p2p_proto_bytes(&c, &f);
        else if (f.number == FIELD_SIGNATURE)
            envelope->signature = p2p_proto_bytes(&c, &f);
    }
    return p2p_cursor_end(&c);
}

p2p_err p2p_envelope_verify(const p2p_envelope *envelope, p2p_bytes domain) {
    uint8_t message[P2P_ENVELOPE_MAX];
    p2p_writer w = p2p_writer_of(message, sizeof message);
    p2p_envelope_signed_bytes(&w, domain, envelope->payload_type, envelope->payload);
    p2p_err err = p2p_writer_end(&w);
    if (err != P2P_OK)
        return err;
    return p2p_verify(envelope->public_key, p2p_writer_view(&w), envelope->signature);
}

p2p_err p2p_envelope_open(
    p2p_envelope *envelope, p2p_bytes encoded, p2p_bytes domain, p2p_bytes payload_type) {
    p2p_err err = p2p_envelope_decode(envelope, encoded);
    if (err != P2P_OK)
        return err;
    if (!p2p_bytes_equal(envelope->payload_type, payload_type))
        return P2P_ERR_VIOLATION;
    return p2p_envelope_verify(envelope, domain);
}
