/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Checks that arrive: requests of the peer and responses to ours (RFC 8445 §7.2.5, §7.3).
 *
 * A packet that does not prove the right password is dropped without an answer, where RFC 8489
 * would say 400 or 401: whoever forges a source address gets nothing reflected, and a flood costs
 * one HMAC each. A lite agent answers, notes the path and keeps its role whatever a request says.
 */
#include "base/bytes.h"

#include "webrtc/ice_agent.h"

/* A path that was silent for so long gives way to one the peer talks on, nominated or not. */
#define TAKEOVER_AFTER (15 * P2P_SECOND)

enum { ROLE_CHANGES_MAX = 8 };

static p2p_err check_username(const p2p_ice *ice, p2p_bytes username) {
    p2p_bytes local = ice->credentials.local_ufrag;
    p2p_bytes remote = ice->credentials.remote_ufrag;
    if (!p2p_bytes_start(username, local) || username.len <= local.len ||
        username.ptr[local.len] != ':')
        return P2P_ERR_NOT_FOUND;
    p2p_bytes rest = p2p_bytes_of(username.ptr + local.len + 1, username.len - local.len - 1);
    if (remote.len > 0 && !p2p_bytes_equal(rest, remote))
        return P2P_ERR_NOT_FOUND;
    return P2P_OK;
}

static void reply(p2p_ice *ice, const p2p_stun_msg *request, const p2p_sockaddr *from,
    const p2p_sockaddr *to, uint16_t code) {
    if (ice->replies_count == ICE_REPLIES_MAX) { /* the oldest has waited longest for nothing */
        memmove(ice->replies, ice->replies + 1, sizeof ice->replies - sizeof ice->replies[0]);
        ice->replies_count--;
    }
    ice_reply *r = &ice->replies[ice->replies_count++];
    *r = (ice_reply){.path = {*to, *from}, .code = code};
    memcpy(r->transaction, request->transaction, sizeof r->transaction);
    if (code == P2P_STUN_UNKNOWN_ATTRIBUTE) {
        r->unknown_count = request->unknown_count;
        memcpy(r->unknown, request->unknown, sizeof r->unknown);
    }
}

static void set_role(p2p_ice *ice, bool controlling) {
    ice->controlling = controlling;
    ice->role_changes++;
    for (size_t i = 0; i < ice->pairs_count; i++)
        ice->pairs[i].nominate = ice->pairs[i].wanted = false;
}

/* RFC 8445 §7.3.1.1. True when the request is to be refused with 487. */
static bool conflict(p2p_ice *ice, const p2p_stun_msg *request) {
    bool same = ice->controlling ? request->controlling : request->controlled;
    if (ice->lite || !same)
        return false;
    bool larger = ice->tie_breaker >= request->tie_breaker;
    if (ice->controlling == larger)
        return true;
    if (ice->role_changes < ROLE_CHANGES_MAX && !ice->remote_lite)
        set_role(ice, !ice->controlling);
    return false;
}

static ice_pair *pair_of_request(p2p_ice *ice, const p2p_stun_msg *request,
    const p2p_sockaddr *from, const p2p_sockaddr *to, p2p_time now) {
    ice_pair *pair = p2p_ice_find_pair(ice, to, from);
    if (pair != NULL)
        return pair;
    uint32_t local_priority = p2p_ice_priority(P2P_ICE_HOST, UINT16_MAX);
    for (size_t i = 0; i < ice->locals_count; i++) {
        if (p2p_ice_same_address(&ice->locals[i].addr, to))
            local_priority = ice->locals[i].priority;
    }
    p2p_ice_path path = {*to, *from};
    pair = p2p_ice_add_pair(ice, &path, local_priority, request->priority, now);
    if (pair != NULL)
        pair->triggered = true;
    return pair;
}

static void lite_request(p2p_ice *ice, ice_pair *pair, const p2p_stun_msg *request, p2p_time now) {
    pair->state = ICE_SUCCEEDED;
    pair->heard_at = now;
    ice->heard_at = now;
    const ice_pair *selected = ice->selected == ICE_NONE ? NULL : &ice->pairs[ice->selected];
    if (request->use_candidate)
        pair->nominated = true;
    if (request->use_candidate || selected == NULL || selected == pair ||
        now - selected->heard_at >= TAKEOVER_AFTER)
        p2p_ice_select(ice, pair);
}

static void full_request(p2p_ice *ice, ice_pair *pair, const p2p_stun_msg *request, p2p_time now) {
    switch (pair->state) {
    case ICE_WAITING:
        pair->triggered = true;
        break;
    case ICE_FAILED:
        p2p_ice_trigger(pair);
        break;
    case ICE_IN_PROGRESS:
        /* The path is open now: repeat the check soon. It keeps its transaction, since an answer
         * may be on its way. */
        if (pair->sends > 1) {
            pair->sends = 1;
            pair->send_at = now;
        }
        break;
    case ICE_SUCCEEDED:
        break;
    }
    if (!request->use_candidate || ice->controlling)
        return;
    pair->wanted = pair->state != ICE_SUCCEEDED;
    if (!pair->wanted) {
        pair->nominated = true;
        p2p_ice_select(ice, pair);
    }
}

static p2p_err on_request(p2p_ice *ice, const p2p_stun_msg *request, const p2p_sockaddr *from,
    const p2p_sockaddr *to, p2p_time now) {
    p2p_err err = check_username(ice, request->username);
    if (err == P2P_OK)
        err = p2p_stun_check_integrity(request, ice->credentials.local_pwd);
    if (err != P2P_OK)
        return err;
    if (request->unknown_count > 0) {
        reply(ice, request, from, to, P2P_STUN_UNKNOWN_ATTRIBUTE);
        return P2P_OK;
    }
    if (conflict(ice, request)) {
        reply(ice, request, from, to, P2P_STUN_ROLE_CONFLICT);
        return P2P_OK;
    }
    reply(ice, request, from, to, 0);
    ice_pair *pair = pair_of_request(ice, request, from, to, now);
    if (pair == NULL)
        return P2P_OK; /* no room: answered, not remembered */
    if (ice->lite)
        lite_request(ice, pair, request, now);
    else
        full_request(ice, pair, request, now);
    return P2P_OK;
}

static void note_mapped(p2p_ice *ice, ice_pair *pair, const p2p_sockaddr *mapped) {
    bool moved = mapped->family != 0 && pair->mapped.family != 0 &&
                 !p2p_ice_same_address(&pair->mapped, mapped);
    if (moved && ice->selected != ICE_NONE && pair == &ice->pairs[ice->selected])
        p2p_ice_push_event(ice, P2P_ICE_MOVED);
    if (mapped->family != 0)
        pair->mapped = *mapped;
}

static void on_success(p2p_ice *ice, ice_pair *pair, p2p_time now) {
    bool nominated = pair->sent_nominate && pair->nominate;
    pair->state = ICE_SUCCEEDED;
    pair->outstanding = false;
    pair->triggered = false;
    pair->heard_at = now;
    pair->send_at = P2P_NEVER;
    if (ice->first_valid_at == P2P_NEVER)
        ice->first_valid_at = now;
    if (nominated || (pair->wanted && !ice->controlling)) {
        pair->nominate = pair->wanted = false;
        pair->nominated = true;
        p2p_ice_select(ice, pair);
        return;
    }
    const ice_pair *selected = ice->selected == ICE_NONE ? NULL : &ice->pairs[ice->selected];
    if (selected == NULL || selected == pair || ice->disconnected ||
        (!selected->nominated &&
            p2p_ice_priority_of(ice, selected) < p2p_ice_priority_of(ice, pair)))
        p2p_ice_select(ice, pair);
}

static void on_error(p2p_ice *ice, ice_pair *pair, uint16_t code) {
    bool may_change = !ice->remote_lite && ice->role_changes < ROLE_CHANGES_MAX;
    if (code == P2P_STUN_ROLE_CONFLICT && may_change) {
        if (pair->sent_role == ice->controlling)
            set_role(ice, !ice->controlling);
        /* RFC 8445 §7.2.5.1: a new number, or two equal ones would disagree for ever. */
        ice->random->fill(ice->random->ctx, (uint8_t *)&ice->tie_breaker, sizeof ice->tie_breaker);
        bool valid = pair->state == ICE_SUCCEEDED; /* and remains so: the roles were at odds */
        p2p_ice_trigger(pair);
        if (valid) {
            pair->state = ICE_SUCCEEDED;
            pair->triggered = false;
        }
        return;
    }
    if (pair->state != ICE_IN_PROGRESS)
        return; /* a refused consent check simply does not renew the consent */
    pair->state = ICE_FAILED;
    pair->outstanding = false;
    pair->send_at = P2P_NEVER;
}

static p2p_err on_response(p2p_ice *ice, const p2p_stun_msg *response, const p2p_sockaddr *from,
    const p2p_sockaddr *to, p2p_time now) {
    ice_pair *pair = NULL;
    for (size_t i = 0; i < ice->pairs_count && pair == NULL; i++) {
        if (ice->pairs[i].outstanding &&
            memcmp(ice->pairs[i].transaction, response->transaction, P2P_STUN_TRANSACTION) == 0)
            pair = &ice->pairs[i];
    }
    bool late = pair == NULL && response->class == P2P_STUN_SUCCESS && ice->selected != ICE_NONE &&
                p2p_ice_was_asked(ice, response->transaction, now);
    if (late)
        pair = &ice->pairs[ice->selected];
    /* RFC 8445 §7.2.5.2.1: the answer comes back along the path of the question. */
    if (pair == NULL || pair != p2p_ice_find_pair(ice, to, from))
        return P2P_ERR_NOT_FOUND;
    p2p_err err = p2p_stun_check_integrity(response, ice->credentials.remote_pwd);
    if (err != P2P_OK)
        return err;
    if (response->unknown_count > 0)
        return P2P_ERR_UNSUPPORTED;
    if (response->class == P2P_STUN_ERROR)
        on_error(ice, pair, response->error_code);
    else {
        note_mapped(ice, pair, &response->mapped);
        on_success(ice, pair, now);
    }
    return P2P_OK;
}

p2p_err p2p_ice_input(p2p_ice *ice, p2p_bytes packet, const p2p_sockaddr *from,
    const p2p_sockaddr *to, p2p_time now) {
    p2p_stun_msg msg;
    if (ice->failed)
        return P2P_ERR_STATE;
    p2p_err err = p2p_stun_parse(&msg, packet);
    if (err != P2P_OK)
        return err;
    if (msg.method != P2P_STUN_BINDING || msg.class == P2P_STUN_INDICATION)
        return P2P_ERR_UNSUPPORTED; /* an indication keeps NATs open and asks for nothing */
    if (p2p_stun_check_fingerprint(&msg) == P2P_ERR_MALFORMED)
        return P2P_ERR_MALFORMED;
    err = msg.class == P2P_STUN_REQUEST ? on_request(ice, &msg, from, to, now)
                                        : on_response(ice, &msg, from, to, now);
    if (err == P2P_OK)
        p2p_ice_tick(ice, now);
    return err;
}
