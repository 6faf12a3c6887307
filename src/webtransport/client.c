/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * From an address to a session without libp2p: a dial as the swarm's, then the request. The session
 * object that the program holds is there from the start; when it opens raw.c takes over. Until then
 * there is no stream to tell of its end by, so the end waits for the drain as a p2p_call.
 */
#include "webtransport/client.h"

#include <stdio.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "webtransport/dial.h"
#include "webtransport/raw.h"

typedef struct p2p_wt_client {
    p2p_wt_dial dial;
    p2p_multiaddr addr; /* what dial looks into */
    p2p_wt_muxer *muxer;
    p2p_call call;
    p2p_list node; /* clients.list */
    bool dialling; /* dial is under way */
} p2p_wt_client;

typedef struct clients {
    p2p_env_part part;
    const p2p_mem *mem;
    p2p_list list;
} clients;

static const char OWNER;

static void free_clients(p2p_env_part *part) {
    clients *all = P2P_CONTAINER(part, clients, part);
    p2p_mem_free(all->mem, all, sizeof *all);
}

static clients *find_clients(const p2p_env *env) {
    p2p_env_part *part = p2p_env_find_part(env, &OWNER);
    return part == NULL ? NULL : P2P_CONTAINER(part, clients, part);
}

static clients *get_clients(p2p_env *env) {
    clients *all = find_clients(env);
    if (all != NULL)
        return all;
    all = p2p_mem_alloc(env->mem, sizeof *all);
    if (all == NULL)
        return NULL;
    all->mem = env->mem;
    p2p_list_init(&all->list);
    p2p_env_add_part(env, &all->part, &OWNER, free_clients);
    return all;
}

static p2p_wt_client *client_of(p2p_wt_dial *dial) {
    return P2P_CONTAINER(dial, p2p_wt_client, dial);
}

static void free_client(p2p_wt_client *client) {
    p2p_wt_dial_forget(&client->dial);
    p2p_list_remove(&client->call.node);
    p2p_list_remove(&client->node);
    client->muxer->client = NULL;
    p2p_mem_free(client->muxer->conn.env->mem, client, sizeof *client);
}

/* --- its end --- */

static void tell(p2p_call *call) {
    p2p_wt_client *client = P2P_CONTAINER(call, p2p_wt_client, call);
    p2p_wt_muxer *muxer = client->muxer;
    free_client(client);
    muxer->handler->closed(muxer, &muxer->reason, muxer->handler_self);
    p2p_conn_bury(&muxer->conn);
}

void p2p_wt_client_opened(p2p_wt_muxer *muxer) {
    free_client(muxer->client);
}

void p2p_wt_client_failed(p2p_wt_muxer *muxer, const p2p_reason *reason) {
    p2p_wt_client *client = muxer->client;
    if (p2p_list_linked(&client->call.node))
        return;
    p2p_wt_dial_forget(&client->dial); /* it may go before the program is told */
    p2p_wt_muxer_skip_login(muxer);
    muxer->reason = *reason;
    client->dialling = false;
    client->call.run = tell;
    p2p_list_push(&muxer->conn.env->calls, &client->call.node);
}

void p2p_wt_client_cancel(p2p_wt_muxer *muxer) {
    p2p_wt_client *client = muxer->client;
    p2p_reason reason = {.err = P2P_ERR_CLOSED};
    snprintf(reason.text, sizeof reason.text, "%s", p2p_err_text(reason.err));
    if (client->dialling)
        p2p_wt_dial_cancel(&client->dial);
    p2p_wt_client_failed(muxer, &reason);
}

/* No answer to the request in time. */
static void muxer_failed(p2p_wt_muxer *muxer, const p2p_reason *reason) {
    p2p_reason words = *reason;
    if (muxer->client->dialling)
        p2p_wt_dial_cancel(&muxer->client->dial);
    snprintf(words.text, sizeof words.text, "the server opened no WebTransport session in time");
    p2p_wt_client_failed(muxer, &words);
}

void p2p_wt_clients_finish(const p2p_env *env) {
    clients *all = find_clients(env);
    while (all != NULL && !p2p_list_empty(&all->list))
        tell(&P2P_CONTAINER(all->list.next, p2p_wt_client, node)->call);
}

/* --- the way there --- */

static p2p_err dial_ready(p2p_wt_dial *dial, p2p_bytes authority) {
    p2p_wt_client *client = client_of(dial);
    p2p_wt_muxer *muxer = client->muxer;
    p2p_wt_session *session;
    p2p_err err = p2p_wt_session_open(&session, dial->h3, authority,
        p2p_bytes_text(muxer->handler->path), &p2p_wt_raw_app, muxer);
    if (err != P2P_OK)
        return err;
    client->dialling = false;
    p2p_wt_muxer_attach(muxer, session);
    return P2P_OK;
}

static void dial_failed(p2p_wt_dial *dial, const p2p_reason *reason) {
    p2p_wt_client_failed(client_of(dial)->muxer, reason);
}

static const p2p_wt_dial_ops DIAL_OPS = {.ready = dial_ready, .failed = dial_failed};

p2p_err p2p_wt_client_connect(p2p_transport *transport, p2p_wt_muxer **out,
    const p2p_multiaddr *addr, const p2p_webtransport_handler *handler, void *self) {
    p2p_env *env = transport->env;
    p2p_wt_muxer_params params = {.env = env, .outbound = true, .failed = muxer_failed};
    *out = NULL;
    if (!p2p_wt_is_path(p2p_bytes_text(handler->path)))
        return P2P_ERR_INVALID;
    clients *all = get_clients(env);
    p2p_wt_client *client = all == NULL ? NULL : p2p_mem_alloc(env->mem, sizeof *client);
    if (client == NULL)
        return P2P_ERR_NO_MEMORY;
    p2p_err err = p2p_wt_muxer_new(&client->muxer, &params);
    if (err == P2P_OK) {
        client->addr = *addr;
        client->dial.ops = &DIAL_OPS;
        err = p2p_wt_dial_start(transport, &client->dial, &client->addr);
        if (err != P2P_OK)
            p2p_wt_muxer_free(client->muxer);
    }
    if (err != P2P_OK) {
        p2p_mem_free(env->mem, client, sizeof *client);
        return err;
    }
    client->dialling = true;
    client->muxer->client = client;
    client->muxer->handler = handler;
    client->muxer->handler_self = self;
    p2p_list_push(&all->list, &client->node);
    *out = client->muxer;
    return P2P_OK;
}
