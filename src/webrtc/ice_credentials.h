/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The credentials of webrtc-direct, in which a STUN USERNAME says everything the server needs to
 * know about a client that it never exchanged an offer with.
 *
 *                 version 1                    version 2
 *   server ufrag  libp2p+webrtc+v1/<random>    libp2p+webrtc+v2/<client's password>
 *   server pwd    the whole server ufrag       the whole server ufrag
 *   client ufrag  the server ufrag             the client's own
 *   client pwd    the server ufrag             the client's own
 *
 * A client's check carries USERNAME "server ufrag:client ufrag" under the server's password; a
 * check of the server carries "client ufrag:server ufrag" under the client's.
 */
#ifndef P2P_WEBRTC_ICE_CREDENTIALS_H
#define P2P_WEBRTC_ICE_CREDENTIALS_H

#include <p2p/base.h>

#include "webrtc/stun.h"

enum {
    P2P_ICE_UFRAG_MIN = 4, /* RFC 8839 §5.4 */
    P2P_ICE_PWD_MIN = 22,
    P2P_ICE_TEXT_MAX = 256,
    P2P_ICE_DIRECT_PREFIX = 17,                        /* "libp2p+webrtc+v1/" */
    P2P_ICE_DIRECT_V1_LEN = P2P_ICE_DIRECT_PREFIX + 32 /* what go and js generate */
};

/* Both halves of a connection's credentials; views. */
typedef struct p2p_ice_credentials {
    p2p_bytes local_ufrag, local_pwd, remote_ufrag, remote_pwd;
} p2p_ice_credentials;

/* A ufrag of 4 to 256 ice-chars, a password of 22 to 256. */
bool p2p_ice_ufrag_valid(p2p_bytes ufrag);
bool p2p_ice_pwd_valid(p2p_bytes pwd);
/* Random ice-chars. */
void p2p_ice_random_text(char *dst, size_t len, const p2p_random *random);

/*
 * Reads a client's USERNAME as the server sees it; `local` is the server. The version is 1 or 2.
 * MALFORMED for anything that is not exactly one of the two forms above.
 */
P2P_NODISCARD p2p_err p2p_ice_direct_parse(
    p2p_ice_credentials *credentials, int *version, p2p_bytes username);
/*
 * Whether a Binding request from an unknown address may open a connection: USERNAME as above and a
 * MESSAGE-INTEGRITY made with the key that follows from it. It holds no secret, so this proves
 * nothing about the sender; it keeps garbage from costing more than one HMAC. The views point into
 * the packet. UNSUPPORTED: no Binding request; MALFORMED; DECRYPT: wrong integrity.
 */
P2P_NODISCARD p2p_err p2p_ice_direct_check(
    p2p_ice_credentials *credentials, int *version, const p2p_stun_msg *request);
/* A dialler's credentials of version 1: one random text, used four times; `local` is the client. */
p2p_ice_credentials p2p_ice_direct_v1(char text[P2P_ICE_DIRECT_V1_LEN], const p2p_random *random);

enum { P2P_ICE_DIRECT_V2_LEN = P2P_ICE_DIRECT_PREFIX + 24 + 8 };

/* A dialler's credentials of version 2, where prefix and password make the server's ufrag. */
p2p_ice_credentials p2p_ice_direct_v2(char text[P2P_ICE_DIRECT_V2_LEN], const p2p_random *random);

#endif
