/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/check.h"

static void every_error_has_a_name_and_a_text(void **state) {
    (void)state;
    for (int err = 0; err < P2P_ERR_COUNT_; err++) {
        const char *name = p2p_err_name((p2p_err)err);
        const char *text = p2p_err_text((p2p_err)err);
        check(strlen(name) >= 2);
        check(strspn(name, "abcdefghijklmnopqrstuvwxyz-") == strlen(name));
        check(strlen(text) > 5);
        check(text[strlen(text) - 1] != '.' && strchr(text, '\n') == NULL);
        check((int)p2p_err_scope((p2p_err)err) >= P2P_SCOPE_CALL);
        check((int)p2p_err_scope((p2p_err)err) <= P2P_SCOPE_HOST);
        for (int other = 0; other < err; other++) {
            check(strcmp(name, p2p_err_name((p2p_err)other)) != 0);
            check(strcmp(text, p2p_err_text((p2p_err)other)) != 0);
        }
    }
}

static void what_is_no_error_is_an_internal_one(void **state) {
    (void)state;
    static const int wrong[] = {-1, P2P_ERR_COUNT_, 1000000};
    for (size_t i = 0; i < P2P_COUNT(wrong); i++) {
        assert_string_equal(p2p_err_name((p2p_err)wrong[i]), "internal");
        check(p2p_err_scope((p2p_err)wrong[i]) == P2P_SCOPE_HOST);
    }
}

static void some_scopes(void **state) {
    (void)state;
    check(p2p_err_scope(P2P_ERR_AGAIN) == P2P_SCOPE_CALL);
    check(p2p_err_scope(P2P_ERR_RESET) == P2P_SCOPE_STREAM);
    check(p2p_err_scope(P2P_ERR_DECRYPT) == P2P_SCOPE_CONN);
    check(p2p_err_scope(P2P_ERR_SHUTDOWN) == P2P_SCOPE_HOST);
    assert_string_equal(p2p_err_name(P2P_ERR_WRONG_PEER), "wrong-peer");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_name_and_a_text),
        cmocka_unit_test(what_is_no_error_is_an_internal_one),
        cmocka_unit_test(some_scopes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
