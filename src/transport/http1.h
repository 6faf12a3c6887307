/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Heads of HTTP/1.1 messages (RFC 9110, RFC 9112): enough for the WebSocket upgrade, and for a
 * handler of plain requests with small bodies. The parser is strict where leniency lets two readers
 * disagree: no folded lines, no bare CR or LF, no NUL, no blank before a colon.
 */
#ifndef P2P_TRANSPORT_HTTP1_H
#define P2P_TRANSPORT_HTTP1_H

#include <p2p/base.h>

#include "base/buf.h"
#include "base/cursor.h"

enum {
    P2P_HTTP_HEAD_MAX = 8192, /* start line and header fields together */
    P2P_HTTP_HEADERS_MAX = 64
};

typedef struct p2p_http_header {
    p2p_bytes name;  /* a token, in the case it came */
    p2p_bytes value; /* without blanks around it */
} p2p_http_header;

/* Views into the reader. */
typedef struct p2p_http_head {
    unsigned minor;   /* HTTP/1.minor: 0 or 1 */
    p2p_bytes method; /* requests */
    p2p_bytes target;
    unsigned status; /* responses */
    p2p_bytes reason;
    size_t count;
    p2p_http_header headers[P2P_HTTP_HEADERS_MAX];
} p2p_http_head;

typedef enum p2p_http_kind { P2P_HTTP_REQUEST, P2P_HTTP_RESPONSE } p2p_http_kind;

typedef struct p2p_http_reader {
    p2p_http_kind kind;
    p2p_buf buf;
    uint8_t last;    /* the byte before */
    uint8_t newline; /* line ends in a row */
    bool done;
    unsigned refusal; /* after an error: the status to answer a request with */
    p2p_http_head head;
} p2p_http_reader;

/* max: bytes of a head, usually P2P_HTTP_HEAD_MAX. */
void p2p_http_reader_init(
    p2p_http_reader *reader, p2p_http_kind kind, const p2p_mem *mem, size_t max);
void p2p_http_reader_deinit(p2p_http_reader *reader);

/*
 * Takes bytes up to the empty line that ends the head; what follows is left to the next reader.
 * P2P_OK: reader->head is filled. AGAIN: all was used, more is needed. MALFORMED, TOO_BIG (431) or
 * UNSUPPORTED (another version of HTTP, 505): reader->refusal is the status to answer with.
 */
P2P_NODISCARD p2p_err p2p_http_reader_feed(p2p_http_reader *reader, p2p_bytes in, size_t *used);

/* May a field have this name, and this value (RFC 9110 sections 5.6.2 and 5.5)? */
bool p2p_http_is_token(p2p_bytes text);
bool p2p_http_is_value(p2p_bytes text);
/* Equal but for the case of ASCII letters. */
bool p2p_http_same(p2p_bytes a, const char *b);
/* How many fields have that name; *value, if not NULL, gets the first one's value. */
size_t p2p_http_find(const p2p_http_head *head, const char *name, p2p_bytes *value);
/* Does one of the fields with that name, which are lists, contain the token
 * ("Connection: keep-alive, Upgrade")? */
bool p2p_http_has_token(const p2p_http_head *head, const char *name, const char *token);
/*
 * How many bytes of body follow the head of a request: 0 without a Content-Length. MALFORMED,
 * UNSUPPORTED (a transfer coding, 501) or TOO_BIG (more than max, 413).
 */
P2P_NODISCARD p2p_err p2p_http_body_len(const p2p_http_head *head, uint64_t max, uint64_t *len);

/* A status line; then any number of headers, then the end. A name or value with a line end in it
 * is a mistake of the caller's. */
void p2p_http_put_status(p2p_writer *w, unsigned status);
void p2p_http_put_request(p2p_writer *w, const char *method, p2p_bytes target);
void p2p_http_put_header(p2p_writer *w, const char *name, p2p_bytes value);
void p2p_http_put_end(p2p_writer *w);
/* A whole response that closes the connection; type may be NULL when the body is empty. */
void p2p_http_put_response(p2p_writer *w, unsigned status, const char *type, p2p_bytes body);

#endif
