/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Where the node listens. Without --listen that is everything on one TCP and one UDP port of the
 * same number, IPv4 and IPv6, as far as the machine has them.
 */
#ifndef P2P_TOOL_UP_LISTEN_H
#define P2P_TOOL_UP_LISTEN_H

#include "../program.h"

enum { UP_PORT = 4001 };

typedef struct up up;

typedef struct up_listening {
    struct {
        char text[P2P_MULTIADDR_TEXT_MAX];
        uint64_t number;
        bool settled, failed;
    } addrs[CLI_LISTEN_MAX];

    size_t count;
    bool ready;
} up_listening;

/* Reads --listen; false after one sentence. */
bool up_listen_check(up *u);
/* Chooses the addresses, and the port if that is left open; false after one sentence. */
bool up_listen_choose(up *u);
/* Starts listening; what fails is told and ends the program. */
void up_listen_start(up *u);
/* True when all has been decided just now: the node is ready. */
bool up_listen_event(up *u, const p2p_event *event);

#endif
