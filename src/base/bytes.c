/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/bytes.h"

void p2p_wipe(void *secret, size_t len) {
    volatile uint8_t *p = secret;
    while (len-- > 0)
        *p++ = 0;
}

bool p2p_same_secret(const void *a, const void *b, size_t len) {
    const volatile uint8_t *x = a;
    const volatile uint8_t *y = b;
    uint8_t difference = 0;
    for (size_t i = 0; i < len; i++)
        difference |= (uint8_t)(x[i] ^ y[i]);
    return difference == 0;
}

const char *p2p_version(void) {
    return P2P_VERSION;
}
