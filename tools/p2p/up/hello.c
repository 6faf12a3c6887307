/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "hello.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "up.h"

static const char NODE_NAME[] = "p2p up";

/* --- out --- */

/* To every stream but one. A stream that has no room for it reads too slowly, and misses it. */
static size_t pass_on(up *u, const p2p_stream *except, const up_hello_message *message) {
    uint8_t frame[UP_HELLO_FRAME_MAX];
    size_t len = up_hello_encode(frame, message), reached = 0;
    for (size_t i = 0; i < UP_HELLO_STREAMS_MAX; i++) {
        const up_hello_stream *s = u->hello.streams[i];
        if (s == NULL || s->stream == except || p2p_stream_writable(s->stream) < len)
            continue;
        reached += p2p_stream_write(s->stream, p2p_bytes_of(frame, len)) == len;
    }
    return reached;
}

static void tell(up *u, const p2p_peer_id *from, p2p_bytes name, p2p_bytes text) {
    static cli_json j;
    u->counters.hellos++;
    cli_json_begin(&j, "hello");
    cli_json_peer(&j, "from", from);
    cli_json_bytes(&j, "name", name);
    cli_json_bytes(&j, "text", text);
    cli_json_int(&j, "at_ms", up_wall_ms());
    up_events_send(u, "hello", &j);
    up_print_hello(u, from, name, text);
}

size_t up_hello_say(up *u, p2p_bytes name, p2p_bytes text) {
    const p2p_peer_id *self = p2p_host_peer(u->host);
    if (name.len == 0)
        name = p2p_bytes_text(NODE_NAME);
    up_hello_message message = {p2p_bytes_of(self->bytes, self->len), name, text};
    size_t reached = pass_on(u, NULL, &message);
    tell(u, self, name, text);
    return reached;
}

/* --- in --- */

static bool allowed_now(up_hello_stream *s, p2p_time now) {
    const p2p_time each = P2P_SECOND / UP_HELLO_RATE;
    uint64_t due = (now - s->filled) / each;
    s->filled += due * each;
    s->tokens = due > UP_HELLO_RATE - s->tokens ? UP_HELLO_RATE : s->tokens + (uint32_t)due;
    if (s->tokens == 0)
        return false;
    s->tokens--;
    return true;
}

static void refuse(up *u, p2p_stream *stream, uint32_t code, const char *why) {
    char peer[32];
    cli_note(&u->program->out, CLI_YELLOW, "p2p: a hello stream of %s was reset: %s",
        up_short_peer(peer, p2p_conn_peer(p2p_stream_conn(stream))), why);
    p2p_stream_reset(stream, code);
}

static void take_message(up *u, up_hello_stream *s, up_hello_message *message) {
    const p2p_peer_id *from = p2p_conn_peer(p2p_stream_conn(s->stream));
    message->from = p2p_bytes_of(from->bytes, from->len);
    pass_on(u, s->stream, message);
    tell(u, from, message->name, message->text);
}

/* False when the stream was reset. */
static bool take_messages(up *u, up_hello_stream *s) {
    up_hello_message message;
    size_t used;
    p2p_err err;
    while ((err = up_hello_decode(p2p_bytes_of(s->bytes, s->len), &message, &used)) == P2P_OK) {
        if (!allowed_now(s, p2p_host_now(u->host))) {
            refuse(u, s->stream, P2P_CODE_RATE_LIMITED, "more than 10 messages a second");
            return false;
        }
        take_message(u, s, &message);
        s->len -= used;
        memmove(s->bytes, s->bytes + used, s->len);
    }
    if (err == P2P_ERR_AGAIN)
        return true;
    refuse(u, s->stream, P2P_CODE_PROTOCOL_VIOLATION, p2p_err_text(err));
    return false;
}

static void readable(p2p_stream *stream, void *self) {
    up *u = self;
    up_hello_stream *s = p2p_stream_user(stream);
    if (s == NULL)
        return;
    for (p2p_bytes view; (view = p2p_stream_peek(stream)).len > 0;) {
        size_t room = sizeof s->bytes - s->len, len = view.len < room ? view.len : room;
        memcpy(s->bytes + s->len, view.ptr, len);
        s->len += len;
        p2p_stream_consume(stream, len);
        if (!take_messages(u, s))
            return;
    }
    if (!p2p_stream_at_end(stream))
        return;
    if (s->len > 0)
        refuse(u, stream, P2P_CODE_PROTOCOL_VIOLATION, "it ended in the middle of a message");
    else
        p2p_stream_shut(stream);
}

/* --- streams come and go --- */

static up_hello_stream **free_place(up *u, const p2p_conn *conn, const char **why) {
    up_hello_stream **place = NULL;
    *why = "there are too many";
    for (size_t i = 0; i < UP_HELLO_STREAMS_MAX; i++) {
        up_hello_stream *s = u->hello.streams[i];
        if (s == NULL && place == NULL)
            place = &u->hello.streams[i];
        if (s != NULL && p2p_stream_conn(s->stream) == conn) {
            *why = "the connection has one already";
            return NULL;
        }
    }
    return place;
}

static void opened(p2p_stream *stream, void *self) {
    up *u = self;
    const char *why;
    up_hello_stream **place = free_place(u, p2p_stream_conn(stream), &why);
    up_hello_stream *s = place != NULL ? calloc(1, sizeof *s) : NULL;
    if (s == NULL) {
        refuse(u, stream, P2P_CODE_RESOURCE_LIMIT_EXCEEDED, why);
        return;
    }
    s->stream = stream;
    s->tokens = UP_HELLO_RATE;
    s->filled = p2p_host_now(u->host);
    *place = s;
    p2p_stream_set_user(stream, s);
}

static void closed(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    up *u = self;
    (void)end;
    for (size_t i = 0; i < UP_HELLO_STREAMS_MAX; i++) {
        up_hello_stream *s = u->hello.streams[i];
        if (s == NULL || s->stream != stream)
            continue;
        u->hello.streams[i] = NULL;
        free(s);
    }
}

static const char *const IDS[] = {"/c-libp2p/hello/1.0.0", NULL};

const p2p_protocol up_hello_protocol = {.size = sizeof(p2p_protocol),
    .ids = IDS,
    .inbound = true,
    .opened = opened,
    .readable = readable,
    .closed = closed};
