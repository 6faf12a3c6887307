/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * RFC 6455 section 4. No extension and no subprotocol is offered or chosen: compression gains
 * nothing on encrypted bytes and is a way to exhaust memory. Redirects are not followed.
 */
#include "transport/websocket_handshake.h"

#include "base/bytes.h"
#include "crypto/crypto.h"

static const char GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* section 1.3 */

static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* With padding and terminator (RFC 4648 section 4). */
static void base64(char *dst, p2p_bytes in) {
    size_t at = 0;
    for (size_t i = 0; i < in.len; i += 3) {
        size_t have = in.len - i < 3 ? in.len - i : 3;
        uint32_t group = (uint32_t)in.ptr[i] << 16;
        if (have > 1)
            group |= (uint32_t)in.ptr[i + 1] << 8;
        if (have > 2)
            group |= in.ptr[i + 2];
        for (size_t k = 0; k < 4; k++)
            dst[at++] = k <= have ? BASE64[group >> (18 - 6 * k) & 63] : '=';
    }
    dst[at] = '\0';
}

static bool is_base64(uint8_t c) {
    return c != '\0' && strchr(BASE64, c) != NULL;
}

/* 16 bytes in base64: 22 characters and two of padding. */
static bool is_key(p2p_bytes text) {
    if (text.len != P2P_WS_KEY_TEXT || text.ptr[22] != '=' || text.ptr[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++)
        if (!is_base64(text.ptr[i]))
            return false;
    return true;
}

static void accept_of(char accept[P2P_WS_ACCEPT_TEXT + 1], p2p_bytes key) {
    uint8_t text[P2P_WS_KEY_TEXT + sizeof GUID - 1];
    uint8_t digest[20];
    memcpy(text, key.ptr, P2P_WS_KEY_TEXT);
    memcpy(text + P2P_WS_KEY_TEXT, GUID, sizeof GUID - 1);
    p2p_sha1(digest, p2p_bytes_of(text, sizeof text));
    base64(accept, p2p_bytes_of(digest, sizeof digest));
}

bool p2p_ws_is_upgrade(const p2p_http_head *head) {
    return p2p_http_has_token(head, "upgrade", "websocket");
}

/* The target without its query; a target in absolute form keeps only its path. */
static p2p_bytes path_of(p2p_bytes target) {
    if (target.len > 0 && target.ptr[0] != '/') {
        size_t slashes = 0;
        size_t at = 0;
        while (at < target.len && slashes < 3)
            slashes += target.ptr[at++] == '/';
        at -= slashes == 3;
        target = p2p_bytes_of(target.ptr + at, target.len - at);
    }
    const uint8_t *query = target.len == 0 ? NULL : memchr(target.ptr, '?', target.len);
    if (query != NULL)
        target.len = (size_t)(query - target.ptr);
    return target;
}

unsigned p2p_ws_judge(const p2p_http_head *head, const p2p_ws_policy *policy) {
    p2p_bytes key;
    p2p_bytes version;
    p2p_bytes origin;
    if (policy->path != NULL &&
        !p2p_bytes_equal(path_of(head->target), p2p_bytes_text(policy->path)))
        return 404;
    if (!p2p_ws_is_upgrade(head))
        return 426;
    if (!p2p_bytes_equal(head->method, P2P_LITERAL("GET")))
        return 405;
    if (head->minor < 1 || !p2p_http_has_token(head, "connection", "upgrade"))
        return 400;
    if (p2p_http_find(head, "sec-websocket-version", &version) != 1)
        return 400;
    if (!p2p_bytes_equal(version, P2P_LITERAL("13")))
        return 426;
    if (p2p_http_find(head, "sec-websocket-key", &key) != 1 || !is_key(key))
        return 400;
    uint64_t body;
    if (p2p_http_body_len(head, 0, &body) != P2P_OK)
        return 400; /* its body would be taken for frames */
    size_t origins = p2p_http_find(head, "origin", &origin);
    if (origins > 1)
        return 400;
    if (origins == 1 && policy->allow_origin != NULL && !policy->allow_origin(policy->ctx, origin))
        return 403;
    return 101;
}

void p2p_ws_put_answer(p2p_writer *w, unsigned status, const p2p_http_head *head) {
    if (status != 101 && status != 426) {
        p2p_http_put_response(w, status, NULL, (p2p_bytes){0});
        return;
    }
    p2p_http_put_status(w, status);
    p2p_http_put_header(w, "Upgrade", P2P_LITERAL("websocket"));
    if (status == 426) {
        p2p_http_put_header(w, "Connection", P2P_LITERAL("upgrade, close"));
        p2p_http_put_header(w, "Sec-WebSocket-Version", P2P_LITERAL("13"));
        p2p_http_put_header(w, "Content-Length", P2P_LITERAL("0"));
    } else {
        char accept[P2P_WS_ACCEPT_TEXT + 1] = "";
        p2p_bytes key;
        if (p2p_http_find(head, "sec-websocket-key", &key) == 1 && is_key(key))
            accept_of(accept, key);
        p2p_http_put_header(w, "Connection", P2P_LITERAL("Upgrade"));
        p2p_http_put_header(w, "Sec-WebSocket-Accept", p2p_bytes_text(accept));
    }
    p2p_http_put_end(w);
}

/* Letters, digits and what names and IP addresses consist of; nothing that could end the line. */
static bool is_host(const char *host) {
    for (const char *c = host; *c != '\0'; c++)
        if ((uint8_t)*c <= ' ' || (uint8_t)*c >= 0x7f || strchr("/?#@[]\\<>\"", *c) != NULL)
            return false;
    return *host != '\0';
}

static void put_host(p2p_writer *w, const p2p_ws_dial *dial) {
    bool ip6 = strchr(dial->host, ':') != NULL;
    p2p_writer_bytes(w, P2P_LITERAL("Host: "));
    if (ip6)
        p2p_writer_u8(w, '[');
    p2p_writer_bytes(w, p2p_bytes_text(dial->host));
    if (ip6)
        p2p_writer_u8(w, ']');
    if (dial->port != (dial->secure ? 443 : 80)) {
        uint8_t digits[5];
        size_t at = sizeof digits;
        for (unsigned port = dial->port; at == sizeof digits || port > 0; port /= 10)
            digits[--at] = (uint8_t)('0' + port % 10);
        p2p_writer_u8(w, ':');
        p2p_writer_bytes(w, p2p_bytes_of(digits + at, sizeof digits - at));
    }
    p2p_writer_bytes(w, P2P_LITERAL("\r\n"));
}

/* What may not stand in a request's target is percent-encoded again; "?" and "%" stay as they are,
 * for a path can carry a query. */
static void encode_path(p2p_writer *w, p2p_bytes path) {
    static const char HEX[] = "0123456789ABCDEF";
    if (path.len == 0 || path.ptr[0] != '/')
        p2p_writer_u8(w, '/');
    for (size_t i = 0; i < path.len; i++) {
        uint8_t c = path.ptr[i];
        bool plain = c > ' ' && c < 0x7f && strchr("\"#<>\\^`{|}", c) == NULL;
        if (plain) {
            p2p_writer_u8(w, c);
        } else {
            p2p_writer_u8(w, '%');
            p2p_writer_u8(w, (uint8_t)HEX[c >> 4]);
            p2p_writer_u8(w, (uint8_t)HEX[c & 15]);
        }
    }
}

p2p_err p2p_ws_put_request(p2p_writer *w, const p2p_ws_dial *dial, const p2p_random *random,
    char key[P2P_WS_KEY_TEXT + 1]) {
    uint8_t nonce[16];
    uint8_t target_text[P2P_WS_REQUEST_MAX / 2];
    p2p_writer target = p2p_writer_of(target_text, sizeof target_text);
    encode_path(&target, dial->path);
    if (!is_host(dial->host) || p2p_writer_end(&target) != P2P_OK)
        return P2P_ERR_INVALID;
    random->fill(random->ctx, nonce, sizeof nonce);
    base64(key, p2p_bytes_of(nonce, sizeof nonce));
    p2p_http_put_request(w, "GET", p2p_writer_view(&target));
    put_host(w, dial);
    p2p_http_put_header(w, "Upgrade", P2P_LITERAL("websocket"));
    p2p_http_put_header(w, "Connection", P2P_LITERAL("Upgrade"));
    p2p_http_put_header(w, "Sec-WebSocket-Key", p2p_bytes_text(key));
    p2p_http_put_header(w, "Sec-WebSocket-Version", P2P_LITERAL("13"));
    p2p_http_put_end(w);
    return p2p_writer_end(w);
}

p2p_err p2p_ws_check_answer(const p2p_http_head *head, const char *key) {
    char want[P2P_WS_ACCEPT_TEXT + 1];
    p2p_bytes accept;
    if (head->status != 101)
        return P2P_ERR_REFUSED;
    accept_of(want, p2p_bytes_text(key));
    bool good = p2p_http_has_token(head, "upgrade", "websocket") &&
                p2p_http_has_token(head, "connection", "upgrade") &&
                p2p_http_find(head, "sec-websocket-accept", &accept) == 1 &&
                p2p_bytes_equal(accept, p2p_bytes_text(want)) &&
                p2p_http_find(head, "sec-websocket-extensions", NULL) == 0 &&
                p2p_http_find(head, "sec-websocket-protocol", NULL) == 0;
    return good ? P2P_OK : P2P_ERR_VIOLATION;
}
