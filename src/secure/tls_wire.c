/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "secure/tls_wire.h"

#include "base/bytes.h"

static int wire_read(BIO *bio, char *dst, size_t cap, size_t *len) {
    p2p_tls_wire *wire = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *len = wire->in_len < cap ? wire->in_len : cap;
    if (*len == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(dst, wire->in, *len);
    wire->in += *len;
    wire->in_len -= *len;
    return 1;
}

static int wire_write(BIO *bio, const char *data, size_t len, size_t *written) {
    p2p_tls_wire *wire = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *written = len;
    /* Behind something unsent everything else has to wait too. */
    if (p2p_buf_len(&wire->unsent) == 0 && len <= wire->out_cap - wire->out_len) {
        p2p_copy(wire->out + wire->out_len, data, len);
        wire->out_len += len;
        return 1;
    }
    wire->err = p2p_buf_append(&wire->unsent, p2p_bytes_of(data, len));
    return wire->err == P2P_OK;
}

static long wire_ctrl(BIO *bio, int command, long number, void *ptr) {
    (void)bio;
    (void)number;
    (void)ptr;
    return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *p2p_tls_wire_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "p2p wire");
    if (method != NULL && BIO_meth_set_read_ex(method, wire_read) == 1 &&
        BIO_meth_set_write_ex(method, wire_write) == 1 && BIO_meth_set_ctrl(method, wire_ctrl) == 1)
        return method;
    BIO_meth_free(method);
    return NULL;
}

BIO *p2p_tls_wire_bio(const BIO_METHOD *method, p2p_tls_wire *wire) {
    BIO *bio = BIO_new(method);
    if (bio == NULL)
        return NULL;
    BIO_set_data(bio, wire);
    BIO_set_init(bio, 1);
    return bio;
}
