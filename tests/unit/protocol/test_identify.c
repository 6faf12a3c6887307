/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/bytes.h"
#include "base/cursor.h"
#include "base/proto.h"
#include "protocol/identify_message.h"

#include "unit/protocol/pair.h"

static pair p;
static uint8_t told[200000];
static size_t told_len, told_at;
static bool keep_open;
static size_t identified;
static char agent[64];
static size_t protocol_count;

static const char *const IDS[] = {"/ipfs/id/1.0.0", NULL};

static void tell(p2p_stream *stream, void *self) {
    (void)self;
    told_at += p2p_stream_write(stream, p2p_bytes_of(told + told_at, told_len - told_at));
    if (told_at == told_len && !keep_open)
        p2p_stream_shut(stream);
}

static void note(node *self, const p2p_event *event) {
    (void)self;
    if (event->type != P2P_EVENT_IDENTIFIED)
        return;
    identified++;
    snprintf(agent, sizeof agent, "%.*s", (int)event->info->agent.len,
        (const char *)event->info->agent.ptr);
    protocol_count = event->info->protocol_count;
}

/* A connection whose peer answers identify with `told`. */
static void ask(void) {
    p2p_protocol answer = pair_protocol(IDS, tell, NULL);
    answer.writable = tell;
    identified = told_at = 0;
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.no_identify = true;
    world_init(&p.w, 91);
    p.a = world_add(&p.w, NULL);
    p.b = world_add(&p.w, &config);
    p.a->on_event = note;
    check_ok(p2p_host_add_protocol(p.b->host, &answer, NULL));
    world_listen(p.b, "/tcp/4001");
    world_dial(p.a, p.b);
    world_run(&p.w, 30 * P2P_SECOND);
    /* Whatever was said: the connection goes on, and the stream does not. */
    check(p.a->disconnected == 0);
    check(p2p_conn_next_stream(p.a->last_conn, NULL) == NULL);
    world_deinit(&p.w);
}

static void begin(void) {
    told_len = 0;
    keep_open = false;
}

static void say(unsigned field, const char *text, size_t padding) {
    static char block[20000];
    size_t len = strlen(text) + padding;
    memset(block, 'x', len);
    memcpy(block, text, strlen(text));
    p2p_writer body = p2p_writer_of(NULL, 0);
    p2p_proto_put_bytes(&body, field, p2p_bytes_of((uint8_t *)block, len));
    p2p_writer w = p2p_writer_of(told + told_len, sizeof told - told_len);
    p2p_writer_uvarint(&w, body.len);
    p2p_proto_put_bytes(&w, field, p2p_bytes_of((uint8_t *)block, len));
    check_ok(p2p_writer_end(&w));
    told_len += w.len;
}

static void several_messages_are_merged(void **state) {
    (void)state;
    begin();
    say(6, "first", 0);
    say(3, "/p/1", 0);
    say(3, "/p/2", 0);
    say(6, "second", 0);
    ask();
    check(identified == 1 && protocol_count == 2);
    assert_string_equal(agent, "second");
}

static void ten_messages_of_eight_kibibytes_are_the_most(void **state) {
    (void)state;
    begin();
    say(6, "agent", 0);
    for (size_t i = 0; i < 9; i++)
        say(99, "", 8000);
    ask();
    check(identified == 1);
    say(6, "x", 0);
    ask();
    check(identified == 0);
    begin();
    say(6, "agent", 0);
    say(99, "", P2P_IDENTIFY_READ_MAX - 4); /* with its tag and length just 8192, then 8193 */
    ask();
    check(identified == 1);
    begin();
    say(6, "agent", 0);
    say(99, "", P2P_IDENTIFY_READ_MAX - 3);
    ask();
    check(identified == 0);
}

static void an_answer_without_an_end_times_out(void **state) {
    (void)state;
    begin();
    say(6, "agent", 0);
    keep_open = true;
    ask();
    check(identified == 0);
}

static void an_empty_cut_or_broken_answer_is_nothing(void **state) {
    (void)state;
    begin();
    ask();
    check(identified == 0);
    say(6, "agent", 0);
    told_len--;
    ask();
    check(identified == 0);
    begin();
    memset(told, 0xff, told_len = 1000);
    ask();
    check(identified == 0);
    begin();
    memcpy(told, "\x02\x0a\x50", told_len = 3); /* a field longer than its message */
    ask();
    check(identified == 0);
}

/* --- the signed record --- */

static size_t signed_count;

static void note_signed(node *self, const p2p_event *event) {
    (void)self;
    static p2p_peer_record record;
    if (event->type == P2P_EVENT_IDENTIFIED &&
        p2p_peer_record_open(&record, event->info->signed_record) == P2P_OK)
        signed_count = record.addr_count;
}

/* Addresses of WebTransport are the longest: two hashes each. */
static void a_record_that_would_be_too_large_holds_fewer_addresses(void **state) {
    (void)state;
    p2p_sockaddr many[60];
    p2p_multiaddr addr;
    size_t told_by_host = 0;
    signed_count = 0;
    world_init(&p.w, 92);
    p.a = world_add(&p.w, NULL);
    p.b = world_add(&p.w, NULL);
    p.a->on_event = note_signed;
    world_listen(p.b, "/tcp/4001");
    for (size_t i = 0; i < P2P_COUNT(many); i++)
        many[i] = (p2p_sockaddr){.family = 6, .ip = {0x20, 1, 0x0d, 0xb8, [15] = (uint8_t)(i + 1)}};
    p2p_host_input(p.b->host, &(p2p_input){.type = P2P_INPUT_INTERFACES,
                                  .now = p.w.now,
                                  .addrs = many,
                                  .addr_count = P2P_COUNT(many)});
    check_ok(p2p_multiaddr_parse(&addr, "/ip6/::/udp/4001/quic-v1/webtransport", NULL));
    check_ok(p2p_host_listen(p.b->host, &addr, NULL));
    world_pump(p.b);
    world_run(&p.w, P2P_SECOND);
    while (p2p_host_addr(p.b->host, told_by_host, &addr))
        told_by_host++;
    world_dial(p.a, p.b);
    world_run(&p.w, 5 * P2P_SECOND);
    check(told_by_host > 40);
    if (signed_count < 30 || signed_count >= told_by_host)
        fail_msg("%zu addresses, %zu of them signed", told_by_host, signed_count);
    world_deinit(&p.w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_messages_are_merged),
        cmocka_unit_test(ten_messages_of_eight_kibibytes_are_the_most),
        cmocka_unit_test(an_answer_without_an_end_times_out),
        cmocka_unit_test(an_empty_cut_or_broken_answer_is_nothing),
        cmocka_unit_test(a_record_that_would_be_too_large_holds_fewer_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
