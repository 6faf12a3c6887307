/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include "base/der.h"

static p2p_err read_octets(const char *hex, size_t *len) {
    uint8_t bytes[600];
    p2p_cursor c = p2p_cursor_of(p2p_bytes_of(bytes, from_hex(hex, bytes, sizeof bytes)));
    *len = p2p_der_content(&c, P2P_DER_OCTET_STRING).len;
    return p2p_cursor_end(&c);
}

static void only_the_shortest_length_is_read(void **state) {
    (void)state;
    size_t len;
    check_ok(read_octets("0400", &len));
    check(len == 0);
    check_ok(read_octets("0403aabbcc", &len));
    check(len == 3);
    check_err(P2P_ERR_MALFORMED, read_octets("048103aabbcc", &len));
    check_err(P2P_ERR_MALFORMED, read_octets("04820003aabbcc", &len));
    check_err(P2P_ERR_MALFORMED, read_octets("0483000003aabbcc", &len));
    check_err(P2P_ERR_MALFORMED, read_octets("0480aabbcc0000", &len)); /* indefinite */
}

static void what_is_cut_or_another_thing_is_malformed(void **state) {
    (void)state;
    size_t len;
    check_err(P2P_ERR_MALFORMED, read_octets("", &len));
    check_err(P2P_ERR_MALFORMED, read_octets("04", &len));
    check_err(P2P_ERR_MALFORMED, read_octets("0403aabb", &len));
    check_err(P2P_ERR_MALFORMED, read_octets("0401aabb", &len));
    check_err(P2P_ERR_MALFORMED, read_octets("0201aa", &len));
}

static void written_lengths_are_read(void **state) {
    (void)state;
    static const size_t lengths[] = {0, 1, 127, 128, 255, 256, 65535};
    static uint8_t block[65535 + 4];
    for (size_t i = 0; i < P2P_COUNT(lengths); i++) {
        p2p_writer w = p2p_writer_of(block, sizeof block);
        p2p_der_put_head(&w, P2P_DER_SEQUENCE, lengths[i]);
        p2p_bytes all = p2p_bytes_of(block, w.len + lengths[i]);
        p2p_cursor c = p2p_cursor_of(all);
        check(p2p_der_is_next(&c, P2P_DER_SEQUENCE));
        check(p2p_der_content(&c, P2P_DER_SEQUENCE).len == lengths[i]);
        check_ok(p2p_cursor_end(&c));
        check(!p2p_der_is_next(&c, P2P_DER_SEQUENCE));
        c = p2p_cursor_of(all);
        check_same(p2p_der_element(&c, P2P_DER_SEQUENCE), all);
    }
}

static void an_error_goes_inside(void **state) {
    (void)state;
    const uint8_t bytes[] = {0x30, 0x05, 0x04};
    p2p_cursor outer = p2p_cursor_of(p2p_bytes_of(bytes, sizeof bytes));
    p2p_cursor inner = p2p_der_open(&outer, P2P_DER_SEQUENCE);
    check_err(P2P_ERR_MALFORMED, p2p_cursor_end(&outer));
    check_err(P2P_ERR_MALFORMED, p2p_cursor_end(&inner));
    check(p2p_der_element(&outer, P2P_DER_SEQUENCE).len == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_shortest_length_is_read),
        cmocka_unit_test(what_is_cut_or_another_thing_is_malformed),
        cmocka_unit_test(written_lengths_are_read),
        cmocka_unit_test(an_error_goes_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
