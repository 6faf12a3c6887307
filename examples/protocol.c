/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A protocol of one's own: a request and a response, each one message behind its length (two bytes,
 * big-endian). The server answers with the letters in upper case.
 *
 *     protocol                    prints addresses and serves
 *     protocol ADDR TEXT          asks, prints the answer
 *
 * A stream is bytes, not messages: one may arrive in any number of pieces. The reader keeps what it
 * has in a block of fixed size, refuses what is longer, and ends peers that are too slow.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <p2p/node.h>

enum { MESSAGE_MAX = 1000, HEADER = 2 };

#define PATIENCE (10 * P2P_SECOND)

typedef struct message {
    size_t len; /* bytes that are here, the header included */
    uint8_t bytes[HEADER + MESSAGE_MAX];
} message;

typedef enum progress { MORE, WHOLE, BAD } progress;

/* How many bytes the message has, as far as that is known. */
static size_t wanted(const message *m) {
    return m->len < HEADER ? HEADER : HEADER + (size_t)(m->bytes[0] << 8 | m->bytes[1]);
}

/* Moves what has arrived into the message, and no byte beyond its end. */
static progress take(message *m, p2p_stream *stream) {
    for (p2p_bytes view; (view = p2p_stream_peek(stream)).len > 0;) {
        size_t missing = wanted(m) - m->len;
        size_t n = view.len < missing ? view.len : missing;
        memcpy(m->bytes + m->len, view.ptr, n);
        p2p_stream_consume(stream, n);
        m->len += n;
        if (wanted(m) > sizeof m->bytes)
            return BAD;
        if (m->len >= HEADER && m->len == wanted(m))
            return WHOLE;
    }
    return p2p_stream_at_end(stream) ? BAD : MORE; /* an end inside a message */
}

/* A message is far smaller than a stream's window, so that the write takes all of it. */
static bool send_message(p2p_stream *stream, const uint8_t *text, size_t len) {
    message m = {.len = HEADER + len, .bytes = {(uint8_t)(len >> 8), (uint8_t)len}};
    memcpy(m.bytes + HEADER, text, len);
    return p2p_stream_write(stream, (p2p_bytes){m.bytes, m.len}) == m.len;
}

/* --- the server: a message's memory lives from opened to closed */

static void serve_opened(p2p_stream *stream, void *self) {
    (void)self;
    p2p_stream_set_user(stream, calloc(1, sizeof(message)));
    p2p_stream_set_deadline(stream, p2p_host_now(p2p_stream_host(stream)) + PATIENCE);
}

static void serve_readable(p2p_stream *stream, void *self) {
    message *m = p2p_stream_user(stream);
    (void)self;
    switch (m == NULL ? BAD : take(m, stream)) {
    case MORE:
        return;
    case BAD:
        p2p_stream_reset(stream, P2P_CODE_PROTOCOL_VIOLATION);
        return;
    case WHOLE:
        for (size_t i = HEADER; i < m->len; i++)
            m->bytes[i] = (uint8_t)toupper(m->bytes[i]);
        (void)send_message(stream, m->bytes + HEADER, m->len - HEADER);
        p2p_stream_close(stream);
    }
}

static void serve_closed(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    (void)end, (void)self;
    free(p2p_stream_user(stream));
}

/* --- the client: one question in a run */

typedef struct question {
    p2p_node *node;
    const char *text;
    message answer;
    bool answered;
} question;

static void ask_opened(p2p_stream *stream, void *self) {
    question *q = self;
    (void)send_message(stream, (const uint8_t *)q->text, strlen(q->text));
    p2p_stream_shut(stream);
    p2p_stream_set_deadline(stream, p2p_host_now(p2p_stream_host(stream)) + PATIENCE);
}

static void ask_readable(p2p_stream *stream, void *self) {
    question *q = self;
    progress now = q->answered ? MORE : take(&q->answer, stream);
    if (now == BAD)
        p2p_stream_reset(stream, P2P_CODE_PROTOCOL_VIOLATION);
    if (now != WHOLE)
        return;
    q->answered = true;
    printf("%.*s\n", (int)(q->answer.len - HEADER), (char *)q->answer.bytes + HEADER);
    p2p_stream_close(stream);
}

static void ask_closed(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    question *q = self;
    (void)stream;
    if (!q->answered)
        fprintf(stderr, "no answer: %s\n", p2p_err_text(end->err));
    p2p_host_close(p2p_node_host(q->node));
}

static const char *const IDS[] = {"/example/upper/1.0.0", NULL};
static const p2p_protocol SERVER = {.size = sizeof(p2p_protocol),
    .ids = IDS,
    .inbound = true,
    .opened = serve_opened,
    .readable = serve_readable,
    .closed = serve_closed};
static const p2p_protocol CLIENT = {.size = sizeof(p2p_protocol),
    .ids = IDS,
    .opened = ask_opened,
    .readable = ask_readable,
    .closed = ask_closed};

static void on_event(void *ctx, p2p_host *host, const p2p_event *event) {
    char text[P2P_HOST_ADDR_TEXT_MAX];
    (void)ctx;
    if (event->type == P2P_EVENT_LISTENING)
        printf("%s\n", p2p_host_addr_text(host, &event->addr, text));
    fflush(stdout);
    if (event->type == P2P_EVENT_DIAL_FAILED || event->type == P2P_EVENT_LISTEN_FAILED) {
        fprintf(stderr, "%s\n", event->reason.text);
        p2p_host_close(host);
    }
}

int main(int argc, char **argv) {
    p2p_config config = P2P_CONFIG_DEFAULTS;
    question q = {.text = argc > 2 ? argv[2] : ""};
    if (argc == 2 || strlen(q.text) > MESSAGE_MAX) {
        fprintf(stderr, "usage: protocol [ADDR TEXT], TEXT of at most %d bytes\n", MESSAGE_MAX);
        return 2;
    }
    if (p2p_node_new(&q.node, &config) != P2P_OK)
        return 1;
    p2p_node_on_event(q.node, on_event, NULL);
    p2p_err err = p2p_host_add_protocol(p2p_node_host(q.node), &SERVER, NULL);
    if (err == P2P_OK && argc > 2)
        err = p2p_node_open(q.node, argv[1], &CLIENT, &q);
    else if (err == P2P_OK)
        err = p2p_node_listen(q.node, "/ip4/127.0.0.1/tcp/0");
    if (err == P2P_OK)
        p2p_node_run(q.node);
    else
        fprintf(stderr, "%s\n", p2p_err_text(err));
    p2p_node_free(q.node);
    return argc > 2 && !q.answered;
}
