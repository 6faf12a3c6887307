/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Nodes on real sockets of the loopback interface: what node.h promises. */
#include <p2p/node.h>

#include <uv.h>

#include <p2p/ping.h>

#include "support/check.h"

typedef struct scene {
    faulty_mem mem;
    seeded_random keys;
    p2p_identity *identity[2];
    p2p_node *node[2];
    size_t pings;
    size_t connected, disconnected, listening, stopped;
    size_t posted;
    p2p_time noted;
    size_t recorded; /* a bit for each kind of crossing */
} scene;

static p2p_config config_of(scene *s, int which) {
    p2p_config config = P2P_CONFIG_DEFAULTS;
    config.mem = s->mem.mem;
    config.identity = s->identity[which];
    return config;
}

static void scene_init(scene *s) {
    *s = (scene){0};
    faulty_mem_init(&s->mem);
    seeded_random_init(&s->keys, 3);
    for (int i = 0; i < 2; i++)
        check_ok(p2p_identity_generate(&s->identity[i], P2P_ED25519, &s->mem.mem, &s->keys.random));
}

static void scene_deinit(scene *s) {
    for (int i = 0; i < 2; i++)
        p2p_identity_free(s->identity[i]);
    check(s->mem.live_bytes == 0);
}

static void on_ping(void *ctx, p2p_ping *ping, p2p_err err, p2p_time rtt) {
    scene *s = ctx;
    check(err != P2P_ERR_TIMEOUT);
    if (err != P2P_OK)
        return; /* the connection was freed */
    check(rtt > 0);
    if (++s->pings < 3) {
        p2p_ping_send(ping);
        return;
    }
    p2p_ping_stop(ping);
    for (int i = 0; i < 2; i++) {
        p2p_host_close(p2p_node_host(s->node[i]));
        p2p_node_kick(s->node[i]);
    }
}

static void on_event(void *ctx, p2p_host *host, const p2p_event *event) {
    scene *s = ctx;
    p2p_ping *ping;
    p2p_time now;
    switch (event->type) {
    case P2P_EVENT_LISTENING:
        s->listening++;
        if (s->node[1] != NULL) {
            p2p_node_catch_up(s->node[1]);
            check_ok(p2p_host_dial(
                p2p_node_host(s->node[1]), p2p_host_peer(host), &event->addr, 1, NULL, NULL));
            p2p_node_kick(s->node[1]); /* this is the other node's callback */
        }
        break;
    case P2P_EVENT_DIALED:
        s->connected++;
        now = p2p_host_now(host);
        p2p_node_catch_up(s->node[1]); /* its own callback: nothing happens */
        check(p2p_host_now(host) == now);
        check_ok(p2p_ping_start(&ping, event->conn, 60 * P2P_SECOND, on_ping, s));
        break;
    case P2P_EVENT_DISCONNECTED:
        s->disconnected++;
        break;
    case P2P_EVENT_STOPPED:
        s->stopped++;
        break;
    default:
        break;
    }
}

static void count_crossing(void *ctx, const p2p_crossing *crossing) {
    ((scene *)ctx)->recorded |= (size_t)1 << crossing->type;
}

static void two_nodes_on_a_callers_loop_ping_and_close(void **state) {
    (void)state;
    scene s;
    uv_loop_t loop;
    scene_init(&s);
    check(uv_loop_init(&loop) == 0);
    for (int i = 0; i < 2; i++) {
        p2p_config config = config_of(&s, i);
        check_ok(p2p_node_new_on(&s.node[i], &config, &loop));
        p2p_node_on_event(s.node[i], on_event, &s);
        check_ok(p2p_host_add_protocol(p2p_node_host(s.node[i]), &p2p_ping_protocol, NULL));
    }
    p2p_node_record(s.node[0], count_crossing, &s);
    check_ok(p2p_node_listen(s.node[0], "/ip4/127.0.0.1/tcp/0"));
    while (s.stopped < 2)
        uv_run(&loop, UV_RUN_ONCE);
    check(s.listening == 1 && s.connected == 1 && s.disconnected == 2 && s.pings == 3);
    check(s.recorded == (1 << P2P_CROSSING_INPUT | 1 << P2P_CROSSING_EFFECT |
                            1 << P2P_CROSSING_DRAW | 1 << P2P_CROSSING_EVENT));
    p2p_node_free(s.node[0]);
    p2p_node_free(s.node[1]);
    while (uv_run(&loop, UV_RUN_DEFAULT) != 0) {
    }
    check(uv_loop_close(&loop) == 0);
    scene_deinit(&s);
}

static void stop_when_listening(void *ctx, p2p_host *host, const p2p_event *event) {
    scene *s = ctx;
    if (event->type == P2P_EVENT_LISTENING) {
        s->listening++;
        p2p_host_close(host);
    } else if (event->type == P2P_EVENT_STOPPED) {
        s->stopped++;
    }
}

static void a_node_runs_until_its_host_has_closed(void **state) {
    (void)state;
    scene s;
    scene_init(&s);
    p2p_config config = config_of(&s, 0);
    check_ok(p2p_node_new(&s.node[0], &config));
    p2p_node_on_event(s.node[0], stop_when_listening, &s);
    check_err(P2P_ERR_INVALID, p2p_node_listen(s.node[0], "/ip4/127.0.0.1/tcp/port"));
    check_ok(p2p_node_listen(s.node[0], "/ip4/127.0.0.1/tcp/0"));
    p2p_node_run(s.node[0]);
    check(s.listening == 1 && s.stopped == 1);
    const char *offload = p2p_node_offload(s.node[0]);
    check(strstr("gso gro none", offload) != NULL);
    p2p_node_free(s.node[0]);
    scene_deinit(&s);
}

static void stop_when_paused(void *ctx, p2p_host *host, const p2p_event *event) {
    scene *s = ctx;
    (void)host;
    if (event->type != P2P_EVENT_ACCEPT_PAUSED)
        return;
    check(event->reason.err == P2P_ERR_NO_DESCRIPTOR);
    check(strstr(event->reason.text, p2p_err_text(P2P_ERR_NO_DESCRIPTOR)) != NULL);
    p2p_node_stop(s->node[0]);
}

/* What the driver reports for want of descriptors (test_driver.c) reaches the application. */
static void a_pause_of_accepting_is_an_event(void **state) {
    (void)state;
    scene s;
    scene_init(&s);
    p2p_config config = config_of(&s, 0);
    check_ok(p2p_node_new(&s.node[0], &config));
    p2p_node_on_event(s.node[0], stop_when_paused, &s);
    p2p_host *host = p2p_node_host(s.node[0]);
    p2p_host_input(host, &(p2p_input){.type = P2P_INPUT_PAUSED,
                             .now = p2p_host_now(host),
                             .socket = 1,
                             .err = P2P_ERR_NO_DESCRIPTOR});
    p2p_node_run(s.node[0]);
    p2p_node_free(s.node[0]);
    scene_deinit(&s);
}

static void stop_after_100(void *ctx) {
    scene *s = ctx;
    if (++s->posted == 100)
        p2p_node_stop(s->node[0]);
}

static void post_100(void *ctx) {
    scene *s = ctx;
    for (int i = 0; i < 100; i++)
        check_ok(p2p_node_post(s->node[0], stop_after_100, s));
}

static void other_threads_post_work(void **state) {
    (void)state;
    scene s;
    uv_thread_t thread;
    scene_init(&s);
    p2p_config config = config_of(&s, 0);
    check_ok(p2p_node_new(&s.node[0], &config));
    check(uv_thread_create(&thread, post_100, &s) == 0);
    p2p_node_run(s.node[0]);
    check(uv_thread_join(&thread) == 0);
    check(s.posted == 100);
    p2p_node_free(s.node[0]);
    scene_deinit(&s);
}

static void posts_are_bounded(void **state) {
    (void)state;
    scene s;
    size_t taken = 0;
    scene_init(&s);
    p2p_config config = config_of(&s, 0);
    check_ok(p2p_node_new(&s.node[0], &config));
    while (taken < 100000 && p2p_node_post(s.node[0], stop_after_100, &s) == P2P_OK)
        taken++;
    check(taken >= 100 && taken < 100000);
    check_err(P2P_ERR_LIMIT, p2p_node_post(s.node[0], stop_after_100, &s));
    p2p_node_run(s.node[0]);
    check(s.posted == taken);
    p2p_node_free(s.node[0]);
    scene_deinit(&s);
}

static void note_time(void *ctx) {
    scene *s = ctx;
    s->noted = p2p_host_now(p2p_node_host(s->node[0]));
    p2p_node_stop(s->node[0]);
}

static void an_idle_host_is_told_the_time_before_it_is_used(void **state) {
    (void)state;
    scene s;
    scene_init(&s);
    p2p_config config = config_of(&s, 0);
    check_ok(p2p_node_new(&s.node[0], &config));
    const p2p_host *host = p2p_node_host(s.node[0]);
    p2p_time made = p2p_host_now(host), before = uv_hrtime();
    check(made <= before && p2p_host_now(host) == made);
    p2p_node_catch_up(s.node[0]);
    check(p2p_host_now(host) >= before);
    before = uv_hrtime();
    check_ok(p2p_node_post(s.node[0], note_time, &s));
    p2p_node_run(s.node[0]);
    check(s.noted >= before);
    p2p_node_free(s.node[0]);
    scene_deinit(&s);
}

/* --- a stream by a text address */

typedef struct opened_scene {
    scene s;
    char heard[16];
    size_t heard_len, dialled, failed;
} opened_scene;

static void say_hello(p2p_stream *stream, void *self) {
    (void)self;
    check(p2p_stream_write(stream, P2P_LITERAL("hello")) == 5);
    p2p_stream_shut(stream);
}

static void take_hello(p2p_stream *stream, void *self) {
    opened_scene *o = self;
    p2p_bytes view = p2p_stream_peek(stream);
    check(view.len <= sizeof o->heard - o->heard_len);
    memcpy(o->heard + o->heard_len, view.ptr, view.len);
    o->heard_len += view.len;
    p2p_stream_consume(stream, view.len);
    if (p2p_stream_at_end(stream))
        p2p_host_close(p2p_stream_host(stream));
}

static const char *const HELLO_IDS[] = {"/hello/1", NULL};
static const p2p_protocol HELLO_SERVER = {
    .size = sizeof(p2p_protocol), .ids = HELLO_IDS, .inbound = true, .readable = take_hello};
static const p2p_protocol HELLO_CLIENT = {
    .size = sizeof(p2p_protocol), .ids = HELLO_IDS, .opened = say_hello};

static void open_when_listening(void *ctx, p2p_host *host, const p2p_event *event) {
    opened_scene *o = ctx;
    char text[P2P_HOST_ADDR_TEXT_MAX];
    if (event->type == P2P_EVENT_LISTENING)
        check_ok(p2p_node_open(
            o->s.node[1], p2p_host_addr_text(host, &event->addr, text), &HELLO_CLIENT, NULL));
    o->dialled += event->type == P2P_EVENT_DIALED;
    o->s.stopped += event->type == P2P_EVENT_STOPPED;
}

static void a_stream_is_opened_at_a_text_address(void **state) {
    (void)state;
    opened_scene o = {0};
    uv_loop_t loop;
    scene_init(&o.s);
    check(uv_loop_init(&loop) == 0);
    for (int i = 0; i < 2; i++) {
        p2p_config config = config_of(&o.s, i);
        check_ok(p2p_node_new_on(&o.s.node[i], &config, &loop));
        p2p_node_on_event(o.s.node[i], open_when_listening, &o);
    }
    check_ok(p2p_host_add_protocol(p2p_node_host(o.s.node[0]), &HELLO_SERVER, &o));
    check_ok(p2p_node_listen(o.s.node[0], "/ip4/127.0.0.1/tcp/0"));
    while (o.s.stopped == 0)
        uv_run(&loop, UV_RUN_ONCE);
    check(o.dialled == 1 && o.heard_len == 5 && memcmp(o.heard, "hello", 5) == 0);
    for (int i = 0; i < 2; i++)
        p2p_node_free(o.s.node[i]);
    while (uv_run(&loop, UV_RUN_DEFAULT) != 0) {
    }
    check(uv_loop_close(&loop) == 0);
    scene_deinit(&o.s);
}

static void note_failed_dial(void *ctx, p2p_host *host, const p2p_event *event) {
    opened_scene *o = ctx;
    (void)host;
    if (event->type != P2P_EVENT_DIAL_FAILED)
        return;
    o->failed++;
    check(event->reason.err != P2P_OK && event->reason.text[0] != 0);
    p2p_node_stop(o->s.node[0]);
}

static void opening_where_nobody_listens_is_told(void **state) {
    (void)state;
    opened_scene o = {0};
    scene_init(&o.s);
    p2p_config config = config_of(&o.s, 0);
    check_ok(p2p_node_new(&o.s.node[0], &config));
    p2p_node_on_event(o.s.node[0], note_failed_dial, &o);
    check_err(P2P_ERR_INVALID, p2p_node_open(o.s.node[0], "nowhere", &HELLO_CLIENT, NULL));
    check_ok(p2p_node_open(o.s.node[0], "/ip4/127.0.0.1/tcp/1", &HELLO_CLIENT, NULL));
    p2p_node_run(o.s.node[0]);
    check(o.failed == 1);
    /* One more that never comes to an end. */
    check_ok(p2p_node_open(o.s.node[0], "/ip4/127.0.0.1/tcp/1", &HELLO_CLIENT, NULL));
    p2p_node_free(o.s.node[0]);
    scene_deinit(&o.s);
}

static void freeing_at_any_time_leaves_nothing(void **state) {
    (void)state;
    for (size_t turns = 0; turns < 40; turns++) {
        scene s;
        uv_loop_t loop;
        scene_init(&s);
        check(uv_loop_init(&loop) == 0);
        for (int i = 0; i < 2; i++) {
            p2p_config config = config_of(&s, i);
            check_ok(p2p_node_new_on(&s.node[i], &config, &loop));
            p2p_node_on_event(s.node[i], on_event, &s);
        }
        check_ok(p2p_node_listen(s.node[0], "/ip4/127.0.0.1/tcp/0"));
        for (size_t i = 0; i < turns; i++)
            uv_run(&loop, UV_RUN_NOWAIT);
        p2p_node_free(s.node[turns % 2]);
        p2p_node_free(s.node[1 - turns % 2]);
        while (uv_run(&loop, UV_RUN_DEFAULT) != 0) {
        }
        check(uv_loop_close(&loop) == 0);
        scene_deinit(&s);
    }
}

static p2p_err make_and_free(const p2p_mem *mem, void *ctx) {
    p2p_node *node;
    p2p_config config = *(p2p_config *)ctx;
    config.mem = *mem;
    p2p_err err = p2p_node_new(&node, &config);
    if (err == P2P_OK)
        p2p_node_free(node);
    return err;
}

static void without_memory_there_is_no_node_and_no_leak(void **state) {
    (void)state;
    scene s;
    scene_init(&s);
    p2p_config config = config_of(&s, 0);
    sweep_allocations(make_and_free, &config);
    config.size = 0;
    check_err(P2P_ERR_INVALID, p2p_node_new(&s.node[0], &config));
    check(s.node[0] == NULL);
    scene_deinit(&s);
}

static void a_node_without_an_identity_makes_one(void **state) {
    (void)state;
    scene s;
    scene_init(&s);
    p2p_config config = config_of(&s, 0);
    config.identity = NULL;
    sweep_allocations(make_and_free, &config);
    for (int i = 0; i < 2; i++)
        check_ok(p2p_node_new(&s.node[i], &config));
    const p2p_peer_id *id = p2p_host_peer(p2p_node_host(s.node[0]));
    check(id->len > 0 && !p2p_peer_id_equal(id, p2p_host_peer(p2p_node_host(s.node[1]))));
    for (int i = 0; i < 2; i++)
        p2p_node_free(s.node[i]);
    scene_deinit(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_nodes_on_a_callers_loop_ping_and_close),
        cmocka_unit_test(a_node_runs_until_its_host_has_closed),
        cmocka_unit_test(a_pause_of_accepting_is_an_event),
        cmocka_unit_test(other_threads_post_work),
        cmocka_unit_test(posts_are_bounded),
        cmocka_unit_test(an_idle_host_is_told_the_time_before_it_is_used),
        cmocka_unit_test(a_stream_is_opened_at_a_text_address),
        cmocka_unit_test(opening_where_nobody_listens_is_told),
        cmocka_unit_test(freeing_at_any_time_leaves_nothing),
        cmocka_unit_test(without_memory_there_is_no_node_and_no_leak),
        cmocka_unit_test(a_node_without_an_identity_makes_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
