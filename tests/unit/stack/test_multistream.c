/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "stack/multistream.h"

#include "base/bytes.h"
#include "support/check.h"

#define HEADER "\x13/multistream/1.0.0\n"

static const char *const ABC[] = {"/a/1", "/b/1", "/c/1", NULL};
static const char *const ONE[] = {"/a/1", NULL};

typedef struct talk {
    faulty_mem mem;
    p2p_multistream ms;
    p2p_buf out;
    char wanted[16];
    size_t asked;
} talk;

static bool accept(void *ctx, p2p_bytes id) {
    talk *t = ctx;
    t->asked++;
    return p2p_bytes_equal(id, p2p_bytes_text(t->wanted));
}

static void start(talk *t, const char *const *proposals, const char *wanted) {
    *t = (talk){0};
    faulty_mem_init(&t->mem);
    snprintf(t->wanted, sizeof t->wanted, "%s", wanted);
    p2p_buf_init(&t->out, &t->mem.mem, 1 << 16);
    if (proposals != NULL)
        p2p_multistream_init_initiator(&t->ms, &t->mem.mem, proposals);
    else
        p2p_multistream_init_responder(&t->ms, &t->mem.mem);
    check_ok(p2p_multistream_first(&t->ms, &t->out));
}

static void stop(talk *t) {
    p2p_multistream_deinit(&t->ms);
    p2p_buf_deinit(&t->out);
    check(t->mem.live_blocks == 0);
}

static p2p_err feed(talk *t, const char *bytes, size_t len, size_t *used) {
    return p2p_multistream_feed(
        &t->ms, p2p_bytes_of((const uint8_t *)bytes, len), used, &t->out, accept, t);
}

#define FEED(t, text, used) feed((t), (text), sizeof(text) - 1, (used))

static void check_said(talk *t, const char *text) {
    check_same(p2p_buf_view(&t->out), p2p_bytes_text(text));
    p2p_buf_consume(&t->out, p2p_buf_len(&t->out));
}

/* spec: connections #multistream-select: each message ends with a newline and is prefixed with its
 * length as a varint. */
static void both_sides_begin_with_the_header(void **state) {
    (void)state;
    talk t;
    start(&t, NULL, "");
    check_bytes(p2p_buf_view(&t.out), "13 2f6d756c746973747265616d2f312e302e30 0a");
    stop(&t);
    start(&t, ABC, "");
    check_said(&t, HEADER "\x05/a/1\n");
    stop(&t);
}

/* spec: connections #multistream-select: the responder echoes the protocol id, or answers "na". */
static void a_responder_echoes_what_it_speaks_and_keeps_what_follows(void **state) {
    (void)state;
    talk t;
    size_t used;
    start(&t, NULL, "/b/1");
    check_said(&t, HEADER);
    check_ok(FEED(&t, HEADER "\x05/a/1\n\x05/b/1\nthe rest", &used));
    check(t.ms.done && used == 20 + 6 + 6);
    check_said(&t, "\x03na\n\x05/b/1\n");
    stop(&t);
}

static void ls_is_answered_with_na(void **state) {
    (void)state;
    talk t;
    size_t used;
    start(&t, NULL, "/b/1");
    check_said(&t, HEADER);
    check_ok(FEED(&t, HEADER "\x03ls\n", &used));
    check(!t.ms.done);
    check_said(&t, "\x03na\n");
    stop(&t);
}

/* spec: connections #multistream-select: after "na" the initiator may try a different protocol id.
 */
static void an_initiator_proposes_one_after_the_other(void **state) {
    (void)state;
    talk t;
    size_t used;
    start(&t, ABC, "");
    check_said(&t, HEADER "\x05/a/1\n");
    check_ok(FEED(&t, HEADER, &used));
    check_ok(FEED(&t, "\x03na\n", &used));
    check_said(&t, "\x05/b/1\n");
    check_ok(FEED(&t, "\x05/b/1\nx", &used));
    check(t.ms.done && t.ms.current == 1 && used == 6);
    check(p2p_buf_len(&t.out) == 0);
    stop(&t);
}

static void an_initiator_without_more_to_propose_gives_up(void **state) {
    (void)state;
    talk t;
    size_t used;
    start(&t, ONE, "");
    check_err(P2P_ERR_NO_PROTOCOL, FEED(&t, HEADER "\x03na\n", &used));
    stop(&t);
}

static void an_echo_of_something_else_is_a_violation(void **state) {
    (void)state;
    talk t;
    size_t used;
    start(&t, ABC, "");
    check_err(P2P_ERR_VIOLATION, FEED(&t, HEADER "\x05/c/1\n", &used));
    stop(&t);
    start(&t, ABC, "");
    check_err(P2P_ERR_VIOLATION, FEED(&t, "\x05/a/1\n", &used));
    stop(&t);
}

static void every_cut_gives_the_same(void **state) {
    (void)state;
    static const char ALL[] = HEADER "\x05/a/1\n\x05/b/1\nrest";
    const size_t END = 20 + 6 + 6;
    for (size_t first = 0; first < sizeof ALL - 1; first++) {
        for (size_t second = first; second < sizeof ALL - 1; second++) {
            talk t;
            size_t used, total = 0;
            const size_t cuts[] = {0, first, second, sizeof ALL - 1};
            start(&t, NULL, "/b/1");
            for (size_t i = 0; i < 3 && !t.ms.done; i++) {
                check_ok(feed(&t, ALL + cuts[i], cuts[i + 1] - cuts[i], &used));
                total += used;
            }
            check(t.ms.done && total == END && t.asked == 2);
            check_said(&t, HEADER "\x03na\n\x05/b/1\n");
            stop(&t);
        }
    }
}

/* spec: connections #multistream-select: anything other than the multistream protocol id as the
 * first message aborts the negotiation. */
static void bad_lines_are_named(void **state) {
    (void)state;

    static const struct {
        const char *bytes;
        size_t len;
        p2p_err err;
    } BAD[] = {
        {"\x00", 1, P2P_ERR_MALFORMED},                      /* nothing, not even a line end */
        {"\x03nax", 4, P2P_ERR_MALFORMED},                   /* no line end */
        {"\x81\x08", 2, P2P_ERR_TOO_BIG},                    /* 1025 */
        {"\xff\xff\x01", 3, P2P_ERR_MALFORMED},              /* three bytes of length */
        {"\x01\n", 2, P2P_ERR_VIOLATION},                    /* an empty header */
        {"\x13/multistream/2.0.0\n", 20, P2P_ERR_VIOLATION}, /* another version */
    };

    for (size_t i = 0; i < P2P_COUNT(BAD); i++)
        for (size_t piece = 1; piece <= BAD[i].len; piece++) {
            talk t;
            p2p_err err = P2P_OK;
            start(&t, NULL, "");
            for (size_t at = 0; at < BAD[i].len && err == P2P_OK; at += piece) {
                size_t used, len = BAD[i].len - at < piece ? BAD[i].len - at : piece;
                err = feed(&t, BAD[i].bytes + at, len, &used);
            }
            check_err(BAD[i].err, err);
            stop(&t);
        }
}

static void the_longest_line_is_1024_bytes(void **state) {
    (void)state;
    static char line[2 + 1024] = "\x80\x08";
    talk t;
    size_t used;
    memset(line + 2, 'x', 1023);
    line[2 + 1023] = '\n';
    start(&t, NULL, "");
    check_ok(FEED(&t, HEADER, &used));
    check_ok(feed(&t, line, sizeof line, &used));
    check(t.asked == 1);
    for (size_t i = 0; i < sizeof line; i++)
        check_ok(feed(&t, line + i, 1, &used));
    check(t.asked == 2);
    stop(&t);
}

static void a_responder_answers_no_more_than_its_maximum(void **state) {
    (void)state;
    talk t;
    size_t used;
    start(&t, NULL, "");
    check_ok(FEED(&t, HEADER, &used));
    for (size_t i = 0; i < P2P_MULTISTREAM_TRIES_MAX; i++)
        check_ok(FEED(&t, "\x05/a/1\n", &used));
    check_err(P2P_ERR_VIOLATION, FEED(&t, "\x05/a/1\n", &used));
    check(t.asked == P2P_MULTISTREAM_TRIES_MAX);
    stop(&t);
}

static p2p_err agree(const p2p_mem *mem, void *ctx) {
    (void)ctx;
    talk t = {0};
    size_t used;
    snprintf(t.wanted, sizeof t.wanted, "/b/1");
    p2p_buf_init(&t.out, mem, 1 << 16);
    p2p_multistream_init_responder(&t.ms, mem);
    p2p_err err = p2p_multistream_first(&t.ms, &t.out);
    static const char ALL[] = HEADER "\x05/a/1\n\x05/b/1\n";
    for (size_t i = 0; i < sizeof ALL - 1 && err == P2P_OK; i++)
        err = feed(&t, ALL + i, 1, &used);
    p2p_multistream_deinit(&t.ms);
    p2p_buf_deinit(&t.out);
    return err;
}

static void it_fails_cleanly_without_memory(void **state) {
    (void)state;
    sweep_allocations(agree, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_begin_with_the_header),
        cmocka_unit_test(a_responder_echoes_what_it_speaks_and_keeps_what_follows),
        cmocka_unit_test(ls_is_answered_with_na),
        cmocka_unit_test(an_initiator_proposes_one_after_the_other),
        cmocka_unit_test(an_initiator_without_more_to_propose_gives_up),
        cmocka_unit_test(an_echo_of_something_else_is_a_violation),
        cmocka_unit_test(every_cut_gives_the_same),
        cmocka_unit_test(bad_lines_are_named),
        cmocka_unit_test(the_longest_line_is_1024_bytes),
        cmocka_unit_test(a_responder_answers_no_more_than_its_maximum),
        cmocka_unit_test(it_fails_cleanly_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
