/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Peer records (libp2p RFC 0003): the addresses of a peer, signed by it. */
#include "identity/identity.h"

#include "base/proto.h"

enum { FIELD_PEER_ID = 1, FIELD_SEQ = 2, FIELD_ADDRESSES = 3, FIELD_MULTIADDR = 1 };

void p2p_peer_record_encode(p2p_writer *w, const p2p_peer_id *peer, uint64_t seq,
    const p2p_multiaddr *addrs, size_t addr_count) {
    p2p_proto_put_bytes(w, FIELD_PEER_ID, p2p_bytes_of(peer->bytes, peer->len));
    p2p_proto_put_uint(w, FIELD_SEQ, seq);
    for (size_t i = 0; i < addr_count; i++) {
        p2p_bytes addr = p2p_multiaddr_bytes(&addrs[i]);
        p2p_writer measure = {0};
        p2p_proto_put_bytes(&measure, FIELD_MULTIADDR, addr);
        p2p_proto_put_head(w, FIELD_ADDRESSES, measure.len);
        p2p_proto_put_bytes(w, FIELD_MULTIADDR, addr);
    }
}

/* One AddressInfo. An address of an unknown protocol is no fault of the record. */
static void read_address(p2p_cursor *outer, p2p_peer_record *record, p2p_bytes info) {
    p2p_cursor c = p2p_cursor_of(info);
    p2p_proto_field f;
    p2p_bytes bytes = {0};
    while (p2p_proto_next(&c, &f)) {
        if (f.number == FIELD_MULTIADDR)
            bytes = p2p_proto_bytes(&c, &f);
    }
    if (p2p_cursor_end(&c) != P2P_OK)
        p2p_cursor_fail(outer);
    if (record->addr_count < P2P_PEER_RECORD_ADDRS &&
        p2p_multiaddr_decode(&record->addrs[record->addr_count], bytes) == P2P_OK)
        record->addr_count++;
}

static p2p_err read_payload(p2p_peer_record *record, p2p_bytes payload) {
    p2p_cursor c = p2p_cursor_of(payload);
    p2p_proto_field f;
    p2p_bytes peer = {0};
    while (p2p_proto_next(&c, &f)) {
        if (f.number == FIELD_PEER_ID)
            peer = p2p_proto_bytes(&c, &f);
        else if (f.number == FIELD_SEQ)
            record->seq = p2p_proto_uint(&c, &f);
        else if (f.number == FIELD_ADDRESSES)
            read_address(&c, record, p2p_proto_bytes(&c, &f));
    }
    if (p2p_cursor_end(&c) != P2P_OK)
        return c.err;
    return p2p_peer_id_decode(&record->peer, peer);
}

static p2p_err open_envelope(p2p_envelope *opened, p2p_bytes encoded) {
    p2p_err err = p2p_envelope_decode(opened, encoded);
    if (err != P2P_OK)
        return err;
    if (p2p_bytes_equal(opened->payload_type, P2P_PEER_RECORD_TYPE))
        return p2p_envelope_verify(opened, P2P_PEER_RECORD_DOMAIN);
    if (p2p_bytes_equal(opened->payload_type, P2P_PEER_RECORD_LEGACY_TYPE))
        return p2p_envelope_verify(opened, P2P_PEER_RECORD_LEGACY_DOMAIN);
    return P2P_ERR_VIOLATION;
}

p2p_err p2p_peer_record_open(p2p_peer_record *record, p2p_bytes envelope) {
    p2p_envelope opened;
    p2p_peer_id signer;
    record->addr_count = 0;
    record->seq = 0;
    record->peer.len = 0;
    p2p_err err = open_envelope(&opened, envelope);
    if (err == P2P_OK)
        /* spec: rfc-0003 #certification--verification: if the signature is invalid, the envelope
         * MUST be discarded without reading the payload. */
        err = read_payload(record, opened.payload);
    if (err == P2P_OK)
        err = p2p_peer_id_of_key(&signer, opened.public_key);
    if (err != P2P_OK)
        return err;
    /* spec: rfc-0003 #certification--verification: the peer_id MUST be the one of the key that
     * signed the envelope. */
    return p2p_peer_id_equal(&signer, &record->peer) ? P2P_OK : P2P_ERR_WRONG_PEER;
}
