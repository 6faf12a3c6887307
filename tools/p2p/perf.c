/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * p2p perf: uploads, then downloads, on one or several streams at once. Each stream carries its
 * share; the rates are those of all together.
 */
#include <p2p/perf.h>

#include <stdio.h>

#include "client.h"

#define TICK (P2P_SECOND / 5)
#define PATIENCE (30 * P2P_SECOND)

enum { TIMER_TICK = 1, BAR_WIDTH = 24 };

typedef struct runner {
    cli_client client;
    p2p_perf *perfs[CLI_STREAMS_MAX];
    p2p_perf_progress progress[CLI_STREAMS_MAX];
    size_t done;
    p2p_time started;
    uint64_t moved_before; /* at the last tick */
    p2p_time moved_at;     /* when something moved last */
    p2p_err err;
} runner;

typedef struct total {
    uint64_t uploaded, downloaded;
    p2p_time upload_end; /* the latest; 0: some have not ended */
} total;

static total sum(const cli_program *p) {
    const runner *own = p->self;
    total t = {0};
    bool all = true;
    for (size_t i = 0; i < p->options.streams; i++) {
        const p2p_perf_progress *each = &own->progress[i];
        t.uploaded += each->uploaded;
        t.downloaded += each->downloaded;
        all = all && each->upload_done > 0;
        t.upload_end = each->upload_done > t.upload_end ? each->upload_done : t.upload_end;
    }
    if (!all)
        t.upload_end = 0;
    return t;
}

/* --- telling --- */

static void show_bar(cli_program *p, const total *t, p2p_time now) {
    const runner *own = p->self;
    char rate[CLI_SIZE_TEXT], bar[BAR_WIDTH + 1];
    bool up = t->upload_end == 0 && t->uploaded < p->options.upload;
    uint64_t moved = t->uploaded + t->downloaded;
    uint64_t wanted = p->options.upload + p->options.download;
    p2p_time took = now - own->started;
    double part = wanted > 0 ? (double)moved / (double)wanted : 1;
    size_t full = (size_t)(part * BAR_WIDTH);
    for (size_t i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < full ? '#' : '-';
    bar[BAR_WIDTH] = 0;
    double left = part > 0 ? (double)took / (double)P2P_SECOND * (1 - part) / part : 0;
    cli_bar(&p->out, "%s [%s] %3.0f %% %s, %.0f s left", up ? "upload  " : "download", bar,
        part * 100, cli_rate_text(rate, moved, took), left);
}

static void tell_progress(cli_program *p, p2p_time now) {
    static cli_json j;
    const runner *own = p->self;
    total t = sum(p);
    cli_json_begin(&j, "progress");
    cli_json_int(&j, "uploaded", t.uploaded);
    cli_json_int(&j, "downloaded", t.downloaded);
    cli_json_float(&j, "seconds", (double)(now - own->started) / (double)P2P_SECOND);
    cli_json_end(&j, &p->out);
    show_bar(p, &t, now);
}

static void tell_result(cli_program *p, p2p_time now) {
    static cli_json j;
    const runner *own = p->self;
    total t = sum(p);
    char size[CLI_SIZE_TEXT], rate[CLI_SIZE_TEXT];
    p2p_time turn = t.upload_end > 0 ? t.upload_end : now;
    p2p_time up = turn - own->started, down = now - turn;
    cli_json_begin(&j, "perf");
    cli_json_int(&j, "streams", p->options.streams);
    cli_json_int(&j, "uploaded", t.uploaded);
    cli_json_int(&j, "downloaded", t.downloaded);
    cli_json_float(&j, "upload_seconds", (double)up / (double)P2P_SECOND);
    cli_json_float(&j, "download_seconds", (double)down / (double)P2P_SECOND);
    cli_json_end(&j, &p->out);
    cli_say(&p->out, CLI_GREEN, "upload    %s in %.3f s, %s",
        cli_size_text(size, (double)t.uploaded), (double)up / (double)P2P_SECOND,
        cli_rate_text(rate, t.uploaded, up));
    cli_say(&p->out, CLI_GREEN, "download  %s in %.3f s, %s",
        cli_size_text(size, (double)t.downloaded), (double)down / (double)P2P_SECOND,
        cli_rate_text(rate, t.downloaded, down));
}

/* --- running --- */

static void all_done(cli_program *p, p2p_host *host) {
    const runner *own = p->self;
    if (own->client.over)
        return;
    if (own->err == P2P_OK)
        tell_result(p, p2p_host_now(host));
    else
        cli_fail(p, "the measurement broke off: %s%s", p2p_err_text(own->err),
            own->err == P2P_ERR_NO_PROTOCOL ? " (/perf/1.0.0); measure against `p2p listen`" : "");
    cli_client_finish(p, host);
}

static void on_perf(void *ctx, p2p_perf *perf, const p2p_perf_progress *progress) {
    cli_program *p = ctx;
    runner *own = p->self;
    size_t i = 0;
    while (i < p->options.streams && own->perfs[i] != perf)
        i++;
    if (i == p->options.streams)
        return;
    own->progress[i] = *progress;
    if (!progress->done)
        return;
    own->perfs[i] = NULL;
    if (progress->err != P2P_OK)
        own->err = progress->err;
    if (++own->done == p->options.streams && own->client.conn != NULL)
        all_done(p, p2p_conn_host(own->client.conn));
}

static bool set_tick(p2p_host *host) {
    return p2p_host_set_timer(host, TIMER_TICK, p2p_host_now(host) + TICK) == P2P_OK;
}

/* The i-th of n parts of whole. */
static uint64_t share(uint64_t whole, uint64_t n, uint64_t i) {
    return whole / n + (i < whole % n ? 1 : 0);
}

static void connected(cli_program *p, p2p_host *host) {
    runner *own = p->self;
    const cli_options *o = &p->options;
    p2p_err err = P2P_OK;
    own->started = own->moved_at = p2p_host_now(host);
    for (uint64_t i = 0; i < o->streams && err == P2P_OK; i++)
        err = p2p_perf_start(&own->perfs[i], own->client.conn, share(o->upload, o->streams, i),
            share(o->download, o->streams, i), 0, on_perf, p);
    if (err == P2P_OK && set_tick(host))
        return;
    cli_fail(p, "cannot measure: %s; try fewer --streams", p2p_err_text(err));
    cli_client_finish(p, host);
}

/* A peer that stops in the middle is noticed here: perf itself waits for ever. */
static bool stalled(cli_program *p, p2p_time now) {
    runner *own = p->self;
    total t = sum(p);
    uint64_t moved = t.uploaded + t.downloaded;
    if (moved != own->moved_before)
        own->moved_at = now;
    own->moved_before = moved;
    return now - own->moved_at > PATIENCE;
}

static void on_event(cli_program *p, p2p_host *host, const p2p_event *event) {
    if (event->type != P2P_EVENT_TIMER)
        return;
    p2p_time now = p2p_host_now(host);
    tell_progress(p, now);
    if (!stalled(p, now) && set_tick(host))
        return;
    cli_fail(p, "no byte moved for 30 seconds; the measurement was given up");
    cli_client_finish(p, host);
}

static void start(cli_program *p, p2p_host *host) {
    runner *own = p->self;
    own->client.connected = connected;
    own->client.event = on_event;
    cli_client_start(p, host);
}

static void interrupt(cli_program *p, p2p_host *host) {
    runner *own = p->self;
    bool over = own->client.over;
    cli_client_interrupt(p, host);
    /* Zeros that are still to come would hold up the goodbye. */
    for (size_t i = 0; i < p->options.streams && !over; i++)
        if (own->perfs[i] != NULL)
            p2p_perf_stop(own->perfs[i]);
}

const cli_command cli_perf = {.name = "perf",
    .operands = "ADDR",
    .operands_min = 1,
    .operands_max = 1,
    .options = " upload download streams key security muxer json log qlog record ",
    .about = "measure how fast bytes move",
    .help = "Connects to ADDR, uploads and then downloads (/perf/1.0.0), and prints both rates.",
    .run = cli_run,
    .self_size = sizeof(runner),
    .check = cli_client_check,
    .start = start,
    .event = cli_client_event,
    .interrupt = interrupt};
