/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Where OpenSSL reads and writes its records: one record at a time out of the block that is being
 * fed, and into the block that is being drawn. For the files of TLS only.
 */
#ifndef P2P_SECURE_TLS_WIRE_H
#define P2P_SECURE_TLS_WIRE_H

#include <openssl/bio.h>

#include "base/buf.h"

/* Embedded in its layer. */
typedef struct p2p_tls_wire {
    const uint8_t *in; /* what OpenSSL may read now */
    size_t in_len;
    uint8_t *out; /* where it may write now */
    size_t out_cap, out_len;
    p2p_buf unsent; /* what it wrote while there was no such place, or too little of it */
    p2p_err err;    /* why a write failed */
} p2p_tls_wire;

/* NULL when out of memory. Freed with BIO_meth_free, after the last of its BIOs. */
BIO_METHOD *p2p_tls_wire_method(void);
/* A BIO on the wire, which must outlive it; NULL when out of memory. */
BIO *p2p_tls_wire_bio(const BIO_METHOD *method, p2p_tls_wire *wire);

#endif
