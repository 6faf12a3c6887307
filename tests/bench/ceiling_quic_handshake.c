/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The most QUIC handshakes that ngtcp2 and GnuTLS can answer on a core: both ends in one process,
 * packets handed over in memory, each end shows a P-256 certificate and checks that the other's has
 * signed itself. No libp2p extension, no sockets, no streams. Only what the server does counts.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <gnutls/crypto.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>

#include "credentials.h"
#include "machine.h"

enum { ROUNDS = 500, TURNS_MAX = 20, PACKET_MAX = 1452, ID_LEN = 18 };

typedef struct end {
    ngtcp2_conn *conn;
    gnutls_session_t tls;
    ngtcp2_crypto_conn_ref ref;
    struct sockaddr_in local, remote;
    bool is_server, done;
    double used; /* seconds of processor time */
} end;

static gnutls_certificate_credentials_t credentials;
static gnutls_priority_t priorities;

static void must(bool ok, const char *what) {
    if (ok)
        return;
    fprintf(stderr, "ceiling_quic_handshake: %s\n", what);
    exit(1);
}

static double cpu_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t now(void) {
    return (uint64_t)(seconds_now() * 1e9);
}

/* --- what ngtcp2 and GnuTLS call --- */

static ngtcp2_conn *get_conn(ngtcp2_crypto_conn_ref *ref) {
    return ((end *)ref->user_data)->conn;
}

static void fill_random(uint8_t *dst, size_t len, const ngtcp2_rand_ctx *ctx) {
    (void)ctx;
    gnutls_rnd(GNUTLS_RND_NONCE, dst, len);
}

static int new_cid(ngtcp2_conn *conn, ngtcp2_cid *cid, uint8_t *token, size_t len, void *user) {
    (void)conn;
    (void)user;
    cid->datalen = len;
    gnutls_rnd(GNUTLS_RND_NONCE, cid->data, len);
    gnutls_rnd(GNUTLS_RND_NONCE, token, NGTCP2_STATELESS_RESET_TOKENLEN);
    return 0;
}

static int complete(ngtcp2_conn *conn, void *user) {
    (void)conn;
    ((end *)user)->done = true;
    return 0;
}

static int signed_itself(gnutls_session_t tls) {
    unsigned count = 0, status = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(tls, &count);
    gnutls_x509_crt_t cert;
    if (chain == NULL || count != 1 || gnutls_x509_crt_init(&cert) != 0)
        return GNUTLS_E_CERTIFICATE_ERROR;
    int rv = gnutls_x509_crt_import(cert, chain, GNUTLS_X509_FMT_DER);
    if (rv == 0)
        rv = gnutls_x509_crt_verify(cert, &cert, 1,
            GNUTLS_VERIFY_DISABLE_CA_SIGN | GNUTLS_VERIFY_DISABLE_TIME_CHECKS, &status);
    gnutls_x509_crt_deinit(cert);
    return rv == 0 && status == 0 ? 0 : GNUTLS_E_CERTIFICATE_ERROR;
}

static const ngtcp2_callbacks CALLBACKS = {
    .client_initial = ngtcp2_crypto_client_initial_cb,
    .recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
    .recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb,
    .handshake_completed = complete,
    .encrypt = ngtcp2_crypto_encrypt_cb,
    .decrypt = ngtcp2_crypto_decrypt_cb,
    .hp_mask = ngtcp2_crypto_hp_mask_cb,
    .recv_retry = ngtcp2_crypto_recv_retry_cb,
    .rand = fill_random,
    .get_new_connection_id = new_cid,
    .update_key = ngtcp2_crypto_update_key_cb,
    .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
    .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
    .get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb,
    .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
};

/* --- the ends --- */

static ngtcp2_path path_of(end *e) {
    return (ngtcp2_path){
        {(void *)&e->local, sizeof e->local}, {(void *)&e->remote, sizeof e->remote}, NULL};
}

static void start_tls(end *e) {
    gnutls_datum_t alpn = {(uint8_t *)"bench", 5};
    unsigned flags = e->is_server ? GNUTLS_SERVER | GNUTLS_NO_AUTO_SEND_TICKET : GNUTLS_CLIENT;
    must(gnutls_init(&e->tls, flags | GNUTLS_NO_TICKETS) == 0 &&
             gnutls_priority_set(e->tls, priorities) == 0 &&
             (e->is_server ? ngtcp2_crypto_gnutls_configure_server_session(e->tls)
                           : ngtcp2_crypto_gnutls_configure_client_session(e->tls)) == 0 &&
             gnutls_credentials_set(e->tls, GNUTLS_CRD_CERTIFICATE, credentials) == 0 &&
             gnutls_alpn_set_protocols(e->tls, &alpn, 1, GNUTLS_ALPN_MANDATORY) == 0,
        "no TLS");
    if (e->is_server)
        gnutls_certificate_server_set_request(e->tls, GNUTLS_CERT_REQUIRE);
    gnutls_session_set_verify_function(e->tls, signed_itself);
    e->ref = (ngtcp2_crypto_conn_ref){get_conn, e};
    gnutls_session_set_ptr(e->tls, &e->ref);
    ngtcp2_conn_set_tls_native_handle(e->conn, e->tls);
}

/* first: the client's first packet; NULL: this is the client. */
static void start(end *e, const ngtcp2_pkt_hd *first) {
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_cid id = {.datalen = ID_LEN}, target = {.datalen = ID_LEN};
    ngtcp2_path path = path_of(e);
    gnutls_rnd(GNUTLS_RND_NONCE, id.data, id.datalen);
    gnutls_rnd(GNUTLS_RND_NONCE, target.data, target.datalen);
    ngtcp2_settings_default(&settings);
    settings.initial_ts = now();
    ngtcp2_transport_params_default(&params);
    params.initial_max_streams_bidi = 256;
    params.initial_max_stream_data_bidi_remote = params.initial_max_data = 1 << 20;
    int rv;
    if (first != NULL) {
        params.original_dcid = first->dcid;
        params.original_dcid_present = 1;
        rv = ngtcp2_conn_server_new(&e->conn, &first->scid, &id, &path, first->version, &CALLBACKS,
            &settings, &params, NULL, e);
    } else {
        rv = ngtcp2_conn_client_new(&e->conn, &target, &id, &path, NGTCP2_PROTO_VER_V1, &CALLBACKS,
            &settings, &params, NULL, e);
    }
    must(rv == 0, "no connection");
    start_tls(e);
}

static size_t write_packet(end *e, uint8_t packet[PACKET_MAX]) {
    double from = cpu_now();
    ngtcp2_ssize n =
        e->conn == NULL ? 0 : ngtcp2_conn_write_pkt(e->conn, NULL, NULL, packet, PACKET_MAX, now());
    e->used += cpu_now() - from;
    must(n >= 0, "cannot write");
    return (size_t)n;
}

static void read_packet(end *e, const uint8_t *packet, size_t len) {
    double from = cpu_now();
    ngtcp2_path path = path_of(e);
    if (e->conn == NULL) {
        ngtcp2_pkt_hd first;
        must(ngtcp2_accept(&first, packet, len) == 0, "not a first packet");
        start(e, &first);
    }
    must(ngtcp2_conn_read_pkt(e->conn, &path, NULL, packet, len, now()) == 0, "cannot read");
    e->used += cpu_now() - from;
}

/* All that one end has for the other. */
static void pass(end *from, end *to) {
    uint8_t packet[PACKET_MAX];
    for (size_t len; (len = write_packet(from, packet)) > 0;)
        read_packet(to, packet, len);
}

static void stop(end *e) {
    double from = cpu_now();
    ngtcp2_conn_del(e->conn);
    gnutls_deinit(e->tls);
    e->used += cpu_now() - from;
}

int main(void) {
    double used = 0;
    must(make_credentials(&credentials) &&
             gnutls_priority_init(&priorities,
                 "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:-GROUP-ALL:+GROUP-X25519:"
                 "%DISABLE_TLS13_COMPAT_MODE",
                 NULL) == 0,
        "no certificate");
    for (int round = 0; round < ROUNDS; round++) {
        end client = {.local = {.sin_family = AF_INET, .sin_port = htons(1)},
            .remote = {.sin_family = AF_INET, .sin_port = htons(2)}};
        end server = {.local = client.remote, .remote = client.local, .is_server = true};
        start(&client, NULL);
        for (int turns = 0; turns < TURNS_MAX && !(client.done && server.done); turns++) {
            pass(&client, &server);
            pass(&server, &client);
        }
        must(client.done && server.done, "no handshake");
        stop(&client);
        stop(&server);
        used += server.used;
    }
    double each = used / ROUNDS;
    printf("{\"rate\":%.0f,\"us\":%.1f}\n", 1 / each, each * 1e6);
    return 0;
}
