/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What `p2p up` has to do with systemd, a browser, and the terminal that it was started from. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "up.h"

/* sd_notify(3): one datagram to a socket whose path, or abstract name behind an @, is in
 * NOTIFY_SOCKET. */
void up_notify(const char *state) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (path == NULL || path[0] == 0 || strlen(path) >= sizeof to.sun_path)
        return;
    size_t len = strlen(path);
    memcpy(to.sun_path, path, len);
    if (to.sun_path[0] == '@')
        to.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    close(fd);
}

/*
 * SIGHUP means that the terminal is gone, then it is over; or, from a person or systemd, that files
 * are to be read again: the configuration here, certificates by tls_files.c.
 */
static void hung_up(uv_signal_t *hangup, int number) {
    up *u = hangup->data;
    (void)number;
    if (u->terminal && !isatty(STDIN_FILENO)) {
        p2p_node_catch_up(u->node);
        up_finish(u);
        p2p_node_kick(u->node);
    } else {
        up_reload(u);
    }
}

void up_hangup_start(up *u) {
    u->terminal = isatty(STDIN_FILENO);
    u->hangup.data = u;
    if (uv_signal_init(u->loop, &u->hangup) != 0)
        return;
    (void)uv_signal_start(&u->hangup, hung_up, SIGHUP);
    uv_unref((uv_handle_t *)&u->hangup);
}

void up_hangup_stop(up *u) {
    if (u->hangup.data != NULL)
        uv_close((uv_handle_t *)&u->hangup, NULL);
}

static void opener_ended(uv_process_t *process, int64_t status, int signal) {
    cli_program *p = process->data;
    if (status != 0 || signal != 0)
        cli_note(&p->out, CLI_YELLOW, "p2p: xdg-open found no browser; open the page yourself");
    uv_close((uv_handle_t *)process, NULL);
}

void up_open_browser(up *u, const char *url) {
    static uv_process_t process;
    char *args[] = {(char *)"xdg-open", (char *)url, NULL};
    uv_stdio_container_t none[3] = {
        {.flags = UV_IGNORE}, {.flags = UV_IGNORE}, {.flags = UV_IGNORE}};
    uv_process_options_t options = {.exit_cb = opener_ended,
        .file = args[0],
        .args = args,
        .flags = UV_PROCESS_DETACHED,
        .stdio = none,
        .stdio_count = 3};
    process.data = u->program;
    int err = uv_spawn(u->loop, &process, &options);
    uv_unref((uv_handle_t *)&process);
    if (err == 0)
        return;
    cli_note(&u->program->out, CLI_YELLOW,
        "p2p: cannot start xdg-open (%s); open the page yourself", uv_strerror(err));
    uv_close((uv_handle_t *)&process, NULL);
}
