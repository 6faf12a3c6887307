/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A whole listening host and whatever a network and a driver may do to it. The data is a list of
 * steps, each an opcode, an operand and for some a length with bytes:
 *
 *     0 accept a connection    1 bytes on one        2 it ends (EOF)      3 it is closed
 *     4 time passes            5 dial an address     6 a dial's socket opens
 *     7 names are resolved     8 take effects        9 take events       10 draw
 *    11 close the host        12 a real peer's next bytes               13 interfaces change
 *
 * Bytes of step 1 can hardly pass a Noise handshake, so step 12 lets another whole host, joined to
 * this one, do its part of a conversation, and steps may come between any two of its pieces.
 */
#include <p2p/driver.h>
#include <p2p/perf.h>
#include <p2p/ping.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SOCKETS_MAX = 32, BLOCK = 4096, STEPS_MAX = 2000 };

typedef struct sim_sock {
    p2p_socket id;
    bool connecting, ready;
} sim_sock;

typedef struct side {
    p2p_host *host;
    p2p_identity *identity;
    uint64_t random;
    sim_sock socks[SOCKETS_MAX];
    size_t sock_count;
    p2p_socket listener, joined; /* joined: its socket to the other side; 0: none */
    uint64_t request;
    p2p_conn *conn;
} side;

typedef struct reader {
    const uint8_t *data;
    size_t len;
} reader;

static p2p_time now;
static uint64_t next_accepted;

static void fill(void *ctx, uint8_t *dst, size_t len) {
    uint64_t *x = ctx;
    for (size_t i = 0; i < len; i++)
        dst[i] = (uint8_t)((*x = *x * 6364136223846793005U + 1442695040888963407U) >> 56);
}

static uint8_t take(reader *r) {
    if (r->len == 0)
        return 0;
    r->len--;
    return *r->data++;
}

static void make(side *s, uint64_t seed) {
    *s = (side){.random = seed};
    p2p_random random = {fill, &s->random};
    p2p_mem mem = {NULL, NULL};
    if (p2p_identity_generate(&s->identity, P2P_ED25519, &mem, &random) != P2P_OK)
        abort();
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.identity = s->identity;
    config.random = random;
    config.wall_ms = UINT64_C(1790000000000);
    config.limits.conns = 16;
    config.limits.buffered_bytes = 1 << 18;
    config.limits.streams = 64;
    if (p2p_host_new(&s->host, &config, now) != P2P_OK ||
        p2p_host_add_protocol(s->host, &p2p_ping_protocol, NULL) != P2P_OK ||
        p2p_host_add_protocol(s->host, &p2p_perf_protocol, NULL) != P2P_OK)
        abort();
}

static void give(side *s, p2p_input *input) {
    input->now = now;
    p2p_host_input(s->host, input);
}

static sim_sock *add_sock(side *s, p2p_socket id) {
    if (s->sock_count == SOCKETS_MAX)
        return NULL;
    s->socks[s->sock_count] = (sim_sock){.id = id};
    return &s->socks[s->sock_count++];
}

static void drop_sock(side *s, p2p_socket id) {
    for (size_t i = 0; i < s->sock_count; i++)
        if (s->socks[i].id == id)
            s->socks[i] = s->socks[--s->sock_count];
    if (s->joined == id)
        s->joined = 0;
}

static void carry_out(side *s, const p2p_effect *e) {
    switch (e->type) {
    case P2P_EFFECT_CONNECT: {
        sim_sock *sock = add_sock(s, e->socket);
        if (sock != NULL)
            sock->connecting = true;
        else
            give(s,
                &(p2p_input){
                    .type = P2P_INPUT_CLOSED, .socket = e->socket, .err = P2P_ERR_NO_DESCRIPTOR});
        break;
    }
    case P2P_EFFECT_LISTEN:
        s->listener = e->socket;
        give(s, &(p2p_input){.type = P2P_INPUT_OPENED, .socket = e->socket, .local = e->local});
        break;
    case P2P_EFFECT_BIND:
        give(s,
            &(p2p_input){.type = P2P_INPUT_CLOSED, .socket = e->socket, .err = P2P_ERR_PERMISSION});
        break;
    case P2P_EFFECT_CLOSE:
        drop_sock(s, e->socket);
        if (s->listener == e->socket)
            s->listener = 0;
        break;
    case P2P_EFFECT_RESOLVE:
        s->request = e->request;
        break;
    default:
        break;
    }
}

static void take_effects(side *s) {
    p2p_effect effect;
    while (p2p_host_next_effect(s->host, &effect))
        carry_out(s, &effect);
}

static void on_ping(void *ctx, p2p_ping *ping, p2p_err err, p2p_time rtt) {
    (void)ctx;
    (void)rtt;
    if (err == P2P_OK)
        p2p_ping_stop(ping);
}

static void on_perf(void *ctx, p2p_perf *perf, const p2p_perf_progress *progress) {
    (void)ctx;
    (void)perf;
    (void)progress;
}

/* One event at most: the next step may come between two. False when there was none. */
static bool take_event(side *s) {
    p2p_event event;
    if (!p2p_host_next_event(s->host, &event))
        return false;
    if (event.type == P2P_EVENT_CONNECTED) {
        p2p_ping *ping;
        p2p_perf *perf;
        s->conn = event.conn;
        p2p_err err = p2p_ping_start(&ping, event.conn, P2P_SECOND, on_ping, NULL);
        if (err == P2P_OK)
            err = p2p_perf_start(&perf, event.conn, 3000, 3000, 0, on_perf, NULL);
        (void)err;
    }
    if (event.type == P2P_EVENT_DISCONNECTED && event.conn == s->conn)
        s->conn = NULL;
    if ((event.type == P2P_EVENT_DIAL_FAILED || event.type == P2P_EVENT_DISCONNECTED) &&
        event.reason.text[0] == 0)
        abort();
    return true;
}

static size_t draw(side *s, p2p_socket socket, uint8_t *block, size_t cap) {
    return p2p_host_draw(s->host, socket, block, cap);
}

static void accept(side *s, p2p_socket id) {
    if (s->listener == 0 || add_sock(s, id) == NULL)
        return;
    s->socks[s->sock_count - 1].ready = true;
    p2p_sockaddr at = {.family = 4, .ip = {10, 0, 0, 1}, .port = 4001};
    p2p_sockaddr from = {.family = 4, .ip = {10, 0, 0, (uint8_t)id}, .port = 40000};
    give(s, &(p2p_input){.type = P2P_INPUT_ACCEPTED,
                .listener = s->listener,
                .socket = id,
                .local = at,
                .remote = from});
    take_effects(s); /* drivers do after every input; refusals have no queue */
}

static sim_sock *pick(side *s, uint8_t which) {
    return s->sock_count == 0 ? NULL : &s->socks[which % s->sock_count];
}

static void dial(side *s, side *to, uint8_t how) {
    static const char *const ADDRS[] = {"/ip4/10.0.0.1/tcp/4001", "/ip4/10.0.0.9/tcp/1",
        "/dns4/example.org/tcp/4001", "/ip6/::1/tcp/9", "/memory/5"};
    p2p_multiaddr addrs[2];
    if (p2p_multiaddr_parse(&addrs[0], ADDRS[how % 5], NULL) != P2P_OK ||
        p2p_multiaddr_parse(&addrs[1], ADDRS[how / 5 % 5], NULL) != P2P_OK)
        abort();
    p2p_err err = p2p_host_dial(
        s->host, how & 64 ? p2p_host_peer(to->host) : NULL, addrs, how & 128 ? 2 : 1, NULL, NULL);
    (void)err;
    take_effects(s);
}

static void open_socket(side *s, uint8_t which) {
    sim_sock *sock = pick(s, which);
    if (sock == NULL || !sock->connecting)
        return;
    sock->connecting = false;
    sock->ready = true;
    p2p_sockaddr local = {.family = 4, .ip = {10, 0, 0, 1}, .port = 50000};
    give(s, &(p2p_input){.type = P2P_INPUT_OPENED, .socket = sock->id, .local = local});
}

static void say(side *s, uint8_t which, reader *r) {
    sim_sock *sock = pick(s, which);
    size_t len = take(r) * 4u;
    len = len < r->len ? len : r->len;
    if (sock == NULL || !sock->ready || len == 0)
        return;
    uint8_t *copy = malloc(len);
    memcpy(copy, r->data, len);
    r->data += len;
    r->len -= len;
    give(s, &(p2p_input){.type = P2P_INPUT_BYTES, .socket = sock->id, .data = copy, .len = len});
    free(copy);
}

/* The two hosts' conversation, some bytes of it in each direction. */
static void converse(side *s, side *peer, uint8_t operand) {
    static uint8_t block[BLOCK];
    if (s->joined == 0 || peer->joined == 0) {
        dial(peer, s, 64);
        if (peer->sock_count == 0 || s->listener == 0)
            return;
        sim_sock *sock = &peer->socks[peer->sock_count - 1];
        p2p_socket id = P2P_SOCKET_ACCEPTED | ++next_accepted;
        if (!sock->connecting || peer->joined != 0)
            return;
        sock->connecting = false;
        peer->joined = sock->id;
        s->joined = id;
        accept(s, id);
        p2p_sockaddr local = {.family = 4, .ip = {10, 0, 0, 7}, .port = 50000};
        give(peer, &(p2p_input){.type = P2P_INPUT_OPENED, .socket = sock->id, .local = local});
    }
    bool in = operand & 1;
    side *from = in ? peer : s, *to = in ? s : peer;
    size_t len = draw(from, from->joined, block, operand < 128 ? BLOCK : operand - 127u);
    if (len > 0 && operand == 66)
        block[len / 2] ^= 1; /* now and then a bit is flipped */
    if (len > 0 && to->joined != 0)
        give(to,
            &(p2p_input){.type = P2P_INPUT_BYTES, .socket = to->joined, .data = block, .len = len});
    take_effects(peer);
    while (take_event(peer))
        take_effects(peer);
    take_effects(peer);
}

static void step(side *s, side *peer, reader *r) {
    static uint8_t block[BLOCK];
    uint8_t op = take(r) % 14, operand = take(r);
    sim_sock *sock = pick(s, operand);
    p2p_sockaddr addr = {.family = operand & 1 ? 4 : 6, .ip = {10, 0, 0, operand}, .port = operand};
    switch (op) {
    case 0:
        accept(s, P2P_SOCKET_ACCEPTED | ++next_accepted);
        break;
    case 1:
        say(s, operand, r);
        break;
    case 2:
        if (sock != NULL && sock->ready)
            give(s, &(p2p_input){.type = P2P_INPUT_EOF, .socket = sock->id});
        break;
    case 3:
        if (sock != NULL) {
            p2p_socket id = sock->id;
            drop_sock(s, id);
            give(s, &(p2p_input){.type = P2P_INPUT_CLOSED, .socket = id, .err = operand % 40});
        }
        break;
    case 4:
        now += operand < 200 ? operand * P2P_MILLISECOND * 10 : operand * 10 * P2P_SECOND;
        give(s, &(p2p_input){.type = P2P_INPUT_TICK});
        break;
    case 5:
        dial(s, peer, operand);
        break;
    case 6:
        open_socket(s, operand);
        break;
    case 7:
        give(s, &(p2p_input){.type = P2P_INPUT_RESOLVED,
                    .request = s->request,
                    .addrs = &addr,
                    .addr_count = operand & 3 ? 1 : 0});
        break;
    case 8:
        take_effects(s);
        break;
    case 9:
        take_event(s);
        break;
    case 10:
        if (sock != NULL && sock->ready && sock->id != s->joined)
            draw(s, sock->id, block, operand < 250 ? BLOCK : operand - 249u);
        break;
    case 11:
        if (operand == 255)
            p2p_host_close(s->host);
        else if (s->conn != NULL && operand < 3)
            p2p_conn_close(s->conn, operand);
        else if (s->conn != NULL && operand < 6)
            p2p_conn_abort(s->conn, operand);
        break;
    case 12:
        converse(s, peer, operand);
        break;
    default:
        give(s, &(p2p_input){.type = P2P_INPUT_INTERFACES, .addrs = &addr, .addr_count = 1});
        break;
    }
    if (op != 4 && op != 9)
        take_effects(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    side host, peer;
    reader r = {data, size};
    p2p_multiaddr addr;
    now = P2P_SECOND;
    next_accepted = 0;
    make(&host, 1);
    make(&peer, 2);
    if (p2p_multiaddr_parse(&addr, "/ip4/0.0.0.0/tcp/4001", NULL) != P2P_OK ||
        p2p_host_listen(host.host, &addr, NULL) != P2P_OK)
        abort();
    take_effects(&host);
    for (size_t i = 0; i < STEPS_MAX && r.len > 0; i++)
        step(&host, &peer, &r);
    p2p_host_free(host.host);
    p2p_host_free(peer.host);
    p2p_identity_free(host.identity);
    p2p_identity_free(peer.identity);
    return 0;
}
