/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Noise as libp2p uses it: Noise_XX_25519_ChaChaPoly_SHA256 with the identity in the payload of the
 * second and third message. The plug-in is p2p_noise (p2p/transport.h); this header is for
 * WebRTC-direct and WebTransport, which run the same handshake on one of their own streams to prove
 * the identities and then go on without it.
 */
#ifndef P2P_SECURE_NOISE_H
#define P2P_SECURE_NOISE_H

#include "stack/security.h"

enum { P2P_NOISE_CERTHASHES_MAX = 32 };

typedef struct p2p_noise_options {
    /* Mixed into both handshakes before anything else. */
    p2p_bytes prologue;
    /* Complete multihashes of the certificates this side uses; sent along with the identity. */
    const p2p_bytes *certhashes;
    size_t certhash_count;
    /*
     * Looks at the multihashes that the peer sent (none: count 0) once its identity is proven and
     * before ours is, as far as the role allows. An error ends the handshake. NULL: not looked at.
     */
    p2p_err (*check_certhashes)(void *ctx, const p2p_bytes *certhashes, size_t count);
    void *ctx;
} p2p_noise_options;

/*
 * As p2p_noise.start. The options are borrowed for the call, except `ctx`; NULL means no options.
 * Bytes that follow the handshake are opened and fed to layer->above, or dropped if there is none.
 * LIMIT if the certificate hashes do not fit a message.
 */
P2P_NODISCARD p2p_err p2p_noise_start(
    p2p_layer **out, const p2p_secure_params *params, const p2p_noise_options *options);

#endif
