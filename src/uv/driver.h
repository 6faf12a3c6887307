/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The libuv driver: carries out a host's effects on real sockets and gives it what the network
 * says. One driver serves one host on one loop; p2p_node (node.c) owns both.
 *
 * All sockets are the system's own, watched by uv_poll: the host reads from and draws into one
 * block each that all sockets share, so that an idle socket costs no buffer.
 */
#ifndef P2P_UV_DRIVER_H
#define P2P_UV_DRIVER_H

#include <uv.h>

#include <p2p/driver.h>
#include <p2p/node.h>

#include "base/list.h"
#include "base/map.h"

enum {
    P2P_UV_READ_MAX = 256 * 1024, /* bytes of one read from a stream socket */
    P2P_UV_DRAW_MAX = 128 * 1024, /* bytes drawn for one write; also the most a full socket keeps */
    P2P_UV_DATAGRAM_MAX = 65536,
    P2P_UV_RESOLVES_MAX = 8,   /* names being looked up at once */
    P2P_UV_NAMES_MAX = 64,     /* names waiting for that */
    P2P_UV_ADDRS_MAX = 64,     /* addresses of this machine, or of a name */
    P2P_UV_LINGERERS_MAX = 256 /* closed sockets that still say goodbye */
};

typedef struct p2p_uv_driver p2p_uv_driver;

typedef enum p2p_uv_kind {
    P2P_UV_CONNECTING,
    P2P_UV_STREAM,
    P2P_UV_LISTENER,
    P2P_UV_DATAGRAMS
} p2p_uv_kind;

typedef struct p2p_uv_sock {
    uv_poll_t poll;
    p2p_uv_driver *driver;
    p2p_socket id;
    int fd;
    uint8_t kind;       /* p2p_uv_kind */
    uint8_t family;     /* 4 or 6 */
    int events;         /* what poll watches */
    bool paused : 1;    /* the host wants no bytes, or no connections */
    bool ended : 1;     /* the peer's end was reported */
    bool blocked : 1;   /* the system takes no more for now: `rest` waits */
    bool shut_due : 1;  /* end our direction when everything was sent */
    bool lingering : 1; /* the host has closed it */
    bool starved : 1;   /* accepting waits for a descriptor */
    bool closing : 1;   /* uv_close was called */
    p2p_list node;      /* in driver->socks, ->lingerers */
    p2p_list starving;  /* in driver->starved */
    p2p_time linger_end;
    p2p_sockaddr local; /* DATAGRAMS: where it is bound */
    uint8_t *rest;      /* drawn and not yet taken by the system */
    size_t rest_len, rest_sent;
    p2p_datagrams rest_datagrams;
} p2p_uv_sock;

struct p2p_uv_driver {
    uv_loop_t *loop;
    p2p_host *host;
    const p2p_mem *mem;
    uv_poll_t clock; /* a timerfd: uv_timer counts milliseconds, pacing needs less */
    int clock_fd;
    p2p_time armed; /* when it rings */
    uv_prepare_t prepare;
    size_t handles; /* libuv handles and requests that still call back */
    p2p_map socks_by_id;
    p2p_list socks, lingerers, starved;
    size_t lingerer_count;
    uint64_t next_accepted;
    p2p_time starved_until;
    p2p_time interfaces_due; /* 0: not told yet */
    p2p_list names;          /* waiting or being looked up */
    size_t name_count, lookups;
    p2p_sockaddr addrs[P2P_UV_ADDRS_MAX]; /* this machine's, as told last */
    size_t addr_count;
    bool gso, gro;
    char offload[32];
    bool pumping, closed;
    p2p_event_fn on_event;
    void *event_ctx;
    p2p_record_fn record;
    void *record_ctx;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
    uint8_t *in, *out; /* the shared blocks */
};

/* --- driver.c --- */

/* `host` may be set later, before the first pump. NO_MEMORY, IO. */
P2P_NODISCARD p2p_err p2p_uv_driver_init(p2p_uv_driver *d, uv_loop_t *loop, const p2p_mem *mem);
/* The first pump tells the host the machine's addresses. */
void p2p_uv_driver_start(p2p_uv_driver *d, p2p_host *host);
/* Closes everything; on_closed is called from the loop when nothing calls back any more. The host
 * is not touched. */
void p2p_uv_driver_close(p2p_uv_driver *d, void (*on_closed)(void *ctx), void *ctx);
/* Effects, draws and events until all is quiet, then the clock is set. Does nothing inside itself.
 */
void p2p_uv_driver_pump(p2p_uv_driver *d);
/* The one way into the host; fills in the time. */
void p2p_uv_input(p2p_uv_driver *d, p2p_input *input);
/* The one way out: bytes or datagrams of a socket into d->out. */
size_t p2p_uv_draw(p2p_uv_driver *d, p2p_socket socket, size_t cap);
bool p2p_uv_draw_datagrams(
    p2p_uv_driver *d, p2p_socket socket, size_t cap, size_t max_segments, p2p_datagrams *out);
/* A handle or request is gone. */
void p2p_uv_driver_unref(p2p_uv_driver *d);

/* --- sock.c: what all sockets share --- */

/* Makes the driver's object around an open descriptor, which it owns from now on, also when it
 * fails. */
P2P_NODISCARD p2p_err p2p_uv_sock_new(
    p2p_uv_sock **out, p2p_uv_driver *d, p2p_socket id, int fd, p2p_uv_kind kind);
void p2p_uv_sock_destroy(p2p_uv_sock *s);
/* Destroys it and tells the host. */
void p2p_uv_sock_failed(p2p_uv_sock *s, p2p_err err);
/* Watches for what its state asks for. */
void p2p_uv_sock_watch(p2p_uv_sock *s);
/* Keeps a copy of what the system did not take. NO_MEMORY. */
P2P_NODISCARD p2p_err p2p_uv_sock_keep(p2p_uv_sock *s, const uint8_t *data, size_t len);
void p2p_uv_sock_drop_rest(p2p_uv_sock *s);
void p2p_uv_report_closed(p2p_uv_driver *d, p2p_socket id, p2p_err err);
int p2p_uv_socket(uint8_t family, int type);

/* --- tcp.c --- */

void p2p_uv_connect(p2p_uv_driver *d, const p2p_effect *effect);
void p2p_uv_listen(p2p_uv_driver *d, const p2p_effect *effect);
void p2p_uv_close(p2p_uv_sock *s, bool abort);
/* Draws and writes until there is no more or the system takes no more. */
void p2p_uv_stream_send(p2p_uv_sock *s);
void p2p_uv_stream_event(p2p_uv_sock *s, int events);
void p2p_uv_listener_event(p2p_uv_sock *s);

/* --- udp.c --- */

void p2p_uv_bind(p2p_uv_driver *d, const p2p_effect *effect);
void p2p_uv_datagrams_send(p2p_uv_sock *s);
void p2p_uv_datagrams_event(p2p_uv_sock *s, int events);
/* What the kernel can do: driver->gso, gro, offload. */
void p2p_uv_probe_offload(p2p_uv_driver *d);

/* --- names.c --- */

void p2p_uv_resolve(p2p_uv_driver *d, const p2p_effect *effect);
void p2p_uv_names_close(p2p_uv_driver *d);
/* Gives INTERFACES if the machine's addresses differ from what was told last. */
void p2p_uv_interfaces(p2p_uv_driver *d);

/* --- addr.c --- */

p2p_err p2p_uv_err(int system_errno);
/* The length of the system's form; 0 for a family it does not know. */
socklen_t p2p_uv_addr_out(struct sockaddr_storage *out, const p2p_sockaddr *addr);
void p2p_uv_addr_in(p2p_sockaddr *out, const struct sockaddr *addr);
/* The address a socket is bound to. */
void p2p_uv_addr_of(p2p_sockaddr *out, int fd);

#endif
