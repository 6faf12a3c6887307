/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include "webtransport/h3_frame.h"
#include "webtransport/session.h"

static const p2p_mem PLAIN_MEM;

/* Fields as "name=value" texts, ended by NULL. */
static p2p_err fill(p2p_fields *fields, const char *const *lines) {
    fields->count = 0;
    for (; *lines != NULL; lines++) {
        const char *mark = strchr(*lines, '=');
        fields->list[fields->count++] =
            (p2p_field){p2p_bytes_of(*lines, (size_t)(mark - *lines)), p2p_bytes_text(mark + 1)};
    }
    return P2P_OK;
}

static p2p_err read_request(p2p_h3_request *request, const char *const *lines) {
    static p2p_fields fields;
    check_ok(fill(&fields, lines));
    return p2p_h3_request_read(request, &fields);
}

#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define METHOD ":method=CONNECT"
#define SCHEME ":scheme=https"
#define AUTHORITY ":authority=127.0.0.1:4450"
#define PATH ":path=" P2P_WT_PATH
#define PROTOCOL ":protocol=webtransport"

static void a_browsers_request_is_accepted(void **state) {
    (void)state;
    p2p_h3_request r;
    check_ok(
        read_request(&r, LINES(SCHEME, METHOD, AUTHORITY, PATH, PROTOCOL,
                             "sec-webtransport-http3-draft02=1", "origin=http://localhost:1")));
    check(p2p_wt_judge(&r) == 200 && r.draft_02);
    check_same(r.origin, P2P_LITERAL("http://localhost:1"));
    check_same(r.authority, P2P_LITERAL("127.0.0.1:4450"));
    check_ok(read_request(
        &r, LINES(METHOD, AUTHORITY, PATH, SCHEME, ":protocol=webtransport-h3", "te=trailers")));
    check(p2p_wt_judge(&r) == 200 && !r.draft_02 && r.origin.len == 0);
    check_ok(read_request(&r, LINES(METHOD, SCHEME, PATH, PROTOCOL, "host=a")));
    check_same(r.authority, P2P_LITERAL("a"));
}

static void requests_that_break_the_rules_are_malformed(void **state) {
    (void)state;
    const char *const *const BAD[] = {
        LINES(METHOD),
        LINES(METHOD, SCHEME, AUTHORITY, PATH), /* CONNECT without :protocol has no path */
        LINES(METHOD, SCHEME, PATH, PROTOCOL),  /* no authority */
        LINES(METHOD, AUTHORITY, PATH, PROTOCOL),
        LINES(METHOD, SCHEME, AUTHORITY, PROTOCOL),
        LINES(SCHEME, AUTHORITY, PATH, PROTOCOL),
        LINES(METHOD, METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL),
        LINES(METHOD, SCHEME, AUTHORITY, PATH, PATH, PROTOCOL),
        LINES(METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL, ":status=200"),
        LINES(METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL, ":other=1"),
        LINES(METHOD, SCHEME, AUTHORITY, PATH, "x=y", PROTOCOL), /* pseudo after regular */
        LINES(METHOD, SCHEME, ":authority=", PATH, PROTOCOL),
        LINES(":method=GET", SCHEME, AUTHORITY, PATH, PROTOCOL),
        LINES(":method=GET", SCHEME, PATH),
        LINES(METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL, "X-Upper=1"),
        LINES(METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL, "=1"),
        LINES(METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL, "a b=1"),
        LINES(METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL, "x=a\nb"),
        LINES(METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL, "x=a\r"),
        LINES(METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL, "x= a"),
        LINES(METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL, "x=a\t"),
        LINES(METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL, "connection=close"),
        LINES(METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL, "keep-alive=1"),
        LINES(METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL, "proxy-connection=1"),
        LINES(METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL, "transfer-encoding=chunked"),
        LINES(METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL, "upgrade=websocket"),
        LINES(METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL, "te=gzip"),
        LINES(METHOD, SCHEME, AUTHORITY, PATH, PROTOCOL, "host=other"),
        LINES(":method=GET", SCHEME, PATH, "host=a", "host=b"),
    };
    p2p_h3_request r;
    for (size_t i = 0; i < P2P_COUNT(BAD); i++)
        if (read_request(&r, BAD[i]) != P2P_ERR_MALFORMED)
            fail_msg("case %zu", i);
}

static unsigned judge(const char *const *lines) {
    p2p_h3_request r;
    check_ok(read_request(&r, lines));
    return p2p_wt_judge(&r);
}

#define LIBP2P "/.well-known/libp2p-webtransport"
#define ASK(path) LINES(METHOD, SCHEME, AUTHORITY, ":path=" path, PROTOCOL)

/* spec: webtransport #webtransport-http-endpoint: the endpoint MUST be located at
 * /.well-known/libp2p-webtransport. */
/* spec: webtransport #webtransport-http-endpoint: the handshake MUST be signaled by the URL
 * parameter type=noise. */
static void only_noise_on_the_one_path_is_served(void **state) {
    (void)state;
    check(judge(ASK(LIBP2P "?type=noise")) == 200);
    check(judge(ASK(LIBP2P "?a=b&type=noise&c")) == 200);
    check(judge(ASK(LIBP2P)) == 400);
    check(judge(ASK(LIBP2P "?")) == 400);
    check(judge(ASK(LIBP2P "?type")) == 400);
    check(judge(ASK(LIBP2P "?type=")) == 400);
    check(judge(ASK(LIBP2P "?type=tls")) == 400);
    check(judge(ASK(LIBP2P "?type=noise2")) == 400);
    check(judge(ASK(LIBP2P "?mytype=noise")) == 400);
    check(judge(ASK(LIBP2P "?type=noise&type=noise")) == 400);
    check(judge(ASK(LIBP2P "?type=noise&type=tls")) == 400);
    check(judge(ASK("/wt")) == 404);
    check(judge(ASK("/")) == 404);
    check(judge(ASK(LIBP2P "/?type=noise")) == 404);
    check(judge(LINES(METHOD, ":scheme=http", AUTHORITY, PATH, PROTOCOL)) == 400);
    check(judge(LINES(METHOD, SCHEME, AUTHORITY, PATH, ":protocol=websocket")) == 501);
    check(judge(LINES(METHOD, AUTHORITY)) == 501);
    check(judge(LINES(":method=GET", SCHEME, PATH, "host=a")) == 405);
    check(judge(LINES(":method=GET", SCHEME, ":path=/", AUTHORITY)) == 404);
}

typedef struct fixture {
    p2p_qpack *qpack;
    p2p_fields fields;
    uint8_t out[P2P_WT_REQUEST_MAX];
    p2p_writer writer;
} fixture;

static fixture *set_up(void) {
    fixture *f = calloc(1, sizeof *f);
    check_ok(p2p_qpack_new(&f->qpack, &PLAIN_MEM));
    p2p_fields_init(&f->fields, &PLAIN_MEM);
    f->writer = p2p_writer_of(f->out, sizeof f->out);
    return f;
}

static void tear_down(fixture *f) {
    p2p_fields_deinit(&f->fields);
    p2p_qpack_free(f->qpack);
    free(f);
}

/* The written frame as the other side reads it. */
static void read_back(fixture *f, bool server) {
    p2p_h3_reader r;
    p2p_h3_item item;
    p2p_h3_error error;
    p2p_bytes in = p2p_writer_view(&f->writer);
    p2p_h3_reader_init(&r, &PLAIN_MEM, server, server ? P2P_H3_PEER_BIDI : P2P_H3_OWN_REQUEST);
    check_ok(p2p_h3_reader_feed(&r, in, &item));
    if (server) {
        check(item.event == P2P_H3_GOT_STREAM && item.stream == P2P_H3_REQUEST);
        in = p2p_bytes_of(in.ptr + item.used, in.len - item.used);
        check_ok(p2p_h3_reader_feed(&r, in, &item));
    }
    check(item.event == P2P_H3_GOT_HEADERS && item.used == in.len);
    check_ok(p2p_qpack_decode(f->qpack, item.bytes, &f->fields, &error));
    p2p_h3_reader_deinit(&r);
}

static void own_requests_are_accepted_by_the_own_server(void **state) {
    (void)state;
    static const p2p_wt_dialect DIALECTS[] = {P2P_WT_DRAFT_02, P2P_WT_DRAFT_07, P2P_WT_DRAFT_15};
    for (size_t i = 0; i < 3; i++) {
        fixture *f = set_up();
        p2p_h3_request r;
        check_ok(p2p_wt_put_request(f->qpack, &f->writer, P2P_LITERAL("[2001:db8::1]:4001"),
            P2P_LITERAL(P2P_WT_PATH), DIALECTS[i]));
        read_back(f, true);
        check_ok(p2p_h3_request_read(&r, &f->fields));
        check(p2p_wt_judge(&r) == 200);
        check(r.draft_02 == (DIALECTS[i] == P2P_WT_DRAFT_02));
        check_same(r.authority, P2P_LITERAL("[2001:db8::1]:4001"));
        check_same(r.protocol, DIALECTS[i] == P2P_WT_DRAFT_15 ? P2P_LITERAL("webtransport-h3")
                                                              : P2P_LITERAL("webtransport"));
        tear_down(f);
    }
}

static void an_authority_that_cannot_be_is_refused(void **state) {
    (void)state;
    fixture *f = set_up();
    uint8_t text[P2P_WT_AUTHORITY_MAX + 1];
    memset(text, 'a', sizeof text);
    check_err(P2P_ERR_INVALID, p2p_wt_put_request(f->qpack, &f->writer, (p2p_bytes){0},
                                   P2P_LITERAL(P2P_WT_PATH), P2P_WT_DRAFT_02));
    check_err(P2P_ERR_INVALID, p2p_wt_put_request(f->qpack, &f->writer, P2P_LITERAL("a\r\nb"),
                                   P2P_LITERAL(P2P_WT_PATH), P2P_WT_DRAFT_02));
    check_err(
        P2P_ERR_INVALID, p2p_wt_put_request(f->qpack, &f->writer, p2p_bytes_of(text, sizeof text),
                             P2P_LITERAL(P2P_WT_PATH), P2P_WT_DRAFT_02));
    check_err(P2P_ERR_INVALID, p2p_wt_put_request(f->qpack, &f->writer, P2P_LITERAL("a"),
                                   P2P_LITERAL(P2P_WT_PATH), P2P_WT_NONE));
    check_ok(p2p_wt_put_request(f->qpack, &f->writer, p2p_bytes_of(text, sizeof text - 1),
        P2P_LITERAL(P2P_WT_PATH), P2P_WT_DRAFT_02));
    tear_down(f);
}

static void responses_carry_status_and_draft(void **state) {
    (void)state;
    static const unsigned STATUS[] = {200, 400, 404, 405, 501, 503};
    for (size_t i = 0; i < P2P_COUNT(STATUS); i++)
        for (size_t draft_02 = 0; draft_02 < 2; draft_02++) {
            fixture *f = set_up();
            unsigned status;
            check_ok(p2p_wt_put_response(f->qpack, &f->writer, STATUS[i], draft_02 == 1));
            read_back(f, false);
            check_ok(p2p_h3_response_read(&status, &f->fields));
            check(status == STATUS[i]);
            check(f->fields.count == (draft_02 == 1 && STATUS[i] == 200 ? 2 : 1));
            tear_down(f);
        }
    fixture *f = set_up();
    check_ok(p2p_wt_put_response(f->qpack, &f->writer, 200, true));
    read_back(f, false);
    check_same(f->fields.list[1].name, P2P_LITERAL("sec-webtransport-http3-draft"));
    check_same(f->fields.list[1].value, P2P_LITERAL("draft02"));
    tear_down(f);
}

static void a_plain_200_is_the_shortest_frame(void **state) {
    (void)state;
    fixture *f = set_up();
    check_ok(p2p_wt_put_response(f->qpack, &f->writer, 200, false));
    check_bytes(p2p_writer_view(&f->writer), "01 03 0000 d9");
    tear_down(f);
}

static void responses_that_break_the_rules_are_malformed(void **state) {
    (void)state;
    const char *const *const BAD[] = {
        LINES("x=y"),
        LINES(":status=200", ":status=200"),
        LINES("x=y", ":status=200"),
        LINES(":status=200", ":path=/"),
        LINES(":status=20"),
        LINES(":status=2000"),
        LINES(":status=2x0"),
        LINES(":status=099"),
        LINES(":status=101"),
        LINES(":status="),
        LINES(":status=200", "connection=close"),
    };
    p2p_fields fields;
    unsigned status;
    for (size_t i = 0; i < P2P_COUNT(BAD); i++) {
        check_ok(fill(&fields, BAD[i]));
        if (p2p_h3_response_read(&status, &fields) != P2P_ERR_MALFORMED)
            fail_msg("case %zu", i);
    }
    check_ok(fill(&fields, LINES(":status=103", "link=x")));
    check_ok(p2p_h3_response_read(&status, &fields));
    check(status == 103);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_browsers_request_is_accepted),
        cmocka_unit_test(requests_that_break_the_rules_are_malformed),
        cmocka_unit_test(only_noise_on_the_one_path_is_served),
        cmocka_unit_test(own_requests_are_accepted_by_the_own_server),
        cmocka_unit_test(an_authority_that_cannot_be_is_refused),
        cmocka_unit_test(responses_carry_status_and_draft),
        cmocka_unit_test(a_plain_200_is_the_shortest_frame),
        cmocka_unit_test(responses_that_break_the_rules_are_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
