/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Data channels without libp2p: a transport that takes webrtc-direct's peer connections as they
 * are, so that pages can try them with the plain browser interface.
 *
 *     channel-peer listen --raw --listen /ip4/127.0.0.1/udp/0/webrtc-direct…
 *
 * prints the addresses and `ready`, and ends with its standard input. What a channel does follows
 * from its label:
 *
 *     open     each message is the label of a channel that is opened from here and says "hello"
 *     close    the first message closes the channel from here
 *     count    each message is answered with how many channels are open
 *     …        all others: messages come back as they were
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include <p2p/node.h>

#include "base/bytes.h"
#include "crypto/certificate.h"
#include "transport/transport.h"
#include "webrtc/peer.h"

enum { MULTIHASH_LEN = 34, MESSAGE_MAX = 256 << 10 };

typedef struct channels_transport {
    p2p_transport transport;
    p2p_webrtc_router *router;
    p2p_dtls_context *certificate;
    uint8_t certhash[MULTIHASH_LEN];
    p2p_list conns;
} channels_transport;

typedef struct listening {
    p2p_webrtc_door door;
    p2p_udp_user user;
    channels_transport *own;
    p2p_listener *of;
} listening;

typedef struct conn {
    p2p_list node;
    channels_transport *own;
    p2p_webrtc_peer *peer;
    p2p_sockaddr remote;
} conn;

/* A whole message that waits for room. */
typedef struct message {
    struct message *next;
    bool text;
    size_t len;
    uint8_t bytes[];
} message;

typedef struct channel {
    conn *conn;
    message *first, *last; /* to be sent */
    size_t len;            /* of the message that is arriving */
    uint8_t *arriving;
} channel;

static void die(const char *why) {
    fprintf(stderr, "channel-peer: %s\n", why);
    exit(1);
}

static void must(p2p_err err, const char *what) {
    char text[256];
    snprintf(text, sizeof text, "%s: %s", what, p2p_err_text(err));
    if (err != P2P_OK)
        die(text);
}

static void *get_memory(void *old, size_t size) {
    void *block = realloc(old, size);
    if (block == NULL)
        die("out of memory");
    return block;
}

/* --- a channel --- */

static p2p_time now_of(const channel *ch) {
    return ch->conn->own->transport.env->now;
}

static void send_waiting(channel *ch, p2p_datachannel *on) {
    for (message *m; (m = ch->first) != NULL; free(m)) {
        p2p_err err = p2p_datachannel_send(on, p2p_bytes_of(m->bytes, m->len), m->text, now_of(ch));
        if (err == P2P_ERR_AGAIN)
            break; /* `writable` comes back here */
        must(err, "send");
        ch->first = m->next;
    }
    p2p_webrtc_peer_want(ch->conn->peer);
}

static void say(channel *ch, p2p_datachannel *on, const void *bytes, size_t len, bool text) {
    message *m = get_memory(NULL, sizeof *m + len);
    *m = (message){.text = text, .len = len};
    p2p_copy(m->bytes, bytes, len);
    if (ch->first == NULL)
        ch->first = m;
    else
        ch->last->next = m;
    ch->last = m;
    send_waiting(ch, on);
}

static channel *attach(conn *c, p2p_datachannel *to) {
    channel *ch = get_memory(NULL, sizeof *ch);
    *ch = (channel){.conn = c};
    p2p_datachannel_set_user(to, ch);
    return ch;
}

static void detach(p2p_datachannel *from) {
    channel *ch = p2p_datachannel_user(from);
    for (message *m; (m = ch->first) != NULL; free(m))
        ch->first = m->next;
    free(ch->arriving);
    free(ch);
}

static bool labelled(const p2p_datachannel *ch, const char *text) {
    return p2p_bytes_equal(p2p_datachannel_label(ch), p2p_bytes_text(text));
}

static void open_one(conn *c, p2p_bytes label) {
    const p2p_dcep_open options = {.label = label};
    p2p_datachannel *fresh;
    must(p2p_datachannel_open(p2p_webrtc_peer_channels(c->peer), &options, &fresh), "open");
    say(attach(c, fresh), fresh, "hello", 5, true);
}

static void obey(channel *ch, p2p_datachannel *on, bool text) {
    conn *c = ch->conn;
    char number[24];
    if (labelled(on, "open")) {
        open_one(c, p2p_bytes_of(ch->arriving, ch->len));
    } else if (labelled(on, "close")) {
        detach(on);
        p2p_datachannel_close(on);
        p2p_webrtc_peer_want(c->peer);
    } else if (labelled(on, "count")) {
        size_t count = p2p_datachannels_count(p2p_webrtc_peer_channels(c->peer));
        say(ch, on, number, (size_t)snprintf(number, sizeof number, "%zu", count), true);
    } else {
        say(ch, on, ch->arriving, ch->len, text);
    }
}

/* --- a connection --- */

static void connected(void *ctx) {
    (void)ctx;
    printf("raw connection opened\n");
}

static void opened(void *ctx, p2p_datachannel *ch) {
    attach(ctx, ch);
}

static void piece(void *ctx, p2p_datachannel *on, p2p_bytes bytes, bool text, bool last) {
    channel *ch = p2p_datachannel_user(on);
    (void)ctx;
    if (ch->len + bytes.len > MESSAGE_MAX) {
        printf("raw message too large\n");
        detach(on);
        p2p_datachannel_close(on);
        return;
    }
    ch->arriving = get_memory(ch->arriving, ch->len + bytes.len + 1);
    p2p_copy(ch->arriving + ch->len, bytes.ptr, bytes.len);
    ch->len += bytes.len;
    if (!last)
        return;
    bool closes = labelled(on, "close");
    obey(ch, on, text);
    if (!closes)
        ch->len = 0;
}

static void writable(void *ctx, p2p_datachannel *on) {
    (void)ctx;
    send_waiting(p2p_datachannel_user(on), on);
}

static void channel_closed(void *ctx, p2p_datachannel *on, p2p_err err) {
    (void)ctx, (void)err;
    detach(on);
}

static void never(void *ctx, p2p_err err) {
    (void)ctx, (void)err;
}

static void nothing(void *ctx) {
    (void)ctx;
}

static p2p_time no_deadline(void *ctx) {
    (void)ctx;
    return P2P_NEVER;
}

static void end(conn *c, p2p_err err) {
    p2p_multiaddr addr;
    p2p_transport *t = &c->own->transport;
    p2p_multiaddr_from_sockaddr(&addr, &c->remote, P2P_UDP);
    p2p_list_remove(&c->node);
    t->up->inbound_ended(t->swarm, &c->remote, &addr, err, p2p_err_text(err));
    free(c);
}

static void ended(void *ctx, const p2p_reason *reason) {
    printf("raw connection closed: %s\n", reason->text);
    end(ctx, P2P_OK);
}

static const p2p_webrtc_peer_events EVENTS = {.answered = nothing,
    .channels = {.connected = connected,
        .opened = opened,
        .piece = piece,
        .writable = writable,
        .closed = channel_closed,
        .ended = never},
    .fill = nothing,
    .deadline = no_deadline,
    .tick = nothing,
    .ended = ended};

static p2p_webrtc_target *knock(
    p2p_webrtc_door *door, const p2p_ice_credentials *credentials, const p2p_input *from) {
    listening *l = P2P_CONTAINER(door, listening, door);
    channels_transport *own = l->own;
    p2p_multiaddr addr;
    p2p_multiaddr_from_sockaddr(&addr, &from->remote, P2P_UDP);
    if (!own->transport.up->admit(own->transport.swarm, &from->remote, &addr))
        return NULL;
    conn *c = get_memory(NULL, sizeof *c);
    *c = (conn){.own = own, .remote = from->remote};
    p2p_list_push(&own->conns, &c->node);
    p2p_webrtc_peer_config config = {.env = own->transport.env,
        .router = own->router,
        .certificate = own->certificate,
        .max_channels = 2048,
        .ice = {.lite = true, .credentials = *credentials},
        .events = &EVENTS,
        .ctx = c};
    p2p_err err = p2p_webrtc_peer_accept(&c->peer, &config, door->sock);
    if (err == P2P_OK)
        return p2p_webrtc_peer_target(c->peer);
    end(c, err);
    return NULL;
}

/* --- the transport --- */

static bool cannot_dial(const p2p_multiaddr *addr) {
    (void)addr;
    return false;
}

static p2p_err no_dial(p2p_transport *transport, p2p_dial *dial) {
    (void)transport, (void)dial;
    return P2P_ERR_UNSUPPORTED;
}

static void no_cancel(p2p_transport *transport, p2p_dial *dial) {
    (void)transport, (void)dial;
}

static bool can_listen(const p2p_multiaddr *addr) {
    return p2p_multiaddr_has(addr, P2P_WEBRTC_DIRECT);
}

static void listener_opened(p2p_udp_user *user) {
    listening *l = P2P_CONTAINER(user, listening, user);
    const p2p_transport *t = &l->own->transport;
    p2p_multiaddr bound;
    l->door.sock = user->sock;
    p2p_webrtc_open_door(l->own->router, &l->door);
    p2p_multiaddr_from_sockaddr(&bound, p2p_udp_local(user->sock), P2P_UDP);
    must(p2p_multiaddr_push(&bound, P2P_WEBRTC_DIRECT, (p2p_bytes){0}), "address");
    must(p2p_multiaddr_push(&bound, P2P_CERTHASH, p2p_bytes_of(l->own->certhash, MULTIHASH_LEN)),
        "address");
    t->up->listening(t->swarm, l->of, &bound);
}

static void listener_closed(p2p_udp_user *user, p2p_err err) {
    (void)user;
    must(err, "listen");
}

static p2p_err listen_at(p2p_transport *transport, p2p_listener *of) {
    channels_transport *own = P2P_CONTAINER(transport, channels_transport, transport);
    p2p_proto_code code;
    p2p_sockaddr at;
    if (!p2p_multiaddr_to_sockaddr(&of->addr, &at, &code))
        return P2P_ERR_UNSUPPORTED;
    listening *l = get_memory(NULL, sizeof *l);
    *l = (listening){.own = own,
        .of = of,
        .door.knock = knock,
        .user = {.opened = listener_opened, .closed = listener_closed}};
    of->transport_data = l;
    return p2p_udp_listen(p2p_webrtc_router_udp(own->router), &l->user, &at);
}

static void unlisten(p2p_transport *transport, p2p_listener *of) {
    listening *l = of->transport_data;
    (void)transport;
    p2p_webrtc_close_door(&l->door);
    p2p_udp_release(&l->user);
    free(l);
}

static p2p_err start(p2p_transport **out, p2p_env *env, const p2p_transport_up *up, void *swarm);

/* The process ends with its transport: what is left of it is the system's. */
static void free_transport(p2p_transport *transport) {
    (void)transport;
}

static const p2p_transport_type RAW_CHANNELS = {"webrtc-direct", cannot_dial, can_listen, start,
    free_transport, no_dial, no_cancel, listen_at, unlisten};

static p2p_err start(p2p_transport **out, p2p_env *env, const p2p_transport_up *up, void *swarm) {
    static const p2p_certificate_subject SUBJECT = {
        {(const uint8_t *)"channels", 8}, P2P_CERTIFICATE_2020, P2P_CERTIFICATE_2120};
    p2p_certificate certificate;
    channels_transport *own = get_memory(NULL, sizeof *own);
    *own = (channels_transport){.transport = {&RAW_CHANNELS, env, up, swarm}};
    p2p_list_init(&own->conns);
    must(p2p_certificate_generate(&certificate, &SUBJECT, env->random), "certificate");
    own->certhash[0] = 0x12;
    own->certhash[1] = 0x20;
    memcpy(own->certhash + 2, certificate.sha256, sizeof certificate.sha256);
    must(p2p_dtls_context_new(&own->certificate, &certificate, env->mem), "certificate");
    *out = &own->transport;
    return p2p_webrtc_router_get(&own->router, env);
}

/* --- the program --- */

static int to_listen;

static void on_event(void *ctx, p2p_host *host, const p2p_event *event) {
    char text[P2P_MULTIADDR_TEXT_MAX];
    (void)ctx, (void)host;
    if (event->type == P2P_EVENT_LISTENING) {
        p2p_multiaddr_format(text, sizeof text, &event->addr);
        printf("%s\n", text);
        if (--to_listen == 0)
            printf("ready\n");
    } else if (event->type == P2P_EVENT_LISTEN_FAILED) {
        die(event->reason.text);
    }
}

static void give_block(uv_handle_t *handle, size_t size, uv_buf_t *buf) {
    static char block[16];
    (void)handle, (void)size;
    *buf = uv_buf_init(block, sizeof block);
}

static void on_input(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf) {
    (void)stream, (void)buf;
    if (len < 0)
        exit(0);
}

int main(int argc, char **argv) {
    static const p2p_transport_type *const TRANSPORTS[] = {&RAW_CHANNELS, NULL};
    p2p_config config = P2P_CONFIG_DEFAULTS;
    p2p_node *node;
    uv_pipe_t input;
    if (argc < 5 || argc % 2 == 0 || strcmp(argv[1], "listen") != 0 ||
        strcmp(argv[2], "--raw") != 0)
        die("usage: channel-peer listen --raw --listen ADDR…");
    setvbuf(stdout, NULL, _IOLBF, 0);
    config.transports = TRANSPORTS;
    must(p2p_node_new_on(&node, &config, uv_default_loop()), "node");
    p2p_node_on_event(node, on_event, NULL);
    to_listen = (argc - 3) / 2;
    for (int i = 4; i < argc; i += 2)
        must(p2p_node_listen(node, argv[i]), argv[i]);
    if (uv_pipe_init(uv_default_loop(), &input, 0) == 0 && uv_pipe_open(&input, 0) == 0)
        uv_read_start((uv_stream_t *)&input, give_block, on_input);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
