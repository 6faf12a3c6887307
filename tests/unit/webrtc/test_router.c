/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Targets and doors that only count what they are given, on one socket of a host. */
#include "webrtc/router.h"

#include "host/host.h"
#include "support/check.h"
#include "webrtc/stun.h"

typedef struct counter {
    p2p_webrtc_target target;
    size_t stun, dtls;
    bool genuine; /* what it says of STUN messages */
} counter;

typedef struct setting {
    faulty_mem mem;
    seeded_random random;
    p2p_identity *identity;
    p2p_host *host;
    p2p_webrtc_router *router;
    p2p_udp_user user;
    p2p_webrtc_door door;
    size_t knocks;
    counter *visitor; /* made of the next knock; NULL: refuse */
} setting;

static const p2p_sockaddr HERE = {.family = 4, .ip = {192, 0, 2, 1}, .port = 4001};

static bool on_stun(p2p_webrtc_target *target, p2p_bytes packet, const p2p_input *from) {
    counter *own = P2P_CONTAINER(target, counter, target);
    (void)packet, (void)from;
    own->stun++;
    return own->genuine;
}

static void on_dtls(p2p_webrtc_target *target, uint8_t *data, size_t len, const p2p_input *from) {
    (void)data, (void)len, (void)from;
    P2P_CONTAINER(target, counter, target)->dtls++;
}

static counter new_counter(void) {
    return (counter){.target = {.stun = on_stun, .dtls = on_dtls}, .genuine = true};
}

static p2p_webrtc_target *knock(
    p2p_webrtc_door *door, const p2p_ice_credentials *credentials, const p2p_input *from) {
    setting *s = P2P_CONTAINER(door, setting, door);
    (void)from;
    s->knocks++;
    if (s->visitor == NULL)
        return NULL;
    check_ok(
        p2p_webrtc_join(s->router, &s->visitor->target, s->user.sock, credentials->local_ufrag));
    return &s->visitor->target;
}

static void nothing(p2p_udp_user *user) {
    (void)user;
}

static void nothing_closed(p2p_udp_user *user, p2p_err err) {
    (void)user, (void)err;
}

static void open_setting(setting *s) {
    static const p2p_transport_type *const transports[] = {&p2p_webrtc_direct, NULL};
    memset(s, 0, sizeof *s);
    faulty_mem_init(&s->mem);
    seeded_random_init(&s->random, 1);
    check_ok(p2p_identity_generate(&s->identity, P2P_ED25519, &s->mem.mem, &s->random.random));
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.identity = s->identity;
    config.mem = s->mem.mem;
    config.random = s->random.random;
    config.transports = transports;
    check_ok(p2p_host_new(&s->host, &config, P2P_SECOND));
    check_ok(p2p_webrtc_router_get(&s->router, &s->host->env));
    s->user.opened = nothing;
    s->user.closed = nothing_closed;
    check_ok(p2p_udp_listen(p2p_webrtc_router_udp(s->router), &s->user, &HERE));
    p2p_effect effect;
    while (p2p_host_next_effect(s->host, &effect)) {
    }
    p2p_input opened = {.type = P2P_INPUT_OPENED, .now = P2P_SECOND, .socket = 1, .local = HERE};
    p2p_host_input(s->host, &opened);
    s->door.sock = s->user.sock;
    s->door.knock = knock;
    p2p_webrtc_open_door(s->router, &s->door);
}

static void close_setting(setting *s) {
    p2p_webrtc_close_door(&s->door);
    p2p_udp_release(&s->user);
    p2p_host_free(s->host);
    p2p_identity_free(s->identity);
    check(s->mem.live_blocks == 0);
}

static p2p_sockaddr at(uint16_t port) {
    return (p2p_sockaddr){.family = 4, .ip = {198, 51, 100, 7}, .port = port};
}

static void arrive(setting *s, uint8_t *data, size_t len, uint16_t port) {
    p2p_input input = {.type = P2P_INPUT_DATAGRAM,
        .now = P2P_SECOND,
        .socket = 1,
        .data = data,
        .len = len,
        .remote = at(port),
        .local = HERE};
    p2p_host_input(s->host, &input);
}

#define U1 "libp2p+webrtc+v1/aaaaaaaaaaaaaaaaaaaaaaaa"
#define U2 "libp2p+webrtc+v1/bbbbbbbbbbbbbbbbbbbbbbbb"

static void check_arrives(setting *s, const char *ufrag, uint16_t port) {
    static const uint8_t transaction[12];
    char name[200];
    uint8_t packet[400];
    size_t len;
    int text = snprintf(name, sizeof name, "%s:%s", ufrag, ufrag);
    p2p_writer w =
        p2p_stun_begin(packet, sizeof packet, P2P_STUN_REQUEST, P2P_STUN_BINDING, transaction);
    p2p_stun_put(&w, P2P_STUN_USERNAME, p2p_bytes_of(name, (size_t)text));
    p2p_stun_put_integrity(&w, p2p_bytes_text(ufrag));
    check_ok(p2p_stun_finish(&w, &len));
    arrive(s, packet, len, port);
}

static void answer_arrives(setting *s, uint16_t port) {
    static const uint8_t transaction[12];
    uint8_t packet[100];
    size_t len;
    p2p_sockaddr here = HERE;
    check_ok(
        p2p_stun_write_success(packet, sizeof packet, &len, transaction, &here, (p2p_bytes){0}));
    arrive(s, packet, len, port);
}

static void record_arrives(setting *s, uint16_t port) {
    uint8_t record[20] = {22, 0xfe, 0xff};
    arrive(s, record, sizeof record, port);
}

static void requests_go_by_name_and_the_rest_by_address(void **state) {
    (void)state;
    setting s;
    open_setting(&s);
    counter one = new_counter(), two = new_counter();
    check_ok(p2p_webrtc_join(s.router, &one.target, s.user.sock, p2p_bytes_text(U1)));
    check_ok(p2p_webrtc_join(s.router, &two.target, s.user.sock, p2p_bytes_text(U2)));
    record_arrives(&s, 1);
    check(one.dtls == 0 && two.dtls == 0);
    check_arrives(&s, U1, 1);
    check_arrives(&s, U2, 2);
    record_arrives(&s, 1);
    record_arrives(&s, 2);
    record_arrives(&s, 2);
    answer_arrives(&s, 1);
    check(one.stun == 2 && one.dtls == 1);
    check(two.stun == 1 && two.dtls == 2);
    check(s.knocks == 0);
    p2p_webrtc_leave(&one.target);
    p2p_webrtc_leave(&two.target);
    close_setting(&s);
}

/* A browser that dials anew from the same port, while its old connection is not over yet. */
static void an_address_belongs_to_who_was_checked_last(void **state) {
    (void)state;
    setting s;
    open_setting(&s);
    counter one = new_counter(), two = new_counter();
    check_ok(p2p_webrtc_join(s.router, &one.target, s.user.sock, p2p_bytes_text(U1)));
    check_ok(p2p_webrtc_join(s.router, &two.target, s.user.sock, p2p_bytes_text(U2)));
    check_arrives(&s, U1, 1);
    check_arrives(&s, U2, 1);
    record_arrives(&s, 1);
    check(one.dtls == 0 && two.dtls == 1);
    p2p_webrtc_leave(&two.target);
    record_arrives(&s, 1);
    check(one.dtls == 0 && two.dtls == 1);
    p2p_webrtc_leave(&one.target);
    close_setting(&s);
}

static void a_forged_check_teaches_no_address(void **state) {
    (void)state;
    setting s;
    open_setting(&s);
    counter one = new_counter();
    one.genuine = false;
    check_ok(p2p_webrtc_join(s.router, &one.target, s.user.sock, p2p_bytes_text(U1)));
    check_arrives(&s, U1, 1);
    record_arrives(&s, 1);
    check(one.stun == 1 && one.dtls == 0);
    p2p_webrtc_leave(&one.target);
    close_setting(&s);
}

static void addresses_of_one_target_are_bounded(void **state) {
    (void)state;
    setting s;
    open_setting(&s);
    counter one = new_counter();
    p2p_webrtc_counters counters;
    check_ok(p2p_webrtc_join(s.router, &one.target, s.user.sock, p2p_bytes_text(U1)));
    for (uint16_t port = 1; port <= 100; port++)
        check_arrives(&s, U1, port);
    p2p_webrtc_get_counters(s.router, &counters);
    check(counters.addresses == P2P_WEBRTC_ADDRESSES_MAX);
    record_arrives(&s, 1); /* forgotten */
    record_arrives(&s, 100);
    check(one.dtls == 1);
    p2p_webrtc_leave(&one.target);
    p2p_webrtc_get_counters(s.router, &counters);
    check(counters.addresses == 0 && counters.targets == 0);
    close_setting(&s);
}

static void a_stranger_knocks_once_and_is_known_then(void **state) {
    (void)state;
    setting s;
    open_setting(&s);
    counter one = new_counter();
    s.visitor = &one;
    check_arrives(&s, U1, 1);
    s.visitor = NULL;
    check_arrives(&s, U1, 2);
    check(s.knocks == 1 && one.stun == 2);
    check_arrives(&s, U2, 3);
    check(s.knocks == 2);
    record_arrives(&s, 3);
    check(one.dtls == 0);
    p2p_webrtc_leave(&one.target);
    close_setting(&s);
}

static void a_name_is_taken_once_for_each_socket(void **state) {
    (void)state;
    setting s;
    open_setting(&s);
    counter one = new_counter(), two = new_counter();
    p2p_udp_user other = {.opened = nothing, .closed = nothing_closed};
    p2p_sockaddr far = at(9);
    check_ok(p2p_udp_own(p2p_webrtc_router_udp(s.router), &other, &far));
    check_ok(p2p_webrtc_join(s.router, &one.target, s.user.sock, p2p_bytes_text(U1)));
    check_err(
        P2P_ERR_EXISTS, p2p_webrtc_join(s.router, &two.target, s.user.sock, p2p_bytes_text(U1)));
    check_ok(p2p_webrtc_join(s.router, &two.target, other.sock, p2p_bytes_text(U1)));
    p2p_webrtc_leave(&one.target);
    p2p_webrtc_leave(&two.target);
    p2p_udp_release(&other);
    close_setting(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_go_by_name_and_the_rest_by_address),
        cmocka_unit_test(an_address_belongs_to_who_was_checked_last),
        cmocka_unit_test(a_forged_check_teaches_no_address),
        cmocka_unit_test(addresses_of_one_target_are_bounded),
        cmocka_unit_test(a_stranger_knocks_once_and_is_known_then),
        cmocka_unit_test(a_name_is_taken_once_for_each_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
