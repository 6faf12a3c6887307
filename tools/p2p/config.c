/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The configuration file: YAML, one mapping whose keys are the names of the command's options, and
 * beside them `limits`, `timeouts`, `origins` and `stun-server`, which no flag says. An option's
 * value is read by the option's own reader (args.c), so file and flag cannot differ in what they
 * allow.
 *
 * libyaml gives a tree whose nodes know their line and column; the schema is the tables below. Its
 * size is bounded, and the walk goes two levels deep whatever the aliases in it say.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <yaml.h>

#include "base/bytes.h"

typedef struct reader {
    cli_program *program;
    const char *path;
    yaml_document_t *document;
} reader;

struct cli_config_file {
    char path[PATH_MAX];
    yaml_document_t document; /* the options point into it */
};

/* --- the schema of what is no option --- */

typedef struct number {
    const char *name;
    size_t offset;
    uint64_t least, most;
} number;

#define LIMIT(name, member, least, most) \
    { name, offsetof(p2p_limits, member), least, most }
#define TIMEOUT(name, member, least) \
    { name, offsetof(p2p_timeouts, member), least, 86400 }

static const number LIMITS[] = {LIMIT("conns", conns, 1, 1000000),
    LIMIT("conns-inbound", conns_inbound, 0, 1000000),
    LIMIT("conns-per-peer", conns_per_peer, 1, 10000),
    LIMIT("conns-per-ip", conns_per_ip, 1, 1000000),
    LIMIT("pending-inbound", pending_inbound, 1, 100000), LIMIT("dials", dials, 1, 10000),
    LIMIT("dials-per-peer", dials_per_peer, 1, 1000), LIMIT("streams", streams, 1, 10000000),
    LIMIT("streams-inbound-per-conn", streams_inbound_per_conn, 1, 100000),
    LIMIT("streams-outbound-per-conn", streams_outbound_per_conn, 1, 100000),
    LIMIT("buffered-bytes", buffered_bytes, 1 << 20, UINT64_C(1) << 40),
    LIMIT("write-buffer", write_buffer, 4096, 1 << 30),
    LIMIT("window-initial", window_initial, 256 * 1024, 1 << 30),
    LIMIT("window-max", window_max, 256 * 1024, 1 << 30),
    LIMIT("conn-window-max", conn_window_max, 256 * 1024, 1 << 30),
    LIMIT("peers", peers, 1, 1000000), LIMIT("addrs-per-peer", addrs_per_peer, 1, 1000)};

/* In seconds. */
static const number TIMEOUTS[] = {TIMEOUT("dial", dial, 1), TIMEOUT("dial-local", dial_local, 1),
    TIMEOUT("accept", accept, 1), TIMEOUT("negotiate", negotiate, 1), TIMEOUT("idle", idle, 0),
    TIMEOUT("close", close, 1), TIMEOUT("keepalive", keepalive, 0)};

/* --- sentences --- */

P2P_PRINTF(3, 4) static bool wrong(reader *r, yaml_mark_t at, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cli_wrong_use(
        r->program, "%.300s, line %zu, column %zu: %s", r->path, at.line + 1, at.column + 1, text);
    return false;
}

/* --- nodes --- */

static const char *text_of(const yaml_node_t *node) {
    return (const char *)node->data.scalar.value;
}

static yaml_node_t *node_at(reader *r, int index) {
    return yaml_document_get_node(r->document, index);
}

/* A value that is a text without a NUL inside. */
static bool is_text(const yaml_node_t *node) {
    return node->type == YAML_SCALAR_NODE && node->data.scalar.length > 0 &&
           strlen(text_of(node)) == node->data.scalar.length;
}

static bool want_text(reader *r, const char *key, const yaml_node_t *node) {
    return is_text(node) || wrong(r, node->start_mark, "%s needs one value", key);
}

static bool read_bool(reader *r, const char *key, const yaml_node_t *node, bool *out) {
    *out = is_text(node) && strcmp(text_of(node), "true") == 0;
    return *out || (is_text(node) && strcmp(text_of(node), "false") == 0) ||
           wrong(r, node->start_mark, "%s is true or false", key);
}

static bool read_number(reader *r, const number *want, const yaml_node_t *node, uint64_t *out) {
    const char *text = is_text(node) ? text_of(node) : "";
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    *out = value;
    if (text[0] >= '0' && text[0] <= '9' && *end == 0 && errno == 0 && value >= want->least &&
        value <= want->most)
        return true;
    return wrong(r, node->start_mark, "%s needs a number from %llu to %llu%s%.32s%s", want->name,
        (unsigned long long)want->least, (unsigned long long)want->most,
        text[0] == 0 ? "" : ", not \"", text, text[0] == 0 ? "" : "\"");
}

/* Each key of a mapping once, with its value. */
typedef bool (*pair_fn)(reader *r, const yaml_node_t *key, yaml_node_t *value);

static bool seen_before(reader *r, const yaml_node_t *map, const yaml_node_pair_t *pair) {
    const char *name = text_of(node_at(r, pair->key));
    for (const yaml_node_pair_t *at = map->data.mapping.pairs.start; at < pair; at++)
        if (strcmp(text_of(node_at(r, at->key)), name) == 0)
            return true;
    return false;
}

static bool each_pair(reader *r, const char *what, const yaml_node_t *map, pair_fn fn) {
    if (map->type != YAML_MAPPING_NODE)
        return wrong(r, map->start_mark, "%s needs lines of the form `name: value`", what);
    for (const yaml_node_pair_t *at = map->data.mapping.pairs.start;
         at < map->data.mapping.pairs.top; at++) {
        const yaml_node_t *key = node_at(r, at->key);
        if (!is_text(key))
            return wrong(r, key->start_mark, "a name is expected here");
        if (seen_before(r, map, at))
            return wrong(r, key->start_mark, "\"%.64s\" stands here a second time", text_of(key));
        if (!fn(r, key, node_at(r, at->value)))
            return false;
    }
    return true;
}

/* --- sections --- */

static const number *find(const number *table, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

static bool read_limit(reader *r, const yaml_node_t *key, yaml_node_t *value) {
    const number *want = find(LIMITS, P2P_COUNT(LIMITS), text_of(key));
    uint64_t n;
    if (want == NULL)
        return wrong(r, key->start_mark, "there is no limit \"%.64s\"; `p2p config show` lists all",
            text_of(key));
    if (!read_number(r, want, value, &n))
        return false;
    *(size_t *)((char *)&r->program->options.limits + want->offset) = (size_t)n;
    return true;
}

static bool read_timeout(reader *r, const yaml_node_t *key, yaml_node_t *value) {
    const number *want = find(TIMEOUTS, P2P_COUNT(TIMEOUTS), text_of(key));
    uint64_t n;
    if (want == NULL)
        return wrong(r, key->start_mark,
            "there is no timeout \"%.64s\"; `p2p config show` lists all", text_of(key));
    if (!read_number(r, want, value, &n))
        return false;
    *(p2p_time *)((char *)&r->program->options.timeouts + want->offset) = n * P2P_SECOND;
    return true;
}

static bool read_origins(reader *r, const yaml_node_t *list) {
    cli_options *o = &r->program->options;
    if (list->type != YAML_SEQUENCE_NODE)
        return wrong(r, list->start_mark, "origins needs a list: [\"https://example.org\"]");
    for (const int *at = list->data.sequence.items.start; at < list->data.sequence.items.top;
         at++) {
        yaml_node_t *node = node_at(r, *at);
        bool good = is_text(node) && (strncmp(text_of(node), "https://", 8) == 0 ||
                                         strncmp(text_of(node), "http://", 7) == 0);
        if (!good)
            return wrong(r, node->start_mark,
                "an origin is a scheme and a host, such as https://example.org");
        if (o->origin_count == CLI_ORIGINS_MAX)
            return wrong(r, node->start_mark, "there may be %d origins at most", CLI_ORIGINS_MAX);
        o->origins[o->origin_count++] = text_of(node);
    }
    return true;
}

/* --- options --- */

/* The option's own sentence, behind the place. Addresses are looked at when listening begins, too.
 */
static bool set(reader *r, const yaml_node_t *at, const char *name, const char *value) {
    cli_program *p = r->program;
    char place[512];
    p2p_multiaddr addr;
    char why[128];
    if (strcmp(name, "listen") == 0 && p2p_multiaddr_parse(&addr, value, why) != P2P_OK)
        return wrong(r, at->start_mark, "\"%.80s\" is no address: %s", value, why);
    snprintf(place, sizeof place, "%.300s, line %zu, column %zu: ", r->path,
        at->start_mark.line + 1, at->start_mark.column + 1);
    p->place = place;
    bool good = cli_set_option(p, name, value);
    p->place = NULL;
    return good;
}

/* A list: options that may be given several times are, the others take the items with commas. */
static bool set_list(reader *r, const yaml_node_t *list, const char *name) {
    char joined[256] = "";
    size_t len = 0;
    bool each = strcmp(name, "listen") == 0;
    for (const int *at = list->data.sequence.items.start; at < list->data.sequence.items.top;
         at++) {
        const yaml_node_t *item = node_at(r, *at);
        if (!want_text(r, name, item) || (each && !set(r, item, name, text_of(item))))
            return false;
        if (!each && len < sizeof joined)
            len += (size_t)snprintf(
                joined + len, sizeof joined - len, "%s%.64s", len > 0 ? "," : "", text_of(item));
    }
    return each || set(r, list, name, joined);
}

static bool read_option(reader *r, const yaml_node_t *key, const yaml_node_t *value) {
    const char *name = text_of(key);
    bool on;
    switch (cli_option_kind(r->program, name)) {
    case CLI_OPTION_UNKNOWN:
        return wrong(
            r, key->start_mark, "there is no setting \"%.64s\"; `p2p config show` lists all", name);
    case CLI_OPTION_SWITCH:
        return read_bool(r, name, value, &on) && (!on || set(r, value, name, NULL));
    case CLI_OPTION_LIST:
        if (value->type == YAML_SEQUENCE_NODE)
            return set_list(r, value, name);
        break;
    case CLI_OPTION_VALUE:
        break;
    }
    return want_text(r, name, value) && set(r, value, name, text_of(value));
}

static bool read_setting(reader *r, const yaml_node_t *key, yaml_node_t *value) {
    const char *name = text_of(key);
    bool on;
    if (strcmp(name, "limits") == 0)
        return each_pair(r, name, value, read_limit);
    if (strcmp(name, "timeouts") == 0)
        return each_pair(r, name, value, read_timeout);
    if (strcmp(name, "origins") == 0)
        return read_origins(r, value);
    if (strcmp(name, "stun-server") == 0) {
        bool good = read_bool(r, name, value, &on);
        r->program->options.no_stun_server = !on;
        return good;
    }
    return read_option(r, key, value);
}

/* --- the file --- */

static bool read_bytes(
    cli_program *p, const char *path, uint8_t bytes[CLI_CONFIG_MAX + 1], size_t *len) {
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    *len = 0;
    if (fd < 0 || fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
        cli_wrong_use(p, "cannot read the configuration %.300s: %s", path,
            fd < 0 ? strerror(errno) : "it is no file");
        if (fd >= 0)
            close(fd);
        return false;
    }
    ssize_t n;
    while ((n = read(fd, bytes + *len, CLI_CONFIG_MAX + 1 - *len)) > 0)
        *len += (size_t)n;
    close(fd);
    if (n < 0)
        cli_wrong_use(p, "cannot read the configuration %.300s: %s", path, strerror(errno));
    else if (*len > CLI_CONFIG_MAX)
        cli_wrong_use(p, "the configuration %.300s has more than %d KiB; make it smaller", path,
            CLI_CONFIG_MAX / 1024);
    return n == 0 && *len <= CLI_CONFIG_MAX;
}

/* libyaml's words and place. */
static bool broken(reader *r, const yaml_parser_t *parser) {
    return wrong(r, parser->problem_mark, "this is not YAML: %s",
        parser->problem != NULL ? parser->problem : "out of memory");
}

static bool walk(reader *r) {
    const yaml_node_t *root = yaml_document_get_root_node(r->document);
    return root == NULL || each_pair(r, "the configuration", root, read_setting);
}

static bool load(reader *r, const uint8_t *bytes, size_t len) {
    yaml_parser_t parser;
    yaml_document_t more;
    if (!yaml_parser_initialize(&parser)) {
        cli_fail(r->program, "out of memory; close other programs and try again");
        return false;
    }
    yaml_parser_set_input_string(&parser, bytes, len);
    bool good = yaml_parser_load(&parser, r->document) != 0 || broken(r, &parser);
    if (good && yaml_document_get_root_node(r->document) != NULL) {
        good = yaml_parser_load(&parser, &more) != 0 || broken(r, &parser);
        const yaml_node_t *second = good ? yaml_document_get_root_node(&more) : NULL;
        if (second != NULL)
            good = wrong(r, second->start_mark, "a second document begins here; leave one");
        if (second != NULL || good)
            yaml_document_delete(&more);
    }
    yaml_parser_delete(&parser);
    return good && walk(r);
}

bool cli_config_load(cli_program *p, const char *path) {
    static uint8_t bytes[CLI_CONFIG_MAX + 1];
    size_t len;
    if (!read_bytes(p, path, bytes, &len))
        return false;
    p->config = calloc(1, sizeof *p->config);
    if (p->config == NULL) {
        cli_fail(p, "out of memory; close other programs and try again");
        return false;
    }
    snprintf(p->config->path, sizeof p->config->path, "%s", path);
    reader r = {p, path, &p->config->document};
    return load(&r, bytes, len);
}

const char *cli_config_path(const cli_config_file *file) {
    return file != NULL ? file->path : NULL;
}

void cli_config_free(cli_config_file *file) {
    if (file != NULL)
        yaml_document_delete(&file->document);
    free(file);
}

const char *cli_config_default(char *path, size_t cap) {
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (config != NULL && config[0] == '/')
        snprintf(path, cap, "%s/p2p/config.yaml", config);
    else
        snprintf(path, cap, "%s/.config/p2p/config.yaml", home != NULL ? home : "");
    if (access(path, F_OK) != 0)
        snprintf(path, cap, "/etc/p2p/config.yaml");
    return access(path, F_OK) == 0 ? path : NULL;
}

/* --- p2p config --- */

/* As YAML reads it again, on one line whatever is in it. */
static void show_quoted(FILE *to, const char *value) {
    putc('"', to);
    for (; *value != 0; value++)
        fprintf(to,
            (unsigned char)*value < ' '       ? "\\x%02x"
            : *value == '"' || *value == '\\' ? "\\%c"
                                              : "%c",
            *value);
    putc('"', to);
}

static void show_text(FILE *to, const char *name, const char *value) {
    fprintf(to, "%s%s:%s", value == NULL ? "# " : "", name, value == NULL ? "" : " ");
    if (value != NULL)
        show_quoted(to, value);
    putc('\n', to);
}

static void show_list(FILE *to, const char *name, const char *const *values, size_t count) {
    fprintf(to, "%s%s: [", count > 0 ? "" : "# ", name);
    for (size_t i = 0; i < count; i++) {
        fputs(i > 0 ? ", " : "", to);
        show_quoted(to, values[i]);
    }
    fputs("]\n", to);
}

static void show_plugins(const cli_options *o, FILE *to) {
    const char *names[CLI_LIST_MAX];
    size_t count = 0;
    for (; o->security[count] != NULL; count++)
        names[count] = cli_plugin_name(o->security[count]);
    show_list(to, "security", names, count);
    for (count = 0; o->muxers[count] != NULL; count++)
        names[count] = cli_plugin_name(o->muxers[count]);
    show_list(to, "muxer", names, count);
}

void cli_config_show(const cli_options *o, FILE *to) {
    static const char *const LEVELS[] = {"off", "error", "warn", "info", "debug", "trace"};
    show_list(to, "listen", o->listen, o->listen_count);
    if (o->port_given)
        fprintf(to, "port: %llu\n", (unsigned long long)o->port);
    else
        fputs("# port:\n", to);
    show_text(to, "key", o->key);
    show_text(to, "tls-cert", o->tls_cert);
    show_text(to, "tls-key", o->tls_key);
    show_text(to, "page", o->page);
    show_text(to, "web", o->web);
    show_text(to, "qlog", o->qlog);
    fprintf(to, "ephemeral: %s\nno-page: %s\nopen: %s\nhello-stdin: %s\njson: %s\nlog: %s\n",
        o->ephemeral ? "true" : "false", o->no_page ? "true" : "false", o->open ? "true" : "false",
        o->hello_stdin ? "true" : "false", o->json ? "true" : "false", LEVELS[o->log]);
    show_plugins(o, to);
    fprintf(to, "stun-server: %s\n", o->no_stun_server ? "false" : "true");
    show_list(to, "origins", o->origins, o->origin_count);
    fprintf(to, "limits:\n");
    for (size_t i = 0; i < P2P_COUNT(LIMITS); i++)
        fprintf(to, "  %s: %zu\n", LIMITS[i].name,
            *(const size_t *)((const char *)&o->limits + LIMITS[i].offset));
    fprintf(to, "timeouts: # seconds\n");
    for (size_t i = 0; i < P2P_COUNT(TIMEOUTS); i++)
        fprintf(to, "  %s: %llu\n", TIMEOUTS[i].name,
            (unsigned long long)(*(const p2p_time *)((const char *)&o->timeouts +
                                                     TIMEOUTS[i].offset) /
                                 P2P_SECOND));
}

int cli_config(cli_program *p) {
    static cli_program up;
    char path[PATH_MAX];
    const char *verb = p->options.operands[0];
    bool checks = strcmp(verb, "check") == 0;
    const char *file = p->options.operand_count > 1 ? p->options.operands[1] : NULL;
    if (!checks && strcmp(verb, "show") != 0) {
        cli_wrong_use(p, "there is no `p2p config %.32s`; say check or show", verb);
        return p->status;
    }
    if (file == NULL)
        file = cli_config_default(path, sizeof path);
    if (file == NULL && checks) {
        cli_wrong_use(p, "there is no configuration; name one: p2p config check FILE");
        return p->status;
    }
    char *args[] = {(char *)"up", (char *)"--config", (char *)file};
    up.command = &cli_up;
    up.out = p->out;
    bool good = cli_parse(&up, file != NULL ? 3 : 1, args);
    if (good && checks)
        cli_say(&p->out, CLI_GREEN, "%s is good", file);
    else if (good)
        cli_config_show(&up.options, stdout);
    cli_config_free(up.config);
    return good ? CLI_DONE : up.status;
}
