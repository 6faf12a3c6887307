/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 *     good ──── ping every second ──── host ──── evil
 *
 * evil shakes hands as it should (a real host with real Noise) and then speaks yamux as it likes:
 * its muxer is a script. Each time the host's memory stays within its limits, the good peer is
 * served, and evil is left with the right error.
 */
#include "mux/yamux_frame.h"
#include "stack/conn.h"
#include "stack/stream.h"
#include "stack/upgrade.h"

#include "sim/victim.h" /* last: its `node` would shadow the lists' */

/* --- the scripted muxer --- */

typedef struct evil {
    p2p_conn conn;
    p2p_layer layer;
    uint32_t goaway; /* code of the GoAway received, + 1 */
    size_t resets;   /* frames with RST received */
} evil;

/* Writes whole frames to dst; 0: nothing (more) to say for now. */
typedef size_t (*script_fn)(uint8_t *dst, size_t cap);

static script_fn script;
static size_t said; /* the script's own counter */
static evil *current;
static victim v;
static node *bad;

static p2p_err evil_feed(p2p_layer *layer, uint8_t *data, size_t len) {
    evil *e = P2P_CONTAINER(layer, evil, layer);
    p2p_yamux_frame frame;
    /* Good enough: the host's control frames come whole and alone. */
    for (size_t at = 0; at + P2P_YAMUX_HEADER_LEN <= len; at += P2P_YAMUX_HEADER_LEN) {
        if (p2p_yamux_frame_decode(&frame, data + at) != P2P_OK)
            break;
        if (frame.type == P2P_YAMUX_GOAWAY)
            e->goaway = frame.length + 1;
        e->resets += (frame.flags & P2P_YAMUX_RST) != 0;
        if (frame.type == P2P_YAMUX_DATA)
            at += frame.length;
    }
    return P2P_OK;
}

static p2p_err evil_draw(p2p_layer *layer, uint8_t *dst, size_t cap, size_t *len) {
    (void)layer;
    *len = script(dst, cap);
    return P2P_OK;
}

static p2p_err evil_eof(p2p_layer *layer) {
    p2p_conn_ended(&P2P_CONTAINER(layer, evil, layer)->conn, P2P_ERR_EOF, true, 0, NULL);
    return P2P_OK;
}

static void evil_free_layer(p2p_layer *layer) {
    (void)layer;
}

static const p2p_layer_ops LAYER_OPS = {"evil", evil_feed, evil_draw, evil_eof, evil_free_layer};

static p2p_err evil_open(p2p_conn *conn, p2p_stream *stream) {
    (void)conn;
    (void)stream;
    return P2P_ERR_LIMIT;
}

static void evil_wake(p2p_conn *conn, p2p_stream *stream) {
    (void)conn;
    (void)stream;
}

static void evil_close(p2p_conn *conn, uint32_t code) {
    (void)code;
    p2p_conn_ended(conn, P2P_ERR_CLOSED, false, 0, NULL);
}

static void evil_abort(p2p_conn *conn, uint32_t code) {
    (void)conn;
    (void)code;
}

static void evil_free(p2p_conn *conn) {
    evil *e = P2P_CONTAINER(conn, evil, conn);
    const p2p_mem *mem = conn->env->mem;
    current = current == e ? NULL : current;
    p2p_conn_deinit(conn);
    mem->resize(mem->ctx, e, sizeof *e, 0);
}

static const p2p_conn_ops CONN_OPS = {
    16, evil_open, evil_wake, evil_wake, evil_close, evil_abort, evil_free, NULL};

static p2p_err evil_start(
    p2p_layer **layer, p2p_conn **conn, p2p_env *env, p2p_wire *wire, bool initiator) {
    evil *e = env->mem->resize(env->mem->ctx, NULL, 0, sizeof *e);
    *e = (evil){.layer = {.ops = &LAYER_OPS, .wire = wire}};
    check_ok(p2p_conn_init(&e->conn, &CONN_OPS, env, initiator));
    *layer = &e->layer;
    *conn = &e->conn;
    current = e;
    return P2P_OK;
}

static const p2p_muxer EVIL = {"/yamux/1.0.0", evil_start};
static const p2p_muxer *const EVIL_ONLY[] = {&EVIL, NULL};

static void start(script_fn fn) {
    victim_start(&v);
    script = fn;
    said = 0;
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.muxers = EVIL_ONLY;
    config.no_identify = true;
    bad = world_add(&v.w, &config);
    world_dial(bad, v.host);
}

/* Lets the script say more. */
static void go_on(p2p_time wait) {
    if (current != NULL)
        p2p_wire_wake(current->layer.wire);
    world_pump(bad);
    world_run(&v.w, wait);
}

static size_t put(uint8_t *dst, unsigned type, unsigned flags, uint32_t stream, uint32_t length) {
    p2p_yamux_frame frame = {(uint8_t)type, (uint16_t)flags, stream, length};
    p2p_yamux_frame_encode(&frame, dst);
    return P2P_YAMUX_HEADER_LEN;
}

#define HEADER "\x13/multistream/1.0.0\n"

static size_t put_data(
    uint8_t *dst, unsigned flags, uint32_t stream, const char *data, size_t len) {
    size_t at = put(dst, P2P_YAMUX_DATA, flags, stream, (uint32_t)len);
    memcpy(dst + at, data, len);
    return at + len;
}

/* The offender is gone, for this reason, and nothing of it is left. */
static void left_for(p2p_err why, size_t seconds) {
    world_run(&v.w, seconds * P2P_SECOND);
    check(v.gone == 1);
    check_err(why, v.gone_why.err);
    check(v.host->sockets.count == 2 && bad->sockets.count == 0);
    victim_check(&v, seconds);
    victim_stop(&v);
}

/* --- scripts --- */

static size_t open_many(uint8_t *dst, size_t cap) {
    size_t len = 0;
    for (; said < 100000 && len + P2P_YAMUX_HEADER_LEN <= cap; said++)
        len += put(dst + len, P2P_YAMUX_WINDOW, P2P_YAMUX_SYN, (uint32_t)(2 * said + 1), 0);
    return len;
}

static void a_hundred_thousand_streams_at_once_end_the_connection(void **state) {
    (void)state;
    start(open_many);
    left_for(P2P_ERR_LIMIT, 20);
}

static size_t chunk_end;

static size_t open_slowly(uint8_t *dst, size_t cap) {
    size_t len = 0;
    for (; said < chunk_end && len + P2P_YAMUX_HEADER_LEN <= cap; said++)
        len += put(dst + len, P2P_YAMUX_WINDOW, P2P_YAMUX_SYN, (uint32_t)(2 * said + 1), 0);
    return len;
}

static void a_hundred_thousand_streams_in_turn_are_refused_beyond_the_limit(void **state) {
    (void)state;
    start(open_slowly);
    chunk_end = 0;
    world_run(&v.w, P2P_SECOND);
    for (; chunk_end < 100000; chunk_end += 500) {
        go_on(20 * P2P_MILLISECOND);
        check(current != NULL);
        check(p2p_host_find_conn(v.host->host, p2p_host_peer(bad->host)) != NULL);
    }
    check(current->resets > 90000);
    victim_check(&v, 4);
    victim_stop(&v);
}

static size_t overflow_window(uint8_t *dst, size_t cap) {
    if (said++ > 0 || cap < 24)
        return 0;
    put(dst, P2P_YAMUX_WINDOW, P2P_YAMUX_SYN, 1, 0);
    return 12 + put(dst + 12, P2P_YAMUX_WINDOW, 0, 1, UINT32_MAX);
}

static size_t overrun_window(uint8_t *dst, size_t cap) {
    if (said++ > 0 || cap < 24)
        return 0;
    put(dst, P2P_YAMUX_WINDOW, P2P_YAMUX_SYN, 1, 0);
    return 12 + put(dst + 12, P2P_YAMUX_DATA, 0, 1, 256 * 1024 + 1);
}

static void credit_that_overflows_is_a_violation_of_flow_control(void **state) {
    (void)state;
    start(overflow_window);
    left_for(P2P_ERR_FLOW_CONTROL, 10);
}

static void data_beyond_the_window_is_a_violation_of_flow_control(void **state) {
    (void)state;
    start(overrun_window);
    left_for(P2P_ERR_FLOW_CONTROL, 10);
}

static size_t half_frame(uint8_t *dst, size_t cap) {
    uint8_t frame[12];
    if (said++ > 0 || cap < 5)
        return 0;
    put(frame, P2P_YAMUX_WINDOW, P2P_YAMUX_SYN, 1, 0);
    memcpy(dst, frame, 5);
    return 5;
}

static void a_peer_silent_inside_a_frame_is_left_by_keepalive(void **state) {
    (void)state;
    start(half_frame);
    left_for(P2P_ERR_TIMEOUT, 200);
}

static size_t pings(uint8_t *dst, size_t cap) {
    size_t len = 0;
    for (; said < 100000 && len + 12 <= cap; said++)
        len += put(dst + len, P2P_YAMUX_PING, P2P_YAMUX_SYN, 0, (uint32_t)said);
    return len;
}

static void pings_without_end_are_a_violation(void **state) {
    (void)state;
    start(pings);
    left_for(P2P_ERR_VIOLATION, 10);
}

static size_t unknown_streams(uint8_t *dst, size_t cap) {
    size_t len = 0;
    for (; said < 200000 && len + 12 + 100 <= cap; said++) {
        len += put(dst + len, P2P_YAMUX_DATA, 0, (uint32_t)(2 * said + 1), 100);
        memset(dst + len, 7, 100);
        len += 100;
    }
    return len;
}

static void data_for_unknown_streams_costs_nothing(void **state) {
    (void)state;
    start(unknown_streams);
    world_run(&v.w, 20 * P2P_SECOND);
    check(said == 200000 && v.gone == 0);
    victim_check(&v, 20);
    victim_stop(&v);
}

static uint8_t odd_frame[12];

static size_t one_frame(uint8_t *dst, size_t cap) {
    if (said++ > 0 || cap < 12)
        return 0;
    memcpy(dst, odd_frame, 12);
    return 12;
}

static void impossible_frames_are_named(void **state) {
    (void)state;
    put(odd_frame, P2P_YAMUX_WINDOW, P2P_YAMUX_SYN, 2, 0); /* the host's own numbers */
    start(one_frame);
    left_for(P2P_ERR_VIOLATION, 10);
    put(odd_frame, P2P_YAMUX_DATA, 0, 0, 0);
    start(one_frame);
    left_for(P2P_ERR_VIOLATION, 10);
    put(odd_frame, 9, 0, 1, 0);
    start(one_frame);
    left_for(P2P_ERR_MALFORMED, 10);
    put(odd_frame, P2P_YAMUX_GOAWAY, 0, 0, 4711);
    start(one_frame);
    world_run(&v.w, P2P_SECOND);
    check(v.gone_why.remote_code == 4711 && v.gone_why.by_peer);
    left_for(P2P_ERR_RESET, 10);
}

/* Every stream asks for ping, but credit for the echoes never comes: they pile up, a little in each
 * stream, so that the pool is just full for a long time. */
static size_t hoard(uint8_t *dst, size_t cap) {
    static const char ASK[] = HEADER "\x11/ipfs/ping/1.0.0\n";
    static const char BODY[512];
    size_t len = 0;
    for (; said < chunk_end && len + 12 + sizeof BODY + 64 <= cap; said++) {
        uint32_t id = (uint32_t)(2 * (said % 128) + 1);
        if (said < 128)
            len += put_data(dst + len, P2P_YAMUX_SYN, id, ASK, sizeof ASK - 1);
        len += put_data(dst + len, 0, id, BODY, sizeof BODY);
    }
    return len;
}

static void a_hoarder_of_buffers_takes_none_from_others(void **state) {
    (void)state;
    start(hoard);
    /* A window is 256 KiB: what is sent beyond it stays in the host. */
    for (chunk_end = 128; chunk_end <= (size_t)128 * 640; chunk_end += 128)
        go_on(50 * P2P_MILLISECOND);
    check(current->resets > 0);
    victim_check(&v, 30);
    victim_stop(&v);
}

/* Every stream pushes identify messages and never ends. */
static size_t push_for_ever(uint8_t *dst, size_t cap) {
    static const char ASK[] = HEADER "\x17/ipfs/id/push/1.0.0\n";
    static char message[8002] = "\xc0\x3e"; /* 8000 bytes */
    size_t len = 0;
    for (; said < 128 * 9 && len + 12 + sizeof message + 64 <= cap; said++) {
        uint32_t id = (uint32_t)(2 * (said % 128) + 1);
        if (said < 128)
            len += put_data(dst + len, P2P_YAMUX_SYN, id, ASK, sizeof ASK - 1);
        len += put_data(dst + len, 0, id, message, sizeof message);
    }
    return len;
}

static void many_pushes_at_once_are_one_push(void **state) {
    (void)state;
    start(push_for_ever);
    world_run(&v.w, 5 * P2P_SECOND);
    check(said == 128 * 9);
    check(v.host->mem.live_bytes < 3 * 1024 * 1024);
    world_run(&v.w, 30 * P2P_SECOND);
    victim_check(&v, 35);
    victim_stop(&v);
}

/* Streams that never say which protocol they want. */
static size_t mute_streams(uint8_t *dst, size_t cap) {
    size_t len = 0;
    for (; said < 128 && len + 12 + 32 <= cap; said++)
        len +=
            put_data(dst + len, P2P_YAMUX_SYN, (uint32_t)(2 * said + 1), HEADER, sizeof HEADER - 1);
    return len;
}

static void streams_that_agree_on_nothing_are_reset_in_time(void **state) {
    (void)state;
    start(mute_streams);
    world_run(&v.w, 5 * P2P_SECOND);
    p2p_conn_stats stats;
    p2p_conn *conn = p2p_host_find_conn(v.host->host, p2p_host_peer(bad->host));
    p2p_conn_get_stats(conn, &stats);
    check(stats.streams >= 127);
    world_run(&v.w, 10 * P2P_SECOND);
    p2p_conn_get_stats(conn, &stats);
    check(stats.streams <= 1 && current->resets >= 127);
    victim_check(&v, 15);
    victim_stop(&v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_thousand_streams_at_once_end_the_connection),
        cmocka_unit_test(a_hundred_thousand_streams_in_turn_are_refused_beyond_the_limit),
        cmocka_unit_test(credit_that_overflows_is_a_violation_of_flow_control),
        cmocka_unit_test(data_beyond_the_window_is_a_violation_of_flow_control),
        cmocka_unit_test(a_peer_silent_inside_a_frame_is_left_by_keepalive),
        cmocka_unit_test(pings_without_end_are_a_violation),
        cmocka_unit_test(data_for_unknown_streams_costs_nothing),
        cmocka_unit_test(impossible_frames_are_named),
        cmocka_unit_test(a_hoarder_of_buffers_takes_none_from_others),
        cmocka_unit_test(many_pushes_at_once_are_one_push),
        cmocka_unit_test(streams_that_agree_on_nothing_are_reset_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
