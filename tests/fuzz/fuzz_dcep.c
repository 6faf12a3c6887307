/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* DCEP's OPEN: what decodes must encode to the same bytes. */
#include <stdlib.h>

#include "base/bytes.h"
#include "webrtc/dcep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    p2p_bytes message = {data, size};
    p2p_dcep_type type;
    p2p_dcep_open open;
    if (p2p_dcep_type_of(message, &type) != P2P_OK || type != P2P_DCEP_OPEN ||
        p2p_dcep_open_decode(&open, message) != P2P_OK)
        return 0;
    uint8_t again[P2P_DCEP_MAX];
    size_t len;
    if (p2p_dcep_open_encode(again, &len, &open) != P2P_OK ||
        !p2p_bytes_equal(p2p_bytes_of(again, len), message))
        abort();
    return 0;
}
