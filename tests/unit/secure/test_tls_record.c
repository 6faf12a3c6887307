/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "secure/tls_record.h"

#include "base/bytes.h"
#include "support/check.h"

enum { AES_128 = 0x1301, AES_256 = 0x1302, CHACHA = 0x1303 };

static const uint16_t SUITES[] = {AES_128, AES_256, CHACHA};
static const uint8_t ONE[P2P_TLS_SECRET_MAX] = {1};
static const uint8_t TWO[P2P_TLS_SECRET_MAX] = {2};

typedef struct ends {
    p2p_tls_record a, b;
} ends;

static void open_ends(ends *e, uint16_t suite) {
    check_ok(p2p_tls_record_init(&e->a, suite, ONE, TWO));
    check_ok(p2p_tls_record_init(&e->b, suite, TWO, ONE));
}

static void close_ends(ends *e) {
    p2p_tls_record_deinit(&e->a);
    p2p_tls_record_deinit(&e->b);
}

/* Seals `len` bytes of the content; the whole record. */
static p2p_frame sealed(p2p_tls_record *record, uint8_t *block, size_t len, uint8_t content) {
    for (size_t i = 0; i < len; i++)
        block[P2P_TLS_HEAD_LEN + i] = (uint8_t)i;
    check_ok(p2p_tls_record_seal(record, block, len, (p2p_tls_content)content));
    return (p2p_frame){block, len + P2P_TLS_RECORD_OVERHEAD};
}

/* RFC 8448 section 3: the client's first record of application data. */
static void the_record_of_rfc_8448(void **state) {
    (void)state;
    static const uint8_t CLIENT[P2P_TLS_SECRET_MAX] = {0x9e, 0x40, 0x64, 0x6c, 0xe7, 0x9a, 0x7f,
        0x9d, 0xc0, 0x5a, 0xf8, 0x88, 0x9b, 0xce, 0x65, 0x52, 0x87, 0x5a, 0xfa, 0x0b, 0x06, 0xdf,
        0x00, 0x87, 0xf7, 0x92, 0xeb, 0xb7, 0xc1, 0x75, 0x04, 0xa5};
    p2p_tls_record record;
    uint8_t block[50 + P2P_TLS_RECORD_OVERHEAD];
    check_ok(p2p_tls_record_init(&record, AES_128, CLIENT, ONE));
    p2p_frame frame = sealed(&record, block, 50, P2P_TLS_DATA);
    check_bytes(p2p_bytes_of(frame.ptr, frame.len),
        "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20"
        "441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4");
    p2p_tls_record_deinit(&record);
}

static void what_one_end_seals_the_other_opens(void **state) {
    (void)state;
    static uint8_t block[P2P_TLS_TEXT_MAX + P2P_TLS_RECORD_OVERHEAD];
    static const size_t LENGTHS[] = {0, 1, 15, 16, 17, 1000, P2P_TLS_TEXT_MAX};
    for (size_t s = 0; s < P2P_COUNT(SUITES); s++) {
        ends e;
        open_ends(&e, SUITES[s]);
        for (size_t i = 0; i < P2P_COUNT(LENGTHS); i++) {
            uint8_t content;
            p2p_frame text;
            p2p_frame frame = sealed(&e.a, block, LENGTHS[i], P2P_TLS_DATA);
            check_ok(p2p_tls_record_open(&e.b, frame, &content, &text));
            check(content == P2P_TLS_DATA && text.len == LENGTHS[i]);
            for (size_t at = 0; at < text.len; at++)
                check(text.ptr[at] == (uint8_t)at);
        }
        close_ends(&e);
    }
}

static void every_flipped_bit_is_refused(void **state) {
    (void)state;
    uint8_t block[8 + P2P_TLS_RECORD_OVERHEAD];
    for (size_t bit = 0; bit < sizeof block * 8; bit++) {
        ends e;
        uint8_t content;
        p2p_frame text;
        open_ends(&e, AES_128);
        p2p_frame frame = sealed(&e.a, block, 8, P2P_TLS_DATA);
        block[bit / 8] ^= (uint8_t)(1 << bit % 8);
        check_err(bit < 8 ? P2P_ERR_VIOLATION : P2P_ERR_DECRYPT,
            p2p_tls_record_open(&e.b, frame, &content, &text));
        close_ends(&e);
    }
}

static void a_record_opens_once_and_in_its_turn(void **state) {
    (void)state;
    uint8_t first[30], second[30], content;
    p2p_frame text;
    ends e;
    open_ends(&e, CHACHA);
    (void)sealed(&e.a, first, 8, P2P_TLS_DATA);
    p2p_frame frame = sealed(&e.a, second, 8, P2P_TLS_DATA);
    check_err(P2P_ERR_DECRYPT, p2p_tls_record_open(&e.b, frame, &content, &text));
    close_ends(&e);
}

/* Content type 0 with zeros before it is padding with nothing in it. */
static void padding_alone_is_refused(void **state) {
    (void)state;
    uint8_t block[P2P_TLS_RECORD_OVERHEAD], content;
    p2p_frame text;
    ends e;
    open_ends(&e, AES_128);
    p2p_frame frame = sealed(&e.a, block, 0, 0);
    check_err(P2P_ERR_VIOLATION, p2p_tls_record_open(&e.b, frame, &content, &text));
    close_ends(&e);
}

static void a_short_record_is_refused(void **state) {
    (void)state;
    uint8_t block[P2P_TLS_RECORD_OVERHEAD] = {P2P_TLS_DATA, 3, 3}, content;
    p2p_frame text;
    ends e;
    open_ends(&e, AES_128);
    for (size_t len = P2P_TLS_HEAD_LEN; len < sizeof block; len++)
        check_err(
            P2P_ERR_VIOLATION, p2p_tls_record_open(&e.b, (p2p_frame){block, len}, &content, &text));
    close_ends(&e);
}

static void a_worn_key_is_renewed(void **state) {
    (void)state;
    for (size_t s = 0; s < P2P_COUNT(SUITES); s++) {
        uint8_t block[64], content;
        p2p_frame text;
        ends e;
        open_ends(&e, SUITES[s]);
        check(!p2p_tls_record_worn(&e.a));
        e.a.tx.count = e.b.rx.count = (UINT64_C(1) << 24) - 1;
        p2p_frame frame = sealed(&e.a, block, 5, P2P_TLS_HANDSHAKE);
        check_ok(p2p_tls_record_open(&e.b, frame, &content, &text));
        check(p2p_tls_record_worn(&e.a) && content == P2P_TLS_HANDSHAKE);
        check_ok(p2p_tls_record_renew(&e.a, &e.a.tx));
        check(!p2p_tls_record_worn(&e.a));
        check_ok(p2p_tls_record_renew(&e.b, &e.b.rx));
        frame = sealed(&e.a, block, 30, P2P_TLS_DATA);
        check_ok(p2p_tls_record_open(&e.b, frame, &content, &text));
        close_ends(&e);
    }
}

static void an_unknown_suite_is_unsupported(void **state) {
    (void)state;
    p2p_tls_record record;
    check_err(P2P_ERR_UNSUPPORTED, p2p_tls_record_init(&record, 0x1304, ONE, TWO));
    p2p_tls_record_deinit(&record);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_record_of_rfc_8448),
        cmocka_unit_test(what_one_end_seals_the_other_opens),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(a_record_opens_once_and_in_its_turn),
        cmocka_unit_test(padding_alone_is_refused),
        cmocka_unit_test(a_short_record_is_refused),
        cmocka_unit_test(a_worn_key_is_renewed),
        cmocka_unit_test(an_unknown_suite_is_unsupported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
