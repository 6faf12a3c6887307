/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The agent's tables: credentials, candidates, pairs, and which pair carries data.
 *
 * Pairs are made from every local base and every remote candidate of its family, or learned from
 * checks that come from addresses nobody announced (peer-reflexive). There is no freezing: one
 * component and one stream leave nothing to unfreeze. Candidates are few, so tables are searched
 * from the beginning.
 *
 * The selected pair is the one nominated last. Before any nomination it is the best pair that
 * passed a check, because a browser sends its DTLS hello as soon as one check was answered, long
 * before it nominates.
 */
#include "webrtc/ice.h"

#include "base/bytes.h"
#include "base/mem.h"

#include "webrtc/ice_agent.h"

uint32_t p2p_ice_priority(p2p_ice_kind kind, uint16_t preference) {
    static const uint32_t kinds[] = {
        [P2P_ICE_HOST] = 126,
        [P2P_ICE_PEER_REFLEXIVE] = 110,
        [P2P_ICE_SERVER_REFLEXIVE] = 100,
        [P2P_ICE_RELAYED] = 0,
    };
    return kinds[kind] << 24 | (uint32_t)preference << 8 | 255;
}

uint64_t p2p_ice_pair_priority(uint32_t controlling, uint32_t controlled) {
    uint64_t low = controlling < controlled ? controlling : controlled;
    uint64_t high = controlling < controlled ? controlled : controlling;
    return (low << 32) + 2 * high + (controlling > controlled);
}

uint64_t p2p_ice_priority_of(const p2p_ice *ice, const ice_pair *pair) {
    return ice->controlling ? p2p_ice_pair_priority(pair->local_priority, pair->remote_priority)
                            : p2p_ice_pair_priority(pair->remote_priority, pair->local_priority);
}

bool p2p_ice_same_address(const p2p_sockaddr *a, const p2p_sockaddr *b) {
    return a->family == b->family && a->port == b->port && a->scope == b->scope &&
           memcmp(a->ip, b->ip, a->family == 6 ? 16 : 4) == 0;
}

/* --- life --- */

static size_t copy_text(uint8_t *block, size_t at, p2p_bytes *text) {
    p2p_copy(block + at, text->ptr, text->len);
    text->ptr = block + at;
    return at + text->len;
}

/* Keeps the credentials in one exact block. */
static p2p_err keep_credentials(p2p_ice *ice, p2p_ice_credentials c) {
    size_t len = c.local_ufrag.len + c.local_pwd.len + c.remote_ufrag.len + c.remote_pwd.len;
    uint8_t *block = p2p_mem_alloc(ice->mem, len);
    if (block == NULL)
        return P2P_ERR_NO_MEMORY;
    size_t at = copy_text(block, 0, &c.local_ufrag);
    at = copy_text(block, at, &c.local_pwd);
    at = copy_text(block, at, &c.remote_ufrag);
    copy_text(block, at, &c.remote_pwd);
    p2p_mem_free(ice->mem, ice->text, ice->text_len);
    ice->text = block;
    ice->text_len = len;
    ice->credentials = c;
    return P2P_OK;
}

p2p_err p2p_ice_new(p2p_ice **out, const p2p_ice_config *config, const p2p_mem *mem,
    const p2p_random *random, p2p_time now) {
    const p2p_ice_credentials *c = &config->credentials;
    *out = NULL;
    if (!p2p_ice_ufrag_valid(c->local_ufrag) || !p2p_ice_pwd_valid(c->local_pwd) ||
        (config->lite && config->controlling))
        return P2P_ERR_INVALID;
    if (c->remote_ufrag.len + c->remote_pwd.len > 0 &&
        (!p2p_ice_ufrag_valid(c->remote_ufrag) || !p2p_ice_pwd_valid(c->remote_pwd)))
        return P2P_ERR_INVALID;
    p2p_ice *ice = p2p_mem_alloc(mem, sizeof *ice);
    if (ice == NULL)
        return P2P_ERR_NO_MEMORY;
    ice->mem = mem;
    ice->random = random;
    ice->lite = config->lite;
    ice->controlling = config->controlling;
    ice->remote_lite = config->remote_lite;
    ice->first_pause = config->first_pause > 0 ? config->first_pause : P2P_SECOND / 2;
    ice->selected = ICE_NONE;
    ice->next_check_at = now;
    ice->first_valid_at = P2P_NEVER;
    ice->heard_at = now;
    random->fill(random->ctx, (uint8_t *)&ice->tie_breaker, sizeof ice->tie_breaker);
    p2p_err err = keep_credentials(ice, *c);
    if (err != P2P_OK) {
        p2p_ice_free(ice);
        return err;
    }
    *out = ice;
    return P2P_OK;
}

void p2p_ice_free(p2p_ice *ice) {
    if (ice == NULL)
        return;
    p2p_mem_free(ice->mem, ice->text, ice->text_len);
    p2p_mem_free(ice->mem, ice->locals, ice->locals_count * sizeof *ice->locals);
    p2p_mem_free(ice->mem, ice->remotes, ice->remotes_count * sizeof *ice->remotes);
    p2p_mem_free(ice->mem, ice->pairs, ice->pairs_cap * sizeof *ice->pairs);
    p2p_mem_free(ice->mem, ice, sizeof *ice);
}

p2p_err p2p_ice_set_remote(p2p_ice *ice, p2p_bytes ufrag, p2p_bytes pwd) {
    p2p_ice_credentials credentials = ice->credentials;
    if (credentials.remote_ufrag.len > 0)
        return P2P_ERR_STATE;
    if (!p2p_ice_ufrag_valid(ufrag) || !p2p_ice_pwd_valid(pwd))
        return P2P_ERR_INVALID;
    credentials.remote_ufrag = ufrag;
    credentials.remote_pwd = pwd;
    return keep_credentials(ice, credentials);
}

/* --- pairs --- */

/* An unknown local address, on either side of the comparison, matches every one. */
static bool same_local(const p2p_sockaddr *a, const p2p_sockaddr *b) {
    return a->family == 0 || b->family == 0 || p2p_ice_same_address(a, b);
}

ice_pair *p2p_ice_find_pair(
    const p2p_ice *ice, const p2p_sockaddr *local, const p2p_sockaddr *remote) {
    for (size_t i = 0; i < ice->pairs_count; i++) {
        const p2p_ice_path *path = &ice->pairs[i].path;
        if (p2p_ice_same_address(&path->remote, remote) && same_local(&path->local, local))
            return &ice->pairs[i];
    }
    return NULL;
}

/* The pair that is missed least: failed ones first, then those never answered, then the silent. */
static ice_pair *victim(p2p_ice *ice) {
    ice_pair *worst = NULL;
    for (size_t i = 0; i < ice->pairs_count; i++) {
        ice_pair *pair = &ice->pairs[i];
        if (i == ice->selected)
            continue;
        if (worst == NULL || pair->state == ICE_FAILED ||
            (worst->state != ICE_FAILED && pair->heard_at < worst->heard_at))
            worst = pair;
        if (pair->state == ICE_FAILED)
            break;
    }
    return worst;
}

static bool grow_pairs(p2p_ice *ice) {
    size_t cap = ice->pairs_cap == 0 ? 1 : ice->pairs_cap * 2;
    if (cap > P2P_ICE_PAIRS_MAX)
        return false;
    ice_pair *pairs =
        p2p_mem_resize(ice->mem, ice->pairs, ice->pairs_cap * sizeof *pairs, cap * sizeof *pairs);
    if (pairs == NULL)
        return false;
    ice->pairs = pairs;
    ice->pairs_cap = cap;
    return true;
}

ice_pair *p2p_ice_add_pair(p2p_ice *ice, const p2p_ice_path *path, uint32_t local_priority,
    uint32_t remote_priority, p2p_time now) {
    ice_pair *pair;
    if (ice->pairs_count < ice->pairs_cap || grow_pairs(ice))
        pair = &ice->pairs[ice->pairs_count++];
    else
        pair = victim(ice);
    if (pair == NULL)
        return NULL;
    *pair = (ice_pair){
        .path = *path,
        .local_priority = local_priority,
        .remote_priority = remote_priority,
        .send_at = P2P_NEVER,
        .heard_at = now,
    };
    return pair;
}

void p2p_ice_trigger(ice_pair *pair) {
    pair->state = ICE_WAITING;
    pair->triggered = true;
    pair->outstanding = pair->nominate = false;
    pair->sends = 0;
    pair->send_at = P2P_NEVER;
}

/* --- candidates --- */

static const p2p_sockaddr *base_of(const p2p_ice_candidate *local) {
    return local->base.family != 0 ? &local->base : &local->addr;
}

static p2p_err make_pair(
    p2p_ice *ice, const p2p_ice_candidate *local, const p2p_ice_candidate *remote) {
    p2p_ice_path path = {.remote = remote->addr};
    uint32_t priority = p2p_ice_priority(P2P_ICE_HOST, UINT16_MAX);
    if (local != NULL) {
        path.local = *base_of(local);
        priority = local->priority;
    }
    if (local != NULL && path.local.family != path.remote.family)
        return P2P_OK;
    if (p2p_ice_find_pair(ice, &path.local, &path.remote) != NULL)
        return P2P_OK; /* redundant: same base, or learned from a check already */
    if (ice->pairs_count == P2P_ICE_PAIRS_MAX)
        return P2P_ERR_LIMIT;
    return p2p_ice_add_pair(ice, &path, priority, remote->priority, 0) != NULL ? P2P_OK
                                                                               : P2P_ERR_NO_MEMORY;
}

static p2p_err keep_candidate(const p2p_ice *ice, p2p_ice_candidate **table, uint8_t *count,
    size_t max, const p2p_ice_candidate *candidate) {
    if (candidate->addr.family != 4 && candidate->addr.family != 6)
        return P2P_ERR_INVALID;
    for (size_t i = 0; i < *count; i++) {
        if (p2p_ice_same_address(&(*table)[i].addr, &candidate->addr) &&
            p2p_ice_same_address(&(*table)[i].base, &candidate->base))
            return P2P_ERR_EXISTS;
    }
    if (*count == max)
        return P2P_ERR_LIMIT;
    size_t size = *count * sizeof **table;
    p2p_ice_candidate *grown = p2p_mem_resize(ice->mem, *table, size, size + sizeof **table);
    if (grown == NULL)
        return P2P_ERR_NO_MEMORY;
    grown[(*count)++] = *candidate;
    *table = grown;
    return P2P_OK;
}

p2p_err p2p_ice_add_local(p2p_ice *ice, const p2p_ice_candidate *candidate) {
    p2p_err err =
        keep_candidate(ice, &ice->locals, &ice->locals_count, P2P_ICE_LOCALS_MAX, candidate);
    for (size_t i = 0; err == P2P_OK && !ice->lite && i < ice->remotes_count; i++)
        err = make_pair(ice, candidate, &ice->remotes[i]);
    return err;
}

p2p_err p2p_ice_add_remote(p2p_ice *ice, const p2p_ice_candidate *candidate) {
    p2p_err err =
        keep_candidate(ice, &ice->remotes, &ice->remotes_count, P2P_ICE_REMOTES_MAX, candidate);
    if (err != P2P_OK || ice->lite)
        return err;
    if (ice->locals_count == 0)
        return make_pair(ice, NULL, candidate);
    for (size_t i = 0; err == P2P_OK && i < ice->locals_count; i++)
        err = make_pair(ice, &ice->locals[i], candidate);
    return err;
}

void p2p_ice_end_of_candidates(p2p_ice *ice, p2p_time now) {
    ice->complete = true;
    p2p_ice_tick(ice, now);
}

/* --- selection and events --- */

void p2p_ice_push_event(p2p_ice *ice, p2p_ice_event event) {
    if (ice->events_count > 0 && ice->events[ice->events_count - 1] == event)
        return;
    if (ice->events_count == ICE_EVENTS_MAX) { /* the last ones tell the state */
        memmove(ice->events, ice->events + 1, sizeof ice->events - sizeof ice->events[0]);
        ice->events_count--;
    }
    ice->events[ice->events_count++] = event;
}

bool p2p_ice_next_event(p2p_ice *ice, p2p_ice_event *event) {
    if (ice->events_count == 0)
        return false;
    *event = ice->events[0];
    memmove(ice->events, ice->events + 1, sizeof ice->events - sizeof ice->events[0]);
    ice->events_count--;
    return true;
}

void p2p_ice_select(p2p_ice *ice, ice_pair *pair) {
    size_t index = (size_t)(pair - ice->pairs);
    if (ice->selected == index && !ice->disconnected)
        return;
    if (ice->selected != index)
        ice->asked_count = ice->asked_next = 0;
    ice->selected = index;
    ice->disconnected = false;
    p2p_ice_push_event(ice, P2P_ICE_SELECTED);
}

void p2p_ice_fail(p2p_ice *ice) {
    if (ice->failed)
        return;
    ice->failed = true;
    ice->selected = ICE_NONE;
    ice->replies_count = 0;
    p2p_ice_push_event(ice, P2P_ICE_FAILED);
}

bool p2p_ice_selected(const p2p_ice *ice, p2p_ice_path *path) {
    if (ice->selected == ICE_NONE)
        return false;
    *path = ice->pairs[ice->selected].path;
    return true;
}

bool p2p_ice_accepts(const p2p_ice *ice, const p2p_sockaddr *from, const p2p_sockaddr *to) {
    const ice_pair *pair = p2p_ice_find_pair(ice, to, from);
    return pair != NULL && !ice->failed && pair->state == ICE_SUCCEEDED;
}

void p2p_ice_heard(p2p_ice *ice, const p2p_sockaddr *from, const p2p_sockaddr *to, p2p_time now) {
    ice_pair *pair = p2p_ice_find_pair(ice, to, from);
    if (pair == NULL || !ice->lite || ice->failed)
        return; /* consent of a full agent comes from answered checks alone (RFC 7675 §5.1) */
    pair->heard_at = now;
    ice->heard_at = now;
    if (ice->disconnected && (size_t)(pair - ice->pairs) == ice->selected)
        p2p_ice_select(ice, pair);
}

bool p2p_ice_is_controlling(const p2p_ice *ice) {
    return ice->controlling;
}
