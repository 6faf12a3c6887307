/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The values of multiaddr components, in binary and as text. */
#ifndef P2P_MULTI_VALUE_H
#define P2P_MULTI_VALUE_H

#include "base/cursor.h"
#include "multi/protocol.h"

/* Whether `value` is one that the protocol's form allows. */
bool p2p_value_valid(const p2p_proto *proto, p2p_bytes value);
/* Appends the binary form of `text`. INVALID, or TOO_BIG for values of no sensible length. */
P2P_NODISCARD p2p_err p2p_value_parse(p2p_writer *w, const p2p_proto *proto, p2p_bytes text);
/* Appends the text of a valid value, byte by byte so that a short buffer gets its beginning. */
void p2p_value_format(p2p_writer *w, const p2p_proto *proto, p2p_bytes value);
void p2p_value_put_text(p2p_writer *w, p2p_bytes text);
/* What a value of this form is, for a message: "an IPv4 address". */
const char *p2p_value_noun(const p2p_proto *proto);

#endif
