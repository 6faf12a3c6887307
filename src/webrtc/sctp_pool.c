/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Fragments in two sizes, kept for reuse: nothing is allocated for a packet or a message while an
 * association is busy. The pool never holds more than was in use at once, which the send and
 * receive buffers bound; an idle association gives it back.
 */
#include "webrtc/sctp_assoc.h"

#include "base/mem.h"

size_t p2p_sctp_fragment_size(const p2p_sctp *a, bool small) {
    return sizeof(sctp_fragment) + (small ? (size_t)SCTP_SMALL : a->block);
}

/* The head is not cleared: every field is set by whoever takes it. */
sctp_fragment *p2p_sctp_take(p2p_sctp *a, size_t len) {
    bool small = len <= SCTP_SMALL;
    sctp_fragment **list = small ? &a->pool.free_small : &a->pool.free_full;
    size_t size = p2p_sctp_fragment_size(a, small);
    sctp_fragment *f = *list;
    if (f != NULL) {
        *list = f->next;
        a->pool.bytes -= size;
    } else {
        f = p2p_mem_resize(a->config.mem, NULL, 0, size);
    }
    if (f != NULL)
        f->small = small;
    return f;
}

void p2p_sctp_give(p2p_sctp *a, sctp_fragment *f) {
    sctp_fragment **list = f->small ? &a->pool.free_small : &a->pool.free_full;
    f->next = *list;
    *list = f;
    a->pool.bytes += p2p_sctp_fragment_size(a, f->small);
}

static void drop_list(p2p_sctp *a, sctp_fragment **list, bool small) {
    while (*list != NULL) {
        sctp_fragment *f = *list;
        *list = f->next;
        p2p_mem_free(a->config.mem, f, p2p_sctp_fragment_size(a, small));
    }
}

void p2p_sctp_pool_trim(p2p_sctp *a) {
    drop_list(a, &a->pool.free_small, true);
    drop_list(a, &a->pool.free_full, false);
    a->pool.bytes = 0;
}
