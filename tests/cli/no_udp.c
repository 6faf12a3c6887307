/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Preloaded by test_up.py: a machine that gives no UDP socket. */
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

int socket(int domain, int type, int protocol) {
    if ((domain == AF_INET || domain == AF_INET6) && (type & 0xf) == SOCK_DGRAM) {
        errno = EPERM;
        return -1;
    }
    int (*real)(int, int, int) = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
    return real(domain, type, protocol);
}
