/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * QPACK through nghttp3's encoder and decoder, with a table capacity of 0 in both directions.
 *
 * nghttp3 frees blocks without saying their size, which p2p_mem insists on, so each block carries
 * its size in front. A decoded section is copied into one run of text: nghttp3's reference-counted
 * strings end with the call.
 */
#include "webtransport/qpack.h"

#include <nghttp3/nghttp3.h>

#include "base/bytes.h"
#include "base/mem.h"

struct p2p_qpack {
    const p2p_mem *mem;
    nghttp3_mem blocks;
    bool starved; /* an allocation failed: nghttp3 may call that bad input */
    nghttp3_qpack_encoder *encoder;
    nghttp3_qpack_decoder *decoder;
};

/* --- memory --- */

typedef union block_head {
    size_t size;
    max_align_t align;
} block_head;

/* p2p_mem_resize for blocks with a head; size is the caller's. */
static void *resize(p2p_qpack *q, block_head *head, size_t size) {
    block_head *moved = NULL;
    size_t old = head == NULL ? 0 : head->size + sizeof *head;
    if (size <= SIZE_MAX - sizeof *head)
        moved = p2p_mem_resize(q->mem, head, old, size + sizeof *head);
    if (moved == NULL) {
        q->starved = true;
        return NULL;
    }
    moved->size = size;
    return moved + 1;
}

static void *block_malloc(size_t size, void *user_data) {
    return resize(user_data, NULL, size);
}

static void block_free(void *ptr, void *user_data) {
    const p2p_qpack *q = user_data;
    if (ptr == NULL)
        return;
    block_head *head = (block_head *)ptr - 1;
    p2p_mem_free(q->mem, head, head->size + sizeof *head);
}

static void *block_calloc(size_t count, size_t size, void *user_data) {
    if (size > 0 && count > SIZE_MAX / size)
        return NULL;
    void *ptr = block_malloc(count * size, user_data);
    if (ptr != NULL)
        memset(ptr, 0, count * size);
    return ptr;
}

static void *block_realloc(void *ptr, size_t size, void *user_data) {
    return resize(user_data, ptr == NULL ? NULL : (block_head *)ptr - 1, size);
}

p2p_err p2p_qpack_new(p2p_qpack **out, const p2p_mem *mem) {
    *out = NULL;
    p2p_qpack *q = p2p_mem_alloc(mem, sizeof *q);
    if (q == NULL)
        return P2P_ERR_NO_MEMORY;
    q->mem = mem;
    q->blocks = (nghttp3_mem){q, block_malloc, block_free, block_calloc, block_realloc};
    if (nghttp3_qpack_encoder_new(&q->encoder, 0, &q->blocks) != 0 ||
        nghttp3_qpack_decoder_new(&q->decoder, 0, 0, &q->blocks) != 0) {
        p2p_qpack_free(q);
        return P2P_ERR_NO_MEMORY;
    }
    *out = q;
    return P2P_OK;
}

void p2p_qpack_free(p2p_qpack *q) {
    if (q == NULL)
        return;
    nghttp3_qpack_encoder_del(q->encoder);
    nghttp3_qpack_decoder_del(q->decoder);
    p2p_mem_free(q->mem, q, sizeof *q);
}

/* --- encoding --- */

static void put_buf(p2p_writer *w, const nghttp3_buf *buf) {
    p2p_writer_bytes(w, p2p_bytes_of(buf->pos, nghttp3_buf_len(buf)));
}

p2p_err p2p_qpack_encode(p2p_qpack *q, p2p_writer *w, const p2p_field *fields, size_t count) {
    nghttp3_nv list[P2P_FIELDS_MAX];
    if (count > P2P_FIELDS_MAX)
        return P2P_ERR_TOO_BIG;
    for (size_t i = 0; i < count; i++)
        list[i] = (nghttp3_nv){fields[i].name.ptr, fields[i].value.ptr, fields[i].name.len,
            fields[i].value.len, NGHTTP3_NV_FLAG_NONE};
    nghttp3_buf prefix;
    nghttp3_buf section;
    nghttp3_buf table; /* stays empty */
    nghttp3_buf_init(&prefix);
    nghttp3_buf_init(&section);
    nghttp3_buf_init(&table);
    /* The stream's id matters to the dynamic table alone. */
    int rv = nghttp3_qpack_encoder_encode(q->encoder, &prefix, &section, &table, 0, list, count);
    if (rv == 0) {
        put_buf(w, &prefix);
        put_buf(w, &section);
    }
    nghttp3_buf_free(&prefix, &q->blocks);
    nghttp3_buf_free(&section, &q->blocks);
    nghttp3_buf_free(&table, &q->blocks);
    if (rv != 0)
        return q->starved ? P2P_ERR_NO_MEMORY : P2P_ERR_INTERNAL;
    return p2p_writer_end(w);
}

/* --- decoding --- */

void p2p_fields_init(p2p_fields *fields, const p2p_mem *mem) {
    fields->count = 0;
    p2p_buf_init(&fields->text, mem, P2P_FIELD_SECTION_MAX);
}

void p2p_fields_deinit(p2p_fields *fields) {
    fields->count = 0;
    p2p_buf_deinit(&fields->text);
}

static p2p_err fail(p2p_err err, p2p_h3_error code, p2p_h3_error *error) {
    *error = code;
    return err;
}

static p2p_bytes view_of(nghttp3_rcbuf *text) {
    nghttp3_vec v = nghttp3_rcbuf_get_buf(text);
    return p2p_bytes_of(v.base, v.len);
}

/* Pointers would move when the text grows: until the end a view holds only its length. */
static p2p_err keep(p2p_fields *fields, p2p_bytes name, p2p_bytes value, p2p_h3_error *error) {
    size_t size = p2p_buf_len(&fields->text) + 32 * (fields->count + 1);
    if (fields->count == P2P_FIELDS_MAX || name.len > P2P_FIELD_SECTION_MAX ||
        value.len > P2P_FIELD_SECTION_MAX || size + name.len + value.len > P2P_FIELD_SECTION_MAX)
        return fail(P2P_ERR_VIOLATION, P2P_H3_MESSAGE_ERROR, error);
    p2p_err err = p2p_buf_append(&fields->text, name);
    if (err == P2P_OK)
        err = p2p_buf_append(&fields->text, value);
    if (err != P2P_OK)
        return fail(err, P2P_H3_INTERNAL_ERROR, error);
    fields->list[fields->count++] = (p2p_field){{NULL, name.len}, {NULL, value.len}};
    return P2P_OK;
}

static void set_pointers(p2p_fields *fields) {
    if (p2p_buf_len(&fields->text) == 0)
        return; /* no fields, or empty ones only */
    const uint8_t *at = p2p_buf_view(&fields->text).ptr;
    for (size_t i = 0; i < fields->count; i++) {
        p2p_field *field = &fields->list[i];
        field->name.ptr = at;
        at += field->name.len;
        field->value.ptr = at;
        at += field->value.len;
    }
}

static p2p_err read_fields(p2p_qpack *q, nghttp3_qpack_stream_context *section, p2p_bytes in,
    p2p_fields *fields, p2p_h3_error *error) {
    for (;;) {
        nghttp3_qpack_nv nv;
        uint8_t flags = 0;
        nghttp3_ssize n =
            nghttp3_qpack_decoder_read_request(q->decoder, section, &nv, &flags, in.ptr, in.len, 1);
        if (n < 0 && q->starved)
            return fail(P2P_ERR_NO_MEMORY, P2P_H3_INTERNAL_ERROR, error);
        if (n == NGHTTP3_ERR_QPACK_HEADER_TOO_LARGE)
            return fail(P2P_ERR_VIOLATION, P2P_H3_MESSAGE_ERROR, error);
        if (n < 0 || (flags & NGHTTP3_QPACK_DECODE_FLAG_BLOCKED) != 0)
            return fail(P2P_ERR_MALFORMED, P2P_QPACK_DECOMPRESSION_FAILED, error);
        in = p2p_bytes_of(in.ptr + n, in.len - (size_t)n);
        if ((flags & NGHTTP3_QPACK_DECODE_FLAG_EMIT) != 0) {
            p2p_err err = keep(fields, view_of(nv.name), view_of(nv.value), error);
            nghttp3_rcbuf_decref(nv.name);
            nghttp3_rcbuf_decref(nv.value);
            if (err != P2P_OK)
                return err;
        }
        if ((flags & NGHTTP3_QPACK_DECODE_FLAG_FINAL) != 0)
            return P2P_OK;
        if (n == 0 && (flags & NGHTTP3_QPACK_DECODE_FLAG_EMIT) == 0)
            return fail(P2P_ERR_MALFORMED, P2P_QPACK_DECOMPRESSION_FAILED, error);
    }
}

p2p_err p2p_qpack_decode(p2p_qpack *q, p2p_bytes in, p2p_fields *fields, p2p_h3_error *error) {
    nghttp3_qpack_stream_context *section;
    fields->count = 0;
    p2p_buf_consume(&fields->text, p2p_buf_len(&fields->text));
    if (in.len == 0) /* even an empty section has a prefix */
        return fail(P2P_ERR_MALFORMED, P2P_QPACK_DECOMPRESSION_FAILED, error);
    if (nghttp3_qpack_stream_context_new(&section, 0, &q->blocks) != 0)
        return fail(P2P_ERR_NO_MEMORY, P2P_H3_INTERNAL_ERROR, error);
    p2p_err err = read_fields(q, section, in, fields, error);
    nghttp3_qpack_stream_context_del(section);
    if (err == P2P_OK)
        set_pointers(fields);
    else
        fields->count = 0;
    return err;
}

p2p_err p2p_qpack_feed_encoder_stream(p2p_qpack *q, p2p_bytes in, p2p_h3_error *error) {
    if (in.len == 0)
        return P2P_OK;
    nghttp3_ssize n = nghttp3_qpack_decoder_read_encoder(q->decoder, in.ptr, in.len);
    if (n < 0 && q->starved)
        return fail(P2P_ERR_NO_MEMORY, P2P_H3_INTERNAL_ERROR, error);
    return n < 0 ? fail(P2P_ERR_VIOLATION, P2P_QPACK_ENCODER_STREAM_ERROR, error) : P2P_OK;
}

p2p_err p2p_qpack_feed_decoder_stream(p2p_qpack *q, p2p_bytes in, p2p_h3_error *error) {
    if (in.len == 0)
        return P2P_OK;
    nghttp3_ssize n = nghttp3_qpack_encoder_read_decoder(q->encoder, in.ptr, in.len);
    if (n < 0 && q->starved)
        return fail(P2P_ERR_NO_MEMORY, P2P_H3_INTERNAL_ERROR, error);
    return n < 0 ? fail(P2P_ERR_VIOLATION, P2P_QPACK_DECODER_STREAM_ERROR, error) : P2P_OK;
}
