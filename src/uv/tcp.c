/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Stream sockets and listeners.
 *
 * Reading: one read of at most 256 KiB for each readiness into the block that all sockets share;
 * the host has used all of it when the call returns. Writing: what the host draws is written at
 * once; what the system does not take is kept, and nothing is drawn until it went.
 *
 * A socket closed in good order says goodbye first: what is left is written, our direction ends,
 * and what the peer still sends is thrown away for a short while. A plain close would answer such
 * bytes with a reset, which can destroy our last words on their way.
 */
#include "uv/driver.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"

enum {
    ACCEPTS_MAX = 64, /* connections taken for one readiness, so that others get their turn */
    BACKLOG = 4096
};

#define LINGER_TIME (2 * P2P_SECOND)
#define STARVED_TIME (100 * P2P_MILLISECOND)

static void set_option(int fd, int level, int name, int value) {
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

/* --- connecting --- */

static p2p_err begin_connect(int fd, const p2p_effect *effect) {
    struct sockaddr_storage addr;
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (effect->local.family != 0) {
        /* From the port that a listener has too: hole punching needs the mapping that peers see. */
        set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
        socklen_t local_len = p2p_uv_addr_out(&addr, &effect->local);
        if (bind(fd, (struct sockaddr *)&addr, local_len) != 0)
            return p2p_uv_err(errno);
    }
    socklen_t len = p2p_uv_addr_out(&addr, &effect->remote);
    if (connect(fd, (struct sockaddr *)&addr, len) != 0 && errno != EINPROGRESS) {
        /* All local ports to that address are taken, or the one asked for is. */
        return errno == EADDRNOTAVAIL ? P2P_ERR_ADDRESS_IN_USE : p2p_uv_err(errno);
    }
    return P2P_OK;
}

void p2p_uv_connect(p2p_uv_driver *d, const p2p_effect *effect) {
    p2p_uv_sock *s;
    int fd = p2p_uv_socket(effect->remote.family, SOCK_STREAM);
    if (fd < 0) {
        p2p_uv_report_closed(d, effect->socket, p2p_uv_err(errno));
        return;
    }
    p2p_err err = p2p_uv_sock_new(&s, d, effect->socket, fd, P2P_UV_CONNECTING);
    if (err != P2P_OK) {
        p2p_uv_report_closed(d, effect->socket, err);
        return;
    }
    err = begin_connect(fd, effect);
    if (err != P2P_OK)
        p2p_uv_sock_failed(s, err);
    else
        p2p_uv_sock_watch(s);
}

static void connected(p2p_uv_sock *s) {
    int number = 0;
    socklen_t len = sizeof number;
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &number, &len) != 0)
        number = errno;
    struct sockaddr_storage addr = {0};
    len = sizeof addr;
    if (number == 0 && getpeername(s->fd, (struct sockaddr *)&addr, &len) != 0) {
        if (errno == ENOTCONN)
            return; /* woken too early */
        number = errno;
    }
    if (number != 0) {
        p2p_uv_sock_failed(s, p2p_uv_err(number));
        return;
    }
    s->kind = P2P_UV_STREAM;
    p2p_input input = {.type = P2P_INPUT_OPENED, .socket = s->id};
    p2p_uv_addr_of(&input.local, s->fd);
    p2p_uv_addr_in(&input.remote, (struct sockaddr *)&addr);
    p2p_uv_input(s->driver, &input);
}

/* --- listening --- */

/*
 * A dialler may bind to a listener's port only if both have SO_REUSEPORT. Set before the listener's
 * bind it would let two programs listen there unnoticed, so it is set behind it.
 */
static p2p_err begin_listen(int fd, const p2p_sockaddr *at) {
    struct sockaddr_storage addr;
    socklen_t len = p2p_uv_addr_out(&addr, at);
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (bind(fd, (struct sockaddr *)&addr, len) != 0)
        return p2p_uv_err(errno);
    set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    return listen(fd, BACKLOG) != 0 ? p2p_uv_err(errno) : P2P_OK;
}

void p2p_uv_listen(p2p_uv_driver *d, const p2p_effect *effect) {
    p2p_uv_sock *s;
    int fd = p2p_uv_socket(effect->local.family, SOCK_STREAM);
    p2p_err err = fd < 0 ? p2p_uv_err(errno) : begin_listen(fd, &effect->local);
    if (err != P2P_OK) {
        if (fd >= 0)
            close(fd);
        p2p_uv_report_closed(d, effect->socket, err);
        return;
    }
    err = p2p_uv_sock_new(&s, d, effect->socket, fd, P2P_UV_LISTENER);
    if (err != P2P_OK) {
        p2p_uv_report_closed(d, effect->socket, err);
        return;
    }
    p2p_uv_sock_watch(s);
    p2p_input input = {.type = P2P_INPUT_OPENED, .socket = s->id};
    p2p_uv_addr_of(&input.local, fd);
    p2p_uv_input(d, &input);
}

static void starve(p2p_uv_sock *s, p2p_err err) {
    p2p_uv_driver *d = s->driver;
    s->starved = true;
    p2p_list_push(&d->starved, &s->starving);
    d->starved_until = uv_hrtime() + STARVED_TIME;
    p2p_uv_sock_watch(s);
    p2p_uv_input(d, &(p2p_input){.type = P2P_INPUT_PAUSED, .socket = s->id, .err = err});
}

static void accepted(p2p_uv_sock *listener, int fd, const struct sockaddr *remote) {
    p2p_uv_driver *d = listener->driver;
    p2p_uv_sock *s;
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    p2p_socket id = P2P_SOCKET_ACCEPTED | ++d->next_accepted;
    if (p2p_uv_sock_new(&s, d, id, fd, P2P_UV_STREAM) != P2P_OK)
        return;
    p2p_input input = {.type = P2P_INPUT_ACCEPTED, .listener = listener->id, .socket = id};
    p2p_uv_addr_of(&input.local, fd);
    p2p_uv_addr_in(&input.remote, remote);
    p2p_uv_sock_watch(s);
    p2p_uv_input(d, &input);
    p2p_uv_driver_pump(d);
}

void p2p_uv_listener_event(p2p_uv_sock *s) {
    for (int i = 0; i < ACCEPTS_MAX && !s->closing && !s->paused; i++) {
        struct sockaddr_storage addr = {0};
        socklen_t len = sizeof addr;
        int fd = accept4(s->fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            accepted(s, fd, (struct sockaddr *)&addr);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            starve(s, p2p_uv_err(errno));
        /* Other errors belong to a connection that broke off while it waited. */
        if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

/* --- writing --- */

/* Writes as much as the system takes: P2P_OK, AGAIN when it is full, or why the socket is gone. */
static p2p_err write_some(int fd, const uint8_t *data, size_t len, size_t *sent) {
    *sent = 0;
    while (*sent < len) {
        ssize_t n = send(fd, data + *sent, len - *sent, MSG_NOSIGNAL);
        if (n >= 0)
            *sent += (size_t)n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return P2P_ERR_AGAIN;
        else if (errno != EINTR)
            return p2p_uv_err(errno);
    }
    return P2P_OK;
}

void p2p_uv_stream_send(p2p_uv_sock *s) {
    p2p_uv_driver *d = s->driver;
    if (s->blocked || s->closing || s->kind != P2P_UV_STREAM)
        return;
    size_t len;
    while (!s->lingering && (len = p2p_uv_draw(d, s->id, P2P_UV_DRAW_MAX)) > 0) {
        size_t sent;
        p2p_err err = write_some(s->fd, d->out, len, &sent);
        if (err == P2P_ERR_AGAIN)
            err = p2p_uv_sock_keep(s, d->out + sent, len - sent);
        if (err != P2P_OK)
            p2p_uv_sock_failed(s, err);
        if (err != P2P_OK || s->blocked)
            return;
    }
    if (s->shut_due) {
        s->shut_due = false;
        (void)shutdown(s->fd, SHUT_WR);
        if (s->lingering && s->ended)
            p2p_uv_sock_destroy(s);
    }
}

/* The system takes bytes again. */
static void writable(p2p_uv_sock *s) {
    size_t sent;
    p2p_err err = write_some(s->fd, s->rest + s->rest_sent, s->rest_len - s->rest_sent, &sent);
    s->rest_sent += sent;
    if (err == P2P_ERR_AGAIN)
        return;
    if (err != P2P_OK) {
        p2p_uv_sock_failed(s, err);
        return;
    }
    p2p_uv_sock_drop_rest(s);
    if (s->lingering)
        p2p_uv_stream_send(s);
    else
        p2p_uv_input(s->driver, &(p2p_input){.type = P2P_INPUT_WRITABLE, .socket = s->id});
}

/* --- reading --- */

static void readable(p2p_uv_sock *s) {
    p2p_uv_driver *d = s->driver;
    ssize_t n = recv(s->fd, d->in, P2P_UV_READ_MAX, 0);
    if (n < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            p2p_uv_sock_failed(s, p2p_uv_err(errno));
        return;
    }
    if (s->lingering) {
        if (n == 0)
            p2p_uv_sock_destroy(s);
        return;
    }
    if (n == 0) {
        s->ended = true;
        p2p_uv_input(d, &(p2p_input){.type = P2P_INPUT_EOF, .socket = s->id});
        return;
    }
    p2p_uv_input(
        d, &(p2p_input){.type = P2P_INPUT_BYTES, .socket = s->id, .data = d->in, .len = (size_t)n});
}

void p2p_uv_stream_event(p2p_uv_sock *s, int events) {
    if (s->kind == P2P_UV_CONNECTING) {
        connected(s);
        return;
    }
    if ((events & UV_WRITABLE) && s->blocked) {
        writable(s);
        p2p_uv_driver_pump(s->driver);
    }
    if ((events & UV_READABLE) && !s->closing && !s->paused && !s->ended)
        readable(s);
}

/* --- closing --- */

void p2p_uv_close(p2p_uv_sock *s, bool abort) {
    p2p_uv_driver *d = s->driver;
    bool done = s->ended && s->rest == NULL;
    if (abort || done || s->kind != P2P_UV_STREAM || d->closed) {
        p2p_uv_sock_destroy(s);
        return;
    }
    if (d->lingerer_count == P2P_UV_LINGERERS_MAX)
        p2p_uv_sock_destroy(P2P_CONTAINER(d->lingerers.next, p2p_uv_sock, node));
    p2p_map_remove(&d->socks_by_id, s->id);
    p2p_list_remove(&s->node);
    p2p_list_push(&d->lingerers, &s->node);
    d->lingerer_count++;
    s->lingering = s->shut_due = true;
    s->paused = false;
    s->linger_end = uv_hrtime() + LINGER_TIME;
    p2p_uv_stream_send(s);
    if (!s->closing)
        p2p_uv_sock_watch(s);
}
