/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * QPACK (RFC 9204) without a dynamic table, by nghttp3: field sections to fields and back. No field
 * section ever waits for another stream, and the peer's encoder has nothing to say to us.
 */
#ifndef P2P_WEBTRANSPORT_QPACK_H
#define P2P_WEBTRANSPORT_QPACK_H

#include "base/buf.h"
#include "base/cursor.h"
#include "webtransport/h3_error.h"

enum {
    P2P_FIELDS_MAX = 64,          /* fields of a section; browsers send up to 20 */
    P2P_FIELD_SECTION_MAX = 16384 /* bytes of names and values, 32 more for each field (RFC 9114
                                     section 4.2.2) */
};

typedef struct p2p_field {
    p2p_bytes name;
    p2p_bytes value;
} p2p_field;

/* A decoded section; it owns the text. */
typedef struct p2p_fields {
    p2p_buf text;
    size_t count;
    p2p_field list[P2P_FIELDS_MAX];
} p2p_fields;

void p2p_fields_init(p2p_fields *fields, const p2p_mem *mem);
void p2p_fields_deinit(p2p_fields *fields);

/* Encoder and decoder of one connection. */
typedef struct p2p_qpack p2p_qpack;

/* mem must outlive the object. */
P2P_NODISCARD p2p_err p2p_qpack_new(p2p_qpack **out, const p2p_mem *mem);
void p2p_qpack_free(p2p_qpack *qpack);

/* Writes the payload of a HEADERS frame. */
P2P_NODISCARD p2p_err p2p_qpack_encode(
    p2p_qpack *qpack, p2p_writer *w, const p2p_field *fields, size_t count);
/* Reads one, replacing what `fields` held. On failure *error says how to close: the connection for
 * DECOMPRESSION_FAILED, the stream for MESSAGE_ERROR (more fields than P2P_FIELDS_MAX or a larger
 * section: VIOLATION). */
P2P_NODISCARD p2p_err p2p_qpack_decode(
    p2p_qpack *qpack, p2p_bytes section, p2p_fields *fields, p2p_h3_error *error);

/* What arrives on the peer's encoder or decoder stream. Nearly everything is an error there, since
 * there is no table to talk about. */
P2P_NODISCARD p2p_err p2p_qpack_feed_encoder_stream(
    p2p_qpack *qpack, p2p_bytes in, p2p_h3_error *error);
P2P_NODISCARD p2p_err p2p_qpack_feed_decoder_stream(
    p2p_qpack *qpack, p2p_bytes in, p2p_h3_error *error);

#endif
