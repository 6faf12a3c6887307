/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An echo server without libuv: the whole driver of a host in one poll() loop. TCP only, and short
 * rather than fast; src/uv does the same with all that belongs to it.
 *
 *     poll 4001        listens on 127.0.0.1, port 4001 (0: any) and prints its address
 *
 * The four duties of a driver (p2p/driver.h) are main's loop: inputs, effects, draws, events.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <p2p/driver.h>

enum { SOCKS_MAX = 256, BLOCK = 65536 };

/* One entry for each descriptor: fds[i] and socks[i] belong together. */
typedef struct sock {
    p2p_socket id;
    bool listens;
    uint8_t *rest; /* drawn, but the system took no more */
    size_t rest_len;
} sock;

static struct pollfd fds[SOCKS_MAX];
static sock socks[SOCKS_MAX];
static int count;
static p2p_host *host;

static p2p_time now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (p2p_time)t.tv_sec * P2P_SECOND + (p2p_time)t.tv_nsec;
}

static void fill_random(void *ctx, uint8_t *dst, size_t len) {
    (void)ctx;
    for (ssize_t n; len > 0; dst += n, len -= (size_t)n)
        if ((n = getrandom(dst, len, 0)) < 0)
            abort();
}

/* --- the echo protocol --- */

static void echo(p2p_stream *stream, void *self) {
    (void)self;
    for (p2p_bytes view; (view = p2p_stream_peek(stream)).len > 0;) {
        size_t taken = p2p_stream_write(stream, view);
        if (taken == 0)
            return; /* `writable` comes back here; until then the peer's window closes */
        p2p_stream_consume(stream, taken);
    }
    if (p2p_stream_at_end(stream))
        p2p_stream_shut(stream);
}

static void ignore(p2p_stream *stream, void *self) {
    (void)stream;
    (void)self;
}

static void closed(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    (void)stream;
    (void)self;
    printf("stream closed: %s\n", p2p_err_name(end->err));
}

static const char *const ECHO_IDS[] = {"/echo/1.0.0", NULL};
static const p2p_protocol ECHO = {.size = sizeof(p2p_protocol),
    .ids = ECHO_IDS,
    .inbound = true,
    .opened = ignore,
    .readable = echo,
    .writable = echo,
    .closed = closed};

/* --- sockets --- */

static p2p_sockaddr from_system(const struct sockaddr_in *in) {
    p2p_sockaddr addr = {.family = 4, .port = ntohs(in->sin_port)};
    memcpy(addr.ip, &in->sin_addr, 4);
    return addr;
}

static struct sockaddr_in to_system(const p2p_sockaddr *addr) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(addr->port)};
    memcpy(&in.sin_addr, addr->ip, 4);
    return in;
}

static p2p_sockaddr local_of(int fd) {
    struct sockaddr_in in = {0};
    socklen_t len = sizeof in;
    getsockname(fd, (struct sockaddr *)&in, &len);
    return from_system(&in);
}

static void input(p2p_input in) {
    in.now = now();
    p2p_host_input(host, &in);
}

static bool add(p2p_socket id, int fd, bool listens) {
    if (count == SOCKS_MAX) {
        close(fd);
        return false;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    fds[count] = (struct pollfd){.fd = fd, .events = POLLIN};
    socks[count++] = (sock){.id = id, .listens = listens};
    return true;
}

/* What is left of `rest` is lost here; src/uv sends it first. */
static void drop(int i) {
    close(fds[i].fd);
    free(socks[i].rest);
    fds[i] = fds[--count];
    socks[i] = socks[count];
}

static void listen_at(const p2p_effect *effect) {
    struct sockaddr_in at = to_system(&effect->local);
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (effect->local.family == 4 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 &&
        listen(fd, 64) == 0 && add(effect->socket, fd, true)) {
        input(
            (p2p_input){.type = P2P_INPUT_OPENED, .socket = effect->socket, .local = local_of(fd)});
        return;
    }
    close(fd);
    input((p2p_input){
        .type = P2P_INPUT_CLOSED, .socket = effect->socket, .err = P2P_ERR_ADDRESS_IN_USE});
}

/* Draws and sends until there is nothing more or the system takes no more. */
static void send_from(int i) {
    static uint8_t block[BLOCK];
    sock *s = &socks[i];
    size_t len;
    while (s->rest == NULL && (len = p2p_host_draw(host, s->id, block, sizeof block)) > 0) {
        ssize_t n = send(fds[i].fd, block, len, MSG_NOSIGNAL);
        size_t sent = n > 0 ? (size_t)n : 0; /* a broken socket is noticed when it is read */
        if (sent == len)
            continue;
        s->rest_len = len - sent;
        s->rest = malloc(s->rest_len);
        if (s->rest == NULL)
            abort();
        memcpy(s->rest, block + sent, s->rest_len);
        fds[i].events |= POLLOUT;
    }
}

static void send_rest(int i) {
    sock *s = &socks[i];
    ssize_t n = send(fds[i].fd, s->rest, s->rest_len, MSG_NOSIGNAL);
    if (n < 0)
        return;
    s->rest_len -= (size_t)n;
    memmove(s->rest, s->rest + n, s->rest_len);
    if (s->rest_len > 0)
        return;
    free(s->rest);
    s->rest = NULL;
    fds[i].events &= ~POLLOUT;
    input((p2p_input){.type = P2P_INPUT_WRITABLE, .socket = s->id});
}

/* --- effects and events: after every input, until all is quiet --- */

static void carry_out(const p2p_effect *effect) {
    int i = 0;
    while (i < count && socks[i].id != effect->socket)
        i++;
    if (effect->type == P2P_EFFECT_LISTEN)
        listen_at(effect);
    else if (effect->type == P2P_EFFECT_CONNECT || effect->type == P2P_EFFECT_BIND)
        input((p2p_input){
            .type = P2P_INPUT_CLOSED, .socket = effect->socket, .err = P2P_ERR_UNSUPPORTED});
    else if (effect->type == P2P_EFFECT_RESOLVE)
        input((p2p_input){
            .type = P2P_INPUT_RESOLVED, .request = effect->request, .err = P2P_ERR_UNSUPPORTED});
    else if (i == count)
        return; /* a socket that is gone */
    else if (effect->type == P2P_EFFECT_SEND)
        send_from(i);
    else if (effect->type == P2P_EFFECT_SHUT)
        shutdown(fds[i].fd, SHUT_WR);
    else if (effect->type == P2P_EFFECT_CLOSE)
        drop(i);
    else /* ACCEPT, READ */
        fds[i].events = (short)((fds[i].events & POLLOUT) | (effect->on ? POLLIN : 0));
}

static void report(const p2p_event *event) {
    char text[P2P_MULTIADDR_TEXT_MAX], peer[P2P_PEER_ID_TEXT_MAX];
    if (event->type == P2P_EVENT_LISTENING) {
        p2p_multiaddr_format(text, sizeof text, &event->addr);
        p2p_peer_id_format(peer, sizeof peer, p2p_host_peer(host));
        printf("listening on %s/p2p/%s\n", text, peer);
    } else if (event->type == P2P_EVENT_LISTEN_FAILED || event->type == P2P_EVENT_DISCONNECTED) {
        printf("%s\n", event->reason.text);
    }
    fflush(stdout);
}

static void pump(void) {
    p2p_effect effect;
    p2p_event event;
    for (bool busy = true; busy;) {
        busy = false;
        while (p2p_host_next_event(host, &event))
            report(&event);
        for (; p2p_host_next_effect(host, &effect); busy = true)
            carry_out(&effect);
    }
}

/* --- inputs --- */

static void accept_on(int i) {
    static uint64_t last;
    struct sockaddr_in in = {0};
    socklen_t len = sizeof in;
    int fd = accept(fds[i].fd, (struct sockaddr *)&in, &len);
    p2p_socket id = P2P_SOCKET_ACCEPTED | ++last;
    if (fd >= 0 && add(id, fd, false))
        input((p2p_input){.type = P2P_INPUT_ACCEPTED,
            .listener = socks[i].id,
            .socket = id,
            .local = local_of(fd),
            .remote = from_system(&in)});
}

static void read_from(int i) {
    static uint8_t block[BLOCK];
    p2p_socket id = socks[i].id;
    ssize_t n = recv(fds[i].fd, block, sizeof block, 0);
    if (n > 0) {
        input((p2p_input){.type = P2P_INPUT_BYTES, .socket = id, .data = block, .len = (size_t)n});
    } else if (n == 0) {
        fds[i].events &= ~POLLIN;
        input((p2p_input){.type = P2P_INPUT_EOF, .socket = id});
    } else if (errno != EAGAIN && errno != EINTR) {
        drop(i);
        input((p2p_input){.type = P2P_INPUT_CLOSED, .socket = id, .err = P2P_ERR_RESET});
    }
}

static void wait_and_read(void) {
    p2p_time deadline = p2p_host_deadline(host), time = now();
    p2p_time wait_ms = deadline <= time ? 0 : (deadline - time) / P2P_MILLISECOND + 1;
    poll(fds, (nfds_t)count, wait_ms < 60000 ? (int)wait_ms : 60000);
    for (int i = count - 1; i >= 0; i--) {
        /* An input may have closed sockets behind this one; what came from them is gone. */
        if (i >= count || fds[i].revents == 0)
            continue;
        short revents = fds[i].revents;
        fds[i].revents = 0;
        if ((revents & POLLOUT) && socks[i].rest != NULL)
            send_rest(i);
        else if (socks[i].listens)
            accept_on(i);
        else
            read_from(i);
        pump();
    }
    if (p2p_host_deadline(host) <= now())
        input((p2p_input){.type = P2P_INPUT_TICK});
}

int main(int argc, char **argv) {
    p2p_config config = P2P_CONFIG_DEFAULTS;
    p2p_identity *identity;
    p2p_multiaddr addr;
    char text[64];
    config.random = (p2p_random){fill_random, NULL};
    config.wall_ms = (uint64_t)time(NULL) * 1000;
    if (p2p_identity_generate(&identity, P2P_ED25519, &config.mem, &config.random) != P2P_OK)
        return 1;
    config.identity = identity;
    snprintf(text, sizeof text, "/ip4/127.0.0.1/tcp/%s", argc > 1 ? argv[1] : "0");
    if (p2p_host_new(&host, &config, now()) != P2P_OK ||
        p2p_host_add_protocol(host, &ECHO, NULL) != P2P_OK ||
        p2p_multiaddr_parse(&addr, text, NULL) != P2P_OK ||
        p2p_host_listen(host, &addr, NULL) != P2P_OK)
        return 1;
    for (;;) {
        pump();
        wait_and_read();
    }
}
