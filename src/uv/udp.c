/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Datagram sockets. Linux sends and receives a train of equal datagrams in one call (UDP_SEGMENT,
 * UDP_GRO), which costs about as much as one datagram alone; where the kernel cannot, the same code
 * goes on with single ones. ECN bits and the local address travel in control messages.
 *
 * What is read at one readiness is answered together: one train of acknowledgements for eight of
 * data costs both sides half as many calls as eight.
 *
 * A datagram that cannot be sent is lost, as the network would lose it; only a full socket is
 * waited for.
 */
#include "uv/driver.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/mem.h"

/* From Linux 4.18 and 5.0; older headers lack them. */
#ifndef UDP_SEGMENT
#    define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#    define UDP_GRO 104
#endif

enum {
    SEGMENTS_MAX = 64, /* of the kernel, in one call */
    SEND_MAX = 65507,
    READS_MAX = 8, /* calls for one readiness, so that others get their turn */
    SOCKET_BUFFER = 4 * 1024 * 1024,
    CONTROL_MAX = 256,
    ECN_MASK = 3
};

static bool set_option(int fd, int level, int name, int value) {
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

void p2p_uv_probe_offload(p2p_uv_driver *d) {
    int fd = p2p_uv_socket(4, SOCK_DGRAM);
    if (fd >= 0) {
        d->gso = set_option(fd, IPPROTO_UDP, UDP_SEGMENT, 0);
        d->gro = set_option(fd, IPPROTO_UDP, UDP_GRO, 1);
        close(fd);
    }
    const char *text = d->gso && d->gro ? "gso gro" : d->gso ? "gso" : d->gro ? "gro" : "none";
    memcpy(d->offload, text, strlen(text) + 1);
}

/* --- opening --- */

static void set_buffers(int fd) {
    /* The first form passes the system's maximum and needs the privilege to. */
    if (!set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER))
        (void)set_option(fd, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER);
    if (!set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER))
        (void)set_option(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER);
}

/* Packets are never fragmented; how large they may be is found out above by probing. */
static void set_options(p2p_uv_driver *d, int fd, uint8_t family) {
    set_buffers(fd);
    if (d->gro)
        (void)set_option(fd, IPPROTO_UDP, UDP_GRO, 1);
    if (family == 4) {
        (void)set_option(fd, IPPROTO_IP, IP_RECVTOS, 1);
        (void)set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
        (void)set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
    } else {
        (void)set_option(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
        (void)set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
        (void)set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
    }
}

void p2p_uv_bind(p2p_uv_driver *d, const p2p_effect *effect) {
    struct sockaddr_storage addr;
    p2p_uv_sock *s = NULL;
    p2p_err err = P2P_OK;
    socklen_t len = p2p_uv_addr_out(&addr, &effect->local);
    int fd = p2p_uv_socket(effect->local.family, SOCK_DGRAM);
    if (fd >= 0)
        set_options(d, fd, effect->local.family);
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, len) != 0) {
        err = p2p_uv_err(errno);
        if (fd >= 0)
            close(fd);
    } else {
        err = p2p_uv_sock_new(&s, d, effect->socket, fd, P2P_UV_DATAGRAMS);
    }
    if (s == NULL) {
        p2p_uv_report_closed(d, effect->socket, err);
        return;
    }
    s->family = effect->local.family;
    p2p_uv_addr_of(&s->local, fd);
    p2p_uv_sock_watch(s);
    p2p_uv_input(d, &(p2p_input){.type = P2P_INPUT_OPENED, .socket = s->id, .local = s->local});
}

/* --- sending --- */

static void add_control(
    struct msghdr *msg, size_t *used, int level, int type, const void *value, size_t len) {
    struct cmsghdr *c = (struct cmsghdr *)(void *)((char *)msg->msg_control + *used);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(c), value, len);
    *used += CMSG_SPACE(len);
}

static void add_source(struct msghdr *msg, size_t *used, const p2p_sockaddr *local) {
    if (local->family == 4) {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, local->ip, 4);
        add_control(msg, used, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    } else {
        struct in6_pktinfo info = {.ipi6_ifindex = local->scope};
        memcpy(&info.ipi6_addr, local->ip, 16);
        add_control(msg, used, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    }
}

/* One call of the system. Errno's value, 0 when it was sent. */
static int send_batch(p2p_uv_sock *s, const uint8_t *data, const p2p_datagrams *batch) {
    struct sockaddr_storage to;
    _Alignas(struct cmsghdr) char control[CONTROL_MAX];
    struct iovec vec = {(void *)data, batch->len};
    struct msghdr msg = {.msg_name = &to,
        .msg_namelen = p2p_uv_addr_out(&to, &batch->remote),
        .msg_iov = &vec,
        .msg_iovlen = 1,
        .msg_control = control};
    size_t used = 0;
    memset(control, 0, sizeof control);
    if (batch->segment != 0 && batch->segment < batch->len) {
        uint16_t segment = (uint16_t)batch->segment;
        add_control(&msg, &used, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment);
    }
    if (batch->ecn != 0) {
        int ecn = batch->ecn & ECN_MASK;
        if (s->family == 4)
            add_control(&msg, &used, IPPROTO_IP, IP_TOS, &ecn, sizeof ecn);
        else
            add_control(&msg, &used, IPPROTO_IPV6, IPV6_TCLASS, &ecn, sizeof ecn);
    }
    if (batch->local.family == s->family && !p2p_sockaddr_is_unspecified(&batch->local))
        add_source(&msg, &used, &batch->local);
    msg.msg_controllen = used;
    if (used == 0)
        msg.msg_control = NULL;
    ssize_t n;
    do {
        n = sendmsg(s->fd, &msg, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? errno : 0;
}

static bool is_full(int number) {
    return number == EAGAIN || number == EWOULDBLOCK;
}

/* A train sent as single datagrams; stops where the socket is full and says how far it came. */
static int send_singly(
    p2p_uv_sock *s, const uint8_t *data, const p2p_datagrams *batch, size_t *sent) {
    p2p_datagrams one = *batch;
    for (*sent = 0; *sent < batch->len; *sent += one.len) {
        one.len = one.segment =
            batch->len - *sent < batch->segment ? batch->len - *sent : batch->segment;
        int number = send_batch(s, data + *sent, &one);
        if (is_full(number))
            return number;
    }
    return 0;
}

/* Sends, or keeps what the socket has no room for. */
static void send_or_keep(p2p_uv_sock *s, const uint8_t *data, const p2p_datagrams *batch) {
    p2p_uv_driver *d = s->driver;
    size_t sent = 0;
    bool train = batch->segment != 0 && batch->segment < batch->len;
    int number = train && !d->gso ? EIO : send_batch(s, data, batch);
    /* Some devices cannot: then nothing of the train was sent. */
    if (train && (number == EIO || number == EINVAL)) {
        if (number == EIO && d->gso) {
            d->gso = false;
            memcpy(d->offload, d->gro ? "gro" : "none", 5);
        }
        number = send_singly(s, data, batch, &sent);
    }
    if (!is_full(number))
        return;
    p2p_datagrams rest = *batch;
    rest.len -= sent;
    if (p2p_uv_sock_keep(s, data + sent, rest.len) == P2P_OK)
        s->rest_datagrams = rest;
}

void p2p_uv_datagrams_send(p2p_uv_sock *s) {
    p2p_uv_driver *d = s->driver;
    p2p_datagrams batch;
    while (!s->blocked && !s->closing) {
        batch = (p2p_datagrams){0};
        size_t segments = d->gso ? SEGMENTS_MAX : 1;
        if (!p2p_uv_draw_datagrams(d, s->id, SEND_MAX, segments, &batch))
            return;
        send_or_keep(s, d->out, &batch);
    }
}

static void writable(p2p_uv_sock *s) {
    uint8_t *data = s->rest;
    p2p_datagrams batch = s->rest_datagrams;
    size_t len = s->rest_len;
    s->rest = NULL;
    p2p_uv_sock_drop_rest(s);
    send_or_keep(s, data, &batch);
    p2p_mem_free(s->driver->mem, data, len);
    if (!s->blocked)
        p2p_uv_input(s->driver, &(p2p_input){.type = P2P_INPUT_WRITABLE, .socket = s->id});
}

/* --- receiving --- */

static void read_control(struct msghdr *msg, p2p_input *input) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        const uint8_t *value = CMSG_DATA(c);
        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
            int segment;
            memcpy(&segment, value, sizeof segment);
            input->segment = segment > 0 ? (size_t)segment : 0;
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
            input->ecn = value[0] & ECN_MASK;
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
            int tclass;
            memcpy(&tclass, value, sizeof tclass);
            input->ecn = tclass & ECN_MASK;
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, value, sizeof info);
            memcpy(input->local.ip, &info.ipi_addr, 4);
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, value, sizeof info);
            memcpy(input->local.ip, &info.ipi6_addr, 16);
        }
    }
    if (input->segment >= input->len)
        input->segment = 0;
}

/* False when nothing is there. */
static bool receive(p2p_uv_sock *s) {
    p2p_uv_driver *d = s->driver;
    struct sockaddr_storage from = {0};
    _Alignas(struct cmsghdr) char control[CONTROL_MAX];
    struct iovec vec = {d->in, P2P_UV_DATAGRAM_MAX};
    struct msghdr msg = {.msg_name = &from,
        .msg_namelen = sizeof from,
        .msg_iov = &vec,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof control};
    ssize_t n = recvmsg(s->fd, &msg, 0);
    if (n < 0) /* an ICMP error concerns one datagram of many: the host's timers find out */
        return !is_full(errno) && errno != EBADF;
    if (n == 0 || (msg.msg_flags & MSG_TRUNC))
        return true;
    p2p_input input = {.type = P2P_INPUT_DATAGRAM,
        .socket = s->id,
        .data = d->in,
        .len = (size_t)n,
        .local = s->local};
    p2p_uv_addr_in(&input.remote, (struct sockaddr *)&from);
    read_control(&msg, &input);
    p2p_uv_input(d, &input);
    return true;
}

void p2p_uv_datagrams_event(p2p_uv_sock *s, int events) {
    if ((events & UV_WRITABLE) && s->blocked) {
        writable(s);
        p2p_uv_driver_pump(s->driver);
    }
    if (!(events & UV_READABLE))
        return;
    for (int i = 0; i < READS_MAX && !s->closing; i++)
        if (!receive(s))
            return;
}
