/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A host that asks, and a server that is this file. */
#include "webrtc/stun_client.h"

#include "support/datagram_host.h"
#include "webrtc/stun.h"

static const p2p_sockaddr SERVER = {.family = 4, .ip = {192, 0, 2, 7}, .port = 3478};
static const p2p_sockaddr SEEN = {.family = 4, .ip = {203, 0, 113, 9}, .port = 61000};

typedef struct asker {
    datagram_host h;
    p2p_stun_query *query;
    size_t answers;
    p2p_stun_answer answer;
    char software[64];
} asker;

static void answered(void *ctx, const p2p_stun_answer *answer) {
    asker *a = ctx;
    a->answers++;
    a->answer = *answer;
    snprintf(a->software, sizeof a->software, "%.*s", (int)answer->software.len,
        (const char *)answer->software.ptr);
}

static void start(asker *a) {
    memset(a, 0, sizeof *a);
    datagram_host_start(&a->h, 1, NULL);
}

static p2p_err ask(asker *a, const char *server, const p2p_stun_options *options) {
    p2p_multiaddr addr;
    check_ok(p2p_multiaddr_parse(&addr, server, NULL));
    p2p_err err = p2p_stun_ask(&a->query, a->h.host, &addr, options, answered, a);
    datagram_host_pump(&a->h);
    datagram_host_pass(&a->h, 0);
    return err;
}

/* The server's answer to datagram `i`, which is said to have come from `seen`. */
static void answer_as(asker *a, size_t i, const p2p_sockaddr *server, const p2p_sockaddr *seen) {
    uint8_t text[256];
    size_t len;
    check_ok(p2p_stun_write_success(
        text, sizeof text, &len, a->h.out[i].bytes + 8, seen, (p2p_bytes){0}));
    datagram_host_give(&a->h, server, text, len);
}

static void the_answer_is_told_once(void **state) {
    (void)state;
    asker a;
    start(&a);
    check_ok(ask(&a, "/ip4/192.0.2.7/udp/3478", NULL));
    check(a.h.out_count == 1);
    check(p2p_sockaddr_equal(&a.h.out[0].to, &SERVER));
    a.h.now += 30 * P2P_MILLISECOND;
    answer_as(&a, 0, &SERVER, &SEEN);
    answer_as(&a, 0, &SERVER, &SERVER);
    check(a.answers == 1);
    check_ok(a.answer.err);
    check(p2p_sockaddr_equal(&a.answer.mapped, &SEEN));
    check(p2p_sockaddr_equal(&a.answer.server, &SERVER));
    check(p2p_sockaddr_equal(&a.answer.local, &a.h.local));
    check(a.answer.requests == 1);
    check(a.answer.took == 30 * P2P_MILLISECOND);
    check(p2p_host_deadline(a.h.host) == P2P_NEVER);
    datagram_host_stop(&a.h);
}

/* RFC 8489 §6.2.1: RTO 500 ms, Rc 7, Rm 16. */
static void a_silent_server_is_asked_as_the_rfc_says(void **state) {
    (void)state;
    static const unsigned AT_MS[] = {500, 1500, 3500, 7500, 15500, 31500};
    asker a;
    start(&a);
    p2p_time began = a.h.now;
    check_ok(ask(&a, "/ip4/192.0.2.7/udp/3478", NULL));
    for (size_t i = 0; i < P2P_COUNT(AT_MS); i++) {
        p2p_time due = began + AT_MS[i] * P2P_MILLISECOND;
        datagram_host_pass(&a.h, due - 1 - a.h.now);
        check(a.h.out_count == i + 1);
        datagram_host_pass(&a.h, 1);
        check(a.h.out_count == i + 2);
        check(memcmp(a.h.out[0].bytes, a.h.out[i + 1].bytes, a.h.out[0].len) == 0);
    }
    datagram_host_pass(&a.h, began + 39500 * P2P_MILLISECOND - 1 - a.h.now);
    check(a.answers == 0);
    datagram_host_pass(&a.h, 1);
    check(a.answers == 1);
    check(a.answer.err == P2P_ERR_TIMEOUT);
    check(a.answer.requests == 7);
    check(a.h.out_count == 7);
    datagram_host_stop(&a.h);
}

static void a_late_answer_to_the_first_request_counts(void **state) {
    (void)state;
    asker a;
    start(&a);
    check_ok(ask(&a, "/ip4/192.0.2.7/udp/3478/quic-v1", NULL));
    datagram_host_pass(&a.h, 2 * P2P_SECOND);
    check(a.h.out_count == 3);
    answer_as(&a, 0, &SERVER, &SEEN);
    check(a.answers == 1);
    check(a.answer.requests == 3);
    datagram_host_stop(&a.h);
}

static void answers_of_others_are_not_believed(void **state) {
    (void)state;
    asker a;
    start(&a);
    check_ok(ask(&a, "/ip4/192.0.2.7/udp/3478", NULL));
    p2p_sockaddr other = SERVER;
    other.port++;
    answer_as(&a, 0, &other, &SEEN);
    a.h.out[0].bytes[19] ^= 1; /* another transaction */
    answer_as(&a, 0, &SERVER, &SEEN);
    check(a.answers == 0);
    a.h.out[0].bytes[19] ^= 1;
    datagram_host_give(&a.h, &SERVER, a.h.out[0].bytes, a.h.out[0].len); /* a request */
    datagram_host_give(&a.h, &SERVER, (const uint8_t *)"\0\1", 2);
    check(a.answers == 0);
    uint8_t text[256];
    size_t len;
    check_ok(p2p_stun_write_success(
        text, sizeof text, &len, a.h.out[0].bytes + 8, &SEEN, (p2p_bytes){0}));
    text[len - 1] ^= 1; /* FINGERPRINT */
    datagram_host_give(&a.h, &SERVER, text, len);
    check(a.answers == 0);
    datagram_host_stop(&a.h);
}

static void an_error_response_ends_it_with_its_code(void **state) {
    (void)state;
    asker a;
    uint8_t text[256];
    size_t len;
    start(&a);
    check_ok(ask(&a, "/ip4/192.0.2.7/udp/3478", NULL));
    check_ok(p2p_stun_write_error(text, sizeof text, &len, a.h.out[0].bytes + 8,
        P2P_STUN_UNAUTHENTICATED, NULL, 0, (p2p_bytes){0}));
    datagram_host_give(&a.h, &SERVER, text, len);
    check(a.answers == 1);
    check(a.answer.err == P2P_ERR_UNSUPPORTED);
    check(a.answer.code == 401);
    datagram_host_stop(&a.h);
}

static void a_success_without_an_address_is_malformed(void **state) {
    (void)state;
    asker a;
    uint8_t text[512], name[300];
    size_t len;
    memset(name, 'x', sizeof name);
    start(&a);
    check_ok(ask(&a, "/ip4/192.0.2.7/udp/3478", NULL));
    p2p_writer w =
        p2p_stun_begin(text, sizeof text, P2P_STUN_SUCCESS, P2P_STUN_BINDING, a.h.out[0].bytes + 8);
    p2p_stun_put(&w, P2P_STUN_SOFTWARE, p2p_bytes_of(name, sizeof name));
    check_ok(p2p_stun_finish(&w, &len));
    datagram_host_give(&a.h, &SERVER, text, len);
    check(a.answers == 1);
    check(a.answer.err == P2P_ERR_MALFORMED);
    check(strlen(a.software) < sizeof name);
    datagram_host_stop(&a.h);
}

/* The host's request for a name, answered with these addresses. */
static void answer_name(asker *a, p2p_err err, const p2p_sockaddr *addrs, size_t count) {
    p2p_host_input(a->h.host, &(p2p_input){.type = P2P_INPUT_RESOLVED,
                                  .now = a->h.now,
                                  .request = 1,
                                  .err = err,
                                  .addrs = addrs,
                                  .addr_count = count});
    datagram_host_pump(&a->h);
    datagram_host_pass(&a->h, 0);
}

static void a_name_is_resolved_first(void **state) {
    (void)state;
    asker a;
    p2p_sockaddr resolved = SERVER;
    resolved.port = 0;
    start(&a);
    check_ok(ask(&a, "/dns4/stun.example.org/udp/3478", NULL));
    check(a.h.out_count == 0);
    answer_name(&a, P2P_OK, &resolved, 1);
    check(a.h.out_count == 1);
    answer_as(&a, 0, &SERVER, &SEEN);
    check(a.answers == 1);
    check_ok(a.answer.err);
    datagram_host_stop(&a.h);
}

static void a_name_without_an_address_ends_it(void **state) {
    (void)state;
    asker a;
    start(&a);
    check_ok(ask(&a, "/dns/stun.example.org/udp/3478", NULL));
    answer_name(&a, P2P_ERR_RESOLVE, NULL, 0);
    check(a.answers == 1);
    check(a.answer.err == P2P_ERR_RESOLVE);
    check(a.answer.server.family == 0);
    check(a.answer.requests == 0);
    datagram_host_stop(&a.h);
}

static void it_can_be_given_up_at_any_time(void **state) {
    (void)state;
    asker a;
    start(&a);
    check_ok(ask(&a, "/dns/stun.example.org/udp/3478", NULL));
    p2p_stun_cancel(a.query);
    check_ok(ask(&a, "/ip4/192.0.2.7/udp/3478", NULL));
    p2p_stun_cancel(a.query);
    answer_as(&a, 0, &SERVER, &SEEN);
    datagram_host_pass(&a.h, 60 * P2P_SECOND);
    check(a.answers == 0);
    check_ok(ask(&a, "/dns/stun.example.org/udp/3478", NULL)); /* and so can the host */
    check_ok(ask(&a, "/ip4/192.0.2.7/udp/3478", NULL));
    datagram_host_stop(&a.h);
}

static void what_makes_no_sense_is_refused(void **state) {
    (void)state;
    asker a;
    start(&a);
    check_err(P2P_ERR_INVALID, ask(&a, "/ip4/192.0.2.7/tcp/3478", NULL));
    check_err(P2P_ERR_INVALID, ask(&a, "/dns/stun.example.org/tcp/3478", NULL));
    check_err(P2P_ERR_INVALID, ask(&a, "/dnsaddr/stun.example.org/udp/3478", NULL));
    p2p_stun_options options = {.size = sizeof options, .requests = 17};
    check_err(P2P_ERR_INVALID, ask(&a, "/ip4/192.0.2.7/udp/3478", &options));
    options = (p2p_stun_options){.size = 1};
    check_err(P2P_ERR_INVALID, ask(&a, "/ip4/192.0.2.7/udp/3478", &options));
    for (size_t i = 0; i < P2P_STUN_QUERIES_MAX; i++)
        check_ok(ask(&a, "/ip4/192.0.2.7/udp/3478", NULL));
    check_err(P2P_ERR_LIMIT, ask(&a, "/ip4/192.0.2.7/udp/3478", NULL));
    datagram_host_stop(&a.h);
}

/* Whatever request for memory fails, the question is refused or ends once, and nothing is left. */
static void every_lack_of_memory_ends_well(void **state) {
    (void)state;
    bool failed = true;
    for (size_t n = 1; failed; n++) {
        asker a;
        start(&a);
        a.h.mem.fail_at = a.h.mem.requests + n;
        p2p_err err = ask(&a, "/ip4/192.0.2.7/udp/3478", NULL);
        datagram_host_pass(&a.h, P2P_SECOND);
        if (a.h.out_count > 0)
            answer_as(&a, 0, &SERVER, &SEEN);
        datagram_host_pass(&a.h, 60 * P2P_SECOND);
        failed = a.h.mem.requests >= a.h.mem.fail_at;
        check(a.answers == (err == P2P_OK ? 1 : 0));
        check(failed || err == P2P_OK);
        datagram_host_stop(&a.h);
    }
}

static void the_question_leaves_from_the_port_that_listens(void **state) {
    (void)state;
    asker a;
    start(&a);
    datagram_host_listen(&a.h);
    p2p_socket listening = a.h.socket;
    check_ok(ask(&a, "/ip4/192.0.2.7/udp/3478", NULL));
    check(a.h.socket == listening); /* no second one was bound */
    check(a.h.out_count == 1);
    datagram_host_stop(&a.h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_is_told_once),
        cmocka_unit_test(a_silent_server_is_asked_as_the_rfc_says),
        cmocka_unit_test(a_late_answer_to_the_first_request_counts),
        cmocka_unit_test(answers_of_others_are_not_believed),
        cmocka_unit_test(an_error_response_ends_it_with_its_code),
        cmocka_unit_test(a_success_without_an_address_is_malformed),
        cmocka_unit_test(a_name_is_resolved_first),
        cmocka_unit_test(a_name_without_an_address_ends_it),
        cmocka_unit_test(it_can_be_given_up_at_any_time),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(every_lack_of_memory_ends_well),
        cmocka_unit_test(the_question_leaves_from_the_port_that_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
