/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the agent does by time: paced checks and their retransmission (RFC 8445 §14, RFC 8489
 * §6.2.1), nomination (RFC 8445 §8.1.1), consent (RFC 7675) and the verdict that a path, or all, is
 * dead.
 *
 * A check is sent seven times, the pause doubling from half a second (or what
 * the configuration says). A new one starts every 50 ms,
 * those provoked by the peer first. The controlling side nominates its best pair once nothing
 * better is still being tried, or 200 ms after the first success. From then on only the selected
 * pair is checked, every five seconds with jitter. When it falls silent all others are tried again,
 * so that a peer or a NAT that changed its address is found before consent runs out.
 */
#include "base/bytes.h"

#include "webrtc/ice_agent.h"

enum {
    SENDS_MAX = 7,
    LAST_WAIT = 16, /* times the first pause */
    /* After an unanswered consent check the next ones come four times as often, as browsers do:
     * with one round trip in three lost, six misses in a row end a connection within the hour. */
    HURRY = 4
};

#define PACE (50 * P2P_MILLISECOND)
#define NOMINATE_AFTER (200 * P2P_MILLISECOND)
#define CONSENT_EVERY (5 * P2P_SECOND)
#define DISCONNECTED_AFTER (12 * P2P_SECOND) /* several checks unanswered */
#define CONSENT_EXPIRES (30 * P2P_SECOND)

static ice_pair *selected_pair(const p2p_ice *ice) {
    return ice->selected == ICE_NONE ? NULL : &ice->pairs[ice->selected];
}

/* Whether the check that is out is repeated until it is answered; a consent check is not. */
static bool is_repeated(const ice_pair *pair) {
    return pair->state == ICE_IN_PROGRESS || pair->nominate;
}

/* 80 to 120 % of five seconds (RFC 7675 §5.1), so that many connections do not check in step. */
p2p_time p2p_ice_consent_at(const p2p_ice *ice, p2p_time now) {
    uint16_t noise;
    ice->random->fill(ice->random->ctx, (uint8_t *)&noise, sizeof noise);
    return now + CONSENT_EVERY * 4 / 5 + CONSENT_EVERY * 2 / 5 * noise / UINT16_MAX;
}

/* --- nomination --- */

static bool is_nominating(const p2p_ice *ice) {
    for (size_t i = 0; i < ice->pairs_count; i++) {
        if (ice->pairs[i].nominate)
            return true;
    }
    return false;
}

void p2p_ice_consider(p2p_ice *ice, p2p_time now) {
    const ice_pair *selected = selected_pair(ice);
    ice_pair *best = NULL;
    if (ice->lite || !ice->controlling || ice->first_valid_at == P2P_NEVER ||
        (selected != NULL && selected->nominated && !ice->disconnected) || is_nominating(ice))
        return;
    for (size_t i = 0; i < ice->pairs_count; i++) {
        ice_pair *pair = &ice->pairs[i];
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): there are pairs, hence a table */
        if (pair->state != ICE_SUCCEEDED || now - pair->heard_at >= DISCONNECTED_AFTER)
            continue;
        if (best == NULL || p2p_ice_priority_of(ice, pair) > p2p_ice_priority_of(ice, best))
            best = pair;
    }
    if (best == NULL)
        return;
    for (size_t i = 0; now < ice->first_valid_at + NOMINATE_AFTER && i < ice->pairs_count; i++) {
        const ice_pair *pair = &ice->pairs[i];
        if ((pair->state == ICE_WAITING || pair->state == ICE_IN_PROGRESS) &&
            p2p_ice_priority_of(ice, pair) > p2p_ice_priority_of(ice, best))
            return; /* something better may still come */
    }
    best->nominate = true;
    best->outstanding = false;
    best->sends = 0;
    best->send_at = now;
}

/* --- the passing of time --- */

static void give_up_checks(p2p_ice *ice, p2p_time now) {
    bool all_failed = ice->pairs_count > 0;
    for (size_t i = 0; i < ice->pairs_count; i++) {
        ice_pair *pair = &ice->pairs[i];
        if (is_repeated(pair) && pair->sends == SENDS_MAX && pair->send_at <= now) {
            pair->state = ICE_FAILED;
            pair->outstanding = pair->nominate = false;
            pair->send_at = P2P_NEVER;
        }
        all_failed = all_failed && pair->state == ICE_FAILED;
    }
    if (all_failed && ice->complete)
        p2p_ice_fail(ice);
}

/* The best pair that was heard lately, apart from the selected one. */
static ice_pair *replacement(const p2p_ice *ice, p2p_time now) {
    ice_pair *best = NULL;
    for (size_t i = 0; i < ice->pairs_count; i++) {
        ice_pair *pair = &ice->pairs[i];
        if (i == ice->selected || pair->state != ICE_SUCCEEDED ||
            now - pair->heard_at >= CONSENT_EXPIRES)
            continue;
        if (best == NULL || p2p_ice_priority_of(ice, pair) > p2p_ice_priority_of(ice, best))
            best = pair;
    }
    return best;
}

static void watch_selected(p2p_ice *ice, ice_pair *selected, p2p_time now) {
    p2p_time silent = now - selected->heard_at;
    if (silent >= CONSENT_EXPIRES || selected->state == ICE_FAILED) {
        ice_pair *other = replacement(ice, now);
        selected->state = ICE_FAILED;
        selected->nominated = selected->nominate = selected->outstanding = false;
        selected->send_at = P2P_NEVER;
        if (other == NULL)
            p2p_ice_fail(ice);
        else
            p2p_ice_select(ice, other);
    } else if (silent >= DISCONNECTED_AFTER && !ice->disconnected) {
        ice->disconnected = true;
        p2p_ice_push_event(ice, P2P_ICE_DISCONNECTED);
        for (size_t i = 0; i < ice->pairs_count && !ice->lite; i++) {
            if (i != ice->selected)
                p2p_ice_trigger(&ice->pairs[i]);
        }
    }
}

void p2p_ice_tick(p2p_ice *ice, p2p_time now) {
    if (ice->failed)
        return;
    if (!ice->lite)
        give_up_checks(ice, now);
    else if (now - ice->heard_at >= CONSENT_EXPIRES)
        p2p_ice_fail(ice);
    ice_pair *selected = selected_pair(ice);
    if (selected != NULL)
        watch_selected(ice, selected, now);
    if (ice->failed)
        return;
    p2p_ice_consider(ice, now);
    selected = selected_pair(ice);
    if (selected != NULL && !ice->lite && selected->send_at == P2P_NEVER)
        selected->send_at = p2p_ice_consent_at(ice, now);
}

void p2p_ice_doubt(p2p_ice *ice, p2p_time now) {
    ice_pair *selected = selected_pair(ice);
    if (ice->failed || ice->lite || selected == NULL || is_repeated(selected))
        return;
    p2p_time soonest = now;
    if (selected->outstanding && ice->asked_count > 0) {
        size_t last = (ice->asked_next + ICE_ASKED_MAX - 1) % ICE_ASKED_MAX;
        soonest = ice->asked[last].at + CONSENT_EVERY / HURRY; /* its answer may be on the way */
    }
    if (selected->send_at > soonest)
        selected->send_at = soonest > now ? soonest : now;
}

static bool is_paced(const ice_pair *pair) {
    return pair->state == ICE_WAITING;
}

p2p_time p2p_ice_deadline(const p2p_ice *ice) {
    p2p_time at = P2P_NEVER;
    if (ice->failed)
        return P2P_NEVER;
    if (ice->replies_count > 0)
        return 0;
    if (ice->lite)
        at = ice->heard_at + CONSENT_EXPIRES;
    for (size_t i = 0; i < ice->pairs_count && !ice->lite; i++) {
        const ice_pair *pair = &ice->pairs[i];
        p2p_time due = is_paced(pair) ? ice->next_check_at : pair->send_at;
        if (ice->credentials.remote_pwd.len == 0)
            due = P2P_NEVER;
        at = due < at ? due : at;
    }
    const ice_pair *selected = selected_pair(ice);
    if (selected != NULL) {
        p2p_time due =
            selected->heard_at + (ice->disconnected ? CONSENT_EXPIRES : DISCONNECTED_AFTER);
        at = due < at ? due : at;
        if (ice->controlling && selected->state == ICE_SUCCEEDED && !selected->nominated &&
            !is_nominating(ice) && !ice->disconnected && ice->first_valid_at + NOMINATE_AFTER < at)
            at = ice->first_valid_at + NOMINATE_AFTER;
    }
    return at;
}

/* --- what goes out --- */

/* Takes a free ordinary check: those the peer provoked first, then by priority. */
static ice_pair *next_paced(p2p_ice *ice) {
    ice_pair *best = NULL;
    for (size_t i = 0; i < ice->pairs_count; i++) {
        ice_pair *pair = &ice->pairs[i];
        if (!is_paced(pair))
            continue;
        if (best == NULL || pair->triggered > best->triggered ||
            (pair->triggered == best->triggered &&
                p2p_ice_priority_of(ice, pair) > p2p_ice_priority_of(ice, best)))
            best = pair;
    }
    return best;
}

static ice_pair *next_due(p2p_ice *ice, p2p_time now) {
    for (size_t i = 0; i < ice->pairs_count; i++) {
        ice_pair *pair = &ice->pairs[i];
        if (!is_paced(pair) && pair->send_at <= now &&
            !(is_repeated(pair) && pair->sends == SENDS_MAX))
            return pair;
    }
    if (now < ice->next_check_at)
        return NULL;
    ice_pair *pair = next_paced(ice);
    if (pair != NULL) {
        ice->next_check_at = now + PACE;
        pair->state = ICE_IN_PROGRESS;
    }
    return pair;
}

/* RFC 7675 section 5.1: each consent check has a transaction of its own, and an answer to any of
 * them counts. Behind a long queue they all come late. */
static void remember(p2p_ice *ice, const ice_pair *pair, p2p_time now) {
    ice_asked *asked = &ice->asked[ice->asked_next];
    ice->asked_next = (ice->asked_next + 1) % ICE_ASKED_MAX;
    if (ice->asked_count < ICE_ASKED_MAX)
        ice->asked_count++;
    memcpy(asked->transaction, pair->transaction, sizeof asked->transaction);
    asked->at = now;
}

bool p2p_ice_was_asked(const p2p_ice *ice, const uint8_t *transaction, p2p_time now) {
    for (size_t i = 0; i < ice->asked_count; i++) {
        if (now - ice->asked[i].at < CONSENT_EXPIRES &&
            memcmp(ice->asked[i].transaction, transaction, P2P_STUN_TRANSACTION) == 0)
            return true;
    }
    return false;
}

/* Before each sending: a new transaction unless this one is repeated, and when to come back. */
static void prepare(p2p_ice *ice, ice_pair *pair, p2p_time now) {
    bool unanswered = pair->outstanding;
    if (!is_repeated(pair) || !pair->outstanding) {
        ice->random->fill(ice->random->ctx, pair->transaction, sizeof pair->transaction);
        pair->sent_role = ice->controlling;
        /* On the selected pair every check repeats the nomination, as browsers do: a lite peer that
         * missed it learns it. */
        pair->sent_nominate = ice->controlling && (pair->nominate || pair->nominated);
        pair->sends = 0;
    }
    pair->outstanding = true;
    pair->triggered = false;
    if (!is_repeated(pair)) {
        remember(ice, pair, now);
        pair->send_at = p2p_ice_consent_at(ice, now);
        if (unanswered)
            pair->send_at = now + (pair->send_at - now) / HURRY;
        return;
    }
    pair->sends++;
    p2p_time pause = ice->first_pause;
    pair->send_at =
        now + (pair->sends == SENDS_MAX ? pause * LAST_WAIT : pause << (pair->sends - 1));
}

static p2p_err write_check(
    const p2p_ice *ice, const ice_pair *pair, uint8_t *dst, size_t cap, size_t *len) {
    uint8_t username[2 * P2P_ICE_TEXT_MAX + 1];
    const p2p_ice_credentials *c = &ice->credentials;
    p2p_writer text = p2p_writer_of(username, sizeof username);
    p2p_writer_bytes(&text, c->remote_ufrag);
    p2p_writer_u8(&text, ':');
    p2p_writer_bytes(&text, c->local_ufrag);
    p2p_writer w = p2p_stun_begin(dst, cap, P2P_STUN_REQUEST, P2P_STUN_BINDING, pair->transaction);
    p2p_stun_put(&w, P2P_STUN_USERNAME, p2p_writer_view(&text));
    /* What this address would be worth if the peer learned it from this check. */
    p2p_stun_put_u32(&w, P2P_STUN_PRIORITY,
        p2p_ice_priority(P2P_ICE_PEER_REFLEXIVE, (uint16_t)(pair->local_priority >> 8)));
    p2p_stun_put_u64(
        &w, pair->sent_role ? P2P_STUN_ICE_CONTROLLING : P2P_STUN_ICE_CONTROLLED, ice->tie_breaker);
    if (pair->sent_nominate)
        p2p_stun_put(&w, P2P_STUN_USE_CANDIDATE, (p2p_bytes){0});
    p2p_stun_put_integrity(&w, c->remote_pwd);
    return p2p_stun_finish(&w, len);
}

static p2p_err write_reply(
    p2p_ice *ice, uint8_t *dst, size_t cap, size_t *len, p2p_ice_path *path) {
    const ice_reply *r = &ice->replies[0];
    p2p_bytes key = ice->credentials.local_pwd;
    *path = r->path;
    p2p_err err = r->code == 0
                      ? p2p_stun_write_success(dst, cap, len, r->transaction, &r->path.remote, key)
                      : p2p_stun_write_error(dst, cap, len, r->transaction, (p2p_stun_code)r->code,
                            r->unknown, r->unknown_count, key);
    if (err == P2P_OK) {
        ice->replies_count--;
        memmove(ice->replies, ice->replies + 1, ice->replies_count * sizeof ice->replies[0]);
    }
    return err;
}

p2p_err p2p_ice_output(
    p2p_ice *ice, uint8_t *dst, size_t cap, size_t *len, p2p_ice_path *path, p2p_time now) {
    if (ice->failed)
        return P2P_ERR_AGAIN;
    if (cap < P2P_ICE_PACKET_MAX)
        return P2P_ERR_TOO_BIG;
    if (ice->replies_count > 0)
        return write_reply(ice, dst, cap, len, path);
    if (ice->lite || ice->credentials.remote_pwd.len == 0)
        return P2P_ERR_AGAIN;
    ice_pair *pair = next_due(ice, now);
    if (pair == NULL)
        return P2P_ERR_AGAIN;
    prepare(ice, pair, now);
    *path = pair->path;
    return write_check(ice, pair, dst, cap, len);
}
