/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a public test suite tells a program in its environment. There are two contracts: the modern
 * one with upper-case names, which is meant when TEST_KEY is set, and the legacy one with
 * lower-case names.
 */
#ifndef CONTRACT_SETTINGS_H
#define CONTRACT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <p2p/base.h>
#include <p2p/transport.h>

typedef struct perf_settings {
    uint64_t upload_bytes, download_bytes;
    size_t upload_iterations, download_iterations, latency_iterations;
} perf_settings;

typedef struct settings {
    bool perf;   /* else: transport interop */
    bool legacy; /* the contract of the older suite */
    bool dialer;
    char redis_host[256];
    int redis_port;
    char key[128];                   /* where the listener's address lies in redis */
    char listen[128];                /* the address to listen on, its port 0 */
    const p2p_security *security[2]; /* NULL-terminated; empty: the transport has its own */
    const p2p_muxer *muxers[2];
    p2p_time timeout;
    perf_settings amounts;
} settings;

/* Reads arguments and environment. On failure `why` gets one sentence. */
bool settings_read(settings *out, int argc, char **argv, char *why, size_t cap);

#endif
