/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include "lossy_link.h"
#include "webrtc/ice_agent.h"

/*
 *   agent 0 ── server:9 ───────── path ───────── client:5000, later client:6000 ── agent 1
 *
 * A datagram on the link begins with the addresses it has on the wire.
 */
typedef struct world {
    lossy_link link;
    p2p_ice *agents[2];
    p2p_sockaddr addresses[2]; /* what the other side sees; packets to another one are lost */
    p2p_sockaddr second;       /* of agent 0, if family is set */
    p2p_time now;
    p2p_ice_event last[2];
    unsigned events[2][4];
    size_t received[2];
    seeded_random random;
} world;

static const p2p_sockaddr server_address = {.family = 4, .ip = {192, 0, 2, 1}, .port = 9};
static const p2p_sockaddr client_address = {.family = 4, .ip = {198, 51, 100, 1}, .port = 5000};
static const p2p_mem plain_mem;

static p2p_ice_candidate host(const p2p_sockaddr *addr) {
    return (p2p_ice_candidate){
        .kind = P2P_ICE_HOST, .addr = *addr, .priority = p2p_ice_priority(P2P_ICE_HOST, 100)};
}

static const p2p_ice_credentials one = {
    .local_ufrag = {(const uint8_t *)"aaaa", 4},
    .local_pwd = {(const uint8_t *)"AAAAAAAAAAAAAAAAAAAAAA", 22},
    .remote_ufrag = {(const uint8_t *)"bbbb", 4},
    .remote_pwd = {(const uint8_t *)"BBBBBBBBBBBBBBBBBBBBBB", 22},
};

static p2p_ice_credentials turned(p2p_ice_credentials c) {
    return (p2p_ice_credentials){c.remote_ufrag, c.remote_pwd, c.local_ufrag, c.local_pwd};
}

static void world_open(world *w, uint64_t seed, unsigned loss, p2p_ice_config server,
    p2p_ice_config client, const p2p_mem *mem) {
    memset(w, 0, sizeof *w);
    link_init(&w->link, seed, loss, 20 * P2P_MILLISECOND, loss > 0 ? 50 * P2P_MILLISECOND : 0);
    seeded_random_init(&w->random, seed + 1000);
    w->addresses[0] = server_address;
    w->addresses[1] = client_address;
    check_ok(p2p_ice_new(&w->agents[0], &server, mem, &w->random.random, 0));
    check_ok(p2p_ice_new(&w->agents[1], &client, mem, &w->random.random, 0));
}

/* A lite listener and the dialler of webrtc-direct, by version. */
static void world_direct(world *w, uint64_t seed, unsigned loss, int version) {
    char text[64];
    seeded_random random;
    seeded_random_init(&random, seed);
    p2p_ice_credentials c = version == 1 ? p2p_ice_direct_v1(text, &random.random)
                                         : p2p_ice_direct_v2(text, &random.random);
    world_open(w, seed, loss, (p2p_ice_config){.credentials = turned(c), .lite = true},
        (p2p_ice_config){.credentials = c, .controlling = true, .remote_lite = true}, &plain_mem);
    p2p_ice_candidate candidate = host(&server_address);
    check_ok(p2p_ice_add_remote(w->agents[1], &candidate));
    p2p_ice_end_of_candidates(w->agents[1], 0);
}

static void world_close(world *w) {
    p2p_ice_free(w->agents[0]);
    p2p_ice_free(w->agents[1]);
}

static void flush(world *w) {
    uint8_t raw[2 * sizeof(p2p_sockaddr) + P2P_ICE_PACKET_MAX];
    size_t len;
    p2p_ice_path path;
    const size_t head = 2 * sizeof(p2p_sockaddr);
    for (int side = 0; side < 2; side++) {
        while (p2p_ice_output(w->agents[side], raw + head, P2P_ICE_PACKET_MAX, &len, &path,
                   w->now) == P2P_OK) {
            p2p_sockaddr from = w->addresses[side];
            if (side == 0 && path.local.family != 0)
                from = path.local; /* it answers from where it was asked */
            memcpy(raw, &from, sizeof from);
            memcpy(raw + sizeof from, &path.remote, sizeof path.remote);
            link_send(&w->link, 1 - side, raw, head + len, w->now);
        }
    }
}

static void deliver(world *w, const link_packet *packet) {
    p2p_sockaddr from;
    p2p_sockaddr to;
    const size_t head = 2 * sizeof from;
    memcpy(&from, packet->data, sizeof from);
    memcpy(&to, packet->data + sizeof from, sizeof to);
    if (memcmp(&to, &w->addresses[packet->to], sizeof to) != 0 &&
        (packet->to != 0 || memcmp(&to, &w->second, sizeof to) != 0))
        return;
    w->received[packet->to]++;
    p2p_err err = p2p_ice_input(w->agents[packet->to],
        p2p_bytes_of(packet->data + head, packet->len - head), &from, &to, w->now);
    check(err == P2P_OK || err == P2P_ERR_NOT_FOUND || err == P2P_ERR_STATE);
}

static void take_events(world *w) {
    for (int side = 0; side < 2; side++) {
        p2p_ice_event event;
        while (p2p_ice_next_event(w->agents[side], &event)) {
            w->last[side] = event;
            w->events[side][event]++;
        }
    }
}

/* Runs until the time given or until nothing is left to happen. */
static void run(world *w, p2p_time until) {
    for (unsigned steps = 0; steps < 100000; steps++) {
        flush(w);
        take_events(w);
        link_packet *packet = link_first(&w->link);
        p2p_time timer = earlier(p2p_ice_deadline(w->agents[0]), p2p_ice_deadline(w->agents[1]));
        p2p_time next = packet != NULL ? earlier(packet->at, timer) : timer;
        if (next > until) {
            w->now = until;
            return;
        }
        check(next >= w->now);
        w->now = next;
        if (packet != NULL && packet->at <= timer) {
            deliver(w, packet);
            packet->to = -1;
            continue;
        }
        for (int side = 0; side < 2; side++)
            p2p_ice_tick(w->agents[side], w->now);
    }
    fail_msg("time does not pass");
}

static bool connected(const world *w) {
    p2p_ice_path a;
    p2p_ice_path b;
    return p2p_ice_selected(w->agents[0], &a) && p2p_ice_selected(w->agents[1], &b) &&
           p2p_ice_same_address(&a.remote, &w->addresses[1]) &&
           p2p_ice_same_address(&b.remote, &w->addresses[0]);
}

static void a_dialler_reaches_a_lite_listener(void **state) {
    (void)state;
    static world w;
    for (int version = 1; version <= 2; version++) {
        world_direct(&w, 1, 0, version);
        run(&w, 39 * P2P_MILLISECOND);
        check(!connected(&w));
        run(&w, 40 * P2P_MILLISECOND); /* one round trip */
        check(connected(&w));
        check(p2p_ice_accepts(w.agents[0], &client_address, &server_address));
        check(p2p_ice_accepts(w.agents[1], &server_address, &client_address));
        p2p_sockaddr stranger = client_address;
        stranger.port++;
        check(!p2p_ice_accepts(w.agents[0], &stranger, &server_address));
        world_close(&w);
    }
}

static void loss_only_delays(void **state) {
    (void)state;
    static world w;
    for (uint64_t seed = 0; seed < 40; seed++) {
        world_direct(&w, seed, (unsigned)(seed % 3) * 10, 1 + (int)(seed % 2));
        run(&w, 40 * P2P_SECOND);
        check(connected(&w));
        run(&w, 600 * P2P_SECOND);
        check(connected(&w) && w.events[0][P2P_ICE_FAILED] == 0);
        world_close(&w);
    }
}

static void consent_keeps_a_path_alive_and_its_loss_ends_it(void **state) {
    (void)state;
    static world w;
    world_direct(&w, 3, 0, 1);
    run(&w, P2P_SECOND);
    size_t before = w.received[0];
    run(&w, 101 * P2P_SECOND);
    size_t checks = w.received[0] - before;
    check(checks >= 16 && checks <= 25); /* every 4 to 6 seconds */
    check(connected(&w) && w.events[0][P2P_ICE_DISCONNECTED] == 0);
    w.link.loss_percent = 100;
    run(&w, 117 * P2P_SECOND);
    check(w.last[0] == P2P_ICE_DISCONNECTED && w.last[1] == P2P_ICE_DISCONNECTED);
    check(connected(&w));
    run(&w, 132 * P2P_SECOND);
    check(w.last[0] == P2P_ICE_FAILED && w.last[1] == P2P_ICE_FAILED);
    check(p2p_ice_deadline(w.agents[0]) == P2P_NEVER);
    check(p2p_ice_deadline(w.agents[1]) == P2P_NEVER);
    world_close(&w);
}

/* Behind a queue of ten seconds other checks have long followed when an answer comes. */
static void answers_that_come_late_renew_consent(void **state) {
    (void)state;
    static world w;
    world_direct(&w, 3, 0, 1);
    run(&w, 10 * P2P_SECOND);
    w.link.delay = 5 * P2P_SECOND;
    run(&w, 300 * P2P_SECOND);
    check(connected(&w) && w.last[1] == P2P_ICE_SELECTED);
    check(w.events[0][P2P_ICE_FAILED] == 0 && w.events[1][P2P_ICE_FAILED] == 0);
    w.link.delay = 16 * P2P_SECOND; /* too late */
    run(&w, 400 * P2P_SECOND);
    check(w.events[1][P2P_ICE_FAILED] == 1);
    world_close(&w);
}

static void a_doubt_is_checked_at_once_and_then_every_second(void **state) {
    (void)state;
    static world w;
    world_direct(&w, 3, 0, 1);
    run(&w, 10 * P2P_SECOND);
    size_t before = w.received[0];
    p2p_ice_doubt(w.agents[1], w.now);
    run(&w, w.now + 30 * P2P_MILLISECOND);
    check(w.received[0] == before + 1);
    w.link.loss_percent = 100; /* the answer to it is under way */
    run(&w, w.now + P2P_SECOND);
    p2p_ice_doubt(w.agents[1], w.now); /* this one's check is lost */
    run(&w, w.now + P2P_SECOND);
    w.link.loss_percent = 0;
    p2p_ice_doubt(w.agents[1], w.now);
    before = w.received[0];
    run(&w, w.now + P2P_SECOND / 2);
    check(w.received[0] == before + 1);
    world_close(&w);
}

static void a_path_that_comes_back_is_selected_again(void **state) {
    (void)state;
    static world w;
    world_direct(&w, 3, 0, 1);
    run(&w, 10 * P2P_SECOND);
    w.link.loss_percent = 100;
    run(&w, 30 * P2P_SECOND);
    check(w.last[1] == P2P_ICE_DISCONNECTED);
    w.link.loss_percent = 0;
    run(&w, 40 * P2P_SECOND);
    check(w.last[0] == P2P_ICE_SELECTED && w.last[1] == P2P_ICE_SELECTED && connected(&w));
    world_close(&w);
}

static void genuine_data_is_a_sign_of_life_for_a_lite_agent(void **state) {
    (void)state;
    static world w;
    world_direct(&w, 3, 0, 1);
    run(&w, P2P_SECOND);
    for (p2p_time now = P2P_SECOND; now < 100 * P2P_SECOND; now += 10 * P2P_SECOND) {
        p2p_ice_heard(w.agents[0], &client_address, &server_address, now);
        p2p_ice_tick(w.agents[0], now + 9 * P2P_SECOND);
    }
    take_events(&w);
    check(w.last[0] == P2P_ICE_SELECTED);
    world_close(&w);
}

static void a_peer_that_changes_its_address_is_followed(void **state) {
    (void)state;
    static world w;
    world_direct(&w, 5, 0, 1);
    run(&w, 10 * P2P_SECOND);
    check(connected(&w));
    w.addresses[1].port = 6000; /* its NAT has forgotten it */
    run(&w, 17 * P2P_SECOND);
    check(connected(&w)); /* by the next consent check, which repeats the nomination */
    check(w.events[0][P2P_ICE_SELECTED] == 2 && w.events[0][P2P_ICE_DISCONNECTED] == 0);
    check(w.events[1][P2P_ICE_MOVED] == 1); /* the answer says from where the check came */
    world_close(&w);
}

static void two_full_agents_meet_and_settle_on_one_pair(void **state) {
    (void)state;
    static world w;
    for (unsigned loss = 0; loss <= 20; loss += 10) {
        for (uint64_t seed = 0; seed < 10; seed++) {
            world_open(&w, seed, loss, (p2p_ice_config){.credentials = turned(one)},
                (p2p_ice_config){.credentials = one, .controlling = true}, &plain_mem);
            p2p_ice_candidate a = host(&w.addresses[0]);
            p2p_ice_candidate b = host(&w.addresses[1]);
            check_ok(p2p_ice_add_remote(w.agents[0], &b));
            check_ok(p2p_ice_add_remote(w.agents[1], &a));
            check_err(P2P_ERR_EXISTS, p2p_ice_add_remote(w.agents[1], &a));
            run(&w, 40 * P2P_SECOND);
            check(connected(&w));
            check(!p2p_ice_is_controlling(w.agents[0]) && p2p_ice_is_controlling(w.agents[1]));
            world_close(&w);
        }
    }
}

static void a_role_conflict_is_resolved(void **state) {
    (void)state;
    static world w;
    for (uint64_t seed = 0; seed < 20; seed++) {
        bool both = seed % 2 == 0;
        world_open(&w, seed, 0, (p2p_ice_config){.credentials = turned(one), .controlling = both},
            (p2p_ice_config){.credentials = one, .controlling = both}, &plain_mem);
        p2p_ice_candidate a = host(&w.addresses[0]);
        p2p_ice_candidate b = host(&w.addresses[1]);
        check_ok(p2p_ice_add_remote(w.agents[0], &b));
        check_ok(p2p_ice_add_remote(w.agents[1], &a));
        run(&w, 5 * P2P_SECOND);
        check(connected(&w));
        check(p2p_ice_is_controlling(w.agents[0]) != p2p_ice_is_controlling(w.agents[1]));
        world_close(&w);
    }
}

static void candidates_and_credentials_may_trickle_in(void **state) {
    (void)state;
    static world w;
    p2p_ice_credentials early = one;
    early.remote_ufrag = early.remote_pwd = (p2p_bytes){0};
    world_open(&w, 1, 0, (p2p_ice_config){.credentials = turned(one)},
        (p2p_ice_config){.credentials = early, .controlling = true}, &plain_mem);
    p2p_ice_candidate dead = host(&server_address);
    dead.addr.port = 1;
    check_ok(p2p_ice_add_remote(w.agents[1], &dead));
    run(&w, P2P_SECOND);
    check(w.link.sent == 0); /* no password, no check */
    check_ok(p2p_ice_set_remote(w.agents[1], one.remote_ufrag, one.remote_pwd));
    check_err(P2P_ERR_STATE, p2p_ice_set_remote(w.agents[1], one.remote_ufrag, one.remote_pwd));
    run(&w, 3 * P2P_SECOND);
    check(!connected(&w));
    p2p_ice_candidate good = host(&server_address);
    check_ok(p2p_ice_add_remote(w.agents[1], &good));
    run(&w, 4 * P2P_SECOND);
    check(connected(&w)); /* agent 0 learned its peer from the check itself */
    world_close(&w);
}

static void nobody_there_is_a_failure_once_all_candidates_are_known(void **state) {
    (void)state;
    static world w;
    world_direct(&w, 1, 100, 1);
    run(&w, 39 * P2P_SECOND);
    check(w.link.sent == 7);
    check(w.events[1][P2P_ICE_FAILED] == 0);
    run(&w, 40 * P2P_SECOND); /* 31.5 s of repeating, 8 s of waiting */
    check(w.events[1][P2P_ICE_FAILED] == 1);
    uint8_t raw[P2P_ICE_PACKET_MAX];
    size_t len;
    p2p_ice_path path;
    check_err(P2P_ERR_AGAIN, p2p_ice_output(w.agents[1], raw, sizeof raw, &len, &path, w.now));
    world_close(&w);
}

static void the_better_pair_is_nominated(void **state) {
    (void)state;
    static world w;
    world_open(&w, 1, 0, (p2p_ice_config){.credentials = turned(one)},
        (p2p_ice_config){.credentials = one, .controlling = true}, &plain_mem);
    w.second = server_address;
    w.second.port = 10;
    p2p_ice_candidate worse = host(&w.second);
    worse.priority = p2p_ice_priority(P2P_ICE_RELAYED, 1);
    p2p_ice_candidate better = host(&server_address);
    check_ok(p2p_ice_add_remote(w.agents[1], &worse));
    check_ok(p2p_ice_add_remote(w.agents[1], &better));
    run(&w, 2 * P2P_SECOND);
    p2p_ice_path path;
    check(p2p_ice_selected(w.agents[1], &path) && path.remote.port == 9);
    check(p2p_ice_selected(w.agents[0], &path) && path.local.port == 9);
    /* The better one dies: the other takes over before consent has run out. */
    w.addresses[0].port = 77;
    run(&w, 25 * P2P_SECOND);
    check(p2p_ice_selected(w.agents[1], &path) && path.remote.port == 10);
    check(p2p_ice_selected(w.agents[0], &path) && path.local.port == 10);
    check(w.events[1][P2P_ICE_FAILED] == 0);
    world_close(&w);
}

/* --- single packets --- */

static size_t request(uint8_t raw[600], const char *username, const char *pwd, bool nominate,
    uint16_t extra, uint8_t number) {
    uint8_t transaction[12] = {number};
    size_t len;
    p2p_writer w = p2p_stun_begin(raw, 600, P2P_STUN_REQUEST, P2P_STUN_BINDING, transaction);
    p2p_stun_put(&w, P2P_STUN_USERNAME, p2p_bytes_text(username));
    p2p_stun_put_u64(&w, P2P_STUN_ICE_CONTROLLED, 1); /* a lite agent does not care */
    if (nominate)
        p2p_stun_put(&w, P2P_STUN_USE_CANDIDATE, (p2p_bytes){0});
    if (extra != 0)
        p2p_stun_put(&w, (p2p_stun_type)extra, P2P_LITERAL("what"));
    p2p_stun_put_integrity(&w, p2p_bytes_text(pwd));
    check_ok(p2p_stun_finish(&w, &len));
    return len;
}

#define PWD_A "AAAAAAAAAAAAAAAAAAAAAA"

static p2p_ice *lite_agent(const p2p_mem *mem, seeded_random *random) {
    p2p_ice *ice;
    seeded_random_init(random, 1);
    p2p_ice_config config = {.credentials = one, .lite = true};
    check_ok(p2p_ice_new(&ice, &config, mem, &random->random, 0));
    return ice;
}

static void a_flood_of_bad_integrity_allocates_and_answers_nothing(void **state) {
    (void)state;
    faulty_mem mem;
    seeded_random random;
    uint8_t raw[600];
    uint8_t out[P2P_ICE_PACKET_MAX];
    size_t out_len;
    p2p_ice_path path;
    faulty_mem_init(&mem);
    p2p_ice *ice = lite_agent(&mem.mem, &random);
    size_t requests = mem.requests;
    for (uint16_t i = 0; i < 5000; i++) {
        p2p_sockaddr from = client_address;
        from.port = i;
        size_t len = request(raw, "aaaa:bbbb", "wrong wrong wrong wrong", i % 2 == 0, 0, 1);
        check_err(
            P2P_ERR_DECRYPT, p2p_ice_input(ice, p2p_bytes_of(raw, len), &from, &server_address, 0));
        len = request(raw, i % 2 == 0 ? "aaaa:bbbc" : "aaab:bbbb", PWD_A, true, 0, 1);
        check_err(P2P_ERR_NOT_FOUND,
            p2p_ice_input(ice, p2p_bytes_of(raw, len), &from, &server_address, 0));
    }
    check(mem.requests == requests);
    check_err(P2P_ERR_AGAIN, p2p_ice_output(ice, out, sizeof out, &out_len, &path, 0));
    check(!p2p_ice_selected(ice, &path));
    p2p_ice_free(ice);
    check(mem.live_blocks == 0);
}

static void a_thousand_addresses_of_one_peer_stay_within_the_table(void **state) {
    (void)state;
    faulty_mem mem;
    seeded_random random;
    uint8_t raw[600];
    p2p_ice_path path;
    faulty_mem_init(&mem);
    p2p_ice *ice = lite_agent(&mem.mem, &random);
    size_t len = request(raw, "aaaa:bbbb", PWD_A, true, 0, 1);
    check_ok(p2p_ice_input(ice, p2p_bytes_of(raw, len), &client_address, &server_address, 0));
    len = request(raw, "aaaa:bbbb", PWD_A, false, 0, 1);
    for (uint16_t i = 0; i < 1000; i++) {
        p2p_sockaddr from = client_address;
        from.port = (uint16_t)(10000 + i);
        check_ok(p2p_ice_input(ice, p2p_bytes_of(raw, len), &from, &server_address, i));
        check(p2p_ice_accepts(ice, &from, &server_address));
    }
    check(p2p_ice_accepts(ice, &client_address, &server_address)); /* the selected one stays */
    check(p2p_ice_selected(ice, &path) && path.remote.port == 5000);
    check(mem.peak_bytes < 8192);
    p2p_ice_free(ice);
}

static void the_latest_nomination_wins(void **state) {
    (void)state;
    seeded_random random;
    uint8_t raw[600];
    p2p_ice_path path;
    p2p_ice *ice = lite_agent(&plain_mem, &random);
    p2p_sockaddr wifi = client_address;
    wifi.port = 7000;
    size_t len = request(raw, "aaaa:bbbb", PWD_A, false, 0, 1);
    check_ok(p2p_ice_input(ice, p2p_bytes_of(raw, len), &client_address, &server_address, 0));
    check_ok(p2p_ice_input(ice, p2p_bytes_of(raw, len), &wifi, &server_address, 1));
    check(p2p_ice_selected(ice, &path) && path.remote.port == 5000); /* before any nomination */
    len = request(raw, "aaaa:bbbb", PWD_A, true, 0, 2);
    check_ok(p2p_ice_input(ice, p2p_bytes_of(raw, len), &wifi, &server_address, 2));
    check(p2p_ice_selected(ice, &path) && path.remote.port == 7000);
    check_ok(p2p_ice_input(ice, p2p_bytes_of(raw, len), &client_address, &server_address, 3));
    check(p2p_ice_selected(ice, &path) && path.remote.port == 5000);
    p2p_ice_free(ice);
}

static void unknown_attributes_are_refused_only_if_required(void **state) {
    (void)state;
    seeded_random random;
    uint8_t raw[600];
    uint8_t out[P2P_ICE_PACKET_MAX];
    size_t out_len;
    p2p_ice_path path;
    p2p_stun_msg msg;
    p2p_ice *ice = lite_agent(&plain_mem, &random);
    size_t len = request(raw, "aaaa:bbbb", PWD_A, true, 0x7000, 1);
    check_ok(p2p_ice_input(ice, p2p_bytes_of(raw, len), &client_address, &server_address, 0));
    check_ok(p2p_ice_output(ice, out, sizeof out, &out_len, &path, 0));
    check_ok(p2p_stun_parse(&msg, p2p_bytes_of(out, out_len)));
    check(msg.error_code == P2P_STUN_UNKNOWN_ATTRIBUTE && !p2p_ice_selected(ice, &path));
    len = request(raw, "aaaa:bbbb", PWD_A, true, 0xc057, 2); /* GOOG-NETWORK-INFO */
    check_ok(p2p_ice_input(ice, p2p_bytes_of(raw, len), &client_address, &server_address, 0));
    check_ok(p2p_ice_output(ice, out, sizeof out, &out_len, &path, 0));
    check_ok(p2p_stun_parse(&msg, p2p_bytes_of(out, out_len)));
    check(msg.class == P2P_STUN_SUCCESS && msg.transaction[0] == 2);
    check(p2p_ice_same_address(&msg.mapped, &client_address));
    check(p2p_ice_same_address(&path.remote, &client_address));
    check(p2p_ice_same_address(&path.local, &server_address));
    check_ok(p2p_stun_check_integrity(&msg, P2P_LITERAL(PWD_A)));
    check_ok(p2p_stun_check_fingerprint(&msg));
    p2p_ice_free(ice);
}

static void priorities_are_those_of_rfc_8445(void **state) {
    (void)state;
    check(p2p_ice_priority(P2P_ICE_HOST, 65535) == 2130706431);
    check(p2p_ice_priority(P2P_ICE_SERVER_REFLEXIVE, 65535) == 1694498815);
    check(p2p_ice_pair_priority(2, 1) == (UINT64_C(1) << 32) + 4 + 1);
    check(p2p_ice_pair_priority(1, 2) == (UINT64_C(1) << 32) + 4);
}

static p2p_err life(const p2p_mem *mem, void *ctx) {
    seeded_random random;
    p2p_ice *ice;
    uint8_t raw[600];
    (void)ctx;
    seeded_random_init(&random, 1);
    p2p_ice_credentials early = one;
    early.remote_ufrag = early.remote_pwd = (p2p_bytes){0};
    p2p_ice_config config = {.credentials = early};
    p2p_err err = p2p_ice_new(&ice, &config, mem, &random.random, 0);
    if (err != P2P_OK)
        return err;
    err = p2p_ice_set_remote(ice, one.remote_ufrag, one.remote_pwd);
    for (uint8_t i = 0; err == P2P_OK && i < 3; i++) {
        p2p_ice_candidate candidate = host(&client_address);
        candidate.addr.port += i;
        err = p2p_ice_add_remote(ice, &candidate);
        candidate.addr = server_address;
        candidate.addr.port += i;
        if (err == P2P_OK)
            err = p2p_ice_add_local(ice, &candidate);
    }
    if (err == P2P_OK) {
        size_t len = request(raw, "aaaa:bbbb", PWD_A, true, 0, 1);
        p2p_sockaddr from = client_address;
        from.port = 1;
        err = p2p_ice_input(ice, p2p_bytes_of(raw, len), &from, &server_address, 0);
    }
    p2p_ice_free(ice);
    return err;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    sweep_allocations(life, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dialler_reaches_a_lite_listener),
        cmocka_unit_test(loss_only_delays),
        cmocka_unit_test(consent_keeps_a_path_alive_and_its_loss_ends_it),
        cmocka_unit_test(answers_that_come_late_renew_consent),
        cmocka_unit_test(a_doubt_is_checked_at_once_and_then_every_second),
        cmocka_unit_test(a_path_that_comes_back_is_selected_again),
        cmocka_unit_test(genuine_data_is_a_sign_of_life_for_a_lite_agent),
        cmocka_unit_test(a_peer_that_changes_its_address_is_followed),
        cmocka_unit_test(two_full_agents_meet_and_settle_on_one_pair),
        cmocka_unit_test(a_role_conflict_is_resolved),
        cmocka_unit_test(candidates_and_credentials_may_trickle_in),
        cmocka_unit_test(nobody_there_is_a_failure_once_all_candidates_are_known),
        cmocka_unit_test(the_better_pair_is_nominated),
        cmocka_unit_test(a_flood_of_bad_integrity_allocates_and_answers_nothing),
        cmocka_unit_test(a_thousand_addresses_of_one_peer_stay_within_the_table),
        cmocka_unit_test(the_latest_nomination_wins),
        cmocka_unit_test(unknown_attributes_are_refused_only_if_required),
        cmocka_unit_test(priorities_are_those_of_rfc_8445),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
