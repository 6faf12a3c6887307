/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "secure/noise_handshake.h"

#include "secure/noise_transport.h"
#include "support/check.h"

typedef struct vector {
    uint8_t prologue[128];
    size_t prologue_len;
    p2p_noise_keypair init_s, init_e, resp_s, resp_e;
    p2p_noise_handshake init, resp;
    p2p_noise_transport init_t, resp_t;
    int messages;
} vector;

static void pair_from(p2p_noise_keypair *pair, const char *hex) {
    check(from_hex(hex, pair->private_key, 32) == 32);
    check_ok(p2p_x25519_public(pair->public_key, pair->private_key));
}

static void begin(vector *v) {
    p2p_bytes prologue = p2p_bytes_of(v->prologue, v->prologue_len);
    p2p_noise_handshake_init(&v->init, true, prologue, &v->init_s, &v->init_e);
    p2p_noise_handshake_init(&v->resp, false, prologue, &v->resp_s, &v->resp_e);
}

static void handshake_message(vector *v, p2p_bytes payload, const char *cipher_hex) {
    bool to_resp = v->messages % 2 == 0;
    p2p_noise_handshake *from = to_resp ? &v->init : &v->resp;
    p2p_noise_handshake *to = to_resp ? &v->resp : &v->init;
    uint8_t message[512];
    size_t len;
    p2p_bytes got;
    check(p2p_noise_handshake_writes(from) && !p2p_noise_handshake_writes(to));
    check_ok(p2p_noise_handshake_write(from, message, sizeof message, &len, payload));
    check_bytes(p2p_bytes_of(message, len), cipher_hex);
    check_ok(p2p_noise_handshake_read(to, message, len, &got));
    check_same(got, payload);
}

static void transport_message(vector *v, p2p_bytes payload, const char *cipher_hex) {
    bool to_resp = v->messages % 2 == 0;
    p2p_noise_transport *from = to_resp ? &v->init_t : &v->resp_t;
    p2p_noise_transport *to = to_resp ? &v->resp_t : &v->init_t;
    uint8_t message[512];
    uint8_t nonce[12] = {0};
    memcpy(message, payload.ptr, payload.len);
    p2p_store64le(nonce + 4, from->tx_nonce++);
    check_ok(p2p_aead_seal(from->tx, message, payload.len, nonce, p2p_bytes_of(NULL, 0)));
    check_bytes(p2p_bytes_of(message, payload.len + 16), cipher_hex);
    p2p_noise_message m = {message, payload.len + 16};
    check_ok(p2p_noise_transport_open(to, &m));
    check_same(p2p_bytes_of(m.ptr, m.len), payload);
}

static void vector_message(vector *v, const char *payload_hex, const char *cipher_hex) {
    uint8_t payload[256];
    size_t len = from_hex(payload_hex, payload, sizeof payload);
    if (v->messages == 0)
        begin(v);
    if (v->messages < 3)
        handshake_message(v, p2p_bytes_of(payload, len), cipher_hex);
    else
        transport_message(v, p2p_bytes_of(payload, len), cipher_hex);
    if (++v->messages == 3) {
        check_ok(p2p_noise_handshake_split(&v->init, &v->init_t.tx, &v->init_t.rx));
        check_ok(p2p_noise_handshake_split(&v->resp, &v->resp_t.tx, &v->resp_t.rx));
    }
}

static void end_vector(vector *v) {
    p2p_noise_transport_deinit(&v->init_t);
    p2p_noise_transport_deinit(&v->resp_t);
    *v = (vector){0};
}

/* spec: noise #noise-protocol-name: the protocol name MUST be Noise_XX_25519_ChaChaPoly_SHA256. */
static void published_vectors(void **state) {
    (void)state;
    size_t file_len;
    char *text = (char *)read_vector_file("noise/xx.txt", &file_len);
    vector v = {0};
    int vectors = 0;
    for (char *save = NULL, *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char *value = strchr(line, ' ');
        if (value != NULL)
            *value++ = '\0';
        if (strcmp(line, "prologue") == 0) {
            v.prologue_len = from_hex(value, v.prologue, sizeof v.prologue);
        } else if (strcmp(line, "init_static") == 0) {
            pair_from(&v.init_s, value);
        } else if (strcmp(line, "init_ephemeral") == 0) {
            pair_from(&v.init_e, value);
        } else if (strcmp(line, "resp_static") == 0) {
            pair_from(&v.resp_s, value);
        } else if (strcmp(line, "resp_ephemeral") == 0) {
            pair_from(&v.resp_e, value);
        } else if (strcmp(line, "m") == 0) {
            char *cipher = strchr(value, ' ');
            *cipher++ = '\0';
            vector_message(&v, value, cipher);
        } else if (strcmp(line, "end") == 0) {
            check(v.messages >= 5);
            end_vector(&v);
            vectors++;
        }
    }
    check(vectors == 2);
    free(text);
}

static void make_pair(p2p_noise_handshake *init, p2p_noise_handshake *resp, p2p_bytes init_prologue,
    p2p_bytes resp_prologue) {
    seeded_random random;
    p2p_noise_keypair pairs[4];
    seeded_random_init(&random, 3);
    for (int i = 0; i < 4; i++)
        check_ok(p2p_noise_keypair_generate(&pairs[i], &random.random));
    p2p_noise_handshake_init(init, true, init_prologue, &pairs[0], &pairs[1]);
    p2p_noise_handshake_init(resp, false, resp_prologue, &pairs[2], &pairs[3]);
}

static void different_prologues_do_not_agree(void **state) {
    (void)state;
    p2p_noise_handshake init;
    p2p_noise_handshake resp;
    uint8_t message[256];
    size_t len;
    p2p_bytes payload;
    make_pair(&init, &resp, P2P_LITERAL("one"), P2P_LITERAL("other"));
    check_ok(
        p2p_noise_handshake_write(&init, message, sizeof message, &len, p2p_bytes_of(NULL, 0)));
    check(len == 32);
    check_ok(p2p_noise_handshake_read(&resp, message, len, &payload));
    check_ok(
        p2p_noise_handshake_write(&resp, message, sizeof message, &len, p2p_bytes_of(NULL, 0)));
    check(len == P2P_NOISE_OVERHEAD_MAX);
    check_err(P2P_ERR_DECRYPT, p2p_noise_handshake_read(&init, message, len, &payload));
}

static void a_key_of_small_order_is_refused(void **state) {
    (void)state;
    p2p_noise_handshake init;
    p2p_noise_handshake resp;
    uint8_t message[256] = {0}; /* the point zero as ephemeral key */
    size_t len;
    p2p_bytes payload;
    make_pair(&init, &resp, p2p_bytes_of(NULL, 0), p2p_bytes_of(NULL, 0));
    check_ok(p2p_noise_handshake_read(&resp, message, 32, &payload));
    check_err(P2P_ERR_VIOLATION,
        p2p_noise_handshake_write(&resp, message, sizeof message, &len, p2p_bytes_of(NULL, 0)));
}

static void too_short_messages_are_refused(void **state) {
    (void)state;
    for (size_t len = 0; len < 32; len++) {
        p2p_noise_handshake init;
        p2p_noise_handshake resp;
        uint8_t message[32] = {9};
        p2p_bytes payload;
        make_pair(&init, &resp, p2p_bytes_of(NULL, 0), p2p_bytes_of(NULL, 0));
        check_err(P2P_ERR_MALFORMED, p2p_noise_handshake_read(&resp, message, len, &payload));
    }
}

static void a_block_that_is_too_small_is_said(void **state) {
    (void)state;
    p2p_noise_handshake init;
    p2p_noise_handshake resp;
    uint8_t message[64];
    size_t len;
    make_pair(&init, &resp, p2p_bytes_of(NULL, 0), p2p_bytes_of(NULL, 0));
    check_err(P2P_ERR_TOO_BIG,
        p2p_noise_handshake_write(&init, message, 40, &len, P2P_LITERAL("nine more")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),
        cmocka_unit_test(different_prologues_do_not_agree),
        cmocka_unit_test(a_key_of_small_order_is_refused),
        cmocka_unit_test(too_short_messages_are_refused),
        cmocka_unit_test(a_block_that_is_too_small_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
