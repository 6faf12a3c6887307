/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "websocket_pair.h"

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
