/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The driver against a host that is a script: it asks for the effects a test lists, has the bytes a
 * test gave each socket, and notes every input. Sockets are real, on the loopback interface.
 */
#include "uv/driver.h"

#include <sys/resource.h>
#include <unistd.h>

#include "support/check.h"

enum { SOCKS_MAX = 8, EFFECTS_MAX = 64, NOTES_MAX = 4096, DATA_MAX = 24 << 20 };

/* What the script has to send on a socket, and what came in on it. */
typedef struct script_sock {
    p2p_socket id;
    uint8_t *out;
    size_t out_len, out_at;
    size_t segment; /* datagrams */
    uint8_t ecn;
    p2p_sockaddr to;
    uint8_t *in;
    size_t in_len;
    size_t datagrams;
    size_t largest_input;
} script_sock;

struct p2p_host {
    p2p_effect effects[EFFECTS_MAX];
    size_t effect_first, effect_count;
    p2p_input notes[NOTES_MAX];
    size_t note_count;
    script_sock socks[SOCKS_MAX];
    size_t sock_count;
    p2p_time deadline;
    p2p_sockaddr addrs[P2P_UV_ADDRS_MAX];
};

static p2p_host *host;
static uv_loop_t loop;
static p2p_uv_driver driver;
static faulty_mem mem;
static size_t recorded;

/* --- the scripted host --- */

static script_sock *sock_of(p2p_socket id) {
    for (size_t i = 0; i < host->sock_count; i++)
        if (host->socks[i].id == id)
            return &host->socks[i];
    script_sock *s = &host->socks[host->sock_count++];
    check(host->sock_count <= SOCKS_MAX);
    s->id = id;
    s->in = malloc(DATA_MAX);
    return s;
}

void p2p_host_input(p2p_host *h, const p2p_input *input) {
    check(h->note_count < NOTES_MAX);
    p2p_input *kept = &h->notes[h->note_count++];
    *kept = *input;
    kept->data = NULL;
    if (input->type == P2P_INPUT_BYTES || input->type == P2P_INPUT_DATAGRAM) {
        script_sock *s = sock_of(input->socket);
        check(s->in_len + input->len <= DATA_MAX);
        memcpy(s->in + s->in_len, input->data, input->len);
        s->in_len += input->len;
        s->largest_input = input->len > s->largest_input ? input->len : s->largest_input;
        size_t segment = input->segment == 0 ? input->len : input->segment;
        s->datagrams += (input->len + segment - 1) / segment;
        h->note_count--;
        if (input->type == P2P_INPUT_DATAGRAM)
            h->note_count++;
    }
    if (input->addr_count > 0) {
        memcpy(h->addrs, input->addrs, input->addr_count * sizeof h->addrs[0]);
        kept->addrs = h->addrs;
    }
    if (input->type == P2P_INPUT_WRITABLE)
        h->effects[(h->effect_first + h->effect_count++) % EFFECTS_MAX] =
            (p2p_effect){.type = P2P_EFFECT_SEND, .socket = input->socket};
    if (input->type == P2P_INPUT_TICK)
        h->deadline = P2P_NEVER;
}

bool p2p_host_next_effect(p2p_host *h, p2p_effect *effect) {
    if (h->effect_count == 0)
        return false;
    *effect = h->effects[h->effect_first];
    h->effect_first = (h->effect_first + 1) % EFFECTS_MAX;
    h->effect_count--;
    return true;
}

size_t p2p_host_draw(p2p_host *h, p2p_socket socket, uint8_t *dst, size_t cap) {
    (void)h;
    script_sock *s = sock_of(socket);
    size_t len = s->out_len - s->out_at < cap ? s->out_len - s->out_at : cap;
    p2p_copy(dst, s->out + s->out_at, len);
    s->out_at += len;
    return len;
}

bool p2p_host_draw_datagrams(p2p_host *h, p2p_socket socket, uint8_t *dst, size_t cap,
    size_t max_segments, p2p_datagrams *out) {
    script_sock *s = sock_of(socket);
    size_t max = s->segment * max_segments;
    max = max > cap ? cap / s->segment * s->segment : max;
    size_t len = p2p_host_draw(h, socket, dst, max);
    *out = (p2p_datagrams){.remote = s->to, .len = len, .segment = s->segment, .ecn = s->ecn};
    return len > 0;
}

p2p_time p2p_host_deadline(const p2p_host *h) {
    return h->deadline;
}

bool p2p_host_next_event(p2p_host *h, p2p_event *event) {
    (void)h;
    (void)event;
    return false;
}

/* --- the scene --- */

static void note_record(void *ctx, const p2p_crossing *crossing) {
    (void)ctx;
    recorded += crossing->type == P2P_CROSSING_INPUT;
}

static void start(void) {
    host = calloc(1, sizeof *host);
    host->deadline = P2P_NEVER;
    recorded = 0;
    faulty_mem_init(&mem);
    check(uv_loop_init(&loop) == 0);
    check_ok(p2p_uv_driver_init(&driver, &loop, &mem.mem));
    driver.record = note_record;
    p2p_uv_driver_start(&driver, host);
}

static void stop(void) {
    bool closed = false;
    p2p_uv_driver_close(&driver, NULL, &closed);
    while (uv_run(&loop, UV_RUN_DEFAULT) != 0) {
    }
    check(uv_loop_close(&loop) == 0);
    check(mem.live_bytes == 0);
    for (size_t i = 0; i < host->sock_count; i++) {
        free(host->socks[i].in);
        free(host->socks[i].out);
    }
    free(host);
}

static void ask(p2p_effect effect) {
    check(host->effect_count < EFFECTS_MAX);
    host->effects[(host->effect_first + host->effect_count++) % EFFECTS_MAX] = effect;
    p2p_uv_driver_pump(&driver);
}

static p2p_sockaddr loopback(uint8_t family, uint16_t port) {
    p2p_sockaddr addr = {.family = family, .port = port};
    if (family == 4)
        memcpy(addr.ip, (uint8_t[]){127, 0, 0, 1}, 4);
    else
        addr.ip[15] = 1;
    return addr;
}

/* The n-th input of a type about a socket (0: any); NULL if there is none yet. */
static p2p_input *noted(p2p_input_type type, p2p_socket socket, size_t nth) {
    for (size_t i = 0; i < host->note_count; i++) {
        p2p_input *input = &host->notes[i];
        if (input->type == type && (socket == 0 || input->socket == socket) && nth-- == 0)
            return input;
    }
    return NULL;
}

/* Runs the loop until the input is there; the test's time-out ends a wait in vain. */
static p2p_input *await(p2p_input_type type, p2p_socket socket, size_t nth) {
    p2p_input *found;
    while ((found = noted(type, socket, nth)) == NULL)
        uv_run(&loop, UV_RUN_ONCE);
    return found;
}

static void await_bytes(p2p_socket socket, size_t len) {
    while (sock_of(socket)->in_len < len)
        uv_run(&loop, UV_RUN_ONCE);
}

static uint8_t pattern(size_t at) {
    return (uint8_t)(at * 31 + (at >> 9));
}

static void give(p2p_socket socket, size_t len) {
    script_sock *s = sock_of(socket);
    free(s->out);
    s->out = malloc(len);
    s->out_len = len;
    s->out_at = 0;
    for (size_t i = 0; i < len; i++)
        s->out[i] = pattern(i);
    ask((p2p_effect){.type = P2P_EFFECT_SEND, .socket = socket});
}

static void check_pattern(p2p_socket socket, size_t len) {
    script_sock *s = sock_of(socket);
    check(s->in_len == len);
    for (size_t i = 0; i < len; i++)
        check(s->in[i] == pattern(i));
}

enum { LISTENER = 1, DIALER = 2 };

/* Opens LISTENER and DIALER; the accepted socket. */
static p2p_socket connect_pair(uint8_t family) {
    ask((p2p_effect){.type = P2P_EFFECT_LISTEN, .socket = LISTENER, .local = loopback(family, 0)});
    p2p_input *opened = await(P2P_INPUT_OPENED, LISTENER, 0);
    check(opened->local.port != 0 && opened->local.family == family);
    ask((p2p_effect){
        .type = P2P_EFFECT_CONNECT, .socket = DIALER, .remote = opened->local, .on = true});
    p2p_input *dialed = await(P2P_INPUT_OPENED, DIALER, 0);
    p2p_input *accepted = await(P2P_INPUT_ACCEPTED, 0, 0);
    check(accepted->listener == LISTENER && (accepted->socket & P2P_SOCKET_ACCEPTED) != 0);
    check(p2p_sockaddr_equal(&accepted->remote, &dialed->local));
    check(p2p_sockaddr_equal(&accepted->local, &dialed->remote));
    return accepted->socket;
}

/* --- stream sockets --- */

static void bytes_go_both_ways(void **state) {
    (void)state;
    for (uint8_t family = 4; family <= 6; family += 2) {
        start();
        p2p_socket acceptor = connect_pair(family);
        give(DIALER, 100000);
        give(acceptor, 300);
        await_bytes(acceptor, 100000);
        await_bytes(DIALER, 300);
        check_pattern(acceptor, 100000);
        check_pattern(DIALER, 300);
        stop();
    }
}

static void a_full_socket_keeps_the_rest_and_goes_on(void **state) {
    (void)state;
    start();
    p2p_socket acceptor = connect_pair(4);
    ask((p2p_effect){.type = P2P_EFFECT_READ, .socket = acceptor, .on = false});
    give(DIALER, 20 << 20);
    script_sock *out = sock_of(DIALER);
    for (int i = 0; i < 20; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    /* Not all was drawn: the system took what it holds, the driver one block. */
    size_t drawn = out->out_at;
    check(drawn < out->out_len);
    ask((p2p_effect){.type = P2P_EFFECT_SEND, .socket = DIALER});
    check(out->out_at == drawn);
    check(sock_of(acceptor)->in_len == 0);
    ask((p2p_effect){.type = P2P_EFFECT_READ, .socket = acceptor, .on = true});
    await_bytes(acceptor, 20 << 20);
    check_pattern(acceptor, 20 << 20);
    check(noted(P2P_INPUT_WRITABLE, DIALER, 0) != NULL);
    check(sock_of(acceptor)->largest_input <= P2P_UV_READ_MAX);
    stop();
}

static void shut_ends_one_direction_behind_the_data(void **state) {
    (void)state;
    start();
    p2p_socket acceptor = connect_pair(4);
    ask((p2p_effect){.type = P2P_EFFECT_READ, .socket = acceptor, .on = false});
    give(DIALER, 8 << 20);
    ask((p2p_effect){.type = P2P_EFFECT_SHUT, .socket = DIALER});
    ask((p2p_effect){.type = P2P_EFFECT_READ, .socket = acceptor, .on = true});
    await(P2P_INPUT_EOF, acceptor, 0);
    check_pattern(acceptor, 8 << 20);
    give(acceptor, 5000);
    await_bytes(DIALER, 5000);
    check(noted(P2P_INPUT_EOF, DIALER, 0) == NULL);
    stop();
}

static void an_orderly_close_still_delivers(void **state) {
    (void)state;
    start();
    p2p_socket acceptor = connect_pair(4);
    ask((p2p_effect){.type = P2P_EFFECT_READ, .socket = acceptor, .on = false});
    /* More than the socket holds, but no more than was drawn. */
    while (sock_of(DIALER)->out_at == sock_of(DIALER)->out_len)
        give(DIALER, P2P_UV_DRAW_MAX);
    give(acceptor, 1000); /* unread at the closing side: a plain close would reset */
    ask((p2p_effect){.type = P2P_EFFECT_CLOSE, .socket = DIALER});
    ask((p2p_effect){.type = P2P_EFFECT_READ, .socket = acceptor, .on = true});
    await(P2P_INPUT_EOF, acceptor, 0);
    check(noted(P2P_INPUT_CLOSED, acceptor, 0) == NULL);
    check(noted(P2P_INPUT_CLOSED, DIALER, 0) == NULL);
    /* Closing the other end too leaves nothing behind. */
    ask((p2p_effect){.type = P2P_EFFECT_CLOSE, .socket = acceptor});
    while (driver.lingerer_count > 0)
        uv_run(&loop, UV_RUN_ONCE);
    stop();
}

static void an_abort_drops_what_was_kept(void **state) {
    (void)state;
    start();
    p2p_socket acceptor = connect_pair(4);
    ask((p2p_effect){.type = P2P_EFFECT_READ, .socket = acceptor, .on = false});
    give(DIALER, 20 << 20);
    ask((p2p_effect){.type = P2P_EFFECT_CLOSE, .socket = DIALER, .abort = true});
    check(driver.lingerer_count == 0);
    ask((p2p_effect){.type = P2P_EFFECT_READ, .socket = acceptor, .on = true});
    await(P2P_INPUT_EOF, acceptor, 0);
    check(sock_of(acceptor)->in_len < 20 << 20);
    stop();
}

static void a_peer_that_goes_is_reported(void **state) {
    (void)state;
    start();
    p2p_socket acceptor = connect_pair(4);
    give(DIALER, 10); /* unread at the end that closes: the system answers with a reset */
    p2p_uv_sock *s = p2p_map_get(&driver.socks_by_id, acceptor);
    s->paused = true;
    p2p_uv_sock_watch(s);
    ask((p2p_effect){.type = P2P_EFFECT_CLOSE, .socket = acceptor, .abort = true});
    p2p_input *closed = await(P2P_INPUT_CLOSED, DIALER, 0);
    check(closed->err == P2P_ERR_RESET);
    /* Effects about a socket that is gone do nothing. */
    ask((p2p_effect){.type = P2P_EFFECT_SEND, .socket = DIALER});
    ask((p2p_effect){.type = P2P_EFFECT_CLOSE, .socket = DIALER});
    stop();
}

/* --- opening --- */

static void errors_of_opening_have_names(void **state) {
    (void)state;
    start();
    connect_pair(4);
    p2p_sockaddr taken = noted(P2P_INPUT_OPENED, LISTENER, 0)->local;
    ask((p2p_effect){.type = P2P_EFFECT_LISTEN, .socket = 10, .local = taken});
    check(await(P2P_INPUT_CLOSED, 10, 0)->err == P2P_ERR_ADDRESS_IN_USE);

    p2p_sockaddr nobody = loopback(4, 1);
    ask((p2p_effect){.type = P2P_EFFECT_CONNECT, .socket = 11, .remote = nobody});
    check(await(P2P_INPUT_CLOSED, 11, 0)->err == P2P_ERR_REFUSED);

    p2p_sockaddr elsewhere = {.family = 4, .ip = {192, 0, 2, 1}, .port = 4001};
    ask((p2p_effect){.type = P2P_EFFECT_LISTEN, .socket = 12, .local = elsewhere});
    check(await(P2P_INPUT_CLOSED, 12, 0)->err == P2P_ERR_UNREACHABLE);

    p2p_sockaddr memory = {.family = P2P_FAMILY_MEMORY};
    ask((p2p_effect){.type = P2P_EFFECT_CONNECT, .socket = 13, .remote = memory});
    check(await(P2P_INPUT_CLOSED, 13, 0)->err == P2P_ERR_UNSUPPORTED);
    ask((p2p_effect){.type = P2P_EFFECT_BIND, .socket = 14, .local = memory});
    check(await(P2P_INPUT_CLOSED, 14, 0)->err == P2P_ERR_UNSUPPORTED);

    ask((p2p_effect){.type = P2P_EFFECT_BIND, .socket = 15, .local = loopback(4, 0)});
    p2p_sockaddr bound = await(P2P_INPUT_OPENED, 15, 0)->local;
    ask((p2p_effect){.type = P2P_EFFECT_BIND, .socket = 16, .local = bound});
    check(await(P2P_INPUT_CLOSED, 16, 0)->err == P2P_ERR_ADDRESS_IN_USE);
    stop();
}

static void a_dial_can_come_from_a_listeners_port(void **state) {
    (void)state;
    start();
    ask((p2p_effect){.type = P2P_EFFECT_LISTEN, .socket = 20, .local = loopback(4, 0)});
    ask((p2p_effect){.type = P2P_EFFECT_LISTEN, .socket = 21, .local = loopback(4, 0)});
    p2p_sockaddr ours = await(P2P_INPUT_OPENED, 20, 0)->local;
    p2p_sockaddr theirs = await(P2P_INPUT_OPENED, 21, 0)->local;
    ask((p2p_effect){.type = P2P_EFFECT_CONNECT, .socket = 22, .local = ours, .remote = theirs});
    await(P2P_INPUT_OPENED, 22, 0);
    p2p_input *accepted = await(P2P_INPUT_ACCEPTED, 0, 0);
    check(accepted->listener == 21 && p2p_sockaddr_equal(&accepted->remote, &ours));
    /* The same pair of addresses cannot be connected twice. */
    ask((p2p_effect){.type = P2P_EFFECT_CONNECT, .socket = 23, .local = ours, .remote = theirs});
    check(await(P2P_INPUT_CLOSED, 23, 0)->err == P2P_ERR_ADDRESS_IN_USE);
    stop();
}

static void ip4_and_ip6_share_a_port(void **state) {
    (void)state;
    start();
    p2p_sockaddr any4 = {.family = 4}, any6 = {.family = 6};
    ask((p2p_effect){.type = P2P_EFFECT_LISTEN, .socket = 1, .local = any6});
    any4.port = await(P2P_INPUT_OPENED, 1, 0)->local.port;
    ask((p2p_effect){.type = P2P_EFFECT_LISTEN, .socket = 2, .local = any4});
    check(await(P2P_INPUT_OPENED, 2, 0)->local.port == any4.port);
    stop();
}

static void a_paused_listener_takes_no_connection(void **state) {
    (void)state;
    start();
    ask((p2p_effect){.type = P2P_EFFECT_LISTEN, .socket = LISTENER, .local = loopback(4, 0)});
    p2p_sockaddr at = await(P2P_INPUT_OPENED, LISTENER, 0)->local;
    ask((p2p_effect){.type = P2P_EFFECT_ACCEPT, .socket = LISTENER, .on = false});
    ask((p2p_effect){.type = P2P_EFFECT_CONNECT, .socket = DIALER, .remote = at});
    await(P2P_INPUT_OPENED, DIALER, 0);
    for (int i = 0; i < 5; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    check(noted(P2P_INPUT_ACCEPTED, 0, 0) == NULL);
    ask((p2p_effect){.type = P2P_EFFECT_ACCEPT, .socket = LISTENER, .on = true});
    await(P2P_INPUT_ACCEPTED, 0, 0);
    stop();
}

static void without_descriptors_accepting_pauses_and_resumes(void **state) {
    (void)state;
    struct rlimit was, low;
    start();
    ask((p2p_effect){.type = P2P_EFFECT_LISTEN, .socket = LISTENER, .local = loopback(4, 0)});
    p2p_sockaddr at = await(P2P_INPUT_OPENED, LISTENER, 0)->local;
    ask((p2p_effect){.type = P2P_EFFECT_CONNECT, .socket = DIALER, .remote = at});
    int next = dup(0); /* the lowest free descriptor is the one accept would get */
    close(next);
    check(getrlimit(RLIMIT_NOFILE, &was) == 0);
    low = was;
    low.rlim_cur = (rlim_t)next;
    check(setrlimit(RLIMIT_NOFILE, &low) == 0);
    p2p_input *paused = await(P2P_INPUT_PAUSED, LISTENER, 0);
    check(paused->err == P2P_ERR_NO_DESCRIPTOR);
    /* It does not spin: the loop has nothing to do until the clock rings. */
    size_t notes = host->note_count;
    for (int i = 0; i < 100; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    check(host->note_count <= notes + 1);
    check(setrlimit(RLIMIT_NOFILE, &was) == 0);
    await(P2P_INPUT_ACCEPTED, 0, 0);
    stop();
}

/* --- datagrams --- */

static void trains_of_datagrams_arrive_whole(void **state) {
    (void)state;
    for (int run = 0; run < 6; run++) {
        uint8_t family = run % 2 == 0 ? 4 : 6;
        start();
        /* With both offloads, without them, and sent singly to a receiver that joins. */
        driver.gso = driver.gso && run / 2 != 1;
        driver.gro = driver.gro && run / 2 == 0;
        ask((p2p_effect){.type = P2P_EFFECT_BIND, .socket = 1, .local = loopback(family, 0)});
        ask((p2p_effect){.type = P2P_EFFECT_BIND, .socket = 2, .local = loopback(family, 0)});
        script_sock *from = sock_of(1);
        from->to = await(P2P_INPUT_OPENED, 2, 0)->local;
        from->segment = 1200;
        from->ecn = 2;
        give(1, 1200 * 100 + 77);
        await_bytes(2, 1200 * 100 + 77);
        check_pattern(2, 1200 * 100 + 77);
        check(sock_of(2)->datagrams == 101);
        if (driver.gso && driver.gro)
            check(sock_of(2)->largest_input > 20 * 1200);
        p2p_input *first = noted(P2P_INPUT_DATAGRAM, 2, 0);
        check(first->ecn == 2);
        check(p2p_sockaddr_equal(&first->local, &from->to));
        check(p2p_sockaddr_equal(&first->remote, &noted(P2P_INPUT_OPENED, 1, 0)->local));
        stop();
    }
}

static void the_local_address_of_a_datagram_is_known(void **state) {
    (void)state;
    start();
    p2p_sockaddr any = {.family = 4}, home = loopback(4, 0);
    home.ip[3] = 9; /* 127.0.0.9 */
    ask((p2p_effect){.type = P2P_EFFECT_BIND, .socket = 1, .local = home});
    ask((p2p_effect){.type = P2P_EFFECT_BIND, .socket = 2, .local = any});
    script_sock *from = sock_of(1);
    from->to = loopback(4, await(P2P_INPUT_OPENED, 2, 0)->local.port);
    from->to.ip[3] = 7;
    from->segment = 100;
    give(1, 100);
    await_bytes(2, 100);
    p2p_input *got = noted(P2P_INPUT_DATAGRAM, 2, 0);
    check(p2p_sockaddr_equal(&got->local, &from->to));
    check(got->remote.ip[3] == 9 && got->ecn == 0 && got->segment == 0);
    stop();
}

static void nobody_at_the_other_end_does_no_harm(void **state) {
    (void)state;
    start();
    ask((p2p_effect){.type = P2P_EFFECT_BIND, .socket = 1, .local = loopback(4, 0)});
    await(P2P_INPUT_OPENED, 1, 0);
    sock_of(1)->to = loopback(4, 9);
    sock_of(1)->segment = 1000;
    for (int i = 0; i < 5; i++) {
        give(1, 5000);
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    sock_of(1)->to = noted(P2P_INPUT_OPENED, 1, 0)->local;
    give(1, 1000);
    await_bytes(1, 1000);
    check(noted(P2P_INPUT_CLOSED, 1, 0) == NULL);
    stop();
}

/* --- names, interfaces, time --- */

static void localhost_has_addresses(void **state) {
    (void)state;
    start();
    ask((p2p_effect){.type = P2P_EFFECT_RESOLVE, .request = 7, .name = "localhost", .family = 4});
    p2p_input *answer = await(P2P_INPUT_RESOLVED, 0, 0);
    check(answer->request == 7 && answer->err == P2P_OK && answer->addr_count >= 1);
    check(answer->addrs[0].family == 4 && p2p_sockaddr_is_loopback(&answer->addrs[0]));
    check(answer->addrs[0].port == 0);
    stop();
}

static void too_many_names_at_once_are_refused(void **state) {
    (void)state;
    start();
    for (uint64_t i = 0; i < P2P_UV_NAMES_MAX + 3; i++)
        ask((p2p_effect){.type = P2P_EFFECT_RESOLVE, .request = i + 1, .name = "127.0.0.1"});
    for (size_t i = 0; i < P2P_UV_NAMES_MAX + 3; i++) {
        p2p_input *answer = await(P2P_INPUT_RESOLVED, 0, i);
        check(answer->err == (answer->request > P2P_UV_NAMES_MAX ? P2P_ERR_LIMIT : P2P_OK));
    }
    stop();
}

static void closing_does_not_wait_for_names(void **state) {
    (void)state;
    start();
    for (uint64_t i = 0; i < 40; i++)
        ask((p2p_effect){.type = P2P_EFFECT_RESOLVE, .request = i + 1, .name = "127.0.0.1"});
    stop();
}

static void the_machines_addresses_are_told_in_the_first_turn(void **state) {
    (void)state;
    start();
    check(host->note_count == 0);
    p2p_uv_driver_pump(&driver);
    p2p_input *told = noted(P2P_INPUT_INTERFACES, 0, 0);
    check(told != NULL && told->addr_count > 0);
    bool seen = false;
    for (size_t i = 0; i < told->addr_count; i++)
        seen |= p2p_sockaddr_is_loopback(&told->addrs[i]) && told->addrs[i].port == 0;
    check(seen);
    /* The same again is not news. */
    size_t notes = host->note_count;
    p2p_uv_interfaces(&driver);
    check(host->note_count == notes);
    stop();
}

static void the_deadline_brings_a_tick(void **state) {
    (void)state;
    start();
    p2p_time begun = uv_hrtime();
    host->deadline = begun + 3 * P2P_MILLISECOND / 2;
    p2p_input *tick = await(P2P_INPUT_TICK, 0, 0);
    check(tick->now >= begun + 3 * P2P_MILLISECOND / 2);
    /* One that has passed already rings too; a later one before an earlier one does not hide it. */
    host->deadline = uv_hrtime() + 3600 * P2P_SECOND;
    p2p_uv_driver_pump(&driver);
    host->deadline = 1;
    await(P2P_INPUT_TICK, 0, 1);
    stop();
}

static void every_input_is_recorded_first(void **state) {
    (void)state;
    start();
    recorded = host->note_count;
    p2p_socket acceptor = connect_pair(4);
    give(DIALER, 10);
    await_bytes(acceptor, 10);
    check(recorded == host->note_count + 1); /* BYTES are not kept as notes */
    stop();
}

static void opening_without_memory_is_reported(void **state) {
    (void)state;
    for (size_t fail = 1; fail <= 4; fail++) {
        start();
        mem.fail_at = mem.requests + fail;
        ask((p2p_effect){.type = P2P_EFFECT_LISTEN, .socket = 1, .local = loopback(4, 0)});
        ask((p2p_effect){.type = P2P_EFFECT_BIND, .socket = 2, .local = loopback(4, 0)});
        ask((p2p_effect){.type = P2P_EFFECT_RESOLVE, .request = 3, .name = "127.0.0.1"});
        for (p2p_socket id = 1; id <= 2; id++)
            check(noted(P2P_INPUT_OPENED, id, 0) != NULL ||
                  noted(P2P_INPUT_CLOSED, id, 0)->err == P2P_ERR_NO_MEMORY);
        await(P2P_INPUT_RESOLVED, 0, 0);
        stop();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(a_full_socket_keeps_the_rest_and_goes_on),
        cmocka_unit_test(shut_ends_one_direction_behind_the_data),
        cmocka_unit_test(an_orderly_close_still_delivers),
        cmocka_unit_test(an_abort_drops_what_was_kept),
        cmocka_unit_test(a_peer_that_goes_is_reported),
        cmocka_unit_test(errors_of_opening_have_names),
        cmocka_unit_test(a_dial_can_come_from_a_listeners_port),
        cmocka_unit_test(ip4_and_ip6_share_a_port),
        cmocka_unit_test(a_paused_listener_takes_no_connection),
        cmocka_unit_test(without_descriptors_accepting_pauses_and_resumes),
        cmocka_unit_test(trains_of_datagrams_arrive_whole),
        cmocka_unit_test(the_local_address_of_a_datagram_is_known),
        cmocka_unit_test(nobody_at_the_other_end_does_no_harm),
        cmocka_unit_test(localhost_has_addresses),
        cmocka_unit_test(too_many_names_at_once_are_refused),
        cmocka_unit_test(closing_does_not_wait_for_names),
        cmocka_unit_test(the_machines_addresses_are_told_in_the_first_turn),
        cmocka_unit_test(the_deadline_brings_a_tick),
        cmocka_unit_test(every_input_is_recorded_first),
        cmocka_unit_test(opening_without_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
