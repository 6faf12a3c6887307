/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The most that QUIC on ngtcp2 and GnuTLS can do on this machine: one connection, one stream of
 * fixed bytes, packets of at most 1452 bytes, segmentation offload in both directions, and nothing
 * on top. The client runs on CPU 0, the server on CPU 1.
 *
 *     ceiling_quic MEGABYTES
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>

#include "credentials.h"
#include "machine.h"

#ifndef UDP_SEGMENT
#    define UDP_SEGMENT 103
#    define UDP_GRO 104
#endif

enum { BATCH_MAX = 65000, SEGMENTS_MAX = 44, READ_MAX = 65536, READS = 8, SOCKET_BUFFER = 4 << 20 };

static const uint64_t WINDOW = 2 << 20;

static int fd;
static bool server, ready;
static uint64_t total, moved, first_at;
static struct sockaddr_in local, remote;
static ngtcp2_conn *conn;
static ngtcp2_crypto_conn_ref conn_ref;
static gnutls_certificate_credentials_t credentials;
static int64_t stream = -1;
static bool blocked;
static uint8_t text[1 << 20], out[BATCH_MAX + 2048], in[READ_MAX];

static void must(int ok, const char *what) {
    if (ok)
        return;
    fprintf(stderr, "ceiling_quic: %s\n", what);
    exit(1);
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NGTCP2_SECONDS + (uint64_t)t.tv_nsec;
}

/* --- what ngtcp2 calls */

static ngtcp2_conn *get_conn(ngtcp2_crypto_conn_ref *ref) {
    (void)ref;
    return conn;
}

static void fill_random(uint8_t *dst, size_t len, const ngtcp2_rand_ctx *ctx) {
    (void)ctx;
    gnutls_rnd(GNUTLS_RND_NONCE, dst, len);
}

static int new_cid(ngtcp2_conn *c, ngtcp2_cid *cid, uint8_t *token, size_t len, void *user) {
    (void)c;
    (void)user;
    cid->datalen = len;
    gnutls_rnd(GNUTLS_RND_NONCE, cid->data, len);
    gnutls_rnd(GNUTLS_RND_NONCE, token, NGTCP2_STATELESS_RESET_TOKENLEN);
    return 0;
}

static int on_ready(ngtcp2_conn *c, void *user) {
    (void)user;
    ready = true;
    if (!server)
        must(ngtcp2_conn_open_bidi_stream(c, &stream, NULL) == 0, "no stream");
    return 0;
}

static int on_data(ngtcp2_conn *c, uint32_t flags, int64_t id, uint64_t offset, const uint8_t *data,
    size_t len, void *user, void *stream_user) {
    (void)flags;
    (void)offset;
    (void)data;
    (void)user;
    (void)stream_user;
    if (first_at == 0)
        first_at = now();
    moved += len;
    ngtcp2_conn_extend_max_stream_offset(c, id, len);
    ngtcp2_conn_extend_max_offset(c, len);
    return 0;
}

static int on_credit(ngtcp2_conn *c, int64_t id, uint64_t max, void *user, void *stream_user) {
    (void)c;
    (void)id;
    (void)max;
    (void)user;
    (void)stream_user;
    blocked = false;
    return 0;
}

static const ngtcp2_callbacks CALLBACKS = {
    .client_initial = ngtcp2_crypto_client_initial_cb,
    .recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
    .recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb,
    .handshake_completed = on_ready,
    .encrypt = ngtcp2_crypto_encrypt_cb,
    .decrypt = ngtcp2_crypto_decrypt_cb,
    .hp_mask = ngtcp2_crypto_hp_mask_cb,
    .recv_stream_data = on_data,
    .recv_retry = ngtcp2_crypto_recv_retry_cb,
    .rand = fill_random,
    .get_new_connection_id = new_cid,
    .update_key = ngtcp2_crypto_update_key_cb,
    .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
    .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
    .get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb,
    .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
    .extend_max_stream_data = on_credit,
};

/* --- a connection */

static void make_tls(void) {
    static const char PRIORITY[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:"
                                   "-GROUP-ALL:+GROUP-X25519:%DISABLE_TLS13_COMPAT_MODE";
    gnutls_session_t tls;
    gnutls_datum_t alpn = {(uint8_t *)"bench", 5};
    must(gnutls_init(&tls, server ? GNUTLS_SERVER | GNUTLS_NO_AUTO_SEND_TICKET : GNUTLS_CLIENT) ==
                 0 &&
             gnutls_priority_set_direct(tls, PRIORITY, NULL) == 0 &&
             (server ? ngtcp2_crypto_gnutls_configure_server_session(tls)
                     : ngtcp2_crypto_gnutls_configure_client_session(tls)) == 0 &&
             gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE, credentials) == 0 &&
             gnutls_alpn_set_protocols(tls, &alpn, 1, GNUTLS_ALPN_MANDATORY) == 0,
        "no TLS");
    conn_ref.get_conn = get_conn;
    gnutls_session_set_ptr(tls, &conn_ref);
    ngtcp2_conn_set_tls_native_handle(conn, tls);
}

static void make_conn(const ngtcp2_pkt_hd *first) {
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_cid id = {.datalen = 18}, target = {.datalen = 18};
    ngtcp2_path path = {{(void *)&local, sizeof local}, {(void *)&remote, sizeof remote}, NULL};
    gnutls_rnd(GNUTLS_RND_NONCE, id.data, id.datalen);
    gnutls_rnd(GNUTLS_RND_NONCE, target.data, target.datalen);
    ngtcp2_settings_default(&settings);
    settings.initial_ts = now();
    settings.max_tx_udp_payload_size = 1452;
    settings.max_window = settings.max_stream_window = WINDOW;
    ngtcp2_transport_params_default(&params);
    params.initial_max_stream_data_bidi_remote = params.initial_max_data = WINDOW;
    params.initial_max_stream_data_bidi_local = WINDOW;
    params.initial_max_streams_bidi = 8;
    if (first != NULL) {
        params.original_dcid = first->dcid;
        params.original_dcid_present = 1;
        must(ngtcp2_conn_server_new(&conn, &first->scid, &id, &path, first->version, &CALLBACKS,
                 &settings, &params, NULL, NULL) == 0,
            "no server connection");
    } else {
        must(ngtcp2_conn_client_new(&conn, &target, &id, &path, NGTCP2_PROTO_VER_V1, &CALLBACKS,
                 &settings, &params, NULL, NULL) == 0,
            "no client connection");
    }
    make_tls();
}

/* --- packets */

static void send_batch(size_t len, size_t segment) {
    struct iovec part = {out, len};

    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(uint16_t))];
    } control = {0};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_name = &remote, .msg_namelen = sizeof remote};
    if (len > segment) {
        uint16_t size = (uint16_t)segment;
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_UDP;
        head->cmsg_type = UDP_SEGMENT;
        head->cmsg_len = CMSG_LEN(sizeof size);
        memcpy(CMSG_DATA(head), &size, sizeof size);
    }
    while (sendmsg(fd, &message, 0) < 0 && (errno == EAGAIN || errno == EINTR)) {
    }
}

/* One packet behind the `len` bytes that are in `out`; 0: nothing to send. */
static size_t write_packet(size_t len, size_t cap, uint64_t at) {
    for (;;) {
        bool data = !server && ready && !blocked && moved < total;
        ngtcp2_vec part = {text, sizeof text < total - moved ? sizeof text : total - moved};
        ngtcp2_ssize taken = -1;
        ngtcp2_ssize n = ngtcp2_conn_writev_stream(conn, NULL, NULL, out + len, cap, &taken, 0,
            data ? stream : -1, data ? &part : NULL, data, at);
        if (taken > 0)
            moved += (uint64_t)taken;
        if (n >= 0)
            return (size_t)n;
        must(n == NGTCP2_ERR_STREAM_DATA_BLOCKED, ngtcp2_strerror((int)n));
        blocked = true;
    }
}

static bool send_packets(void) {
    uint64_t at = now();
    size_t max = ngtcp2_conn_get_send_quantum(conn);
    size_t len = 0, segment = 0;
    if (max > BATCH_MAX)
        max = BATCH_MAX;
    for (size_t count = 0; count < SEGMENTS_MAX && (len == 0 || len + segment <= max); count++) {
        size_t cap = segment > 0 ? segment : ngtcp2_conn_get_max_tx_udp_payload_size(conn);
        size_t n = write_packet(len, cap, at);
        len += n;
        if (segment == 0)
            segment = n;
        if (n < segment || n == 0)
            break;
    }
    if (len > 0)
        send_batch(len, segment);
    ngtcp2_conn_update_pkt_tx_time(conn, at);
    return len > 0;
}

static void take_packet(const uint8_t *data, size_t len) {
    ngtcp2_path path = {{(void *)&local, sizeof local}, {(void *)&remote, sizeof remote}, NULL};
    ngtcp2_pkt_hd head;
    if (conn == NULL) {
        if (ngtcp2_accept(&head, data, len) != 0)
            return;
        make_conn(&head);
    }
    int err = ngtcp2_conn_read_pkt(conn, &path, NULL, data, len, now());
    must(err == 0 || err == NGTCP2_ERR_DISCARD_PKT, ngtcp2_strerror(err));
}

static bool receive_packets(void) {
    struct iovec part = {in, sizeof in};

    union {
        struct cmsghdr align;
        char bytes[64];
    } control;
    struct msghdr message = {.msg_iov = &part,
        .msg_iovlen = 1,
        .msg_name = &remote,
        .msg_namelen = sizeof remote,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes};
    ssize_t len = recvmsg(fd, &message, MSG_DONTWAIT);
    if (len <= 0)
        return false;
    size_t segment = (size_t)len;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
        int size;
        if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO)
            continue;
        memcpy(&size, CMSG_DATA(c), sizeof size);
        segment = (size_t)size;
    }
    for (size_t at = 0; at < (size_t)len; at += segment)
        take_packet(in + at, (size_t)len - at < segment ? (size_t)len - at : segment);
    return true;
}

static void turn(void) {
    bool busy = false;
    if (conn != NULL) {
        if (ngtcp2_conn_get_expiry(conn) <= now())
            must(ngtcp2_conn_handle_expiry(conn, now()) == 0, "the connection timed out");
        busy = send_packets();
    }
    for (int i = 0; i < READS && receive_packets(); i++)
        busy = true;
    if (busy)
        return;
    uint64_t expiry = conn == NULL ? UINT64_MAX : ngtcp2_conn_get_expiry(conn), at = now();
    if (expiry <= at + 20 * NGTCP2_MICROSECONDS)
        return;
    uint64_t wait = expiry - at < NGTCP2_SECONDS ? expiry - at : NGTCP2_SECONDS;
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    struct timespec limit = {(time_t)(wait / NGTCP2_SECONDS), (long)(wait % NGTCP2_SECONDS)};
    (void)ppoll(&watched, 1, &limit, NULL);
}

static void open_socket(void) {
    int size = SOCKET_BUFFER, one = 1, discover = IP_PMTUDISC_DO;
    socklen_t len = sizeof local;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    local = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    (void)setsockopt(fd, SOL_UDP, UDP_GRO, &one, sizeof one);
    (void)setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover);
    must(bind(fd, (void *)&local, sizeof local) == 0 && getsockname(fd, (void *)&local, &len) == 0,
        "no socket");
}

int main(int argc, char **argv) {
    must(argc > 1, "how many megabytes?");
    total = strtoull(argv[1], NULL, 10) * 1000000;
    open_socket();
    must(make_credentials(&credentials), "no certificate");
    struct sockaddr_in server_at = local;
    pid_t child = fork();
    server = child != 0;
    pin_to_cpu(server ? 1 : 0);
    if (!server) {
        open_socket();
        remote = server_at;
        make_conn(NULL);
    }
    while (!server || moved < total)
        turn();
    double seconds = (double)(now() - first_at) / (double)NGTCP2_SECONDS;
    kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    printf("{\"gbit\":%.3f,\"cpu_tx\":%.3f,\"cpu_rx\":%.3f}\n", (double)total * 8e-9 / seconds,
        cpu_seconds(RUSAGE_CHILDREN), cpu_seconds(RUSAGE_SELF));
    return 0;
}
