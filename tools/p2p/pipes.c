/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "pipes.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"

static ssize_t read_some(int fd, uint8_t *dst, size_t len) {
    ssize_t n;
    do {
        n = read(fd, dst, len);
    } while (n < 0 && errno == EINTR);
    return n;
}

static int write_all(int fd, const uint8_t *bytes, size_t len) {
    for (size_t at = 0; at < len;) {
        ssize_t n = write(fd, bytes + at, len - at);
        if (n < 0 && errno != EINTR)
            return errno;
        at += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* One turn of the thread, which has the block; the lock is not held. */
static void turn(cli_pipe *pipe) {
    int error = 0;
    ssize_t n = 0;
    if (pipe->writes) {
        error = write_all(pipe->fd, pipe->block, pipe->len);
    } else {
        n = read_some(pipe->fd, pipe->block, sizeof pipe->block);
        error = n < 0 ? errno : 0;
    }
    uv_mutex_lock(&pipe->lock);
    pipe->len = n > 0 ? (size_t)n : 0;
    pipe->used = 0;
    pipe->error = error;
    pipe->ended = error != 0 || (!pipe->writes && n == 0);
    pipe->busy = false;
    if (!pipe->quit)
        uv_async_send(&pipe->async);
    uv_mutex_unlock(&pipe->lock);
}

static void work(void *arg) {
    cli_pipe *pipe = arg;
    for (bool more = true; more;) {
        uv_mutex_lock(&pipe->lock);
        while (!pipe->busy && !pipe->quit)
            uv_cond_wait(&pipe->changed, &pipe->lock);
        more = !pipe->quit;
        uv_mutex_unlock(&pipe->lock);
        if (more)
            turn(pipe);
    }
}

static void on_async(uv_async_t *async) {
    cli_pipe *pipe = P2P_CONTAINER(async, cli_pipe, async);
    pipe->woken(pipe->ctx);
}

static void hand_over(cli_pipe *pipe) {
    pipe->busy = true;
    uv_cond_signal(&pipe->changed);
}

bool cli_pipe_start(
    cli_pipe *pipe, uv_loop_t *loop, int fd, bool writes, void (*woken)(void *ctx), void *ctx) {
    pipe->fd = fd;
    pipe->writes = writes;
    pipe->woken = woken;
    pipe->ctx = ctx;
    pipe->busy = !writes; /* reading begins at once */
    if (uv_mutex_init(&pipe->lock) != 0)
        return false;
    if (uv_cond_init(&pipe->changed) != 0 || uv_async_init(loop, &pipe->async, on_async) != 0)
        return false;
    uv_unref((uv_handle_t *)&pipe->async);
    pipe->running = uv_thread_create(&pipe->thread, work, pipe) == 0;
    if (!pipe->running)
        uv_close((uv_handle_t *)&pipe->async, NULL);
    return pipe->running;
}

p2p_bytes cli_pipe_peek(cli_pipe *pipe) {
    uv_mutex_lock(&pipe->lock);
    p2p_bytes view = {pipe->block, 0};
    if (!pipe->busy)
        view = p2p_bytes_of(pipe->block + pipe->used, pipe->len - pipe->used);
    uv_mutex_unlock(&pipe->lock);
    return view;
}

void cli_pipe_consume(cli_pipe *pipe, size_t len) {
    uv_mutex_lock(&pipe->lock);
    pipe->used += len;
    if (!pipe->busy && pipe->used == pipe->len && !pipe->ended)
        hand_over(pipe);
    uv_mutex_unlock(&pipe->lock);
}

bool cli_pipe_at_end(cli_pipe *pipe, int *error) {
    uv_mutex_lock(&pipe->lock);
    bool end = pipe->ended && pipe->used == pipe->len;
    *error = pipe->error;
    uv_mutex_unlock(&pipe->lock);
    return end;
}

bool cli_pipe_write(cli_pipe *pipe, p2p_bytes bytes) {
    uv_mutex_lock(&pipe->lock);
    bool room = !pipe->busy && !pipe->ended && bytes.len <= sizeof pipe->block;
    if (room) {
        p2p_copy(pipe->block, bytes.ptr, bytes.len);
        pipe->len = bytes.len;
        hand_over(pipe);
    }
    uv_mutex_unlock(&pipe->lock);
    return room;
}

bool cli_pipe_idle(cli_pipe *pipe, int *error) {
    uv_mutex_lock(&pipe->lock);
    bool idle = !pipe->busy;
    *error = pipe->error;
    uv_mutex_unlock(&pipe->lock);
    return idle;
}

bool cli_pipe_stop(cli_pipe *pipe) {
    if (!pipe->running)
        return true;
    pipe->running = false;
    uv_mutex_lock(&pipe->lock);
    pipe->quit = true;
    bool hangs = pipe->busy;
    uv_cond_signal(&pipe->changed);
    uv_mutex_unlock(&pipe->lock);
    if (!hangs)
        (void)uv_thread_join(&pipe->thread);
    uv_close((uv_handle_t *)&pipe->async, NULL);
    return !hangs;
}
