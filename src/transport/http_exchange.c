/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Plain requests and their answers (RFC 9112 sections 6 and 9.6): one on each connection. */
#include "transport/http_exchange.h"

#include "base/bytes.h"
#include "base/check.h"

struct p2p_http_response {
    unsigned status;
    p2p_buf headers; /* as they will be sent */
    p2p_buf body;
    p2p_err failed;
};

/* --- the handler's side --- */

p2p_bytes p2p_http_request_header(const p2p_http_request *request, const char *name) {
    p2p_bytes value = {0};
    if (p2p_http_find(request->head, name, &value) == 0)
        return (p2p_bytes){0};
    return value;
}

void p2p_http_response_set_status(p2p_http_response *response, unsigned status) {
    P2P_REQUIRE(status >= 200 && status <= 599);
    response->status = status;
}

p2p_err p2p_http_response_add_header(
    p2p_http_response *response, const char *name, const char *value) {
    uint8_t line[1024];
    p2p_writer w = p2p_writer_of(line, sizeof line);
    if (!p2p_http_is_token(p2p_bytes_text(name)) || !p2p_http_is_value(p2p_bytes_text(value)) ||
        p2p_http_same(p2p_bytes_text(name), "content-length") ||
        p2p_http_same(p2p_bytes_text(name), "connection") ||
        p2p_http_same(p2p_bytes_text(name), "transfer-encoding"))
        return P2P_ERR_INVALID;
    p2p_http_put_header(&w, name, p2p_bytes_text(value));
    p2p_err err = p2p_writer_end(&w);
    return err != P2P_OK ? err : p2p_buf_append(&response->headers, p2p_writer_view(&w));
}

void p2p_http_response_write(p2p_http_response *response, p2p_bytes bytes) {
    if (response->failed == P2P_OK)
        response->failed = p2p_buf_append(&response->body, bytes);
}

/* --- the exchange --- */

static void put_number(char text[24], uint64_t value) {
    char *at = text + 23;
    *at = '\0';
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    memmove(text, at, strlen(at) + 1);
}

static p2p_err put_answer(const p2p_http_exchange *x, const p2p_http_response *response) {
    uint8_t head[256];
    char length[24];
    p2p_writer w = p2p_writer_of(head, sizeof head);
    p2p_bytes body = p2p_buf_view(&response->body);
    p2p_http_put_status(&w, response->status);
    p2p_http_put_header(&w, "Connection", P2P_LITERAL("close"));
    put_number(length, body.len);
    if (response->status != 204 && response->status != 304)
        p2p_http_put_header(&w, "Content-Length", p2p_bytes_text(length));
    p2p_err err = p2p_buf_append(x->out, p2p_writer_view(&w));
    if (err == P2P_OK)
        err = p2p_buf_append(x->out, p2p_buf_view(&response->headers));
    if (err == P2P_OK)
        err = p2p_buf_append(x->out, P2P_LITERAL("\r\n"));
    bool bare = p2p_bytes_equal(x->head->method, P2P_LITERAL("HEAD")) || response->status == 204 ||
                response->status == 304;
    return err != P2P_OK || bare ? err : p2p_buf_append(x->out, body);
}

static void run(p2p_call *call) {
    p2p_http_exchange *x = P2P_CONTAINER(call, p2p_http_exchange, call);
    p2p_bytes target = x->head->target;
    const uint8_t *mark = target.len == 0 ? NULL : memchr(target.ptr, '?', target.len);
    p2p_http_request request = {.method = x->head->method,
        .path = target,
        .body = p2p_buf_view(&x->body),
        .tls = x->tls,
        .remote = x->remote,
        .head = x->head};
    if (mark != NULL) {
        request.path.len = (size_t)(mark - target.ptr);
        request.query = p2p_bytes_of(mark + 1, target.len - request.path.len - 1);
    }
    p2p_http_response response = {.status = 404};
    p2p_buf_init(&response.headers, x->env->mem, P2P_HTTP_RESPONSE_HEADERS_MAX);
    p2p_buf_init(&response.body, x->env->mem, P2P_HTTP_RESPONSE_BODY_MAX);
    if (x->env->http_fn != NULL)
        x->env->http_fn(x->env->http_ctx, &request, &response);
    if (response.failed != P2P_OK) {
        response.status = 500;
        p2p_buf_consume(&response.body, p2p_buf_len(&response.body));
        p2p_buf_consume(&response.headers, p2p_buf_len(&response.headers));
    }
    p2p_err err = put_answer(x, &response);
    p2p_buf_deinit(&response.headers);
    p2p_buf_deinit(&response.body);
    x->answered(x, err);
}

unsigned p2p_http_exchange_start(p2p_http_exchange *x) {
    x->call.run = run;
    p2p_buf_init(&x->body, x->env->mem, P2P_HTTP_REQUEST_BODY_MAX);
    switch (p2p_http_body_len(x->head, P2P_HTTP_REQUEST_BODY_MAX, &x->body_len)) {
    case P2P_OK:
        return 0;
    case P2P_ERR_TOO_BIG:
        return 413;
    case P2P_ERR_UNSUPPORTED:
        return 501;
    default:
        return 400;
    }
}

void p2p_http_exchange_deinit(p2p_http_exchange *x) {
    p2p_list_remove(&x->call.node);
    p2p_buf_deinit(&x->body);
}

p2p_err p2p_http_exchange_feed(p2p_http_exchange *x, p2p_bytes in) {
    size_t missing = (size_t)x->body_len - p2p_buf_len(&x->body);
    bool whole = in.len >= missing;
    if (p2p_list_linked(&x->call.node))
        return P2P_OK;
    p2p_err err = p2p_buf_append(&x->body, p2p_bytes_of(in.ptr, whole ? missing : in.len));
    if (err == P2P_OK && whole)
        p2p_list_push(&x->env->calls, &x->call.node);
    return err;
}
