/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include "webtransport/capsule.h"

static const p2p_mem PLAIN_MEM;

/* What a run reported: "drain", "close CODE:reason", "error", and at the end "fin" or "cut". */
static void run(p2p_bytes in, size_t step, char log[2048]) {
    p2p_capsule_reader r;
    p2p_capsule_reader_init(&r, &PLAIN_MEM);
    log[0] = '\0';
    size_t at = 0;
    p2p_err err = P2P_OK;
    while (at < in.len && err == P2P_OK) {
        size_t n = step < in.len - at ? step : in.len - at;
        uint8_t *copy = malloc(n);
        memcpy(copy, in.ptr + at, n);
        for (size_t used = 0; used < n && err == P2P_OK;) {
            p2p_capsule_item item;
            err = p2p_capsule_reader_feed(&r, p2p_bytes_of(copy + used, n - used), &item);
            check(err != P2P_OK || (item.used > 0 && item.used <= n - used));
            used += item.used;
            if (item.event == P2P_CAPSULE_GOT_DRAIN)
                strcat(log, "drain ");
            if (item.event == P2P_CAPSULE_GOT_CLOSE)
                sprintf(log + strlen(log), "close %u:%.*s ", item.code, (int)item.reason.len,
                    (const char *)item.reason.ptr);
        }
        free(copy);
        at += n;
    }
    if (err == P2P_OK)
        strcat(log, p2p_capsule_reader_fin(&r) == P2P_OK ? "fin" : "cut");
    else
        strcat(log, "error");
    if (err != P2P_OK)
        check_err(err, p2p_capsule_reader_fin(&r));
    p2p_capsule_reader_deinit(&r);
}

static void check_log_bytes(p2p_bytes in, const char *want) {
    char log[2048];
    for (size_t step = 1; step <= in.len + 1; step += step < 80 ? 1 : 97) {
        run(in, step, log);
        if (strcmp(log, want) != 0)
            fail_msg("step %zu: got \"%s\", want \"%s\"", step, log, want);
    }
}

static void check_log(const char *hex, const char *want) {
    uint8_t in[2048];
    check_log_bytes(p2p_bytes_of(in, from_hex(hex, in, sizeof in)), want);
}

/* The bytes of Chromium 156: a capsule of a random type first, then close({closeCode: 7, reason:
 * 'bye'}). */
static void chromiums_session_is_read(void **state) {
    (void)state;
    check_log("c45ee17f711ea31f 05 0102030405 6843 07 00000007 627965", "close 7:bye fin");
}

static void close_and_drain_are_reported(void **state) {
    (void)state;
    check_log("", "fin");
    check_log("6843 04 00000000", "close 0: fin");
    check_log("6843 04 ffffffff", "close 4294967295: fin");
    check_log("800078ae 00", "drain fin");
    check_log("800078ae 00 800078ae 00 6843 06 00000001 c3a4", "drain drain close 1:\xc3\xa4 fin");
    check_log("80002843 80000004 00000000", "close 0: fin");
}

static void unknown_capsules_are_skipped_at_any_length(void **state) {
    (void)state;
    check_log("29 00 29 03 616263 00 02 6869 800078ae 00", "drain fin");
    check_log("29 ffffffffffffffff 616263", "cut");
    check_log("29", "cut");
    check_log("c4", "cut");
}

static void flow_control_is_checked_and_ignored(void **state) {
    (void)state;
    check_log("990b4d3d 01 05 990b4d3f 02 4064 990b4d40 04 80000001 990b4d41 08 c000000000000001"
              "990b4d43 01 00 990b4d44 01 00 800078ae 00",
        "drain fin");
    check_log("990b4d3d 00", "error");
    check_log("990b4d3d 02 0500", "error");
    check_log("990b4d3d 01 40", "error");
    check_log("990b4d3d 09 000000000000000000", "error");
}

static void malformed_capsules_are_refused(void **state) {
    (void)state;
    check_log("6843 03 000000", "error");
    check_log("6843 00", "error");
    check_log("800078ae 01 00", "error");
    check_log("6843 05 00000000 ff", "error");
    check_log("6843 06 00000000 e282", "error");
    check_log("6843 4405", "error"); /* 1 029 bytes: refused before they come */
    check_log("6843 04 000000", "cut");
    check_log("6843 04 00000000 00", "close 0: error"); /* nothing may follow */
}

static void a_reason_of_the_full_length_passes(void **state) {
    (void)state;
    uint8_t out[1200];
    uint8_t reason[P2P_WT_REASON_MAX + 1];
    char want[1200] = "close 9:";
    memset(reason, 'r', sizeof reason);
    memset(want + 8, 'r', P2P_WT_REASON_MAX);
    strcpy(want + 8 + P2P_WT_REASON_MAX, " fin");
    for (size_t excess = 0; excess < 2; excess++) {
        p2p_writer w = p2p_writer_of(out, sizeof out);
        p2p_capsule_put_close(&w, 9, p2p_bytes_of(reason, P2P_WT_REASON_MAX + excess));
        check_ok(p2p_writer_end(&w));
        check_log_bytes(p2p_writer_view(&w), want);
    }
    /* A character of two bytes across the limit goes whole. */
    reason[P2P_WT_REASON_MAX - 1] = 0xc3;
    reason[P2P_WT_REASON_MAX] = 0xa4;
    p2p_writer w = p2p_writer_of(out, sizeof out);
    p2p_capsule_put_close(&w, 9, p2p_bytes_of(reason, sizeof reason));
    strcpy(want + 8 + P2P_WT_REASON_MAX - 1, " fin");
    check_log_bytes(p2p_writer_view(&w), want);
}

static void capsules_are_written_as_the_draft_says(void **state) {
    (void)state;
    uint8_t out[64];
    p2p_writer w = p2p_writer_of(out, sizeof out);
    p2p_capsule_put_drain(&w);
    p2p_capsule_put_close(&w, 7, P2P_LITERAL("bye"));
    check_bytes(p2p_writer_view(&w), "800078ae 00 6843 07 00000007 627965");
}

static p2p_err scenario(const p2p_mem *mem, void *ctx) {
    (void)ctx;
    static const uint8_t IN[] = {0x68, 0x43, 0x07, 0, 0, 0, 7, 'b', 'y', 'e'};
    p2p_capsule_reader r;
    p2p_capsule_item item;
    p2p_capsule_reader_init(&r, mem);
    p2p_err err = P2P_OK;
    for (size_t i = 0; i < sizeof IN && err == P2P_OK; i++)
        err = p2p_capsule_reader_feed(&r, p2p_bytes_of(IN + i, 1), &item);
    p2p_capsule_reader_deinit(&r);
    return err;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    sweep_allocations(scenario, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chromiums_session_is_read),
        cmocka_unit_test(close_and_drain_are_reported),
        cmocka_unit_test(unknown_capsules_are_skipped_at_any_length),
        cmocka_unit_test(flow_control_is_checked_and_ignored),
        cmocka_unit_test(malformed_capsules_are_refused),
        cmocka_unit_test(a_reason_of_the_full_length_passes),
        cmocka_unit_test(capsules_are_written_as_the_draft_says),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
