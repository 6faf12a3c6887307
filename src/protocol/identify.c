/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* spec: identify */
#include "protocol/identify.h"

#include "base/buf.h"
#include "base/bytes.h"
#include "base/map.h"
#include "base/mem.h"
#include "identity/identity.h"

enum { TIMER_PUSH = 1 };

#define PATIENCE (10 * P2P_SECOND)
/* Changes are collected for this long: go-libp2p limits how often it listens. */
#define PUSH_DELAY (5 * P2P_SECOND)
/* Addresses learned this way stay known for this long after the connection began. */
#define ADDR_TTL (60 * 60 * P2P_SECOND)

static const char PROTOCOL_VERSION[] = "ipfs/0.1.0";
static const char *const ID[] = {"/ipfs/id/1.0.0", NULL};
static const char *const PUSH[] = {"/ipfs/id/push/1.0.0", NULL};

struct p2p_identify {
    p2p_identify_params params;
    const p2p_mem *mem;
    p2p_map pushable;                 /* connection id → itself: the peer speaks push */
    p2p_map pushing;                  /* connection id → stream on which its peer pushes */
    p2p_time push_at;                 /* when peers are told of the latest changes */
    uint8_t record[P2P_ENVELOPE_MAX]; /* our signed peer record */
    size_t record_len;
    uint64_t record_hash; /* of the addresses in it */
};

/* --- telling --- */

static const char *protocol_at(const void *ctx, size_t index) {
    return p2p_host_protocol(ctx, index);
}

static size_t own_addrs(p2p_host *host, p2p_multiaddr *addrs) {
    size_t count = 0;
    while (count < P2P_IDENTIFY_ADDRS_MAX && p2p_host_addr(host, count, &addrs[count]))
        count++;
    return count;
}

static uint64_t hash_addrs(const p2p_multiaddr *addrs, size_t count) {
    uint64_t hash = count + 1;
    for (size_t i = 0; i < count; i++)
        hash = p2p_hash_bytes(hash, p2p_multiaddr_bytes(&addrs[i]));
    return hash;
}

static p2p_writer write_record(
    p2p_host *host, uint8_t *dst, size_t cap, const p2p_multiaddr *addrs, size_t count) {
    p2p_writer w = p2p_writer_of(dst, cap);
    p2p_peer_record_encode(&w, p2p_host_peer(host), p2p_host_wall_ms(host) * 1000000, addrs, count);
    return w;
}

/*
 * The record holds as many addresses as its message may be long, the first ones. One that cannot be
 * signed at once (external signer) is left out: the message is complete without.
 */
static void sign_record(p2p_identify *own, const p2p_multiaddr *addrs, size_t count) {
    p2p_host *host = own->params.host;
    uint8_t payload[P2P_IDENTIFY_SENT_MAX], statement[P2P_IDENTIFY_SENT_MAX + 128];
    p2p_signature signature;
    p2p_sign_job *pending = NULL;
    own->record_len = 0;
    own->record_hash = hash_addrs(addrs, count);
    while (count > 0 && write_record(host, NULL, 0, addrs, count).len > sizeof payload)
        count--;
    p2p_writer w = write_record(host, payload, sizeof payload, addrs, count);
    p2p_writer s = p2p_writer_of(statement, sizeof statement);
    p2p_envelope_signed_bytes(
        &s, P2P_PEER_RECORD_DOMAIN, P2P_PEER_RECORD_TYPE, p2p_writer_view(&w));
    if (p2p_writer_end(&w) != P2P_OK || p2p_writer_end(&s) != P2P_OK)
        return;
    p2p_identity *identity = p2p_host_identity(host);
    p2p_err err =
        p2p_identity_sign(identity, &signature, &pending, p2p_writer_view(&s), NULL, NULL);
    if (err == P2P_ERR_AGAIN)
        p2p_sign_cancel(pending);
    if (err != P2P_OK)
        return;
    p2p_envelope envelope = {.public_key = p2p_identity_public_key(identity),
        .payload_type = P2P_PEER_RECORD_TYPE,
        .payload = p2p_writer_view(&w),
        .signature = p2p_bytes_of(signature.bytes, signature.len)};
    p2p_writer out = p2p_writer_of(own->record, sizeof own->record);
    p2p_envelope_encode(&out, &envelope);
    if (p2p_writer_end(&out) == P2P_OK)
        own->record_len = out.len;
}

/* Says everything (a push replaces what go-libp2p knows, so it must be complete, too) and ends the
 * direction. */
static void tell(p2p_stream *stream, p2p_identify *own) {
    p2p_host *host = own->params.host;
    p2p_multiaddr *addrs = p2p_mem_alloc(own->mem, P2P_IDENTIFY_ADDRS_MAX * sizeof *addrs);
    uint8_t *sent = p2p_mem_alloc(own->mem, P2P_IDENTIFY_BLOCK_MAX);
    if (addrs != NULL && sent != NULL) {
        size_t count = own_addrs(host, addrs);
        if (hash_addrs(addrs, count) != own->record_hash)
            sign_record(own, addrs, count);
        p2p_identify_fields fields = {
            .public_key = p2p_identity_public_key(p2p_host_identity(host)),
            .agent = p2p_bytes_text(own->params.agent),
            .protocol_version = p2p_bytes_text(PROTOCOL_VERSION),
            .signed_record = p2p_bytes_of(own->record, own->record_len),
            /* spec: identify #observedaddr: the connection source address of the peer as observed.
             */
            .observed = *p2p_conn_remote(p2p_stream_conn(stream)),
            .addrs = addrs,
            .addr_count = count,
            .protocol = protocol_at,
            .protocol_ctx = host};
        p2p_writer w = p2p_writer_of(sent, P2P_IDENTIFY_BLOCK_MAX);
        if (p2p_identify_encode(&w, &fields) == P2P_OK &&
            p2p_stream_write(stream, p2p_writer_view(&w)) == w.len)
            p2p_stream_shut(stream);
        else
            p2p_stream_reset(stream, P2P_CODE_RESOURCE_LIMIT_EXCEEDED);
    } else {
        p2p_stream_reset(stream, P2P_CODE_RESOURCE_LIMIT_EXCEEDED);
    }
    p2p_mem_free(own->mem, sent, P2P_IDENTIFY_BLOCK_MAX);
    p2p_mem_free(own->mem, addrs, P2P_IDENTIFY_ADDRS_MAX * sizeof *addrs);
}

static void set_patience(p2p_stream *stream) {
    p2p_stream_set_deadline(stream, p2p_host_now(p2p_stream_host(stream)) + PATIENCE);
}

static void tell_opened(p2p_stream *stream, void *self) {
    set_patience(stream);
    tell(stream, self);
}

static void discard(p2p_stream *stream, void *self) {
    (void)self;
    p2p_stream_consume(stream, p2p_stream_peek(stream).len);
}

static const p2p_protocol ANSWER = {
    sizeof(p2p_protocol), ID, true, true, tell_opened, discard, NULL, NULL};
static const p2p_protocol SEND_PUSH = {
    sizeof(p2p_protocol), PUSH, false, true, tell_opened, discard, NULL, NULL};

/* --- listening --- */

/* What arrives on one stream: message bodies one behind the other. */
typedef struct reader {
    p2p_buf raw; /* with their lengths, not yet taken apart */
    p2p_buf bodies;
    size_t messages;
} reader;

static void listen_opened(p2p_stream *stream, void *self) {
    p2p_identify *own = self;
    uint64_t conn_id = p2p_conn_id(p2p_stream_conn(stream));
    set_patience(stream);
    /* One push of a peer at a time: each may fill a buffer. */
    bool busy = !p2p_stream_outbound(stream) && p2p_map_get(&own->pushing, conn_id) != NULL;
    if (!busy && !p2p_stream_outbound(stream))
        busy = p2p_map_put(&own->pushing, conn_id, stream) != P2P_OK;
    reader *r = busy ? NULL : p2p_mem_alloc(own->mem, sizeof *r);
    if (r == NULL) {
        p2p_stream_reset(stream, P2P_CODE_RESOURCE_LIMIT_EXCEEDED);
        return;
    }
    p2p_buf_init(&r->raw, own->mem, P2P_IDENTIFY_READ_MAX + 2);
    p2p_buf_init(&r->bodies, own->mem, (size_t)P2P_IDENTIFY_READ_MAX * P2P_IDENTIFY_MESSAGES_MAX);
    p2p_stream_set_user(stream, r);
    if (p2p_stream_outbound(stream))
        p2p_stream_shut(stream);
}

/* Moves whole messages from raw to bodies. */
static p2p_err take_messages(reader *r) {
    while (p2p_buf_len(&r->raw) > 0) {
        uint64_t len;
        size_t head;
        p2p_bytes view = p2p_buf_view(&r->raw);
        p2p_err err = p2p_uvarint_peek(view, 3, &len, &head);
        if (err == P2P_ERR_AGAIN)
            return P2P_OK;
        if (err != P2P_OK)
            return err;
        if (len > P2P_IDENTIFY_READ_MAX || r->messages == P2P_IDENTIFY_MESSAGES_MAX)
            return P2P_ERR_TOO_BIG;
        if (view.len < head + len)
            return P2P_OK;
        err = p2p_buf_append(&r->bodies, p2p_bytes_of(view.ptr + head, (size_t)len));
        if (err != P2P_OK)
            return err;
        p2p_buf_consume(&r->raw, head + (size_t)len);
        r->messages++;
    }
    return P2P_OK;
}

static void note_pushable(p2p_identify *own, p2p_conn *conn, const p2p_peer_info *info) {
    for (size_t i = 0; i < info->protocol_count; i++)
        if (p2p_bytes_equal(info->protocols[i], p2p_bytes_text(PUSH[0])) &&
            p2p_map_put(&own->pushable, p2p_conn_id(conn), conn) != P2P_OK)
            return; /* without memory it is not told of changes */
}

static void finished(p2p_identify *own, p2p_stream *stream, const reader *r) {
    p2p_conn *conn = p2p_stream_conn(stream);
    p2p_host *host = own->params.host;
    p2p_identify_told *told;
    p2p_err err =
        p2p_identify_decode(&told, p2p_buf_view(&r->bodies), p2p_conn_peer(conn), own->mem);
    if (err != P2P_OK) {
        p2p_stream_reset(stream, P2P_CODE_PROTOCOL_VIOLATION);
        return;
    }
    p2p_time expires = p2p_host_now(host) + ADDR_TTL;
    for (size_t i = 0; i < told->info.addr_count; i++)
        p2p_host_add_addr(host, p2p_conn_peer(conn), &told->info.addrs[i], expires);
    note_pushable(own, conn, &told->info);
    own->params.identified(own->params.ctx, conn, told);
}

static void listen_readable(p2p_stream *stream, void *self) {
    p2p_identify *own = self;
    reader *r = p2p_stream_user(stream);
    if (r == NULL)
        return;
    for (p2p_bytes view; (view = p2p_stream_peek(stream)).len > 0;) {
        size_t room = r->raw.max - p2p_buf_len(&r->raw);
        p2p_bytes piece = p2p_bytes_of(view.ptr, view.len < room ? view.len : room);
        p2p_err err = p2p_buf_append(&r->raw, piece);
        if (err == P2P_OK)
            err = take_messages(r);
        if (err == P2P_OK && p2p_buf_len(&r->raw) == r->raw.max)
            err = P2P_ERR_TOO_BIG;
        if (err != P2P_OK) {
            p2p_stream_reset(stream, P2P_CODE_PROTOCOL_VIOLATION);
            return;
        }
        p2p_stream_consume(stream, piece.len);
    }
    if (!p2p_stream_at_end(stream))
        return;
    if (r->messages > 0 && p2p_buf_len(&r->raw) == 0)
        finished(own, stream, r);
    p2p_stream_close(stream);
}

static void listen_closed(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    (void)end;
    p2p_identify *own = self;
    reader *r = p2p_stream_user(stream);
    uint64_t conn_id = p2p_conn_id(p2p_stream_conn(stream));
    if (p2p_map_get(&own->pushing, conn_id) == stream)
        p2p_map_remove(&own->pushing, conn_id);
    if (r == NULL)
        return;
    p2p_buf_deinit(&r->raw);
    p2p_buf_deinit(&r->bodies);
    p2p_mem_free(own->mem, r, sizeof *r);
}

static const p2p_protocol ASK = {
    sizeof(p2p_protocol), ID, false, true, listen_opened, listen_readable, NULL, listen_closed};
static const p2p_protocol TAKE_PUSH = {
    sizeof(p2p_protocol), PUSH, true, true, listen_opened, listen_readable, NULL, listen_closed};

/* --- events --- */

void p2p_identify_changed(p2p_identify *own) {
    p2p_host *host = own->params.host;
    /* The push says what is true when it goes out: later changes need not move it. */
    if (own->push_at > p2p_host_now(host) || p2p_host_next_conn(host, NULL) == NULL)
        return;
    own->push_at = p2p_host_now(host) + PUSH_DELAY;
    p2p_err err = p2p_host_set_timer(host, P2P_TIMER_OWN | TIMER_PUSH, own->push_at);
    (void)err; /* without memory peers learn it at the next change */
}

static void push_to_all(p2p_identify *own) {
    size_t at = 0;
    for (p2p_map_entry *entry; (entry = p2p_map_next(&own->pushable, &at)) != NULL;) {
        /* A connection that is closing or full learns nothing more: it will be identified anew when
         * it comes again. */
        p2p_err err = p2p_conn_open(entry->value, &SEND_PUSH, own, NULL);
        (void)err;
    }
}

bool p2p_identify_event(p2p_identify *own, const p2p_event *event) {
    p2p_err err = P2P_OK; /* what takes no stream is about to end, which has an event of its own */
    switch (event->type) {
    case P2P_EVENT_CONNECTED:
        err = p2p_conn_open(event->conn, &ASK, own, NULL);
        break;
    case P2P_EVENT_DISCONNECTED:
        p2p_map_remove(&own->pushable, p2p_conn_id(event->conn));
        break;
    case P2P_EVENT_ADDRESSES:
        p2p_identify_changed(own);
        break;
    case P2P_EVENT_TIMER:
        if (event->request == (P2P_TIMER_OWN | TIMER_PUSH)) {
            push_to_all(own);
            return true;
        }
        break;
    default:
        break;
    }
    (void)err;
    return false;
}

p2p_err p2p_identify_new(p2p_identify **out, const p2p_identify_params *params) {
    const p2p_mem *mem = p2p_host_mem(params->host);
    *out = NULL;
    p2p_identify *own = p2p_mem_alloc(mem, sizeof *own);
    if (own == NULL)
        return P2P_ERR_NO_MEMORY;
    own->params = *params;
    own->mem = mem;
    uint64_t seed;
    p2p_host_random(params->host, (uint8_t *)&seed, sizeof seed);
    p2p_map_init(&own->pushable, mem, seed);
    p2p_map_init(&own->pushing, mem, seed);
    p2p_err err = p2p_host_add_protocol(params->host, &ANSWER, own);
    if (err == P2P_OK)
        err = p2p_host_add_protocol(params->host, &TAKE_PUSH, own);
    if (err != P2P_OK) {
        p2p_identify_free(own);
        return err;
    }
    *out = own;
    return P2P_OK;
}

void p2p_identify_free(p2p_identify *own) {
    if (own == NULL)
        return;
    p2p_map_deinit(&own->pushable);
    p2p_map_deinit(&own->pushing);
    p2p_mem_free(own->mem, own, sizeof *own);
}
