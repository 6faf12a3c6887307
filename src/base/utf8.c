/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * RFC 3629 section 4 as a machine. Only the byte after the lead has a range of its own, which is
 * what excludes overlong forms (E0, F0), surrogates (ED) and what lies above U+10FFFF (F4).
 */
#include "base/utf8.h"

static bool lead(p2p_utf8 *state, uint8_t byte) {
    state->low = 0x80;
    state->high = 0xbf;
    if (byte < 0x80) {
        state->missing = 0;
    } else if (byte >= 0xc2 && byte <= 0xdf) {
        state->missing = 1;
    } else if (byte >= 0xe0 && byte <= 0xef) {
        state->missing = 2;
        if (byte == 0xe0)
            state->low = 0xa0;
        if (byte == 0xed)
            state->high = 0x9f;
    } else if (byte >= 0xf0 && byte <= 0xf4) {
        state->missing = 3;
        if (byte == 0xf0)
            state->low = 0x90;
        if (byte == 0xf4)
            state->high = 0x8f;
    } else {
        return false;
    }
    return true;
}

bool p2p_utf8_feed(p2p_utf8 *state, p2p_bytes bytes) {
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t byte = bytes.ptr[i];
        if (state->missing == 0) {
            if (!lead(state, byte))
                return false;
            continue;
        }
        if (byte < state->low || byte > state->high)
            return false;
        state->missing--;
        state->low = 0x80;
        state->high = 0xbf;
    }
    return true;
}

bool p2p_utf8_valid(p2p_bytes bytes) {
    p2p_utf8 state = {0};
    return p2p_utf8_feed(&state, bytes) && p2p_utf8_whole(&state);
}
