/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "protocol/identify_message.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/proto.h"
#include "identity/identity.h"

enum {
    FIELD_PUBLIC_KEY = 1,
    FIELD_LISTEN_ADDR = 2,
    FIELD_PROTOCOL = 3,
    FIELD_OBSERVED_ADDR = 4,
    FIELD_PROTOCOL_VERSION = 5,
    FIELD_AGENT_VERSION = 6,
    FIELD_SIGNED_PEER_RECORD = 8
};

/* --- writing --- */

/* One message: which addresses and protocols it holds, and whether the rest goes with them. */
typedef struct piece {
    size_t addr_from, addr_to, protocol_from, protocol_to;
    bool fixed;  /* what is said once: key, versions, the observed address */
    bool record; /* the signed record */
} piece;

static p2p_bytes protocol_of(const p2p_identify_fields *f, size_t index) {
    const char *id = f->protocol(f->protocol_ctx, index);
    if (id == NULL)
        return (p2p_bytes){0};
    return p2p_bytes_text(id);
}

static void put_piece(p2p_writer *w, const p2p_identify_fields *f, const piece *p) {
    if (p->fixed)
        p2p_proto_put_bytes(w, FIELD_PUBLIC_KEY, f->public_key);
    for (size_t i = p->addr_from; i < p->addr_to; i++)
        p2p_proto_put_bytes(w, FIELD_LISTEN_ADDR, p2p_multiaddr_bytes(&f->addrs[i]));
    for (size_t i = p->protocol_from; i < p->protocol_to; i++)
        p2p_proto_put_bytes(w, FIELD_PROTOCOL, protocol_of(f, i));
    if (p->fixed && f->observed.len > 0)
        p2p_proto_put_bytes(w, FIELD_OBSERVED_ADDR, p2p_multiaddr_bytes(&f->observed));
    if (p->fixed) {
        p2p_proto_put_bytes(w, FIELD_PROTOCOL_VERSION, f->protocol_version);
        p2p_proto_put_bytes(w, FIELD_AGENT_VERSION, f->agent);
    }
    if (p->record)
        p2p_proto_put_bytes(w, FIELD_SIGNED_PEER_RECORD, f->signed_record);
}

static size_t piece_len(const p2p_identify_fields *f, const piece *p) {
    p2p_writer measure = p2p_writer_of(NULL, 0);
    put_piece(&measure, f, p);
    return measure.len;
}

static size_t field_len(uint32_t number, p2p_bytes bytes) {
    p2p_writer measure = p2p_writer_of(NULL, 0);
    p2p_proto_put_bytes(&measure, number, bytes);
    return measure.len;
}

/*
 * Fills the piece from where it begins. Addresses and protocols take turns by bytes, so that many
 * of the one never crowd the other out of the first message, which is all that some peers read;
 * when one kind is told completely, or its next does not fit, the other has the rest.
 */
static void fill_piece(const p2p_identify_fields *f, piece *p) {
    size_t left = P2P_IDENTIFY_SENT_MAX - piece_len(f, p), of_addrs = 0, of_protocols = 0;
    while (true) {
        p2p_bytes protocol = protocol_of(f, p->protocol_to);
        size_t addr_len = 0, protocol_len = 0;
        if (p->addr_to < f->addr_count)
            addr_len = field_len(FIELD_LISTEN_ADDR, p2p_multiaddr_bytes(&f->addrs[p->addr_to]));
        if (protocol.ptr != NULL)
            protocol_len = field_len(FIELD_PROTOCOL, protocol);
        bool addr_fits = addr_len > 0 && addr_len <= left;
        bool protocol_fits = protocol_len > 0 && protocol_len <= left;
        if (addr_fits && (of_addrs <= of_protocols || !protocol_fits)) {
            p->addr_to++;
            of_addrs += addr_len;
            left -= addr_len;
        } else if (protocol_fits) {
            p->protocol_to++;
            of_protocols += protocol_len;
            left -= protocol_len;
        } else {
            return;
        }
    }
}

static bool tells_all(const p2p_identify_fields *f, const piece *p) {
    return p->addr_to == f->addr_count && protocol_of(f, p->protocol_to).ptr == NULL;
}

static void put_message(p2p_writer *w, const p2p_identify_fields *f, const piece *p) {
    p2p_writer_uvarint(w, piece_len(f, p));
    put_piece(w, f, p);
}

p2p_err p2p_identify_encode(p2p_writer *w, const p2p_identify_fields *f) {
    piece p = {.fixed = true};
    bool record =
        f->signed_record.len > 0 && piece_len(f, &(piece){.record = true}) <= P2P_IDENTIFY_READ_MAX;
    size_t messages = 1, max = P2P_IDENTIFY_MESSAGES_MAX - (record ? 1 : 0);
    if (piece_len(f, &p) > P2P_IDENTIFY_SENT_MAX)
        return P2P_ERR_TOO_BIG;
    fill_piece(f, &p);
    if (record && tells_all(f, &p)) {
        p.record = true;
        p.record = piece_len(f, &p) <= P2P_IDENTIFY_SENT_MAX;
    }
    put_message(w, f, &p);
    while (!tells_all(f, &p) && messages++ < max) {
        p = (piece){.addr_from = p.addr_to,
            .addr_to = p.addr_to,
            .protocol_from = p.protocol_to,
            .protocol_to = p.protocol_to};
        fill_piece(f, &p);
        if (piece_len(f, &p) == 0)
            break; /* a protocol id longer than a message */
        put_message(w, f, &p);
    }
    if (record && !p.record)
        put_message(w, f, &(piece){.record = true});
    return p2p_writer_end(w);
}

/* --- reading --- */

/* The first walk: views and counts. */
typedef struct summary {
    p2p_bytes public_key, agent, protocol_version, observed, record;
    size_t addr_count, protocol_count;
} summary;

static p2p_err summarise(p2p_bytes bodies, summary *s) {
    p2p_cursor c = p2p_cursor_of(bodies);
    p2p_proto_field f;
    *s = (summary){0};
    while (p2p_proto_next(&c, &f)) {
        switch (f.number) {
        case FIELD_PUBLIC_KEY:
            s->public_key = p2p_proto_bytes(&c, &f);
            break;
        case FIELD_LISTEN_ADDR:
            p2p_proto_bytes(&c, &f);
            s->addr_count++;
            break;
        case FIELD_PROTOCOL:
            p2p_proto_bytes(&c, &f);
            s->protocol_count++;
            break;
        case FIELD_OBSERVED_ADDR:
            s->observed = p2p_proto_bytes(&c, &f);
            break;
        case FIELD_PROTOCOL_VERSION:
            s->protocol_version = p2p_proto_bytes(&c, &f);
            break;
        case FIELD_AGENT_VERSION:
            s->agent = p2p_proto_bytes(&c, &f);
            break;
        case FIELD_SIGNED_PEER_RECORD:
            s->record = p2p_proto_bytes(&c, &f);
            break;
        default:
            break;
        }
    }
    s->addr_count = s->addr_count < P2P_IDENTIFY_ADDRS_MAX ? s->addr_count : P2P_IDENTIFY_ADDRS_MAX;
    if (s->protocol_count > P2P_IDENTIFY_PROTOCOLS_MAX)
        s->protocol_count = P2P_IDENTIFY_PROTOCOLS_MAX;
    return p2p_cursor_end(&c);
}

static p2p_err check_key(const summary *s, const p2p_peer_id *peer) {
    p2p_peer_id said;
    if (s->public_key.len == 0)
        return P2P_OK; /* a push may leave it out */
    p2p_err err = p2p_peer_id_of_key(&said, s->public_key);
    if (err != P2P_OK)
        return err;
    return p2p_peer_id_equal(&said, peer) ? P2P_OK : P2P_ERR_WRONG_PEER;
}

/* Peers may append their own id to their addresses. */
static void strip_peer(p2p_multiaddr *addr) {
    p2p_component part = {0};
    for (size_t at = 0; p2p_multiaddr_next(addr, &at, &part);)
        if (at == addr->len && part.code == P2P_P2P) {
            p2p_multiaddr_decapsulate(addr, P2P_P2P);
            return;
        }
}

/* The second walk: fills the arrays from the copy of the bodies in the block. */
static void fill(p2p_peer_info *info, p2p_bytes bodies, p2p_multiaddr *addrs, p2p_bytes *protocols,
    size_t protocol_max) {
    p2p_cursor c = p2p_cursor_of(bodies);
    p2p_proto_field f;
    while (p2p_proto_next(&c, &f)) {
        if (f.number == FIELD_PROTOCOL && info->protocol_count < protocol_max)
            protocols[info->protocol_count++] = f.bytes;
        if (f.number != FIELD_LISTEN_ADDR || info->addr_count == P2P_IDENTIFY_ADDRS_MAX)
            continue;
        p2p_multiaddr *addr = &addrs[info->addr_count];
        if (p2p_multiaddr_decode(addr, f.bytes) != P2P_OK)
            continue; /* of a kind unknown here: leave out that one */
        strip_peer(addr);
        info->addr_count++;
    }
}

p2p_err p2p_identify_decode(
    p2p_identify_told **out, p2p_bytes bodies, const p2p_peer_id *peer, const p2p_mem *mem) {
    summary s;
    *out = NULL;
    p2p_err err = summarise(bodies, &s);
    if (err == P2P_OK)
        err = check_key(&s, peer);
    if (err != P2P_OK)
        return err;
    size_t addrs_size = P2P_IDENTIFY_ADDRS_MAX * sizeof(p2p_multiaddr);
    size_t protocols_size = s.protocol_count * sizeof(p2p_bytes);
    size_t size = sizeof **out + addrs_size + protocols_size + bodies.len;
    p2p_identify_told *told = p2p_mem_alloc(mem, size);
    if (told == NULL)
        return P2P_ERR_NO_MEMORY;
    told->block_size = size;
    /* Widest alignment first: views, addresses, bytes. */
    p2p_bytes *protocols = (p2p_bytes *)(void *)(told + 1);
    p2p_multiaddr *addrs = (p2p_multiaddr *)(void *)((char *)protocols + protocols_size);
    uint8_t *copy = (uint8_t *)addrs + addrs_size;
    p2p_copy(copy, bodies.ptr, bodies.len);
    bodies = p2p_bytes_of(copy, bodies.len);
    err = summarise(bodies, &s); /* the same views, in the copy */
    p2p_peer_info *info = &told->info;
    info->agent = s.agent;
    info->protocol_version = s.protocol_version;
    info->protocols = protocols;
    info->addrs = addrs;
    /* It says the same for third parties. Here the connection has proved who speaks, and to verify
     * it as well would add a fifth to the cost of an inbound connection. */
    info->signed_record = s.record;
    if (s.observed.len > 0 && p2p_multiaddr_decode(&info->observed, s.observed) != P2P_OK)
        info->observed.len = 0;
    fill(info, bodies, addrs, protocols, s.protocol_count);
    *out = told;
    return err;
}
