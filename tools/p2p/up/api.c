/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the page asks for (docs/http-api.md). Some answers come at once; a dial and a ping keep
 * their request until the host knows.
 */
#include <string.h>

#include <jansson.h>

#include "base/bytes.h"
#include "up.h"

#define PING_PATIENCE (10 * P2P_SECOND)

static double ms(p2p_time t) {
    return (double)t / (double)P2P_MILLISECOND;
}

/* --- reading the body: one flat object --- */

static json_t *parse_body(up_request *r) {
    json_error_t error;
    json_t *body =
        json_loadb(r->body != NULL ? r->body : "", r->body_len, JSON_REJECT_DUPLICATES, &error);
    if (body != NULL && json_is_object(body))
        return body;
    if (body == NULL)
        up_answer_error(r, MHD_HTTP_BAD_REQUEST, "the body is no JSON: %.160s", error.text);
    else
        up_answer_error(r, MHD_HTTP_BAD_REQUEST, "the body must be a JSON object");
    json_decref(body);
    return NULL;
}

/* NULL after an answer. */
static const char *text_of(up_request *r, const json_t *body, const char *name) {
    const char *text = json_string_value(json_object_get(body, name));
    if (text == NULL)
        up_answer_error(r, MHD_HTTP_BAD_REQUEST, "the body needs \"%s\", a text", name);
    return text;
}

/* --- dial --- */

static void dial(up *u, up_request *r, const json_t *body) {
    p2p_multiaddr addr;
    char why[128];
    const char *text = text_of(r, body, "addr");
    if (text == NULL)
        return;
    p2p_err err = p2p_multiaddr_parse(&addr, text, why);
    if (err != P2P_OK) {
        up_answer_error(r, MHD_HTTP_BAD_REQUEST, "\"%.120s\" is no address: %s", text, why);
        return;
    }
    err = p2p_host_dial(u->host, NULL, &addr, 1, NULL, &r->dial);
    if (err != P2P_OK)
        up_answer_error(r, MHD_HTTP_BAD_GATEWAY, "cannot dial %.160s: %s", text,
            err == P2P_ERR_UNSUPPORTED ? "no transport of this node can use it"
            : err == P2P_ERR_NOT_FOUND ? "it names a peer and no way to it"
                                       : p2p_err_text(err));
}

static void answer_dial(up_request *r, const p2p_event *event) {
    static cli_json j;
    p2p_conn_stats stats;
    r->dial = 0;
    if (event->type == P2P_EVENT_DIAL_FAILED) {
        up_answer_error(r, MHD_HTTP_BAD_GATEWAY, "%s", event->reason.text);
        return;
    }
    p2p_conn_get_stats(event->conn, &stats);
    cli_json_open(&j);
    up_describe_conn(&j, event->conn);
    cli_json_float(&j, "setup_ms", ms(stats.setup));
    up_answer_json(r, MHD_HTTP_OK, &j);
}

/* --- ping --- */

static void on_ping(void *ctx, p2p_ping *ping, p2p_err err, p2p_time rtt) {
    static cli_json j;
    up_request *r = ctx;
    r->ping = NULL;
    if (err != P2P_OK) {
        up_answer_error(r, MHD_HTTP_BAD_GATEWAY, "no answer to the ping: %s",
            err == P2P_ERR_TIMEOUT ? "10 seconds passed" : p2p_err_text(err));
        return;
    }
    p2p_ping_stop(ping);
    cli_json_open(&j);
    cli_json_float(&j, "rtt_ms", ms(rtt));
    up_answer_json(r, MHD_HTTP_OK, &j);
}

static void ping(up *u, up_request *r, const json_t *body) {
    p2p_peer_id peer;
    const char *text = text_of(r, body, "peer");
    if (text == NULL)
        return;
    if (p2p_peer_id_parse(&peer, text) != P2P_OK) {
        up_answer_error(r, MHD_HTTP_BAD_REQUEST, "\"%.120s\" is no peer id", text);
        return;
    }
    p2p_conn *conn = p2p_host_find_conn(u->host, &peer);
    if (conn == NULL) {
        up_answer_error(r, MHD_HTTP_NOT_FOUND, "there is no connection to %.120s; dial it", text);
        return;
    }
    p2p_err err = p2p_ping_start(&r->ping, conn, PING_PATIENCE, on_ping, r);
    if (err != P2P_OK)
        up_answer_error(r, MHD_HTTP_BAD_GATEWAY, "cannot ping: %s", p2p_err_text(err));
}

/* --- close, hello --- */

static void answer_empty(up_request *r) {
    static cli_json j;
    cli_json_open(&j);
    up_answer_json(r, MHD_HTTP_OK, &j);
}

static void close_conn(up *u, up_request *r, const json_t *body) {
    const json_t *id = json_object_get(body, "id");
    if (!json_is_integer(id)) {
        up_answer_error(r, MHD_HTTP_BAD_REQUEST, "the body needs \"id\", a connection's number");
        return;
    }
    for (p2p_conn *c = NULL; (c = p2p_host_next_conn(u->host, c)) != NULL;)
        if (p2p_conn_id(c) == (uint64_t)json_integer_value(id)) {
            p2p_conn_close(c, P2P_CODE_NONE);
            answer_empty(r);
            return;
        }
    up_answer_error(r, MHD_HTTP_NOT_FOUND, "there is no connection %lld any more",
        (long long)json_integer_value(id));
}

static void hello(up *u, up_request *r, const json_t *body) {
    static cli_json j;
    const json_t *name = json_object_get(body, "name");
    const char *text = text_of(r, body, "text"), *by = json_string_value(name);
    if (text == NULL)
        return;
    by = by != NULL ? by : "";
    if (text[0] == 0 || strlen(text) > UP_HELLO_TEXT_MAX || strlen(by) > UP_HELLO_NAME_MAX) {
        up_answer_error(r, MHD_HTTP_BAD_REQUEST,
            "a hello has 1 to %d bytes of text and a name of at most %d", UP_HELLO_TEXT_MAX,
            UP_HELLO_NAME_MAX);
        return;
    }
    size_t reached = up_hello_say(u, p2p_bytes_text(by), p2p_bytes_text(text));
    cli_json_open(&j);
    cli_json_int(&j, "reached", reached);
    up_answer_json(r, MHD_HTTP_OK, &j);
}

/* --- questions --- */

static void node(up *u, up_request *r) {
    static cli_json j;
    cli_json_open(&j);
    up_describe_node(u, &j);
    cli_json_text(&j, "token", u->http.token);
    up_answer_json(r, MHD_HTTP_OK, &j);
}

static void peers(up *u, up_request *r) {
    static cli_json j;
    cli_json_open(&j);
    up_describe_peers(u, &j);
    up_answer_json(r, MHD_HTTP_OK, &j);
}

static void health(up *u, up_request *r) {
    static cli_json j;
    (void)u;
    cli_json_open(&j);
    cli_json_bool(&j, "ok", true);
    up_answer_json(r, MHD_HTTP_OK, &j);
}

/* --- the table --- */

static const struct question {
    const char *path;
    void (*answer)(up *u, up_request *r);
} QUESTIONS[] = {{"/api/node", node}, {"/api/peers", peers}, {"/api/events", up_events_open},
    {"/api/health", health}, {"/metrics", up_serve_metrics}};

static const struct action {
    const char *path;
    void (*act)(up *u, up_request *r, const json_t *body);
} ACTIONS[] = {
    {"/api/dial", dial}, {"/api/ping", ping}, {"/api/close", close_conn}, {"/api/hello", hello}};

static void wrong_method(up_request *r, const char *right) {
    up_answer_error(r, MHD_HTTP_METHOD_NOT_ALLOWED, "%s takes %s", r->path, right);
    if (r->response != NULL)
        (void)MHD_add_response_header(r->response, MHD_HTTP_HEADER_ALLOW, right);
}

static void act(up *u, up_request *r, const struct action *action) {
    json_t *body = parse_body(r);
    if (body == NULL)
        return;
    p2p_node_catch_up(u->node);
    action->act(u, r, body);
    p2p_node_kick(u->node);
    json_decref(body);
}

void up_serve(up *u, up_request *r) {
    for (size_t i = 0; i < P2P_COUNT(QUESTIONS); i++)
        if (strcmp(r->path, QUESTIONS[i].path) == 0) {
            if (r->get)
                QUESTIONS[i].answer(u, r);
            else
                wrong_method(r, "GET, HEAD");
            return;
        }
    for (size_t i = 0; i < P2P_COUNT(ACTIONS); i++)
        if (strcmp(r->path, ACTIONS[i].path) == 0) {
            if (r->get)
                wrong_method(r, "POST");
            else if (u->over)
                up_answer_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "the node is stopping");
            else
                act(u, r, &ACTIONS[i]);
            return;
        }
    if (r->get && strncmp(r->path, "/api/", 5) != 0)
        up_serve_file(u, r);
    else
        up_answer_error(r, MHD_HTTP_NOT_FOUND, "there is no %.200s here", r->path);
}

void up_api_event(up *u, const p2p_event *event) {
    if (event->type != P2P_EVENT_DIALED && event->type != P2P_EVENT_DIAL_FAILED)
        return;
    for (p2p_list *at = u->http.requests.next; at != &u->http.requests; at = at->next) {
        up_request *r = P2P_CONTAINER(at, up_request, node);
        if (r->dial == event->request)
            answer_dial(r, event);
    }
}

void up_api_forget(up *u, up_request *r) {
    if (r->dial == 0 && r->ping == NULL)
        return;
    p2p_node_catch_up(u->node);
    if (r->dial != 0)
        p2p_host_cancel_dial(u->host, r->dial);
    if (r->ping != NULL)
        p2p_ping_stop(r->ping);
    r->dial = 0;
    r->ping = NULL;
    p2p_node_kick(u->node);
}
