/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a browser tab sends to `p2p up` on its hello stream. What is accepted is within its limits,
 * and written and read again it is the same.
 */
#include <stdlib.h>

#include "../../tools/p2p/up/hello_message.h"
#include "base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition) {
    if (!condition)
        abort();
}

static void write_and_read(const up_hello_message *message) {
    uint8_t frame[UP_HELLO_FRAME_MAX];
    up_hello_message again;
    size_t used, len = up_hello_encode(frame, message);
    must(len <= sizeof frame);
    must(up_hello_decode(p2p_bytes_of(frame, len), &again, &used) == P2P_OK && used == len);
    must(p2p_bytes_equal(again.from, message->from) && p2p_bytes_equal(again.name, message->name) &&
         p2p_bytes_equal(again.text, message->text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    up_hello_message message;
    size_t used;
    p2p_err err;
    while ((err = up_hello_decode(p2p_bytes_of(data, size), &message, &used)) == P2P_OK) {
        must(used > 0 && used <= size && used <= UP_HELLO_FRAME_MAX);
        must(message.name.len <= UP_HELLO_NAME_MAX && message.text.len <= UP_HELLO_TEXT_MAX);
        write_and_read(&message);
        data += used;
        size -= used;
    }
    /* The reader's buffer holds a whole message: to wait for more must be worth it. */
    must(err != P2P_ERR_AGAIN || size < UP_HELLO_FRAME_MAX);
    return 0;
}
