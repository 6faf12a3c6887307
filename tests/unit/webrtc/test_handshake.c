/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "webrtc/handshake.h"

#include "support/check.h"

/* libp2p/specs webrtc/webrtc-direct.md, "Test vectors". */
/* spec: webrtc/webrtc-direct #connection-security: the prologue is libp2p-webrtc-noise: and both
 * fingerprints, the responder's first. */
static void the_prologue_is_that_of_the_specification(void **state) {
    (void)state;
    uint8_t client[32], server[32], prologue[P2P_WEBRTC_PROLOGUE_LEN];
    from_hex(
        "3e79af40d6059617a0d83b83a52ce73b0c1f37a72c6043ad2969e2351bdca870", client, sizeof client);
    from_hex(
        "30fc9f469c207419dfdd0aab5f27a86c973c94e40548db9375cca2e915973b99", server, sizeof server);
    p2p_webrtc_prologue(prologue, client, server);
    check_bytes(p2p_bytes_of(prologue, sizeof prologue),
        "6c69627032702d7765627274632d6e6f6973653a"
        "12203e79af40d6059617a0d83b83a52ce73b0c1f37a72c6043ad2969e2351bdca870"
        "122030fc9f469c207419dfdd0aab5f27a86c973c94e40548db9375cca2e915973b99");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_prologue_is_that_of_the_specification),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
