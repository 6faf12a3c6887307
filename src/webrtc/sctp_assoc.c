/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The association as a whole: making and freeing it, taking packets apart and putting them together
 * (RFC 9260 sections 6.10, 8.4 and 8.5). What a chunk means is said in the file that owns its part
 * of the state.
 *
 * A packet with a wrong checksum, port or verification tag is dropped without a word; so an ABORT
 * without the right tag does nothing. There are no out-of-the-blue replies: an association without
 * a peer has a DTLS connection of its own, and nobody else can send into it.
 */
#include "webrtc/sctp_assoc.h"
#include "base/check.h"
#include "base/mem.h"
#include "webrtc/crc32c.h"

enum { RECEIVE_BLOCK = 1472 };

static const p2p_time IDLE_TRIM = P2P_SECOND;

static p2p_err check_config(const p2p_sctp_config *config) {
    bool good = config->mem != NULL && config->random != NULL && config->events != NULL &&
                config->mtu >= P2P_SCTP_MTU_MIN && config->mtu <= P2P_SCTP_MTU_MAX &&
                config->mtu % 4 == 0 && config->max_streams > 0 && config->max_live > 0 &&
                config->receive_buffer >= 4 * config->mtu &&
                config->receive_buffer <= UINT32_MAX / 2 && config->send_buffer > 0 &&
                config->max_message_in > 0 && config->max_message_in <= UINT32_MAX / 2 &&
                config->max_message_out > 0 && config->ack_every > 0;
    return good ? P2P_OK : P2P_ERR_INVALID;
}

static uint32_t random32(const p2p_random *random) {
    uint8_t bytes[4];
    random->fill(random->ctx, bytes, sizeof bytes);
    return p2p_load32(bytes);
}

static void start_values(p2p_sctp *a) {
    const p2p_random *random = a->config.random;
    do
        a->local_tag = random32(random);
    while (a->local_tag == 0);
    a->handshake.tsn = random32(random);
    random->fill(random->ctx, a->handshake.secret, sizeof a->handshake.secret);
    a->streams.seed = random32(random);
    a->payload = a->config.mtu - SCTP_HEADER - SCTP_DATA_HEADER;
    a->block = a->payload > RECEIVE_BLOCK ? a->payload : RECEIVE_BLOCK;
    a->tx.next_tsn = a->handshake.tsn;
    a->tx.cum_acked = a->tx.forward_tsn = a->tx.next_tsn - 1;
    a->handshake.again_at = a->rx.sack_at = a->reset.again_at = a->trim_at = P2P_NEVER;
    p2p_sctp_cc_init(&a->cc, a->config.mtu);
    p2p_sctp_loss_init(&a->loss);
}

p2p_err p2p_sctp_new(p2p_sctp **out, const p2p_sctp_config *config) {
    *out = NULL;
    p2p_err err = check_config(config);
    if (err != P2P_OK)
        return err;
    p2p_sctp *a = p2p_mem_alloc(config->mem, sizeof *a);
    if (a == NULL)
        return P2P_ERR_NO_MEMORY;
    a->config = *config;
    a->reply = p2p_mem_alloc(config->mem, config->mtu - SCTP_HEADER);
    if (a->reply == NULL) {
        p2p_mem_free(config->mem, a, sizeof *a);
        return P2P_ERR_NO_MEMORY;
    }
    start_values(a);
    *out = a;
    return P2P_OK;
}

void p2p_sctp_free(p2p_sctp *a) {
    if (a == NULL)
        return;
    const p2p_mem *mem = a->config.mem;
    p2p_sctp_tx_deinit(a);
    p2p_sctp_rx_deinit(a);
    p2p_sctp_pool_trim(a);
    p2p_sctp_streams_deinit(a);
    p2p_sctp_handshake_deinit(a);
    p2p_mem_free(mem, a->reply, a->config.mtu - SCTP_HEADER);
    p2p_mem_free(mem, a, sizeof *a);
}

/* --- ending --- */

p2p_err p2p_sctp_over(p2p_sctp *a, p2p_err err) {
    if (a->state == SCTP_DEAD)
        return a->error;
    a->state = SCTP_DEAD;
    a->error = err;
    a->config.events->closed(a->config.ctx, err);
    return err;
}

p2p_err p2p_sctp_fail(p2p_sctp *a, p2p_err err, sctp_cause cause) {
    if (a->state != SCTP_DEAD && a->peer_tag != 0)
        a->abort_cause = (uint8_t)cause;
    return p2p_sctp_over(a, err);
}

void p2p_sctp_abort(p2p_sctp *a) {
    if (a->state == SCTP_DEAD)
        return;
    a->abort_cause = a->peer_tag != 0 ? SCTP_CAUSE_USER_ABORT : 0;
    a->state = SCTP_DEAD;
    a->error = P2P_ERR_CLOSED;
}

/* --- input --- */

void p2p_sctp_reply(p2p_sctp *a, uint8_t type, uint8_t flags, p2p_bytes body) {
    size_t len = sctp_padded(SCTP_CHUNK_HEADER + body.len);
    if (len > a->config.mtu - SCTP_HEADER - a->reply_len)
        return;
    uint8_t *p = a->reply + a->reply_len;
    memset(p, 0, len);
    p[0] = type;
    p[1] = flags;
    p2p_store16(p + 2, (uint16_t)(SCTP_CHUNK_HEADER + body.len));
    p2p_copy(p + SCTP_CHUNK_HEADER, body.ptr, body.len);
    a->reply_len += len;
}

/* The checksum stands in little-endian order (RFC 9260 appendix A). */
static void store_checksum(uint8_t *p, uint32_t crc) {
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(crc >> (8 * i));
}

static bool checksum_good(const p2p_sctp *a, uint8_t *packet, size_t len) {
    uint8_t stored[4], computed[4];
    memcpy(stored, packet + 8, sizeof stored);
    if (a->config.zero_checksum && p2p_load32(stored) == 0)
        return true;
    memset(packet + 8, 0, sizeof stored);
    store_checksum(computed, p2p_crc32c(packet, len));
    return memcmp(stored, computed, sizeof stored) == 0;
}

/* INIT comes alone and with tag 0; ABORT and SHUTDOWN COMPLETE may reflect the peer's tag. */
static bool tag_good(const p2p_sctp *a, uint32_t tag, const p2p_sctp_chunk *chunk) {
    if (chunk->type == SCTP_INIT)
        return tag == 0;
    bool may_reflect = chunk->type == SCTP_ABORT || chunk->type == SCTP_SHUTDOWN_COMPLETE;
    if (may_reflect && (chunk->flags & SCTP_REFLECTED))
        return a->peer_tag != 0 && tag == a->peer_tag;
    return tag == a->local_tag;
}

/* RFC 9260 section 3.2: the two high bits of the type say whether to go on and whether to report.
 */
static bool skip_unknown(p2p_sctp *a, const p2p_sctp_chunk *chunk) {
    enum { GO_ON = 0x80, REPORT = 0x40, MOST = 64 };

    if (chunk->type & REPORT) {
        uint8_t cause[8 + MOST];
        size_t some = chunk->body.len < MOST ? chunk->body.len : MOST;
        p2p_store16(cause, SCTP_CAUSE_UNRECOGNIZED_CHUNK);
        p2p_store16(cause + 2, (uint16_t)(8 + some));
        cause[4] = chunk->type;
        cause[5] = chunk->flags;
        p2p_store16(cause + 6, (uint16_t)(SCTP_CHUNK_HEADER + chunk->body.len));
        p2p_copy(cause + 8, chunk->body.ptr, some);
        if (a->peer_tag != 0)
            p2p_sctp_reply(a, SCTP_ERROR, 0, p2p_bytes_of(cause, 8 + some));
    }
    return (chunk->type & GO_ON) != 0;
}

static p2p_err on_error(p2p_sctp *a, p2p_bytes body) {
    bool stale = body.len >= 2 && p2p_load16(body.ptr) == SCTP_CAUSE_STALE_COOKIE;
    if (stale && a->state == SCTP_COOKIE_ECHOED)
        return p2p_sctp_over(a, P2P_ERR_TIMEOUT);
    return P2P_OK;
}

static void on_heartbeat_ack(p2p_sctp *a, p2p_bytes body) {
    p2p_cursor c = p2p_cursor_of(body);
    p2p_sctp_param info;
    a->answered = p2p_sctp_param_next(&c, &info) && info.type == SCTP_PARAM_HEARTBEAT &&
                  info.value.len == sizeof a->answer;
    if (a->answered)
        memcpy(a->answer, info.value.ptr, sizeof a->answer);
}

/* False in *go_on: the rest of the packet must be left alone. */
static p2p_err dispatch(p2p_sctp *a, const p2p_sctp_chunk *chunk, p2p_time now, bool *go_on) {
    switch (chunk->type) {
    case SCTP_INIT:
        *go_on = false;
        return p2p_sctp_on_init(a, chunk->body, now);
    case SCTP_INIT_ACK:
        *go_on = false;
        return p2p_sctp_on_init_ack(a, chunk->body, now);
    case SCTP_SACK:
        return p2p_sctp_on_sack(a, chunk->body, now);
    case SCTP_HEARTBEAT:
        if (a->peer_tag != 0)
            p2p_sctp_reply(a, SCTP_HEARTBEAT_ACK, 0, chunk->body);
        return P2P_OK;
    case SCTP_ABORT:
        return p2p_sctp_over(a, P2P_ERR_RESET);
    case SCTP_SHUTDOWN:
    case SCTP_SHUTDOWN_ACK:
    case SCTP_SHUTDOWN_COMPLETE:
        return p2p_sctp_on_shutdown(a, chunk->type, chunk->body, now);
    case SCTP_ERROR:
        return on_error(a, chunk->body);
    case SCTP_COOKIE_ECHO:
        return p2p_sctp_on_cookie_echo(a, chunk->body, now);
    case SCTP_COOKIE_ACK:
        return p2p_sctp_on_cookie_ack(a);
    case SCTP_RE_CONFIG:
        return p2p_sctp_on_reconfig(a, chunk->body, now);
    case SCTP_FORWARD_TSN:
        return p2p_sctp_on_forward_tsn(a, chunk->body);
    case SCTP_HEARTBEAT_ACK:
        on_heartbeat_ack(a, chunk->body);
        return P2P_OK;
    default:
        *go_on = skip_unknown(a, chunk);
        return P2P_OK;
    }
}

static p2p_err read_chunks(p2p_sctp *a, p2p_cursor *c, uint32_t tag, p2p_time now) {
    p2p_sctp_chunk chunk;
    bool first = true, data = false, go_on = true;
    p2p_err err = P2P_OK;
    while (err == P2P_OK && go_on && a->state != SCTP_DEAD && p2p_sctp_chunk_next(c, &chunk)) {
        if (!tag_good(a, tag, &chunk) || (chunk.type == SCTP_INIT && !(first && c->left == 0))) {
            a->dropped++;
            return P2P_OK;
        }
        first = false;
        if (chunk.type == SCTP_DATA) {
            data = true;
            err = p2p_sctp_on_data(a, chunk.flags, chunk.body);
        } else {
            err = dispatch(a, &chunk, now, &go_on);
        }
    }
    if (data && sctp_open(a))
        p2p_sctp_rx_packet_end(a, now);
    if (err == P2P_OK && c->err != P2P_OK && sctp_open(a) && tag == a->local_tag)
        return p2p_sctp_fail(a, P2P_ERR_MALFORMED, SCTP_CAUSE_PROTOCOL_VIOLATION);
    return err;
}

/* An association with nothing to do gives its blocks back after a while. */
static void note_idle(p2p_sctp *a, p2p_time now) {
    if (a->trim_at == P2P_NEVER && sctp_tx_empty(a) && (a->pool.bytes > 0 || a->tx.cap > 0))
        a->trim_at = now + IDLE_TRIM;
}

p2p_err p2p_sctp_input(p2p_sctp *a, uint8_t *packet, size_t len, p2p_time now) {
    if (a->state == SCTP_DEAD)
        return P2P_OK;
    a->packets_in++;
    a->answered = false;
    if (len < SCTP_HEADER + SCTP_CHUNK_HEADER || p2p_load16(packet) != P2P_SCTP_PORT ||
        p2p_load16(packet + 2) != P2P_SCTP_PORT || !checksum_good(a, packet, len)) {
        a->dropped++;
        return P2P_OK;
    }
    p2p_cursor c = p2p_cursor_of(p2p_bytes_of(packet + SCTP_HEADER, len - SCTP_HEADER));
    p2p_err err = read_chunks(a, &c, p2p_load32(packet + 4), now);
    if (a->state == SCTP_DEAD)
        return err;
    p2p_sctp_tx_wake(a);
    note_idle(a, now);
    return err;
}

/* --- output --- */

static void write_reply(p2p_sctp *a, p2p_writer *w) {
    if (a->reply_len == 0 || a->reply_len > w->cap - w->len)
        return;
    p2p_writer_bytes(w, p2p_bytes_of(a->reply, a->reply_len));
    a->reply_len = 0;
}

static void write_abort(p2p_sctp *a, p2p_writer *w) {
    if (a->abort_cause == 0)
        return;
    size_t chunk = p2p_sctp_begin_chunk(w, SCTP_ABORT, 0);
    p2p_writer_u16(w, a->abort_cause);
    p2p_writer_u16(w, 4);
    p2p_sctp_end(w, chunk);
    a->abort_cause = 0;
}

static void write_packet(p2p_sctp *a, p2p_writer *w, uint32_t *tag, bool *checksum, p2p_time now) {
    if (a->state == SCTP_DEAD) {
        write_reply(a, w);
        write_abort(a, w);
        a->reply_len = 0;
        return;
    }
    if (p2p_sctp_handshake_write(a, w, tag, checksum))
        return;
    write_reply(a, w);
    if (!sctp_open(a))
        return;
    if (p2p_sctp_rx_sack_due(a))
        p2p_sctp_rx_write_sack(a, w);
    p2p_sctp_partial_write(a, w);
    if (p2p_sctp_reset_due(a))
        p2p_sctp_reset_write(a, w, now);
    if (a->tx.lost.head != NULL || a->tx.first_scheduled != NULL)
        p2p_sctp_tx_write(a, w, now);
}

static p2p_writer begin_packet(const p2p_sctp *a, uint8_t *dst) {
    p2p_writer w = p2p_writer_of(dst, a->config.mtu);
    w.len = SCTP_HEADER;
    return w;
}

static size_t finish_packet(p2p_sctp *a, const p2p_writer *w, uint32_t tag, bool checksum) {
    uint8_t *head = w->base;
    INVARIANT(w->len <= w->cap);
    p2p_store16(head, P2P_SCTP_PORT);
    p2p_store16(head + 2, P2P_SCTP_PORT);
    p2p_store32(head + 4, tag);
    p2p_store32(head + 8, 0);
    if (checksum)
        store_checksum(head + 8, p2p_crc32c(head, w->len));
    a->packets_out++;
    return w->len;
}

p2p_err p2p_sctp_output(p2p_sctp *a, uint8_t *dst, size_t cap, size_t *len, p2p_time now) {
    P2P_REQUIRE(cap >= a->config.mtu);
    p2p_writer w = begin_packet(a, dst);
    uint32_t tag = a->peer_tag;
    bool checksum = !a->zero_checksum;
    *len = 0;
    write_packet(a, &w, &tag, &checksum, now);
    if (w.len == SCTP_HEADER)
        return P2P_ERR_AGAIN;
    *len = finish_packet(a, &w, tag, checksum);
    return P2P_OK;
}

/* --- is the peer there? --- */

p2p_err p2p_sctp_ask(
    p2p_sctp *a, uint8_t *dst, size_t cap, size_t *len, const uint8_t nonce[P2P_SCTP_NONCE]) {
    P2P_REQUIRE(cap >= a->config.mtu);
    *len = 0;
    if (!sctp_open(a))
        return P2P_ERR_STATE;
    p2p_writer w = begin_packet(a, dst);
    size_t chunk = p2p_sctp_begin_chunk(&w, SCTP_HEARTBEAT, 0);
    size_t info = p2p_sctp_begin_param(&w, SCTP_PARAM_HEARTBEAT);
    p2p_writer_bytes(&w, p2p_bytes_of(nonce, P2P_SCTP_NONCE));
    p2p_sctp_end(&w, info);
    p2p_sctp_end(&w, chunk);
    *len = finish_packet(a, &w, a->peer_tag, !a->zero_checksum);
    return P2P_OK;
}

bool p2p_sctp_answered(const p2p_sctp *a, const uint8_t nonce[P2P_SCTP_NONCE]) {
    return a->answered && memcmp(a->answer, nonce, sizeof a->answer) == 0;
}

/* --- time --- */

static p2p_time earlier(p2p_time a, p2p_time b) {
    return a < b ? a : b;
}

p2p_time p2p_sctp_deadline(const p2p_sctp *a) {
    if (a->state == SCTP_DEAD)
        return P2P_NEVER;
    if (a->tx.waking != NULL)
        return 0; /* a message was given up while a packet was made */
    p2p_time at = earlier(a->handshake.again_at, a->trim_at);
    at = earlier(at, earlier(a->rx.sack_at, a->reset.again_at));
    return earlier(at, earlier(a->loss.rto_at, earlier(a->loss.probe_at, a->loss.reorder_at)));
}

static void trim(p2p_sctp *a) {
    a->trim_at = P2P_NEVER;
    if (!sctp_tx_empty(a))
        return;
    p2p_sctp_pool_trim(a);
    p2p_sctp_tx_trim(a);
    p2p_sctp_rx_trim(a);
}

p2p_err p2p_sctp_tick(p2p_sctp *a, p2p_time now) {
    if (a->state == SCTP_DEAD)
        return P2P_OK;
    p2p_err err = p2p_sctp_handshake_tick(a, now);
    if (err == P2P_OK)
        err = p2p_sctp_loss_tick(a, now);
    if (err == P2P_OK)
        err = p2p_sctp_reset_tick(a, now);
    if (err != P2P_OK)
        return err;
    if (a->rx.sack_at <= now) {
        a->rx.sack_at = P2P_NEVER;
        a->rx.sack_now = a->rx.unacked_packets > 0;
    }
    if (a->trim_at <= now)
        trim(a);
    p2p_sctp_tx_wake(a);
    return P2P_OK;
}

/* --- looking --- */

bool p2p_sctp_live(const p2p_sctp *a, uint16_t stream) {
    return p2p_sctp_stream_look(a, stream) != NULL;
}

p2p_err p2p_sctp_set_user(p2p_sctp *a, uint16_t stream, void *user) {
    sctp_stream *s;
    p2p_err err = p2p_sctp_stream_get(a, stream, &s);
    if (err == P2P_OK)
        s->user = user;
    return err;
}

void p2p_sctp_get_info(const p2p_sctp *a, p2p_sctp_info *info) {
    *info = (p2p_sctp_info){.open = sctp_open(a),
        .closed = a->state == SCTP_DEAD,
        .zero_checksum = a->zero_checksum,
        .streams = sctp_open(a) ? a->tx.peer_streams : 0,
        .peer_streams = a->rx.peer_streams,
        .live = a->streams.count,
        .send_memory = a->tx.memory,
        .stored = a->rx.stored,
        .pooled = a->pool.bytes,
        .cwnd = a->cc.cwnd,
        .in_flight = a->tx.in_flight,
        .min_rtt = a->loss.min_rtt == P2P_NEVER ? 0 : a->loss.min_rtt,
        .backoff = a->loss.backoff,
        .packets_in = a->packets_in,
        .packets_out = a->packets_out,
        .dropped = a->dropped,
        .retransmitted = a->tx.retransmitted};
}

size_t p2p_sctp_send_memory(const p2p_sctp *a) {
    return a->tx.memory;
}

size_t p2p_sctp_cwnd(const p2p_sctp *a) {
    return a->cc.cwnd;
}
