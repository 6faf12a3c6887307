/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A protocol is a constant struct: its ids and four callbacks, each of which may be NULL. The
 * built-in ones (identify, ping, perf) use nothing that an application could not use.
 *
 * Callbacks come only from p2p_host_next_event, one at a time; every call of the library is allowed
 * in them, including closing the connection they were called for.
 */
#ifndef P2P_PROTOCOL_H
#define P2P_PROTOCOL_H

#include <p2p/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct p2p_protocol p2p_protocol;

struct p2p_protocol {
    size_t size;            /* sizeof(p2p_protocol) */
    const char *const *ids; /* NULL-terminated, most preferred first; each at most 255 bytes */
    bool inbound;           /* peers may open it here; it is then announced by identify */
    bool on_limited;        /* may run on a limited (relayed) connection */

    /* The stream can be used. self is the pointer given when the protocol was registered or the
     * stream opened. */
    void (*opened)(p2p_stream *stream, void *self);
    /* Bytes arrived, or the peer ended its direction (p2p_stream_at_end). Called again only after
     * more arrived, and once when the connection ended behind a complete message (p2p/stream.h). */
    void (*readable)(p2p_stream *stream, void *self);
    /* There is room again after p2p_stream_write took less than it was offered. */
    void (*writable)(p2p_stream *stream, void *self);
    /* The last callback of every stream that was opened or whose opening failed. */
    void (*closed)(p2p_stream *stream, const p2p_stream_end *end, void *self);
};

#ifdef __cplusplus
}
#endif
#endif
