/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An identity: one's own key pair, or its public half and somebody who signs.
 *
 * A signature by an external signer may outlive whoever asked for it. The job that connects the two
 * is therefore an object of its own: the asker holds it to cancel, the signer to answer, and the
 * answer frees it. Nothing in it points to the identity, so that may go first, too.
 */
#include "identity/identity.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/proto.h"

enum { FIELD_TYPE = 1, FIELD_DATA = 2, ED25519_PAIR = 64, ED25519_LEGACY = 96 };

struct p2p_identity {
    p2p_mem mem;
    p2p_sigkey *key; /* NULL: external */
    p2p_sign_fn sign;
    void *sign_ctx;
    p2p_key_kind kind;
    p2p_peer_id peer;
    size_t public_len;
    uint8_t public_key[P2P_PUBLIC_KEY_MAX];
};

static p2p_identity *allocate(const p2p_mem *mem) {
    p2p_identity *identity = p2p_mem_alloc(mem, sizeof *identity);
    if (identity != NULL)
        identity->mem = *mem;
    return identity;
}

void p2p_identity_free(p2p_identity *identity) {
    if (identity == NULL)
        return;
    p2p_mem mem = identity->mem;
    p2p_sigkey_free(identity->key);
    p2p_mem_free(&mem, identity, sizeof *identity);
}

static p2p_err set_public(p2p_identity *identity, p2p_key_kind kind, p2p_bytes data) {
    p2p_writer w = p2p_writer_of(identity->public_key, sizeof identity->public_key);
    p2p_public_key_encode(&w, kind, data);
    p2p_err err = p2p_writer_end(&w);
    if (err != P2P_OK)
        return err;
    identity->kind = kind;
    identity->public_len = w.len;
    return p2p_peer_id_of_key(&identity->peer, p2p_writer_view(&w));
}

static p2p_err of_key(
    p2p_identity **out, p2p_key_kind kind, p2p_sigkey *take_key, const p2p_mem *mem) {
    uint8_t data[P2P_PUBLIC_KEY_MAX];
    size_t len;
    p2p_identity *identity = allocate(mem);
    if (identity == NULL) {
        p2p_sigkey_free(take_key);
        return P2P_ERR_NO_MEMORY;
    }
    identity->key = take_key;
    p2p_err err = p2p_sigkey_public(take_key, data, sizeof data, &len);
    if (err == P2P_OK)
        err = set_public(identity, kind, p2p_bytes_of(data, len));
    if (err == P2P_OK)
        *out = identity;
    else
        p2p_identity_free(identity);
    return err;
}

p2p_err p2p_identity_generate(
    p2p_identity **out, p2p_key_kind kind, const p2p_mem *mem, const p2p_random *random) {
    p2p_sigkey *key;
    *out = NULL;
    p2p_err err = p2p_sigkey_generate(&key, (p2p_key_type)kind, random);
    return err == P2P_OK ? of_key(out, kind, key, mem) : err;
}

/* Files of old write the public half twice (peer-ids spec #ed25519). */
static p2p_err drop_second_half(p2p_bytes *data) {
    if (data->len != ED25519_LEGACY)
        return P2P_OK;
    if (memcmp(data->ptr + 32, data->ptr + ED25519_PAIR, 32) != 0)
        return P2P_ERR_INVALID;
    data->len = ED25519_PAIR;
    return P2P_OK;
}

p2p_err p2p_identity_decode(p2p_identity **out, p2p_bytes private_key, const p2p_mem *mem) {
    p2p_cursor c = p2p_cursor_of(private_key);
    p2p_proto_field f;
    uint32_t seen = 0;
    uint64_t type = 0;
    p2p_bytes data = {0};
    *out = NULL;
    while (p2p_proto_next(&c, &f)) {
        p2p_proto_once(&c, &f, &seen);
        if (f.number == FIELD_TYPE)
            type = p2p_proto_uint(&c, &f);
        else if (f.number == FIELD_DATA)
            data = p2p_proto_bytes(&c, &f);
    }
    if (p2p_cursor_end(&c) != P2P_OK || seen != (1U << FIELD_TYPE | 1U << FIELD_DATA))
        return P2P_ERR_MALFORMED;
    if (type > P2P_ECDSA)
        return P2P_ERR_UNSUPPORTED;
    p2p_sigkey *key;
    p2p_err err = type == P2P_ED25519 ? drop_second_half(&data) : P2P_OK;
    if (err == P2P_OK)
        err = p2p_sigkey_new_private(&key, (p2p_key_type)type, data);
    return err == P2P_OK ? of_key(out, (p2p_key_kind)type, key, mem) : err;
}

p2p_err p2p_identity_external(
    p2p_identity **out, p2p_bytes public_key, p2p_sign_fn sign, void *ctx, const p2p_mem *mem) {
    p2p_key_kind kind;
    p2p_bytes data;
    p2p_sigkey *key;
    *out = NULL;
    P2P_REQUIRE(sign != NULL);
    p2p_err err = p2p_public_key_decode(&kind, &data, public_key);
    if (err == P2P_OK)
        err = p2p_sigkey_new_public(&key, (p2p_key_type)kind, data);
    if (err != P2P_OK)
        return err;
    p2p_sigkey_free(key); /* it was only to be seen that there is one */
    p2p_identity *identity = allocate(mem);
    if (identity == NULL)
        return P2P_ERR_NO_MEMORY;
    identity->sign = sign;
    identity->sign_ctx = ctx;
    err = set_public(identity, kind, data);
    if (err == P2P_OK)
        *out = identity;
    else
        p2p_identity_free(identity);
    return err;
}

const p2p_peer_id *p2p_identity_peer(const p2p_identity *identity) {
    return &identity->peer;
}

p2p_key_kind p2p_identity_kind(const p2p_identity *identity) {
    return identity->kind;
}

p2p_bytes p2p_identity_public_key(const p2p_identity *identity) {
    return p2p_bytes_of(identity->public_key, identity->public_len);
}

p2p_err p2p_identity_private_key(
    const p2p_identity *identity, uint8_t out[P2P_PRIVATE_KEY_MAX], size_t *len) {
    uint8_t data[P2P_PRIVATE_KEY_MAX];
    size_t data_len;
    *len = 0;
    if (identity->key == NULL)
        return P2P_ERR_UNSUPPORTED;
    p2p_err err = p2p_sigkey_private(identity->key, data, sizeof data, &data_len);
    if (err == P2P_OK) {
        p2p_writer w = p2p_writer_of(out, P2P_PRIVATE_KEY_MAX);
        p2p_proto_put_uint(&w, FIELD_TYPE, (uint64_t)identity->kind);
        p2p_proto_put_bytes(&w, FIELD_DATA, p2p_bytes_of(data, data_len));
        err = p2p_writer_end(&w);
        *len = w.len;
    }
    p2p_wipe(data, sizeof data);
    return err;
}

/* --- signing --- */

typedef enum job_state {
    JOB_ASKING,   /* the signer's function has not returned yet */
    JOB_ANSWERED, /* and it has answered already */
    JOB_WAITING,
    JOB_CANCELLED
} job_state;

struct p2p_sign_job {
    p2p_mem mem;
    job_state state;
    p2p_err err;              /* ANSWERED */
    p2p_signature *signature; /* ASKING: where to put an answer */
    p2p_signed_fn done;
    void *ctx;
};

static void free_job(p2p_sign_job *job) {
    p2p_mem mem = job->mem;
    p2p_mem_free(&mem, job, sizeof *job);
}

static p2p_err ask_signer(const p2p_identity *identity, p2p_signature *signature,
    p2p_sign_job **pending, p2p_bytes message, p2p_signed_fn done, void *ctx) {
    p2p_sign_job *job = p2p_mem_alloc(&identity->mem, sizeof *job);
    if (job == NULL)
        return P2P_ERR_NO_MEMORY;
    *job = (p2p_sign_job){.mem = identity->mem, .signature = signature, .done = done, .ctx = ctx};
    identity->sign(identity->sign_ctx, message, job);
    if (job->state == JOB_ANSWERED) {
        p2p_err err = job->err;
        free_job(job);
        return err;
    }
    job->state = JOB_WAITING;
    job->signature = NULL;
    *pending = job;
    return P2P_ERR_AGAIN;
}

p2p_err p2p_identity_sign(const p2p_identity *identity, p2p_signature *signature,
    p2p_sign_job **pending, p2p_bytes message, p2p_signed_fn done, void *ctx) {
    size_t len;
    *pending = NULL;
    signature->len = 0;
    if (identity->key == NULL)
        return ask_signer(identity, signature, pending, message, done, ctx);
    p2p_err err = p2p_sigkey_sign(identity->key, message, signature->bytes, &len);
    if (err == P2P_OK)
        signature->len = (uint16_t)len;
    return err;
}

void p2p_sign_cancel(p2p_sign_job *job) {
    P2P_REQUIRE(job->state == JOB_WAITING);
    job->state = JOB_CANCELLED;
}

void p2p_sign_done(p2p_sign_job *job, p2p_err err, p2p_bytes signature) {
    P2P_REQUIRE(job->state != JOB_ANSWERED);
    if (err == P2P_OK && (signature.len == 0 || signature.len > P2P_SIGNATURE_MAX))
        err = P2P_ERR_CRYPTO;
    if (err == P2P_ERR_AGAIN) /* which would read as "still pending" */
        err = P2P_ERR_CRYPTO;
    if (err != P2P_OK)
        signature = (p2p_bytes){0};
    if (job->state == JOB_ASKING) {
        p2p_copy(job->signature->bytes, signature.ptr, signature.len);
        job->signature->len = (uint16_t)signature.len;
        job->err = err;
        job->state = JOB_ANSWERED;
        return;
    }
    p2p_signed_fn done = job->state == JOB_WAITING ? job->done : NULL;
    void *ctx = job->ctx;
    free_job(job);
    if (done != NULL)
        done(ctx, err, signature);
}
