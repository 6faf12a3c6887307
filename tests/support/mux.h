/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One end of a muxed connection without anything below it: an environment, a wire that notes when
 * it is woken, and a protocol "/t" whose streams send a pattern and check the one they get. Uses
 * nothing of cmocka, so that fuzzers can have it too.
 */
#ifndef P2P_TEST_MUX_H
#define P2P_TEST_MUX_H

#include <p2p/conn.h>

#include "stack/env.h"
#include "stack/stream.h"
#include "stack/upgrade.h"

enum { MUX_APPS_MAX = 4096 };

/* What one stream of the protocol does and saw. */
typedef struct mux_app {
    struct mux_end *end;
    p2p_stream *stream; /* NULL: closed */
    size_t to_send;     /* bytes of the pattern, then shut */
    size_t sent;
    size_t received;
    size_t wrong; /* received bytes that do not follow the pattern */
    bool stopped; /* do not read */
    bool ended;   /* the peer's end was seen */
    bool closed;
    p2p_stream_end how;
} mux_app;

typedef struct mux_end {
    p2p_env env;
    p2p_limits limits;
    p2p_timeouts timeouts;
    p2p_random random;
    p2p_log log;
    uint64_t seed;
    p2p_wire wire;
    p2p_layer *layer;
    p2p_conn *conn;
    bool woken;
    bool ended;
    p2p_reason reason;
    size_t reply; /* to_send of inbound streams */
    bool stopped; /* new inbound streams do not read */
    size_t app_count;
    p2p_protocol protocol;
    mux_app apps[MUX_APPS_MAX]; /* last: those beyond app_count are not set */
} mux_end;

/* Fails as muxer->start does. Limits and timeouts are set beforehand by mux_end_defaults and the
 * test. */
void mux_end_defaults(mux_end *end);
p2p_err mux_end_start(mux_end *end, const p2p_muxer *muxer, const p2p_mem *mem, bool initiator);
void mux_end_stop(mux_end *end);
/* Runs callbacks that are due and frees what has died. */
void mux_end_turn(mux_end *end);
/* A stream that will send so many bytes; NULL with the error in *err. */
mux_app *mux_end_open(mux_end *end, size_t to_send, p2p_err *err);
/* Feeds a copy; then a turn. */
p2p_err mux_end_feed(mux_end *end, const void *data, size_t len);
/* Draws once; an error ends the connection as a transport would do it. */
size_t mux_end_draw(mux_end *end, uint8_t *dst, size_t cap);
/* Moves the clock and fires timers. */
void mux_end_pass(mux_end *end, p2p_time time);
uint8_t mux_pattern(size_t at);

#endif
