/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <p2p/perf.h>

#include "base/bytes.h"

#include "unit/protocol/pair.h"

static pair p;
static p2p_perf_progress last;
static size_t reports;

static void on_progress(void *ctx, p2p_perf *perf, const p2p_perf_progress *progress) {
    (void)ctx;
    (void)perf;
    check(!last.done);
    check(progress->uploaded >= last.uploaded && progress->downloaded >= last.downloaded);
    last = *progress;
    reports++;
}

static p2p_perf *begin(const p2p_protocol *protocol, uint64_t up, uint64_t down) {
    p2p_perf *perf;
    last = (p2p_perf_progress){0};
    reports = 0;
    pair_start(&p, protocol, NULL, false);
    check_ok(p2p_perf_start(&perf, p.a->last_conn, up, down, 1000, on_progress, NULL));
    return perf;
}

static void end(p2p_err want) {
    world_run(&p.w, 60 * P2P_SECOND);
    check(last.done);
    check_err(want, last.err);
    check(p2p_conn_next_stream(p.a->last_conn, NULL) == NULL);
    world_deinit(&p.w);
}

static const char *const IDS[] = {"/perf/1.0.0", NULL};

static void any_amounts_are_moved(void **state) {
    (void)state;
    static const uint64_t AMOUNTS[][2] = {
        {0, 0}, {1, 0}, {0, 1}, {999, 1001}, {70000, 3}, {3, 70000}, {3000000, 5000000}};
    for (size_t i = 0; i < P2P_COUNT(AMOUNTS); i++) {
        begin(&p2p_perf_protocol, AMOUNTS[i][0], AMOUNTS[i][1]);
        end(P2P_OK);
        check(last.uploaded == AMOUNTS[i][0] && last.downloaded == AMOUNTS[i][1]);
    }
}

static void end_after_ten(p2p_stream *stream, void *self) {
    (void)self;
    static const uint8_t TEN[10] = {0};
    check(p2p_stream_write(stream, p2p_bytes_of(TEN, 10)) == 10);
    p2p_stream_close(stream);
}

static void too_few_and_too_many_bytes_are_violations(void **state) {
    (void)state;
    p2p_protocol ten = pair_protocol(IDS, end_after_ten, NULL);
    begin(&ten, 0, 11);
    end(P2P_ERR_VIOLATION);
    begin(&ten, 0, 9);
    end(P2P_ERR_VIOLATION);
    begin(&ten, 0, 10);
    end(P2P_OK);
}

static void no_protocol_is_said(void **state) {
    (void)state;
    begin(NULL, 10, 10);
    end(P2P_ERR_NO_PROTOCOL);
}

static void a_run_can_be_stopped(void **state) {
    (void)state;
    p2p_perf *perf = begin(&p2p_perf_protocol, UINT64_MAX, 0);
    world_run(&p.w, 100 * P2P_MILLISECOND);
    check(last.uploaded > 0 && !last.done);
    p2p_perf_stop(perf);
    end(P2P_ERR_CLOSED);
}

/* spec: perf #protocol: the number of bytes to send back is a single big-endian uint64. */
static void half_a_header_is_a_violation_at_the_server(void **state) {
    (void)state;
    static const uint8_t HALF[4] = {0};
    p2p_protocol asker = pair_protocol(IDS, NULL, NULL);
    p2p_stream *stream;
    pair_start(&p, &p2p_perf_protocol, NULL, false);
    check_ok(p2p_conn_open(p.a->last_conn, &asker, NULL, &stream));
    check(p2p_stream_write(stream, p2p_bytes_of(HALF, 4)) == 4);
    p2p_stream_shut(stream);
    world_run(&p.w, 5 * P2P_SECOND);
    check(p2p_conn_next_stream(p.a->last_conn, NULL) == NULL);
    check(p2p_conn_next_stream(p.b->last_conn, NULL) == NULL);
    world_deinit(&p.w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_amounts_are_moved),
        cmocka_unit_test(too_few_and_too_many_bytes_are_violations),
        cmocka_unit_test(no_protocol_is_said),
        cmocka_unit_test(a_run_can_be_stopped),
        cmocka_unit_test(half_a_header_is_a_violation_at_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
