/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"

enum { FILE_BUFFER = 1024 * 1024 };

static void fail(cli_recorder *r) {
    int number = errno;
    if (!r->failed)
        cli_fail(r->program,
            "cannot write the recording %.200s: %s; recording has stopped and it cannot be played",
            r->program->options.record, strerror(number));
    r->failed = true;
    if (r->file != NULL)
        fclose(r->file);
    r->file = NULL;
}

/* A new file; a device or pipe that is there already will do too. */
static int open_file(const char *path) {
    struct stat st;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0 || errno != EEXIST)
        return fd;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return open(path, O_WRONLY | O_CLOEXEC);
    errno = EEXIST;
    return -1;
}

bool cli_recorder_open(cli_recorder *r, cli_program *p, const char *path) {
    *r = (cli_recorder){.program = p, .body = malloc(CLI_BODY_MAX)};
    int fd = r->body == NULL ? -1 : open_file(path);
    r->file = fd < 0 ? NULL : fdopen(fd, "wb");
    if (r->file == NULL) {
        bool exists = r->body != NULL && errno == EEXIST;
        cli_fail(p,
            exists ? "%.200s exists already (%s) and is left as it is; record to a new file"
                   : "cannot make the recording %.200s: %s",
            path, strerror(errno));
        if (fd >= 0)
            close(fd);
        free(r->body);
        r->body = NULL;
        return false;
    }
    (void)setvbuf(r->file, NULL, _IOFBF, FILE_BUFFER);
    cli_chain_start(r->chain);
    if (fwrite(CLI_RECORDING_MAGIC, 1, sizeof CLI_RECORDING_MAGIC - 1, r->file) == 0 ||
        fputc(CLI_RECORDING_VERSION, r->file) == EOF)
        fail(r);
    cli_note(&p->out, CLI_YELLOW,
        "p2p: recording to %.200s; it holds the private key and all secrets of this run: keep it "
        "to "
        "yourself",
        path);
    return true;
}

static void put_frame(cli_recorder *r, const p2p_writer *body) {
    uint8_t head[10];
    p2p_writer w = p2p_writer_of(head, sizeof head);
    if (r->file == NULL)
        return;
    if (p2p_writer_end(body) != P2P_OK) {
        errno = EFBIG;
        fail(r);
        return;
    }
    p2p_bytes view = p2p_writer_view(body);
    p2p_writer_uvarint(&w, view.len);
    cli_chain_add(r->chain, view);
    r->frames++;
    if (fwrite(head, 1, w.len, r->file) != w.len ||
        fwrite(view.ptr, 1, view.len, r->file) != view.len ||
        fwrite(r->chain, 1, CLI_CHECK_LEN, r->file) != CLI_CHECK_LEN)
        fail(r);
}

void cli_recorder_header(cli_recorder *r, const cli_header *header) {
    p2p_writer w = p2p_writer_of(r->body, CLI_BODY_MAX);
    cli_encode_header(&w, header);
    put_frame(r, &w);
    p2p_wipe(r->body, w.len < CLI_BODY_MAX ? w.len : CLI_BODY_MAX);
    r->before = header->started;
}

void cli_recorder_crossing(void *ctx, const p2p_crossing *crossing) {
    cli_recorder *r = ctx;
    p2p_writer w = p2p_writer_of(r->body, CLI_BODY_MAX);
    if (r->file == NULL)
        return;
    cli_encode_crossing(&w, crossing, r->before);
    if (crossing->type == P2P_CROSSING_INPUT)
        r->before = crossing->input->now;
    put_frame(r, &w);
}

void cli_recorder_interrupt(cli_recorder *r) {
    p2p_writer w = p2p_writer_of(r->body, CLI_BODY_MAX);
    cli_encode_interrupt(&w);
    put_frame(r, &w);
}

void cli_recorder_close(cli_recorder *r) {
    p2p_writer w = p2p_writer_of(r->body, CLI_BODY_MAX);
    if (r->body == NULL)
        return;
    cli_encode_end(&w, r->frames);
    put_frame(r, &w);
    if (r->file != NULL && fflush(r->file) != 0)
        fail(r);
    if (r->file != NULL) {
        FILE *file = r->file;
        r->file = NULL;
        if (fclose(file) != 0)
            fail(r);
    }
    if (r->failed)
        r->program->status = CLI_FAILED;
    free(r->body);
    r->body = NULL;
}
