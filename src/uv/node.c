/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A node: a host, the libuv driver, and a loop of its own or of the caller. It gives the host what
 * only a system has: randomness and the time of day.
 */
#include "uv/driver.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"

enum { POSTS_MAX = 1024 };

typedef struct post {
    void (*fn)(void *ctx);
    void *ctx;
} post;

/* A dial at whose end a stream is opened. */
typedef struct opening {
    p2p_list node;
    uint64_t request;
    const p2p_protocol *protocol;
    void *self;
} opening;

struct p2p_node {
    p2p_mem mem;
    uv_loop_t own_loop;
    uv_loop_t *loop;
    p2p_uv_driver driver;
    p2p_host *host;
    p2p_identity *identity; /* made here, when the configuration has none */
    uv_async_t async;
    uv_mutex_t lock; /* of posts */
    post posts[POSTS_MAX];
    size_t post_first, post_count;
    p2p_list openings;
    bool stopped; /* STOPPED was seen, or p2p_node_stop called */
    p2p_event_fn on_event;
    void *event_ctx;
};

static void fill_random(void *ctx, uint8_t *dst, size_t len) {
    (void)ctx;
    for (size_t at = 0; at < len;) {
        ssize_t n = getrandom(dst + at, len - at, 0);
        if (n < 0 && errno == EINTR)
            continue;
        P2P_REQUIRE(n > 0); /* without randomness there are no keys */
        at += (size_t)n;
    }
}

static uint64_t wall_clock_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The stream is opened before the application hears that it was dialled, so a failure can be told.
 */
static void open_dialled(p2p_node *node, p2p_event *event) {
    for (p2p_list *at = node->openings.next; at != &node->openings; at = at->next) {
        opening o = *P2P_CONTAINER(at, opening, node);
        if (o.request != event->request)
            continue;
        p2p_list_remove(at);
        p2p_mem_free(&node->mem, P2P_CONTAINER(at, opening, node), sizeof o);
        p2p_err err = event->type == P2P_EVENT_DIALED
                          ? p2p_conn_open(event->conn, o.protocol, o.self, NULL)
                          : P2P_OK;
        if (err != P2P_OK) {
            event->type = P2P_EVENT_DIAL_FAILED;
            event->conn = NULL;
            event->reason.err = err;
            snprintf(event->reason.text, sizeof event->reason.text, "%s", p2p_err_text(err));
        }
        return;
    }
}

static void event_arrived(void *ctx, p2p_host *host, const p2p_event *event) {
    p2p_node *node = ctx;
    p2p_event told = *event;
    if (event->type == P2P_EVENT_DIALED || event->type == P2P_EVENT_DIAL_FAILED)
        open_dialled(node, &told);
    if (node->on_event != NULL)
        node->on_event(node->event_ctx, host, &told);
    if (event->type == P2P_EVENT_STOPPED)
        p2p_node_stop(node);
}

static bool next_post(p2p_node *node, post *out) {
    uv_mutex_lock(&node->lock);
    bool found = node->post_count > 0;
    if (found) {
        *out = node->posts[node->post_first];
        node->post_first = (node->post_first + 1) % POSTS_MAX;
        node->post_count--;
    }
    uv_mutex_unlock(&node->lock);
    return found;
}

static void async_rang(uv_async_t *async) {
    p2p_node *node = P2P_CONTAINER(async, p2p_node, async);
    post due;
    /* Those that are posted meanwhile wait for the next round. */
    for (size_t left = POSTS_MAX; left > 0 && next_post(node, &due); left--) {
        p2p_node_catch_up(node);
        due.fn(due.ctx);
    }
    p2p_uv_driver_pump(&node->driver);
}

/* --- life --- */

static p2p_err start_host(p2p_node *node, const p2p_config *config) {
    p2p_config filled = *config;
    if (filled.random.fill == NULL)
        filled.random = (p2p_random){fill_random, NULL};
    if (filled.wall_ms == 0)
        filled.wall_ms = wall_clock_ms();
    p2p_err err = P2P_OK;
    if (filled.identity == NULL) {
        err = p2p_identity_generate(&node->identity, P2P_ED25519, &node->mem, &filled.random);
        filled.identity = node->identity;
    }
    if (err == P2P_OK)
        err = p2p_host_new(&node->host, &filled, uv_hrtime());
    if (err != P2P_OK)
        return err;
    p2p_uv_driver_start(&node->driver, node->host);
    P2P_LOG(&config->log, P2P_LOG_INFO, "uv", 0, p2p_host_now(node->host),
        "offload of datagram sockets: %s", node->driver.offload);
    return P2P_OK;
}

static void free_memory(p2p_node *node) {
    p2p_mem mem = node->mem;
    uv_mutex_destroy(&node->lock);
    p2p_identity_free(node->identity);
    p2p_mem_free(&mem, node, sizeof *node);
}

static void async_closed(uv_handle_t *handle) {
    p2p_node *node = P2P_CONTAINER(handle, p2p_node, async);
    if (node->loop != &node->own_loop)
        free_memory(node);
}

static void driver_closed(void *ctx) {
    p2p_node *node = ctx;
    uv_close((uv_handle_t *)&node->async, async_closed);
}

static void finish_own_loop(p2p_node *node) {
    while (uv_run(node->loop, UV_RUN_DEFAULT) != 0) {
    }
    (void)uv_loop_close(node->loop);
    free_memory(node);
}

static p2p_err open_node(p2p_node *node, const p2p_config *config) {
    if (uv_async_init(node->loop, &node->async, async_rang) != 0)
        return P2P_ERR_IO;
    p2p_err err = p2p_uv_driver_init(&node->driver, node->loop, &node->mem);
    if (err != P2P_OK) {
        uv_close((uv_handle_t *)&node->async, async_closed);
        return err;
    }
    node->driver.on_event = event_arrived;
    node->driver.event_ctx = node;
    err = start_host(node, config);
    if (err != P2P_OK)
        p2p_uv_driver_close(&node->driver, driver_closed, node);
    return err;
}

/* `loop` NULL: one of its own. */
static p2p_err make_node(p2p_node **out, const p2p_config *config, uv_loop_t *loop) {
    *out = NULL;
    p2p_node *node = p2p_mem_alloc(&config->mem, sizeof *node);
    if (node == NULL)
        return P2P_ERR_NO_MEMORY;
    node->mem = config->mem;
    node->loop = loop;
    p2p_list_init(&node->openings);
    if (uv_mutex_init(&node->lock) != 0) {
        p2p_mem_free(&config->mem, node, sizeof *node);
        return P2P_ERR_NO_MEMORY;
    }
    if (loop == NULL) {
        node->loop = &node->own_loop;
        if (uv_loop_init(node->loop) != 0) {
            free_memory(node);
            return P2P_ERR_IO;
        }
    }
    p2p_err err = open_node(node, config);
    if (err == P2P_OK)
        *out = node;
    else if (loop == NULL)
        finish_own_loop(node);
    return err;
}

p2p_err p2p_node_new(p2p_node **out, const p2p_config *config) {
    return make_node(out, config, NULL);
}

p2p_err p2p_node_new_on(p2p_node **out, const p2p_config *config, struct uv_loop_s *loop) {
    P2P_REQUIRE(loop != NULL);
    return make_node(out, config, loop);
}

void p2p_node_free(p2p_node *node) {
    if (node == NULL)
        return;
    bool own = node->loop == &node->own_loop;
    p2p_uv_driver_close(&node->driver, driver_closed, node);
    p2p_host_free(node->host);
    node->host = node->driver.host = NULL;
    while (!p2p_list_empty(&node->openings))
        p2p_mem_free(&node->mem, P2P_CONTAINER(p2p_list_pop(&node->openings), opening, node),
            sizeof(opening));
    if (own)
        finish_own_loop(node);
}

/* --- use --- */

void p2p_node_on_event(p2p_node *node, p2p_event_fn fn, void *ctx) {
    node->on_event = fn;
    node->event_ctx = ctx;
}

p2p_host *p2p_node_host(p2p_node *node) {
    return node->host;
}

p2p_err p2p_node_listen(p2p_node *node, const char *addr) {
    p2p_multiaddr parsed;
    p2p_err err = p2p_multiaddr_parse(&parsed, addr, NULL);
    return err != P2P_OK ? err : p2p_host_listen(node->host, &parsed, NULL);
}

p2p_err p2p_node_open(p2p_node *node, const char *addr, const p2p_protocol *protocol, void *self) {
    p2p_multiaddr parsed;
    p2p_err err = p2p_multiaddr_parse(&parsed, addr, NULL);
    if (err != P2P_OK)
        return err;
    opening *o = p2p_mem_alloc(&node->mem, sizeof *o);
    if (o == NULL)
        return P2P_ERR_NO_MEMORY;
    *o = (opening){.protocol = protocol, .self = self};
    p2p_node_catch_up(node);
    err = p2p_host_dial(node->host, NULL, &parsed, 1, NULL, &o->request);
    if (err != P2P_OK) {
        p2p_mem_free(&node->mem, o, sizeof *o);
        return err;
    }
    p2p_list_push(&node->openings, &o->node);
    p2p_node_kick(node);
    return P2P_OK;
}

void p2p_node_run(p2p_node *node) {
    node->stopped = false;
    /* uv_stop during the last iteration may have been for another run. */
    while (!node->stopped && uv_run(node->loop, UV_RUN_DEFAULT) != 0) {
    }
}

void p2p_node_stop(p2p_node *node) {
    node->stopped = true;
    if (node->loop == &node->own_loop)
        uv_stop(node->loop);
}

void p2p_node_catch_up(p2p_node *node) {
    /* While callbacks run the time is right, and an input in the middle would be wrong. */
    if (node->host != NULL && !node->driver.pumping)
        p2p_uv_input(&node->driver, &(p2p_input){.type = P2P_INPUT_TICK});
}

void p2p_node_kick(p2p_node *node) {
    uv_async_send(&node->async);
}

p2p_err p2p_node_post(p2p_node *node, void (*fn)(void *ctx), void *ctx) {
    uv_mutex_lock(&node->lock);
    bool room = node->post_count < POSTS_MAX;
    if (room) {
        size_t at = (node->post_first + node->post_count++) % POSTS_MAX;
        node->posts[at] = (post){fn, ctx};
    }
    uv_mutex_unlock(&node->lock);
    if (!room)
        return P2P_ERR_LIMIT;
    uv_async_send(&node->async);
    return P2P_OK;
}

void p2p_node_record(p2p_node *node, p2p_record_fn fn, void *ctx) {
    node->driver.record = fn;
    node->driver.record_ctx = ctx;
}

const char *p2p_node_offload(const p2p_node *node) {
    return node->driver.offload;
}
