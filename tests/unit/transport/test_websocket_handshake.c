/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include "transport/websocket_handshake.h"

static const p2p_mem PLAIN_MEM;
static const p2p_ws_policy ANY;

/* RFC 6455 section 1.3 */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

#define UPGRADE "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define KEYED "Sec-WebSocket-Key: " KEY "\r\n"

static p2p_http_reader read_text(p2p_http_kind kind, p2p_bytes text) {
    p2p_http_reader r;
    size_t used;
    p2p_http_reader_init(&r, kind, &PLAIN_MEM, P2P_HTTP_HEAD_MAX);
    check_ok(p2p_http_reader_feed(&r, text, &used));
    check(used == text.len);
    return r;
}

static unsigned judge(const char *text, const p2p_ws_policy *policy) {
    p2p_http_reader r = read_text(P2P_HTTP_REQUEST, p2p_bytes_text(text));
    unsigned status = p2p_ws_judge(&r.head, policy);
    p2p_http_reader_deinit(&r);
    return status;
}

static void the_answer_to_the_rfcs_request(void **state) {
    (void)state;
    uint8_t out[512];
    p2p_writer w = p2p_writer_of(out, sizeof out);
    p2p_http_reader r = read_text(
        P2P_HTTP_REQUEST, P2P_LITERAL("GET /chat HTTP/1.1\r\n" UPGRADE VERSION KEYED "\r\n"));
    check(p2p_ws_is_upgrade(&r.head));
    check(p2p_ws_judge(&r.head, &ANY) == 101);
    p2p_ws_put_answer(&w, 101, &r.head);
    check_ok(p2p_writer_end(&w));
    check_same(p2p_writer_view(&w),
        P2P_LITERAL("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n"));
    p2p_http_reader_deinit(&r);
}

static void requests_are_judged(void **state) {
    (void)state;

    static const struct {
        unsigned status;
        const char *text;
    } CASES[] = {
        {101, "GET / HTTP/1.1\r\n" UPGRADE VERSION KEYED "\r\n"},
        {101, "GET /any?q HTTP/1.1\r\nHost: a\r\nconnection: keep-alive, UPGRADE\r\n"
              "upgrade: foo, WebSocket\r\n" VERSION KEYED "\r\n"},
        {101, "GET / HTTP/1.1\r\n" UPGRADE VERSION KEYED "Sec-WebSocket-Protocol: x\r\n"
              "Sec-WebSocket-Extensions: permessage-deflate\r\nOrigin: null\r\n\r\n"},
        {426, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {426, "GET / HTTP/1.1\r\n" UPGRADE "Sec-WebSocket-Version: 8\r\n" KEYED "\r\n"},
        {400, "GET / HTTP/1.1\r\n" UPGRADE KEYED "\r\n"},
        {400, "GET / HTTP/1.1\r\n" UPGRADE VERSION VERSION KEYED "\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n" VERSION KEYED "\r\n"},
        {400, "GET / HTTP/1.1\r\n" UPGRADE VERSION "\r\n"},
        {400, "GET / HTTP/1.1\r\n" UPGRADE VERSION KEYED KEYED "\r\n"},
        {400, "GET / HTTP/1.1\r\n" UPGRADE VERSION "Sec-WebSocket-Key: c2hvcnQ=\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" UPGRADE VERSION
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ?==\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" UPGRADE VERSION KEYED "Content-Length: 5\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" UPGRADE VERSION KEYED "Transfer-Encoding: chunked\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n" UPGRADE VERSION KEYED "Origin: a\r\nOrigin: b\r\n\r\n"},
        {400, "GET / HTTP/1.0\r\n" UPGRADE VERSION KEYED "\r\n"},
        {405, "POST / HTTP/1.1\r\n" UPGRADE VERSION KEYED "\r\n"},
    };

    for (size_t i = 0; i < P2P_COUNT(CASES); i++) {
        unsigned status = judge(CASES[i].text, &ANY);
        if (status != CASES[i].status)
            fail_msg("case %zu: %u", i, status);
    }
}

static bool only_example(void *ctx, p2p_bytes origin) {
    ++*(int *)ctx;
    return p2p_bytes_equal(origin, P2P_LITERAL("https://example.com"));
}

static void the_policy_decides_about_path_and_origin(void **state) {
    (void)state;
    int asked = 0;
    p2p_ws_policy policy = {"/p2p", only_example, &asked};
    check(judge("GET / HTTP/1.1\r\n" UPGRADE VERSION KEYED "\r\n", &policy) == 404);
    check(judge("GET /p2p HTTP/1.1\r\n" UPGRADE VERSION KEYED "\r\n", &policy) == 101);
    check(judge("GET /p2p?x HTTP/1.1\r\n" UPGRADE VERSION KEYED "\r\n", &policy) == 101);
    check(judge("GET ws://a/p2p?x HTTP/1.1\r\n" UPGRADE VERSION KEYED "\r\n", &policy) == 101);
    check(judge("GET ws://a HTTP/1.1\r\n" UPGRADE VERSION KEYED "\r\n", &policy) == 404);
    check(judge("GET * HTTP/1.1\r\n" UPGRADE VERSION KEYED "\r\n", &policy) == 404);
    check(asked == 0);
    check(judge("GET /p2p HTTP/1.1\r\n" UPGRADE VERSION KEYED "Origin: https://example.com\r\n\r\n",
              &policy) == 101);
    check(judge("GET /p2p HTTP/1.1\r\n" UPGRADE VERSION KEYED "Origin: https://evil.com\r\n\r\n",
              &policy) == 403);
    check(asked == 2);
}

static void refusals_say_what_would_do(void **state) {
    (void)state;
    uint8_t out[512];
    p2p_writer w = p2p_writer_of(out, sizeof out);
    p2p_ws_put_answer(&w, 426, NULL);
    p2p_http_reader r = read_text(P2P_HTTP_RESPONSE, p2p_writer_view(&w));
    p2p_bytes value;
    check(r.head.status == 426);
    check(p2p_http_find(&r.head, "sec-websocket-version", &value) == 1);
    check_same(value, P2P_LITERAL("13"));
    check(p2p_http_has_token(&r.head, "connection", "upgrade"));
    p2p_http_reader_deinit(&r);
    w = p2p_writer_of(out, sizeof out);
    p2p_ws_put_answer(&w, 403, NULL);
    r = read_text(P2P_HTTP_RESPONSE, p2p_writer_view(&w));
    check(r.head.status == 403);
    p2p_http_reader_deinit(&r);
}

static void check_dial(p2p_ws_dial dial, const char *first_lines) {
    seeded_random seeded;
    seeded_random_init(&seeded, 1);
    uint8_t request[P2P_WS_REQUEST_MAX];
    uint8_t answer[512];
    char key[P2P_WS_KEY_TEXT + 1];
    p2p_writer w = p2p_writer_of(request, sizeof request);
    check_ok(p2p_ws_put_request(&w, &dial, &seeded.random, key));
    check(p2p_bytes_start(p2p_writer_view(&w), p2p_bytes_text(first_lines)));

    p2p_http_reader r = read_text(P2P_HTTP_REQUEST, p2p_writer_view(&w));
    check(p2p_ws_judge(&r.head, &ANY) == 101);
    p2p_writer a = p2p_writer_of(answer, sizeof answer);
    p2p_ws_put_answer(&a, 101, &r.head);
    p2p_http_reader_deinit(&r);

    r = read_text(P2P_HTTP_RESPONSE, p2p_writer_view(&a));
    check_ok(p2p_ws_check_answer(&r.head, key));
    key[0] ^= 1;
    check_err(P2P_ERR_VIOLATION, p2p_ws_check_answer(&r.head, key));
    p2p_http_reader_deinit(&r);
}

static void client_and_server_agree(void **state) {
    (void)state;
    check_dial((p2p_ws_dial){.host = "example.com", .port = 443, .secure = true},
        "GET / HTTP/1.1\r\nHost: example.com\r\n");
    check_dial((p2p_ws_dial){.host = "example.com", .port = 443},
        "GET / HTTP/1.1\r\nHost: example.com:443\r\n");
    check_dial((p2p_ws_dial){.host = "1.2.3.4", .port = 80}, "GET / HTTP/1.1\r\nHost: 1.2.3.4\r\n");
    check_dial((p2p_ws_dial){.host = "2001:db8::1", .port = 65535},
        "GET / HTTP/1.1\r\nHost: [2001:db8::1]:65535\r\n");
    check_dial(
        (p2p_ws_dial){.host = "a", .port = 1, .path = P2P_LITERAL("/b c\r\nX: y/\xc3\xa4?q=%41")},
        "GET /b%20c%0D%0AX:%20y/%C3%A4?q=%41 HTTP/1.1\r\nHost: a:1\r\n");
    check_dial(
        (p2p_ws_dial){.host = "a", .port = 1, .path = P2P_LITERAL("b")}, "GET /b HTTP/1.1\r\n");
}

static void a_host_that_breaks_the_request_is_refused(void **state) {
    (void)state;
    static const char *const HOSTS[] = {
        "", "a b", "a\r\nX: y", "a/b", "a?b", "u@a", "[::1]", "\xc3\xa4"};
    seeded_random seeded;
    seeded_random_init(&seeded, 1);
    uint8_t out[P2P_WS_REQUEST_MAX];
    char key[P2P_WS_KEY_TEXT + 1];
    for (size_t i = 0; i < P2P_COUNT(HOSTS); i++) {
        p2p_ws_dial dial = {.host = HOSTS[i], .port = 1};
        p2p_writer w = p2p_writer_of(out, sizeof out);
        check_err(P2P_ERR_INVALID, p2p_ws_put_request(&w, &dial, &seeded.random, key));
    }
    uint8_t path[P2P_WS_REQUEST_MAX];
    memset(path, 'a', sizeof path);
    p2p_ws_dial dial = {.host = "a", .port = 1, .path = p2p_bytes_of(path, sizeof path)};
    p2p_writer w = p2p_writer_of(out, sizeof out);
    check_err(P2P_ERR_INVALID, p2p_ws_put_request(&w, &dial, &seeded.random, key));
}

static void answers_are_checked(void **state) {
    (void)state;

    static const struct {
        p2p_err err;
        const char *text;
    } CASES[] = {
        {P2P_OK, "101 x\r\nupgrade: WebSocket\r\nconnection: upgrade\r\n"
                 "sec-websocket-accept: " ACCEPT "\r\n"},
        {P2P_ERR_REFUSED, "200 OK\r\n"},
        {P2P_ERR_REFUSED, "301 Moved\r\nLocation: /x\r\n"},
        {P2P_ERR_REFUSED, "403 Forbidden\r\n"},
        {P2P_ERR_VIOLATION, "101 x\r\nConnection: upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n"},
        {P2P_ERR_VIOLATION, "101 x\r\nUpgrade: h2c\r\nConnection: upgrade\r\n"
                            "Sec-WebSocket-Accept: " ACCEPT "\r\n"},
        {P2P_ERR_VIOLATION, "101 x\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " ACCEPT "\r\n"},
        {P2P_ERR_VIOLATION, "101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"},
        {P2P_ERR_VIOLATION, "101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
                            "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"},
        {P2P_ERR_VIOLATION,
            "101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
            "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"},
        {P2P_ERR_VIOLATION, "101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
                            "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Protocol: x\r\n"},
    };

    for (size_t i = 0; i < P2P_COUNT(CASES); i++) {
        char text[512];
        snprintf(text, sizeof text, "HTTP/1.1 %s\r\n", CASES[i].text);
        p2p_http_reader r = read_text(P2P_HTTP_RESPONSE, p2p_bytes_text(text));
        p2p_err err = p2p_ws_check_answer(&r.head, KEY);
        p2p_http_reader_deinit(&r);
        if (err != CASES[i].err)
            fail_msg("case %zu: %s", i, p2p_err_name(err));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_to_the_rfcs_request),
        cmocka_unit_test(requests_are_judged),
        cmocka_unit_test(the_policy_decides_about_path_and_origin),
        cmocka_unit_test(refusals_say_what_would_do),
        cmocka_unit_test(client_and_server_agree),
        cmocka_unit_test(a_host_that_breaks_the_request_is_refused),
        cmocka_unit_test(answers_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
