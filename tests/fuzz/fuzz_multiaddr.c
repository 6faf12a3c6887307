/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Multiaddrs, binary if the first byte is even and text if it is odd. Whatever is accepted must
 * print into P2P_MULTIADDR_TEXT_MAX and be the same when read back from there.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <p2p/multiaddr.h>

#include "base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition)
        abort();
}

static void use(const p2p_multiaddr *addr) {
    static char text[P2P_MULTIADDR_TEXT_MAX];
    p2p_multiaddr again;
    p2p_component part;
    p2p_sockaddr socket_addr;
    p2p_proto_code transport;
    bool path = p2p_multiaddr_has(addr, P2P_UNIX);
    require(p2p_multiaddr_format(text, sizeof text, addr) < sizeof text);
    p2p_err err = p2p_multiaddr_parse(&again, text, NULL);
    require(path || (err == P2P_OK &&
                        p2p_bytes_equal(p2p_multiaddr_bytes(&again), p2p_multiaddr_bytes(addr))));
    require(p2p_multiaddr_decode(&again, p2p_multiaddr_bytes(addr)) == P2P_OK);
    require(p2p_multiaddr_equal(&again, addr));
    for (size_t at = 0; p2p_multiaddr_next(addr, &at, &part);)
        require(p2p_proto_name(part.code) != NULL);
    if (p2p_multiaddr_to_sockaddr(addr, &socket_addr, &transport)) {
        (void)p2p_sockaddr_is_public(&socket_addr);
        p2p_multiaddr_from_sockaddr(&again, &socket_addr, transport);
    }
    again = *addr;
    if (p2p_multiaddr_encapsulate(&again, addr) == P2P_OK)
        require(again.len == 2 * addr->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char text[4096];
    p2p_multiaddr addr;
    char why[128];
    if (size == 0 || size > sizeof text)
        return 0;
    p2p_bytes rest = p2p_bytes_of(data + 1, size - 1);
    if (data[0] % 2 == 0) {
        if (p2p_multiaddr_decode(&addr, rest) == P2P_OK)
            use(&addr);
        return 0;
    }
    p2p_copy(text, rest.ptr, rest.len);
    text[rest.len] = '\0';
    if (p2p_multiaddr_parse(&addr, text, why) == P2P_OK)
        use(&addr);
    else
        require(strlen(why) > 0 && strlen(why) < sizeof why);
    return 0;
}
