/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* p2p up: the command, from its first check to the end. */
#include "up.h"

#include <limits.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <p2p/perf.h>
#include <p2p/ping.h>

uint64_t up_wall_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void up_finish(up *u) {
    if (u->over)
        return;
    u->over = true;
    up_notify("STOPPING=1");
    up_events_stop(u);
    p2p_host_close(u->host);
}

/* --- the start --- */

static bool check(cli_program *p) {
    if (p->options.ephemeral && p->options.key != NULL) {
        cli_wrong_use(p, "--key and --ephemeral exclude each other; leave one out");
        return false;
    }
    if (p->options.listen_count > 0 && p->options.port_given) {
        cli_wrong_use(p, "--listen says the port already; leave out --port");
        return false;
    }
    if (p->options.no_page &&
        (p->options.page != NULL || p->options.open || p->options.web != NULL)) {
        cli_wrong_use(p, "--no-page leaves nothing to --page, --web and --open; leave those out");
        return false;
    }
    return true;
}

static p2p_err add_protocols(up *u) {
    const p2p_protocol *const all[] = {
        &p2p_ping_protocol, &p2p_perf_protocol, &cli_echo_protocol, &up_hello_protocol};
    p2p_err err = P2P_OK;
    for (size_t i = 0; i < sizeof all / sizeof all[0] && err == P2P_OK; i++)
        err = p2p_host_add_protocol(u->host, all[i], u);
    return err;
}

static void start(cli_program *p, p2p_host *host) {
    up *u = p->self;
    u->host = host;
    p2p_err err = add_protocols(u);
    if (err != P2P_OK) {
        cli_fail(p, "cannot start: %s", p2p_err_text(err));
        up_finish(u);
        return;
    }
    up_listen_start(u);
}

static void attach(cli_program *p, p2p_node *node, struct uv_loop_s *loop) {
    up *u = p->self;
    u->node = node;
    u->loop = loop;
    up_hangup_start(u);
    if (u->over)
        return;
    if (!p->options.no_page && !up_http_start(u))
        up_finish(u);
    else
        up_typed_start(u);
}

/* --- what happens --- */

static void tell_conn(up *u, const char *name, const p2p_event *event) {
    static cli_json j;
    cli_json_begin(&j, name);
    up_describe_conn(&j, event->conn);
    if (event->type == P2P_EVENT_DISCONNECTED) {
        cli_json_bool(&j, "by_peer", event->reason.by_peer);
        cli_json_text(&j, "error", p2p_err_name(event->reason.err));
        cli_json_text(&j, "reason", event->reason.text);
    }
    up_events_send(u, name, &j);
}

static void tell_identified(up *u, const p2p_event *event) {
    static cli_json j;
    cli_json_begin(&j, "identified");
    cli_json_int(&j, "id", p2p_conn_id(event->conn));
    cli_json_peer(&j, "peer", p2p_conn_peer(event->conn));
    cli_json_bytes(&j, "agent", event->info->agent);
    up_events_send(u, "identified", &j);
}

static void tell_inbound_failed(up *u, const p2p_event *event) {
    static cli_json j;
    cli_json_begin(&j, "inbound-failed");
    cli_json_addr(&j, "addr", &event->addr, NULL);
    cli_json_text(&j, "error", p2p_err_name(event->reason.err));
    cli_json_text(&j, "reason", event->reason.text);
    up_events_send(u, "inbound-failed", &j);
}

/* FNV-1a. */
static uint64_t hash_of(p2p_bytes bytes) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < bytes.len; i++)
        hash = (hash ^ bytes.ptr[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* The host says that something changed; people are told when it is something they see. */
static bool addresses_changed(up *u) {
    static cli_json j;
    cli_json_open(&j);
    up_describe_addrs(u, &j);
    uint64_t hash = hash_of(cli_json_close(&j)), before = u->addrs_hash;
    u->addrs_hash = hash;
    return hash != before;
}

static void tell_addresses(up *u) {
    static cli_json j;
    if (!u->listening.ready || !addresses_changed(u))
        return;
    cli_json_begin(&j, "addresses");
    up_describe_addrs(u, &j);
    up_events_send(u, "addresses", &j);
    cli_say(&u->program->out, CLI_YELLOW, "%-12s  have changed", "addresses");
    up_print_addrs(u);
}

/* A node without the page's files still answers the rest. */
static void ready(up *u) {
    if (u->http.daemon != NULL && u->http.web < 0)
        cli_note(&u->program->out, CLI_YELLOW,
            "p2p: the page's files are not in %.300s; build them with `./dev build`, or name their "
            "folder with --web",
            u->http.where);
    (void)addresses_changed(u);
    up_print_start(u);
    u->program->out.hurried = true;
    up_notify("READY=1");
    if (u->program->options.open)
        up_open_browser(u, u->http.url);
}

static void tell(up *u, const p2p_event *event) {
    switch (event->type) {
    case P2P_EVENT_CONNECTED:
        tell_conn(u, "connected", event);
        break;
    case P2P_EVENT_DISCONNECTED:
        tell_conn(u, "disconnected", event);
        up_peer_info_drop(event->conn);
        break;
    case P2P_EVENT_IDENTIFIED:
        up_peer_info_keep(event);
        tell_identified(u, event);
        break;
    case P2P_EVENT_INBOUND_FAILED:
        tell_inbound_failed(u, event);
        break;
    case P2P_EVENT_ADDRESSES:
        tell_addresses(u);
        break;
    default:
        break;
    }
}

static void on_event(cli_program *p, p2p_host *host, const p2p_event *event) {
    up *u = p->self;
    (void)host;
    up_count_event(&u->counters, event);
    tell(u, event);
    up_print_event(u, event);
    up_api_event(u, event);
    if (up_listen_event(u, event))
        ready(u);
}

/* --- the end --- */

static void interrupt(cli_program *p, p2p_host *host) {
    (void)host;
    up_finish(p->self);
}

static void detach(cli_program *p) {
    up *u = p->self;
    up_finish(u);
    up_typed_stop(u);
    up_hangup_stop(u);
    up_http_stop(u);
    for (p2p_conn *conn = NULL; (conn = p2p_host_next_conn(u->host, conn)) != NULL;)
        up_peer_info_drop(conn);
}

/* Each connection takes a descriptor, and what a shell allows at first is few. */
static void allow_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int run(cli_program *p) {
    up *u = p->self;
    char key[PATH_MAX];
    int lock;
    u->program = p;
    u->configured = u->in_force = p->options;
    u->started_ms = up_wall_ms();
    allow_descriptors();
    u->http.web = -1;
    if (!up_listen_check(u) || (!p->options.no_page && !up_page_parse(u)))
        return p->status;
    if (!up_home_key(p, key, sizeof key, &lock))
        return p->status;
    if (up_listen_choose(u))
        (void)cli_run(p);
    up_reload_free(u);
    if (lock >= 0)
        close(lock);
    return p->status;
}

const cli_command cli_up = {.name = "up",
    .operands = "",
    .options =
        " config listen port key tls-cert tls-key ephemeral page no-page web open security muxer "
        "json log qlog hello-stdin ",
    .about = "be a node with everything on, and show it on a page",
    .help =
        "Starts a node that any libp2p peer and any browser can dial: TCP, WebSocket, QUIC,\n"
        "WebTransport and WebRTC-direct on port 4001 (or the next free one), IPv4 and IPv6. "
        "Prints\n"
        "its addresses, the address of its page, `ready`, and then what happens. Open the page in\n"
        "a browser on this machine. A line typed here says hello to all tabs. Ctrl-C ends it.\n"
        "The key is kept in $XDG_DATA_HOME/p2p/key or ~/.local/share/p2p/key.",
    .run = run,
    .self_size = sizeof(up),
    .check = check,
    .start = start,
    .event = on_event,
    .interrupt = interrupt,
    .attach = attach,
    .detach = detach};
