/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How dialler and listener find each other: the listener leaves its address in redis. Transport
 * interop pushes it to a list, perf sets a string. These calls block; nothing else runs yet, or
 * what runs can wait.
 */
#ifndef CONTRACT_RENDEZVOUS_H
#define CONTRACT_RENDEZVOUS_H

#include "settings.h"

/* The listener's part. On failure `why` gets one sentence; so in the others. */
bool rendezvous_leave(const settings *s, const char *addr, char *why, size_t cap);
/* The dialler's part: waits until there is an address, or the time is over. */
bool rendezvous_find(const settings *s, char *addr, size_t addr_cap, char *why, size_t cap);
/* That the server is there at all: for the listener, before it starts. */
bool rendezvous_check(const settings *s, char *why, size_t cap);

#endif
