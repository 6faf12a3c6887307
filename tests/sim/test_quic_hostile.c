/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 *     offender ─── 5 ms ─── host ─── 5 ms ─── good peers
 *
 * A peer that finished its handshake and then says in its packets what QUIC forbids, or what costs:
 * its plaintext is changed on the way into the cipher (the linker finds this file's encryption
 * before ngtcp2's). The host names the fault, keeps within its memory and goes on serving others.
 */
#include <ngtcp2/ngtcp2_crypto.h>

#include "base/bytes.h"
#include "base/cursor.h"
#include "quic/quic.h"
#include "sim/victim.h"
#include "stack/stream.h"

/* --- the changed plaintext --- */

/* Rewrites a packet's frames; false leaves them as they are. */
typedef bool (*change_fn)(p2p_writer *w, p2p_bytes frames, bool long_header);

static struct {
    change_fn fn;    /* NULL: nobody is offensive */
    const node *who; /* NULL: everybody */
    size_t changed;
} offence;

/* In place of ngtcp2's. NOLINTNEXTLINE(readability-function-size) */
int ngtcp2_crypto_encrypt_cb(uint8_t *dst, const ngtcp2_crypto_aead *aead,
    const ngtcp2_crypto_aead_ctx *ctx, const uint8_t *text, size_t len, const uint8_t *nonce,
    size_t nonce_len, const uint8_t *aad, size_t aad_len) {
    uint8_t changed[2048];
    p2p_writer w = p2p_writer_of(changed, len < sizeof changed ? len : sizeof changed);
    bool due = offence.fn != NULL && (offence.who == NULL || offence.who->pumping);
    if (due && len <= sizeof changed &&
        offence.fn(&w, p2p_bytes_of(text, len), (aad[0] & 0x80) != 0)) {
        check_ok(p2p_writer_end(&w));
        memset(changed + w.len, 0, len - w.len); /* PADDING */
        text = changed;
        offence.changed++;
    }
    return ngtcp2_crypto_encrypt(dst, aead, ctx, text, len, nonce, nonce_len, aad, aad_len) == 0
               ? 0
               : NGTCP2_ERR_CALLBACK_FAILURE;
}

/* QUIC's numbers (RFC 9000 §16), always in eight bytes or one. */
static void put_number(p2p_writer *w, uint64_t value) {
    uint8_t wide[8];
    if (value < 64) {
        p2p_writer_u8(w, (uint8_t)value);
        return;
    }
    p2p_store64(wide, value | UINT64_C(0xc000000000000000));
    p2p_writer_bytes(w, p2p_bytes_of(wide, sizeof wide));
}

static void put_frame(p2p_writer *w, const uint64_t *numbers, size_t count) {
    for (size_t i = 0; i < count; i++)
        put_number(w, numbers[i]);
}

/* --- an offender --- */

static const char *const IDS[] = {"/sink/1", NULL};

static void swallow(p2p_stream *stream, void *self) {
    (void)self;
    p2p_stream_consume(stream, p2p_stream_peek(stream).len);
}

static const p2p_protocol SINK = {
    .size = sizeof(p2p_protocol), .ids = IDS, .inbound = true, .readable = swallow};
static const p2p_protocol SOURCE = {.size = sizeof(p2p_protocol), .ids = IDS, .readable = swallow};

static node *add_quic(victim *v) {
    static const p2p_transport_type *const QUIC[] = {&p2p_quic, NULL};
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.transports = QUIC;
    return world_add(&v->w, &config);
}

static node *start(victim *v, p2p_stream **stream) {
    victim_start(v);
    check_ok(p2p_host_add_protocol(v->host->host, &SINK, NULL));
    world_listen(v->host, "/udp/4001/quic-v1");
    node *offender = add_quic(v);
    world_dial(offender, v->host);
    world_run(&v->w, 2 * P2P_SECOND);
    check(offender->connected == 1 && v->host->connected == 2);
    check_ok(p2p_conn_open(offender->last_conn, &SOURCE, NULL, stream));
    world_pump(offender);
    world_run(&v->w, P2P_SECOND);
    return offender;
}

/* A packet of the offender's with room for a thousand bytes, and what it becomes. */
static void offend(victim *v, node *offender, p2p_stream *stream, change_fn fn) {
    static const uint8_t BLOCK[1000];
    offence.fn = fn;
    offence.changed = 0;
    p2p_stream_write(stream, p2p_bytes_of(BLOCK, sizeof BLOCK));
    world_pump(offender);
    offence.fn = NULL;
    check(offence.changed > 0);
    world_run(&v->w, 20 * P2P_MILLISECOND);
}

/* Whoever comes afterwards is served. */
static void stop(victim *v) {
    node *late = add_quic(v);
    world_dial(late, v->host);
    world_run(&v->w, 5 * P2P_SECOND);
    check(late->connected == 1);
    victim_check(v, (size_t)(v->w.now / P2P_SECOND) - 3);
    victim_stop(v);
}

/* --- frames against the rules --- */

typedef struct forbidden {
    const char *what;
    uint64_t frames[16];
    size_t count;
    p2p_err err;
} forbidden;

enum { FRESH_STREAM = 400 }; /* a client's, not yet opened, within the limit */

static const forbidden FORBIDDEN[] = {
    {"a stream beyond the limit", {0x0a, 400000, 1, 7}, 4, P2P_ERR_FLOW_CONTROL},
    {"a unidirectional stream", {0x0a, 2, 1, 7}, 4, P2P_ERR_FLOW_CONTROL},
    {"data beyond the window", {0x0e, FRESH_STREAM, 1 << 30, 1, 7}, 5, P2P_ERR_FLOW_CONTROL},
    {"an acknowledgement of what was never sent", {0x02, 1000000, 0, 0, 0}, 5, P2P_ERR_VIOLATION},
    {"acknowledged below packet 0", {0x02, 1, 0, 0, 50}, 5, P2P_ERR_MALFORMED},
    {"an id retired that was never given", {0x19, 1000}, 2, P2P_ERR_VIOLATION},
    {"two ends of one stream", {0x0b, FRESH_STREAM, 1, 7, 0x0e, FRESH_STREAM, 9, 1, 7}, 9,
        P2P_ERR_VIOLATION},
    {"an unknown frame", {0x21}, 1, P2P_ERR_MALFORMED},
    {"a frame of servers", {0x1e}, 1, P2P_ERR_VIOLATION},
    {"a token for a server", {0x07, 1, 7}, 3, P2P_ERR_VIOLATION},
    {"more streams than there are numbers", {0x12, (UINT64_C(1) << 60) + 1}, 2, P2P_ERR_MALFORMED},
    {"handshake data far ahead", {0x06, 1 << 20, 1, 7}, 4, P2P_ERR_VIOLATION},
    {"data on a stream of the host's that is not open", {0x0a, 401, 1, 7}, 4, P2P_ERR_VIOLATION},
    {"a reset of such a stream", {0x04, 401, 0, 0}, 4, P2P_ERR_VIOLATION},
    {"a frame longer than its packet", {0x0a, FRESH_STREAM, 60000, 7}, 4, P2P_ERR_MALFORMED},
};

static const forbidden *chosen;

static bool say_forbidden(p2p_writer *w, p2p_bytes frames, bool long_header) {
    if (long_header || frames.len < 500 || offence.changed > 0)
        return false;
    put_frame(w, chosen->frames, chosen->count);
    return true;
}

static void what_is_forbidden_is_named_and_ends_the_connection(void **state) {
    (void)state;
    for (size_t i = 0; i < P2P_COUNT(FORBIDDEN); i++) {
        victim v;
        p2p_stream *stream;
        node *offender = start(&v, &stream);
        chosen = &FORBIDDEN[i];
        offend(&v, offender, stream, say_forbidden);
        if (v.gone != 1 || v.gone_why.err != chosen->err || v.gone_why.by_peer)
            fail_msg("%s: %zu, %s: %s", chosen->what, v.gone, p2p_err_name(v.gone_why.err),
                v.gone_why.text);
        check(offender->disconnected == 1);
        stop(&v);
    }
}

/* More connection ids than were asked for. */
static bool give_ids(p2p_writer *w, p2p_bytes frames, bool long_header) {
    if (long_header || frames.len < 500 || offence.changed > 0)
        return false;
    for (uint64_t sequence = 1; sequence <= 20; sequence++) {
        uint8_t id[8 + 16] = {(uint8_t)sequence};
        put_frame(w, (uint64_t[]){0x18, sequence, 0, 8}, 4);
        p2p_writer_bytes(w, p2p_bytes_of(id, sizeof id));
    }
    return true;
}

static void a_flood_of_connection_ids_ends_the_connection(void **state) {
    (void)state;
    victim v;
    p2p_stream *stream;
    node *offender = start(&v, &stream);
    offend(&v, offender, stream, give_ids);
    check(v.gone == 1);
    check_err(P2P_ERR_VIOLATION, v.gone_why.err);
    stop(&v);
}

/* --- what is allowed, and costs --- */

static uint64_t step;
static uint64_t stream_id; /* of the offender's stream */

/* The number of connections that ended. */
static size_t repeat(change_fn fn, size_t packets) {
    victim v;
    p2p_stream *stream;
    node *offender = start(&v, &stream);
    step = 0;
    stream_id = (uint64_t)((p2p_quic_stream *)p2p_stream_mux(stream))->id;
    for (size_t i = 0; i < packets && v.gone == 0; i++)
        offend(&v, offender, stream, fn);
    size_t gone = v.gone;
    if (gone > 0)
        check_err(P2P_ERR_VIOLATION, v.gone_why.err);
    stop(&v); /* with the check of memory */
    return gone;
}

/* Every second byte of a stream, far ahead of what was sent, each in a frame of its own. */
static bool crumble(p2p_writer *w, p2p_bytes frames, bool long_header) {
    if (long_header || frames.len < 500)
        return false;
    while (w->len + 20 < frames.len) {
        put_frame(w, (uint64_t[]){0x0e, stream_id, 100000 + 2 * step}, 3);
        put_frame(w, (uint64_t[]){1, 7}, 2);
        step++;
    }
    return true;
}

static void a_stream_in_crumbs_is_ended_before_it_costs(void **state) {
    (void)state;
    check(repeat(crumble, 200) == 1); /* ngtcp2 keeps so many holes and no more */
    check(step > 100);
}

/* The rapid reset: no limit on open streams stops who closes each at once. */
static void streams_reset_as_they_open_cost_nothing(void **state) {
    (void)state;
    victim v;
    p2p_stream *stream;
    size_t opened = 0;
    node *offender = start(&v, &stream);
    for (int round = 0; round < 100; round++) {
        p2p_stream *many[50];
        size_t count = 0;
        while (
            count < 50 && p2p_conn_open(offender->last_conn, &SOURCE, NULL, &many[count]) == P2P_OK)
            p2p_stream_write(many[count++], P2P_LITERAL("x"));
        world_pump(offender);
        for (size_t i = 0; i < count; i++)
            p2p_stream_reset(many[i], 0);
        world_pump(offender);
        world_run(&v.w, 20 * P2P_MILLISECOND);
        opened += count;
    }
    check(opened > 2000 && v.gone == 0);
    p2p_conn_stats stats;
    p2p_conn_get_stats(v.host->last_conn, &stats);
    check(stats.streams <= 4);
    stop(&v);
}

static bool challenge(p2p_writer *w, p2p_bytes frames, bool long_header) {
    if (long_header || frames.len < 500)
        return false;
    while (w->len + 9 < frames.len) {
        uint8_t data[8];
        p2p_store64(data, step++);
        put_number(w, 0x1a);
        p2p_writer_bytes(w, p2p_bytes_of(data, sizeof data));
    }
    return true;
}

static void a_flood_of_path_challenges_costs_nothing(void **state) {
    (void)state;
    check(repeat(challenge, 200) == 0);
    check(step > 5000);
}

/* --- the handshake --- */

/* The client's hello, last piece first, each piece overlapping the one before it. */
static bool tear_crypto(p2p_writer *w, p2p_bytes frames, bool long_header) {
    enum { PIECE = 48, OVERLAP = 16 };

    p2p_cursor c = p2p_cursor_of(frames);
    if (!long_header || p2p_cursor_u8(&c) != 0x06 || p2p_cursor_u8(&c) != 0)
        return false;
    uint64_t len = p2p_cursor_u8(&c);
    if (len >= 0x40)
        len = (len & 0x3f) << 8 | p2p_cursor_u8(&c);
    p2p_bytes data = p2p_cursor_take(&c, len);
    if (len < 200 || c.err != P2P_OK || frames.len < 800)
        return false;
    for (size_t end = data.len; end > 0; end -= end > PIECE ? PIECE : end) {
        size_t from = end > PIECE + OVERLAP ? end - PIECE - OVERLAP : 0;
        put_frame(w, (uint64_t[]){0x06, from, end - from}, 3);
        p2p_writer_bytes(w, p2p_bytes_of(data.ptr + from, end - from));
    }
    return true;
}

static void handshake_data_out_of_order_and_overlapping_is_put_together(void **state) {
    (void)state;
    victim v;
    victim_start(&v);
    world_listen(v.host, "/udp/4001/quic-v1");
    node *client = add_quic(&v);
    offence.fn = tear_crypto;
    offence.changed = 0;
    world_dial(client, v.host);
    world_run(&v.w, P2P_SECOND);
    offence.fn = NULL;
    check(offence.changed > 0);
    check(client->connected == 1 && v.host->connected == 2);
    stop(&v);
}

/* The beginning of a hello, and never the rest. */
static bool stammer(p2p_writer *w, p2p_bytes frames, bool long_header) {
    enum { SAID = 60 };

    if (!long_header || frames.len < 100)
        return false;
    bool hello = frames.ptr[0] == 0x06 && frames.ptr[1] == 0 && frames.ptr[2] >= 0x40;
    p2p_writer_u8(w, 0x01); /* PING */
    if (hello) {
        put_frame(w, (uint64_t[]){0x06, 0, SAID}, 3);
        p2p_writer_bytes(w, p2p_bytes_of(frames.ptr + 4, SAID));
    }
    return true;
}

static void a_client_that_never_finishes_is_let_go(void **state) {
    (void)state;
    victim v;
    victim_start(&v);
    world_listen(v.host, "/udp/4001/quic-v1");
    size_t before = v.host->mem.live_bytes;
    node *client = add_quic(&v);
    step = 0;
    offence.fn = stammer;
    offence.who = client;
    offence.changed = 0;
    world_dial(client, v.host);
    world_run(&v.w, 60 * P2P_SECOND);
    offence.fn = NULL;
    offence.who = NULL;
    check(offence.changed > 0);
    check(client->connected == 0 && v.host->connected == 1);
    check(v.inbound_failed == 1);
    check_err(P2P_ERR_TIMEOUT, v.inbound_err);
    check(v.host->mem.live_bytes < before + 4096);
    stop(&v);
}

/* --- the network --- */

/* Each datagram may come twice, and late: replays, in and after the handshake. */
static void replayed_packets_change_nothing(void **state) {
    (void)state;
    victim v;
    victim_start(&v);
    check_ok(p2p_host_add_protocol(v.host->host, &SINK, NULL));
    world_listen(v.host, "/udp/4001/quic-v1");
    node *client = add_quic(&v);
    world_link(&v.w, client, v.host,
        &(link){.latency = 5 * P2P_MILLISECOND, .jitter = 40 * P2P_MILLISECOND, .duplication = 1});
    world_dial(client, v.host);
    world_run(&v.w, 5 * P2P_SECOND);
    check(client->connected == 1 && v.host->connected == 2);
    p2p_stream *stream;
    check_ok(p2p_conn_open(client->last_conn, &SOURCE, NULL, &stream));
    world_run(&v.w, 10 * P2P_SECOND);
    check(v.host->connected == 2 && v.gone == 0 && v.inbound_failed == 0);
    stop(&v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_forbidden_is_named_and_ends_the_connection),
        cmocka_unit_test(a_flood_of_connection_ids_ends_the_connection),
        cmocka_unit_test(a_stream_in_crumbs_is_ended_before_it_costs),
        cmocka_unit_test(streams_reset_as_they_open_cost_nothing),
        cmocka_unit_test(a_flood_of_path_challenges_costs_nothing),
        cmocka_unit_test(handshake_data_out_of_order_and_overlapping_is_put_together),
        cmocka_unit_test(a_client_that_never_finishes_is_let_go),
        cmocka_unit_test(replayed_packets_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
