/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* IP addresses as text, without the C library's sockets. */
#ifndef P2P_MULTI_IP_H
#define P2P_MULTI_IP_H

#include <p2p/base.h>

enum { P2P_IP_TEXT_MAX = 46 };

/* Four decimal numbers without leading zeros. */
bool p2p_ip4_parse(uint8_t ip[4], p2p_bytes text);
/* RFC 4291 §2.2, all three forms; no zone. */
bool p2p_ip6_parse(uint8_t ip[16], p2p_bytes text);
/* Both write at most P2P_IP_TEXT_MAX bytes and return the length, without the terminator. */
size_t p2p_ip4_format(char *text, const uint8_t ip[4]);
/* RFC 5952; mapped IPv4 addresses as ::ffff:192.0.2.1. */
size_t p2p_ip6_format(char *text, const uint8_t ip[16]);

#endif
