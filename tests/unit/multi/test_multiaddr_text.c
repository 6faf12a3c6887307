/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <p2p/multiaddr.h>

#include "support/check.h"

/* Lines of tests/spec/multiformats/multiaddr.txt; see the README there. */
typedef struct line_reader {
    char *at;
} line_reader;

static char *next_line(line_reader *reader) {
    while (*reader->at != '\0') {
        char *line = reader->at;
        size_t len = strcspn(line, "\n");
        reader->at += len + (line[len] == '\n');
        line[len] = '\0';
        if (len > 0 && line[0] != '#')
            return line;
    }
    return NULL;
}

static char *next_word(char **line) {
    char *word = *line + strspn(*line, " ");
    size_t len = strcspn(word, " ");
    *line = word + len + (word[len] == ' ');
    word[len] = '\0';
    return word;
}

static void check_good(const char *text, const char *printed, const char *hex) {
    char out[P2P_MULTIADDR_TEXT_MAX];
    char why[128];
    p2p_multiaddr addr;
    p2p_multiaddr again;
    if (p2p_multiaddr_parse(&addr, text, why) != P2P_OK)
        fail_msg("%s: %s", text, why);
    check(why[0] == '\0');
    size_t len = p2p_multiaddr_format(out, sizeof out, &addr);
    assert_string_equal(out, strcmp(printed, "=") == 0 ? text : printed);
    check(len == strlen(out));
    if (strcmp(hex, "-") != 0)
        check_bytes(p2p_multiaddr_bytes(&addr), hex);
    check_ok(p2p_multiaddr_decode(&again, p2p_multiaddr_bytes(&addr)));
    check(p2p_multiaddr_equal(&addr, &again));
    check_ok(p2p_multiaddr_parse(&again, out, NULL));
    check_same(p2p_multiaddr_bytes(&again), p2p_multiaddr_bytes(&addr));
}

static void check_bad(p2p_err want, const char *text) {
    char why[128];
    p2p_multiaddr addr;
    p2p_err err = p2p_multiaddr_parse(&addr, text, why);
    if (err != want)
        fail_msg("%s gave %s (%s)", text, p2p_err_name(err), why);
    check(addr.len == 0);
    check(strlen(why) > 10 && strlen(why) < sizeof why);
}

static void the_table_of_addresses(void **state) {
    (void)state;
    size_t len;
    size_t lines = 0;
    uint8_t *data = read_vector_file("multiformats/multiaddr.txt", &len);
    line_reader reader = {(char *)data};
    for (char *line = next_line(&reader); line != NULL; line = next_line(&reader), lines++) {
        const char *kind = next_word(&line);
        const char *text = next_word(&line);
        if (strcmp(kind, "good") == 0) {
            const char *printed = next_word(&line);
            check_good(text, printed, next_word(&line));
        } else if (strcmp(kind, "bad") == 0) {
            check_bad(P2P_ERR_INVALID, text);
        } else if (strcmp(kind, "unknown") == 0) {
            check_bad(P2P_ERR_UNSUPPORTED, text);
        } else {
            fail_msg("unknown kind %s", kind);
        }
    }
    check(lines > 80);
    free(data);
}

static void the_reason_names_the_part(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"/ip4/1.2.3.4/tcp/99999", "'99999' after /tcp is not a number up to 65535"},
        {"/ip4/1.2.3.4/frob/1", "the protocol 'frob' is not known"},
        {"/onion3/abc:1", "the protocol 'onion3' is not known"},
        {"/ip4/1.2.3/tcp/1", "'1.2.3' after /ip4 is not an IPv4 address"},
        {"/ip4//tcp/1", "'' after /ip4 is not an IPv4 address"},
        {"/ip4/1.2.3.4//tcp/1", "there is an empty part: two slashes in a row"},
        {"/ip4", "/ip4 needs a value behind it: an IPv4 address"},
        {"/ip4/1.2.3.4/tcp", "/tcp needs a value behind it: a number up to 65535"},
        {"192.0.2.1:4001", "an address begins with a slash, as in /ip4/192.0.2.1"},
        {"", "an address begins with a slash, as in /ip4/192.0.2.1"},
        {"/", "the address has no parts"},
        {"/dns/a\x1b[31m/tcp/1", "'a?[31m' after /dns is not a name"},
        {"/p2p/QmNotAnId0", "'QmNotAnId0' after /p2p is not a peer id"},
    };
    for (size_t i = 0; i < P2P_COUNT(cases); i++) {
        char why[128];
        p2p_multiaddr addr;
        check(p2p_multiaddr_parse(&addr, cases[i][0], why) != P2P_OK);
        assert_string_equal(why, cases[i][1]);
        check(p2p_multiaddr_parse(&addr, cases[i][0], NULL) != P2P_OK);
    }
}

static void long_texts_are_too_big(void **state) {
    (void)state;
    static char text[10241];
    char why[128];
    p2p_multiaddr addr;
    memset(text, 'a', 10240);
    memcpy(text, "/dns/", 5);
    check_err(P2P_ERR_TOO_BIG, p2p_multiaddr_parse(&addr, text, why));
    assert_string_equal(why, "the address is too long");
    text[1000] = '\0';
    check_err(P2P_ERR_TOO_BIG, p2p_multiaddr_parse(&addr, text, why));
    check(strstr(why, "after /dns makes the address too long") != NULL);
    text[5 + 509] = '\0'; /* one byte of code, two of length */
    check_ok(p2p_multiaddr_parse(&addr, text, why));
    check(addr.len == P2P_MULTIADDR_MAX);
    memset(text, 'f', 10240); /* an unknown protocol of a long name */
    text[0] = '/';
    text[600] = '\0';
    check_err(P2P_ERR_UNSUPPORTED, p2p_multiaddr_parse(&addr, text, why));
    for (size_t i = 0; i < 10240; i += 4)
        memcpy(text + i, "/tls", 4);
    check_err(P2P_ERR_TOO_BIG, p2p_multiaddr_parse(&addr, text, why));
}

static void a_short_buffer_gets_the_beginning(void **state) {
    (void)state;
    p2p_multiaddr addr;
    check_ok(p2p_multiaddr_parse(&addr, "/ip4/192.0.2.1/tcp/4001", NULL));
    for (size_t cap = 1; cap < 30; cap++) {
        char out[32];
        memset(out, 'x', sizeof out);
        check(p2p_multiaddr_format(out, cap, &addr) == 23);
        size_t written = cap <= 23 ? cap - 1 : 23;
        check(memcmp(out, "/ip4/192.0.2.1/tcp/4001", written) == 0 && out[written] == '\0');
        check(out[cap] == 'x');
    }
    check(p2p_multiaddr_format(NULL, 0, &addr) == 23);
}

/* Long names of short codes, many of them: whatever is accepted can be printed. */
static void no_accepted_address_has_a_longer_text(void **state) {
    (void)state;
    p2p_multiaddr addr = {0};
    char out[P2P_MULTIADDR_TEXT_MAX];
    p2p_err err;
    while ((err = p2p_multiaddr_push(&addr, P2P_P2P_WEBSOCKET_STAR, (p2p_bytes){0})) == P2P_OK)
        check(p2p_multiaddr_format(out, sizeof out, &addr) < sizeof out);
    check_err(P2P_ERR_TOO_BIG, err);
    check(addr.len == 2 * ((P2P_MULTIADDR_TEXT_MAX - 1) / 19)); /* "/p2p-websocket-star" */
    uint8_t bytes[P2P_MULTIADDR_MAX];
    for (size_t i = 0; i < sizeof bytes; i += 2)
        memcpy(bytes + i, "\xdf\x03", 2);
    check_err(P2P_ERR_TOO_BIG, p2p_multiaddr_decode(&addr, p2p_bytes_of(bytes, sizeof bytes)));
    check(addr.len == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_of_addresses),
        cmocka_unit_test(the_reason_names_the_part),
        cmocka_unit_test(long_texts_are_too_big),
        cmocka_unit_test(a_short_buffer_gets_the_beginning),
        cmocka_unit_test(no_accepted_address_has_a_longer_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
