/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "rendezvous.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <hiredis/hiredis.h>

enum { CONNECT_PATIENCE_S = 10, POLL_MS = 50 };

static int seconds(p2p_time t) {
    return (int)(t / P2P_SECOND);
}

static redisContext *reach(const settings *s, char *why, size_t cap) {
    struct timeval patience = {.tv_sec = CONNECT_PATIENCE_S};
    redisContext *c = redisConnectWithTimeout(s->redis_host, s->redis_port, patience);
    if (c != NULL && c->err == 0)
        return c;
    snprintf(why, cap, "cannot reach redis at %s:%d: %s", s->redis_host, s->redis_port,
        c == NULL ? "out of memory" : c->errstr);
    if (c != NULL)
        redisFree(c);
    return NULL;
}

/* Runs one command; NULL after a failure. */
static redisReply *ask(redisContext *c, const char *command, const char *key, const char *value,
    char *why, size_t cap) {
    redisReply *reply = value == NULL ? redisCommand(c, "%s %s", command, key)
                                      : redisCommand(c, "%s %s %s", command, key, value);
    if (reply != NULL && reply->type != REDIS_REPLY_ERROR)
        return reply;
    snprintf(why, cap, "redis failed at %s: %s", command, reply == NULL ? c->errstr : reply->str);
    freeReplyObject(reply);
    return NULL;
}

bool rendezvous_leave(const settings *s, const char *addr, char *why, size_t cap) {
    redisContext *c = reach(s, why, cap);
    if (c == NULL)
        return false;
    /* An address that an earlier run left behind must not be found. */
    redisReply *gone = ask(c, "DEL", s->key, NULL, why, cap);
    redisReply *left =
        gone == NULL ? NULL : ask(c, s->perf ? "SET" : "RPUSH", s->key, addr, why, cap);
    bool ok = left != NULL;
    freeReplyObject(gone);
    freeReplyObject(left);
    redisFree(c);
    return ok;
}

/* The text in a reply: a string (GET), or the second of key and value (BLPOP). NULL: none yet. */
static const char *text_of(const redisReply *reply) {
    if (reply->type == REDIS_REPLY_STRING)
        return reply->str;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2)
        return reply->element[1]->str;
    return NULL;
}

static redisReply *pop(
    redisContext *c, const settings *s, char *why, size_t cap) { /* waits by itself */
    char patience[16];
    struct timeval longer = {.tv_sec = seconds(s->timeout) + CONNECT_PATIENCE_S};
    snprintf(patience, sizeof patience, "%d", seconds(s->timeout));
    redisSetTimeout(c, longer);
    return ask(c, "BLPOP", s->key, patience, why, cap);
}

static redisReply *poll_string(redisContext *c, const settings *s, char *why, size_t cap) {
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    redisReply *reply = ask(c, "GET", s->key, NULL, why, cap);
    for (int turns = seconds(s->timeout) * 1000 / POLL_MS;
         turns > 0 && reply != NULL && text_of(reply) == NULL; turns--) {
        nanosleep(&pause, NULL);
        freeReplyObject(reply);
        reply = ask(c, "GET", s->key, NULL, why, cap);
    }
    return reply;
}

bool rendezvous_find(const settings *s, char *addr, size_t addr_cap, char *why, size_t cap) {
    redisContext *c = reach(s, why, cap);
    if (c == NULL)
        return false;
    redisReply *reply = s->perf ? poll_string(c, s, why, cap) : pop(c, s, why, cap);
    const char *text = reply == NULL ? NULL : text_of(reply);
    if (reply != NULL && text == NULL)
        snprintf(
            why, cap, "no listener left its address at %s in %d s", s->key, seconds(s->timeout));
    if (text != NULL && strlen(text) >= addr_cap) {
        snprintf(why, cap, "the listener's address is longer than any multiaddr");
        text = NULL;
    }
    if (text != NULL)
        strcpy(addr, text);
    freeReplyObject(reply);
    redisFree(c);
    return text != NULL;
}

bool rendezvous_check(const settings *s, char *why, size_t cap) {
    redisContext *c = reach(s, why, cap);
    if (c != NULL)
        redisFree(c);
    return c != NULL;
}
