/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Bytes into an mplex session with two streams of its own open, in pieces that the input chooses,
 * with draws, reading and time in between. The first byte of a piece says how long it is and what
 * happens after it.
 */
#include <stdlib.h>

#include "support/mux.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static mux_end *end;
    static uint8_t block[70000];
    static const p2p_mem mem;
    p2p_err err;
    if (end == NULL)
        end = malloc(sizeof *end);
    mux_end_defaults(end);
    end->limits.streams_inbound_per_conn = 8;
    end->limits.buffered_bytes = 1 << 20;
    end->reply = 500;
    if (mux_end_start(end, &p2p_mplex, &mem, false) != P2P_OK)
        abort();
    (void)mux_end_open(end, 100, &err);
    (void)mux_end_open(end, size > 0 && (data[0] & 1) ? 300000 : 3000, &err);
    while (size > 0) {
        uint8_t how = *data++;
        size_t len = how & 0x3f;
        size--;
        len = len < size ? len : size;
        (void)mux_end_feed(end, data, len);
        data += len;
        size -= len;
        if (how & 0x80)
            (void)mux_end_draw(end, block, how & 0x40 ? sizeof block : 13);
        else if (how & 0x40)
            mux_end_pass(end, 5 * P2P_SECOND);
    }
    for (int i = 0; i < 100 && mux_end_draw(end, block, sizeof block) > 0; i++) {
    }
    mux_end_stop(end);
    return 0;
}
