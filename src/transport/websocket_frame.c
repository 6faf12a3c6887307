/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Masking and heads of WebSocket frames (RFC 6455 sections 5.2, 5.3 and 7.4).
 *
 * Masking runs over every byte a browser sends, so it works in 32-byte steps of four words that the
 * compiler turns into vector instructions. The key is rotated by the offset once, which lets a
 * frame be unmasked in whatever pieces it arrives.
 */
#include "transport/websocket_frame.h"

#include "base/bytes.h"

enum { FIN = 0x80, MASKED = 0x80, LEN_16 = 126, LEN_64 = 127 };

bool p2p_ws_code_valid(unsigned code) {
    if (code >= 3000 && code <= 4999)
        return true; /* registered and private use */
    /* 1004 is reserved; 1005, 1006 and 1015 are for use inside an endpoint only. 1012 to 1014 were
     * registered later. */
    return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}

void p2p_ws_mask(uint8_t *data, size_t len, const uint8_t key[4], uint64_t offset) {
    uint8_t turned[8];
    for (size_t i = 0; i < sizeof turned; i++)
        turned[i] = key[(offset + i) & 3];
    uint64_t word;
    memcpy(&word, turned, sizeof word);

    size_t at = 0;
    for (; len - at >= 32; at += 32) {
        uint64_t block[4];
        memcpy(block, data + at, sizeof block);
        for (size_t i = 0; i < 4; i++)
            block[i] ^= word;
        memcpy(data + at, block, sizeof block);
    }
    for (; at < len; at++)
        data[at] ^= turned[at & 3];
}

size_t p2p_ws_head_len(p2p_ws_role role, uint64_t payload_len) {
    size_t extended = payload_len > UINT16_MAX ? 8 : payload_len >= LEN_16 ? 2 : 0;
    return 2 + extended + (role == P2P_WS_CLIENT ? 4 : 0);
}

size_t p2p_ws_head_encode(uint8_t head[P2P_WS_HEAD_MAX], p2p_ws_role role, p2p_ws_opcode opcode,
    uint64_t payload_len, const uint8_t key[4]) {
    size_t len = 2;
    head[0] = (uint8_t)(FIN | opcode);
    if (payload_len > UINT16_MAX) {
        head[1] = LEN_64;
        p2p_store64(head + 2, payload_len);
        len += 8;
    } else if (payload_len >= LEN_16) {
        head[1] = LEN_16;
        p2p_store16(head + 2, (uint16_t)payload_len);
        len += 2;
    } else {
        head[1] = (uint8_t)payload_len;
    }
    if (role == P2P_WS_CLIENT) {
        head[1] |= MASKED;
        memcpy(head + len, key, 4);
        len += 4;
    }
    return len;
}
