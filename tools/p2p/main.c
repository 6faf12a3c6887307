/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The command line tool: finds the command, reads its options, runs it, and gives the exit status:
 * 0 done, 1 failed, 2 wrong use. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <uv.h>

#include "config.h"

static const cli_command KEY = {.name = "key",
    .operands = "new|show FILE",
    .operands_min = 2,
    .operands_max = 2,
    .options = " type json ",
    .about = "make a key file, or show whose it is",
    .help = "`key new` writes a new private key to FILE, which must not exist yet, for its owner\n"
            "alone. `key show` prints peer id, type and public key of the key in FILE.",
    .run = cli_key};

static const cli_command CONFIG = {.name = "config",
    .operands = "check|show [FILE]",
    .operands_min = 1,
    .operands_max = 2,
    .options = " ",
    .about = "check a configuration of p2p up, or show what follows from it",
    .help =
        "`config check` says what is wrong with FILE, by line and column. `config show` prints\n"
        "all settings that are in force with FILE; without FILE, with the one that p2p up\n"
        "would read. The settings are explained in docs/p2p.yaml.",
    .run = cli_config};

static const cli_command REPLAY = {.name = "replay",
    .operands = "FILE",
    .operands_min = 1,
    .operands_max = 1,
    .options = " json log ",
    .about = "run a recording again and compare",
    .help = "Runs the host of a recording (--record) again without network and compares every\n"
            "effect, drawn byte and event. Exit status 0: all the same; 1: the first difference\n"
            "is printed.",
    .run = cli_replay};

static const cli_command VERSION = {.name = "version",
    .operands = "",
    .options = " json ",
    .about = "print versions",
    .help = "Prints the version of the tool and of the libraries it runs with.",
    .run = cli_version};

static const cli_command HELP = {.name = "help",
    .operands = "[COMMAND]",
    .operands_max = 1,
    .options = " ",
    .about = "print this, or all about a command",
    .help = "Prints the list of commands, or one command with its options.",
    .run = cli_help};

static const cli_command *const COMMANDS[] = {&cli_up, &KEY, &CONFIG, &cli_listen, &cli_ping,
    &cli_identify, &cli_perf, &cli_dial, &cli_stun, &REPLAY, &VERSION, &HELP};

#define COMMAND_COUNT (sizeof COMMANDS / sizeof COMMANDS[0])

const cli_command *cli_find_command(const char *name) {
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(COMMANDS[i]->name, name) == 0)
            return COMMANDS[i];
    return NULL;
}

static void list_commands(FILE *to) {
    fputs("usage: p2p COMMAND …\n\n", to);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s %s", COMMANDS[i]->name, COMMANDS[i]->operands);
        fprintf(to, "  %-26s %s\n", left, COMMANDS[i]->about);
    }
    fputs("\n`p2p help COMMAND` lists the options of a command.\n", to);
}

int cli_help(cli_program *p) {
    if (p->options.operand_count == 0) {
        list_commands(stdout);
        return CLI_DONE;
    }
    const cli_command *command = cli_find_command(p->options.operands[0]);
    if (command == NULL) {
        cli_wrong_use(
            p, "there is no command \"%.64s\"; `p2p help` lists all", p->options.operands[0]);
        return p->status;
    }
    printf("usage: p2p %s %s%s\n\n%s\n", command->name, command->operands,
        strlen(command->options) > 2 ? " [OPTION…]" : "", command->help);
    if (strlen(command->options) > 2)
        fputs("\n", stdout);
    cli_print_options(command);
    return CLI_DONE;
}

int cli_version(cli_program *p) {
    static cli_json j;
    cli_json_begin(&j, "version");
    cli_json_text(&j, "version", p2p_version());
    cli_json_text(&j, "openssl", OpenSSL_version(OPENSSL_VERSION_STRING));
    cli_json_text(&j, "libuv", uv_version_string());
    cli_json_end(&j, &p->out);
    cli_say(&p->out, CLI_PLAIN, "p2p %s (OpenSSL %s, libuv %s)", p2p_version(),
        OpenSSL_version(OPENSSL_VERSION_STRING), uv_version_string());
    return CLI_DONE;
}

static int run(cli_program *p, int argc, char **argv) {
    p->argc = argc;
    p->argv = argv;
    if (!cli_parse(p, argc, argv))
        return p->status;
    p->self = calloc(1, p->command->self_size + 1);
    if (p->self == NULL) {
        cli_fail(p, "out of memory; close other programs and try again");
        return p->status;
    }
    int status = p->command->run(p);
    if (!p->kept)
        free(p->self);
    return status;
}

int main(int argc, char **argv) {
    static cli_program p;
    (void)signal(SIGPIPE, SIG_IGN); /* a closed standard output is told by its errors */
    cli_out_init(&p.out, false);
    if (argc < 2) {
        list_commands(stderr);
        return CLI_WRONG_USE;
    }
    bool asks_help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;
    bool asks_version = strcmp(argv[1], "--version") == 0;
    p.command = asks_help ? &HELP : asks_version ? &VERSION : cli_find_command(argv[1]);
    if (p.command == NULL) {
        cli_wrong_use(&p, "there is no command \"%.64s\"; `p2p help` lists all", argv[1]);
        return CLI_WRONG_USE;
    }
    char *about[] = {(char *)"help", (char *)p.command->name, NULL};
    bool about_it = argc == 3 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0);
    if (about_it)
        p.command = &HELP;
    int status = about_it ? run(&p, 2, about) : run(&p, argc - 1, argv + 1);
    cli_config_free(p.config);
    if (!cli_out_flush(&p.out)) {
        cli_fail(&p, "not all could be written to standard output: %s", strerror(errno));
        status = CLI_FAILED;
    }
    return status;
}
