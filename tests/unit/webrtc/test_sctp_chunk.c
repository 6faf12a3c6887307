/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "webrtc/sctp_chunk.h"

#include "support/check.h"
#include "unit/webrtc/sctp_pair.h"
#include "webrtc/crc32c.h"

static const char CHROMIUM_INIT[] =
    "01 00 001e 8b1a8715 00500000 ffff ffff 98a414e1 c0000004 80080006 82c0 0000";

static void our_init_is_chromiums_byte_for_byte(void **state) {
    (void)state;
    uint8_t out[64];
    p2p_writer w = p2p_writer_of(out, sizeof out);
    p2p_sctp_init init = {.tag = 0x8b1a8715,
        .window = 5 << 20,
        .out_streams = 65535,
        .in_streams = 65535,
        .tsn = 0x98a414e1};
    p2p_sctp_init_encode(&w, 1, &init);
    check_bytes(p2p_writer_view(&w), CHROMIUM_INIT);
    p2p_sctp_init read;
    check_ok(p2p_sctp_init_decode(&read, p2p_bytes_of(out + 4, 26)));
    check(read.tag == init.tag && read.window == init.window && read.tsn == init.tsn);
    check(read.forward_tsn && read.reconfig && !read.zero_checksum && read.unrecognized_len == 0);
}

static void unknown_parameters_are_treated_by_their_high_bits(void **state) {
    (void)state;

    static const struct {
        const char *params;
        bool forward_tsn;
        size_t reported;
    } cases[] = {
        {"3fff0004 c0000004", false, 0}, /* stop, silent */
        {"7fff0004 c0000004", false, 4}, /* stop, report */
        {"bfff0006 0102 0000 c0000004", true, 0},
        {"ffff0006 0102 0000 c0000004", true, 8},
    };

    for (size_t i = 0; i < P2P_COUNT(cases); i++) {
        uint8_t body[64];
        size_t len = from_hex("00000001 00001000 0001 0001 00000000", body, sizeof body);
        len += from_hex(cases[i].params, body + len, sizeof body - len);
        p2p_sctp_init init;
        check_ok(p2p_sctp_init_decode(&init, p2p_bytes_of(body, len)));
        check(init.forward_tsn == cases[i].forward_tsn);
        check(init.unrecognized_len == cases[i].reported);
    }
}

static void bad_inits_are_refused(void **state) {
    (void)state;
    static const char *bodies[] = {"00000001 00001000 0001 0001 000000",
        "00000000 00001000 0001 0001 00000000", "00000001 00001000 0000 0001 00000000",
        "00000001 00001000 0001 0000 00000000", "00000001 00001000 0001 0001 00000000 8008 0003",
        "00000001 00001000 0001 0001 00000000 8008 0009 82"};
    for (size_t i = 0; i < P2P_COUNT(bodies); i++) {
        uint8_t body[64];
        p2p_sctp_init init;
        size_t len = from_hex(bodies[i], body, sizeof body);
        check_err(P2P_ERR_MALFORMED, p2p_sctp_init_decode(&init, p2p_bytes_of(body, len)));
    }
}

/* Fixed "random" bytes: what Chromium drew for its tag and first TSN. */
typedef struct script {
    uint8_t bytes[8];
    size_t at;
} script;

static void scripted_fill(void *ctx, uint8_t *dst, size_t len) {
    script *s = ctx;
    for (size_t i = 0; i < len; i++)
        dst[i] = s->at < sizeof s->bytes ? s->bytes[s->at++] : 0x55;
}

/* One line of the trace; false at the end of the text. */
static bool next_line(
    const char **text, char *direction, uint8_t *packet, size_t cap, size_t *len) {
    const char *p = *text;
    if (*p != 'O' && *p != 'I')
        return false;
    *direction = *p;
    const char *end = strchr(p, '\n');
    size_t size = end == NULL ? strlen(p) : (size_t)(end - p);
    *text = p + size + (end != NULL);
    *len = 0;
    for (const char *q = p + strlen("O 00:00:22.319 0000 "); q + 1 < p + size && *q != '#';
         q += 3) {
        check(*len < cap);
        char digits[3] = {q[0], q[1], 0};
        packet[(*len)++] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return true;
}

static uint32_t stored_sum(const uint8_t *packet) {
    return (uint32_t)packet[8] | (uint32_t)packet[9] << 8 | (uint32_t)packet[10] << 16 |
           (uint32_t)packet[11] << 24;
}

static uint32_t true_sum(uint8_t *packet, size_t len) {
    uint8_t sum[4];
    memcpy(sum, packet + 8, sizeof sum);
    memset(packet + 8, 0, sizeof sum);
    uint32_t crc = p2p_crc32c(packet, len);
    memcpy(packet + 8, sum, sizeof sum);
    return crc;
}

/*
 * Long packets are cut in the trace: what is missing is inside a cookie, whose content is nobody
 * else's business. And the cookie that the other side echoes must be this side's instead of
 * Chromium's.
 */
static size_t repair(uint8_t *packet, size_t len, const uint8_t *cookie) {
    size_t whole = 12 + (size_t)p2p_load16(packet + 14);
    if (packet[12] == SCTP_COOKIE_ECHO) {
        whole = 80;
        p2p_store16(packet + 14, 68);
        memcpy(packet + 16, cookie, 64);
    } else if (whole > len) {
        memset(packet + len, 0, whole - len);
    }
    uint32_t crc = true_sum(packet, whole);
    for (int i = 0; i < 4; i++)
        packet[8 + i] = (uint8_t)(crc >> (8 * i));
    return whole;
}

/*
 * This side takes Chromium's place: same tag, same TSN. What the other side (usrsctp, with many
 * more parameters) sent to Chromium is fed, and what comes out is compared where it must be the
 * same: INIT and COOKIE ACK.
 */
static void chromiums_trace_is_understood(void **state) {
    (void)state;
    size_t size;
    char *text = (char *)read_vector_file("sctp/chromium156-trace.txt", &size);
    script drawn = {{0x8b, 0x1a, 0x87, 0x15, 0x98, 0xa4, 0x14, 0xe1}, 0};
    p2p_random random = {scripted_fill, &drawn};
    pair_side side = {.unchecked = true};
    p2p_sctp_config config = P2P_SCTP_DEFAULTS;
    config.mem = &PAIR_MEM;
    config.random = &random;
    config.events = &PAIR_EVENTS;
    config.ctx = &side;
    p2p_sctp *a;
    uint8_t packet[1500], out[1200], cookie[64] = {0};
    size_t len, out_len, compared = 0, sums = 0;
    char direction;
    check_ok(p2p_sctp_new(&a, &config));
    check_ok(p2p_sctp_connect(a, P2P_SECOND));
    const char *at = text;
    while (next_line(&at, &direction, packet, sizeof packet, &len)) {
        bool whole = true_sum(packet, len) == stored_sum(packet);
        sums += whole;
        if (direction == 'I') {
            if (!whole || packet[12] == SCTP_COOKIE_ECHO)
                len = repair(packet, len, cookie);
            check_ok(p2p_sctp_input(a, packet, len, P2P_SECOND));
        } else if (packet[12] == SCTP_INIT || packet[12] == SCTP_COOKIE_ACK) {
            do
                check_ok(p2p_sctp_output(a, out, sizeof out, &out_len, P2P_SECOND));
            while (out[12] != packet[12]);
            check_same(p2p_bytes_of(out, out_len), p2p_bytes_of(packet, len));
            compared++;
        } else if (packet[12] == SCTP_INIT_ACK || packet[12] == SCTP_COOKIE_ECHO) {
            check_ok(p2p_sctp_output(a, out, sizeof out, &out_len, P2P_SECOND));
            check(out[12] == packet[12]);
            check_same(p2p_bytes_of(out, 8), p2p_bytes_of(packet, 8));
            if (out[12] == SCTP_INIT_ACK)
                memcpy(cookie, out + 36, sizeof cookie);
        }
    }
    check(compared == 2 && sums == 10);
    check(side.opened && !side.closed && side.messages == 2 && side.bytes == 1 + 36);
    p2p_sctp_free(a);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_init_is_chromiums_byte_for_byte),
        cmocka_unit_test(unknown_parameters_are_treated_by_their_high_bits),
        cmocka_unit_test(bad_inits_are_refused),
        cmocka_unit_test(chromiums_trace_is_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
