/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Datagrams in, batches of datagrams out, and time.
 *
 * A batch is what one GSO send takes: packets of one size to one destination, at most ngtcp2's send
 * quantum, so that pacing works between batches. A stream fills up to BURST packets before the next
 * has its turn: changing streams with every packet costs a quarter of the throughput, and one
 * stream alone would starve the others. Whatever touches a connection wakes its sender, so the
 * timer is set in one place: when there was nothing more to draw.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "quic/connection.h"

enum {
    BURST = 16,
    UNPACED_MAX = 10 * 1200,
    /* Chunks of a stream's queue for one packet: one may be a short rest, the next is long enough.
     */
    VIEWS = 2,
    SILENT_PTOS = 4
};

#define NARROW_FIRST (10 * P2P_SECOND)
#define NARROW_MAX (600 * P2P_SECOND)

/* --- in --- */

/*
 * The local end of the path is the socket, not the address a datagram came to: which of a host's
 * own addresses a peer uses is the peer's business, and answers go out from where the last datagram
 * came in. Only when the host loses that address the path is another (migration.c).
 */
void p2p_quic_conn_datagram(p2p_quic_conn *conn, const p2p_quic_arrival *in) {
    p2p_quic_path path;
    ngtcp2_pkt_info info = {.ecn = in->from->ecn};
    if (conn->over || conn->ng == NULL || in->sock != conn->user.sock)
        return;
    p2p_quic_path_of(&path, &conn->path_local, &in->from->remote);
    conn->busy = true;
    int rv = ngtcp2_conn_read_pkt(
        conn->ng, &path.path, &info, in->data, in->len, conn->endpoint->env->now);
    conn->busy = false;
    if (rv != 0 && rv != NGTCP2_ERR_DISCARD_PKT) {
        p2p_quic_conn_fail(conn, rv);
        return;
    }
    if (in->from->local.family != 0) {
        conn->local = in->from->local;
        conn->astray = false;
    }
    if (conn->outbound && !conn->answered) {
        conn->answered = true;
        if (conn->app->answered != NULL && !conn->closing)
            conn->app->answered(conn);
    }
    p2p_quic_conn_settle(conn);
    p2p_udp_want(&conn->sender);
}

/*
 * ngtcp2 finds out once how large packets may be. A route that changes to a smaller size afterwards
 * swallows all large ones (RFC 8899's black hole): nothing is acknowledged for several probe
 * time-outs. From then on packets have the size that every path carries, for ten seconds at first,
 * since it may have been a mere pause, and twice as long each time it happens again.
 */
static void look_for_black_hole(p2p_quic_conn *conn, p2p_time now) {
    ngtcp2_conn_info info;
    ngtcp2_conn_get_conn_info(conn->ng, &info);
    if (!conn->established || info.bytes_in_flight == 0 || now < conn->narrow_until ||
        now - conn->progress <= SILENT_PTOS * ngtcp2_conn_get_pto(conn->ng))
        return;
    conn->narrow_for = conn->narrow_for == 0 ? NARROW_FIRST : 2 * conn->narrow_for;
    if (conn->narrow_for > NARROW_MAX)
        conn->narrow_for = NARROW_MAX;
    conn->narrow_until = now + conn->narrow_for;
    conn->progress = now;
}

void p2p_quic_conn_fire(p2p_timer *timer, p2p_time now) {
    p2p_quic_conn *conn = P2P_CONTAINER(timer, p2p_quic_conn, timer);
    if (conn->over || conn->ng == NULL)
        return;
    look_for_black_hole(conn, now);
    conn->busy = true;
    int rv = ngtcp2_conn_handle_expiry(conn->ng, now);
    conn->busy = false;
    if (rv != 0) {
        p2p_quic_conn_fail(conn, rv);
        return;
    }
    p2p_quic_conn_settle(conn);
    p2p_udp_want(&conn->sender);
}

/* --- out: which stream --- */

/* What one packet is asked to carry. */
typedef struct load {
    p2p_quic_stream *stream; /* NULL: nothing but control frames */
    ngtcp2_vec views[VIEWS];
    size_t count, len;
    bool fin;
} load;

static p2p_quic_stream *stream_at(p2p_list *node) {
    return P2P_CONTAINER(node, p2p_quic_stream, node);
}

static void pull(p2p_quic_conn *conn, p2p_quic_stream *stream, load *out) {
    p2p_bytes views[VIEWS];
    *out = (load){.stream = stream};
    out->count = conn->app->stream_pull(conn, stream, stream->sent, views, VIEWS, &out->fin);
    for (size_t i = 0; i < out->count; i++) {
        out->views[i] = (ngtcp2_vec){(uint8_t *)views[i].ptr, views[i].len};
        out->len += views[i].len;
    }
}

/* Streams that turn out to have nothing leave the queue. */
static void next_load(p2p_quic_conn *conn, load *out) {
    while (!p2p_list_empty(&conn->sending)) {
        p2p_quic_stream *stream = stream_at(conn->sending.next);
        pull(conn, stream, out);
        if (out->len > 0 && ngtcp2_conn_get_max_data_left(conn->ng) == 0)
            break; /* the connection's window is closed: control frames only */
        if (out->len > 0 || (out->fin && !stream->fin_sent))
            return;
        p2p_list_remove(&stream->node);
    }
    *out = (load){0};
}

static void next_turn(p2p_quic_conn *conn, p2p_quic_stream *stream) {
    if (conn->burst_left-- > 1)
        return;
    conn->burst_left = BURST;
    if (p2p_list_linked(&stream->node)) {
        p2p_list_remove(&stream->node);
        p2p_list_push(&conn->sending, &stream->node);
    }
}

static void loaded(p2p_quic_conn *conn, const load *what, ngtcp2_ssize taken) {
    if (what->stream == NULL || taken < 0)
        return;
    if (what->stream->sent == 0)
        conn->progress = conn->endpoint->env->now;
    what->stream->sent += (size_t)taken;
    if (what->fin && (size_t)taken == what->len)
        what->stream->fin_sent = true;
    if (taken > 0)
        conn->app->stream_sent(conn, what->stream, (size_t)taken);
}

/* Errors of one stream; true if the packet can be tried again with another. */
static bool stream_refused(p2p_quic_conn *conn, p2p_quic_stream *stream, ngtcp2_ssize n) {
    if (stream == NULL)
        return false;
    switch (n) {
    case NGTCP2_ERR_STREAM_DATA_BLOCKED: /* extend_max_stream_data puts it back */
    case NGTCP2_ERR_STREAM_NOT_FOUND:
        p2p_list_remove(&stream->node);
        return true;
    case NGTCP2_ERR_STREAM_SHUT_WR: /* the peer sent STOP_SENDING; ngtcp2 has answered it */
        p2p_list_remove(&stream->node);
        stream->write_over = true;
        conn->app->stream_stopped(conn, stream);
        return !conn->closing;
    default:
        return false;
    }
}

/* --- out: packets and batches --- */

static bool write_datagram_frame(p2p_quic_conn *conn, ngtcp2_path *path, ngtcp2_pkt_info *info,
    uint8_t *dst, size_t size, ngtcp2_ssize *n) {
    p2p_env *env = conn->endpoint->env;
    ngtcp2_vec view = {(uint8_t *)conn->datagram.ptr, conn->datagram.len};
    int accepted = 0;
    *n = ngtcp2_conn_writev_datagram(conn->ng, path, info, dst, size, &accepted,
        NGTCP2_WRITE_DATAGRAM_FLAG_NONE, 0, &view, 1, env->now);
    if (accepted || *n == NGTCP2_ERR_INVALID_STATE || *n == NGTCP2_ERR_INVALID_ARGUMENT) {
        p2p_mem_free(env->mem, (void *)conn->datagram.ptr, conn->datagram.len);
        conn->datagram = (p2p_bytes){0};
    }
    return *n != NGTCP2_ERR_INVALID_STATE && *n != NGTCP2_ERR_INVALID_ARGUMENT;
}

/* One packet of at most `size` bytes: its length, 0 for none, or an error of the connection. */
static ngtcp2_ssize write_packet(
    p2p_quic_conn *conn, ngtcp2_path *path, ngtcp2_pkt_info *info, uint8_t *dst, size_t size) {
    p2p_time now = conn->endpoint->env->now;
    ngtcp2_ssize n = 0;
    if (conn->datagram.len > 0 && write_datagram_frame(conn, path, info, dst, size, &n))
        return n;
    for (;;) {
        load what;
        next_load(conn, &what);
        uint32_t flags = what.fin ? NGTCP2_WRITE_STREAM_FLAG_FIN : NGTCP2_WRITE_STREAM_FLAG_NONE;
        /* A short rest shares the packet with what the next stream has. */
        if (what.stream != NULL && what.len < size && conn->sending.next != conn->sending.prev)
            flags |= NGTCP2_WRITE_STREAM_FLAG_MORE;
        ngtcp2_ssize taken = -1;
        n = ngtcp2_conn_writev_stream(conn->ng, path, info, dst, size, &taken, flags,
            what.stream == NULL ? -1 : what.stream->id, what.views, what.count, now);
        loaded(conn, &what, taken);
        if (n == NGTCP2_ERR_WRITE_MORE || stream_refused(conn, what.stream, n))
            continue;
        if (n > 0 && what.stream != NULL && taken >= 0)
            next_turn(conn, what.stream);
        return n;
    }
}

/* Keeps a packet for the next batch. Without memory it is lost, as packets are. */
static void hold(p2p_quic_conn *conn, const p2p_datagrams *to, const uint8_t *bytes, size_t len) {
    if (conn->held == NULL)
        conn->held = p2p_mem_alloc(conn->endpoint->env->mem, sizeof *conn->held);
    if (conn->held == NULL || len > sizeof conn->held->bytes)
        return;
    conn->held->remote = to->remote;
    conn->held->ecn = to->ecn;
    conn->held->len = len;
    memcpy(conn->held->bytes, bytes, len);
}

static bool draw_held(p2p_quic_conn *conn, uint8_t *dst, size_t cap, p2p_datagrams *out) {
    p2p_quic_held *held = conn->held;
    bool fits = held->len > 0 && held->len <= cap;
    if (fits) {
        memcpy(dst, held->bytes, held->len);
        *out = (p2p_datagrams){.remote = held->remote,
            .local = p2p_quic_conn_source(conn),
            .len = held->len,
            .segment = held->len,
            .ecn = held->ecn};
    }
    p2p_mem_free(conn->endpoint->env->mem, held, sizeof *held);
    conn->held = NULL;
    return fits;
}

/*
 * Writes packets while they have one size and one destination. More: false when ngtcp2 has nothing
 * to send now. An error has ended the connection; what was written before still counts.
 */
static bool write_batch(
    p2p_quic_conn *conn, uint8_t *dst, size_t cap, size_t max_segments, p2p_datagrams *out) {
    size_t largest = conn->endpoint->env->now < conn->narrow_until
                         ? NGTCP2_MAX_UDP_PAYLOAD_SIZE
                         : ngtcp2_conn_get_max_tx_udp_payload_size(conn->ng);
    size_t quantum = ngtcp2_conn_get_send_quantum(conn->ng);
    size_t count = 0;
    *out = (p2p_datagrams){.local = p2p_quic_conn_source(conn)};
    while (count < max_segments && out->len < quantum) {
        size_t size = count == 0 ? largest : out->segment;
        ngtcp2_path_storage path;
        ngtcp2_pkt_info info;
        p2p_datagrams to = {0};
        if (out->len + size > cap)
            break;
        ngtcp2_path_storage_zero(&path);
        ngtcp2_ssize n = write_packet(conn, &path.path, &info, dst + out->len, size);
        if (n < 0)
            p2p_quic_conn_fail(conn, (int)n);
        if (n <= 0)
            return false;
        p2p_quic_sockaddr_to(&to.remote, path.path.remote.addr);
        to.ecn = info.ecn;
        if (count == 0) {
            out->remote = to.remote;
            out->ecn = to.ecn;
            out->segment = (size_t)n;
        } else if (to.ecn != out->ecn || !p2p_sockaddr_equal(&to.remote, &out->remote)) {
            hold(conn, &to, dst + out->len, (size_t)n);
            return true;
        }
        out->len += (size_t)n;
        count++;
        if ((size_t)n < out->segment)
            break;
    }
    return true;
}

/*
 * Pacing begins when a burst of RFC 9002's initial window has gone: what is less goes at once, or a
 * handshake's second packet would wait for its first. ngtcp2 counts what it is not told of yet.
 */
static void pace(p2p_quic_conn *conn, size_t len) {
    conn->unpaced += len;
    if (conn->unpaced < UNPACED_MAX)
        return;
    conn->unpaced = 0;
    ngtcp2_conn_update_pkt_tx_time(conn->ng, conn->endpoint->env->now);
}

static void finish_if_done(p2p_quic_conn *conn) {
    ngtcp2_conn_info info;
    ngtcp2_conn_get_conn_info(conn->ng, &info);
    if (info.bytes_in_flight > 0 || !p2p_list_empty(&conn->sending))
        return;
    p2p_quic_conn_end_finished(conn);
}

bool p2p_quic_conn_draw(
    p2p_udp_sender *sender, uint8_t *dst, size_t cap, size_t max_segments, p2p_datagrams *out) {
    p2p_quic_conn *conn = P2P_CONTAINER(sender, p2p_quic_conn, sender);
    p2p_env *env = conn->endpoint->env;
    if (conn->over || conn->ng == NULL)
        return false;
    if (conn->held != NULL && draw_held(conn, dst, cap, out)) {
        p2p_udp_want(sender);
        return true;
    }
    conn->busy = true;
    bool more = write_batch(conn, dst, cap, max_segments, out);
    conn->busy = false;
    if (!conn->over) {
        pace(conn, out->len);
        p2p_quic_conn_settle(conn);
    }
    if (conn->over)
        return out->len > 0;
    if (more) {
        p2p_udp_want(sender);
        return out->len > 0;
    }
    p2p_timer_set(&env->timers, &conn->timer, ngtcp2_conn_get_expiry(conn->ng));
    if (conn->finishing)
        finish_if_done(conn);
    return out->len > 0;
}
