/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "mux/mplex.h"

#include "base/cursor.h"
#include "support/check.h"
#include "support/mux.h"

#define HELLO "\x13/multistream/1.0.0\n\x03/t\n"

typedef struct pair {
    faulty_mem mem;
    mux_end *a, *b; /* a is the initiator */
} pair;

static void pair_init(pair *p) {
    faulty_mem_init(&p->mem);
    p->a = malloc(sizeof *p->a);
    p->b = malloc(sizeof *p->b);
    mux_end_defaults(p->a);
    mux_end_defaults(p->b);
}

static void pair_start(pair *p) {
    check_ok(mux_end_start(p->a, &p2p_mplex, &p->mem.mem, true));
    check_ok(mux_end_start(p->b, &p2p_mplex, &p->mem.mem, false));
}

static void pair_deinit(pair *p) {
    mux_end_stop(p->a);
    mux_end_stop(p->b);
    free(p->a);
    free(p->b);
    check(p->mem.live_bytes == 0);
}

static bool carry(mux_end *from, mux_end *to, size_t cap) {
    static uint8_t block[70000];
    size_t len = mux_end_draw(from, block, cap);
    if (len > 0)
        (void)mux_end_feed(to, block, len);
    return len > 0;
}

static void carry_all(pair *p) {
    bool moved = true;
    while (moved) {
        moved = carry(p->a, p->b, 65519);
        moved |= carry(p->b, p->a, 65519);
    }
}

static p2p_mplex_session *session(mux_end *end) {
    return P2P_CONTAINER(end->conn, p2p_mplex_session, conn);
}

static void check_done(const mux_app *app, size_t received) {
    check(app->closed && app->how.err == P2P_OK && app->ended && app->wrong == 0);
    check(app->received == received && app->sent == app->to_send);
}

static void the_bytes_are_the_specs(void **state) {
    (void)state;
    pair p;
    p2p_err err;
    uint8_t wire[200];
    pair_init(&p);
    pair_start(&p);
    (void)mux_end_open(p.a, 2, &err);
    mux_end_turn(p.a);
    size_t len = mux_end_draw(p.a, wire, sizeof wire);
    check_bytes(p2p_bytes_of(wire, len),
        "00 00"                                                           /* new stream 0 */
        "02 1a 13 2f6d756c746973747265616d2f312e302e300a 03 2f740a 00 07" /* message */
        "04 00");                                                         /* close */
    check_ok(mux_end_feed(p.b, wire, len));
    len = mux_end_draw(p.b, wire, sizeof wire);
    check_bytes(p2p_bytes_of(wire, len), "01 18 13 2f6d756c746973747265616d2f312e302e300a 03 2f740a"
                                         "03 00");
    pair_deinit(&p);
}

static void both_sides_may_use_the_same_number(void **state) {
    (void)state;
    pair p;
    p2p_err err;
    pair_init(&p);
    pair_start(&p);
    mux_app *a = mux_end_open(p.a, 100000, &err), *b = mux_end_open(p.b, 50000, &err);
    carry_all(&p);
    check_done(a, 0);
    check_done(b, 0);
    check_done(&p.b->apps[1], 100000);
    check_done(&p.a->apps[1], 50000);
    check(session(p.a)->streams.count == 0 && session(p.b)->streams.count == 0);
    pair_deinit(&p);
}

static void random_traffic(uint64_t seed) {
    pair p;
    seeded_random random;
    uint8_t *wire = malloc(65536);
    size_t opened = 0, sent = 0, received = 0;
    seeded_random_init(&random, seed);
    pair_init(&p);
    p.a->reply = 30000;
    p.b->reply = 1000;
    pair_start(&p);
    for (size_t round = 0; round < 3000; round++) {
        uint64_t dice = seeded_random_next(&random);
        mux_end *from = dice & 1 ? p.a : p.b, *to = dice & 1 ? p.b : p.a;
        if ((dice >> 1) % 8 == 0 && opened < 200) {
            p2p_err err;
            opened++;
            check(mux_end_open(from, seeded_random_next(&random) % 60000, &err) != NULL);
        }
        size_t cap = (dice >> 4) % 3 == 0 ? 43 + (dice >> 8) % 100 : 43 + (dice >> 8) % 65000;
        size_t len = mux_end_draw(from, wire, cap);
        check(len <= cap);
        for (size_t at = 0; at < len;) {
            size_t piece = 1 + seeded_random_next(&random) % ((dice >> 5) % 4 == 0 ? 5 : 20000);
            piece = piece < len - at ? piece : len - at;
            check_ok(mux_end_feed(to, wire + at, piece));
            at += piece;
        }
    }
    carry_all(&p);
    check(p.a->app_count == opened && p.b->app_count == opened);
    for (size_t i = 0; i < opened; i++) {
        check(p.a->apps[i].closed && p.a->apps[i].how.err == P2P_OK && p.a->apps[i].wrong == 0);
        check(p.b->apps[i].closed && p.b->apps[i].how.err == P2P_OK && p.b->apps[i].wrong == 0);
        sent += p.a->apps[i].sent + p.b->apps[i].sent;
        received += p.a->apps[i].received + p.b->apps[i].received;
    }
    check(sent == received && sent > 1000000);
    check(p.a->env.chunks.used_count == 0 && p.b->env.chunks.used_count == 0);
    free(wire);
    pair_deinit(&p);
}

static void random_traffic_arrives_complete_and_in_order(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++)
        random_traffic(seed);
}

static void a_reset_ends_the_other_side(void **state) {
    (void)state;
    pair p;
    p2p_err err;
    pair_init(&p);
    p.b->reply = 1 << 20;
    pair_start(&p);
    mux_app *app = mux_end_open(p.a, 1 << 20, &err);
    carry(p.a, p.b, 5000);
    p2p_stream_reset(app->stream, 5);
    carry_all(&p);
    check(p.b->apps[0].closed && p.b->apps[0].how.err == P2P_ERR_RESET);
    app = mux_end_open(p.a, 1000, &err);
    carry(p.a, p.b, 5000);
    p2p_stream_reset(p.b->apps[1].stream, 5);
    carry_all(&p);
    check(app->closed && app->how.err == P2P_ERR_RESET);
    check(!p.a->ended && !p.b->ended);
    check(session(p.a)->streams.count == 0 && session(p.b)->streams.count == 0);
    /* One that was never sent leaves no trace. */
    app = mux_end_open(p.a, 1000, &err);
    p2p_stream_reset(app->stream, 5);
    mux_end_turn(p.a);
    check(app->closed && !carry(p.a, p.b, 5000));
    pair_deinit(&p);
}

static void a_reader_that_stops_loses_its_stream_and_no_other(void **state) {
    (void)state;
    pair p;
    p2p_err err;
    pair_init(&p);
    p.b->limits.window_max = 300000;
    p.b->stopped = true;
    pair_start(&p);
    mux_app *slow = mux_end_open(p.a, 2 << 20, &err);
    carry_all(&p);
    check(slow->closed && slow->how.err == P2P_ERR_RESET);
    check(p.b->apps[0].closed);
    check(p.b->env.chunks.used_count == 0);
    p.b->stopped = false;
    mux_app *quick = mux_end_open(p.a, 2 << 20, &err);
    carry_all(&p);
    check_done(quick, 0);
    pair_deinit(&p);
}

static void closing_finishes_what_was_shut(void **state) {
    (void)state;
    pair p;
    p2p_err err;
    pair_init(&p);
    p.a->limits.write_buffer = 1 << 20;
    pair_start(&p);
    (void)mux_end_open(p.a, 700000, &err);
    mux_end_turn(p.a);
    p2p_conn_close(p.a->conn, 0);
    carry_all(&p);
    check(p.b->apps[0].received == 700000 && p.b->apps[0].ended);
    check(p.a->ended && p.a->reason.err == P2P_ERR_CLOSED);
    check_ok(p2p_layer_eof(p.b->layer));
    check(p.b->ended && p.b->reason.err == P2P_ERR_EOF);
    pair_deinit(&p);
}

/* --- a peer written by hand --- */

static mux_end *alone(faulty_mem *mem, size_t streams) {
    mux_end *end = malloc(sizeof *end);
    faulty_mem_init(mem);
    mux_end_defaults(end);
    end->limits.streams_inbound_per_conn = streams;
    check_ok(mux_end_start(end, &p2p_mplex, &mem->mem, false));
    return end;
}

static void stop(mux_end *end, faulty_mem *mem) {
    mux_end_stop(end);
    free(end);
    check(mem->live_bytes == 0);
}

static p2p_err feed(mux_end *end, const char *text, size_t len) {
    return mux_end_feed(end, text, len);
}

#define FEED(end, text) feed((end), (text), sizeof(text) - 1)

/* spec: mplex #writing-to-a-stream: up to 1 MiB per message. */
static void frames_against_the_rules_end_the_session(void **state) {
    (void)state;

    static const struct {
        const char *bytes;
        size_t len;
        p2p_err err;
    } cases[] = {
        {"\x07\x00", 2, P2P_ERR_MALFORMED},     /* no such flag */
        {"\x82\x00\x00", 3, P2P_ERR_MALFORMED}, /* varint too long */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, P2P_ERR_MALFORMED},
        {"\x02\x81\x80\x40", 4, P2P_ERR_VIOLATION}, /* 1 MiB and one byte */
        {"\x02\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10, P2P_ERR_VIOLATION},
        {"\x00\x00\x00\x00", 4, P2P_ERR_VIOLATION}, /* opened twice */
    };

    for (size_t i = 0; i < P2P_COUNT(cases); i++) {
        for (size_t cut = 0; cut < cases[i].len; cut++) {
            faulty_mem mem;
            mux_end *end = alone(&mem, 10);
            p2p_err err = feed(end, cases[i].bytes, cut);
            if (err == P2P_OK)
                err = feed(end, cases[i].bytes + cut, cases[i].len - cut);
            check_err(cases[i].err, err);
            check(end->ended && end->reason.err == cases[i].err);
            stop(end, &mem);
        }
    }
}

static void frames_for_unknown_streams_are_read_past(void **state) {
    (void)state;
    faulty_mem mem;
    mux_end *end = alone(&mem, 10);
    check_ok(FEED(end, "\x0a\x05hello\x0c\x00\x0e\x03xyz\x09\x01z\x0b\x00\x0d\x00"));
    /* The name of a stream is not looked at; bodies of other frames neither. */
    check_ok(FEED(end, "\x10\x04name\x12\x18" HELLO "\x14\x02xx"));
    check(end->app_count == 1 && end->apps[0].ended);
    stop(end, &mem);
}

static void streams_beyond_the_limit_are_refused(void **state) {
    (void)state;
    faulty_mem mem;
    mux_end *end = alone(&mem, 1);
    uint8_t wire[100];
    check_ok(FEED(end, "\x00\x00\x08\x00\x10\x00"));
    size_t len = mux_end_draw(end, wire, 4);
    check_bytes(p2p_bytes_of(wire, len), "0d 00 15 00");
    /* A flood whose refusals nobody reads ends the session. */
    p2p_err err = P2P_OK;
    size_t count = 0;
    for (uint64_t id = 3; err == P2P_OK && count < 100000; id++, count++) {
        p2p_writer w = p2p_writer_of(wire, sizeof wire);
        p2p_writer_uvarint(&w, id << 3);
        p2p_writer_u8(&w, 0);
        err = mux_end_feed(end, wire, w.len);
        check(mem.live_bytes < 64 * 1024);
    }
    check_err(P2P_ERR_LIMIT, err);
    check(count > 1000);
    stop(end, &mem);
}

static void end_of_input_in_a_frame_is_no_good_order(void **state) {
    (void)state;
    for (size_t cut = 0; cut <= 6; cut++) {
        faulty_mem mem;
        mux_end *end = alone(&mem, 10);
        check_ok(feed(end, "\x00\x00\x02\x02xx", cut));
        check_ok(p2p_layer_eof(end->layer));
        bool whole = cut % 2 == 0 && cut != 4;
        check(end->ended && end->reason.err == (whole ? P2P_ERR_EOF : P2P_ERR_RESET));
        stop(end, &mem);
    }
}

static p2p_err sweep_scenario(const p2p_mem *mem, void *ctx) {
    (void)ctx;
    p2p_err err, result;
    mux_end *a = malloc(sizeof *a), *b = malloc(sizeof *b);
    uint8_t wire[20000];
    mux_end_defaults(a);
    mux_end_defaults(b);
    b->reply = 3000;
    result = mux_end_start(a, &p2p_mplex, mem, true);
    if (result == P2P_OK)
        result = mux_end_start(b, &p2p_mplex, mem, false);
    for (int i = 0; i < 3 && result == P2P_OK; i++)
        if (mux_end_open(a, 9000, &err) == NULL)
            result = err;
    for (int round = 0; round < 40 && result == P2P_OK; round++) {
        size_t len = mux_end_draw(a, wire, sizeof wire);
        (void)mux_end_feed(b, wire, len);
        len = mux_end_draw(b, wire, sizeof wire);
        (void)mux_end_feed(a, wire, len);
    }
    for (size_t i = 0; i < a->app_count && result == P2P_OK; i++)
        if (!a->apps[i].closed || a->apps[i].how.err != P2P_OK || a->apps[i].received != 3000)
            result = P2P_ERR_NO_MEMORY;
    mux_end_stop(a);
    if (b->env.mem != NULL)
        mux_end_stop(b);
    free(a);
    free(b);
    return result;
}

static void no_allocation_failure_breaks_a_session(void **state) {
    (void)state;
    sweep_allocations(sweep_scenario, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_the_specs),
        cmocka_unit_test(both_sides_may_use_the_same_number),
        cmocka_unit_test(random_traffic_arrives_complete_and_in_order),
        cmocka_unit_test(a_reset_ends_the_other_side),
        cmocka_unit_test(a_reader_that_stops_loses_its_stream_and_no_other),
        cmocka_unit_test(closing_finishes_what_was_shut),
        cmocka_unit_test(frames_against_the_rules_end_the_session),
        cmocka_unit_test(frames_for_unknown_streams_are_read_past),
        cmocka_unit_test(streams_beyond_the_limit_are_refused),
        cmocka_unit_test(end_of_input_in_a_frame_is_no_good_order),
        cmocka_unit_test(no_allocation_failure_breaks_a_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
