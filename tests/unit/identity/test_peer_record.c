/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "identity/identity.h"

#include "base/proto.h"
#include "support/check.h"

static const p2p_mem MEM = {0};

static p2p_identity *generated(p2p_key_kind kind, uint64_t seed) {
    seeded_random random;
    seeded_random_init(&random, seed);
    p2p_identity *identity;
    check_ok(p2p_identity_generate(&identity, kind, &MEM, &random.random));
    return identity;
}

/* Seals a payload in two steps, as a host with an external key would. */
static size_t seal(uint8_t *out, size_t cap, const p2p_identity *identity, p2p_bytes domain,
    p2p_bytes type, p2p_bytes payload) {
    static uint8_t message[2 * P2P_ENVELOPE_MAX];
    p2p_signature signature;
    p2p_sign_job *pending;
    p2p_writer w = p2p_writer_of(message, sizeof message);
    p2p_envelope_signed_bytes(&w, domain, type, payload);
    check_ok(p2p_writer_end(&w));
    check_ok(p2p_identity_sign(identity, &signature, &pending, p2p_writer_view(&w), NULL, NULL));
    const p2p_envelope envelope = {p2p_identity_public_key(identity), type, payload,
        p2p_bytes_of(signature.bytes, signature.len)};
    w = p2p_writer_of(out, cap);
    p2p_envelope_encode(&w, &envelope);
    check_ok(p2p_writer_end(&w));
    return w.len;
}

static p2p_multiaddr address(const char *text) {
    p2p_multiaddr addr;
    check_ok(p2p_multiaddr_parse(&addr, text, NULL));
    return addr;
}

/* A record with two addresses and seq 300. */
static size_t payload_of(uint8_t *out, size_t cap, const p2p_peer_id *peer) {
    const p2p_multiaddr addrs[] = {
        address("/ip4/192.0.2.1/tcp/4001"), address("/ip6/2001:db8::1/udp/4001/quic-v1")};
    p2p_writer w = p2p_writer_of(out, cap);
    p2p_peer_record_encode(&w, peer, 300, addrs, 2);
    check_ok(p2p_writer_end(&w));
    return w.len;
}

/* spec: rfc-0002 #signature-production--verification: domain, type and payload are signed, each
 * with its length before it. */
static void the_signed_bytes_have_lengths(void **state) {
    (void)state;
    uint8_t out[64];
    p2p_writer w = p2p_writer_of(out, sizeof out);
    p2p_envelope_signed_bytes(&w, P2P_LITERAL("ab"), P2P_PEER_RECORD_TYPE, P2P_LITERAL("xyz"));
    check_bytes(p2p_writer_view(&w), "02 6162 02 0301 03 78797a");
}

static void a_record_goes_round(void **state) {
    (void)state;
    static const p2p_key_kind kinds[] = {P2P_ED25519, P2P_SECP256K1, P2P_ECDSA, P2P_RSA};
    for (size_t i = 0; i < P2P_COUNT(kinds); i++) {
        uint8_t payload[256];
        uint8_t sealed[2048];
        static p2p_peer_record record;
        p2p_identity *identity = generated(kinds[i], 1);
        size_t len = payload_of(payload, sizeof payload, p2p_identity_peer(identity));
        len = seal(sealed, sizeof sealed, identity, P2P_PEER_RECORD_DOMAIN, P2P_PEER_RECORD_TYPE,
            p2p_bytes_of(payload, len));
        check_ok(p2p_peer_record_open(&record, p2p_bytes_of(sealed, len)));
        check(record.seq == 300 && record.addr_count == 2);
        check(p2p_peer_id_equal(&record.peer, p2p_identity_peer(identity)));
        p2p_multiaddr want = address("/ip6/2001:db8::1/udp/4001/quic-v1");
        check(p2p_multiaddr_equal(&record.addrs[1], &want));

        p2p_envelope opened;
        check_ok(p2p_envelope_open(
            &opened, p2p_bytes_of(sealed, len), P2P_PEER_RECORD_DOMAIN, P2P_PEER_RECORD_TYPE));
        check_err(P2P_ERR_VIOLATION, p2p_envelope_open(&opened, p2p_bytes_of(sealed, len),
                                         P2P_PEER_RECORD_DOMAIN, P2P_LITERAL("other")));
        check_err(P2P_ERR_BAD_SIGNATURE, p2p_envelope_open(&opened, p2p_bytes_of(sealed, len),
                                             P2P_LITERAL("other"), P2P_PEER_RECORD_TYPE));
        p2p_identity_free(identity);
    }
}

static void the_legacy_strings_are_read(void **state) {
    (void)state;
    uint8_t payload[256];
    uint8_t sealed[512];
    static p2p_peer_record record;
    p2p_identity *identity = generated(P2P_ED25519, 1);
    size_t payload_len = payload_of(payload, sizeof payload, p2p_identity_peer(identity));
    p2p_bytes content = p2p_bytes_of(payload, payload_len);
    size_t len = seal(sealed, sizeof sealed, identity, P2P_LITERAL("libp2p-routing-state"),
        P2P_LITERAL("/libp2p/routing-state-record"), content);
    check_ok(p2p_peer_record_open(&record, p2p_bytes_of(sealed, len)));
    check(record.addr_count == 2);
    /* The two pairs do not mix. */
    len = seal(sealed, sizeof sealed, identity, P2P_PEER_RECORD_DOMAIN, P2P_PEER_RECORD_LEGACY_TYPE,
        content);
    check_err(P2P_ERR_BAD_SIGNATURE, p2p_peer_record_open(&record, p2p_bytes_of(sealed, len)));
    len = seal(sealed, sizeof sealed, identity, P2P_PEER_RECORD_LEGACY_DOMAIN, P2P_PEER_RECORD_TYPE,
        content);
    check_err(P2P_ERR_BAD_SIGNATURE, p2p_peer_record_open(&record, p2p_bytes_of(sealed, len)));
    len = seal(
        sealed, sizeof sealed, identity, P2P_PEER_RECORD_DOMAIN, P2P_LITERAL("\x03\x02"), content);
    check_err(P2P_ERR_VIOLATION, p2p_peer_record_open(&record, p2p_bytes_of(sealed, len)));
    p2p_identity_free(identity);
}

/* spec: rfc-0003 #certification--verification: the peer_id MUST be the one of the key that signed
 * the envelope. */
static void nobody_vouches_for_another(void **state) {
    (void)state;
    uint8_t payload[256];
    uint8_t sealed[512];
    static p2p_peer_record record;
    p2p_identity *identity = generated(P2P_ED25519, 1);
    p2p_identity *other = generated(P2P_ED25519, 2);
    size_t len = payload_of(payload, sizeof payload, p2p_identity_peer(other));
    len = seal(sealed, sizeof sealed, identity, P2P_PEER_RECORD_DOMAIN, P2P_PEER_RECORD_TYPE,
        p2p_bytes_of(payload, len));
    check_err(P2P_ERR_WRONG_PEER, p2p_peer_record_open(&record, p2p_bytes_of(sealed, len)));
    p2p_identity_free(identity);
    p2p_identity_free(other);
}

/* spec: rfc-0003 #certification--verification: if the signature is invalid, the envelope MUST be
 * discarded without reading the payload. */
static void no_flipped_bit_and_no_cut_passes(void **state) {
    (void)state;
    uint8_t payload[256];
    uint8_t sealed[512];
    static p2p_peer_record record;
    p2p_identity *identity = generated(P2P_ED25519, 1);
    size_t len = payload_of(payload, sizeof payload, p2p_identity_peer(identity));
    len = seal(sealed, sizeof sealed, identity, P2P_PEER_RECORD_DOMAIN, P2P_PEER_RECORD_TYPE,
        p2p_bytes_of(payload, len));
    for (size_t cut = 0; cut < len; cut++)
        check(p2p_peer_record_open(&record, p2p_bytes_of(sealed, cut)) != P2P_OK);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        check(p2p_peer_record_open(&record, p2p_bytes_of(sealed, len)) != P2P_OK);
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    check_ok(p2p_peer_record_open(&record, p2p_bytes_of(sealed, len)));
    p2p_identity_free(identity);
}

static p2p_err open_payload(p2p_peer_record *record, p2p_bytes payload, p2p_identity *identity) {
    static uint8_t sealed[2 * P2P_ENVELOPE_MAX];
    size_t len = seal(
        sealed, sizeof sealed, identity, P2P_PEER_RECORD_DOMAIN, P2P_PEER_RECORD_TYPE, payload);
    return p2p_peer_record_open(record, p2p_bytes_of(sealed, len));
}

static void addresses_that_cannot_be_read_are_left_out(void **state) {
    (void)state;
    uint8_t payload[256];
    static p2p_peer_record record;
    p2p_identity *identity = generated(P2P_ED25519, 1);
    size_t len = payload_of(payload, sizeof payload, p2p_identity_peer(identity));
    p2p_writer w = {payload, sizeof payload, len};
    p2p_proto_put_bytes(&w, 3, P2P_LITERAL("\x0a\x02\xae\x02"));     /* /utp: not carried */
    p2p_proto_put_bytes(&w, 3, P2P_LITERAL("\x0a\x03\x06\x0f\xa1")); /* /tcp/4001 */
    p2p_proto_put_bytes(&w, 3, P2P_LITERAL(""));                     /* nothing */
    p2p_proto_put_bytes(&w, 9, P2P_LITERAL("of the future"));
    check_ok(open_payload(&record, p2p_writer_view(&w), identity));
    check(record.addr_count == 3);
    p2p_proto_put_bytes(&w, 3, P2P_LITERAL("\x0a\x09"));
    check_err(P2P_ERR_MALFORMED, open_payload(&record, p2p_writer_view(&w), identity));
    p2p_identity_free(identity);
}

static void records_are_bounded(void **state) {
    (void)state;
    static uint8_t payload[P2P_ENVELOPE_MAX + 100];
    static p2p_multiaddr addrs[P2P_PEER_RECORD_ADDRS + 10];
    static p2p_peer_record record;
    p2p_identity *identity = generated(P2P_ED25519, 1);
    for (size_t i = 0; i < P2P_COUNT(addrs); i++)
        addrs[i] = address("/ip4/192.0.2.1/tcp/4001");
    p2p_writer w = p2p_writer_of(payload, sizeof payload);
    p2p_peer_record_encode(&w, p2p_identity_peer(identity), 1, addrs, P2P_COUNT(addrs));
    check_ok(open_payload(&record, p2p_writer_view(&w), identity));
    check(record.addr_count == P2P_PEER_RECORD_ADDRS);
    check_err(
        P2P_ERR_TOO_BIG, open_payload(&record, p2p_bytes_of(payload, P2P_ENVELOPE_MAX), identity));
    p2p_identity_free(identity);
}

static void twice_the_same_field_is_malformed(void **state) {
    (void)state;
    uint8_t bytes[16];
    p2p_envelope envelope;
    size_t len = from_hex("0a00 1200 1a00 2a00", bytes, sizeof bytes);
    check_ok(p2p_envelope_decode(&envelope, p2p_bytes_of(bytes, len)));
    len = from_hex("0a00 1200 1a00 2a00 0a00", bytes, sizeof bytes);
    check_err(P2P_ERR_MALFORMED, p2p_envelope_decode(&envelope, p2p_bytes_of(bytes, len)));
    len = from_hex("0801", bytes, sizeof bytes); /* a number for the key */
    check_err(P2P_ERR_MALFORMED, p2p_envelope_decode(&envelope, p2p_bytes_of(bytes, len)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_signed_bytes_have_lengths),
        cmocka_unit_test(a_record_goes_round),
        cmocka_unit_test(the_legacy_strings_are_read),
        cmocka_unit_test(nobody_vouches_for_another),
        cmocka_unit_test(no_flipped_bit_and_no_cut_passes),
        cmocka_unit_test(addresses_that_cannot_be_read_are_left_out),
        cmocka_unit_test(records_are_bounded),
        cmocka_unit_test(twice_the_same_field_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
