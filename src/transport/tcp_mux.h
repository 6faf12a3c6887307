/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Listening sockets that several listeners share: /tcp/4001, /tcp/4001/ws and /tcp/4001/tls/ws are
 * one socket. The last listener that goes closes it.
 */
#ifndef P2P_TRANSPORT_TCP_MUX_H
#define P2P_TRANSPORT_TCP_MUX_H

#include "transport/tcp_pipe.h"

/*
 * A transport's `listen`: joins the socket at that address, or asks for it. NO_MEMORY;
 * ADDRESS_IN_USE: the same address is listened on already.
 */
P2P_NODISCARD p2p_err p2p_tcp_listen(p2p_tcp_transport *tcp, p2p_listener *listener,
    const p2p_tcp_kind *kind, const p2p_sockaddr *at);
void p2p_tcp_unlisten(p2p_tcp_transport *tcp, p2p_listener *listener);

#endif
