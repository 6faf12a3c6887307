/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include "transport/http1.h"

static const p2p_mem PLAIN_MEM;

/* What Chromium sends for new WebSocket(…), shortened. */
static const char REQUEST[] = "GET /chat?x=1 HTTP/1.1\r\n"
                              "Host: 127.0.0.1:4001\r\n"
                              "Connection: keep-alive, Upgrade\r\n"
                              "Pragma: no-cache\r\n"
                              "upgrade: WebSocket\r\n"
                              "Origin: http://localhost:8000\r\n"
                              "X-Empty:\r\n"
                              "X-Blank: \t padded value \t\r\n"
                              "Accept-Encoding: gzip, deflate, br, zstd\r\n"
                              "\r\n";

/* Feeds in pieces of `step`; *rest gets how many bytes were left over. */
static p2p_err read_head(p2p_http_reader *r, p2p_bytes in, size_t step, size_t *rest) {
    p2p_err err = P2P_ERR_AGAIN;
    size_t at = 0;
    while (at < in.len && err == P2P_ERR_AGAIN) {
        size_t n = step < in.len - at ? step : in.len - at;
        size_t used;
        err = p2p_http_reader_feed(r, p2p_bytes_of(in.ptr + at, n), &used);
        check(used <= n && (err != P2P_ERR_AGAIN || used == n));
        at += used;
    }
    *rest = in.len - at;
    return err;
}

static void check_request(const p2p_http_head *head) {
    p2p_bytes value;
    check(head->minor == 1 && head->count == 8);
    check_same(head->method, P2P_LITERAL("GET"));
    check_same(head->target, P2P_LITERAL("/chat?x=1"));
    check(p2p_http_find(head, "HOST", &value) == 1);
    check_same(value, P2P_LITERAL("127.0.0.1:4001"));
    check(p2p_http_find(head, "x-empty", &value) == 1 && value.len == 0);
    check(p2p_http_find(head, "x-blank", &value) == 1);
    check_same(value, P2P_LITERAL("padded value"));
    check(p2p_http_find(head, "x-missing", &value) == 0);
    check(p2p_http_has_token(head, "connection", "upgrade"));
    check(p2p_http_has_token(head, "connection", "Keep-Alive"));
    check(!p2p_http_has_token(head, "connection", "keep"));
    check(!p2p_http_has_token(head, "connection", "keep-alive, Upgrade"));
    check(p2p_http_has_token(head, "Upgrade", "websocket"));
    check(p2p_http_has_token(head, "accept-encoding", "br"));
}

static void a_request_arrives_in_any_pieces_and_leaves_what_follows(void **state) {
    (void)state;
    char in[sizeof REQUEST + 8];
    size_t len = (size_t)snprintf(in, sizeof in, "%s%s", REQUEST, "\x82\x01tail");
    for (size_t step = 1; step <= len; step++) {
        p2p_http_reader r;
        size_t rest;
        p2p_http_reader_init(&r, P2P_HTTP_REQUEST, &PLAIN_MEM, P2P_HTTP_HEAD_MAX);
        check_ok(read_head(&r, p2p_bytes_of(in, len), step, &rest));
        check(rest == 6);
        check_request(&r.head);
        p2p_http_reader_deinit(&r);
    }
}

static p2p_err judge(p2p_http_kind kind, const char *text, unsigned *refusal) {
    p2p_err errs[2];
    for (size_t i = 0; i < 2; i++) {
        p2p_http_reader r;
        size_t rest;
        p2p_http_reader_init(&r, kind, &PLAIN_MEM, P2P_HTTP_HEAD_MAX);
        errs[i] = read_head(&r, p2p_bytes_text(text), i == 0 ? 1 : strlen(text), &rest);
        *refusal = r.refusal;
        p2p_http_reader_deinit(&r);
    }
    check(errs[0] == errs[1]);
    return errs[0];
}

static void bad_requests_are_refused(void **state) {
    (void)state;
    static const char *const BAD[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET /\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\tb HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n",
        "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GETGETGETGETGETGETGETGETGETGETGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / http/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1x\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",                       /* no Host */
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", /* two */
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",           /* blank before the colon */
        "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", /* obs-fold */
        "GET / HTTP/1.1\r\nHost: a\r\n\tfolded: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n: nameless\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n", /* CR alone */
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n", /* LF alone */
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\n\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX\xc3\xa4: b\r\n\r\n",
        "\x13/multistream/1.0.0\n",
    };
    unsigned refusal;
    for (size_t i = 0; i < P2P_COUNT(BAD); i++) {
        p2p_err err = judge(P2P_HTTP_REQUEST, BAD[i], &refusal);
        if (err != P2P_ERR_MALFORMED || refusal != 400)
            fail_msg("case %zu: %s, %u", i, p2p_err_name(err), refusal);
    }
    check_err(P2P_ERR_UNSUPPORTED,
        judge(P2P_HTTP_REQUEST, "GET / HTTP/2.0\r\nHost: a\r\n\r\n", &refusal));
    check(refusal == 505);
    check_err(
        P2P_ERR_UNSUPPORTED, judge(P2P_HTTP_REQUEST, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &refusal));
}

static void a_nul_is_refused(void **state) {
    (void)state;
    static const char IN[] = "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n";
    p2p_http_reader r;
    size_t rest;
    p2p_http_reader_init(&r, P2P_HTTP_REQUEST, &PLAIN_MEM, P2P_HTTP_HEAD_MAX);
    check_err(P2P_ERR_MALFORMED, read_head(&r, p2p_bytes_of(IN, sizeof IN - 1), 100, &rest));
    p2p_http_reader_deinit(&r);
}

static void http_1_0_needs_no_host_and_high_bytes_may_stand_in_values(void **state) {
    (void)state;
    unsigned refusal;
    check_ok(judge(P2P_HTTP_REQUEST, "GET / HTTP/1.0\r\n\r\n", &refusal));
    check_ok(judge(P2P_HTTP_REQUEST, "GET / HTTP/1.1\r\nHost:\r\nX: \xc3\xa4\r\n\r\n", &refusal));
    check_ok(judge(P2P_HTTP_REQUEST, "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n", &refusal));
}

static void responses_are_read(void **state) {
    (void)state;
    static const char *const GOOD[] = {
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 101 \r\n\r\n",
        "HTTP/1.1 101\r\n\r\n",
        "HTTP/1.0 999 \xc3\xa4\r\nServer: x\r\n\r\n",
    };
    static const char *const BAD[] = {
        "HTTP/1.1\r\n\r\n",
        "HTTP/1.1 \r\n\r\n",
        "HTTP/1.1 10\r\n\r\n",
        "HTTP/1.1 1010\r\n\r\n",
        "HTTP/1.1 099 x\r\n\r\n",
        "HTTP/1.1  101 x\r\n\r\n",
        "HTTP/1.1 1a1 x\r\n\r\n",
        "HTTP/1.1 +01 x\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
    };
    unsigned refusal;
    for (size_t i = 0; i < P2P_COUNT(GOOD); i++)
        check_ok(judge(P2P_HTTP_RESPONSE, GOOD[i], &refusal));
    for (size_t i = 0; i < P2P_COUNT(BAD); i++)
        check_err(P2P_ERR_MALFORMED, judge(P2P_HTTP_RESPONSE, BAD[i], &refusal));
}

static void a_long_head_is_431_at_the_limit(void **state) {
    (void)state;
    char in[P2P_HTTP_HEAD_MAX + 64];
    for (int excess = 0; excess < 2; excess++) {
        size_t len = (size_t)snprintf(in, sizeof in, "GET / HTTP/1.1\r\nHost: ");
        size_t pad = P2P_HTTP_HEAD_MAX - 4 - len + (size_t)excess;
        memset(in + len, 'a', pad);
        memcpy(in + len + pad, "\r\n\r\n", 4);
        for (size_t step = 1; step < 20000; step *= 11) {
            p2p_http_reader r;
            size_t rest;
            p2p_http_reader_init(&r, P2P_HTTP_REQUEST, &PLAIN_MEM, P2P_HTTP_HEAD_MAX);
            p2p_err err = read_head(&r, p2p_bytes_of(in, len + pad + 4), step, &rest);
            check(err == (excess ? P2P_ERR_TOO_BIG : P2P_OK));
            check(r.refusal == (excess ? 431 : 0));
            p2p_http_reader_deinit(&r);
        }
    }
}

static void too_many_headers_are_431(void **state) {
    (void)state;
    char in[2048];
    for (size_t count = P2P_HTTP_HEADERS_MAX; count <= P2P_HTTP_HEADERS_MAX + 1; count++) {
        size_t len = (size_t)snprintf(in, sizeof in, "GET / HTTP/1.1\r\nHost: a\r\n");
        for (size_t i = 1; i < count; i++)
            len += (size_t)snprintf(in + len, sizeof in - len, "X: %zu\r\n", i);
        snprintf(in + len, sizeof in - len, "\r\n");
        unsigned refusal;
        bool fits = count == P2P_HTTP_HEADERS_MAX;
        check(judge(P2P_HTTP_REQUEST, in, &refusal) == (fits ? P2P_OK : P2P_ERR_TOO_BIG));
        check(refusal == (fits ? 0 : 431));
    }
}

static void a_reader_reads_one_head(void **state) {
    (void)state;
    p2p_http_reader r;
    size_t rest;
    size_t used;
    p2p_http_reader_init(&r, P2P_HTTP_REQUEST, &PLAIN_MEM, P2P_HTTP_HEAD_MAX);
    check_ok(read_head(&r, P2P_LITERAL("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"), 3, &rest));
    check_err(P2P_ERR_STATE, p2p_http_reader_feed(&r, P2P_LITERAL("GET"), &used));
    p2p_http_reader_deinit(&r);
}

static p2p_err body_len(const char *fields, uint64_t *len) {
    char in[512];
    p2p_http_reader r;
    size_t rest;
    snprintf(in, sizeof in, "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
    p2p_http_reader_init(&r, P2P_HTTP_REQUEST, &PLAIN_MEM, P2P_HTTP_HEAD_MAX);
    check_ok(read_head(&r, p2p_bytes_text(in), 512, &rest));
    p2p_err err = p2p_http_body_len(&r.head, 1000, len);
    p2p_http_reader_deinit(&r);
    return err;
}

static void the_length_of_a_body_is_one_decimal_number(void **state) {
    (void)state;
    uint64_t len;
    check_ok(body_len("", &len));
    check(len == 0);
    check_ok(body_len("Content-Length: 1000\r\n", &len));
    check(len == 1000);
    check_ok(body_len("content-length: 0007\r\n", &len));
    check(len == 7);
    check_err(P2P_ERR_TOO_BIG, body_len("Content-Length: 1001\r\n", &len));
    check_err(P2P_ERR_TOO_BIG, body_len("Content-Length: 18446744073709551616\r\n", &len));
    check_err(P2P_ERR_TOO_BIG, body_len("Content-Length: 99999999999999999999999\r\n", &len));
    check_err(P2P_ERR_MALFORMED, body_len("Content-Length: +7\r\n", &len));
    check_err(P2P_ERR_MALFORMED, body_len("Content-Length: -7\r\n", &len));
    check_err(P2P_ERR_MALFORMED, body_len("Content-Length: 7, 7\r\n", &len));
    check_err(P2P_ERR_MALFORMED, body_len("Content-Length: 0x7\r\n", &len));
    check_err(P2P_ERR_MALFORMED, body_len("Content-Length:\r\n", &len));
    check_err(P2P_ERR_MALFORMED, body_len("Content-Length: 7\r\nContent-Length: 7\r\n", &len));
    check_err(P2P_ERR_UNSUPPORTED, body_len("Transfer-Encoding: chunked\r\n", &len));
    check_err(P2P_ERR_UNSUPPORTED,
        body_len("Content-Length: 7\r\nTransfer-Encoding: identity\r\n", &len));
}

static void a_response_is_written_whole_or_measured(void **state) {
    (void)state;
    static const char WANT[] = "HTTP/1.1 404 Not Found\r\nConnection: close\r\n"
                               "Content-Type: text/plain\r\nContent-Length: 10\r\n\r\nnot there\n";
    uint8_t out[256];
    p2p_writer w = p2p_writer_of(out, sizeof out);
    p2p_http_put_response(&w, 404, "text/plain", P2P_LITERAL("not there\n"));
    check_ok(p2p_writer_end(&w));
    check_same(p2p_writer_view(&w), P2P_LITERAL(WANT));
    p2p_writer measure = p2p_writer_of(NULL, 0);
    p2p_http_put_response(&measure, 404, "text/plain", P2P_LITERAL("not there\n"));
    check(measure.len == sizeof WANT - 1);
}

static p2p_err scenario(const p2p_mem *mem, void *ctx) {
    (void)ctx;
    p2p_http_reader r;
    size_t rest;
    p2p_http_reader_init(&r, P2P_HTTP_REQUEST, mem, P2P_HTTP_HEAD_MAX);
    p2p_err err = read_head(&r, P2P_LITERAL(REQUEST), 7, &rest);
    if (err == P2P_ERR_NO_MEMORY)
        check(r.refusal == 503);
    p2p_http_reader_deinit(&r);
    return err;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    sweep_allocations(scenario, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_arrives_in_any_pieces_and_leaves_what_follows),
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(a_nul_is_refused),
        cmocka_unit_test(http_1_0_needs_no_host_and_high_bytes_may_stand_in_values),
        cmocka_unit_test(responses_are_read),
        cmocka_unit_test(a_long_head_is_431_at_the_limit),
        cmocka_unit_test(too_many_headers_are_431),
        cmocka_unit_test(a_reader_reads_one_head),
        cmocka_unit_test(the_length_of_a_body_is_one_decimal_number),
        cmocka_unit_test(a_response_is_written_whole_or_measured),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
