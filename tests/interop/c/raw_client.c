/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A stream comes back, then a unidirectional one on another, then a datagram, then the session is
 * closed with a code. */
#include "raw.h"

#include <string.h>

#include <p2p/webtransport.h>

enum { TEXT_LEN = 100000, ONE_WAY_LEN = 1000 };

static struct {
    void (*done)(const char *why);
    p2p_webtransport_session *session;
    const char *why; /* it is wrong */
    size_t sent, received, one_way;
    bool closing;
} client;

static uint8_t pattern(size_t i) {
    return (uint8_t)(i * 31 + (i >> 8));
}

static void give_up(const char *why) {
    client.why = why;
    p2p_webtransport_close(client.session, 1, (p2p_bytes){0});
}

/* --- the stream that comes back --- */

static void send_more(p2p_stream *stream, void *self) {
    uint8_t block[4096];
    (void)self;
    if (!p2p_stream_outbound(stream) || p2p_webtransport_is_unidirectional(stream))
        return;
    for (size_t taken = 1; taken > 0 && client.sent < TEXT_LEN; client.sent += taken) {
        size_t len = TEXT_LEN - client.sent < sizeof block ? TEXT_LEN - client.sent : sizeof block;
        for (size_t i = 0; i < len; i++)
            block[i] = pattern(client.sent + i);
        taken = p2p_stream_write(stream, (p2p_bytes){block, len});
    }
    if (client.sent == TEXT_LEN)
        p2p_stream_shut(stream);
}

static void open_one_way(void) {
    uint8_t text[ONE_WAY_LEN];
    p2p_stream *stream;
    memset(text, 'x', sizeof text);
    if (p2p_webtransport_open(client.session, true, &stream) != P2P_OK ||
        p2p_stream_write(stream, (p2p_bytes){text, sizeof text}) != sizeof text)
        give_up("no unidirectional stream");
    else
        p2p_stream_shut(stream);
}

static void send_datagram(void) {
    p2p_bytes text = {(const uint8_t *)"datagram", 8};
    if (p2p_webtransport_send_datagram(client.session, text) != P2P_OK)
        give_up("no datagram can be sent");
}

static void receive(p2p_stream *stream, void *self) {
    bool one_way = p2p_webtransport_is_unidirectional(stream);
    (void)self;
    for (p2p_bytes view; (view = p2p_stream_peek(stream)).len > 0;) {
        for (size_t i = 0; i < view.len && !one_way; i++)
            if (view.ptr[i] != pattern(client.received + i))
                client.why = "other bytes came back";
        *(one_way ? &client.one_way : &client.received) += view.len;
        p2p_stream_consume(stream, view.len);
    }
    if (p2p_stream_outbound(stream) || !p2p_stream_at_end(stream))
        return;
    if (client.one_way == ONE_WAY_LEN)
        send_datagram();
    else
        give_up("not all of the unidirectional stream came back");
}

static void stream_closed(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    (void)self;
    if (client.closing || p2p_webtransport_is_unidirectional(stream))
        return;
    if (end->err == P2P_OK && client.received == TEXT_LEN && client.why == NULL)
        open_one_way();
    else
        give_up(client.why != NULL ? client.why : "not all of the stream came back");
}

/* --- the session --- */

static void opened(p2p_webtransport_session *session, void *self) {
    (void)self;
    if (p2p_webtransport_open(session, false, NULL) != P2P_OK)
        give_up("no stream can be opened");
}

static void datagram(p2p_webtransport_session *session, p2p_bytes bytes, void *self) {
    (void)self;
    if (bytes.len != 8 || memcmp(bytes.ptr, "datagram", 8) != 0)
        client.why = "another datagram came back";
    client.closing = true;
    p2p_webtransport_close(session, 7, (p2p_bytes){(const uint8_t *)"bye", 3});
}

static void closed(p2p_webtransport_session *session, const p2p_reason *reason, void *self) {
    (void)session;
    (void)self;
    client.done(client.closing || client.why != NULL ? client.why : reason->text);
}

static const char *const NO_IDS[] = {"", NULL};
static const p2p_protocol STREAMS = {.size = sizeof(p2p_protocol),
    .ids = NO_IDS,
    .opened = send_more,
    .readable = receive,
    .writable = send_more,
    .closed = stream_closed};
static const p2p_webtransport_handler HANDLER = {.size = sizeof(p2p_webtransport_handler),
    .path = "/echo",
    .streams = &STREAMS,
    .opened = opened,
    .datagram = datagram,
    .closed = closed};

p2p_err raw_dial(p2p_host *host, const p2p_multiaddr *addr, void (*done)(const char *why)) {
    client.done = done;
    return p2p_webtransport_connect(host, &client.session, addr, &HANDLER, NULL);
}
