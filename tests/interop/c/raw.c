/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "raw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <p2p/webtransport.h>

static void stream_ended(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    p2p_stream *other = p2p_stream_user(stream);
    (void)self;
    if (other != NULL)
        p2p_stream_set_user(other, NULL);
    if (end->err != P2P_OK)
        printf("raw stream ended: %s, code %u\n", p2p_err_name(end->err), end->remote_code);
}

/* --- /echo --- */

static void copy(p2p_stream *from, p2p_stream *to) {
    for (p2p_bytes view; (view = p2p_stream_peek(from)).len > 0;) {
        size_t taken = p2p_stream_write(to, view);
        if (taken == 0)
            return;
        p2p_stream_consume(from, taken);
    }
    if (p2p_stream_at_end(from))
        p2p_stream_shut(to);
}

/* What comes on a unidirectional stream of the client's goes back on one of ours; each is the
 * other's user pointer. */
static void echo(p2p_stream *stream, void *self) {
    p2p_stream *other = p2p_stream_user(stream);
    (void)self;
    if (!p2p_webtransport_is_unidirectional(stream)) {
        copy(stream, stream);
    } else if (p2p_stream_outbound(stream)) {
        if (other != NULL)
            copy(other, stream);
    } else {
        if (other == NULL &&
            p2p_webtransport_open(p2p_webtransport_of(stream), true, &other) == P2P_OK) {
            p2p_stream_set_user(stream, other);
            p2p_stream_set_user(other, stream);
        }
        if (other == NULL)
            p2p_stream_reset(stream, P2P_CODE_RESOURCE_LIMIT_EXCEEDED);
        else
            copy(stream, other);
    }
}

/* --- /command --- */

static void say_on_new(p2p_webtransport_session *session, bool unidirectional, const char *text) {
    p2p_stream *stream;
    if (p2p_webtransport_open(session, unidirectional, &stream) != P2P_OK) {
        printf("raw stream refused\n");
        return;
    }
    p2p_stream_write(stream, (p2p_bytes){(const uint8_t *)text, strlen(text)});
    p2p_stream_shut(stream);
}

static void obey(p2p_stream *stream, char *command) {
    p2p_webtransport_session *session = p2p_webtransport_of(stream);
    char *argument = strchr(command, ' ');
    if (argument != NULL)
        *argument++ = '\0';
    if (strcmp(command, "close") == 0 && argument != NULL) {
        char *reason;
        uint32_t code = (uint32_t)strtoul(argument, &reason, 10);
        reason += *reason == ' ';
        p2p_webtransport_close(session, code, (p2p_bytes){(const uint8_t *)reason, strlen(reason)});
    } else if (strcmp(command, "reset") == 0 && argument != NULL) {
        p2p_stream_reset(stream, (uint32_t)strtoul(argument, NULL, 10));
    } else if (strcmp(command, "drain") == 0) {
        p2p_webtransport_drain(session);
    } else if (strcmp(command, "open") == 0) {
        say_on_new(session, false, "both ways");
        say_on_new(session, true, "one way");
    } else {
        printf("raw command unknown: %s\n", command);
    }
}

static void command(p2p_stream *stream, void *self) {
    char line[128];
    p2p_bytes view = p2p_stream_peek(stream);
    const uint8_t *end = view.len == 0 ? NULL : memchr(view.ptr, '\n', view.len);
    (void)self;
    if (end != NULL && end < view.ptr + sizeof line) {
        size_t len = (size_t)(end - view.ptr);
        memcpy(line, view.ptr, len);
        line[len] = '\0';
        p2p_stream_consume(stream, len + 1);
        obey(stream, line);
    }
}

/* --- sessions --- */

static void opened(p2p_webtransport_session *session, void *self) {
    (void)session;
    (void)self;
    printf("raw session opened\n");
}

static void datagram(p2p_webtransport_session *session, p2p_bytes bytes, void *self) {
    (void)self;
    p2p_err lost = p2p_webtransport_send_datagram(session, bytes);
    (void)lost;
}

static void draining(p2p_webtransport_session *session, void *self) {
    (void)session;
    (void)self;
    printf("raw session draining\n");
}

static void closed(p2p_webtransport_session *session, const p2p_reason *reason, void *self) {
    (void)session;
    (void)self;
    printf("raw session closed: code %u, %s\n", reason->remote_code, reason->text);
}

static const char *const NO_IDS[] = {"", NULL};
static const p2p_protocol ECHO = {.size = sizeof(p2p_protocol),
    .ids = NO_IDS,
    .readable = echo,
    .writable = echo,
    .closed = stream_ended};
static const p2p_protocol COMMAND = {
    .size = sizeof(p2p_protocol), .ids = NO_IDS, .readable = command, .closed = stream_ended};
static const p2p_webtransport_handler HANDLERS[] = {
    {sizeof(p2p_webtransport_handler), "/echo", &ECHO, opened, datagram, draining, closed},
    {sizeof(p2p_webtransport_handler), "/command", &COMMAND, opened, datagram, draining, closed},
};

p2p_err raw_serve(p2p_host *host) {
    p2p_err err = P2P_OK;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t i = 0; i < sizeof HANDLERS / sizeof *HANDLERS && err == P2P_OK; i++)
        err = p2p_webtransport_serve(host, &HANDLERS[i], NULL);
    return err;
}
