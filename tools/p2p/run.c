/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Runs a program under a node: identity, configuration, signals, and the recording if one is
 * wanted.
 *
 * The first Ctrl-C (or SIGTERM) is the program's to answer, the second ends the process at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <uv.h>

#include "base/bytes.h"
#include "keyfile.h"
#include "qlog.h"
#include "recorder.h"
#include "tls_files.h"

static const p2p_mem MEM = {0};

enum { STATUS_INTERRUPTED = 130 }; /* as shells say it: 128 + SIGINT */

typedef struct runner {
    cli_program *program;
    uv_loop_t loop;
    p2p_node *node;
    uv_signal_t signals[2];
    bool interrupted;
    cli_recorder recorder;
    cli_qlog qlog;
    cli_tls_files tls_files;
    cli_seeded seeded;
    cli_header header;
    p2p_identity *identity;
} runner;

void cli_configure(const cli_program *p, p2p_config *config) {
    *config = P2P_CONFIG_DEFAULTS;
    if (p->options.security[0] != NULL)
        config->security = p->options.security;
    if (p->options.muxers[0] != NULL)
        config->muxers = p->options.muxers;
    config->log = (p2p_log){cli_log, (void *)&p->out, p->options.log};
    config->limits = p->options.limits;
    config->timeouts = p->options.timeouts;
    config->no_stun_server = p->options.no_stun_server;
    if (p->options.origin_count > 0)
        config->ws_origins = p->options.origins;
}

/* --- identity --- */

/* The private key as bytes: from the file or a new one. */
static bool get_key(cli_program *p, uint8_t bytes[P2P_PRIVATE_KEY_MAX], size_t *len) {
    p2p_identity *fresh;
    if (p->options.key != NULL)
        return cli_keyfile_read(p, p->options.key, bytes, len);
    p2p_err err = p2p_identity_generate(&fresh, P2P_ED25519, &MEM, &cli_system_random);
    if (err == P2P_OK) {
        err = p2p_identity_private_key(fresh, bytes, len);
        p2p_identity_free(fresh);
    }
    if (err != P2P_OK)
        cli_fail(p, "cannot make a key: %s", p2p_err_text(err));
    return err == P2P_OK;
}

/* Everything random from here on follows from a seed, in the recording as in the replay. */
static bool start_recording(runner *r, uint8_t *key, size_t key_len) {
    cli_program *p = r->program;
    cli_header *h = &r->header;
    size_t text = 0;
    for (int i = 0; i < p->argc; i++)
        text += strlen(p->argv[i]) + 1;
    if (p->argc > CLI_ARGS_MAX || text > CLI_ARGS_TEXT_MAX) {
        cli_fail(p, "the command line is too long to be recorded; shorten it");
        return false;
    }
    if (!cli_recorder_open(&r->recorder, p, p->options.record))
        return false;
    cli_system_random.fill(NULL, h->seed, sizeof h->seed);
    cli_seeded_init(&r->seeded, h->seed, "p2p recording: host");
    if (!cli_seed_libraries(h->seed)) {
        cli_fail(p,
            "the TLS libraries of this machine do not take the recording's randomness; run without "
            "--record");
        return false;
    }
    h->version = p2p_bytes_text(p2p_version());
    h->private_key = p2p_bytes_of(key, key_len);
    for (int i = 0; i < p->argc; i++)
        h->args[h->arg_count++] = p2p_bytes_text(p->argv[i]);
    return true;
}

/* --- the loop --- */

static void on_event(void *ctx, p2p_host *host, const p2p_event *event) {
    runner *r = ctx;
    r->program->command->event(r->program, host, event);
    if (event->type == P2P_EVENT_STOPPED)
        uv_stop(&r->loop);
}

static void on_signal(uv_signal_t *signal, int number) {
    runner *r = signal->data;
    cli_program *p = r->program;
    (void)number;
    if (r->interrupted) {
        cli_note(&p->out, CLI_YELLOW, "p2p: stopped at once");
        (void)cli_out_flush(&p->out);
        _exit(STATUS_INTERRUPTED);
    }
    r->interrupted = true;
    p2p_node_catch_up(r->node); /* so that closing has its time, however long nothing happened */
    if (r->recorder.body != NULL)
        cli_recorder_interrupt(&r->recorder);
    p->command->interrupt(p, p2p_node_host(r->node));
    p2p_node_kick(r->node);
}

static bool start_signals(runner *r) {
    static const int NUMBERS[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < P2P_COUNT(NUMBERS); i++) {
        r->signals[i].data = r;
        if (uv_signal_init(&r->loop, &r->signals[i]) != 0 ||
            uv_signal_start(&r->signals[i], on_signal, NUMBERS[i]) != 0)
            return false;
        uv_unref((uv_handle_t *)&r->signals[i]);
    }
    return true;
}

static uint64_t wall_clock_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void close_handle(uv_handle_t *handle, void *ctx) {
    (void)ctx;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void run_node(runner *r, const p2p_config *config) {
    cli_program *p = r->program;
    p2p_err err = p2p_node_new_on(&r->node, config, &r->loop);
    if (err != P2P_OK) {
        cli_fail(p, "cannot start: %s", p2p_err_text(err));
        return;
    }
    p2p_host *host = p2p_node_host(r->node);
    if (p->options.tls_cert != NULL && !cli_tls_files_start(&r->tls_files, p, r->node, &r->loop)) {
        p2p_node_free(r->node);
        return;
    }
    if (p->options.record != NULL) {
        r->header.started = p2p_host_now(host);
        r->header.wall_ms = config->wall_ms;
        cli_recorder_header(&r->recorder, &r->header);
        p2p_node_record(r->node, cli_recorder_crossing, &r->recorder);
    }
    p->offload = p2p_node_offload(r->node);
    p2p_node_on_event(r->node, on_event, r);
    p->command->start(p, host);
    if (p->command->attach != NULL)
        p->command->attach(p, r->node, &r->loop);
    p2p_node_kick(r->node);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    p2p_node_record(r->node, NULL, NULL);
    cli_recorder_close(&r->recorder);
    if (p->command->detach != NULL)
        p->command->detach(p);
    cli_tls_files_stop(&r->tls_files);
    p2p_node_free(r->node);
}

static void run_loop(runner *r) {
    p2p_config config;
    cli_configure(r->program, &config);
    config.identity = r->identity;
    config.wall_ms = wall_clock_ms();
    if (r->program->options.qlog != NULL)
        config.qlog = (p2p_qlog){cli_qlog_write, &r->qlog};
    config.random = r->program->options.record != NULL ? (p2p_random){cli_seeded_fill, &r->seeded}
                                                       : cli_system_random;
    if (uv_loop_init(&r->loop) != 0) {
        cli_fail(r->program, "the system gives no event loop; close other programs and try again");
        return;
    }
    if (start_signals(r))
        run_node(r, &config);
    else
        cli_fail(r->program, "the system gives no signals; close other programs and try again");
    /* Closing the node's handles is its own affair: first it, then the rest. */
    for (size_t i = 0; i < P2P_COUNT(r->signals); i++)
        close_handle((uv_handle_t *)&r->signals[i], NULL);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&r->loop);
}

int cli_run(cli_program *p) {
    static runner r;
    uint8_t key[P2P_PRIVATE_KEY_MAX];
    size_t key_len;
    r.program = p;
    if (p->options.qlog != NULL && !cli_qlog_open(&r.qlog, p))
        return p->status;
    if (!get_key(p, key, &key_len))
        return p->status;
    if (p->options.record != NULL && !start_recording(&r, key, key_len)) {
        cli_recorder_close(&r.recorder);
        return p->status;
    }
    p2p_err err = p2p_identity_decode(&r.identity, p2p_bytes_of(key, key_len), &MEM);
    if (err != P2P_OK)
        cli_fail(p, "cannot use the key: %s", p2p_err_text(err));
    else
        run_loop(&r);
    if (p->options.qlog != NULL)
        cli_qlog_close(&r.qlog);
    p2p_wipe(key, sizeof key);
    cli_recorder_close(&r.recorder);
    cli_unseed_libraries();
    p2p_identity_free(r.identity);
    return p->status;
}
