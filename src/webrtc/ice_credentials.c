/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * webrtc-direct's munged (version 1) and unmunged (version 2) credentials (specs/webrtc/
 * webrtc-direct.md, "Connection establishment").
 *
 * The prefix decides the version and an unknown one is refused, never taken for version 1: a later
 * version would otherwise be misread. Everything is checked against RFC 8839's grammar before it is
 * used, which also keeps line ends out of any text made from it.
 */
#include "webrtc/ice_credentials.h"

#include "base/bytes.h"

#define PREFIX_V1 "libp2p+webrtc+v1/"
#define PREFIX_V2 "libp2p+webrtc+v2/"

_Static_assert(sizeof PREFIX_V1 == P2P_ICE_DIRECT_PREFIX + 1, "length of the prefix");

enum { V2_PWD_LEN = 24, V2_UFRAG_LEN = 8 };

static const char ice_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static bool is_ice_text(p2p_bytes text, size_t min) {
    if (text.len < min || text.len > P2P_ICE_TEXT_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (memchr(ice_chars, text.ptr[i], sizeof ice_chars - 1) == NULL)
            return false;
    }
    return true;
}

bool p2p_ice_ufrag_valid(p2p_bytes ufrag) {
    return is_ice_text(ufrag, P2P_ICE_UFRAG_MIN);
}

bool p2p_ice_pwd_valid(p2p_bytes pwd) {
    return is_ice_text(pwd, P2P_ICE_PWD_MIN);
}

void p2p_ice_random_text(char *dst, size_t len, const p2p_random *random) {
    random->fill(random->ctx, (uint8_t *)dst, len);
    for (size_t i = 0; i < len; i++)
        dst[i] = ice_chars[(uint8_t)dst[i] & 63];
}

p2p_err p2p_ice_direct_parse(p2p_ice_credentials *credentials, int *version, p2p_bytes username) {
    const uint8_t *colon = username.len > 0 ? memchr(username.ptr, ':', username.len) : NULL;
    if (colon == NULL)
        return P2P_ERR_MALFORMED;
    p2p_bytes server = {username.ptr, (size_t)(colon - username.ptr)};
    p2p_bytes client = {colon + 1, username.len - server.len - 1};
    /* The server's ufrag is its password too, hence the longer minimum. */
    if (!p2p_ice_pwd_valid(server) || !p2p_ice_ufrag_valid(client))
        return P2P_ERR_MALFORMED;
    *credentials = (p2p_ice_credentials){server, server, client, client};
    if (p2p_bytes_start(server, P2P_LITERAL(PREFIX_V1))) {
        *version = 1;
        return p2p_bytes_equal(server, client) ? P2P_OK : P2P_ERR_MALFORMED;
    }
    if (!p2p_bytes_start(server, P2P_LITERAL(PREFIX_V2)))
        return P2P_ERR_MALFORMED;
    *version = 2;
    credentials->remote_pwd =
        p2p_bytes_of(server.ptr + P2P_ICE_DIRECT_PREFIX, server.len - P2P_ICE_DIRECT_PREFIX);
    return p2p_ice_pwd_valid(credentials->remote_pwd) ? P2P_OK : P2P_ERR_MALFORMED;
}

p2p_err p2p_ice_direct_check(
    p2p_ice_credentials *credentials, int *version, const p2p_stun_msg *request) {
    if (request->class != P2P_STUN_REQUEST || request->method != P2P_STUN_BINDING)
        return P2P_ERR_UNSUPPORTED;
    p2p_err err = p2p_ice_direct_parse(credentials, version, request->username);
    if (err != P2P_OK)
        return err;
    err = p2p_stun_check_integrity(request, credentials->local_pwd);
    return err == P2P_ERR_NOT_FOUND ? P2P_ERR_MALFORMED : err;
}

p2p_ice_credentials p2p_ice_direct_v1(char text[P2P_ICE_DIRECT_V1_LEN], const p2p_random *random) {
    memcpy(text, PREFIX_V1, P2P_ICE_DIRECT_PREFIX);
    p2p_ice_random_text(
        text + P2P_ICE_DIRECT_PREFIX, P2P_ICE_DIRECT_V1_LEN - P2P_ICE_DIRECT_PREFIX, random);
    p2p_bytes all = p2p_bytes_of(text, P2P_ICE_DIRECT_V1_LEN);
    return (p2p_ice_credentials){all, all, all, all};
}

p2p_ice_credentials p2p_ice_direct_v2(char text[P2P_ICE_DIRECT_V2_LEN], const p2p_random *random) {
    memcpy(text, PREFIX_V2, P2P_ICE_DIRECT_PREFIX);
    p2p_ice_random_text(text + P2P_ICE_DIRECT_PREFIX, V2_PWD_LEN + V2_UFRAG_LEN, random);
    p2p_bytes server = p2p_bytes_of(text, P2P_ICE_DIRECT_PREFIX + V2_PWD_LEN);
    return (p2p_ice_credentials){
        .local_ufrag = p2p_bytes_of(text + server.len, V2_UFRAG_LEN),
        .local_pwd = p2p_bytes_of(text + P2P_ICE_DIRECT_PREFIX, V2_PWD_LEN),
        .remote_ufrag = server,
        .remote_pwd = server,
    };
}
