/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "out.h"

enum { FIRST_BLOCK = 512 };

/* Room for `len` bytes, and for the ends of all that is open. */
static bool reserve(cli_json *j, size_t len) {
    size_t need = j->len + len + j->depth + 1, cap = j->cap;
    if (need <= cap)
        return true;
    if (need > CLI_JSON_MAX)
        return false;
    for (cap = cap < FIRST_BLOCK ? FIRST_BLOCK : cap; cap < need;)
        cap *= 2;
    char *text = realloc(j->text, cap);
    if (text == NULL)
        return false;
    j->text = text;
    j->cap = cap;
    return true;
}

static void put(cli_json *j, const char *text, size_t len) {
    if (j->lost > 0 || j->full || !reserve(j, len)) {
        j->full = true;
        return;
    }
    memcpy(j->text + j->len, text, len);
    j->len += len;
}

static void put_quoted(cli_json *j, p2p_bytes text) {
    size_t size;
    char escaped[8];
    put(j, "\"", 1);
    for (size_t at = 0; at < text.len; at += size) {
        const uint8_t *c = text.ptr + at;
        size = cli_character(c, text.len - at);
        if (size == 0) {
            size = 1;
            put(j, "\\ufffd", 6);
        } else if (cli_is_control(c, size)) {
            unsigned code = size == 1 ? c[0] : c[1];
            snprintf(escaped, sizeof escaped, "\\u%04x", code);
            put(j, escaped, 6);
        } else if (c[0] == '"' || c[0] == '\\') {
            put(j, "\\", 1);
            put(j, (const char *)c, 1);
        } else {
            put(j, (const char *)c, size);
        }
    }
    put(j, "\"", 1);
}

/* Fields and items are all or nothing: what did not fit is taken back. */
typedef struct mark {
    size_t len;
    bool comma;
} mark;

static mark begin(cli_json *j, const char *name) {
    mark m = {j->len, j->comma};
    if (j->comma)
        put(j, ",", 1);
    j->comma = true;
    if (name != NULL) {
        put(j, "\"", 1);
        put(j, name, strlen(name));
        put(j, "\":", 2);
    }
    return m;
}

/* False when it was taken back. */
static bool end(cli_json *j, mark m) {
    if (!j->full)
        return true;
    j->full = false;
    j->len = m.len;
    j->comma = m.comma;
    return false;
}

static void put_field(cli_json *j, const char *name, const char *raw) {
    mark m = begin(j, name);
    put(j, raw, strlen(raw));
    (void)end(j, m);
}

void cli_json_open(cli_json *j) {
    j->len = 0;
    j->full = j->comma = false;
    j->depth = 1;
    j->lost = 0;
    put(j, "{", 1);
    if (j->full)
        j->lost = 1; /* no memory at all: cli_json_close gives "{}" */
}

void cli_json_begin(cli_json *j, const char *type) {
    cli_json_open(j);
    cli_json_text(j, "type", type);
}

void cli_json_bytes(cli_json *j, const char *name, p2p_bytes text) {
    mark m = begin(j, name);
    put_quoted(j, text);
    (void)end(j, m);
}

void cli_json_text(cli_json *j, const char *name, const char *text) {
    cli_json_bytes(j, name, (p2p_bytes){(const uint8_t *)text, strlen(text)});
}

void cli_json_int(cli_json *j, const char *name, uint64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    put_field(j, name, text);
}

void cli_json_float(cli_json *j, const char *name, double value) {
    char text[64];
    snprintf(text, sizeof text, "%.6g", isfinite(value) ? value : 0);
    put_field(j, name, text);
}

void cli_json_bool(cli_json *j, const char *name, bool value) {
    put_field(j, name, value ? "true" : "false");
}

void cli_json_null(cli_json *j, const char *name) {
    put_field(j, name, "null");
}

/* --- what has parts --- */

static void enter(cli_json *j, const char *name, const char *bracket) {
    if (j->lost > 0) {
        j->lost++;
        return;
    }
    mark m = begin(j, name);
    j->depth++;
    put(j, bracket, 1);
    if (end(j, m)) {
        j->comma = false;
        return;
    }
    j->depth--;
    j->lost = 1;
}

static void leave(cli_json *j, char bracket) {
    if (j->lost > 0) {
        j->lost--;
        j->full = false;
        return;
    }
    j->text[j->len++] = bracket; /* `reserve` kept a byte for it */
    j->depth--;
    j->comma = true;
}

void cli_json_list(cli_json *j, const char *name) {
    enter(j, name, "[");
}

void cli_json_item(cli_json *j, p2p_bytes text) {
    cli_json_bytes(j, NULL, text);
}

void cli_json_list_end(cli_json *j) {
    leave(j, ']');
}

void cli_json_object(cli_json *j, const char *name) {
    enter(j, name, "{");
}

void cli_json_object_end(cli_json *j) {
    leave(j, '}');
}

p2p_bytes cli_json_close(cli_json *j) {
    if (j->lost > 0)
        return (p2p_bytes){(const uint8_t *)"{}", 2};
    leave(j, '}');
    return (p2p_bytes){(const uint8_t *)j->text, j->len};
}

void cli_json_free(cli_json *j) {
    free(j->text);
    *j = (cli_json){0};
}

/* --- the library's values --- */

void cli_json_peer(cli_json *j, const char *name, const p2p_peer_id *peer) {
    char text[P2P_PEER_ID_TEXT_MAX];
    cli_json_text(j, name, cli_peer_text(text, peer));
}

void cli_json_addr(
    cli_json *j, const char *name, const p2p_multiaddr *addr, const p2p_peer_id *peer) {
    char text[CLI_ADDR_TEXT];
    cli_json_text(j, name, cli_addr_text(text, addr, peer));
}
