/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * STUN's wire format (RFC 8489 §5, §14; RFC 8445 §7.1).
 *
 * A header of 20 bytes and attributes of type, length, value, padded to four bytes. Both checks at
 * the end cover the header with a length field that ends at the attribute itself, so they are
 * computed over a copy of the message with that field changed; a message is at most one datagram.
 *
 * What follows MESSAGE-INTEGRITY is not protected by it and therefore ignored, except FINGERPRINT.
 * MESSAGE-INTEGRITY-SHA256 is stepped over: ICE uses the SHA-1 form alone.
 */
#include "webrtc/stun.h"

#include "base/bytes.h"
#include "crypto/crypto.h"

enum {
    COOKIE = 0x2112a442,
    FINGERPRINT_XOR = 0x5354554e,
    INTEGRITY_SIZE = 4 + 20,
    FINGERPRINT_SIZE = 4 + 4,
    FAMILY_IPV4 = 1,
    FAMILY_IPV6 = 2,
    OPTIONAL_FROM = 0x8000
};

/* CRC-32 of ITU V.42 by nibbles: STUN is rare, so 64 bytes of table are plenty. */
static uint32_t crc32(const uint8_t *data, size_t len) {
    static const uint32_t nibbles[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190,
        0x6b6b51f4, 0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        crc = crc >> 4 ^ nibbles[crc & 15];
        crc = crc >> 4 ^ nibbles[crc & 15];
    }
    return ~crc;
}

bool p2p_stun_is(p2p_bytes packet) {
    return packet.len >= P2P_STUN_HEADER && (packet.ptr[0] & 0xc0) == 0 &&
           p2p_load32(packet.ptr + 4) == COOKIE;
}

/* --- parsing --- */

static void read_address(p2p_stun_msg *msg, p2p_bytes value, bool xored) {
    p2p_cursor c = p2p_cursor_of(value);
    p2p_cursor_u8(&c);
    uint8_t family = p2p_cursor_u8(&c);
    uint16_t port = p2p_cursor_u16(&c);
    p2p_bytes ip = p2p_cursor_take(&c, family == FAMILY_IPV6 ? 16 : 4);
    if ((family != FAMILY_IPV4 && family != FAMILY_IPV6) || p2p_cursor_end(&c) != P2P_OK)
        return; /* an address nobody can use counts as absent */
    msg->mapped = (p2p_sockaddr){.family = family == FAMILY_IPV6 ? 6 : 4, .port = port};
    memcpy(msg->mapped.ip, ip.ptr, ip.len);
    if (!xored)
        return;
    /* Cookie and transaction id stand one behind the other in the header: the 16 bytes of the mask.
     */
    msg->mapped.port ^= COOKIE >> 16;
    for (size_t i = 0; i < ip.len; i++)
        msg->mapped.ip[i] ^= msg->packet.ptr[4 + i];
}

static void read_error_code(p2p_stun_msg *msg, p2p_cursor *c) {
    p2p_cursor_u16(c);
    uint8_t hundreds = p2p_cursor_u8(c) & 7;
    uint8_t rest = p2p_cursor_u8(c);
    p2p_cursor_rest(c);
    if (hundreds < 3 || hundreds > 6 || rest > 99)
        p2p_cursor_fail(c);
    msg->error_code = (uint16_t)(hundreds * 100 + rest);
}

static void note_unknown(p2p_stun_msg *msg, uint16_t type) {
    if (type < OPTIONAL_FROM && msg->unknown_count < P2P_STUN_UNKNOWN_MAX)
        msg->unknown[msg->unknown_count++] = type;
}

static void set_once(p2p_bytes *field, p2p_bytes value) {
    if (field->ptr == NULL)
        *field = value;
}

static void read_role(p2p_stun_msg *msg, p2p_cursor *c, bool controlling) {
    uint64_t tie_breaker = p2p_cursor_u64(c);
    if (msg->controlling || msg->controlled)
        return;
    msg->controlling = controlling;
    msg->controlled = !controlling;
    msg->tie_breaker = tie_breaker;
}

/* One attribute; `at` is where it begins. A value of the wrong size makes the message malformed. */
static p2p_err read_attribute(p2p_stun_msg *msg, uint16_t type, p2p_bytes value, size_t at) {
    p2p_cursor c = p2p_cursor_of(value);
    switch (type) {
    case P2P_STUN_USERNAME:
        set_once(&msg->username, p2p_cursor_rest(&c));
        break;
    case P2P_STUN_SOFTWARE:
        set_once(&msg->software, p2p_cursor_rest(&c));
        break;
    case P2P_STUN_REALM:
        set_once(&msg->realm, p2p_cursor_rest(&c));
        break;
    case P2P_STUN_NONCE:
        set_once(&msg->nonce, p2p_cursor_rest(&c));
        break;
    case P2P_STUN_XOR_MAPPED_ADDRESS:
        read_address(msg, p2p_cursor_rest(&c), true);
        break;
    case P2P_STUN_MAPPED_ADDRESS:
        if (msg->mapped.family == 0)
            read_address(msg, p2p_cursor_rest(&c), false);
        p2p_cursor_rest(&c);
        break;
    case P2P_STUN_PRIORITY:
        msg->priority = p2p_cursor_u32(&c);
        break;
    case P2P_STUN_USE_CANDIDATE:
        msg->use_candidate = true;
        break;
    case P2P_STUN_ICE_CONTROLLED:
    case P2P_STUN_ICE_CONTROLLING:
        read_role(msg, &c, type == P2P_STUN_ICE_CONTROLLING);
        break;
    case P2P_STUN_ERROR_CODE:
        read_error_code(msg, &c);
        break;
    case P2P_STUN_MESSAGE_INTEGRITY:
        p2p_cursor_take(&c, 20);
        msg->integrity_at = (uint16_t)at;
        break;
    case P2P_STUN_UNKNOWN_ATTRIBUTES:
    case P2P_STUN_MESSAGE_INTEGRITY_SHA256:
        p2p_cursor_rest(&c);
        break;
    default:
        p2p_cursor_rest(&c);
        note_unknown(msg, type);
    }
    return p2p_cursor_end(&c);
}

static p2p_err read_attributes(p2p_stun_msg *msg, p2p_cursor *c) {
    for (int count = 0; c->left > 0; count++) {
        size_t at = msg->packet.len - c->left;
        uint16_t type = p2p_cursor_u16(c);
        uint16_t size = p2p_cursor_u16(c);
        p2p_bytes value = p2p_cursor_take(c, size);
        p2p_cursor_take(c, -(unsigned)size & 3);
        if (c->err != P2P_OK || count == P2P_STUN_ATTR_MAX)
            return P2P_ERR_MALFORMED;
        if (type == P2P_STUN_FINGERPRINT) {
            msg->fingerprint_at = (uint16_t)at;
            return size == 4 ? p2p_cursor_end(c) : P2P_ERR_MALFORMED; /* it is the last one */
        }
        if (msg->integrity_at != 0)
            continue; /* unprotected */
        p2p_err err = read_attribute(msg, type, value, at);
        if (err != P2P_OK)
            return err;
    }
    return P2P_OK;
}

p2p_err p2p_stun_parse(p2p_stun_msg *msg, p2p_bytes packet) {
    *msg = (p2p_stun_msg){.packet = packet};
    if (!p2p_stun_is(packet))
        return P2P_ERR_MALFORMED;
    if (packet.len > P2P_STUN_MAX)
        return P2P_ERR_TOO_BIG;
    p2p_cursor c = p2p_cursor_of(packet);
    uint16_t type = p2p_cursor_u16(&c);
    uint16_t length = p2p_cursor_u16(&c);
    p2p_cursor_u32(&c);
    msg->transaction = p2p_cursor_take(&c, P2P_STUN_TRANSACTION).ptr;
    if (length != c.left || length % 4 != 0)
        return P2P_ERR_MALFORMED;
    /* The two class bits stand inside the method: M11..M7 C1 M6..M4 C0 M3..M0. */
    msg->class = (p2p_stun_class)((type >> 7 & 2) | (type >> 4 & 1));
    msg->method = (uint16_t)((type & 0xf) | (type >> 1 & 0x70) | (type >> 2 & 0xf80));
    return read_attributes(msg, &c);
}

/* The message up to `end` with a length field that says `length`. */
static void copy_prefix(uint8_t *dst, const uint8_t *packet, size_t end, size_t length) {
    memcpy(dst, packet, end);
    p2p_store16(dst + 2, (uint16_t)length);
}

p2p_err p2p_stun_check_integrity(const p2p_stun_msg *msg, p2p_bytes key) {
    if (msg->integrity_at == 0)
        return P2P_ERR_NOT_FOUND;
    uint8_t covered[P2P_STUN_MAX];
    uint8_t mac[20];
    size_t at = msg->integrity_at;
    copy_prefix(covered, msg->packet.ptr, at, at + INTEGRITY_SIZE - P2P_STUN_HEADER);
    p2p_hmac_sha1(mac, key, p2p_bytes_of(covered, at));
    return p2p_same_secret(mac, msg->packet.ptr + at + 4, sizeof mac) ? P2P_OK : P2P_ERR_DECRYPT;
}

p2p_err p2p_stun_check_fingerprint(const p2p_stun_msg *msg) {
    if (msg->fingerprint_at == 0)
        return P2P_ERR_NOT_FOUND;
    /* FINGERPRINT is the last attribute, so the length field is already the one it covers. */
    uint32_t crc = crc32(msg->packet.ptr, msg->fingerprint_at) ^ FINGERPRINT_XOR;
    return crc == p2p_load32(msg->packet.ptr + msg->fingerprint_at + 4) ? P2P_OK
                                                                        : P2P_ERR_MALFORMED;
}

/* --- writing --- */

p2p_writer p2p_stun_begin(
    void *dst, size_t cap, p2p_stun_class class, uint16_t method, const uint8_t transaction[12]) {
    p2p_writer w = p2p_writer_of(dst, cap < P2P_STUN_MAX ? cap : P2P_STUN_MAX);
    unsigned bits = (method & 0xfU) | (method & 0x70U) << 1 | (method & 0xf80U) << 2;
    p2p_writer_u16(&w, (uint16_t)(bits | (class & 1U) << 4 | (class & 2U) << 7));
    p2p_writer_u16(&w, 0);
    p2p_writer_u32(&w, COOKIE);
    p2p_writer_bytes(&w, p2p_bytes_of(transaction, P2P_STUN_TRANSACTION));
    return w;
}

void p2p_stun_put(p2p_writer *w, p2p_stun_type type, p2p_bytes value) {
    static const uint8_t zeros[3];
    p2p_writer_u16(w, (uint16_t)type);
    p2p_writer_u16(w, (uint16_t)value.len);
    p2p_writer_bytes(w, value);
    p2p_writer_bytes(w, p2p_bytes_of(zeros, -value.len & 3));
}

void p2p_stun_put_u32(p2p_writer *w, p2p_stun_type type, uint32_t value) {
    uint8_t raw[4];
    p2p_store32(raw, value);
    p2p_stun_put(w, type, p2p_bytes_of(raw, sizeof raw));
}

void p2p_stun_put_u64(p2p_writer *w, p2p_stun_type type, uint64_t value) {
    uint8_t raw[8];
    p2p_store64(raw, value);
    p2p_stun_put(w, type, p2p_bytes_of(raw, sizeof raw));
}

void p2p_stun_put_address(p2p_writer *w, const p2p_sockaddr *addr) {
    uint8_t raw[20] = {0, addr->family == 6 ? FAMILY_IPV6 : FAMILY_IPV4};
    size_t ip_len = addr->family == 6 ? 16 : 4;
    if (w->cap < P2P_STUN_HEADER) {
        w->len = w->cap + 1;
        return;
    }
    p2p_store16(raw + 2, (uint16_t)(addr->port ^ COOKIE >> 16));
    for (size_t i = 0; i < ip_len; i++)
        raw[4 + i] = addr->ip[i] ^ w->base[4 + i];
    p2p_stun_put(w, P2P_STUN_XOR_MAPPED_ADDRESS, p2p_bytes_of(raw, 4 + ip_len));
}

static const char *reason(p2p_stun_code code) {
    switch (code) {
    case P2P_STUN_BAD_REQUEST:
        return "Bad Request";
    case P2P_STUN_UNAUTHENTICATED:
        return "Unauthenticated";
    case P2P_STUN_UNKNOWN_ATTRIBUTE:
        return "Unknown Attribute";
    case P2P_STUN_ROLE_CONFLICT:
        return "Role Conflict";
    }
    return "";
}

void p2p_stun_put_error(p2p_writer *w, p2p_stun_code code) {
    uint8_t raw[4 + 32] = {0, 0, (uint8_t)(code / 100), (uint8_t)(code % 100)};
    p2p_bytes text = p2p_bytes_text(reason(code));
    p2p_copy(raw + 4, text.ptr, text.len);
    p2p_stun_put(w, P2P_STUN_ERROR_CODE, p2p_bytes_of(raw, 4 + text.len));
}

/* Sets the header's length to what it will be when `more` bytes have followed. */
static bool set_length(p2p_writer *w, size_t more) {
    if (w->len + more > w->cap) {
        w->len = w->cap + 1;
        return false;
    }
    p2p_store16(w->base + 2, (uint16_t)(w->len + more - P2P_STUN_HEADER));
    return true;
}

void p2p_stun_put_integrity(p2p_writer *w, p2p_bytes key) {
    uint8_t mac[20];
    if (!set_length(w, INTEGRITY_SIZE))
        return;
    p2p_hmac_sha1(mac, key, p2p_writer_view(w));
    p2p_stun_put(w, P2P_STUN_MESSAGE_INTEGRITY, p2p_bytes_of(mac, sizeof mac));
}

p2p_err p2p_stun_finish(p2p_writer *w, size_t *len) {
    if (!set_length(w, FINGERPRINT_SIZE))
        return P2P_ERR_TOO_BIG;
    p2p_stun_put_u32(w, P2P_STUN_FINGERPRINT, crc32(w->base, w->len) ^ FINGERPRINT_XOR);
    *len = w->len;
    return P2P_OK;
}

p2p_err p2p_stun_write_success(uint8_t *dst, size_t cap, size_t *len, const uint8_t transaction[12],
    const p2p_sockaddr *from, p2p_bytes key) {
    p2p_writer w = p2p_stun_begin(dst, cap, P2P_STUN_SUCCESS, P2P_STUN_BINDING, transaction);
    p2p_stun_put_address(&w, from);
    if (key.len > 0)
        p2p_stun_put_integrity(&w, key);
    return p2p_stun_finish(&w, len);
}

p2p_err p2p_stun_write_error(uint8_t *dst, size_t cap, size_t *len, const uint8_t transaction[12],
    p2p_stun_code code, const uint16_t *unknown, size_t unknown_count, p2p_bytes key) {
    p2p_writer w = p2p_stun_begin(dst, cap, P2P_STUN_ERROR, P2P_STUN_BINDING, transaction);
    p2p_stun_put_error(&w, code);
    if (code == P2P_STUN_UNKNOWN_ATTRIBUTE) {
        uint8_t list[2 * P2P_STUN_UNKNOWN_MAX];
        size_t count = unknown_count < P2P_STUN_UNKNOWN_MAX ? unknown_count : P2P_STUN_UNKNOWN_MAX;
        for (size_t i = 0; i < count; i++)
            p2p_store16(list + 2 * i, unknown[i]);
        p2p_stun_put(&w, P2P_STUN_UNKNOWN_ATTRIBUTES, p2p_bytes_of(list, 2 * count));
    }
    if (key.len > 0)
        p2p_stun_put_integrity(&w, key);
    return p2p_stun_finish(&w, len);
}
