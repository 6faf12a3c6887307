/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * WebTransport sessions (draft-ietf-webtrans-http3): a CONNECT stream, on which capsules go to and
 * fro, and the streams that name it. A session ends with its CONNECT stream; its streams end with
 * it.
 */
#include <stdio.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "webtransport/h3_conn.h"

/* --- life --- */

p2p_err p2p_wt_session_new(p2p_wt_session **out, p2p_h3_conn *h3, p2p_h3_lane *connect) {
    p2p_wt_session *session = p2p_mem_alloc(h3->env->mem, sizeof *session);
    *out = session;
    if (session == NULL)
        return P2P_ERR_NO_MEMORY;
    session->h3 = h3;
    session->connect = connect;
    session->id = (uint64_t)connect->any.quic.id;
    connect->session = session;
    p2p_list_init(&session->streams);
    p2p_capsule_reader_init(&session->capsules, h3->env->mem);
    p2p_list_push(&h3->sessions, &session->node);
    h3->session_count++;
    p2p_timer_set(&h3->env->timers, &h3->timer, P2P_NEVER);
    return P2P_OK;
}

void p2p_wt_session_free(p2p_wt_session *session) {
    p2p_list_remove(&session->dead.node);
    p2p_list_remove(&session->node);
    p2p_capsule_reader_deinit(&session->capsules);
    p2p_mem_free(session->h3->env->mem, session, sizeof *session);
}

static void free_dead(p2p_dead *dead) {
    p2p_wt_session_free(P2P_CONTAINER(dead, p2p_wt_session, dead));
}

static void detach_streams(p2p_wt_session *session) {
    p2p_quic_conn *quic = session->h3->quic;
    while (!p2p_list_empty(&session->streams)) {
        p2p_wt_stream *stream = P2P_CONTAINER(session->streams.next, p2p_wt_stream, node);
        if (quic != NULL)
            p2p_quic_stream_reset(quic, &stream->any.quic, P2P_WT_SESSION_GONE);
        p2p_wt_stream_detach(stream);
    }
}

static void refuse_waiting(p2p_h3_conn *h3, uint64_t id) {
    for (p2p_list *node = h3->streams.next, *next; node != &h3->streams; node = next) {
        p2p_h3_lane *stream = P2P_CONTAINER(node, p2p_h3_lane, node);
        next = node->next;
        if (stream->waiting && stream->waits_for == id)
            p2p_h3_lane_deliver(stream);
    }
}

/* Our direction ends too, and what is left of the peer's is of no interest. */
static void leave_connect(p2p_wt_session *session) {
    p2p_h3_conn *h3 = session->h3;
    p2p_h3_lane *connect = session->connect;
    session->connect = NULL;
    if (connect == NULL)
        return;
    connect->session = NULL;
    connect->tx_fin = true;
    if (h3->quic != NULL)
        p2p_quic_stream_want(h3->quic, &connect->any.quic);
}

void p2p_wt_session_end(p2p_wt_session *session, const p2p_reason *reason) {
    p2p_h3_conn *h3 = session->h3;
    const p2p_wt_app *app = session->app;
    p2p_env *env = h3->env;
    if (session->over)
        return;
    session->over = true;
    session->app = NULL;
    if (app != NULL)
        app->closed(session, reason);
    detach_streams(session);
    leave_connect(session);
    h3->gone[h3->gone_at++ % P2P_WT_GONE_MAX] = session->id + 1;
    p2p_list_remove(&session->node);
    p2p_list_push(&h3->ended, &session->node);
    h3->session_count--;
    p2p_env_bury(env, &session->dead, free_dead);
    if (h3->quic == NULL)
        return;
    refuse_waiting(h3, session->id);
    if (h3->session_count > 0)
        return;
    /* A server leaves the end to the client: Chromium calls a session lost whose connection closes
     * right behind its last capsule. */
    if (!h3->server)
        p2p_h3_conn_finish(h3);
    else
        p2p_timer_set(&env->timers, &h3->timer,
            env->now + (session->closing ? env->timeouts->close : env->timeouts->accept));
}

p2p_wt_session *p2p_wt_session_find(const p2p_h3_conn *h3, uint64_t id) {
    for (p2p_list *node = h3->sessions.next; node != &h3->sessions; node = node->next) {
        p2p_wt_session *session = P2P_CONTAINER(node, p2p_wt_session, node);
        if (session->id == id)
            return session;
    }
    return NULL;
}

bool p2p_wt_session_is_gone(const p2p_h3_conn *h3, uint64_t id) {
    for (size_t i = 0; i < P2P_WT_GONE_MAX; i++)
        if (h3->gone[i] == id + 1)
            return true;
    return false;
}

/* --- the CONNECT stream --- */

p2p_err p2p_wt_session_open(p2p_wt_session **out, p2p_h3_conn *h3, p2p_bytes authority,
    p2p_bytes path, const p2p_wt_app *app, void *self) {
    uint8_t bytes[P2P_WT_REQUEST_MAX + 16];
    p2p_writer w = p2p_writer_of(bytes, sizeof bytes);
    p2p_h3_lane *connect;
    p2p_err err = P2P_ERR_UNSUPPORTED;
    *out = NULL;
    p2p_wt_dialect dialect = p2p_wt_dialect_of(&h3->settings);
    if (dialect != P2P_WT_NONE)
        err = p2p_wt_put_request(h3->qpack, &w, authority, path, dialect);
    if (err == P2P_OK)
        err = p2p_h3_lane_new(&connect, h3, P2P_H3_OWN_REQUEST);
    if (err != P2P_OK)
        return err;
    err = p2p_quic_stream_open(h3->quic, &connect->any.quic, false);
    if (err == P2P_OK)
        err = p2p_wt_session_new(out, h3, connect);
    if (err != P2P_OK) {
        p2p_quic_stream_detach(h3->quic, &connect->any.quic);
        p2p_h3_lane_free(connect);
        return err;
    }
    (*out)->app = app;
    (*out)->self = self;
    p2p_h3_lane_send(connect, p2p_writer_view(&w));
    return P2P_OK;
}

void p2p_wt_session_response(p2p_wt_session *session, const p2p_fields *fields) {
    p2p_h3_reader *reader = &session->connect->reader;
    p2p_reason reason = {.err = P2P_ERR_REFUSED, .by_peer = true};
    unsigned status = 0;
    if (p2p_h3_response_read(&status, fields) != P2P_OK) {
        p2p_h3_lane_abort(session->connect, P2P_H3_MESSAGE_ERROR);
        reason.err = P2P_ERR_MALFORMED;
        snprintf(reason.text, sizeof reason.text, "the server's response is malformed");
        p2p_wt_session_end(session, &reason);
        return;
    }
    if (status < 200) {
        p2p_h3_reader_interim(reader);
        return;
    }
    if (status >= 300) {
        snprintf(reason.text, sizeof reason.text,
            "the server refused the WebTransport session with HTTP status %u", status);
        p2p_wt_session_end(session, &reason);
        return;
    }
    p2p_h3_reader_tunnel(reader);
    session->open = true;
    if (session->app != NULL)
        session->app->opened(session);
    if (!session->over)
        p2p_wt_session_take_waiting(session);
}

/* What fits of the peer's UTF-8, whole characters without those that steer a terminal. */
static void take_words(char *dst, size_t cap, p2p_bytes text) {
    size_t len = 0;
    for (size_t i = 0, width; i < text.len; i += width) {
        uint8_t lead = text.ptr[i];
        width = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        if (lead < ' ' || lead == 0x7f || (lead == 0xc2 && text.ptr[i + 1] < 0xa0))
            continue;
        if (len + width >= cap)
            break;
        memcpy(dst + len, text.ptr + i, width);
        len += width;
    }
    dst[len] = '\0';
}

static void malformed(p2p_wt_session *session) {
    p2p_reason reason = {.err = P2P_ERR_MALFORMED, .text = "the peer sent a malformed capsule"};
    p2p_h3_lane_abort(session->connect, P2P_H3_MESSAGE_ERROR);
    p2p_wt_session_end(session, &reason);
}

static void closed_by_peer(p2p_wt_session *session, uint32_t code, p2p_bytes why) {
    p2p_reason reason = {
        .err = code == 0 ? P2P_ERR_EOF : P2P_ERR_RESET, .by_peer = true, .remote_code = code};
    char words[160];
    take_words(words, sizeof words, why);
    snprintf(reason.text, sizeof reason.text,
        "the peer closed the WebTransport session (code 0x%x)%s%s", (unsigned)code,
        words[0] != '\0' ? ": " : "", words);
    p2p_wt_session_end(session, &reason);
}

void p2p_wt_session_capsules(p2p_wt_session *session, p2p_bytes bytes) {
    p2p_capsule_item item;
    while (bytes.len > 0 && !session->over) {
        if (p2p_capsule_reader_feed(&session->capsules, bytes, &item) != P2P_OK) {
            malformed(session);
            return;
        }
        bytes = p2p_bytes_of(bytes.ptr + item.used, bytes.len - item.used);
        if (item.event == P2P_CAPSULE_GOT_CLOSE)
            closed_by_peer(session, item.code, item.reason);
        else if (item.event == P2P_CAPSULE_GOT_DRAIN && session->app != NULL &&
                 session->app->draining != NULL)
            session->app->draining(session);
    }
}

/* RFC 9297 section 3.3: a capsule that is cut is malformed. */
void p2p_wt_session_capsules_end(p2p_wt_session *session) {
    if (session->closing || p2p_capsule_reader_fin(&session->capsules) == P2P_OK)
        p2p_wt_session_fin(session);
    else
        malformed(session);
}

void p2p_wt_session_fin(p2p_wt_session *session) {
    p2p_reason reason = {.err = P2P_ERR_EOF, .by_peer = true};
    if (session->closing) {
        reason = (p2p_reason){.err = P2P_ERR_CLOSED};
        snprintf(reason.text, sizeof reason.text, "%s", p2p_err_text(P2P_ERR_CLOSED));
    } else {
        snprintf(reason.text, sizeof reason.text, "the peer closed the WebTransport session");
    }
    p2p_wt_session_end(session, &reason);
}

void p2p_wt_session_flushed(p2p_wt_session *session) {
    if (session->closing)
        p2p_wt_session_fin(session);
}

static void send_capsule(p2p_wt_session *session, p2p_bytes capsule) {
    uint8_t head[16];
    p2p_writer w = p2p_writer_of(head, sizeof head);
    if (session->connect == NULL)
        return;
    p2p_h3_put_frame(&w, P2P_H3_FRAME_DATA, capsule.len);
    p2p_h3_lane_send(session->connect, p2p_writer_view(&w));
    if (session->connect != NULL)
        p2p_h3_lane_send(session->connect, capsule);
}

void p2p_wt_session_drain(p2p_wt_session *session) {
    uint8_t bytes[16];
    p2p_writer w = p2p_writer_of(bytes, sizeof bytes);
    p2p_capsule_put_drain(&w);
    if (session->open && !session->closing && !session->over)
        send_capsule(session, p2p_writer_view(&w));
}

void p2p_wt_session_close(p2p_wt_session *session, uint32_t code, p2p_bytes reason) {
    uint8_t bytes[P2P_WT_REASON_MAX + 16];
    p2p_writer w = p2p_writer_of(bytes, sizeof bytes);
    if (session->over || session->closing)
        return;
    session->closing = true;
    detach_streams(session);
    refuse_waiting(session->h3, session->id);
    if (!session->open) {
        if (session->connect != NULL)
            p2p_h3_lane_abort(session->connect, P2P_H3_REQUEST_CANCELLED);
        p2p_wt_session_fin(session);
        return;
    }
    p2p_capsule_put_close(&w, code, reason);
    send_capsule(session, p2p_writer_view(&w));
    if (session->connect != NULL)
        session->connect->tx_fin = true;
}

void p2p_wt_session_abandon(p2p_wt_session *session, uint32_t code, p2p_bytes reason) {
    session->app = NULL;
    p2p_wt_session_close(session, code, reason);
    /* The timer ends what the peer never acknowledges. */
    if (!session->over && session->h3->session_count == 1)
        p2p_timer_set(&session->h3->env->timers, &session->h3->timer,
            session->h3->env->now + session->h3->env->timeouts->close);
}

/* --- for its application --- */

void p2p_wt_session_set_app(p2p_wt_session *session, const p2p_wt_app *app, void *self) {
    session->app = app;
    session->self = self;
}

void *p2p_wt_session_self(const p2p_wt_session *session) {
    return session->self;
}

p2p_quic_conn *p2p_wt_session_quic(const p2p_wt_session *session) {
    return session->h3->quic;
}

void p2p_wt_session_take_waiting(p2p_wt_session *session) {
    p2p_h3_conn *h3 = session->h3;
    for (p2p_list *node = h3->streams.next, *next;
         !session->over && !session->closing && node != &h3->streams; node = next) {
        p2p_h3_lane *stream = P2P_CONTAINER(node, p2p_h3_lane, node);
        next = node->next;
        if (stream->waiting && stream->waits_for == session->id)
            p2p_h3_lane_deliver(stream);
    }
}

size_t p2p_wt_session_datagram_max(const p2p_wt_session *session) {
    enum { HEAD_MAX = 8 };

    size_t max = session->h3->quic == NULL ? 0 : p2p_quic_conn_datagram_max(session->h3->quic);
    return max > HEAD_MAX ? max - HEAD_MAX : 0;
}

p2p_err p2p_wt_session_send_datagram(p2p_wt_session *session, p2p_bytes bytes) {
    uint8_t datagram[2048];
    p2p_writer w = p2p_writer_of(datagram, sizeof datagram);
    if (session->over || session->closing || !session->open || session->h3->quic == NULL)
        return P2P_ERR_STATE;
    p2p_h3_put_datagram_head(&w, session->id);
    p2p_writer_bytes(&w, bytes);
    p2p_err err = p2p_writer_end(&w);
    return err == P2P_OK ? p2p_quic_conn_send_datagram(session->h3->quic, p2p_writer_view(&w))
                         : err;
}
