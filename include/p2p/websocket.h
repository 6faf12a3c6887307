/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * WebSocket (p2p_websocket in p2p/transport.h): /ip…|dns…/tcp/PORT/ws without TLS and
 * /tcp/PORT/tls/ws with it, also written /wss or /tls/sni/NAME/ws, and all of them with
 * /http-path/PATH behind.
 *
 * One TCP port serves several kinds at once: listening on /tcp/4001, /tcp/4001/ws and
 * /tcp/4001/tls/ws uses one socket, and the first byte of a connection decides. Requests that are
 * not for a WebSocket go to the handler of p2p/http.h.
 *
 * A dial with TLS checks the server's certificate against the authorities that the system trusts;
 * for that, and only then, OpenSSL reads them from its default places. insecure_tls in
 * p2p_dial_options skips the check: who the peer is does not depend on it.
 */
#ifndef P2P_WEBSOCKET_H
#define P2P_WEBSOCKET_H

#include <p2p/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The certificate to show from now on, with its chain, and its private key, both in PEM. Needed
 * before listening with TLS (p2p_host_listen says STATE without it); to be called again when there
 * is a new one: connections that exist go on. The bytes are not kept. INVALID: they cannot be read,
 * or the key is another certificate's.
 */
P2P_API P2P_NODISCARD p2p_err p2p_websocket_set_certificate(
    p2p_host *host, p2p_bytes cert_pem, p2p_bytes key_pem);

#ifdef __cplusplus
}
#endif
#endif
