/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* OPEN and ACK as bytes (RFC 8832 sections 5.1 and 5.2). What they lead to is in datachannel.c. */
#include "webrtc/dcep.h"

#include "base/cursor.h"

enum { UNORDERED = 0x80 };

p2p_err p2p_dcep_type_of(p2p_bytes message, p2p_dcep_type *type) {
    if (message.len == 0 || (message.ptr[0] != P2P_DCEP_OPEN && message.ptr[0] != P2P_DCEP_ACK))
        return P2P_ERR_MALFORMED;
    *type = message.ptr[0] == P2P_DCEP_OPEN ? P2P_DCEP_OPEN : P2P_DCEP_ACK;
    return P2P_OK;
}

p2p_err p2p_dcep_open_decode(p2p_dcep_open *open, p2p_bytes message) {
    p2p_cursor c = p2p_cursor_of(message);
    uint8_t type = p2p_cursor_u8(&c);
    uint8_t channel = p2p_cursor_u8(&c);
    open->priority = p2p_cursor_u16(&c);
    open->limit = p2p_cursor_u32(&c);
    uint16_t label = p2p_cursor_u16(&c), protocol = p2p_cursor_u16(&c);
    open->label = p2p_cursor_take(&c, label);
    open->protocol = p2p_cursor_take(&c, protocol);
    open->unordered = channel & UNORDERED;
    channel &= (uint8_t)~UNORDERED;
    if (p2p_cursor_end(&c) != P2P_OK || type != P2P_DCEP_OPEN || channel > P2P_LIMITED_LIFETIME)
        return P2P_ERR_MALFORMED;
    open->reliability = (p2p_reliability)channel;
    if (label > P2P_DCEP_NAME_MAX || protocol > P2P_DCEP_NAME_MAX)
        return P2P_ERR_TOO_BIG;
    return P2P_OK;
}

p2p_err p2p_dcep_open_encode(uint8_t dst[P2P_DCEP_MAX], size_t *len, const p2p_dcep_open *open) {
    if (open->label.len > P2P_DCEP_NAME_MAX || open->protocol.len > P2P_DCEP_NAME_MAX)
        return P2P_ERR_INVALID;
    p2p_writer w = p2p_writer_of(dst, P2P_DCEP_MAX);
    p2p_writer_u8(&w, P2P_DCEP_OPEN);
    p2p_writer_u8(&w, (uint8_t)(open->reliability | (open->unordered ? UNORDERED : 0)));
    p2p_writer_u16(&w, open->priority);
    p2p_writer_u32(&w, open->limit);
    p2p_writer_u16(&w, (uint16_t)open->label.len);
    p2p_writer_u16(&w, (uint16_t)open->protocol.len);
    p2p_writer_bytes(&w, open->label);
    p2p_writer_bytes(&w, open->protocol);
    *len = w.len;
    return p2p_writer_end(&w);
}
