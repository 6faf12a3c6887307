/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One checker, one reader and one writer for each form of value (multiaddr spec, protocols.csv).
 *
 * Text inside binary addresses comes from strangers and ends up in logs and in other texts:
 * control characters and slashes in names are refused.
 */
#include "multi/value.h"

#include "base/bytes.h"
#include "multi/cid.h"
#include "multi/ip.h"

/* --- checking --- */

static bool is_plain(p2p_bytes text, bool slashes) {
    for (size_t i = 0; i < text.len; i++) {
        uint8_t letter = text.ptr[i];
        if (letter < 0x20 || letter == 0x7f || (letter == '/' && !slashes))
            return false;
    }
    return text.len > 0;
}

static bool is_multihash(p2p_bytes value, bool of_peer) {
    p2p_multihash hash;
    if (p2p_multihash_decode(&hash, value) != P2P_OK)
        return false;
    return !of_peer || p2p_multihash_names_peer(&hash);
}

bool p2p_value_valid(const p2p_proto *proto, p2p_bytes value) {
    switch (proto->form) {
    case P2P_FORM_NAME:
        return is_plain(value, false);
    case P2P_FORM_PATH:
        return is_plain(value, true) && !p2p_bytes_equal(value, P2P_LITERAL("/"));
    case P2P_FORM_PERCENT:
        return value.len > 0;
    case P2P_FORM_PEER:
        return is_multihash(value, true);
    case P2P_FORM_HASH:
        return is_multihash(value, false);
    default:
        return value.len == (size_t)p2p_proto_value_len(proto);
    }
}

/* --- reading text --- */

static p2p_err parse_decimal(p2p_writer *w, size_t width, p2p_bytes text) {
    uint64_t value = 0;
    uint64_t most = width == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * width) - 1;
    if (text.len == 0 || (text.len > 1 && text.ptr[0] == '0'))
        return P2P_ERR_INVALID;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)text.ptr[i] - '0';
        if (digit > 9 || value > (most - digit) / 10)
            return P2P_ERR_INVALID;
        value = value * 10 + digit;
    }
    for (size_t i = width; i > 0; i--)
        p2p_writer_u8(w, (uint8_t)(value >> 8 * (i - 1)));
    return P2P_OK;
}

static p2p_err parse_ip(p2p_writer *w, const p2p_proto *proto, p2p_bytes text) {
    uint8_t ip[16];
    bool four = proto->form == P2P_FORM_IP4;
    if (!(four ? p2p_ip4_parse(ip, text) : p2p_ip6_parse(ip, text)))
        return P2P_ERR_INVALID;
    p2p_writer_bytes(w, p2p_bytes_of(ip, four ? 4 : 16));
    return P2P_OK;
}

static p2p_err parse_peer(p2p_writer *w, p2p_bytes text) {
    uint8_t hash[P2P_MULTIHASH_MAX];
    size_t len;
    p2p_err err = p2p_cid_parse_peer(hash, &len, text);
    if (err == P2P_OK)
        p2p_writer_bytes(w, p2p_bytes_of(hash, len));
    return err;
}

static p2p_err parse_hash(p2p_writer *w, p2p_bytes text) {
    uint8_t hash[P2P_MULTIHASH_MAX];
    size_t len;
    if (p2p_multibase_decode(hash, sizeof hash, &len, text) != P2P_OK)
        return P2P_ERR_INVALID;
    p2p_writer_bytes(w, p2p_bytes_of(hash, len));
    return P2P_OK;
}

static p2p_err parse_percent(p2p_writer *w, p2p_bytes text) {
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.ptr[i];
        if (byte == '%') {
            size_t len = 0;
            p2p_bytes digits = p2p_bytes_of(text.ptr + i + 1, text.len - i - 1);
            if (digits.len < 2)
                return P2P_ERR_INVALID;
            digits.len = 2;
            if (p2p_base_decode(&byte, 1, &len, P2P_BASE16, digits) != P2P_OK)
                return P2P_ERR_INVALID;
            i += 2;
        }
        p2p_writer_u8(w, byte);
    }
    return P2P_OK;
}

p2p_err p2p_value_parse(p2p_writer *w, const p2p_proto *proto, p2p_bytes text) {
    size_t before = w->len;
    p2p_err err = P2P_OK;
    switch (proto->form) {
    case P2P_FORM_NONE:
        break;
    case P2P_FORM_IP4:
    case P2P_FORM_IP6:
        err = parse_ip(w, proto, text);
        break;
    case P2P_FORM_PORT:
    case P2P_FORM_PREFIX:
    case P2P_FORM_NUMBER:
        err = parse_decimal(w, (size_t)p2p_proto_value_len(proto), text);
        break;
    case P2P_FORM_NAME:
    case P2P_FORM_PATH:
        p2p_writer_bytes(w, text);
        break;
    case P2P_FORM_PEER:
        err = parse_peer(w, text);
        break;
    case P2P_FORM_HASH:
        err = parse_hash(w, text);
        break;
    case P2P_FORM_PERCENT:
        err = parse_percent(w, text);
        break;
    }
    if (err == P2P_OK)
        err = p2p_writer_end(w);
    if (err != P2P_OK)
        return err;
    p2p_bytes value = p2p_bytes_of(w->base + before, w->len - before);
    return p2p_value_valid(proto, value) ? P2P_OK : P2P_ERR_INVALID;
}

/* --- writing text --- */

void p2p_value_put_text(p2p_writer *w, p2p_bytes text) {
    for (size_t i = 0; i < text.len; i++)
        p2p_writer_u8(w, text.ptr[i]);
}

static void format_decimal(p2p_writer *w, p2p_bytes raw) {
    uint8_t digits[20]; /* 2^64 has as many */
    size_t at = sizeof digits;
    uint64_t value = 0;
    for (size_t i = 0; i < raw.len; i++)
        value = value << 8 | raw.ptr[i];
    do {
        digits[--at] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    p2p_value_put_text(w, p2p_bytes_of(digits + at, sizeof digits - at));
}

/* What RFC 3986 lets stand in one path segment, less the sub-delimiters that URL libraries tend to
 * escape there. */
static bool stands_plain(uint8_t byte) {
    bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
    bool digit = byte >= '0' && byte <= '9';
    return letter || digit || (byte != '\0' && strchr("-._~$&+=:@", byte) != NULL);
}

static void format_percent(p2p_writer *w, p2p_bytes value) {
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < value.len; i++) {
        uint8_t byte = value.ptr[i];
        if (stands_plain(byte)) {
            p2p_writer_u8(w, byte);
            continue;
        }
        p2p_writer_u8(w, '%');
        p2p_writer_u8(w, (uint8_t)digits[byte >> 4]);
        p2p_writer_u8(w, (uint8_t)digits[byte & 15]);
    }
}

void p2p_value_format(p2p_writer *w, const p2p_proto *proto, p2p_bytes value) {
    char text[P2P_CID_TEXT_MAX];
    size_t len = 0;
    switch (proto->form) {
    case P2P_FORM_NONE:
        break;
    case P2P_FORM_IP4:
        len = p2p_ip4_format(text, value.ptr);
        break;
    case P2P_FORM_IP6:
        len = p2p_ip6_format(text, value.ptr);
        break;
    case P2P_FORM_PORT:
    case P2P_FORM_PREFIX:
    case P2P_FORM_NUMBER:
        format_decimal(w, value);
        break;
    case P2P_FORM_NAME:
    case P2P_FORM_PATH:
        p2p_value_put_text(w, value);
        break;
    case P2P_FORM_PEER:
        len = p2p_base_encode(text, sizeof text, P2P_BASE58_BTC, value);
        break;
    case P2P_FORM_HASH:
        len = p2p_multibase_encode(text, sizeof text, P2P_BASE64_URL, value);
        break;
    case P2P_FORM_PERCENT:
        format_percent(w, value);
        break;
    }
    p2p_value_put_text(w, p2p_bytes_of(text, len));
}

const char *p2p_value_noun(const p2p_proto *proto) {
    switch (proto->form) {
    case P2P_FORM_NONE:
        return "empty";
    case P2P_FORM_IP4:
        return "an IPv4 address";
    case P2P_FORM_IP6:
        return "an IPv6 address";
    case P2P_FORM_PORT:
        return "a number up to 65535";
    case P2P_FORM_PREFIX:
        return "a number up to 255";
    case P2P_FORM_NUMBER:
        return "a 64-bit number";
    case P2P_FORM_NAME:
        return "a name";
    case P2P_FORM_PATH:
        return "a path";
    case P2P_FORM_PEER:
        return "a peer id";
    case P2P_FORM_HASH:
        return "a multihash in multibase";
    case P2P_FORM_PERCENT:
        return "percent-encoded text";
    }
    return "known";
}
