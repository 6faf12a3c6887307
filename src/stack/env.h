/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What all parts of one host share: the time of the present input, memory, randomness, timers, the
 * pool for stream data, the sockets, and the list of streams whose callbacks are due. It is passed
 * to everything below the host and knows nothing of what stands on it.
 */
#ifndef P2P_STACK_ENV_H
#define P2P_STACK_ENV_H

#include <p2p/host.h>
#include <p2p/http.h>

#include "base/chunkq.h"
#include "base/list.h"
#include "base/log.h"
#include "base/timers.h"
#include "stack/io.h"

/*
 * What a plug-in keeps for the whole host, such as the key and certificate a security protocol
 * shows in every handshake. Made when first needed, found again by the plug-in's own address,
 * embedded in the plug-in's object.
 */
typedef struct p2p_env_part {
    struct p2p_env_part *next;
    const void *owner;
    void (*free)(struct p2p_env_part *part);
} p2p_env_part;

/* Wants to know when the machine's own addresses change. Embedded in its owner, which takes it out
 * of the list when it goes. */
typedef struct p2p_watcher {
    p2p_list node;
    void (*interfaces)(struct p2p_watcher *watcher, const p2p_sockaddr *addrs, size_t count);
} p2p_watcher;

typedef struct p2p_env {
    p2p_time now; /* of the input being worked on */
    const p2p_mem *mem;
    const p2p_random *random;
    const p2p_log *log;
    p2p_timers timers;
    p2p_chunk_pool chunks;
    p2p_io io;
    p2p_list ready;    /* p2p_stream.ready: callbacks are due */
    p2p_list starved;  /* p2p_stream.ready: a write found the pool of chunks exhausted. Initialised
                          by the first such stream */
    p2p_list calls;    /* p2p_call.node: other callbacks of the application that are due */
    p2p_list watchers; /* p2p_watcher.node */
    p2p_list dead;     /* p2p_dead.node: to be freed at the end of the turn */
    p2p_identity *identity;
    const p2p_limits *limits;
    const p2p_timeouts *timeouts;
    const p2p_security *const *security;
    const p2p_muxer *const *muxers;
    p2p_time started;
    uint64_t wall_ms; /* Unix time at `started` */
    bool no_stun_server;
    p2p_qlog qlog;
    uint64_t next_id; /* connections, dials, listeners */
    size_t stream_count;
    p2p_host *host;
    const char *const *ws_origins; /* of p2p_config */
    p2p_http_fn http_fn;           /* NULL: every request is answered with 404 */
    void *http_ctx;
    p2p_env_part *parts; /* the host frees them last, with p2p_env_free_parts */
} p2p_env;

/* Unix time of env->now, in milliseconds. */
static inline uint64_t p2p_env_wall_ms(const p2p_env *env) {
    return env->wall_ms + (env->now - env->started) / P2P_MILLISECOND;
}

static inline void p2p_env_random(const p2p_env *env, void *dst, size_t len) {
    env->random->fill(env->random->ctx, dst, len);
}

static inline p2p_env_part *p2p_env_find_part(const p2p_env *env, const void *owner) {
    p2p_env_part *part = env->parts;
    while (part != NULL && part->owner != owner)
        part = part->next;
    return part;
}

static inline void p2p_env_add_part(
    p2p_env *env, p2p_env_part *part, const void *owner, void (*free)(p2p_env_part *)) {
    *part = (p2p_env_part){env->parts, owner, free};
    env->parts = part;
}

static inline void p2p_env_free_parts(p2p_env *env) {
    while (env->parts != NULL) {
        p2p_env_part *part = env->parts;
        env->parts = part->next;
        part->free(part);
    }
}

/* A call into the application that waits for p2p_host_next_event. Embedded in its owner, which
 * takes it out of the list when it goes. */
typedef struct p2p_call {
    p2p_list node;
    void (*run)(struct p2p_call *call);
} p2p_call;

/*
 * Objects that may be in use further up the call stack are not freed where they die: they are
 * buried, and freed when the input or callback that is being worked on is done.
 */
typedef struct p2p_dead {
    p2p_list node;
    void (*free)(struct p2p_dead *dead);
} p2p_dead;

static inline void p2p_env_bury(p2p_env *env, p2p_dead *dead, void (*free)(p2p_dead *)) {
    if (p2p_list_linked(&dead->node))
        return;
    dead->free = free;
    p2p_list_push(&env->dead, &dead->node);
}

/* Nobody stands on what was buried any more. */
static inline void p2p_env_free_dead(p2p_env *env) {
    for (p2p_list *node; (node = p2p_list_pop(&env->dead)) != NULL;) {
        p2p_dead *dead = (p2p_dead *)(void *)((char *)node - offsetof(p2p_dead, node));
        dead->free(dead);
    }
}

#endif
