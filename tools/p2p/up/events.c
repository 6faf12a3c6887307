/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "up.h"

enum { STATS_MS = 2000, COMMENT_TICKS = 7 /* a comment every 14 s keeps proxies patient */ };

/* One page that listens. Its backlog is bounded: who does not read is cut off, and a browser then
 * comes back and asks for everything anew. */
typedef struct event_stream {
    p2p_list node;
    up *up;
    struct MHD_Connection *connection;
    bool suspended, overrun;
    size_t start, len, cap;
    char *backlog;
} event_stream;

static bool append(event_stream *s, const char *bytes, size_t len) {
    if (s->start > 0) {
        memmove(s->backlog, s->backlog + s->start, s->len);
        s->start = 0;
    }
    if (s->len + len > UP_EVENT_BACKLOG_MAX)
        return false;
    if (s->len + len > s->cap) {
        char *grown = realloc(s->backlog, s->len + len);
        if (grown == NULL)
            return false;
        s->backlog = grown;
        s->cap = s->len + len;
    }
    p2p_copy(s->backlog + s->len, bytes, len);
    s->len += len;
    return true;
}

static void wake(event_stream *s) {
    if (!s->suspended)
        return;
    s->suspended = false;
    MHD_resume_connection(s->connection);
    up_http_wake(s->up);
}

static void send_to_all(up *u, const char *text, size_t len) {
    for (p2p_list *at = u->events.list.next; at != &u->events.list; at = at->next) {
        event_stream *s = P2P_CONTAINER(at, event_stream, node);
        s->overrun = s->overrun || !append(s, text, len);
        wake(s);
    }
}

static ssize_t read_more(void *ctx, uint64_t pos, char *dst, size_t cap) {
    event_stream *s = ctx;
    (void)pos;
    if (s->overrun || (s->len == 0 && s->up->events.ending))
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (s->len == 0) {
        s->suspended = true;
        MHD_suspend_connection(s->connection);
        return 0;
    }
    size_t len = s->len < cap ? s->len : cap;
    memcpy(dst, s->backlog + s->start, len);
    s->start += len;
    s->len -= len;
    return (ssize_t)len;
}

/* --- what is sent --- */

static void send_named(up *u, const char *name, p2p_bytes data) {
    char head[64];
    if (u->events.count == 0)
        return;
    size_t head_len = (size_t)snprintf(head, sizeof head, "event: %s\ndata: ", name);
    size_t size = head_len + data.len + 2;
    char *text = malloc(size);
    if (text != NULL) {
        memcpy(text, head, head_len);
        memcpy(text + head_len, data.ptr, data.len);
        memcpy(text + size - 2, "\n\n", 2);
        send_to_all(u, text, size);
    }
    free(text);
}

void up_events_send(up *u, const char *name, cli_json *j) {
    send_named(u, name, cli_json_end(j, &u->program->out));
}

static void send_stats(up *u) {
    static cli_json j;
    p2p_usage usage;
    uint64_t in, out;
    p2p_host_get_usage(u->host, &usage);
    up_count_bytes(&u->counters, u->host, &in, &out);
    cli_json_open(&j);
    cli_json_int(&j, "connections", usage.conns);
    cli_json_int(&j, "streams", usage.streams);
    cli_json_int(&j, "bytes_in", in);
    cli_json_int(&j, "bytes_out", out);
    cli_json_int(&j, "now_ms", up_wall_ms());
    send_named(u, "stats", cli_json_close(&j));
}

static void tick(uv_timer_t *timer) {
    up *u = timer->data;
    send_stats(u);
    if (++u->events.ticks % COMMENT_TICKS == 0)
        send_to_all(u, ": still here\n\n", 14);
}

/* --- streams come and go --- */

static void ended(void *ctx) {
    event_stream *s = ctx;
    up *u = s->up;
    p2p_list_remove(&s->node);
    u->events.count--;
    if (u->events.count == 0 && !u->events.ending)
        (void)uv_timer_stop(&u->events.timer);
    free(s->backlog);
    free(s);
}

/* A page that does not read must not fill the system's memory either. */
static void limit_send_buffer(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    int size = UP_EVENT_BACKLOG_MAX;
    if (info != NULL)
        (void)setsockopt(info->connect_fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

void up_events_open(up *u, up_request *r) {
    static const char FIRST[] = "retry: 1000\n\n";
    if (u->events.count == UP_EVENT_STREAMS_MAX || u->events.ending) {
        up_answer_error(r, MHD_HTTP_SERVICE_UNAVAILABLE,
            "%d pages listen to this node already; close one", UP_EVENT_STREAMS_MAX);
        return;
    }
    event_stream *s = calloc(1, sizeof *s);
    struct MHD_Response *response = NULL;
    if (s != NULL) {
        s->up = u;
        s->connection = r->connection;
        response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_more, s, ended);
    }
    if (response == NULL) {
        free(s);
        up_answer_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
        return;
    }
    p2p_list_push(&u->events.list, &s->node);
    u->events.count++;
    (void)append(s, FIRST, sizeof FIRST - 1);
    limit_send_buffer(r->connection);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream");
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    up_answer_with(r, MHD_HTTP_OK, response);
    if (u->events.count == 1)
        (void)uv_timer_start(&u->events.timer, tick, STATS_MS, STATS_MS);
}

bool up_events_start(up *u) {
    p2p_list_init(&u->events.list);
    if (uv_timer_init(u->loop, &u->events.timer) != 0)
        return false;
    u->events.timer.data = u;
    uv_unref((uv_handle_t *)&u->events.timer);
    return true;
}

void up_events_stop(up *u) {
    if (u->events.timer.data == NULL || u->events.ending)
        return;
    u->events.ending = true;
    uv_close((uv_handle_t *)&u->events.timer, NULL);
    for (p2p_list *at = u->events.list.next; at != &u->events.list; at = at->next)
        wake(P2P_CONTAINER(at, event_stream, node));
}
