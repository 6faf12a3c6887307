/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How fast two associations in one thread exchange 16 KiB messages over a perfect wire, both sides'
 * work counted: bench_sctp [megabytes] [packets in a batch] with checksums and without (RFC 9653).
 * Not a test.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "webrtc/sctp.h"

enum { MESSAGE = 16384, MTU = 1200, MAX_BATCH = 512 };

typedef struct side {
    p2p_sctp *sctp;
    uint64_t received;
    bool opened;
} side;

typedef struct batch {
    uint8_t data[MAX_BATCH][MTU];
    size_t len[MAX_BATCH];
    size_t count;
} batch;

static void on_opened(void *ctx) {
    ((side *)ctx)->opened = true;
}

static void on_piece(void *ctx, const p2p_sctp_piece *piece) {
    ((side *)ctx)->received += piece->bytes.len;
}

static void on_stream(void *ctx, uint16_t stream, void *user) {
    (void)ctx, (void)stream, (void)user;
}

static void on_released(void *ctx, uint16_t stream, void *user, p2p_err err) {
    (void)ctx, (void)stream, (void)user, (void)err;
}

static void on_closed(void *ctx, p2p_err err) {
    (void)ctx;
    fprintf(stderr, "closed: %s\n", p2p_err_name(err));
    exit(1);
}

static const p2p_sctp_events EVENTS = {
    on_opened, on_piece, on_stream, on_stream, on_released, on_closed};

static void fill(void *ctx, uint8_t *dst, size_t len) {
    (void)ctx;
    for (size_t i = 0; i < len; i++)
        dst[i] = (uint8_t)rand();
}

static void draw(side *from, batch *b, size_t most, p2p_time now) {
    b->count = 0;
    while (b->count < most &&
           p2p_sctp_output(from->sctp, b->data[b->count], MTU, &b->len[b->count], now) == P2P_OK)
        b->count++;
}

static void feed(side *to, batch *b, p2p_time now) {
    for (size_t i = 0; i < b->count; i++)
        p2p_sctp_input(to->sctp, b->data[i], b->len[i], now);
}

static void run(uint64_t total, size_t most, bool zero_checksum, bool print) {
    static const p2p_mem mem = {NULL, NULL};
    static const p2p_random random = {fill, NULL};
    static batch ab, ba;
    static uint8_t message[MESSAGE];
    side a = {0}, b = {0};
    p2p_sctp_config config = P2P_SCTP_DEFAULTS;
    config.mem = &mem;
    config.random = &random;
    config.events = &EVENTS;
    config.mtu = MTU;
    config.zero_checksum = zero_checksum;
    config.ctx = &a;
    if (p2p_sctp_new(&a.sctp, &config) != P2P_OK)
        exit(1);
    config.ctx = &b;
    if (p2p_sctp_new(&b.sctp, &config) != P2P_OK)
        exit(1);
    p2p_time now = P2P_SECOND;
    if (p2p_sctp_connect(a.sctp, now) != P2P_OK)
        exit(1);
    double start = cpu_seconds(RUSAGE_SELF);
    uint64_t sent = 0;
    while (b.received < total) {
        while (a.opened && sent < total &&
               p2p_sctp_send(a.sctp, 1, 53, (p2p_bytes){message, MESSAGE}, NULL, now) == P2P_OK)
            sent += MESSAGE;
        draw(&a, &ab, most, now);
        now += 10 * P2P_MICROSECOND;
        feed(&b, &ab, now);
        draw(&b, &ba, most, now);
        now += 10 * P2P_MICROSECOND;
        feed(&a, &ba, now);
        if (ab.count + ba.count == 0)
            now += 20 * P2P_MILLISECOND;
        if (p2p_sctp_deadline(a.sctp) <= now)
            p2p_sctp_tick(a.sctp, now);
        if (p2p_sctp_deadline(b.sctp) <= now)
            p2p_sctp_tick(b.sctp, now);
    }
    double spent = cpu_seconds(RUSAGE_SELF) - start;
    p2p_sctp_info info;
    p2p_sctp_get_info(a.sctp, &info);
    if (print)
        printf("%-12s %6.2f Gbit/s per CPU-second  %5.0f ns/packet  %llu packets, %llu again\n",
            zero_checksum ? "no checksum" : "CRC-32C", (double)b.received * 8 / spent / 1e9,
            spent * 1e9 / (double)info.packets_out, (unsigned long long)info.packets_out,
            (unsigned long long)info.retransmitted);
    p2p_sctp_free(a.sctp);
    p2p_sctp_free(b.sctp);
}

int main(int argc, char **argv) {
    uint64_t total = (uint64_t)(argc > 1 ? atoi(argv[1]) : 1000) << 20;
    size_t most = argc > 2 ? (size_t)atoi(argv[2]) : 40;
    if (most < 1 || most > MAX_BATCH)
        return 2;
    run(total / 10, most, false, false);
    run(total, most, false, true);
    run(total, most, true, true);
    return 0;
}
