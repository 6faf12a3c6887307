/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * SIGHUP: the command line and the configuration file are read as at the start, and compared with
 * what is in force: setting by setting, as `p2p config show` prints them. Which settings a running
 * host can change stands in `host.h`; the others are named as needing a restart until they are
 * again what they were at the start.
 */
#include <stdlib.h>
#include <string.h>

#include "../config.h"
#include "up.h"

enum { CHANGES_MAX = 64, NAME_CAP = 40 };

typedef struct changes {
    char names[CHANGES_MAX][NAME_CAP];
    size_t count;
} changes;

/* The certificate's files may move, but it takes a restart to begin or end with wss. */
static bool is_live(const up *u, const cli_options *next, const char *name) {
    static const char *const LIVE[] = {"log", "stun-server", "origins"};
    if (strchr(name, '.') != NULL)
        return true; /* limits and timeouts */
    if (strncmp(name, "tls-", 4) == 0)
        return u->configured.tls_cert != NULL && next->tls_cert != NULL;
    for (size_t i = 0; i < sizeof LIVE / sizeof LIVE[0]; i++)
        if (strcmp(LIVE[i], name) == 0)
            return true;
    return false;
}

/* "port" of the line `port: 1` or `# port: 1`; "limits.conns" of `  conns: 1` under `limits:`. */
static void read_name(char name[NAME_CAP], char section[NAME_CAP], const char *line) {
    bool inside = line[0] == ' ';
    const char *word = line + (inside || line[0] == '#' ? 2 : 0);
    size_t len = strcspn(word, ":"), at = 0;
    if (inside) {
        at = strlen(section);
        memcpy(name, section, at);
        name[at++] = '.';
    }
    if (len >= NAME_CAP - at)
        len = NAME_CAP - at - 1;
    memcpy(name + at, word, len);
    name[at + len] = 0;
    if (!inside)
        memcpy(section, name, NAME_CAP / 2);
    section[NAME_CAP / 2 - 1] = 0;
}

static char *text_of(const cli_options *options) {
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    if (to == NULL)
        return NULL;
    cli_config_show(options, to);
    return fclose(to) == 0 ? text : NULL;
}

/* Names of the settings that differ, either those that a running host can change or the others. */
static bool compare(
    const up *u, const cli_options *before, const cli_options *next, bool live, changes *out) {
    char *texts[2] = {text_of(before), text_of(next)}, *rest[2] = {texts[0], texts[1]};
    char section[NAME_CAP] = "", name[NAME_CAP] = "";
    bool good = texts[0] != NULL && texts[1] != NULL;
    out->count = 0;
    while (good) {
        const char *old = strsep(&rest[0], "\n"), *new = strsep(&rest[1], "\n");
        if (old == NULL || new == NULL)
            break;
        read_name(name, section, new);
        if (strcmp(old, new) != 0 && is_live(u, next, name) == live && out->count < CHANGES_MAX)
            memcpy(out->names[out->count++], name, NAME_CAP);
    }
    free(texts[0]);
    free(texts[1]);
    return good;
}

/* The files outlive the configuration that named them: a later one may name none. */
static void take_path(char **own, const char **path, const char *next) {
    char *copy = strdup(next);
    if (copy == NULL)
        return; /* the file from before stays in use */
    free(*own);
    *path = *own = copy;
}

static void apply(up *u, const cli_options *next) {
    cli_options *o = &u->program->options;
    o->limits = next->limits;
    o->timeouts = next->timeouts;
    o->log = next->log;
    o->no_stun_server = next->no_stun_server;
    memcpy(o->origins, next->origins, sizeof o->origins);
    o->origin_count = next->origin_count;
    if (u->configured.tls_cert != NULL && next->tls_cert != NULL) {
        take_path(&u->tls_cert, &o->tls_cert, next->tls_cert);
        take_path(&u->tls_key, &o->tls_key, next->tls_key);
    }
    p2p_node_catch_up(u->node);
    p2p_host_set_limits(u->host, &o->limits);
    p2p_host_set_timeouts(u->host, &o->timeouts);
    p2p_host_set_log_level(u->host, o->log);
    p2p_host_set_stun_server(u->host, !o->no_stun_server);
    p2p_host_set_ws_origins(u->host, o->origin_count > 0 ? o->origins : NULL);
    p2p_node_kick(u->node);
}

/* --- what is said --- */

static void list(cli_json *j, const char *name, const changes *them) {
    cli_json_list(j, name);
    for (size_t i = 0; i < them->count; i++)
        cli_json_text(j, NULL, them->names[i]);
    cli_json_list_end(j);
}

static void join(char *dst, size_t cap, const char *head, const changes *them) {
    size_t len = 0;
    dst[0] = 0;
    for (size_t i = 0; i < them->count && len < cap; i++)
        len += (size_t)snprintf(dst + len, cap - len, "%s%s", i == 0 ? head : ", ", them->names[i]);
}

static void say(up *u, const char *path, const changes *applied, const changes *restart) {
    static cli_json j;
    static char now[CHANGES_MAX * NAME_CAP], later[CHANGES_MAX * NAME_CAP];
    cli_out *out = &u->program->out;
    cli_json_begin(&j, "configuration");
    if (path != NULL)
        cli_json_text(&j, "file", path);
    list(&j, "applied", applied);
    list(&j, "restart", restart);
    cli_json_end(&j, out);
    join(now, sizeof now, "; in use now: ", applied);
    join(later, sizeof later, "; needs a restart: ", restart);
    if (now[0] != 0 || later[0] != 0)
        cli_note(out, later[0] != 0 ? CLI_YELLOW : CLI_PLAIN, "p2p: %.300s%s%s%s",
            path != NULL ? path : "there is no configuration file any more",
            path != NULL ? " was read again" : "", now, later);
    else if (path != NULL)
        cli_note(out, CLI_PLAIN, "p2p: nothing has changed in %.300s", path);
    else if (u->program->options.tls_cert == NULL)
        cli_note(out, CLI_PLAIN, "p2p: there is nothing to read again");
}

void up_reload(up *u) {
    static cli_program next;
    static changes applied, restart;
    cli_program *p = u->program;
    next = (cli_program){.command = p->command, .out = p->out};
    bool good = cli_parse(&next, p->argc, p->argv);
    if (good && !(compare(u, &u->in_force, &next.options, true, &applied) &&
                    compare(u, &u->configured, &next.options, false, &restart))) {
        cli_note(&p->out, CLI_RED, "p2p: there was no memory to read the configuration again");
        good = false;
    }
    if (!good) {
        cli_config_free(next.config);
        return;
    }
    apply(u, &next.options);
    u->in_force = next.options;
    cli_config_free(u->read_again);
    u->read_again = next.config;
    say(u, cli_config_path(next.config), &applied, &restart);
}

void up_reload_free(up *u) {
    cli_config_free(u->read_again);
    free(u->tls_cert);
    free(u->tls_key);
}
