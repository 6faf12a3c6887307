/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 *     a ──── 50 ms ──── b
 *
 * Ends that come alone, over each transport and muxer. a speaks at once and ends its direction 10
 * ms later, so its end has no bytes of its own and leaves before b has agreed to the protocol. b
 * answers when it has seen that end, and ends its direction 10 ms after its answer.
 */
#include "sim/world.h"

typedef struct way {
    const char *tail;
    const p2p_muxer *muxer; /* where the transport has none */
} way;

static const way WAYS[] = {{"/tcp/4001", &p2p_yamux}, {"/tcp/4001", &p2p_mplex},
    {"/tcp/4001/ws", &p2p_yamux}, {"/udp/4001/quic-v1", NULL},
    {"/udp/4001/quic-v1/webtransport", NULL}, {"/udp/4001/webrtc-direct", NULL}};

enum { PAUSE_MS = 10, END_OF_QUESTION = 1, END_OF_ANSWER = 2 };

static p2p_stream *question, *answer;
static bool agreed_when_shut;
static size_t heard, told, closed;

/* --- the side that asks --- */

static void ask(p2p_stream *stream, void *self) {
    node *a = self;
    question = stream;
    check(p2p_stream_write(stream, P2P_LITERAL("a question")) == 10);
    check_ok(p2p_host_set_timer(
        a->host, END_OF_QUESTION, p2p_host_now(a->host) + PAUSE_MS * P2P_MILLISECOND));
}

static void hear(p2p_stream *stream, void *self) {
    (void)self;
    p2p_bytes view = p2p_stream_peek(stream);
    heard += view.len;
    p2p_stream_consume(stream, view.len);
}

static void over(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    (void)stream;
    (void)self;
    check_ok(end->err);
    closed++;
}

static const char *const IDS[] = {"/question/1", NULL};
static const p2p_protocol ASK = {
    .size = sizeof(p2p_protocol), .ids = IDS, .opened = ask, .readable = hear, .closed = over};

/* --- the side that answers --- */

static void listen_to_the_end(p2p_stream *stream, void *self) {
    node *b = self;
    p2p_bytes view = p2p_stream_peek(stream);
    told += view.len;
    p2p_stream_consume(stream, view.len);
    if (!p2p_stream_at_end(stream) || answer != NULL)
        return;
    answer = stream;
    check(p2p_stream_write(stream, P2P_LITERAL("an answer")) == 9);
    check_ok(p2p_host_set_timer(
        b->host, END_OF_ANSWER, p2p_host_now(b->host) + PAUSE_MS * P2P_MILLISECOND));
}

static const p2p_protocol ANSWER = {.size = sizeof(p2p_protocol),
    .ids = IDS,
    .inbound = true,
    .readable = listen_to_the_end,
    .closed = over};

/* --- the scenario --- */

static void end_a_direction(node *self, const p2p_event *event) {
    (void)self;
    if (event->type != P2P_EVENT_TIMER)
        return;
    if (event->request == END_OF_QUESTION)
        agreed_when_shut = answer != NULL || told > 0;
    p2p_stream_shut(event->request == END_OF_QUESTION ? question : answer);
}

static void run_over(const way *by) {
    world w;
    const p2p_muxer *muxers[] = {by->muxer, NULL};
    p2p_config config = P2P_CONFIG_DEFAULTS;
    if (by->muxer != NULL)
        config.muxers = muxers;
    question = answer = NULL;
    heard = told = closed = 0;
    world_init(&w, 7);
    node *a = world_add(&w, &config), *b = world_add(&w, &config);
    world_link(&w, a, b, &(link){.latency = 50 * P2P_MILLISECOND});
    a->on_event = b->on_event = end_a_direction;
    check_ok(p2p_host_add_protocol(b->host, &ANSWER, b));
    world_listen(b, by->tail);
    world_dial(a, b);
    world_run(&w, 3 * P2P_SECOND);
    check(a->connected == 1);
    check_ok(p2p_conn_open(a->last_conn, &ASK, a, NULL));
    world_run(&w, 3 * P2P_SECOND);
    if (told != 10 || heard != 9 || closed != 2)
        fail_msg(
            "%s: %zu bytes asked, %zu answered, %zu sides closed", by->tail, told, heard, closed);
    check(!agreed_when_shut);
    check(a->disconnected == 0 && b->disconnected == 0);
    world_deinit(&w);
}

static void an_end_without_bytes_arrives_over_every_transport(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof WAYS / sizeof WAYS[0]; i++)
        run_over(&WAYS[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_end_without_bytes_arrives_over_every_transport)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
