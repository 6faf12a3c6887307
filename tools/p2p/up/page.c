/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Where the page is served: --page, or the first free port of loopback. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "up.h"

enum { PORTS_TRIED = 100, BACKLOG = 64 };

static bool parse_ip(up_page *page, const char *host, uint16_t port) {
    char bare[UP_HOST_MAX];
    size_t len = strlen(host);
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)&page->addr) == 0)
        return true;
    if (len < 3 || host[0] != '[' || host[len - 1] != ']')
        return false;
    snprintf(bare, sizeof bare, "%.*s", (int)len - 2, host + 1);
    return uv_ip6_addr(bare, port, (struct sockaddr_in6 *)&page->addr) == 0;
}

bool up_page_parse(up *u) {
    cli_program *p = u->program;
    up_page *page = &u->http.page;
    const char *text = p->options.page != NULL ? p->options.page : "127.0.0.1";
    const char *colon = strrchr(text, ':'), *bracket = strrchr(text, ']');
    char *end = NULL;
    unsigned long port = UP_PAGE_PORT;
    size_t len = strlen(text);
    if (colon != NULL && (bracket == NULL || bracket < colon)) {
        len = (size_t)(colon - text);
        port = strtoul(colon + 1, &end, 10);
    }
    bool good = len > 0 && len < sizeof page->host && port <= UINT16_MAX &&
                (end == NULL || (*end == 0 && end != colon + 1 && colon[1] != '-'));
    snprintf(page->host, sizeof page->host, "%.*s", (int)(good ? len : 0), text);
    page->port = (uint16_t)port;
    if (good && parse_ip(page, page->host, page->port))
        return true;
    cli_wrong_use(p,
        "\"%.80s\" is no address for the page; give an IP address and port such as "
        "--page 127.0.0.1:4080",
        text);
    return false;
}

static void set_port(up_page *page, unsigned port) {
    page->port = (uint16_t)port;
    if (page->addr.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&page->addr)->sin6_port = htons(page->port);
    else
        ((struct sockaddr_in *)&page->addr)->sin_port = htons(page->port);
}

/* A listening socket, or -1 with errno. */
static int listen_at(up_page *page) {
    int on = 1, fd = socket(page->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t len = sizeof page->addr;
    socklen_t own =
        page->addr.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&page->addr, own) == 0 && listen(fd, BACKLOG) == 0 &&
        getsockname(fd, (struct sockaddr *)&page->addr, &len) == 0) {
        /* The port's place is the same for both families. */
        set_port(page, ntohs(((const struct sockaddr_in *)&page->addr)->sin_port));
        return fd;
    }
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int up_page_listen(up *u) {
    cli_program *p = u->program;
    up_page *page = &u->http.page;
    unsigned first = page->port, tries = p->options.page != NULL ? 1 : PORTS_TRIED;
    int fd = -1;
    for (unsigned i = 0; i < tries && fd < 0; i++) {
        set_port(page, first + i);
        fd = listen_at(page);
        if (fd < 0 && errno != EADDRINUSE)
            break;
    }
    if (fd < 0)
        cli_fail(p,
            "cannot serve the page on %s:%u: %s; choose another address with --page, or "
            "leave the page out with --no-page",
            page->host, page->port, strerror(errno));
    else if (first != 0 && page->port != first)
        cli_note(
            &p->out, CLI_YELLOW, "p2p: port %u is in use; the page is on %u", first, page->port);
    return fd;
}
