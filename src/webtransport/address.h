/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Addresses of WebTransport: /ip…|dns…/…/udp/PORT/quic-v1/webtransport/certhash/…. */
#ifndef P2P_WEBTRANSPORT_ADDRESS_H
#define P2P_WEBTRANSPORT_ADDRESS_H

#include <p2p/multiaddr.h>

enum { P2P_WT_DIALLED_MAX = 8 /* certificate hashes of an address that are looked at */ };

/* The sha2-256 hashes of the address, as views; false if it is none or has anything else behind. */
bool p2p_wt_read_certhashes(
    const p2p_multiaddr *addr, p2p_bytes hashes[P2P_WT_DIALLED_MAX], size_t *count);
/* Without hashes, with an IP: an address to listen at. */
bool p2p_wt_can_listen(const p2p_multiaddr *addr);
/* Without hashes. */
void p2p_wt_addr_of(p2p_multiaddr *addr, const p2p_sockaddr *from);
/* HOST:PORT as a request names it; host "" or NULL: the IP. 0 if there is no room. */
size_t p2p_wt_authority(char *dst, size_t cap, const char *host, const p2p_sockaddr *remote);

#endif
