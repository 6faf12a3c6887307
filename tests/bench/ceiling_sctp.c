/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the usual parts of WebRTC's data channels move when they are tuned: usrsctp without threads
 * over OpenSSL's DTLS 1.2 (AES-128-GCM, memory BIOs) over UDP with GSO and GRO, checksums by the
 * processor, buffers of 4 MiB, a SACK for 16 packets, messages of 16 KiB. No ICE, no channels.
 *
 *     ceiling_sctp MEGABYTES
 *
 * The sender runs on CPU 0, the receiver on CPU 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <usrsctp.h>

#include "machine.h"
#include "webrtc/crc32c.h"

enum {
    PORT = 5000,
    PPID = 53,
    SCTP_MTU = 1400,
    SCTP_CHECKSUM_AT = 8,
    MESSAGE = 16384,
    BUFFER = 4 << 20,
    BATCH = 64000,
    SEGMENTS_MAX = 44,
    DATAGRAM_MAX = 65536,
    SACK_EVERY = 16,
    SACK_DELAY_MS = 20
};

static int fd;
static SSL *ssl;
static uint64_t total, received;
static uint8_t batch[BATCH];
static size_t batch_len, segment;
static const char ADDRESS; /* what usrsctp knows this association's path by */

static void must(int ok, const char *what) {
    if (!ok) {
        perror(what);
        exit(1);
    }
}

static uint64_t milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- datagrams, in batches of one size --- */

static void flush(void) {
    char control[CMSG_SPACE(sizeof(uint16_t))] = {0};
    struct iovec iov = {batch, batch_len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (batch_len == 0)
        return;
    if (batch_len > segment) {
        msg.msg_control = control;
        msg.msg_controllen = sizeof control;
        struct cmsghdr *cm = CMSG_FIRSTHDR(&msg);
        cm->cmsg_level = IPPROTO_UDP;
        cm->cmsg_type = UDP_SEGMENT;
        cm->cmsg_len = CMSG_LEN(sizeof(uint16_t));
        uint16_t size = (uint16_t)segment;
        memcpy(CMSG_DATA(cm), &size, sizeof size);
    }
    while (sendmsg(fd, &msg, 0) < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)) {
        struct pollfd writable = {fd, POLLOUT, 0};
        poll(&writable, 1, 1);
    }
    batch_len = 0;
}

/* The records that OpenSSL wrote. */
static void take_records(void) {
    uint8_t record[DATAGRAM_MAX];
    BIO *out = SSL_get_wbio(ssl);
    for (int len; (len = BIO_read(out, record, sizeof record)) > 0;) {
        bool fits = batch_len == 0 || ((size_t)len <= segment && batch_len % segment == 0 &&
                                          batch_len / segment < SEGMENTS_MAX &&
                                          batch_len + (size_t)len <= sizeof batch);
        if (!fits)
            flush();
        if (batch_len == 0)
            segment = (size_t)len;
        memcpy(batch + batch_len, record, (size_t)len);
        batch_len += (size_t)len;
    }
}

static int conn_output(void *addr, void *packet, size_t len, uint8_t tos, uint8_t set_df) {
    uint8_t *bytes = packet;
    (void)addr, (void)tos, (void)set_df;
    memset(bytes + SCTP_CHECKSUM_AT, 0, 4);
    uint32_t sum = p2p_crc32c(bytes, len);
    for (int i = 0; i < 4; i++)
        bytes[SCTP_CHECKSUM_AT + i] = (uint8_t)(sum >> 8 * i);
    must(SSL_write(ssl, packet, (int)len) == (int)len, "SSL_write");
    take_records();
    return 0;
}

static void packet_in(uint8_t *packet, size_t len) {
    uint32_t said = 0;
    for (int i = 0; i < 4; i++)
        said |= (uint32_t)packet[SCTP_CHECKSUM_AT + i] << 8 * i;
    memset(packet + SCTP_CHECKSUM_AT, 0, 4);
    if (p2p_crc32c(packet, len) != said)
        return;
    usrsctp_conninput((void *)(uintptr_t)&ADDRESS, packet, len, 0);
}

static void datagram_in(const uint8_t *datagram, size_t len) {
    uint8_t packet[DATAGRAM_MAX];
    BIO_write(SSL_get_rbio(ssl), datagram, (int)len);
    int got = SSL_read(ssl, packet, sizeof packet);
    if (got > 12)
        packet_in(packet, (size_t)got);
}

/* Everything that waits in the socket; false when there was nothing. */
static bool receive_some(void) {
    static uint8_t block[DATAGRAM_MAX];
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec iov = {block, sizeof block};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t len = recvmsg(fd, &msg, MSG_DONTWAIT);
    if (len <= 0)
        return false;
    size_t size = (size_t)len;
    for (struct cmsghdr *cm = CMSG_FIRSTHDR(&msg); cm != NULL; cm = CMSG_NXTHDR(&msg, cm))
        if (cm->cmsg_level == IPPROTO_UDP && cm->cmsg_type == UDP_GRO) {
            int one;
            memcpy(&one, CMSG_DATA(cm), sizeof one);
            size = (size_t)one;
        }
    for (size_t at = 0; at < (size_t)len; at += size)
        datagram_in(block + at, (size_t)len - at < size ? (size_t)len - at : size);
    return true;
}

/* --- DTLS --- */

static int accept_any(int ok, X509_STORE_CTX *store) {
    (void)ok, (void)store;
    return 1;
}

static void make_certificate(SSL_CTX *ctx) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_set_pubkey(cert, key);
    must(X509_sign(cert, key, EVP_sha256()) > 0 && SSL_CTX_use_certificate(ctx, cert) == 1 &&
             SSL_CTX_use_PrivateKey(ctx, key) == 1,
        "certificate");
}

static void open_dtls(bool client) {
    SSL_CTX *ctx = SSL_CTX_new(DTLS_method());
    make_certificate(ctx);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, accept_any);
    must(SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-GCM-SHA256") == 1, "cipher");
    ssl = SSL_new(ctx);
    SSL_set_options(ssl, SSL_OP_NO_QUERY_MTU);
    SSL_set_mtu(ssl, SCTP_MTU + 64);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    BIO_set_mem_eof_return(SSL_get_rbio(ssl), -1);
    BIO_set_mem_eof_return(SSL_get_wbio(ssl), -1);
    if (client)
        SSL_set_connect_state(ssl);
    else
        SSL_set_accept_state(ssl);
    while (SSL_do_handshake(ssl) != 1) {
        uint8_t datagram[DATAGRAM_MAX];
        take_records();
        flush();
        struct pollfd readable = {fd, POLLIN, 0};
        must(poll(&readable, 1, 5000) == 1, "handshake");
        ssize_t len = recv(fd, datagram, sizeof datagram, 0);
        must(len > 0, "recv");
        BIO_write(SSL_get_rbio(ssl), datagram, (int)len);
    }
    take_records();
    flush();
}

/* --- SCTP --- */

static int receive_cb(struct socket *sock, union sctp_sockstore from, void *data, size_t len,
    struct sctp_rcvinfo info, int flags, void *ctx) {
    (void)sock, (void)from, (void)info, (void)ctx;
    if (data != NULL && (flags & MSG_NOTIFICATION) == 0)
        received += len;
    free(data);
    return 1;
}

static struct socket *open_sctp(void) {
    usrsctp_init_nothreads(0, conn_output, NULL);
    usrsctp_enable_crc32c_offload();
    usrsctp_sysctl_set_sctp_ecn_enable(0);
    usrsctp_sysctl_set_sctp_max_burst_default(0); /* as much as the window allows */
    usrsctp_sysctl_set_sctp_initial_cwnd(2 * SACK_EVERY);
    usrsctp_sysctl_set_sctp_max_chunks_on_queue(BUFFER / 512);
    usrsctp_sysctl_set_sctp_sendspace(BUFFER);
    usrsctp_sysctl_set_sctp_recvspace(BUFFER);
    usrsctp_register_address((void *)(uintptr_t)&ADDRESS);
    struct socket *sock =
        usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, receive_cb, NULL, 0, NULL);
    must(sock != NULL, "usrsctp_socket");
    usrsctp_set_non_blocking(sock, 1);
    int on = 1;
    usrsctp_setsockopt(sock, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof on);
    struct sctp_paddrparams params = {.spp_flags = SPP_PMTUD_DISABLE, .spp_pathmtu = SCTP_MTU};
    usrsctp_setsockopt(sock, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &params, sizeof params);
    struct sctp_sack_info sack = {.sack_delay = SACK_DELAY_MS, .sack_freq = SACK_EVERY};
    usrsctp_setsockopt(sock, IPPROTO_SCTP, SCTP_DELAYED_SACK, &sack, sizeof sack);
    struct sockaddr_conn at = {.sconn_family = AF_CONN,
        .sconn_port = htons(PORT),
        .sconn_addr = (void *)(uintptr_t)&ADDRESS};
    must(usrsctp_bind(sock, (struct sockaddr *)&at, sizeof at) == 0, "usrsctp_bind");
    int begun = usrsctp_connect(sock, (struct sockaddr *)&at, sizeof at);
    must(begun == 0 || errno == EINPROGRESS, "usrsctp_connect");
    return sock;
}

/* One turn: what came, what time has come for, what is to be sent. */
static void turn(uint64_t *clock) {
    bool some = false;
    for (int i = 0; i < 16 && receive_some(); i++)
        some = true;
    uint64_t now = milliseconds();
    if (now > *clock)
        usrsctp_handle_timers((uint32_t)(now - *clock));
    *clock = now;
    flush();
    struct pollfd readable = {fd, POLLIN, 0};
    if (!some)
        poll(&readable, 1, 1);
}

static void send_all(void) {
    static uint8_t message[MESSAGE];
    uint64_t clock = milliseconds(), sent = 0;
    struct socket *sock = open_sctp();
    struct sctp_sndinfo info = {.snd_sid = 0, .snd_ppid = htonl(PPID)};
    while (waitpid(-1, NULL, WNOHANG) == 0) {
        while (sent < total && usrsctp_sendv(sock, message, sizeof message, NULL, 0, &info,
                                   sizeof info, SCTP_SENDV_SNDINFO, 0) > 0)
            sent += sizeof message;
        flush();
        turn(&clock);
    }
}

static void receive_all(void) {
    uint64_t clock = milliseconds();
    open_sctp();
    while (received < total)
        turn(&clock);
}

/* --- both --- */

static int bound(struct sockaddr_in *at) {
    static const int big = BUFFER, on = 1;
    socklen_t len = sizeof *at;
    int sock = socket(AF_INET, SOCK_DGRAM, 0);
    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    must(sock >= 0 && bind(sock, (void *)at, sizeof *at) == 0 &&
             getsockname(sock, (void *)at, &len) == 0,
        "socket");
    /* More than the system's usual maximum needs root. */
    if (setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big) != 0)
        setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &big, sizeof big);
    setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &big, sizeof big);
    setsockopt(sock, IPPROTO_UDP, UDP_GRO, &on, sizeof on);
    return sock;
}

int main(int argc, char **argv) {
    struct sockaddr_in a, b;
    if (argc != 2)
        return 2;
    total = strtoull(argv[1], NULL, 10) * 1000000 / MESSAGE * MESSAGE;
    int sender = bound(&a), receiver = bound(&b);
    must(connect(sender, (void *)&b, sizeof b) == 0 && connect(receiver, (void *)&a, sizeof a) == 0,
        "connect");
    pid_t child = fork();
    pin_to_cpu(child == 0 ? 1 : 0);
    fd = child == 0 ? receiver : sender;
    open_dtls(child != 0);
    if (child == 0) {
        receive_all();
        _exit(0);
    }
    double begun = seconds_now();
    send_all();
    double seconds = seconds_now() - begun;
    printf("{\"gbit\":%.3f,\"cpu_tx\":%.3f,\"cpu_rx\":%.3f}\n", (double)total * 8e-9 / seconds,
        cpu_seconds(RUSAGE_SELF), cpu_seconds(RUSAGE_CHILDREN));
    return 0;
}
