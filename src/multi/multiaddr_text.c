/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Multiaddrs as text: /name/value/name/value… (multiaddr spec #human-readable-encoding). /unix
 * takes everything behind it as its path; one slash at the very end is allowed elsewhere.
 *
 * What is wrong with a text is said in a sentence for whoever typed it.
 */
#include <p2p/multiaddr.h>

#include "base/bytes.h"
#include "multi/value.h"

enum { WHY_SIZE = 128, QUOTED_MAX = 40 };

/* --- explaining --- */

static p2p_writer begin_why(char *why) {
    return p2p_writer_of(why, why == NULL ? 0 : WHY_SIZE - 1);
}

static void put(p2p_writer *w, const char *text) {
    p2p_value_put_text(w, p2p_bytes_text(text));
}

/* Quoted, shortened, and without what could disturb a terminal. */
static void put_quoted(p2p_writer *w, p2p_bytes text) {
    put(w, "'");
    for (size_t i = 0; i < text.len && i < QUOTED_MAX; i++) {
        uint8_t letter = text.ptr[i];
        p2p_writer_u8(w, letter < 0x20 || letter >= 0x7f ? '?' : letter);
    }
    put(w, text.len > QUOTED_MAX ? "...'" : "'");
}

static void end_why(const p2p_writer *w) {
    if (w->base != NULL)
        w->base[w->len < w->cap ? w->len : w->cap] = '\0';
}

static p2p_err explain(char *why, p2p_err err, const char *text) {
    p2p_writer w = begin_why(why);
    put(&w, text);
    end_why(&w);
    return err;
}

static p2p_err unknown_protocol(char *why, p2p_bytes name) {
    p2p_writer w = begin_why(why);
    if (name.len == 0) {
        put(&w, "there is an empty part: two slashes in a row");
    } else {
        put(&w, "the protocol ");
        put_quoted(&w, name);
        put(&w, " is not known");
    }
    end_why(&w);
    return name.len == 0 ? P2P_ERR_INVALID : P2P_ERR_UNSUPPORTED;
}

static p2p_err bad_value(char *why, p2p_err err, const p2p_proto *proto, p2p_bytes value) {
    p2p_writer w = begin_why(why);
    put_quoted(&w, value);
    put(&w, " after /");
    put(&w, proto->name);
    put(&w, err == P2P_ERR_TOO_BIG ? " makes the address too long" : " is not ");
    if (err != P2P_ERR_TOO_BIG)
        put(&w, p2p_value_noun(proto));
    end_why(&w);
    return err;
}

static p2p_err missing_value(char *why, const p2p_proto *proto) {
    p2p_writer w = begin_why(why);
    put(&w, "/");
    put(&w, proto->name);
    put(&w, " needs a value behind it: ");
    put(&w, p2p_value_noun(proto));
    end_why(&w);
    return P2P_ERR_INVALID;
}

/* --- parsing --- */

static p2p_bytes skip(p2p_bytes text, size_t n) {
    return p2p_bytes_of(text.ptr + n, text.len - n);
}

/* The part up to the next slash; *rest then begins with that slash or is empty. */
static p2p_bytes take_part(p2p_bytes *rest) {
    size_t len = 0;
    while (len < rest->len && rest->ptr[len] != '/')
        len++;
    p2p_bytes part = p2p_bytes_of(rest->ptr, len);
    *rest = skip(*rest, len);
    return part;
}

/* rest stands behind the protocol's name. */
static p2p_err parse_value(
    p2p_multiaddr *addr, const p2p_proto *proto, p2p_bytes *rest, char *why) {
    uint8_t value[P2P_MULTIADDR_MAX];
    p2p_writer w = p2p_writer_of(value, sizeof value);
    p2p_bytes text = {0};
    if (proto->form != P2P_FORM_NONE && rest->len < 2)
        return missing_value(why, proto);
    if (proto->form == P2P_FORM_PATH) {
        text = *rest; /* with its first slash */
        *rest = skip(*rest, rest->len);
    } else if (proto->form != P2P_FORM_NONE) {
        *rest = skip(*rest, 1);
        text = take_part(rest);
    }
    p2p_err err = p2p_value_parse(&w, proto, text);
    if (err == P2P_OK)
        err = p2p_multiaddr_push(addr, proto->code, p2p_writer_view(&w));
    return err == P2P_OK ? P2P_OK : bad_value(why, err, proto, text);
}

/* rest begins with a slash. */
static p2p_err parse_component(p2p_multiaddr *addr, p2p_bytes *rest, char *why) {
    *rest = skip(*rest, 1);
    p2p_bytes name = take_part(rest);
    const p2p_proto *proto = p2p_proto_by_name(name);
    return proto == NULL ? unknown_protocol(why, name) : parse_value(addr, proto, rest, why);
}

p2p_err p2p_multiaddr_parse(p2p_multiaddr *addr, const char *text, char why[128]) {
    addr->len = 0;
    if (why != NULL)
        why[0] = '\0';
    p2p_bytes rest = p2p_bytes_of(text, strnlen(text, P2P_MULTIADDR_TEXT_MAX));
    if (rest.len == P2P_MULTIADDR_TEXT_MAX)
        return explain(why, P2P_ERR_TOO_BIG, "the address is too long");
    if (rest.len == 0 || rest.ptr[0] != '/')
        return explain(
            why, P2P_ERR_INVALID, "an address begins with a slash, as in /ip4/192.0.2.1");
    if (rest.ptr[rest.len - 1] == '/')
        rest.len--;
    if (rest.len == 0)
        return explain(why, P2P_ERR_INVALID, "the address has no parts");
    p2p_multiaddr parsed = {0};
    while (rest.len > 0) {
        p2p_err err = parse_component(&parsed, &rest, why);
        if (err != P2P_OK)
            return err;
    }
    *addr = parsed;
    return P2P_OK;
}

/* --- formatting --- */

static void format_component(p2p_writer *w, const p2p_component *part) {
    const p2p_proto *proto = p2p_proto_by_code(part->code);
    put(w, "/");
    put(w, proto->name);
    if (proto->form == P2P_FORM_NONE)
        return;
    /* Some peers leave the first slash out of a path's binary form. */
    if (proto->form != P2P_FORM_PATH || part->value.ptr[0] != '/')
        put(w, "/");
    p2p_value_format(w, proto, part->value);
}

size_t p2p_multiaddr_format(char *dst, size_t cap, const p2p_multiaddr *addr) {
    p2p_writer w = p2p_writer_of(dst, cap == 0 ? 0 : cap - 1);
    p2p_component part;
    for (size_t at = 0; p2p_multiaddr_next(addr, &at, &part);)
        format_component(&w, &part);
    if (cap > 0)
        dst[w.len < w.cap ? w.len : w.cap] = '\0';
    return w.len;
}
