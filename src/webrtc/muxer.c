/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A p2p_conn whose streams are data channels. Bytes stay in a stream's send queue until SCTP has
 * room for them; then each stream with something to say gives one frame in its turn. What arrives
 * goes into the stream's receive queue at once, since SCTP has no window for each stream: it
 * shrinks the association's window until the application has read it, and a stream whose
 * application does not read is reset before it can hold up the others for ever.
 *
 * js-libp2p counts and limits what arrives before its side of the handshake is complete, which the
 * listener cannot see. So until the dialler has used a stream, the listener opens few and sends
 * little more than the protocol's name on each.
 *
 * A connection has no closing code here; a stream's reset has one with go only.
 */
#include "webrtc/muxer.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "stack/stream.h"
#include "webrtc/frame.h"

enum {
    /*
     * go-libp2p reads a message through a buffer of 4096 bytes and fails with "short buffer" when a
     * larger one begins with the frame's length; it sends length and body apart itself. Whole
     * fragments make packets of one size.
     */
    MESSAGE_MAX = 3 * P2P_WEBRTC_FRAGMENT,
    DATA_MAX = MESSAGE_MAX - P2P_FRAME_HEAD_MAX,
    EARLY_STREAMS = 10, /* what js and rust allow */
    EARLY_BYTES = 1024  /* js allows 16 KiB in 8 messages */
};

/*
 * An application may rest as long as it likes while others have room. One that has left this much
 * unread for that long stands in the way of all other streams of its connection.
 */
enum { UNREAD_MAX = 2 << 20 };

#define UNREAD_FOR (10 * P2P_SECOND)

_Static_assert(MESSAGE_MAX <= 4096, "what go-libp2p can read");

typedef struct webrtc_stream {
    p2p_list node;            /* muxer->sending */
    p2p_datachannel *channel; /* NULL: not yet, or over */
    p2p_frame_reader reader;
    p2p_frame_halves halves;
    size_t early;   /* bytes sent before the peer was heard */
    size_t unread;  /* bytes the application has not taken */
    p2p_time taken; /* when it last took some, or had none to take */
} webrtc_stream;

static p2p_webrtc_muxer *muxer_of(p2p_conn *conn) {
    return P2P_CONTAINER(conn, p2p_webrtc_muxer, conn);
}

static p2p_time now_of(const p2p_webrtc_muxer *muxer) {
    return muxer->conn.env->now;
}

/* --- the end of a stream --- */

static void detach(webrtc_stream *own) {
    p2p_list_remove(&own->node);
    if (own->channel == NULL)
        return;
    p2p_datachannel_close(own->channel);
    own->channel = NULL;
}

static void finish_if_over(webrtc_stream *own) {
    if (own->channel == NULL || !p2p_frame_halves_over(&own->halves))
        return;
    detach(own);
    p2p_stream_tx_done(p2p_stream_of_mux(own));
}

/* When the stream wants `tick`. */
static p2p_time deadline_of(const webrtc_stream *own) {
    p2p_time at = p2p_frame_halves_deadline(&own->halves);
    if (own->unread > UNREAD_MAX && own->taken + UNREAD_FOR < at)
        at = own->taken + UNREAD_FOR;
    return at;
}

static void note_deadline(p2p_webrtc_muxer *muxer, const webrtc_stream *own) {
    p2p_time at = deadline_of(own);
    if (at < muxer->soonest)
        muxer->soonest = at;
}

/* --- sending --- */

static bool is_shy(const p2p_webrtc_muxer *muxer) {
    return !muxer->heard && !muxer->conn.outbound;
}

/* Data that may go in the next frame. */
static size_t sendable(const p2p_webrtc_muxer *muxer, const webrtc_stream *own, size_t queued) {
    size_t most = DATA_MAX;
    if (!p2p_frame_halves_writes(&own->halves))
        return 0;
    if (is_shy(muxer))
        most = EARLY_BYTES - own->early;
    return queued < most ? queued : most;
}

static size_t queued_of(webrtc_stream *own) {
    return p2p_frame_halves_writes(&own->halves) ? p2p_stream_tx_len(p2p_stream_of_mux(own)) : 0;
}

static p2p_frame_flag flag_after(
    const p2p_webrtc_muxer *muxer, const webrtc_stream *own, bool more) {
    return p2p_frame_halves_next(&own->halves, more, now_of(muxer));
}

static bool has_frame(const p2p_webrtc_muxer *muxer, webrtc_stream *own) {
    size_t queued = queued_of(own);
    return own->channel != NULL && (sendable(muxer, own, queued) > 0 ||
                                       flag_after(muxer, own, queued > 0) != P2P_FRAME_NONE);
}

static void want(p2p_webrtc_muxer *muxer, webrtc_stream *own) {
    if (!has_frame(muxer, own))
        return;
    if (!p2p_list_linked(&own->node))
        p2p_list_push(&muxer->sending, &own->node);
    p2p_webrtc_peer_want(muxer->peer);
}

static p2p_err send_reset(p2p_datachannel *channel, uint32_t code, p2p_time now) {
    uint8_t frame[32];
    size_t len;
    p2p_err err =
        p2p_frame_encode(frame, sizeof frame, &len, (p2p_bytes){0}, P2P_FRAME_RESET, code);
    return err == P2P_OK ? p2p_datachannel_send(channel, p2p_bytes_of(frame, len), false, now)
                         : err;
}

static p2p_err send_frame(p2p_webrtc_muxer *muxer, webrtc_stream *own) {
    uint8_t frame[MESSAGE_MAX];
    p2p_stream *stream = p2p_stream_of_mux(own);
    size_t queued = queued_of(own), len = sendable(muxer, own, queued);
    p2p_frame_flag flag = flag_after(muxer, own, queued > len);
    p2p_err err;
    if (flag == P2P_FRAME_RESET) {
        err = send_reset(own->channel, own->halves.error_code, now_of(muxer));
        len = 0;
    } else {
        size_t head = p2p_frame_head(frame, len, flag);
        size_t copied = p2p_stream_tx_copy(stream, 0, frame + head, len);
        p2p_bytes message = p2p_bytes_of(frame, head + copied);
        err = p2p_datachannel_send(own->channel, message, false, now_of(muxer));
    }
    if (err != P2P_OK)
        return err;
    if (is_shy(muxer))
        own->early += len;
    if (len > 0)
        p2p_stream_tx_consume(stream, len);
    p2p_frame_halves_sent(&own->halves, flag, now_of(muxer));
    note_deadline(muxer, own);
    return P2P_OK;
}

/* Ends the connection from this side. */
static void give_up(p2p_webrtc_muxer *muxer, p2p_err err) {
    p2p_webrtc_peer *peer = muxer->peer;
    muxer->peer = NULL;
    p2p_webrtc_peer_close(peer);
    p2p_conn_ended(&muxer->conn, err, false, 0, NULL);
}

static void fill(void *ctx) {
    p2p_webrtc_muxer *muxer = ctx;
    while (!p2p_list_empty(&muxer->sending) && p2p_webrtc_peer_has_room(muxer->peer)) {
        webrtc_stream *own = P2P_CONTAINER(muxer->sending.next, webrtc_stream, node);
        p2p_err err = has_frame(muxer, own) ? send_frame(muxer, own) : P2P_OK;
        if (err == P2P_ERR_AGAIN)
            return; /* an acknowledgement makes room */
        if (err == P2P_ERR_NO_MEMORY) {
            give_up(muxer, err);
            return;
        }
        p2p_list_remove(&own->node);
        if (err != P2P_OK) { /* the channel is being closed by the peer */
            detach(own);
            p2p_stream_rx_reset(p2p_stream_of_mux(own), P2P_CODE_NONE);
            continue;
        }
        finish_if_over(own);
        want(muxer, own);
    }
    if (muxer->finishing && p2p_list_empty(&muxer->sending) &&
        p2p_webrtc_peer_is_drained(muxer->peer))
        give_up(muxer, P2P_ERR_CLOSED);
}

/* --- from the streams --- */

static void attach(webrtc_stream *own, p2p_datachannel *channel) {
    own->channel = channel;
    p2p_datachannel_set_user(channel, own);
    p2p_frame_reader_init(&own->reader);
    p2p_frame_halves_init(&own->halves);
}

static p2p_err open_stream(p2p_conn *conn, p2p_stream *stream) {
    static const p2p_dcep_open PLAIN = {.reliability = P2P_RELIABLE};
    p2p_webrtc_muxer *muxer = muxer_of(conn);
    p2p_datachannel *channel;
    if (muxer->peer == NULL)
        return P2P_ERR_STATE;
    if (is_shy(muxer) && muxer->early >= EARLY_STREAMS)
        return P2P_ERR_AGAIN;
    p2p_err err = p2p_datachannel_open(p2p_webrtc_peer_channels(muxer->peer), &PLAIN, &channel);
    if (err != P2P_OK)
        return err;
    muxer->early += is_shy(muxer);
    attach(p2p_stream_mux(stream), channel);
    p2p_webrtc_peer_want(muxer->peer);
    return P2P_OK;
}

static void wake(p2p_conn *conn, p2p_stream *stream) {
    p2p_webrtc_muxer *muxer = muxer_of(conn);
    webrtc_stream *own = p2p_stream_mux(stream);
    uint32_t code;
    size_t taken = p2p_stream_rx_taken(stream);
    bool reset = p2p_stream_reset_wanted(stream, &code);
    if (muxer->peer == NULL || own->channel == NULL) {
        if (reset)
            p2p_stream_tx_done(stream);
        return;
    }
    if (taken > 0) {
        own->unread -= taken < own->unread ? taken : own->unread;
        own->taken = now_of(muxer);
        p2p_datachannel_release(own->channel, taken);
        p2p_webrtc_peer_want(muxer->peer);
    }
    if (reset)
        p2p_frame_halves_reset(&own->halves, code);
    else if (p2p_stream_tx_ends(stream))
        p2p_frame_halves_shut(&own->halves);
    want(muxer, own);
}

/* A stream that goes before its time: the peer is told as far as there is room. */
static void forget(p2p_conn *conn, p2p_stream *stream) {
    const p2p_webrtc_muxer *muxer = muxer_of(conn);
    webrtc_stream *own = p2p_stream_mux(stream);
    if (muxer->peer == NULL) {
        p2p_list_remove(&own->node);
        return;
    }
    if (own->channel != NULL) {
        p2p_err err = send_reset(own->channel, P2P_CODE_NONE, now_of(muxer));
        (void)err;
        p2p_webrtc_peer_want(muxer->peer);
    }
    detach(own);
}

static void close_conn(p2p_conn *conn, uint32_t code) {
    p2p_webrtc_muxer *muxer = muxer_of(conn);
    (void)code;
    muxer->finishing = true;
    if (muxer->peer != NULL)
        p2p_webrtc_peer_want(muxer->peer);
}

static void abort_conn(p2p_conn *conn, uint32_t code) {
    p2p_webrtc_muxer *muxer = muxer_of(conn);
    p2p_webrtc_peer *peer = muxer->peer;
    (void)code;
    muxer->peer = NULL;
    if (peer != NULL)
        p2p_webrtc_peer_close(peer);
}

static void free_conn(p2p_conn *conn) {
    p2p_webrtc_muxer_free(muxer_of(conn));
}

static p2p_time rtt(const p2p_conn *conn) {
    const p2p_webrtc_muxer *muxer = P2P_CONTAINER(conn, const p2p_webrtc_muxer, conn);
    return muxer->peer == NULL ? 0 : p2p_webrtc_peer_rtt(muxer->peer);
}

static const p2p_conn_ops OPS = {.stream_size = sizeof(webrtc_stream),
    .open = open_stream,
    .wake = wake,
    .forget = forget,
    .close = close_conn,
    .abort = abort_conn,
    .free = free_conn,
    .rtt = rtt};

/* --- from the channels --- */

static void hear(p2p_webrtc_muxer *muxer) {
    if (muxer->heard)
        return;
    muxer->heard = true;
    for (p2p_stream *s = NULL; (s = p2p_conn_next_stream(&muxer->conn, s)) != NULL;)
        want(muxer, p2p_stream_mux(s));
}

/* False: refused, and the channel is gone. */
static bool take_channel(p2p_webrtc_muxer *muxer, p2p_datachannel *channel) {
    p2p_stream *stream;
    hear(muxer);
    p2p_err err = p2p_stream_inbound(&muxer->conn, &stream);
    if (err != P2P_OK) {
        err = send_reset(channel, P2P_CODE_RESOURCE_LIMIT_EXCEEDED, now_of(muxer));
        (void)err; /* closing says it, too */
        p2p_datachannel_close(channel);
        return false;
    }
    attach(p2p_stream_mux(stream), channel);
    want(muxer, p2p_stream_mux(stream));
    return true;
}

static void channel_opened(void *ctx, p2p_datachannel *channel) {
    bool taken = take_channel(ctx, channel);
    (void)taken;
}

static void take_data(p2p_webrtc_muxer *muxer, webrtc_stream *own, p2p_bytes bytes) {
    if (!p2p_frame_halves_reads(&own->halves))
        return; /* behind the end, or nobody reads */
    p2p_datachannel_hold(own->channel, bytes.len);
    if (own->unread == 0)
        own->taken = now_of(muxer);
    own->unread += bytes.len;
    note_deadline(muxer, own);
    p2p_err err = p2p_stream_rx(p2p_stream_of_mux(own), bytes);
    (void)err; /* a full host resets the stream by itself */
}

static void take_flag(p2p_webrtc_muxer *muxer, webrtc_stream *own, const p2p_frame_event *event) {
    p2p_stream *stream = p2p_stream_of_mux(own);
    p2p_frame_halves_on_flag(&own->halves, event->flag, event->error_code, now_of(muxer));
    note_deadline(muxer, own);
    if (event->flag == P2P_FRAME_FIN)
        p2p_stream_rx_fin(stream);
    if (event->flag == P2P_FRAME_STOP_SENDING)
        p2p_stream_rx_stop(stream, event->error_code);
    if (event->flag == P2P_FRAME_RESET) {
        detach(own);
        p2p_stream_rx_reset(stream, event->error_code);
    }
}

static void channel_piece(
    void *ctx, p2p_datachannel *channel, p2p_bytes bytes, bool text, bool last) {
    p2p_webrtc_muxer *muxer = ctx;
    webrtc_stream *own = p2p_datachannel_user(channel);
    p2p_frame_event event;
    (void)last;
    if (own == NULL || text)
        return;
    hear(muxer);
    p2p_err err = P2P_OK;
    while (own->channel != NULL && (err = p2p_frame_read(&own->reader, &bytes, &event)) == P2P_OK) {
        if (event.kind == P2P_FRAME_DATA)
            take_data(muxer, own, event.data);
        else
            take_flag(muxer, own, &event);
    }
    if (own->channel == NULL)
        return;
    if (err != P2P_ERR_AGAIN)
        p2p_stream_reset(p2p_stream_of_mux(own), P2P_CODE_PROTOCOL_VIOLATION);
    finish_if_over(own);
    want(muxer, own);
}

/* Everything is said that had to be, on both sides, apart from our last acknowledgement. */
static bool was_done(const p2p_frame_halves *halves) {
    return halves->receiving == P2P_HALF_DONE && halves->sending >= P2P_HALF_ENDED &&
           !halves->reset_due;
}

static void channel_closed(void *ctx, p2p_datachannel *channel, p2p_err err) {
    p2p_webrtc_muxer *muxer = ctx;
    webrtc_stream *own = p2p_datachannel_user(channel);
    p2p_sctp_info info;
    if (channel == muxer->handshake)
        muxer->handshake = NULL;
    if (own == NULL)
        return;
    p2p_list_remove(&own->node);
    own->channel = NULL;
    p2p_sctp_get_info(p2p_datachannels_sctp(p2p_webrtc_peer_channels(muxer->peer)), &info);
    if (info.closed)
        return; /* all streams end with their connection */
    p2p_stream *stream = p2p_stream_of_mux(own);
    if (was_done(&own->halves))
        p2p_stream_tx_done(stream);
    else if (err == P2P_ERR_FLOW_CONTROL)
        p2p_stream_reset(stream, P2P_CODE_RESOURCE_LIMIT_EXCEEDED);
    else
        p2p_stream_rx_reset(stream, P2P_CODE_NONE);
}

static p2p_time deadline(void *ctx) {
    const p2p_webrtc_muxer *muxer = ctx;
    return muxer->soonest;
}

static void tick(void *ctx) {
    p2p_webrtc_muxer *muxer = ctx;
    if (now_of(muxer) < muxer->soonest)
        return;
    muxer->soonest = P2P_NEVER;
    for (p2p_stream *s = NULL; (s = p2p_conn_next_stream(&muxer->conn, s)) != NULL;) {
        webrtc_stream *own = p2p_stream_mux(s);
        if (own->channel == NULL)
            continue;
        p2p_frame_halves_tick(&own->halves, now_of(muxer));
        if (own->unread > UNREAD_MAX && own->taken + UNREAD_FOR <= now_of(muxer))
            p2p_stream_reset(s, P2P_CODE_RESOURCE_LIMIT_EXCEEDED);
        finish_if_over(own);
        want(muxer, own);
        p2p_time at = deadline_of(own);
        if (own->channel != NULL && at > now_of(muxer) && at < muxer->soonest)
            muxer->soonest = at;
    }
}

static void ended(void *ctx, const p2p_reason *reason) {
    p2p_webrtc_muxer *muxer = ctx;
    muxer->peer = NULL;
    p2p_conn_ended(&muxer->conn, reason->err, reason->by_peer, 0, reason->text);
}

static void nothing(void *ctx) {
    (void)ctx;
}

static void nothing_writable(void *ctx, p2p_datachannel *channel) {
    (void)ctx;
    (void)channel; /* acknowledgements make datagrams, and those ask `fill` */
}

static void nothing_ended(void *ctx, p2p_err err) {
    (void)ctx;
    (void)err;
}

static const p2p_webrtc_peer_events EVENTS = {.answered = nothing,
    .channels = {.connected = nothing,
        .opened = channel_opened,
        .piece = channel_piece,
        .writable = nothing_writable,
        .closed = channel_closed,
        .ended = nothing_ended},
    .fill = fill,
    .deadline = deadline,
    .tick = tick,
    .ended = ended};

/* --- life --- */

p2p_err p2p_webrtc_muxer_new(p2p_webrtc_muxer **out, p2p_env *env, bool outbound,
    const p2p_peer_id *peer, p2p_bytes public_key) {
    p2p_webrtc_muxer *muxer = p2p_mem_alloc(env->mem, sizeof *muxer);
    *out = NULL;
    if (muxer == NULL)
        return P2P_ERR_NO_MEMORY;
    p2p_list_init(&muxer->sending);
    muxer->soonest = P2P_NEVER;
    p2p_err err = p2p_conn_init(&muxer->conn, &OPS, env, outbound);
    if (err != P2P_OK) {
        p2p_mem_free(env->mem, muxer, sizeof *muxer);
        return err;
    }
    err = p2p_conn_authenticated(&muxer->conn, peer, public_key);
    if (err != P2P_OK) {
        p2p_webrtc_muxer_free(muxer);
        return err;
    }
    *out = muxer;
    return P2P_OK;
}

void p2p_webrtc_muxer_free(p2p_webrtc_muxer *muxer) {
    const p2p_mem *mem = muxer->conn.env->mem;
    p2p_conn_deinit(&muxer->conn);
    p2p_mem_free(mem, muxer, sizeof *muxer);
}

void p2p_webrtc_muxer_take(
    p2p_webrtc_muxer *muxer, p2p_webrtc_peer *take_peer, p2p_datachannel *handshake) {
    muxer->peer = take_peer;
    muxer->handshake = handshake;
    p2p_datachannel_set_user(handshake, NULL);
    p2p_webrtc_peer_give(take_peer, &EVENTS, muxer);
}

void p2p_webrtc_muxer_early(p2p_webrtc_muxer *muxer, p2p_datachannel *channel, p2p_bytes bytes) {
    if (take_channel(muxer, channel) && bytes.len > 0)
        channel_piece(muxer, channel, bytes, false, true);
}
