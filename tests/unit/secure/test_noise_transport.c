/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "secure/noise_transport.h"

#include "support/check.h"

static void transports(p2p_noise_transport *one, p2p_noise_transport *other) {
    const uint8_t key[32] = {1};
    const uint8_t back[32] = {2};
    *one = *other = (p2p_noise_transport){0};
    check_ok(p2p_aead_new(&one->tx, key));
    check_ok(p2p_aead_new(&one->rx, back));
    check_ok(p2p_aead_new(&other->tx, back));
    check_ok(p2p_aead_new(&other->rx, key));
}

typedef struct source {
    p2p_layer layer;
    size_t left;
    size_t once;
} source;

static p2p_err source_draw(p2p_layer *layer, uint8_t *dst, size_t cap, size_t *len) {
    source *s = P2P_CONTAINER(layer, source, layer);
    size_t now = s->left < cap ? s->left : cap;
    if (s->once > 0 && now > s->once)
        now = s->once;
    for (size_t i = 0; i < now; i++)
        dst[i] = (uint8_t)(s->left - i);
    s->left -= now;
    *len = now;
    return P2P_OK;
}

static const p2p_layer_ops SOURCE_OPS = {"source", NULL, source_draw, NULL, NULL};

/* Draws everything in blocks of cap and opens it; checks the bytes and returns the number of
 * frames. */
static size_t carry(size_t total, size_t once, size_t cap) {
    p2p_noise_transport tx;
    p2p_noise_transport rx;
    source from = {{.ops = &SOURCE_OPS}, total, once};
    uint8_t *block = malloc(cap);
    size_t seen = 0;
    size_t frames = 0;
    size_t len;
    transports(&tx, &rx);
    do {
        check_ok(p2p_noise_transport_draw(&tx, &from.layer, block, cap, &len));
        check(len <= cap);
        for (size_t at = 0; at < len; frames++) {
            p2p_noise_message m = {block + at + 2, p2p_load16(block + at)};
            at += 2 + m.len;
            check(at <= len);
            check_ok(p2p_noise_transport_open(&rx, &m));
            for (size_t i = 0; i < m.len; i++)
                check(m.ptr[i] == (uint8_t)(total - seen - i));
            seen += m.len;
        }
    } while (len > 0);
    check(seen == total && from.left == 0);
    free(block);
    p2p_noise_transport_deinit(&tx);
    p2p_noise_transport_deinit(&rx);
    return frames;
}

/* spec: noise #wire-format: noise_message_len is a 16-bit big-endian unsigned integer. */
static void what_is_drawn_fills_the_block_with_frames(void **state) {
    (void)state;
    check(carry(100, 0, 4096) == 1);
    check(carry(100, 1, 4096) == 100);
    check(carry(100000, 0, 65536) == (100000 + P2P_NOISE_WRITE_MAX - 1) / P2P_NOISE_WRITE_MAX);
    check(carry(20, 0, 19) == 20);
    check(carry(70000, 4096, 9000) > 0);
}

static void a_block_without_room_for_a_frame_stays_empty(void **state) {
    (void)state;
    p2p_noise_transport tx;
    p2p_noise_transport rx;
    source from = {{.ops = &SOURCE_OPS}, 10, 0};
    uint8_t block[18];
    size_t len;
    transports(&tx, &rx);
    for (size_t cap = 0; cap <= sizeof block; cap++) {
        check_ok(p2p_noise_transport_draw(&tx, &from.layer, block, cap, &len));
        check(len == 0 && from.left == 10);
    }
    p2p_noise_transport_deinit(&tx);
    p2p_noise_transport_deinit(&rx);
}

static void a_message_shorter_than_a_tag_is_refused(void **state) {
    (void)state;
    p2p_noise_transport tx;
    p2p_noise_transport rx;
    uint8_t block[16] = {0};
    transports(&tx, &rx);
    for (size_t len = 0; len < 16; len++) {
        p2p_noise_message m = {block, len};
        check_err(P2P_ERR_MALFORMED, p2p_noise_transport_open(&rx, &m));
    }
    p2p_noise_transport_deinit(&tx);
    p2p_noise_transport_deinit(&rx);
}

static void a_message_of_nothing_but_a_tag_is_empty(void **state) {
    (void)state;
    p2p_noise_transport tx;
    p2p_noise_transport rx;
    uint8_t block[16];
    const uint8_t nonce[12] = {0};
    transports(&tx, &rx);
    check_ok(p2p_aead_seal(tx.tx, block, 0, nonce, p2p_bytes_of(NULL, 0)));
    p2p_noise_message m = {block, sizeof block};
    check_ok(p2p_noise_transport_open(&rx, &m));
    check(m.len == 0);
    p2p_noise_transport_deinit(&tx);
    p2p_noise_transport_deinit(&rx);
}

/* spec: noise #encryption-and-io: peers that exchange more than 2^64 - 1 messages MUST terminate
 * the connection. */
static void a_direction_ends_before_its_counter_wraps(void **state) {
    (void)state;
    p2p_noise_transport tx;
    p2p_noise_transport rx;
    source from = {{.ops = &SOURCE_OPS}, 2, 1};
    uint8_t block[64];
    size_t len;
    transports(&tx, &rx);
    tx.tx_nonce = rx.rx_nonce = UINT64_MAX - 1;
    check_ok(p2p_noise_transport_draw(&tx, &from.layer, block, 19, &len));
    p2p_noise_message m = {block + 2, len - 2};
    check_ok(p2p_noise_transport_open(&rx, &m));
    check_err(P2P_ERR_LIMIT, p2p_noise_transport_draw(&tx, &from.layer, block, 19, &len));
    m = (p2p_noise_message){block + 2, 17};
    check_err(P2P_ERR_LIMIT, p2p_noise_transport_open(&rx, &m));
    p2p_noise_transport_deinit(&tx);
    p2p_noise_transport_deinit(&rx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_drawn_fills_the_block_with_frames),
        cmocka_unit_test(a_block_without_room_for_a_frame_stays_empty),
        cmocka_unit_test(a_message_shorter_than_a_tag_is_refused),
        cmocka_unit_test(a_message_of_nothing_but_a_tag_is_empty),
        cmocka_unit_test(a_direction_ends_before_its_counter_wraps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
