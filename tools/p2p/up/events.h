/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Events for pages that listen: server-sent events (text/event-stream, HTML standard §9.2). */
#ifndef P2P_TOOL_UP_EVENTS_H
#define P2P_TOOL_UP_EVENTS_H

#include <uv.h>

#include "../json.h"
#include "base/list.h"
#include "http.h"

enum { UP_EVENT_STREAMS_MAX = 16, UP_EVENT_BACKLOG_MAX = 64 * 1024 };

typedef struct up_event_streams {
    p2p_list list;
    size_t count;
    uv_timer_t timer; /* stats and comments, while somebody listens */
    unsigned ticks;
    bool ending;
} up_event_streams;

/* False when the loop has no timer. */
bool up_events_start(up *u);
/* Answers a request by a stream of events; 503 when there are too many. */
void up_events_open(up *u, up_request *r);
/* Ends the object, prints it if JSON is wanted, and sends it to all who listen. */
void up_events_send(up *u, const char *name, cli_json *j);
/* Ends all streams; before up_http_stop. */
void up_events_stop(up *u);

#endif
