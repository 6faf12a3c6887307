/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The host's certificate for wss; in a file of its own, so that it is linked only where it is
 * used. */
#include <p2p/websocket.h>

#include "host/host.h"
#include "secure/web_tls.h"

p2p_err p2p_websocket_set_certificate(p2p_host *host, p2p_bytes cert_pem, p2p_bytes key_pem) {
    return p2p_web_tls_set_certificate(&host->env, cert_pem, key_pem);
}
