/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The shapes of SCTP packets: common header, chunks, parameters (RFC 9260 section 3). */
#ifndef P2P_WEBRTC_SCTP_CHUNK_H
#define P2P_WEBRTC_SCTP_CHUNK_H

#include "base/bytes.h"
#include "base/cursor.h"

enum {
    SCTP_HEADER = 12,      /* ports, verification tag, checksum */
    SCTP_CHUNK_HEADER = 4, /* type, flags, length */
    SCTP_DATA_HEADER = 16  /* with the chunk header */
};

typedef enum sctp_chunk_type {
    SCTP_DATA = 0,
    SCTP_INIT = 1,
    SCTP_INIT_ACK = 2,
    SCTP_SACK = 3,
    SCTP_HEARTBEAT = 4,
    SCTP_HEARTBEAT_ACK = 5,
    SCTP_ABORT = 6,
    SCTP_SHUTDOWN = 7,
    SCTP_SHUTDOWN_ACK = 8,
    SCTP_ERROR = 9,
    SCTP_COOKIE_ECHO = 10,
    SCTP_COOKIE_ACK = 11,
    SCTP_SHUTDOWN_COMPLETE = 14,
    SCTP_RE_CONFIG = 130,
    SCTP_FORWARD_TSN = 192
} sctp_chunk_type;

/* Flags of DATA. */
enum { SCTP_END = 1, SCTP_BEGIN = 2, SCTP_UNORDERED = 4, SCTP_IMMEDIATE = 8 };

/* Flag of ABORT and SHUTDOWN COMPLETE: the tag is the receiver's own, reflected. */
enum { SCTP_REFLECTED = 1 };

typedef enum sctp_param_type {
    SCTP_PARAM_HEARTBEAT = 1,
    SCTP_PARAM_STATE_COOKIE = 7,
    SCTP_PARAM_UNRECOGNIZED = 8,
    SCTP_PARAM_OUTGOING_RESET = 13,
    SCTP_PARAM_INCOMING_RESET = 14,
    SCTP_PARAM_TSN_RESET = 15,
    SCTP_PARAM_RECONFIG_RESPONSE = 16,
    SCTP_PARAM_ADD_OUTGOING = 17,
    SCTP_PARAM_ADD_INCOMING = 18,
    SCTP_PARAM_ZERO_CHECKSUM = 0x8001,
    SCTP_PARAM_SUPPORTED_EXTENSIONS = 0x8008,
    SCTP_PARAM_FORWARD_TSN = 0xc000
} sctp_param_type;

typedef enum sctp_cause {
    SCTP_CAUSE_INVALID_STREAM = 1,
    SCTP_CAUSE_STALE_COOKIE = 3,
    SCTP_CAUSE_NO_RESOURCE = 4,
    SCTP_CAUSE_UNRECOGNIZED_CHUNK = 6,
    SCTP_CAUSE_INVALID_PARAMETER = 7,
    SCTP_CAUSE_UNRECOGNIZED_PARAMETER = 8,
    SCTP_CAUSE_NO_USER_DATA = 9,
    SCTP_CAUSE_USER_ABORT = 12,
    SCTP_CAUSE_PROTOCOL_VIOLATION = 13
} sctp_cause;

typedef struct p2p_sctp_chunk {
    uint8_t type;
    uint8_t flags;
    p2p_bytes body; /* without the four bytes of header and without padding */
} p2p_sctp_chunk;

/* The next chunk of a packet; false at its end and on error (c->err tells which). */
bool p2p_sctp_chunk_next(p2p_cursor *c, p2p_sctp_chunk *chunk);

typedef struct p2p_sctp_param {
    uint16_t type;
    p2p_bytes value;
    p2p_bytes whole; /* with its header, for reports */
} p2p_sctp_param;

bool p2p_sctp_param_next(p2p_cursor *c, p2p_sctp_param *param);

/* INIT and INIT ACK, as far as this association understands them. */
typedef struct p2p_sctp_init {
    uint32_t tag;
    uint32_t window;
    uint16_t out_streams;
    uint16_t in_streams;
    uint32_t tsn;
    bool forward_tsn;
    bool reconfig;
    bool zero_checksum;
    p2p_bytes cookie;
    uint8_t unrecognized[256]; /* parameters to report, each whole and padded */
    size_t unrecognized_len;
} p2p_sctp_init;

/* MALFORMED for a shape or a value no sender may produce (tag 0, no streams). */
P2P_NODISCARD p2p_err p2p_sctp_init_decode(p2p_sctp_init *init, p2p_bytes body);
/* A whole chunk. `unrecognized` and `cookie` go into an INIT ACK only. */
void p2p_sctp_init_encode(p2p_writer *w, uint8_t type, const p2p_sctp_init *init);

/* Fills up to the next multiple of four. */
void p2p_sctp_pad(p2p_writer *w);
/* A chunk or parameter head, whose length field p2p_sctp_end fills in and pads behind. */
size_t p2p_sctp_begin_chunk(p2p_writer *w, uint8_t type, uint8_t flags);
size_t p2p_sctp_begin_param(p2p_writer *w, uint16_t type);
void p2p_sctp_end(p2p_writer *w, size_t begin);

/* Serial number arithmetic (RFC 1982): a stands before b. */
static inline bool sctp_before(uint32_t a, uint32_t b) {
    return (int32_t)(a - b) < 0;
}

static inline bool sctp_ssn_before(uint16_t a, uint16_t b) {
    return (int16_t)(uint16_t)(a - b) < 0;
}

static inline size_t sctp_padded(size_t len) {
    return (len + 3) & ~(size_t)3;
}

#endif
