/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Finding out what is lost, by time as RACK-TLP does (RFC 8985) instead of by counting missing
 * reports: a fragment is lost when one sent later was acknowledged and a little more than a round
 * trip has passed. The flight is a list in the order of sending, so only its head is looked at. A
 * probe of the last fragment finds losses at the end of a burst; the retransmission timer of RFC
 * 9260 section 6.3 is the last resort.
 */
#include "webrtc/sctp_assoc.h"

/*
 * RFC 9260 has a least time-out of 1 s and lets implementations choose. Peers delay
 * acknowledgements up to 200 ms (pion and usrsctp do by default), so anything below that plus some
 * variance would fire for no reason.
 */
static const p2p_time RTO_MIN = 300 * P2P_MILLISECOND;
static const p2p_time RTO_FIRST = P2P_SECOND;
static const p2p_time RTO_MAX = 10 * P2P_SECOND;
static const p2p_time PEER_DELAY = 200 * P2P_MILLISECOND;
/* Below this, timers of the host and of the peer's machine blur the order of packets. */
static const p2p_time LEAST_WAIT = P2P_MILLISECOND;

enum { MAX_ERRORS = 10, MAX_BACKOFF = 8 };

void p2p_sctp_loss_init(sctp_loss *loss) {
    *loss = (sctp_loss){.min_rtt = P2P_NEVER,
        .rto = RTO_FIRST,
        .sample = P2P_NEVER,
        .reorder_quarters = 1,
        .rto_at = P2P_NEVER,
        .probe_at = P2P_NEVER,
        .reorder_at = P2P_NEVER};
}

p2p_time p2p_sctp_rto(const p2p_sctp *a) {
    p2p_time rto = a->loss.rto << a->loss.backoff;
    return rto < RTO_MAX ? rto : RTO_MAX;
}

static p2p_time probe_time(const p2p_sctp *a) {
    const sctp_loss *loss = &a->loss;
    p2p_time wait = loss->srtt == 0 ? RTO_FIRST : 2 * loss->srtt + 10 * LEAST_WAIT;
    if (a->tx.flight.head == a->tx.flight.tail)
        wait += PEER_DELAY;
    p2p_time rto = p2p_sctp_rto(a);
    return wait < rto ? wait : rto;
}

static bool nothing_out(const p2p_sctp *a) {
    return a->tx.flight.head == NULL && a->tx.lost.head == NULL &&
           a->tx.forward_tsn == a->tx.cum_acked;
}

static void set_probe(p2p_sctp *a, p2p_time now) {
    sctp_loss *loss = &a->loss;
    bool wanted = !loss->probing && !a->cc.recovering && a->tx.flight.head != NULL;
    loss->probe_at = wanted ? now + probe_time(a) : P2P_NEVER;
}

void p2p_sctp_loss_sent(p2p_sctp *a, p2p_time now) {
    if (a->loss.rto_at == P2P_NEVER)
        a->loss.rto_at = now + p2p_sctp_rto(a);
    set_probe(a, now);
}

void p2p_sctp_mark_lost(p2p_sctp *a, sctp_fragment *f) {
    sctp_list_remove(&a->tx.flight, f);
    a->tx.in_flight -= f->len;
    f->sending = SCTP_LOST;
    sctp_list_push(&a->tx.lost, f);
}

/* Order of sending; what went out at the same instant went in the order of TSNs. */
static bool sent_before(const sctp_fragment *f, p2p_time sent_at, uint32_t tsn) {
    return f->sent_at < sent_at || (f->sent_at == sent_at && sctp_before(f->tsn, tsn));
}

void p2p_sctp_loss_observe(p2p_sctp *a, const sctp_fragment *f, p2p_time now) {
    sctp_loss *loss = &a->loss;
    p2p_time rtt = now > f->sent_at ? now - f->sent_at : 0;
    if (f->sends == 1) {
        if (rtt < loss->sample)
            loss->sample = rtt;
    } else if (rtt < loss->min_rtt) {
        return; /* the acknowledgement is of an earlier copy */
    }
    if (!sent_before(f, loss->rack_sent, loss->rack_tsn)) {
        loss->rack_sent = f->sent_at;
        loss->rack_tsn = f->tsn;
        loss->rack_rtt = rtt;
    }
}

/* RFC 9260 section 6.3.1. */
static void take_sample(sctp_loss *loss) {
    p2p_time rtt = loss->sample;
    if (rtt == P2P_NEVER)
        return;
    loss->sample = P2P_NEVER;
    if (rtt < loss->min_rtt)
        loss->min_rtt = rtt;
    if (loss->srtt == 0) {
        loss->srtt = rtt > 0 ? rtt : 1;
        loss->rttvar = rtt / 2;
    } else {
        p2p_time delta = rtt > loss->srtt ? rtt - loss->srtt : loss->srtt - rtt;
        loss->rttvar = (3 * loss->rttvar + delta) / 4;
        loss->srtt = (7 * loss->srtt + rtt) / 8;
        loss->srtt += loss->srtt == 0;
    }
    loss->rto = loss->srtt + 4 * loss->rttvar;
    if (loss->rto < RTO_MIN)
        loss->rto = RTO_MIN;
}

static p2p_time reorder_window(const sctp_loss *loss) {
    p2p_time window = loss->min_rtt == P2P_NEVER ? 0 : loss->min_rtt / 4 * loss->reorder_quarters;
    if (window > loss->srtt)
        window = loss->srtt;
    return window > LEAST_WAIT ? window : LEAST_WAIT;
}

static void detect(p2p_sctp *a, p2p_time now) {
    sctp_loss *loss = &a->loss;
    p2p_time patience = loss->rack_rtt + reorder_window(loss);
    bool lost = false;
    loss->reorder_at = P2P_NEVER;
    for (;;) {
        sctp_fragment *f = a->tx.flight.head;
        if (f == NULL || !sent_before(f, loss->rack_sent, loss->rack_tsn))
            break;
        if (f->sent_at + patience > now) {
            loss->reorder_at = f->sent_at + patience;
            break;
        }
        p2p_sctp_mark_lost(a, f);
        lost = true;
    }
    if (!lost)
        return;
    if (!a->cc.recovering)
        loss->push = true; /* the first repair does not wait for the halved window */
    p2p_sctp_cc_lost(&a->cc, a->tx.next_tsn - 1);
}

void p2p_sctp_loss_acked(p2p_sctp *a, bool progress, p2p_time now) {
    sctp_loss *loss = &a->loss;
    take_sample(loss);
    if (progress) {
        loss->backoff = 0;
        loss->probing = false;
    }
    loss->errors = 0;
    detect(a, now);
    if (nothing_out(a)) {
        loss->rto_at = loss->probe_at = P2P_NEVER;
        loss->probing = false;
        return;
    }
    if (progress) {
        loss->rto_at = now + p2p_sctp_rto(a);
        set_probe(a, now);
    }
}

/* New data if there is some, else the fragment that went out last. */
static void probe(p2p_sctp *a, p2p_time now) {
    sctp_loss *loss = &a->loss;
    loss->probing = true;
    loss->probe_at = P2P_NEVER;
    loss->rto_at = now + p2p_sctp_rto(a);
    loss->push = true;
    sctp_fragment *f = a->tx.flight.tail;
    bool room = a->tx.peer_window > a->tx.in_flight + a->payload;
    if (f == NULL || (a->tx.first_scheduled != NULL && room))
        return;
    p2p_sctp_mark_lost(a, f);
    /* It goes first, before what may be waiting there. */
    sctp_list_remove(&a->tx.lost, f);
    sctp_list_push_front(&a->tx.lost, f);
}

static void lose_all(p2p_sctp *a) {
    while (a->tx.flight.head != NULL)
        p2p_sctp_mark_lost(a, a->tx.flight.head);
}

void p2p_sctp_moved(p2p_sctp *a, p2p_time now) {
    if (!sctp_open(a))
        return;
    lose_all(a);
    p2p_sctp_loss_init(&a->loss);
    p2p_sctp_cc_moved(&a->cc);
    if (!nothing_out(a))
        a->loss.rto_at = now + p2p_sctp_rto(a);
}

static p2p_err time_out(p2p_sctp *a, p2p_time now) {
    sctp_loss *loss = &a->loss;
    if (++loss->errors > MAX_ERRORS)
        return p2p_sctp_fail(a, P2P_ERR_TIMEOUT, SCTP_CAUSE_USER_ABORT);
    if (loss->backoff < MAX_BACKOFF)
        loss->backoff++;
    lose_all(a);
    p2p_sctp_cc_timeout(&a->cc, a->tx.next_tsn - 1);
    a->tx.forward_due = a->tx.forward_tsn != a->tx.cum_acked;
    loss->probing = false;
    loss->probe_at = loss->reorder_at = P2P_NEVER;
    loss->rto_at = now + p2p_sctp_rto(a);
    return P2P_OK;
}

p2p_err p2p_sctp_loss_tick(p2p_sctp *a, p2p_time now) {
    sctp_loss *loss = &a->loss;
    if (loss->reorder_at <= now)
        detect(a, now);
    if (loss->rto_at <= now) {
        if (!nothing_out(a))
            return time_out(a, now);
        loss->rto_at = P2P_NEVER;
        loss->push = a->tx.first_scheduled != NULL; /* probes a closed window */
    }
    if (loss->probe_at <= now)
        probe(a, now);
    return P2P_OK;
}
