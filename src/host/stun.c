/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The host's questions to STUN servers; in a file of its own, so that they are linked only where
 * they are used. */
#include <p2p/stun.h>

#include "host/host.h"
#include "webrtc/stun_client.h"

p2p_err p2p_stun_ask(p2p_stun_query **out, p2p_host *host, const p2p_multiaddr *server,
    const p2p_stun_options *options, p2p_stun_fn fn, void *ctx) {
    return p2p_stun_client_ask(out, &host->env, server, options, fn, ctx);
}
