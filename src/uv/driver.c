/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The driver's loop: whatever libuv reports becomes one input; then effects, draws and events until
 * the host is quiet; then the clock is set to the host's deadline. A prepare handle does the same
 * before the loop sleeps, so that what the application did outside of callbacks is noticed.
 */
#include "uv/driver.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"

#define INTERFACES_INTERVAL (10 * P2P_SECOND)

/* --- what crosses to and from the host --- */

static void cross(p2p_uv_driver *d, const p2p_crossing *crossing) {
    if (d->record != NULL)
        d->record(d->record_ctx, crossing);
}

void p2p_uv_input(p2p_uv_driver *d, p2p_input *input) {
    input->now = uv_hrtime();
    cross(d, &(p2p_crossing){.type = P2P_CROSSING_INPUT, .input = input});
    p2p_host_input(d->host, input);
}

size_t p2p_uv_draw(p2p_uv_driver *d, p2p_socket socket, size_t cap) {
    size_t len = p2p_host_draw(d->host, socket, d->out, cap);
    cross(d, &(p2p_crossing){.type = P2P_CROSSING_DRAW,
                 .socket = socket,
                 .cap = cap,
                 .drawn = p2p_bytes_of(d->out, len)});
    return len;
}

bool p2p_uv_draw_datagrams(
    p2p_uv_driver *d, p2p_socket socket, size_t cap, size_t max_segments, p2p_datagrams *out) {
    bool some = p2p_host_draw_datagrams(d->host, socket, d->out, cap, max_segments, out);
    cross(d, &(p2p_crossing){.type = P2P_CROSSING_DATAGRAMS,
                 .socket = socket,
                 .cap = cap,
                 .max_segments = max_segments,
                 .drawn = p2p_bytes_of(d->out, some ? out->len : 0),
                 .datagrams = some ? out : NULL});
    return some;
}

static bool next_effect(p2p_uv_driver *d, p2p_effect *effect) {
    bool some = p2p_host_next_effect(d->host, effect);
    cross(d, &(p2p_crossing){.type = P2P_CROSSING_EFFECT, .effect = some ? effect : NULL});
    return some;
}

static bool next_event(p2p_uv_driver *d, p2p_event *event) {
    bool some = p2p_host_next_event(d->host, event);
    cross(d, &(p2p_crossing){.type = P2P_CROSSING_EVENT, .event = some ? event : NULL});
    return some;
}

/* --- the clock --- */

static p2p_time earlier(p2p_time a, p2p_time b) {
    return a < b ? a : b;
}

static p2p_time next_deadline(p2p_uv_driver *d) {
    p2p_time when = earlier(p2p_host_deadline(d->host), d->interfaces_due);
    if (!p2p_list_empty(&d->starved))
        when = earlier(when, d->starved_until);
    if (!p2p_list_empty(&d->lingerers))
        when = earlier(when, P2P_CONTAINER(d->lingerers.next, p2p_uv_sock, node)->linger_end);
    return when;
}

/* Deadlines move with every packet, mostly to later times: an early ring costs less than setting
 * the clock each time. */
static void arm(p2p_uv_driver *d) {
    p2p_time when = next_deadline(d);
    if (when >= d->armed)
        return;
    d->armed = when;
    if (when == 0)
        when = 1; /* zero would stop the clock */
    struct itimerspec spec = {
        .it_value = {.tv_sec = (time_t)(when / P2P_SECOND), .tv_nsec = (long)(when % P2P_SECOND)}};
    (void)timerfd_settime(d->clock_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static void end_starvation(p2p_uv_driver *d) {
    for (p2p_list *node; (node = p2p_list_pop(&d->starved)) != NULL;) {
        p2p_uv_sock *s = P2P_CONTAINER(node, p2p_uv_sock, starving);
        s->starved = false;
        p2p_uv_sock_watch(s);
    }
}

static void end_lingering(p2p_uv_driver *d, p2p_time now) {
    while (!p2p_list_empty(&d->lingerers)) {
        p2p_uv_sock *s = P2P_CONTAINER(d->lingerers.next, p2p_uv_sock, node);
        if (s->linger_end > now)
            return;
        p2p_uv_sock_destroy(s);
    }
}

static void clock_rang(uv_poll_t *poll, int status, int events) {
    p2p_uv_driver *d = P2P_CONTAINER(poll, p2p_uv_driver, clock);
    uint64_t rings;
    (void)status;
    (void)events;
    if (read(d->clock_fd, &rings, sizeof rings) < 0)
        return;
    p2p_time now = uv_hrtime();
    d->armed = P2P_NEVER;
    if (d->starved_until <= now)
        end_starvation(d);
    end_lingering(d, now);
    if (d->interfaces_due <= now) {
        d->interfaces_due = now + INTERFACES_INTERVAL;
        p2p_uv_interfaces(d);
    }
    if (p2p_host_deadline(d->host) <= now)
        p2p_uv_input(d, &(p2p_input){.type = P2P_INPUT_TICK});
    p2p_uv_driver_pump(d);
}

/* --- effects --- */

static void pause_sock(p2p_uv_sock *s, bool paused) {
    s->paused = paused;
    p2p_uv_sock_watch(s);
}

static void carry_out_on(p2p_uv_sock *s, const p2p_effect *effect) {
    switch (effect->type) {
    case P2P_EFFECT_CLOSE:
        p2p_uv_close(s, effect->abort);
        break;
    case P2P_EFFECT_SHUT:
        s->shut_due = true;
        p2p_uv_stream_send(s);
        break;
    case P2P_EFFECT_SEND:
        if (s->kind == P2P_UV_DATAGRAMS)
            p2p_uv_datagrams_send(s);
        else
            p2p_uv_stream_send(s);
        break;
    case P2P_EFFECT_ACCEPT:
    case P2P_EFFECT_READ:
        pause_sock(s, !effect->on);
        break;
    default:
        break;
    }
}

static void carry_out(p2p_uv_driver *d, const p2p_effect *effect) {
    switch (effect->type) {
    case P2P_EFFECT_CONNECT:
        p2p_uv_connect(d, effect);
        return;
    case P2P_EFFECT_LISTEN:
        p2p_uv_listen(d, effect);
        return;
    case P2P_EFFECT_BIND:
        p2p_uv_bind(d, effect);
        return;
    case P2P_EFFECT_RESOLVE:
        p2p_uv_resolve(d, effect);
        return;
    default:
        break;
    }
    /* A socket that failed a moment ago is not there any more; the host has its CLOSED. */
    p2p_uv_sock *s = p2p_map_get(&d->socks_by_id, effect->socket);
    if (s != NULL)
        carry_out_on(s, effect);
}

void p2p_uv_driver_pump(p2p_uv_driver *d) {
    p2p_effect effect;
    p2p_event event;
    if (d->pumping || d->closed || d->host == NULL)
        return;
    if (d->interfaces_due == 0) {
        d->interfaces_due = uv_hrtime() + INTERFACES_INTERVAL;
        p2p_uv_interfaces(d);
    }
    d->pumping = true;
    bool busy = true;
    while (busy) {
        busy = false;
        while (next_effect(d, &effect))
            carry_out(d, &effect);
        while (next_event(d, &event)) {
            busy = true;
            if (d->on_event != NULL)
                d->on_event(d->event_ctx, d->host, &event);
        }
        /* Callbacks without an event may have asked for something too. */
        while (next_effect(d, &effect)) {
            busy = true;
            carry_out(d, &effect);
        }
    }
    d->pumping = false;
    arm(d);
}

/* --- life --- */

static void before_sleep(uv_prepare_t *prepare) {
    p2p_uv_driver_pump(P2P_CONTAINER(prepare, p2p_uv_driver, prepare));
}

static void free_blocks(p2p_uv_driver *d) {
    p2p_mem_free(d->mem, d->in, P2P_UV_READ_MAX);
    p2p_mem_free(d->mem, d->out, P2P_UV_DRAW_MAX);
    d->in = d->out = NULL;
}

p2p_err p2p_uv_driver_init(p2p_uv_driver *d, uv_loop_t *loop, const p2p_mem *mem) {
    *d = (p2p_uv_driver){.loop = loop, .mem = mem, .armed = P2P_NEVER};
    p2p_map_init(&d->socks_by_id, mem, 0);
    p2p_list_init(&d->socks);
    p2p_list_init(&d->lingerers);
    p2p_list_init(&d->starved);
    p2p_list_init(&d->names);
    d->in = p2p_mem_resize(mem, NULL, 0, P2P_UV_READ_MAX);
    d->out = p2p_mem_resize(mem, NULL, 0, P2P_UV_DRAW_MAX);
    if (d->in == NULL || d->out == NULL) {
        free_blocks(d);
        return P2P_ERR_NO_MEMORY;
    }
    d->clock_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (d->clock_fd < 0 || uv_poll_init(loop, &d->clock, d->clock_fd) != 0) {
        if (d->clock_fd >= 0)
            close(d->clock_fd);
        free_blocks(d);
        return P2P_ERR_IO;
    }
    uv_poll_start(&d->clock, UV_READABLE, clock_rang);
    uv_prepare_init(loop, &d->prepare);
    uv_prepare_start(&d->prepare, before_sleep);
    uv_unref((uv_handle_t *)&d->prepare);
    d->handles = 2;
    p2p_uv_probe_offload(d);
    return P2P_OK;
}

void p2p_uv_driver_start(p2p_uv_driver *d, p2p_host *host) {
    d->host = host;
}

void p2p_uv_driver_unref(p2p_uv_driver *d) {
    INVARIANT(d->handles > 0);
    if (--d->handles > 0 || !d->closed)
        return;
    p2p_map_deinit(&d->socks_by_id);
    free_blocks(d);
    if (d->on_closed != NULL)
        d->on_closed(d->closed_ctx);
}

static void clock_closed(uv_handle_t *handle) {
    p2p_uv_driver_unref(P2P_CONTAINER(handle, p2p_uv_driver, clock));
}

static void prepare_closed(uv_handle_t *handle) {
    p2p_uv_driver_unref(P2P_CONTAINER(handle, p2p_uv_driver, prepare));
}

void p2p_uv_driver_close(p2p_uv_driver *d, void (*on_closed)(void *ctx), void *ctx) {
    P2P_REQUIRE(!d->pumping && !d->closed);
    d->closed = true;
    d->on_closed = on_closed;
    d->closed_ctx = ctx;
    while (!p2p_list_empty(&d->socks))
        p2p_uv_sock_destroy(P2P_CONTAINER(d->socks.next, p2p_uv_sock, node));
    while (!p2p_list_empty(&d->lingerers))
        p2p_uv_sock_destroy(P2P_CONTAINER(d->lingerers.next, p2p_uv_sock, node));
    p2p_uv_names_close(d);
    uv_close((uv_handle_t *)&d->clock, clock_closed);
    close(d->clock_fd);
    uv_close((uv_handle_t *)&d->prepare, prepare_closed);
}
