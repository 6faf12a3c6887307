/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A DTLS server that is sent arbitrary datagrams, each behind two bytes of length. A first byte of
 * 1 has a real client connect before, so that the records of an open connection are reached.
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "webrtc/dtls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const p2p_mem mem;

static p2p_dtls_context *context(void) {
    static p2p_dtls_context *made;
    if (made != NULL)
        return made;
    p2p_certificate certificate;
    p2p_certificate_subject subject = {
        P2P_LITERAL("fuzz"), P2P_CERTIFICATE_2020, P2P_CERTIFICATE_2120};
    if (p2p_certificate_derive(&certificate, P2P_LITERAL("secret"), (p2p_bytes){0},
            P2P_LITERAL("info"), &subject) != P2P_OK ||
        p2p_dtls_context_new(&made, &certificate, &mem) != P2P_OK)
        abort();
    return made;
}

static void feed(p2p_dtls *dtls, uint8_t *datagram, size_t len) {
    size_t at = 0;
    p2p_bytes plain;
    while (p2p_dtls_input(dtls, datagram, len, &at, &plain, 0) == P2P_OK) {
        if (plain.len > len)
            abort();
    }
    if (at != len)
        abort();
}

static void connect_client(p2p_dtls *server) {
    p2p_dtls *client;
    p2p_dtls_config config = {.context = context(), .client = true};
    p2p_dtls *sides[2] = {server, NULL};
    uint8_t raw[1200];
    size_t len;
    if (p2p_dtls_new(&client, &config, &mem, 0) != P2P_OK)
        abort();
    sides[1] = client;
    for (int i = 0; i < 4; i++) {
        for (int from = 0; from < 2; from++) {
            while (p2p_dtls_output(sides[from], raw, sizeof raw, &len, 0) == P2P_OK)
                feed(sides[1 - from], raw, len);
        }
    }
    if (p2p_dtls_get_state(server) != P2P_DTLS_OPEN)
        abort();
    p2p_dtls_free(client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    p2p_dtls *server;
    p2p_dtls_config config = {.context = context()};
    uint8_t raw[1 << 16];
    size_t len;
    p2p_time now = 0;
    if (size < 1)
        return 0;
    if (p2p_dtls_new(&server, &config, &mem, now) != P2P_OK)
        abort();
    if (data[0] == 1)
        connect_client(server);
    for (size_t at = 1; at + 2 <= size;) {
        size_t want = p2p_load16(data + at);
        at += 2;
        size_t have = want < size - at ? want : size - at;
        memcpy(raw, data + at, have);
        feed(server, raw, have);
        at += have;
        while (p2p_dtls_output(server, raw, sizeof raw, &len, now) == P2P_OK)
            ;
        now += 100 * P2P_MILLISECOND;
        p2p_dtls_tick(server, now);
    }
    p2p_dtls_free(server);
    return 0;
}
