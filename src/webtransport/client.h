/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sessions that a program asks for (p2p_webtransport_connect), until they are open. */
#ifndef P2P_WEBTRANSPORT_CLIENT_H
#define P2P_WEBTRANSPORT_CLIENT_H

#include "transport/transport.h"
#include "webtransport/muxer.h"

/* p2p_webtransport_connect, for one who has the transport in hand. */
P2P_NODISCARD p2p_err p2p_wt_client_connect(p2p_transport *transport, p2p_wt_muxer **out,
    const p2p_multiaddr *addr, const p2p_webtransport_handler *handler, void *self);
/* The muxer's session is open: the client object goes. */
void p2p_wt_client_opened(p2p_wt_muxer *muxer);
/* It came to nothing: its program will be told, then the muxer goes, too. */
void p2p_wt_client_failed(p2p_wt_muxer *muxer, const p2p_reason *reason);
/* Its program does not want it any more. */
void p2p_wt_client_cancel(p2p_wt_muxer *muxer);
/* The host is being freed: tells at once whose sessions came to nothing. */
void p2p_wt_clients_finish(const p2p_env *env);

#endif
