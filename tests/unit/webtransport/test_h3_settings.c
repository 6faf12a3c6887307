/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include "webtransport/h3_settings.h"

static p2p_err decode(const char *hex, p2p_h3_settings *settings, p2p_h3_error *error) {
    uint8_t bytes[1024];
    *error = P2P_H3_NO_ERROR;
    return p2p_h3_settings_decode(
        settings, p2p_bytes_of(bytes, from_hex(hex, bytes, sizeof bytes)), error);
}

/* Captured from Chromium 156. */
static void chromiums_settings_mean_draft_02(void **state) {
    (void)state;
    p2p_h3_settings s;
    p2p_h3_error error;
    check_ok(decode("0180010000 0680004000 074064 3301 80ffd27701 ab60374201"
                    "c00000 1d7dd76461 c0000000cc9bde84",
        &s, &error));
    check(s.qpack_max_table_capacity == 65536 && s.max_field_section == 16384);
    check(s.qpack_blocked_streams == 100 && s.datagram == 1 && s.wt_enable_02 == 1);
    check(s.connect_protocol == 0 && s.wt_enabled_15 == 0);
    check(p2p_wt_dialect_of(&s) == P2P_WT_DRAFT_02);
}

/* Captured from Firefox ESR 153.7. */
static void firefoxs_settings_mean_draft_02(void **state) {
    (void)state;
    p2p_h3_settings s;
    p2p_h3_error error;
    check_ok(decode("0180010000 0714 ab60374201 80ffd27701 3301 0801", &s, &error));
    check(s.qpack_blocked_streams == 20 && s.connect_protocol == 1 && s.datagram == 1);
    check(p2p_wt_dialect_of(&s) == P2P_WT_DRAFT_02);
}

static void peers_of_every_draft_are_told_apart(void **state) {
    (void)state;

    static const struct {
        const char *hex;
        p2p_wt_dialect dialect;
    } CASES[] = {
        {"", P2P_WT_NONE},
        {"0801 3301", P2P_WT_NONE},
        {"ab60374201", P2P_WT_NONE}, /* no datagrams */
        {"80ffd27701 ab60374201", P2P_WT_DRAFT_02},
        {"0801 3301 c0000000c671706a 01", P2P_WT_DRAFT_07},
        {"3301 c0000000c671706a 01", P2P_WT_NONE}, /* no extended CONNECT */
        {"0801 3301 94e9cd29 01", P2P_WT_DRAFT_07},
        {"0801 3301 ac7cf000 01", P2P_WT_DRAFT_15},
        {"0801 3301 ac7cf000 00", P2P_WT_NONE},
        /* go-libp2p 0.51 */
        {"0801 3301 ab60374201 ac7cf00001 94e9cd29 ffffffffffffffff", P2P_WT_DRAFT_02},
    };

    for (size_t i = 0; i < P2P_COUNT(CASES); i++) {
        p2p_h3_settings s;
        p2p_h3_error error;
        check_ok(decode(CASES[i].hex, &s, &error));
        if (p2p_wt_dialect_of(&s) != CASES[i].dialect)
            fail_msg("case %zu: %d", i, p2p_wt_dialect_of(&s));
    }
}

static void bad_settings_close_the_connection(void **state) {
    (void)state;

    static const struct {
        const char *hex;
        p2p_err err;
        p2p_h3_error error;
    } CASES[] = {
        {"3301 3301", P2P_ERR_VIOLATION, P2P_H3_SETTINGS_ERROR},
        {"3301 403301", P2P_ERR_VIOLATION, P2P_H3_SETTINGS_ERROR}, /* same id, longer form */
        {"21 00 21 01", P2P_ERR_VIOLATION, P2P_H3_SETTINGS_ERROR}, /* GREASE, but twice */
        {"0000", P2P_ERR_VIOLATION, P2P_H3_SETTINGS_ERROR},
        {"0200", P2P_ERR_VIOLATION, P2P_H3_SETTINGS_ERROR},
        {"0310", P2P_ERR_VIOLATION, P2P_H3_SETTINGS_ERROR},
        {"0480010000", P2P_ERR_VIOLATION, P2P_H3_SETTINGS_ERROR},
        {"0580004000", P2P_ERR_VIOLATION, P2P_H3_SETTINGS_ERROR},
        {"3302", P2P_ERR_VIOLATION, P2P_H3_SETTINGS_ERROR},
        {"0802", P2P_ERR_VIOLATION, P2P_H3_SETTINGS_ERROR},
        {"33", P2P_ERR_MALFORMED, P2P_H3_FRAME_ERROR},
        {"3340", P2P_ERR_MALFORMED, P2P_H3_FRAME_ERROR},
        {"80", P2P_ERR_MALFORMED, P2P_H3_FRAME_ERROR},
    };

    for (size_t i = 0; i < P2P_COUNT(CASES); i++) {
        p2p_h3_settings s;
        p2p_h3_error error;
        p2p_err err = decode(CASES[i].hex, &s, &error);
        if (err != CASES[i].err || error != CASES[i].error)
            fail_msg("case %zu: %s 0x%x", i, p2p_err_name(err), error);
    }
}

static void settings_without_end_are_refused(void **state) {
    (void)state;
    uint8_t bytes[65 * 3];
    p2p_writer w = p2p_writer_of(bytes, sizeof bytes);
    p2p_h3_settings s;
    p2p_h3_error error;
    for (uint64_t id = 0x100; id < 0x100 + 64; id++) {
        p2p_writer_quic_varint(&w, id);
        p2p_writer_quic_varint(&w, 0);
    }
    check_ok(p2p_h3_settings_decode(&s, p2p_writer_view(&w), &error));
    p2p_writer_quic_varint(&w, 0x200);
    p2p_writer_quic_varint(&w, 0);
    check_err(P2P_ERR_VIOLATION, p2p_h3_settings_decode(&s, p2p_writer_view(&w), &error));
    check(error == P2P_H3_EXCESSIVE_LOAD);
}

static void own_settings_speak_every_draft(void **state) {
    (void)state;
    uint8_t out[64];
    p2p_writer w = p2p_writer_of(out, sizeof out);
    p2p_h3_settings_put(&w);
    check_ok(p2p_writer_end(&w));
    check_bytes(p2p_writer_view(&w),
        "04 21 0801 3301 80ffd27701 ab60374201 c0000000c671706a01 94e9cd2901 ac7cf00001");
    p2p_h3_settings s;
    p2p_h3_error error;
    check_ok(p2p_h3_settings_decode(&s, p2p_bytes_of(out + 2, w.len - 2), &error));
    check(p2p_wt_dialect_of(&s) == P2P_WT_DRAFT_02);
    check(s.wt_max_sessions_13 == 1); /* more would switch on flow control of sessions */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chromiums_settings_mean_draft_02),
        cmocka_unit_test(firefoxs_settings_mean_draft_02),
        cmocka_unit_test(peers_of_every_draft_are_told_apart),
        cmocka_unit_test(bad_settings_close_the_connection),
        cmocka_unit_test(settings_without_end_are_refused),
        cmocka_unit_test(own_settings_speak_every_draft),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
