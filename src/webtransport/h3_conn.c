/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An HTTP/3 connection (RFC 9114) that serves and asks for nothing but WebTransport sessions: how
 * it begins and ends, and the hooks that QUIC calls, sorted by what a stream is.
 *
 * QPACK has no dynamic table here, so neither of its streams is opened (RFC 9204 section 4.2). A
 * connection on which there is no session for as long as a handshake may take is given up.
 */
#include "webtransport/h3_conn.h"

#include <stdio.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "webtransport/error_code.h"

static p2p_h3_any *any_of(p2p_quic_stream *stream) {
    return P2P_CONTAINER(stream, p2p_h3_any, quic);
}

static p2p_h3_lane *lane_of(p2p_h3_any *any) {
    return P2P_CONTAINER(any, p2p_h3_lane, any);
}

static p2p_wt_stream *wt_stream_of(p2p_h3_any *any) {
    return P2P_CONTAINER(any, p2p_wt_stream, any);
}

/* NULL: it has ended, and QUIC has not noticed yet. */
static p2p_h3_conn *h3_of(const p2p_quic_conn *quic) {
    p2p_h3_conn *h3 = p2p_quic_conn_self(quic);
    return h3 == NULL || h3->quic == NULL ? NULL : h3;
}

/* --- life --- */

static void timed_out(p2p_timer *timer, p2p_time now) {
    p2p_h3_conn *h3 = P2P_CONTAINER(timer, p2p_h3_conn, timer);
    (void)now;
    const char *text = "the peer does not speak HTTP/3";
    if (h3->settings_seen)
        text = h3->gone_at > 0 ? "no WebTransport session is left"
                               : "no WebTransport session came about";
    p2p_h3_conn_fail(h3, P2P_H3_NO_ERROR, P2P_ERR_TIMEOUT, text);
}

static p2p_err open_control(p2p_h3_conn *h3) {
    uint8_t bytes[128];
    p2p_writer w = p2p_writer_of(bytes, sizeof bytes);
    p2p_err err = p2p_h3_lane_new(&h3->control, h3, P2P_H3_PEER_UNI);
    if (err != P2P_OK)
        return err;
    h3->control->own = true;
    err = p2p_quic_stream_open(h3->quic, &h3->control->any.quic, true);
    if (err != P2P_OK)
        return err == P2P_ERR_AGAIN ? P2P_ERR_VIOLATION : err;
    p2p_writer_quic_varint(&w, P2P_H3_TYPE_CONTROL);
    p2p_h3_settings_put(&w);
    p2p_bytes view = p2p_writer_view(&w);
    if (p2p_chunkq_append(&h3->control->tx, &h3->env->chunks, view) < view.len)
        return P2P_ERR_NO_MEMORY;
    p2p_quic_stream_want(h3->quic, &h3->control->any.quic);
    return P2P_OK;
}

p2p_err p2p_h3_conn_new(
    p2p_h3_conn **out, p2p_quic_conn *quic, const p2p_h3_owner *owner, void *self) {
    p2p_env *env = p2p_quic_conn_env(quic);
    p2p_h3_conn *h3 = p2p_mem_alloc(env->mem, sizeof *h3);
    *out = NULL;
    if (h3 == NULL)
        return P2P_ERR_NO_MEMORY;
    h3->env = env;
    h3->highest[0] = h3->highest[1] = -1;
    p2p_list_init(&h3->streams);
    p2p_list_init(&h3->sessions);
    p2p_list_init(&h3->ended);
    if (p2p_timers_expect(&env->timers, &h3->timer, timed_out) != P2P_OK) {
        p2p_mem_free(env->mem, h3, sizeof *h3);
        return P2P_ERR_NO_MEMORY;
    }
    h3->quic = quic;
    h3->owner = owner;
    h3->self = self;
    h3->ctx = p2p_quic_conn_ctx(quic);
    h3->remote = *p2p_quic_conn_remote(quic);
    h3->server = !p2p_quic_conn_outbound(quic);
    p2p_err err = p2p_qpack_new(&h3->qpack, env->mem);
    if (err == P2P_OK)
        err = open_control(h3);
    if (err != P2P_OK) {
        if (h3->control != NULL)
            p2p_quic_stream_detach(quic, &h3->control->any.quic);
        p2p_h3_conn_free(h3);
        return err;
    }
    p2p_timer_set(&env->timers, &h3->timer, env->now + env->timeouts->accept);
    p2p_quic_conn_set_self(quic, h3);
    *out = h3;
    return P2P_OK;
}

void p2p_h3_conn_free(p2p_h3_conn *h3) {
    const p2p_mem *mem = h3->env->mem;
    p2p_list_remove(&h3->dead.node);
    while (!p2p_list_empty(&h3->streams))
        p2p_h3_lane_free(P2P_CONTAINER(h3->streams.next, p2p_h3_lane, node));
    while (!p2p_list_empty(&h3->ended))
        p2p_wt_session_free(P2P_CONTAINER(h3->ended.next, p2p_wt_session, node));
    p2p_qpack_free(h3->qpack);
    p2p_timers_forget(&h3->env->timers, &h3->timer);
    p2p_list_remove(&h3->node);
    p2p_mem_free(mem, h3, sizeof *h3);
}

static void free_dead(p2p_dead *dead) {
    p2p_h3_conn_free(P2P_CONTAINER(dead, p2p_h3_conn, dead));
}

static void end(p2p_h3_conn *h3, const p2p_reason *reason) {
    h3->quic = NULL;
    p2p_timer_set(&h3->env->timers, &h3->timer, P2P_NEVER);
    while (!p2p_list_empty(&h3->sessions))
        p2p_wt_session_end(P2P_CONTAINER(h3->sessions.next, p2p_wt_session, node), reason);
    p2p_env_bury(h3->env, &h3->dead, free_dead);
    h3->owner->ended(h3, reason);
}

/* HTTP/3's codes are not libp2p's, and its "no error" is a good end. */
static void translate(p2p_reason *reason) {
    if (!reason->by_peer || reason->remote_code == 0)
        return;
    if (reason->remote_code == P2P_H3_NO_ERROR) {
        reason->err = P2P_ERR_EOF;
        snprintf(reason->text, sizeof reason->text, "the peer closed the connection");
    } else {
        snprintf(reason->text, sizeof reason->text,
            "the peer closed the HTTP/3 connection with error 0x%x", (unsigned)reason->remote_code);
    }
    reason->remote_code = P2P_CODE_NONE;
}

void p2p_h3_conn_closed(p2p_h3_conn *h3, const p2p_reason *reason) {
    p2p_reason own = *reason;
    if (h3->quic == NULL)
        return;
    translate(&own);
    end(h3, &own);
}

void p2p_h3_conn_fail(p2p_h3_conn *h3, p2p_h3_error error, p2p_err err, const char *text) {
    p2p_reason reason = {.err = err};
    if (h3->quic == NULL)
        return;
    snprintf(reason.text, sizeof reason.text, "%s", text);
    p2p_quic_conn_close(h3->quic, error);
    end(h3, &reason);
}

void p2p_h3_conn_finish(p2p_h3_conn *h3) {
    if (h3->quic == NULL || h3->finishing)
        return;
    h3->finishing = true;
    p2p_timer_set(&h3->env->timers, &h3->timer, h3->env->now + h3->env->timeouts->close);
    p2p_quic_conn_finish(h3->quic, P2P_H3_NO_ERROR);
}

/* --- from QUIC --- */

p2p_err p2p_h3_stream_opened(p2p_quic_conn *quic, int64_t id, uint64_t *refusal) {
    p2p_h3_conn *h3 = h3_of(quic);
    p2p_h3_lane *stream;
    *refusal = P2P_H3_REQUEST_REJECTED;
    if (h3 == NULL)
        return P2P_ERR_STATE;
    bool unidirectional = (id & 2) != 0;
    if (id > h3->highest[unidirectional])
        h3->highest[unidirectional] = id;
    p2p_err err = p2p_h3_lane_new(&stream, h3, unidirectional ? P2P_H3_PEER_UNI : P2P_H3_PEER_BIDI);
    if (err == P2P_OK)
        p2p_quic_stream_attach(quic, &stream->any.quic, id);
    return err;
}

void p2p_h3_stream_data(p2p_quic_conn *quic, p2p_quic_stream *own, p2p_bytes bytes, bool fin) {
    p2p_h3_any *any = any_of(own);
    if (h3_of(quic) == NULL)
        return;
    if (!any->wt)
        p2p_h3_lane_feed(lane_of(any), bytes, fin);
    else if (wt_stream_of(any)->session != NULL)
        wt_stream_of(any)->ops->data(wt_stream_of(any), bytes, fin);
}

static bool is_critical(const p2p_h3_lane *stream) {
    return stream->own || stream->reader.stream == P2P_H3_CONTROL ||
           stream->reader.stream == P2P_H3_QPACK_ENCODER ||
           stream->reader.stream == P2P_H3_QPACK_DECODER;
}

static void broken_off(p2p_h3_lane *stream) {
    if (is_critical(stream))
        p2p_h3_conn_fail(stream->h3, P2P_H3_CLOSED_CRITICAL_STREAM, P2P_ERR_VIOLATION,
            "the peer ended a stream that HTTP/3 needs");
    else if (stream->session != NULL)
        p2p_wt_session_fin(stream->session);
}

void p2p_h3_stream_reset(p2p_quic_conn *quic, p2p_quic_stream *own, uint64_t code) {
    p2p_h3_any *any = any_of(own);
    uint32_t app_code = 0;
    if (h3_of(quic) == NULL)
        return;
    if (any->wt) {
        if (!p2p_wt_code_from_wire(code, &app_code))
            app_code = 0;
        if (wt_stream_of(any)->session != NULL)
            wt_stream_of(any)->ops->reset(wt_stream_of(any), app_code);
        return;
    }
    broken_off(lane_of(any));
    if (h3_of(quic) != NULL)
        p2p_quic_stream_reset_write(quic, own, P2P_H3_REQUEST_CANCELLED);
}

void p2p_h3_stream_stopped(p2p_quic_conn *quic, p2p_quic_stream *own) {
    p2p_h3_any *any = any_of(own);
    if (h3_of(quic) == NULL)
        return;
    if (!any->wt)
        broken_off(lane_of(any));
    else if (wt_stream_of(any)->session != NULL)
        wt_stream_of(any)->ops->stopped(wt_stream_of(any));
}

size_t p2p_h3_stream_pull(p2p_quic_conn *quic, p2p_quic_stream *own, size_t offset,
    p2p_bytes *views, size_t count, bool *fin) {
    p2p_h3_any *any = any_of(own);
    *fin = false;
    if (h3_of(quic) == NULL)
        return 0;
    if (any->wt)
        return p2p_wt_stream_pull(wt_stream_of(any), offset, views, count, fin);
    p2p_h3_lane *stream = lane_of(any);
    size_t found = 0;
    while (found < count && offset < stream->tx.len) {
        views[found] = p2p_chunkq_peek_at(&stream->tx, offset);
        offset += views[found++].len;
    }
    *fin = offset >= stream->tx.len && stream->tx_fin;
    return found;
}

void p2p_h3_stream_sent(p2p_quic_conn *quic, p2p_quic_stream *own, size_t len) {
    if (h3_of(quic) != NULL && any_of(own)->wt)
        p2p_wt_stream_was_sent(wt_stream_of(any_of(own)), len);
}

void p2p_h3_stream_acked(p2p_quic_conn *quic, p2p_quic_stream *own, size_t len, bool all) {
    p2p_h3_any *any = any_of(own);
    if (h3_of(quic) == NULL)
        return;
    if (any->wt) {
        p2p_wt_stream_was_acked(wt_stream_of(any), len, all);
        return;
    }
    p2p_h3_lane *stream = lane_of(any);
    p2p_chunkq_consume(&stream->tx, &stream->h3->env->chunks, len);
    if (all && stream->session != NULL)
        p2p_wt_session_flushed(stream->session);
}

void p2p_h3_stream_closed(p2p_quic_conn *quic, p2p_quic_stream *own) {
    p2p_h3_any *any = any_of(own);
    if (h3_of(quic) == NULL)
        return;
    if (any->wt) {
        p2p_wt_stream *stream = wt_stream_of(any);
        if (stream->session == NULL)
            return;
        p2p_wt_stream_detach(stream);
        stream->ops->closed(stream);
        return;
    }
    p2p_h3_lane *stream = lane_of(any);
    if (stream->session != NULL)
        p2p_wt_session_fin(stream->session);
    if (!stream->own)
        p2p_h3_lane_free(stream);
}

void p2p_h3_datagram(p2p_quic_conn *quic, p2p_bytes bytes) {
    p2p_h3_conn *h3 = h3_of(quic);
    uint64_t id;
    p2p_bytes payload;
    if (h3 == NULL)
        return;
    if (p2p_h3_open_datagram(bytes, &id, &payload) != P2P_OK) {
        p2p_h3_conn_fail(h3, P2P_H3_DATAGRAM_ERROR, P2P_ERR_MALFORMED, "a datagram of no session");
        return;
    }
    /* One that is early or late is lost, as datagrams are. */
    p2p_wt_session *session = p2p_wt_session_find(h3, id);
    if (session != NULL && session->open && session->app != NULL && session->app->datagram != NULL)
        session->app->datagram(session, payload);
}

uint64_t p2p_h3_stream_received(p2p_quic_conn *quic, int64_t id) {
    const p2p_h3_conn *h3 = h3_of(quic);
    if (h3 == NULL)
        return UINT64_MAX;
    for (const p2p_list *node = h3->streams.next; node != &h3->streams; node = node->next) {
        const p2p_h3_lane *stream = P2P_CONTAINER(node, p2p_h3_lane, node);
        if (stream->any.quic.attached && stream->any.quic.id == id)
            return stream->any.quic.received;
    }
    for (const p2p_list *at = h3->sessions.next; at != &h3->sessions; at = at->next) {
        const p2p_wt_session *session = P2P_CONTAINER(at, p2p_wt_session, node);
        for (const p2p_list *node = session->streams.next; node != &session->streams;
             node = node->next) {
            const p2p_wt_stream *stream = P2P_CONTAINER(node, p2p_wt_stream, node);
            if (stream->any.quic.attached && stream->any.quic.id == id)
                return stream->any.quic.received;
        }
    }
    return id > h3->highest[(id & 2) != 0] ? 0 : UINT64_MAX;
}
