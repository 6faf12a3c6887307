/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Stream reset (RFC 6525): how a data channel is closed. Each side resets its own outgoing
 * direction, when its queue is empty; an id may be used again when both directions are reset and
 * acknowledged (RFC 8831 section 6.7). One request is out at a time, for up to SCTP_RESET_BATCH
 * streams; it names the last TSN, and the peer answers "in progress" until everything up to there
 * has arrived. Adding incoming streams is granted up to the configured number; resetting all TSNs,
 * and asking this side for more streams, is denied.
 */
#include "webrtc/sctp_assoc.h"

typedef enum result {
    NOTHING_TO_DO = 0,
    PERFORMED = 1,
    DENIED = 2,
    ALREADY_ASKED = 4,
    BAD_SEQUENCE = 5,
    IN_PROGRESS = 6
} result;

enum { MAX_TRIES = 10 };

void p2p_sctp_reset_start(p2p_sctp *a, const p2p_sctp_init *peer) {
    a->reset.next_seq = a->handshake.tsn;
    a->reset.peer_seq = peer->tsn;
    a->reset.last_result = NOTHING_TO_DO;
}

/* --- outgoing --- */

p2p_err p2p_sctp_reset(p2p_sctp *a, uint16_t stream) {
    if (!sctp_open(a))
        return P2P_ERR_STATE;
    if (!a->tx.peer_reconfig)
        return P2P_ERR_UNSUPPORTED;
    sctp_stream *s = p2p_sctp_stream_find(a, stream);
    if (s == NULL)
        return P2P_ERR_NOT_FOUND;
    if (s->resetting != SCTP_RESET_NONE)
        return P2P_OK;
    s->resetting = SCTP_RESET_WANTED;
    if (s->queue.head == NULL)
        p2p_sctp_reset_ready(a, s);
    return P2P_OK;
}

void p2p_sctp_reset_ready(p2p_sctp *a, sctp_stream *s) {
    sctp_reset *reset = &a->reset;
    s->resetting = SCTP_RESET_READY;
    s->next_reset = NULL;
    if (reset->ready_last != NULL)
        reset->ready_last->next_reset = s;
    else
        reset->ready_first = s;
    reset->ready_last = s;
}

bool p2p_sctp_reset_due(const p2p_sctp *a) {
    const sctp_reset *reset = &a->reset;
    return reset->answer_count > 0 || reset->request_due ||
           (reset->asked_count == 0 && reset->ready_first != NULL);
}

static void gather(p2p_sctp *a) {
    sctp_reset *reset = &a->reset;
    while (reset->ready_first != NULL && reset->asked_count < SCTP_RESET_BATCH) {
        sctp_stream *s = reset->ready_first;
        reset->ready_first = s->next_reset;
        s->resetting = SCTP_RESET_ASKED;
        reset->asked[reset->asked_count++] = s->id;
    }
    if (reset->ready_first == NULL)
        reset->ready_last = NULL;
    reset->last_tsn = a->tx.next_tsn - 1;
    reset->tries = 0;
    reset->request_due = true;
}

static void write_answers(sctp_reset *reset, p2p_writer *w) {
    size_t chunk = p2p_sctp_begin_chunk(w, SCTP_RE_CONFIG, 0);
    for (unsigned i = 0; i < reset->answer_count; i++) {
        size_t param = p2p_sctp_begin_param(w, SCTP_PARAM_RECONFIG_RESPONSE);
        p2p_writer_u32(w, reset->answer_seq[i]);
        p2p_writer_u32(w, reset->answer[i]);
        p2p_sctp_end(w, param);
    }
    p2p_sctp_end(w, chunk);
    reset->answer_count = 0;
}

static void write_request(p2p_sctp *a, p2p_writer *w) {
    sctp_reset *reset = &a->reset;
    size_t chunk = p2p_sctp_begin_chunk(w, SCTP_RE_CONFIG, 0);
    size_t param = p2p_sctp_begin_param(w, SCTP_PARAM_OUTGOING_RESET);
    p2p_writer_u32(w, reset->next_seq);
    p2p_writer_u32(w, reset->peer_seq - 1);
    p2p_writer_u32(w, reset->last_tsn);
    for (size_t i = 0; i < reset->asked_count; i++)
        p2p_writer_u16(w, reset->asked[i]);
    size_t end = w->len;
    p2p_sctp_end(w, param);
    p2p_sctp_end(w, chunk);
    /* The last parameter's padding is not counted (RFC 9260 section 3.2). */
    if (w->len <= w->cap)
        p2p_store16(w->base + chunk + 2, (uint16_t)(end - chunk));
}

void p2p_sctp_reset_write(p2p_sctp *a, p2p_writer *w, p2p_time now) {
    sctp_reset *reset = &a->reset;
    size_t left = w->cap - w->len;
    if (reset->answer_count > 0 && left >= SCTP_CHUNK_HEADER + 12 * (size_t)reset->answer_count)
        write_answers(reset, w);
    if (reset->asked_count == 0 && reset->ready_first != NULL)
        gather(a);
    size_t request = SCTP_CHUNK_HEADER + 16 + sctp_padded(2 * reset->asked_count);
    if (!reset->request_due || w->cap - w->len < request)
        return;
    write_request(a, w);
    reset->request_due = false;
    reset->again_at = now + p2p_sctp_rto(a);
}

p2p_err p2p_sctp_reset_tick(p2p_sctp *a, p2p_time now) {
    sctp_reset *reset = &a->reset;
    if (reset->again_at > now)
        return P2P_OK;
    reset->again_at = P2P_NEVER;
    if (reset->asked_count == 0)
        return P2P_OK;
    if (++reset->tries > MAX_TRIES)
        return p2p_sctp_fail(a, P2P_ERR_TIMEOUT, SCTP_CAUSE_USER_ABORT);
    reset->request_due = true;
    return P2P_OK;
}

static void settle_asked(p2p_sctp *a, bool done) {
    sctp_reset *reset = &a->reset;
    uint16_t asked[SCTP_RESET_BATCH];
    size_t count = reset->asked_count;
    memcpy(asked, reset->asked, count * sizeof asked[0]);
    reset->asked_count = 0;
    reset->next_seq++;
    reset->request_due = false;
    reset->again_at = P2P_NEVER;
    for (size_t i = 0; i < count && a->state != SCTP_DEAD; i++) {
        sctp_stream *s = p2p_sctp_stream_find(a, asked[i]);
        s->resetting = done ? SCTP_RESET_DONE : SCTP_RESET_DENIED;
        if (done)
            p2p_sctp_stream_settle(a, s);
        else
            a->config.events->released(a->config.ctx, s->id, s->user, P2P_ERR_REFUSED);
    }
}

static void on_response(p2p_sctp *a, p2p_cursor *c, p2p_time now) {
    uint32_t seq = p2p_cursor_u32(c), answer = p2p_cursor_u32(c);
    if (c->err != P2P_OK || seq != a->reset.next_seq || a->reset.asked_count == 0)
        return;
    if (answer == IN_PROGRESS || answer == ALREADY_ASKED) {
        /* The peer is there and waits for data: not a lost request. */
        a->reset.tries = 0;
        a->reset.again_at = now + p2p_sctp_rto(a);
        return;
    }
    settle_asked(a, answer == PERFORMED || answer == NOTHING_TO_DO);
}

/* --- incoming --- */

static void peer_reset(p2p_sctp *a, uint16_t id) {
    sctp_stream *s = p2p_sctp_stream_find(a, id);
    if (s == NULL || s->peer_reset)
        return;
    s->peer_reset = true;
    p2p_sctp_restart_stream(a, s);
    a->config.events->peer_reset(a->config.ctx, id, s->user);
    p2p_sctp_stream_settle(a, s);
}

/* No stream named means all. A stream that is freed may leave another in its place. */
static void peer_reset_all(p2p_sctp *a) {
    for (size_t i = 0; i < a->streams.cap && a->state != SCTP_DEAD;) {
        const sctp_stream *s = a->streams.slots[i];
        if (s == NULL || s->peer_reset)
            i++;
        else
            peer_reset(a, s->id);
    }
}

static result outgoing_reset(p2p_sctp *a, p2p_cursor *c) {
    p2p_cursor_u32(c);
    uint32_t last_tsn = p2p_cursor_u32(c);
    if (c->err != P2P_OK)
        return DENIED;
    if (sctp_before(a->rx.cum_tsn, last_tsn))
        return IN_PROGRESS;
    if (c->left == 0)
        peer_reset_all(a);
    while (c->left >= 2 && a->state != SCTP_DEAD)
        peer_reset(a, p2p_cursor_u16(c));
    return PERFORMED;
}

static result incoming_reset(p2p_sctp *a, p2p_cursor *c) {
    while (c->left >= 2) {
        sctp_stream *s = p2p_sctp_stream_find(a, p2p_cursor_u16(c));
        if (s != NULL && p2p_sctp_reset(a, s->id) != P2P_OK)
            return DENIED;
    }
    return PERFORMED;
}

static result add_outgoing(p2p_sctp *a, p2p_cursor *c) {
    uint32_t more = p2p_cursor_u16(c);
    if (c->err != P2P_OK || a->rx.peer_streams + more > a->config.max_streams)
        return DENIED;
    a->rx.peer_streams = (uint16_t)(a->rx.peer_streams + more);
    return PERFORMED;
}

static result perform(p2p_sctp *a, uint16_t type, p2p_cursor *c) {
    switch (type) {
    case SCTP_PARAM_OUTGOING_RESET:
        return outgoing_reset(a, c);
    case SCTP_PARAM_INCOMING_RESET:
        return incoming_reset(a, c);
    case SCTP_PARAM_ADD_OUTGOING:
        return add_outgoing(a, c);
    default:
        return DENIED;
    }
}

/* A request is done once; its repetition gets the same answer, unless it was not finished. */
static void on_request(p2p_sctp *a, uint16_t type, p2p_cursor *c) {
    sctp_reset *reset = &a->reset;
    uint32_t seq = p2p_cursor_u32(c);
    uint32_t answer = BAD_SEQUENCE;
    if (c->err != P2P_OK)
        return;
    bool again = seq == reset->peer_seq - 1;
    if (seq == reset->peer_seq || (again && reset->last_result == IN_PROGRESS)) {
        reset->peer_seq = seq + 1;
        answer = perform(a, type, c);
        reset->last_result = answer;
    } else if (again) {
        answer = reset->last_result;
    }
    if (reset->answer_count == P2P_COUNT(reset->answer))
        return;
    reset->answer_seq[reset->answer_count] = seq;
    reset->answer[reset->answer_count++] = answer;
}

p2p_err p2p_sctp_on_reconfig(p2p_sctp *a, p2p_bytes body, p2p_time now) {
    if (!sctp_open(a))
        return P2P_OK;
    p2p_cursor c = p2p_cursor_of(body);
    p2p_sctp_param param;
    while (p2p_sctp_param_next(&c, &param) && a->state != SCTP_DEAD) {
        p2p_cursor value = p2p_cursor_of(param.value);
        if (param.type == SCTP_PARAM_RECONFIG_RESPONSE)
            on_response(a, &value, now);
        else if (param.type >= SCTP_PARAM_OUTGOING_RESET && param.type <= SCTP_PARAM_ADD_INCOMING)
            on_request(a, param.type, &value);
    }
    if (c.err != P2P_OK)
        return p2p_sctp_fail(a, P2P_ERR_MALFORMED, SCTP_CAUSE_PROTOCOL_VIOLATION);
    return P2P_OK;
}
