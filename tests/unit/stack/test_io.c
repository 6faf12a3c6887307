/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "stack/io.h"

#include "base/bytes.h"
#include "stack/env.h"
#include "support/check.h"

typedef struct probe {
    p2p_sock sock;
    size_t opened, bytes, eofs, datagrams, closed;
    p2p_err err;
    bool close_in_bytes;
} probe;

static faulty_mem mem;
static p2p_env env;
static probe accepted_by;

static void start(void) {
    faulty_mem_init(&mem);
    env = (p2p_env){.mem = &mem.mem};
    p2p_io_init(&env.io, &env);
}

static void stop(void) {
    p2p_io_deinit(&env.io);
    check(mem.live_blocks == 0);
}

static void on_opened(p2p_sock *sock, const p2p_sockaddr *local, const p2p_sockaddr *remote) {
    (void)remote;
    check(p2p_sock_local(sock)->port == local->port);
    ((probe *)(void *)sock)->opened++;
}

static void on_bytes(p2p_sock *sock, uint8_t *data, size_t len) {
    probe *p = (probe *)(void *)sock;
    (void)data;
    p->bytes += len;
    if (p->close_in_bytes)
        p2p_io_close(&env.io, sock, true);
}

static void on_eof(p2p_sock *sock) {
    ((probe *)(void *)sock)->eofs++;
}

static void on_datagram(p2p_sock *sock, uint8_t *data, size_t len, const p2p_input *from) {
    probe *p = (probe *)(void *)sock;
    (void)data;
    (void)from;
    p->datagrams++;
    p->bytes += len;
    if (p->close_in_bytes)
        p2p_io_close(&env.io, sock, false);
}

static void on_closed(p2p_sock *sock, p2p_err err) {
    probe *p = (probe *)(void *)sock;
    check(sock->slot == NULL);
    p->closed++;
    p->err = err;
}

static const p2p_sock_ops STREAM_OPS = {
    .opened = on_opened, .bytes = on_bytes, .eof = on_eof, .closed = on_closed};
static const p2p_sock_ops DATAGRAM_OPS = {
    .opened = on_opened, .datagram = on_datagram, .closed = on_closed};

static void on_accepted(
    p2p_sock *sock, p2p_socket socket, const p2p_sockaddr *local, const p2p_sockaddr *remote) {
    (void)sock;
    p2p_err err = p2p_io_adopt(&env.io, &accepted_by.sock, &STREAM_OPS, socket, local, remote);
    (void)err;
}

static const p2p_sock_ops LISTENER_OPS = {
    .opened = on_opened, .accepted = on_accepted, .closed = on_closed};

static const p2p_sockaddr HERE = {.family = 4, .ip = {127, 0, 0, 1}, .port = 9};

/* The next effect must be this one. */
static p2p_effect effect(p2p_effect_type type) {
    p2p_effect e;
    check(p2p_io_next_effect(&env.io, &e));
    check(e.type == type);
    return e;
}

static void no_effect(void) {
    p2p_effect e;
    check(!p2p_io_next_effect(&env.io, &e));
}

static void input(p2p_input_type type, p2p_socket socket) {
    static uint8_t data[10];
    p2p_io_input(&env.io, &(p2p_input){.type = type,
                              .socket = socket,
                              .data = data,
                              .len = 10,
                              .segment = 4,
                              .local = HERE,
                              .remote = HERE,
                              .err = P2P_ERR_REFUSED});
}

static void a_socket_lives_from_connect_to_close(void **state) {
    (void)state;
    probe p = {0};
    start();
    check_ok(p2p_io_connect(&env.io, &p.sock, &STREAM_OPS, &HERE, NULL));
    p2p_effect e = effect(P2P_EFFECT_CONNECT);
    check(e.remote.port == 9 && e.socket == 1 && p2p_io_find(&env.io, 1) == &p.sock);
    no_effect();
    input(P2P_INPUT_OPENED, 1);
    input(P2P_INPUT_BYTES, 1);
    input(P2P_INPUT_EOF, 1);
    check(p.opened == 1 && p.bytes == 10 && p.eofs == 1);
    p2p_io_close(&env.io, &p.sock, true);
    check(p2p_io_find(&env.io, 1) == NULL);
    input(P2P_INPUT_BYTES, 1); /* under way when it was closed */
    input(P2P_INPUT_CLOSED, 1);
    check(p.bytes == 10 && p.closed == 0);
    check(effect(P2P_EFFECT_CLOSE).abort);
    no_effect();
    p2p_io_close(&env.io, &p.sock, true);
    no_effect();
    stop();
}

static void asking_twice_gives_one_effect_in_a_sensible_order(void **state) {
    (void)state;
    probe p = {0};
    start();
    check_ok(p2p_io_connect(&env.io, &p.sock, &STREAM_OPS, &HERE, NULL));
    p2p_io_shut(&env.io, &p.sock);
    p2p_io_wake(&env.io, &p.sock);
    p2p_io_wake(&env.io, &p.sock);
    p2p_io_enable(&env.io, &p.sock, false);
    effect(P2P_EFFECT_CONNECT);
    check(!effect(P2P_EFFECT_READ).on);
    effect(P2P_EFFECT_SEND);
    effect(P2P_EFFECT_SHUT);
    no_effect();
    input(P2P_INPUT_WRITABLE, 1);
    effect(P2P_EFFECT_SEND);
    /* Closing takes back what was asked for and not yet given. */
    p2p_io_wake(&env.io, &p.sock);
    p2p_io_close(&env.io, &p.sock, false);
    check(!effect(P2P_EFFECT_CLOSE).abort);
    no_effect();
    stop();
}

static void what_the_driver_never_heard_of_needs_no_close(void **state) {
    (void)state;
    probe p = {0};
    start();
    check_ok(p2p_io_bind(&env.io, &p.sock, &DATAGRAM_OPS, &HERE));
    p2p_io_close(&env.io, &p.sock, false);
    no_effect();
    stop();
}

static void a_failed_socket_is_out_of_the_table_when_it_is_told(void **state) {
    (void)state;
    probe p = {0};
    start();
    check_ok(p2p_io_connect(&env.io, &p.sock, &STREAM_OPS, &HERE, &HERE));
    check(effect(P2P_EFFECT_CONNECT).local.port == 9);
    p2p_io_wake(&env.io, &p.sock);
    input(P2P_INPUT_CLOSED, 1);
    check(p.closed == 1 && p.err == P2P_ERR_REFUSED);
    no_effect();
    stop();
}

static void accepted_sockets_are_adopted_or_closed(void **state) {
    (void)state;
    probe listener = {0};
    p2p_socket id = P2P_SOCKET_ACCEPTED | 5;
    start();
    accepted_by = (probe){0};
    check_ok(p2p_io_listen(&env.io, &listener.sock, &LISTENER_OPS, &HERE));
    effect(P2P_EFFECT_LISTEN);
    input(P2P_INPUT_OPENED, 1);
    p2p_input accept = {
        .type = P2P_INPUT_ACCEPTED, .listener = 1, .socket = id, .local = HERE, .remote = HERE};
    p2p_io_input(&env.io, &accept);
    input(P2P_INPUT_BYTES, id);
    check(accepted_by.bytes == 10);
    accept.listener = 99;
    accept.socket = P2P_SOCKET_ACCEPTED | 6;
    p2p_io_input(&env.io, &accept);
    p2p_effect e = effect(P2P_EFFECT_CLOSE);
    check(e.socket == accept.socket && e.abort);
    mem.fail_at = mem.requests + 1;
    accept.listener = 1;
    accept.socket = P2P_SOCKET_ACCEPTED | 7;
    p2p_io_close(&env.io, &accepted_by.sock, true);
    check(effect(P2P_EFFECT_CLOSE).socket == id);
    p2p_io_input(&env.io, &accept);
    check(effect(P2P_EFFECT_CLOSE).socket == accept.socket);
    p2p_io_enable(&env.io, &listener.sock, false);
    check(!effect(P2P_EFFECT_ACCEPT).on);
    no_effect();
    p2p_io_close(&env.io, &listener.sock, false);
    stop(); /* with a CLOSE that nobody took */
}

static void joined_datagrams_are_taken_apart(void **state) {
    (void)state;
    probe p = {0};
    start();
    check_ok(p2p_io_bind(&env.io, &p.sock, &DATAGRAM_OPS, &HERE));
    effect(P2P_EFFECT_BIND);
    input(P2P_INPUT_DATAGRAM, 1);
    check(p.datagrams == 3 && p.bytes == 10);
    p.close_in_bytes = true;
    input(P2P_INPUT_DATAGRAM, 1);
    check(p.datagrams == 4);
    stop();
}

static size_t resolved;

static void on_resolved(
    p2p_resolve *resolve, p2p_err err, const p2p_sockaddr *addrs, size_t count) {
    check(resolve->request == 0);
    check(err == P2P_ERR_RESOLVE || (count == 1 && addrs[0].port == 9));
    resolved++;
}

static void names_are_asked_once_and_answers_after_cancelling_find_nobody(void **state) {
    (void)state;
    p2p_resolve one = {.done = on_resolved, .family = 6, .name = "a.test"};
    p2p_resolve two = {.done = on_resolved, .name = "b.test"};
    start();
    resolved = 0;
    check_ok(p2p_io_resolve(&env.io, &one));
    check_ok(p2p_io_resolve(&env.io, &two));
    p2p_effect e = effect(P2P_EFFECT_RESOLVE);
    assert_string_equal(e.name, "a.test");
    check(e.family == 6);
    uint64_t first = e.request, second = effect(P2P_EFFECT_RESOLVE).request;
    no_effect();
    p2p_input answer = {
        .type = P2P_INPUT_RESOLVED, .request = first, .addrs = &HERE, .addr_count = 1};
    p2p_io_input(&env.io, &answer);
    p2p_io_input(&env.io, &answer);
    check(resolved == 1);
    p2p_io_cancel_resolve(&env.io, &two);
    answer.request = second;
    p2p_io_input(&env.io, &answer);
    check(resolved == 1);
    check_ok(p2p_io_resolve(&env.io, &one));
    p2p_io_cancel_resolve(&env.io, &one);
    no_effect();
    stop();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_lives_from_connect_to_close),
        cmocka_unit_test(asking_twice_gives_one_effect_in_a_sensible_order),
        cmocka_unit_test(what_the_driver_never_heard_of_needs_no_close),
        cmocka_unit_test(a_failed_socket_is_out_of_the_table_when_it_is_told),
        cmocka_unit_test(accepted_sockets_are_adopted_or_closed),
        cmocka_unit_test(joined_datagrams_are_taken_apart),
        cmocka_unit_test(names_are_asked_once_and_answers_after_cancelling_find_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
