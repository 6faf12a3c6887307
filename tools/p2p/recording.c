/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "recording.h"

#include <stdio.h>

#include "base/bytes.h"
#include "crypto/crypto.h"

void cli_chain_start(uint8_t chain[CLI_CHAIN_LEN]) {
    static const uint8_t VERSION = CLI_RECORDING_VERSION;
    p2p_sha256_two(chain, P2P_LITERAL(CLI_RECORDING_MAGIC), p2p_bytes_of(&VERSION, 1));
}

void cli_chain_add(uint8_t chain[CLI_CHAIN_LEN], p2p_bytes body) {
    uint8_t next[CLI_CHAIN_LEN];
    p2p_sha256_two(next, p2p_bytes_of(chain, CLI_CHAIN_LEN), body);
    memcpy(chain, next, sizeof next);
}

/* --- parts --- */

static void put_bytes(p2p_writer *w, p2p_bytes bytes) {
    p2p_writer_uvarint(w, bytes.len);
    p2p_writer_bytes(w, bytes);
}

static p2p_bytes take_bytes(p2p_cursor *c) {
    return p2p_cursor_take(c, p2p_cursor_uvarint(c));
}

/* Sockets that were accepted have the highest bit set: turned round they are small numbers. */
static void put_socket(p2p_writer *w, p2p_socket socket) {
    p2p_writer_uvarint(w, (socket & ~P2P_SOCKET_ACCEPTED) << 1 | socket >> 63);
}

static p2p_socket take_socket(p2p_cursor *c) {
    uint64_t turned = p2p_cursor_uvarint(c);
    return turned >> 1 | turned << 63;
}

static size_t ip_len(uint8_t family) {
    return family == 4 ? 4 : family == 6 ? 16 : family == P2P_FAMILY_MEMORY ? 8 : 0;
}

static void put_addr(p2p_writer *w, const p2p_sockaddr *addr) {
    p2p_writer_u8(w, addr->family);
    if (addr->family == 0)
        return;
    p2p_writer_bytes(w, p2p_bytes_of(addr->ip, ip_len(addr->family)));
    p2p_writer_u16(w, addr->port);
    p2p_writer_u32(w, addr->scope);
}

static void take_addr(p2p_cursor *c, p2p_sockaddr *addr) {
    *addr = (p2p_sockaddr){.family = p2p_cursor_u8(c)};
    if (addr->family == 0)
        return;
    size_t len = ip_len(addr->family);
    if (len == 0)
        p2p_cursor_fail(c);
    p2p_bytes ip = p2p_cursor_take(c, len);
    p2p_copy(addr->ip, ip.ptr, ip.len);
    addr->port = p2p_cursor_u16(c);
    addr->scope = p2p_cursor_u32(c);
}

static void put_digest(p2p_writer *w, p2p_bytes data) {
    uint8_t digest[P2P_SHA256_LEN];
    if (data.len == 0)
        return;
    p2p_sha256(digest, data);
    p2p_writer_bytes(w, p2p_bytes_of(digest, sizeof digest));
}

/* --- header --- */

void cli_encode_header(p2p_writer *w, const cli_header *header) {
    p2p_writer_u8(w, CLI_HEADER);
    put_bytes(w, header->version);
    p2p_writer_u64(w, header->started);
    p2p_writer_u64(w, header->wall_ms);
    p2p_writer_bytes(w, p2p_bytes_of(header->seed, CLI_SEED_LEN));
    put_bytes(w, header->private_key);
    p2p_writer_uvarint(w, header->arg_count);
    for (size_t i = 0; i < header->arg_count; i++)
        put_bytes(w, header->args[i]);
}

p2p_err cli_decode_header(cli_header *header, p2p_cursor *c) {
    *header = (cli_header){.version = take_bytes(c)};
    header->started = p2p_cursor_u64(c);
    header->wall_ms = p2p_cursor_u64(c);
    p2p_bytes seed = p2p_cursor_take(c, CLI_SEED_LEN);
    p2p_copy(header->seed, seed.ptr, seed.len);
    header->private_key = take_bytes(c);
    uint64_t count = p2p_cursor_uvarint(c);
    if (count == 0 || count > CLI_ARGS_MAX)
        p2p_cursor_fail(c);
    size_t text = 0;
    for (uint64_t i = 0; i < count && c->err == P2P_OK; i++) {
        p2p_bytes arg = take_bytes(c);
        text += arg.len + 1;
        if (text > CLI_ARGS_TEXT_MAX || (arg.len > 0 && memchr(arg.ptr, 0, arg.len) != NULL))
            p2p_cursor_fail(c);
        header->args[i] = arg;
        header->arg_count++;
    }
    return p2p_cursor_end(c);
}

/* --- input --- */

void cli_encode_input(p2p_writer *w, const p2p_input *input, p2p_time before) {
    p2p_writer_u8(w, CLI_INPUT);
    p2p_writer_u8(w, (uint8_t)input->type);
    p2p_writer_uvarint(w, input->now - before);
    put_socket(w, input->socket);
    put_socket(w, input->listener);
    p2p_writer_uvarint(w, input->request);
    put_bytes(w, p2p_bytes_of(input->data, input->len));
    p2p_writer_uvarint(w, input->segment);
    p2p_writer_u8(w, input->ecn);
    put_addr(w, &input->local);
    put_addr(w, &input->remote);
    p2p_writer_u8(w, (uint8_t)input->err);
    p2p_writer_uvarint(w, input->addr_count);
    for (size_t i = 0; i < input->addr_count; i++)
        put_addr(w, &input->addrs[i]);
}

p2p_err cli_decode_input(
    p2p_input *input, p2p_sockaddr addrs[CLI_INPUT_ADDRS_MAX], p2p_cursor *c, p2p_time before) {
    *input = (p2p_input){.type = p2p_cursor_u8(c)};
    input->now = before + p2p_cursor_uvarint(c);
    input->socket = take_socket(c);
    input->listener = take_socket(c);
    input->request = p2p_cursor_uvarint(c);
    p2p_bytes data = take_bytes(c);
    input->data = (uint8_t *)data.ptr;
    input->len = data.len;
    input->segment = p2p_cursor_uvarint(c);
    input->ecn = p2p_cursor_u8(c);
    take_addr(c, &input->local);
    take_addr(c, &input->remote);
    unsigned err = p2p_cursor_u8(c);
    uint64_t count = p2p_cursor_uvarint(c);
    if (input->type > P2P_INPUT_PAUSED || err >= P2P_ERR_COUNT_ || count > CLI_INPUT_ADDRS_MAX ||
        input->now < before || input->segment > input->len || input->ecn > 3)
        p2p_cursor_fail(c);
    input->err = (p2p_err)err;
    for (uint64_t i = 0; i < count && c->err == P2P_OK; i++)
        take_addr(c, &addrs[i]);
    input->addrs = addrs;
    input->addr_count = c->err == P2P_OK ? (size_t)count : 0;
    return p2p_cursor_end(c);
}

/* --- what comes out --- */

static void encode_effect(p2p_writer *w, const p2p_effect *effect) {
    p2p_writer_u8(w, CLI_EFFECT);
    if (effect == NULL)
        return;
    p2p_writer_u8(w, (uint8_t)effect->type);
    put_socket(w, effect->socket);
    p2p_writer_uvarint(w, effect->request);
    put_addr(w, &effect->local);
    put_addr(w, &effect->remote);
    p2p_writer_u8(w, effect->family);
    p2p_writer_u8(w, (uint8_t)(effect->on | effect->abort << 1));
    put_bytes(w, p2p_bytes_text(effect->name != NULL ? effect->name : ""));
}

static void put_multiaddr(p2p_writer *w, const p2p_multiaddr *addr) {
    put_bytes(w, p2p_multiaddr_bytes(addr));
}

static void put_info(p2p_writer *w, const p2p_peer_info *info) {
    put_bytes(w, info->agent);
    put_bytes(w, info->protocol_version);
    p2p_writer_uvarint(w, info->protocol_count);
    for (size_t i = 0; i < info->protocol_count; i++)
        put_bytes(w, info->protocols[i]);
    p2p_writer_uvarint(w, info->addr_count);
    for (size_t i = 0; i < info->addr_count; i++)
        put_multiaddr(w, &info->addrs[i]);
    put_bytes(w, info->signed_record);
    put_multiaddr(w, &info->observed);
}

static void encode_event(p2p_writer *w, const p2p_event *event) {
    p2p_writer_u8(w, CLI_EVENT);
    if (event == NULL)
        return;
    p2p_writer_u8(w, (uint8_t)event->type);
    p2p_writer_uvarint(w, event->request);
    p2p_writer_uvarint(w, event->listener);
    put_multiaddr(w, &event->addr);
    p2p_writer_u8(w, (uint8_t)event->reason.err);
    p2p_writer_u8(w, event->reason.by_peer);
    p2p_writer_u32(w, event->reason.remote_code);
    put_bytes(w, p2p_bytes_text(event->reason.text));
    p2p_writer_u8(w, event->conn != NULL);
    if (event->conn != NULL) {
        const p2p_peer_id *peer = p2p_conn_peer(event->conn);
        p2p_writer_uvarint(w, p2p_conn_id(event->conn));
        put_bytes(w, p2p_bytes_of(peer->bytes, peer->len));
        put_multiaddr(w, p2p_conn_remote(event->conn));
        put_bytes(w, p2p_bytes_text(p2p_conn_security(event->conn)));
        put_bytes(w, p2p_bytes_text(p2p_conn_muxer(event->conn)));
    }
    p2p_writer_u8(w, event->info != NULL);
    if (event->info != NULL)
        put_info(w, event->info);
}

static void encode_draw(p2p_writer *w, const p2p_crossing *crossing) {
    p2p_writer_u8(w, CLI_DRAW);
    put_socket(w, crossing->socket);
    p2p_writer_uvarint(w, crossing->cap);
    p2p_writer_uvarint(w, crossing->drawn.len);
    put_digest(w, crossing->drawn);
}

static void encode_datagrams(p2p_writer *w, const p2p_crossing *crossing) {
    const p2p_datagrams *sent = crossing->datagrams;
    p2p_writer_u8(w, CLI_DATAGRAMS);
    put_socket(w, crossing->socket);
    p2p_writer_uvarint(w, crossing->cap);
    p2p_writer_uvarint(w, crossing->max_segments);
    if (sent == NULL)
        return;
    p2p_writer_uvarint(w, sent->len);
    p2p_writer_uvarint(w, sent->segment);
    p2p_writer_u8(w, sent->ecn);
    put_addr(w, &sent->local);
    put_addr(w, &sent->remote);
    put_digest(w, crossing->drawn);
}

p2p_err cli_decode_draw(
    p2p_socket *socket, size_t *cap, size_t *max_segments, p2p_cursor *c, bool datagrams) {
    *socket = take_socket(c);
    uint64_t room = p2p_cursor_uvarint(c);
    uint64_t segments = datagrams ? p2p_cursor_uvarint(c) : 1;
    if (room > CLI_DRAW_CAP_MAX || segments == 0 || segments > 1024)
        p2p_cursor_fail(c);
    *cap = c->err == P2P_OK ? (size_t)room : 0;
    *max_segments = c->err == P2P_OK ? (size_t)segments : 1;
    return c->err;
}

void cli_encode_crossing(p2p_writer *w, const p2p_crossing *crossing, p2p_time before) {
    switch (crossing->type) {
    case P2P_CROSSING_INPUT:
        cli_encode_input(w, crossing->input, before);
        break;
    case P2P_CROSSING_EFFECT:
        encode_effect(w, crossing->effect);
        break;
    case P2P_CROSSING_DRAW:
        encode_draw(w, crossing);
        break;
    case P2P_CROSSING_DATAGRAMS:
        encode_datagrams(w, crossing);
        break;
    case P2P_CROSSING_EVENT:
        encode_event(w, crossing->event);
        break;
    }
}

void cli_encode_interrupt(p2p_writer *w) {
    p2p_writer_u8(w, CLI_INTERRUPT);
}

void cli_encode_end(p2p_writer *w, uint64_t frames) {
    p2p_writer_u8(w, CLI_END);
    p2p_writer_uvarint(w, frames);
}

p2p_err cli_decode_end(uint64_t *frames, p2p_cursor *c) {
    *frames = p2p_cursor_uvarint(c);
    return p2p_cursor_end(c);
}

/* --- words --- */

static const char *const EFFECTS[] = {[P2P_EFFECT_CONNECT] = "connect",
    [P2P_EFFECT_LISTEN] = "listen",
    [P2P_EFFECT_BIND] = "bind",
    [P2P_EFFECT_CLOSE] = "close",
    [P2P_EFFECT_SHUT] = "shut",
    [P2P_EFFECT_SEND] = "send",
    [P2P_EFFECT_ACCEPT] = "accept",
    [P2P_EFFECT_READ] = "read",
    [P2P_EFFECT_RESOLVE] = "resolve"};

static const char *const EVENTS[] = {[P2P_EVENT_LISTENING] = "listening",
    [P2P_EVENT_LISTEN_FAILED] = "listen failed",
    [P2P_EVENT_CONNECTED] = "connected",
    [P2P_EVENT_DISCONNECTED] = "disconnected",
    [P2P_EVENT_DIALED] = "dialed",
    [P2P_EVENT_DIAL_FAILED] = "dial failed",
    [P2P_EVENT_IDENTIFIED] = "identified",
    [P2P_EVENT_INBOUND_FAILED] = "inbound failed",
    [P2P_EVENT_ADDRESSES] = "addresses",
    [P2P_EVENT_ACCEPT_PAUSED] = "accept paused",
    [P2P_EVENT_TIMER] = "timer",
    [P2P_EVENT_STOPPED] = "stopped"};

static void describe_draw(char *dst, size_t cap, p2p_cursor *c, bool datagrams) {
    p2p_socket socket;
    size_t room, segments;
    if (cli_decode_draw(&socket, &room, &segments, c, datagrams) != P2P_OK) {
        snprintf(dst, cap, "a malformed draw");
        return;
    }
    uint64_t len = c->left > 0 ? p2p_cursor_uvarint(c) : 0;
    uint64_t segment = datagrams && c->left > 0 ? p2p_cursor_uvarint(c) : 0;
    p2p_bytes rest = p2p_cursor_rest(c);
    uint32_t head =
        rest.len >= P2P_SHA256_LEN ? p2p_load32(rest.ptr + rest.len - P2P_SHA256_LEN) : 0;
    snprintf(dst, cap, "%llu bytes%s drawn for socket %llu%s (segment %llu, hash %08x)",
        (unsigned long long)len, datagrams ? " of datagrams" : "",
        (unsigned long long)(socket & ~P2P_SOCKET_ACCEPTED),
        socket & P2P_SOCKET_ACCEPTED ? " (accepted)" : "", (unsigned long long)segment,
        (unsigned)head);
}

static void describe_one(char *dst, size_t cap, p2p_cursor *c, const char *const *names,
    size_t count, const char *what) {
    size_t left = c->left;
    if (left == 0) {
        snprintf(dst, cap, "no %s", what);
        return;
    }
    unsigned type = p2p_cursor_u8(c);
    uint64_t number = p2p_cursor_uvarint(c);
    bool effect = names == EFFECTS;
    snprintf(dst, cap, "%s \"%s\"%s%llu (%zu bytes)", what, type < count ? names[type] : "unknown",
        effect ? " of socket " : ", number ", (unsigned long long)(effect ? number >> 1 : number),
        left);
}

void cli_describe(char *dst, size_t cap, p2p_bytes body) {
    p2p_cursor c = p2p_cursor_of(body);
    switch (p2p_cursor_u8(&c)) {
    case CLI_EFFECT:
        describe_one(dst, cap, &c, EFFECTS, P2P_COUNT(EFFECTS), "effect");
        return;
    case CLI_EVENT:
        describe_one(dst, cap, &c, EVENTS, P2P_COUNT(EVENTS), "event");
        return;
    case CLI_DRAW:
        describe_draw(dst, cap, &c, false);
        return;
    case CLI_DATAGRAMS:
        describe_draw(dst, cap, &c, true);
        return;
    default:
        snprintf(dst, cap, "something else");
        return;
    }
}
