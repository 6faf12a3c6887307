/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The messages of hello: uvarint length ‖ protobuf
 *     Hello { bytes from = 1; string name = 2; string text = 3 }
 */
#ifndef P2P_TOOL_UP_HELLO_MESSAGE_H
#define P2P_TOOL_UP_HELLO_MESSAGE_H

#include <p2p/base.h>

enum {
    UP_HELLO_MAX = 2048, /* of the protobuf */
    UP_HELLO_NAME_MAX = 64,
    UP_HELLO_TEXT_MAX = 1024,
    UP_HELLO_FRAME_MAX = UP_HELLO_MAX + 2
};

/* Views into the bytes it was decoded from. */
typedef struct up_hello_message {
    p2p_bytes from, name, text;
} up_hello_message;

/*
 * The first message in `bytes`; *used bytes belong to it. AGAIN: more must arrive. TOO_BIG: longer
 * than allowed. MALFORMED: no protobuf, a field twice or of the wrong type, or text that is not
 * UTF-8.
 */
P2P_NODISCARD p2p_err up_hello_decode(p2p_bytes bytes, up_hello_message *out, size_t *used);
/* With its length in front; the number of bytes. Every field within its maximum always fits. */
size_t up_hello_encode(uint8_t dst[UP_HELLO_FRAME_MAX], const up_hello_message *message);

#endif
