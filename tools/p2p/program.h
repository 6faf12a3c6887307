/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the parts of the command line tool show each other.
 *
 * A command of the network is a program: start, event and interrupt on a host, nothing else. It
 * knows no socket, clock or loop, so the same code runs under a node (run.c) and under a recording
 * (replay.c), where it must do the same again. Whatever it decides must therefore follow from its
 * options, the host and the events; what it prints may depend on the terminal.
 */
#ifndef P2P_TOOL_PROGRAM_H
#define P2P_TOOL_PROGRAM_H

#include <p2p/node.h>

#include "out.h"

enum {
    CLI_OPERANDS_MAX = 2,
    CLI_LISTEN_MAX = 16,
    CLI_LIST_MAX = 8,
    CLI_ORIGINS_MAX = 32,
    CLI_STREAMS_MAX = 256,
    CLI_COUNT_MAX = 1000000
};

typedef enum cli_status { CLI_DONE = 0, CLI_FAILED = 1, CLI_WRONG_USE = 2 } cli_status;

typedef struct cli_options {
    const char *operands[CLI_OPERANDS_MAX];
    size_t operand_count;
    const char *listen[CLI_LISTEN_MAX];
    size_t listen_count;
    const char *key, *record, *qlog, *protocol, *page, *web, *tls_cert, *tls_key, *config;
    const p2p_security *security[CLI_LIST_MAX + 1];
    const p2p_muxer *muxers[CLI_LIST_MAX + 1];
    p2p_key_kind type;
    p2p_log_level log;
    bool json, ephemeral, no_page, open, hello_stdin, port_given;
    uint64_t port; /* if port_given */
    uint64_t count, upload, download, streams, requests;
    p2p_time interval, rto; /* 0: what the library thinks right */
    /* Only the configuration file says these. */
    p2p_limits limits;
    p2p_timeouts timeouts;
    const char *origins[CLI_ORIGINS_MAX + 1];
    size_t origin_count;
    bool no_stun_server;
} cli_options;

typedef struct cli_program cli_program;
typedef struct cli_config_file cli_config_file; /* config.h */
struct uv_loop_s;

typedef struct cli_command {
    const char *name;
    const char *operands; /* for the usage line: "ADDR" */
    size_t operands_min, operands_max;
    const char *options;        /* names of its options, between spaces: " json log " */
    const char *about;          /* one line */
    const char *help;           /* the rest of `p2p help NAME` */
    int (*run)(cli_program *p); /* the whole of it: programs have cli_run here */
    size_t self_size;           /* of its own state, cli_program.self, zeroed */
    /* What the option parser cannot see: false after a cli_wrong_use. May be NULL. */
    bool (*check)(cli_program *p);
    void (*start)(cli_program *p, p2p_host *host);
    void (*event)(cli_program *p, p2p_host *host, const p2p_event *event);
    void (*interrupt)(cli_program *p, p2p_host *host);
    /* For programs that cannot be recorded: they may use the loop. NULL for the others. */
    void (*attach)(cli_program *p, p2p_node *node, struct uv_loop_s *loop);
    void (*detach)(cli_program *p);
} cli_command;

struct cli_program {
    const cli_command *command;
    cli_options options;
    cli_config_file *config; /* what some options point into; NULL: no file was read */
    cli_out out;
    int status;
    const char *place; /* where the value stands that is read now; NULL: on the command line */
    uint64_t given;    /* a bit for each option that was a flag (args.c) */
    int argc;          /* the command line as given, without the program's name */
    char **argv;
    void *self;
    const char *offload; /* p2p_node_offload; NULL in a replay */
    bool kept;           /* a thread still uses self: it must not be freed */
};

const cli_command *cli_find_command(const char *name);

/* args.c: reads argv (argv[0] is the command's name) into p->options. False after one sentence. */
bool cli_parse(cli_program *p, int argc, char **argv);

/* For the configuration file: what kind of value an option of p's command takes, and giving it one.
 */
typedef enum cli_option_kind_of {
    CLI_OPTION_UNKNOWN,
    CLI_OPTION_SWITCH, /* none */
    CLI_OPTION_VALUE,
    CLI_OPTION_LIST
} cli_option_kind_of;

cli_option_kind_of cli_option_kind(const cli_program *p, const char *name);
/* What the options call a security protocol or muxer. */
const char *cli_plugin_name(const void *plugin);
bool cli_set_option(cli_program *p, const char *name, const char *value);
/* Prints the options of a command, a line each. */
void cli_print_options(const cli_command *command);
/* One sentence on stderr; the exit status becomes 1, or 2. */
P2P_PRINTF(2, 3) void cli_fail(cli_program *p, const char *format, ...);
P2P_PRINTF(2, 3) void cli_wrong_use(cli_program *p, const char *format, ...);

/* commands */
int cli_key(cli_program *p);
int cli_config(cli_program *p);
int cli_run(cli_program *p);
int cli_replay(cli_program *p);
int cli_help(cli_program *p);
int cli_version(cli_program *p);
extern const cli_command cli_up, cli_listen, cli_ping, cli_identify, cli_perf, cli_dial, cli_stun;

/* run.c, for replay too: the configuration that follows from the options, and the protocols. */
void cli_configure(const cli_program *p, p2p_config *config);

/* echo.c */
extern const p2p_protocol cli_echo_protocol;

#endif
