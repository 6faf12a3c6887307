/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A client that speaks QUIC as it should and HTTP/3 as it likes: streams with any bytes, in any
 * order, and datagrams. It is a transport of its own, whose connections never come about.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "quic/quic.h"
#include "sim/world.h"
#include "transport/transport.h"
#include "webtransport/h3_conn.h"

enum { STREAMS_MAX = 40 };

typedef struct rogue_stream {
    p2p_quic_stream quic;
    bool uni, fin, open;
    p2p_bytes bytes;
    size_t acked;
    uint64_t reset; /* code of the server's, 0: none */
    bool stopped;
    uint8_t got[256];
    size_t got_len;
} rogue_stream;

/* What it does once the handshake is complete, and what came of it. */
static struct {
    rogue_stream streams[STREAMS_MAX];
    size_t count;
    p2p_bytes datagram;
    size_t again; /* streams that it opens anew when others are over */
    bool closed;
    p2p_reason reason;
} rogue;

static rogue_stream *rogue_of(p2p_quic_stream *quic) {
    return P2P_CONTAINER(quic, rogue_stream, quic);
}

static p2p_err rogue_credentials(void *ctx, const p2p_quic_credentials **out) {
    (void)ctx;
    *out = NULL;
    return P2P_OK;
}

static p2p_err rogue_verify(p2p_quic_conn *conn, p2p_bytes certificate) {
    (void)conn;
    (void)certificate;
    return P2P_OK;
}

static p2p_err rogue_established(p2p_quic_conn *conn) {
    for (size_t i = 0; i < rogue.count; i++) {
        rogue_stream *own = &rogue.streams[i];
        check_ok(p2p_quic_stream_open(conn, &own->quic, own->uni));
        p2p_quic_stream_want(conn, &own->quic);
    }
    if (rogue.datagram.len > 0)
        check_ok(p2p_quic_conn_send_datagram(conn, rogue.datagram));
    return P2P_OK;
}

static void rogue_closed(p2p_quic_conn *conn, const p2p_reason *reason) {
    (void)conn;
    rogue.closed = true;
    rogue.reason = *reason;
}

static p2p_err rogue_opened(p2p_quic_conn *conn, int64_t id, uint64_t *refusal) {
    (void)conn;
    (void)id;
    *refusal = 0;
    return P2P_ERR_LIMIT;
}

static void rogue_data(p2p_quic_conn *conn, p2p_quic_stream *quic, p2p_bytes bytes, bool fin) {
    rogue_stream *own = rogue_of(quic);
    size_t room = sizeof own->got - own->got_len;
    size_t n = bytes.len < room ? bytes.len : room;
    (void)conn;
    (void)fin;
    memcpy(own->got + own->got_len, bytes.ptr, n);
    own->got_len += n;
}

static void rogue_reset(p2p_quic_conn *conn, p2p_quic_stream *quic, uint64_t code) {
    (void)conn;
    rogue_of(quic)->reset = code;
}

static void rogue_stopped(p2p_quic_conn *conn, p2p_quic_stream *quic) {
    (void)conn;
    rogue_of(quic)->stopped = true;
}

static size_t rogue_pull(p2p_quic_conn *conn, p2p_quic_stream *quic, size_t offset,
    p2p_bytes *views, size_t count, bool *fin) {
    const rogue_stream *own = rogue_of(quic);
    size_t at = own->acked + offset;
    (void)conn;
    (void)count;
    *fin = own->fin;
    if (at >= own->bytes.len)
        return 0;
    views[0] = p2p_bytes_of(own->bytes.ptr + at, own->bytes.len - at);
    return 1;
}

static void rogue_sent(p2p_quic_conn *conn, p2p_quic_stream *quic, size_t len) {
    (void)conn;
    (void)quic;
    (void)len;
}

static void rogue_acked(p2p_quic_conn *conn, p2p_quic_stream *quic, size_t len, bool all) {
    (void)conn;
    (void)all;
    rogue_of(quic)->acked += len;
}

static void rogue_over(p2p_quic_conn *conn, p2p_quic_stream *quic) {
    rogue_stream *own = rogue_of(quic);
    if (rogue.again == 0)
        return;
    rogue.again--;
    *own = (rogue_stream){.uni = own->uni, .bytes = own->bytes, .fin = own->fin};
    check_ok(p2p_quic_stream_open(conn, &own->quic, own->uni));
    p2p_quic_stream_want(conn, &own->quic);
}

static void rogue_datagram(p2p_quic_conn *conn, p2p_bytes bytes) {
    (void)conn;
    (void)bytes;
}

static const p2p_quic_app ROGUE = {.alpn = "h3",
    .uni_streams = 8,
    .datagram_max = 1200,
    .credentials = rogue_credentials,
    .verify = rogue_verify,
    .established = rogue_established,
    .closed = rogue_closed,
    .stream_opened = rogue_opened,
    .stream_data = rogue_data,
    .stream_reset = rogue_reset,
    .stream_stopped = rogue_stopped,
    .stream_pull = rogue_pull,
    .stream_sent = rogue_sent,
    .stream_acked = rogue_acked,
    .stream_closed = rogue_over,
    .datagram = rogue_datagram};

static const p2p_transport_type rogue_transport;

static bool rogue_can(const p2p_multiaddr *addr) {
    (void)addr;
    return true;
}

static p2p_err rogue_start(
    p2p_transport **out, p2p_env *env, const p2p_transport_up *up, void *swarm) {
    p2p_transport *transport = p2p_mem_alloc(env->mem, sizeof *transport);
    *transport = (p2p_transport){&rogue_transport, env, up, swarm};
    *out = transport;
    return P2P_OK;
}

static void rogue_free(p2p_transport *transport) {
    p2p_quic_endpoint *endpoint;
    check_ok(p2p_quic_endpoint_get(&endpoint, transport->env));
    p2p_quic_abandon(endpoint, transport);
    p2p_mem_free(transport->env->mem, transport, sizeof *transport);
}

static p2p_err rogue_dial(p2p_transport *transport, p2p_dial *dial) {
    p2p_quic_endpoint *endpoint;
    p2p_quic_conn *conn;
    p2p_proto_code code;
    p2p_quic_dial_params params = {.app = &ROGUE, .ctx = transport, .timeout = 5 * P2P_SECOND};
    check_ok(p2p_quic_endpoint_get(&endpoint, transport->env));
    check(p2p_multiaddr_to_sockaddr(&dial->addr, &params.remote, &code));
    return p2p_quic_dial(endpoint, &conn, &params);
}

static void rogue_cancel(p2p_transport *transport, p2p_dial *dial) {
    (void)transport;
    (void)dial;
}

static const p2p_transport_type rogue_transport = {.name = "rogue",
    .can_dial = rogue_can,
    .can_listen = rogue_can,
    .start = rogue_start,
    .free = rogue_free,
    .dial = rogue_dial,
    .cancel = rogue_cancel};

/* --- scenarios --- */

static uint8_t request[P2P_WT_REQUEST_MAX];
static p2p_bytes good_request;

static void reset_rogue(void) {
    static const p2p_mem MEM = {0};
    p2p_qpack *qpack;
    p2p_writer w = p2p_writer_of(request, sizeof request);
    memset(&rogue, 0, sizeof rogue);
    check_ok(p2p_qpack_new(&qpack, &MEM));
    check_ok(p2p_wt_put_request(
        qpack, &w, P2P_LITERAL("10.0.0.1:4001"), P2P_LITERAL(P2P_WT_PATH), P2P_WT_DRAFT_15));
    p2p_qpack_free(qpack);
    good_request = p2p_writer_view(&w);
}

static size_t add(bool uni, p2p_bytes bytes, bool fin) {
    rogue.streams[rogue.count] = (rogue_stream){.uni = uni, .bytes = bytes, .fin = fin};
    return rogue.count++;
}

/* A control stream with SETTINGS that offer WebTransport and datagrams. */
static const uint8_t CONTROL[] = "\x00\x04\x0b\x08\x01\x33\x01\xac\x7c\xf0\x00\x01\x01\x00";

static void add_control(void) {
    add(true, p2p_bytes_of(CONTROL, sizeof CONTROL - 1), false);
}

/* Runs what was added for five seconds; the world stays for a look. */
static void attack(world *w) {
    static const p2p_transport_type *const good[] = {&p2p_quic, &p2p_webtransport, NULL};
    static const p2p_transport_type *const bad[] = {&rogue_transport, NULL};
    p2p_config config = P2P_CONFIG_DEFAULTS;
    p2p_multiaddr addr;
    world_init(w, 5);
    config.transports = good;
    node *b = world_add(w, &config);
    config.transports = bad;
    node *a = world_add(w, &config);
    world_link(w, a, b, &(link){.latency = 5 * P2P_MILLISECOND});
    world_listen(b, "/udp/4001/quic-v1/webtransport");
    check(p2p_host_addr(b->host, 0, &addr));
    check_ok(p2p_host_dial(a->host, NULL, &addr, 1, NULL, NULL));
    world_pump(a);
    world_run(w, 5 * P2P_SECOND);
}

static void ends_with(uint64_t code) {
    world w;
    attack(&w);
    check(rogue.closed);
    if (rogue.reason.remote_code != code)
        fail_msg("closed with 0x%x: %s", rogue.reason.remote_code, rogue.reason.text);
    world_deinit(&w);
}

static void settings_twice_end_the_connection(void **state) {
    (void)state;
    reset_rogue();
    add(true, P2P_LITERAL("\x00\x04\x00\x04\x00"), false);
    ends_with(P2P_H3_FRAME_UNEXPECTED);
}

static void a_second_control_stream_ends_the_connection(void **state) {
    (void)state;
    reset_rogue();
    add_control();
    add_control();
    ends_with(P2P_H3_STREAM_CREATION_ERROR);
}

static void another_frame_before_settings_ends_the_connection(void **state) {
    (void)state;
    reset_rogue();
    add(true, P2P_LITERAL("\x00\x07\x01\x00"), false);
    ends_with(P2P_H3_MISSING_SETTINGS);
}

static void the_end_of_the_control_stream_ends_the_connection(void **state) {
    (void)state;
    reset_rogue();
    add(true, p2p_bytes_of(CONTROL, sizeof CONTROL - 1), true);
    ends_with(P2P_H3_CLOSED_CRITICAL_STREAM);
}

static void a_dynamic_table_ends_the_connection(void **state) {
    (void)state;
    reset_rogue();
    add_control();
    add(true, P2P_LITERAL("\x02\x3f\xe1\x1f"), false);
    ends_with(P2P_QPACK_ENCODER_STREAM_ERROR);
}

static void a_field_section_that_would_wait_for_another_stream_ends_the_connection(void **state) {
    (void)state;
    reset_rogue();
    add_control();
    /* Required Insert Count 1: blocked until the encoder stream brings an entry. */
    add(false, P2P_LITERAL("\x01\x03\x02\x00\x80"), false);
    ends_with(P2P_QPACK_DECOMPRESSION_FAILED);
}

/* One byte each is a whole field of the static table, or a run of the same letter. */
static void a_bomb_of_fields_costs_nothing(void **state) {
    (void)state;
    static uint8_t many[4 + 2 + 12000], huge[16 + 16000];
    p2p_writer w = p2p_writer_of(many, sizeof many);
    reset_rogue();
    add_control();
    p2p_h3_put_frame(&w, P2P_H3_FRAME_HEADERS, 12002);
    p2p_writer_bytes(&w, P2P_LITERAL("\x00\x00"));
    memset(many + w.len, 0xd1, 12000);
    size_t fields = add(false, p2p_bytes_of(many, w.len + 12000), true);
    w = p2p_writer_of(huge, sizeof huge);
    p2p_h3_put_frame(&w, P2P_H3_FRAME_HEADERS, 7 + 14990);
    /* A literal whose value is 14 990 bytes of Huffman code, '0' five bits each. */
    p2p_writer_bytes(&w, P2P_LITERAL("\x00\x00\x21x\xff\x8f\x74"));
    size_t letters = add(false, p2p_bytes_of(huge, w.len + 14990), true);
    world wide;
    attack(&wide);
    check(!rogue.closed);
    check(rogue.streams[fields].reset == P2P_H3_MESSAGE_ERROR);
    check(rogue.streams[letters].reset == P2P_H3_MESSAGE_ERROR);
    check(wide.nodes[0]->mem.peak_bytes < 512 * 1024);
    world_deinit(&wide);
}

static void ten_thousand_sessions_take_the_place_of_a_few(void **state) {
    (void)state;

    enum { AT_ONCE = STREAMS_MAX - 1, SESSIONS = 10000 };

    world w;
    reset_rogue();
    add_control();
    for (size_t i = 0; i < AT_ONCE; i++)
        add(false, good_request, false);
    rogue.again = SESSIONS;
    attack(&w);
    world_run(&w, 8 * P2P_SECOND);
    check(rogue.again == 0);
    check(!rogue.closed);
    size_t accepted = 0, refused = 0;
    for (size_t i = 1; i < rogue.count; i++) {
        accepted += rogue.streams[i].got_len > 4 && rogue.streams[i].got[4] == 0xd9; /* 200 */
        refused += rogue.streams[i].got_len > 4 && rogue.streams[i].got[4] != 0xd9;
    }
    check(accepted == P2P_WT_SESSIONS_MAX && refused == AT_ONCE - P2P_WT_SESSIONS_MAX);
    check(w.nodes[0]->mem.peak_bytes < 1024 * 1024);
    world_deinit(&w);
}

static void a_push_of_a_client_ends_the_connection(void **state) {
    (void)state;
    reset_rogue();
    add(true, P2P_LITERAL("\x01\x00"), false);
    ends_with(P2P_H3_STREAM_CREATION_ERROR);
}

static void a_session_id_that_no_request_can_have_ends_the_connection(void **state) {
    (void)state;
    reset_rogue();
    add(false, P2P_LITERAL("\x40\x41\x03x"), false);
    ends_with(P2P_H3_ID_ERROR);
}

static void a_datagram_without_a_session_id_ends_the_connection(void **state) {
    (void)state;
    reset_rogue();
    add_control();
    rogue.datagram = P2P_LITERAL("\xc0");
    ends_with(P2P_H3_DATAGRAM_ERROR);
}

static void unknown_streams_are_stopped_and_nothing_else(void **state) {
    (void)state;
    world w;
    reset_rogue();
    add_control();
    add(true, P2P_LITERAL("\x21 of no known type"), false);
    add(true, P2P_LITERAL("\x5f\xff of another"), false);
    attack(&w);
    check(!rogue.closed);
    world_deinit(&w);
}

static void a_datagram_of_an_unknown_session_is_lost(void **state) {
    (void)state;
    world w;
    reset_rogue();
    add_control();
    rogue.datagram = P2P_LITERAL("\x17 hello");
    attack(&w);
    check(!rogue.closed);
    world_deinit(&w);
}

static void a_request_for_anything_else_is_answered_404(void **state) {
    (void)state;
    world w;
    reset_rogue();
    add_control();
    /* GET https://x/ by the static table, and a literal authority */
    size_t get = add(false, P2P_LITERAL("\x01\x08\x00\x00\xd1\xd7\xc1\x50\x01x"), true);
    attack(&w);
    check(!rogue.closed);
    check(rogue.streams[get].got_len > 4);
    check_same(p2p_bytes_of(rogue.streams[get].got, 5), P2P_LITERAL("\x01\x03\x00\x00\xdb"));
    world_deinit(&w);
}

static void streams_before_their_session_wait_up_to_a_limit(void **state) {
    (void)state;
    world w;
    size_t refused = 0;
    reset_rogue();
    add_control();
    /* The session would be that of stream 400, which never comes. */
    for (size_t i = 0; i < P2P_WT_WAITING_MAX + 4; i++)
        add(false, P2P_LITERAL("\x40\x41\x41\x90 early"), false);
    attack(&w);
    check(!rogue.closed);
    for (size_t i = 0; i < rogue.count; i++)
        refused += rogue.streams[i].reset == P2P_WT_BUFFERED_STREAM_REJECTED;
    check(refused == 4);
    /* And a connection without a session does not stay. */
    world_run(&w, 15 * P2P_SECOND);
    check(rogue.closed);
    world_deinit(&w);
}

static void a_stream_may_overtake_its_request(void **state) {
    (void)state;
    world w;
    reset_rogue();
    add_control();
    /* Streams are opened in this order but the session is that of the second. */
    size_t early = add(false, P2P_LITERAL("\x40\x41\x04\x00\x00"), true);
    size_t connect = add(false, good_request, false);
    attack(&w);
    /* It went to Noise, which does not like it: the session ended, not the connection before. */
    check(rogue.streams[connect].got_len > 4);
    check_same(p2p_bytes_of(rogue.streams[connect].got, 5), P2P_LITERAL("\x01\x03\x00\x00\xd9"));
    check(rogue.streams[early].reset == P2P_WT_SESSION_GONE);
    world_deinit(&w);
}

static void a_malformed_capsule_ends_its_session(void **state) {
    (void)state;
    world w;
    static uint8_t bytes[P2P_WT_REQUEST_MAX];
    p2p_writer writer = p2p_writer_of(bytes, sizeof bytes);
    reset_rogue();
    add_control();
    p2p_writer_bytes(&writer, good_request);
    p2p_writer_bytes(&writer, P2P_LITERAL("\x00\x04\x68\x43\x01x")); /* too short to be a close */
    size_t connect = add(false, p2p_writer_view(&writer), false);
    size_t late = add(false, P2P_LITERAL("\x40\x41\x00late"), false);
    attack(&w);
    check(rogue.streams[connect].reset == P2P_H3_MESSAGE_ERROR);
    check(rogue.streams[late].reset == P2P_WT_SESSION_GONE);
    world_deinit(&w);
}

/* RFC 9297 section 3.3. */
static void an_end_inside_a_capsule_is_malformed(void **state) {
    (void)state;
    world w;
    static uint8_t bytes[P2P_WT_REQUEST_MAX];
    p2p_writer writer = p2p_writer_of(bytes, sizeof bytes);
    reset_rogue();
    add_control();
    p2p_writer_bytes(&writer, good_request);
    p2p_writer_bytes(&writer, P2P_LITERAL("\x00\x04\x68\x43\x08x")); /* a close of eight bytes */
    size_t connect = add(false, p2p_writer_view(&writer), true);
    attack(&w);
    check(rogue.streams[connect].reset == P2P_H3_MESSAGE_ERROR);
    world_deinit(&w);
}

static void a_capsule_without_end_costs_nothing(void **state) {
    (void)state;
    world w;
    static uint8_t bytes[2000000];
    p2p_writer writer = p2p_writer_of(bytes, sizeof bytes);
    reset_rogue();
    add_control();
    p2p_writer_bytes(&writer, good_request);
    /* A DATA frame and in it a capsule of unknown type, both of 2^60 bytes. */
    p2p_writer_bytes(&writer, P2P_LITERAL("\x00\xd0\x00\x00\x00\x00\x00\x00\x00"));
    p2p_writer_bytes(&writer, P2P_LITERAL("\x17\xcf\x00\x00\x00\x00\x00\x00\x00"));
    size_t connect = add(false, p2p_bytes_of(bytes, sizeof bytes), false);
    attack(&w);
    check(!rogue.closed);
    check(rogue.streams[connect].acked == sizeof bytes);
    check(w.nodes[0]->mem.live_bytes < 400 * 1024);
    world_deinit(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_twice_end_the_connection),
        cmocka_unit_test(a_second_control_stream_ends_the_connection),
        cmocka_unit_test(another_frame_before_settings_ends_the_connection),
        cmocka_unit_test(the_end_of_the_control_stream_ends_the_connection),
        cmocka_unit_test(a_dynamic_table_ends_the_connection),
        cmocka_unit_test(a_field_section_that_would_wait_for_another_stream_ends_the_connection),
        cmocka_unit_test(a_bomb_of_fields_costs_nothing),
        cmocka_unit_test(ten_thousand_sessions_take_the_place_of_a_few),
        cmocka_unit_test(a_push_of_a_client_ends_the_connection),
        cmocka_unit_test(a_session_id_that_no_request_can_have_ends_the_connection),
        cmocka_unit_test(a_datagram_without_a_session_id_ends_the_connection),
        cmocka_unit_test(unknown_streams_are_stopped_and_nothing_else),
        cmocka_unit_test(a_datagram_of_an_unknown_session_is_lost),
        cmocka_unit_test(a_request_for_anything_else_is_answered_404),
        cmocka_unit_test(streams_before_their_session_wait_up_to_a_limit),
        cmocka_unit_test(a_stream_may_overtake_its_request),
        cmocka_unit_test(a_malformed_capsule_ends_its_session),
        cmocka_unit_test(an_end_inside_a_capsule_is_malformed),
        cmocka_unit_test(a_capsule_without_end_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
