/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "settings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AMOUNT_MAX_ITERATIONS = 1000 };

typedef enum variable {
    ROLE,
    REDIS,
    TRANSPORT,
    SECURITY,
    MUXER,
    IP,
    TIMEOUT,
    VARIABLE_COUNT
} variable;

static const char *const MODERN[VARIABLE_COUNT] = {"IS_DIALER", "REDIS_ADDR", "TRANSPORT",
    "SECURE_CHANNEL", "MUXER", "LISTENER_IP", "TEST_TIMEOUT_SECS"};
static const char *const LEGACY[VARIABLE_COUNT] = {
    "is_dialer", "redis_addr", "transport", "security", "muxer", "ip", "test_timeout_seconds"};

/* A transport and where it listens, behind /ip4/ADDRESS. */
typedef struct transport {
    const char *name, *listen;
    bool stacked; /* needs security and a muxer */
} transport;

static const transport TRANSPORTS[] = {{"tcp", "/tcp/0", true}, {"ws", "/tcp/0/ws", true},
    {"wss", "/tcp/0/tls/ws", true}, {"quic-v1", "/udp/0/quic-v1", false},
    {"webtransport", "/udp/0/quic-v1/webtransport", false},
    {"webrtc-direct", "/udp/0/webrtc-direct", false}};

typedef struct reader {
    settings *out;
    char *why;
    size_t cap;
    bool failed;
} reader;

P2P_PRINTF(2, 3) static void complain(reader *r, const char *format, ...) {
    va_list args;
    if (r->failed)
        return; /* the first reason is the one to say */
    r->failed = true;
    va_start(args, format);
    vsnprintf(r->why, r->cap, format, args);
    va_end(args);
}

static const char *name_of(const reader *r, variable v) {
    return r->out->legacy ? LEGACY[v] : MODERN[v];
}

/* NULL when it is not set. The suites write "null" for what a case does not have. */
static const char *set_or_null(const char *name) {
    const char *value = getenv(name);
    return value == NULL || value[0] == 0 || strcmp(value, "null") == 0 ? NULL : value;
}

static const char *value_of(const reader *r, variable v) {
    return set_or_null(name_of(r, v));
}

static uint64_t number(reader *r, const char *name, uint64_t fallback, uint64_t max) {
    const char *value = set_or_null(name);
    char *end;
    if (value == NULL)
        return fallback;
    errno = 0;
    uint64_t n = strtoull(value, &end, 10);
    if (errno != 0 || *end != 0 || value[0] < '0' || value[0] > '9' || n > max)
        complain(r, "%s is \"%.60s\"; it must be a number of at most %llu", name, value,
            (unsigned long long)max);
    return n;
}

static void read_role(reader *r) {
    const char *value = value_of(r, ROLE);
    r->out->dialer = value != NULL && strcmp(value, "true") == 0;
    if (value == NULL)
        complain(r, "%s is not set; it must be true or false", name_of(r, ROLE));
    else if (!r->out->dialer && strcmp(value, "false") != 0)
        complain(r, "%s is \"%.60s\"; it must be true or false", name_of(r, ROLE), value);
}

static void read_redis(reader *r) {
    const char *fallback = r->out->perf ? "perf-redis:6379" : "transport-redis:6379";
    const char *value = value_of(r, REDIS);
    if (value == NULL)
        value = r->out->legacy ? "redis:6379" : fallback;
    const char *colon = strrchr(value, ':');
    char *end = NULL;
    long port = colon == NULL ? 0 : strtol(colon + 1, &end, 10);
    size_t len = colon == NULL ? 0 : (size_t)(colon - value);
    if (len == 0 || len >= sizeof r->out->redis_host || port < 1 || port > 65535 || *end != 0) {
        complain(r, "%s is \"%.60s\"; it must be a host and a port, as in redis:6379",
            name_of(r, REDIS), value);
        return;
    }
    memcpy(r->out->redis_host, value, len);
    r->out->redis_port = (int)port;
}

static const transport *read_transport(reader *r) {
    const char *value = value_of(r, TRANSPORT);
    for (size_t i = 0; value != NULL && i < sizeof TRANSPORTS / sizeof TRANSPORTS[0]; i++)
        if (strcmp(value, TRANSPORTS[i].name) == 0)
            return &TRANSPORTS[i];
    complain(r,
        "%s is \"%.60s\"; it must be one of tcp, ws, wss, quic-v1, webtransport, webrtc-direct",
        name_of(r, TRANSPORT), value == NULL ? "" : value);
    return NULL;
}

static void read_stack(reader *r) {
    const char *security = value_of(r, SECURITY), *muxer = value_of(r, MUXER);
    if (security != NULL && strcmp(security, "noise") == 0)
        r->out->security[0] = &p2p_noise;
    else if (security != NULL && strcmp(security, "tls") == 0)
        r->out->security[0] = &p2p_tls;
    else
        complain(r, "%s is \"%.60s\"; it must be noise or tls", name_of(r, SECURITY),
            security == NULL ? "" : security);
    if (muxer != NULL && strcmp(muxer, "yamux") == 0)
        r->out->muxers[0] = &p2p_yamux;
    else if (muxer != NULL && strcmp(muxer, "mplex") == 0)
        r->out->muxers[0] = &p2p_mplex;
    else
        complain(r, "%s is \"%.60s\"; it must be yamux or mplex", name_of(r, MUXER),
            muxer == NULL ? "" : muxer);
}

static void read_listen(reader *r, const transport *t) {
    const char *ip = value_of(r, IP);
    if (ip == NULL)
        ip = "0.0.0.0";
    int len = snprintf(r->out->listen, sizeof r->out->listen, "/%s/%s%s",
        strchr(ip, ':') != NULL ? "ip6" : "ip4", ip, t->listen);
    if (len < 0 || (size_t)len >= sizeof r->out->listen)
        complain(r, "%s is no IP address", name_of(r, IP));
}

static void read_key(reader *r) {
    const char *key = getenv("TEST_KEY");
    int len = r->out->legacy
                  ? snprintf(r->out->key, sizeof r->out->key, "listenerAddr")
                  : snprintf(r->out->key, sizeof r->out->key, "%s_listener_multiaddr", key);
    if (len < 0 || (size_t)len >= sizeof r->out->key)
        complain(r, "TEST_KEY is longer than 100 characters");
}

static void read_amounts(reader *r) {
    perf_settings *p = &r->out->amounts;
    const uint64_t gibibyte = UINT64_C(1) << 30, max = UINT64_C(1) << 40;
    p->upload_bytes = number(r, "UPLOAD_BYTES", gibibyte, max);
    p->download_bytes = number(r, "DOWNLOAD_BYTES", gibibyte, max);
    p->upload_iterations = (size_t)number(r, "UPLOAD_ITERATIONS", 10, AMOUNT_MAX_ITERATIONS);
    p->download_iterations = (size_t)number(r, "DOWNLOAD_ITERATIONS", 10, AMOUNT_MAX_ITERATIONS);
    p->latency_iterations = (size_t)number(r, "LATENCY_ITERATIONS", 100, AMOUNT_MAX_ITERATIONS);
}

bool settings_read(settings *out, int argc, char **argv, char *why, size_t cap) {
    reader r = {out, why, cap, false};
    *out = (settings){.legacy = getenv("TEST_KEY") == NULL};
    out->perf = argc == 2 && strcmp(argv[1], "perf") == 0;
    if (argc > 2 || (argc == 2 && !out->perf && strcmp(argv[1], "transport") != 0))
        complain(&r, "the only argument is `transport`, which may be left out, or `perf`");
    if (out->perf && out->legacy)
        complain(&r, "TEST_KEY is not set; perf needs it");
    read_role(&r);
    read_redis(&r);
    read_key(&r);
    const transport *t = read_transport(&r);
    if (t != NULL && t->stacked)
        read_stack(&r);
    if (t != NULL)
        read_listen(&r, t);
    out->timeout = number(&r, name_of(&r, TIMEOUT), 180, 86400) * P2P_SECOND;
    if (out->perf)
        read_amounts(&r);
    return !r.failed;
}
