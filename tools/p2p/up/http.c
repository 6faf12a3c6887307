/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Who may ask. A page of another site can make a browser send requests here, and a name that leads
 * to 127.0.0.1 can make it believe that they come from the same site (DNS rebinding): so Host and
 * Origin must be this page's own, and what changes something needs a token that only this page's
 * scripts can have read.
 *
 * libmicrohttpd has an epoll descriptor in which all its sockets are: the loop watches that one.
 */
#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../keyfile.h"
#include "base/bytes.h"
#include "up.h"

enum {
    CONNECTIONS_MAX = 64,
    CONNECTION_MEMORY = 16 * 1024,
    CONNECTION_SECONDS = 60,
    BODY_IGNORED_MAX = 1 << 20 /* of a request that is refused anyway */
};

static const char CSP[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self' ws: wss: https:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

/* --- answers --- */

const char *up_request_header(const up_request *r, const char *name) {
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

void up_answer_with(up_request *r, unsigned status, struct MHD_Response *take_response) {
    if (r->response != NULL) {
        if (take_response != NULL)
            MHD_destroy_response(take_response);
        return;
    }
    r->response = take_response;
    r->status = status;
    if (r->suspended) {
        r->suspended = false;
        MHD_resume_connection(r->connection);
        up_http_wake(r->up);
    }
}

void up_answer(up_request *r, unsigned status, const char *type, p2p_bytes body) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body.len, (void *)body.ptr, MHD_RESPMEM_MUST_COPY);
    if (response != NULL) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    }
    up_answer_with(r, status, response);
}

void up_answer_json(up_request *r, unsigned status, cli_json *j) {
    up_answer(r, status, "application/json", cli_json_close(j));
}

void up_answer_error(up_request *r, unsigned status, const char *format, ...) {
    static cli_json j;
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cli_json_open(&j);
    cli_json_text(&j, "error", text);
    up_answer_json(r, status, &j);
}

static enum MHD_Result send_answer(up_request *r) {
    static const char *const HEADERS[][2] = {{"Content-Security-Policy", CSP},
        {"X-Content-Type-Options", "nosniff"}, {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"}};
    if (r->response == NULL)
        return MHD_NO;
    for (size_t i = 0; i < P2P_COUNT(HEADERS); i++)
        (void)MHD_add_response_header(r->response, HEADERS[i][0], HEADERS[i][1]);
    enum MHD_Result result = MHD_queue_response(r->connection, r->status, r->response);
    MHD_destroy_response(r->response);
    r->response = NULL;
    return result;
}

/* --- who asks --- */

/* "HOST:PORT" of this page, in any of the ways that a browser on this machine may say it. */
static bool is_own(const up_http *http, const char *authority) {
    const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]", http->page.host};
    char own[UP_HOST_MAX + 8];
    for (size_t i = 0; i < P2P_COUNT(hosts); i++) {
        snprintf(own, sizeof own, "%s:%u", hosts[i], http->page.port);
        if (strcasecmp(authority, own) == 0 ||
            (http->page.port == 80 && strcasecmp(authority, hosts[i]) == 0))
            return true;
    }
    return false;
}

/* A link on another site that leads to the page itself is no harm; anything else from there is. */
static bool is_followed_link(const up_request *r) {
    const char *mode = up_request_header(r, "Sec-Fetch-Mode");
    const char *dest = up_request_header(r, "Sec-Fetch-Dest");
    return r->get && mode != NULL && strcmp(mode, "navigate") == 0 && dest != NULL &&
           strcmp(dest, "document") == 0 && strncmp(r->path, "/api/", 5) != 0 &&
           strcmp(r->path, "/metrics") != 0;
}

static bool is_foreign(const up_request *r) {
    const char *origin = up_request_header(r, MHD_HTTP_HEADER_ORIGIN);
    const char *site = up_request_header(r, "Sec-Fetch-Site");
    if (origin != NULL && (strncmp(origin, "http://", 7) != 0 || !is_own(&r->up->http, origin + 7)))
        return true;
    return site != NULL && strcmp(site, "cross-site") == 0 && !is_followed_link(r);
}

static bool may_ask(up_request *r) {
    const up_http *http = &r->up->http;
    const char *host = up_request_header(r, MHD_HTTP_HEADER_HOST);
    if (host == NULL || !is_own(http, host))
        up_answer_error(r, MHD_HTTP_FORBIDDEN,
            "this page is at %s and answers to that name only; open it there, or choose another "
            "address with --page",
            http->url);
    else if (is_foreign(r))
        up_answer_error(r, MHD_HTTP_FORBIDDEN, "requests from other sites are refused");
    return r->response == NULL;
}

static bool may_act(up_request *r) {
    const char *token = up_request_header(r, "X-P2P-Token");
    const char *type = up_request_header(r, MHD_HTTP_HEADER_CONTENT_TYPE);
    const char *own = r->up->http.token;
    if (token == NULL || strlen(token) != strlen(own) || !p2p_same_secret(token, own, strlen(own)))
        up_answer_error(r, MHD_HTTP_FORBIDDEN,
            "actions need the token of /api/node in the header X-P2P-Token; it is new each time "
            "the node starts: load the page again");
    else if (type == NULL || strncasecmp(type, "application/json", 16) != 0)
        up_answer_error(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/json");
    else
        return true;
    return false;
}

/* --- requests --- */

static up_request *new_request(
    up *u, struct MHD_Connection *connection, const char *path, const char *method) {
    up_request *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->up = u;
    r->connection = connection;
    r->path = path;
    bool head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    r->get = head || strcmp(method, MHD_HTTP_METHOD_GET) == 0;
    p2p_list_push(&u->http.requests, &r->node);
    if (!may_ask(r))
        return r;
    if (!r->get && strcmp(method, MHD_HTTP_METHOD_POST) != 0)
        up_answer_error(r, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET, HEAD and POST are known here");
    else if (!r->get)
        (void)may_act(r);
    return r;
}

/* The body of a request that is refused is read and thrown away, or its sender would never see the
 * answer. */
static enum MHD_Result take_body(up_request *r, const char *bytes, size_t *len) {
    size_t room = UP_BODY_MAX - r->body_len;
    r->body_seen += *len;
    if (r->body_seen > BODY_IGNORED_MAX)
        return MHD_NO;
    if (r->response == NULL && *len > room)
        up_answer_error(r, MHD_HTTP_CONTENT_TOO_LARGE, "a body may have %d bytes", UP_BODY_MAX);
    if (r->response == NULL && r->body == NULL)
        r->body = malloc(UP_BODY_MAX);
    if (r->response == NULL && r->body == NULL)
        return MHD_NO;
    if (r->response == NULL) {
        memcpy(r->body + r->body_len, bytes, *len);
        r->body_len += *len;
    }
    *len = 0;
    return MHD_YES;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *path,
    const char *method, const char *version, const char *bytes, size_t *len, void **own) {
    up *u = ctx;
    up_request *r = *own;
    (void)version;
    if (r == NULL) {
        *own = r = new_request(u, connection, path, method);
        return r != NULL ? MHD_YES : MHD_NO;
    }
    if (*len > 0)
        return take_body(r, bytes, len);
    if (r->response == NULL)
        up_serve(u, r);
    if (r->response != NULL)
        return send_answer(r);
    r->suspended = true;
    MHD_suspend_connection(connection);
    return MHD_YES;
}

static void on_done(void *ctx, struct MHD_Connection *connection, void **own,
    enum MHD_RequestTerminationCode code) {
    up_request *r = *own;
    (void)connection;
    (void)code;
    if (r == NULL)
        return;
    up_api_forget(ctx, r);
    p2p_list_remove(&r->node);
    if (r->response != NULL) /* it came too late */
        MHD_destroy_response(r->response);
    free(r->body);
    free(r);
    *own = NULL;
}

/* --- in the loop --- */

static void pump(up *u);

static void timer_fired(uv_timer_t *timer) {
    pump(timer->data);
}

static void pump(up *u) {
    up_http *http = &u->http;
    MHD_UNSIGNED_LONG_LONG ms = 0;
    http->woken = false;
    (void)MHD_run(http->daemon);
    /* What was resumed meanwhile is looked at in the next run, whatever MHD_get_timeout says. */
    if (http->woken || MHD_get_timeout(http->daemon, &ms) == MHD_YES)
        (void)uv_timer_start(&http->timer, timer_fired, http->woken ? 0 : ms, 0);
    else
        (void)uv_timer_stop(&http->timer);
}

static void readable(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    pump(poll->data);
}

void up_http_wake(up *u) {
    u->http.woken = true;
    (void)uv_timer_start(&u->http.timer, timer_fired, 0, 0);
}

/* --- life --- */

static void make_token(char token[UP_TOKEN_TEXT]) {
    uint8_t random[(UP_TOKEN_TEXT - 1) / 2];
    cli_system_random.fill(NULL, random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(token + 2 * i, 3, "%02x", random[i]);
}

static bool watch(up *u) {
    up_http *http = &u->http;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL || uv_timer_init(u->loop, &http->timer) != 0)
        return false;
    http->timer.data = http->poll.data = u;
    uv_unref((uv_handle_t *)&http->timer);
    if (uv_poll_init(u->loop, &http->poll, info->epoll_fd) != 0)
        return false;
    uv_unref((uv_handle_t *)&http->poll);
    return uv_poll_start(&http->poll, UV_READABLE, readable) == 0;
}

static bool start_daemon(up *u, int fd) {
    u->http.daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
        on_request, u, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_SECONDS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_NOTIFY_COMPLETED,
        on_done, u, MHD_OPTION_END);
    return u->http.daemon != NULL && watch(u) && up_events_start(u);
}

bool up_http_start(up *u) {
    up_http *http = &u->http;
    p2p_list_init(&http->requests);
    int fd = up_page_listen(u);
    if (fd < 0)
        return false;
    snprintf(http->url, sizeof http->url, "http://%s:%u/", http->page.host, http->page.port);
    make_token(http->token);
    http->web = up_web_open(u->program->options.web, http->where, sizeof http->where);
    if (start_daemon(u, fd))
        return true;
    if (http->daemon == NULL)
        close(fd);
    cli_fail(u->program, "cannot serve the page: the system gives no more descriptors; close other "
                         "programs and try again");
    return false;
}

static void close_handle(uv_handle_t *handle) {
    if (handle->data != NULL && !uv_is_closing(handle))
        uv_close(handle, NULL);
}

void up_http_stop(up *u) {
    up_http *http = &u->http;
    if (http->daemon == NULL)
        return;
    for (p2p_list *at = http->requests.next; at != &http->requests; at = at->next) {
        up_request *r = P2P_CONTAINER(at, up_request, node);
        if (r->suspended)
            up_answer_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "the node is stopping");
    }
    close_handle((uv_handle_t *)&http->poll);
    close_handle((uv_handle_t *)&http->timer);
    MHD_stop_daemon(http->daemon);
    http->daemon = NULL;
    if (http->web >= 0)
        close(http->web);
}
