/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sessions that programs serve themselves or ask for (p2p/webtransport.h). */
#ifndef P2P_WEBTRANSPORT_RAW_H
#define P2P_WEBTRANSPORT_RAW_H

#include <p2p/webtransport.h>

#include "webtransport/wt.h"

/* Takes the session if somebody serves the path: 200, 404 or 503. */
unsigned p2p_wt_raw_request(p2p_env *env, p2p_wt_session *session, const p2p_h3_request *request);

/* `self` of the session is a p2p_wt_muxer with a handler. */
extern const p2p_wt_app p2p_wt_raw_app;

/* p2p_webtransport_serve, for one who has no host in hand. */
P2P_NODISCARD p2p_err p2p_wt_raw_serve(
    p2p_env *env, const p2p_webtransport_handler *handler, void *self);

#endif
