/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* p2p_stun_ask, for one who has no host in hand. */
#ifndef P2P_WEBRTC_STUN_CLIENT_H
#define P2P_WEBRTC_STUN_CLIENT_H

#include <p2p/stun.h>

#include "stack/env.h"

/* Questions under way at once. */
enum { P2P_STUN_QUERIES_MAX = 32 };

P2P_NODISCARD p2p_err p2p_stun_client_ask(p2p_stun_query **out, p2p_env *env,
    const p2p_multiaddr *server, const p2p_stun_options *options, p2p_stun_fn fn, void *ctx);

#endif
