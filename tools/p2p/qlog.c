/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "qlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const p2p_mem MEM = {0};

enum { KEPT_MAX = 32 * 1024, PATH_SIZE = 4096, CID_MAX = 20 };

/* A connection's file. */
typedef struct page {
    char path[PATH_SIZE];
    bool made;
    size_t kept;
    uint8_t bytes[KEPT_MAX];
} page;

static void fail(cli_qlog *own, const char *path) {
    int number = errno;
    if (!own->failed)
        cli_fail(own->program, "cannot write the qlog %.400s: %s; no more qlogs are written", path,
            strerror(number));
    own->failed = true;
}

bool cli_qlog_open(cli_qlog *own, cli_program *p) {
    const char *folder = p->options.qlog;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && access(folder, W_OK | X_OK) == 0;
    *own = (cli_qlog){.program = p};
    p2p_map_init(&own->open, &MEM, 0);
    if (!good)
        cli_fail(p,
            "cannot write qlogs into %.400s: %s; give a folder that is there (mkdir) and "
            "may be written",
            folder, strerror(errno));
    if (fd >= 0)
        close(fd);
    return good;
}

static bool write_all(int fd, const uint8_t *bytes, size_t len) {
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

/* Nothing that is there already is touched. */
static void flush(cli_qlog *own, page *to) {
    if (own->failed || to->kept == 0)
        return;
    int how = to->made ? O_APPEND : O_CREAT | O_EXCL;
    int fd = open(to->path, O_WRONLY | O_CLOEXEC | how, 0600);
    bool good = fd >= 0 && write_all(fd, to->bytes, to->kept);
    if (fd >= 0 && close(fd) != 0)
        good = false;
    if (!good)
        fail(own, to->path);
    to->made = true;
    to->kept = 0;
}

static page *new_page(cli_qlog *own, const p2p_qlog_piece *piece) {
    page *to = calloc(1, sizeof *to);
    char cid[2 * CID_MAX + 1] = "";
    if (to == NULL || p2p_map_put(&own->open, piece->number, to) != P2P_OK) {
        free(to);
        errno = ENOMEM;
        fail(own, own->program->options.qlog);
        return NULL;
    }
    for (size_t i = 0; i < piece->cid.len && i < CID_MAX; i++)
        snprintf(&cid[2 * i], 3, "%02x", piece->cid.ptr[i]);
    int len = snprintf(to->path, sizeof to->path, "%s/%s-%llu-%ld-%s.sqlog",
        own->program->options.qlog, cid, (unsigned long long)piece->number, (long)getpid(),
        piece->outbound ? "client" : "server");
    if (len < 0 || (size_t)len >= sizeof to->path) {
        errno = ENAMETOOLONG;
        fail(own, own->program->options.qlog);
    }
    return to;
}

void cli_qlog_write(void *ctx, const p2p_qlog_piece *piece) {
    cli_qlog *own = ctx;
    page *to = p2p_map_get(&own->open, piece->number);
    if (to == NULL && !own->failed)
        to = new_page(own, piece);
    if (to == NULL)
        return;
    for (size_t at = 0; at < piece->bytes.len && !own->failed;) {
        size_t len = piece->bytes.len - at, room = sizeof to->bytes - to->kept;
        len = len < room ? len : room;
        memcpy(to->bytes + to->kept, piece->bytes.ptr + at, len);
        to->kept += len;
        at += len;
        if (to->kept == sizeof to->bytes)
            flush(own, to);
    }
    if (!piece->end)
        return;
    flush(own, to);
    p2p_map_remove(&own->open, piece->number);
    free(to);
}

void cli_qlog_close(cli_qlog *own) {
    size_t at = 0;
    for (p2p_map_entry *entry; (entry = p2p_map_next(&own->open, &at)) != NULL;) {
        flush(own, entry->value);
        free(entry->value);
    }
    p2p_map_deinit(&own->open);
    if (own->failed)
        own->program->status = CLI_FAILED;
}
