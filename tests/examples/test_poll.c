/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Starts the poll example and has it echo a megabyte to a node. */
#include <p2p/node.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"

enum { TOTAL = 1 << 20 };

typedef struct scene {
    p2p_node *node;
    size_t sent, received;
    bool opened, ended;
    p2p_stream_end end;
} scene;

static uint8_t pattern(size_t at) {
    return (uint8_t)(at * 13 + (at >> 10));
}

static void send_more(p2p_stream *stream, void *self) {
    scene *s = self;
    uint8_t block[8192];
    while (s->sent < TOTAL) {
        size_t len = TOTAL - s->sent < sizeof block ? TOTAL - s->sent : sizeof block;
        for (size_t i = 0; i < len; i++)
            block[i] = pattern(s->sent + i);
        size_t taken = p2p_stream_write(stream, p2p_bytes_of(block, len));
        s->sent += taken;
        if (taken < len)
            return;
    }
    p2p_stream_shut(stream);
}

static void check_echo(p2p_stream *stream, void *self) {
    scene *s = self;
    for (p2p_bytes view; (view = p2p_stream_peek(stream)).len > 0;) {
        for (size_t i = 0; i < view.len; i++)
            check(view.ptr[i] == pattern(s->received + i));
        s->received += view.len;
        p2p_stream_consume(stream, view.len);
    }
}

static void closed(p2p_stream *stream, const p2p_stream_end *end, void *self) {
    scene *s = self;
    (void)stream;
    s->ended = true;
    s->end = *end;
    p2p_host_close(p2p_node_host(s->node));
}

static const char *const IDS[] = {"/echo/1.0.0", NULL};
static const p2p_protocol ECHO = {.size = sizeof(p2p_protocol),
    .ids = IDS,
    .opened = send_more,
    .readable = check_echo,
    .writable = send_more,
    .closed = closed};

static void on_event(void *ctx, p2p_host *host, const p2p_event *event) {
    scene *s = ctx;
    (void)host;
    if (event->type == P2P_EVENT_DIALED) {
        s->opened = true;
        check_ok(p2p_conn_open(event->conn, &ECHO, s, NULL));
    }
    if (event->type == P2P_EVENT_DIAL_FAILED)
        fail_msg("%s", event->reason.text);
}

/* Its pid; its output is read from *out. */
static pid_t start_example(FILE **out) {
    int ends[2];
    check(pipe(ends) == 0);
    pid_t child = fork();
    check(child >= 0);
    if (child == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        execl(P2P_EXAMPLE, P2P_EXAMPLE, "0", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    *out = fdopen(ends[0], "r");
    return child;
}

static void the_poll_example_echoes(void **state) {
    (void)state;
    scene s = {0};
    seeded_random keys;
    FILE *out;
    char line[512];
    p2p_multiaddr addr;
    p2p_config config = P2P_CONFIG_DEFAULTS;
    pid_t child = start_example(&out);
    check(fgets(line, sizeof line, out) != NULL);
    char *text = strchr(line, '/');
    check(text != NULL);
    text[strcspn(text, "\n")] = 0;
    check_ok(p2p_multiaddr_parse(&addr, text, NULL));

    seeded_random_init(&keys, 5);
    check_ok(p2p_identity_generate(&config.identity, P2P_ED25519, &config.mem, &keys.random));
    check_ok(p2p_node_new(&s.node, &config));
    p2p_node_on_event(s.node, on_event, &s);
    check_ok(p2p_host_dial(p2p_node_host(s.node), NULL, &addr, 1, NULL, NULL));
    p2p_node_run(s.node);
    check(s.opened && s.ended && s.received == TOTAL);
    check_ok(s.end.err);
    p2p_node_free(s.node);
    p2p_identity_free(config.identity);

    check(kill(child, SIGTERM) == 0);
    int status;
    check(waitpid(child, &status, 0) == child);
    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    (void)fclose(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_poll_example_echoes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
