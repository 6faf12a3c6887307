/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Multiaddrs in binary: a row of (protocol code, value), where protocols with values of any length
 * have the length in front (multiaddr spec #specification).
 *
 * Every way into a p2p_multiaddr checks what enters, so everything that walks one afterwards may
 * rely on it. That includes the length of the text form: a few short codes have long names, and
 * P2P_MULTIADDR_TEXT_MAX has to be enough for every address.
 */
#include <p2p/multiaddr.h>

#include "base/bytes.h"
#include "base/check.h"
#include "multi/value.h"

/* No component grows more than tenfold as text, so shorter addresses need no measuring. */
enum { SHORT_ENOUGH = P2P_MULTIADDR_TEXT_MAX / 10 - 1 };

/* Reads one component with its checks. */
static const p2p_proto *read_component(p2p_cursor *c, p2p_bytes *value) {
    const p2p_proto *proto = p2p_proto_by_code(p2p_cursor_uvarint(c));
    if (proto == NULL)
        return NULL;
    int len = p2p_proto_value_len(proto);
    *value = p2p_cursor_take(c, len >= 0 ? (uint64_t)len : p2p_cursor_uvarint(c));
    bool path_in_the_middle = proto->form == P2P_FORM_PATH && c->left > 0;
    if (c->err != P2P_OK || path_in_the_middle || !p2p_value_valid(proto, *value))
        p2p_cursor_fail(c);
    return proto;
}

static bool text_fits(const p2p_multiaddr *addr) {
    return addr->len <= SHORT_ENOUGH ||
           p2p_multiaddr_format(NULL, 0, addr) < P2P_MULTIADDR_TEXT_MAX;
}

p2p_err p2p_multiaddr_decode(p2p_multiaddr *addr, p2p_bytes bytes) {
    addr->len = 0;
    if (bytes.len > P2P_MULTIADDR_MAX)
        return P2P_ERR_TOO_BIG;
    if (bytes.len == 0)
        return P2P_ERR_MALFORMED;
    p2p_cursor c = p2p_cursor_of(bytes);
    while (c.left > 0) {
        p2p_bytes value;
        if (read_component(&c, &value) == NULL && c.err == P2P_OK)
            return P2P_ERR_UNSUPPORTED;
    }
    if (c.err != P2P_OK)
        return c.err;
    memcpy(addr->bytes, bytes.ptr, bytes.len);
    addr->len = (uint16_t)bytes.len;
    if (text_fits(addr))
        return P2P_OK;
    addr->len = 0;
    return P2P_ERR_TOO_BIG;
}

p2p_bytes p2p_multiaddr_bytes(const p2p_multiaddr *addr) {
    return p2p_bytes_of(addr->bytes, addr->len);
}

bool p2p_multiaddr_next(const p2p_multiaddr *addr, size_t *offset, p2p_component *part) {
    P2P_REQUIRE(*offset <= addr->len);
    if (*offset == addr->len)
        return false;
    p2p_cursor c = p2p_cursor_of(p2p_bytes_of(addr->bytes + *offset, addr->len - *offset));
    const p2p_proto *proto = read_component(&c, &part->value);
    P2P_REQUIRE(proto != NULL && c.err == P2P_OK);
    part->code = proto->code;
    *offset = addr->len - c.left;
    return true;
}

bool p2p_multiaddr_find(
    const p2p_multiaddr *addr, p2p_proto_code code, size_t *offset, p2p_component *part) {
    size_t start = 0;
    size_t *at = offset != NULL ? offset : &start;
    while (p2p_multiaddr_next(addr, at, part)) {
        if (part->code == code)
            return true;
    }
    return false;
}

bool p2p_multiaddr_has(const p2p_multiaddr *addr, p2p_proto_code code) {
    p2p_component part;
    return p2p_multiaddr_find(addr, code, NULL, &part);
}

/* The next component as equality sees it: /wss counts as /tls followed by /ws. *halfway says that
 * the /ws is still to come. */
static bool next_plain(
    const p2p_multiaddr *addr, size_t *offset, bool *halfway, p2p_component *part) {
    if (*halfway) {
        *halfway = false;
        *part = (p2p_component){.code = P2P_WS};
        return true;
    }
    if (!p2p_multiaddr_next(addr, offset, part))
        return false;
    if (part->code == P2P_WSS) {
        *halfway = true;
        part->code = P2P_TLS;
    }
    return true;
}

bool p2p_multiaddr_equal(const p2p_multiaddr *a, const p2p_multiaddr *b) {
    size_t at_a = 0;
    size_t at_b = 0;
    bool halfway_a = false;
    bool halfway_b = false;
    if (p2p_bytes_equal(p2p_multiaddr_bytes(a), p2p_multiaddr_bytes(b)))
        return true;
    for (;;) {
        p2p_component part_a;
        p2p_component part_b;
        bool more_a = next_plain(a, &at_a, &halfway_a, &part_a);
        bool more_b = next_plain(b, &at_b, &halfway_b, &part_b);
        if (!more_a || !more_b)
            return more_a == more_b;
        if (part_a.code != part_b.code || !p2p_bytes_equal(part_a.value, part_b.value))
            return false;
    }
}

static bool ends_in_path(const p2p_multiaddr *addr) {
    return p2p_multiaddr_has(addr, P2P_UNIX); /* which nothing can follow */
}

/* Appends checked bytes, or leaves addr as it was. */
static p2p_err append(p2p_multiaddr *addr, p2p_bytes bytes) {
    uint16_t before = addr->len;
    if (bytes.len > (size_t)(P2P_MULTIADDR_MAX - before))
        return P2P_ERR_TOO_BIG;
    if (bytes.len > 0 && ends_in_path(addr))
        return P2P_ERR_INVALID;
    memmove(addr->bytes + before, bytes.ptr, bytes.len); /* encapsulating an address in itself */
    addr->len = (uint16_t)(before + bytes.len);
    if (text_fits(addr))
        return P2P_OK;
    addr->len = before;
    return P2P_ERR_TOO_BIG;
}

p2p_err p2p_multiaddr_push(p2p_multiaddr *addr, p2p_proto_code code, p2p_bytes value) {
    uint8_t component[P2P_MULTIADDR_MAX];
    p2p_writer w = p2p_writer_of(component, sizeof component);
    const p2p_proto *proto = p2p_proto_by_code(code);
    if (proto == NULL || !p2p_value_valid(proto, value))
        return P2P_ERR_INVALID;
    p2p_writer_uvarint(&w, (uint64_t)code);
    if (p2p_proto_value_len(proto) < 0)
        p2p_writer_uvarint(&w, value.len);
    p2p_writer_bytes(&w, value);
    p2p_err err = p2p_writer_end(&w);
    return err == P2P_OK ? append(addr, p2p_writer_view(&w)) : err;
}

p2p_err p2p_multiaddr_encapsulate(p2p_multiaddr *addr, const p2p_multiaddr *tail) {
    return append(addr, p2p_multiaddr_bytes(tail));
}

bool p2p_multiaddr_decapsulate(p2p_multiaddr *addr, p2p_proto_code code) {
    p2p_component part;
    bool found = false;
    uint16_t cut = 0;
    size_t at = 0;
    for (size_t start = 0; p2p_multiaddr_next(addr, &at, &part); start = at) {
        if (part.code == code) {
            found = true;
            cut = (uint16_t)start;
        }
    }
    if (found)
        addr->len = cut;
    return found;
}
