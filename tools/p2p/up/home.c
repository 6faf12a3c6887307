/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The node's key lives in the user's data directory (XDG Base Directory Specification), so that its
 * peer id and the addresses for browsers are the same after a restart. Two nodes with one key would
 * take each other's connections: the key file is locked while one runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../keyfile.h"
#include "up.h"

static const char KEY_NAME[] = "/key";
static const char ADVICE[] = "name another key file with --key, or take a key for this run only "
                             "with --ephemeral";

/* $XDG_DATA_HOME/p2p, which must be absolute to count, or ~/.local/share/p2p. */
static bool data_folder(cli_program *p, char *dst, size_t cap) {
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    int len = -1;
    if (data != NULL && data[0] == '/')
        len = snprintf(dst, cap, "%s/p2p", data);
    else if (home != NULL && home[0] == '/')
        len = snprintf(dst, cap, "%s/.local/share/p2p", home);
    if (len > 0 && (size_t)len < cap)
        return true;
    cli_fail(p,
        "there is no place to keep the node's key, as neither XDG_DATA_HOME nor HOME names "
        "a folder; %s",
        ADVICE);
    return false;
}

static bool make_folders(cli_program *p, char *path) {
    for (char *slash = path + 1; slash != NULL; slash++) {
        slash = strchr(slash, '/');
        if (slash != NULL)
            *slash = 0;
        int failed = mkdir(path, 0700) != 0 && errno != EEXIST ? errno : 0;
        if (failed != 0)
            cli_fail(p, "cannot make the folder %.300s for the node's key: %s; %s", path,
                strerror(failed), ADVICE);
        if (slash == NULL || failed != 0)
            return failed == 0;
        *slash = '/';
    }
    return true;
}

static bool make_key(cli_program *p, const char *path) {
    static const p2p_mem MEM = {0};
    p2p_identity *identity;
    p2p_err err = p2p_identity_generate(&identity, P2P_ED25519, &MEM, &cli_system_random);
    if (err != P2P_OK) {
        cli_fail(p, "cannot make a key: %s", p2p_err_text(err));
        return false;
    }
    bool made = cli_keyfile_write(p, path, identity);
    p2p_identity_free(identity);
    return made;
}

/* Opening fails only when reading will: cli_keyfile_read then says why. */
static bool lock_key(cli_program *p, const char *path, int *lock) {
    *lock = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*lock < 0 || flock(*lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return true;
    close(*lock);
    *lock = -1;
    cli_fail(p,
        "another p2p up runs with the key %.300s; stop that one, or give this one a key of its own "
        "with --key FILE or --ephemeral",
        path);
    return false;
}

bool up_home_key(cli_program *p, char *path, size_t cap, int *lock) {
    *lock = -1;
    if (p->options.ephemeral)
        return true;
    if (p->options.key != NULL)
        return lock_key(p, p->options.key, lock);
    if (!data_folder(p, path, cap - sizeof KEY_NAME) || !make_folders(p, path))
        return false;
    memcpy(path + strlen(path), KEY_NAME, sizeof KEY_NAME);
    if (access(path, F_OK) != 0 && errno == ENOENT && !make_key(p, path))
        return false;
    p->options.key = path;
    return lock_key(p, path, lock);
}
