/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Two hosts inside one module shake hands (Noise), multiplex (yamux), identify and ping each other
 * over /memory. The module's only imports are the crypto provider and a clock. `session` gives the
 * number of answered pings, or minus an error number.
 */
#include <p2p/driver.h>
#include <p2p/ping.h>

#include <wasi/api.h>

#include "base/bytes.h"

/*
 * snprintf brings in the C library's files, and these the system's. No file is ever used: answering
 * the calls here keeps the module free of imports that an embedder would have to provide.
 */
__wasi_errno_t __wasi_fd_close(__wasi_fd_t fd) {
    (void)fd;
    return __WASI_ERRNO_BADF;
}

/* In the same object as close() in newer versions of wasi-libc. */
__wasi_errno_t __wasi_fd_renumber(__wasi_fd_t fd, __wasi_fd_t to) {
    (void)fd;
    (void)to;
    return __WASI_ERRNO_BADF;
}

__wasi_errno_t __wasi_fd_seek(
    __wasi_fd_t fd, __wasi_filedelta_t offset, __wasi_whence_t whence, __wasi_filesize_t *at) {
    (void)fd;
    (void)offset;
    (void)whence;
    (void)at;
    return __WASI_ERRNO_BADF;
}

__wasi_errno_t __wasi_fd_write(
    __wasi_fd_t fd, const __wasi_ciovec_t *iovs, size_t iovs_len, __wasi_size_t *written) {
    (void)fd;
    (void)iovs;
    (void)iovs_len;
    (void)written;
    return __WASI_ERRNO_BADF;
}

#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))

IMPORT("clock", "now") uint64_t session_now(void);
EXPORT("session") int session(uint32_t seed);

enum { PINGS = 10, TURNS_MAX = 10000 };

typedef struct end {
    p2p_host *host;
    struct end *other;
    p2p_socket socket; /* the one connection's */
    p2p_socket listener;
    p2p_conn *conn;
    bool closed;
} end;

static uint64_t random_state;
static int answered;

static void fill_random(void *ctx, uint8_t *dst, size_t len) {
    (void)ctx;
    for (size_t i = 0; i < len; i++) {
        random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        dst[i] = (uint8_t)(random_state >> 56);
    }
}

static void give(end *e, p2p_input input) {
    input.now = session_now();
    p2p_host_input(e->host, &input);
}

static void carry_out(end *e, const p2p_effect *effect) {
    static uint8_t block[65536];
    size_t len;
    switch (effect->type) {
    case P2P_EFFECT_LISTEN:
        e->listener = effect->socket;
        give(e, (p2p_input){
                    .type = P2P_INPUT_OPENED, .socket = effect->socket, .local = effect->local});
        break;
    case P2P_EFFECT_CONNECT:
        e->socket = effect->socket;
        e->other->socket = P2P_SOCKET_ACCEPTED | 1;
        give(e, (p2p_input){.type = P2P_INPUT_OPENED,
                    .socket = e->socket,
                    .local = effect->remote,
                    .remote = effect->remote});
        give(e->other, (p2p_input){.type = P2P_INPUT_ACCEPTED,
                           .listener = e->other->listener,
                           .socket = e->other->socket,
                           .local = effect->remote,
                           .remote = effect->remote});
        break;
    case P2P_EFFECT_SEND:
        while ((len = p2p_host_draw(e->host, effect->socket, block, sizeof block)) > 0)
            give(e->other, (p2p_input){.type = P2P_INPUT_BYTES,
                               .socket = e->other->socket,
                               .data = block,
                               .len = len});
        break;
    case P2P_EFFECT_CLOSE:
        if (!e->other->closed)
            give(e->other, (p2p_input){.type = P2P_INPUT_EOF, .socket = e->other->socket});
        e->closed = true;
        break;
    default:
        break;
    }
}

static void on_ping(void *ctx, p2p_ping *ping, p2p_err err, p2p_time rtt) {
    end *e = ctx;
    (void)rtt;
    if (err != P2P_OK)
        answered = -(int)err;
    else if (++answered < PINGS)
        p2p_ping_send(ping);
    else {
        p2p_ping_stop(ping);
        p2p_host_close(e->host);
    }
}

static bool turn(end *e) {
    p2p_effect effect;
    p2p_event event;
    p2p_ping *ping;
    bool busy = false;
    while (p2p_host_next_effect(e->host, &effect)) {
        carry_out(e, &effect);
        busy = true;
    }
    while (p2p_host_next_event(e->host, &event)) {
        busy = true;
        if (event.type == P2P_EVENT_DIAL_FAILED)
            answered = -(int)event.reason.err;
        if (event.type == P2P_EVENT_DIALED &&
            p2p_ping_start(&ping, event.conn, P2P_SECOND, on_ping, e) != P2P_OK)
            answered = -P2P_ERR_INTERNAL;
    }
    return busy;
}

static p2p_err start(end *e, p2p_identity **identity) {
    static const p2p_mem MEM = {0};
    static const p2p_random RANDOM = {fill_random, NULL};
    p2p_err err = p2p_identity_generate(identity, P2P_ED25519, &MEM, &RANDOM);
    if (err != P2P_OK)
        return err;
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.identity = *identity;
    config.random = RANDOM;
    err = p2p_host_new(&e->host, &config, session_now());
    if (err == P2P_OK)
        err = p2p_host_add_protocol(e->host, &p2p_ping_protocol, NULL);
    return err;
}

int session(uint32_t seed) {
    end a = {0}, b = {.other = &a};
    p2p_identity *ids[2];
    p2p_multiaddr addr;
    a.other = &b;
    random_state = seed;
    answered = 0;
    p2p_err err = start(&a, &ids[0]);
    if (err == P2P_OK)
        err = start(&b, &ids[1]);
    if (err == P2P_OK)
        err = p2p_multiaddr_parse(&addr, "/memory/7", NULL);
    if (err == P2P_OK)
        err = p2p_host_listen(b.host, &addr, NULL);
    while (err == P2P_OK && turn(&b))
        continue;
    if (err == P2P_OK)
        err = p2p_host_dial(a.host, p2p_host_peer(b.host), &addr, 1, NULL, NULL);
    if (err != P2P_OK)
        return -(int)err;
    for (int i = 0; i < TURNS_MAX; i++) {
        bool busy = turn(&a);
        if (!turn(&b) && !busy)
            break;
    }
    p2p_host_free(a.host);
    p2p_host_free(b.host);
    p2p_identity_free(ids[0]);
    p2p_identity_free(ids[1]);
    return answered;
}
