/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "protocol/identify_message.h"

#include "base/bytes.h"
#include "base/proto.h"
#include "identity/identity.h"
#include "support/check.h"

enum { SENT_MAX = P2P_IDENTIFY_BLOCK_MAX };

typedef struct speaker {
    faulty_mem mem;
    seeded_random random;
    p2p_identity *identity;
    const p2p_peer_id *peer;
    p2p_bytes key;
    size_t protocol_count, protocol_len; /* len 0: as it comes */
} speaker;

static speaker s;
static p2p_multiaddr addrs[P2P_IDENTIFY_ADDRS_MAX];

static int start(void **state) {
    (void)state;
    s = (speaker){.protocol_count = 2};
    faulty_mem_init(&s.mem);
    seeded_random_init(&s.random, 4);
    check_ok(p2p_identity_generate(&s.identity, P2P_ED25519, &s.mem.mem, &s.random.random));
    s.peer = p2p_identity_peer(s.identity);
    s.key = p2p_identity_public_key(s.identity);
    for (size_t i = 0; i < P2P_IDENTIFY_ADDRS_MAX; i++) {
        char text[64];
        snprintf(text, sizeof text, "/ip4/1.2.3.4/tcp/%zu", i + 1);
        check_ok(p2p_multiaddr_parse(&addrs[i], text, NULL));
    }
    return 0;
}

static int stop(void **state) {
    (void)state;
    p2p_identity_free(s.identity);
    check(s.mem.live_blocks == 0);
    return 0;
}

static const char *protocol_at(const void *ctx, size_t index) {
    static char text[256];
    (void)ctx;
    if (index >= s.protocol_count)
        return NULL;
    snprintf(text, sizeof text, "/protocol/%zu/and/a/rather/long/name", index);
    for (size_t len = strlen(text); len < s.protocol_len; len++)
        text[len] = 'x', text[len + 1] = 0;
    return text;
}

static p2p_identify_fields fields(size_t addr_count, p2p_bytes record) {
    return (p2p_identify_fields){.public_key = s.key,
        .agent = p2p_bytes_text("agent"),
        .protocol_version = p2p_bytes_text("ipfs/0.1.0"),
        .signed_record = record,
        .observed = addrs[0],
        .addrs = addrs,
        .addr_count = addr_count,
        .protocol = protocol_at};
}

/* Takes the messages apart: bodies one behind the other; how many there were. */
static size_t bodies_of(p2p_bytes sent, uint8_t *bodies, size_t *len, size_t *first) {
    p2p_cursor c = p2p_cursor_of(sent);
    size_t count = 0;
    *len = 0;
    while (!c.err && c.left > 0) {
        p2p_bytes body = p2p_cursor_take(&c, p2p_cursor_uvarint(&c));
        if (count++ == 0)
            *first = body.len;
        p2p_copy(bodies + *len, body.ptr, body.len);
        *len += body.len;
    }
    check(!c.err);
    return count;
}

static uint8_t sent[SENT_MAX], bodies[SENT_MAX];

static void what_is_told_is_understood(void **state) {
    (void)state;
    p2p_identify_fields f = fields(3, (p2p_bytes){0});
    p2p_writer w = p2p_writer_of(sent, sizeof sent);
    size_t len, first;
    p2p_identify_told *told;
    check_ok(p2p_identify_encode(&w, &f));
    check(bodies_of(p2p_writer_view(&w), bodies, &len, &first) == 1);
    check_ok(p2p_identify_decode(&told, p2p_bytes_of(bodies, len), s.peer, &s.mem.mem));
    memset(bodies, 0, sizeof bodies); /* the block stands alone */
    check_same(told->info.agent, p2p_bytes_text("agent"));
    check_same(told->info.protocol_version, p2p_bytes_text("ipfs/0.1.0"));
    check(told->info.protocol_count == 2 && told->info.addr_count == 3);
    check_same(told->info.protocols[1], p2p_bytes_text(protocol_at(NULL, 1)));
    check(
        p2p_multiaddr_equal(&told->info.addrs[2], &addrs[2]) && told->info.signed_record.len == 0);
    check(p2p_multiaddr_equal(&told->info.observed, &addrs[0]));
    s.mem.mem.resize(s.mem.mem.ctx, told, told->block_size, 0);
}

/* Encodes, checks what holds for every sender, and gives the length of the first message. */
static size_t encode(const p2p_identify_fields *f, size_t *messages, size_t *first) {
    p2p_writer w = p2p_writer_of(sent, sizeof sent);
    size_t len;
    check_ok(p2p_identify_encode(&w, f));
    p2p_cursor c = p2p_cursor_of(p2p_writer_view(&w));
    while (c.left > 0) {
        p2p_bytes body = p2p_cursor_take(&c, p2p_cursor_uvarint(&c));
        bool record = c.left == 0 && f->signed_record.len > 0;
        check(body.len <= (record ? P2P_IDENTIFY_READ_MAX : P2P_IDENTIFY_SENT_MAX));
    }
    *messages = bodies_of(p2p_writer_view(&w), bodies, &len, first);
    check(*messages >= 1 && *messages <= P2P_IDENTIFY_MESSAGES_MAX);
    return len;
}

static void no_message_exceeds_4096_bytes_and_nothing_is_lost(void **state) {
    (void)state;
    static uint8_t record[3000];
    for (size_t protocols = 0; protocols <= 80; protocols += 8)
        for (size_t count = 0; count <= P2P_IDENTIFY_ADDRS_MAX; count += 4)
            for (size_t rec = 0; rec <= sizeof record; rec += 500) {
                size_t messages, first;
                p2p_identify_told *told;
                s.protocol_count = protocols;
                p2p_identify_fields f = fields(count, p2p_bytes_of(record, rec));
                size_t len = encode(&f, &messages, &first);
                check(first <= P2P_IDENTIFY_SENT_MAX);
                check_ok(p2p_identify_decode(&told, p2p_bytes_of(bodies, len), s.peer, &s.mem.mem));
                check(told->info.addr_count == count && told->info.protocol_count == protocols);
                s.mem.mem.resize(s.mem.mem.ctx, told, told->block_size, 0);
            }
    s.protocol_count = 2;
}

/* What a peer knows that reads the first message only. */
static p2p_identify_told *first_of(size_t first) {
    p2p_identify_told *told;
    check_ok(p2p_identify_decode(&told, p2p_bytes_of(bodies, first), s.peer, &s.mem.mem));
    check_same(told->info.agent, p2p_bytes_text("agent"));
    check_same(told->info.protocol_version, p2p_bytes_text("ipfs/0.1.0"));
    check(p2p_multiaddr_equal(&told->info.observed, &addrs[0]));
    return told;
}

static void two_hundred_long_protocols_leave_room_for_addresses(void **state) {
    (void)state;
    static uint8_t record[500];
    size_t messages, first;
    p2p_identify_told *told;
    s.protocol_count = 200;
    s.protocol_len = 200;
    p2p_identify_fields f = fields(P2P_IDENTIFY_ADDRS_MAX, p2p_bytes_of(record, sizeof record));
    size_t len = encode(&f, &messages, &first);
    check(messages == P2P_IDENTIFY_MESSAGES_MAX);
    /* Every address is in the first message, and the protocols that were registered first. */
    told = first_of(first);
    check(told->info.addr_count == P2P_IDENTIFY_ADDRS_MAX && told->info.protocol_count >= 15);
    check_same(told->info.protocols[14], p2p_bytes_text(protocol_at(NULL, 14)));
    s.mem.mem.resize(s.mem.mem.ctx, told, told->block_size, 0);
    /* Nine messages hold most of the 40 600 bytes, in order, each once. */
    check_ok(p2p_identify_decode(&told, p2p_bytes_of(bodies, len), s.peer, &s.mem.mem));
    check(told->info.protocol_count >= 175 && told->info.protocol_count < 200);
    for (size_t i = 0; i < told->info.protocol_count; i++)
        check_same(told->info.protocols[i], p2p_bytes_text(protocol_at(NULL, i)));
    check(told->info.addr_count == P2P_IDENTIFY_ADDRS_MAX);
    s.mem.mem.resize(s.mem.mem.ctx, told, told->block_size, 0);
    /* The record is last and alone: its tag, its length, itself. */
    check(bodies[len - sizeof record - 3] == (8 << 3 | 2));
    s.protocol_count = 2;
    s.protocol_len = 0;
}

static void long_addresses_leave_room_for_protocols(void **state) {
    (void)state;
    static p2p_multiaddr plain[P2P_IDENTIFY_ADDRS_MAX];
    static const uint8_t HASH[34] = {0x12, 0x20, 1};
    size_t messages, first;
    memcpy(plain, addrs, sizeof plain);
    for (size_t i = 1; i < P2P_IDENTIFY_ADDRS_MAX; i++) {
        check_ok(p2p_multiaddr_parse(&addrs[i], "/ip4/1.2.3.4/udp/1/quic-v1/webtransport", NULL));
        for (size_t hashes = 0; hashes < 6; hashes++)
            check_ok(p2p_multiaddr_push(&addrs[i], P2P_CERTHASH, p2p_bytes_of(HASH, sizeof HASH)));
    }
    s.protocol_count = 100;
    p2p_identify_fields f = fields(P2P_IDENTIFY_ADDRS_MAX, (p2p_bytes){0});
    encode(&f, &messages, &first);
    p2p_identify_told *told = first_of(first);
    check(told->info.protocol_count >= 40 && told->info.addr_count >= 8);
    s.mem.mem.resize(s.mem.mem.ctx, told, told->block_size, 0);
    memcpy(addrs, plain, sizeof plain);
    s.protocol_count = 2;
}

static void a_block_that_is_too_small_or_a_key_that_is_too_large_is_refused(void **state) {
    (void)state;
    static uint8_t key[P2P_IDENTIFY_SENT_MAX];
    p2p_identify_fields f = fields(3, (p2p_bytes){0});
    p2p_writer w = p2p_writer_of(sent, 100);
    check_err(P2P_ERR_TOO_BIG, p2p_identify_encode(&w, &f));
    f.public_key = p2p_bytes_of(key, sizeof key);
    w = p2p_writer_of(sent, sizeof sent);
    check_err(P2P_ERR_TOO_BIG, p2p_identify_encode(&w, &f));
}

static size_t signed_record(uint8_t *dst, size_t cap, size_t count) {
    static uint8_t payload[8192], statement[8192];
    p2p_signature signature;
    p2p_sign_job *job;
    p2p_writer w = p2p_writer_of(payload, sizeof payload);
    p2p_peer_record_encode(&w, s.peer, 7, addrs, count);
    p2p_writer st = p2p_writer_of(statement, sizeof statement);
    p2p_envelope_signed_bytes(
        &st, P2P_PEER_RECORD_DOMAIN, P2P_PEER_RECORD_TYPE, p2p_writer_view(&w));
    check_ok(p2p_identity_sign(s.identity, &signature, &job, p2p_writer_view(&st), NULL, NULL));
    p2p_envelope envelope = {.public_key = s.key,
        .payload_type = P2P_PEER_RECORD_TYPE,
        .payload = p2p_writer_view(&w),
        .signature = p2p_bytes_of(signature.bytes, signature.len)};
    p2p_writer out = p2p_writer_of(dst, cap);
    p2p_envelope_encode(&out, &envelope);
    check_ok(p2p_writer_end(&out));
    return out.len;
}

static void a_record_is_handed_on_unread(void **state) {
    (void)state;
    static uint8_t record[8192];
    static p2p_peer_record opened;
    size_t len, first, record_len = signed_record(record, sizeof record, 5);
    for (int forged = 0; forged < 2; forged++) {
        record[record_len - 1] ^= (uint8_t)forged;
        p2p_identify_fields f = fields(2, p2p_bytes_of(record, record_len));
        p2p_writer w = p2p_writer_of(sent, sizeof sent);
        p2p_identify_told *told;
        check_ok(p2p_identify_encode(&w, &f));
        bodies_of(p2p_writer_view(&w), bodies, &len, &first);
        check_ok(p2p_identify_decode(&told, p2p_bytes_of(bodies, len), s.peer, &s.mem.mem));
        check(told->info.addr_count == 2);
        check_same(told->info.signed_record, p2p_bytes_of(record, record_len));
        check_err(forged ? P2P_ERR_BAD_SIGNATURE : P2P_OK,
            p2p_peer_record_open(&opened, told->info.signed_record));
        s.mem.mem.resize(s.mem.mem.ctx, told, told->block_size, 0);
    }
}

static void another_peers_key_is_the_wrong_peer(void **state) {
    (void)state;
    p2p_identify_fields f = fields(1, (p2p_bytes){0});
    p2p_writer w = p2p_writer_of(sent, sizeof sent);
    p2p_peer_id other = *s.peer;
    p2p_identify_told *told;
    size_t len, first;
    other.bytes[10] ^= 1;
    check_ok(p2p_identify_encode(&w, &f));
    bodies_of(p2p_writer_view(&w), bodies, &len, &first);
    check_err(P2P_ERR_WRONG_PEER,
        p2p_identify_decode(&told, p2p_bytes_of(bodies, len), &other, &s.mem.mem));
    check(told == NULL);
}

static void too_many_fields_are_cut_off_and_unknown_addresses_left_out(void **state) {
    (void)state;
    p2p_writer w = p2p_writer_of(sent, sizeof sent);
    for (size_t i = 0; i < 400; i++) {
        p2p_proto_put_bytes(&w, 2, p2p_multiaddr_bytes(&addrs[i % 64]));
        p2p_proto_put_bytes(&w, 3, p2p_bytes_text("/x"));
        p2p_proto_put_bytes(&w, 2, p2p_bytes_text("\xff\xff\xff"));
    }
    p2p_identify_told *told;
    check_ok(p2p_identify_decode(&told, p2p_writer_view(&w), s.peer, &s.mem.mem));
    check(told->info.addr_count == P2P_IDENTIFY_ADDRS_MAX);
    check(told->info.protocol_count == P2P_IDENTIFY_PROTOCOLS_MAX);
    s.mem.mem.resize(s.mem.mem.ctx, told, told->block_size, 0);
}

static void every_cut_is_refused_or_understood(void **state) {
    (void)state;
    p2p_identify_fields f = fields(2, (p2p_bytes){0});
    p2p_writer w = p2p_writer_of(sent, sizeof sent);
    size_t whole, first, good = 0;
    check_ok(p2p_identify_encode(&w, &f));
    bodies_of(p2p_writer_view(&w), bodies, &whole, &first);
    for (size_t len = 0; len <= whole; len++) {
        uint8_t *exact = malloc(len + 1);
        p2p_identify_told *told;
        p2p_copy(exact, bodies, len);
        p2p_err err = p2p_identify_decode(&told, p2p_bytes_of(exact, len), s.peer, &s.mem.mem);
        check(err == P2P_OK || err == P2P_ERR_MALFORMED);
        good += err == P2P_OK;
        if (told != NULL)
            s.mem.mem.resize(s.mem.mem.ctx, told, told->block_size, 0);
        free(exact);
    }
    check(good == 9); /* nothing, and behind each of eight fields */
}

static p2p_err decode(const p2p_mem *mem, void *ctx) {
    p2p_identify_told *told;
    p2p_err err = p2p_identify_decode(&told, *(p2p_bytes *)ctx, s.peer, mem);
    if (told != NULL)
        mem->resize(mem->ctx, told, told->block_size, 0);
    return err;
}

static void it_fails_cleanly_without_memory(void **state) {
    (void)state;
    static uint8_t record[8192];
    size_t len, first, record_len = signed_record(record, sizeof record, 5);
    p2p_identify_fields f = fields(2, p2p_bytes_of(record, record_len));
    p2p_writer w = p2p_writer_of(sent, sizeof sent);
    check_ok(p2p_identify_encode(&w, &f));
    bodies_of(p2p_writer_view(&w), bodies, &len, &first);
    p2p_bytes all = p2p_bytes_of(bodies, len);
    sweep_allocations(decode, &all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_told_is_understood),
        cmocka_unit_test(no_message_exceeds_4096_bytes_and_nothing_is_lost),
        cmocka_unit_test(two_hundred_long_protocols_leave_room_for_addresses),
        cmocka_unit_test(long_addresses_leave_room_for_protocols),
        cmocka_unit_test(a_block_that_is_too_small_or_a_key_that_is_too_large_is_refused),
        cmocka_unit_test(a_record_is_handed_on_unread),
        cmocka_unit_test(another_peers_key_is_the_wrong_peer),
        cmocka_unit_test(too_many_fields_are_cut_off_and_unknown_addresses_left_out),
        cmocka_unit_test(every_cut_is_refused_or_understood),
        cmocka_unit_test(it_fails_cleanly_without_memory),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
