/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The bodies of a recording's frames: what can be read must be written the same again, and
 * everything can be described. Frames follow one another with two bytes of length before each; the
 * checksums of the file stand before this and would only hide it.
 */
/* The target links against the library alone. */
#include "../../tools/p2p/recording.c"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const p2p_writer *w, p2p_bytes body) {
    if (!p2p_bytes_equal(p2p_writer_view(w), body))
        abort();
}

static void read_header(p2p_bytes body, p2p_cursor c, p2p_writer *w) {
    cli_header header;
    if (cli_decode_header(&header, &c) != P2P_OK)
        return;
    cli_encode_header(w, &header);
    check_same(w, body);
}

static void read_input(p2p_bytes body, p2p_cursor c, p2p_writer *w) {
    p2p_sockaddr addrs[CLI_INPUT_ADDRS_MAX];
    p2p_input input;
    if (cli_decode_input(&input, addrs, &c, 1000) != P2P_OK)
        return;
    cli_encode_input(w, &input, 1000);
    check_same(w, body);
}

static void read_body(p2p_bytes body) {
    static uint8_t block[1 << 17];
    char words[300];
    p2p_writer w = p2p_writer_of(block, sizeof block);
    p2p_cursor c = p2p_cursor_of(body);
    p2p_socket socket;
    size_t cap, segments;
    uint64_t frames;
    p2p_err err = P2P_OK;
    cli_describe(words, sizeof words, body);
    switch (p2p_cursor_u8(&c)) {
    case CLI_HEADER:
        read_header(body, c, &w);
        break;
    case CLI_INPUT:
        read_input(body, c, &w);
        break;
    case CLI_DRAW:
        err = cli_decode_draw(&socket, &cap, &segments, &c, false);
        break;
    case CLI_DATAGRAMS:
        err = cli_decode_draw(&socket, &cap, &segments, &c, true);
        break;
    case CLI_END:
        err = cli_decode_end(&frames, &c);
        break;
    default:
        break;
    }
    (void)err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    p2p_cursor c = p2p_cursor_of(p2p_bytes_of(data, size));
    while (c.left > 0) {
        size_t len = p2p_cursor_u16(&c);
        p2p_bytes body = p2p_cursor_take(&c, len < c.left ? len : c.left);
        if (c.err != P2P_OK)
            break;
        read_body(body);
    }
    return 0;
}
