/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The same for the core build (wasm32): what needs neither OpenSSL nor ngtcp2. It takes the place
 * of plugins.c. */
#include "host/host.h"

const p2p_transport_type *const p2p_default_transports[] = {&p2p_tcp, NULL};
const p2p_security *const p2p_default_security[] = {&p2p_noise, NULL};
const p2p_muxer *const p2p_default_muxers[] = {&p2p_yamux, NULL};
