/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the peer sends on streams that are not, or not yet, WebTransport's: finding out what a
 * stream is, SETTINGS, requests and responses. A stream that turns out to belong to a session is
 * given to it; one whose session is not there yet waits with its bytes, which are given no credit,
 * so that flow control bounds what waits.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "webtransport/h3_conn.h"

p2p_err p2p_h3_lane_new(p2p_h3_lane **out, p2p_h3_conn *h3, p2p_h3_origin origin) {
    p2p_h3_lane *stream = p2p_mem_alloc(h3->env->mem, sizeof *stream);
    *out = stream;
    if (stream == NULL)
        return P2P_ERR_NO_MEMORY;
    stream->h3 = h3;
    p2p_h3_reader_init(&stream->reader, h3->env->mem, h3->server, origin);
    p2p_list_push(&h3->streams, &stream->node);
    return P2P_OK;
}

void p2p_h3_lane_free(p2p_h3_lane *stream) {
    p2p_h3_conn *h3 = stream->h3;
    if (stream->session != NULL)
        stream->session->connect = NULL;
    if (stream->waiting)
        h3->waiting_count--;
    if (h3->control == stream)
        h3->control = NULL;
    p2p_h3_reader_deinit(&stream->reader);
    p2p_chunkq_clear(&stream->rx, &h3->env->chunks);
    p2p_chunkq_clear(&stream->tx, &h3->env->chunks);
    p2p_list_remove(&stream->node);
    p2p_mem_free(h3->env->mem, stream, sizeof *stream);
}

void p2p_h3_lane_send(p2p_h3_lane *stream, p2p_bytes bytes) {
    p2p_h3_conn *h3 = stream->h3;
    if (h3->quic == NULL)
        return;
    if (p2p_chunkq_append(&stream->tx, &h3->env->chunks, bytes) < bytes.len)
        p2p_h3_conn_fail(
            h3, P2P_H3_INTERNAL_ERROR, P2P_ERR_NO_MEMORY, p2p_err_text(P2P_ERR_NO_MEMORY));
    else
        p2p_quic_stream_want(h3->quic, &stream->any.quic);
}

void p2p_h3_lane_abort(p2p_h3_lane *stream, p2p_h3_error error) {
    p2p_h3_conn *h3 = stream->h3;
    if (h3->quic == NULL)
        return;
    p2p_quic_stream_reset(h3->quic, &stream->any.quic, error);
    p2p_chunkq_clear(&stream->tx, &h3->env->chunks);
}

/* --- errors --- */

static void fail(p2p_h3_lane *stream, p2p_h3_error error, p2p_err err) {
    p2p_wt_session *session = stream->session;
    if (!p2p_h3_error_is_stream(error)) {
        p2p_h3_conn_fail(stream->h3, error, err,
            err == P2P_ERR_NO_MEMORY ? p2p_err_text(err) : "the peer broke a rule of HTTP/3");
        return;
    }
    p2p_h3_lane_abort(stream, error);
    if (session != NULL) {
        p2p_reason reason = {.err = err, .text = "the peer broke a rule of WebTransport"};
        p2p_wt_session_end(session, &reason);
    }
}

/* --- streams of sessions --- */

/* Refuses a stream nobody wants; it goes when QUIC has closed it. */
static void refuse(p2p_h3_lane *stream, p2p_h3_error error) {
    p2p_h3_conn *h3 = stream->h3;
    size_t held = stream->rx.len;
    p2p_chunkq_clear(&stream->rx, &h3->env->chunks);
    if (stream->waiting)
        h3->waiting_count--;
    stream->waiting = false;
    stream->reader.stream = P2P_H3_DISCARDED;
    p2p_quic_stream_credit(h3->quic, &stream->any.quic, held);
    p2p_quic_stream_reset(h3->quic, &stream->any.quic, error);
}

static void wait_for(p2p_h3_lane *stream) {
    p2p_h3_conn *h3 = stream->h3;
    if (stream->waiting)
        return;
    if (h3->waiting_count >= P2P_WT_WAITING_MAX) {
        refuse(stream, P2P_WT_BUFFERED_STREAM_REJECTED);
        return;
    }
    stream->waiting = true;
    h3->waiting_count++;
}

/* The owner's object takes the stream's place, and gets what has come already. */
static void hand_over(p2p_h3_lane *stream, p2p_wt_session *session, p2p_wt_stream *to) {
    p2p_h3_conn *h3 = stream->h3;
    p2p_chunkq held = stream->rx;
    bool fin = stream->rx_fin;
    p2p_quic_stream_move(h3->quic, &stream->any.quic, &to->any.quic);
    p2p_wt_stream_join(session, to);
    stream->rx = (p2p_chunkq){0};
    p2p_h3_lane_free(stream);
    while (held.len > 0 && to->session != NULL) {
        p2p_bytes view = p2p_chunkq_peek(&held);
        to->ops->data(to, view, fin && view.len == held.len);
        fin = fin && view.len < held.len;
        p2p_chunkq_consume(&held, &h3->env->chunks, view.len);
    }
    p2p_chunkq_clear(&held, &h3->env->chunks);
    if (fin && to->session != NULL)
        to->ops->data(to, (p2p_bytes){0}, true);
    p2p_wt_stream_want(to);
}

void p2p_h3_lane_deliver(p2p_h3_lane *stream) {
    p2p_h3_conn *h3 = stream->h3;
    p2p_wt_session *session = p2p_wt_session_find(h3, stream->waits_for);
    p2p_wt_stream *to = NULL;
    if (session == NULL && (!h3->server || p2p_wt_session_is_gone(h3, stream->waits_for))) {
        refuse(stream, P2P_WT_SESSION_GONE);
        return;
    }
    if (session != NULL && session->closing) {
        refuse(stream, P2P_WT_SESSION_GONE);
        return;
    }
    p2p_err err = P2P_ERR_AGAIN;
    if (session != NULL && session->open && session->app != NULL)
        err = session->app->stream_opened(session, stream->reader.origin == P2P_H3_PEER_UNI, &to);
    if (err == P2P_OK)
        hand_over(stream, session, to);
    else if (err == P2P_ERR_AGAIN)
        wait_for(stream);
    else
        refuse(stream, P2P_WT_BUFFERED_STREAM_REJECTED);
}

/* --- requests and responses --- */

static void respond(p2p_h3_lane *stream, unsigned status, bool draft_02) {
    uint8_t bytes[256];
    p2p_h3_conn *h3 = stream->h3;
    p2p_writer w = p2p_writer_of(bytes, sizeof bytes);
    p2p_err err = p2p_wt_put_response(h3->qpack, &w, status, draft_02);
    if (err != P2P_OK) {
        fail(stream, P2P_H3_INTERNAL_ERROR, err);
        return;
    }
    stream->tx_fin = status != 200;
    p2p_h3_lane_send(stream, p2p_writer_view(&w));
    if (status != 200 && h3->quic != NULL)
        p2p_quic_stream_stop(h3->quic, &stream->any.quic, P2P_H3_NO_ERROR);
}

static void take_request(p2p_h3_lane *stream, const p2p_fields *fields) {
    p2p_h3_conn *h3 = stream->h3;
    p2p_h3_request request;
    p2p_wt_session *session = NULL;
    p2p_err err = p2p_h3_request_read(&request, fields);
    if (err != P2P_OK) {
        fail(stream, P2P_H3_MESSAGE_ERROR, err);
        return;
    }
    unsigned status = 503;
    if (h3->session_count < P2P_WT_SESSIONS_MAX && !h3->finishing &&
        p2p_wt_session_new(&session, h3, stream) == P2P_OK)
        status = h3->owner->request(h3, session, &request);
    if (h3->quic == NULL)
        return;
    if (session != NULL && (status != 200 || session->over)) {
        session->app = NULL;
        p2p_wt_session_end(session, &(p2p_reason){.err = P2P_ERR_REFUSED});
    }
    bool accepted = status == 200 && session != NULL;
    if (accepted) {
        p2p_h3_reader_tunnel(&stream->reader);
        session->open = true;
    }
    respond(stream, status, request.draft_02);
    if (accepted && !session->over)
        p2p_wt_session_take_waiting(session);
}

static void take_headers(p2p_h3_lane *stream, p2p_bytes section) {
    p2p_h3_conn *h3 = stream->h3;
    p2p_fields fields;
    p2p_h3_error error = P2P_H3_INTERNAL_ERROR;
    p2p_fields_init(&fields, h3->env->mem);
    p2p_err err = p2p_qpack_decode(h3->qpack, section, &fields, &error);
    if (err != P2P_OK)
        fail(stream, error, err);
    else if (stream->reader.sections > 1)
        ; /* trailers mean nothing here */
    else if (h3->server && stream->session == NULL)
        take_request(stream, &fields);
    else if (!h3->server && stream->session != NULL)
        p2p_wt_session_response(stream->session, &fields);
    p2p_fields_deinit(&fields);
}

/* --- the rest --- */

static void take_settings(p2p_h3_lane *stream, p2p_bytes payload) {
    p2p_h3_conn *h3 = stream->h3;
    p2p_h3_error error = P2P_H3_SETTINGS_ERROR;
    p2p_err err = p2p_h3_settings_decode(&h3->settings, payload, &error);
    if (err != P2P_OK) {
        fail(stream, error, err);
        return;
    }
    h3->settings_seen = true;
    if (!h3->server)
        h3->owner->ready(h3);
}

static void take_kind(p2p_h3_lane *stream) {
    p2p_h3_conn *h3 = stream->h3;
    if (p2p_h3_claim(&h3->claimed, stream->reader.stream) != P2P_OK)
        fail(stream, P2P_H3_STREAM_CREATION_ERROR, P2P_ERR_VIOLATION);
    else if (stream->reader.stream == P2P_H3_DISCARDED)
        p2p_quic_stream_stop(h3->quic, &stream->any.quic, P2P_H3_STREAM_CREATION_ERROR);
}

static void take_data(p2p_h3_lane *stream, p2p_bytes bytes) {
    p2p_qpack *qpack = stream->h3->qpack;
    p2p_h3_error error = P2P_H3_INTERNAL_ERROR;
    p2p_err err = P2P_OK;
    if (stream->reader.stream == P2P_H3_QPACK_ENCODER)
        err = p2p_qpack_feed_encoder_stream(qpack, bytes, &error);
    else if (stream->reader.stream == P2P_H3_QPACK_DECODER)
        err = p2p_qpack_feed_decoder_stream(qpack, bytes, &error);
    else if (stream->session != NULL)
        p2p_wt_session_capsules(stream->session, bytes);
    if (err != P2P_OK)
        fail(stream, error, err);
}

/* The bytes of a stream that waits, or may go to its session now. */
static void hold(p2p_h3_lane *stream, p2p_bytes bytes, bool fin) {
    p2p_h3_conn *h3 = stream->h3;
    if (p2p_chunkq_append(&stream->rx, &h3->env->chunks, bytes) < bytes.len) {
        refuse(stream, P2P_WT_BUFFERED_STREAM_REJECTED);
        return;
    }
    stream->rx_fin |= fin;
    if (!stream->waiting)
        p2p_h3_lane_deliver(stream);
}

static void take_fin(p2p_h3_lane *stream) {
    p2p_wt_session *session = stream->session;
    p2p_err err = p2p_h3_reader_fin(&stream->reader);
    if (err != P2P_OK)
        fail(stream, stream->reader.error, err);
    else if (session != NULL)
        p2p_wt_session_capsules_end(session);
}

void p2p_h3_lane_feed(p2p_h3_lane *stream, p2p_bytes bytes, bool fin) {
    p2p_h3_conn *h3 = stream->h3;
    p2p_h3_item item;
    if (stream->waiting) {
        hold(stream, bytes, fin);
        return;
    }
    while (bytes.len > 0) {
        p2p_err err = p2p_h3_reader_feed(&stream->reader, bytes, &item);
        p2p_quic_stream_credit(h3->quic, &stream->any.quic, item.used);
        bytes = p2p_bytes_of(bytes.ptr + item.used, bytes.len - item.used);
        if (err != P2P_OK) {
            fail(stream, stream->reader.error, err);
            return;
        }
        if (item.event == P2P_H3_GOT_STREAM && item.stream == P2P_H3_WT) {
            stream->waits_for = item.id;
            hold(stream, bytes, fin);
            return;
        }
        if (item.event == P2P_H3_GOT_STREAM)
            take_kind(stream);
        else if (item.event == P2P_H3_GOT_SETTINGS)
            take_settings(stream, item.bytes);
        else if (item.event == P2P_H3_GOT_HEADERS)
            take_headers(stream, item.bytes);
        else if (item.event == P2P_H3_GOT_DATA)
            take_data(stream, item.bytes);
        if (h3->quic == NULL)
            return;
    }
    if (fin)
        take_fin(stream);
}
