/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "unit/swarm/fake.h"

static const char *const AB[] = {"/a", "/b", NULL}, *const C[] = {"/c", NULL},
                         *const BC[] = {"/x", "/b", NULL}, *const NONE[] = {NULL},
                         *const EMPTY[] = {"", NULL};

static p2p_protocol protocol_of(const char *const *ids, bool inbound) {
    return (p2p_protocol){.size = sizeof(p2p_protocol), .ids = ids, .inbound = inbound};
}

static const p2p_registered *find(const char *id) {
    return p2p_swarm_find_protocol(f.swarm, p2p_bytes_text(id));
}

static void each_id_leads_to_its_protocol(void **state) {
    (void)state;
    int self;
    p2p_protocol ab = protocol_of(AB, true), c = protocol_of(C, true);
    fake_up();
    check(find("/a") == NULL);
    check_ok(p2p_host_add_protocol(f.host, &ab, &self));
    check_ok(p2p_host_add_protocol(f.host, &c, NULL));
    check(find("/a")->protocol == &ab && find("/b")->protocol == &ab && find("/b")->self == &self);
    check(find("/c")->protocol == &c && find("/c")->self == NULL);
    check(find("/") == NULL && find("/cc") == NULL && find("") == NULL);
    fake_down();
}

static void ids_are_listed_in_order_of_registration_without_what_only_dials(void **state) {
    (void)state;
    p2p_protocol ab = protocol_of(AB, false), c = protocol_of(C, true);
    fake_up();
    check(p2p_host_protocol(f.host, 0) == NULL);
    check_ok(p2p_host_add_protocol(f.host, &c, NULL));
    check_ok(p2p_host_add_protocol(f.host, &ab, NULL));
    assert_string_equal(p2p_host_protocol(f.host, 0), "/c");
    check(p2p_host_protocol(f.host, 1) == NULL);
    p2p_host_remove_protocol(f.host, &ab);
    ab.inbound = true;
    check_ok(p2p_host_add_protocol(f.host, &ab, NULL));
    assert_string_equal(p2p_host_protocol(f.host, 1), "/a");
    assert_string_equal(p2p_host_protocol(f.host, 2), "/b");
    check(p2p_host_protocol(f.host, 3) == NULL);
    fake_down();
}

static void an_id_is_taken_once(void **state) {
    (void)state;
    p2p_protocol ab = protocol_of(AB, true), bc = protocol_of(BC, true);
    fake_up();
    check_ok(p2p_host_add_protocol(f.host, &ab, NULL));
    check_err(P2P_ERR_EXISTS, p2p_host_add_protocol(f.host, &ab, NULL));
    check_err(P2P_ERR_EXISTS, p2p_host_add_protocol(f.host, &bc, NULL));
    check(find("/x") == NULL);
    p2p_host_remove_protocol(f.host, &bc); /* is not there */
    p2p_host_remove_protocol(f.host, &ab);
    check(find("/a") == NULL);
    check_ok(p2p_host_add_protocol(f.host, &bc, NULL));
    p2p_host_remove_protocol(f.host, &bc);
    check(p2p_host_protocol(f.host, 0) == NULL);
    fake_down();
}

static void ids_have_1_to_255_bytes(void **state) {
    (void)state;
    char text[257];
    const char *const ids[] = {text, NULL};
    p2p_protocol none = protocol_of(NONE, true), empty = protocol_of(EMPTY, true),
                 null = protocol_of(NULL, true), own = protocol_of(ids, true);
    memset(text, 'x', sizeof text);
    fake_up();
    check_err(P2P_ERR_INVALID, p2p_host_add_protocol(f.host, &none, NULL));
    check_err(P2P_ERR_INVALID, p2p_host_add_protocol(f.host, &empty, NULL));
    check_err(P2P_ERR_INVALID, p2p_host_add_protocol(f.host, &null, NULL));
    text[256] = 0;
    check_err(P2P_ERR_INVALID, p2p_host_add_protocol(f.host, &own, NULL));
    text[255] = 0;
    check_ok(p2p_host_add_protocol(f.host, &own, NULL));
    fake_down();
}

static void the_table_is_full_at_its_limit(void **state) {
    (void)state;
    p2p_protocol ab = protocol_of(AB, true), c = protocol_of(C, true);
    fake_prepare();
    f.config.limits.protocols = 1;
    fake_begin();
    check_ok(p2p_host_add_protocol(f.host, &ab, NULL));
    check_err(P2P_ERR_LIMIT, p2p_host_add_protocol(f.host, &c, NULL));
    check(find("/c") == NULL);
    p2p_host_remove_protocol(f.host, &ab);
    check_ok(p2p_host_add_protocol(f.host, &c, NULL));
    fake_down();
}

static void without_memory_the_table_stays_as_it_was(void **state) {
    (void)state;
    p2p_protocol ab = protocol_of(AB, true), c = protocol_of(C, true);
    fake_up();
    check_ok(p2p_host_add_protocol(f.host, &ab, NULL));
    f.mem.fail_at = f.mem.requests + 1;
    check_err(P2P_ERR_NO_MEMORY, p2p_host_add_protocol(f.host, &c, NULL));
    check(find("/a") != NULL && find("/c") == NULL);
    /* An allocator that cannot even shrink leaves a hole, which nobody finds. */
    check_ok(p2p_host_add_protocol(f.host, &c, NULL));
    f.mem.fail_at = f.mem.requests + 1;
    p2p_host_remove_protocol(f.host, &ab);
    check(find("/a") == NULL && find("/c")->protocol == &c);
    assert_string_equal(p2p_host_protocol(f.host, 0), "/c");
    check(p2p_host_protocol(f.host, 1) == NULL);
    fake_down();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_id_leads_to_its_protocol),
        cmocka_unit_test(ids_are_listed_in_order_of_registration_without_what_only_dials),
        cmocka_unit_test(an_id_is_taken_once),
        cmocka_unit_test(ids_have_1_to_255_bytes),
        cmocka_unit_test(the_table_is_full_at_its_limit),
        cmocka_unit_test(without_memory_the_table_stays_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
