/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The plaintext of a 1-RTT packet. First byte: how much of every stream was received. Whatever the
 * frames are, none of the new kind is left after a rewrite, and what is not one of them stays.
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "quic/reset_stream_at.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t received(void *ctx, int64_t id) {
    const uint8_t *first = ctx;
    return (id & 4) != 0 ? UINT64_MAX : *first;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    uint8_t first = data[0];
    size_t len = size - 1;
    uint8_t *payload = malloc(len + 1), *once = malloc(len + 1);
    memcpy(payload, data + 1, len);
    p2p_err err = p2p_reset_stream_at_rewrite(payload, len, received, &first);
    P2P_REQUIRE(err == P2P_OK || err == P2P_ERR_AGAIN);
    if (err == P2P_OK) {
        /* There is nothing left to do. */
        memcpy(once, payload, len);
        P2P_REQUIRE(p2p_reset_stream_at_rewrite(payload, len, received, &first) == P2P_OK);
        P2P_REQUIRE(memcmp(payload, once, len) == 0);
    }
    free(payload);
    free(once);
    return 0;
}
