/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The client's side of a Binding transaction (RFC 8489 §6.2.1): one request, repeated over UDP at
 * intervals that double, and a last wait of sixteen times the first.
 *
 * An answer counts when it comes from the server asked and carries the transaction's 96 random
 * bits: that is all the protection there is without credentials, and what it says is a hint.
 */
#include "webrtc/stun_client.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "transport/udp_mux.h"
#include "webrtc/stun.h"

enum { REQUESTS = 7, REQUESTS_MAX = 16, LAST_WAIT = 16, SOFTWARE_MAX = 128 };

#define RTO (500 * P2P_MILLISECOND)
#define RTO_MAX (60 * P2P_SECOND)

typedef struct client {
    p2p_udp_consumer consumer;
    p2p_env *env;
    p2p_udp *udp;
    p2p_list queries;
    size_t count;
} client;

struct p2p_stun_query {
    client *client;
    p2p_list node;
    p2p_resolve resolve;
    p2p_udp_user user;
    p2p_timer timer;
    p2p_call call;
    p2p_dead dead;
    p2p_stun_fn fn;
    void *ctx;
    unsigned requests_max;
    p2p_time rto, began;
    uint8_t transaction[P2P_STUN_TRANSACTION];
    uint8_t software[SOFTWARE_MAX];
    bool done; /* the answer is complete and waits for p2p_host_next_event */
    p2p_stun_answer answer;
};

/* --- the end --- */

static void free_query(p2p_dead *dead) {
    p2p_stun_query *query = P2P_CONTAINER(dead, p2p_stun_query, dead);
    p2p_mem_free(query->client->env->mem, query, sizeof *query);
}

/* Out of every table; only the memory is left. */
static void withdraw(p2p_stun_query *query) {
    client *own = query->client;
    if (query->resolve.request != 0)
        p2p_io_cancel_resolve(&own->env->io, &query->resolve);
    p2p_udp_release(&query->user);
    p2p_timers_forget(&own->env->timers, &query->timer);
    p2p_list_remove(&query->call.node);
    p2p_list_remove(&query->node);
    own->count--;
}

void p2p_stun_cancel(p2p_stun_query *query) {
    withdraw(query);
    p2p_env_bury(query->client->env, &query->dead, free_query);
}

static void tell(p2p_call *call) {
    p2p_stun_query *query = P2P_CONTAINER(call, p2p_stun_query, call);
    p2p_stun_cancel(query); /* what `fn` asks next finds a free place */
    query->fn(query->ctx, &query->answer);
}

static void finish(p2p_stun_query *query, p2p_err err) {
    p2p_env *env = query->client->env;
    query->answer.err = err;
    query->answer.took = query->answer.requests > 0 ? env->now - query->began : 0;
    query->done = true;
    p2p_timer_set(&env->timers, &query->timer, P2P_NEVER);
    p2p_list_push(&env->calls, &query->call.node);
}

/* --- asking --- */

static void send_request(p2p_stun_query *query) {
    uint8_t text[P2P_STUN_HEADER + 8];
    size_t len;
    p2p_env *env = query->client->env;
    p2p_writer w =
        p2p_stun_begin(text, sizeof text, P2P_STUN_REQUEST, P2P_STUN_BINDING, query->transaction);
    p2p_err err = p2p_stun_finish(&w, &len);
    if (err == P2P_OK)
        err = p2p_udp_send(query->user.sock, &query->answer.server, NULL, p2p_bytes_of(text, len));
    /* A request that finds no room or memory counts as one that was lost. */
    (void)err;
    unsigned sent = ++query->answer.requests;
    p2p_time wait =
        query->rto * (sent < query->requests_max ? UINT64_C(1) << (sent - 1) : LAST_WAIT);
    p2p_timer_set(&env->timers, &query->timer, env->now + wait);
}

static void waited(p2p_timer *timer, p2p_time now) {
    p2p_stun_query *query = P2P_CONTAINER(timer, p2p_stun_query, timer);
    (void)now;
    if (query->answer.requests < query->requests_max)
        send_request(query);
    else
        finish(query, P2P_ERR_TIMEOUT);
}

static void opened(p2p_udp_user *user) {
    p2p_stun_query *query = P2P_CONTAINER(user, p2p_stun_query, user);
    if (query->done)
        return;
    query->began = query->client->env->now;
    send_request(query);
}

static void closed(p2p_udp_user *user, p2p_err err) {
    p2p_stun_query *query = P2P_CONTAINER(user, p2p_stun_query, user);
    if (!query->done)
        finish(query, err);
}

static p2p_err open_socket(p2p_stun_query *query) {
    return p2p_udp_dial(query->client->udp, &query->user, &query->answer.server);
}

static void resolved(p2p_resolve *resolve, p2p_err err, const p2p_sockaddr *addrs, size_t count) {
    p2p_stun_query *query = P2P_CONTAINER(resolve, p2p_stun_query, resolve);
    if (err == P2P_OK && count == 0)
        err = P2P_ERR_RESOLVE;
    if (err == P2P_OK) {
        uint16_t port = query->answer.server.port;
        query->answer.server = addrs[0];
        query->answer.server.port = port;
        err = open_socket(query);
    }
    if (err != P2P_OK) {
        query->answer.server.family = 0;
        finish(query, err);
    }
}

/* --- being answered --- */

static void take_answer(p2p_stun_query *query, const p2p_stun_msg *msg, const p2p_input *from) {
    p2p_stun_answer *answer = &query->answer;
    answer->local = from->local;
    if (answer->local.family != 0)
        answer->local.port = p2p_udp_local(query->user.sock)->port;
    size_t len = msg->software.len < SOFTWARE_MAX ? msg->software.len : SOFTWARE_MAX;
    p2p_copy(query->software, msg->software.ptr, len);
    answer->software = p2p_bytes_of(query->software, len);
    answer->mapped = msg->mapped;
    answer->code = msg->class == P2P_STUN_ERROR ? msg->error_code : 0;
    if (msg->class == P2P_STUN_ERROR)
        finish(query, P2P_ERR_UNSUPPORTED);
    else
        finish(query, msg->mapped.family == 0 ? P2P_ERR_MALFORMED : P2P_OK);
}

static p2p_stun_query *find(const client *own, const uint8_t *transaction, const p2p_input *from) {
    for (p2p_list *node = own->queries.next; node != &own->queries; node = node->next) {
        p2p_stun_query *query = P2P_CONTAINER(node, p2p_stun_query, node);
        if (!query->done && query->answer.requests > 0 &&
            memcmp(query->transaction, transaction, P2P_STUN_TRANSACTION) == 0 &&
            p2p_sockaddr_equal(&query->answer.server, &from->remote))
            return query;
    }
    return NULL;
}

static bool datagram(p2p_udp_consumer *consumer, p2p_udp_sock *sock, uint8_t *data, size_t len,
    const p2p_input *from) {
    client *own = P2P_CONTAINER(consumer, client, consumer);
    p2p_bytes packet = p2p_bytes_of(data, len);
    p2p_stun_msg msg;
    if (own->count == 0 || !p2p_stun_is(packet) || p2p_stun_parse(&msg, packet) != P2P_OK)
        return false;
    if (msg.class != P2P_STUN_SUCCESS && msg.class != P2P_STUN_ERROR)
        return false;
    p2p_stun_query *query = find(own, msg.transaction, from);
    if (query == NULL || query->user.sock != sock)
        return false;
    if (msg.fingerprint_at == 0 || p2p_stun_check_fingerprint(&msg) == P2P_OK)
        take_answer(query, &msg, from);
    return true;
}

/* --- making --- */

static void free_client(p2p_udp_consumer *consumer) {
    client *own = P2P_CONTAINER(consumer, client, consumer);
    while (!p2p_list_empty(&own->queries)) {
        p2p_stun_query *query = P2P_CONTAINER(own->queries.next, p2p_stun_query, node);
        withdraw(query);
        free_query(&query->dead);
    }
    p2p_mem_free(own->env->mem, own, sizeof *own);
}

static p2p_err get_client(client **out, p2p_env *env) {
    p2p_udp *udp;
    p2p_err err = p2p_udp_get(&udp, env);
    if (err != P2P_OK)
        return err;
    p2p_udp_consumer *known = p2p_udp_find_consumer(udp, datagram);
    client *own = known == NULL ? p2p_mem_alloc(env->mem, sizeof *own)
                                : P2P_CONTAINER(known, client, consumer);
    if (own == NULL)
        return P2P_ERR_NO_MEMORY;
    *out = own;
    if (known != NULL)
        return P2P_OK;
    own->env = env;
    own->udp = udp;
    p2p_list_init(&own->queries);
    own->consumer.kinds = P2P_UDP_STUN;
    own->consumer.datagram = datagram;
    own->consumer.free = free_client;
    p2p_udp_add_consumer(udp, &own->consumer);
    return P2P_OK;
}

/* Who is to be asked: an address, or a name to be resolved. */
static p2p_err read_server(p2p_stun_query *query, const p2p_multiaddr *server) {
    p2p_proto_code code;
    p2p_component part, port;
    size_t at = 0;
    if (p2p_multiaddr_to_sockaddr(server, &query->answer.server, &code))
        return code == P2P_UDP ? P2P_OK : P2P_ERR_INVALID;
    if (!p2p_multiaddr_next(server, &at, &part) || !p2p_multiaddr_next(server, &at, &port) ||
        port.code != P2P_UDP || part.value.len >= sizeof query->resolve.name)
        return P2P_ERR_INVALID;
    if (part.code != P2P_DNS && part.code != P2P_DNS4 && part.code != P2P_DNS6)
        return P2P_ERR_INVALID;
    query->answer.server = (p2p_sockaddr){.port = p2p_load16(port.value.ptr)};
    query->resolve.family = part.code == P2P_DNS4 ? 4 : part.code == P2P_DNS6 ? 6 : 0;
    p2p_copy(query->resolve.name, part.value.ptr, part.value.len);
    return P2P_OK;
}

static p2p_err set_options(p2p_stun_query *query, const p2p_stun_options *options) {
    query->requests_max = REQUESTS;
    query->rto = RTO;
    if (options == NULL)
        return P2P_OK;
    if (options->size != sizeof *options || options->requests > REQUESTS_MAX ||
        options->rto > RTO_MAX)
        return P2P_ERR_INVALID;
    query->requests_max = options->requests > 0 ? options->requests : REQUESTS;
    query->rto = options->rto > 0 ? options->rto : RTO;
    return P2P_OK;
}

static p2p_err start(
    p2p_stun_query *query, const p2p_multiaddr *server, const p2p_stun_options *options) {
    p2p_env *env = query->client->env;
    p2p_err err = read_server(query, server);
    if (err == P2P_OK)
        err = set_options(query, options);
    if (err == P2P_OK)
        err = p2p_timers_expect(&env->timers, &query->timer, waited);
    if (err != P2P_OK)
        return err;
    err = query->answer.server.family == 0 ? p2p_io_resolve(&env->io, &query->resolve)
                                           : open_socket(query);
    if (err != P2P_OK)
        p2p_timers_forget(&env->timers, &query->timer);
    return err;
}

p2p_err p2p_stun_client_ask(p2p_stun_query **out, p2p_env *env, const p2p_multiaddr *server,
    const p2p_stun_options *options, p2p_stun_fn fn, void *ctx) {
    client *own;
    p2p_err err = get_client(&own, env);
    if (err != P2P_OK)
        return err;
    if (own->count == P2P_STUN_QUERIES_MAX)
        return P2P_ERR_LIMIT;
    p2p_stun_query *query = p2p_mem_alloc(env->mem, sizeof *query);
    if (query == NULL)
        return P2P_ERR_NO_MEMORY;
    query->client = own;
    query->fn = fn;
    query->ctx = ctx;
    query->resolve.done = resolved;
    query->user.opened = opened;
    query->user.closed = closed;
    query->call.run = tell;
    p2p_env_random(env, query->transaction, sizeof query->transaction);
    err = start(query, server, options);
    if (err != P2P_OK) {
        p2p_mem_free(env->mem, query, sizeof *query);
        return err;
    }
    p2p_list_push(&own->queries, &query->node);
    own->count++;
    if (out != NULL)
        *out = query;
    return P2P_OK;
}
