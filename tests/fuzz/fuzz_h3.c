/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An HTTP/3 stream from the peer, in pieces, with what stands behind it: settings, fields, requests
 * and capsules. First byte: origin, role and whether the stream becomes a tunnel; second: the size
 * of the pieces.
 */
#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "webtransport/capsule.h"
#include "webtransport/h3_frame.h"
#include "webtransport/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct peer {
    p2p_h3_reader reader;
    p2p_qpack *qpack;
    p2p_fields fields;
    p2p_capsule_reader capsules;
    bool tunnel;
} peer;

static p2p_err take_headers(peer *p, p2p_bytes section) {
    p2p_h3_error error;
    p2p_h3_request request;
    unsigned status;
    p2p_err err = p2p_qpack_decode(p->qpack, section, &p->fields, &error);
    if (err != P2P_OK)
        return err;
    if (p2p_h3_request_read(&request, &p->fields) == P2P_OK)
        (void)p2p_wt_judge(&request);
    if (p2p_h3_response_read(&status, &p->fields) == P2P_OK && status < 200)
        p2p_h3_reader_interim(&p->reader);
    if (p->tunnel)
        p2p_h3_reader_tunnel(&p->reader);
    return P2P_OK;
}

static p2p_err take_capsules(peer *p, p2p_bytes in) {
    p2p_err err = P2P_OK;
    for (size_t used = 0; used < in.len && err == P2P_OK;) {
        p2p_capsule_item item;
        err = p2p_capsule_reader_feed(
            &p->capsules, p2p_bytes_of(in.ptr + used, in.len - used), &item);
        used += item.used;
    }
    return err;
}

static p2p_err take(peer *p, const p2p_h3_item *item) {
    p2p_h3_settings settings;
    p2p_h3_error error;
    switch (item->event) {
    case P2P_H3_GOT_SETTINGS:
        return p2p_h3_settings_decode(&settings, item->bytes, &error);
    case P2P_H3_GOT_HEADERS:
        return take_headers(p, item->bytes);
    case P2P_H3_GOT_DATA:
        if (p->reader.stream == P2P_H3_QPACK_ENCODER)
            return p2p_qpack_feed_encoder_stream(p->qpack, item->bytes, &error);
        if (p->reader.stream == P2P_H3_QPACK_DECODER)
            return p2p_qpack_feed_decoder_stream(p->qpack, item->bytes, &error);
        return p->reader.stream == P2P_H3_REQUEST ? take_capsules(p, item->bytes) : P2P_OK;
    default:
        return P2P_OK;
    }
}

static p2p_err feed(peer *p, const uint8_t *piece, size_t n) {
    p2p_err err = P2P_OK;
    for (size_t used = 0; used < n && err == P2P_OK;) {
        p2p_h3_item item;
        err = p2p_h3_reader_feed(&p->reader, p2p_bytes_of(piece + used, n - used), &item);
        P2P_REQUIRE(err != P2P_OK || (item.used > 0 && item.used <= n - used));
        P2P_REQUIRE((err != P2P_OK) == (p->reader.error != 0));
        used += item.used;
        if (err == P2P_OK)
            err = take(p, &item);
    }
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const p2p_mem mem;
    if (size < 2)
        return 0;
    peer p = {.tunnel = (data[0] & 8) != 0};
    size_t step = 1 + data[1];
    if (p2p_qpack_new(&p.qpack, &mem) != P2P_OK)
        return 0;
    p2p_h3_reader_init(&p.reader, &mem, (data[0] & 4) != 0, (p2p_h3_origin)((data[0] & 3) % 3));
    p2p_fields_init(&p.fields, &mem);
    p2p_capsule_reader_init(&p.capsules, &mem);
    p2p_err err = P2P_OK;
    for (size_t at = 2; at < size && err == P2P_OK; at += step) {
        size_t n = step < size - at ? step : size - at;
        uint8_t *copy = malloc(n);
        memcpy(copy, data + at, n);
        err = feed(&p, copy, n);
        free(copy);
    }
    if (err == P2P_OK)
        (void)p2p_h3_reader_fin(&p.reader);
    p2p_capsule_reader_deinit(&p.capsules);
    p2p_fields_deinit(&p.fields);
    p2p_h3_reader_deinit(&p.reader);
    p2p_qpack_free(p.qpack);
    return 0;
}
