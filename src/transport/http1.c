/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * HTTP/1.1 heads, incoming (RFC 9112 sections 2 to 5).
 *
 * The head is collected whole, then parsed once. While it is collected, every byte is checked for
 * what may stand nowhere in it (NUL, a CR or LF alone), so that a peer that speaks something else
 * is refused early and the parser can rely on lines that end in CR LF.
 *
 * Deliberately absent: folded lines, chunked bodies, pipelining, HTTP/0.9.
 */
#include "transport/http1.h"

#include "base/bytes.h"

enum { METHOD_MAX = 32 };

void p2p_http_reader_init(
    p2p_http_reader *reader, p2p_http_kind kind, const p2p_mem *mem, size_t max) {
    *reader = (p2p_http_reader){.kind = kind};
    p2p_buf_init(&reader->buf, mem, max);
}

void p2p_http_reader_deinit(p2p_http_reader *reader) {
    p2p_buf_deinit(&reader->buf);
}

static p2p_err refuse(p2p_http_reader *r, p2p_err err, unsigned status) {
    r->refusal = status;
    return err;
}

/* tchar of RFC 9110 section 5.6.2 */
static bool is_token_char(uint8_t c) {
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return true;
    return c > ' ' && c < 0x7f && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

bool p2p_http_is_token(p2p_bytes text) {
    for (size_t i = 0; i < text.len; i++)
        if (!is_token_char(text.ptr[i]))
            return false;
    return text.len > 0;
}

static bool is_target(p2p_bytes text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f)
            return false;
    return text.len > 0;
}

/* Visible characters, blanks, and bytes above ASCII, which are opaque. */
bool p2p_http_is_value(p2p_bytes text) {
    for (size_t i = 0; i < text.len; i++)
        if ((text.ptr[i] < ' ' && text.ptr[i] != '\t') || text.ptr[i] == 0x7f)
            return false;
    return true;
}

static bool is_blank(uint8_t c) {
    return c == ' ' || c == '\t';
}

static p2p_bytes trim(p2p_bytes text) {
    while (text.len > 0 && is_blank(text.ptr[0]))
        text = p2p_bytes_of(text.ptr + 1, text.len - 1);
    while (text.len > 0 && is_blank(text.ptr[text.len - 1]))
        text.len--;
    return text;
}

/* Cuts `rest` at the first `c`: the part before it is returned, `rest` goes on behind it. False
 * when there is none. */
static bool cut(p2p_bytes *rest, uint8_t c, p2p_bytes *part) {
    const uint8_t *at = rest->len == 0 ? NULL : memchr(rest->ptr, c, rest->len);
    if (at == NULL)
        return false;
    *part = p2p_bytes_of(rest->ptr, (size_t)(at - rest->ptr));
    *rest = p2p_bytes_of(at + 1, rest->len - part->len - 1);
    return true;
}

/* "HTTP/1.0" or "HTTP/1.1" */
static p2p_err parse_version(p2p_http_reader *r, p2p_bytes text) {
    if (text.len != 8 || !p2p_bytes_start(text, P2P_LITERAL("HTTP/")) || text.ptr[6] != '.')
        return refuse(r, P2P_ERR_MALFORMED, 400);
    if (text.ptr[5] != '1' || (text.ptr[7] != '0' && text.ptr[7] != '1'))
        return refuse(r, P2P_ERR_UNSUPPORTED, 505);
    r->head.minor = text.ptr[7] - (unsigned)'0';
    return P2P_OK;
}

static p2p_err parse_request_line(p2p_http_reader *r, p2p_bytes line) {
    p2p_http_head *head = &r->head;
    if (!cut(&line, ' ', &head->method) || !cut(&line, ' ', &head->target) ||
        !p2p_http_is_token(head->method) || head->method.len > METHOD_MAX ||
        !is_target(head->target))
        return refuse(r, P2P_ERR_MALFORMED, 400);
    return parse_version(r, line);
}

static p2p_err parse_status_line(p2p_http_reader *r, p2p_bytes line) {
    p2p_bytes version;
    if (!cut(&line, ' ', &version))
        return refuse(r, P2P_ERR_MALFORMED, 400);
    p2p_err err = parse_version(r, version);
    if (err != P2P_OK)
        return err;
    if (line.len < 3 || (line.len > 3 && line.ptr[3] != ' '))
        return refuse(r, P2P_ERR_MALFORMED, 400);
    for (size_t i = 0; i < 3; i++) {
        if (line.ptr[i] < '0' || line.ptr[i] > '9')
            return refuse(r, P2P_ERR_MALFORMED, 400);
        r->head.status = r->head.status * 10 + (line.ptr[i] - (unsigned)'0');
    }
    if (line.len > 4)
        r->head.reason = p2p_bytes_of(line.ptr + 4, line.len - 4);
    return r->head.status >= 100 && p2p_http_is_value(r->head.reason)
               ? P2P_OK
               : refuse(r, P2P_ERR_MALFORMED, 400);
}

static p2p_err parse_header(p2p_http_reader *r, p2p_bytes line) {
    p2p_http_header field;
    if (!cut(&line, ':', &field.name) || !p2p_http_is_token(field.name) || !p2p_http_is_value(line))
        return refuse(r, P2P_ERR_MALFORMED, 400);
    if (r->head.count == P2P_HTTP_HEADERS_MAX)
        return refuse(r, P2P_ERR_TOO_BIG, 431);
    field.value = trim(line);
    r->head.headers[r->head.count++] = field;
    return P2P_OK;
}

/* Every line ends in CR LF: admit() saw to that. */
static bool next_line(p2p_bytes *rest, p2p_bytes *line) {
    if (!cut(rest, '\n', line))
        return false;
    line->len--;
    return line->len > 0;
}

static p2p_err parse(p2p_http_reader *r) {
    p2p_bytes rest = p2p_buf_view(&r->buf);
    p2p_bytes line;
    r->head = (p2p_http_head){0};
    if (!next_line(&rest, &line))
        return refuse(r, P2P_ERR_MALFORMED, 400);
    p2p_err err =
        r->kind == P2P_HTTP_REQUEST ? parse_request_line(r, line) : parse_status_line(r, line);
    while (err == P2P_OK && next_line(&rest, &line))
        err = parse_header(r, line);
    /* RFC 9112 section 3.2: without exactly one Host it is not clear who is asked. */
    if (err == P2P_OK && r->kind == P2P_HTTP_REQUEST) {
        size_t hosts = p2p_http_find(&r->head, "host", NULL);
        if (hosts > 1 || (hosts == 0 && r->head.minor == 1))
            return refuse(r, P2P_ERR_MALFORMED, 400);
    }
    return err;
}

/* Counts line ends in a row and refuses what may stand nowhere in a head. */
static bool admit(p2p_http_reader *r, uint8_t c) {
    if (c == 0 || (c == '\n') != (r->last == '\r'))
        return false;
    r->last = c;
    if (c == '\n')
        r->newline++;
    else if (c != '\r')
        r->newline = 0;
    return true;
}

p2p_err p2p_http_reader_feed(p2p_http_reader *r, p2p_bytes in, size_t *used) {
    *used = 0;
    if (r->done || r->refusal != 0)
        return P2P_ERR_STATE;
    size_t n = 0;
    while (n < in.len && r->newline < 2)
        if (!admit(r, in.ptr[n++]))
            return refuse(r, P2P_ERR_MALFORMED, 400);
    p2p_err err = p2p_buf_append(&r->buf, p2p_bytes_of(in.ptr, n));
    if (err != P2P_OK)
        return refuse(r, err, err == P2P_ERR_TOO_BIG ? 431 : 503);
    *used = n;
    if (r->newline < 2)
        return P2P_ERR_AGAIN;
    r->done = true;
    return parse(r);
}

static uint8_t lower(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool p2p_http_same(p2p_bytes a, const char *b) {
    if (a.len != strlen(b))
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.ptr[i]) != lower((uint8_t)b[i]))
            return false;
    return true;
}

size_t p2p_http_find(const p2p_http_head *head, const char *name, p2p_bytes *value) {
    size_t found = 0;
    for (size_t i = 0; i < head->count; i++) {
        if (!p2p_http_same(head->headers[i].name, name))
            continue;
        if (found++ == 0 && value != NULL)
            *value = head->headers[i].value;
    }
    return found;
}

bool p2p_http_has_token(const p2p_http_head *head, const char *name, const char *token) {
    for (size_t i = 0; i < head->count; i++) {
        if (!p2p_http_same(head->headers[i].name, name))
            continue;
        p2p_bytes rest = head->headers[i].value;
        p2p_bytes item;
        while (cut(&rest, ',', &item))
            if (p2p_http_same(trim(item), token))
                return true;
        if (p2p_http_same(trim(rest), token))
            return true;
    }
    return false;
}

p2p_err p2p_http_body_len(const p2p_http_head *head, uint64_t max, uint64_t *len) {
    *len = 0;
    if (p2p_http_find(head, "transfer-encoding", NULL) > 0)
        return P2P_ERR_UNSUPPORTED;
    p2p_bytes text = {0};
    size_t found = p2p_http_find(head, "content-length", &text);
    if (found == 0)
        return P2P_OK;
    /* Two lengths, even equal ones, are how requests get smuggled. */
    if (found > 1 || text.len == 0)
        return P2P_ERR_MALFORMED;
    bool too_big = false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return P2P_ERR_MALFORMED;
        uint64_t digit = text.ptr[i] - (uint64_t)'0';
        too_big = too_big || *len > (UINT64_MAX - digit) / 10;
        *len = too_big ? *len : *len * 10 + digit;
    }
    return too_big || *len > max ? P2P_ERR_TOO_BIG : P2P_OK;
}
