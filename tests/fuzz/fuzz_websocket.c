/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * WebSocket frames, in pieces. First byte: bit 0 chooses the role, the rest is the size of the
 * pieces. The payload and the outcome must not depend on the pieces.
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "transport/websocket_frame_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct outcome {
    uint64_t data_len;
    uint64_t hash;
    unsigned controls;
    unsigned code;
    p2p_err err;
} outcome;

static void add(outcome *o, const p2p_ws_item *item) {
    if (item->event == P2P_WS_GOT_DATA)
        o->data_len += item->len;
    else if (item->event != P2P_WS_NEED_MORE)
        o->controls++;
    for (size_t i = 0; i < item->len; i++)
        o->hash = o->hash * 31 + item->data[i];
    if (item->event == P2P_WS_GOT_CLOSED)
        o->code = item->code;
}

static outcome run(p2p_ws_role role, p2p_bytes in, size_t step) {
    outcome o = {0};
    p2p_ws_reader r;
    p2p_ws_reader_init(&r, role, 1 << 20);
    for (size_t at = 0; at < in.len && o.err == P2P_OK;) {
        size_t n = step < in.len - at ? step : in.len - at;
        uint8_t *copy = malloc(n);
        memcpy(copy, in.ptr + at, n);
        for (size_t used = 0; used < n && o.err == P2P_OK;) {
            p2p_ws_item item;
            o.err = p2p_ws_reader_feed(&r, copy + used, n - used, &item);
            P2P_REQUIRE(o.err != P2P_OK || (item.used > 0 && item.used <= n - used));
            used += item.used;
            if (o.err == P2P_OK)
                add(&o, &item);
            else
                o.code = item.code;
        }
        free(copy);
        at += n;
    }
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    p2p_ws_role role = (data[0] & 1) != 0 ? P2P_WS_CLIENT : P2P_WS_SERVER;
    p2p_bytes in = {data + 1, size - 1};
    outcome a = run(role, in, SIZE_MAX);
    outcome b = run(role, in, 1 + data[0] / 2);
    P2P_REQUIRE(a.err == b.err && a.code == b.code && a.controls == b.controls);
    P2P_REQUIRE(a.data_len == b.data_len && a.hash == b.hash);
    return 0;
}
