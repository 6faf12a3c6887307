/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * HTTP/3 SETTINGS (RFC 9114 section 7.2.4) and what they tell about WebTransport. Peers speak
 * drafts that differ in the setting that says "I do WebTransport"; this side says all of them and
 * reads off which ones the peer knows.
 */
#ifndef P2P_WEBTRANSPORT_H3_SETTINGS_H
#define P2P_WEBTRANSPORT_H3_SETTINGS_H

#include "base/cursor.h"
#include "webtransport/h3_error.h"

enum { P2P_H3_SETTINGS_MAX = 1024 /* bytes of the payload; real ones have about 40 */ };

typedef enum p2p_h3_setting {
    P2P_H3_QPACK_MAX_TABLE_CAPACITY = 0x01,
    P2P_H3_MAX_FIELD_SECTION_SIZE = 0x06,
    P2P_H3_QPACK_BLOCKED_STREAMS = 0x07,
    P2P_H3_ENABLE_CONNECT_PROTOCOL = 0x08, /* RFC 9220 */
    P2P_H3_DATAGRAM = 0x33,                /* RFC 9297 */
    P2P_H3_DATAGRAM_04 = 0xffd277,         /* its draft-04 */
    P2P_WT_MAX_SESSIONS_13 = 0x14e9cd29,   /* WebTransport draft-13, 14 */
    P2P_WT_ENABLE_02 = 0x2b603742,         /* WebTransport draft-02 to 06 */
    P2P_WT_ENABLED_15 = 0x2c7cf000         /* WebTransport draft-15 */
} p2p_h3_setting;

/* WebTransport draft-07 to 12; too large for an enum constant. */
#define P2P_WT_MAX_SESSIONS_07 UINT64_C(0xc671706a)

/* The peer's values; absent ones are 0, which is also their meaning (max_field_section: no limit).
 */
typedef struct p2p_h3_settings {
    uint64_t qpack_max_table_capacity;
    uint64_t max_field_section;
    uint64_t qpack_blocked_streams;
    uint64_t connect_protocol;
    uint64_t datagram; /* 0x33 or 0xffd277 */
    uint64_t wt_enable_02;
    uint64_t wt_max_sessions_07;
    uint64_t wt_max_sessions_13;
    uint64_t wt_enabled_15;
} p2p_h3_settings;

/* Reads the payload of the one SETTINGS frame. On failure *error says why the connection closes. */
P2P_NODISCARD p2p_err p2p_h3_settings_decode(
    p2p_h3_settings *settings, p2p_bytes payload, p2p_h3_error *error);
/* Writes the SETTINGS frame of this library, type and length included; the same for both roles. */
void p2p_h3_settings_put(p2p_writer *w);

/* How a client asks for a session. */
typedef enum p2p_wt_dialect {
    P2P_WT_NONE,     /* the server does no WebTransport that this library speaks */
    P2P_WT_DRAFT_02, /* ":protocol webtransport" and the draft-02 header */
    P2P_WT_DRAFT_07, /* ":protocol webtransport" */
    P2P_WT_DRAFT_15  /* ":protocol webtransport-h3" */
} p2p_wt_dialect;

/* What to speak to a server that sent these: the oldest dialect it knows, which more servers accept
 * than the newest. */
p2p_wt_dialect p2p_wt_dialect_of(const p2p_h3_settings *settings);

#endif
