/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The page's HTTP server: libmicrohttpd without a thread, in the node's own loop. It says who may
 * ask at all; what is asked for is answered by api.c, files.c, metrics.c and events.c.
 */
#ifndef P2P_TOOL_UP_HTTP_H
#define P2P_TOOL_UP_HTTP_H

#include <microhttpd.h>
#include <uv.h>

#include <p2p/ping.h>

#include "../json.h"
#include "base/list.h"

enum {
    UP_BODY_MAX = 8 * 1024,
    UP_HOST_MAX = 64,   /* of --page */
    UP_TOKEN_TEXT = 33, /* 128 bits in hex */
    UP_PAGE_PORT = 4080
};

typedef struct up up;

/* Where the page is served. */
typedef struct up_page {
    char host[UP_HOST_MAX]; /* as it stands in URLs: 127.0.0.1, [::1] */
    uint16_t port;
    struct sockaddr_storage addr;
} up_page;

typedef struct up_http {
    struct MHD_Daemon *daemon; /* NULL: no page */
    uv_poll_t poll;
    uv_timer_t timer;
    bool woken;
    p2p_list requests; /* up_request.node, those that are being worked on */
    up_page page;
    char url[UP_HOST_MAX + 24];
    char token[UP_TOKEN_TEXT];
    int web;          /* the folder of the page's files; -1: there is none */
    char where[1024]; /* its name */
} up_http;

typedef struct up_request {
    up *up;
    struct MHD_Connection *connection;
    const char *path;
    bool get;
    p2p_list node;
    char *body;
    size_t body_len, body_seen;
    /* The answer, when there is one. */
    struct MHD_Response *response;
    unsigned status;
    bool suspended;
    /* What it waits for: a dial's number, a ping; 0 and NULL: nothing. */
    uint64_t dial;
    p2p_ping *ping;
} up_request;

/* page.c: reads --page; false after one sentence. */
bool up_page_parse(up *u);
/* A listening socket there, whose port up_page then has; -1 after one sentence. */
int up_page_listen(up *u);
/* False after one sentence. */
bool up_http_start(up *u);
void up_http_stop(up *u);
/* Something for libmicrohttpd changed outside of it: looks again soon. */
void up_http_wake(up *u);

/* Answers. The bytes are copied; `type` and such are constants. Waking up is done here. */
void up_answer(up_request *r, unsigned status, const char *type, p2p_bytes body);
void up_answer_json(up_request *r, unsigned status, cli_json *j);
P2P_PRINTF(3, 4) void up_answer_error(up_request *r, unsigned status, const char *format, ...);
/* Takes the response; NULL: 500. */
void up_answer_with(up_request *r, unsigned status, struct MHD_Response *take_response);
const char *up_request_header(const up_request *r, const char *name);

/* api.c: answers the request, or keeps it until later. */
void up_serve(up *u, up_request *r);
/* Answers those that waited for it. */
void up_api_event(up *u, const p2p_event *event);
/* The browser went away: what the request waits for is given up. */
void up_api_forget(up *u, up_request *r);
/* files.c: a file of the page. */
void up_serve_file(up *u, up_request *r);
/* Opens the folder; -1 when there is none: *where then is where it was looked for. */
int up_web_open(const char *wanted, char *where, size_t cap);
/* metrics.c */
void up_serve_metrics(up *u, up_request *r);

#endif
