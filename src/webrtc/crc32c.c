/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * CRC-32C by the processor's instruction where there is one, by tables elsewhere.
 *
 * One crc32 instruction takes eight bytes and has a latency of three cycles but can start every
 * cycle. So a long packet is cut into three lanes whose checksums run side by side; a lane's result
 * is moved over the bytes behind it by one carry-less multiplication with a constant. The lane
 * lengths are chosen for packets of 1200 bytes: one round of 3 x 384 and a short rest.
 */
#include "webrtc/crc32c.h"

#include <string.h>

#include "webrtc/crc32c_table.h"

#if defined(__x86_64__)
#    include <immintrin.h>
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#    include <arm_acle.h>
#endif

static uint32_t table_update(uint32_t crc, const uint8_t *data, size_t len) {
    for (; len >= 4; data += 4, len -= 4) {
        crc ^= (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 |
               (uint32_t)data[3] << 24;
        crc = CRC32C_TABLE[3][crc & 0xff] ^ CRC32C_TABLE[2][crc >> 8 & 0xff] ^
              CRC32C_TABLE[1][crc >> 16 & 0xff] ^ CRC32C_TABLE[0][crc >> 24];
    }
    for (; len > 0; data++, len--)
        crc = crc >> 8 ^ CRC32C_TABLE[0][(crc ^ *data) & 0xff];
    return crc;
}

uint32_t p2p_crc32c_portable(const uint8_t *data, size_t len) {
    return ~table_update(0xffffffff, data, len);
}

#if defined(__x86_64__)

enum { LONG_LANE = 384, SHORT_LANE = 64 };

/* x^(8n - 33) mod P, bit-reflected: what moves a checksum over n bytes. The 33 undo the product's
 * own shift by one and the multiplication by x^32 that is in the crc32 instruction. */
static const uint32_t OVER_LONG = 0xd270f1a2, OVER_TWO_LONG = 0xd7a4825c;
static const uint32_t OVER_SHORT = 0x9e4addf8, OVER_TWO_SHORT = 0x0d3b6092;

static inline uint64_t load64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

__attribute__((target("sse4.2"))) static uint64_t serial_update(
    uint64_t crc, const uint8_t *data, size_t len) {
    for (; len >= 8; data += 8, len -= 8)
        crc = _mm_crc32_u64(crc, load64(data));
    for (; len > 0; data++, len--)
        crc = _mm_crc32_u8((uint32_t)crc, *data);
    return crc;
}

__attribute__((target("sse4.2,pclmul"))) static inline uint64_t moved(uint64_t crc, uint32_t over) {
    __m128i product =
        _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)crc), _mm_cvtsi32_si128((int)over), 0);
    return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

__attribute__((target("sse4.2,pclmul"))) static inline uint64_t three_lanes(
    uint64_t crc, const uint8_t *data, size_t lane, uint32_t over_one, uint32_t over_two) {
    uint64_t second = 0, third = 0;
    for (size_t i = 0; i < lane; i += 8) {
        crc = _mm_crc32_u64(crc, load64(data + i));
        second = _mm_crc32_u64(second, load64(data + lane + i));
        third = _mm_crc32_u64(third, load64(data + 2 * lane + i));
    }
    return moved(crc, over_two) ^ moved(second, over_one) ^ third;
}

__attribute__((target("sse4.2,pclmul"))) static uint64_t lanes_update(
    uint64_t crc, const uint8_t *data, size_t len) {
    for (; len >= 3 * LONG_LANE; data += 3 * LONG_LANE, len -= 3 * LONG_LANE)
        crc = three_lanes(crc, data, LONG_LANE, OVER_LONG, OVER_TWO_LONG);
    for (; len >= 3 * SHORT_LANE; data += 3 * SHORT_LANE, len -= 3 * SHORT_LANE)
        crc = three_lanes(crc, data, SHORT_LANE, OVER_SHORT, OVER_TWO_SHORT);
    return serial_update(crc, data, len);
}

uint32_t p2p_crc32c(const uint8_t *data, size_t len) {
    if (!__builtin_cpu_supports("sse4.2"))
        return p2p_crc32c_portable(data, len);
    if (!__builtin_cpu_supports("pclmul"))
        return ~(uint32_t)serial_update(0xffffffff, data, len);
    return ~(uint32_t)lanes_update(0xffffffff, data, len);
}

#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)

uint32_t p2p_crc32c(const uint8_t *data, size_t len) {
    uint32_t crc = 0xffffffff;
    for (; len >= 8; data += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, data, sizeof word);
        crc = __crc32cd(crc, word);
    }
    for (; len > 0; data++, len--)
        crc = __crc32cb(crc, *data);
    return ~crc;
}

#else

uint32_t p2p_crc32c(const uint8_t *data, size_t len) {
    return p2p_crc32c_portable(data, len);
}

#endif
