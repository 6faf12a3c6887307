/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A program's own WebTransport sessions; in a file of its own, so that they are linked only
 * where they are used. */
#include <p2p/webtransport.h>

#include "host/host.h"
#include "webtransport/client.h"
#include "webtransport/raw.h"

static p2p_transport *find_transport(p2p_host *host) {
    for (size_t i = 0; i < host->swarm.transport_count; i++)
        if (host->swarm.transports[i]->type == &p2p_webtransport)
            return host->swarm.transports[i];
    return NULL;
}

p2p_err p2p_webtransport_connect(p2p_host *host, p2p_webtransport_session **out,
    const p2p_multiaddr *addr, const p2p_webtransport_handler *handler, void *self) {
    p2p_transport *transport = find_transport(host);
    *out = NULL;
    return transport == NULL ? P2P_ERR_UNSUPPORTED
                             : p2p_wt_client_connect(transport, out, addr, handler, self);
}

p2p_err p2p_webtransport_serve(
    p2p_host *host, const p2p_webtransport_handler *handler, void *self) {
    return p2p_wt_raw_serve(&host->env, handler, self);
}
