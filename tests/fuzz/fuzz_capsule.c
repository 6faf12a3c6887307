/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Capsules in pieces (first byte: their size); what is reported must not depend on the pieces. */
#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "webtransport/capsule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct outcome {
    unsigned drains;
    unsigned closes;
    uint32_t code;
    uint64_t hash;
    p2p_err err;
    p2p_err fin;
} outcome;

static outcome run(p2p_bytes in, size_t step) {
    static const p2p_mem mem;
    outcome o = {0};
    p2p_capsule_reader r;
    p2p_capsule_reader_init(&r, &mem);
    for (size_t at = 0; at < in.len && o.err == P2P_OK;) {
        size_t n = step < in.len - at ? step : in.len - at;
        uint8_t *copy = malloc(n);
        memcpy(copy, in.ptr + at, n);
        for (size_t used = 0; used < n && o.err == P2P_OK;) {
            p2p_capsule_item item;
            o.err = p2p_capsule_reader_feed(&r, p2p_bytes_of(copy + used, n - used), &item);
            P2P_REQUIRE(o.err != P2P_OK || (item.used > 0 && item.used <= n - used));
            used += item.used;
            o.drains += item.event == P2P_CAPSULE_GOT_DRAIN;
            if (item.event == P2P_CAPSULE_GOT_CLOSE) {
                P2P_REQUIRE(item.reason.len <= P2P_WT_REASON_MAX);
                o.closes++;
                o.code = item.code;
                for (size_t i = 0; i < item.reason.len; i++)
                    o.hash = o.hash * 31 + item.reason.ptr[i];
            }
        }
        free(copy);
        at += n;
    }
    o.fin = p2p_capsule_reader_fin(&r);
    p2p_capsule_reader_deinit(&r);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    p2p_bytes in = {data + 1, size - 1};
    outcome a = run(in, SIZE_MAX);
    outcome b = run(in, 1 + data[0]);
    P2P_REQUIRE(a.err == b.err && a.fin == b.fin && a.drains == b.drains && a.closes == b.closes);
    P2P_REQUIRE(a.code == b.code && a.hash == b.hash && a.closes <= 1);
    return 0;
}
