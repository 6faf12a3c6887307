/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The files are looked at by their names every two seconds: whoever renews certificates writes new
 * files, or turns a symbolic link, and a watch on the old file would not see it.
 */
#include "tls_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <p2p/websocket.h>

#include "base/bytes.h"

enum {
    PEM_MAX = 256 * 1024,
    LOOK_MS = 2000,
    SETTLE_MS = 500, /* from one file of a pair to the other */
    WHY_MAX = 600
};

/* --- reading --- */

static bool read_file(const char *path, uint8_t *dst, size_t cap, size_t *len, char why[WHY_MAX]) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = -1;
    *len = 0;
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        errno = EISDIR;
    else if (fd >= 0)
        while (*len < cap && (n = read(fd, dst + *len, cap - *len)) > 0)
            *len += (size_t)n;
    if (n < 0)
        snprintf(why, WHY_MAX, "cannot read %.400s: %s", path, strerror(errno));
    else if (n > 0)
        snprintf(why, WHY_MAX, "%.400s is too big for a PEM file", path);
    if (fd >= 0)
        close(fd);
    return n == 0;
}

/* Gives the host what the files hold now. */
static bool load(const cli_program *p, p2p_host *host, char why[WHY_MAX]) {
    const char *cert_path = p->options.tls_cert, *key_path = p->options.tls_key;
    uint8_t *bytes = malloc(2 * (size_t)PEM_MAX);
    size_t cert_len = 0, key_len = 0;
    p2p_err err = P2P_ERR_NO_MEMORY;
    snprintf(why, WHY_MAX, "%s", p2p_err_text(err));
    if (bytes == NULL)
        return false;
    bool good = read_file(cert_path, bytes, PEM_MAX, &cert_len, why) &&
                read_file(key_path, bytes + PEM_MAX, PEM_MAX, &key_len, why);
    if (good) {
        err = p2p_websocket_set_certificate(
            host, p2p_bytes_of(bytes, cert_len), p2p_bytes_of(bytes + PEM_MAX, key_len));
        if (err == P2P_ERR_INVALID)
            snprintf(why, WHY_MAX,
                "%.250s and %.250s are not a certificate and its key, both in PEM and without a "
                "password",
                cert_path, key_path);
        else if (err != P2P_OK)
            snprintf(why, WHY_MAX, "%s", p2p_err_text(err));
    }
    p2p_wipe(bytes + PEM_MAX, key_len);
    free(bytes);
    return good && err == P2P_OK;
}

static void say(cli_program *p, bool good, const char *why) {
    static cli_json j;
    cli_json_begin(&j, good ? "certificate" : "certificate-refused");
    cli_json_text(&j, "cert", p->options.tls_cert);
    if (!good)
        cli_json_text(&j, "error", why);
    cli_json_end(&j, &p->out);
    if (good)
        cli_note(
            &p->out, CLI_DIM, "p2p: the certificate in %.400s is in use now", p->options.tls_cert);
    else
        cli_note(&p->out, CLI_YELLOW, "p2p: %s; the certificate from before stays in use", why);
}

/* --- watching --- */

static void changed(
    uv_fs_poll_t *poll, int status, const uv_stat_t *before, const uv_stat_t *after);

/* The files that the options name, which may be others than before. */
static void watch(cli_tls_files *own) {
    const cli_options *o = &own->program->options;
    const char *const paths[] = {o->tls_cert, o->tls_key};
    bool good = true;
    for (size_t i = 0; i < P2P_COUNT(own->polls); i++) {
        char now[PATH_MAX];
        size_t len = sizeof now;
        if (uv_fs_poll_getpath(&own->polls[i], now, &len) == 0 && strcmp(now, paths[i]) == 0)
            continue;
        uv_fs_poll_stop(&own->polls[i]);
        good = uv_fs_poll_start(&own->polls[i], changed, paths[i], LOOK_MS) == 0 && good;
    }
    if (!good)
        cli_note(&own->program->out, CLI_YELLOW,
            "p2p: %.400s cannot be watched; start again when it has changed", o->tls_cert);
}

static void reload(uv_timer_t *timer) {
    cli_tls_files *own = timer->data;
    char why[WHY_MAX];
    watch(own);
    bool good = load(own->program, p2p_node_host(own->node), why);
    say(own->program, good, why);
    p2p_node_kick(own->node);
}

static void settle(cli_tls_files *own, uint64_t ms) {
    uv_timer_start(&own->settled, reload, ms, 0);
}

/* A file that is gone is half of a renewal, or a mistake that the next look reports. */
static void changed(
    uv_fs_poll_t *poll, int status, const uv_stat_t *before, const uv_stat_t *after) {
    (void)status;
    (void)before;
    (void)after;
    settle(poll->data, SETTLE_MS);
}

static void hung_up(uv_signal_t *signal, int number) {
    (void)number;
    settle(signal->data, 0);
}

bool cli_tls_files_start(cli_tls_files *own, cli_program *p, p2p_node *node, uv_loop_t *loop) {
    char why[WHY_MAX];
    if (!load(p, p2p_node_host(node), why)) {
        cli_fail(p, "%s; give PEM files with --tls-cert and --tls-key", why);
        return false;
    }
    own->program = p;
    own->node = node;
    own->hangup.data = own->settled.data = own;
    uv_timer_init(loop, &own->settled);
    uv_signal_init(loop, &own->hangup);
    (void)uv_signal_start(&own->hangup, hung_up, SIGHUP);
    for (size_t i = 0; i < P2P_COUNT(own->polls); i++) {
        own->polls[i].data = own;
        uv_fs_poll_init(loop, &own->polls[i]);
        uv_unref((uv_handle_t *)&own->polls[i]);
    }
    watch(own);
    uv_unref((uv_handle_t *)&own->hangup);
    uv_unref((uv_handle_t *)&own->settled);
    return true;
}

void cli_tls_files_stop(cli_tls_files *own) {
    if (own->node == NULL)
        return;
    uv_close((uv_handle_t *)&own->settled, NULL);
    uv_close((uv_handle_t *)&own->hangup, NULL);
    for (size_t i = 0; i < P2P_COUNT(own->polls); i++)
        uv_close((uv_handle_t *)&own->polls[i], NULL);
    own->node = NULL;
}
