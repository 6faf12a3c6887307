/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Data channels over an association (RFC 8831 section 6, RFC 8832 section 6). The association keeps
 * the table of streams; a channel hangs from its stream's user pointer, so there is no second
 * table. An id is free again when the association has released its stream: both directions reset
 * and acknowledged.
 *
 * What the peer must not do costs it the channel, not the connection: an OPEN with the wrong
 * parity, one too many, data on a channel that was never opened, more bytes than are held for one.
 * OPEN must fit one packet. Priorities are not used.
 */
#include "webrtc/datachannel.h"

#include "base/bytes.h"
#include "base/mem.h"

typedef enum ppid {
    PPID_DCEP = 50,
    PPID_TEXT = 51,
    PPID_BINARY = 53,
    PPID_BINARY_PARTIAL = 52, /* deprecated forms of RFC 8831 section 6.6 */
    PPID_TEXT_PARTIAL = 54,
    PPID_TEXT_EMPTY = 56,
    PPID_BINARY_EMPTY = 57
} ppid;

/* Streams that are being closed still count in the association. */
enum { CLOSING_ROOM = 64 };

struct p2p_datachannel {
    p2p_datachannels *set;
    p2p_datachannel *next, *prev;
    void *user;
    size_t held;
    p2p_sctp_options options;
    uint16_t id;
    bool acknowledged; /* before that, messages must be ordered */
    uint8_t label_len, protocol_len;
    uint8_t names[];
};

struct p2p_datachannels {
    p2p_datachannels_config config;
    p2p_sctp *sctp;
    p2p_datachannel *first;
    size_t count;
    uint32_t next_id;
};

static size_t channel_size(const p2p_datachannel *ch) {
    return sizeof *ch + ch->label_len + ch->protocol_len;
}

static p2p_err make(
    p2p_datachannels *set, uint16_t id, const p2p_dcep_open *open, p2p_datachannel **out) {
    *out = NULL;
    if (set->count >= set->config.max_channels)
        return P2P_ERR_LIMIT;
    const p2p_mem *mem = set->config.sctp.mem;
    size_t size = sizeof(p2p_datachannel) + open->label.len + open->protocol.len;
    p2p_datachannel *ch = p2p_mem_alloc(mem, size);
    if (ch == NULL)
        return P2P_ERR_NO_MEMORY;
    p2p_err err = p2p_sctp_set_user(set->sctp, id, ch);
    if (err != P2P_OK) {
        p2p_mem_free(mem, ch, size);
        return err;
    }
    ch->set = set;
    ch->id = id;
    ch->label_len = (uint8_t)open->label.len;
    ch->protocol_len = (uint8_t)open->protocol.len;
    p2p_copy(ch->names, open->label.ptr, open->label.len);
    p2p_copy(ch->names + open->label.len, open->protocol.ptr, open->protocol.len);
    ch->options.unordered = open->unordered;
    if (open->reliability == P2P_LIMITED_RETRANSMITS) {
        ch->options.limit_retransmits = true;
        ch->options.max_retransmits = open->limit < UINT16_MAX ? (uint16_t)open->limit : UINT16_MAX;
    }
    if (open->reliability == P2P_LIMITED_LIFETIME)
        ch->options.lifetime = (open->limit > 0 ? open->limit : 1) * P2P_MILLISECOND;
    ch->next = set->first;
    if (ch->next != NULL)
        ch->next->prev = ch;
    set->first = ch;
    set->count++;
    *out = ch;
    return P2P_OK;
}

/* Off the stream and out of the set; the stream's reset is the caller's. */
static void destroy(p2p_datachannel *ch) {
    p2p_datachannels *set = ch->set;
    if (ch->next != NULL)
        ch->next->prev = ch->prev;
    if (ch->prev != NULL)
        ch->prev->next = ch->next;
    else
        set->first = ch->next;
    set->count--;
    p2p_sctp_release(set->sctp, ch->held);
    p2p_mem_free(set->config.sctp.mem, ch, channel_size(ch));
}

/* Resets a stream, if it can be reset still. */
static void reset(p2p_datachannels *set, uint16_t id) {
    if (!p2p_sctp_live(set->sctp, id))
        return;
    p2p_err err = p2p_sctp_set_user(set->sctp, id, NULL);
    if (err == P2P_OK)
        err = p2p_sctp_reset(set->sctp, id);
    /* A peer that cannot reset streams, or an association that is over, leaves nothing to do. */
    (void)err;
}

static void close_for(p2p_datachannel *ch, p2p_err err) {
    p2p_datachannels *set = ch->set;
    reset(set, ch->id);
    set->config.events->closed(set->config.ctx, ch, err);
    destroy(ch);
}

void p2p_datachannel_close(p2p_datachannel *ch) {
    reset(ch->set, ch->id);
    destroy(ch);
}

/* --- opening --- */

/* The next unused id of our parity, going round, so that an id rests as long as possible before its
 * reuse. Libp2p never uses 0 again. */
static p2p_err pick_id(p2p_datachannels *set, uint16_t *id) {
    p2p_sctp_info info;
    p2p_sctp_get_info(set->sctp, &info);
    if (!info.open)
        return P2P_ERR_STATE;
    uint32_t end = info.streams < info.peer_streams ? info.streams : info.peer_streams;
    uint32_t first = set->config.dtls_client ? 2 : 1;
    for (size_t tries = 0; tries <= info.live + 1; tries++) {
        if (set->next_id >= end)
            set->next_id = first;
        *id = (uint16_t)set->next_id;
        set->next_id += 2;
        if (*id < end && !p2p_sctp_live(set->sctp, *id))
            return P2P_OK;
    }
    return P2P_ERR_LIMIT;
}

p2p_err p2p_datachannel_open(
    p2p_datachannels *set, const p2p_dcep_open *options, p2p_datachannel **out) {
    uint8_t message[P2P_DCEP_MAX];
    size_t len;
    uint16_t id;
    *out = NULL;
    p2p_err err = p2p_dcep_open_encode(message, &len, options);
    if (err == P2P_OK)
        err = pick_id(set, &id);
    p2p_datachannel *ch = NULL;
    if (err == P2P_OK)
        err = make(set, id, options, &ch);
    if (err != P2P_OK)
        return err;
    err = p2p_sctp_send(set->sctp, id, PPID_DCEP, p2p_bytes_of(message, len), NULL, 0);
    if (err != P2P_OK) {
        p2p_datachannel_close(ch);
        return err;
    }
    *out = ch;
    return P2P_OK;
}

p2p_err p2p_datachannel_open_negotiated(p2p_datachannels *set, uint16_t id, p2p_datachannel **out) {
    p2p_dcep_open plain = {.reliability = P2P_RELIABLE};
    *out = NULL;
    if (p2p_sctp_live(set->sctp, id))
        return P2P_ERR_EXISTS;
    p2p_err err = make(set, id, &plain, out);
    if (err == P2P_OK)
        (*out)->acknowledged = true;
    return err;
}

static p2p_err accept(
    p2p_datachannels *set, uint16_t id, p2p_bytes message, p2p_datachannel **out) {
    static const uint8_t ack[] = {P2P_DCEP_ACK};
    p2p_dcep_open open;
    p2p_err err = p2p_dcep_open_decode(&open, message);
    if (err != P2P_OK)
        return err;
    bool ours = (id % 2 == 0) == set->config.dtls_client;
    if (ours || id == 0)
        return P2P_ERR_VIOLATION;
    err = make(set, id, &open, out);
    if (err != P2P_OK)
        return err;
    (*out)->acknowledged = true;
    err = p2p_sctp_send(set->sctp, id, PPID_DCEP, p2p_bytes_of(ack, sizeof ack), NULL, 0);
    if (err != P2P_OK)
        destroy(*out);
    return err;
}

static void on_dcep(p2p_datachannels *set, const p2p_sctp_piece *piece) {
    p2p_datachannel *ch = piece->user;
    p2p_dcep_type type;
    bool whole = piece->first && piece->last;
    p2p_err err = whole ? p2p_dcep_type_of(piece->bytes, &type) : P2P_ERR_TOO_BIG;
    if (err == P2P_OK && type == P2P_DCEP_ACK && ch != NULL) {
        ch->acknowledged = true;
        return;
    }
    if (ch != NULL) {
        close_for(ch, P2P_ERR_VIOLATION);
        return;
    }
    if (err == P2P_OK && type == P2P_DCEP_OPEN)
        err = accept(set, piece->stream, piece->bytes, &ch);
    else
        err = P2P_ERR_VIOLATION;
    if (err == P2P_OK)
        set->config.events->opened(set->config.ctx, ch);
    else
        reset(set, piece->stream);
}

/* --- events of the association --- */

static void on_opened(void *ctx) {
    p2p_datachannels *set = ctx;
    set->config.events->connected(set->config.ctx);
}

static void on_piece(void *ctx, const p2p_sctp_piece *piece) {
    p2p_datachannels *set = ctx;
    p2p_datachannel *ch = piece->user;
    if (piece->ppid == PPID_DCEP) {
        on_dcep(set, piece);
        return;
    }
    if (ch == NULL) {
        reset(set, piece->stream); /* never opened here, or closed already */
        return;
    }
    bool empty = piece->ppid == PPID_TEXT_EMPTY || piece->ppid == PPID_BINARY_EMPTY;
    bool text = piece->ppid == PPID_TEXT || piece->ppid == PPID_TEXT_PARTIAL ||
                piece->ppid == PPID_TEXT_EMPTY;
    bool binary = piece->ppid == PPID_BINARY || piece->ppid == PPID_BINARY_PARTIAL;
    if (!empty && !text && !binary)
        return; /* not for data channels */
    p2p_bytes bytes = empty ? p2p_bytes_of(NULL, 0) : piece->bytes;
    if (ch->held + bytes.len > set->config.receive_limit) {
        close_for(ch, P2P_ERR_FLOW_CONTROL);
        return;
    }
    set->config.events->piece(set->config.ctx, ch, bytes, text, piece->last);
}

static void on_writable(void *ctx, uint16_t stream, void *user) {
    p2p_datachannels *set = ctx;
    (void)stream;
    if (user != NULL)
        set->config.events->writable(set->config.ctx, user);
}

/* RFC 8831 section 6.7: the answer to a reset is the reset of the other direction. */
static void on_peer_reset(void *ctx, uint16_t stream, void *user) {
    if (user != NULL)
        close_for(user, P2P_ERR_EOF);
    else
        reset(ctx, stream);
}

static void on_released(void *ctx, uint16_t stream, void *user, p2p_err err) {
    (void)ctx, (void)stream, (void)user, (void)err;
}

static void on_closed(void *ctx, p2p_err err) {
    p2p_datachannels *set = ctx;
    while (set->first != NULL)
        close_for(set->first, err);
    set->config.events->ended(set->config.ctx, err);
}

static const p2p_sctp_events SCTP_EVENTS = {
    on_opened, on_piece, on_writable, on_peer_reset, on_released, on_closed};

p2p_err p2p_datachannels_new(p2p_datachannels **out, const p2p_datachannels_config *config) {
    *out = NULL;
    if (config->sctp.mem == NULL || config->events == NULL || config->max_channels == 0 ||
        config->receive_limit == 0)
        return P2P_ERR_INVALID;
    p2p_datachannels *set = p2p_mem_alloc(config->sctp.mem, sizeof *set);
    if (set == NULL)
        return P2P_ERR_NO_MEMORY;
    set->config = *config;
    set->config.sctp.events = &SCTP_EVENTS;
    set->config.sctp.ctx = set;
    set->config.sctp.max_live = config->max_channels + CLOSING_ROOM;
    p2p_err err = p2p_sctp_new(&set->sctp, &set->config.sctp);
    if (err != P2P_OK) {
        p2p_mem_free(config->sctp.mem, set, sizeof *set);
        return err;
    }
    set->next_id = config->dtls_client ? 2 : 1;
    *out = set;
    return P2P_OK;
}

void p2p_datachannels_free(p2p_datachannels *set) {
    if (set == NULL)
        return;
    while (set->first != NULL)
        destroy(set->first);
    p2p_sctp_free(set->sctp);
    p2p_mem_free(set->config.sctp.mem, set, sizeof *set);
}

p2p_sctp *p2p_datachannels_sctp(p2p_datachannels *set) {
    return set->sctp;
}

size_t p2p_datachannels_count(const p2p_datachannels *set) {
    return set->count;
}

/* --- a channel --- */

p2p_err p2p_datachannel_send(p2p_datachannel *ch, p2p_bytes message, bool text, p2p_time now) {
    static const uint8_t nothing[] = {0};
    uint32_t id = text ? PPID_TEXT : PPID_BINARY;
    if (message.len == 0) {
        /* SCTP has no empty messages: one byte stands for it. */
        id = text ? PPID_TEXT_EMPTY : PPID_BINARY_EMPTY;
        message = p2p_bytes_of(nothing, sizeof nothing);
    }
    p2p_sctp_options options = ch->options;
    options.unordered = options.unordered && ch->acknowledged;
    return p2p_sctp_send(ch->set->sctp, ch->id, id, message, &options, now);
}

size_t p2p_datachannel_buffered(const p2p_datachannel *ch) {
    return p2p_sctp_buffered(ch->set->sctp, ch->id);
}

p2p_err p2p_datachannel_set_low_water(p2p_datachannel *ch, size_t bytes) {
    return p2p_sctp_set_low_water(ch->set->sctp, ch->id, bytes);
}

void p2p_datachannel_hold(p2p_datachannel *ch, size_t len) {
    ch->held += len;
    p2p_sctp_hold(ch->set->sctp, len);
}

void p2p_datachannel_release(p2p_datachannel *ch, size_t len) {
    len = len < ch->held ? len : ch->held;
    ch->held -= len;
    p2p_sctp_release(ch->set->sctp, len);
}

uint16_t p2p_datachannel_id(const p2p_datachannel *ch) {
    return ch->id;
}

p2p_bytes p2p_datachannel_label(const p2p_datachannel *ch) {
    return p2p_bytes_of(ch->names, ch->label_len);
}

p2p_bytes p2p_datachannel_protocol(const p2p_datachannel *ch) {
    return p2p_bytes_of(ch->names + ch->label_len, ch->protocol_len);
}

void p2p_datachannel_set_user(p2p_datachannel *ch, void *user) {
    ch->user = user;
}

void *p2p_datachannel_user(const p2p_datachannel *ch) {
    return ch->user;
}
