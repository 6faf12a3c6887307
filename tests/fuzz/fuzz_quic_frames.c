/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Frames into a listening QUIC host, behind a handshake that was in order: the input stands in for
 * the plaintext of the client's packets, whose encryption the linker finds here. Each packet is a
 * length in two bytes and that many bytes of frames; a length of 0 lets time pass.
 */
#include <stdlib.h>

#include <ngtcp2/ngtcp2_crypto.h>

#include "support/datagram_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the next packets are made of; NULL: what they would be anyway. */
static const uint8_t *frames;
static size_t frames_len;

/* In place of ngtcp2's. NOLINTNEXTLINE(readability-function-size) */
int ngtcp2_crypto_encrypt_cb(uint8_t *dst, const ngtcp2_crypto_aead *aead,
    const ngtcp2_crypto_aead_ctx *ctx, const uint8_t *text, size_t len, const uint8_t *nonce,
    size_t nonce_len, const uint8_t *aad, size_t aad_len) {
    uint8_t changed[2048] = {0};
    if (frames != NULL && len <= sizeof changed && len >= frames_len) {
        memcpy(changed, frames, frames_len);
        text = changed;
    }
    return ngtcp2_crypto_encrypt(dst, aead, ctx, text, len, nonce, nonce_len, aad, aad_len) == 0
               ? 0
               : NGTCP2_ERR_CALLBACK_FAILURE;
}

static const char *const IDS[] = {"/fuzz/1", NULL};

static void swallow(p2p_stream *stream, void *self) {
    (void)self;
    p2p_stream_consume(stream, p2p_stream_peek(stream).len);
}

static void forget(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    (void)stream;
    (void)end;
    *(p2p_stream **)self = NULL;
}

static const p2p_protocol CLIENT = {
    .size = sizeof(p2p_protocol), .ids = IDS, .readable = swallow, .closed = forget};
static const p2p_protocol SERVER = {
    .size = sizeof(p2p_protocol), .ids = IDS, .inbound = true, .readable = swallow};

/* The client's packets that carry a thousand bytes, with these frames in them instead. */
static void say(datagram_host *client, p2p_stream **stream, const uint8_t *bytes, size_t len) {
    static const uint8_t BLOCK[1000];
    if (*stream == NULL &&
        (client->conn == NULL || p2p_conn_open(client->conn, &CLIENT, stream, stream) != P2P_OK))
        return;
    p2p_stream_write(*stream, (p2p_bytes){BLOCK, sizeof BLOCK});
    frames = bytes;
    frames_len = len;
    datagram_host_pass(client, 1);
    frames = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    datagram_host *server = malloc(sizeof *server), *client = malloc(sizeof *client);
    p2p_stream *stream = NULL;
    if (server == NULL || client == NULL)
        abort();
    datagram_host_start(server, 1, NULL);
    datagram_host_start(client, 2, NULL);
    check_ok(p2p_host_add_protocol(server->host, &SERVER, NULL));
    datagram_host_listen(server);
    datagram_host_dial(client, server);
    datagram_hosts_talk(client, server, 20);
    check(client->connected == 1 && server->connected == 1);
    for (size_t at = 0; at + 2 <= size && client->disconnected == 0;) {
        size_t len = (size_t)(data[at] << 8 | data[at + 1]) % 900;
        at += 2;
        len = len < size - at ? len : size - at;
        if (len > 0) {
            say(client, &stream, data + at, len);
        } else {
            datagram_host_pass(client, P2P_SECOND);
            datagram_host_pass(server, P2P_SECOND);
        }
        at += len;
        datagram_hosts_talk(client, server, 4);
    }
    datagram_host_stop(client);
    datagram_host_stop(server);
    free(client);
    free(server);
    return 0;
}
