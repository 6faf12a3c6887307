/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * p2p up: a node with everything on, its page, and what the parts of it show each other. The page's
 * interface is described in docs/http-api.md, the protocol hello in docs/wire.md.
 */
#ifndef P2P_TOOL_UP_H
#define P2P_TOOL_UP_H

#include <uv.h>

#include "../pipes.h"
#include "../program.h"
#include "base/list.h"
#include "counters.h"
#include "events.h"
#include "hello.h"
#include "http.h"
#include "listen.h"

struct up {
    cli_program *program;
    p2p_node *node;
    p2p_host *host;
    uv_loop_t *loop;
    uint64_t started_ms; /* Unix time */
    bool over;           /* the host is closing */
    up_listening listening;
    up_counters counters;
    up_hello hello;
    up_http http;
    up_event_streams events;
    uint64_t addrs_hash;         /* of the addresses told last */
    cli_options configured;      /* at the start */
    cli_options in_force;        /* the last good ones */
    cli_config_file *read_again; /* where they come from; NULL: from the start */
    char *tls_cert, *tls_key;    /* those of program->options, if they moved */
    bool terminal;               /* standard input was one at the start */
    uv_signal_t hangup;
    cli_pipe typed; /* standard input */
    bool typing;
    char line[UP_HELLO_TEXT_MAX]; /* as far as it was typed */
    size_t line_len;
};

/* Unix time. */
uint64_t up_wall_ms(void);
/* Closes everything in good order; the process ends when that is done. */
void up_finish(up *u);

/* home.c: settles options.key: the file in the user's data directory, made when there is none, and
 * locked (*lock, a descriptor to keep open). False after one sentence. */
bool up_home_key(cli_program *p, char *path, size_t cap, int *lock);

/* reload.c: reads the configuration again, takes what can be taken, and says what was and what
 * needs a restart. A file that is bad changes nothing. */
void up_reload(up *u);
void up_reload_free(up *u);

/* print.c: what people read. */
void up_print_start(up *u);
void up_print_addrs(up *u);
void up_print_event(up *u, const p2p_event *event);
void up_print_hello(up *u, const p2p_peer_id *from, p2p_bytes name, p2p_bytes text);
/* "12D3…4nPu" */
const char *up_short_peer(char dst[32], const p2p_peer_id *peer);

/* peer_info.c: what identify told, kept with the connection. */
typedef struct up_peer_info {
    size_t protocol_count;
    char *agent; /* all text is in the same block, behind the table */
    char *protocols[];
} up_peer_info;

void up_peer_info_keep(const p2p_event *event);
void up_peer_info_drop(p2p_conn *conn);

/* describe.c: the JSON of things that several places show. */
void up_describe_node(up *u, cli_json *j);
void up_describe_addrs(up *u, cli_json *j);
void up_describe_peers(up *u, cli_json *j);
void up_describe_conn(cli_json *j, const p2p_conn *conn);
/* "tcp", "ws", "wss", "quic-v1", "webtransport", "webrtc-direct" */
const char *up_transport_of(const p2p_multiaddr *addr);

/* typed.c: lines from standard input say hello. */
void up_typed_start(up *u);
void up_typed_stop(up *u);

/* system.c */
void up_notify(const char *state); /* to systemd, when it waits for it: "READY=1" */
void up_open_browser(up *u, const char *url);
void up_hangup_start(up *u);
void up_hangup_stop(up *u);

#endif
