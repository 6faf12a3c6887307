/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Two sessions back to back: whatever applications do, both sides see the same streams. */
#include "mux/yamux.h"

#include "support/check.h"
#include "support/mux.h"

typedef struct pair {
    faulty_mem mem;
    mux_end *a, *b; /* a is the initiator */
} pair;

static p2p_err pair_start(pair *p) {
    p2p_err err = mux_end_start(p->a, &p2p_yamux, &p->mem.mem, true);
    return err != P2P_OK ? err : mux_end_start(p->b, &p2p_yamux, &p->mem.mem, false);
}

static void pair_init(pair *p) {
    faulty_mem_init(&p->mem);
    p->a = malloc(sizeof *p->a);
    p->b = malloc(sizeof *p->b);
    mux_end_defaults(p->a);
    mux_end_defaults(p->b);
}

static void pair_deinit(pair *p) {
    mux_end_stop(p->a);
    mux_end_stop(p->b);
    free(p->a);
    free(p->b);
    check(p->mem.live_bytes == 0);
}

/* Carries one block from one end to the other; false when there was nothing. */
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

static void check_app(const mux_app *app, size_t received) {
    check(app->closed && app->how.err == P2P_OK);
    check(app->ended && app->wrong == 0);
    check(app->received == received && app->sent == app->to_send);
}

static void a_stream_carries_both_directions(void **state) {
    (void)state;
    pair p;
    p2p_err err;
    pair_init(&p);
    p.b->reply = 70000;
    check_ok(pair_start(&p));
    mux_app *app = mux_end_open(p.a, 500000, &err);
    check_ok(err);
    carry_all(&p);
    check(p.b->app_count == 1);
    check_app(app, 70000);
    check_app(&p.b->apps[0], 500000);
    check(((p2p_yamux_session *)p.a->conn)->streams.count == 0);
    check(((p2p_yamux_session *)p.b->conn)->streams.count == 0);
    check(((p2p_yamux_session *)p.a->conn)->unacked == 0);
    pair_deinit(&p);
}

/* Random opens, sizes, cut points, clocks and resets, from either side. */
static void random_traffic(uint64_t seed) {
    pair p;
    seeded_random random;
    uint8_t *wire = malloc(65536);
    size_t opened = 0;
    seeded_random_init(&random, seed);
    pair_init(&p);
    p.a->reply = 30000;
    p.b->reply = 1000;
    check_ok(pair_start(&p));
    for (size_t round = 0; round < 4000 || p.a->woken || p.b->woken; round++) {
        uint64_t dice = seeded_random_next(&random);
        mux_end *from = dice & 1 ? p.a : p.b, *to = dice & 1 ? p.b : p.a;
        if ((dice >> 1) % 8 == 0 && opened < 300) {
            p2p_err err;
            size_t size = seeded_random_next(&random) % 40000;
            if (size % 16 == 0)
                size *= 20;
            opened++;
            check(mux_end_open(from, size, &err) != NULL);
        }
        /* Some peers' draws are small, some feeds come byte by byte. */
        size_t cap = (dice >> 4) % 3 == 0 ? 13 + (dice >> 8) % 100 : 13 + (dice >> 8) % 65000;
        size_t len = mux_end_draw(from, wire, cap);
        check(len <= cap);
        for (size_t at = 0; at < len;) {
            size_t piece = 1 + seeded_random_next(&random) % ((dice >> 5) % 4 == 0 ? 20 : 20000);
            piece = piece < len - at ? piece : len - at;
            check_ok(mux_end_feed(to, wire + at, piece));
            at += piece;
        }
        mux_end_pass(p.a, P2P_MILLISECOND);
        mux_end_pass(p.b, P2P_MILLISECOND);
    }
    carry_all(&p);
    check(!p.a->ended && !p.b->ended);
    check(p.a->app_count == opened && p.b->app_count == opened);
    for (size_t i = 0; i < opened; i++) {
        check(p.a->apps[i].closed && p.a->apps[i].how.err == P2P_OK && p.a->apps[i].wrong == 0);
        check(p.b->apps[i].closed && p.b->apps[i].how.err == P2P_OK && p.b->apps[i].wrong == 0);
    }
    size_t sent = 0, received = 0;
    for (size_t i = 0; i < opened; i++) {
        sent += p.a->apps[i].sent + p.b->apps[i].sent;
        received += p.a->apps[i].received + p.b->apps[i].received;
    }
    check(sent == received && sent > 1000000);
    check(((p2p_yamux_session *)p.a->conn)->unacked == 0);
    check(p.a->env.chunks.used_count == 0 && p.b->env.chunks.used_count == 0);
    free(wire);
    pair_deinit(&p);
}

static void random_traffic_arrives_complete_and_in_order(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        random_traffic(seed);
}

static void any_cut_of_the_wire_gives_the_same_streams(void **state) {
    (void)state;
    pair p;
    p2p_err err;
    uint8_t wire[4096];
    pair_init(&p);
    check_ok(pair_start(&p));
    for (int i = 0; i < 3; i++)
        (void)mux_end_open(p.a, 100, &err);
    mux_end_turn(p.a);
    size_t len = mux_end_draw(p.a, wire, sizeof wire);
    check(len > 3 * 112);
    for (size_t cut = 0; cut <= len; cut++) {
        mux_end *to = malloc(sizeof *to);
        mux_end_defaults(to);
        check_ok(mux_end_start(to, &p2p_yamux, &p.mem.mem, false));
        check_ok(mux_end_feed(to, wire, cut));
        check_ok(mux_end_feed(to, wire + cut, len - cut));
        check(to->app_count == 3);
        for (int i = 0; i < 3; i++)
            check(to->apps[i].received == 100 && to->apps[i].ended && to->apps[i].wrong == 0);
        mux_end_stop(to);
        free(to);
    }
    pair_deinit(&p);
}

static void a_reader_that_stops_stops_the_writer(void **state) {
    (void)state;
    pair p;
    p2p_err err;
    pair_init(&p);
    p.b->stopped = true;
    check_ok(pair_start(&p));
    mux_app *slow = mux_end_open(p.a, 4 << 20, &err);
    carry_all(&p);
    /* One window and one write buffer are all that can be under way. The negotiation used some of
     * the window. */
    check(slow->sent < (256 + 64) * 1024 && slow->sent > (255 + 64) * 1024);
    /* Others are not held up by it. */
    p.b->stopped = false;
    mux_app *quick = mux_end_open(p.a, 1 << 20, &err);
    carry_all(&p);
    check_app(quick, 0);
    check(!slow->closed);
    pair_deinit(&p);
}

static void streams_share_the_wire_in_turn(void **state) {
    (void)state;
    pair p;
    p2p_err err;
    pair_init(&p);
    check_ok(pair_start(&p));
    for (int i = 0; i < 8; i++)
        (void)mux_end_open(p.a, 200000, &err);
    mux_end_turn(p.a);
    for (int i = 0; i < 6; i++)
        carry(p.a, p.b, 65519);
    size_t least = SIZE_MAX, most = 0;
    for (size_t i = 0; i < 8; i++) {
        size_t got = i < p.b->app_count ? p.b->apps[i].received : 0;
        least = got < least ? got : least;
        most = got > most ? got : most;
    }
    check(least > 0 && most - least <= 2 * 16384);
    pair_deinit(&p);
}

static void the_round_trip_is_measured(void **state) {
    (void)state;
    pair p;
    p2p_err err;
    p2p_conn_stats stats;
    pair_init(&p);
    check_ok(pair_start(&p));
    (void)mux_end_open(p.a, 10, &err);
    carry(p.a, p.b, 1000);
    mux_end_pass(p.a, 40 * P2P_MILLISECOND);
    mux_end_pass(p.b, 40 * P2P_MILLISECOND);
    carry(p.b, p.a, 1000);
    p2p_conn_get_stats(p.a->conn, &stats);
    check(stats.rtt == 40 * P2P_MILLISECOND);
    pair_deinit(&p);
}

/* A transfer with a round trip of 20 ms: each round moves all that the windows allow. */
static size_t rounds_for(pair *p, size_t bytes) {
    p2p_err err;
    mux_app *app = mux_end_open(p->a, bytes, &err);
    size_t rounds = 0;
    static uint8_t block[70000];
    uint8_t *air = malloc(64 << 20);
    while (!app->closed && rounds < 10000) {
        size_t len = 0, n;
        while ((n = mux_end_draw(p->a, block, 65519)) > 0) {
            memcpy(air + len, block, n);
            len += n;
        }
        mux_end_pass(p->a, 10 * P2P_MILLISECOND);
        mux_end_pass(p->b, 10 * P2P_MILLISECOND);
        check_ok(mux_end_feed(p->b, air, len));
        for (len = 0; (n = mux_end_draw(p->b, block, 65519)) > 0; len += n)
            memcpy(air + len, block, n);
        mux_end_pass(p->a, 10 * P2P_MILLISECOND);
        mux_end_pass(p->b, 10 * P2P_MILLISECOND);
        check_ok(mux_end_feed(p->a, air, len));
        rounds++;
    }
    free(air);
    check(p->b->apps[0].received == bytes && p->b->apps[0].wrong == 0);
    return rounds;
}

static void the_window_grows_to_fill_a_long_path(void **state) {
    (void)state;
    pair p;
    pair_init(&p);
    p.a->limits.write_buffer = 32 << 20;
    p.a->limits.buffered_bytes = p.b->limits.buffered_bytes = 256 << 20;
    check_ok(pair_start(&p));
    size_t rounds = rounds_for(&p, 20 << 20);
    /* 80 round trips with a window that stays; doubling takes six to reach the maximum. */
    check(rounds < 16);
    pair_deinit(&p);
}

static void the_window_stays_below_its_maximum(void **state) {
    (void)state;
    pair p;
    pair_init(&p);
    p.a->limits.write_buffer = 32 << 20;
    p.a->limits.buffered_bytes = p.b->limits.buffered_bytes = 256 << 20;
    p.b->limits.window_max = 512 * 1024;
    check_ok(pair_start(&p));
    size_t rounds = rounds_for(&p, 6 << 20);
    check(rounds >= 12 && rounds < 20);
    pair_deinit(&p);
}

static void a_window_does_not_grow_when_the_host_is_full(void **state) {
    (void)state;
    pair p;
    pair_init(&p);
    p.a->limits.write_buffer = 32 << 20;
    p.a->limits.buffered_bytes = 256 << 20;
    p.b->limits.buffered_bytes = 1 << 20;
    check_ok(pair_start(&p));
    /* Half of the pool and a little more is taken by something else. */
    p2p_chunkq other = {0};
    uint8_t *filler = calloc(1, 600 * 1024);
    check(p2p_chunkq_append(&other, &p.b->env.chunks, p2p_bytes_of(filler, 600 * 1024)) ==
          600 * 1024);
    check(rounds_for(&p, 4 << 20) >= 16);
    p2p_chunkq_clear(&other, &p.b->env.chunks);
    free(filler);
    pair_deinit(&p);
}

static void a_full_host_resets_the_stream_and_no_more(void **state) {
    (void)state;
    pair p;
    p2p_err err;
    pair_init(&p);
    p.b->limits.buffered_bytes = 128 * 1024;
    p.b->stopped = true;
    check_ok(pair_start(&p));
    mux_app *app = mux_end_open(p.a, 1 << 20, &err);
    carry_all(&p);
    check(app->closed && app->how.err == P2P_ERR_RESET);
    check(app->how.remote_code == P2P_CODE_RESOURCE_LIMIT_EXCEEDED);
    check(p.b->apps[0].how.err == P2P_ERR_LIMIT);
    check(!p.a->ended && !p.b->ended);
    pair_deinit(&p);
}

static void a_reset_carries_its_code(void **state) {
    (void)state;
    pair p;
    p2p_err err;
    pair_init(&p);
    check_ok(pair_start(&p));
    mux_app *app = mux_end_open(p.a, 1 << 20, &err);
    carry(p.a, p.b, 5000);
    p2p_stream_reset(app->stream, 0xabcd);
    carry_all(&p);
    check(app->closed && app->how.err == P2P_ERR_CLOSED);
    check(p.b->apps[0].closed && p.b->apps[0].how.err == P2P_ERR_RESET);
    check(p.b->apps[0].how.remote_code == 0xabcd);
    check(((p2p_yamux_session *)p.a->conn)->streams.count == 0);
    check(((p2p_yamux_session *)p.b->conn)->streams.count == 0);
    pair_deinit(&p);
}

static void a_stream_reset_before_it_was_sent_leaves_no_trace(void **state) {
    (void)state;
    pair p;
    p2p_err err;
    pair_init(&p);
    check_ok(pair_start(&p));
    mux_app *app = mux_end_open(p.a, 100, &err);
    p2p_stream_reset(app->stream, 5);
    mux_end_turn(p.a);
    check(app->closed);
    carry_all(&p);
    check(p.b->app_count == 0);
    check(((p2p_yamux_session *)p.a->conn)->unacked == 0);
    /* The number it had is skipped; the next one works. */
    app = mux_end_open(p.a, 100, &err);
    carry_all(&p);
    check_app(app, 0);
    pair_deinit(&p);
}

/* spec: yamux #ack-backlog--backpressure: implementations SHOULD at most allow an ACK backlog of
 * 256 streams. */
static void at_most_256_streams_wait_for_an_answer(void **state) {
    (void)state;
    pair p;
    p2p_err err;
    pair_init(&p);
    check_ok(pair_start(&p));
    for (int i = 0; i < 256; i++)
        check(mux_end_open(p.a, 1, &err) != NULL);
    check(mux_end_open(p.a, 1, &err) == NULL);
    check_err(P2P_ERR_AGAIN, err);
    mux_end_turn(p.a);
    while (carry(p.a, p.b, 65519)) {
    }
    check(p.b->app_count == 256);
    check(mux_end_open(p.a, 1, &err) == NULL);
    carry_all(&p);
    check(mux_end_open(p.a, 1, &err) != NULL);
    carry_all(&p);
    pair_deinit(&p);
}

static void closing_finishes_what_was_shut(void **state) {
    (void)state;
    pair p;
    p2p_err err;
    pair_init(&p);
    p.a->limits.write_buffer = 1 << 20;
    check_ok(pair_start(&p));
    mux_app *shut = mux_end_open(p.a, 700000, &err);
    mux_end_turn(p.a);
    p2p_conn_close(p.a->conn, 0x1006);
    carry_all(&p);
    check(p.b->app_count == 1 && p.b->apps[0].received == 700000 && p.b->apps[0].ended);
    check(p.a->ended && p.a->reason.err == P2P_ERR_CLOSED && !p.a->reason.by_peer);
    check(!p.b->ended);
    mux_end_pass(p.b, 1);
    check(p.b->ended && p.b->reason.by_peer && p.b->reason.remote_code == 0x1006);
    check(shut->closed);
    pair_deinit(&p);
}

static void a_closed_session_opens_and_accepts_nothing(void **state) {
    (void)state;
    pair p;
    p2p_err err;
    pair_init(&p);
    check_ok(pair_start(&p));
    (void)mux_end_open(p.b, 1 << 20, &err);
    carry_all(&p);
    p2p_conn_close(p.a->conn, 0);
    check(mux_end_open(p.a, 1, &err) == NULL);
    check_err(P2P_ERR_STATE, err);
    carry_all(&p);
    check(p.a->ended && p.b->ended);
    check(p.b->reason.err == P2P_ERR_EOF && p.b->reason.remote_code == 0);
    pair_deinit(&p);
}

static p2p_err sweep_scenario(const p2p_mem *mem, void *ctx) {
    (void)ctx;
    p2p_err err, result = P2P_OK;
    mux_end *a = malloc(sizeof *a), *b = malloc(sizeof *b);
    uint8_t wire[20000];
    mux_end_defaults(a);
    mux_end_defaults(b);
    b->reply = 3000;
    result = mux_end_start(a, &p2p_yamux, mem, true);
    if (result == P2P_OK)
        result = mux_end_start(b, &p2p_yamux, mem, false);
    else
        b->env.mem = b->env.timers.mem = b->env.chunks.mem = mem;
    for (int i = 0; i < 3 && result == P2P_OK; i++) {
        mux_app *app = mux_end_open(a, 9000, &err);
        result = app == NULL ? err : P2P_OK;
    }
    for (int round = 0; round < 40 && result == P2P_OK; round++) {
        size_t len = mux_end_draw(a, wire, sizeof wire);
        (void)mux_end_feed(b, wire, len);
        len = mux_end_draw(b, wire, sizeof wire);
        (void)mux_end_feed(a, wire, len);
    }
    for (size_t i = 0; i < a->app_count && result == P2P_OK; i++)
        if (!a->apps[i].closed || a->apps[i].how.err != P2P_OK || a->apps[i].received != 3000)
            result = a->apps[i].closed ? a->apps[i].how.err : P2P_ERR_NO_MEMORY;
    mux_end_stop(a);
    mux_end_stop(b);
    free(a);
    free(b);
    return result;
}

static void no_allocation_failure_breaks_a_session(void **state) {
    (void)state;
    sweep_allocations(sweep_scenario, NULL);
}

static void an_idle_session_is_small(void **state) {
    (void)state;
    pair p;
    pair_init(&p);
    check_ok(mux_end_start(p.a, &p2p_yamux, &p.mem.mem, true));
    /* Most of it are the two multiaddrs of p2p_conn. */
    check(sizeof(p2p_yamux_session) <= 1792);
    check(sizeof(p2p_yamux_session) - sizeof(p2p_conn) <= 352);
    print_message("session %zu, of it p2p_conn %zu; stream %zu\n", sizeof(p2p_yamux_session),
        sizeof(p2p_conn), sizeof(p2p_yamux_stream));
    check_ok(mux_end_start(p.b, &p2p_yamux, &p.mem.mem, false));
    pair_deinit(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_carries_both_directions),
        cmocka_unit_test(random_traffic_arrives_complete_and_in_order),
        cmocka_unit_test(any_cut_of_the_wire_gives_the_same_streams),
        cmocka_unit_test(a_reader_that_stops_stops_the_writer),
        cmocka_unit_test(streams_share_the_wire_in_turn),
        cmocka_unit_test(the_round_trip_is_measured),
        cmocka_unit_test(the_window_grows_to_fill_a_long_path),
        cmocka_unit_test(the_window_stays_below_its_maximum),
        cmocka_unit_test(a_window_does_not_grow_when_the_host_is_full),
        cmocka_unit_test(a_full_host_resets_the_stream_and_no_more),
        cmocka_unit_test(a_reset_carries_its_code),
        cmocka_unit_test(a_stream_reset_before_it_was_sent_leaves_no_trace),
        cmocka_unit_test(at_most_256_streams_wait_for_an_answer),
        cmocka_unit_test(closing_finishes_what_was_shut),
        cmocka_unit_test(a_closed_session_opens_and_accepts_nothing),
        cmocka_unit_test(no_allocation_failure_breaks_a_session),
        cmocka_unit_test(an_idle_session_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
