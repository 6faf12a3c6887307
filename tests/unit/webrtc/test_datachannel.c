/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "webrtc/datachannel.h"

#include "support/check.h"

enum { MTU = 1200, KEEP = 64 };

typedef struct end {
    p2p_datachannels *set;
    bool connected, hold;
    p2p_datachannel *opened[KEEP];
    size_t opened_count, messages, bytes, texts, writable, closed, ended;
    p2p_err last_error;
} end;

typedef struct both {
    end end[2];
    seeded_random seeded;
    p2p_time now;
} both;

static void on_connected(void *ctx) {
    ((end *)ctx)->connected = true;
}

static void on_opened(void *ctx, p2p_datachannel *channel) {
    end *e = ctx;
    check(e->opened_count < KEEP);
    e->opened[e->opened_count++] = channel;
}

static void on_piece(void *ctx, p2p_datachannel *channel, p2p_bytes bytes, bool text, bool last) {
    end *e = ctx;
    e->bytes += bytes.len;
    e->messages += last;
    e->texts += text && last;
    if (e->hold)
        p2p_datachannel_hold(channel, bytes.len);
}

static void on_writable(void *ctx, p2p_datachannel *channel) {
    (void)channel;
    ((end *)ctx)->writable++;
}

static void on_closed(void *ctx, p2p_datachannel *channel, p2p_err err) {
    (void)channel;
    ((end *)ctx)->closed++;
    ((end *)ctx)->last_error = err;
}

static void on_ended(void *ctx, p2p_err err) {
    ((end *)ctx)->ended++;
    ((end *)ctx)->last_error = err;
}

static const p2p_datachannel_events EVENTS = {
    on_connected, on_opened, on_piece, on_writable, on_closed, on_ended};

static p2p_err prepare(both *b, const p2p_mem *mem, bool same_role) {
    memset(b, 0, sizeof *b);
    seeded_random_init(&b->seeded, 1);
    b->now = P2P_SECOND;
    for (int i = 0; i < 2; i++) {
        p2p_datachannels_config config = {.sctp = P2P_SCTP_DEFAULTS,
            .dtls_client = i == 0 || same_role,
            .max_channels = 10,
            .receive_limit = 100000,
            .events = &EVENTS,
            .ctx = &b->end[i]};
        config.sctp.mem = mem;
        config.sctp.random = &b->seeded.random;
        p2p_err err = p2p_datachannels_new(&b->end[i].set, &config);
        if (err != P2P_OK)
            return err;
    }
    return P2P_OK;
}

static void finish(both *b) {
    p2p_datachannels_free(b->end[0].set);
    p2p_datachannels_free(b->end[1].set);
}

/* A perfect link; the clock moves only when nothing is left to carry. */
static void run(both *b, p2p_time duration) {
    uint8_t packet[MTU];
    size_t len;
    for (p2p_time until = b->now + duration; b->now < until; b->now += 5 * P2P_MILLISECOND) {
        for (bool any = true; any;) {
            any = false;
            for (int i = 0; i < 2; i++) {
                p2p_sctp *from = p2p_datachannels_sctp(b->end[i].set);
                p2p_sctp *to = p2p_datachannels_sctp(b->end[1 - i].set);
                while (p2p_sctp_output(from, packet, sizeof packet, &len, b->now) == P2P_OK) {
                    p2p_sctp_input(to, packet, len, b->now);
                    any = true;
                }
            }
        }
        for (int i = 0; i < 2; i++)
            p2p_sctp_tick(p2p_datachannels_sctp(b->end[i].set), b->now);
    }
}

static p2p_err connect_both(both *b) {
    p2p_err err = P2P_OK;
    for (int i = 0; i < 2 && err == P2P_OK; i++)
        err = p2p_sctp_connect(p2p_datachannels_sctp(b->end[i].set), b->now);
    run(b, P2P_SECOND / 10);
    return err;
}

static const p2p_mem MEM = {NULL, NULL};

static void start(both *b) {
    check_ok(prepare(b, &MEM, false));
    check_ok(connect_both(b));
    check(b->end[0].connected && b->end[1].connected);
}

static void channels_open_with_the_parity_of_their_side(void **state) {
    (void)state;
    both b;
    start(&b);
    p2p_dcep_open options = {.label = P2P_LITERAL("lab"), .protocol = P2P_LITERAL("pro")};
    p2p_datachannel *ch;
    for (uint16_t i = 0; i < 3; i++) {
        check_ok(p2p_datachannel_open(b.end[0].set, &options, &ch));
        check(p2p_datachannel_id(ch) == 2 + 2 * i);
        check_ok(p2p_datachannel_open(b.end[1].set, &options, &ch));
        check(p2p_datachannel_id(ch) == 1 + 2 * i);
        check_ok(p2p_datachannel_send(ch, P2P_LITERAL("before the ACK"), true, b.now));
    }
    run(&b, P2P_SECOND / 10);
    check(b.end[0].opened_count == 3 && b.end[1].opened_count == 3);
    check(b.end[0].texts == 3 && b.end[0].bytes == 3 * 14);
    check_same(p2p_datachannel_label(b.end[0].opened[0]), P2P_LITERAL("lab"));
    check_same(p2p_datachannel_protocol(b.end[1].opened[2]), P2P_LITERAL("pro"));
    finish(&b);
}

static void id_zero_is_negotiated_without_open(void **state) {
    (void)state;
    both b;
    check_ok(prepare(&b, &MEM, false));
    p2p_datachannel *ch[2];
    for (int i = 0; i < 2; i++) {
        check_ok(p2p_datachannel_open_negotiated(b.end[i].set, 0, &ch[i]));
        check_err(P2P_ERR_EXISTS, p2p_datachannel_open_negotiated(b.end[i].set, 0, &ch[1 - i]));
        check_ok(i == 0 ? P2P_OK : connect_both(&b));
    }
    check_ok(p2p_datachannels_count(b.end[0].set) == 1 ? P2P_OK : P2P_ERR_STATE);
    finish(&b);
    check_ok(prepare(&b, &MEM, false));
    check_ok(p2p_datachannel_open_negotiated(b.end[0].set, 0, &ch[0]));
    check_ok(p2p_datachannel_open_negotiated(b.end[1].set, 0, &ch[1]));
    check_ok(connect_both(&b));
    check_ok(p2p_datachannel_send(ch[0], P2P_LITERAL("noise"), false, b.now));
    check_ok(p2p_datachannel_send(ch[0], P2P_LITERAL(""), false, b.now));
    run(&b, P2P_SECOND / 10);
    check(b.end[1].messages == 2 && b.end[1].bytes == 5 && b.end[1].opened_count == 0);
    finish(&b);
}

static void a_closed_channel_ends_for_both_and_its_id_returns_last(void **state) {
    (void)state;
    both b;
    start(&b);
    p2p_dcep_open options = {.label = {NULL, 0}};
    p2p_datachannel *ch;
    for (uint16_t i = 0; i < 100; i++) {
        check_ok(p2p_datachannel_open(b.end[0].set, &options, &ch));
        check(p2p_datachannel_id(ch) == 2 + 2 * i);
        check_ok(p2p_datachannel_send(ch, P2P_LITERAL("x"), false, b.now));
        p2p_datachannel_close(ch);
        run(&b, P2P_SECOND / 20);
        check(b.end[1].messages == i + 1U && b.end[1].closed == i + 1U);
        check(b.end[1].last_error == P2P_ERR_EOF && b.end[0].closed == 0);
        b.end[1].opened_count = 0;
        p2p_sctp_info info;
        p2p_sctp_get_info(p2p_datachannels_sctp(b.end[i % 2].set), &info);
        check(info.live == 0 && p2p_datachannels_count(b.end[i % 2].set) == 0);
    }
    finish(&b);
}

static void the_wrong_parity_and_one_too_many_are_reset(void **state) {
    (void)state;
    both b;
    p2p_dcep_open options = {.label = {NULL, 0}};
    p2p_datachannel *ch;
    check_ok(prepare(&b, &MEM, true));
    check_ok(connect_both(&b));
    check_ok(p2p_datachannel_open(b.end[0].set, &options, &ch));
    run(&b, P2P_SECOND / 10);
    check(b.end[1].opened_count == 0 && b.end[0].closed == 1 && b.end[0].ended == 0);
    finish(&b);
    start(&b);
    for (int i = 0; i < 10; i++)
        check_ok(p2p_datachannel_open(b.end[0].set, &options, &ch));
    check_err(P2P_ERR_LIMIT, p2p_datachannel_open(b.end[0].set, &options, &ch));
    run(&b, P2P_SECOND / 10);
    check_err(P2P_ERR_LIMIT, p2p_datachannel_open(b.end[1].set, &options, &ch));
    check(b.end[1].opened_count == 10);
    finish(&b);
}

/* The second takes ten channels of the first, which goes on opening them, so many at a time. */
static void open_too_many(size_t at_once, size_t wanted, bool survives) {
    both b;
    faulty_mem mem;
    p2p_datachannel *ch;
    const p2p_dcep_open options = {.label = P2P_LITERAL("one more")};
    faulty_mem_init(&mem);
    check_ok(prepare(&b, &MEM, false));
    p2p_datachannels_free(b.end[0].set);
    p2p_datachannels_free(b.end[1].set);
    for (int i = 0; i < 2; i++) {
        p2p_datachannels_config config = {.sctp = P2P_SCTP_DEFAULTS,
            .dtls_client = i == 0,
            .max_channels = i == 0 ? at_once + 10 : 10,
            .receive_limit = 100000,
            .events = &EVENTS,
            .ctx = &b.end[i]};
        config.sctp.mem = i == 0 ? &MEM : &mem.mem;
        config.sctp.random = &b.seeded.random;
        check_ok(p2p_datachannels_new(&b.end[i].set, &config));
    }
    check_ok(connect_both(&b));
    size_t opened = 0;
    while (opened < wanted && b.end[0].ended == 0) {
        while (opened < wanted && p2p_datachannel_open(b.end[0].set, &options, &ch) == P2P_OK)
            opened++;
        run(&b, P2P_SECOND / 100);
        check(p2p_datachannels_count(b.end[1].set) <= 10);
    }
    run(&b, P2P_SECOND);
    if (survives)
        check(b.end[1].opened_count == 10 && b.end[0].closed == opened - 10);
    check((b.end[1].ended == 0) == survives && (b.end[0].ended == 0) == survives);
    check(survives || b.end[1].last_error == P2P_ERR_LIMIT);
    if (mem.peak_bytes > 128 * 1024)
        fail_msg("%zu bytes", mem.peak_bytes);
    finish(&b);
}

static void a_hundred_thousand_openings_are_bounded(void **state) {
    (void)state;
    open_too_many(50, 100000, true);
    open_too_many(20000, 100000, false); /* faster than they can be refused: that ends it */
}

static void data_on_a_channel_never_opened_is_reset(void **state) {
    (void)state;
    both b;
    start(&b);
    check_ok(
        p2p_sctp_send(p2p_datachannels_sctp(b.end[0].set), 8, 53, P2P_LITERAL("x"), NULL, b.now));
    run(&b, P2P_SECOND / 10);
    p2p_sctp_info info;
    p2p_sctp_get_info(p2p_datachannels_sctp(b.end[1].set), &info);
    check(b.end[1].messages == 0 && b.end[1].ended == 0 && info.live == 0);
    finish(&b);
}

static void who_sends_more_than_is_held_loses_the_channel(void **state) {
    (void)state;
    static uint8_t data[60000];
    both b;
    start(&b);
    p2p_dcep_open options = {.label = {NULL, 0}};
    p2p_datachannel *ch, *other;
    b.end[1].hold = true;
    check_ok(p2p_datachannel_open(b.end[0].set, &options, &ch));
    check_ok(p2p_datachannel_open(b.end[0].set, &options, &other));
    check_ok(p2p_datachannel_send(ch, p2p_bytes_of(data, sizeof data), false, b.now));
    check(p2p_datachannel_buffered(ch) > sizeof data);
    run(&b, P2P_SECOND / 10);
    check(b.end[1].closed == 0 && b.end[0].writable > 0 && p2p_datachannel_buffered(ch) == 0);
    check_ok(p2p_datachannel_send(ch, p2p_bytes_of(data, sizeof data), false, b.now));
    check_ok(p2p_datachannel_send(other, p2p_bytes_of(data, 100), false, b.now));
    run(&b, P2P_SECOND / 10);
    check(b.end[1].closed == 1 && b.end[1].last_error == P2P_ERR_FLOW_CONTROL);
    check(b.end[0].closed == 1 && b.end[0].last_error == P2P_ERR_EOF && b.end[0].ended == 0);
    p2p_datachannel_release(b.end[1].opened[1], 100);
    finish(&b);
}

static void the_end_of_the_association_closes_all(void **state) {
    (void)state;
    both b;
    start(&b);
    p2p_dcep_open options = {.label = {NULL, 0}};
    p2p_datachannel *ch;
    for (int i = 0; i < 4; i++)
        check_ok(p2p_datachannel_open(b.end[0].set, &options, &ch));
    run(&b, P2P_SECOND / 10);
    p2p_sctp_abort(p2p_datachannels_sctp(b.end[0].set));
    run(&b, P2P_SECOND / 10);
    check(b.end[1].closed == 4 && b.end[1].ended == 1 && b.end[1].last_error == P2P_ERR_RESET);
    finish(&b);
}

static p2p_err session(const p2p_mem *mem, void *ctx) {
    (void)ctx;
    both b;
    p2p_err err = prepare(&b, mem, false);
    if (err == P2P_OK)
        err = connect_both(&b);
    p2p_dcep_open options = {.label = P2P_LITERAL("l")};
    p2p_datachannel *ch = NULL;
    if (err == P2P_OK)
        err = p2p_datachannel_open(b.end[0].set, &options, &ch);
    if (err == P2P_OK)
        err = p2p_datachannel_send(ch, P2P_LITERAL("hello"), false, b.now);
    if (err == P2P_OK) {
        run(&b, P2P_SECOND);
        if (b.end[0].closed == 0 && b.end[0].ended == 0)
            p2p_datachannel_close(ch);
        run(&b, P2P_SECOND);
    }
    finish(&b);
    return err;
}

static void no_failed_allocation_leaks_or_breaks(void **state) {
    (void)state;
    sweep_allocations(session, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels_open_with_the_parity_of_their_side),
        cmocka_unit_test(id_zero_is_negotiated_without_open),
        cmocka_unit_test(a_closed_channel_ends_for_both_and_its_id_returns_last),
        cmocka_unit_test(the_wrong_parity_and_one_too_many_are_reset),
        cmocka_unit_test(a_hundred_thousand_openings_are_bounded),
        cmocka_unit_test(data_on_a_channel_never_opened_is_reset),
        cmocka_unit_test(who_sends_more_than_is_held_loses_the_channel),
        cmocka_unit_test(the_end_of_the_association_closes_all),
        cmocka_unit_test(no_failed_allocation_leaks_or_breaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
