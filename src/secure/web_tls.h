/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * TLS as the web does it, for wss: the server shows a certificate for its name or IP address, the
 * client shows none and checks against the authorities that the system trusts. ALPN is http/1.1 or
 * absent. Who the peer is in libp2p's sense is settled later, inside.
 */
#ifndef P2P_SECURE_WEB_TLS_H
#define P2P_SECURE_WEB_TLS_H

#include "stack/env.h"
#include "stack/layer.h"

enum { P2P_WEB_TLS_WHY_MAX = 160 };

typedef struct p2p_web_tls_params {
    p2p_env *env;
    p2p_wire *wire;
    /* Client: the name or IP address that the certificate must be for. NULL: this side is the
     * server. */
    const char *server;
    bool insecure; /* client: any certificate will do */
    char *why;     /* gets a sentence for errors that say too little; outlives the layer */
} p2p_web_tls_params;

/*
 * The certificate of all connections that come from now on, with its chain, and its key, both as
 * PEM. INVALID: they cannot be read or do not belong together; NO_MEMORY.
 */
P2P_NODISCARD p2p_err p2p_web_tls_set_certificate(p2p_env *env, p2p_bytes cert, p2p_bytes key);
bool p2p_web_tls_has_certificate(const p2p_env *env);

/* STATE: a server without a certificate. */
P2P_NODISCARD p2p_err p2p_web_tls_new(p2p_layer **out, const p2p_web_tls_params *params);

#endif
