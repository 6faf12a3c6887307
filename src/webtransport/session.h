/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Opening a WebTransport session: the extended CONNECT request and its response as header fields
 * (RFC 9114 section 4, RFC 9220, draft-ietf-webtrans-http3, libp2p's WebTransport spec).
 */
#ifndef P2P_WEBTRANSPORT_SESSION_H
#define P2P_WEBTRANSPORT_SESSION_H

#include "base/cursor.h"
#include "webtransport/h3_settings.h"
#include "webtransport/qpack.h"

/* The one path that libp2p serves and asks for. */
#define P2P_WT_PATH "/.well-known/libp2p-webtransport?type=noise"

enum {
    P2P_WT_AUTHORITY_MAX = 300, /* a DNS name, brackets, a port */
    P2P_WT_PATH_MAX = 512,
    P2P_WT_REQUEST_MAX = 1024 /* bytes that p2p_wt_put_request may need */
};

/* Views into the decoded fields; what is absent is empty. */
typedef struct p2p_h3_request {
    p2p_bytes method;
    p2p_bytes scheme;
    p2p_bytes authority; /* of :authority, else of host */
    p2p_bytes path;
    p2p_bytes protocol;
    p2p_bytes origin;
    bool draft_02; /* "sec-webtransport-http3-draft02: 1": expects the like in the response */
} p2p_h3_request;

/* MALFORMED (MESSAGE_ERROR): fields that no request may have. */
P2P_NODISCARD p2p_err p2p_h3_request_read(p2p_h3_request *request, const p2p_fields *fields);
/* The status to answer with: 200 for a libp2p session; 400, 404, 405 or 501 otherwise. */
unsigned p2p_wt_judge(const p2p_h3_request *request);
/* Writes the whole HEADERS frame. A session that is refused ends with it: send FIN. */
P2P_NODISCARD p2p_err p2p_wt_put_response(
    p2p_qpack *qpack, p2p_writer *w, unsigned status, bool draft_02);

/* It can be asked for. */
bool p2p_wt_is_path(p2p_bytes path);
/* Writes the whole HEADERS frame of a session's request. authority is host:port, an IPv6 host in
 * brackets. */
P2P_NODISCARD p2p_err p2p_wt_put_request(
    p2p_qpack *qpack, p2p_writer *w, p2p_bytes authority, p2p_bytes path, p2p_wt_dialect dialect);
/* Below 200 it is an interim response (p2p_h3_reader_interim), 200 to 299 opened the session.
 * MALFORMED: MESSAGE_ERROR. */
P2P_NODISCARD p2p_err p2p_h3_response_read(unsigned *status, const p2p_fields *fields);

#endif
