/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The upgrade is a chain of layers that replaces its own links:
 *
 *     select (security) → noise or tls → select (muxer) → yamux
 *
 * A `select` layer runs multistream-select and steps aside when it is done. As initiator with one
 * proposal it does not wait: what stands above it speaks at once behind the proposal, which makes
 * TCP + Noise + yamux usable after two round trips. With several security protocols the first is
 * assumed in the same way; a peer that refuses it is dialled again patiently
 * (p2p_upgrade_retry_patiently).
 */
#include "stack/upgrade.h"

#include <stdio.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "stack/multistream.h"

enum {
    SAID_MAX = 16 * 1024,
    IDS_MAX = 16,
    ASKED_MAX = 96,
    /* A handshake's random bytes may look like a line of multistream by chance, one time in 256. */
    CHANCE_LINES = 4
};

typedef struct select_layer {
    p2p_layer layer;
    p2p_upgrade *upgrade;
    p2p_layer *below; /* NULL: the wire itself */
    p2p_multistream ms;
    p2p_buf said;   /* not yet drawn */
    p2p_err failed; /* of what was to stand above */
    bool assumed;   /* the layer above speaks without waiting */
    bool running;
    bool aside; /* out of the chain */
    bool deaf;  /* what still comes follows a proposal that was refused: it means nothing */
    char asked[ASKED_MAX]; /* what the peer proposed and this side does not speak */
} select_layer;

typedef enum step { STEP_SELECT_SECURITY, STEP_HANDSHAKE, STEP_SELECT_MUXER, STEP_READY } step;

struct p2p_upgrade {
    p2p_upgrade_params params;
    step step;
    select_layer for_security, for_muxer;
    p2p_layer *security_layer;
    const p2p_security *security;
    const p2p_muxer *muxer;
    p2p_peer_id peer, seen;
    p2p_bytes public_key; /* owned; until the muxer starts */
    bool refused;         /* the assumed security protocol was */
    const char *security_ids[IDS_MAX + 1];
    const char *muxer_ids[IDS_MAX + 1];
};

/* --- the select layer --- */

static p2p_err start_security(p2p_upgrade *upgrade, size_t index);
static p2p_err start_muxer(p2p_upgrade *upgrade, const p2p_muxer *muxer, p2p_layer *below);

static void set_above(p2p_upgrade *upgrade, p2p_layer *below, p2p_layer *above) {
    if (below != NULL)
        below->above = above;
    else
        upgrade->params.wire->bottom = above;
}

/* What was agreed takes this layer's place as soon as nothing of its own is left to send. */
static void step_aside(select_layer *select) {
    if (select->aside || !select->ms.done || p2p_buf_len(&select->said) > 0)
        return;
    set_above(select->upgrade, select->below, select->layer.above);
    select->aside = true;
    p2p_multistream_deinit(&select->ms);
    p2p_buf_deinit(&select->said);
}

/* For messages; ids that find no room are left out. */
static bool refuse(select_layer *select, p2p_bytes id) {
    size_t used = strlen(select->asked);
    if (used + id.len + 3 <= sizeof select->asked)
        snprintf(select->asked + used, sizeof select->asked - used, "%s%.*s", used > 0 ? ", " : "",
            (int)id.len, (const char *)id.ptr);
    return false;
}

static bool accept_security(void *ctx, p2p_bytes id) {
    select_layer *select = ctx;
    p2p_upgrade *upgrade = select->upgrade;
    for (size_t i = 0; upgrade->security_ids[i] != NULL; i++)
        if (p2p_bytes_equal(id, p2p_bytes_text(upgrade->security_ids[i]))) {
            select->failed = start_security(upgrade, i);
            return select->failed == P2P_OK;
        }
    return refuse(select, id);
}

static bool accept_muxer(void *ctx, p2p_bytes id) {
    select_layer *select = ctx;
    p2p_upgrade *upgrade = select->upgrade;
    for (size_t i = 0; upgrade->muxer_ids[i] != NULL; i++)
        if (p2p_bytes_equal(id, p2p_bytes_text(upgrade->muxer_ids[i]))) {
            select->failed = start_muxer(upgrade, upgrade->params.env->muxers[i], &select->layer);
            return select->failed == P2P_OK;
        }
    return refuse(select, id);
}

/* The initiator's choice when several were proposed and nothing was assumed. */
static p2p_err start_agreed(select_layer *select) {
    p2p_upgrade *upgrade = select->upgrade;
    if (select->layer.above != NULL)
        return P2P_OK;
    if (select == &upgrade->for_security)
        return start_security(upgrade, select->ms.current);
    return start_muxer(upgrade, upgrade->params.env->muxers[select->ms.current], &select->layer);
}

static p2p_err translate(const select_layer *select, p2p_err err) {
    if (err != P2P_ERR_NO_PROTOCOL)
        return err;
    return select == &select->upgrade->for_security ? P2P_ERR_NO_SECURITY : P2P_ERR_NO_MUXER;
}

/*
 * A peer that assumed its proposal would be taken speaks on behind it in another protocol. Closing
 * at once could destroy the refusal on its way, so that the peer would not learn why.
 */
static bool follows_refusal(const select_layer *select, p2p_err err) {
    bool foreign = err == P2P_ERR_MALFORMED || err == P2P_ERR_TOO_BIG || err == P2P_ERR_VIOLATION;
    return foreign && select->asked[0] != 0 && select->ms.tries <= CHANCE_LINES;
}

static p2p_err select_feed(p2p_layer *layer, uint8_t *data, size_t len) {
    select_layer *select = P2P_CONTAINER(layer, select_layer, layer);
    if (select->deaf)
        return P2P_OK;
    bool for_security = select == &select->upgrade->for_security;
    size_t used = 0;
    if (!select->ms.done) {
        p2p_err err = p2p_multistream_feed(&select->ms, p2p_bytes_of(data, len), &used,
            &select->said, for_security ? accept_security : accept_muxer, select);
        if (select->failed != P2P_OK)
            return select->failed; /* "na" would invite the peer to try again with half a state */
        if (err == P2P_OK && select->assumed && select->ms.current > 0)
            err = P2P_ERR_NO_PROTOCOL; /* what was sent on the assumption cannot be taken back */
        if (err == P2P_ERR_NO_PROTOCOL && for_security)
            select->upgrade->refused = select->assumed;
        if (err == P2P_OK && select->ms.done)
            err = start_agreed(select);
        select->deaf = follows_refusal(select, err);
        if (err != P2P_OK && !select->deaf)
            return translate(select, err);
        if (p2p_buf_len(&select->said) > 0)
            p2p_wire_wake(layer->wire);
    }
    p2p_layer *above = layer->above;
    if (!select->ms.done)
        return P2P_OK;
    step_aside(select);
    return p2p_layer_feed(above, data + used, len - used);
}

static p2p_err select_draw(p2p_layer *layer, uint8_t *dst, size_t cap, size_t *len) {
    select_layer *select = P2P_CONTAINER(layer, select_layer, layer);
    size_t own = p2p_buf_draw(&select->said, dst, cap);
    *len = own;
    if (p2p_buf_len(&select->said) > 0 || !(select->ms.done || select->assumed))
        return P2P_OK;
    p2p_layer *above = layer->above;
    step_aside(select);
    size_t more;
    p2p_err err = p2p_layer_draw(above, dst + own, cap - own, &more);
    *len += more;
    return err;
}

static p2p_err select_eof(p2p_layer *layer) {
    select_layer *select = P2P_CONTAINER(layer, select_layer, layer);
    if (select->ms.done)
        return p2p_layer_eof(layer->above);
    return select->asked[0] != 0 ? translate(select, P2P_ERR_NO_PROTOCOL) : P2P_ERR_EOF;
}

static void select_free(p2p_layer *layer) {
    select_layer *select = P2P_CONTAINER(layer, select_layer, layer);
    if (!select->running || select->aside)
        return;
    p2p_multistream_deinit(&select->ms);
    p2p_buf_deinit(&select->said);
}

static const p2p_layer_ops SELECT_OPS = {
    "multistream", select_feed, select_draw, select_eof, select_free};

static p2p_err start_select(
    p2p_upgrade *upgrade, select_layer *select, p2p_layer *below, const char *const *ids) {
    const p2p_upgrade_params *params = &upgrade->params;
    select->layer = (p2p_layer){.ops = &SELECT_OPS, .wire = params->wire};
    select->upgrade = upgrade;
    select->below = below;
    select->running = true;
    if (params->initiator)
        p2p_multistream_init_initiator(&select->ms, params->env->mem, ids);
    else
        p2p_multistream_init_responder(&select->ms, params->env->mem);
    p2p_buf_init(&select->said, params->env->mem, SAID_MAX);
    set_above(upgrade, below, &select->layer);
    p2p_wire_wake(params->wire);
    return p2p_multistream_first(&select->ms, &select->said);
}

/* --- security --- */

static p2p_err secured(void *ctx, const p2p_secured *result) {
    p2p_upgrade *upgrade = ctx;
    const p2p_upgrade_params *params = &upgrade->params;
    upgrade->peer = result->peer;
    upgrade->public_key.ptr = p2p_mem_copy(params->env->mem, result->public_key);
    if (upgrade->public_key.ptr == NULL)
        return P2P_ERR_NO_MEMORY;
    upgrade->public_key.len = result->public_key.len;
    if (result->muxer != NULL)
        return start_muxer(upgrade, result->muxer, upgrade->security_layer);
    upgrade->step = STEP_SELECT_MUXER;
    p2p_err err =
        start_select(upgrade, &upgrade->for_muxer, upgrade->security_layer, upgrade->muxer_ids);
    if (err != P2P_OK || !params->initiator || upgrade->muxer_ids[1] != NULL)
        return err;
    upgrade->for_muxer.assumed = true;
    return start_muxer(upgrade, params->env->muxers[0], &upgrade->for_muxer.layer);
}

static void security_failed(void *ctx, p2p_err err) {
    p2p_upgrade *upgrade = ctx;
    upgrade->params.failed(upgrade->params.ctx, err);
}

static p2p_err start_security(p2p_upgrade *upgrade, size_t index) {
    const p2p_upgrade_params *params = &upgrade->params;
    p2p_secure_params secure = {.env = params->env,
        .wire = params->wire,
        .initiator = params->initiator,
        .expected = params->expected,
        .muxers = params->env->muxers,
        .done = secured,
        .failed = security_failed,
        .ctx = upgrade,
        .seen = &upgrade->seen};
    upgrade->security = params->env->security[index];
    upgrade->step = STEP_HANDSHAKE;
    p2p_err err = upgrade->security->start(&upgrade->security_layer, &secure);
    if (err != P2P_OK)
        return err;
    upgrade->for_security.layer.above = upgrade->security_layer;
    p2p_wire_wake(params->wire);
    return P2P_OK;
}

/* --- muxer --- */

static p2p_err start_muxer(p2p_upgrade *upgrade, const p2p_muxer *muxer, p2p_layer *below) {
    const p2p_upgrade_params *params = &upgrade->params;
    p2p_layer *layer;
    p2p_conn *conn;
    p2p_err err = muxer->start(&layer, &conn, params->env, params->wire, params->initiator);
    if (err != P2P_OK)
        return err;
    err = p2p_conn_authenticated(conn, &upgrade->peer, upgrade->public_key);
    p2p_mem_free(params->env->mem, (void *)upgrade->public_key.ptr, upgrade->public_key.len);
    upgrade->public_key = (p2p_bytes){0};
    if (err != P2P_OK) {
        conn->ops->free(conn);
        return err;
    }
    below->above = layer;
    upgrade->muxer = muxer;
    upgrade->step = STEP_READY;
    conn->security = upgrade->security->id;
    conn->muxer = muxer->id;
    params->ready(params->ctx, conn);
    return P2P_OK;
}

/* --- the whole --- */

p2p_err p2p_upgrade_new(p2p_upgrade **out, const p2p_upgrade_params *params, p2p_layer *below) {
    *out = NULL;
    const p2p_env *env = params->env;
    p2p_upgrade *upgrade = p2p_mem_alloc(env->mem, sizeof *upgrade);
    if (upgrade == NULL)
        return P2P_ERR_NO_MEMORY;
    upgrade->params = *params;
    for (size_t i = 0; i < IDS_MAX && env->security[i] != NULL; i++)
        upgrade->security_ids[i] = env->security[i]->id;
    for (size_t i = 0; i < IDS_MAX && env->muxers[i] != NULL; i++)
        upgrade->muxer_ids[i] = env->muxers[i]->id;
    p2p_err err = start_select(upgrade, &upgrade->for_security, below, upgrade->security_ids);
    if (err == P2P_OK && params->initiator &&
        (!params->patient || upgrade->security_ids[1] == NULL)) {
        upgrade->for_security.assumed = true;
        err = start_security(upgrade, 0);
    }
    if (err != P2P_OK) {
        p2p_upgrade_free(upgrade);
        return err;
    }
    *out = upgrade;
    return P2P_OK;
}

void p2p_upgrade_free(p2p_upgrade *upgrade) {
    if (upgrade == NULL)
        return;
    const p2p_mem *mem = upgrade->params.env->mem;
    select_free(&upgrade->for_security.layer);
    select_free(&upgrade->for_muxer.layer);
    if (upgrade->security_layer != NULL)
        upgrade->security_layer->ops->free(upgrade->security_layer);
    p2p_mem_free(mem, (void *)upgrade->public_key.ptr, upgrade->public_key.len);
    p2p_mem_free(mem, upgrade, sizeof *upgrade);
}

static void list_ids(char *dst, size_t cap, const char *const *ids) {
    size_t len = 0;
    for (size_t i = 0; ids[i] != NULL && len < cap; i++)
        len += (size_t)snprintf(dst + len, cap - len, "%s%s", i > 0 ? ", " : "", ids[i]);
}

static void describe_step(char *dst, size_t cap, const p2p_upgrade *upgrade) {
    char ours[80] = "";
    switch (upgrade->step) {
    case STEP_HANDSHAKE:
        if (upgrade->for_security.ms.done) {
            snprintf(dst, cap, "during the %s handshake", upgrade->security->id);
            return;
        }
        break;
    case STEP_SELECT_MUXER:
        list_ids(ours, sizeof ours, upgrade->muxer_ids);
        snprintf(dst, cap, "while agreeing on a stream multiplexer (this side has %s)", ours);
        return;
    case STEP_READY:
        snprintf(dst, cap, "on the established connection");
        return;
    case STEP_SELECT_SECURITY:
        break;
    }
    list_ids(ours, sizeof ours, upgrade->security_ids);
    snprintf(dst, cap, "while agreeing on a security protocol (this side has %s)", ours);
}

/* Both lists where both are known: a responder does not tell an initiator what it speaks. */
static void explain_mismatch(const p2p_upgrade *upgrade, const select_layer *select,
    const char *const *ids, const char *what, char text[P2P_REASON_TEXT_MAX]) {
    char ours[80] = "";
    list_ids(ours, sizeof ours, ids);
    if (upgrade->params.initiator)
        snprintf(text, P2P_REASON_TEXT_MAX,
            "no common %s: this side offered %s and the peer speaks none of them", what, ours);
    else
        snprintf(text, P2P_REASON_TEXT_MAX,
            "no common %s: this side speaks %s and the peer asked for %s", what, ours,
            select->asked[0] != 0 ? select->asked : "none of them");
}

static const char *what_happened(p2p_err err) {
    switch (err) {
    case P2P_ERR_TIMEOUT:
        return "time ran out";
    case P2P_ERR_EOF:
        return "the peer closed the connection";
    case P2P_ERR_RESET:
        return "the connection was broken off";
    default:
        return p2p_err_text(err);
    }
}

void p2p_upgrade_explain(const p2p_upgrade *upgrade, p2p_err err, char text[P2P_REASON_TEXT_MAX]) {
    char wanted[P2P_PEER_ID_TEXT_MAX], theirs[P2P_PEER_ID_TEXT_MAX], where[160];
    switch (err) {
    case P2P_ERR_NO_SECURITY:
        explain_mismatch(
            upgrade, &upgrade->for_security, upgrade->security_ids, "security protocol", text);
        return;
    case P2P_ERR_NO_MUXER:
        explain_mismatch(
            upgrade, &upgrade->for_muxer, upgrade->muxer_ids, "stream multiplexer", text);
        return;
    case P2P_ERR_WRONG_PEER:
        p2p_peer_id_format(wanted, sizeof wanted, &upgrade->params.expected);
        p2p_peer_id_format(theirs, sizeof theirs, &upgrade->seen);
        snprintf(text, P2P_REASON_TEXT_MAX, "wrong peer: expected %.90s but %.90s answered", wanted,
            theirs);
        return;
    default:
        describe_step(where, sizeof where, upgrade);
        snprintf(text, P2P_REASON_TEXT_MAX, "%.70s %.160s", what_happened(err), where);
    }
}

void p2p_upgrade_cut_off(p2p_upgrade *upgrade) {
    const select_layer *select = &upgrade->for_security;
    upgrade->refused |= select->assumed && !select->ms.done;
}

bool p2p_upgrade_retry_patiently(const p2p_upgrade *upgrade) {
    const select_layer *select = &upgrade->for_security;
    /* A peer may also break off over the handshake that it did not expect, and its refusal be lost
     * in that. */
    bool unanswered = select->assumed && select->ms.header_seen && !select->ms.done;
    return (upgrade->refused || unanswered) && upgrade->security_ids[1] != NULL;
}
