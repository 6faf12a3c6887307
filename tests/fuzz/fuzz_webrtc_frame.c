/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The frame reader: the whole input at once, and cut by its first byte, must give the same data,
 * flags and end. */
#include <stdlib.h>

#include "base/bytes.h"
#include "webrtc/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct digest {
    uint64_t hash;
    size_t data;
    p2p_err err;
} digest;

static void mix(digest *d, uint64_t value) {
    d->hash = (d->hash ^ value) * UINT64_C(0x100000001b3);
}

static digest read_cut(p2p_bytes wire, size_t step) {
    digest d = {.err = P2P_ERR_AGAIN};
    p2p_frame_reader reader;
    p2p_frame_halves halves;
    p2p_frame_reader_init(&reader);
    p2p_frame_halves_init(&halves);
    for (size_t at = 0; at < wire.len && d.err == P2P_ERR_AGAIN; at += step) {
        p2p_bytes input = {wire.ptr + at, wire.len - at < step ? wire.len - at : step};
        p2p_frame_event event;
        while ((d.err = p2p_frame_read(&reader, &input, &event)) == P2P_OK) {
            for (size_t i = 0; event.kind == P2P_FRAME_DATA && i < event.data.len; i++)
                mix(&d, event.data.ptr[i]);
            d.data += event.kind == P2P_FRAME_DATA ? event.data.len : 0;
            if (event.kind != P2P_FRAME_FLAG)
                continue;
            mix(&d, 256 + (uint64_t)event.flag);
            mix(&d, event.error_code);
            p2p_frame_halves_on_flag(&halves, event.flag, event.error_code, at);
            p2p_frame_flag next = p2p_frame_halves_next(&halves, false, at);
            p2p_frame_halves_sent(&halves, next, at);
        }
        if (d.err == P2P_ERR_AGAIN && input.len != 0)
            abort();
    }
    if (d.data > wire.len)
        abort();
    return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    p2p_bytes wire = {data + 1, size - 1};
    digest whole = read_cut(wire, size), cut = read_cut(wire, 1 + data[0] % 16);
    if (whole.hash != cut.hash || whole.data != cut.data || whole.err != cut.err)
        abort();
    return 0;
}
