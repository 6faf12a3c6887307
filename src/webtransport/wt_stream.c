/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Streams of sessions: QUIC streams that begin with a head of a few bytes naming the session. The
 * head of a stream that this side opens lies in front of the owner's bytes and is hidden from it.
 *
 * A reset that overtakes the head leaves the peer with a stream that belongs to nobody. So it waits
 * for the head's acknowledgement, unless bytes of the owner's are under way: those are no longer
 * there to be repeated.
 */
#include "base/bytes.h"
#include "webtransport/error_code.h"
#include "webtransport/h3_conn.h"

static p2p_quic_conn *quic_of(const p2p_wt_stream *stream) {
    return stream->session == NULL ? NULL : stream->session->h3->quic;
}

static size_t head_left(const p2p_wt_stream *stream) {
    return (size_t)stream->head_len - stream->head_acked;
}

void p2p_wt_stream_join(p2p_wt_session *session, p2p_wt_stream *stream) {
    stream->any.wt = true;
    stream->session = session;
    p2p_list_push(&session->streams, &stream->node);
}

p2p_err p2p_wt_stream_open(p2p_wt_session *session, p2p_wt_stream *stream, bool unidirectional) {
    p2p_quic_conn *quic = session->h3->quic;
    if (quic == NULL || session->over || session->closing || !session->open)
        return P2P_ERR_STATE;
    p2p_err err = p2p_quic_stream_open(quic, &stream->any.quic, unidirectional);
    if (err != P2P_OK)
        return err;
    p2p_writer w = p2p_writer_of(stream->head, sizeof stream->head);
    p2p_wt_put_stream_head(&w, !unidirectional, session->id);
    stream->head_len = (uint8_t)w.len;
    p2p_wt_stream_join(session, stream);
    return P2P_OK;
}

void p2p_wt_stream_want(p2p_wt_stream *stream) {
    if (quic_of(stream) != NULL)
        p2p_quic_stream_want(quic_of(stream), &stream->any.quic);
}

void p2p_wt_stream_credit(p2p_wt_stream *stream, size_t len) {
    if (quic_of(stream) != NULL)
        p2p_quic_stream_credit(quic_of(stream), &stream->any.quic, len);
}

size_t p2p_wt_stream_sent(const p2p_wt_stream *stream) {
    size_t sent = stream->any.quic.sent, head = head_left(stream);
    return sent > head ? sent - head : 0;
}

void p2p_wt_stream_reset_write(p2p_wt_stream *stream, uint32_t code) {
    if (quic_of(stream) == NULL || stream->any.quic.write_over)
        return;
    if (head_left(stream) == 0 || p2p_wt_stream_sent(stream) > 0 || stream->any.quic.fin_sent) {
        p2p_quic_stream_reset_write(quic_of(stream), &stream->any.quic, p2p_wt_code_to_wire(code));
        return;
    }
    stream->resetting = true;
    stream->reset_code = code;
    p2p_wt_stream_want(stream);
}

void p2p_wt_stream_stop(p2p_wt_stream *stream, uint32_t code) {
    if (quic_of(stream) != NULL)
        p2p_quic_stream_stop(quic_of(stream), &stream->any.quic, p2p_wt_code_to_wire(code));
}

void p2p_wt_stream_detach(p2p_wt_stream *stream) {
    if (stream->session == NULL)
        return;
    if (quic_of(stream) != NULL) {
        /* The peer knows the stream already: it has answered the STOP_SENDING of the same reset. */
        if (stream->resetting && !stream->any.quic.write_over)
            p2p_quic_stream_reset_write(
                quic_of(stream), &stream->any.quic, p2p_wt_code_to_wire(stream->reset_code));
        p2p_quic_stream_detach(quic_of(stream), &stream->any.quic);
    }
    p2p_list_remove(&stream->node);
    stream->session = NULL;
}

/* --- from QUIC --- */

size_t p2p_wt_stream_pull(
    p2p_wt_stream *stream, size_t offset, p2p_bytes *views, size_t count, bool *fin) {
    size_t head = head_left(stream), found = 0;
    *fin = false;
    if (offset < head && count > 0) {
        views[found++] = p2p_bytes_of(stream->head + stream->head_acked + offset, head - offset);
        offset = head;
    }
    if (stream->resetting || found == count)
        return found;
    return found + stream->ops->pull(stream, offset - head, views + found, count - found, fin);
}

void p2p_wt_stream_was_sent(p2p_wt_stream *stream, size_t len) {
    /* `sent` counts these bytes already. */
    size_t own = p2p_wt_stream_sent(stream);
    if (own > 0)
        stream->ops->sent(stream, own < len ? own : len);
}

void p2p_wt_stream_was_acked(p2p_wt_stream *stream, size_t len, bool all) {
    size_t head = head_left(stream) < len ? head_left(stream) : len;
    stream->head_acked = (uint8_t)(stream->head_acked + head);
    if (!stream->resetting) {
        if (len > head || all)
            stream->ops->acked(stream, len - head, all);
        return;
    }
    if (head_left(stream) == 0 && quic_of(stream) != NULL) {
        p2p_quic_stream_reset_write(
            quic_of(stream), &stream->any.quic, p2p_wt_code_to_wire(stream->reset_code));
        stream->ops->acked(stream, 0, true);
    }
}
