/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The host's handlers of WebTransport sessions; in a file of its own, so that they are linked only
 * where they are used. */
#include <p2p/webtransport.h>

#include "host/host.h"
#include "webtransport/raw.h"

p2p_err p2p_webtransport_serve(
    p2p_host *host, const p2p_webtransport_handler *handler, void *self) {
    return p2p_wt_raw_serve(&host->env, handler, self);
}
