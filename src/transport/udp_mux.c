/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One UDP port for everything (RFC 9443: QUIC, STUN and DTLS are told apart by the first byte).
 * QUIC keeps its fixed bit set because this host never offers grease_quic_bit (RFC 9287).
 *
 * A socket lives as long as it has users. Who sends stands in a queue: each turn gives one batch
 * for one destination, then the next in the queue has its turn, so that a bulk transfer does not
 * hold up a handshake by more than 64 KiB.
 */
#include "transport/udp_mux.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"

typedef struct loose {
    p2p_list node;
    p2p_sockaddr to, from;
    size_t len;
    uint8_t bytes[];
} loose;

struct p2p_udp_sock {
    p2p_sock sock;
    p2p_udp *udp;
    p2p_list node;  /* udp->socks */
    p2p_list users; /* p2p_udp_user.node */
    p2p_list senders;
    p2p_list loose;
    size_t loose_count;
    p2p_sockaddr at;    /* as asked for */
    p2p_sockaddr local; /* as bound; family 0: not bound yet */
    bool listening;     /* somebody asked to listen here; else only dialled from */
    bool own;           /* by its one user */
    p2p_dead dead;
};

struct p2p_udp {
    p2p_env_part part;
    p2p_env *env;
    p2p_list socks;
    p2p_list consumers;
    p2p_timer telling; /* users of a bound socket are told outside of the call that asked */
};

/* What the environment knows the mux by. */
static const char OWNER;

p2p_udp_kind p2p_udp_kind_of(uint8_t first_byte) {
    if (first_byte <= 3)
        return P2P_UDP_STUN;
    if (first_byte >= 20 && first_byte <= 63)
        return P2P_UDP_DTLS;
    return (first_byte & 0x40) != 0 ? P2P_UDP_QUIC : P2P_UDP_OTHER;
}

/* --- the mux --- */

static p2p_udp_user *user_of(p2p_list *node) {
    return P2P_CONTAINER(node, p2p_udp_user, node);
}

static p2p_udp_sock *sock_of(p2p_list *node) {
    return P2P_CONTAINER(node, p2p_udp_sock, node);
}

/* A user not told yet, of a socket that is bound. */
static p2p_udp_user *next_untold(p2p_udp *udp) {
    for (p2p_list *s = udp->socks.next; s != &udp->socks; s = s->next) {
        p2p_udp_sock *sock = sock_of(s);
        if (sock->local.family == 0)
            continue;
        for (p2p_list *u = sock->users.next; u != &sock->users; u = u->next)
            if (!user_of(u)->told)
                return user_of(u);
    }
    return NULL;
}

/* What a user does when told may change every list: begin anew each time. */
static void tell(p2p_timer *timer, p2p_time now) {
    (void)now;
    p2p_udp *udp = P2P_CONTAINER(timer, p2p_udp, telling);
    for (p2p_udp_user *user; (user = next_untold(udp)) != NULL;) {
        user->told = true;
        user->opened(user);
    }
}

static void drop_loose(p2p_udp_sock *sock, loose *datagram) {
    p2p_list_remove(&datagram->node);
    sock->loose_count--;
    p2p_mem_free(sock->udp->env->mem, datagram, sizeof *datagram + datagram->len);
}

static void free_sock(p2p_dead *dead) {
    p2p_udp_sock *sock = P2P_CONTAINER(dead, p2p_udp_sock, dead);
    p2p_mem_free(sock->udp->env->mem, sock, sizeof *sock);
}

/* Out of all tables; the memory goes at the end of the turn, since the socket may be in use. */
static void bury_sock(p2p_udp_sock *sock) {
    p2p_env *env = sock->udp->env;
    while (!p2p_list_empty(&sock->loose))
        drop_loose(sock, P2P_CONTAINER(sock->loose.next, loose, node));
    while (p2p_list_pop(&sock->senders) != NULL) {
    }
    p2p_list_remove(&sock->node);
    p2p_io_close(&env->io, &sock->sock, false);
    p2p_env_bury(env, &sock->dead, free_sock);
}

/* Nothing of a turn is under way any more: what is buried here is freed here. */
static void free_udp(p2p_env_part *part) {
    p2p_udp *udp = P2P_CONTAINER(part, p2p_udp, part);
    p2p_env *env = udp->env;
    for (p2p_list *node; (node = p2p_list_pop(&udp->consumers)) != NULL;) {
        p2p_udp_consumer *consumer = P2P_CONTAINER(node, p2p_udp_consumer, node);
        consumer->free(consumer);
    }
    while (!p2p_list_empty(&udp->socks)) {
        p2p_udp_sock *sock = sock_of(udp->socks.next);
        while (!p2p_list_empty(&sock->users)) {
            p2p_udp_user *user = user_of(sock->users.next);
            p2p_list_remove(&user->node);
            user->sock = NULL;
        }
        bury_sock(sock);
    }
    for (p2p_list *node = env->dead.next; node != &env->dead;) {
        p2p_dead *dead = P2P_CONTAINER(node, p2p_dead, node);
        node = node->next;
        if (dead->free != free_sock)
            continue;
        p2p_list_remove(&dead->node);
        free_sock(dead);
    }
    p2p_timers_forget(&env->timers, &udp->telling);
    p2p_mem_free(env->mem, udp, sizeof *udp);
}

p2p_err p2p_udp_get(p2p_udp **out, p2p_env *env) {
    p2p_env_part *part = p2p_env_find_part(env, &OWNER);
    *out = part == NULL ? NULL : P2P_CONTAINER(part, p2p_udp, part);
    if (part != NULL)
        return P2P_OK;
    p2p_udp *udp = p2p_mem_alloc(env->mem, sizeof *udp);
    if (udp == NULL)
        return P2P_ERR_NO_MEMORY;
    udp->env = env;
    p2p_list_init(&udp->socks);
    p2p_list_init(&udp->consumers);
    p2p_err err = p2p_timers_expect(&env->timers, &udp->telling, tell);
    if (err != P2P_OK) {
        p2p_mem_free(env->mem, udp, sizeof *udp);
        return err;
    }
    p2p_env_add_part(env, &udp->part, &OWNER, free_udp);
    *out = udp;
    return P2P_OK;
}

void p2p_udp_add_consumer(p2p_udp *udp, p2p_udp_consumer *consumer) {
    p2p_list_push(&udp->consumers, &consumer->node);
}

p2p_udp_consumer *p2p_udp_find_consumer(const p2p_udp *udp,
    bool (*datagram)(p2p_udp_consumer *, p2p_udp_sock *, uint8_t *, size_t, const p2p_input *)) {
    for (p2p_list *node = udp->consumers.next; node != &udp->consumers; node = node->next) {
        p2p_udp_consumer *consumer = P2P_CONTAINER(node, p2p_udp_consumer, node);
        if (consumer->datagram == datagram)
            return consumer;
    }
    return NULL;
}

/* --- the host's calls --- */

static void opened(p2p_sock *base, const p2p_sockaddr *local, const p2p_sockaddr *remote) {
    (void)remote;
    p2p_udp_sock *sock = P2P_CONTAINER(base, p2p_udp_sock, sock);
    sock->local = *local;
    tell(&sock->udp->telling, sock->udp->env->now);
}

static void datagram_in(p2p_sock *base, uint8_t *data, size_t len, const p2p_input *from) {
    p2p_udp_sock *sock = P2P_CONTAINER(base, p2p_udp_sock, sock);
    if (len == 0)
        return;
    p2p_list *consumers = &sock->udp->consumers;
    p2p_udp_kind kind = p2p_udp_kind_of(data[0]);
    for (p2p_list *node = consumers->next; node != consumers; node = node->next) {
        p2p_udp_consumer *consumer = P2P_CONTAINER(node, p2p_udp_consumer, node);
        if ((consumer->kinds & kind) != 0 && consumer->datagram(consumer, sock, data, len, from))
            return;
    }
}

static void closed(p2p_sock *base, p2p_err err) {
    p2p_udp_sock *sock = P2P_CONTAINER(base, p2p_udp_sock, sock);
    p2p_list_remove(&sock->node); /* so that a user that tries again gets a new one */
    while (!p2p_list_empty(&sock->users)) {
        p2p_udp_user *user = user_of(sock->users.next);
        p2p_list_remove(&user->node);
        user->sock = NULL;
        user->closed(user, err);
    }
    bury_sock(sock);
}

static bool draw_loose(p2p_udp_sock *sock, uint8_t *dst, size_t cap, p2p_datagrams *out) {
    while (!p2p_list_empty(&sock->loose)) {
        loose *next = P2P_CONTAINER(sock->loose.next, loose, node);
        bool fits = next->len <= cap;
        if (fits) {
            memcpy(dst, next->bytes, next->len);
            *out = (p2p_datagrams){
                .remote = next->to, .local = next->from, .len = next->len, .segment = next->len};
        }
        drop_loose(sock, next);
        if (fits)
            return true;
    }
    return false;
}

static bool draw_datagrams(
    p2p_sock *base, uint8_t *dst, size_t cap, size_t max_segments, p2p_datagrams *out) {
    p2p_udp_sock *sock = P2P_CONTAINER(base, p2p_udp_sock, sock);
    if (draw_loose(sock, dst, cap, out))
        return true;
    if (p2p_list_empty(&sock->users)) { /* it was kept for a goodbye, which is out now */
        bury_sock(sock);
        return false;
    }
    for (p2p_list *node; (node = p2p_list_pop(&sock->senders)) != NULL;) {
        p2p_udp_sender *sender = P2P_CONTAINER(node, p2p_udp_sender, node);
        if (sender->draw(sender, dst, cap, max_segments, out))
            return true;
        /* What it said in place of sending, a CONNECTION_CLOSE for example. */
        if (draw_loose(sock, dst, cap, out))
            return true;
    }
    return false;
}

static const p2p_sock_ops OPS = {
    .opened = opened, .datagram = datagram_in, .closed = closed, .draw_datagrams = draw_datagrams};

/* --- sockets and their users --- */

static void add_user(p2p_udp_sock *sock, p2p_udp_user *user) {
    user->sock = sock;
    user->told = false;
    p2p_list_push(&sock->users, &user->node);
}

static p2p_err bind_new(p2p_udp *udp, p2p_udp_user *user, const p2p_sockaddr *at, bool listening) {
    p2p_env *env = udp->env;
    p2p_udp_sock *sock = p2p_mem_alloc(env->mem, sizeof *sock);
    if (sock == NULL)
        return P2P_ERR_NO_MEMORY;
    p2p_err err = p2p_io_bind(&env->io, &sock->sock, &OPS, at);
    if (err != P2P_OK) {
        p2p_mem_free(env->mem, sock, sizeof *sock);
        return err;
    }
    sock->udp = udp;
    sock->at = *at;
    sock->listening = listening;
    p2p_list_init(&sock->users);
    p2p_list_init(&sock->senders);
    p2p_list_init(&sock->loose);
    p2p_list_push(&udp->socks, &sock->node);
    add_user(sock, user);
    return P2P_OK;
}

void p2p_udp_share(p2p_udp_sock *sock, p2p_udp_user *user) {
    add_user(sock, user);
    user->told = sock->local.family != 0;
}

static void share_untold(p2p_udp_sock *sock, p2p_udp_user *user) {
    add_user(sock, user);
    if (sock->local.family != 0)
        p2p_timer_set(&sock->udp->env->timers, &sock->udp->telling, sock->udp->env->now);
}

/* Bound there, or being bound there. Port 0 asks for a new one each time. */
static p2p_udp_sock *find_bound(const p2p_udp *udp, const p2p_sockaddr *at) {
    for (p2p_list *node = udp->socks.next; node != &udp->socks; node = node->next) {
        p2p_udp_sock *sock = sock_of(node);
        if (at->port != 0 && (p2p_sockaddr_equal(&sock->at, at) ||
                                 (sock->local.family != 0 && p2p_sockaddr_equal(&sock->local, at))))
            return sock;
    }
    return NULL;
}

p2p_err p2p_udp_listen(p2p_udp *udp, p2p_udp_user *user, const p2p_sockaddr *at) {
    p2p_udp_sock *sock = find_bound(udp, at);
    if (sock == NULL)
        return bind_new(udp, user, at, true);
    sock->listening = true;
    share_untold(sock, user);
    return P2P_OK;
}

/* Can a socket bound to this address reach that remote one? */
static bool reaches(const p2p_udp_sock *sock, const p2p_sockaddr *remote) {
    if (sock->at.family != remote->family)
        return false;
    return p2p_sockaddr_is_unspecified(&sock->at) ||
           p2p_sockaddr_is_loopback(&sock->at) == p2p_sockaddr_is_loopback(remote);
}

p2p_err p2p_udp_dial(p2p_udp *udp, p2p_udp_user *user, const p2p_sockaddr *remote) {
    p2p_udp_sock *found = NULL;
    for (p2p_list *node = udp->socks.next; node != &udp->socks; node = node->next) {
        p2p_udp_sock *sock = sock_of(node);
        if (!sock->own && reaches(sock, remote) &&
            (found == NULL || (sock->listening && !found->listening)))
            found = sock;
    }
    if (found != NULL) {
        share_untold(found, user);
        return P2P_OK;
    }
    p2p_sockaddr any = {.family = remote->family};
    return bind_new(udp, user, &any, false);
}

p2p_err p2p_udp_own(p2p_udp *udp, p2p_udp_user *user, const p2p_sockaddr *remote) {
    p2p_sockaddr any = {.family = remote->family};
    p2p_err err = bind_new(udp, user, &any, false);
    if (err == P2P_OK)
        user->sock->own = true;
    return err;
}

void p2p_udp_release(p2p_udp_user *user) {
    p2p_udp_sock *sock = user->sock;
    if (sock == NULL)
        return;
    p2p_list_remove(&user->node);
    user->sock = NULL;
    /* While the host tells of a closed socket, that one is in no list and buried there. Its last
     * user's goodbye goes out first. */
    if (p2p_list_empty(&sock->users) && p2p_list_linked(&sock->node) &&
        p2p_list_empty(&sock->loose))
        bury_sock(sock);
}

const p2p_sockaddr *p2p_udp_local(const p2p_udp_sock *sock) {
    return &sock->local;
}

/* --- sending --- */

void p2p_udp_want(p2p_udp_sender *sender) {
    if (sender->sock == NULL)
        return;
    if (!p2p_list_linked(&sender->node))
        p2p_list_push(&sender->sock->senders, &sender->node);
    p2p_io_wake(&sender->sock->udp->env->io, &sender->sock->sock);
}

void p2p_udp_unwant(p2p_udp_sender *sender) {
    p2p_list_remove(&sender->node);
}

p2p_err p2p_udp_send(
    p2p_udp_sock *sock, const p2p_sockaddr *to, const p2p_sockaddr *from, p2p_bytes datagram) {
    if (datagram.len > P2P_UDP_LOOSE_LEN_MAX)
        return P2P_ERR_TOO_BIG;
    if (sock->loose_count >= P2P_UDP_LOOSE_MAX)
        return P2P_ERR_LIMIT;
    p2p_env *env = sock->udp->env;
    loose *copy = p2p_mem_alloc(env->mem, sizeof *copy + datagram.len);
    if (copy == NULL)
        return P2P_ERR_NO_MEMORY;
    copy->to = *to;
    if (from != NULL)
        copy->from = *from;
    copy->len = datagram.len;
    p2p_copy(copy->bytes, datagram.ptr, datagram.len);
    p2p_list_push(&sock->loose, &copy->node);
    sock->loose_count++;
    p2p_io_wake(&env->io, &sock->sock);
    return P2P_OK;
}
