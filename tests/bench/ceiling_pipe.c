/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The most that encrypted TCP can do on this machine: one process seals a fixed block with fixed
 * keys and writes, the other reads and opens. No handshake, no interface, no flow control beyond
 * TCP's.
 *
 *     ceiling_pipe chacha|aes TEXT_PER_MESSAGE MESSAGES_PER_WRITE MEGABYTES
 *
 * chacha 65500 2 stands for Noise, aes 16384 4 for TLS 1.3. The sender runs on CPU 0, the receiver
 * on CPU 1.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "machine.h"

enum { HEAD = 2, TAG = 16, CAP = 1 << 20, READ = 256 * 1024 };

static const uint8_t KEY[32] = {1};
static size_t text_len, batch;
static uint64_t total;
static const EVP_CIPHER *cipher;

static void must(int ok) {
    if (!ok) {
        perror("ceiling_pipe");
        exit(1);
    }
}

static const uint8_t *nonce_of(uint64_t counter) {
    static uint8_t nonce[12];
    memcpy(nonce + 4, &counter, sizeof counter);
    return nonce;
}

static void seal(EVP_CIPHER_CTX *ctx, uint8_t *frame, const uint8_t *text, uint64_t counter) {
    int len;
    frame[0] = (uint8_t)((text_len + TAG) >> 8);
    frame[1] = (uint8_t)(text_len + TAG);
    must(EVP_EncryptInit_ex(ctx, NULL, NULL, NULL, nonce_of(counter)) &&
         EVP_EncryptUpdate(ctx, frame + HEAD, &len, text, (int)text_len) &&
         EVP_EncryptFinal_ex(ctx, frame + HEAD + len, &len) &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, frame + HEAD + text_len));
}

static void open_in_place(EVP_CIPHER_CTX *ctx, uint8_t *frame, uint64_t counter) {
    int len;
    uint8_t *data = frame + HEAD;
    must(EVP_DecryptInit_ex(ctx, NULL, NULL, NULL, nonce_of(counter)) &&
         EVP_DecryptUpdate(ctx, data, &len, data, (int)text_len) &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, data + text_len) &&
         EVP_DecryptFinal_ex(ctx, data + len, &len) > 0);
}

static void receive(int fd) {
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t *block = malloc(CAP + READ);
    size_t frame_len = HEAD + text_len + TAG;
    size_t off = 0, len = 0;
    uint64_t counter = 0;
    must(EVP_DecryptInit_ex(ctx, cipher, NULL, KEY, NULL));
    for (ssize_t n; (n = read(fd, block + len, READ)) > 0;) {
        len += (size_t)n;
        for (; len - off >= frame_len; off += frame_len)
            open_in_place(ctx, block + off, counter++);
        if (off == len || len > CAP - READ) {
            memmove(block, block + off, len - off);
            len -= off;
            off = 0;
        }
    }
}

static void send_all(int fd) {
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t *text = calloc(1, CAP);
    size_t frame_len = HEAD + text_len + TAG;
    uint8_t *out = malloc(frame_len * batch);
    uint64_t counter = 0;
    must(EVP_EncryptInit_ex(ctx, cipher, NULL, KEY, NULL));
    for (uint64_t sent = 0; sent < total;) {
        for (size_t i = 0; i < batch; i++, sent += text_len)
            seal(ctx, out + i * frame_len, text + sent % (CAP - text_len), counter++);
        for (size_t at = 0; at < frame_len * batch;) {
            ssize_t n = write(fd, out + at, frame_len * batch - at);
            must(n > 0);
            at += (size_t)n;
        }
    }
}

int main(int argc, char **argv) {
    if (argc < 5)
        return 2;
    cipher = strcmp(argv[1], "aes") == 0 ? EVP_aes_128_gcm() : EVP_chacha20_poly1305();
    text_len = strtoul(argv[2], NULL, 10);
    batch = strtoul(argv[3], NULL, 10);
    total = strtoull(argv[4], NULL, 10) * 1000000;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t at_len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    must(bind(listener, (void *)&at, sizeof at) == 0 && listen(listener, 1) == 0 &&
         getsockname(listener, (void *)&at, &at_len) == 0);
    if (fork() == 0) {
        pin_to_cpu(1);
        receive(accept(listener, NULL, NULL));
        return 0;
    }
    pin_to_cpu(0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    must(connect(fd, (void *)&at, sizeof at) == 0 &&
         setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0);
    double begun = seconds_now();
    send_all(fd);
    must(shutdown(fd, SHUT_WR) == 0);
    (void)wait(NULL);
    double seconds = seconds_now() - begun;
    printf("{\"gbit\":%.3f,\"cpu_tx\":%.3f,\"cpu_rx\":%.3f}\n", (double)total * 8e-9 / seconds,
        cpu_seconds(RUSAGE_SELF), cpu_seconds(RUSAGE_CHILDREN));
    return 0;
}
