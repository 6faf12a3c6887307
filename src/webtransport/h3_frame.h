/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * HTTP/3 streams as they come from the peer (RFC 9114 sections 6 and 7, and the stream heads of
 * WebTransport): a machine for each stream that finds out what kind of stream it is, cuts it into
 * frames, and refuses what may not stand there. It knows nothing of connections: what counts once
 * for each connection is p2p_h3_claim's, what fields mean is session.h's.
 */
#ifndef P2P_WEBTRANSPORT_H3_FRAME_H
#define P2P_WEBTRANSPORT_H3_FRAME_H

#include "base/buf.h"
#include "base/cursor.h"
#include "webtransport/h3_error.h"
#include "webtransport/varint.h"

enum {
    P2P_H3_HEADERS_MAX = 16384, /* bytes of an encoded field section */
    P2P_H3_STREAM_HEAD_MAX = 10 /* of a WebTransport stream: type and session id */
};

typedef enum p2p_h3_frame_type {
    P2P_H3_FRAME_DATA = 0x00,
    P2P_H3_FRAME_HEADERS = 0x01,
    P2P_H3_FRAME_CANCEL_PUSH = 0x03,
    P2P_H3_FRAME_SETTINGS = 0x04,
    P2P_H3_FRAME_PUSH_PROMISE = 0x05,
    P2P_H3_FRAME_GOAWAY = 0x07,
    P2P_H3_FRAME_MAX_PUSH_ID = 0x0d,
    P2P_H3_FRAME_WT_STREAM = 0x41 /* not a frame: a bidirectional stream that begins with it is
                                     WebTransport's to its end */
} p2p_h3_frame_type;

/* First number on a unidirectional stream. */
typedef enum p2p_h3_stream_type {
    P2P_H3_TYPE_CONTROL = 0x00,
    P2P_H3_TYPE_PUSH = 0x01,
    P2P_H3_TYPE_QPACK_ENCODER = 0x02,
    P2P_H3_TYPE_QPACK_DECODER = 0x03,
    P2P_H3_TYPE_WT_STREAM = 0x54
} p2p_h3_stream_type;

/* What a stream turned out to be. */
typedef enum p2p_h3_stream {
    P2P_H3_UNDECIDED,
    P2P_H3_CONTROL,
    P2P_H3_QPACK_ENCODER,
    P2P_H3_QPACK_DECODER,
    P2P_H3_REQUEST,  /* frames of a request, or of the response to one */
    P2P_H3_WT,       /* belongs to a WebTransport session */
    P2P_H3_DISCARDED /* of an unknown type: may be stopped with STREAM_CREATION_ERROR, or drained */
} p2p_h3_stream;

/* Where the bytes come from. */
typedef enum p2p_h3_origin {
    P2P_H3_PEER_UNI,    /* a unidirectional stream of the peer */
    P2P_H3_PEER_BIDI,   /* a bidirectional stream that the peer opened */
    P2P_H3_OWN_REQUEST, /* a stream on which this side sent a request */
} p2p_h3_origin;

typedef enum p2p_h3_event {
    P2P_H3_NEED_MORE,    /* all was used; nothing to hand on */
    P2P_H3_GOT_STREAM,   /* item.stream, and item.id: the session's, if it is a WT stream */
    P2P_H3_GOT_SETTINGS, /* item.bytes: the whole payload, for p2p_h3_settings_decode */
    P2P_H3_GOT_HEADERS,  /* item.bytes: the whole encoded field section */
    P2P_H3_GOT_DATA, /* item.bytes: a piece of DATA payload; of the stream itself, if WT or QPACK */
    P2P_H3_GOT_GOAWAY /* item.id */
} p2p_h3_event;

typedef struct p2p_h3_item {
    p2p_h3_event event;
    size_t used; /* bytes of input consumed */
    p2p_h3_stream stream;
    uint64_t id;
    p2p_bytes bytes; /* into the input or the reader, until the next call */
} p2p_h3_item;

typedef struct p2p_h3_reader {
    bool server; /* this side's role */
    p2p_h3_origin origin;
    p2p_h3_stream stream;
    uint8_t phase;
    bool settings_seen;
    bool tunnel;
    uint8_t sections; /* HEADERS frames seen: none, the head, the trailers */
    p2p_err failed;
    p2p_h3_error error; /* after a failure: the code to close the stream or connection with */
    p2p_varint varint;
    uint64_t type;   /* of this frame */
    uint64_t left;   /* payload bytes of this frame still to come */
    uint64_t goaway; /* the last one's id; may only fall */
    uint64_t max_push_id;
    p2p_buf buf; /* payload of a frame that is handed on whole but came in pieces */
} p2p_h3_reader;

void p2p_h3_reader_init(
    p2p_h3_reader *reader, const p2p_mem *mem, bool server, p2p_h3_origin origin);
void p2p_h3_reader_deinit(p2p_h3_reader *reader);

/*
 * Takes bytes up to the next thing to report; call it again with the rest. MALFORMED, VIOLATION or
 * NO_MEMORY: reader->error is the code to close with (p2p_h3_error_is_stream tells what it closes).
 */
P2P_NODISCARD p2p_err p2p_h3_reader_feed(p2p_h3_reader *reader, p2p_bytes in, p2p_h3_item *item);
/* The peer ended the stream: was that allowed here? Errors as above. */
P2P_NODISCARD p2p_err p2p_h3_reader_fin(p2p_h3_reader *reader);
/* The HEADERS were those of an interim response (1xx): the head is still to come. */
void p2p_h3_reader_interim(p2p_h3_reader *reader);
/* CONNECT succeeded: only DATA may follow (RFC 9114 section 4.4). The bytes of GOT_HEADERS are gone
 * after this. */
void p2p_h3_reader_tunnel(p2p_h3_reader *reader);

/* Notes in *seen (zeroed at first) a stream of which the peer may have but one; VIOLATION
 * (STREAM_CREATION_ERROR) for the second. */
P2P_NODISCARD p2p_err p2p_h3_claim(uint8_t *seen, p2p_h3_stream stream);

/* --- writing --- */

/* Type and length; the payload follows. */
void p2p_h3_put_frame(p2p_writer *w, p2p_h3_frame_type type, uint64_t len);
/* The head of a WebTransport stream. */
void p2p_wt_put_stream_head(p2p_writer *w, bool bidirectional, uint64_t session);

/* --- datagrams (RFC 9297 section 2.1) --- */

void p2p_h3_put_datagram_head(p2p_writer *w, uint64_t session);
/* Cuts the head off; MALFORMED means the connection closes with DATAGRAM_ERROR. */
P2P_NODISCARD p2p_err p2p_h3_open_datagram(
    p2p_bytes datagram, uint64_t *session, p2p_bytes *payload);

#endif
