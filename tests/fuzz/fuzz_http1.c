/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Heads of requests and responses, in pieces. First byte: bit 0 chooses response, the rest is the
 * size of the pieces. The result must not depend on the pieces.
 */
#include "base/check.h"
#include "transport/http1.h"
#include "transport/websocket_handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static p2p_err read_head(p2p_http_reader *r, p2p_bytes in, size_t step, size_t *consumed) {
    p2p_err err = P2P_ERR_AGAIN;
    *consumed = 0;
    while (*consumed < in.len && err == P2P_ERR_AGAIN) {
        size_t n = step < in.len - *consumed ? step : in.len - *consumed;
        size_t used;
        err = p2p_http_reader_feed(r, (p2p_bytes){in.ptr + *consumed, n}, &used);
        *consumed += used;
    }
    return err;
}

static void use(const p2p_http_head *head) {
    static const p2p_ws_policy POLICY = {.path = "/a"};
    uint64_t body;
    p2p_bytes value;
    (void)p2p_http_body_len(head, 1000, &body);
    p2p_http_find(head, "host", &value);
    (void)p2p_ws_judge(head, &POLICY);
    (void)p2p_ws_check_answer(head, "dGhlIHNhbXBsZSBub25jZQ==");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const p2p_mem mem;
    if (size < 1)
        return 0;
    p2p_http_kind kind = (data[0] & 1) != 0 ? P2P_HTTP_RESPONSE : P2P_HTTP_REQUEST;
    p2p_bytes in = {data + 1, size - 1};
    p2p_http_reader whole;
    p2p_http_reader pieces;
    size_t used_whole;
    size_t used_pieces;
    p2p_http_reader_init(&whole, kind, &mem, P2P_HTTP_HEAD_MAX);
    p2p_http_reader_init(&pieces, kind, &mem, P2P_HTTP_HEAD_MAX);
    p2p_err a = read_head(&whole, in, SIZE_MAX, &used_whole);
    p2p_err b = read_head(&pieces, in, 1 + data[0] / 2, &used_pieces);
    if (a == P2P_OK || b == P2P_OK) {
        P2P_REQUIRE(a == b && used_whole == used_pieces);
        P2P_REQUIRE(whole.head.count == pieces.head.count);
        use(&whole.head);
    }
    p2p_http_reader_deinit(&whole);
    p2p_http_reader_deinit(&pieces);
    return 0;
}
