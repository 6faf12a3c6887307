/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Capsules (RFC 9297 section 3): what goes over a session's CONNECT stream, inside DATA frames.
 * Closing and draining are reported, flow control is checked and ignored (this side never switches
 * it on), everything else is skipped as it comes.
 */
#ifndef P2P_WEBTRANSPORT_CAPSULE_H
#define P2P_WEBTRANSPORT_CAPSULE_H

#include "base/buf.h"
#include "base/cursor.h"
#include "webtransport/varint.h"

enum { P2P_WT_REASON_MAX = 1024 };

typedef enum p2p_capsule_type {
    P2P_CAPSULE_DATAGRAM = 0x00,
    P2P_CAPSULE_WT_CLOSE = 0x2843,
    P2P_CAPSULE_WT_DRAIN = 0x78ae,
    P2P_CAPSULE_WT_MAX_DATA = 0x190b4d3d,
    P2P_CAPSULE_WT_MAX_STREAMS_BIDI = 0x190b4d3f,
    P2P_CAPSULE_WT_MAX_STREAMS_UNI = 0x190b4d40,
    P2P_CAPSULE_WT_DATA_BLOCKED = 0x190b4d41,
    P2P_CAPSULE_WT_STREAMS_BLOCKED_BIDI = 0x190b4d43,
    P2P_CAPSULE_WT_STREAMS_BLOCKED_UNI = 0x190b4d44
} p2p_capsule_type;

typedef enum p2p_capsule_event {
    P2P_CAPSULE_NEED_MORE,
    P2P_CAPSULE_GOT_CLOSE, /* item.code and item.reason; nothing may follow */
    P2P_CAPSULE_GOT_DRAIN  /* the peer wishes no new streams */
} p2p_capsule_event;

typedef struct p2p_capsule_item {
    p2p_capsule_event event;
    size_t used;
    uint32_t code;
    p2p_bytes reason; /* UTF-8; in the input or the reader, until the next call */
} p2p_capsule_item;

typedef struct p2p_capsule_reader {
    uint8_t phase;
    p2p_err failed;
    p2p_varint varint;
    uint64_t type;
    uint64_t left;
    p2p_buf buf; /* a value that came in pieces */
} p2p_capsule_reader;

void p2p_capsule_reader_init(p2p_capsule_reader *reader, const p2p_mem *mem);
void p2p_capsule_reader_deinit(p2p_capsule_reader *reader);
/* Takes bytes up to the next thing to report. MALFORMED or VIOLATION: the CONNECT stream is reset
 * with MESSAGE_ERROR, and the session is over. */
P2P_NODISCARD p2p_err p2p_capsule_reader_feed(
    p2p_capsule_reader *reader, p2p_bytes in, p2p_capsule_item *item);
/* The stream ended: MALFORMED in the middle of a capsule. Without a close capsule it stands for
 * code 0 and no reason. */
P2P_NODISCARD p2p_err p2p_capsule_reader_fin(const p2p_capsule_reader *reader);

/* Capsules to be put into a DATA frame. The reason is cut at a character's edge when too long. */
void p2p_capsule_put_close(p2p_writer *w, uint32_t code, p2p_bytes reason);
void p2p_capsule_put_drain(p2p_writer *w);

#endif
