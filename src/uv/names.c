/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Host names, through the system's resolver in libuv's threads: a few at once, some more waiting,
 * others refused. And the addresses of this machine.
 */
#include "uv/driver.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"

typedef struct name {
    uv_getaddrinfo_t request;
    p2p_list node; /* driver->names */
    p2p_uv_driver *driver;
    uint64_t number;
    uint8_t family;
    bool running;
    char text[256];
} name;

static void answer(
    p2p_uv_driver *d, uint64_t number, p2p_err err, const p2p_sockaddr *addrs, size_t count) {
    p2p_uv_input(d, &(p2p_input){.type = P2P_INPUT_RESOLVED,
                        .request = number,
                        .err = err,
                        .addrs = addrs,
                        .addr_count = count});
}

static void free_name(name *n) {
    p2p_uv_driver *d = n->driver;
    p2p_list_remove(&n->node);
    d->name_count--;
    p2p_mem_free(d->mem, n, sizeof *n);
}

static bool is_known(const p2p_sockaddr *addrs, size_t count, const p2p_sockaddr *addr) {
    for (size_t i = 0; i < count; i++)
        if (p2p_sockaddr_equal(&addrs[i], addr))
            return true;
    return false;
}

static void start_next(p2p_uv_driver *d);

static void looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *found) {
    name *n = P2P_CONTAINER(request, name, request);
    p2p_uv_driver *d = n->driver;
    p2p_sockaddr addrs[P2P_UV_ADDRS_MAX];
    uint64_t number = n->number;
    size_t count = 0;
    for (struct addrinfo *a = found; a != NULL && count < P2P_COUNT(addrs); a = a->ai_next) {
        p2p_uv_addr_in(&addrs[count], a->ai_addr);
        if (addrs[count].family != 0 && !is_known(addrs, count, &addrs[count]))
            count++;
    }
    uv_freeaddrinfo(found);
    free_name(n);
    d->lookups--;
    if (!d->closed) {
        bool good = status == 0 && count > 0;
        answer(d, number, good ? P2P_OK : P2P_ERR_RESOLVE, addrs, good ? count : 0);
        start_next(d);
        p2p_uv_driver_pump(d);
    }
    p2p_uv_driver_unref(d);
}

static void start_next(p2p_uv_driver *d) {
    p2p_list *node = d->names.next, *next;
    for (; node != &d->names && d->lookups < P2P_UV_RESOLVES_MAX; node = next) {
        name *n = P2P_CONTAINER(node, name, node);
        next = node->next;
        if (n->running)
            continue;
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
            .ai_family = n->family == 4   ? AF_INET
                         : n->family == 6 ? AF_INET6
                                          : AF_UNSPEC};
        if (uv_getaddrinfo(d->loop, &n->request, looked_up, n->text, NULL, &hints) != 0) {
            answer(d, n->number, P2P_ERR_RESOLVE, NULL, 0);
            free_name(n);
            continue;
        }
        n->running = true;
        d->lookups++;
        d->handles++;
    }
}

void p2p_uv_resolve(p2p_uv_driver *d, const p2p_effect *effect) {
    name *n = NULL;
    if (d->name_count < P2P_UV_NAMES_MAX)
        n = p2p_mem_alloc(d->mem, sizeof *n);
    if (n == NULL) {
        answer(d, effect->request, P2P_ERR_LIMIT, NULL, 0);
        return;
    }
    n->driver = d;
    n->number = effect->request;
    n->family = effect->family;
    snprintf(n->text, sizeof n->text, "%s", effect->name);
    p2p_list_push(&d->names, &n->node);
    d->name_count++;
    start_next(d);
}

void p2p_uv_names_close(p2p_uv_driver *d) {
    p2p_list *node = d->names.next, *next;
    for (; node != &d->names; node = next) {
        name *n = P2P_CONTAINER(node, name, node);
        next = node->next;
        if (n->running)
            (void)uv_cancel((uv_req_t *)&n->request); /* it still calls back */
        else
            free_name(n);
    }
}

void p2p_uv_interfaces(p2p_uv_driver *d) {
    uv_interface_address_t *found;
    p2p_sockaddr addrs[P2P_UV_ADDRS_MAX];
    int total;
    size_t count = 0;
    if (uv_interface_addresses(&found, &total) != 0)
        return;
    for (int i = 0; i < total && count < P2P_COUNT(addrs); i++) {
        p2p_uv_addr_in(&addrs[count], (const struct sockaddr *)&found[i].address);
        addrs[count].port = 0;
        if (addrs[count].family != 0 && !is_known(addrs, count, &addrs[count]))
            count++;
    }
    uv_free_interface_addresses(found, total);
    if (count == d->addr_count && memcmp(addrs, d->addrs, count * sizeof addrs[0]) == 0)
        return;
    memcpy(d->addrs, addrs, count * sizeof addrs[0]);
    d->addr_count = count;
    p2p_uv_input(
        d, &(p2p_input){.type = P2P_INPUT_INTERFACES, .addrs = d->addrs, .addr_count = count});
}
