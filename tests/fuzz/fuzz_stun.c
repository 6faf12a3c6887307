/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Any bytes as a STUN datagram: parser, checks, webrtc-direct's credentials, the plain server. */
#include <stdlib.h>

#include "base/bytes.h"
#include "webrtc/ice_credentials.h"
#include "webrtc/stun_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const p2p_sockaddr from = {.family = 6, .port = 7};
    p2p_bytes packet = p2p_bytes_of(data, size);
    p2p_stun_msg msg;
    uint8_t answer[600];
    size_t len;
    if (p2p_stun_parse(&msg, packet) == P2P_OK) {
        p2p_ice_credentials credentials;
        int version;
        if (p2p_stun_check_integrity(&msg, P2P_LITERAL("VOkJxbRl1RmTxUk/WvJxBt")) == P2P_OK &&
            msg.integrity_at == 0)
            abort();
        (void)p2p_stun_check_fingerprint(&msg);
        if (p2p_ice_direct_check(&credentials, &version, &msg) == P2P_OK &&
            (version < 1 || version > 2 || !p2p_ice_pwd_valid(credentials.remote_pwd)))
            abort();
    }
    if (p2p_stun_respond(answer, sizeof answer, &len, packet, &from) == P2P_OK && len > 3 * size)
        abort();
    return 0;
}
