/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Two security layers back to back: what one draws the other is fed, in pieces of any size, with a
 * byte flipped or the connection cut on the way. On top of each stands a layer that says what it
 * is given to say and keeps what it hears.
 */
#ifndef P2P_TEST_SECURE_PAIR_H
#define P2P_TEST_SECURE_PAIR_H

#include "stack/security.h"
#include "stack/upgrade.h"
#include "support/check.h"

enum { SECURE_HEARD_MAX = 1 << 20 };

typedef struct secure_side {
    p2p_env env;
    p2p_wire wire;
    p2p_layer *layer;
    p2p_layer upper;
    p2p_secure_params params;
    p2p_identity *identity;

    const uint8_t *say; /* the upper layer's words that are not drawn yet */
    size_t say_len;
    size_t say_once; /* at most so many in one draw; 0: as many as fit */
    uint8_t *heard;  /* SECURE_HEARD_MAX bytes */
    size_t heard_len;

    int done, failed, woken, eof;
    p2p_err done_result; /* what `done` shall answer */
    p2p_err err;         /* of failed, or the first of feed, draw and eof */
    p2p_secured secured;
    uint8_t public_key[P2P_PUBLIC_KEY_MAX];
    p2p_peer_id seen;
    uint64_t sent;      /* bytes drawn */
    uint8_t tape[8192]; /* the first of them, as they were drawn */
} secure_side;

typedef struct secure_pair {
    secure_side a, b; /* a is the initiator */
    seeded_random random;
    size_t piece; /* bytes fed at once; 0: all */
    size_t cap;   /* bytes drawn at once */
    /* One of the sides' bytes, counted from its first: flipped, or the last before the end. */
    const secure_side *flip_from, *cut_from;
    uint64_t flip_at, cut_at;
    uint8_t flip_mask;
} secure_pair;

extern const p2p_muxer SECURE_YAMUX, SECURE_MPLEX, SECURE_OTHER;

/* Identities are Ed25519 keys made from the seed. NO_MEMORY. */
p2p_err secure_pair_init(secure_pair *pair, const p2p_mem *mem, uint64_t seed);
/* The sides' `params` may be changed before. */
p2p_err secure_pair_start(secure_pair *pair, const p2p_security *security);
/* Frees the layers and forgets what happened; identities and what hosts keep stay. */
void secure_pair_reset(secure_pair *pair);
void secure_pair_deinit(secure_pair *pair);

/* Draws from one and feeds the other once; the number of bytes that moved. */
size_t secure_move(secure_pair *pair, secure_side *from, secure_side *to);
/* Until both are quiet or one has failed; that error. */
p2p_err secure_run(secure_pair *pair);
/* Ends the direction towards `to`. */
void secure_eof(secure_side *to);

void secure_side_say(secure_side *side, const uint8_t *data, size_t len);

#endif
