/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "transport/websocket_layer.h"

#include "stack/conn.h"
#include "support/check.h"

/* --- a layer that sends and collects a text --- */

enum { PAYLOAD = 70000 };

typedef struct end {
    p2p_layer layer; /* above the WebSocket */
    p2p_wire wire;
    p2p_layer *ws;
    uint8_t got[PAYLOAD];
    size_t got_len, sent;
    bool open, ended;
    p2p_err served;
    bool was_served;
    char why[P2P_WS_WHY_MAX];
} end;

static uint8_t pattern(size_t i) {
    return (uint8_t)(i * 7 + (i >> 8));
}

static p2p_err end_feed(p2p_layer *layer, uint8_t *data, size_t len) {
    end *e = P2P_CONTAINER(layer, end, layer);
    check(e->got_len + len <= PAYLOAD);
    memcpy(e->got + e->got_len, data, len);
    e->got_len += len;
    return P2P_OK;
}

static p2p_err end_draw(p2p_layer *layer, uint8_t *dst, size_t cap, size_t *len) {
    end *e = P2P_CONTAINER(layer, end, layer);
    *len = PAYLOAD - e->sent < cap ? PAYLOAD - e->sent : cap;
    for (size_t i = 0; i < *len; i++)
        dst[i] = pattern(e->sent + i);
    e->sent += *len;
    return P2P_OK;
}

static p2p_err end_eof(p2p_layer *layer) {
    P2P_CONTAINER(layer, end, layer)->ended = true;
    return P2P_OK;
}

static const p2p_layer_ops END_OPS = {"end", end_feed, end_draw, end_eof, NULL, NULL};

static p2p_err opened(void *ctx) {
    end *e = ctx;
    e->open = true;
    e->ws->above = &e->layer;
    return P2P_OK;
}

static void served(void *ctx, p2p_err err) {
    end *e = ctx;
    e->was_served = true;
    e->served = err;
}

static void no_wake(p2p_wire *wire) {
    (void)wire;
}

static const p2p_wire_ops WIRE_OPS = {no_wake, NULL};

/* --- a pair --- */

typedef struct pair {
    p2p_env env;
    seeded_random random;
    end a, b; /* client, server */
} pair;

static p2p_err start_end(pair *p, end *e, const p2p_ws_dial *dial) {
    memset(e, 0, sizeof *e);
    e->layer.ops = &END_OPS;
    e->wire.ops = &WIRE_OPS;
    p2p_ws_layer_params params = {.env = &p->env,
        .wire = &e->wire,
        .dial = dial,
        .opened = opened,
        .served = served,
        .ctx = e,
        .why = e->why};
    return p2p_ws_layer_new(&e->ws, &params);
}

static void stop_end(end *e) {
    if (e->ws != NULL)
        e->ws->ops->free(e->ws);
    e->ws = NULL;
}

static void init_pair(pair *p, const p2p_mem *mem) {
    memset(p, 0, sizeof *p);
    seeded_random_init(&p->random, 3);
    p->env.mem = mem;
    p->env.random = &p->random.random;
    p2p_list_init(&p->env.calls);
}

static p2p_err start_pair(pair *p, const p2p_mem *mem) {
    static const p2p_ws_dial DIAL = {.host = "example.org", .port = 80};
    init_pair(p, mem);
    p2p_err err = start_end(p, &p->a, &DIAL);
    return err == P2P_OK ? start_end(p, &p->b, NULL) : err;
}

static void stop_pair(pair *p) {
    stop_end(&p->a);
    stop_end(&p->b);
}

/* Draws blocks of cap bytes and feeds them in pieces; *moved tells whether there were any. */
static p2p_err move(end *from, end *to, size_t cap, size_t piece, bool *moved) {
    uint8_t *block = malloc(cap);
    size_t len;
    p2p_err err = p2p_layer_draw(from->ws, block, cap, &len);
    check(len <= cap);
    *moved = len > 0;
    for (size_t at = 0; err == P2P_OK && at < len; at += piece) {
        size_t n = len - at < piece ? len - at : piece;
        uint8_t *exact = malloc(n); /* so that reading past it is seen */
        memcpy(exact, block + at, n);
        err = p2p_layer_feed(to->ws, exact, n);
        free(exact);
    }
    free(block);
    return err;
}

static p2p_err run(pair *p, size_t cap, size_t piece) {
    p2p_err err = P2P_OK;
    for (bool there = true, back = true; err == P2P_OK && (there || back);) {
        err = move(&p->a, &p->b, cap, piece, &there);
        if (err == P2P_OK)
            err = move(&p->b, &p->a, cap, piece, &back);
    }
    return err;
}

static void check_got(const end *e) {
    check(e->open);
    check(e->got_len == PAYLOAD);
    for (size_t i = 0; i < PAYLOAD; i++)
        if (e->got[i] != pattern(i))
            fail_msg("byte %zu differs", i);
}

static pair p;

static void any_fragmentation_carries_the_same_bytes(void **state) {
    (void)state;
    static const size_t CAPS[] = {9, 17, 130, 133, 4096, 65536, 65549, 262144};
    static const size_t PIECES[] = {1, 2, 3, 5, 13, 127, 1000, 262144};
    static const p2p_mem MEM = {0};
    for (size_t i = 0; i < P2P_COUNT(CAPS); i++) {
        for (size_t k = 0; k < P2P_COUNT(PIECES); k++) {
            check_ok(start_pair(&p, &MEM));
            check_ok(run(&p, CAPS[i], PIECES[k]));
            check_got(&p.a);
            check_got(&p.b);
            stop_pair(&p);
        }
    }
}

static void a_close_is_answered_and_ends_both(void **state) {
    (void)state;
    static const p2p_mem MEM = {0};
    bool moved;
    check_ok(start_pair(&p, &MEM));
    check_ok(run(&p, 4096, 4096));
    p.a.ws->ops->shut(p.a.ws);
    check_err(P2P_ERR_EOF, move(&p.a, &p.b, 4096, 1, &moved));
    check(p.b.ended);
    uint8_t block[16];
    size_t len;
    check_ok(p2p_layer_draw(p.b.ws, block, sizeof block, &len));
    check_bytes(p2p_bytes_of(block, len), "88 02 03e8");
    check_ok(p2p_layer_draw(p.b.ws, block, sizeof block, &len));
    check(len == 0);
    stop_pair(&p);
}

static void an_end_without_a_close_is_an_end(void **state) {
    (void)state;
    static const p2p_mem MEM = {0};
    check_ok(start_pair(&p, &MEM));
    check_ok(run(&p, 4096, 4096));
    check_ok(p2p_layer_eof(p.a.ws));
    check(p.a.ended);
    stop_pair(&p);
    check_ok(start_pair(&p, &MEM));
    check_err(P2P_ERR_EOF, p2p_layer_eof(p.a.ws)); /* in the middle of the handshake */
    stop_pair(&p);
}

/* --- one side against bytes --- */

static p2p_err feed_text(end *e, const void *text, size_t len) {
    uint8_t *copy = malloc(len);
    memcpy(copy, text, len);
    p2p_err err = p2p_layer_feed(e->ws, copy, len);
    free(copy);
    return err;
}

/* The example of RFC 6455 section 1.3, with a frame right behind the request. */
static void frames_may_follow_the_request_at_once(void **state) {
    (void)state;
    static const p2p_mem MEM = {0};
    static const char REQUEST[] =
        "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n\x82\x83\x00\x00\x00\x00"
        "abc";
    uint8_t block[1024];
    size_t len;
    for (size_t cut = 1; cut < sizeof REQUEST - 1; cut++) {
        init_pair(&p, &MEM);
        check_ok(start_end(&p, &p.b, NULL));
        p.b.sent = PAYLOAD;
        check_ok(feed_text(&p.b, REQUEST, cut));
        check_ok(feed_text(&p.b, REQUEST + cut, sizeof REQUEST - 1 - cut));
        check_same(p2p_bytes_of(p.b.got, p.b.got_len), P2P_LITERAL("abc"));
        check_ok(p2p_layer_draw(p.b.ws, block, sizeof block, &len));
        check(memmem(block, len, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 28) != NULL);
        stop_end(&p.b);
    }
}

static void a_ping_is_answered_between_the_frames(void **state) {
    (void)state;
    static const p2p_mem MEM = {0};
    uint8_t block[64];
    size_t len;
    check_ok(start_pair(&p, &MEM));
    check_ok(run(&p, 4096, 4096));
    check_ok(feed_text(&p.a, "\x89\x02hi", 4));
    check_ok(p2p_layer_draw(p.a.ws, block, sizeof block, &len));
    check(len == 8 && block[0] == 0x8a && block[1] == 0x82);
    check_ok(p2p_layer_feed(p.b.ws, block, len)); /* and a pong changes nothing */
    check_ok(p2p_layer_draw(p.b.ws, block, sizeof block, &len));
    check(len == 0);
    stop_pair(&p);
}

static void a_masked_frame_from_a_server_is_refused(void **state) {
    (void)state;
    static const p2p_mem MEM = {0};
    check_ok(start_pair(&p, &MEM));
    check_ok(run(&p, 4096, 4096));
    check_err(P2P_ERR_VIOLATION, feed_text(&p.a, "\x82\x81\0\0\0\0x", 7));
    check(strstr(p.a.why, "1002") != NULL);
    stop_pair(&p);
}

static void a_close_with_an_error_is_a_reset(void **state) {
    (void)state;
    static const p2p_mem MEM = {0};
    check_ok(start_pair(&p, &MEM));
    check_ok(run(&p, 4096, 4096));
    check_err(P2P_ERR_RESET, feed_text(&p.a, "\x88\x02\x03\xf3", 4));
    check(strstr(p.a.why, "1011") != NULL);
    stop_pair(&p);
}

static void a_request_that_is_refused_is_answered_first(void **state) {
    (void)state;
    static const p2p_mem MEM = {0};
    static const char REQUEST[] = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 12\r\n\r\n";
    uint8_t block[1024];
    size_t len;
    init_pair(&p, &MEM);
    check_ok(start_end(&p, &p.b, NULL));
    check_ok(feed_text(&p.b, REQUEST, sizeof REQUEST - 1));
    check_ok(p2p_layer_draw(p.b.ws, block, 10, &len));
    check(len == 10 && !p.b.was_served);
    check_ok(p2p_layer_draw(p.b.ws, block + 10, sizeof block - 10, &len));
    check(p.b.was_served && !p.b.open);
    check_err(P2P_ERR_REFUSED, p.b.served);
    check(p2p_bytes_start(p2p_bytes_of(block, len), P2P_LITERAL("HTTP/1.1 426 ")));
    stop_end(&p.b);
}

static p2p_err whole_visit(const p2p_mem *mem, void *ctx) {
    (void)ctx;
    p2p_err err = start_pair(&p, mem);
    if (err == P2P_OK)
        err = run(&p, 4096, 100);
    stop_pair(&p);
    return err;
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    sweep_allocations(whole_visit, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_fragmentation_carries_the_same_bytes),
        cmocka_unit_test(a_close_is_answered_and_ends_both),
        cmocka_unit_test(an_end_without_a_close_is_an_end),
        cmocka_unit_test(frames_may_follow_the_request_at_once),
        cmocka_unit_test(a_ping_is_answered_between_the_frames),
        cmocka_unit_test(a_masked_frame_from_a_server_is_refused),
        cmocka_unit_test(a_close_with_an_error_is_a_reset),
        cmocka_unit_test(a_request_that_is_refused_is_answered_first),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
