/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Bodies of identify messages, decoded. Whatever is accepted must be readable to its last byte, and
 * can be told again.
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/identify_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const p2p_mem MEM = {NULL, NULL};

static volatile uint64_t all; /* so that the reading is not optimised away */

static uint64_t sum(p2p_bytes bytes) {
    uint64_t s = bytes.len;
    for (size_t i = 0; i < bytes.len; i++)
        s = s * 31 + bytes.ptr[i];
    return s;
}

static const char *no_protocol(const void *ctx, size_t index) {
    (void)ctx;
    (void)index;
    return NULL;
}

static void tell_again(const p2p_peer_info *info) {
    static uint8_t block[P2P_IDENTIFY_BLOCK_MAX];
    p2p_identify_fields fields = {.agent = info->agent,
        .protocol_version = info->protocol_version,
        .observed = info->observed,
        .addrs = info->addrs,
        .addr_count = info->addr_count,
        .protocol = no_protocol};
    p2p_writer w = p2p_writer_of(block, sizeof block);
    if (info->agent.len + info->protocol_version.len > 2000)
        return;
    if (p2p_identify_encode(&w, &fields) != P2P_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const p2p_peer_id PEER = {.len = 34, .bytes = {0x12, 0x20, 1}};
    p2p_identify_told *told;
    if (p2p_identify_decode(&told, (p2p_bytes){data, size}, &PEER, &MEM) != P2P_OK) {
        if (told != NULL)
            abort();
        return 0;
    }
    const p2p_peer_info *info = &told->info;
    all = sum(info->agent) + sum(info->protocol_version);
    for (size_t i = 0; i < info->protocol_count; i++)
        all += sum(info->protocols[i]);
    for (size_t i = 0; i < info->addr_count; i++) {
        char text[P2P_MULTIADDR_TEXT_MAX];
        all += p2p_multiaddr_format(text, sizeof text, &info->addrs[i]);
    }
    if (info->addr_count > P2P_IDENTIFY_ADDRS_MAX ||
        info->protocol_count > P2P_IDENTIFY_PROTOCOLS_MAX)
        abort();
    tell_again(info);
    free(told);
    return 0;
}
