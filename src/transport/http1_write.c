/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* HTTP/1.1 heads, outgoing (RFC 9112 sections 3 to 5). */
#include "base/bytes.h"
#include "base/check.h"
#include "transport/http1.h"

static const char *reason_of(unsigned status) {
    switch (status) {
    case 101:
        return "Switching Protocols";
    case 200:
        return "OK";
    case 204:
        return "No Content";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 413:
        return "Content Too Large";
    case 426:
        return "Upgrade Required";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return ""; /* section 4: clients ignore it */
    }
}

static void put_text(p2p_writer *w, const char *text) {
    p2p_writer_bytes(w, p2p_bytes_text(text));
}

static void put_number(p2p_writer *w, uint64_t value) {
    uint8_t digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    p2p_writer_bytes(w, p2p_bytes_of(digits + at, sizeof digits - at));
}

static bool has_line_end(p2p_bytes text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '\r' || text.ptr[i] == '\n' || text.ptr[i] == 0)
            return true;
    return false;
}

void p2p_http_put_status(p2p_writer *w, unsigned status) {
    P2P_REQUIRE(status >= 100 && status <= 999);
    put_text(w, "HTTP/1.1 ");
    put_number(w, status);
    put_text(w, " ");
    put_text(w, reason_of(status));
    put_text(w, "\r\n");
}

void p2p_http_put_request(p2p_writer *w, const char *method, p2p_bytes target) {
    P2P_REQUIRE(target.len > 0 && !has_line_end(target));
    put_text(w, method);
    put_text(w, " ");
    p2p_writer_bytes(w, target);
    put_text(w, " HTTP/1.1\r\n");
}

void p2p_http_put_header(p2p_writer *w, const char *name, p2p_bytes value) {
    P2P_REQUIRE(!has_line_end(p2p_bytes_text(name)) && !has_line_end(value));
    put_text(w, name);
    put_text(w, ": ");
    p2p_writer_bytes(w, value);
    put_text(w, "\r\n");
}

void p2p_http_put_end(p2p_writer *w) {
    put_text(w, "\r\n");
}

void p2p_http_put_response(p2p_writer *w, unsigned status, const char *type, p2p_bytes body) {
    p2p_http_put_status(w, status);
    p2p_http_put_header(w, "Connection", P2P_LITERAL("close"));
    if (type != NULL)
        p2p_http_put_header(w, "Content-Type", p2p_bytes_text(type));
    put_text(w, "Content-Length: ");
    put_number(w, body.len);
    put_text(w, "\r\n\r\n");
    p2p_writer_bytes(w, body);
}
