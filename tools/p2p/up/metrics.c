/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * /metrics: Prometheus' text format 0.0.4. Names and labels are go-libp2p's where they mean the
 * same, so that its dashboards show this node too.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "up.h"

enum { TEXT_MAX = 128 * 1024 };

typedef struct text {
    char *bytes;
    size_t len;
} text;

/* Lines that find no room are left out whole: there is more room than there can be lines. */
P2P_PRINTF(2, 3) static void put(text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int len = vsnprintf(t->bytes + t->len, TEXT_MAX - t->len, format, args);
    va_end(args);
    if (len > 0 && (size_t)len < TEXT_MAX - t->len)
        t->len += (size_t)len;
}

static void put_head(text *t, const char *name, const char *type, const char *help) {
    put(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_one(
    text *t, const char *name, const char *type, const char *help, unsigned long long value) {
    put_head(t, name, type, help);
    put(t, "%s %llu\n", name, value);
}

/* Security and muxer are protocol ids, and empty where the transport does it itself. */
static void put_kinds(text *t, const up_counters *c, bool closed) {
    const char *name =
        closed ? "libp2p_swarm_connections_closed_total" : "libp2p_swarm_connections_opened_total";
    put_head(t, name, "counter", closed ? "Connections Closed" : "Connections Opened");
    for (size_t i = 0; i < c->kind_count; i++) {
        const up_kind *k = &c->kinds[i];
        put(t,
            "%s{dir=\"%s\",transport=\"%s\",security=\"%s\",muxer=\"%s\",ip_version=\"%s\"} "
            "%llu\n",
            name, k->outbound ? "outbound" : "inbound", k->transport, k->security, k->muxer,
            k->ip_version, (unsigned long long)(closed ? k->closed : k->opened));
    }
}

static void put_errors(
    text *t, const char *name, const char *help, const uint64_t counts[P2P_ERR_COUNT_]) {
    put_head(t, name, "counter", help);
    for (size_t i = 0; i < P2P_ERR_COUNT_; i++)
        if (counts[i] > 0)
            put(t, "%s{error=\"%s\"} %llu\n", name, p2p_err_name((p2p_err)i),
                (unsigned long long)counts[i]);
}

static void put_usage(text *t, const up *u) {
    const p2p_limits *limits = p2p_host_limits(u->host);
    p2p_usage usage;
    p2p_host_get_usage(u->host, &usage);

    const struct {
        const char *name;
        size_t used, max;
    } rows[] = {{"connections", usage.conns, limits->conns},
        {"streams", usage.streams, limits->streams},
        {"buffered_bytes", usage.buffered_bytes, limits->buffered_bytes},
        {"dials", usage.dials, limits->dials}, {"peers", usage.peers, limits->peers}};

    put_head(t, "libp2p_rcmgr_connections", "gauge", "Number of Connections");
    put(t, "libp2p_rcmgr_connections{dir=\"inbound\",scope=\"system\"} %zu\n", usage.conns_inbound);
    put(t, "libp2p_rcmgr_connections{dir=\"outbound\",scope=\"system\"} %zu\n",
        usage.conns - usage.conns_inbound);
    put_head(t, "libp2p_limit_used", "gauge", "How much of a limit is in use");
    for (size_t i = 0; i < P2P_COUNT(rows); i++)
        put(t, "libp2p_limit_used{limit=\"%s\"} %zu\n", rows[i].name, rows[i].used);
    put_head(t, "libp2p_limit_max", "gauge", "The limit");
    for (size_t i = 0; i < P2P_COUNT(rows); i++)
        put(t, "libp2p_limit_max{limit=\"%s\"} %zu\n", rows[i].name, rows[i].max);
}

static void put_process(text *t, const up *u) {
    size_t resident = 0;
    unsigned long long cpu_ns = 0;
    uv_rusage_t usage;
    if (uv_resident_set_memory(&resident) != 0)
        resident = 0;
    if (uv_getrusage(&usage) == 0)
        cpu_ns = (unsigned long long)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
                 (unsigned long long)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
    put_head(t, "process_cpu_seconds_total", "counter", "User and system CPU time");
    put(t, "process_cpu_seconds_total %.6f\n", (double)cpu_ns / 1e9);
    put_one(t, "process_resident_memory_bytes", "gauge", "Resident memory", resident);
    put_head(t, "process_start_time_seconds", "gauge", "Start, in Unix time");
    put(t, "process_start_time_seconds %.3f\n", (double)u->started_ms / 1000);
}

static void put_all(text *t, up *u) {
    const up_counters *c = &u->counters;
    uint64_t in, out;
    put_head(t, "libp2p_build_info", "gauge", "The version");
    put(t, "libp2p_build_info{version=\"%s\"} 1\n", p2p_version());
    put_kinds(t, c, false);
    put_kinds(t, c, true);
    put_errors(t, "libp2p_swarm_dial_errors_total", "Dial Errors", c->dial_errors);
    put_errors(t, "libp2p_swarm_inbound_errors_total",
        "Inbound connections that did not come about", c->inbound_errors);
    put_one(t, "libp2p_identify_identified_total", "counter", "Peers that identify told about",
        c->identified);
    put_one(t, "libp2p_hello_messages_total", "counter", "Messages of hello", c->hellos);
    up_count_bytes(c, u->host, &in, &out);
    put_one(t, "libp2p_stream_bytes_in_total", "counter", "Stream bytes received", in);
    put_one(t, "libp2p_stream_bytes_out_total", "counter", "Stream bytes sent", out);
    put_usage(t, u);
    put_process(t, u);
}

void up_serve_metrics(up *u, up_request *r) {
    text t = {malloc(TEXT_MAX), 0};
    if (t.bytes == NULL) {
        up_answer_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
        return;
    }
    put_all(&t, u);
    up_answer(
        r, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", p2p_bytes_of(t.bytes, t.len));
    free(t.bytes);
}
