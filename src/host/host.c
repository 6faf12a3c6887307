/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The public face. A host has no behaviour of its own: inputs go to the sockets, timers and swarm;
 * events and effects come from them.
 */
#include "host/host.h"

#include <stdio.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"

enum { TIMERS_MAX = 4096 };

/* A timer of the application (p2p_host_set_timer). */
typedef struct app_timer {
    p2p_timer timer;
    p2p_host *host;
    uint64_t number;
} app_timer;

/* --- making and freeing --- */

static void on_interfaces(p2p_env *env, const p2p_sockaddr *addrs, size_t count) {
    p2p_swarm_set_interfaces(&env->host->swarm, addrs, count);
    for (p2p_list *node = env->watchers.next; node != &env->watchers; node = node->next) {
        p2p_watcher *watcher = P2P_CONTAINER(node, p2p_watcher, node);
        watcher->interfaces(watcher, addrs, count);
    }
}

static void init_env(p2p_host *host, const p2p_config *config, p2p_time now) {
    p2p_env *env = &host->env;
    env->now = env->started = now;
    env->wall_ms = config->wall_ms;
    env->host = host;
    env->mem = &host->mem;
    env->random = &host->random;
    env->log = &host->log;
    env->limits = &host->limits;
    env->timeouts = &host->timeouts;
    env->identity = config->identity;
    env->no_stun_server = config->no_stun_server;
    env->qlog = config->qlog;
    env->security = config->security != NULL ? config->security : p2p_default_security;
    env->muxers = config->muxers != NULL ? config->muxers : p2p_default_muxers;
    p2p_timers_init(&env->timers, env->mem);
    p2p_chunk_pool_init(&env->chunks, env->mem, host->limits.buffered_bytes);
    p2p_io_init(&env->io, env);
    env->io.interfaces = on_interfaces;
    p2p_list_init(&env->ready);
    p2p_list_init(&env->calls);
    p2p_list_init(&env->watchers);
    env->ws_origins = config->ws_origins;
    p2p_list_init(&env->dead);
}

static void on_identified(void *ctx, p2p_conn *conn, p2p_identify_told *take_told) {
    p2p_host *host = ctx;
    p2p_swarm_event_info(&host->swarm, conn, &take_told->info, take_told, take_told->block_size);
}

p2p_err p2p_host_new(p2p_host **out, const p2p_config *config, p2p_time now) {
    *out = NULL;
    if (config->size != sizeof *config || config->identity == NULL || config->random.fill == NULL)
        return P2P_ERR_INVALID;
    p2p_host *host = p2p_mem_alloc(&config->mem, sizeof *host);
    if (host == NULL)
        return P2P_ERR_NO_MEMORY;
    host->mem = config->mem;
    host->random = config->random;
    host->log = config->log;
    host->limits = config->limits;
    host->timeouts = config->timeouts;
    snprintf(host->agent, sizeof host->agent, "%s",
        config->agent != NULL ? config->agent : "c-libp2p/" P2P_VERSION);
    init_env(host, config, now);
    uint64_t seed;
    p2p_env_random(&host->env, &seed, sizeof seed);
    p2p_map_init(&host->timers, host->env.mem, seed);
    p2p_err err = p2p_swarm_init(&host->swarm, &host->env, &config->gater,
        config->transports != NULL ? config->transports : p2p_default_transports);
    if (err != P2P_OK) {
        p2p_host_free(host);
        return err;
    }
    if (!config->no_identify) {
        p2p_identify_params params = {host, host->agent, on_identified, host};
        err = p2p_identify_new(&host->identify, &params);
    }
    if (err != P2P_OK) {
        p2p_host_free(host);
        return err;
    }
    *out = host;
    return P2P_OK;
}

static void free_timer(p2p_host *host, app_timer *own) {
    p2p_timers_forget(&host->env.timers, &own->timer);
    p2p_mem_free(host->env.mem, own, sizeof *own);
}

void p2p_host_free(p2p_host *host) {
    if (host == NULL)
        return;
    p2p_env *env = &host->env;
    p2p_swarm_deinit(&host->swarm);
    p2p_identify_free(host->identify);
    size_t at = 0;
    for (p2p_map_entry *entry; (entry = p2p_map_next(&host->timers, &at)) != NULL;)
        free_timer(host, entry->value);
    p2p_map_deinit(&host->timers);
    p2p_io_deinit(&env->io);
    p2p_env_free_parts(env);
    p2p_timers_deinit(&env->timers);
    p2p_chunk_pool_deinit(&env->chunks);
    p2p_mem mem = host->mem;
    p2p_mem_free(&mem, host, sizeof *host);
}

void p2p_host_close(p2p_host *host) {
    p2p_swarm_close(&host->swarm);
}

/* --- the driver's side --- */

/* The driver's listener is short of descriptors: somebody should know. */
static void on_paused(p2p_host *host, p2p_err err) {
    p2p_reason reason = {.err = err};
    snprintf(reason.text, sizeof reason.text, "accepting paused: %s", p2p_err_text(err));
    p2p_swarm_event(&host->swarm, P2P_EVENT_ACCEPT_PAUSED, NULL, 0, NULL, &reason);
}

void p2p_host_input(p2p_host *host, const p2p_input *input) {
    p2p_env *env = &host->env;
    if (input->now > env->now)
        env->now = input->now;
    /* What arrived counts before what was waited for. */
    if (input->type == P2P_INPUT_PAUSED)
        on_paused(host, input->err);
    else
        p2p_io_input(&env->io, input);
    p2p_timers_run(&env->timers, env->now);
    p2p_env_free_dead(env);
}

bool p2p_host_next_effect(p2p_host *host, p2p_effect *effect) {
    return p2p_io_next_effect(&host->env.io, effect);
}

size_t p2p_host_draw(p2p_host *host, p2p_socket socket, uint8_t *dst, size_t cap) {
    p2p_sock *sock = p2p_io_find(&host->env.io, socket);
    if (sock == NULL || sock->ops->draw == NULL)
        return 0;
    size_t len = sock->ops->draw(sock, dst, cap);
    p2p_env_free_dead(&host->env);
    return len;
}

bool p2p_host_draw_datagrams(p2p_host *host, p2p_socket socket, uint8_t *dst, size_t cap,
    size_t max_segments, p2p_datagrams *out) {
    p2p_sock *sock = p2p_io_find(&host->env.io, socket);
    if (sock == NULL || sock->ops->draw_datagrams == NULL)
        return false;
    bool some = sock->ops->draw_datagrams(sock, dst, cap, max_segments, out);
    p2p_env_free_dead(&host->env);
    return some;
}

p2p_time p2p_host_deadline(const p2p_host *host) {
    return p2p_timers_next(&host->env.timers);
}

/* --- events --- */

static void run_callbacks(p2p_host *host) {
    for (p2p_list *node; (node = p2p_list_pop(&host->env.ready)) != NULL;) {
        p2p_stream_dispatch(p2p_stream_of_ready(node));
        p2p_env_free_dead(&host->env);
    }
    for (p2p_list *node; (node = p2p_list_pop(&host->env.calls)) != NULL;) {
        p2p_call *call = P2P_CONTAINER(node, p2p_call, node);
        call->run(call);
        p2p_env_free_dead(&host->env);
    }
}

bool p2p_host_next_event(p2p_host *host, p2p_event *event) {
    bool some;
    p2p_stream_feed_starved(&host->env);
    do {
        run_callbacks(host);
        some = p2p_swarm_take_event(&host->swarm, event);
        p2p_env_free_dead(&host->env);
    } while (some && host->identify != NULL && p2p_identify_event(host->identify, event));
    return some;
}

static void timer_fired(p2p_timer *timer, p2p_time now) {
    (void)now;
    app_timer *own = P2P_CONTAINER(timer, app_timer, timer);
    p2p_host *host = own->host;
    p2p_swarm_event(&host->swarm, P2P_EVENT_TIMER, NULL, own->number, NULL, NULL);
    p2p_map_remove(&host->timers, own->number);
    free_timer(host, own);
}

p2p_err p2p_host_set_timer(p2p_host *host, uint64_t number, p2p_time when) {
    p2p_env *env = &host->env;
    app_timer *own = p2p_map_get(&host->timers, number);
    if (own == NULL && when == P2P_NEVER)
        return P2P_OK;
    if (own == NULL) {
        if (host->timers.count >= TIMERS_MAX)
            return P2P_ERR_LIMIT;
        own = p2p_mem_alloc(env->mem, sizeof *own);
        if (own == NULL)
            return P2P_ERR_NO_MEMORY;
        own->host = host;
        own->number = number;
        if (p2p_map_put(&host->timers, number, own) != P2P_OK ||
            p2p_timers_expect(&env->timers, &own->timer, timer_fired) != P2P_OK) {
            p2p_map_remove(&host->timers, number);
            p2p_mem_free(env->mem, own, sizeof *own);
            return P2P_ERR_NO_MEMORY;
        }
    }
    p2p_timer_set(&env->timers, &own->timer, when);
    if (when == P2P_NEVER) {
        p2p_map_remove(&host->timers, number);
        free_timer(host, own);
    }
    return P2P_OK;
}

/* --- what the swarm does --- */

p2p_err p2p_host_add_protocol(p2p_host *host, const p2p_protocol *protocol, void *self) {
    p2p_err err = p2p_swarm_add_protocol(&host->swarm, protocol, self);
    if (err == P2P_OK && host->identify != NULL && protocol->inbound)
        p2p_identify_changed(host->identify);
    return err;
}

void p2p_host_remove_protocol(p2p_host *host, const p2p_protocol *protocol) {
    p2p_swarm_remove_protocol(&host->swarm, protocol);
    if (host->identify != NULL && protocol->inbound)
        p2p_identify_changed(host->identify);
}

const char *p2p_host_protocol(const p2p_host *host, size_t index) {
    return p2p_swarm_protocol_id(&host->swarm, index);
}

p2p_err p2p_host_listen(p2p_host *host, const p2p_multiaddr *addr, uint64_t *listener) {
    return p2p_swarm_listen(&host->swarm, addr, listener);
}

void p2p_host_unlisten(p2p_host *host, uint64_t listener) {
    p2p_swarm_unlisten(&host->swarm, listener);
}

bool p2p_host_addr(const p2p_host *host, size_t index, p2p_multiaddr *addr) {
    return p2p_swarm_addr(&host->swarm, index, addr);
}

const char *p2p_host_addr_text(
    const p2p_host *host, const p2p_multiaddr *addr, char text[P2P_HOST_ADDR_TEXT_MAX]) {
    static const char PEER[] = "/p2p/";
    size_t len = p2p_multiaddr_format(text, P2P_MULTIADDR_TEXT_MAX, addr);
    if (!p2p_multiaddr_has(addr, P2P_P2P)) {
        memcpy(text + len, PEER, sizeof PEER);
        len += sizeof PEER - 1;
        p2p_peer_id_format(text + len, P2P_HOST_ADDR_TEXT_MAX - len, p2p_host_peer(host));
    }
    return text;
}

p2p_err p2p_host_dial(p2p_host *host, const p2p_peer_id *peer, const p2p_multiaddr *addrs,
    size_t count, const p2p_dial_options *options, uint64_t *request) {
    uint64_t ignored;
    return p2p_swarm_dial(
        &host->swarm, peer, addrs, count, options, request != NULL ? request : &ignored);
}

void p2p_host_cancel_dial(p2p_host *host, uint64_t request) {
    p2p_swarm_cancel_dial(&host->swarm, request);
}

void p2p_host_add_addr(
    p2p_host *host, const p2p_peer_id *peer, const p2p_multiaddr *addr, p2p_time expires) {
    p2p_peerstore_add(&host->swarm.peers, peer, addr, expires, host->env.now);
}

bool p2p_host_peer_addr(
    const p2p_host *host, const p2p_peer_id *peer, size_t index, p2p_multiaddr *addr) {
    return p2p_peerstore_addr(&host->swarm.peers, peer, index, false, host->env.now, addr);
}

p2p_conn *p2p_host_next_conn(const p2p_host *host, const p2p_conn *conn) {
    const p2p_list *list = &host->swarm.conns;
    const p2p_list *next = conn == NULL ? list->next : conn->node.next;
    return next == list ? NULL : P2P_CONTAINER(next, p2p_conn, node);
}

p2p_conn *p2p_host_find_conn(const p2p_host *host, const p2p_peer_id *peer) {
    return p2p_swarm_find_conn(&host->swarm, peer);
}

/* --- questions --- */

const p2p_peer_id *p2p_host_peer(const p2p_host *host) {
    return p2p_identity_peer(host->env.identity);
}

p2p_identity *p2p_host_identity(const p2p_host *host) {
    return host->env.identity;
}

p2p_time p2p_host_now(const p2p_host *host) {
    return host->env.now;
}

uint64_t p2p_host_wall_ms(const p2p_host *host) {
    return p2p_env_wall_ms(&host->env);
}

const p2p_mem *p2p_host_mem(const p2p_host *host) {
    return &host->mem;
}

const p2p_limits *p2p_host_limits(const p2p_host *host) {
    return &host->limits;
}

void p2p_host_get_usage(const p2p_host *host, p2p_usage *usage) {
    const p2p_swarm *swarm = &host->swarm;
    *usage = (p2p_usage){.conns = swarm->conn_count,
        .conns_inbound = swarm->inbound_count,
        .pending_inbound = swarm->pending_inbound,
        .dials = swarm->attempts,
        .streams = host->env.stream_count,
        .buffered_bytes = p2p_chunk_pool_used(&host->env.chunks),
        .peers = swarm->peers.count,
        .listeners = swarm->listener_count,
        .protocols = swarm->protocol_count};
}

void p2p_host_random(p2p_host *host, uint8_t *dst, size_t len) {
    p2p_env_random(&host->env, dst, len);
}

/* --- changes of the configuration --- */

void p2p_host_set_limits(p2p_host *host, const p2p_limits *limits) {
    host->limits = *limits;
    p2p_chunk_pool_set_max(&host->env.chunks, limits->buffered_bytes);
    p2p_peerstore_set_max(&host->swarm.peers, limits->peers, limits->addrs_per_peer);
}

void p2p_host_set_timeouts(p2p_host *host, const p2p_timeouts *timeouts) {
    host->timeouts = *timeouts;
}

void p2p_host_set_log_level(p2p_host *host, p2p_log_level level) {
    host->log.level = level;
}

void p2p_host_set_ws_origins(p2p_host *host, const char *const *origins) {
    host->env.ws_origins = origins;
}

void p2p_host_set_stun_server(p2p_host *host, bool answers) {
    host->env.no_stun_server = !answers;
}

/* --- HTTP and certificates of the web --- */

void p2p_host_set_http_handler(p2p_host *host, p2p_http_fn fn, void *ctx) {
    host->env.http_fn = fn;
    host->env.http_ctx = ctx;
}
