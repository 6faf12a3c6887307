/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Sessions without libp2p, of either side. Each is a p2p_wt_muxer that shook no hands and that no
 * swarm knows, so that streams are the p2p_stream everyone uses. What happens to the session itself
 * comes over one more p2p_stream with no stream of the peer's behind it: datagrams are laid into
 * its receiving queue, each behind its length, and its end is the session's. So all callbacks come
 * from the drain.
 */
#include "webtransport/raw.h"

#include <stdio.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "stack/stream.h"
#include "webtransport/client.h"

enum {
    HANDLERS_MAX = 16,
    DATAGRAM_MAX = 2048,  /* longer ones fit no packet that arrives here */
    HELD_MAX = 64 * 1024, /* bytes of datagrams that wait for the drain; more are lost */
    DRAINING = 0xffff     /* in place of a datagram's length */
};

typedef struct entry {
    const p2p_webtransport_handler *handler;
    void *self;
} entry;

typedef struct handlers {
    p2p_env_part part;
    const p2p_mem *mem;
    entry list[HANDLERS_MAX];
    size_t count;
} handlers;

static const char OWNER;

static handlers *find_handlers(const p2p_env *env) {
    p2p_env_part *part = p2p_env_find_part(env, &OWNER);
    return part == NULL ? NULL : P2P_CONTAINER(part, handlers, part);
}

static void free_handlers(p2p_env_part *part) {
    handlers *all = P2P_CONTAINER(part, handlers, part);
    p2p_mem_free(all->mem, all, sizeof *all);
}

p2p_err p2p_wt_raw_serve(p2p_env *env, const p2p_webtransport_handler *handler, void *self) {
    handlers *all = find_handlers(env);
    if (all == NULL) {
        all = p2p_mem_alloc(env->mem, sizeof *all);
        if (all == NULL)
            return P2P_ERR_NO_MEMORY;
        all->mem = env->mem;
        p2p_env_add_part(env, &all->part, &OWNER, free_handlers);
    }
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->list[i].handler->path, handler->path) == 0)
            return P2P_ERR_EXISTS;
    if (all->count == HANDLERS_MAX)
        return P2P_ERR_LIMIT;
    all->list[all->count++] = (entry){handler, self};
    return P2P_OK;
}

static const entry *find(const p2p_env *env, p2p_bytes path) {
    const handlers *all = find_handlers(env);
    const uint8_t *mark = path.len == 0 ? NULL : memchr(path.ptr, '?', path.len);
    if (mark != NULL)
        path.len = (size_t)(mark - path.ptr);
    for (size_t i = 0; all != NULL && i < all->count; i++)
        if (p2p_bytes_equal(path, p2p_bytes_text(all->list[i].handler->path)))
            return &all->list[i];
    return NULL;
}

/* --- the session's own p2p_stream --- */

static p2p_wt_muxer *muxer_of(const p2p_stream *stream) {
    return P2P_CONTAINER(p2p_stream_conn(stream), p2p_wt_muxer, conn);
}

static void news_opened(p2p_stream *stream, void *self) {
    p2p_wt_muxer *muxer = muxer_of(stream);
    muxer->handler->opened(muxer, self);
}

/* Takes len bytes out, or all there are; their number. */
static size_t take(p2p_stream *stream, uint8_t *dst, size_t len) {
    size_t got = 0;
    while (got < len) {
        p2p_bytes view = p2p_stream_peek(stream);
        size_t n = view.len < len - got ? view.len : len - got;
        if (n == 0)
            break;
        memcpy(dst + got, view.ptr, n);
        p2p_stream_consume(stream, n);
        got += n;
    }
    return got;
}

static void news_readable(p2p_stream *stream, void *self) {
    p2p_wt_muxer *muxer = muxer_of(stream);
    uint8_t head[2] = {0}, datagram[DATAGRAM_MAX];
    while (take(stream, head, sizeof head) == sizeof head) {
        size_t len = (size_t)head[0] << 8 | head[1];
        if (len == DRAINING) {
            if (muxer->handler->draining != NULL)
                muxer->handler->draining(muxer, self);
            continue;
        }
        len = take(stream, datagram, len);
        muxer->handler->datagram(muxer, p2p_bytes_of(datagram, len), self);
    }
}

static void news_closed(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    p2p_wt_muxer *muxer = muxer_of(stream);
    (void)end;
    muxer->news = NULL;
    muxer->handler->closed(muxer, &muxer->reason, self);
}

static const char *const NO_IDS[] = {"", NULL};
static const p2p_protocol NEWS = {.size = sizeof(p2p_protocol),
    .ids = NO_IDS,
    .opened = news_opened,
    .readable = news_readable,
    .closed = news_closed};

/* --- from the session --- */

static p2p_wt_muxer *self_of(const p2p_wt_session *session) {
    return p2p_wt_session_self(session);
}

/* The session's part of a p2p_stream. */
static p2p_wt_stream *prepare(p2p_stream *stream) {
    p2p_wt_stream *own = p2p_stream_mux(stream);
    own->ops = &p2p_wt_muxer_stream_ops;
    return own;
}

/* What happens to the session from now on is told over `news`; `opened` comes first. */
static p2p_err begin(p2p_wt_muxer *muxer) {
    p2p_wt_muxer_skip_login(muxer);
    p2p_err err = p2p_stream_raw(&muxer->conn, &NEWS, muxer->handler_self, true, &muxer->news);
    if (err != P2P_OK)
        return err;
    prepare(muxer->news);
    p2p_stream_shut(muxer->news);
    return P2P_OK;
}

static void session_opened(p2p_wt_session *session) {
    p2p_wt_muxer *muxer = self_of(session);
    p2p_reason reason = {.err = begin(muxer)};
    if (reason.err == P2P_OK) {
        p2p_wt_client_opened(muxer);
        return;
    }
    muxer->session = NULL;
    p2p_wt_session_abandon(session, P2P_CODE_NONE, (p2p_bytes){0});
    snprintf(reason.text, sizeof reason.text, "%s", p2p_err_text(reason.err));
    p2p_wt_client_failed(muxer, &reason);
}

static p2p_err stream_opened(p2p_wt_session *session, bool unidirectional, p2p_wt_stream **out) {
    p2p_wt_muxer *muxer = self_of(session);
    p2p_stream *stream;
    p2p_err err =
        p2p_stream_raw(&muxer->conn, muxer->handler->streams, muxer->handler_self, false, &stream);
    if (err != P2P_OK)
        return P2P_ERR_LIMIT;
    *out = prepare(stream);
    (*out)->unidirectional = unidirectional;
    if (unidirectional) {
        p2p_stream_shut(stream);
        p2p_stream_tx_done(stream);
    }
    return P2P_OK;
}

static void tell(p2p_wt_muxer *muxer, size_t head, p2p_bytes bytes) {
    const uint8_t len[2] = {(uint8_t)(head >> 8), (uint8_t)head};
    p2p_stream *news = muxer->news;
    if (news == NULL || muxer->session == NULL || p2p_stream_readable(news) > HELD_MAX)
        return;
    p2p_err err = p2p_stream_rx(news, p2p_bytes_of(len, sizeof len));
    if (err == P2P_OK && bytes.len > 0)
        err = p2p_stream_rx(news, bytes);
    /* The host is full: the news have ended, so the session must. */
    if (err != P2P_OK)
        p2p_wt_session_close(muxer->session, 0, (p2p_bytes){0});
}

static void datagram(p2p_wt_session *session, p2p_bytes bytes) {
    if (bytes.len <= DATAGRAM_MAX)
        tell(self_of(session), bytes.len, bytes);
}

static void draining(p2p_wt_session *session) {
    tell(self_of(session), DRAINING, (p2p_bytes){0});
}

static void session_closed(p2p_wt_session *session, const p2p_reason *reason) {
    p2p_wt_muxer *muxer = self_of(session);
    muxer->session = NULL;
    if (muxer->client != NULL) {
        p2p_wt_client_failed(muxer, reason);
        return;
    }
    muxer->reason = *reason;
    p2p_conn_ended(&muxer->conn, reason->err, reason->by_peer, reason->remote_code, reason->text);
}

const p2p_wt_app p2p_wt_raw_app = {.opened = session_opened,
    .stream_opened = stream_opened,
    .datagram = datagram,
    .draining = draining,
    .closed = session_closed};

unsigned p2p_wt_raw_request(p2p_env *env, p2p_wt_session *session, const p2p_h3_request *request) {
    const entry *found = find(env, request->path);
    p2p_wt_muxer *muxer;
    if (found == NULL)
        return 404;
    if (!p2p_bytes_equal(request->method, P2P_LITERAL("CONNECT")))
        return 405;
    p2p_wt_muxer_params params = {.env = env};
    if (p2p_wt_muxer_new(&muxer, &params) != P2P_OK)
        return 503;
    muxer->handler = found->handler;
    muxer->handler_self = found->self;
    if (begin(muxer) != P2P_OK) {
        p2p_wt_muxer_free(muxer);
        return 503;
    }
    p2p_wt_muxer_attach(muxer, session);
    p2p_wt_session_set_app(session, &p2p_wt_raw_app, muxer);
    return 200;
}

/* --- for programs --- */

p2p_err p2p_webtransport_open(
    p2p_webtransport_session *session, bool unidirectional, p2p_stream **out) {
    p2p_stream *stream;
    if (out != NULL)
        *out = NULL;
    if (session->session == NULL)
        return P2P_ERR_STATE;
    p2p_err err = p2p_stream_raw(
        &session->conn, session->handler->streams, session->handler_self, true, &stream);
    if (err != P2P_OK)
        return err;
    p2p_wt_stream *own = prepare(stream);
    own->unidirectional = unidirectional;
    err = p2p_wt_stream_open(session->session, own, unidirectional);
    if (err != P2P_OK) {
        p2p_stream_discard(stream);
        return err;
    }
    if (unidirectional)
        p2p_stream_rx_fin(stream);
    p2p_wt_stream_want(own);
    if (out != NULL)
        *out = stream;
    return P2P_OK;
}

p2p_err p2p_webtransport_send_datagram(p2p_webtransport_session *session, p2p_bytes bytes) {
    return session->session == NULL ? P2P_ERR_STATE
                                    : p2p_wt_session_send_datagram(session->session, bytes);
}

size_t p2p_webtransport_datagram_max(const p2p_webtransport_session *session) {
    return session->session == NULL ? 0 : p2p_wt_session_datagram_max(session->session);
}

void p2p_webtransport_drain(p2p_webtransport_session *session) {
    if (session->session != NULL)
        p2p_wt_session_drain(session->session);
}

void p2p_webtransport_close(p2p_webtransport_session *session, uint32_t code, p2p_bytes reason) {
    if (session->session != NULL)
        p2p_wt_session_close(session->session, code, reason);
    else if (session->client != NULL)
        p2p_wt_client_cancel(session);
}

p2p_webtransport_session *p2p_webtransport_of(const p2p_stream *stream) {
    return muxer_of(stream);
}

bool p2p_webtransport_is_unidirectional(const p2p_stream *stream) {
    const p2p_wt_stream *own = p2p_stream_mux((p2p_stream *)stream);
    return own->unidirectional;
}

void p2p_webtransport_set_user(p2p_webtransport_session *session, void *user) {
    session->conn.user = user;
}

void *p2p_webtransport_user(const p2p_webtransport_session *session) {
    return session->conn.user;
}
