/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The shared UDP sockets: who gets which datagram, who shares a socket, who sends when. */
#include "transport/udp_mux.h"

#include "support/check.h"

typedef struct listener {
    p2p_udp_user user;
    size_t opened;
    p2p_err closed;
} listener;

typedef struct consumer {
    p2p_udp_consumer consumer;
    size_t count;
    bool refuses;
} consumer;

typedef struct sender {
    p2p_udp_sender sender;
    char name;
    size_t left;
} sender;

typedef struct fixture {
    faulty_mem mem;
    p2p_env env;
    p2p_udp *udp;
} fixture;

static const p2p_sockaddr ANY = {.family = 4, .port = 4001};
static const p2p_sockaddr LOOPBACK = {.family = 4, .ip = {127, 0, 0, 1}, .port = 4002};
static const p2p_sockaddr PUBLIC = {.family = 4, .ip = {192, 0, 2, 1}, .port = 5};
static const p2p_sockaddr SELF = {.family = 4, .ip = {127, 0, 0, 1}, .port = 6};

static void on_opened(p2p_udp_user *user) {
    P2P_CONTAINER(user, listener, user)->opened++;
}

static void on_closed(p2p_udp_user *user, p2p_err err) {
    P2P_CONTAINER(user, listener, user)->closed = err;
}

static listener new_listener(void) {
    return (listener){.user = {.opened = on_opened, .closed = on_closed}};
}

static void start(fixture *f) {
    memset(f, 0, sizeof *f);
    faulty_mem_init(&f->mem);
    f->env.mem = &f->mem.mem;
    f->env.now = P2P_SECOND;
    p2p_timers_init(&f->env.timers, f->env.mem);
    p2p_list_init(&f->env.dead);
    p2p_io_init(&f->env.io, &f->env);
    check_ok(p2p_udp_get(&f->udp, &f->env));
}

static void free_dead(fixture *f) {
    for (p2p_list *node; (node = p2p_list_pop(&f->env.dead)) != NULL;) {
        p2p_dead *dead = P2P_CONTAINER(node, p2p_dead, node);
        dead->free(dead);
    }
}

static void stop(fixture *f) {
    free_dead(f);
    p2p_io_deinit(&f->env.io);
    p2p_env_free_parts(&f->env);
    p2p_timers_deinit(&f->env.timers);
    check(f->mem.live_blocks == 0);
}

/* Carries out the next BIND: at the address asked for, a port made up where none was given. */
static p2p_socket bind_next(fixture *f, p2p_sockaddr *at) {
    p2p_effect effect;
    do {
        check(p2p_io_next_effect(&f->env.io, &effect));
    } while (effect.type != P2P_EFFECT_BIND);
    *at = effect.local;
    if (at->port == 0)
        at->port = 40000;
    p2p_io_input(
        &f->env.io, &(p2p_input){.type = P2P_INPUT_OPENED, .socket = effect.socket, .local = *at});
    return effect.socket;
}

static void run_timers(fixture *f) {
    p2p_timers_run(&f->env.timers, f->env.now);
    free_dead(f);
}

static void the_first_byte_decides(void **state) {
    (void)state;
    check(p2p_udp_kind_of(0x00) == P2P_UDP_STUN);
    check(p2p_udp_kind_of(0x03) == P2P_UDP_STUN);
    check(p2p_udp_kind_of(0x04) == P2P_UDP_OTHER);
    check(p2p_udp_kind_of(19) == P2P_UDP_OTHER);
    check(p2p_udp_kind_of(20) == P2P_UDP_DTLS);
    check(p2p_udp_kind_of(63) == P2P_UDP_DTLS);
    check(p2p_udp_kind_of(0x40) == P2P_UDP_QUIC);
    check(p2p_udp_kind_of(0x7f) == P2P_UDP_QUIC);
    check(p2p_udp_kind_of(0x80) == P2P_UDP_OTHER); /* RTP */
    check(p2p_udp_kind_of(191) == P2P_UDP_OTHER);
    check(p2p_udp_kind_of(0xc0) == P2P_UDP_QUIC);
    check(p2p_udp_kind_of(0xff) == P2P_UDP_QUIC);
}

static bool take(
    p2p_udp_consumer *base, p2p_udp_sock *sock, uint8_t *data, size_t len, const p2p_input *from) {
    consumer *own = P2P_CONTAINER(base, consumer, consumer);
    (void)sock;
    (void)data;
    (void)len;
    (void)from;
    own->count++;
    return !own->refuses;
}

static void keep(p2p_udp_consumer *base) {
    (void)base;
}

static void give(fixture *f, p2p_socket socket, uint8_t first) {
    uint8_t bytes[4] = {first};
    p2p_io_input(&f->env.io, &(p2p_input){.type = P2P_INPUT_DATAGRAM,
                                 .socket = socket,
                                 .data = bytes,
                                 .len = sizeof bytes,
                                 .remote = PUBLIC});
}

static void each_consumer_gets_its_kind(void **state) {
    (void)state;
    fixture f;
    p2p_sockaddr at;
    listener own = new_listener();
    consumer quic = {.consumer = {.kinds = P2P_UDP_QUIC, .datagram = take, .free = keep}};
    consumer ice = {
        .consumer = {.kinds = P2P_UDP_STUN | P2P_UDP_DTLS, .datagram = take, .free = keep}};
    consumer stun = {.consumer = {.kinds = P2P_UDP_STUN, .datagram = take, .free = keep}};
    start(&f);
    p2p_udp_add_consumer(f.udp, &quic.consumer);
    p2p_udp_add_consumer(f.udp, &ice.consumer);
    p2p_udp_add_consumer(f.udp, &stun.consumer);
    check_ok(p2p_udp_listen(f.udp, &own.user, &ANY));
    p2p_socket socket = bind_next(&f, &at);
    check(own.opened == 1);
    give(&f, socket, 0x40);
    give(&f, socket, 0);
    give(&f, socket, 22);
    give(&f, socket, 0x80);
    check(quic.count == 1 && ice.count == 2 && stun.count == 0);
    ice.refuses = true; /* not its request: the next may know it */
    give(&f, socket, 1);
    check(ice.count == 3 && stun.count == 1);
    p2p_udp_release(&own.user);
    stop(&f);
}

static void one_address_is_one_socket(void **state) {
    (void)state;
    fixture f;
    p2p_sockaddr at;
    p2p_effect effect;
    listener a = new_listener(), b = new_listener(), c = new_listener();
    start(&f);
    check_ok(p2p_udp_listen(f.udp, &a.user, &ANY));
    check_ok(p2p_udp_listen(f.udp, &b.user, &ANY)); /* while it is being bound */
    bind_next(&f, &at);
    check(a.opened == 1 && b.opened == 1);
    check_ok(p2p_udp_listen(f.udp, &c.user, &ANY));
    check(c.opened == 0); /* never from within the call */
    run_timers(&f);
    check(c.opened == 1);
    check(a.user.sock == b.user.sock && b.user.sock == c.user.sock);
    check(!p2p_io_next_effect(&f.env.io, &effect));
    p2p_udp_release(&a.user);
    p2p_udp_release(&b.user);
    check(!p2p_io_next_effect(&f.env.io, &effect));
    p2p_udp_release(&c.user);
    check(p2p_io_next_effect(&f.env.io, &effect) && effect.type == P2P_EFFECT_CLOSE);
    stop(&f);
}

static void dials_go_out_from_where_others_come_in(void **state) {
    (void)state;
    fixture f;
    p2p_sockaddr at;
    listener local = new_listener(), any = new_listener(), early = new_listener(),
             late = new_listener(), self = new_listener();
    start(&f);
    check_ok(p2p_udp_dial(f.udp, &early.user, &PUBLIC));
    bind_next(&f, &at);
    check(at.port == 40000 && early.opened == 1);
    check_ok(p2p_udp_listen(f.udp, &local.user, &LOOPBACK));
    bind_next(&f, &at);
    /* A socket on the loopback address cannot reach the world. */
    check_ok(p2p_udp_dial(f.udp, &late.user, &PUBLIC));
    check(late.user.sock == early.user.sock);
    check_ok(p2p_udp_dial(f.udp, &self.user, &SELF));
    check(self.user.sock == local.user.sock);
    p2p_udp_release(&late.user);
    check_ok(p2p_udp_listen(f.udp, &any.user, &ANY));
    bind_next(&f, &at);
    late = new_listener();
    check_ok(p2p_udp_dial(f.udp, &late.user, &PUBLIC));
    check(late.user.sock == any.user.sock);
    listener *all[] = {&local, &any, &early, &late, &self};
    for (size_t i = 0; i < P2P_COUNT(all); i++)
        p2p_udp_release(&all[i]->user);
    stop(&f);
}

static void a_socket_that_cannot_be_bound_is_told_to_all(void **state) {
    (void)state;
    fixture f;
    p2p_effect effect;
    listener a = new_listener(), b = new_listener();
    start(&f);
    check_ok(p2p_udp_listen(f.udp, &a.user, &ANY));
    check_ok(p2p_udp_listen(f.udp, &b.user, &ANY));
    check(p2p_io_next_effect(&f.env.io, &effect));
    p2p_io_input(&f.env.io,
        &(p2p_input){
            .type = P2P_INPUT_CLOSED, .socket = effect.socket, .err = P2P_ERR_ADDRESS_IN_USE});
    check_err(P2P_ERR_ADDRESS_IN_USE, a.closed);
    check_err(P2P_ERR_ADDRESS_IN_USE, b.closed);
    check(a.user.sock == NULL && b.user.sock == NULL);
    stop(&f);
}

static bool draw_name(
    p2p_udp_sender *base, uint8_t *dst, size_t cap, size_t max_segments, p2p_datagrams *out) {
    sender *own = P2P_CONTAINER(base, sender, sender);
    (void)cap;
    (void)max_segments;
    if (own->left == 0)
        return false;
    own->left--;
    dst[0] = (uint8_t)own->name;
    *out = (p2p_datagrams){.remote = PUBLIC, .len = 1, .segment = 1};
    if (own->left > 0)
        p2p_udp_want(base);
    return true;
}

static void senders_take_turns_and_loose_datagrams_go_first(void **state) {
    (void)state;
    fixture f;
    p2p_sockaddr at;
    char order[16] = {0};
    size_t count = 0;
    uint8_t block[2048];
    p2p_datagrams out;
    listener own = new_listener();
    start(&f);
    check_ok(p2p_udp_listen(f.udp, &own.user, &ANY));
    p2p_socket socket = bind_next(&f, &at);
    sender a = {.sender = {.sock = own.user.sock, .draw = draw_name}, .name = 'a', .left = 3};
    sender b = {.sender = {.sock = own.user.sock, .draw = draw_name}, .name = 'b', .left = 1};
    sender c = {.sender = {.sock = own.user.sock, .draw = draw_name}, .name = 'c', .left = 2};
    p2p_udp_want(&a.sender);
    p2p_udp_want(&a.sender); /* once in the queue is enough */
    p2p_udp_want(&b.sender);
    p2p_udp_want(&c.sender);
    check_ok(p2p_udp_send(own.user.sock, &PUBLIC, NULL, P2P_LITERAL("!")));
    p2p_sock *sock = p2p_io_find(&f.env.io, socket);
    while (sock->ops->draw_datagrams(sock, block, sizeof block, 1, &out))
        order[count++] = (char)block[0];
    check(strcmp(order, "!abcaca") == 0);
    p2p_udp_release(&own.user);
    stop(&f);
}

static void loose_datagrams_have_a_maximum(void **state) {
    (void)state;
    fixture f;
    p2p_sockaddr at;
    uint8_t large[P2P_UDP_LOOSE_LEN_MAX + 1] = {0};
    listener own = new_listener();
    start(&f);
    check_ok(p2p_udp_listen(f.udp, &own.user, &ANY));
    bind_next(&f, &at);
    check_err(P2P_ERR_TOO_BIG,
        p2p_udp_send(own.user.sock, &PUBLIC, NULL, p2p_bytes_of(large, sizeof large)));
    for (int i = 0; i < P2P_UDP_LOOSE_MAX; i++)
        check_ok(p2p_udp_send(own.user.sock, &PUBLIC, NULL, p2p_bytes_of(large, 100)));
    check_err(P2P_ERR_LIMIT, p2p_udp_send(own.user.sock, &PUBLIC, NULL, p2p_bytes_of(large, 100)));
    p2p_udp_release(&own.user);
    stop(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_byte_decides),
        cmocka_unit_test(each_consumer_gets_its_kind),
        cmocka_unit_test(one_address_is_one_socket),
        cmocka_unit_test(dials_go_out_from_where_others_come_in),
        cmocka_unit_test(a_socket_that_cannot_be_bound_is_told_to_all),
        cmocka_unit_test(senders_take_turns_and_loose_datagrams_go_first),
        cmocka_unit_test(loose_datagrams_have_a_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
