/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The queue of events for the application. Events of connections are embedded in the connection, so
 * that a lack of memory can never hide that one came or went.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "swarm/swarm.h"

p2p_reason p2p_reason_of(p2p_err err, const char *format, ...) {
    p2p_reason reason = {.err = err};
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is right above */
    vsnprintf(reason.text, sizeof reason.text, format, args);
    va_end(args);
    return reason;
}

void p2p_swarm_queue(p2p_swarm *swarm, p2p_queued_event *event) {
    p2p_list_push(&swarm->events, &event->node);
    swarm->event_count++;
}

static void *copy(const p2p_swarm *swarm, const void *from, size_t size) {
    return from == NULL ? NULL : p2p_mem_copy(swarm->env->mem, p2p_bytes_of(from, size));
}

void p2p_swarm_event(p2p_swarm *swarm, p2p_event_type type, p2p_conn *conn, uint64_t number,
    const p2p_multiaddr *addr, const p2p_reason *reason) {
    if (swarm->stopped || swarm->event_count >= swarm->env->limits->events)
        return;
    p2p_queued_event *event = p2p_mem_alloc(swarm->env->mem, sizeof *event);
    if (event == NULL)
        return;
    event->type = type;
    event->conn = conn;
    event->number = number;
    event->err = reason == NULL ? P2P_OK : reason->err;
    event->addr = copy(swarm, addr, sizeof *addr);
    event->reason = copy(swarm, reason, sizeof *reason);
    p2p_swarm_queue(swarm, event);
}

void p2p_swarm_answer(p2p_swarm *swarm, p2p_queued_event *take_event, p2p_conn *conn,
    uint64_t request, const p2p_reason *reason) {
    take_event->type = conn != NULL ? P2P_EVENT_DIALED : P2P_EVENT_DIAL_FAILED;
    take_event->conn = conn;
    take_event->number = request;
    take_event->err = reason == NULL ? P2P_OK : reason->err;
    take_event->reason = copy(swarm, reason, sizeof *reason);
    p2p_swarm_queue(swarm, take_event);
}

static void release(p2p_swarm *swarm, p2p_queued_event *event) {
    const p2p_mem *mem = swarm->env->mem;
    p2p_mem_free(mem, event->addr, sizeof *event->addr);
    p2p_mem_free(mem, event->reason, sizeof *event->reason);
    p2p_mem_free(mem, event->block, event->block_size);
    event->addr = NULL;
    event->reason = NULL;
    if (!event->embedded)
        p2p_mem_free(mem, event, sizeof *event);
}

void p2p_swarm_event_info(p2p_swarm *swarm, p2p_conn *conn, const p2p_peer_info *info,
    void *take_block, size_t block_size) {
    p2p_queued_event *event = NULL;
    /* DISCONNECTED is a connection's last event, and it is queued already when that has ended. */
    if (conn->state != P2P_CONN_ENDED && !swarm->stopped &&
        swarm->event_count < swarm->env->limits->events)
        event = p2p_mem_alloc(swarm->env->mem, sizeof *event);
    if (event == NULL) {
        p2p_mem_free(swarm->env->mem, take_block, block_size);
        return;
    }
    event->type = P2P_EVENT_IDENTIFIED;
    event->conn = conn;
    event->info = info;
    event->block = take_block;
    event->block_size = block_size;
    p2p_swarm_queue(swarm, event);
}

/* Ends the validity of what the event before referred to. */
static void end_last(p2p_swarm *swarm) {
    p2p_mem_free(swarm->env->mem, swarm->shown, swarm->shown_size);
    swarm->shown = NULL;
    if (swarm->gone == NULL)
        return;
    p2p_list_remove(&swarm->gone->node);
    p2p_mem_free(swarm->env->mem, swarm->gone->swarm, sizeof(p2p_swarm_conn));
    p2p_conn_bury(swarm->gone);
    swarm->gone = NULL;
}

bool p2p_swarm_take_event(p2p_swarm *swarm, p2p_event *out) {
    end_last(swarm);
    p2p_list *node = p2p_list_pop(&swarm->events);
    if (node == NULL)
        return false;
    swarm->event_count--;
    p2p_queued_event *event = P2P_CONTAINER(node, p2p_queued_event, node);
    *out = (p2p_event){.type = event->type,
        .conn = event->conn,
        .request = event->number,
        .listener = event->number};
    if (event->addr != NULL)
        out->addr = *event->addr;
    if (event->reason != NULL)
        out->reason = *event->reason;
    else if (event->err != P2P_OK)
        out->reason = p2p_reason_of(event->err, "%s", p2p_err_text(event->err));
    if (event->type == P2P_EVENT_DISCONNECTED)
        swarm->gone = event->conn;
    out->info = event->info;
    swarm->shown = event->block;
    swarm->shown_size = event->block_size;
    event->block = NULL;
    release(swarm, event);
    return true;
}

void p2p_swarm_drop_events(p2p_swarm *swarm) {
    end_last(swarm);
    for (p2p_list *node; (node = p2p_list_pop(&swarm->events)) != NULL;)
        release(swarm, P2P_CONTAINER(node, p2p_queued_event, node));
    swarm->event_count = 0;
}
