/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * STUN messages (RFC 8489) as ICE (RFC 8445) and a plain STUN server use them: a parser that looks
 * once over a datagram and gives the attributes that matter, the two checks (MESSAGE-INTEGRITY,
 * FINGERPRINT), and a writer. Nothing is allocated; views point into the datagram.
 */
#ifndef P2P_WEBRTC_STUN_H
#define P2P_WEBRTC_STUN_H

#include <p2p/base.h>

#include "base/cursor.h"

enum {
    P2P_STUN_HEADER = 20,
    P2P_STUN_TRANSACTION = 12,
    P2P_STUN_MAX = 1500,    /* a longer datagram is refused; a message has to fit the path's MTU */
    P2P_STUN_ATTR_MAX = 64, /* attributes in one message; real ones have fewer than 15 */
    P2P_STUN_UNKNOWN_MAX = 8, /* how many not understood types are remembered for a 420 */
    P2P_STUN_BINDING = 1
};

typedef enum p2p_stun_class {
    P2P_STUN_REQUEST = 0,
    P2P_STUN_INDICATION = 1,
    P2P_STUN_SUCCESS = 2,
    P2P_STUN_ERROR = 3
} p2p_stun_class;

/* Attribute types; those from 0x8000 on may be ignored by who does not know them. */
typedef enum p2p_stun_type {
    P2P_STUN_MAPPED_ADDRESS = 0x0001,
    P2P_STUN_USERNAME = 0x0006,
    P2P_STUN_MESSAGE_INTEGRITY = 0x0008,
    P2P_STUN_ERROR_CODE = 0x0009,
    P2P_STUN_UNKNOWN_ATTRIBUTES = 0x000a,
    P2P_STUN_REALM = 0x0014,
    P2P_STUN_NONCE = 0x0015,
    P2P_STUN_MESSAGE_INTEGRITY_SHA256 = 0x001c,
    P2P_STUN_XOR_MAPPED_ADDRESS = 0x0020,
    P2P_STUN_PRIORITY = 0x0024,
    P2P_STUN_USE_CANDIDATE = 0x0025,
    P2P_STUN_SOFTWARE = 0x8022,
    P2P_STUN_FINGERPRINT = 0x8028,
    P2P_STUN_ICE_CONTROLLED = 0x8029,
    P2P_STUN_ICE_CONTROLLING = 0x802a
} p2p_stun_type;

typedef enum p2p_stun_code {
    P2P_STUN_BAD_REQUEST = 400,
    P2P_STUN_UNAUTHENTICATED = 401,
    P2P_STUN_UNKNOWN_ATTRIBUTE = 420,
    P2P_STUN_ROLE_CONFLICT = 487
} p2p_stun_code;

/* A parsed message. Of an attribute that stands twice the first counts (RFC 8489 §14). */
typedef struct p2p_stun_msg {
    p2p_bytes packet; /* the whole datagram */
    p2p_stun_class class;
    uint16_t method;
    const uint8_t *transaction; /* 12 bytes of the packet */
    p2p_bytes username, software, realm, nonce;
    p2p_sockaddr mapped;     /* XOR-MAPPED-ADDRESS, else MAPPED-ADDRESS; family 0: neither */
    uint32_t priority;       /* 0: absent */
    uint64_t tie_breaker;    /* with controlling or controlled */
    uint16_t error_code;     /* 0: absent */
    uint16_t integrity_at;   /* offset of MESSAGE-INTEGRITY; 0: absent */
    uint16_t fingerprint_at; /* offset of FINGERPRINT; 0: absent */
    bool use_candidate, controlling, controlled;
    uint8_t unknown_count; /* comprehension-required types that are not understood */
    uint16_t unknown[P2P_STUN_UNKNOWN_MAX];
} p2p_stun_msg;

/* Whether the datagram claims to be STUN: the two top bits and the magic cookie. Cheap, for
 * sorting. */
bool p2p_stun_is(p2p_bytes packet);
/* Parses all of the datagram. MALFORMED, or TOO_BIG beyond P2P_STUN_MAX. Checks no MAC. */
P2P_NODISCARD p2p_err p2p_stun_parse(p2p_stun_msg *msg, p2p_bytes packet);
/* P2P_OK, NOT_FOUND when the message has no MESSAGE-INTEGRITY, DECRYPT when it does not match. */
P2P_NODISCARD p2p_err p2p_stun_check_integrity(const p2p_stun_msg *msg, p2p_bytes key);
/* P2P_OK, NOT_FOUND when the message has no FINGERPRINT, MALFORMED when it does not match. */
P2P_NODISCARD p2p_err p2p_stun_check_fingerprint(const p2p_stun_msg *msg);

/* --- writing: begin, attributes, integrity, fingerprint; end tells of a full buffer --- */

p2p_writer p2p_stun_begin(
    void *dst, size_t cap, p2p_stun_class class, uint16_t method, const uint8_t transaction[12]);
void p2p_stun_put(p2p_writer *w, p2p_stun_type type, p2p_bytes value);
void p2p_stun_put_u32(p2p_writer *w, p2p_stun_type type, uint32_t value);
void p2p_stun_put_u64(p2p_writer *w, p2p_stun_type type, uint64_t value);
/* XOR-MAPPED-ADDRESS. */
void p2p_stun_put_address(p2p_writer *w, const p2p_sockaddr *addr);
/* ERROR-CODE with its standard reason phrase. */
void p2p_stun_put_error(p2p_writer *w, p2p_stun_code code);
/* MESSAGE-INTEGRITY over what was written so far. */
void p2p_stun_put_integrity(p2p_writer *w, p2p_bytes key);
/* Appends FINGERPRINT and closes the message. TOO_BIG when the buffer was too small. */
P2P_NODISCARD p2p_err p2p_stun_finish(p2p_writer *w, size_t *len);

/* A success response that tells `from` its address; an empty key leaves MESSAGE-INTEGRITY out. */
P2P_NODISCARD p2p_err p2p_stun_write_success(uint8_t *dst, size_t cap, size_t *len,
    const uint8_t transaction[12], const p2p_sockaddr *from, p2p_bytes key);
/* An error response; the unknown types are only for 420. */
P2P_NODISCARD p2p_err p2p_stun_write_error(uint8_t *dst, size_t cap, size_t *len,
    const uint8_t transaction[12], p2p_stun_code code, const uint16_t *unknown,
    size_t unknown_count, p2p_bytes key);

#endif
