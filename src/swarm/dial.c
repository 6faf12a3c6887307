/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Dialling a peer. One job for each peer that is being dialled, shared by all requests for it:
 * names are resolved, addresses ranked (rank.h), attempts started one after the other until the
 * first connection stands; the others are then cancelled.
 */
#include <stdio.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "swarm/rank.h"
#include "swarm/swarm.h"

enum { NAMES_MAX = 8, PROGRESS_PAUSES = 2 };

/* While one attempt shakes hands, the next waits this much longer. */
#define PROGRESS_PAUSE (250 * P2P_MILLISECOND)
/* Addresses learned from a successful dial are kept for this long. */
#define DIALLED_TTL (30 * 60 * P2P_SECOND)

typedef struct job job;

typedef struct attempt {
    p2p_dial dial;
    job *job;
    p2p_transport *transport;
    p2p_time start; /* when it may start */
    bool running, over, patient_tried;
    bool ranked;   /* has its time: a request that comes later does not change it */
    bool answered; /* by somebody, so the network let it through */
} attempt;

typedef struct name {
    p2p_resolve resolve;
    job *job;
    p2p_multiaddr addr; /* with the name in it */
    bool running;
} name;

typedef struct request {
    p2p_list node;
    uint64_t number;
    p2p_timer timer;
    job *job;
    p2p_queued_event *event; /* its answer: a lack of memory cannot lose it */
} request;

struct job {
    p2p_list node; /* swarm->jobs */
    p2p_dead dead;
    p2p_swarm *swarm;
    p2p_peer_id peer; /* len 0: whoever answers */
    bool force_new, insecure_tls;
    int webrtc_version;
    p2p_blackhole_dial holes;
    p2p_list requests;
    name names[NAMES_MAX];
    size_t name_count;
    attempt *attempts[P2P_DIAL_ADDRS_MAX];
    size_t attempt_count;
    size_t running;
    size_t pauses;
    p2p_timer timer;   /* the next attempt */
    p2p_reason reason; /* of the latest failure */
    size_t failures;
    bool over;
};

/* --- the end of a job --- */

/* An attempt ended without a connection: a sign of a black hole unless something came back. */
static void note_silence(const attempt *each) {
    if (!each->answered)
        p2p_blackhole_dialled(each->job->swarm->holes, &each->dial.addr, false);
}

/* overtaken: they had their chance, another was faster or the time is up. */
static void stop_attempts(job *own, bool overtaken) {
    for (size_t i = 0; i < own->attempt_count; i++) {
        attempt *each = own->attempts[i];
        if (each->running) {
            each->running = false;
            own->running--;
            own->swarm->attempts--;
            if (overtaken)
                note_silence(each);
            each->transport->type->cancel(each->transport, &each->dial);
        }
        each->over = true;
    }
    for (size_t i = 0; i < own->name_count; i++)
        p2p_io_cancel_resolve(&own->swarm->env->io, &own->names[i].resolve);
}

static void free_job(p2p_dead *dead) {
    job *own = P2P_CONTAINER(dead, job, dead);
    const p2p_mem *mem = own->swarm->env->mem;
    for (size_t i = 0; i < own->attempt_count; i++)
        p2p_mem_free(mem, own->attempts[i], sizeof *own->attempts[i]);
    p2p_timers_forget(&own->swarm->env->timers, &own->timer);
    p2p_mem_free(mem, own, sizeof *own);
}

static void free_request(p2p_swarm *swarm, request *each) {
    p2p_list_remove(&each->node);
    p2p_timers_forget(&swarm->env->timers, &each->timer);
    p2p_mem_free(swarm->env->mem, each->event, sizeof *each->event);
    p2p_mem_free(swarm->env->mem, each, sizeof *each);
}

/* Queues the request's answer. */
static void answer(p2p_swarm *swarm, request *each, p2p_conn *conn, const p2p_reason *reason) {
    p2p_swarm_answer(swarm, each->event, conn, each->number, reason);
    each->event = NULL;
    free_request(swarm, each);
}

/* Answers all requests, with a connection or with a reason, and is over. */
static void finish(job *own, p2p_conn *conn, const p2p_reason *reason) {
    p2p_swarm *swarm = own->swarm;
    if (own->over)
        return;
    own->over = true;
    stop_attempts(own, conn != NULL || (reason != NULL && reason->err == P2P_ERR_TIMEOUT));
    while (!p2p_list_empty(&own->requests))
        answer(swarm, P2P_CONTAINER(own->requests.next, request, node), conn, reason);
    p2p_timer_set(&swarm->env->timers, &own->timer, P2P_NEVER);
    p2p_list_remove(&own->node);
    p2p_env_bury(swarm->env, &own->dead, free_job);
}

static bool resolving(const job *own) {
    for (size_t i = 0; i < own->name_count; i++)
        if (own->names[i].running)
            return true;
    return false;
}

static void fail_if_exhausted(job *own) {
    if (own->over || own->running > 0 || resolving(own))
        return;
    for (size_t i = 0; i < own->attempt_count; i++)
        if (!own->attempts[i]->over)
            return;
    p2p_reason reason = own->reason;
    if (reason.err == P2P_OK)
        reason =
            p2p_reason_of(P2P_ERR_NOT_FOUND, "no address of the peer is known that can be dialled");
    else if (own->failures > 1) {
        char last[sizeof reason.text];
        memcpy(last, reason.text, sizeof last);
        reason = p2p_reason_of(
            reason.err, "all %zu addresses failed, the last one: %.180s", own->failures, last);
    }
    finish(own, NULL, &reason);
}

/* --- attempts --- */

static void schedule(job *own);

static void note_failure(job *own, attempt *each, p2p_err err, const char *text) {
    p2p_env *env = own->swarm->env;
    each->over = true;
    own->failures++;
    own->reason = p2p_reason_of(err, "%s", text);
    if (own->peer.len > 0)
        p2p_peerstore_dialled(&own->swarm->peers, &own->peer, &each->dial.addr, false, env->now);
    P2P_LOG(env->log, P2P_LOG_DEBUG, "swarm", 0, env->now, "dial failed: %s", text);
}

static void start_attempt(attempt *each) {
    job *own = each->job;
    p2p_swarm *swarm = own->swarm;
    p2p_err err = P2P_OK;
    if (swarm->gater.dial_addr != NULL &&
        !swarm->gater.dial_addr(swarm->gater.ctx, &own->peer, &each->dial.addr))
        err = P2P_ERR_GATED;
    else
        err = each->transport->type->dial(each->transport, &each->dial);
    if (err != P2P_OK) {
        note_failure(own, each, err, p2p_err_text(err));
        return;
    }
    each->running = true;
    own->running++;
    swarm->attempts++;
}

/* Starts what is due and sets the timer for the next. */
static void schedule(job *own) {
    p2p_swarm *swarm = own->swarm;
    const p2p_limits *limits = swarm->env->limits;
    p2p_time next = P2P_NEVER;
    for (size_t i = 0; i < own->attempt_count && !own->over; i++) {
        attempt *each = own->attempts[i];
        if (each->running || each->over)
            continue;
        bool room = own->running < limits->dials_per_peer && swarm->attempts < limits->dials;
        /* When nothing else is under way there is nothing to wait for. */
        if (room && (each->start <= swarm->env->now || own->running == 0)) {
            start_attempt(each);
        } else {
            p2p_time when = room ? each->start : swarm->env->now + P2P_SECOND / 4;
            next = when < next ? when : next;
        }
    }
    if (own->over)
        return;
    p2p_timer_set(&swarm->env->timers, &own->timer, next);
    fail_if_exhausted(own);
}

static void timer_fired(p2p_timer *timer, p2p_time now) {
    (void)now;
    schedule(P2P_CONTAINER(timer, job, timer));
}

void p2p_swarm_dial_progress(void *ctx, p2p_dial *dial) {
    (void)ctx;
    attempt *progressing = P2P_CONTAINER(dial, attempt, dial);
    job *own = progressing->job;
    p2p_env *env = own->swarm->env;
    progressing->answered = true;
    if (own->pauses++ >= PROGRESS_PAUSES)
        return;
    for (size_t i = 0; i < own->attempt_count; i++) {
        attempt *each = own->attempts[i];
        if (!each->running && !each->over && each->start < env->now + PROGRESS_PAUSE)
            each->start = env->now + PROGRESS_PAUSE;
    }
    schedule(own);
}

void p2p_swarm_dial_failed(void *ctx, p2p_dial *dial, p2p_err err, const char *text) {
    (void)ctx;
    attempt *each = P2P_CONTAINER(dial, attempt, dial);
    job *own = each->job;
    each->running = false;
    own->running--;
    own->swarm->attempts--;
    if (dial->patient && !each->patient_tried) {
        /* The peer refused the security protocol that was assumed: this time it is asked. */
        each->patient_tried = true;
        start_attempt(each);
    } else {
        /* What this host lacks says nothing about the network. */
        if (err != P2P_ERR_NO_MEMORY && err != P2P_ERR_LIMIT && err != P2P_ERR_NO_DESCRIPTOR)
            note_silence(each);
        note_failure(own, each, err, text);
    }
    schedule(own);
}

p2p_err p2p_swarm_transport_connected(
    void *ctx, p2p_dial *dial, const p2p_sockaddr *remote, p2p_conn *conn) {
    p2p_swarm *swarm = ctx;
    if (dial == NULL)
        return p2p_swarm_connected(swarm, remote, conn, true);
    attempt *each = P2P_CONTAINER(dial, attempt, dial);
    job *own = each->job;
    each->running = false;
    own->running--;
    swarm->attempts--;
    p2p_blackhole_dialled(swarm->holes, &dial->addr, true);
    p2p_err err = p2p_swarm_connected(swarm, remote, conn, false);
    if (err != P2P_OK) {
        note_failure(own, each, err, p2p_err_text(err));
        schedule(own);
        return err;
    }
    each->over = true;
    p2p_peerstore_add(
        &swarm->peers, &conn->peer, &dial->addr, swarm->env->now + DIALLED_TTL, swarm->env->now);
    p2p_peerstore_dialled(&swarm->peers, &conn->peer, &dial->addr, true, swarm->env->now);
    finish(own, conn, NULL);
    return P2P_OK;
}

/* --- addresses --- */

static bool has_attempt(const job *own, const p2p_multiaddr *addr) {
    for (size_t i = 0; i < own->attempt_count; i++)
        if (p2p_multiaddr_equal(&own->attempts[i]->dial.addr, addr))
            return true;
    return false;
}

static bool left_out(job *own, const p2p_multiaddr *addr) {
    static const char *const NAMES[P2P_BLACKHOLE_KINDS] = {"UDP", "IPv6"};
    char text[P2P_MULTIADDR_TEXT_MAX];
    p2p_blackhole_kind kind;
    if (!p2p_blackhole_skips(own->swarm->holes, &own->holes, addr, &kind))
        return false;
    p2p_multiaddr_format(text, sizeof text, addr);
    own->reason = p2p_reason_of(P2P_ERR_UNREACHABLE,
        "%.100s was left out: %s to public addresses fails here, as the latest %d dials showed",
        text, NAMES[kind], P2P_BLACKHOLE_WINDOW);
    return true;
}

static void add_attempt(job *own, const p2p_multiaddr *addr, const char *host_name) {
    p2p_swarm *swarm = own->swarm;
    if (own->attempt_count == P2P_DIAL_ADDRS_MAX || has_attempt(own, addr))
        return;
    p2p_transport *transport = NULL;
    for (size_t i = 0; i < swarm->transport_count && transport == NULL; i++)
        if (swarm->transports[i]->type->can_dial(addr))
            transport = swarm->transports[i];
    if (transport == NULL) {
        char text[P2P_MULTIADDR_TEXT_MAX];
        p2p_multiaddr_format(text, sizeof text, addr);
        own->reason =
            p2p_reason_of(P2P_ERR_UNSUPPORTED, "no transport of this host can dial %.160s", text);
        return;
    }
    if (left_out(own, addr))
        return;
    attempt *each = p2p_mem_alloc(swarm->env->mem, sizeof *each);
    if (each == NULL) {
        own->reason = p2p_reason_of(P2P_ERR_NO_MEMORY, "out of memory");
        return;
    }
    each->job = own;
    each->transport = transport;
    each->dial.addr = *addr;
    each->dial.expected = own->peer;
    each->dial.insecure_tls = own->insecure_tls;
    each->dial.webrtc_version = own->webrtc_version;
    snprintf(each->dial.host_name, sizeof each->dial.host_name, "%s", host_name);
    own->attempts[own->attempt_count++] = each;
}

/* Gives every new attempt its time, and drops those that others make superfluous. */
static void rank(job *own) {
    p2p_multiaddr addrs[P2P_DIAL_ADDRS_MAX];
    p2p_ranked ranked[P2P_DIAL_ADDRS_MAX];
    size_t waiting[P2P_DIAL_ADDRS_MAX], count = 0;
    for (size_t i = 0; i < own->attempt_count; i++) {
        if (own->attempts[i]->running || own->attempts[i]->over)
            continue;
        addrs[count] = own->attempts[i]->dial.addr;
        waiting[count++] = i;
    }
    if (count == 0)
        return;
    size_t kept = p2p_rank(addrs, count, ranked);
    attempt *ordered[P2P_DIAL_ADDRS_MAX];
    size_t out = 0;
    for (size_t i = 0; i < own->attempt_count; i++)
        if (own->attempts[i]->running || own->attempts[i]->over)
            ordered[out++] = own->attempts[i];
    bool keep[P2P_DIAL_ADDRS_MAX] = {false};
    for (size_t i = 0; i < kept; i++) {
        attempt *each = own->attempts[waiting[ranked[i].index]];
        if (!each->ranked)
            each->start = own->swarm->env->now + ranked[i].delay;
        each->ranked = true;
        keep[ranked[i].index] = true;
        ordered[out++] = each;
    }
    for (size_t i = 0; i < count; i++)
        if (!keep[i])
            p2p_mem_free(own->swarm->env->mem, own->attempts[waiting[i]], sizeof *own->attempts[0]);
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
    memcpy(own->attempts, ordered, out * sizeof ordered[0]);
    own->attempt_count = out;
}

/* addr with its name component replaced by an IP. */
static bool with_ip(const p2p_multiaddr *addr, const p2p_sockaddr *ip, p2p_multiaddr *out) {
    p2p_component part;
    size_t at = 0;
    out->len = 0;
    while (p2p_multiaddr_next(addr, &at, &part)) {
        p2p_proto_code code = part.code;
        p2p_bytes value = part.value;
        if (code == P2P_DNS || code == P2P_DNS4 || code == P2P_DNS6) {
            code = ip->family == 4 ? P2P_IP4 : P2P_IP6;
            value = p2p_bytes_of(ip->ip, ip->family == 4 ? 4 : 16);
        }
        if (p2p_multiaddr_push(out, code, value) != P2P_OK)
            return false;
    }
    return true;
}

static void resolved(p2p_resolve *resolve, p2p_err err, const p2p_sockaddr *addrs, size_t count) {
    name *own_name = P2P_CONTAINER(resolve, name, resolve);
    job *own = own_name->job;
    own_name->running = false;
    if (err != P2P_OK || count == 0)
        own->reason =
            p2p_reason_of(P2P_ERR_RESOLVE, "the name %.150s has no usable address", resolve->name);
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        p2p_multiaddr addr;
        if (with_ip(&own_name->addr, &addrs[i], &addr))
            add_attempt(own, &addr, resolve->name);
    }
    rank(own);
    schedule(own);
}

static void add_name(job *own, const p2p_multiaddr *addr, const p2p_component *part) {
    if (own->name_count == NAMES_MAX || part->value.len >= sizeof own->names[0].resolve.name)
        return;
    name *each = &own->names[own->name_count++];
    each->job = own;
    each->addr = *addr;
    each->resolve.done = resolved;
    each->resolve.family = part->code == P2P_DNS4 ? 4 : part->code == P2P_DNS6 ? 6 : 0;
    memcpy(each->resolve.name, part->value.ptr, part->value.len);
    each->running = p2p_io_resolve(&own->swarm->env->io, &each->resolve) == P2P_OK;
}

/* Takes /p2p/ID off the end; the id is returned in *peer (len 0 if there was none). */
static void split_peer(const p2p_multiaddr *addr, p2p_multiaddr *bare, p2p_peer_id *peer) {
    p2p_component part = {0};
    size_t at = 0, before = 0;
    *bare = *addr;
    peer->len = 0;
    while (true) {
        before = at;
        if (!p2p_multiaddr_next(addr, &at, &part))
            return;
        if (at == addr->len)
            break;
    }
    if (part.code == P2P_P2P && p2p_peer_id_decode(peer, part.value) == P2P_OK)
        bare->len = (uint16_t)before;
}

static void add_addr(job *own, const p2p_multiaddr *addr) {
    p2p_component part;
    size_t at = 0;
    if (addr->len == 0)
        return; /* /p2p/ID alone: only the peer store may know where */
    if (p2p_multiaddr_next(addr, &at, &part) &&
        (part.code == P2P_DNS || part.code == P2P_DNS4 || part.code == P2P_DNS6))
        add_name(own, addr, &part);
    else
        add_attempt(own, addr, "");
}

/* --- requests --- */

static void request_timed_out(p2p_timer *timer, p2p_time now) {
    (void)now;
    request *each = P2P_CONTAINER(timer, request, timer);
    job *own = each->job;
    p2p_swarm *swarm = own->swarm;
    p2p_reason reason = p2p_reason_of(P2P_ERR_TIMEOUT, "the dial took longer than its time limit");
    answer(swarm, each, NULL, &reason);
    if (p2p_list_empty(&own->requests))
        finish(own, NULL, &reason);
}

static p2p_err add_request(job *own, const p2p_dial_options *options, uint64_t number) {
    p2p_env *env = own->swarm->env;
    request *each = p2p_mem_alloc(env->mem, sizeof *each);
    if (each == NULL)
        return P2P_ERR_NO_MEMORY;
    each->event = p2p_mem_alloc(env->mem, sizeof *each->event);
    if (each->event == NULL ||
        p2p_timers_expect(&env->timers, &each->timer, request_timed_out) != P2P_OK) {
        p2p_mem_free(env->mem, each->event, sizeof *each->event);
        p2p_mem_free(env->mem, each, sizeof *each);
        return P2P_ERR_NO_MEMORY;
    }
    each->job = own;
    each->number = number;
    if (options != NULL && options->timeout > 0)
        p2p_timer_set(&env->timers, &each->timer, env->now + options->timeout);
    p2p_list_push(&own->requests, &each->node);
    return P2P_OK;
}

static job *new_job(p2p_swarm *swarm, const p2p_peer_id *peer, const p2p_dial_options *options) {
    job *own = p2p_mem_alloc(swarm->env->mem, sizeof *own);
    if (own == NULL)
        return NULL;
    own->swarm = swarm;
    own->peer = *peer;
    own->force_new = options != NULL && options->force_new;
    own->insecure_tls = options != NULL && options->insecure_tls;
    own->webrtc_version = options == NULL ? 0 : options->webrtc_version;
    p2p_list_init(&own->requests);
    if (p2p_timers_expect(&swarm->env->timers, &own->timer, timer_fired) != P2P_OK) {
        p2p_mem_free(swarm->env->mem, own, sizeof *own);
        return NULL;
    }
    p2p_list_push(&swarm->jobs, &own->node);
    return own;
}

static job *find_job(p2p_swarm *swarm, const p2p_peer_id *peer) {
    for (p2p_list *node = swarm->jobs.next; node != &swarm->jobs; node = node->next) {
        job *own = P2P_CONTAINER(node, job, node);
        if (peer->len > 0 && !own->force_new && p2p_peer_id_equal(&own->peer, peer))
            return own;
    }
    return NULL;
}

/* The peer that the argument and all addresses agree on. */
static p2p_err agree_on_peer(
    const p2p_peer_id *given, const p2p_multiaddr *addrs, size_t count, p2p_peer_id *peer) {
    *peer = (p2p_peer_id){0};
    if (given != NULL)
        *peer = *given;
    for (size_t i = 0; i < count; i++) {
        p2p_multiaddr bare;
        p2p_peer_id named;
        split_peer(&addrs[i], &bare, &named);
        if (named.len == 0)
            continue;
        if (peer->len > 0 && !p2p_peer_id_equal(peer, &named))
            return P2P_ERR_INVALID;
        *peer = named;
    }
    return P2P_OK;
}

static void add_known_addrs(job *own) {
    p2p_multiaddr addr;
    p2p_env *env = own->swarm->env;
    for (size_t i = 0; own->peer.len > 0 &&
                       p2p_peerstore_addr(&own->swarm->peers, &own->peer, i, true, env->now, &addr);
         i++)
        add_addr(own, &addr);
}

p2p_err p2p_swarm_dial(p2p_swarm *swarm, const p2p_peer_id *given, const p2p_multiaddr *addrs,
    size_t count, const p2p_dial_options *options, uint64_t *number) {
    p2p_peer_id peer;
    p2p_err err = agree_on_peer(given, addrs, count, &peer);
    if (err == P2P_OK && swarm->closing)
        err = P2P_ERR_SHUTDOWN;
    if (err == P2P_OK && peer.len > 0 && swarm->gater.dial_peer != NULL &&
        !swarm->gater.dial_peer(swarm->gater.ctx, &peer))
        err = P2P_ERR_GATED;
    if (err != P2P_OK)
        return err;
    *number = ++swarm->env->next_id;
    bool force_new = options != NULL && options->force_new;
    p2p_conn *conn = peer.len > 0 && !force_new ? p2p_swarm_find_conn(swarm, &peer) : NULL;
    if (conn != NULL) {
        p2p_queued_event *event = p2p_mem_alloc(swarm->env->mem, sizeof *event);
        if (event == NULL)
            return P2P_ERR_NO_MEMORY;
        p2p_swarm_answer(swarm, event, conn, *number, NULL);
        return P2P_OK;
    }
    job *own = force_new ? NULL : find_job(swarm, &peer);
    bool fresh = own == NULL;
    if (fresh)
        own = new_job(swarm, &peer, options);
    if (own == NULL)
        return P2P_ERR_NO_MEMORY;
    err = add_request(own, options, *number);
    if (err != P2P_OK) {
        if (fresh)
            finish(own, NULL, NULL);
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        p2p_multiaddr bare;
        p2p_peer_id named;
        split_peer(&addrs[i], &bare, &named);
        add_addr(own, &bare);
    }
    if (fresh)
        add_known_addrs(own);
    rank(own);
    schedule(own);
    return P2P_OK;
}

void p2p_swarm_cancel_dial(p2p_swarm *swarm, uint64_t number) {
    for (p2p_list *node = swarm->jobs.next; node != &swarm->jobs; node = node->next) {
        job *own = P2P_CONTAINER(node, job, node);
        for (p2p_list *at = own->requests.next; at != &own->requests; at = at->next) {
            request *each = P2P_CONTAINER(at, request, node);
            if (each->number != number)
                continue;
            free_request(swarm, each);
            if (p2p_list_empty(&own->requests))
                finish(own, NULL, NULL);
            return;
        }
    }
}

void p2p_swarm_cancel_all(p2p_swarm *swarm) {
    p2p_reason reason = p2p_reason_of(P2P_ERR_SHUTDOWN, "the host is closing");
    while (!p2p_list_empty(&swarm->jobs))
        finish(P2P_CONTAINER(swarm->jobs.next, job, node), NULL, &reason);
}
