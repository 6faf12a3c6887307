/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Hello (/c-libp2p/hello/1.0.0, docs/wire.md): text among the node's browser tabs and its terminal.
 * Every peer has one stream open; the node passes what one says to all others.
 */
#ifndef P2P_TOOL_UP_HELLO_H
#define P2P_TOOL_UP_HELLO_H

#include <p2p/host.h>

#include "hello_message.h"

enum { UP_HELLO_STREAMS_MAX = 64, UP_HELLO_RATE = 10 /* messages a second */ };

typedef struct up up;

typedef struct up_hello_stream {
    p2p_stream *stream; /* NULL: free */
    uint32_t tokens;    /* messages it may send now */
    p2p_time filled;    /* when it got the last of them */
    size_t len;
    uint8_t bytes[UP_HELLO_FRAME_MAX]; /* a message that arrives in pieces */
} up_hello_stream;

typedef struct up_hello {
    /* Made when the first stream opens: most nodes never have one. */
    up_hello_stream *streams[UP_HELLO_STREAMS_MAX];
} up_hello;

extern const p2p_protocol up_hello_protocol; /* self: up */

/* Says it in the name of the node; to how many. An empty name: "p2p up". */
size_t up_hello_say(up *u, p2p_bytes name, p2p_bytes text);

#endif
