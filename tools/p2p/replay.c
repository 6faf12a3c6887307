/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * p2p replay: builds the host of a recording again, takes it and its program through the same
 * crossings, and compares every frame that the host answers with.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "program.h"
#include "recording.h"

static const p2p_mem MEM = {0};

typedef struct player {
    cli_program *asker; /* the replay command itself */
    const char *path;
    FILE *file;
    uint8_t *body, *mine, *drawn;
    size_t body_len;
    uint8_t chain[CLI_CHAIN_LEN];
    uint64_t frames;
    bool over; /* END was read, or something failed */
    char *args_text;
    char *args[CLI_ARGS_MAX + 1];
    cli_program program;
    cli_seeded seeded;
    p2p_identity *identity;
    p2p_host *host;
    p2p_time started, now;
    uint64_t counts[CLI_KIND_COUNT], drawn_bytes, input_bytes;
} player;

static void fail(player *own, const char *what) {
    if (!own->over)
        cli_fail(own->asker, "%.200s %s", own->path, what);
    own->over = true;
}

/* --- reading --- */

static const char CUT_OFF[] =
    "is cut off: the recording was not finished; record again and end with Ctrl-C";
static const char DAMAGED[] = "is damaged: a checksum does not match; use an unchanged copy";
static const char MALFORMED[] = "is damaged: a frame makes no sense; use an unchanged copy";

static bool read_exactly(player *own, void *dst, size_t len) {
    if (fread(dst, 1, len, own->file) == len)
        return true;
    if (ferror(own->file))
        cli_fail(own->asker, "cannot read %.200s: %s", own->path, strerror(errno));
    else
        fail(own, CUT_OFF);
    own->over = true;
    return false;
}

static bool read_length(player *own, size_t *len) {
    uint8_t bytes[9];
    size_t n = 0;
    do {
        if (!read_exactly(own, &bytes[n], 1))
            return false;
    } while (bytes[n++] >= 0x80 && n < sizeof bytes);
    p2p_cursor c = p2p_cursor_of(p2p_bytes_of(bytes, n));
    uint64_t value = p2p_cursor_uvarint(&c);
    if (p2p_cursor_end(&c) != P2P_OK || value == 0 || value > CLI_BODY_MAX) {
        fail(own, MALFORMED);
        return false;
    }
    *len = (size_t)value;
    return true;
}

static bool read_frame(player *own) {
    uint8_t check[CLI_CHECK_LEN];
    if (!read_length(own, &own->body_len) || !read_exactly(own, own->body, own->body_len) ||
        !read_exactly(own, check, sizeof check))
        return false;
    cli_chain_add(own->chain, p2p_bytes_of(own->body, own->body_len));
    if (memcmp(check, own->chain, sizeof check) != 0) {
        fail(own, DAMAGED);
        return false;
    }
    return true;
}

static bool read_magic(player *own) {
    char magic[sizeof CLI_RECORDING_MAGIC];
    size_t len = fread(magic, 1, sizeof magic, own->file);
    if (len != sizeof magic || memcmp(magic, CLI_RECORDING_MAGIC, sizeof magic - 1) != 0) {
        fail(own, "is no recording; name a file that was written with --record");
        return false;
    }
    if (magic[sizeof magic - 1] != CLI_RECORDING_VERSION) {
        fail(own, "is a recording of another version of the format; use the p2p that made it");
        return false;
    }
    cli_chain_start(own->chain);
    return true;
}

/* --- building the host --- */

static bool build_program(player *own, const cli_header *h) {
    cli_program *p = &own->program;
    char *at = own->args_text = malloc(CLI_ARGS_TEXT_MAX);
    if (at == NULL)
        return false;
    for (size_t i = 0; i < h->arg_count; i++) {
        own->args[i] = at;
        p2p_copy(at, h->args[i].ptr, h->args[i].len);
        at += h->args[i].len;
        *at++ = 0;
    }
    p->command = cli_find_command(own->args[0]);
    p->argc = (int)h->arg_count;
    p->argv = own->args;
    p->out.silent = true;
    if (p->command == NULL || p->command->start == NULL || p->command->attach != NULL ||
        !cli_parse(p, p->argc, p->argv))
        return false;
    p->self = calloc(1, p->command->self_size + 1);
    p->options.log = own->asker->options.log;
    return p->self != NULL;
}

static bool build_host(player *own, const cli_header *h) {
    p2p_config config;
    cli_seeded_init(&own->seeded, h->seed, "p2p recording: host");
    if (!cli_seed_libraries(h->seed) ||
        p2p_identity_decode(&own->identity, h->private_key, &MEM) != P2P_OK)
        return false;
    cli_configure(&own->program, &config);
    config.identity = own->identity;
    config.random = (p2p_random){cli_seeded_fill, &own->seeded};
    config.wall_ms = h->wall_ms;
    return p2p_host_new(&own->host, &config, h->started) == P2P_OK;
}

static bool build(player *own) {
    cli_header h;
    if (!read_magic(own) || !read_frame(own))
        return false;
    p2p_cursor c = p2p_cursor_of(p2p_bytes_of(own->body, own->body_len));
    if (p2p_cursor_u8(&c) != CLI_HEADER || cli_decode_header(&h, &c) != P2P_OK) {
        fail(own, MALFORMED);
        return false;
    }
    if (!p2p_bytes_equal(h.version, p2p_bytes_text(p2p_version()))) {
        fail(own, "was made by another version of p2p, whose hosts may do other things; use that");
        return false;
    }
    if (!build_program(own, &h) || !build_host(own, &h)) {
        fail(own, "holds a command line or key that this p2p cannot use; use the p2p that made it");
        return false;
    }
    own->started = own->now = h.started;
    own->frames = 1;
    own->program.command->start(&own->program, own->host);
    return true;
}

/* --- playing --- */

static void differ(player *own, p2p_bytes theirs, p2p_bytes mine) {
    char recorded[256], replayed[256];
    cli_describe(recorded, sizeof recorded, theirs);
    cli_describe(replayed, sizeof replayed, mine);
    bool same = strcmp(recorded, replayed) == 0;
    cli_fail(own->asker, "frame %llu of %.200s (%.6f s) differs: recorded was %s, replayed was %s",
        (unsigned long long)own->frames, own->path,
        (double)(own->now - own->started) / (double)P2P_SECOND, recorded,
        same ? "the same with other contents" : replayed);
    own->over = true;
}

/* Compares what the host gave with what it gave then. */
static void compare(player *own, const p2p_crossing *crossing) {
    p2p_writer w = p2p_writer_of(own->mine, CLI_BODY_MAX);
    cli_encode_crossing(&w, crossing, 0);
    p2p_bytes theirs = p2p_bytes_of(own->body, own->body_len), mine = p2p_writer_view(&w);
    if (p2p_writer_end(&w) != P2P_OK || !p2p_bytes_equal(theirs, mine))
        differ(own, theirs, mine);
}

static void play_input(player *own, p2p_cursor *c) {
    p2p_sockaddr addrs[CLI_INPUT_ADDRS_MAX];
    p2p_input input;
    if (cli_decode_input(&input, addrs, c, own->now) != P2P_OK) {
        fail(own, MALFORMED);
        return;
    }
    own->now = input.now;
    own->input_bytes += input.len;
    p2p_host_input(own->host, &input);
}

static void play_draw(player *own, p2p_cursor *c, bool datagrams) {
    p2p_crossing crossing = {.type = datagrams ? P2P_CROSSING_DATAGRAMS : P2P_CROSSING_DRAW};
    p2p_datagrams sent = {0};
    if (cli_decode_draw(&crossing.socket, &crossing.cap, &crossing.max_segments, c, datagrams) !=
        P2P_OK) {
        fail(own, MALFORMED);
        return;
    }
    size_t len = 0;
    if (!datagrams)
        len = p2p_host_draw(own->host, crossing.socket, own->drawn, crossing.cap);
    else if (p2p_host_draw_datagrams(own->host, crossing.socket, own->drawn, crossing.cap,
                 crossing.max_segments, &sent)) {
        crossing.datagrams = &sent;
        len = sent.len;
    }
    crossing.drawn = p2p_bytes_of(own->drawn, len);
    own->drawn_bytes += len;
    compare(own, &crossing);
}

static void play_effect(player *own) {
    p2p_effect effect;
    bool some = p2p_host_next_effect(own->host, &effect);
    own->counts[CLI_EFFECT] += some;
    compare(own, &(p2p_crossing){.type = P2P_CROSSING_EFFECT, .effect = some ? &effect : NULL});
}

static void play_event(player *own) {
    p2p_event event;
    bool some = p2p_host_next_event(own->host, &event);
    own->counts[CLI_EVENT] += some;
    compare(own, &(p2p_crossing){.type = P2P_CROSSING_EVENT, .event = some ? &event : NULL});
    if (some && !own->over)
        own->program.command->event(&own->program, own->host, &event);
}

static void play_end(player *own, p2p_cursor *c) {
    uint64_t frames;
    if (cli_decode_end(&frames, c) != P2P_OK || frames != own->frames)
        fail(own, MALFORMED);
    own->over = true;
}

static void play_frame(player *own) {
    p2p_cursor c = p2p_cursor_of(p2p_bytes_of(own->body, own->body_len));
    unsigned kind = p2p_cursor_u8(&c);
    if (kind == CLI_INPUT || kind == CLI_DRAW || kind == CLI_DATAGRAMS)
        own->counts[kind]++;
    switch (kind) {
    case CLI_INPUT:
        play_input(own, &c);
        break;
    case CLI_EFFECT:
        play_effect(own);
        break;
    case CLI_DRAW:
    case CLI_DATAGRAMS:
        play_draw(own, &c, kind == CLI_DATAGRAMS);
        break;
    case CLI_EVENT:
        play_event(own);
        break;
    case CLI_INTERRUPT:
        own->program.command->interrupt(&own->program, own->host);
        break;
    case CLI_END:
        play_end(own, &c);
        break;
    default:
        fail(own, MALFORMED);
        break;
    }
    own->frames++;
}

/* --- the whole --- */

static void report(player *own, double seconds) {
    static cli_json j;
    cli_out *out = &own->asker->out;
    uint64_t draws = own->counts[CLI_DRAW] + own->counts[CLI_DATAGRAMS];
    cli_json_begin(&j, "replay");
    cli_json_text(&j, "file", own->path);
    cli_json_text(&j, "command", own->program.command->name);
    cli_json_bool(&j, "same", true);
    cli_json_int(&j, "inputs", own->counts[CLI_INPUT]);
    cli_json_int(&j, "input_bytes", own->input_bytes);
    cli_json_int(&j, "effects", own->counts[CLI_EFFECT]);
    cli_json_int(&j, "draws", draws);
    cli_json_int(&j, "drawn_bytes", own->drawn_bytes);
    cli_json_int(&j, "events", own->counts[CLI_EVENT]);
    cli_json_float(&j, "recorded_seconds", (double)(own->now - own->started) / (double)P2P_SECOND);
    cli_json_float(&j, "replay_seconds", seconds);
    cli_json_end(&j, out);
    cli_say(out, CLI_GREEN,
        "the same: %llu inputs (%llu bytes) gave %llu effects, %llu draws (%llu bytes), %llu "
        "events",
        (unsigned long long)own->counts[CLI_INPUT], (unsigned long long)own->input_bytes,
        (unsigned long long)own->counts[CLI_EFFECT], (unsigned long long)draws,
        (unsigned long long)own->drawn_bytes, (unsigned long long)own->counts[CLI_EVENT]);
}

static double seconds_now(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void play(player *own) {
    own->body = malloc(CLI_BODY_MAX);
    own->mine = malloc(CLI_BODY_MAX);
    own->drawn = malloc(CLI_DRAW_CAP_MAX);
    if (own->body == NULL || own->mine == NULL || own->drawn == NULL) {
        fail(own, "needs more memory than there is; close other programs and try again");
        return;
    }
    double begun = seconds_now();
    if (!build(own))
        return;
    while (!own->over && read_frame(own))
        play_frame(own);
    if (own->asker->status == CLI_DONE)
        report(own, seconds_now() - begun);
}

int cli_replay(cli_program *p) {
    static player own;
    own.asker = p;
    own.path = p->options.operands[0];
    own.file = fopen(own.path, "rbe");
    if (own.file == NULL) {
        cli_fail(p, "cannot read the recording %.200s: %s", own.path, strerror(errno));
        return p->status;
    }
    play(&own);
    p2p_host_free(own.host);
    p2p_identity_free(own.identity);
    cli_unseed_libraries();
    fclose(own.file);
    free(own.program.self);
    free(own.args_text);
    free(own.body);
    free(own.mine);
    free(own.drawn);
    return p->status;
}
