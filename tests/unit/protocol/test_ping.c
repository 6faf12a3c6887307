/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <p2p/ping.h>

#include "unit/protocol/pair.h"

static pair p;
static size_t answers, ends, wanted;
static p2p_err end_err;
static p2p_time last_rtt;

static void on_answer(void *ctx, p2p_ping *ping, p2p_err err, p2p_time rtt) {
    (void)ctx;
    if (err != P2P_OK) {
        ends++;
        end_err = err;
        return;
    }
    last_rtt = rtt;
    if (++answers < wanted)
        p2p_ping_send(ping);
    else
        p2p_ping_stop(ping);
}

static void run(const p2p_protocol *protocol, size_t rounds) {
    p2p_ping *ping;
    answers = ends = 0;
    wanted = rounds;
    end_err = P2P_OK;
    pair_start(&p, protocol, NULL, false);
    check_ok(p2p_ping_start(&ping, p.a->last_conn, 3 * P2P_SECOND, on_answer, NULL));
    world_run(&p.w, 30 * P2P_SECOND);
    check(answers <= wanted && ends <= 1);
    check(p2p_conn_next_stream(p.a->last_conn, NULL) == NULL);
    world_deinit(&p.w);
}

static const char *const IDS[] = {"/ipfs/ping/1.0.0", NULL};

static void round_trips_are_measured(void **state) {
    (void)state;
    run(&p2p_ping_protocol, 1000);
    check(answers == 1000 && ends == 0 && last_rtt == 20 * P2P_MILLISECOND);
}

static void a_peer_that_does_not_speak_it_ends_it(void **state) {
    (void)state;
    run(NULL, 5);
    check(answers == 0 && ends == 1);
    check_err(P2P_ERR_NO_PROTOCOL, end_err);
}

static void silence_is_a_time_out(void **state) {
    (void)state;
    p2p_protocol silent = pair_protocol(IDS, NULL, NULL);
    run(&silent, 5);
    check(ends == 1);
    check_err(P2P_ERR_TIMEOUT, end_err);
}

static void echo_changed(p2p_stream *stream, void *self) {
    (void)self;
    uint8_t bytes[32];
    p2p_bytes view = p2p_stream_peek(stream);
    if (view.len < 32)
        return;
    memcpy(bytes, view.ptr, 32);
    bytes[31] ^= 1;
    p2p_stream_consume(stream, 32);
    check(p2p_stream_write(stream, p2p_bytes_of(bytes, 32)) == 32);
}

static void echo_doubled(p2p_stream *stream, void *self) {
    (void)self;
    uint8_t bytes[64];
    p2p_bytes view = p2p_stream_peek(stream);
    if (view.len < 32)
        return;
    memcpy(bytes, view.ptr, 32);
    memcpy(bytes + 32, view.ptr, 32);
    p2p_stream_consume(stream, 32);
    check(p2p_stream_write(stream, p2p_bytes_of(bytes, 64)) == 64);
}

/* spec: ping #protocol: the listening peer echoes the same 32-byte payload back. */
static void wrong_bytes_are_a_violation(void **state) {
    (void)state;
    p2p_protocol changed = pair_protocol(IDS, NULL, echo_changed);
    run(&changed, 5);
    check(answers == 0 && ends == 1);
    check_err(P2P_ERR_VIOLATION, end_err);
    p2p_protocol doubled = pair_protocol(IDS, NULL, echo_doubled);
    run(&doubled, 5);
    check(answers <= 1 && ends == 1);
    check_err(P2P_ERR_VIOLATION, end_err);
}

static void reset_at_once(p2p_stream *stream, void *self) {
    (void)self;
    p2p_stream_reset(stream, 5);
}

static void end_at_once(p2p_stream *stream, void *self) {
    (void)self;
    p2p_stream_close(stream);
}

static void the_peers_end_ends_it(void **state) {
    (void)state;
    p2p_protocol reset = pair_protocol(IDS, reset_at_once, NULL);
    run(&reset, 5);
    check_err(P2P_ERR_RESET, end_err);
    p2p_protocol end = pair_protocol(IDS, end_at_once, NULL);
    run(&end, 5);
    check(ends == 1);
    check_err(P2P_ERR_EOF, end_err);
}

/* spec: ping #protocol: the listening peer SHOULD loop and echo, and close the stream when the
 * dialing peer has. */
static void a_responder_echoes_any_pieces_and_ends_with_the_peer(void **state) {
    (void)state;
    static const uint8_t BYTES[100] = {1, 2, 3};
    p2p_protocol asker = pair_protocol(IDS, NULL, NULL);
    p2p_stream *stream;
    pair_start(&p, &p2p_ping_protocol, NULL, false);
    check_ok(p2p_conn_open(p.a->last_conn, &asker, NULL, &stream));
    for (size_t at = 0; at < 100; at += 20) {
        check(p2p_stream_writable(stream) > 0);
        check(p2p_stream_write(stream, p2p_bytes_of(BYTES + at, 20)) == 20);
        world_run(&p.w, 50 * P2P_MILLISECOND);
    }
    check(p2p_stream_readable(stream) == 100);
    check_same(p2p_stream_peek(stream), p2p_bytes_of(BYTES, 100));
    p2p_stream_shut(stream);
    world_run(&p.w, P2P_SECOND);
    p2p_stream_consume(stream, 100);
    check(p2p_stream_at_end(stream));
    world_run(&p.w, P2P_SECOND);
    check(p2p_conn_next_stream(p.b->last_conn, NULL) == NULL);
    world_deinit(&p.w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips_are_measured),
        cmocka_unit_test(a_peer_that_does_not_speak_it_ends_it),
        cmocka_unit_test(silence_is_a_time_out),
        cmocka_unit_test(wrong_bytes_are_a_violation),
        cmocka_unit_test(the_peers_end_ends_it),
        cmocka_unit_test(a_responder_echoes_any_pieces_and_ends_with_the_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
