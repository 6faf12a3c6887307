/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What all programs that dial have in common: one address, one connection, and an end that is
 * either theirs or the network's.
 */
#ifndef P2P_TOOL_CLIENT_H
#define P2P_TOOL_CLIENT_H

#include "program.h"

/* The first member of such a program's own state. */
typedef struct cli_client {
    p2p_multiaddr addr; /* as dialled */
    p2p_conn *conn;     /* NULL: not yet, or not any more */
    bool over;          /* the host is closing: nothing new is begun */
    void (*connected)(cli_program *p, p2p_host *host);
    void (*event)(cli_program *p, p2p_host *host, const p2p_event *event); /* may be NULL */
} cli_client;

/* cli_command.check: reads the address. */
bool cli_client_check(cli_program *p);
/* Dials; the two functions are set before. */
void cli_client_start(cli_program *p, p2p_host *host);
/* cli_command.event. */
void cli_client_event(cli_program *p, p2p_host *host, const p2p_event *event);
/* cli_command.interrupt: "interrupted", and the end. */
void cli_client_interrupt(cli_program *p, p2p_host *host);
/* Closes the host in good order; the program ends when that is done. */
void cli_client_finish(cli_program *p, p2p_host *host);

#endif
