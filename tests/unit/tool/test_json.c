/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What tools/p2p/json.c writes can be read, whatever goes in and however much. */
#include "../../../tools/p2p/json.h"

#include <jansson.h>

#include "base/bytes.h"
#include "support/check.h"

static json_t *read_back(cli_json *j) {
    p2p_bytes text = cli_json_close(j);
    json_error_t error;
    json_t *o = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    if (o == NULL)
        print_message("%s at %d of %zu\n", error.text, error.position, text.len);
    check(o != NULL && json_is_object(o));
    return o;
}

static void every_kind_of_value_comes_back(void **state) {
    (void)state;
    cli_json j = {0};
    cli_json_begin(&j, "test");
    cli_json_int(&j, "most", UINT64_C(9007199254740991));
    cli_json_float(&j, "float", 1.5);
    cli_json_float(&j, "none", 1.0 / 0.0);
    cli_json_bool(&j, "yes", true);
    cli_json_null(&j, "null");
    cli_json_list(&j, "list");
    cli_json_item(&j, P2P_LITERAL("one"));
    cli_json_object(&j, NULL);
    cli_json_object_end(&j);
    cli_json_list(&j, NULL);
    cli_json_list_end(&j);
    cli_json_list_end(&j);
    cli_json_object(&j, "inner");
    cli_json_text(&j, "text", "\"\\/\n\x7f\xc2\x85é€😀");
    cli_json_object_end(&j);
    cli_json_text(&j, "last", "");
    json_t *o = read_back(&j), *list = json_object_get(o, "list");
    check(json_object_size(o) == 9);
    check(json_integer_value(json_object_get(o, "most")) == INT64_C(9007199254740991));
    check(json_real_value(json_object_get(o, "float")) == 1.5);
    check(json_is_true(json_object_get(o, "yes")) && json_is_null(json_object_get(o, "null")));
    check(json_array_size(list) == 3 && json_is_object(json_array_get(list, 1)));
    check(json_is_array(json_array_get(list, 2)));
    check(strcmp(json_string_value(json_object_get(json_object_get(o, "inner"), "text")),
              "\"\\/\n\x7f\xc2\x85é€😀") == 0);
    json_decref(o);
    cli_json_free(&j);
}

static void bytes_that_are_no_text_are_replaced(void **state) {
    (void)state;
    cli_json j = {0};
    cli_json_open(&j);
    cli_json_bytes(&j, "bad", P2P_LITERAL("a\xff\xc0\xaf\xed\xa0\x80z\xe2\x82"));
    json_t *o = read_back(&j);
    check(strcmp(json_string_value(json_object_get(o, "bad")),
              "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz"
              "\xef\xbf\xbd\xef\xbf\xbd") == 0);
    json_decref(o);
    cli_json_free(&j);
}

/* Objects in a list, until far more was offered than there is room for. */
static void what_finds_no_room_is_left_out_whole(void **state) {
    (void)state;
    cli_json j = {0};
    static char big[100000];
    memset(big, 'x', sizeof big);
    cli_json_open(&j);
    cli_json_list(&j, "list");
    for (int i = 0; i < 40; i++) {
        cli_json_object(&j, NULL);
        cli_json_bytes(&j, "a", p2p_bytes_of(big, sizeof big - (size_t)i));
        cli_json_list(&j, "inner");
        cli_json_item(&j, P2P_LITERAL("short"));
        cli_json_list_end(&j);
        cli_json_object_end(&j);
    }
    cli_json_list_end(&j);
    cli_json_text(&j, "after", "it");
    json_t *o = read_back(&j), *list = json_object_get(o, "list");
    check(json_array_size(list) == 40);
    check(json_object_size(json_array_get(list, 0)) == 2);
    check(json_object_size(json_array_get(list, 39)) == 1); /* the short one found room */
    check(strcmp(json_string_value(json_object_get(o, "after")), "it") == 0);
    json_decref(o);

    /* Filled to the last byte, whole parts are left out, and what is in them with them. */
    cli_json_open(&j);
    cli_json_list(&j, "list");
    for (int i = 0; i < 30; i++)
        cli_json_item(&j, p2p_bytes_of(big, sizeof big));
    for (size_t left = sizeof big; left > 0; left /= 2)
        cli_json_item(&j, p2p_bytes_of(big, left));
    cli_json_list_end(&j);
    cli_json_object(&j, "outer");
    cli_json_text(&j, "lost", "too");
    cli_json_list(&j, "deeper");
    cli_json_item(&j, P2P_LITERAL("lost"));
    cli_json_list_end(&j);
    cli_json_object_end(&j);
    o = read_back(&j);
    check(json_object_size(o) == 1);
    json_decref(o);
    cli_json_free(&j);
}

static void a_block_is_used_again(void **state) {
    (void)state;
    cli_json j = {0};
    for (int i = 0; i < 3; i++) {
        cli_json_begin(&j, "again");
        json_t *o = read_back(&j);
        check(json_object_size(o) == 1);
        json_decref(o);
    }
    cli_json_free(&j);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_comes_back),
        cmocka_unit_test(bytes_that_are_no_text_are_replaced),
        cmocka_unit_test(what_finds_no_room_is_left_out_whole),
        cmocka_unit_test(a_block_is_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
