/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A stream is two queues, two halves that end separately, and a set of callbacks that are due. The
 * muxer below and the application above only ever meet here: what the muxer pushes makes callbacks
 * due, what the application does wakes the muxer.
 *
 * Protocol negotiation happens inside the queues: what multistream-select says is put into tx
 * before the application's bytes, and what it reads is taken from rx before the application sees
 * any.
 */
#include "stack/stream.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"

enum {
    DUE_OPENED = 1,
    DUE_READABLE = 2,
    DUE_WRITABLE = 4,
    DUE_CLOSED = 8,
    /* Bytes thrown away after p2p_stream_close before the peer is told by a reset to stop. */
    DISCARD_MAX = 256 * 1024,
    NEGOTIATION_OUT_MAX = 64 * 1024
};

struct p2p_stream {
    p2p_conn *conn;
    p2p_list node;  /* conn->streams */
    p2p_list ready; /* env->ready, when callbacks are due */
    p2p_dead dead;
    const p2p_protocol *protocol; /* NULL: an inbound stream that has not agreed on one */
    void *self;
    void *user;
    const char *id;               /* the agreed protocol id */
    p2p_multistream *negotiation; /* NULL when done */
    p2p_chunkq rx, tx;
    size_t tx_sent;  /* bytes at the front of tx that the muxer sent and keeps until acknowledged */
    size_t rx_taken; /* consumed and not yet reported to the muxer */
    size_t discarded;
    p2p_timer timer;
    p2p_time app_deadline;
    p2p_stream_end end;
    uint32_t reset_code;
    uint8_t due;
    bool outbound;
    bool usable;       /* opened was or may be called: the application may write */
    bool rx_fin;       /* the peer ended its direction */
    bool rx_discard;   /* the application is not interested in what arrives */
    bool tx_shut;      /* the application ended ours */
    bool tx_done;      /* the muxer has nothing more to send */
    bool tx_stopped;   /* the peer reads no more */
    bool wants_room;   /* a write took less than offered */
    bool starved;      /* `ready` is in env->starved */
    bool reset_wanted; /* this side reset it and the muxer has not told the peer */
    bool ended;        /* `end` is final */
    bool keeps_rx;     /* the connection ended, but all the peer had to say has arrived */
    bool whole;        /* and all of ours went out: a good end if the application reads the rest */
    bool reported;     /* `closed` was called, or nobody is there to call */
};

/* The muxer's part begins at the next multiple of 16. */
enum { STREAM_HEAD = (sizeof(p2p_stream) + 15) / 16 * 16 };

void *p2p_stream_mux(p2p_stream *stream) {
    return (char *)stream + STREAM_HEAD;
}

p2p_stream *p2p_stream_of_mux(void *mux) {
    return (p2p_stream *)(void *)((char *)mux - STREAM_HEAD);
}

p2p_stream *p2p_stream_of_ready(p2p_list *ready) {
    return P2P_CONTAINER(ready, p2p_stream, ready);
}

static p2p_env *env_of(const p2p_stream *stream) {
    return stream->conn->env;
}

static void make_due(p2p_stream *stream, uint8_t due) {
    stream->due |= due;
    if (stream->starved)
        p2p_list_remove(&stream->ready);
    stream->starved = false;
    if (!p2p_list_linked(&stream->ready))
        p2p_list_push(&env_of(stream)->ready, &stream->ready);
}

/* Nothing of its own will make room for this stream: it waits for others to free chunks. */
static void starve(p2p_stream *stream) {
    p2p_env *env = env_of(stream);
    if (env->starved.next == NULL)
        p2p_list_init(&env->starved);
    if (p2p_list_linked(&stream->ready) && !stream->starved) {
        stream->due |= DUE_WRITABLE; /* its callbacks run anyway */
        return;
    }
    if (!stream->starved)
        p2p_list_push(&env->starved, &stream->ready);
    stream->starved = true;
}

void p2p_stream_feed_starved(p2p_env *env) {
    if (env->starved.next == NULL || env->chunks.used_count >= env->chunks.max)
        return;
    for (p2p_list *node; (node = p2p_list_pop(&env->starved)) != NULL;) {
        p2p_stream *stream = P2P_CONTAINER(node, p2p_stream, ready);
        stream->starved = false;
        make_due(stream, DUE_WRITABLE);
    }
}

static void wake_muxer(p2p_stream *stream) {
    if (stream->conn->state != P2P_CONN_ENDED)
        stream->conn->ops->wake(stream->conn, stream);
}

/* --- life and death --- */

static void end_negotiation(p2p_stream *stream) {
    if (stream->negotiation == NULL)
        return;
    p2p_multistream_deinit(stream->negotiation);
    p2p_mem_free(env_of(stream)->mem, stream->negotiation, sizeof *stream->negotiation);
    stream->negotiation = NULL;
}

/* The earlier of the application's deadline and the one for negotiation. */
static void arm(p2p_stream *stream) {
    p2p_env *env = env_of(stream);
    p2p_time when = stream->app_deadline;
    if (stream->negotiation != NULL && !stream->ended) {
        p2p_time limit = env->now + env->timeouts->negotiate;
        when = when < limit ? when : limit;
    }
    p2p_timer_set(&env->timers, &stream->timer, stream->ended ? P2P_NEVER : when);
}

static void free_stream(p2p_dead *dead) {
    p2p_stream *stream = P2P_CONTAINER(dead, p2p_stream, dead);
    p2p_conn *conn = stream->conn;
    p2p_env *env = conn->env;
    size_t size = STREAM_HEAD + conn->ops->stream_size;
    conn->ops->forget(conn, stream);
    end_negotiation(stream);
    p2p_chunkq_clear(&stream->rx, &env->chunks);
    p2p_chunkq_clear(&stream->tx, &env->chunks);
    p2p_timers_forget(&env->timers, &stream->timer);
    p2p_list_remove(&stream->ready);
    p2p_list_remove(&stream->node);
    env->stream_count--;
    p2p_conn_stream_gone(conn, stream->outbound);
    p2p_mem_free(env->mem, stream, size);
}

/* A stream goes when the application was told and the muxer has no more to send for it. */
static void bury_if_over(p2p_stream *stream) {
    if (stream->reported && stream->tx_done)
        p2p_env_bury(env_of(stream), &stream->dead, free_stream);
}

/* One that neither the application nor the peer has heard of. */
static void bury_unseen(p2p_stream *stream) {
    stream->reported = stream->tx_done = true;
    bury_if_over(stream);
}

static void end_stream(p2p_stream *stream, p2p_err err, uint32_t remote_code) {
    if (stream->ended)
        return;
    p2p_env *env = env_of(stream);
    stream->ended = true;
    stream->end = (p2p_stream_end){err, remote_code};
    end_negotiation(stream);
    p2p_timer_set(&env->timers, &stream->timer, P2P_NEVER);
    if (err != P2P_OK) {
        if (!stream->keeps_rx)
            p2p_chunkq_clear(&stream->rx, &env->chunks);
        p2p_chunkq_clear(&stream->tx, &env->chunks);
        stream->tx_sent = 0;
    }
    make_due(stream, DUE_CLOSED);
}

/* This side ends it: the muxer tells the peer. */
static void reset_stream(p2p_stream *stream, uint32_t code, p2p_err err) {
    if (stream->ended)
        return;
    end_stream(stream, err, 0);
    if (stream->tx_done && stream->rx_fin)
        return; /* the peer considers it over already */
    stream->tx_done = false;
    stream->reset_wanted = true;
    stream->reset_code = code;
    wake_muxer(stream);
}

static void timed_out(p2p_timer *timer, p2p_time now) {
    (void)now;
    reset_stream(P2P_CONTAINER(timer, p2p_stream, timer), P2P_CODE_NONE, P2P_ERR_TIMEOUT);
}

/* Both directions are over in good order once the application has read everything. */
static void end_if_finished(p2p_stream *stream) {
    if (stream->rx_fin && stream->rx.len == 0 && stream->tx_done && stream->negotiation == NULL)
        end_stream(stream, P2P_OK, 0);
}

static p2p_err new_stream(p2p_conn *conn, bool outbound, bool negotiates, p2p_stream **out) {
    p2p_env *env = conn->env;
    *out = NULL;
    p2p_err err = p2p_conn_admit_stream(conn, outbound);
    if (err != P2P_OK)
        return err;
    size_t size = STREAM_HEAD + conn->ops->stream_size;
    p2p_stream *stream = p2p_mem_alloc(env->mem, size);
    if (stream == NULL)
        return P2P_ERR_NO_MEMORY;
    stream->conn = conn;
    stream->outbound = outbound;
    stream->app_deadline = P2P_NEVER;
    if (negotiates)
        stream->negotiation = p2p_mem_alloc(env->mem, sizeof *stream->negotiation);
    if ((negotiates && stream->negotiation == NULL) ||
        p2p_timers_expect(&env->timers, &stream->timer, timed_out) != P2P_OK) {
        p2p_mem_free(env->mem, stream->negotiation, sizeof *stream->negotiation);
        p2p_mem_free(env->mem, stream, size);
        return P2P_ERR_NO_MEMORY;
    }
    p2p_list_push(&conn->streams, &stream->node);
    env->stream_count++;
    p2p_conn_stream_came(conn, outbound);
    *out = stream;
    return P2P_OK;
}

/* --- negotiation --- */

/* What negotiation says goes out before the application's bytes. */
static p2p_err send_negotiation(p2p_stream *stream, p2p_buf *said) {
    p2p_bytes view = p2p_buf_view(said);
    if (p2p_chunkq_append(&stream->tx, &env_of(stream)->chunks, view) < view.len)
        return P2P_ERR_NO_MEMORY;
    return P2P_OK;
}

static bool find_protocol(void *ctx, p2p_bytes id) {
    p2p_stream *stream = ctx;
    void *self;
    const p2p_protocol *protocol = stream->conn->events->find_protocol(stream->conn, id, &self);
    if (protocol == NULL || (stream->conn->limited && !protocol->on_limited))
        return false;
    stream->protocol = protocol;
    stream->self = self;
    for (size_t i = 0; protocol->ids[i] != NULL; i++)
        if (p2p_bytes_equal(id, p2p_bytes_text(protocol->ids[i])))
            stream->id = protocol->ids[i];
    return true;
}

static void agreed(p2p_stream *stream) {
    if (stream->outbound)
        stream->id = stream->protocol->ids[stream->negotiation->current];
    end_negotiation(stream);
    arm(stream);
    if (!stream->usable)
        make_due(stream, DUE_OPENED);
    stream->usable = true;
}

/* Both sides may speak first. Saying the header at once saves a round trip for peers that wait for
 * it. */
static p2p_err speak_first(p2p_stream *stream) {
    p2p_buf said;
    p2p_buf_init(&said, env_of(stream)->mem, NEGOTIATION_OUT_MAX);
    p2p_err err = p2p_multistream_first(stream->negotiation, &said);
    if (err == P2P_OK)
        err = send_negotiation(stream, &said);
    p2p_buf_deinit(&said);
    return err;
}

/* Takes from the front of `bytes` what belongs to the negotiation. */
static p2p_err negotiate(p2p_stream *stream, p2p_bytes *bytes) {
    p2p_buf said;
    p2p_buf_init(&said, env_of(stream)->mem, NEGOTIATION_OUT_MAX);
    size_t used;
    p2p_err err =
        p2p_multistream_feed(stream->negotiation, *bytes, &used, &said, find_protocol, stream);
    if (err == P2P_OK)
        err = send_negotiation(stream, &said);
    p2p_buf_deinit(&said);
    stream->rx_taken += used;
    if (err != P2P_OK)
        return err;
    if (used > 0)
        *bytes = p2p_bytes_of(bytes->ptr + used, bytes->len - used);
    if (stream->negotiation->done)
        agreed(stream);
    wake_muxer(stream);
    return P2P_OK;
}

p2p_err p2p_stream_inbound(p2p_conn *conn, p2p_stream **out) {
    p2p_err err = new_stream(conn, false, true, out);
    if (err != P2P_OK)
        return err;
    p2p_stream *stream = *out;
    p2p_multistream_init_responder(stream->negotiation, conn->env->mem);
    arm(stream);
    err = speak_first(stream);
    if (err != P2P_OK) {
        bury_unseen(stream);
        *out = NULL;
    }
    return err;
}

p2p_err p2p_stream_raw(
    p2p_conn *conn, const p2p_protocol *protocol, void *self, bool outbound, p2p_stream **out) {
    p2p_err err = new_stream(conn, outbound, false, out);
    if (err != P2P_OK)
        return err;
    p2p_stream *stream = *out;
    stream->protocol = protocol;
    stream->self = self;
    stream->id = protocol->ids[0];
    stream->usable = true;
    make_due(stream, DUE_OPENED);
    return P2P_OK;
}

void p2p_stream_discard(p2p_stream *stream) {
    p2p_list_remove(&stream->ready);
    stream->ended = true;
    bury_unseen(stream);
}

p2p_err p2p_conn_open(p2p_conn *conn, const p2p_protocol *protocol, void *self, p2p_stream **out) {
    p2p_stream *stream;
    if (out != NULL)
        *out = NULL;
    if (conn->state != P2P_CONN_OPEN)
        return P2P_ERR_STATE;
    if (conn->limited && !protocol->on_limited)
        return P2P_ERR_UNSUPPORTED;
    p2p_err err = new_stream(conn, true, true, &stream);
    if (err != P2P_OK)
        return err;
    stream->protocol = protocol;
    stream->self = self;
    p2p_multistream_init_initiator(stream->negotiation, conn->env->mem, protocol->ids);
    arm(stream);
    err = speak_first(stream);
    if (err == P2P_OK)
        err = conn->ops->open(conn, stream);
    if (err != P2P_OK) {
        bury_unseen(stream);
        return err;
    }
    if (protocol->ids[1] == NULL) {
        /* One proposal: whoever dials this protocol knows that the peer speaks it, or learns it
         * from `closed`. */
        stream->usable = true;
        make_due(stream, DUE_OPENED);
    }
    wake_muxer(stream);
    if (out != NULL)
        *out = stream;
    return P2P_OK;
}

/* --- for muxers --- */

p2p_err p2p_stream_rx(p2p_stream *stream, p2p_bytes bytes) {
    p2p_env *env = env_of(stream);
    if (stream->ended)
        return P2P_OK;
    stream->conn->bytes_in += bytes.len;
    if (stream->negotiation != NULL) {
        p2p_err err = negotiate(stream, &bytes);
        if (err != P2P_OK) {
            reset_stream(stream, P2P_CODE_PROTOCOL_NEGOTIATION_FAILED, err);
            return P2P_OK; /* the stream's misfortune, not the connection's */
        }
    }
    if (bytes.len == 0)
        return P2P_OK;
    if (stream->rx_discard) {
        stream->discarded += bytes.len;
        stream->rx_taken += bytes.len;
        if (stream->discarded > DISCARD_MAX)
            reset_stream(stream, P2P_CODE_NONE, P2P_ERR_CLOSED);
        else
            wake_muxer(stream);
        return P2P_OK;
    }
    if (p2p_chunkq_append(&stream->rx, &env->chunks, bytes) < bytes.len) {
        reset_stream(stream, P2P_CODE_RESOURCE_LIMIT_EXCEEDED, P2P_ERR_LIMIT);
        return P2P_ERR_LIMIT;
    }
    make_due(stream, DUE_READABLE);
    return P2P_OK;
}

void p2p_stream_rx_fin(p2p_stream *stream) {
    if (stream->ended || stream->rx_fin)
        return;
    stream->rx_fin = true;
    if (stream->negotiation != NULL) {
        reset_stream(stream, P2P_CODE_PROTOCOL_NEGOTIATION_FAILED, P2P_ERR_EOF);
        return;
    }
    make_due(stream, DUE_READABLE);
    end_if_finished(stream);
}

void p2p_stream_rx_reset(p2p_stream *stream, uint32_t code) {
    /* The reset may overtake the "na" before it, when our own end followed the proposal. */
    bool refused = stream->outbound && stream->negotiation != NULL &&
                   code == P2P_CODE_PROTOCOL_NEGOTIATION_FAILED;
    end_stream(stream, refused ? P2P_ERR_NO_PROTOCOL : P2P_ERR_RESET, code);
    stream->reset_wanted = false;
    stream->tx_done = true;
    bury_if_over(stream);
}

void p2p_stream_rx_stop(p2p_stream *stream, uint32_t code) {
    (void)code;
    if (stream->ended || stream->tx_done)
        return;
    stream->tx_stopped = stream->tx_shut = true;
    p2p_chunkq_clear(&stream->tx, &env_of(stream)->chunks);
    stream->tx_sent = 0;
    wake_muxer(stream);
}

size_t p2p_stream_rx_taken(p2p_stream *stream) {
    size_t taken = stream->rx_taken;
    stream->rx_taken = 0;
    return taken;
}

size_t p2p_stream_tx_len(const p2p_stream *stream) {
    return stream->tx.len;
}

p2p_bytes p2p_stream_tx_peek(p2p_stream *stream, size_t offset) {
    return p2p_chunkq_peek_at(&stream->tx, offset);
}

size_t p2p_stream_tx_copy(p2p_stream *stream, size_t offset, uint8_t *dst, size_t cap) {
    return p2p_chunkq_copy(&stream->tx, offset, dst, cap);
}

/* Half empty: room enough that the application writes in large pieces. */
static void tell_of_room(p2p_stream *stream) {
    const p2p_limits *limits = env_of(stream)->limits;
    if (!stream->wants_room || stream->tx.len - stream->tx_sent > limits->write_buffer / 2 ||
        stream->tx_sent >= limits->window_max)
        return;
    stream->wants_room = false;
    make_due(stream, DUE_WRITABLE);
}

void p2p_stream_tx_consume(p2p_stream *stream, size_t len) {
    p2p_env *env = env_of(stream);
    p2p_chunkq_consume(&stream->tx, &env->chunks, len);
    stream->tx_sent -= len < stream->tx_sent ? len : stream->tx_sent;
    stream->conn->bytes_out += len;
    tell_of_room(stream);
}

void p2p_stream_tx_sent(p2p_stream *stream, size_t len) {
    stream->tx_sent += len;
    tell_of_room(stream);
}

bool p2p_stream_tx_ends(const p2p_stream *stream) {
    return stream->tx_shut;
}

void p2p_stream_tx_done(p2p_stream *stream) {
    stream->tx_done = true;
    stream->reset_wanted = false;
    end_if_finished(stream);
    bury_if_over(stream);
}

bool p2p_stream_reset_wanted(const p2p_stream *stream, uint32_t *code) {
    *code = stream->reset_code;
    return stream->reset_wanted;
}

/* --- for connections and the host --- */

void p2p_stream_conn_ended(p2p_stream *stream, p2p_err err, bool keep_unread) {
    if (!stream->ended && stream->rx_fin && stream->usable && keep_unread) {
        stream->keeps_rx = true;
        stream->whole = stream->tx_done;
        if (stream->rx.len > 0)
            make_due(stream, DUE_READABLE);
    }
    end_stream(stream, err == P2P_OK ? P2P_ERR_CLOSED : err, 0);
    stream->tx_done = true;
    stream->reset_wanted = false;
    bury_if_over(stream);
}

static bool take_due(p2p_stream *stream, uint8_t due) {
    bool is_due = (stream->due & due) != 0;
    stream->due &= (uint8_t)~due;
    return is_due;
}

static void report_closed(p2p_stream *stream) {
    if (stream->whole && stream->rx.len == 0)
        stream->end = (p2p_stream_end){P2P_OK, 0};
    p2p_chunkq_clear(&stream->rx, &env_of(stream)->chunks);
    /* An inbound stream that ended before it agreed was never shown to its protocol. */
    const p2p_protocol *protocol = stream->protocol;
    if (protocol != NULL && protocol->closed != NULL && (stream->usable || stream->outbound))
        protocol->closed(stream, &stream->end, stream->self);
    stream->reported = true;
    bury_if_over(stream);
}

/* A stream that nobody was told of yet (no protocol agreed) has nobody to call. */
void p2p_stream_dispatch(p2p_stream *stream) {
    const p2p_protocol *protocol = stream->protocol;
    if (stream->reported)
        return;
    if (protocol != NULL && stream->usable) {
        if (take_due(stream, DUE_OPENED) && protocol->opened != NULL)
            protocol->opened(stream, stream->self);
        /* Behind a bad end there is nothing to read, unless the peer's bytes are complete. */
        bool lost = stream->ended && stream->end.err != P2P_OK && !stream->keeps_rx;
        if (take_due(stream, DUE_READABLE) && !lost && protocol->readable != NULL)
            protocol->readable(stream, stream->self);
        if (take_due(stream, DUE_WRITABLE) && !stream->ended && protocol->writable != NULL)
            protocol->writable(stream, stream->self);
    }
    if (take_due(stream, DUE_CLOSED))
        report_closed(stream);
    else if (stream->due != 0 && stream->usable)
        make_due(stream, 0);
}

/* --- for applications --- */

p2p_bytes p2p_stream_peek(p2p_stream *stream) {
    return p2p_chunkq_peek(&stream->rx);
}

void p2p_stream_consume(p2p_stream *stream, size_t len) {
    P2P_REQUIRE(len <= stream->rx.len);
    if (len == 0)
        return;
    p2p_chunkq_consume(&stream->rx, &env_of(stream)->chunks, len);
    stream->rx_taken += len;
    if (stream->ended)
        return;
    wake_muxer(stream);
    end_if_finished(stream);
}

size_t p2p_stream_readable(const p2p_stream *stream) {
    return stream->rx.len;
}

bool p2p_stream_at_end(const p2p_stream *stream) {
    return stream->rx_fin && stream->rx.len == 0;
}

size_t p2p_stream_writable(const p2p_stream *stream) {
    const p2p_limits *limits = env_of(stream)->limits;
    size_t unsent = stream->tx.len - stream->tx_sent;
    if (stream->ended || stream->tx_shut || !stream->usable || unsent >= limits->write_buffer ||
        stream->tx_sent >= limits->window_max)
        return 0;
    return limits->write_buffer - unsent;
}

size_t p2p_stream_write(p2p_stream *stream, p2p_bytes bytes) {
    size_t room = p2p_stream_writable(stream);
    p2p_bytes fits = p2p_bytes_of(bytes.ptr, bytes.len < room ? bytes.len : room);
    size_t taken = p2p_chunkq_append(&stream->tx, &env_of(stream)->chunks, fits);
    if (taken < bytes.len)
        stream->wants_room = true;
    if (taken > 0)
        wake_muxer(stream);
    else if (stream->tx.len == 0 && room > 0 && bytes.len > 0)
        starve(stream);
    return taken;
}

void p2p_stream_shut(p2p_stream *stream) {
    if (stream->ended || stream->tx_shut)
        return;
    stream->tx_shut = true;
    stream->wants_room = false;
    wake_muxer(stream);
}

void p2p_stream_close(p2p_stream *stream) {
    if (stream->ended)
        return;
    stream->rx_discard = true;
    size_t left = stream->rx.len;
    p2p_chunkq_clear(&stream->rx, &env_of(stream)->chunks);
    stream->rx_taken += left;
    stream->discarded += left;
    p2p_stream_shut(stream);
    wake_muxer(stream);
    end_if_finished(stream);
}

void p2p_stream_reset(p2p_stream *stream, uint32_t code) {
    reset_stream(stream, code, P2P_ERR_CLOSED);
}

void p2p_stream_set_deadline(p2p_stream *stream, p2p_time when) {
    stream->app_deadline = when;
    arm(stream);
}

void p2p_stream_set_user(p2p_stream *stream, void *user) {
    stream->user = user;
}

void *p2p_stream_user(const p2p_stream *stream) {
    return stream->user;
}

p2p_conn *p2p_stream_conn(const p2p_stream *stream) {
    return stream->conn;
}

p2p_host *p2p_stream_host(const p2p_stream *stream) {
    return env_of(stream)->host;
}

const char *p2p_stream_protocol(const p2p_stream *stream) {
    return stream->id == NULL ? "" : stream->id;
}

bool p2p_stream_outbound(const p2p_stream *stream) {
    return stream->outbound;
}

p2p_stream *p2p_conn_next_stream(const p2p_conn *conn, const p2p_stream *stream) {
    const p2p_list *next = stream == NULL ? conn->streams.next : stream->node.next;
    return next == &conn->streams ? NULL : P2P_CONTAINER(next, p2p_stream, node);
}
