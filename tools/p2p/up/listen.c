/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "listen.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "up.h"

enum { TIMER_READY = 1, PORTS_TRIED = 100 };

/* A listener on a machine without addresses of its kind says nothing; that is waited for. */
#define PATIENCE (2 * P2P_SECOND)

/* What stands behind the port. Each kind exists for IPv4 and IPv6; the last needs a certificate. */
static const struct {
    bool udp;
    const char *behind;
} KINDS[] = {{false, ""}, {false, "/ws"}, {true, "/quic-v1"}, {true, "/quic-v1/webtransport"},
    {true, "/webrtc-direct"}, {false, "/tls/ws"}};

/* --- what the machine has --- */

enum { TCP4, TCP6, UDP4, UDP6, SOCKETS };

static bool has_ip6(void) {
    struct ifaddrs *all;
    bool found = false;
    if (getifaddrs(&all) != 0)
        return true; /* then the attempt will tell */
    for (const struct ifaddrs *at = all; at != NULL; at = at->ifa_next)
        found = found || (at->ifa_addr != NULL && at->ifa_addr->sa_family == AF_INET6);
    freeifaddrs(all);
    return found;
}

/* Binds such a socket and lets it go again: 0, or the error. *port 0 becomes the one given. */
static int try_socket(int which, uint16_t *port) {
    bool six = which == TCP6 || which == UDP6, udp = which == UDP4 || which == UDP6;
    struct sockaddr_in6 addr = {.sin6_family = AF_INET6, .sin6_port = htons(*port)};
    struct sockaddr_in addr4 = {.sin_family = AF_INET, .sin_port = htons(*port)};
    const struct sockaddr *to = six ? (const struct sockaddr *)&addr : (struct sockaddr *)&addr4;
    socklen_t len = six ? sizeof addr : sizeof addr4;
    int on = 1, type = udp ? SOCK_DGRAM : SOCK_STREAM;
    int fd = socket(six ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    if (six)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (!udp)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    int error = bind(fd, to, len) != 0 || (!udp && listen(fd, 1) != 0) ? errno : 0;
    if (error == 0 && *port == 0) {
        /* The port's place is the same for both families. */
        len = sizeof addr;
        (void)getsockname(fd, (struct sockaddr *)&addr, &len);
        *port = ntohs(addr.sin6_port);
    }
    close(fd);
    return error;
}

/* Tries all sockets of one port: true if none is in use by another program. */
static bool try_port(uint16_t *port, int errors[SOCKETS]) {
    bool ip6 = has_ip6(), free = true;
    for (int which = 0; which < SOCKETS; which++) {
        bool six = which == TCP6 || which == UDP6;
        errors[which] = six && !ip6 ? EAFNOSUPPORT : try_socket(which, port);
        free = free && errors[which] != EADDRINUSE;
    }
    return free;
}

static void tell_missing(up *u, const int errors[SOCKETS]) {
    static const char *const NAMES[] = {"TCP", "TCP", "UDP", "UDP"};
    cli_out *out = &u->program->out;
    if (errors[TCP6] != 0 && errors[UDP6] != 0)
        cli_note(out, CLI_YELLOW, "p2p: this machine has no IPv6 (%s); going on with IPv4",
            strerror(errors[TCP6]));
    else if (errors[TCP4] != 0 && errors[UDP4] != 0)
        cli_note(out, CLI_YELLOW, "p2p: this machine has no IPv4 (%s); going on with IPv6",
            strerror(errors[TCP4]));
    for (int a = 0; a < SOCKETS; a += 2)
        if (errors[a] != 0 && errors[a + 1] != 0)
            cli_note(out, CLI_YELLOW,
                "p2p: this machine gives no %s port (%s); going on without it", NAMES[a],
                strerror(errors[a]));
}

/* --- choosing --- */

static void add(up *u, const char *ip, unsigned port, size_t kind) {
    up_listening *l = &u->listening;
    snprintf(l->addrs[l->count++].text, sizeof l->addrs[0].text, "%s/%s/%u%s", ip,
        KINDS[kind].udp ? "udp" : "tcp", port, KINDS[kind].behind);
}

static void add_all(up *u, unsigned port, const int errors[SOCKETS]) {
    size_t count = P2P_COUNT(KINDS) - (u->program->options.tls_cert == NULL);
    for (size_t i = 0; i < count; i++) {
        if (errors[KINDS[i].udp ? UDP4 : TCP4] == 0)
            add(u, "/ip4/0.0.0.0", port, i);
        if (errors[KINDS[i].udp ? UDP6 : TCP6] == 0)
            add(u, "/ip6/::", port, i);
    }
}

static bool choose_port(up *u) {
    cli_program *p = u->program;
    int errors[SOCKETS];
    bool given = p->options.port_given, found = false;
    unsigned first = given ? (unsigned)p->options.port : UP_PORT;
    uint16_t port = (uint16_t)first;
    for (unsigned i = 0; i < PORTS_TRIED && !found; i++) {
        port = (uint16_t)(first == 0 ? 0 : first + i);
        found = try_port(&port, errors);
        if (given && first != 0)
            break;
    }
    if (!found) {
        cli_fail(p,
            "port %u is in use by another program; stop that one, or choose another with "
            "--port (0 takes a free one)",
            first);
        return false;
    }
    if (!given && port != first)
        cli_note(&p->out, CLI_YELLOW, "p2p: port %u is in use; listening on %u", first, port);
    add_all(u, port, errors);
    if (u->listening.count == 0)
        cli_fail(p, "cannot listen on port %u: %s; choose another with --port", port,
            strerror(errors[TCP4]));
    else
        tell_missing(u, errors);
    return u->listening.count > 0;
}

bool up_listen_check(up *u) {
    cli_program *p = u->program;
    up_listening *l = &u->listening;
    for (size_t i = 0; i < p->options.listen_count; i++) {
        p2p_multiaddr addr;
        char why[128];
        const char *text = p->options.listen[i];
        if (p2p_multiaddr_parse(&addr, text, why) != P2P_OK) {
            cli_wrong_use(p,
                "\"%.80s%s\" is no address: %s; give one such as /ip4/0.0.0.0/tcp/4001", text,
                strlen(text) > 80 ? "…" : "", why);
            return false;
        }
        snprintf(l->addrs[l->count++].text, sizeof l->addrs[0].text, "%s", text);
    }
    return true;
}

bool up_listen_choose(up *u) {
    return u->listening.count > 0 || choose_port(u);
}

/* --- listening --- */

static const char *advice(p2p_err err) {
    if (err == P2P_ERR_ADDRESS_IN_USE)
        return "; stop the program that listens there, or give another port with --listen";
    if (err == P2P_ERR_PERMISSION)
        return "; give a port above 1023 with --listen";
    if (err == P2P_ERR_UNREACHABLE)
        return "; give an address of this machine with --listen";
    if (err == P2P_ERR_UNSUPPORTED)
        return "; give an address such as /ip4/0.0.0.0/tcp/4001 with --listen";
    return "";
}

void up_listen_start(up *u) {
    up_listening *l = &u->listening;
    p2p_err err = p2p_host_set_timer(u->host, TIMER_READY, p2p_host_now(u->host) + PATIENCE);
    if (err != P2P_OK) {
        cli_fail(u->program, "cannot start: %s", p2p_err_text(err));
        up_finish(u);
    }
    for (size_t i = 0; i < l->count && !u->over; i++) {
        p2p_multiaddr addr;
        err = p2p_multiaddr_parse(&addr, l->addrs[i].text, NULL);
        if (err == P2P_OK)
            err = p2p_host_listen(u->host, &addr, &l->addrs[i].number);
        if (err == P2P_OK)
            continue;
        cli_fail(u->program, "cannot listen on %.160s: %s%s", l->addrs[i].text,
            err == P2P_ERR_UNSUPPORTED ? "no transport of this node listens on such an address"
                                       : p2p_err_text(err),
            advice(err));
        up_finish(u);
    }
}

static void listen_failed(up *u, size_t i, const p2p_reason *reason) {
    up_listening *l = &u->listening;
    bool others = false;
    l->addrs[i].settled = l->addrs[i].failed = true;
    for (size_t k = 0; k < l->count; k++)
        others = others || !l->addrs[k].failed;
    if (u->over)
        return;
    if (u->program->options.listen_count == 0 && others) {
        cli_note(&u->program->out, CLI_YELLOW, "p2p: %s; going on without it", reason->text);
        return;
    }
    cli_fail(u->program, "%s%s", reason->text, advice(reason->err));
    up_finish(u);
}

bool up_listen_event(up *u, const p2p_event *event) {
    up_listening *l = &u->listening;
    bool all = event->type == P2P_EVENT_TIMER && event->request == TIMER_READY;
    size_t settled = 0;
    for (size_t i = 0; i < l->count; i++) {
        bool meant = l->addrs[i].number == event->listener;
        if (meant && event->type == P2P_EVENT_LISTENING)
            l->addrs[i].settled = true;
        if (meant && event->type == P2P_EVENT_LISTEN_FAILED)
            listen_failed(u, i, &event->reason);
        settled += l->addrs[i].settled;
    }
    if (l->ready || u->over || (!all && settled < l->count))
        return false;
    l->ready = true;
    return true;
}
