/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * HTTP/3 SETTINGS (RFC 9114 sections 7.2.4 and 11.2.2).
 *
 * The profile was tried against real peers. Chromium and Firefox look for 0x2b603742 and one of the
 * two datagram settings; Safari for 0x14e9cd29; go-libp2p for 0x08, 0x33 and, since its draft-15,
 * 0x2c7cf000; a client of drafts 07 to 12 for 0xc671706a. Nobody minds the rest. 0x14e9cd29 must be
 * exactly 1: more would switch on the flow control of sessions, which one session per connection
 * does not need.
 */
#include "webtransport/h3_settings.h"

#include "base/bytes.h"

enum { SETTINGS_FRAME = 0x04, SETTINGS_COUNT_MAX = 64 };

static const struct {
    uint64_t id;
    uint64_t value;
} PROFILE[] = {
    {P2P_H3_ENABLE_CONNECT_PROTOCOL, 1},
    {P2P_H3_DATAGRAM, 1},
    {P2P_H3_DATAGRAM_04, 1},
    {P2P_WT_ENABLE_02, 1},
    {P2P_WT_MAX_SESSIONS_07, 1},
    {P2P_WT_MAX_SESSIONS_13, 1},
    {P2P_WT_ENABLED_15, 1},
};

static void put_payload(p2p_writer *w) {
    for (size_t i = 0; i < P2P_COUNT(PROFILE); i++) {
        p2p_writer_quic_varint(w, PROFILE[i].id);
        p2p_writer_quic_varint(w, PROFILE[i].value);
    }
}

void p2p_h3_settings_put(p2p_writer *w) {
    p2p_writer measure = p2p_writer_of(NULL, 0);
    put_payload(&measure);
    p2p_writer_quic_varint(w, SETTINGS_FRAME);
    p2p_writer_quic_varint(w, measure.len);
    put_payload(w);
}

static p2p_err fail(p2p_err err, p2p_h3_error code, p2p_h3_error *error) {
    *error = code;
    return err;
}

/* Identifiers of HTTP/2 that have no meaning here. */
static bool is_reserved(uint64_t id) {
    return id == 0x00 || (id >= 0x02 && id <= 0x05);
}

static bool is_flag(uint64_t id) {
    return id == P2P_H3_ENABLE_CONNECT_PROTOCOL || id == P2P_H3_DATAGRAM ||
           id == P2P_H3_DATAGRAM_04;
}

static void store(p2p_h3_settings *s, uint64_t id, uint64_t value) {
    switch (id) {
    case P2P_H3_QPACK_MAX_TABLE_CAPACITY:
        s->qpack_max_table_capacity = value;
        break;
    case P2P_H3_MAX_FIELD_SECTION_SIZE:
        s->max_field_section = value;
        break;
    case P2P_H3_QPACK_BLOCKED_STREAMS:
        s->qpack_blocked_streams = value;
        break;
    case P2P_H3_ENABLE_CONNECT_PROTOCOL:
        s->connect_protocol = value;
        break;
    case P2P_H3_DATAGRAM:
    case P2P_H3_DATAGRAM_04:
        s->datagram |= value;
        break;
    case P2P_WT_ENABLE_02:
        s->wt_enable_02 = value;
        break;
    case P2P_WT_MAX_SESSIONS_07:
        s->wt_max_sessions_07 = value;
        break;
    case P2P_WT_MAX_SESSIONS_13:
        s->wt_max_sessions_13 = value;
        break;
    case P2P_WT_ENABLED_15:
        s->wt_enabled_15 = value;
        break;
    default: /* GREASE and extensions */
        break;
    }
}

p2p_err p2p_h3_settings_decode(p2p_h3_settings *settings, p2p_bytes payload, p2p_h3_error *error) {
    uint64_t ids[SETTINGS_COUNT_MAX];
    size_t count = 0;
    p2p_cursor c = p2p_cursor_of(payload);
    *settings = (p2p_h3_settings){0};
    while (c.err == P2P_OK && c.left > 0) {
        uint64_t id = p2p_cursor_quic_varint(&c);
        uint64_t value = p2p_cursor_quic_varint(&c);
        if (c.err != P2P_OK)
            break;
        if (is_reserved(id) || (is_flag(id) && value > 1))
            return fail(P2P_ERR_VIOLATION, P2P_H3_SETTINGS_ERROR, error);
        for (size_t i = 0; i < count; i++)
            if (ids[i] == id)
                return fail(P2P_ERR_VIOLATION, P2P_H3_SETTINGS_ERROR, error);
        if (count == SETTINGS_COUNT_MAX)
            return fail(P2P_ERR_VIOLATION, P2P_H3_EXCESSIVE_LOAD, error);
        ids[count++] = id;
        store(settings, id, value);
    }
    return c.err == P2P_OK ? P2P_OK : fail(P2P_ERR_MALFORMED, P2P_H3_FRAME_ERROR, error);
}

p2p_wt_dialect p2p_wt_dialect_of(const p2p_h3_settings *s) {
    if (s->datagram == 0)
        return P2P_WT_NONE;
    if (s->wt_enable_02 > 0)
        return P2P_WT_DRAFT_02;
    if (s->connect_protocol == 0)
        return P2P_WT_NONE; /* required since draft-07 */
    if (s->wt_max_sessions_07 > 0 || s->wt_max_sessions_13 > 0)
        return P2P_WT_DRAFT_07;
    return s->wt_enabled_15 > 0 ? P2P_WT_DRAFT_15 : P2P_WT_NONE;
}
