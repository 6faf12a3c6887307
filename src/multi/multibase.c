/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Multibase (multiformats/multibase, RFC 4648 for the bases 16, 32 and 64).
 *
 * Two algorithms serve all bases. Where the base is a power of two, bits are regrouped as they pass
 * by. The bases 36 and 58 are one big number that is divided again and again; leading zero bytes
 * carry no value there and are written as leading zero digits. Decoding is strict where it can be:
 * bits left over must be zero and padding complete, so that each byte string has one text.
 */
#include "multi/multibase.h"

#include "base/bytes.h"

typedef struct base_entry {
    char prefix;
    uint8_t bits; /* for each letter; 0: a big-number base */
    bool pad;
    bool fold; /* either case is read */
    const char *alphabet;
} base_entry;

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define BITCOIN "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

static const base_entry BASES[] = {
    {P2P_BASE16, 4, false, true, DIGITS "abcdef"},
    {P2P_BASE16_UPPER, 4, false, true, DIGITS "ABCDEF"},
    {P2P_BASE32, 5, false, true, LOWER "234567"},
    {P2P_BASE32_UPPER, 5, false, true, UPPER "234567"},
    {P2P_BASE32_PAD, 5, true, true, LOWER "234567"},
    {P2P_BASE32_PAD_UPPER, 5, true, true, UPPER "234567"},
    {P2P_BASE36, 0, false, true, DIGITS LOWER},
    {P2P_BASE36_UPPER, 0, false, true, DIGITS UPPER},
    {P2P_BASE58_BTC, 0, false, false, BITCOIN},
    {P2P_BASE64, 6, false, false, UPPER LOWER DIGITS "+/"},
    {P2P_BASE64_PAD, 6, true, false, UPPER LOWER DIGITS "+/"},
    {P2P_BASE64_URL, 6, false, false, UPPER LOWER DIGITS "-_"},
    {P2P_BASE64_URL_PAD, 6, true, false, UPPER LOWER DIGITS "-_"},
};

enum { BIG_TEXT_MAX = 2 * P2P_BIG_BASE_MAX }; /* more digits than any base from 36 on needs */

static const base_entry *find_base(int prefix) {
    for (size_t i = 0; i < P2P_COUNT(BASES); i++) {
        if (BASES[i].prefix == prefix)
            return &BASES[i];
    }
    return NULL;
}

static uint8_t lower(uint8_t letter) {
    return letter >= 'A' && letter <= 'Z' ? (uint8_t)(letter + ('a' - 'A')) : letter;
}

/* The value of each letter, 255 for those that are none. */
static void index_letters(uint8_t index[256], const base_entry *base) {
    memset(index, 255, 256);
    for (unsigned i = 0; base->alphabet[i] != '\0'; i++)
        index[(uint8_t)base->alphabet[i]] = (uint8_t)i;
    if (!base->fold)
        return;
    for (unsigned c = 'A'; c <= 'Z'; c++) {
        uint8_t value = index[c] != 255 ? index[c] : index[lower((uint8_t)c)];
        index[c] = index[lower((uint8_t)c)] = value;
    }
}

/* Letters that stand for whole bytes: 2, 8 and 4 for the bases 16, 32 and 64. */
static size_t group_letters(unsigned bits) {
    return bits == 5 ? 8 : bits == 6 ? 4 : 2;
}

static p2p_err strip_padding(p2p_bytes *text, unsigned bits) {
    size_t group = group_letters(bits);
    size_t most = group - (8 + bits - 1) / bits; /* a group holds at least one byte */
    size_t padding = 0;
    if (text->len % group != 0)
        return P2P_ERR_INVALID;
    while (text->len > 0 && text->ptr[text->len - 1] == '=') {
        text->len--;
        padding++;
    }
    return padding <= most ? P2P_OK : P2P_ERR_INVALID;
}

static p2p_err decode_bits(
    uint8_t *out, size_t cap, size_t *len, const base_entry *base, p2p_bytes text) {
    uint8_t index[256];
    uint32_t held = 0;
    unsigned held_bits = 0;
    if (base->pad && strip_padding(&text, base->bits) != P2P_OK)
        return P2P_ERR_INVALID;
    index_letters(index, base);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t value = index[text.ptr[i]];
        if (value == 255)
            return P2P_ERR_INVALID;
        held = held << base->bits | value;
        held_bits += base->bits;
        if (held_bits < 8)
            continue;
        if (*len == cap)
            return P2P_ERR_TOO_BIG;
        held_bits -= 8;
        out[(*len)++] = (uint8_t)(held >> held_bits);
        held &= (UINT32_C(1) << held_bits) - 1;
    }
    /* What is left over is filling: less than a letter, and zero. */
    return held == 0 && held_bits < base->bits ? P2P_OK : P2P_ERR_INVALID;
}

/* number = number * base + digit, over big-endian bytes that grow downwards from the end. */
static bool multiply_add(
    uint8_t number[P2P_BIG_BASE_MAX], size_t *used, unsigned base, unsigned digit) {
    unsigned carry = digit;
    for (size_t i = 0; i < *used; i++) {
        uint8_t *byte = &number[P2P_BIG_BASE_MAX - 1 - i];
        carry += *byte * base;
        *byte = (uint8_t)carry;
        carry >>= 8;
    }
    if (carry == 0)
        return true;
    if (*used == P2P_BIG_BASE_MAX)
        return false;
    number[P2P_BIG_BASE_MAX - 1 - (*used)++] = (uint8_t)carry;
    return true;
}

static p2p_err decode_big(
    uint8_t *out, size_t cap, size_t *len, const base_entry *base, p2p_bytes text) {
    uint8_t index[256];
    uint8_t number[P2P_BIG_BASE_MAX];
    size_t used = 0;
    size_t zeros = 0;
    unsigned radix = (unsigned)strlen(base->alphabet);
    if (text.len > BIG_TEXT_MAX)
        return P2P_ERR_TOO_BIG;
    index_letters(index, base);
    while (zeros < text.len && index[text.ptr[zeros]] == 0)
        zeros++;
    for (size_t i = zeros; i < text.len; i++) {
        uint8_t digit = index[text.ptr[i]];
        if (digit == 255)
            return P2P_ERR_INVALID;
        if (!multiply_add(number, &used, radix, digit))
            return P2P_ERR_TOO_BIG;
    }
    if (zeros + used > cap || zeros + used > P2P_BIG_BASE_MAX)
        return P2P_ERR_TOO_BIG;
    memset(out, 0, zeros);
    memcpy(out + zeros, number + P2P_BIG_BASE_MAX - used, used);
    *len = zeros + used;
    return P2P_OK;
}

static p2p_err decode(
    uint8_t *out, size_t cap, size_t *len, const base_entry *base, p2p_bytes text) {
    *len = 0;
    if (base == NULL)
        return P2P_ERR_UNSUPPORTED;
    if (base->bits == 0)
        return decode_big(out, cap, len, base, text);
    return decode_bits(out, cap, len, base, text);
}

p2p_err p2p_base_decode(uint8_t *out, size_t cap, size_t *len, p2p_multibase base, p2p_bytes text) {
    return decode(out, cap, len, find_base((int)base), text);
}

p2p_err p2p_multibase_decode(uint8_t *out, size_t cap, size_t *len, p2p_bytes text) {
    *len = 0;
    if (text.len == 0)
        return P2P_ERR_INVALID;
    p2p_bytes rest = p2p_bytes_of(text.ptr + 1, text.len - 1);
    return decode(out, cap, len, find_base(text.ptr[0]), rest);
}

/* A text being written, with room for a terminator always kept. */
typedef struct text_out {
    char *dst;
    size_t cap;
    size_t len;
} text_out;

static void put(text_out *t, char letter) {
    if (t->len + 1 < t->cap)
        t->dst[t->len] = letter;
    t->len++;
}

static size_t finish(text_out *t) {
    if (t->cap > 0)
        t->dst[t->len < t->cap ? t->len : t->cap - 1] = '\0';
    return t->len;
}

static void encode_bits(text_out *t, const base_entry *base, p2p_bytes data) {
    uint32_t held = 0;
    unsigned held_bits = 0;
    size_t letters = 0;
    unsigned mask = (1U << base->bits) - 1;
    for (size_t i = 0; i < data.len; i++) {
        held = held << 8 | data.ptr[i];
        for (held_bits += 8; held_bits >= base->bits; letters++) {
            held_bits -= base->bits;
            put(t, base->alphabet[held >> held_bits & mask]);
        }
    }
    if (held_bits > 0) {
        put(t, base->alphabet[held << (base->bits - held_bits) & mask]);
        letters++;
    }
    if (!base->pad)
        return;
    for (size_t group = group_letters(base->bits); letters % group != 0; letters++)
        put(t, '=');
}

static void encode_big(text_out *t, const base_entry *base, p2p_bytes data) {
    uint8_t digits[BIG_TEXT_MAX]; /* least significant first */
    size_t count = 0;
    size_t zeros = 0;
    unsigned radix = (unsigned)strlen(base->alphabet);
    while (zeros < data.len && data.ptr[zeros] == 0) {
        put(t, base->alphabet[0]);
        zeros++;
    }
    for (size_t i = zeros; i < data.len; i++) {
        unsigned carry = data.ptr[i];
        for (size_t at = 0; at < count; at++) {
            carry += (unsigned)digits[at] << 8;
            digits[at] = (uint8_t)(carry % radix);
            carry /= radix;
        }
        for (; carry > 0; carry /= radix)
            digits[count++] = (uint8_t)(carry % radix);
    }
    while (count > 0)
        put(t, base->alphabet[digits[--count]]);
}

static size_t encode(text_out *t, const base_entry *base, p2p_bytes data) {
    if (base->bits > 0)
        encode_bits(t, base, data);
    else
        encode_big(t, base, data);
    return finish(t);
}

static bool can_encode(const base_entry *base, p2p_bytes data) {
    return base != NULL && (base->bits > 0 || data.len <= P2P_BIG_BASE_MAX);
}

size_t p2p_base_encode(char *dst, size_t cap, p2p_multibase base, p2p_bytes data) {
    text_out t = {dst, cap, 0};
    const base_entry *entry = find_base((int)base);
    return can_encode(entry, data) ? encode(&t, entry, data) : finish(&t);
}

size_t p2p_multibase_encode(char *dst, size_t cap, p2p_multibase base, p2p_bytes data) {
    text_out t = {dst, cap, 0};
    const base_entry *entry = find_base((int)base);
    if (!can_encode(entry, data))
        return finish(&t);
    put(&t, entry->prefix);
    return encode(&t, entry, data);
}
