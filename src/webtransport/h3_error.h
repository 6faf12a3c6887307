/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Error codes of HTTP/3 (RFC 9114 section 8.1), QPACK (RFC 9204 section 6), datagrams (RFC 9297)
 * and WebTransport, as they go into CONNECTION_CLOSE, RESET_STREAM and STOP_SENDING.
 */
#ifndef P2P_WEBTRANSPORT_H3_ERROR_H
#define P2P_WEBTRANSPORT_H3_ERROR_H

#include <p2p/base.h>

typedef enum p2p_h3_error {
    P2P_H3_DATAGRAM_ERROR = 0x33,
    P2P_H3_NO_ERROR = 0x100,
    P2P_H3_GENERAL_PROTOCOL_ERROR = 0x101,
    P2P_H3_INTERNAL_ERROR = 0x102,
    P2P_H3_STREAM_CREATION_ERROR = 0x103,
    P2P_H3_CLOSED_CRITICAL_STREAM = 0x104,
    P2P_H3_FRAME_UNEXPECTED = 0x105,
    P2P_H3_FRAME_ERROR = 0x106,
    P2P_H3_EXCESSIVE_LOAD = 0x107,
    P2P_H3_ID_ERROR = 0x108,
    P2P_H3_SETTINGS_ERROR = 0x109,
    P2P_H3_MISSING_SETTINGS = 0x10a,
    P2P_H3_REQUEST_REJECTED = 0x10b,
    P2P_H3_REQUEST_CANCELLED = 0x10c,
    P2P_H3_REQUEST_INCOMPLETE = 0x10d,
    P2P_H3_MESSAGE_ERROR = 0x10e,
    P2P_H3_CONNECT_ERROR = 0x10f,
    P2P_H3_VERSION_FALLBACK = 0x110,
    P2P_QPACK_DECOMPRESSION_FAILED = 0x200,
    P2P_QPACK_ENCODER_STREAM_ERROR = 0x201,
    P2P_QPACK_DECODER_STREAM_ERROR = 0x202,
    P2P_WT_SESSION_GONE = 0x170d7b68,
    P2P_WT_BUFFERED_STREAM_REJECTED = 0x3994bd84
} p2p_h3_error;

/* Does the error end only the stream it happened on? All others end the connection. */
static inline bool p2p_h3_error_is_stream(p2p_h3_error error) {
    return error == P2P_H3_MESSAGE_ERROR || error == P2P_H3_REQUEST_INCOMPLETE ||
           error == P2P_H3_REQUEST_REJECTED || error == P2P_H3_REQUEST_CANCELLED ||
           error == P2P_H3_CONNECT_ERROR || error == P2P_WT_SESSION_GONE ||
           error == P2P_WT_BUFFERED_STREAM_REJECTED;
}

#endif
