/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What all sockets of the driver share: their place in its tables, what poll watches for them, the
 * part of a draw that the system did not take, and their end. libuv may call back until uv_close
 * has finished, so the memory goes only then; the descriptor goes at once.
 */
#include "uv/driver.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/mem.h"

int p2p_uv_socket(uint8_t family, int type) {
    if (family != 4 && family != 6) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    int fd = socket(family == 4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && family == 6) {
        int on = 1;
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    return fd;
}

p2p_err p2p_uv_sock_new(
    p2p_uv_sock **out, p2p_uv_driver *d, p2p_socket id, int fd, p2p_uv_kind kind) {
    *out = NULL;
    p2p_uv_sock *s = p2p_mem_alloc(d->mem, sizeof *s);
    if (s == NULL || p2p_map_put(&d->socks_by_id, id, s) != P2P_OK)
        goto no_memory;
    s->driver = d;
    s->id = id;
    s->fd = fd;
    s->kind = (uint8_t)kind;
    if (uv_poll_init(d->loop, &s->poll, fd) != 0) {
        p2p_map_remove(&d->socks_by_id, id);
        goto no_memory;
    }
    d->handles++;
    p2p_list_push(&d->socks, &s->node);
    *out = s;
    return P2P_OK;

no_memory:
    close(fd);
    p2p_mem_free(d->mem, s, sizeof *s);
    return P2P_ERR_NO_MEMORY;
}

static void poll_closed(uv_handle_t *handle) {
    p2p_uv_sock *s = P2P_CONTAINER(handle, p2p_uv_sock, poll);
    p2p_uv_driver *d = s->driver;
    p2p_mem_free(d->mem, s, sizeof *s);
    p2p_uv_driver_unref(d);
}

void p2p_uv_sock_destroy(p2p_uv_sock *s) {
    p2p_uv_driver *d = s->driver;
    if (s->closing)
        return;
    s->closing = true;
    p2p_uv_sock_drop_rest(s);
    if (s->lingering)
        d->lingerer_count--;
    else
        p2p_map_remove(&d->socks_by_id, s->id);
    p2p_list_remove(&s->node);
    p2p_list_remove(&s->starving);
    uv_close((uv_handle_t *)&s->poll, poll_closed);
    close(s->fd);
    s->fd = -1;
}

void p2p_uv_report_closed(p2p_uv_driver *d, p2p_socket id, p2p_err err) {
    p2p_uv_input(d, &(p2p_input){.type = P2P_INPUT_CLOSED, .socket = id, .err = err});
}

void p2p_uv_sock_failed(p2p_uv_sock *s, p2p_err err) {
    p2p_uv_driver *d = s->driver;
    p2p_socket id = s->id;
    bool tell = !s->lingering && !s->closing;
    p2p_uv_sock_destroy(s);
    if (tell)
        p2p_uv_report_closed(d, id, err);
}

/* An error that poll reports without saying which. */
static p2p_err pending_error(int fd) {
    int number = 0;
    socklen_t len = sizeof number;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &len) != 0)
        number = errno;
    return number == 0 ? P2P_OK : p2p_uv_err(number);
}

static void poll_event(uv_poll_t *poll, int status, int events) {
    p2p_uv_sock *s = P2P_CONTAINER(poll, p2p_uv_sock, poll);
    p2p_uv_driver *d = s->driver;
    if (status != 0) {
        /* libuv stops watching on an error; reading or writing says what it is. */
        s->events = 0;
        p2p_err err = s->kind == P2P_UV_STREAM ? pending_error(s->fd) : P2P_OK;
        if (err != P2P_OK) {
            p2p_uv_sock_failed(s, err);
            p2p_uv_driver_pump(d);
            return;
        }
        events = UV_READABLE | UV_WRITABLE;
    }
    switch ((p2p_uv_kind)s->kind) {
    case P2P_UV_LISTENER:
        p2p_uv_listener_event(s);
        break;
    case P2P_UV_DATAGRAMS:
        p2p_uv_datagrams_event(s, events);
        break;
    case P2P_UV_CONNECTING:
    case P2P_UV_STREAM:
        p2p_uv_stream_event(s, events);
        break;
    }
    if (!s->closing)
        p2p_uv_sock_watch(s);
    p2p_uv_driver_pump(d);
}

void p2p_uv_sock_watch(p2p_uv_sock *s) {
    int events = 0;
    if (s->closing)
        return;
    if (s->kind == P2P_UV_CONNECTING)
        events = UV_WRITABLE;
    else if (!s->paused && !s->ended && !s->starved)
        events = UV_READABLE;
    if (s->blocked)
        events |= UV_WRITABLE;
    if (events == s->events)
        return;
    s->events = events;
    if (events == 0)
        uv_poll_stop(&s->poll);
    else
        uv_poll_start(&s->poll, events, poll_event);
}

p2p_err p2p_uv_sock_keep(p2p_uv_sock *s, const uint8_t *data, size_t len) {
    s->rest = p2p_mem_resize(s->driver->mem, NULL, 0, len);
    if (s->rest == NULL)
        return P2P_ERR_NO_MEMORY;
    memcpy(s->rest, data, len);
    s->rest_len = len;
    s->rest_sent = 0;
    s->blocked = true;
    p2p_uv_sock_watch(s);
    return P2P_OK;
}

void p2p_uv_sock_drop_rest(p2p_uv_sock *s) {
    p2p_mem_free(s->driver->mem, s->rest, s->rest_len);
    s->rest = NULL;
    s->rest_len = s->rest_sent = 0;
    s->blocked = false;
}
