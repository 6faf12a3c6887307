/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 *     client ──── 20 ms, sometimes lossy ──── server
 *
 * WebTransport without libp2p between hosts: p2p_webtransport_connect meets p2p_webtransport_serve.
 */
#include <p2p/webtransport.h>

#include "sim/world.h"

enum { TEXT_MAX = 300 * 1024 };

static const char *const NO_IDS[] = {"", NULL};

/* What one side saw. */
typedef struct side {
    size_t opened, closed, draining, datagrams, streams_ended;
    p2p_webtransport_session *session;
    p2p_reason reason;
    p2p_stream_end last_end;
    p2p_bytes to_send; /* client: by each stream it opens */
    size_t at;
    size_t received, inbound, one_way;
    bool wrong;
} side;

static side client_side, server_side;

static uint8_t pattern(size_t i) {
    return (uint8_t)(i * 31 + (i >> 8));
}

/* --- the server: streams and datagrams come back --- */

static void echo(p2p_stream *stream, void *self) {
    side *s = self;
    if (p2p_webtransport_is_unidirectional(stream)) {
        for (p2p_bytes view; (view = p2p_stream_peek(stream)).len > 0;) {
            s->received += view.len;
            p2p_stream_consume(stream, view.len);
        }
        return;
    }
    for (p2p_bytes view; (view = p2p_stream_peek(stream)).len > 0;) {
        size_t taken = p2p_stream_write(stream, view);
        if (taken == 0)
            return;
        p2p_stream_consume(stream, taken);
    }
    if (p2p_stream_at_end(stream))
        p2p_stream_shut(stream);
}

static void stream_ended(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    side *s = self;
    (void)stream;
    s->streams_ended++;
    s->last_end = *end;
}

static const p2p_protocol ECHO = {.size = sizeof(p2p_protocol),
    .ids = NO_IDS,
    .readable = echo,
    .writable = echo,
    .closed = stream_ended};

/* --- the client: sends a pattern, compares what comes back --- */

static void send_more(p2p_stream *stream, void *self) {
    side *s = self;
    if (!p2p_stream_outbound(stream))
        return;
    s->at += p2p_stream_write(stream, (p2p_bytes){s->to_send.ptr + s->at, s->to_send.len - s->at});
    if (s->at == s->to_send.len)
        p2p_stream_shut(stream);
}

static void compare(p2p_stream *stream, void *self) {
    side *s = self;
    for (p2p_bytes view; (view = p2p_stream_peek(stream)).len > 0;) {
        for (size_t i = 0; p2p_stream_outbound(stream) && i < view.len; i++)
            s->wrong |= view.ptr[i] != pattern(s->received + i);
        s->received += view.len;
        p2p_stream_consume(stream, view.len);
    }
    if (p2p_stream_outbound(stream) || !p2p_stream_at_end(stream))
        return;
    s->inbound++;
    s->one_way += p2p_webtransport_is_unidirectional(stream);
    p2p_stream_shut(stream);
}

static const p2p_protocol CLIENT = {.size = sizeof(p2p_protocol),
    .ids = NO_IDS,
    .opened = send_more,
    .readable = compare,
    .writable = send_more,
    .closed = stream_ended};

/* --- sessions --- */

static void opened(p2p_webtransport_session *session, void *self) {
    side *s = self;
    s->opened++;
    s->session = session;
}

static void server_datagram(p2p_webtransport_session *session, p2p_bytes bytes, void *self) {
    side *s = self;
    s->datagrams++;
    p2p_err lost = p2p_webtransport_send_datagram(session, bytes);
    (void)lost;
}

static void client_datagram(p2p_webtransport_session *session, p2p_bytes bytes, void *self) {
    side *s = self;
    check(session == s->session && bytes.len == 3 && memcmp(bytes.ptr, "abc", 3) == 0);
    s->datagrams++;
}

static void draining(p2p_webtransport_session *session, void *self) {
    side *s = self;
    check(session == s->session);
    s->draining++;
}

static void closed(p2p_webtransport_session *session, const p2p_reason *reason, void *self) {
    side *s = self;
    (void)session;
    s->closed++;
    s->reason = *reason;
    s->session = NULL;
}

static const p2p_webtransport_handler SERVER_HANDLER = {
    sizeof(p2p_webtransport_handler), "/echo", &ECHO, opened, server_datagram, draining, closed};
static const p2p_webtransport_handler CLIENT_HANDLER = {sizeof(p2p_webtransport_handler),
    "/echo?who=client", &CLIENT, opened, client_datagram, draining, closed};

typedef struct pair {
    world w;
    node *client, *server;
    p2p_multiaddr addr;
} pair;

static void start(pair *p, const link *path) {
    static const p2p_transport_type *const transports[] = {&p2p_quic, &p2p_webtransport, NULL};
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.transports = transports;
    client_side = server_side = (side){0};
    world_init(&p->w, 5);
    p->client = world_add(&p->w, &config);
    p->server = world_add(&p->w, &config);
    world_link(&p->w, p->client, p->server, path);
    check_ok(p2p_webtransport_serve(p->server->host, &SERVER_HANDLER, &server_side));
    world_listen(p->server, "/udp/4001/quic-v1/webtransport");
    check(p2p_host_addr(p->server->host, 0, &p->addr));
}

static p2p_webtransport_session *ask(pair *p, const p2p_webtransport_handler *handler) {
    p2p_webtransport_session *session;
    check_ok(p2p_webtransport_connect(p->client->host, &session, &p->addr, handler, &client_side));
    world_pump(p->client);
    return session;
}

static void connect(pair *p, const link *path) {
    start(p, path);
    p2p_webtransport_session *session = ask(p, &CLIENT_HANDLER);
    world_run(&p->w, 3 * P2P_SECOND);
    check(client_side.opened == 1 && server_side.opened == 1);
    check(client_side.session == session);
}

static void run(pair *p, p2p_time duration) {
    world_pump(p->client);
    world_pump(p->server);
    world_run(&p->w, duration);
}

static const link CLEAN = {.latency = 20 * P2P_MILLISECOND};

/* The session ends with these words on the side that did not end it. */
static void close_by(pair *p, side *from, const side *to) {
    static const char WORDS[] = "gen\xc3\xbcg\x1b[2J \xc2\x9b, bye";
    p2p_webtransport_close(
        from->session, 77, (p2p_bytes){(const uint8_t *)WORDS, sizeof WORDS - 1});
    run(p, 5 * P2P_SECOND);
    check(from->closed == 1 && to->closed == 1);
    check(to->reason.by_peer && to->reason.remote_code == 77);
    check(strstr(to->reason.text, ": gen\xc3\xbcg[2J , bye") != NULL);
    check(!from->reason.by_peer);
}

static void either_side_closes_with_a_code_and_words(void **state) {
    (void)state;
    pair p;
    connect(&p, &CLEAN);
    close_by(&p, &client_side, &server_side);
    world_deinit(&p.w);
    connect(&p, &CLEAN);
    close_by(&p, &server_side, &client_side);
    world_deinit(&p.w);
}

static void echo_over(const link *path) {
    static uint8_t text[TEXT_MAX];
    pair p;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = pattern(i);
    connect(&p, path);
    client_side.to_send = (p2p_bytes){text, sizeof text};
    check_ok(p2p_webtransport_open(client_side.session, false, NULL));
    run(&p, 30 * P2P_SECOND);
    check(client_side.received == sizeof text && !client_side.wrong);
    check(client_side.streams_ended == 1 && server_side.streams_ended == 1);
    check_ok(client_side.last_end.err);
    check_ok(server_side.last_end.err);
    client_side.at = 0;
    check_ok(p2p_webtransport_open(client_side.session, true, NULL));
    run(&p, 30 * P2P_SECOND);
    check(server_side.received == sizeof text);
    check(client_side.streams_ended == 2 && server_side.streams_ended == 2);
    check(p2p_webtransport_datagram_max(client_side.session) > 1000);
    size_t sent = 0;
    for (size_t i = 0; i < 100; i++) {
        p2p_err err = p2p_webtransport_send_datagram(
            client_side.session, (p2p_bytes){(const uint8_t *)"abc", 3});
        check(err == P2P_OK || (err == P2P_ERR_AGAIN && path->loss > 0));
        sent += err == P2P_OK;
        run(&p, 100 * P2P_MILLISECOND);
    }
    size_t least = path->loss > 0 ? sent / 2 : sent;
    check(sent >= 50);
    check(server_side.datagrams >= least && server_side.datagrams <= sent);
    check(client_side.datagrams >= least / 2 && client_side.datagrams <= server_side.datagrams);
    world_deinit(&p.w);
}

static void streams_of_both_kinds_and_datagrams_arrive(void **state) {
    (void)state;
    echo_over(&CLEAN);
}

static void loss_is_repaired_where_it_must_be(void **state) {
    (void)state;
    echo_over(&(link){.latency = 20 * P2P_MILLISECOND,
        .jitter = 10 * P2P_MILLISECOND,
        .loss = 0.05,
        .duplication = 0.02,
        .mtu = 1400});
}

static void the_server_opens_streams_of_both_kinds(void **state) {
    (void)state;
    pair p;
    connect(&p, &CLEAN);
    for (int i = 0; i < 2; i++) {
        p2p_stream *stream;
        check_ok(p2p_webtransport_open(server_side.session, i == 1, &stream));
        check(p2p_stream_write(stream, (p2p_bytes){(const uint8_t *)"hello", 5}) == 5);
        p2p_stream_shut(stream);
    }
    run(&p, P2P_SECOND);
    check(client_side.inbound == 2 && client_side.one_way == 1 && client_side.received == 10);
    check(server_side.streams_ended == 2);
    check_ok(server_side.last_end.err);
    world_deinit(&p.w);
}

static void a_reset_carries_its_code_both_ways(void **state) {
    (void)state;
    pair p;
    p2p_stream *stream;
    connect(&p, &CLEAN);
    client_side.to_send = (p2p_bytes){(const uint8_t *)"", 0};
    check_ok(p2p_webtransport_open(server_side.session, false, &stream));
    check(p2p_stream_write(stream, (p2p_bytes){(const uint8_t *)"hello", 5}) == 5);
    run(&p, P2P_SECOND);
    p2p_stream_reset(stream, 31);
    run(&p, P2P_SECOND);
    check_err(P2P_ERR_RESET, client_side.last_end.err);
    check(client_side.last_end.remote_code == 31);
    check_ok(p2p_webtransport_open(client_side.session, false, &stream));
    p2p_stream_reset(stream, 255);
    run(&p, P2P_SECOND);
    check_err(P2P_ERR_RESET, server_side.last_end.err);
    check(server_side.last_end.remote_code == 255);
    check(client_side.closed == 0 && server_side.closed == 0);
    world_deinit(&p.w);
}

static void either_side_asks_for_no_more_streams(void **state) {
    (void)state;
    pair p;
    connect(&p, &CLEAN);
    p2p_webtransport_drain(client_side.session);
    p2p_webtransport_drain(server_side.session);
    run(&p, P2P_SECOND);
    check(client_side.draining == 1 && server_side.draining == 1);
    check(client_side.closed == 0 && server_side.closed == 0);
    world_deinit(&p.w);
}

/* --- sessions that do not come about --- */

static void refused_with(p2p_err err, const char *words) {
    check(client_side.opened == 0 && client_side.closed == 1);
    check_err(err, client_side.reason.err);
    if (strstr(client_side.reason.text, words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", words, client_side.reason.text);
    check(server_side.opened == 0);
}

static void an_unknown_path_is_refused(void **state) {
    (void)state;
    pair p;
    p2p_webtransport_handler handler = CLIENT_HANDLER;
    handler.path = "/nobody";
    start(&p, &CLEAN);
    ask(&p, &handler);
    run(&p, 2 * P2P_SECOND);
    refused_with(P2P_ERR_REFUSED, "status 404");
    world_deinit(&p.w);
}

static void another_certificate_is_refused(void **state) {
    (void)state;
    pair p;
    start(&p, &CLEAN);
    check(p2p_multiaddr_decapsulate(&p.addr, P2P_CERTHASH)); /* leaves the first */
    p.addr.bytes[p.addr.len - 1] ^= 1;
    ask(&p, &CLIENT_HANDLER);
    run(&p, 2 * P2P_SECOND);
    refused_with(P2P_ERR_BAD_CERTIFICATE, "certificate");
    world_deinit(&p.w);
}

static void nobody_there_is_a_time_out(void **state) {
    (void)state;
    pair p;
    start(&p, &(link){.latency = 20 * P2P_MILLISECOND, .down = true});
    ask(&p, &CLIENT_HANDLER);
    run(&p, 60 * P2P_SECOND);
    refused_with(P2P_ERR_TIMEOUT, "no answer");
    world_deinit(&p.w);
}

/* At every moment on the way there: `closed` comes once, and nothing is left. */
static void giving_up_on_the_way_is_possible_at_any_time(void **state) {
    (void)state;
    for (p2p_time after = 0; after < 200 * P2P_MILLISECOND; after += 5 * P2P_MILLISECOND) {
        pair p;
        start(&p, &CLEAN);
        p2p_webtransport_session *session = ask(&p, &CLIENT_HANDLER);
        world_run(&p.w, after);
        check_err(P2P_ERR_STATE,
            client_side.opened == 0 ? p2p_webtransport_open(session, false, NULL) : P2P_ERR_STATE);
        p2p_webtransport_close(session, 3, (p2p_bytes){0});
        run(&p, 5 * P2P_SECOND);
        check(client_side.closed == 1);
        check_err(P2P_ERR_CLOSED, client_side.reason.err);
        check(server_side.closed == server_side.opened);
        world_deinit(&p.w);
    }
}

static void a_host_that_goes_says_so_at_any_time(void **state) {
    (void)state;
    for (p2p_time after = 0; after < 200 * P2P_MILLISECOND; after += 5 * P2P_MILLISECOND) {
        pair p;
        start(&p, &CLEAN);
        ask(&p, &CLIENT_HANDLER);
        world_run(&p.w, after);
        world_kill(p.client);
        check(client_side.closed == 1);
        world_deinit(&p.w);
    }
}

static void what_cannot_be_asked_for_is_refused_at_once(void **state) {
    (void)state;
    pair p;
    p2p_webtransport_session *session;
    p2p_multiaddr addr;
    p2p_webtransport_handler handler = CLIENT_HANDLER;
    start(&p, &CLEAN);
    p2p_host *host = p.client->host;
    static const char *const BAD[] = {"/ip4/10.0.0.2/udp/4001/quic-v1",
        "/ip4/10.0.0.2/udp/4001/quic-v1/webtransport", "/ip4/10.0.0.2/tcp/4001/ws"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        check_ok(p2p_multiaddr_parse(&addr, BAD[i], NULL));
        check_err(P2P_ERR_UNSUPPORTED,
            p2p_webtransport_connect(host, &session, &addr, &handler, &client_side));
        check(session == NULL);
    }
    static const char *const PATHS[] = {"", "echo", "/with space", "/\r\nx: y"};
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++) {
        handler.path = PATHS[i];
        check_err(P2P_ERR_INVALID,
            p2p_webtransport_connect(host, &session, &p.addr, &handler, &client_side));
    }
    check(client_side.closed == 0);
    world_deinit(&p.w);
}

/* Fails every request for memory of one side in turn: a session that was asked for ends once. */
static void every_want_of_memory_is_survived(void **state) {
    (void)state;
    for (size_t fail = 1; fail < 300; fail += 2) {
        pair p;
        p2p_webtransport_session *session;
        start(&p, &(link){.latency = P2P_MILLISECOND});
        node *poor = fail % 4 == 1 ? p.client : p.server;
        client_side.to_send = (p2p_bytes){(const uint8_t *)"", 0};
        poor->mem.fail_at = poor->mem.requests + fail;
        p2p_err err = p2p_webtransport_connect(
            p.client->host, &session, &p.addr, &CLIENT_HANDLER, &client_side);
        check(err == P2P_OK || session == NULL);
        run(&p, 20 * P2P_SECOND); /* a packet that found no memory is sent again */
        if (client_side.session != NULL) {
            p2p_err opening = p2p_webtransport_open(client_side.session, false, NULL);
            (void)opening; /* it may fail like everything else */
            run(&p, P2P_SECOND);
        }
        if (client_side.session != NULL)
            p2p_webtransport_close(client_side.session, 1, (p2p_bytes){0});
        run(&p, 60 * P2P_SECOND);
        check(client_side.closed == (err == P2P_OK));
        check(server_side.closed == server_side.opened);
        world_deinit(&p.w); /* checks for leaks */
    }
}

static void many_sessions_at_once(void **state) {
    (void)state;

    enum { MANY = 30 };

    pair p;
    side sides[MANY] = {0};
    start(&p, &CLEAN);
    for (size_t i = 0; i < MANY; i++) {
        p2p_webtransport_session *session;
        check_ok(p2p_webtransport_connect(
            p.client->host, &session, &p.addr, &CLIENT_HANDLER, &sides[i]));
        p2p_webtransport_set_user(session, &sides[i]);
    }
    run(&p, 5 * P2P_SECOND);
    for (size_t i = 0; i < MANY; i++) {
        check(sides[i].opened == 1 && sides[i].closed == 0);
        check(p2p_webtransport_user(sides[i].session) == &sides[i]);
        p2p_webtransport_close(sides[i].session, 0, (p2p_bytes){0});
    }
    run(&p, 5 * P2P_SECOND);
    for (size_t i = 0; i < MANY; i++)
        check(sides[i].closed == 1);
    check(server_side.opened == MANY);
    world_deinit(&p.w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(either_side_closes_with_a_code_and_words),
        cmocka_unit_test(streams_of_both_kinds_and_datagrams_arrive),
        cmocka_unit_test(loss_is_repaired_where_it_must_be),
        cmocka_unit_test(the_server_opens_streams_of_both_kinds),
        cmocka_unit_test(a_reset_carries_its_code_both_ways),
        cmocka_unit_test(either_side_asks_for_no_more_streams),
        cmocka_unit_test(an_unknown_path_is_refused),
        cmocka_unit_test(another_certificate_is_refused),
        cmocka_unit_test(nobody_there_is_a_time_out),
        cmocka_unit_test(giving_up_on_the_way_is_possible_at_any_time),
        cmocka_unit_test(a_host_that_goes_says_so_at_any_time),
        cmocka_unit_test(what_cannot_be_asked_for_is_refused_at_once),
        cmocka_unit_test(every_want_of_memory_is_survived),
        cmocka_unit_test(many_sessions_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
