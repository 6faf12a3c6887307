/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Addresses and error numbers between the system's form and the library's. */
#include "uv/driver.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"

static const struct {
    int number;
    p2p_err err;
} ERRORS[] = {
    {ECONNREFUSED, P2P_ERR_REFUSED},
    {ECONNRESET, P2P_ERR_RESET},
    {ECONNABORTED, P2P_ERR_RESET},
    {EPIPE, P2P_ERR_RESET},
    {ETIMEDOUT, P2P_ERR_TIMEOUT},
    {EHOSTUNREACH, P2P_ERR_UNREACHABLE},
    {ENETUNREACH, P2P_ERR_UNREACHABLE},
    {ENETDOWN, P2P_ERR_UNREACHABLE},
    {EHOSTDOWN, P2P_ERR_UNREACHABLE},
    {ENONET, P2P_ERR_UNREACHABLE},
    {EADDRNOTAVAIL, P2P_ERR_UNREACHABLE},
    {EADDRINUSE, P2P_ERR_ADDRESS_IN_USE},
    {EACCES, P2P_ERR_PERMISSION},
    {EPERM, P2P_ERR_PERMISSION},
    {EMFILE, P2P_ERR_NO_DESCRIPTOR},
    {ENFILE, P2P_ERR_NO_DESCRIPTOR},
    {ENOMEM, P2P_ERR_NO_MEMORY},
    {ENOBUFS, P2P_ERR_NO_MEMORY},
    {EAFNOSUPPORT, P2P_ERR_UNSUPPORTED},
    {EPROTONOSUPPORT, P2P_ERR_UNSUPPORTED},
    {EINVAL, P2P_ERR_INVALID},
};

p2p_err p2p_uv_err(int system_errno) {
    for (size_t i = 0; i < P2P_COUNT(ERRORS); i++)
        if (ERRORS[i].number == system_errno)
            return ERRORS[i].err;
    return P2P_ERR_IO;
}

socklen_t p2p_uv_addr_out(struct sockaddr_storage *out, const p2p_sockaddr *addr) {
    memset(out, 0, sizeof *out);
    if (addr->family == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons(addr->port);
        memcpy(&in->sin_addr, addr->ip, 4);
        return sizeof *in;
    }
    if (addr->family == 6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(addr->port);
        in6->sin6_scope_id = addr->scope;
        memcpy(&in6->sin6_addr, addr->ip, 16);
        return sizeof *in6;
    }
    return 0;
}

void p2p_uv_addr_in(p2p_sockaddr *out, const struct sockaddr *addr) {
    memset(out, 0, sizeof *out);
    if (addr->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, addr, sizeof in);
        out->family = 4;
        out->port = ntohs(in.sin_port);
        memcpy(out->ip, &in.sin_addr, 4);
    } else if (addr->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, addr, sizeof in6);
        out->family = 6;
        out->port = ntohs(in6.sin6_port);
        out->scope = in6.sin6_scope_id;
        memcpy(out->ip, &in6.sin6_addr, 16);
    }
}

void p2p_uv_addr_of(p2p_sockaddr *out, int fd) {
    struct sockaddr_storage addr = {0};
    socklen_t len = sizeof addr;
    if (getsockname(fd, (struct sockaddr *)&addr, &len) != 0)
        addr.ss_family = AF_UNSPEC;
    p2p_uv_addr_in(out, (struct sockaddr *)&addr);
}
