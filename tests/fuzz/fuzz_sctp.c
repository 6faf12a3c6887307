/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A sequence of packets into one set of data channels. The first byte chooses how far the handshake
 * has come; then each step is a byte of what to do and a length, and that many bytes of chunks.
 * Ports, tag and checksum are made right, and the first TSN is known, so that the fuzzer gets to
 * the machines behind them. Memory must stay bounded and output must come to an end.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cursor.h"
#include "webrtc/crc32c.h"
#include "webrtc/datachannel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MTU = 1200, LIVE_MAX = 4 << 20, PACKETS_MAX = 20000 };

typedef struct counted {
    size_t live;
    bool ended;
    p2p_datachannel *channel;
} counted;

static void *count_resize(void *ctx, void *ptr, size_t old_size, size_t new_size) {
    counted *c = ctx;
    c->live += new_size - old_size;
    if (c->live > LIVE_MAX)
        abort();
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, new_size);
}

/* Constant, so that tags and TSNs are known: 0x01010101. */
static void fill(void *ctx, uint8_t *dst, size_t len) {
    (void)ctx;
    memset(dst, 1, len);
}

static void on_connected(void *ctx) {
    (void)ctx;
}

static void on_opened(void *ctx, p2p_datachannel *channel) {
    ((counted *)ctx)->channel = channel;
}

static void on_piece(void *ctx, p2p_datachannel *channel, p2p_bytes bytes, bool text, bool last) {
    counted *c = ctx;
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < bytes.len; i++)
        sum = (uint8_t)(sum + bytes.ptr[i]);
    if (c->ended || (bytes.len > 0 && bytes.ptr[0] == 'h'))
        p2p_datachannel_hold(channel, bytes.len);
    if (last && bytes.len > 0 && bytes.ptr[0] == 'c') {
        if (c->channel == channel)
            c->channel = NULL;
        p2p_datachannel_close(channel);
    } else if (last && p2p_datachannel_send(channel, bytes, text, 0) == P2P_ERR_INTERNAL) {
        abort();
    }
}

static void on_writable(void *ctx, p2p_datachannel *channel) {
    (void)ctx, (void)channel;
}

static void on_closed(void *ctx, p2p_datachannel *channel, p2p_err err) {
    counted *c = ctx;
    if (c->channel == channel)
        c->channel = NULL;
    if (err == P2P_OK)
        abort();
}

static void on_ended(void *ctx, p2p_err err) {
    counted *c = ctx;
    if (c->ended || err == P2P_OK)
        abort();
    c->ended = true;
}

static const p2p_datachannel_events EVENTS = {
    on_connected, on_opened, on_piece, on_writable, on_closed, on_ended};

static void drain(p2p_sctp *a, p2p_time now) {
    uint8_t out[MTU];
    size_t len;
    for (int i = 0; p2p_sctp_output(a, out, sizeof out, &len, now) == P2P_OK; i++) {
        if (len > MTU || i > PACKETS_MAX)
            abort();
    }
}

static void feed(p2p_sctp *a, uint32_t tag, p2p_bytes chunks, p2p_time now) {
    uint8_t packet[MTU];
    size_t len = chunks.len < MTU - 12 ? chunks.len : MTU - 12;
    p2p_store16(packet, P2P_SCTP_PORT);
    p2p_store16(packet + 2, P2P_SCTP_PORT);
    p2p_store32(packet + 4, tag);
    p2p_store32(packet + 8, 0);
    p2p_copy(packet + 12, chunks.ptr, len);
    uint32_t crc = p2p_crc32c(packet, len + 12);
    for (int i = 0; i < 4; i++)
        packet[8 + i] = (uint8_t)(crc >> (8 * i));
    p2p_sctp_input(a, packet, len + 12, now);
}

static void advance(p2p_sctp *a, unsigned state, p2p_time now) {
    static const uint8_t init_ack[] = {2, 0, 0, 38, 0, 0, 0, 9, 0, 1, 0, 0, 0, 64, 0, 64, 0, 0, 0,
        1, 0, 7, 0, 8, 'c', 'o', 'o', 'k', 0x80, 8, 0, 6, 0x82, 0xc0, 0, 0, 0, 0, 0, 0};
    static const uint8_t cookie_ack[] = {11, 0, 0, 4};
    if (state > 0 && p2p_sctp_connect(a, now) != P2P_OK)
        abort();
    drain(a, now);
    if (state > 1)
        feed(a, 0x01010101, p2p_bytes_of(init_ack, sizeof init_ack), now);
    drain(a, now);
    if (state > 2)
        feed(a, 0x01010101, p2p_bytes_of(cookie_ack, sizeof cookie_ack), now);
}

static void steps(p2p_datachannels *set, counted *c, p2p_cursor in) {
    p2p_sctp *a = p2p_datachannels_sctp(set);
    p2p_time now = P2P_SECOND;
    while (in.left > 2) {
        uint8_t what = p2p_cursor_u8(&in);
        size_t len = p2p_cursor_u8(&in);
        p2p_bytes chunks = p2p_cursor_take(&in, len < in.left ? len : in.left);
        p2p_dcep_open open = {.unordered = what & 32, .reliability = (what >> 3) % 3, .limit = 1};
        p2p_err err = P2P_OK;
        switch (what & 7) {
        case 0:
            now = p2p_sctp_deadline(a) < now + P2P_SECOND * 20 ? p2p_sctp_deadline(a) : now + 1;
            p2p_sctp_tick(a, now);
            break;
        case 1:
            err = p2p_datachannel_open(set, &open, &c->channel);
            break;
        case 2:
            if (c->channel != NULL)
                err = p2p_datachannel_send(c->channel, chunks, false, now);
            break;
        case 3:
            if (c->channel != NULL)
                p2p_datachannel_close(c->channel);
            c->channel = NULL;
            break;
        default:
            feed(a, what & 64 ? 0 : 0x01010101, chunks, now);
        }
        if (err == P2P_ERR_INTERNAL)
            abort();
        if (!(what & 128))
            drain(a, now);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    counted c = {0};
    p2p_mem mem = {count_resize, &c};
    p2p_random random = {fill, NULL};
    p2p_datachannels_config config = {.sctp = P2P_SCTP_DEFAULTS,
        .max_channels = 8,
        .receive_limit = 4096,
        .events = &EVENTS,
        .ctx = &c};
    config.sctp.mem = &mem;
    config.sctp.random = &random;
    config.sctp.receive_buffer = 64 << 10;
    config.sctp.send_buffer = 64 << 10;
    p2p_datachannels *set;
    if (p2p_datachannels_new(&set, &config) != P2P_OK)
        abort();
    advance(p2p_datachannels_sctp(set), data[0] & 3, P2P_SECOND);
    steps(set, &c, p2p_cursor_of(p2p_bytes_of(data + 1, size - 1)));
    p2p_datachannels_free(set);
    if (c.live != 0)
        abort();
    return 0;
}
