/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A WebTransport application's 32-bit stream error codes live in a window of HTTP/3's code space,
 * in which every 31st value is one of HTTP/3's reserved ones and therefore skipped
 * (draft-ietf-webtrans-http3, section on resetting data streams).
 */
#ifndef P2P_WEBTRANSPORT_ERROR_CODE_H
#define P2P_WEBTRANSPORT_ERROR_CODE_H

#include <p2p/base.h>

#define P2P_WT_CODE_FIRST UINT64_C(0x52e4a40fa8db)
#define P2P_WT_CODE_LAST UINT64_C(0x52e5ac983162)

/* What goes into RESET_STREAM and STOP_SENDING. */
uint64_t p2p_wt_code_to_wire(uint32_t code);
/* False when the wire code is none of an application: outside the window, or a skipped one. */
bool p2p_wt_code_from_wire(uint64_t wire, uint32_t *code);

#endif
