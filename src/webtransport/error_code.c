/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "webtransport/error_code.h"

/* Reserved codes are 0x1f * N + 0x21 (RFC 9114 section 8.1); between two of them lie 0x1e others.
 */
enum { STEP = 0x1f, RESERVED = 0x21 };

uint64_t p2p_wt_code_to_wire(uint32_t code) {
    return P2P_WT_CODE_FIRST + code + code / (STEP - 1);
}

bool p2p_wt_code_from_wire(uint64_t wire, uint32_t *code) {
    if (wire < P2P_WT_CODE_FIRST || wire > P2P_WT_CODE_LAST || (wire - RESERVED) % STEP == 0)
        return false;
    uint64_t shifted = wire - P2P_WT_CODE_FIRST;
    *code = (uint32_t)(shifted - shifted / STEP);
    return true;
}
