/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Why connections end, in words: ngtcp2's errors, the peer's codes (RFC 9000 §20) and TLS alerts
 * (RFC 8446 §6, sent as 0x100 plus the alert) as one sentence and one p2p_err.
 */
#include <stdio.h>

#include "base/bytes.h"
#include "quic/connection.h"

enum { CRYPTO_ERRORS = 0x100 };

typedef struct named {
    uint64_t code;
    p2p_err err;
    const char *name;
} named;

static const named ALERTS[] = {
    {40, P2P_ERR_BAD_CERTIFICATE, "handshake failure"},
    {42, P2P_ERR_BAD_CERTIFICATE, "bad certificate"},
    {43, P2P_ERR_BAD_CERTIFICATE, "unsupported certificate"},
    {45, P2P_ERR_BAD_CERTIFICATE, "certificate expired"},
    {46, P2P_ERR_BAD_CERTIFICATE, "certificate unknown"},
    {48, P2P_ERR_BAD_CERTIFICATE, "unknown authority"},
    {51, P2P_ERR_CRYPTO, "decrypt error"},
    {70, P2P_ERR_UNSUPPORTED, "protocol version"},
    {80, P2P_ERR_RESET, "internal error"},
    {109, P2P_ERR_VIOLATION, "missing extension"},
    {116, P2P_ERR_BAD_CERTIFICATE, "certificate required"},
    {120, P2P_ERR_NO_PROTOCOL, "no application protocol in common"},
};

static const named TRANSPORT[] = {
    {NGTCP2_NO_ERROR, P2P_ERR_RESET, "no error"},
    {NGTCP2_INTERNAL_ERROR, P2P_ERR_RESET, "internal error"},
    {NGTCP2_CONNECTION_REFUSED, P2P_ERR_REFUSED, "connection refused"},
    {NGTCP2_FLOW_CONTROL_ERROR, P2P_ERR_FLOW_CONTROL, "flow control error"},
    {NGTCP2_STREAM_LIMIT_ERROR, P2P_ERR_FLOW_CONTROL, "stream limit error"},
    {NGTCP2_STREAM_STATE_ERROR, P2P_ERR_VIOLATION, "stream state error"},
    {NGTCP2_FINAL_SIZE_ERROR, P2P_ERR_VIOLATION, "final size error"},
    {NGTCP2_FRAME_ENCODING_ERROR, P2P_ERR_MALFORMED, "frame encoding error"},
    {NGTCP2_TRANSPORT_PARAMETER_ERROR, P2P_ERR_MALFORMED, "transport parameter error"},
    {NGTCP2_CONNECTION_ID_LIMIT_ERROR, P2P_ERR_VIOLATION, "connection id limit error"},
    {NGTCP2_PROTOCOL_VIOLATION, P2P_ERR_VIOLATION, "protocol violation"},
    {NGTCP2_INVALID_TOKEN, P2P_ERR_REFUSED, "invalid token"},
    {NGTCP2_APPLICATION_ERROR, P2P_ERR_RESET, "application error during the handshake"},
    {NGTCP2_CRYPTO_BUFFER_EXCEEDED, P2P_ERR_VIOLATION, "crypto buffer exceeded"},
    {NGTCP2_NO_VIABLE_PATH, P2P_ERR_UNREACHABLE, "no viable path"},
};

static named find(const named *table, size_t count, uint64_t code, p2p_err otherwise) {
    for (size_t i = 0; i < count; i++)
        if (table[i].code == code)
            return table[i];
    return (named){code, otherwise, "unknown"};
}

static named find_alert(uint64_t alert) {
    return find(ALERTS, P2P_COUNT(ALERTS), alert, P2P_ERR_RESET);
}

/* The peer's own words, as far as they are harmless to print. */
static void quote(char *dst, size_t cap, const uint8_t *text, size_t len) {
    size_t at = 0;
    for (size_t i = 0; i < len && at + 1 < cap; i++)
        if (text[i] >= ' ' && text[i] <= '~')
            dst[at++] = (char)text[i];
    dst[at] = '\0';
}

static void peer_closed(const p2p_quic_conn *conn, p2p_reason *reason) {
    const ngtcp2_ccerr *theirs = ngtcp2_conn_get_ccerr(conn->ng);
    char words[96];
    quote(words, sizeof words, theirs->reason, theirs->reasonlen);
    reason->by_peer = true;
    if (conn->stateless_reset) {
        reason->err = P2P_ERR_RESET;
        snprintf(reason->text, sizeof reason->text,
            "the peer no longer knows the connection (stateless reset)");
    } else if (theirs->type == NGTCP2_CCERR_TYPE_APPLICATION) {
        reason->err = theirs->error_code == 0 ? P2P_ERR_EOF : P2P_ERR_RESET;
        reason->remote_code =
            theirs->error_code > UINT32_MAX ? P2P_CODE_OUT_OF_RANGE : (uint32_t)theirs->error_code;
        snprintf(reason->text, sizeof reason->text,
            "the peer closed the connection (code 0x%x)%s%s", (unsigned)reason->remote_code,
            words[0] != '\0' ? ": " : "", words);
    } else if (theirs->error_code >= CRYPTO_ERRORS && theirs->error_code < 2 * CRYPTO_ERRORS) {
        named alert = find_alert(theirs->error_code - CRYPTO_ERRORS);
        reason->err = alert.err;
        snprintf(reason->text, sizeof reason->text,
            "the peer refused the handshake: TLS alert %u (%s)", (unsigned)alert.code, alert.name);
    } else {
        named code = find(TRANSPORT, P2P_COUNT(TRANSPORT), theirs->error_code, P2P_ERR_RESET);
        reason->err = code.err;
        snprintf(reason->text, sizeof reason->text, "the peer ended QUIC: %s (0x%llx)%s%s",
            code.name, (unsigned long long)theirs->error_code, words[0] != '\0' ? ": " : "", words);
    }
}

static void tls_failed(const p2p_quic_conn *conn, p2p_reason *reason, ngtcp2_ccerr *why) {
    uint8_t alert = ngtcp2_conn_get_tls_alert(conn->ng);
    p2p_err err = p2p_quic_tls_session_err(conn->tls);
    reason->err = err != P2P_OK ? err : find_alert(alert).err;
    ngtcp2_ccerr_set_tls_alert(why, alert, NULL, 0);
    if (err != P2P_OK)
        snprintf(reason->text, sizeof reason->text, "QUIC handshake: %s", p2p_err_text(err));
    else
        snprintf(reason->text, sizeof reason->text, "QUIC handshake: TLS alert %u (%s)", alert,
            find_alert(alert).name);
}

static void timed_out(const p2p_quic_conn *conn, int rv, p2p_reason *reason) {
    reason->err = P2P_ERR_TIMEOUT;
    if (rv == NGTCP2_ERR_IDLE_CLOSE && conn->established)
        snprintf(reason->text, sizeof reason->text,
            "nothing was heard from the peer until the idle time-out");
    else if (conn->outbound && !conn->answered)
        snprintf(reason->text, sizeof reason->text, "no answer to QUIC's first packets");
    else
        snprintf(reason->text, sizeof reason->text, "the QUIC handshake took too long");
}

/* An error that ngtcp2 found in what the peer sent, or its own. */
static void library(const p2p_quic_conn *conn, int rv, p2p_reason *reason, ngtcp2_ccerr *why) {
    ngtcp2_ccerr_set_liberr(why, rv, NULL, 0);
    if (rv == NGTCP2_ERR_NOMEM || rv == NGTCP2_ERR_CALLBACK_FAILURE)
        reason->err = conn->failure != P2P_OK ? conn->failure : P2P_ERR_NO_MEMORY;
    else if (ngtcp2_err_is_fatal(rv))
        reason->err = P2P_ERR_INTERNAL;
    else
        reason->err = find(TRANSPORT, P2P_COUNT(TRANSPORT), why->error_code, P2P_ERR_VIOLATION).err;
    if (reason->err == P2P_ERR_RESET)
        reason->err = P2P_ERR_VIOLATION;
    snprintf(reason->text, sizeof reason->text, "QUIC: %s (%s)", p2p_err_text(reason->err),
        ngtcp2_strerror(rv));
}

bool p2p_quic_explain(const p2p_quic_conn *conn, int rv, p2p_reason *reason, ngtcp2_ccerr *why) {
    *reason = (p2p_reason){.err = P2P_ERR_RESET};
    ngtcp2_ccerr_default(why);
    switch (rv) {
    case NGTCP2_ERR_DRAINING:
        peer_closed(conn, reason);
        return false;
    case NGTCP2_ERR_IDLE_CLOSE:
    case NGTCP2_ERR_HANDSHAKE_TIMEOUT:
        timed_out(conn, rv, reason);
        return false;
    case NGTCP2_ERR_RECV_VERSION_NEGOTIATION:
        reason->err = P2P_ERR_UNSUPPORTED;
        reason->by_peer = true;
        snprintf(reason->text, sizeof reason->text, "the peer does not speak QUIC version 1");
        return false;
    case NGTCP2_ERR_DROP_CONN:
    case NGTCP2_ERR_CLOSING:
    case NGTCP2_ERR_RETRY:
        reason->err = P2P_ERR_MALFORMED;
        snprintf(reason->text, sizeof reason->text, "the first packet does not start a handshake");
        return false;
    case NGTCP2_ERR_CRYPTO:
        tls_failed(conn, reason, why);
        return true;
    default:
        library(conn, rv, reason, why);
        return true;
    }
}

uint64_t p2p_quic_close_code(p2p_err err) {
    switch (err) {
    case P2P_ERR_GATED:
        return P2P_CODE_GATED;
    case P2P_ERR_LIMIT:
    case P2P_ERR_NO_MEMORY:
        return P2P_CODE_RESOURCE_LIMIT_EXCEEDED;
    case P2P_ERR_SHUTDOWN:
        return P2P_CODE_SHUTDOWN;
    default:
        return P2P_CODE_NONE;
    }
}
