/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * multistream-select fed with anything, in pieces. First byte: bit 0 the role, the rest the size of
 * the pieces. The result must not depend on the pieces.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "stack/multistream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct outcome {
    p2p_err err;
    bool done;
    size_t used, current;
    uint64_t answers; /* hash of all that was said */
} outcome;

static const p2p_mem MEM = {NULL, NULL};
static const char *const PROPOSALS[] = {"/a/1", "/b/1", "/c/1", NULL};

static bool accept(void *ctx, p2p_bytes id) {
    (void)ctx;
    if (id.len >= P2P_MULTISTREAM_LINE_MAX)
        abort();
    return p2p_bytes_equal(id, p2p_bytes_text("/b/1"));
}

static uint64_t hash(uint64_t h, p2p_bytes bytes) {
    for (size_t i = 0; i < bytes.len; i++)
        h = (h ^ bytes.ptr[i]) * UINT64_C(1099511628211);
    return h;
}

static outcome run(p2p_bytes bytes, bool initiator, size_t piece) {
    p2p_multistream ms;
    p2p_buf out;
    outcome o = {0};
    p2p_buf_init(&out, &MEM, 1 << 16);
    if (initiator)
        p2p_multistream_init_initiator(&ms, &MEM, PROPOSALS);
    else
        p2p_multistream_init_responder(&ms, &MEM);
    o.err = p2p_multistream_first(&ms, &out);
    while (o.err == P2P_OK && !ms.done && o.used < bytes.len) {
        size_t len = bytes.len - o.used < piece ? bytes.len - o.used : piece, used;
        /* An exact copy: a read past the end is then found. */
        uint8_t *copy = malloc(len);
        memcpy(copy, bytes.ptr + o.used, len);
        o.err = p2p_multistream_feed(&ms, p2p_bytes_of(copy, len), &used, &out, accept, NULL);
        free(copy);
        if (used > len || (o.err == P2P_OK && !ms.done && used != len))
            abort();
        o.used += used;
    }
    o.done = ms.done;
    o.current = ms.current;
    o.answers = hash(1, p2p_buf_view(&out));
    p2p_multistream_deinit(&ms);
    p2p_buf_deinit(&out);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    p2p_bytes bytes = p2p_bytes_of(data + 1, size - 1);
    bool initiator = data[0] & 1;
    outcome whole = run(bytes, initiator, SIZE_MAX), cut = run(bytes, initiator, 1 + data[0] / 2);
    if (whole.err != cut.err || whole.done != cut.done || whole.current != cut.current ||
        whole.answers != cut.answers)
        abort();
    if (whole.err == P2P_OK && whole.used != cut.used)
        abort();
    return 0;
}
