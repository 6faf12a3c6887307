/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Chat with the browser tabs of a `p2p up`, and its terminal, over the protocol hello
 * (docs/wire.md):
 *
 *     chat ADDR [NAME]
 *
 * Each line typed is a message; what others say is printed. Lines are read by a thread, because
 * reading the terminal waits, and handed over by p2p_node_post, the one function that may be called
 * from another thread. Ctrl-D ends.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <p2p/node.h>

enum { NAME_MAX_BYTES = 64, TEXT_MAX = 1024, MESSAGE_MAX = 2048, FRAME_MAX = MESSAGE_MAX + 2 };

enum { FIELD_FROM = 1, FIELD_NAME = 2, FIELD_TEXT = 3 };

static struct {
    p2p_node *node;
    p2p_stream *stream; /* NULL: not yet, or no more */
    const char *name;
    size_t len; /* of a message that arrives in pieces */
    uint8_t bytes[FRAME_MAX];
    bool failed;
} chat;

/* --- messages: uvarint length ‖ protobuf; no number in them needs more than two bytes */

static size_t put_number(uint8_t *dst, size_t n) {
    dst[0] = (uint8_t)(n < 128 ? n : n | 128);
    dst[1] = (uint8_t)(n >> 7);
    return n < 128 ? 1 : 2;
}

static bool get_number(p2p_bytes *from, size_t *n) {
    if (from->len == 0 || (from->ptr[0] >= 128 && (from->len < 2 || from->ptr[1] >= 128)))
        return false;
    size_t used = from->ptr[0] < 128 ? 1 : 2;
    *n = used == 1 ? from->ptr[0] : (size_t)(from->ptr[0] & 127) | (size_t)from->ptr[1] << 7;
    *from = (p2p_bytes){from->ptr + used, from->len - used};
    return true;
}

static size_t put_field(uint8_t *dst, int field, const char *text, size_t len) {
    dst[0] = (uint8_t)(field << 3 | 2);
    size_t head = 1 + put_number(dst + 1, len);
    memcpy(dst + head, text, len);
    return head + len;
}

/* Prints a message; control characters of others are nothing for a terminal. */
static bool print_message(p2p_bytes message) {
    p2p_bytes fields[FIELD_TEXT + 1] = {0};
    while (message.len > 0) {
        size_t tag, len;
        if (!get_number(&message, &tag) || (tag & 7) != 2 || !get_number(&message, &len) ||
            len > message.len)
            return false;
        if (tag >> 3 <= FIELD_TEXT)
            fields[tag >> 3] = (p2p_bytes){message.ptr, len};
        message = (p2p_bytes){message.ptr + len, message.len - len};
    }
    for (int i = FIELD_NAME; i <= FIELD_TEXT; i++) {
        for (size_t at = 0; at < fields[i].len; at++)
            if (fields[i].ptr[at] >= 32 && fields[i].ptr[at] != 127)
                putchar(fields[i].ptr[at]);
        fputs(i == FIELD_NAME ? ": " : "\n", stdout);
    }
    fflush(stdout);
    return true;
}

/* Takes whole messages from the front of what has arrived. */
static bool take_messages(void) {
    for (;;) {
        p2p_bytes rest = {chat.bytes, chat.len};
        size_t len;
        if (!get_number(&rest, &len))
            return chat.len < 2;
        if (len > MESSAGE_MAX)
            return false;
        if (rest.len < len)
            return true;
        if (!print_message((p2p_bytes){rest.ptr, len}))
            return false;
        chat.len = rest.len - len;
        memmove(chat.bytes, rest.ptr + len, chat.len);
    }
}

/* --- the stream */

static void readable(p2p_stream *stream, void *self) {
    (void)self;
    for (p2p_bytes view; (view = p2p_stream_peek(stream)).len > 0;) {
        size_t room = FRAME_MAX - chat.len, n = view.len < room ? view.len : room;
        memcpy(chat.bytes + chat.len, view.ptr, n);
        chat.len += n;
        p2p_stream_consume(stream, n);
        if (!take_messages()) {
            p2p_stream_reset(stream, P2P_CODE_PROTOCOL_VIOLATION);
            return;
        }
    }
    if (p2p_stream_at_end(stream))
        p2p_stream_shut(stream);
}

static void closed(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    (void)stream, (void)self;
    chat.stream = NULL;
    chat.failed = end->err != P2P_OK;
    if (chat.failed)
        fprintf(stderr, "the chat ended: %s\n", p2p_err_text(end->err));
    p2p_host_close(p2p_node_host(chat.node));
}

/* --- what is typed, in the node's thread again */

static void say(void *line) {
    uint8_t frame[FRAME_MAX], message[MESSAGE_MAX];
    size_t len = 0, head;
    if (chat.stream != NULL) {
        len += put_field(message + len, FIELD_NAME, chat.name, strlen(chat.name));
        len += put_field(message + len, FIELD_TEXT, line, strlen(line));
        head = put_number(frame, len);
        memcpy(frame + head, message, len);
        /* All or nothing: part of a message would spoil the stream. */
        if (p2p_stream_writable(chat.stream) >= head + len)
            (void)p2p_stream_write(chat.stream, (p2p_bytes){frame, head + len});
        else
            fprintf(stderr, "not sent: the other side does not read\n");
    }
    free(line);
}

static void leave(void *ctx) {
    (void)ctx;
    if (chat.stream != NULL)
        p2p_stream_shut(chat.stream);
}

static void *read_lines(void *ctx) {
    char line[TEXT_MAX];
    (void)ctx;
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = 0;
        char *copy = line[0] == 0 ? NULL : strdup(line);
        if (copy != NULL && p2p_node_post(chat.node, say, copy) != P2P_OK)
            free(copy);
    }
    if (p2p_node_post(chat.node, leave, NULL) != P2P_OK)
        exit(1);
    return NULL;
}

static void opened(p2p_stream *stream, void *self) {
    pthread_t thread;
    (void)self;
    chat.stream = stream;
    if (pthread_create(&thread, NULL, read_lines, NULL) == 0)
        (void)pthread_detach(thread);
    else
        p2p_stream_shut(stream);
}

static const char *const IDS[] = {"/c-libp2p/hello/1.0.0", NULL};
static const p2p_protocol HELLO = {.size = sizeof(p2p_protocol),
    .ids = IDS,
    .opened = opened,
    .readable = readable,
    .closed = closed};

static void on_event(void *ctx, p2p_host *host, const p2p_event *event) {
    (void)ctx;
    if (event->type != P2P_EVENT_DIAL_FAILED)
        return;
    fprintf(stderr, "%s\n", event->reason.text);
    chat.failed = true;
    p2p_host_close(host);
}

/* The node is not freed: the thread may be about to post a line. Both end with the process. */
int main(int argc, char **argv) {
    p2p_config config = P2P_CONFIG_DEFAULTS;
    chat.name = argc > 2 ? argv[2] : "chat.c";
    if (argc < 2 || strlen(chat.name) > NAME_MAX_BYTES) {
        fprintf(stderr, "usage: chat ADDR [NAME], NAME of at most %d bytes\n", NAME_MAX_BYTES);
        return 2;
    }
    if (p2p_node_new(&chat.node, &config) != P2P_OK)
        return 1;
    p2p_node_on_event(chat.node, on_event, NULL);
    p2p_err err = p2p_node_open(chat.node, argv[1], &HELLO, NULL);
    if (err != P2P_OK) {
        fprintf(stderr, "%s: %s\n", argv[1], p2p_err_text(err));
        return 2;
    }
    p2p_node_run(chat.node);
    return chat.failed;
}
