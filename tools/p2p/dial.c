/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * p2p dial: standard input and output become a stream. Each direction ends by itself: the end of
 * standard input ends ours, the peer's end ends standard output. What one side does not take, the
 * other is not asked for.
 *
 * The one program that cannot be recorded: what a person types is no function of the network.
 */
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "client.h"
#include "pipes.h"

typedef struct dialler {
    cli_client client;
    cli_pipe in, out; /* standard input and output */
    p2p_host *host;
    p2p_node *node;
    p2p_stream *stream; /* NULL: not open */
    const char *ids[2];
    p2p_protocol protocol;
    bool open, shut, gone;
    p2p_err end;
} dialler;

static void fail(cli_program *p, const char *what, const char *why) {
    const dialler *own = p->self;
    if (own->client.over)
        return;
    cli_fail(p, "%s: %s", what, why);
    cli_client_finish(p, own->host);
}

/* --- both directions --- */

static void send_input(dialler *own) {
    int error;
    if (!own->open || own->gone || own->shut)
        return;
    for (p2p_bytes view; (view = cli_pipe_peek(&own->in)).len > 0;) {
        size_t taken = p2p_stream_write(own->stream, view);
        if (taken == 0)
            return; /* `writable` comes back here */
        cli_pipe_consume(&own->in, taken);
    }
    if (!cli_pipe_at_end(&own->in, &error))
        return;
    own->shut = true;
    p2p_stream_shut(own->stream);
}

static void take_output(dialler *own) {
    if (own->gone || own->stream == NULL)
        return;
    p2p_bytes view = p2p_stream_peek(own->stream);
    if (view.len > CLI_PIPE_BLOCK)
        view.len = CLI_PIPE_BLOCK;
    if (view.len > 0 && cli_pipe_write(&own->out, view))
        p2p_stream_consume(own->stream, view.len);
}

/* The stream has ended and standard output has everything: then it is over. */
static void end_if_done(cli_program *p) {
    dialler *own = p->self;
    int error;
    if (!cli_pipe_idle(&own->out, &error) || own->client.over)
        return;
    if (error != 0)
        fail(p, "cannot write to standard output", strerror(error));
    else if (own->gone && own->end == P2P_OK)
        cli_client_finish(p, own->host);
    else if (own->gone)
        fail(p, "the stream broke off", p2p_err_text(own->end));
    if (cli_pipe_at_end(&own->in, &error) && error != 0)
        fail(p, "cannot read standard input", strerror(error));
}

static void woken(void *ctx) {
    cli_program *p = ctx;
    dialler *own = p->self;
    send_input(own);
    take_output(own);
    end_if_done(p);
    p2p_node_kick(own->node);
}

/* --- the stream --- */

static void opened(p2p_stream *stream, void *self) {
    const cli_program *p = self;
    dialler *own = p->self;
    own->stream = stream;
    own->open = true;
    send_input(own);
}

static void readable(p2p_stream *stream, void *self) {
    const cli_program *p = self;
    (void)stream;
    take_output(p->self);
}

static void writable(p2p_stream *stream, void *self) {
    const cli_program *p = self;
    (void)stream;
    send_input(p->self);
}

static void closed(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    cli_program *p = self;
    dialler *own = p->self;
    (void)stream;
    own->gone = true;
    own->stream = NULL;
    own->end = end->err;
    if (own->client.conn == NULL || own->client.over)
        return;
    if (end->err == P2P_ERR_NO_PROTOCOL)
        cli_fail(p, "the peer does not speak %.160s; `p2p identify` lists what it speaks",
            p->options.protocol);
    if (end->err == P2P_ERR_NO_PROTOCOL)
        cli_client_finish(p, own->host);
    else
        end_if_done(p);
}

static void connected(cli_program *p, p2p_host *host) {
    dialler *own = p->self;
    (void)host;
    p2p_err err = p2p_conn_open(own->client.conn, &own->protocol, p, &own->stream);
    if (err != P2P_OK)
        fail(p, "cannot open a stream", p2p_err_text(err));
}

/* --- life --- */

static bool check(cli_program *p) {
    if (p->options.record != NULL) {
        cli_wrong_use(p, "dial cannot be recorded, as standard input cannot be played again; leave "
                         "out --record");
        return false;
    }
    if (p->options.protocol == NULL) {
        cli_wrong_use(p, "dial needs --protocol ID, such as --protocol /echo/1.0.0");
        return false;
    }
    return cli_client_check(p);
}

static void start(cli_program *p, p2p_host *host) {
    dialler *own = p->self;
    own->host = host;
    own->ids[0] = p->options.protocol;
    own->protocol = (p2p_protocol){.size = sizeof(p2p_protocol),
        .ids = own->ids,
        .on_limited = true,
        .opened = opened,
        .readable = readable,
        .writable = writable,
        .closed = closed};
    own->client.connected = connected;
    cli_client_start(p, host);
}

static void attach(cli_program *p, p2p_node *node, struct uv_loop_s *loop) {
    dialler *own = p->self;
    own->node = node;
    if (!cli_pipe_start(&own->in, loop, STDIN_FILENO, false, woken, p) ||
        !cli_pipe_start(&own->out, loop, STDOUT_FILENO, true, woken, p))
        fail(p, "cannot use standard input and output", "the system gives no thread");
}

static void detach(cli_program *p) {
    dialler *own = p->self;
    bool in = cli_pipe_stop(&own->in), out = cli_pipe_stop(&own->out);
    if (!in || !out)
        p->kept = true;
}

static void interrupt(cli_program *p, p2p_host *host) {
    const dialler *own = p->self;
    if (own->stream != NULL && !own->gone && !own->client.over)
        p2p_stream_reset(own->stream, P2P_CODE_NONE);
    cli_client_interrupt(p, host);
}

const cli_command cli_dial = {.name = "dial",
    .operands = "ADDR --protocol ID",
    .operands_min = 1,
    .operands_max = 1,
    .options = " protocol key security muxer log qlog record ",
    .about = "standard input and output become a stream",
    .help =
        "Connects to ADDR and opens a stream for the protocol. Standard input goes to the peer,\n"
        "what the peer sends goes to standard output; both ends are passed on.",
    .run = cli_run,
    .self_size = sizeof(dialler),
    .check = check,
    .start = start,
    .event = cli_client_event,
    .interrupt = interrupt,
    .attach = attach,
    .detach = detach};
