/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A sequence of events for one agent: the first byte chooses its kind, then each step is a byte of
 * what happens and a byte of how. Packets are built with the right password, so that everything
 * behind the integrity check is reached, and answers are made from the agent's own checks.
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "webrtc/ice_agent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const p2p_mem mem;
static uint64_t counter;

static void fill(void *ctx, uint8_t *dst, size_t len) {
    (void)ctx;
    for (size_t i = 0; i < len; i++)
        dst[i] = (uint8_t)(counter++ * 73);
}

static const p2p_random random_source = {fill, NULL};

static p2p_sockaddr address(uint8_t n) {
    return (p2p_sockaddr){.family = n & 64 ? 6 : 4, .ip = {10, 0, 0, n & 1}, .port = n};
}

static void put_role(p2p_writer *w, uint8_t how) {
    p2p_stun_put_u64(
        w, how & 1 ? P2P_STUN_ICE_CONTROLLING : P2P_STUN_ICE_CONTROLLED, (uint64_t)how << 56);
    if (how & 2)
        p2p_stun_put(w, P2P_STUN_USE_CANDIDATE, (p2p_bytes){0});
    if ((how & 0xe0) == 0xe0)
        p2p_stun_put(w, (p2p_stun_type)0x7777, (p2p_bytes){0});
}

static void request(p2p_ice *ice, uint8_t how, p2p_time now) {
    uint8_t raw[300];
    size_t len;
    static const uint8_t transaction[12];
    p2p_sockaddr from = address(how);
    p2p_sockaddr to = address(how >> 7);
    p2p_writer w = p2p_stun_begin(raw, sizeof raw, P2P_STUN_REQUEST, P2P_STUN_BINDING, transaction);
    p2p_stun_put(&w, P2P_STUN_USERNAME, P2P_LITERAL("aaaa:bbbb"));
    put_role(&w, how);
    p2p_stun_put_integrity(&w, P2P_LITERAL("AAAAAAAAAAAAAAAAAAAAAA"));
    if (p2p_stun_finish(&w, &len) != P2P_OK ||
        p2p_ice_input(ice, p2p_bytes_of(raw, len), &from, &to, now) == P2P_ERR_DECRYPT)
        abort();
}

static void response(p2p_ice *ice, uint8_t how, p2p_time now) {
    uint8_t raw[300];
    size_t len;
    if (ice->pairs_count == 0)
        return;
    const ice_pair *pair = &ice->pairs[how % ice->pairs_count];
    p2p_ice_path path = pair->path;
    p2p_bytes key = P2P_LITERAL("BBBBBBBBBBBBBBBBBBBBBB");
    uint16_t unknown = 0x7777;
    p2p_err err = how < 128 ? p2p_stun_write_success(
                                  raw, sizeof raw, &len, pair->transaction, &path.remote, key)
                            : p2p_stun_write_error(raw, sizeof raw, &len, pair->transaction,
                                  how < 200 ? P2P_STUN_ROLE_CONFLICT : P2P_STUN_UNKNOWN_ATTRIBUTE,
                                  &unknown, 1, key);
    if (err != P2P_OK)
        abort();
    (void)p2p_ice_input(ice, p2p_bytes_of(raw, len), &path.remote, &path.local, now);
}

static void drain(p2p_ice *ice, p2p_time now) {
    uint8_t raw[P2P_ICE_PACKET_MAX];
    size_t len;
    p2p_ice_path path;
    p2p_ice_event event;
    unsigned count = 0;
    while (p2p_ice_output(ice, raw, sizeof raw, &len, &path, now) == P2P_OK) {
        if (++count > 100)
            abort();
    }
    while (p2p_ice_next_event(ice, &event))
        ;
    p2p_ice_tick(ice, now);
    while (p2p_ice_output(ice, raw, sizeof raw, &len, &path, now) == P2P_OK) {
        if (++count > 100)
            abort();
    }
    p2p_ice_tick(ice, now);
    if (p2p_ice_deadline(ice) <= now &&
        p2p_ice_output(ice, raw, sizeof raw, &len, &path, now) != P2P_OK)
        abort(); /* a caller would spin */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    p2p_ice *ice;
    p2p_time now = P2P_SECOND;
    if (size < 1)
        return 0;
    counter = 1;
    p2p_ice_config config = {
        .credentials = {P2P_LITERAL("aaaa"), P2P_LITERAL("AAAAAAAAAAAAAAAAAAAAAA"),
            P2P_LITERAL("bbbb"), P2P_LITERAL("BBBBBBBBBBBBBBBBBBBBBB")},
        .lite = (data[0] & 3) == 0,
        .controlling = (data[0] & 3) > 1,
        .remote_lite = (data[0] & 3) == 3,
    };
    if (p2p_ice_new(&ice, &config, &mem, &random_source, now) != P2P_OK)
        abort();
    for (size_t i = 1; i + 1 < size; i += 2) {
        uint8_t how = data[i + 1];
        p2p_sockaddr addr = address(how);
        p2p_ice_candidate candidate = {
            .kind = (p2p_ice_kind)(how & 3), .addr = addr, .priority = how};
        switch (data[i] % 8) {
        case 0:
            request(ice, how, now);
            break;
        case 1:
            response(ice, how, now);
            break;
        case 2:
            (void)p2p_ice_add_remote(ice, &candidate);
            break;
        case 3:
            (void)p2p_ice_add_local(ice, &candidate);
            break;
        case 4:
            now += how * 50 * P2P_MILLISECOND;
            break;
        case 5:
            if (p2p_ice_deadline(ice) != P2P_NEVER && p2p_ice_deadline(ice) > now)
                now = p2p_ice_deadline(ice);
            break;
        case 6:
            p2p_ice_end_of_candidates(ice, now);
            break;
        default:
            (void)p2p_ice_input(ice, p2p_bytes_of(data + i, size - i), &addr, &addr, now);
            p2p_ice_heard(ice, &addr, &addr, now);
        }
        drain(ice, now);
    }
    p2p_ice_free(ice);
    return 0;
}
