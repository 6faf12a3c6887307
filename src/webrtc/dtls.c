/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * DTLS 1.2 with OpenSSL's handshake, this library's flights and this library's records.
 *
 * Time. OpenSSL 3 retransmits by its own look at gettimeofday, which no interface can replace: a
 * timer callback sets durations only. Its timer is therefore set so far ahead that it never fires,
 * and the flight (the records written in answer to one flight of the peer, RFC 6347 §4.2.4) is kept
 * here and sent again when the caller's clock says so. A retransmitted record needs a new number:
 * those of epoch 0 are plaintext and simply renumbered; Finished, the only one of epoch 1, is
 * opened with our own key and sealed again. The same is done when a peer's Finished comes again,
 * which means that our last flight was lost.
 *
 * Bounds. OpenSSL reassembles fragments in any order and would set aside up to 100 KiB for each of
 * ten messages of the future, and keep 100 early records. So each record is looked at before
 * OpenSSL sees it: message lengths, numbers, and the total are limited.
 *
 * There is no HelloVerifyRequest: ICE has seen the peer answer from its address before a hello is
 * accepted, which is what the cookie would show, and a round trip is saved. There is no session
 * ticket, no resumption and no renegotiation (records of a new handshake are not even looked at).
 * Randomness of the handshake is OpenSSL's own.
 */
#include "webrtc/dtls.h"

#include <openssl/err.h>
#include <openssl/srtp.h>
#include <openssl/ssl.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"

#include "webrtc/dtls_record.h"

enum {
    MESSAGE_MAX = 8192,   /* of one handshake message: hellos have 2 KiB, certificates 1 KiB */
    MESSAGE_SEQ_MAX = 15, /* a full handshake has at most 6 from one side */
    FLIGHT_MAX = 8192,
    RECORDS_MAX = 400,  /* fed to OpenSSL in one handshake; a bad path repeats ten by some five */
    FINISHED_MAX = 128, /* bytes of a record of epoch 1 in a handshake */
    FRAGMENT_HEADER = 12,
    REPEATS_MAX = 12,             /* of the last flight, each provoked by a Finished of the peer */
    OPENSSL_TIMER_US = 0xffffffff /* 71 minutes */
};

#define RTO_FIRST (400 * P2P_MILLISECOND) /* RFC 9147 §5.8.2 allows less than a second */
#define RTO_MAX (4 * P2P_SECOND)
#define REPEAT_GAP (100 * P2P_MILLISECOND)
#define HANDSHAKE_TIMEOUT (30 * P2P_SECOND)

struct p2p_dtls_context {
    const p2p_mem *mem;
    SSL_CTX *ssl_ctx;
    BIO_METHOD *bio_method;
    uint8_t sha256[32];
};

/* What is needed until the connection is open. */
typedef struct handshake {
    SSL *ssl;
    p2p_bytes record; /* for OpenSSL to read */
    p2p_time give_up_at, resend_at, rto;
    uint16_t records;
    bool flight_begins; /* what is written next starts a new flight */
    bool wrong_certificate, write_failed;
    uint8_t expected_count;
    uint8_t expected[P2P_DTLS_EXPECTED_MAX][32];
} handshake;

struct p2p_dtls {
    const p2p_mem *mem;
    handshake *handshake; /* NULL from open or ended on */
    p2p_buf flight;       /* whole records, as OpenSSL wrote them */
    size_t flight_at;     /* what lies before it was sent */
    bool flight_repeats;  /* it was sent before: its records need new numbers */
    bool client;
    bool goodbye; /* close_notify is to be sent */
    uint8_t repeats;
    uint16_t mtu;
    p2p_time repeated_at;
    p2p_dtls_state state;
    p2p_err end;
    uint64_t plain_seq; /* of the next record of epoch 0 */
    p2p_dtls_records records;
    uint8_t local_sha256[32], peer_sha256[32];
};

/* --- OpenSSL's side --- */

static int bio_write(BIO *bio, const char *data, int len) {
    p2p_dtls *dtls = BIO_get_data(bio);
    handshake *hs = dtls->handshake;
    /* Once the keys were taken over, the next number and nonce are ours: an alert of OpenSSL's
     * under them could use a nonce twice. The peer notices by silence. */
    if (dtls->records.write != NULL)
        return len;
    if (hs->flight_begins) {
        hs->flight_begins = false;
        p2p_buf_deinit(&dtls->flight); /* the next one is often much smaller */
        dtls->flight_at = 0;
        dtls->flight_repeats = false;
    }
    if (p2p_buf_append(&dtls->flight, p2p_bytes_of(data, (size_t)len)) == P2P_OK)
        return len;
    hs->write_failed = true;
    return -1;
}

static int bio_read(BIO *bio, char *data, int len) {
    p2p_dtls *dtls = BIO_get_data(bio);
    p2p_bytes record = dtls->handshake->record;
    dtls->handshake->record = (p2p_bytes){0};
    if (record.len == 0 || record.len > (size_t)len) {
        BIO_set_retry_read(bio);
        return -1;
    }
    BIO_clear_retry_flags(bio);
    memcpy(data, record.ptr, record.len);
    return (int)record.len;
}

static long bio_ctrl(BIO *bio, int command, long number, void *ptr) {
    (void)bio;
    (void)number;
    (void)ptr;
    return command == BIO_CTRL_FLUSH;
}

static unsigned timer_never(SSL *ssl, unsigned previous_us) {
    (void)ssl;
    (void)previous_us;
    return OPENSSL_TIMER_US;
}

/* Decides about the peer's certificate; in place of OpenSSL's chain building. */
static int verify(X509_STORE_CTX *store, void *ctx) {
    (void)ctx;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    p2p_dtls *dtls = SSL_get_app_data(ssl);
    handshake *hs = dtls->handshake;
    unsigned len = 0;
    if (X509_digest(X509_STORE_CTX_get0_cert(store), EVP_sha256(), dtls->peer_sha256, &len) == 1) {
        for (size_t i = 0; i < hs->expected_count; i++) {
            if (memcmp(hs->expected[i], dtls->peer_sha256, 32) == 0)
                return 1;
        }
        if (hs->expected_count == 0)
            return 1;
    }
    hs->wrong_certificate = true;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return 0;
}

static bool configure(SSL_CTX *ctx, const p2p_certificate *certificate) {
    SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, verify, NULL);
    SSL_CTX_set_max_cert_list(ctx, MESSAGE_MAX);
    return SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-GCM-SHA256:"
                                        "ECDHE-ECDSA-AES256-GCM-SHA384:"
                                        "ECDHE-ECDSA-CHACHA20-POLY1305") == 1 &&
           SSL_CTX_set1_groups_list(ctx, "X25519:P-256") == 1 &&
           SSL_CTX_use_certificate_ASN1(ctx, (int)certificate->der_len, certificate->der) == 1 &&
           SSL_CTX_use_PrivateKey_ASN1(
               EVP_PKEY_EC, ctx, certificate->key, (long)certificate->key_len) == 1 &&
           SSL_CTX_check_private_key(ctx) == 1 &&
           /* There is no SRTP here, but pion (go-libp2p) ends a handshake in which the extension is
            * not offered or not answered. 0 is success for this function alone. */
           SSL_CTX_set_tlsext_use_srtp(ctx, "SRTP_AES128_CM_SHA1_80") == 0;
}

p2p_err p2p_dtls_context_new(
    p2p_dtls_context **out, const p2p_certificate *certificate, const p2p_mem *mem) {
    p2p_dtls_context *context = p2p_mem_alloc(mem, sizeof *context);
    *out = NULL;
    if (context == NULL)
        return P2P_ERR_NO_MEMORY;
    context->mem = mem;
    memcpy(context->sha256, certificate->sha256, sizeof context->sha256);
    ERR_clear_error();
    context->ssl_ctx = SSL_CTX_new(DTLS_method());
    context->bio_method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "datagrams");
    bool good = context->ssl_ctx != NULL && context->bio_method != NULL &&
                BIO_meth_set_write(context->bio_method, bio_write) == 1 &&
                BIO_meth_set_read(context->bio_method, bio_read) == 1 &&
                BIO_meth_set_ctrl(context->bio_method, bio_ctrl) == 1 &&
                configure(context->ssl_ctx, certificate);
    ERR_clear_error();
    if (!good) {
        p2p_dtls_context_free(context);
        return P2P_ERR_CRYPTO;
    }
    *out = context;
    return P2P_OK;
}

void p2p_dtls_context_free(p2p_dtls_context *context) {
    if (context == NULL)
        return;
    SSL_CTX_free(context->ssl_ctx);
    BIO_meth_free(context->bio_method);
    p2p_mem_free(context->mem, context, sizeof *context);
}

/* --- the handshake --- */

static void handshake_free(p2p_dtls *dtls) {
    if (dtls->handshake == NULL)
        return;
    SSL_free(dtls->handshake->ssl);
    p2p_mem_free(dtls->mem, dtls->handshake, sizeof *dtls->handshake);
    dtls->handshake = NULL;
}

static p2p_err end_with(p2p_dtls *dtls, p2p_err err) {
    dtls->state = P2P_DTLS_ENDED;
    dtls->end = err;
    handshake_free(dtls);
    return err;
}

/* What OpenSSL's refusal means. */
static p2p_err reason_of(const handshake *hs) {
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_REASON(code);
    if (hs->wrong_certificate)
        return P2P_ERR_BAD_CERTIFICATE;
    if (hs->write_failed || reason == ERR_R_MALLOC_FAILURE)
        return P2P_ERR_NO_MEMORY;
    if (ERR_GET_LIB(code) != ERR_LIB_SSL)
        return P2P_ERR_VIOLATION;
    switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return P2P_ERR_BAD_CERTIFICATE;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_NO_SHARED_GROUPS:
        return P2P_ERR_NO_SECURITY;
    default:
        return reason >= SSL_AD_REASON_OFFSET ? P2P_ERR_RESET : P2P_ERR_VIOLATION;
    }
}

/* The length of the record at the front of `bytes`, 0 if there is no whole one. */
static size_t record_len(p2p_bytes bytes) {
    if (bytes.len < P2P_DTLS_HEADER)
        return 0;
    size_t len = P2P_DTLS_HEADER + (size_t)p2p_load16(bytes.ptr + 11);
    return len <= bytes.len ? len : 0;
}

static uint16_t epoch_of(const uint8_t *record) {
    return p2p_load16(record + 3);
}

/* Once our flight holds a record of epoch 1, the keys are known and taken over. */
static p2p_err take_keys(p2p_dtls *dtls) {
    SSL *ssl = dtls->handshake->ssl;
    if (p2p_buf_len(&dtls->flight) == 0)
        return P2P_OK;
    p2p_bytes rest = p2p_buf_view(&dtls->flight);
    for (size_t len; dtls->records.write == NULL && (len = record_len(rest)) > 0;) {
        if (epoch_of(rest.ptr) == 1) {
            p2p_dtls_secrets secrets = {
                .cipher = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl)),
                .client = dtls->client,
            };
            SSL_SESSION_get_master_key(SSL_get_session(ssl), secrets.master, 48);
            SSL_get_client_random(ssl, secrets.client_random, 32);
            SSL_get_server_random(ssl, secrets.server_random, 32);
            p2p_err err =
                p2p_dtls_records_init(&dtls->records, &secrets, p2p_bytes_of(rest.ptr, len));
            p2p_wipe(&secrets, sizeof secrets);
            return err;
        }
        rest = p2p_bytes_of(rest.ptr + len, rest.len - len);
    }
    return P2P_OK;
}

/* Lets OpenSSL go on with the record it was given. */
static p2p_err advance(p2p_dtls *dtls, p2p_time now) {
    handshake *hs = dtls->handshake;
    ERR_clear_error();
    hs->flight_begins = true;
    int result = SSL_do_handshake(hs->ssl);
    int problem = result == 1 ? SSL_ERROR_NONE : SSL_get_error(hs->ssl, result);
    p2p_err err = P2P_OK;
    if (problem != SSL_ERROR_NONE && problem != SSL_ERROR_WANT_READ)
        err = reason_of(hs);
    ERR_clear_error();
    if (err == P2P_OK && dtls->records.write == NULL)
        err = take_keys(dtls);
    if (err == P2P_OK && result == 1 && dtls->records.write == NULL)
        err = P2P_ERR_INTERNAL;
    if (err != P2P_OK)
        return end_with(dtls, err); /* the flight holds OpenSSL's alert */
    if (!hs->flight_begins) {
        hs->rto = RTO_FIRST;
        hs->resend_at = now + hs->rto;
    }
    if (result == 1) {
        dtls->state = P2P_DTLS_OPEN;
        handshake_free(dtls);
        if (dtls->client)
            p2p_buf_deinit(&dtls->flight); /* the server has had it all */
    }
    return P2P_OK;
}

/* Whether the fragments in a plaintext handshake record stay within the limits. */
static bool fragments_fit(p2p_bytes body) {
    while (body.len >= FRAGMENT_HEADER) {
        uint32_t len = p2p_load32(body.ptr) & 0xffffff;
        uint32_t at = p2p_load32(body.ptr + 5) & 0xffffff;
        uint32_t part = p2p_load32(body.ptr + 8) & 0xffffff;
        if (len > MESSAGE_MAX || p2p_load16(body.ptr + 4) > MESSAGE_SEQ_MAX || at > len ||
            part > len - at || part > body.len - FRAGMENT_HEADER)
            return false;
        body = p2p_bytes_of(body.ptr + FRAGMENT_HEADER + part, body.len - FRAGMENT_HEADER - part);
    }
    return body.len == 0;
}

/*
 * Whether OpenSSL may see the record. One of epoch 1 that comes before its ChangeCipherSpec is
 * dropped, for OpenSSL would keep it: the retransmission brings it again.
 */
static bool acceptable(const handshake *hs, p2p_bytes record) {
    uint8_t type = record.ptr[0];
    if (record.ptr[1] != 0xfe || type < P2P_DTLS_CHANGE_CIPHER || type > P2P_DTLS_HANDSHAKE)
        return false;
    p2p_bytes body = p2p_bytes_of(record.ptr + P2P_DTLS_HEADER, record.len - P2P_DTLS_HEADER);
    if (epoch_of(record.ptr) == 0)
        return body.len > 0 && (type != P2P_DTLS_HANDSHAKE || fragments_fit(body));
    OSSL_HANDSHAKE_STATE at = SSL_get_state(hs->ssl);
    return epoch_of(record.ptr) == 1 && body.len <= FINISHED_MAX &&
           (at == TLS_ST_SR_CHANGE || at == TLS_ST_CR_CHANGE);
}

static p2p_err handshake_record(p2p_dtls *dtls, p2p_bytes record, p2p_time now) {
    handshake *hs = dtls->handshake;
    if (!acceptable(hs, record))
        return P2P_OK;
    if (hs->records++ == RECORDS_MAX)
        return end_with(dtls, P2P_ERR_LIMIT);
    hs->record = record;
    return advance(dtls, now);
}

static bool ssl_new(p2p_dtls *dtls, const p2p_dtls_context *context) {
    handshake *hs = dtls->handshake;
    hs->ssl = SSL_new(context->ssl_ctx);
    BIO *bio = BIO_new(context->bio_method);
    if (hs->ssl == NULL || bio == NULL) {
        BIO_free(bio);
        return false;
    }
    BIO_set_data(bio, dtls);
    BIO_set_init(bio, 1);
    SSL_set_bio(hs->ssl, bio, bio);
    SSL_set_app_data(hs->ssl, dtls);
    DTLS_set_timer_cb(hs->ssl, timer_never);
    if (dtls->client)
        SSL_set_connect_state(hs->ssl);
    else
        SSL_set_accept_state(hs->ssl);
    return SSL_set_mtu(hs->ssl, dtls->mtu) == dtls->mtu;
}

p2p_err p2p_dtls_new(
    p2p_dtls **out, const p2p_dtls_config *config, const p2p_mem *mem, p2p_time now) {
    *out = NULL;
    uint16_t mtu = config->mtu == 0 ? P2P_DTLS_MTU_DEFAULT : config->mtu;
    if (mtu < P2P_DTLS_MTU_MIN || config->expected_count > P2P_DTLS_EXPECTED_MAX)
        return P2P_ERR_INVALID;
    p2p_dtls *dtls = p2p_mem_alloc(mem, sizeof *dtls);
    if (dtls == NULL)
        return P2P_ERR_NO_MEMORY;
    dtls->mem = mem;
    dtls->client = config->client;
    dtls->mtu = mtu;
    p2p_buf_init(&dtls->flight, mem, FLIGHT_MAX);
    memcpy(dtls->local_sha256, config->context->sha256, 32);
    dtls->handshake = p2p_mem_alloc(mem, sizeof *dtls->handshake);
    p2p_err err = P2P_ERR_NO_MEMORY;
    if (dtls->handshake != NULL) {
        handshake *hs = dtls->handshake;
        hs->give_up_at = now + HANDSHAKE_TIMEOUT;
        hs->resend_at = P2P_NEVER;
        hs->expected_count = (uint8_t)config->expected_count;
        p2p_copy(hs->expected, config->expected, config->expected_count * 32);
        err = ssl_new(dtls, config->context) ? P2P_OK : P2P_ERR_CRYPTO;
    }
    if (err == P2P_OK && dtls->client)
        err = advance(dtls, now); /* the hello */
    if (err != P2P_OK) {
        p2p_dtls_free(dtls);
        return err;
    }
    *out = dtls;
    return P2P_OK;
}

void p2p_dtls_free(p2p_dtls *dtls) {
    if (dtls == NULL)
        return;
    handshake_free(dtls);
    p2p_buf_deinit(&dtls->flight);
    p2p_dtls_records_deinit(&dtls->records);
    p2p_mem_free(dtls->mem, dtls, sizeof *dtls);
}

/* --- datagrams in --- */

static void repeat_last_flight(p2p_dtls *dtls, p2p_time now) {
    if (p2p_buf_len(&dtls->flight) == 0 || dtls->repeats == REPEATS_MAX ||
        now - dtls->repeated_at < REPEAT_GAP)
        return;
    dtls->repeats++;
    dtls->repeated_at = now;
    dtls->flight_at = 0;
}

/* A record of an open connection; OK only with application data. */
static p2p_err open_record(
    p2p_dtls *dtls, uint8_t *record, size_t len, p2p_bytes *plain, p2p_time now) {
    uint8_t type = record[0];
    p2p_err err = p2p_dtls_record_open(&dtls->records, record, len, plain);
    if (err != P2P_OK)
        return err == P2P_ERR_CRYPTO ? end_with(dtls, err) : P2P_ERR_AGAIN;
    if (type == P2P_DTLS_DATA) {
        p2p_buf_deinit(&dtls->flight); /* the peer speaks: it has our Finished */
        return P2P_OK;
    }
    if (type == P2P_DTLS_HANDSHAKE)
        repeat_last_flight(dtls, now);
    if (type != P2P_DTLS_ALERT || plain->len != 2)
        return P2P_ERR_AGAIN;
    bool close_notify = plain->ptr[1] == 0;
    if (!close_notify && plain->ptr[0] != 2)
        return P2P_ERR_AGAIN; /* a warning */
    dtls->goodbye = close_notify;
    return end_with(dtls, close_notify ? P2P_ERR_EOF : P2P_ERR_RESET);
}

p2p_err p2p_dtls_input(
    p2p_dtls *dtls, uint8_t *datagram, size_t len, size_t *at, p2p_bytes *plain, p2p_time now) {
    while (dtls->state != P2P_DTLS_ENDED) {
        size_t record = record_len(p2p_bytes_of(datagram + *at, len - *at));
        if (record == 0) {
            *at = len;
            return P2P_ERR_AGAIN;
        }
        uint8_t *begin = datagram + *at;
        *at += record;
        p2p_err err = dtls->state == P2P_DTLS_OPEN
                          ? open_record(dtls, begin, record, plain, now)
                          : handshake_record(dtls, p2p_bytes_of(begin, record), now);
        if (dtls->state == P2P_DTLS_OPEN && err == P2P_OK && begin[0] == P2P_DTLS_DATA)
            return P2P_OK;
    }
    *at = len;
    return dtls->end;
}

/* --- datagrams out --- */

/* Appends the flight's next record to the datagram; false when it does not fit any more. */
static bool put_record(p2p_dtls *dtls, p2p_bytes record, uint8_t *dst, size_t cap, size_t *len) {
    uint8_t again[P2P_DTLS_HEAD_MAX + FINISHED_MAX + P2P_DTLS_TAG];
    p2p_bytes plain;
    size_t sealed;
    if (record.len > cap - *len)
        return false;
    uint8_t *to = dst + *len;
    *len += record.len;
    if (epoch_of(record.ptr) == 0) {
        memcpy(to, record.ptr, record.len);
        p2p_store64(to + 3, dtls->plain_seq++);
        return true;
    }
    if (!dtls->flight_repeats || record.len > sizeof again) {
        memcpy(to, record.ptr, record.len);
        return true;
    }
    memcpy(again, record.ptr, record.len);
    if (p2p_dtls_record_reopen(&dtls->records, again, record.len, &plain) != P2P_OK ||
        p2p_dtls_record_seal(&dtls->records, to, record.len, &sealed, again[0], plain) != P2P_OK)
        *len -= record.len;
    return true;
}

static size_t put_flight(p2p_dtls *dtls, uint8_t *dst) {
    size_t len = 0;
    if (p2p_buf_len(&dtls->flight) == 0)
        return 0;
    p2p_bytes all = p2p_buf_view(&dtls->flight);
    for (size_t one; dtls->flight_at < all.len; dtls->flight_at += one) {
        p2p_bytes rest = p2p_bytes_of(all.ptr + dtls->flight_at, all.len - dtls->flight_at);
        one = record_len(rest);
        INVARIANT(one > 0 && one <= dtls->mtu);
        if (!put_record(dtls, p2p_bytes_of(rest.ptr, one), dst, dtls->mtu, &len))
            return len;
    }
    dtls->flight_repeats = true;
    return len;
}

p2p_err p2p_dtls_output(p2p_dtls *dtls, uint8_t *dst, size_t cap, size_t *len, p2p_time now) {
    static const uint8_t close_notify[2] = {1, 0};
    (void)now;
    if (cap < dtls->mtu)
        return P2P_ERR_TOO_BIG;
    *len = put_flight(dtls, dst);
    if (*len > 0)
        return P2P_OK;
    if (!dtls->goodbye)
        return P2P_ERR_AGAIN;
    dtls->goodbye = false;
    return p2p_dtls_record_seal(&dtls->records, dst, cap, len, P2P_DTLS_ALERT,
        p2p_bytes_of(close_notify, sizeof close_notify));
}

p2p_time p2p_dtls_deadline(const p2p_dtls *dtls) {
    const handshake *hs = dtls->handshake;
    if (hs == NULL)
        return P2P_NEVER;
    return hs->resend_at < hs->give_up_at ? hs->resend_at : hs->give_up_at;
}

void p2p_dtls_tick(p2p_dtls *dtls, p2p_time now) {
    handshake *hs = dtls->handshake;
    if (hs == NULL || now < p2p_dtls_deadline(dtls))
        return;
    if (now >= hs->give_up_at) {
        p2p_buf_deinit(&dtls->flight);
        dtls->flight_at = 0;
        end_with(dtls, P2P_ERR_TIMEOUT);
        return;
    }
    dtls->flight_at = 0;
    hs->rto = hs->rto * 2 < RTO_MAX ? hs->rto * 2 : RTO_MAX;
    hs->resend_at = now + hs->rto;
}

/* --- the open connection --- */

size_t p2p_dtls_head(const p2p_dtls *dtls) {
    return dtls->records.head;
}

p2p_err p2p_dtls_seal(p2p_dtls *dtls, uint8_t *dst, size_t cap, size_t *len, p2p_bytes plain) {
    if (dtls->state != P2P_DTLS_OPEN)
        return P2P_ERR_STATE;
    return p2p_dtls_record_seal(&dtls->records, dst, cap, len, P2P_DTLS_DATA, plain);
}

void p2p_dtls_close(p2p_dtls *dtls) {
    if (dtls->state == P2P_DTLS_ENDED)
        return;
    dtls->goodbye = dtls->state == P2P_DTLS_OPEN;
    p2p_buf_deinit(&dtls->flight);
    dtls->flight_at = 0;
    end_with(dtls, P2P_ERR_CLOSED);
}

p2p_dtls_state p2p_dtls_get_state(const p2p_dtls *dtls) {
    return dtls->state;
}

p2p_err p2p_dtls_end(const p2p_dtls *dtls) {
    return dtls->end;
}

const uint8_t *p2p_dtls_local_sha256(const p2p_dtls *dtls) {
    return dtls->local_sha256;
}

const uint8_t *p2p_dtls_peer_sha256(const p2p_dtls *dtls) {
    return dtls->peer_sha256;
}
