/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Writes JSON: an object, built up field by field in a block that grows up to CLI_JSON_MAX. A value
 * that finds no room is left out whole, so what comes out can always be read. Bytes that are not
 * UTF-8 become U+FFFD, control characters are escaped: parts of it are the peer's own words.
 *
 *     static cli_json j;
 *     cli_json_begin(&j, "pong");
 *     cli_json_int(&j, "seq", 1);
 *     cli_json_end(&j, &p->out);
 *
 * The block is kept for the next object: a static one needs no cli_json_free.
 */
#ifndef P2P_TOOL_JSON_H
#define P2P_TOOL_JSON_H

#include <p2p/host.h>

enum { CLI_JSON_MAX = 2 * 1024 * 1024 };

/* Zeroed to begin. */
typedef struct cli_json {
    char *text;
    size_t len, cap;
    unsigned depth; /* objects and lists that are open: each keeps a byte for its end */
    unsigned lost;  /* of those that found no room, and what is in them with them */
    bool full, comma;
} cli_json;

/* A new object, with or without a "type". */
void cli_json_begin(cli_json *j, const char *type);
void cli_json_open(cli_json *j);
void cli_json_text(cli_json *j, const char *name, const char *text);
void cli_json_bytes(cli_json *j, const char *name, p2p_bytes text);
void cli_json_int(cli_json *j, const char *name, uint64_t value);
void cli_json_float(cli_json *j, const char *name, double value);
void cli_json_bool(cli_json *j, const char *name, bool value);
void cli_json_null(cli_json *j, const char *name);
void cli_json_peer(cli_json *j, const char *name, const p2p_peer_id *peer);
/* With /p2p/… behind it if peer is not NULL. */
void cli_json_addr(
    cli_json *j, const char *name, const p2p_multiaddr *addr, const p2p_peer_id *peer);
/* Lists and objects inside; in a list the name is NULL. */
void cli_json_list(cli_json *j, const char *name);
void cli_json_item(cli_json *j, p2p_bytes text);
void cli_json_list_end(cli_json *j);
void cli_json_object(cli_json *j, const char *name);
void cli_json_object_end(cli_json *j);
/* Ends the object: all of it, until the next begin. cli_json_end (out.h) prints it instead. */
p2p_bytes cli_json_close(cli_json *j);
void cli_json_free(cli_json *j);

#endif
