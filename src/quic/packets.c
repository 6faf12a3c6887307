/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Datagrams in, batches of datagrams out, and time.
 *
 * A batch is what one GSO send takes: packets of one size to one destination, at most ngtcp2's send
 * quantum. Pacing (pacing.c) says how many of them may carry streams. A stream sends up to BURST
 * bytes before the next has its turn: changing streams with every packet costs a quarter of the
 * throughput, and one stream alone would starve the others. Whatever touches a connection wakes its
 * sender, so the timer is set in one place: when there was nothing more to draw.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "quic/connection.h"

enum {
    BURST = 16 * P2P_QUIC_PAYLOAD_ETHERNET,
    BULK = 1 << 20,
    /* Chunks of a stream's queue for one packet. One may be a short rest; the next is enough for an
     * Ethernet frame. */
    VIEWS = 2,
    VIEWS_MAX = 17, /* 65000 bytes in chunks of 4 KiB */
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
    ngtcp2_vec views[VIEWS_MAX];
    size_t count, len;
    bool fin;
} load;

static p2p_quic_stream *stream_at(p2p_list *node) {
    return P2P_CONTAINER(node, p2p_quic_stream, node);
}

static void pull(p2p_quic_conn *conn, p2p_quic_stream *stream, size_t size, load *out) {
    p2p_bytes views[VIEWS_MAX];
    size_t most = size <= P2P_QUIC_PAYLOAD_ETHERNET ? VIEWS : VIEWS_MAX;
    out->stream = stream;
    out->len = 0;
    out->fin = false;
    out->count = conn->app->stream_pull(conn, stream, stream->sent, views, most, &out->fin);
    for (size_t i = 0; i < out->count; i++) {
        out->views[i] = (ngtcp2_vec){(uint8_t *)views[i].ptr, views[i].len};
        out->len += views[i].len;
    }
}

/* Streams that turn out to have nothing leave the queue. Pacing holds back streams, and nothing
 * else: acknowledgements that waited would hold up the peer. */
static void next_load(p2p_quic_conn *conn, size_t size, load *out) {
    while (!p2p_list_empty(&conn->sending) && conn->pacer.left > 0) {
        p2p_quic_stream *stream = stream_at(conn->sending.next);
        pull(conn, stream, size, out);
        if (out->len > 0 && ngtcp2_conn_get_max_data_left(conn->ng) == 0)
            break; /* the connection's window is closed: control frames only */
        if (out->len > 0 || (out->fin && !stream->fin_sent))
            return;
        p2p_list_remove(&stream->node);
    }
    out->stream = NULL;
    out->count = out->len = 0;
    out->fin = false;
}

static void next_turn(p2p_quic_conn *conn, p2p_quic_stream *stream, size_t taken) {
    conn->burst += taken;
    if (conn->burst < BURST)
        return;
    conn->burst = 0;
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
    conn->bulk += (size_t)taken;
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
        next_load(conn, size, &what);
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
            next_turn(conn, what.stream, (size_t)taken);
        return n;
    }
}

/* Keeps a packet for the next batch. Without memory it is lost, as packets are. */
static void hold(p2p_quic_conn *conn, const p2p_datagrams *to, const uint8_t *bytes, size_t len) {
    p2p_quic_held *held = p2p_mem_alloc(conn->endpoint->env->mem, sizeof *held + len);
    if (held == NULL)
        return;
    held->remote = to->remote;
    held->ecn = to->ecn;
    held->len = len;
    memcpy(held->bytes, bytes, len);
    conn->held = held;
}

void p2p_quic_conn_drop_held(p2p_quic_conn *conn) {
    if (conn->held != NULL)
        p2p_mem_free(conn->endpoint->env->mem, conn->held, sizeof *conn->held + conn->held->len);
    conn->held = NULL;
}

static bool draw_held(p2p_quic_conn *conn, uint8_t *dst, size_t cap, p2p_datagrams *out) {
    p2p_quic_held *held = conn->held;
    bool fits = held->len <= cap;
    if (fits) {
        memcpy(dst, held->bytes, held->len);
        *out = (p2p_datagrams){.remote = held->remote,
            .local = p2p_quic_conn_source(conn),
            .len = held->len,
            .segment = held->len,
            .ecn = held->ecn};
    }
    p2p_quic_conn_drop_held(conn);
    return fits;
}

/*
 * Room for the next packet. Packets beyond an Ethernet frame are looked for only when the
 * connection has carried much: three probes of up to 65000 bytes cost more than a handshake. Where
 * the path or the peer takes no more than Ethernet does, the system or the peer's parameters say
 * so.
 */
static size_t room(p2p_quic_conn *conn) {
    if (conn->endpoint->env->now < conn->narrow_until)
        return NGTCP2_MAX_UDP_PAYLOAD_SIZE;
    size_t most = ngtcp2_conn_get_max_tx_udp_payload_size(conn->ng);
    return conn->bulk < BULK && most > P2P_QUIC_PAYLOAD_ETHERNET ? P2P_QUIC_PAYLOAD_ETHERNET : most;
}

/*
 * Writes packets while they have one size and one destination. A probe of the path's MTU goes
 * alone: where it does not fit, the system refuses all that goes with it. More: false when ngtcp2
 * has nothing to send now. An error has ended the connection; what was written before still counts.
 */
static bool write_batch(
    p2p_quic_conn *conn, uint8_t *dst, size_t cap, size_t max_segments, p2p_datagrams *out) {
    size_t proven = ngtcp2_conn_get_path_max_tx_udp_payload_size(conn->ng);
    size_t quantum = ngtcp2_conn_get_send_quantum(conn->ng);
    size_t count = 0;
    *out = (p2p_datagrams){.local = p2p_quic_conn_source(conn)};
    while (count < max_segments && out->len < quantum) {
        size_t size = count == 0 ? room(conn) : out->segment;
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
        p2p_quic_pacer_spend(&conn->pacer, (size_t)n);
        out->len += (size_t)n;
        count++;
        if ((size_t)n < out->segment || (size_t)n > proven)
            break;
    }
    return true;
}

static p2p_quic_rate rate_of(p2p_quic_conn *conn) {
    ngtcp2_conn_info info;
    ngtcp2_conn_get_conn_info(conn->ng, &info);
    return (p2p_quic_rate){.window = info.cwnd,
        .rtt = info.smoothed_rtt,
        .packet = ngtcp2_conn_get_path_max_tx_udp_payload_size(conn->ng),
        .slow_start = info.cwnd < info.ssthresh};
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
    p2p_quic_rate rate = rate_of(conn);
    (void)p2p_quic_pacer_fill(&conn->pacer, &rate, env->now);
    conn->busy = true;
    bool more = write_batch(conn, dst, cap, max_segments, out);
    conn->busy = false;
    if (!conn->over)
        p2p_quic_conn_settle(conn);
    if (conn->over)
        return out->len > 0;
    if (more) {
        p2p_udp_want(sender);
        return out->len > 0;
    }
    p2p_time next = ngtcp2_conn_get_expiry(conn->ng);
    if (conn->pacer.left == 0 && !p2p_list_empty(&conn->sending)) {
        p2p_time open = p2p_quic_pacer_next(&conn->pacer, &rate);
        next = open < next ? open : next;
    }
    p2p_timer_set(&env->timers, &conn->timer, next);
    if (conn->finishing)
        finish_if_done(conn);
    return out->len > 0;
}
