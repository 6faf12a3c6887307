/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * CONNECT requests and responses of WebTransport sessions.
 *
 * The rules on fields are HTTP/3's (RFC 9114 sections 4.1.2, 4.2, 4.3; RFC 9220): lower-case names,
 * pseudo-header fields first, each once, none that HTTP/1 uses for the connection. Both names of
 * the protocol are accepted: browsers say "webtransport", peers of draft-15 "webtransport-h3".
 */
#include "webtransport/session.h"

#include "base/bytes.h"
#include "webtransport/h3_frame.h"

#define DRAFT_02_REQUEST "sec-webtransport-http3-draft02"
#define DRAFT_02_RESPONSE "sec-webtransport-http3-draft"

/* --- rules for fields --- */

static bool is(p2p_bytes text, const char *want) {
    return p2p_bytes_equal(text, p2p_bytes_text(want));
}

static bool is_pseudo(p2p_bytes name) {
    return name.len > 0 && name.ptr[0] == ':';
}

/* A token without upper case (RFC 9110 section 5.6.2). */
static bool is_name(p2p_bytes name) {
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
        if (!alnum && (c <= ' ' || c >= 0x7f || strchr("!#$%&'*+-.^_`|~", c) == NULL))
            return false;
    }
    return name.len > 0;
}

static bool is_value(p2p_bytes value) {
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.ptr[i];
        bool edge = i == 0 || i == value.len - 1;
        if ((c < ' ' && c != '\t') || c == 0x7f || (edge && (c == ' ' || c == '\t')))
            return false;
    }
    return true;
}

static bool is_allowed(p2p_bytes name, p2p_bytes value) {
    if (is(name, "connection") || is(name, "keep-alive") || is(name, "proxy-connection") ||
        is(name, "transfer-encoding") || is(name, "upgrade"))
        return false;
    return !is(name, "te") || is(value, "trailers");
}

/* Checks what holds for every field; *regular is set by the first that is no pseudo-header. */
static bool check_field(const p2p_field *field, bool *regular) {
    if (!is_value(field->value))
        return false;
    if (is_pseudo(field->name))
        return !*regular;
    *regular = true;
    return is_name(field->name) && is_allowed(field->name, field->value);
}

/* --- requests --- */

enum { METHOD = 1, SCHEME = 2, AUTHORITY = 4, PATH = 8, PROTOCOL = 16 };

static bool store_pseudo(p2p_h3_request *r, const p2p_field *field, unsigned *seen) {
    static const struct {
        const char *name;
        unsigned bit;
        size_t offset;
    } KNOWN[] = {
        {":method", METHOD, offsetof(p2p_h3_request, method)},
        {":scheme", SCHEME, offsetof(p2p_h3_request, scheme)},
        {":authority", AUTHORITY, offsetof(p2p_h3_request, authority)},
        {":path", PATH, offsetof(p2p_h3_request, path)},
        {":protocol", PROTOCOL, offsetof(p2p_h3_request, protocol)},
    };

    for (size_t i = 0; i < P2P_COUNT(KNOWN); i++) {
        if (!is(field->name, KNOWN[i].name))
            continue;
        bool fresh = (*seen & KNOWN[i].bit) == 0;
        *seen |= KNOWN[i].bit;
        *(p2p_bytes *)(void *)((char *)r + KNOWN[i].offset) = field->value;
        return fresh && field->value.len > 0;
    }
    return false;
}

/* Sections 4.3.1 and 4.4, RFC 8441 section 4: which pseudo-headers make a request. */
static bool is_complete(const p2p_h3_request *r, unsigned seen) {
    unsigned needed = METHOD | SCHEME | PATH;
    if (is(r->method, "CONNECT")) {
        if ((seen & PROTOCOL) == 0)
            return seen == (METHOD | AUTHORITY);
        needed |= PROTOCOL;
    } else if ((seen & PROTOCOL) != 0) {
        return false;
    }
    return (seen & needed) == needed && r->authority.len > 0;
}

p2p_err p2p_h3_request_read(p2p_h3_request *request, const p2p_fields *fields) {
    p2p_bytes host = {0};
    unsigned seen = 0;
    bool regular = false;
    *request = (p2p_h3_request){0};
    for (size_t i = 0; i < fields->count; i++) {
        const p2p_field *field = &fields->list[i];
        if (!check_field(field, &regular))
            return P2P_ERR_MALFORMED;
        if (is_pseudo(field->name) && !store_pseudo(request, field, &seen))
            return P2P_ERR_MALFORMED;
        if (is(field->name, "host")) {
            if (host.ptr != NULL && !p2p_bytes_equal(host, field->value))
                return P2P_ERR_MALFORMED;
            host = field->value;
        } else if (is(field->name, "origin")) {
            request->origin = field->value;
        } else if (is(field->name, DRAFT_02_REQUEST)) {
            request->draft_02 = is(field->value, "1");
        }
    }
    if (host.len > 0 && request->authority.len > 0 && !p2p_bytes_equal(host, request->authority))
        return P2P_ERR_MALFORMED;
    if (request->authority.len == 0)
        request->authority = host;
    return is_complete(request, seen) ? P2P_OK : P2P_ERR_MALFORMED;
}

/* libp2p's spec: the parameter "type" is there once and says "noise". */
/* spec: webtransport #webtransport-http-endpoint: the handshake MUST be signaled by the URL
 * parameter type=noise. */
static bool asks_for_noise(p2p_bytes query) {
    size_t found = 0;
    bool noise = false;
    while (query.len > 0) {
        const uint8_t *end = memchr(query.ptr, '&', query.len);
        size_t len = end == NULL ? query.len : (size_t)(end - query.ptr);
        p2p_bytes param = p2p_bytes_of(query.ptr, len);
        if (p2p_bytes_start(param, P2P_LITERAL("type=")) || is(param, "type")) {
            found++;
            noise = is(param, "type=noise");
        }
        len += end != NULL;
        query = p2p_bytes_of(query.ptr + len, query.len - len);
    }
    return found == 1 && noise;
}

unsigned p2p_wt_judge(const p2p_h3_request *r) {
    p2p_bytes path = r->path;
    p2p_bytes query = {0};
    const uint8_t *mark = path.len == 0 ? NULL : memchr(path.ptr, '?', path.len);
    if (mark != NULL) {
        path.len = (size_t)(mark - path.ptr);
        query = p2p_bytes_of(mark + 1, r->path.len - path.len - 1);
    }
    if (is(r->method, "CONNECT") && !is(r->protocol, "webtransport") &&
        !is(r->protocol, "webtransport-h3"))
        return 501; /* RFC 9220 section 3 */
    /* spec: webtransport #webtransport-http-endpoint: the endpoint MUST be located at
     * /.well-known/libp2p-webtransport. */
    if (!is(path, "/.well-known/libp2p-webtransport"))
        return 404;
    if (!is(r->method, "CONNECT"))
        return 405;
    return is(r->scheme, "https") && asks_for_noise(query) ? 200 : 400;
}

/* --- writing --- */

static p2p_field field_of(const char *name, p2p_bytes value) {
    return (p2p_field){p2p_bytes_text(name), value};
}

static p2p_err put_headers(p2p_qpack *q, p2p_writer *w, const p2p_field *fields, size_t count) {
    uint8_t section[P2P_WT_REQUEST_MAX];
    p2p_writer s = p2p_writer_of(section, sizeof section);
    p2p_err err = p2p_qpack_encode(q, &s, fields, count);
    if (err != P2P_OK)
        return err;
    p2p_h3_put_frame(w, P2P_H3_FRAME_HEADERS, s.len);
    p2p_writer_bytes(w, p2p_writer_view(&s));
    return p2p_writer_end(w);
}

p2p_err p2p_wt_put_response(p2p_qpack *q, p2p_writer *w, unsigned status, bool draft_02) {
    char digits[3] = {
        (char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10), (char)('0' + status % 10)};
    p2p_field fields[2];
    size_t count = 0;
    fields[count++] = field_of(":status", p2p_bytes_of(digits, sizeof digits));
    if (draft_02 && status == 200)
        fields[count++] = field_of(DRAFT_02_RESPONSE, P2P_LITERAL("draft02"));
    return put_headers(q, w, fields, count);
}

/* Printable ASCII without spaces, as :authority and :path are (RFC 3986). */
static bool is_target(p2p_bytes text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f)
            return false;
    return text.len > 0;
}

bool p2p_wt_is_path(p2p_bytes path) {
    return path.len <= P2P_WT_PATH_MAX && is_target(path) && path.ptr[0] == '/';
}

p2p_err p2p_wt_put_request(
    p2p_qpack *q, p2p_writer *w, p2p_bytes authority, p2p_bytes path, p2p_wt_dialect dialect) {
    if (authority.len > P2P_WT_AUTHORITY_MAX || !is_target(authority) || !p2p_wt_is_path(path) ||
        dialect == P2P_WT_NONE)
        return P2P_ERR_INVALID;
    p2p_bytes protocol =
        dialect == P2P_WT_DRAFT_15 ? P2P_LITERAL("webtransport-h3") : P2P_LITERAL("webtransport");
    p2p_field fields[6];
    size_t count = 0;
    fields[count++] = field_of(":method", P2P_LITERAL("CONNECT"));
    fields[count++] = field_of(":scheme", P2P_LITERAL("https"));
    fields[count++] = field_of(":authority", authority);
    fields[count++] = field_of(":path", path);
    fields[count++] = field_of(":protocol", protocol);
    if (dialect == P2P_WT_DRAFT_02)
        fields[count++] = field_of(DRAFT_02_REQUEST, P2P_LITERAL("1"));
    return put_headers(q, w, fields, count);
}

/* --- responses --- */

static unsigned status_of(p2p_bytes text) {
    unsigned status = 0;
    if (text.len != 3)
        return 0;
    for (size_t i = 0; i < 3; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return 0;
        status = status * 10 + (text.ptr[i] - (unsigned)'0');
    }
    return status;
}

p2p_err p2p_h3_response_read(unsigned *status, const p2p_fields *fields) {
    bool regular = false;
    *status = 0;
    for (size_t i = 0; i < fields->count; i++) {
        const p2p_field *field = &fields->list[i];
        if (!check_field(field, &regular))
            return P2P_ERR_MALFORMED;
        if (!is_pseudo(field->name))
            continue;
        if (*status != 0 || !is(field->name, ":status"))
            return P2P_ERR_MALFORMED;
        *status = status_of(field->value);
        if (*status == 0)
            return P2P_ERR_MALFORMED;
    }
    /* 101 has no meaning in HTTP/3 (section 4.5). */
    return *status >= 100 && *status != 101 ? P2P_OK : P2P_ERR_MALFORMED;
}
