/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * IP addresses as text: RFC 4291 §2.2 in, RFC 5952 out. Written here because the core must compile
 * where there is no <arpa/inet.h>, and because inet_pton's and inet_aton's ideas of what is an
 * address differ between systems.
 */
#include "multi/ip.h"

#include "base/bytes.h"

enum { GROUPS = 8 };

/* Up to three digits, no leading zero; advances *text. */
static bool take_octet(p2p_bytes *text, uint8_t *octet) {
    unsigned value = 0;
    size_t digits = 0;
    while (digits < text->len && digits < 4 && text->ptr[digits] >= '0' && text->ptr[digits] <= '9')
        value = value * 10 + (unsigned)(text->ptr[digits++] - '0');
    if (digits == 0 || value > 255 || (digits > 1 && text->ptr[0] == '0'))
        return false;
    *octet = (uint8_t)value;
    *text = p2p_bytes_of(text->ptr + digits, text->len - digits);
    return true;
}

static bool take_letter(p2p_bytes *text, char letter) {
    if (text->len == 0 || text->ptr[0] != (uint8_t)letter)
        return false;
    *text = p2p_bytes_of(text->ptr + 1, text->len - 1);
    return true;
}

bool p2p_ip4_parse(uint8_t ip[4], p2p_bytes text) {
    for (int i = 0; i < 4; i++) {
        if (i > 0 && !take_letter(&text, '.'))
            return false;
        if (!take_octet(&text, &ip[i]))
            return false;
    }
    return text.len == 0;
}

static int hex_value(uint8_t letter) {
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    if (letter >= 'a' && letter <= 'f')
        return letter - 'a' + 10;
    if (letter >= 'A' && letter <= 'F')
        return letter - 'A' + 10;
    return -1;
}

/* One to four hex digits; advances *text. */
static bool take_group(p2p_bytes *text, uint16_t *group) {
    size_t digits = 0;
    *group = 0;
    while (digits < text->len && digits < 5 && hex_value(text->ptr[digits]) >= 0)
        *group = (uint16_t)(*group << 4 | hex_value(text->ptr[digits++]));
    if (digits == 0 || digits > 4)
        return false;
    *text = p2p_bytes_of(text->ptr + digits, text->len - digits);
    return true;
}

static bool take_gap(p2p_bytes *text) {
    if (!p2p_bytes_start(*text, P2P_LITERAL("::")))
        return false;
    *text = p2p_bytes_of(text->ptr + 2, text->len - 2);
    return true;
}

/* The groups that are written out, and where among them the gap stands (-1: none). */
typedef struct ip6_text {
    uint16_t groups[GROUPS];
    int count;
    int gap;
} ip6_text;

/* The next group, or the dotted quad that may end the address. */
static bool take_part(p2p_bytes *text, ip6_text *t) {
    uint8_t quad[4];
    if (t->count <= GROUPS - 2 && p2p_ip4_parse(quad, *text)) {
        t->groups[t->count++] = p2p_load16(quad);
        t->groups[t->count++] = p2p_load16(quad + 2);
        text->len = 0;
        return true;
    }
    return t->count < GROUPS && take_group(text, &t->groups[t->count++]);
}

bool p2p_ip6_parse(uint8_t ip[16], p2p_bytes text) {
    ip6_text t = {.gap = -1};
    if (take_gap(&text))
        t.gap = 0;
    while (text.len > 0) {
        if (!take_part(&text, &t))
            return false;
        if (text.len == 0)
            break;
        if (t.gap < 0 && take_gap(&text))
            t.gap = t.count;
        else if (!take_letter(&text, ':') || text.len == 0)
            return false;
    }
    /* A gap stands for at least one group. */
    if (t.gap < 0 ? t.count != GROUPS : t.count == GROUPS)
        return false;
    memset(ip, 0, 16);
    for (int i = 0; i < t.count; i++) {
        int at = t.gap >= 0 && i >= t.gap ? GROUPS - t.count + i : i;
        p2p_store16(ip + (size_t)2 * (size_t)at, t.groups[i]);
    }
    return true;
}

static char *put_decimal(char *to, unsigned value) {
    if (value >= 100)
        *to++ = (char)('0' + value / 100);
    if (value >= 10)
        *to++ = (char)('0' + value / 10 % 10);
    *to++ = (char)('0' + value % 10);
    return to;
}

size_t p2p_ip4_format(char *text, const uint8_t ip[4]) {
    char *to = text;
    for (int i = 0; i < 4; i++) {
        if (i > 0)
            *to++ = '.';
        to = put_decimal(to, ip[i]);
    }
    *to = '\0';
    return (size_t)(to - text);
}

/* RFC 5952 §4.2: the first of the longest runs of zero groups, if longer than one. */
static int longest_run(const uint8_t ip[16], int *run_len) {
    int best = -1;
    *run_len = 1;
    for (int from = 0; from < GROUPS; from++) {
        int len = 0;
        while (from + len < GROUPS && p2p_load16(ip + (size_t)2 * (size_t)(from + len)) == 0)
            len++;
        if (len > *run_len) {
            best = from;
            *run_len = len;
        }
    }
    return best;
}

static char *put_group(char *to, uint16_t group) {
    bool started = false;
    for (int shift = 12; shift >= 0; shift -= 4) {
        unsigned digit = group >> shift & 15U;
        started = started || digit != 0 || shift == 0;
        if (started)
            *to++ = "0123456789abcdef"[digit];
    }
    return to;
}

size_t p2p_ip6_format(char *text, const uint8_t ip[16]) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    char *to = text;
    int run_len;
    int run = longest_run(ip, &run_len);
    if (memcmp(ip, mapped, sizeof mapped) == 0) {
        memcpy(text, "::ffff:", 7);
        return 7 + p2p_ip4_format(text + 7, ip + 12);
    }
    for (int i = 0; i < GROUPS; i++) {
        if (i == run) {
            *to++ = ':';
            *to++ = ':';
            i += run_len - 1;
            continue;
        }
        if (i > 0 && to[-1] != ':')
            *to++ = ':';
        to = put_group(to, p2p_load16(ip + (size_t)2 * (size_t)i));
    }
    *to = '\0';
    return (size_t)(to - text);
}
