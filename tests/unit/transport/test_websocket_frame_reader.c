/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The cases of the Autobahn suite, groups 1 to 7, restated for a reader that takes binary messages
 * only. Each input is written as a server's frames and masked for the server's side; each runs with
 * the input whole, in single bytes, and cut once at every place.
 */
#include "support/check.h"

#include "transport/websocket_frame_reader.h"

enum { MAX_FRAME = 1 << 20, LOG_MAX = 1 << 18 };

/* What a run reported, as text: "data:…", "ping:…", "pong:…", "close CODE:…", "error CODE". Data
 * that comes in pieces is joined. */
typedef struct event_log {
    char *text;
    size_t len;
    bool in_data;
} event_log;

static void put(event_log *log, const char *text, size_t len) {
    check(log->len + len < LOG_MAX);
    memcpy(log->text + log->len, text, len);
    log->len += len;
    log->text[log->len] = '\0';
}

static void begin(event_log *log, const char *what) {
    if (log->len > 0)
        put(log, " ", 1);
    put(log, what, strlen(what));
    log->in_data = false;
}

static void note(event_log *log, const p2p_ws_item *item) {
    char label[32];
    if (item->event == P2P_WS_NEED_MORE)
        return;
    if (item->event == P2P_WS_GOT_DATA && log->in_data) {
        put(log, (const char *)item->data, item->len);
        return;
    }
    snprintf(label, sizeof label, "close %u:", item->code);
    begin(log, item->event == P2P_WS_GOT_DATA   ? "data:"
               : item->event == P2P_WS_GOT_PING ? "ping:"
               : item->event == P2P_WS_GOT_PONG ? "pong:"
                                                : label);
    put(log, (const char *)item->data, item->len);
    log->in_data = item->event == P2P_WS_GOT_DATA;
}

/* Feeds one piece; false once it failed. */
static bool feed(p2p_ws_reader *reader, event_log *log, const uint8_t *bytes, size_t len) {
    uint8_t *copy = malloc(len + 1); /* an exact block, so that a sanitizer sees every overrun */
    memcpy(copy, bytes, len);
    size_t at = 0;
    bool fine = true;
    while (at < len && fine) {
        p2p_ws_item item;
        p2p_err err = p2p_ws_reader_feed(reader, copy + at, len - at, &item);
        if (err != P2P_OK) {
            char label[32];
            snprintf(label, sizeof label, "error %u", item.code);
            begin(log, label);
            p2p_ws_item again;
            check_err(err, p2p_ws_reader_feed(reader, copy, len, &again));
            check(again.code == item.code);
            fine = false;
        } else {
            check(item.used > 0 && item.used <= len - at);
            note(log, &item);
            at += item.used;
        }
    }
    free(copy);
    return fine;
}

static void run(p2p_ws_role role, p2p_bytes in, size_t step, size_t cut, const char *want) {
    event_log log = {malloc(LOG_MAX), 0, false};
    log.text[0] = '\0';
    p2p_ws_reader reader;
    p2p_ws_reader_init(&reader, role, MAX_FRAME);
    size_t at = 0;
    while (at < in.len) {
        size_t n = at == 0 && cut > 0 ? cut : step;
        n = n < in.len - at ? n : in.len - at;
        if (!feed(&reader, &log, in.ptr + at, n))
            break;
        at += n;
    }
    if (strcmp(log.text, want) != 0)
        fail_msg("step %zu cut %zu: got \"%.200s\", want \"%.200s\"", step, cut, log.text, want);
    free(log.text);
}

static void run_all_ways(p2p_ws_role role, p2p_bytes in, const char *want) {
    run(role, in, in.len, 0, want);
    run(role, in, 1, 0, want);
    for (size_t cut = 1; cut < in.len && cut < 200; cut++)
        run(role, in, in.len, cut, want);
}

/* Puts a mask on every frame of a well-formed server stream; the rest of a broken one as well as it
 * goes. */
static size_t to_client(uint8_t *dst, p2p_bytes in) {
    size_t out = 0;
    size_t at = 0;
    while (at + 2 <= in.len) {
        size_t extended = (in.ptr[at + 1] & 0x7f) == 127   ? 8
                          : (in.ptr[at + 1] & 0x7f) == 126 ? 2
                                                           : 0;
        uint64_t len = in.ptr[at + 1] & 0x7f;
        if (at + 2 + extended > in.len)
            break;
        if (extended == 2)
            len = p2p_load16(in.ptr + at + 2);
        if (extended == 8)
            len = p2p_load64(in.ptr + at + 2);
        size_t have = len < in.len - at - 2 - extended ? (size_t)len : in.len - at - 2 - extended;
        const uint8_t key[4] = {(uint8_t)(0x11 * at), 0xa5, (uint8_t)at, 0x5a};
        memcpy(dst + out, in.ptr + at, 2 + extended);
        dst[out + 1] |= 0x80;
        memcpy(dst + out + 2 + extended, key, 4);
        memcpy(dst + out + 6 + extended, in.ptr + at + 2 + extended, have);
        p2p_ws_mask(dst + out + 6 + extended, have, key, 0);
        out += 6 + extended + have;
        at += 2 + extended + have;
    }
    memcpy(dst + out, in.ptr + at, in.len - at);
    return out + in.len - at;
}

static void both_roles_bytes(p2p_bytes in, const char *want) {
    uint8_t *masked = malloc(in.len * 4 + 64);
    size_t len = to_client(masked, in);
    run_all_ways(P2P_WS_CLIENT, in, want);
    run_all_ways(P2P_WS_SERVER, p2p_bytes_of(masked, len), want);
    free(masked);
}

static void both_roles(const char *hex, const char *want) {
    uint8_t bytes[1024];
    both_roles_bytes(p2p_bytes_of(bytes, from_hex(hex, bytes, sizeof bytes)), want);
}

/* --- group 1: framing --- */

static void binary_messages_of_every_length_form_pass(void **state) {
    (void)state;
    static const size_t SIZES[] = {0, 1, 125, 126, 127, 128, 65535, 65536};
    for (size_t i = 0; i < P2P_COUNT(SIZES); i++) {
        size_t size = SIZES[i];
        uint8_t *frame = malloc(size + P2P_WS_HEAD_MAX);
        char *want = malloc(size + 16);
        uint8_t head[P2P_WS_HEAD_MAX];
        size_t n = p2p_ws_head_encode(head, P2P_WS_SERVER, P2P_WS_BINARY, size, NULL);
        memcpy(frame, head, n);
        memset(frame + n, '*', size);
        strcpy(want, size > 0 ? "data:" : "");
        size_t at = strlen(want);
        memset(want + at, '*', size);
        want[at + size] = '\0';
        p2p_bytes whole = p2p_bytes_of(frame, n + size);
        if (size < 1000) {
            both_roles_bytes(whole, want);
        } else {
            run(P2P_WS_CLIENT, whole, whole.len, 0, want);
            run(P2P_WS_CLIENT, whole, 997, 0, want);
            run(P2P_WS_CLIENT, whole, 1, 0, want);
            uint8_t *masked = malloc(size + 64);
            p2p_bytes client = p2p_bytes_of(masked, to_client(masked, whole));
            run(P2P_WS_SERVER, client, client.len, 0, want);
            run(P2P_WS_SERVER, client, 997, 0, want);
            run(P2P_WS_SERVER, client, 1, 0, want);
            free(masked);
        }
        free(frame);
        free(want);
    }
}

/* spec: rfc6455 #5.2: the minimal number of bytes MUST be used to encode the length. */
static void lengths_not_in_their_shortest_form_are_refused(void **state) {
    (void)state;
    both_roles("827e007d", "error 1002");
    both_roles("827e0000", "error 1002");
    both_roles("827f000000000000ffff", "error 1002");
    both_roles("827f8000000000000000", "error 1002");
    both_roles("827fffffffffffffffff", "error 1002");
}

static void a_frame_over_the_limit_is_refused_by_its_head(void **state) {
    (void)state;
    both_roles("827f0000000000100001", "error 1009");
    both_roles("827f7fffffffffffffff", "error 1009");
    both_roles("827f0000000000100000 4142", "data:AB");
}

static void text_is_refused_once_it_ended(void **state) {
    (void)state;
    both_roles("8100", "error 1003");
    both_roles("810548656c6c6f", "error 1003");
    both_roles("0103 48656c 8902 6869 8002 6c6f", "ping:hi error 1003");
}

/* --- group 2: pings and pongs --- */

static void pings_and_pongs_carry_their_payload(void **state) {
    (void)state;
    both_roles("8900", "ping:");
    both_roles("890548656c6c6f", "ping:Hello");
    both_roles("8a00", "pong:");
    both_roles("8a023132 8900 8901 78", "pong:12 ping: ping:x");
    uint8_t longest[127] = {0x89, 125};
    memset(longest + 2, 'p', 125);
    char want[200] = "ping:";
    memset(want + 5, 'p', 125);
    both_roles_bytes(p2p_bytes_of(longest, 127), want);
}

/* spec: rfc6455 #5.5: control frames MUST have a payload of 125 bytes or less and MUST NOT be
 * fragmented. */
static void a_control_frame_is_neither_long_nor_fragmented(void **state) {
    (void)state;
    both_roles("897e007e", "error 1002");
    both_roles("887e007e", "error 1002");
    both_roles("8a7f", "error 1002");
    both_roles("0900", "error 1002");
    both_roles("0a00", "error 1002");
    both_roles("0800", "error 1002");
}

/* --- groups 3 and 4: reserved bits and opcodes --- */

/* spec: rfc6455 #5.2: the reserved bits MUST be 0; an unknown opcode MUST fail the connection. */
static void every_reserved_bit_is_refused(void **state) {
    (void)state;
    for (uint8_t bits = 1; bits < 8; bits++)
        for (uint8_t i = 0; i < 4; i++) {
            const uint8_t opcodes[] = {P2P_WS_BINARY, P2P_WS_TEXT, P2P_WS_PING, P2P_WS_CLOSE};
            uint8_t frame[2] = {(uint8_t)(0x80 | bits << 4 | opcodes[i]), 0};
            both_roles_bytes(p2p_bytes_of(frame, 2), "error 1002");
        }
    both_roles("820141 c20142", "data:A error 1002");
}

static void every_reserved_opcode_is_refused(void **state) {
    (void)state;
    static const uint8_t OPCODES[] = {3, 4, 5, 6, 7, 11, 12, 13, 14, 15};
    for (size_t i = 0; i < P2P_COUNT(OPCODES); i++) {
        uint8_t frame[2] = {(uint8_t)(0x80 | OPCODES[i]), 0};
        both_roles_bytes(p2p_bytes_of(frame, 2), "error 1002");
    }
}

/* --- group 5: fragmentation --- */

static void fragments_join_and_control_frames_may_stand_between(void **state) {
    (void)state;
    both_roles("0202 6162 8002 6364", "data:abcd");
    both_roles("0201 61 0001 62 0001 63 8001 64", "data:abcd");
    both_roles("0202 6162 8904 70696e67 8002 6364", "data:ab ping:ping data:cd");
    both_roles("0200 0000 8000", "");
    both_roles("0200 0000 8001 7a", "data:z");
    both_roles(
        "0201 61 8901 31 0001 62 8901 32 8001 63 8201 64", "data:a ping:1 data:b ping:2 data:cd");
}

static void a_continuation_needs_a_message_and_a_message_its_end(void **state) {
    (void)state;
    both_roles("8001 61", "error 1002");
    both_roles("0001 61", "error 1002");
    both_roles("0201 61 8201 62", "data:a error 1002");
    both_roles("0201 61 0201 62", "data:a error 1002");
    both_roles("0201 61 8101 62", "data:a error 1002");
    both_roles("0201 61 8001 62 8001 63", "data:ab error 1002");
}

/* --- group 6: UTF-8 --- */

static void bad_text_is_refused_at_the_byte_that_is_bad(void **state) {
    (void)state;
    /* 6.3.1 and 6.4.1: κόσμε, a surrogate, "edited"; the rest never has to arrive */
    both_roles("8114 cebae1bdb9cf83cebcceb5 eda080 656469746564", "error 1007");
    both_roles("8114 cebae1bdb9cf83cebcceb5 eda0", "error 1007");
    both_roles("010b cebae1bdb9cf83cebcceb5 0004 f4908080", "error 1007");
    both_roles("8103 c0af41", "error 1007");
    both_roles("8101 ff", "error 1007");
    /* a character may be cut by a frame's end, but not by the message's */
    both_roles("0101 ce 8001 ba", "error 1003");
    both_roles("0101 ce 8000", "error 1007");
    both_roles("8102 e1bd", "error 1007");
}

static void binary_data_is_not_checked_as_text(void **state) {
    (void)state;
    both_roles("8201 ff", "data:\xff");
}

/* --- group 7: closing --- */

static void a_close_carries_code_and_reason_and_ends_all(void **state) {
    (void)state;
    both_roles("8800", "close 1005:");
    both_roles("8802 03e8", "close 1000:");
    both_roles("8805 03e9 627965", "close 1001:bye");
    both_roles("8802 0fa0", "close 4000:");
    both_roles("8807 03e8 c3a4c3b6 21", "close 1000:\xc3\xa4\xc3\xb6!");
    /* 7.1.2 to 7.1.5: whatever follows is ignored */
    both_roles("8800 8800", "close 1005:");
    both_roles("8802 03e8 8900 820141 ffff", "close 1000:");
    both_roles("0201 61 8800 8001 62", "data:a close 1005:");
}

static void a_broken_close_is_refused(void **state) {
    (void)state;
    both_roles("8801 03", "error 1002");
    both_roles("8802 0000", "error 1002");
    both_roles("8802 03e7", "error 1002");
    both_roles("8802 03ec", "error 1002");
    both_roles("8802 03ed", "error 1002");
    both_roles("8802 03ee", "error 1002");
    both_roles("8802 07d0", "error 1002");
    both_roles("8802 1388", "error 1002");
    both_roles("8802 ffff", "error 1002");
    both_roles("8805 03e8 c0af21", "error 1007"); /* 7.5.1 */
    both_roles("8803 03e8 ce", "error 1007");
}

/* --- masking --- */

/* spec: rfc6455 #5.1: a server MUST close the connection upon a frame that is not masked, a client
 * upon one that is. */
static void only_a_client_masks(void **state) {
    (void)state;
    uint8_t masked[] = {0x82, 0x81, 1, 2, 3, 4, 'A' ^ 1};
    uint8_t plain[] = {0x82, 0x01, 'A'};
    run_all_ways(P2P_WS_SERVER, p2p_bytes_of(masked, sizeof masked), "data:A");
    run_all_ways(P2P_WS_CLIENT, p2p_bytes_of(plain, sizeof plain), "data:A");
    run_all_ways(P2P_WS_SERVER, p2p_bytes_of(plain, sizeof plain), "error 1002");
    run_all_ways(P2P_WS_CLIENT, p2p_bytes_of(masked, sizeof masked), "error 1002");
}

static void data_is_handed_on_where_it_lies(void **state) {
    (void)state;
    uint8_t in[] = {0x82, 0x83, 1, 2, 3, 4, 'a' ^ 1, 'b' ^ 2, 'c' ^ 3, 0x89};
    p2p_ws_reader reader;
    p2p_ws_item item;
    p2p_ws_reader_init(&reader, P2P_WS_SERVER, MAX_FRAME);
    check_ok(p2p_ws_reader_feed(&reader, in, sizeof in, &item));
    check(item.event == P2P_WS_GOT_DATA && item.used == 9);
    check(item.data == in + 6 && item.len == 3);
    check(memcmp(in + 6, "abc", 3) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binary_messages_of_every_length_form_pass),
        cmocka_unit_test(lengths_not_in_their_shortest_form_are_refused),
        cmocka_unit_test(a_frame_over_the_limit_is_refused_by_its_head),
        cmocka_unit_test(text_is_refused_once_it_ended),
        cmocka_unit_test(pings_and_pongs_carry_their_payload),
        cmocka_unit_test(a_control_frame_is_neither_long_nor_fragmented),
        cmocka_unit_test(every_reserved_bit_is_refused),
        cmocka_unit_test(every_reserved_opcode_is_refused),
        cmocka_unit_test(fragments_join_and_control_frames_may_stand_between),
        cmocka_unit_test(a_continuation_needs_a_message_and_a_message_its_end),
        cmocka_unit_test(bad_text_is_refused_at_the_byte_that_is_bad),
        cmocka_unit_test(binary_data_is_not_checked_as_text),
        cmocka_unit_test(a_close_carries_code_and_reason_and_ends_all),
        cmocka_unit_test(a_broken_close_is_refused),
        cmocka_unit_test(only_a_client_masks),
        cmocka_unit_test(data_is_handed_on_where_it_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
