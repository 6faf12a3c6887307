/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The host's static Noise key and its signature by the identity key. Both are made once for a host
 * and used in all its handshakes: a signature costs as much as a third of a handshake, and an
 * identity key in hardware should not be asked for each connection. The static key proves nothing
 * by itself, so it may live as long as the process; it is never stored.
 */
#ifndef P2P_SECURE_NOISE_KEYS_H
#define P2P_SECURE_NOISE_KEYS_H

#include "base/list.h"
#include "secure/noise_handshake.h"
#include "stack/env.h"

typedef struct p2p_noise_keys p2p_noise_keys;

/* Who waits for the signature; embedded, and taken out of its list when it is no longer interested.
 */
typedef struct p2p_noise_waiter {
    p2p_list node;
    void (*ready)(struct p2p_noise_waiter *waiter, p2p_err err);
} p2p_noise_waiter;

/* The host's keys, made when asked for first and owned by the environment. */
P2P_NODISCARD p2p_err p2p_noise_keys_get(p2p_noise_keys **out, p2p_env *env);
const p2p_noise_keypair *p2p_noise_keys_pair(const p2p_noise_keys *keys);
/* AGAIN: the signer answers later, and then the waiter is called once; a NULL waiter only asks.
 * Other errors are the signer's; the next call asks it again. */
P2P_NODISCARD p2p_err p2p_noise_keys_signature(
    p2p_noise_keys *keys, p2p_bytes *signature, p2p_noise_waiter *waiter);

#endif
