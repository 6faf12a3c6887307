/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

#include "webrtc/ice_credentials.h"

#define V1 "libp2p+webrtc+v1/"
#define V2 "libp2p+webrtc+v2/"
#define RANDOM32 "abcdefghijklmnopqrstuvwxyz012345"
#define PWD24 "ABCDEFGHIJKLMNOPQRSTUV+/"

static p2p_err parse(const char *username, p2p_ice_credentials *credentials, int *version) {
    return p2p_ice_direct_parse(credentials, version, p2p_bytes_text(username));
}

static void version_1_is_one_text_four_times(void **state) {
    (void)state;
    p2p_ice_credentials c;
    int version;
    check_ok(parse(V1 RANDOM32 ":" V1 RANDOM32, &c, &version));
    check(version == 1);
    check_same(c.local_ufrag, P2P_LITERAL(V1 RANDOM32));
    check_same(c.local_pwd, P2P_LITERAL(V1 RANDOM32));
    check_same(c.remote_ufrag, P2P_LITERAL(V1 RANDOM32));
    check_same(c.remote_pwd, P2P_LITERAL(V1 RANDOM32));
}

static void version_2_carries_the_clients_password(void **state) {
    (void)state;
    p2p_ice_credentials c;
    int version;
    check_ok(parse(V2 PWD24 ":wxyz", &c, &version));
    check(version == 2);
    check_same(c.local_ufrag, P2P_LITERAL(V2 PWD24));
    check_same(c.local_pwd, P2P_LITERAL(V2 PWD24));
    check_same(c.remote_ufrag, P2P_LITERAL("wxyz"));
    check_same(c.remote_pwd, P2P_LITERAL(PWD24));
}

static void everything_else_is_malformed(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        ":",
        V1 RANDOM32,                       /* no colon */
        RANDOM32 ":" RANDOM32,             /* no prefix */
        "libp2p+webrtc+v3/" PWD24 ":wxyz", /* of a version to come */
        "libp2p+webrtc+v1" RANDOM32 ":" RANDOM32,
        V1 "abcd:" V1 "abcd",            /* a ufrag, but too short for a password */
        V1 RANDOM32 ":" V1 RANDOM32 "x", /* the halves differ */
        V1 RANDOM32 ":wxyz",
        V2 "ABCDEFGHIJKLMNOPQRSTU:wxyz", /* 21 characters of password */
        V2 PWD24 ":abc",                 /* ufrag of 3 */
        V2 PWD24 ":",
        V2 PWD24 ":ab:cd", /* split at the first colon; the second is no ice-char */
        V2 PWD24 ":ab cd",
        V2 PWD24 ":abcd\r\n",
        V2 "ABCDEFGHIJKLMNOPQRSTUV-_:wxyz",
    };
    for (size_t i = 0; i < P2P_COUNT(bad); i++) {
        p2p_ice_credentials c;
        int version;
        check_err(P2P_ERR_MALFORMED, parse(bad[i], &c, &version));
    }
    /* What dialers of old sent instead of the prefix. */
    char nuls[2 * (17 + 32) + 2] = {0};
    memcpy(nuls + 17, RANDOM32 ":", 33);
    memcpy(nuls + 50 + 17, RANDOM32, 32);
    p2p_ice_credentials c;
    int version;
    check_err(P2P_ERR_MALFORMED, p2p_ice_direct_parse(&c, &version, p2p_bytes_of(nuls, 99)));
}

static void lengths_end_where_the_grammar_says(void **state) {
    (void)state;
    char text[600];
    p2p_ice_credentials c;
    int version;
    for (size_t len = 250; len <= 260; len++) {
        memset(text, 'a', sizeof text);
        memcpy(text, V1, 17);
        text[len] = ':';
        memcpy(text + len + 1, text, len);
        check_err(len <= 256 ? P2P_OK : P2P_ERR_MALFORMED,
            p2p_ice_direct_parse(&c, &version, p2p_bytes_of(text, 2 * len + 1)));
        memcpy(text, V2, 17);
        check_err(len <= 256 ? P2P_OK : P2P_ERR_MALFORMED,
            p2p_ice_direct_parse(&c, &version, p2p_bytes_of(text, len + 1 + 4)));
    }
}

static size_t check_of(uint8_t raw[600], p2p_ice_credentials client) {
    static const uint8_t transaction[12] = {3};
    char username[600];
    size_t at = 0;
    memcpy(username, client.remote_ufrag.ptr, client.remote_ufrag.len);
    at += client.remote_ufrag.len;
    username[at++] = ':';
    memcpy(username + at, client.local_ufrag.ptr, client.local_ufrag.len);
    at += client.local_ufrag.len;
    p2p_writer w = p2p_stun_begin(raw, 600, P2P_STUN_REQUEST, P2P_STUN_BINDING, transaction);
    p2p_stun_put(&w, P2P_STUN_USERNAME, p2p_bytes_of(username, at));
    p2p_stun_put_integrity(&w, client.remote_pwd);
    size_t len;
    check_ok(p2p_stun_finish(&w, &len));
    return len;
}

static void a_dialler_passes_the_stateless_check(void **state) {
    (void)state;
    seeded_random random;
    seeded_random_init(&random, 5);
    for (int wanted = 1; wanted <= 2; wanted++) {
        char text[64];
        uint8_t raw[600];
        p2p_stun_msg msg;
        p2p_ice_credentials server;
        int version;
        p2p_ice_credentials client = wanted == 1 ? p2p_ice_direct_v1(text, &random.random)
                                                 : p2p_ice_direct_v2(text, &random.random);
        size_t len = check_of(raw, client);
        check_ok(p2p_stun_parse(&msg, p2p_bytes_of(raw, len)));
        check_ok(p2p_ice_direct_check(&server, &version, &msg));
        check(version == wanted);
        check_same(server.remote_pwd, client.local_pwd);
        check_same(server.remote_ufrag, client.local_ufrag);
        check_same(server.local_pwd, client.remote_pwd);
        raw[24] ^= 1; /* the ufrag's first letter changes the key */
        raw[20 + 4 + 18] ^= 1;
        check_ok(p2p_stun_parse(&msg, p2p_bytes_of(raw, len)));
        check(p2p_ice_direct_check(&server, &version, &msg) != P2P_OK);
    }
}

static void a_check_without_or_with_wrong_integrity_opens_nothing(void **state) {
    (void)state;
    static const uint8_t transaction[12] = {3};
    uint8_t raw[600];
    size_t len;
    p2p_stun_msg msg;
    p2p_ice_credentials c;
    int version;
    p2p_writer w = p2p_stun_begin(raw, sizeof raw, P2P_STUN_REQUEST, 1, transaction);
    p2p_stun_put(&w, P2P_STUN_USERNAME, P2P_LITERAL(V2 PWD24 ":wxyz"));
    p2p_writer bare = w;
    check_ok(p2p_stun_finish(&bare, &len));
    check_ok(p2p_stun_parse(&msg, p2p_bytes_of(raw, len)));
    check_err(P2P_ERR_MALFORMED, p2p_ice_direct_check(&c, &version, &msg));
    /* The client's password alone is not the key: the whole server ufrag is. */
    p2p_stun_put_integrity(&w, P2P_LITERAL(PWD24));
    check_ok(p2p_stun_finish(&w, &len));
    check_ok(p2p_stun_parse(&msg, p2p_bytes_of(raw, len)));
    check_err(P2P_ERR_DECRYPT, p2p_ice_direct_check(&c, &version, &msg));
    msg.class = P2P_STUN_SUCCESS;
    check_err(P2P_ERR_UNSUPPORTED, p2p_ice_direct_check(&c, &version, &msg));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1_is_one_text_four_times),
        cmocka_unit_test(version_2_carries_the_clients_password),
        cmocka_unit_test(everything_else_is_malformed),
        cmocka_unit_test(lengths_end_where_the_grammar_says),
        cmocka_unit_test(a_dialler_passes_the_stateless_check),
        cmocka_unit_test(a_check_without_or_with_wrong_integrity_opens_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
