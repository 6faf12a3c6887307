/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The page's files, out of one folder. A path is taken only if it is made of plain names, so none
 * can lead out of the folder or to a hidden file, and only files of known types are given away.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "up.h"

static const char *const TYPES[][2] = {{"html", "text/html; charset=utf-8"},
    {"css", "text/css; charset=utf-8"}, {"js", "text/javascript; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"}, {"map", "application/json"},
    {"svg", "image/svg+xml"}, {"png", "image/png"}, {"ico", "image/x-icon"},
    {"webmanifest", "application/manifest+json"}};

static const char NO_PAGE[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>p2p up</title>"
    "<h1>The node runs; its page was not built</h1>"
    "<p>Build it with <code>./dev build</code>, or name its folder with <code>--web</code>, and "
    "start again.</p>"
    "<p>What the page would show: <a href=\"/api/node\">/api/node</a>, "
    "<a href=\"/api/peers\">/api/peers</a>, <a href=\"/metrics\">/metrics</a>.</p></html>\n";

/* --- the folder --- */

static int open_folder(const char *path) {
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Beside the program, as in a build tree, else as `cmake --install` puts it. */
int up_web_open(const char *wanted, char *where, size_t cap) {
    static const char *const PLACES[] = {"web", "../share/p2p/web"};
    char program[768];
    if (wanted != NULL) {
        snprintf(where, cap, "%s", wanted);
        return open_folder(wanted);
    }
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    program[len > 0 ? len : 0] = 0;
    char *slash = strrchr(program, '/');
    int fd = -1;
    if (slash != NULL)
        slash[1] = 0;
    for (size_t i = 0; i < P2P_COUNT(PLACES) && fd < 0; i++) {
        snprintf(where, cap, "%s%s", program, PLACES[i]);
        fd = open_folder(where);
    }
    if (fd < 0)
        snprintf(where, cap, "%s%s", program, PLACES[0]);
    return fd;
}

/* --- a file --- */

static bool is_plain(const char *path) {
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-_./";
    if (path[0] == 0 || path[0] == '.' || strlen(path) > 255 || path[strspn(path, ALLOWED)] != 0)
        return false;
    return strstr(path, "/.") == NULL && strstr(path, "//") == NULL;
}

static const char *type_of(const char *path) {
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot != NULL && i < P2P_COUNT(TYPES); i++)
        if (strcmp(dot + 1, TYPES[i][0]) == 0)
            return TYPES[i][1];
    return NULL;
}

/* Changes whenever the file does. */
static void etag_of(char dst[64], const struct stat *st) {
    snprintf(dst, 64, "\"%llx-%llx-%llx\"", (unsigned long long)st->st_ino,
        (unsigned long long)st->st_size,
        (unsigned long long)st->st_mtim.tv_sec * 1000000000 + (uint64_t)st->st_mtim.tv_nsec);
}

static void answer_file(up_request *r, int fd, const struct stat *st, const char *type) {
    char etag[64];
    const char *known = up_request_header(r, MHD_HTTP_HEADER_IF_NONE_MATCH);
    etag_of(etag, st);
    bool same = known != NULL && strcmp(known, etag) == 0;
    struct MHD_Response *response =
        same ? MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT)
             : MHD_create_response_from_fd((size_t)st->st_size, fd);
    if (response == NULL || same)
        close(fd);
    if (response != NULL) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, etag);
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    }
    up_answer_with(r, same ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, response);
}

void up_serve_file(up *u, up_request *r) {
    const char *path = strcmp(r->path, "/") == 0 ? "index.html" : r->path + 1;
    const char *type = is_plain(path) ? type_of(path) : NULL;
    struct stat st;
    int fd = -1;
    if (type != NULL && u->http.web >= 0)
        fd = openat(u->http.web, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        answer_file(r, fd, &st, type);
        return;
    }
    if (fd >= 0)
        close(fd);
    if (strcmp(r->path, "/") == 0)
        up_answer(r, MHD_HTTP_SERVICE_UNAVAILABLE, TYPES[0][1], p2p_bytes_text(NO_PAGE));
    else
        up_answer_error(r, MHD_HTTP_NOT_FOUND, "there is no %.200s here", r->path);
}
