/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The table of multiaddr protocols: codes, names and the form of each value. */
#ifndef P2P_MULTI_PROTOCOL_H
#define P2P_MULTI_PROTOCOL_H

#include <p2p/multiaddr.h>

/* How a value is written in text. */
typedef enum p2p_proto_form {
    P2P_FORM_NONE,
    P2P_FORM_IP4,
    P2P_FORM_IP6,
    P2P_FORM_PORT,   /* two bytes, decimal */
    P2P_FORM_PREFIX, /* one byte, decimal */
    P2P_FORM_NUMBER, /* eight bytes, decimal */
    P2P_FORM_NAME,   /* text without '/' */
    P2P_FORM_PATH,   /* text that takes all the rest */
    P2P_FORM_PEER,   /* multihash, base58 or CID */
    P2P_FORM_HASH,   /* multihash, multibase */
    P2P_FORM_PERCENT /* bytes, percent-encoded */
} p2p_proto_form;

typedef struct p2p_proto {
    p2p_proto_code code;
    const char *name;
    p2p_proto_form form;
} p2p_proto;

/* NULL if unknown. */
const p2p_proto *p2p_proto_by_code(uint64_t code);
const p2p_proto *p2p_proto_by_name(p2p_bytes name);
/* Bytes of a value, or -1: of any length, with a length in front. */
int p2p_proto_value_len(const p2p_proto *proto);

#endif
