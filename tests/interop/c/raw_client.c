/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The cases of a raw dial (CONTRACT.md), one after another: those of /echo in one session, those of
 * /command in another. A case that fails is the last.
 */
#include "raw.h"

#include <stdio.h>
#include <string.h>

#include <p2p/webtransport.h>

enum { TEXT_LEN = 100000, ONE_WAY_LEN = 1000 };

#define TICK (100 * P2P_MILLISECOND)
#define PATIENCE_TICKS 600

static const uint32_t RESET_CODES[] = {0, 29, 30, 255}; /* the codes on the wire have gaps */

typedef struct trial {
    const char *name, *path;
    void (*begin)(void);
    void (*feed)(p2p_stream *stream); /* there is room, or something to read */
    void (*ended)(p2p_stream *stream, const p2p_stream_end *end);
    void (*closed)(const p2p_reason *reason); /* NULL: a session that ends is a failure */
} trial;

static struct {
    p2p_host *host;
    const p2p_multiaddr *addr;
    void (*said)(const char *test, const char *why);
    const trial *now;
    p2p_webtransport_session *session;
    size_t sent, received, count; /* count: what the case counts */
    unsigned ticks;               /* of this case */
    bool over, wrong;
} client;

static void start(void);

static void finish(const char *why) {
    client.over = true;
    if (why != NULL)
        client.said(client.now->name, why);
    p2p_host_close(client.host);
}

static void failed(const char *why) {
    if (!client.over)
        finish(why);
}

/* On to the next case, which may want another session. */
static void passed(void) {
    client.said(client.now->name, NULL);
    client.sent = client.received = client.count = client.ticks = 0;
    client.now++;
    if (client.now->name == NULL)
        finish(NULL);
    else
        start();
}

/* --- what several cases do --- */

static p2p_stream *open_with(bool unidirectional, p2p_bytes text) {
    p2p_stream *stream;
    if (p2p_webtransport_open(client.session, unidirectional, &stream) != P2P_OK ||
        p2p_stream_write(stream, text) != text.len) {
        failed("a stream cannot be opened");
        return NULL;
    }
    return stream;
}

static void order(const char *command) {
    open_with(false, (p2p_bytes){(const uint8_t *)command, strlen(command)});
}

static bool is_text(p2p_bytes view, const char *text) {
    return view.len == strlen(text) && memcmp(view.ptr, text, view.len) == 0;
}

static uint8_t pattern(size_t i) {
    return (uint8_t)(i * 31 + (i >> 8));
}

/* Reads what is there; `wrong` when it is not the pattern. */
static void read_pattern(p2p_stream *stream) {
    for (p2p_bytes view; (view = p2p_stream_peek(stream)).len > 0;) {
        for (size_t i = 0; i < view.len; i++)
            client.wrong |= view.ptr[i] != pattern(client.received + i);
        client.received += view.len;
        p2p_stream_consume(stream, view.len);
    }
}

/* --- echo: a stream comes back --- */

static void echo_begin(void) {
    if (p2p_webtransport_open(client.session, false, NULL) != P2P_OK)
        failed("a stream cannot be opened");
}

static void echo_feed(p2p_stream *stream) {
    uint8_t block[4096];
    read_pattern(stream);
    for (size_t taken = 1; taken > 0 && client.sent < TEXT_LEN; client.sent += taken) {
        size_t len = TEXT_LEN - client.sent < sizeof block ? TEXT_LEN - client.sent : sizeof block;
        for (size_t i = 0; i < len; i++)
            block[i] = pattern(client.sent + i);
        taken = p2p_stream_write(stream, (p2p_bytes){block, len});
    }
    if (client.sent == TEXT_LEN)
        p2p_stream_shut(stream);
}

static void echo_ended(p2p_stream *stream, const p2p_stream_end *end) {
    (void)stream;
    if (end->err == P2P_OK && client.received == TEXT_LEN && !client.wrong)
        passed();
    else
        failed("the stream did not come back as it was");
}

/* --- one-way: a unidirectional stream comes back on another --- */

static void one_way_begin(void) {
    uint8_t text[ONE_WAY_LEN];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = pattern(i);
    p2p_stream *stream = open_with(true, (p2p_bytes){text, sizeof text});
    if (stream != NULL)
        p2p_stream_shut(stream);
}

static void one_way_feed(p2p_stream *stream) {
    if (!p2p_stream_outbound(stream) && p2p_webtransport_is_unidirectional(stream))
        read_pattern(stream);
}

static void one_way_ended(p2p_stream *stream, const p2p_stream_end *end) {
    if (p2p_stream_outbound(stream))
        return;
    if (end->err == P2P_OK && client.received == ONE_WAY_LEN && !client.wrong)
        passed();
    else
        failed("the unidirectional stream did not come back as it was");
}

/* --- datagram: one comes back. Unreliable: sent again until it does --- */

static void send_datagram(void) {
    p2p_err err =
        p2p_webtransport_send_datagram(client.session, (p2p_bytes){(const uint8_t *)"datagram", 8});
    if (err != P2P_OK && err != P2P_ERR_AGAIN)
        failed("a datagram cannot be sent");
}

static void datagram(p2p_webtransport_session *session, p2p_bytes bytes, void *self) {
    (void)session;
    (void)self;
    if (client.now->begin != send_datagram)
        return; /* an echo of one sent again */
    if (is_text(bytes, "datagram"))
        passed();
    else
        failed("another datagram came back");
}

/* --- reset: the server hears the codes --- */

static void reset_begin(void) {
    open_with(false, (p2p_bytes){(const uint8_t *)"x", 1});
}

/* When the byte is back: a reset that overtakes the head of its stream is lost. */
static void reset_feed(p2p_stream *stream) {
    if (p2p_stream_peek(stream).len > 0)
        p2p_stream_reset(stream, RESET_CODES[client.count]);
}

static void reset_ended(p2p_stream *stream, const p2p_stream_end *end) {
    (void)stream;
    (void)end;
    if (++client.count == sizeof RESET_CODES / sizeof *RESET_CODES)
        passed();
    else
        reset_begin();
}

/* --- close: the server hears the code and the reason --- */

static void close_begin(void) {
    static const char reason[] = "bye, ünïcode";
    p2p_webtransport_close(
        client.session, 7, (p2p_bytes){(const uint8_t *)reason, sizeof reason - 1});
}

static void closed_by_us(const p2p_reason *reason) {
    (void)reason;
    passed();
}

/* --- opened: the server opens a stream of each kind --- */

static void opened_begin(void) {
    order("open\n");
}

static void opened_feed(p2p_stream *stream) {
    const char *text = p2p_webtransport_is_unidirectional(stream) ? "one way" : "both ways";
    p2p_bytes view = p2p_stream_peek(stream);
    if (p2p_stream_outbound(stream))
        return;
    if (view.len == strlen(text)) {
        client.wrong |= !is_text(view, text);
        client.received++;
        p2p_stream_consume(stream, view.len);
    }
    if (p2p_stream_at_end(stream))
        p2p_stream_shut(stream);
}

static void opened_ended(p2p_stream *stream, const p2p_stream_end *end) {
    if (p2p_stream_outbound(stream))
        return;
    client.wrong |= end->err != P2P_OK;
    if (++client.count < 2)
        return;
    if (client.received == 2 && !client.wrong)
        passed();
    else
        failed("other bytes came on the server's streams");
}

/* --- was-reset: the client hears the code --- */

static void was_reset_begin(void) {
    order("reset 31\n");
}

static void was_reset_ended(p2p_stream *stream, const p2p_stream_end *end) {
    char why[80];
    (void)stream;
    snprintf(why, sizeof why, "the stream ended with %s, code %u", p2p_err_name(end->err),
        end->remote_code);
    if (end->err == P2P_ERR_RESET && end->remote_code == 31)
        passed();
    else
        failed(why);
}

/* --- was-closed: the client hears the code and the reason --- */

static void was_closed_begin(void) {
    order("close 42 so long\n");
}

static void closed_by_server(const p2p_reason *reason) {
    static const char words[] = "so long";
    char why[sizeof reason->text + 40];
    size_t len = strlen(reason->text);
    snprintf(
        why, sizeof why, "the session ended with code %u, %s", reason->remote_code, reason->text);
    if (reason->remote_code == 42 && len >= strlen(words) &&
        strcmp(reason->text + len - strlen(words), words) == 0)
        passed();
    else
        failed(why);
}

static const trial TRIALS[] = {
    {"connect", "/echo", passed, NULL, NULL, NULL},
    {"echo", "/echo", echo_begin, echo_feed, echo_ended, NULL},
    {"reset", "/echo", reset_begin, reset_feed, reset_ended, NULL},
    {"one-way", "/echo", one_way_begin, one_way_feed, one_way_ended, NULL},
    {"datagram", "/echo", send_datagram, NULL, NULL, NULL},
    {"close", "/echo", close_begin, NULL, NULL, closed_by_us},
    {"opened", "/command", opened_begin, opened_feed, opened_ended, NULL},
    {"was-reset", "/command", was_reset_begin, NULL, was_reset_ended, NULL},
    {"was-closed", "/command", was_closed_begin, NULL, NULL, closed_by_server},
    {NULL},
};

/* --- streams and sessions --- */

static void feed(p2p_stream *stream, void *self) {
    (void)self;
    if (!client.over && client.now->feed != NULL)
        client.now->feed(stream);
}

static void ended(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    (void)self;
    if (!client.over && client.now->ended != NULL)
        client.now->ended(stream, end);
}

static void opened(p2p_webtransport_session *session, void *self) {
    (void)session;
    (void)self;
    client.now->begin();
}

static void closed(p2p_webtransport_session *session, const p2p_reason *reason, void *self) {
    (void)session;
    (void)self;
    client.session = NULL;
    if (client.over)
        return;
    if (client.now->closed != NULL)
        client.now->closed(reason);
    else
        failed(reason->text);
}

static const char *const NO_IDS[] = {"", NULL};
static const p2p_protocol STREAMS = {.size = sizeof(p2p_protocol),
    .ids = NO_IDS,
    .opened = feed,
    .readable = feed,
    .writable = feed,
    .closed = ended};
static const p2p_webtransport_handler HANDLERS[] = {
    {sizeof(p2p_webtransport_handler), "/echo", &STREAMS, opened, datagram, NULL, closed},
    {sizeof(p2p_webtransport_handler), "/command", &STREAMS, opened, datagram, NULL, closed},
};

static void start(void) {
    if (client.session != NULL) {
        client.now->begin();
        return;
    }
    const p2p_webtransport_handler *handler = HANDLERS;
    while (strcmp(handler->path, client.now->path) != 0)
        handler++;
    p2p_err err =
        p2p_webtransport_connect(client.host, &client.session, client.addr, handler, NULL);
    if (err != P2P_OK)
        failed(p2p_err_text(err));
}

static p2p_err set_timer(void) {
    return p2p_host_set_timer(client.host, RAW_TIMER, p2p_host_now(client.host) + TICK);
}

void raw_on_timer(void) {
    if (client.over)
        return;
    if (++client.ticks > PATIENCE_TICKS || set_timer() != P2P_OK)
        failed("time ran out");
    else if (client.session != NULL && client.now->begin == send_datagram)
        send_datagram();
}

p2p_err raw_dial(
    p2p_host *host, const p2p_multiaddr *addr, void (*said)(const char *test, const char *why)) {
    client.host = host;
    client.addr = addr;
    client.said = said;
    client.now = TRIALS;
    start();
    return set_timer();
}
