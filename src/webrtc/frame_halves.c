/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * When a libp2p stream over a data channel is over (specs webrtc/README.md, and what go, js and
 * rust make of it). FIN ends a direction and FIN_ACK confirms it, because closing a channel may
 * lose what was queued. RESET ends both directions. STOP_SENDING is answered with FIN, never with
 * RESET, and does not stand for FIN_ACK as in go: js sends one all the same, and hangs when the
 * channel is gone by then.
 */
#include "webrtc/frame.h"

/* What go and js wait. */
static const p2p_time FIN_ACK_WAIT = 10 * P2P_SECOND;
/* How long FIN_ACK waits for a response that may follow; see p2p_frame_halves_next. */
static const p2p_time FIN_ACK_DELAY = 300 * P2P_MILLISECOND;

void p2p_frame_halves_init(p2p_frame_halves *h) {
    *h = (p2p_frame_halves){.fin_ack_at = P2P_NEVER, .give_up_at = P2P_NEVER};
}

void p2p_frame_halves_shut(p2p_frame_halves *h) {
    if (h->sending == P2P_HALF_OPEN)
        h->sending = P2P_HALF_ENDING;
}

void p2p_frame_halves_stop(p2p_frame_halves *h) {
    if (h->receiving != P2P_HALF_OPEN || h->over)
        return;
    h->receiving = P2P_HALF_DONE;
    h->stop_due = true;
}

void p2p_frame_halves_reset(p2p_frame_halves *h, uint32_t error_code) {
    if (h->over || h->reset_due)
        return;
    h->reset_due = true;
    h->error_code = error_code;
    h->result = P2P_ERR_CLOSED;
    h->sending = h->receiving = P2P_HALF_DONE;
    h->stop_due = h->fin_ack_due = false;
}

/* spec: webrtc #closing-an-rtcdatachannel: if a FIN flag is received the node SHOULD respond with a
 * FIN_ACK. */
static void on_fin(p2p_frame_halves *h, p2p_time now) {
    h->receiving = P2P_HALF_DONE;
    h->stop_due = false;
    if (!h->fin_ack_due)
        h->fin_ack_at = now + FIN_ACK_DELAY;
    h->fin_ack_due = true;
}

static void on_stop(p2p_frame_halves *h) {
    h->stopped = true;
    if (h->sending == P2P_HALF_OPEN)
        h->sending = P2P_HALF_ENDING;
}

void p2p_frame_halves_on_flag(
    p2p_frame_halves *h, p2p_frame_flag flag, uint32_t error_code, p2p_time now) {
    if (h->over || h->reset_due)
        return;
    switch (flag) {
    case P2P_FRAME_FIN:
        on_fin(h, now);
        break;
    case P2P_FRAME_STOP_SENDING:
        on_stop(h);
        break;
    case P2P_FRAME_FIN_ACK:
        /* spec: webrtc #closing-an-rtcdatachannel: the write half is closed only once FIN_ACK was
         * received. */
        if (h->sending == P2P_HALF_ENDED)
            h->sending = P2P_HALF_DONE;
        break;
    case P2P_FRAME_RESET:
        h->sending = h->receiving = P2P_HALF_DONE;
        h->stop_due = h->fin_ack_due = false;
        h->result = P2P_ERR_RESET;
        h->error_code = error_code;
        h->over = true;
        break;
    case P2P_FRAME_NONE:
        break;
    }
}

bool p2p_frame_halves_reads(const p2p_frame_halves *h) {
    return h->receiving == P2P_HALF_OPEN;
}

bool p2p_frame_halves_writes(const p2p_frame_halves *h) {
    return h->sending <= P2P_HALF_ENDING && !h->stopped;
}

p2p_frame_flag p2p_frame_halves_next(const p2p_frame_halves *h, bool more_data, p2p_time now) {
    if (h->over)
        return P2P_FRAME_NONE;
    if (h->reset_due)
        return P2P_FRAME_RESET;
    if (h->sending == P2P_HALF_ENDING && (!more_data || h->stopped))
        return P2P_FRAME_FIN;
    if (h->stop_due)
        return P2P_FRAME_STOP_SENDING;
    if (h->fin_ack_due && (h->sending >= P2P_HALF_ENDED || h->fin_ack_at <= now))
        return P2P_FRAME_FIN_ACK;
    return P2P_FRAME_NONE;
}

void p2p_frame_halves_sent(p2p_frame_halves *h, p2p_frame_flag flag, p2p_time now) {
    switch (flag) {
    case P2P_FRAME_FIN:
        h->sending = P2P_HALF_ENDED;
        h->give_up_at = now + FIN_ACK_WAIT;
        break;
    case P2P_FRAME_STOP_SENDING:
        h->stop_due = false;
        break;
    case P2P_FRAME_FIN_ACK:
        h->fin_ack_due = false;
        h->fin_ack_at = P2P_NEVER;
        break;
    case P2P_FRAME_RESET:
        h->reset_due = false;
        h->over = true;
        break;
    case P2P_FRAME_NONE:
        break;
    }
}

p2p_time p2p_frame_halves_deadline(const p2p_frame_halves *h) {
    if (h->over)
        return P2P_NEVER;
    p2p_time at = h->fin_ack_due ? h->fin_ack_at : P2P_NEVER;
    if (h->sending == P2P_HALF_ENDED && h->give_up_at < at)
        at = h->give_up_at;
    return at;
}

void p2p_frame_halves_tick(p2p_frame_halves *h, p2p_time now) {
    if (h->sending == P2P_HALF_ENDED && h->give_up_at <= now)
        h->sending = P2P_HALF_DONE;
}

bool p2p_frame_halves_over(const p2p_frame_halves *h) {
    bool due = h->stop_due || h->fin_ack_due || h->reset_due;
    return h->over || (h->sending == P2P_HALF_DONE && h->receiving == P2P_HALF_DONE && !due);
}
