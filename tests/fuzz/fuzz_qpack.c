/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A field section; what was decoded must survive being encoded and decoded again. */
#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "webtransport/qpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(p2p_qpack *q, const p2p_fields *fields, const p2p_mem *mem) {
    enum { CAP = 4 * P2P_FIELD_SECTION_MAX };

    p2p_fields again;
    p2p_h3_error error;
    uint8_t *out = malloc(CAP);
    p2p_writer w = p2p_writer_of(out, CAP);
    p2p_fields_init(&again, mem);
    P2P_REQUIRE(p2p_qpack_encode(q, &w, fields->list, fields->count) == P2P_OK);
    P2P_REQUIRE(p2p_qpack_decode(q, p2p_writer_view(&w), &again, &error) == P2P_OK);
    P2P_REQUIRE(again.count == fields->count);
    for (size_t i = 0; i < again.count; i++) {
        P2P_REQUIRE(p2p_bytes_equal(again.list[i].name, fields->list[i].name));
        P2P_REQUIRE(p2p_bytes_equal(again.list[i].value, fields->list[i].value));
    }
    p2p_fields_deinit(&again);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const p2p_mem mem;
    p2p_qpack *q;
    p2p_fields fields;
    p2p_h3_error error = P2P_H3_NO_ERROR;
    if (p2p_qpack_new(&q, &mem) != P2P_OK)
        return 0;
    p2p_fields_init(&fields, &mem);
    p2p_err err = p2p_qpack_decode(q, p2p_bytes_of(data, size), &fields, &error);
    P2P_REQUIRE((err == P2P_OK) == (error == P2P_H3_NO_ERROR));
    if (err == P2P_OK)
        check_round_trip(q, &fields, &mem);
    p2p_fields_deinit(&fields);
    p2p_qpack_free(q);
    return 0;
}
