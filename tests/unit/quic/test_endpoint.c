/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a listening endpoint does with what strangers send, and what it keeps for them: nothing. */
#include "quic/quic.h"
#include "support/datagram_host.h"

enum { INITIAL_MIN = 1200 };

static const p2p_sockaddr STRANGER = {.family = 4, .ip = {192, 0, 2, 1}, .port = 999};

static p2p_quic_endpoint *endpoint_of(datagram_host *h) {
    p2p_quic_endpoint *endpoint;
    check_ok(p2p_quic_endpoint_get(&endpoint, &h->host->env));
    return endpoint;
}

static p2p_quic_counters counters_of(datagram_host *h) {
    p2p_quic_counters counters;
    p2p_quic_get_counters(endpoint_of(h), &counters);
    return counters;
}

/* A long header: version, two connection ids of eight bytes, then nothing that makes sense. */
static void long_packet(uint8_t *packet, size_t len, uint32_t version) {
    memset(packet, 0x5a, len);
    packet[0] = 0xc0;
    packet[1] = (uint8_t)(version >> 24);
    packet[2] = (uint8_t)(version >> 16);
    packet[3] = (uint8_t)(version >> 8);
    packet[4] = (uint8_t)version;
    packet[5] = 8;
    memset(packet + 6, 0xdd, 8);
    packet[14] = 8;
    memset(packet + 15, 0xcc, 8);
}

/* spec: rfc9000 #6.1: a server that does not support the version SHOULD send a Version Negotiation
 * packet. */
static void an_unknown_version_is_answered_with_ours(void **state) {
    (void)state;
    datagram_host server;
    uint8_t packet[INITIAL_MIN];
    datagram_host_start(&server, 1, NULL);
    datagram_host_listen(&server);
    long_packet(packet, sizeof packet, 0x1a2a3a4a);
    datagram_host_give(&server, &STRANGER, packet, sizeof packet);
    check(server.out_count == 1);
    const datagram *answer = &server.out[0];
    check(p2p_sockaddr_equal(&answer->to, &STRANGER));
    check((answer->bytes[0] & 0xc0) == 0xc0);
    /* Version 0, the ids exchanged, version 1 (RFC 9000 §17.2.1). */
    check_bytes(p2p_bytes_of(answer->bytes + 1, answer->len - 1),
        "00000000 08 cccccccccccccccc 08 dddddddddddddddd 00000001");
    /* QUIC version 2, which ngtcp2 knows, is not ours either. */
    long_packet(packet, sizeof packet, 0x6b3343cf);
    datagram_host_give(&server, &STRANGER, packet, sizeof packet);
    check(server.out_count == 2);
    /* Too short to be a first packet: an answer could be larger than the question. */
    long_packet(packet, sizeof packet, 0x1a2a3a4a);
    datagram_host_give(&server, &STRANGER, packet, INITIAL_MIN - 1);
    check(server.out_count == 2);
    datagram_host_stop(&server);
}

static void answers_to_strangers_are_rationed(void **state) {
    (void)state;
    datagram_host server;
    uint8_t packet[INITIAL_MIN];
    datagram_host_start(&server, 1, NULL);
    datagram_host_listen(&server);
    long_packet(packet, sizeof packet, 0x1a2a3a4a);
    for (int i = 0; i < 1000; i++)
        datagram_host_give(&server, &STRANGER, packet, sizeof packet);
    check(server.out_count == 20);
    datagram_host_pass(&server, 100 * P2P_MILLISECOND);
    for (int i = 0; i < 1000; i++)
        datagram_host_give(&server, &STRANGER, packet, sizeof packet);
    check(server.out_count == 25); /* fifty a second */
    datagram_host_stop(&server);
}

/* spec: rfc9000 #10.3.3: an endpoint MUST ensure that every stateless reset is smaller than the
 * packet that triggered it. */
static void a_packet_of_a_lost_connection_is_answered_by_a_reset(void **state) {
    (void)state;
    datagram_host server;
    uint8_t packet[100];
    datagram_host_start(&server, 1, NULL);
    datagram_host_listen(&server);
    memset(packet, 0x33, sizeof packet);
    packet[0] = 0x41;
    datagram_host_give(&server, &STRANGER, packet, sizeof packet);
    check(server.out_count == 1);
    check(server.out[0].len == 43);
    check((server.out[0].bytes[0] & 0xc0) == 0x40);
    /* The token depends on the connection id alone. */
    packet[50] ^= 1;
    datagram_host_give(&server, &STRANGER, packet, sizeof packet);
    check(server.out_count == 2);
    check_same(
        p2p_bytes_of(server.out[0].bytes + 27, 16), p2p_bytes_of(server.out[1].bytes + 27, 16));
    packet[1] ^= 1;
    datagram_host_give(&server, &STRANGER, packet, sizeof packet);
    check(memcmp(server.out[0].bytes + 27, server.out[2].bytes + 27, 16) != 0);
    /* Nothing as short as the answer, and nothing that hole punching sends. */
    datagram_host_give(&server, &STRANGER, packet, 43);
    datagram_host_give(&server, &STRANGER, packet, 64);
    check(server.out_count == 3);
    datagram_host_stop(&server);
}

static void garbage_costs_nothing(void **state) {
    (void)state;
    datagram_host server;
    uint8_t packet[1500];
    datagram_host_start(&server, 1, NULL);
    datagram_host_listen(&server);
    datagram_host_pass(&server, P2P_SECOND);
    seeded_random noise;
    seeded_random_init(&noise, 99);
    size_t before = server.mem.live_bytes;
    for (int i = 0; i < 5000; i++) {
        size_t len = 1 + seeded_random_next(&noise) % sizeof packet;
        noise.random.fill(noise.random.ctx, packet, len);
        datagram_host_give(&server, &STRANGER, packet, len);
    }
    check(server.mem.live_bytes == before);
    check(server.out_count <= 60);
    p2p_quic_counters counters = counters_of(&server);
    check(counters.conns == 0 && counters.half_open == 0);
    datagram_host_stop(&server);
}

/* Takes a client's first datagrams, each of another connection. */
static size_t first_packets(datagram *kept, size_t max) {
    datagram_host client, nobody;
    size_t count = 0;
    datagram_host_start(&nobody, 1, NULL);
    datagram_host_start(&client, 2, NULL);
    while (count < max) {
        datagram_host_clear(&client);
        datagram_host_dial(&client, &nobody);
        check(client.out_count > 0);
        kept[count++] = client.out[0];
    }
    datagram_host_stop(&client);
    datagram_host_stop(&nobody);
    return count;
}

static void a_flood_of_first_packets_is_bounded(void **state) {
    (void)state;

    enum { FLOOD = 64, RETRY_ABOVE = 8 };

    datagram_host server;
    datagram *flood = calloc(FLOOD, sizeof *flood);
    size_t count = first_packets(flood, FLOOD);
    datagram_host_start(&server, 1, NULL);
    datagram_host_listen(&server);
    p2p_quic_set_retry_above(endpoint_of(&server), RETRY_ABOVE);
    for (size_t i = 0; i < count; i++) {
        p2p_sockaddr from = STRANGER;
        from.port = (uint16_t)(1000 + i);
        datagram_host_give(&server, &from, flood[i].bytes, flood[i].len);
    }
    p2p_quic_counters counters = counters_of(&server);
    check(counters.half_open == RETRY_ABOVE && counters.conns == RETRY_ABOVE);
    check(counters.retries == FLOOD - RETRY_ABOVE);
    /* Never more than three times what came from an address that is not proven. */
    size_t sent = 0;
    for (size_t i = 0; i < server.out_count; i++)
        if (server.out[i].to.port == 1000)
            sent += server.out[i].len;
    check(sent > 0 && sent <= 3 * flood[0].len);
    /* A copy of a first packet is no second connection. */
    p2p_sockaddr again = STRANGER;
    again.port = 1000;
    datagram_host_give(&server, &again, flood[0].bytes, flood[0].len);
    check(counters_of(&server).conns == RETRY_ABOVE);
    /* Those who never answer are forgotten. */
    datagram_host_pass(&server, 60 * P2P_SECOND);
    counters = counters_of(&server);
    check(counters.half_open == 0 && counters.conns == 0 && counters.closed_kept == 0);
    datagram_host_stop(&server);
    free(flood);
}

static void pending_handshakes_have_a_maximum(void **state) {
    (void)state;

    enum { FLOOD = 32 };

    datagram_host server;
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.limits.pending_inbound = 4;
    datagram *flood = calloc(FLOOD, sizeof *flood);
    size_t count = first_packets(flood, FLOOD);
    datagram_host_start(&server, 1, &config);
    datagram_host_listen(&server);
    for (size_t i = 0; i < count; i++)
        datagram_host_give(&server, &STRANGER, flood[i].bytes, flood[i].len);
    check(counters_of(&server).half_open == 4);
    datagram_host_stop(&server);
    free(flood);
}

static void start_pair(datagram_host *server, datagram_host *client) {
    datagram_host_start(server, 1, NULL);
    datagram_host_start(client, 2, NULL);
    datagram_host_listen(server);
}

static void a_client_that_proves_its_address_comes_in(void **state) {
    (void)state;
    datagram_host server, client;
    start_pair(&server, &client);
    p2p_quic_set_retry_above(endpoint_of(&server), 0);
    datagram_host_dial(&client, &server);
    datagram_hosts_talk(&client, &server, 50);
    check(counters_of(&server).retries == 1);
    check(server.connected == 1 && client.connected == 1);
    datagram_host_stop(&client);
    datagram_host_stop(&server);
}

/* spec: rfc9000 #8.1.2: a server MUST be able to tell a token of a Retry from others, and that it
 * was sent to this client. */
static void a_token_is_worth_nothing_elsewhere(void **state) {
    (void)state;
    datagram_host server, client;
    start_pair(&server, &client);
    p2p_quic_set_retry_above(endpoint_of(&server), 0);
    datagram_host_dial(&client, &server);
    check(client.out_count == 1);
    datagram_host_give(&server, &client.local, client.out[0].bytes, client.out[0].len);
    datagram_host_clear(&client);
    check(server.out_count == 1);
    datagram_host_give(&client, &server.local, server.out[0].bytes, server.out[0].len);
    datagram_host_clear(&server);
    check(client.out_count > 0);
    /* The client's second try, sent from another address. */
    datagram_host_give(&server, &STRANGER, client.out[0].bytes, client.out[0].len);
    p2p_quic_counters counters = counters_of(&server);
    check(counters.conns == 0 && counters.refused == 1);
    datagram_host_stop(&client);
    datagram_host_stop(&server);
}

static const char *const IDS[] = {"/nobody/speaks/this/1.0.0", NULL};

static const p2p_protocol PROTOCOL = {.size = sizeof(p2p_protocol), .ids = IDS};

static void a_restarted_server_ends_its_old_connections(void **state) {
    (void)state;
    datagram_host server, client;
    start_pair(&server, &client);
    datagram_host_dial(&client, &server);
    datagram_hosts_talk(&client, &server, 50);
    check(client.connected == 1);
    datagram_host_stop(&server);
    datagram_host_start(&server, 1, NULL); /* the same key */
    datagram_host_listen(&server);
    check_ok(p2p_conn_open(client.conn, &PROTOCOL, NULL, NULL));
    datagram_host_pass(&client, 1);
    check(client.out_count > 0);
    datagram_hosts_talk(&client, &server, 10);
    check(client.disconnected == 1);
    check_err(P2P_ERR_RESET, client.reason.err);
    check(strstr(client.reason.text, "stateless reset") != NULL);
    datagram_host_stop(&client);
    datagram_host_stop(&server);
}

static void a_closed_connection_answers_late_packets_less_and_less(void **state) {
    (void)state;
    datagram_host server, client;
    start_pair(&server, &client);
    datagram_host_dial(&client, &server);
    datagram_hosts_talk(&client, &server, 50);
    check_ok(p2p_conn_open(client.conn, &PROTOCOL, NULL, NULL));
    datagram_host_pass(&client, 1);
    check(client.out_count > 0);
    datagram late = client.out[0];
    p2p_conn_abort(server.conn, 5);
    datagram_host_pump(&server);
    datagram_host_pass(&server, 1);
    check(server.out_count > 0);
    datagram_host_clear(&server);
    check(counters_of(&server).closed_kept == 1);
    for (int i = 0; i < 31; i++)
        datagram_host_give(&server, &client.local, late.bytes, late.len);
    check(server.out_count == 5); /* the 1st, 3rd, 7th, 15th and 31st */
    datagram_host_pass(&server, 10 * P2P_SECOND);
    check(counters_of(&server).closed_kept == 0);
    datagram_host_stop(&client);
    datagram_host_stop(&server);
}

static void any_flipped_bit_in_the_handshake_is_survived(void **state) {
    (void)state;
    for (unsigned seed = 0; seed < 60; seed++) {
        datagram_host server, client;
        seeded_random random;
        seeded_random_init(&random, seed);
        start_pair(&server, &client);
        datagram_host_dial(&client, &server);
        for (int round = 0; round < 30; round++) {
            datagram_host *from = round % 2 == 0 ? &client : &server;
            datagram_host *to = round % 2 == 0 ? &server : &client;
            for (size_t i = 0; i < from->out_count; i++) {
                datagram *d = &from->out[i];
                if (seeded_random_next(&random) % 3 == 0)
                    d->bytes[seeded_random_next(&random) % d->len] ^=
                        (uint8_t)(1 << seeded_random_next(&random) % 8);
                datagram_host_give(to, &d->from, d->bytes, d->len);
            }
            datagram_host_clear(from);
            datagram_host_pass(&client, 100 * P2P_MILLISECOND);
            datagram_host_pass(&server, 100 * P2P_MILLISECOND);
        }
        datagram_host_stop(&client);
        datagram_host_stop(&server);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_version_is_answered_with_ours),
        cmocka_unit_test(answers_to_strangers_are_rationed),
        cmocka_unit_test(a_packet_of_a_lost_connection_is_answered_by_a_reset),
        cmocka_unit_test(garbage_costs_nothing),
        cmocka_unit_test(a_flood_of_first_packets_is_bounded),
        cmocka_unit_test(pending_handshakes_have_a_maximum),
        cmocka_unit_test(a_client_that_proves_its_address_comes_in),
        cmocka_unit_test(a_token_is_worth_nothing_elsewhere),
        cmocka_unit_test(a_restarted_server_ends_its_old_connections),
        cmocka_unit_test(a_closed_connection_answers_late_packets_less_and_less),
        cmocka_unit_test(any_flipped_bit_in_the_handshake_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
