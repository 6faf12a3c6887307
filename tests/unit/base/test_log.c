/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/log.h"

#include "support/check.h"

typedef struct seen {
    size_t lines;
    p2p_log_line last;
    char text[512];
} seen;

static void note(void *ctx, const p2p_log_line *line) {
    seen *s = ctx;
    s->lines++;
    s->last = *line;
    snprintf(s->text, sizeof s->text, "%s", line->text);
}

static size_t evaluated;

static int costly(void) {
    evaluated++;
    return 7;
}

static void a_line_has_what_was_said(void **state) {
    (void)state;
    seen s = {0};
    p2p_log log = {note, &s, P2P_LOG_INFO};
    P2P_LOG(&log, P2P_LOG_WARN, "swarm", 9, 1234, "%d of %s", 3, "many");
    check(s.lines == 1 && s.last.level == P2P_LOG_WARN && s.last.conn == 9 && s.last.now == 1234);
    assert_string_equal(s.last.subject, "swarm");
    assert_string_equal(s.text, "3 of many");
}

static void lines_nobody_wants_are_not_evaluated(void **state) {
    (void)state;
    seen s = {0};
    p2p_log quiet = {note, &s, P2P_LOG_WARN}, none = {NULL, NULL, P2P_LOG_TRACE};
    p2p_log off = {note, &s, P2P_LOG_OFF};
    evaluated = 0;
    P2P_LOG(&quiet, P2P_LOG_INFO, "x", 0, 0, "%d", costly());
    P2P_LOG(&none, P2P_LOG_ERROR, "x", 0, 0, "%d", costly());
    P2P_LOG(&off, P2P_LOG_ERROR, "x", 0, 0, "%d", costly());
    check(evaluated == 0 && s.lines == 0);
    P2P_LOG(&quiet, P2P_LOG_WARN, "x", 0, 0, "%d", costly());
    check(evaluated == 1 && s.lines == 1);
}

static void a_long_text_is_cut_at_255_bytes(void **state) {
    (void)state;
    seen s = {0};
    p2p_log log = {note, &s, P2P_LOG_TRACE};
    P2P_LOG(&log, P2P_LOG_TRACE, "x", 0, 0, "%0400d", 5);
    check(strlen(s.text) == 255);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_what_was_said),
        cmocka_unit_test(lines_nobody_wants_are_not_evaluated),
        cmocka_unit_test(a_long_text_is_cut_at_255_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
