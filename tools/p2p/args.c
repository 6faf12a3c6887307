/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The command line. One table of options serves parsing and help; a command lists the names it
 * takes. Both --name VALUE and --name=VALUE are read; `--` ends the options.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void cli_fail(cli_program *p, const char *format, ...) {
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    p->status = CLI_FAILED;
    cli_note(&p->out, CLI_RED, "p2p: %s", text);
}

void cli_wrong_use(cli_program *p, const char *format, ...) {
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    p->status = CLI_WRONG_USE;
    /* In a file an option has no dashes. */
    bool dashed = p->place != NULL && strncmp(text, "--", 2) == 0;
    cli_note(
        &p->out, CLI_RED, "p2p: %s%s", p->place != NULL ? p->place : "", text + (dashed ? 2 : 0));
}

/* --- values --- */

static bool read_listen(cli_program *p, const char *name, const char *value) {
    (void)name;
    if (p->options.listen_count == CLI_LISTEN_MAX) {
        cli_wrong_use(p, "--listen may be given %d times at most; leave some out", CLI_LISTEN_MAX);
        return false;
    }
    p->options.listen[p->options.listen_count++] = value;
    return true;
}

static bool read_key(cli_program *p, const char *name, const char *value) {
    (void)name;
    p->options.key = value;
    return true;
}

static bool read_record(cli_program *p, const char *name, const char *value) {
    (void)name;
    p->options.record = value;
    return true;
}

static bool read_qlog(cli_program *p, const char *name, const char *value) {
    (void)name;
    p->options.qlog = value;
    return true;
}

static bool read_tls_cert(cli_program *p, const char *name, const char *value) {
    (void)name;
    p->options.tls_cert = value;
    return true;
}

static bool read_tls_key(cli_program *p, const char *name, const char *value) {
    (void)name;
    p->options.tls_key = value;
    return true;
}

static bool read_protocol(cli_program *p, const char *name, const char *value) {
    (void)name;
    if (value[0] == 0 || strlen(value) > 255) {
        cli_wrong_use(p, "a protocol id has 1 to 255 bytes; give one such as /echo/1.0.0");
        return false;
    }
    p->options.protocol = value;
    return true;
}

typedef struct choice {
    const char *name;
    const void *value;
} choice;

static const choice SECURITY[] = {{"noise", &p2p_noise}, {"tls", &p2p_tls}};
static const choice MUXERS[] = {{"yamux", &p2p_yamux}, {"mplex", &p2p_mplex}};

static const void *choose(const choice *from, size_t count, const char *name, size_t len) {
    for (size_t i = 0; i < count; i++)
        if (strlen(from[i].name) == len && memcmp(from[i].name, name, len) == 0)
            return from[i].value;
    return NULL;
}

const char *cli_plugin_name(const void *plugin) {
    for (size_t i = 0; i < COUNT(SECURITY); i++)
        if (SECURITY[i].value == plugin)
            return SECURITY[i].name;
    for (size_t i = 0; i < COUNT(MUXERS); i++)
        if (MUXERS[i].value == plugin)
            return MUXERS[i].name;
    return "?";
}

static void names_of(char *dst, size_t cap, const choice *from, size_t count) {
    size_t len = 0;
    for (size_t i = 0; i < count && len < cap; i++)
        len += (size_t)snprintf(dst + len, cap - len, "%s%s", i > 0 ? ", " : "", from[i].name);
}

/* A list such as "noise,tls", each name once, into a NULL-terminated array. */
static bool read_list(cli_program *p, const char *name, const char *value, const choice *from,
    size_t count, const void **out) {
    char known[128];
    size_t used = 0;
    names_of(known, sizeof known, from, count);
    for (const char *at = value;; at++) {
        size_t len = strcspn(at, ",");
        const void *chosen = choose(from, count, at, len);
        if (chosen == NULL) {
            cli_wrong_use(p, "--%s does not know \"%.*s\"; this build has %s", name,
                (int)(len < 64 ? len : 64), at, known);
            return false;
        }
        for (size_t i = 0; i < used; i++)
            if (out[i] == chosen) {
                cli_wrong_use(p, "--%s names %.*s twice; name each once", name, (int)len, at);
                return false;
            }
        out[used++] = chosen;
        at += len;
        if (*at == 0)
            break;
    }
    out[used] = NULL;
    return true;
}

static bool read_security(cli_program *p, const char *name, const char *value) {
    const void *chosen[COUNT(SECURITY) + 1];
    if (!read_list(p, name, value, SECURITY, COUNT(SECURITY), chosen))
        return false;
    for (size_t i = 0; i < COUNT(chosen); i++) {
        p->options.security[i] = chosen[i];
        if (chosen[i] == NULL)
            break;
    }
    return true;
}

static bool read_muxers(cli_program *p, const char *name, const char *value) {
    const void *chosen[COUNT(MUXERS) + 1];
    if (!read_list(p, name, value, MUXERS, COUNT(MUXERS), chosen))
        return false;
    for (size_t i = 0; i < COUNT(chosen); i++) {
        p->options.muxers[i] = chosen[i];
        if (chosen[i] == NULL)
            break;
    }
    return true;
}

static bool read_type(cli_program *p, const char *name, const char *value) {
    static const char *const NAMES[] = {[P2P_RSA] = "rsa",
        [P2P_ED25519] = "ed25519",
        [P2P_SECP256K1] = "secp256k1",
        [P2P_ECDSA] = "ecdsa"};
    for (size_t i = 0; i < COUNT(NAMES); i++)
        if (strcmp(value, NAMES[i]) == 0) {
            p->options.type = (p2p_key_kind)i;
            return true;
        }
    cli_wrong_use(
        p, "--%s does not know \"%.64s\"; say ed25519, secp256k1, ecdsa or rsa", name, value);
    return false;
}

static bool read_log(cli_program *p, const char *name, const char *value) {
    static const char *const NAMES[] = {"off", "error", "warn", "info", "debug", "trace"};
    for (size_t i = 0; i < COUNT(NAMES); i++)
        if (strcmp(value, NAMES[i]) == 0) {
            p->options.log = (p2p_log_level)i;
            return true;
        }
    cli_wrong_use(
        p, "--%s does not know \"%.64s\"; say error, warn, info, debug, trace or off", name, value);
    return false;
}

static bool read_number(cli_program *p, const char *name, const char *value, uint64_t least,
    uint64_t most, uint64_t *out) {
    char *end;
    errno = 0;
    unsigned long long number = strtoull(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != 0 || errno != 0 || number < least ||
        number > most) {
        cli_wrong_use(p, "--%s needs a number from %llu to %llu, not \"%.64s\"", name,
            (unsigned long long)least, (unsigned long long)most, value);
        return false;
    }
    *out = number;
    return true;
}

static bool read_count(cli_program *p, const char *name, const char *value) {
    return read_number(p, name, value, 1, CLI_COUNT_MAX, &p->options.count);
}

static bool read_streams(cli_program *p, const char *name, const char *value) {
    return read_number(p, name, value, 1, CLI_STREAMS_MAX, &p->options.streams);
}

static bool read_interval(cli_program *p, const char *name, const char *value) {
    uint64_t ms;
    if (!read_number(p, name, value, 0, 3600 * 1000, &ms))
        return false;
    p->options.interval = ms * P2P_MILLISECOND;
    return true;
}

static bool read_requests(cli_program *p, const char *name, const char *value) {
    return read_number(p, name, value, 1, 16, &p->options.requests);
}

static bool read_rto(cli_program *p, const char *name, const char *value) {
    uint64_t ms;
    if (!read_number(p, name, value, 1, 60 * 1000, &ms))
        return false;
    p->options.rto = ms * P2P_MILLISECOND;
    return true;
}

/* 10, 10k, 10M, 10G, 10T count in thousands, 10KiB, 10MiB … in 1024; a B may follow. */
static bool read_size(cli_program *p, const char *name, const char *value, uint64_t *out) {
    static const char LETTERS[] = "kmgt";
    const uint64_t most = UINT64_C(1) << 53;
    char *end;
    errno = 0;
    unsigned long long number = strtoull(value, &end, 10);
    bool good = value[0] >= '0' && value[0] <= '9' && errno == 0 && number <= most;
    const char *letter = *end == 0 ? NULL : strchr(LETTERS, *end | 0x20);
    if (letter != NULL && *letter != 0) {
        uint64_t unit = end[1] == 'i' ? 1024 : 1000;
        end += end[1] == 'i' ? 2 : 1;
        for (size_t i = 0; i <= (size_t)(letter - LETTERS); i++) {
            good = good && number <= most / unit;
            number *= unit;
        }
    }
    if (*end == 'B')
        end++;
    if (!good || *end != 0) {
        cli_wrong_use(p, "--%s needs a size such as 1000, 10M or 1GiB (up to 8 PiB), not \"%.64s\"",
            name, value);
        return false;
    }
    *out = number;
    return true;
}

static bool read_upload(cli_program *p, const char *name, const char *value) {
    return read_size(p, name, value, &p->options.upload);
}

static bool read_download(cli_program *p, const char *name, const char *value) {
    return read_size(p, name, value, &p->options.download);
}

static bool read_port(cli_program *p, const char *name, const char *value) {
    p->options.port_given = true;
    return read_number(p, name, value, 0, UINT16_MAX, &p->options.port);
}

static bool read_page(cli_program *p, const char *name, const char *value) {
    (void)name;
    p->options.page = value;
    return true;
}

static bool read_web(cli_program *p, const char *name, const char *value) {
    (void)name;
    p->options.web = value;
    return true;
}

static bool read_ephemeral(cli_program *p, const char *name, const char *value) {
    (void)name;
    (void)value;
    return p->options.ephemeral = true;
}

static bool read_no_page(cli_program *p, const char *name, const char *value) {
    (void)name;
    (void)value;
    return p->options.no_page = true;
}

static bool read_open(cli_program *p, const char *name, const char *value) {
    (void)name;
    (void)value;
    return p->options.open = true;
}

static bool read_hello_stdin(cli_program *p, const char *name, const char *value) {
    (void)name;
    (void)value;
    return p->options.hello_stdin = true;
}

static bool read_config(cli_program *p, const char *name, const char *value) {
    (void)name;
    p->options.config = value;
    return true;
}

static bool read_json(cli_program *p, const char *name, const char *value) {
    (void)name;
    (void)value;
    p->options.json = p->out.json = true;
    return true;
}

/* --- the table --- */

typedef struct option {
    const char *name, *value, *about; /* value NULL: takes none */
    bool (*read)(cli_program *p, const char *name, const char *value);
} option;

static const option OPTIONS[] = {
    {"listen", "ADDR", "listen there; may be given several times", read_listen},
    {"key", "FILE", "the identity (made by `p2p key new`); without it a new one each time",
        read_key},
    {"tls-cert", "FILE",
        "a certificate with its chain for /tls/ws, in PEM; read again when changed", read_tls_cert},
    {"tls-key", "FILE", "the certificate's private key, in PEM", read_tls_key},
    {"config", "FILE", "the configuration; without it the user's or /etc/p2p/config.yaml",
        read_config},
    {"port", "N", "listen on this port instead of 4001; 0 takes a free one", read_port},
    {"ephemeral", NULL, "a new key for this run only", read_ephemeral},
    {"page", "HOST:PORT", "serve the page there; 127.0.0.1:4080 if not given", read_page},
    {"no-page", NULL, "serve no page", read_no_page},
    {"web", "DIR", "the folder of the page's files", read_web},
    {"open", NULL, "open the page in a browser (xdg-open)", read_open},
    {"hello-stdin", NULL, "lines of standard input say hello, also when it is no terminal",
        read_hello_stdin},
    {"security", "LIST", "security protocols, most preferred first: noise,tls", read_security},
    {"muxer", "LIST", "stream multiplexers, most preferred first: yamux,mplex", read_muxers},
    {"protocol", "ID", "the protocol to speak, such as /echo/1.0.0", read_protocol},
    {"count", "N", "how many", read_count},
    {"interval", "MS", "milliseconds between two; 1000 if not given", read_interval},
    {"requests", "N", "STUN requests until it gives up; 7 if not given", read_requests},
    {"rto", "MS", "milliseconds to the second request, doubled each time; 500", read_rto},
    {"upload", "BYTES", "bytes to send, such as 10M or 1GiB; 100M if not given", read_upload},
    {"download", "BYTES", "bytes to ask for; 100M if not given", read_download},
    {"streams", "N", "that many streams at once share the bytes", read_streams},
    {"type", "TYPE", "ed25519 (if not given), secp256k1, ecdsa or rsa", read_type},
    {"record", "FILE", "write down everything the host is given, for `p2p replay`", read_record},
    {"qlog", "DIR", "write a qlog of each QUIC connection into that folder", read_qlog},
    {"json", NULL, "one JSON object a line on standard output", read_json},
    {"log", "LEVEL", "log to standard error: error, warn, info, debug or trace", read_log},
};

static bool takes(const cli_command *command, const char *name, size_t len) {
    char wanted[32];
    if (len + 3 > sizeof wanted)
        return false;
    snprintf(wanted, sizeof wanted, " %.*s ", (int)len, name);
    return strstr(command->options, wanted) != NULL;
}

static const option *find(const cli_command *command, const char *name, size_t len) {
    for (size_t i = 0; i < COUNT(OPTIONS); i++)
        if (strlen(OPTIONS[i].name) == len && memcmp(OPTIONS[i].name, name, len) == 0)
            return takes(command, name, len) ? &OPTIONS[i] : NULL;
    return NULL;
}

void cli_print_options(const cli_command *command) {
    for (size_t i = 0; i < COUNT(OPTIONS); i++) {
        const option *o = &OPTIONS[i];
        char left[64];
        if (!takes(command, o->name, strlen(o->name)))
            continue;
        snprintf(left, sizeof left, "--%s %s", o->name, o->value == NULL ? "" : o->value);
        printf("  %-18s %s\n", left, o->about);
    }
}

/* --- the configuration file under the flags --- */

cli_option_kind_of cli_option_kind(const cli_program *p, const char *name) {
    static const char LISTS[] = " listen security muxer ";
    char wanted[32];
    const option *o = find(p->command, name, strlen(name));
    if (o == NULL || o->read == read_config)
        return CLI_OPTION_UNKNOWN;
    snprintf(wanted, sizeof wanted, " %s ", o->name);
    return o->value == NULL                ? CLI_OPTION_SWITCH
           : strstr(LISTS, wanted) != NULL ? CLI_OPTION_LIST
                                           : CLI_OPTION_VALUE;
}

bool cli_set_option(cli_program *p, const char *name, const char *value) {
    const option *o = find(p->command, name, strlen(name));
    return o != NULL && o->read(p, o->name, value);
}

static uint64_t bit_of(const char *name) {
    for (size_t i = 0; i < COUNT(OPTIONS); i++)
        if (strcmp(OPTIONS[i].name, name) == 0)
            return UINT64_C(1) << i;
    return 0;
}

/* A flag takes the place of what the file said about the same thing. */
static void take_back(cli_program *p, const char *name) {
    cli_options *o = &p->options;
    bool first = (p->given & bit_of(name)) == 0;
    p->given |= bit_of(name);
    if (!first)
        return;
    if ((strcmp(name, "listen") == 0 || strcmp(name, "port") == 0) &&
        (p->given & bit_of("listen") & ~bit_of(name)) == 0)
        o->listen_count = 0;
    if (strcmp(name, "listen") == 0 && (p->given & bit_of("port")) == 0)
        o->port_given = false;
    if (strcmp(name, "key") == 0 && (p->given & bit_of("ephemeral")) == 0)
        o->ephemeral = false;
    if (strcmp(name, "ephemeral") == 0 && (p->given & bit_of("key")) == 0)
        o->key = NULL;
    if (strcmp(name, "page") == 0 && (p->given & bit_of("no-page")) == 0)
        o->no_page = false;
    if (strcmp(name, "no-page") == 0 && (p->given & bit_of("page")) == 0)
        o->page = NULL;
    if (strcmp(name, "no-page") == 0 && (p->given & bit_of("web")) == 0)
        o->web = NULL;
    if (strcmp(name, "no-page") == 0 && (p->given & bit_of("open")) == 0)
        o->open = false;
}

/* The option at argv[*at]; moves *at to its last word. */
static bool read_option(cli_program *p, int argc, char **argv, int *at) {
    const char *command = p->command->name;
    const char *name = argv[*at] + 2;
    size_t len = strcspn(name, "=");
    const option *o = argv[*at][1] == '-' ? find(p->command, name, len) : NULL;
    if (o == NULL) {
        cli_wrong_use(p, "%s does not take the option %.64s; `p2p help %s` lists those it takes",
            command, argv[*at], command);
        return false;
    }
    if (o->value == NULL && name[len] == '=') {
        cli_wrong_use(p, "--%s takes no value; leave out what follows it", o->name);
        return false;
    }
    take_back(p, o->name);
    if (o->value == NULL)
        return o->read(p, o->name, NULL);
    if (name[len] == '=')
        return o->read(p, o->name, name + len + 1);
    if (*at + 1 >= argc) {
        cli_wrong_use(p, "--%s needs a value: --%s %s", o->name, o->name, o->value);
        return false;
    }
    return o->read(p, o->name, argv[++*at]);
}

static void set_defaults(cli_options *options) {
    *options = (cli_options){.type = P2P_ED25519,
        .count = 4,
        .interval = P2P_SECOND,
        .upload = 100000000,
        .download = 100000000,
        .streams = 1,
        .limits = p2p_config_defaults.limits,
        .timeouts = p2p_config_defaults.timeouts};
}

static bool read_words(cli_program *p, int argc, char **argv) {
    cli_options *options = &p->options;
    bool only_operands = false;
    for (int at = 1; at < argc; at++) {
        if (!only_operands && strcmp(argv[at], "--") == 0) {
            only_operands = true;
        } else if (!only_operands && argv[at][0] == '-' && argv[at][1] != 0) {
            if (!read_option(p, argc, argv, &at))
                return false;
        } else if (options->operand_count == p->command->operands_max) {
            cli_wrong_use(p, "%s does not take \"%.64s\": p2p %s %s", p->command->name, argv[at],
                p->command->name, p->command->operands);
            return false;
        } else {
            options->operands[options->operand_count++] = argv[at];
        }
    }
    if (options->operand_count < p->command->operands_min) {
        cli_wrong_use(p, "%s needs more: p2p %s %s", p->command->name, p->command->name,
            p->command->operands);
        return false;
    }
    return true;
}

/* The flags are read twice: to find the file, and again on top of what it says. */
static bool read_config_below(cli_program *p, int argc, char **argv) {
    static char path[PATH_MAX];
    const char *file = p->options.config;
    if (!takes(p->command, "config", strlen("config")))
        return true;
    if (file == NULL)
        file = cli_config_default(path, sizeof path);
    if (file == NULL)
        return true;
    p->given = 0;
    set_defaults(&p->options);
    return cli_config_load(p, file) && read_words(p, argc, argv);
}

bool cli_parse(cli_program *p, int argc, char **argv) {
    const cli_options *options = &p->options;
    set_defaults(&p->options);
    if (!read_words(p, argc, argv) || !read_config_below(p, argc, argv))
        return false;
    if ((options->tls_cert == NULL) != (options->tls_key == NULL)) {
        cli_wrong_use(p, "--tls-cert and --tls-key belong together; give both or none");
        return false;
    }
    if (options->tls_cert != NULL && options->record != NULL) {
        cli_wrong_use(p,
            "a recording does not hold certificate files; leave out --record, or --tls-cert and "
            "--tls-key");
        return false;
    }
    return p->command->check == NULL || p->command->check(p);
}
