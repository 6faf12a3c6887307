/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reading and writing key files. A file that others can read is refused, as its key may be known to
 * them; an existing file is never written to, as its key would be lost.
 */
#include "keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"

static void fill_random(void *ctx, uint8_t *dst, size_t len) {
    (void)ctx;
    for (size_t at = 0; at < len;) {
        ssize_t n = getrandom(dst + at, len - at, 0);
        if (n < 0 && errno != EINTR)
            abort(); /* without randomness there are no keys */
        at += n > 0 ? (size_t)n : 0;
    }
}

const p2p_random cli_system_random = {fill_random, NULL};

/* --- reading --- */

static bool explain_open(cli_program *p, const char *path) {
    if (errno == ENOENT)
        cli_fail(p, "there is no key file %.200s; make one with `p2p key new %.200s`", path, path);
    else
        cli_fail(p, "cannot read the key file %.200s: %s", path, strerror(errno));
    return false;
}

static bool check_file(cli_program *p, const char *path, int fd) {
    struct stat st;
    if (fstat(fd, &st) != 0)
        return explain_open(p, path);
    if (!S_ISREG(st.st_mode)) {
        cli_fail(p, "%.200s is not a file; name a key file", path);
        return false;
    }
    if (st.st_mode & 077) {
        cli_fail(p,
            "others can use the key file %.200s; if nobody did, protect it with `chmod 600 %.200s`",
            path, path);
        return false;
    }
    return true;
}

static bool check_content(cli_program *p, const char *path, p2p_bytes content) {
    static const p2p_mem MEM = {0};
    p2p_identity *identity;
    p2p_err err = P2P_ERR_TOO_BIG;
    if (content.len == 0) {
        cli_fail(p, "the key file %.200s is empty; remove it and make a new one with `p2p key new`",
            path);
        return false;
    }
    if (content.len <= P2P_PRIVATE_KEY_MAX)
        err = p2p_identity_decode(&identity, content, &MEM);
    if (err == P2P_OK) {
        p2p_identity_free(identity);
        return true;
    }
    if (err == P2P_ERR_TOO_BIG)
        cli_fail(p, "%.200s is too big to be a key file; name another", path);
    else
        cli_fail(p, "the key file %.200s is damaged (%s); restore it or name another", path,
            err == P2P_ERR_INVALID       ? "its private and public half do not belong together"
            : err == P2P_ERR_MALFORMED   ? "this is no libp2p private key"
            : err == P2P_ERR_UNSUPPORTED ? "its kind of key is not known"
                                         : p2p_err_text(err));
    return false;
}

bool cli_keyfile_read(
    cli_program *p, const char *path, uint8_t bytes[P2P_PRIVATE_KEY_MAX], size_t *len) {
    uint8_t content[P2P_PRIVATE_KEY_MAX + 1];
    /* Not to hang on a named pipe. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return explain_open(p, path);
    bool good = check_file(p, path, fd);
    ssize_t n = 0;
    *len = 0;
    while (good && *len < sizeof content) {
        n = read(fd, content + *len, sizeof content - *len);
        if (n <= 0)
            break;
        *len += (size_t)n;
    }
    if (n < 0)
        good = explain_open(p, path);
    close(fd);
    good = good && check_content(p, path, p2p_bytes_of(content, *len));
    if (good)
        memcpy(bytes, content, *len);
    p2p_wipe(content, sizeof content);
    return good;
}

/* --- writing --- */

static bool write_all(int fd, const uint8_t *bytes, size_t len) {
    for (size_t at = 0; at < len;) {
        ssize_t n = write(fd, bytes + at, len - at);
        if (n < 0 && errno != EINTR)
            return false;
        at += n > 0 ? (size_t)n : 0;
    }
    return fsync(fd) == 0;
}

bool cli_keyfile_write(cli_program *p, const char *path, const p2p_identity *identity) {
    uint8_t bytes[P2P_PRIVATE_KEY_MAX];
    size_t len;
    p2p_err err = p2p_identity_private_key(identity, bytes, &len);
    if (err != P2P_OK) {
        cli_fail(p, "cannot make a key: %s", p2p_err_text(err));
        return false;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == EEXIST)
        cli_fail(
            p, "%.200s exists already and is left as it is; name a file that does not exist", path);
    else if (fd < 0)
        cli_fail(p, "cannot make the key file %.200s: %s", path, strerror(errno));
    bool written = fd >= 0 && write_all(fd, bytes, len);
    if (fd >= 0 && !written) {
        cli_fail(p, "cannot write the key file %.200s: %s; no file is left", path, strerror(errno));
        (void)unlink(path);
    }
    if (fd >= 0)
        close(fd);
    p2p_wipe(bytes, sizeof bytes);
    return written;
}
