/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * DER (X.690 §10) on a cursor: elements with a tag of one byte and a definite length in its
 * shortest form, at most 65535 bytes of content. What is not that is MALFORMED.
 */
#ifndef P2P_BASE_DER_H
#define P2P_BASE_DER_H

#include "base/cursor.h"

enum {
    P2P_DER_BOOLEAN = 0x01,
    P2P_DER_INTEGER = 0x02,
    P2P_DER_BIT_STRING = 0x03,
    P2P_DER_OCTET_STRING = 0x04,
    P2P_DER_OID = 0x06,
    P2P_DER_UTF8 = 0x0c,
    P2P_DER_UTC_TIME = 0x17,
    P2P_DER_GENERALIZED_TIME = 0x18,
    P2P_DER_SEQUENCE = 0x30,
    P2P_DER_SET = 0x31,
    P2P_DER_CONTEXT_0 = 0xa0, /* constructed; [1], [2]… follow */
    P2P_DER_CONTEXT_1 = 0xa1,
    P2P_DER_CONTEXT_3 = 0xa3
};

/* Is the next element one with this tag? No at the end, and after an error. */
static inline bool p2p_der_is_next(const p2p_cursor *c, uint8_t tag) {
    return c->err == P2P_OK && c->left > 0 && c->ptr[0] == tag;
}

/* The content of the next element, which must have this tag. */
p2p_bytes p2p_der_content(p2p_cursor *c, uint8_t tag);
/* The whole of it, tag and length included. */
p2p_bytes p2p_der_element(p2p_cursor *c, uint8_t tag);
/* A cursor on its content. An error in `c` is in the new one, too. */
p2p_cursor p2p_der_open(p2p_cursor *c, uint8_t tag);

/* Tag and length of an element with `len` bytes of content, at most 65535. */
void p2p_der_put_head(p2p_writer *w, uint8_t tag, size_t len);

#endif
