/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "secure/noise_keys.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "identity/identity.h"
#include "secure/noise_payload.h"

typedef enum keys_state { UNSIGNED, SIGNING, SIGNED } keys_state;

struct p2p_noise_keys {
    p2p_env_part part;
    p2p_env *env;
    p2p_noise_keypair pair;
    keys_state state;
    p2p_sign_job *pending; /* while SIGNING */
    p2p_list waiting;
    p2p_signature signature;
};

static void free_keys(p2p_env_part *part) {
    p2p_noise_keys *keys = P2P_CONTAINER(part, p2p_noise_keys, part);
    const p2p_mem *mem = keys->env->mem;
    if (keys->state == SIGNING)
        p2p_sign_cancel(keys->pending);
    p2p_wipe(&keys->pair, sizeof keys->pair);
    p2p_mem_free(mem, keys, sizeof *keys);
}

static void wake_waiting(p2p_noise_keys *keys, p2p_err err) {
    /* A waiter that asks again during this loop must not be called by it. */
    p2p_list due;
    p2p_list_init(&due);
    for (p2p_list *node; (node = p2p_list_pop(&keys->waiting)) != NULL;)
        p2p_list_push(&due, node);
    for (p2p_list *node; (node = p2p_list_pop(&due)) != NULL;) {
        p2p_noise_waiter *waiter = P2P_CONTAINER(node, p2p_noise_waiter, node);
        waiter->ready(waiter, err);
    }
}

static void signature_made(void *ctx, p2p_err err, p2p_bytes signature) {
    p2p_noise_keys *keys = ctx;
    if (err == P2P_OK && signature.len > sizeof keys->signature.bytes)
        err = P2P_ERR_INVALID;
    keys->state = err == P2P_OK ? SIGNED : UNSIGNED;
    if (err == P2P_OK) {
        p2p_copy(keys->signature.bytes, signature.ptr, signature.len);
        keys->signature.len = (uint16_t)signature.len;
    }
    wake_waiting(keys, err);
}

static p2p_err ask_signer(p2p_noise_keys *keys) {
    uint8_t statement[P2P_NOISE_STATEMENT_LEN];
    p2p_noise_statement(statement, keys->pair.public_key);
    p2p_err err = p2p_identity_sign(keys->env->identity, &keys->signature, &keys->pending,
        p2p_bytes_of(statement, sizeof statement), signature_made, keys);
    keys->state = err == P2P_OK ? SIGNED : err == P2P_ERR_AGAIN ? SIGNING : UNSIGNED;
    return err;
}

p2p_err p2p_noise_keys_get(p2p_noise_keys **out, p2p_env *env) {
    p2p_env_part *part = p2p_env_find_part(env, &p2p_noise);
    if (part != NULL) {
        *out = P2P_CONTAINER(part, p2p_noise_keys, part);
        return P2P_OK;
    }
    p2p_noise_keys *keys = p2p_mem_alloc(env->mem, sizeof *keys);
    if (keys == NULL)
        return P2P_ERR_NO_MEMORY;
    p2p_err err = p2p_noise_keypair_generate(&keys->pair, env->random);
    if (err != P2P_OK) {
        p2p_mem_free(env->mem, keys, sizeof *keys);
        return err;
    }
    keys->env = env;
    p2p_list_init(&keys->waiting);
    p2p_env_add_part(env, &keys->part, &p2p_noise, free_keys);
    *out = keys;
    return P2P_OK;
}

const p2p_noise_keypair *p2p_noise_keys_pair(const p2p_noise_keys *keys) {
    return &keys->pair;
}

p2p_err p2p_noise_keys_signature(
    p2p_noise_keys *keys, p2p_bytes *signature, p2p_noise_waiter *waiter) {
    p2p_err err = keys->state == SIGNED    ? P2P_OK
                  : keys->state == SIGNING ? P2P_ERR_AGAIN
                                           : ask_signer(keys);
    if (err == P2P_ERR_AGAIN && waiter != NULL)
        p2p_list_push(&keys->waiting, &waiter->node);
    *signature = p2p_bytes_of(keys->signature.bytes, keys->signature.len);
    return err;
}
