/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reading and writing frames. The reader is a state machine over single bytes for everything but
 * data, which it passes on in runs; so it needs no buffer and any cut of the stream gives the same
 * events. Protobuf allows the fields in any order: the flag is kept until the frame ends, since
 * data counts before the flag.
 */
#include "webrtc/frame.h"

#include "base/bytes.h"
#include "base/cursor.h"
#include "base/proto.h"

enum { FIELD_FLAG = 1, FIELD_MESSAGE = 2, FIELD_ERROR_CODE = 3 };

enum { LENGTH_DIGITS = 3, TAG_DIGITS = 5, VALUE_DIGITS = 10 };

typedef enum reader_state {
    AT_LENGTH,
    AT_TAG,
    AT_VALUE, /* of a varint field */
    AT_RUN_LENGTH,
    IN_DATA,
    IN_SKIP
} reader_state;

void p2p_frame_reader_init(p2p_frame_reader *reader) {
    *reader = (p2p_frame_reader){.state = AT_LENGTH, .flag = P2P_FRAME_NONE};
}

/* Adds a digit; true when the varint is complete. */
static bool add_digit(p2p_frame_reader *r, uint8_t byte, unsigned max_digits) {
    if (r->digits < 9 || (byte & 0x7f) <= 1)
        r->value |= (uint64_t)(byte & 0x7f) << (7 * r->digits);
    else
        r->err = P2P_ERR_MALFORMED;
    r->digits++;
    if (byte & 0x80) {
        if (r->digits == max_digits)
            r->err = P2P_ERR_MALFORMED;
        return false;
    }
    return r->err == P2P_OK;
}

static void await(p2p_frame_reader *r, reader_state state) {
    r->state = (uint8_t)state;
    r->digits = 0;
    r->value = 0;
}

static void begin_frame(p2p_frame_reader *r, uint8_t last_digit) {
    if (last_digit == 0 && r->digits > 1) {
        r->err = P2P_ERR_MALFORMED; /* not the shortest form */
        return;
    }
    if (r->value > P2P_FRAME_MAX_IN) {
        r->err = P2P_ERR_TOO_BIG;
        return;
    }
    r->frame = (size_t)r->value;
    r->seen = 0;
    r->flag = P2P_FRAME_NONE;
    r->error_code = 0;
    await(r, r->frame > 0 ? AT_TAG : AT_LENGTH);
}

/* Each known field may stand once: data is passed on before a second could replace it. */
static void begin_field(p2p_frame_reader *r) {
    r->field = (uint32_t)(r->value >> 3);
    r->wire = r->value & 7;
    bool known = r->field >= FIELD_FLAG && r->field <= FIELD_ERROR_CODE;
    bool right = r->wire == (r->field == FIELD_MESSAGE ? P2P_WIRE_BYTES : P2P_WIRE_VARINT);
    if (r->value >> 3 > 0x1fffffff || r->field == 0 || (known && !right) ||
        (known && r->seen & 1 << r->field)) {
        r->err = P2P_ERR_MALFORMED;
        return;
    }
    if (known)
        r->seen |= (uint8_t)(1 << r->field);
    switch (r->wire) {
    case P2P_WIRE_VARINT:
        await(r, AT_VALUE);
        break;
    case P2P_WIRE_BYTES:
        await(r, AT_RUN_LENGTH);
        break;
    case P2P_WIRE_FIXED32:
    case P2P_WIRE_FIXED64:
        await(r, IN_SKIP);
        r->run = r->wire == P2P_WIRE_FIXED32 ? 4 : 8;
        break;
    default:
        r->err = P2P_ERR_MALFORMED;
    }
}

static void end_value(p2p_frame_reader *r) {
    if (r->field == FIELD_FLAG && r->value <= P2P_FRAME_FIN_ACK)
        r->flag = (int32_t)r->value;
    if (r->field == FIELD_ERROR_CODE)
        r->error_code = (uint32_t)r->value;
    await(r, AT_TAG);
}

static void begin_run(p2p_frame_reader *r) {
    uint64_t run = r->value;
    if (run > r->frame) {
        r->err = P2P_ERR_MALFORMED;
        return;
    }
    await(r, run == 0 ? AT_TAG : r->field == FIELD_MESSAGE ? IN_DATA : IN_SKIP);
    r->run = run;
}

static void take_byte(p2p_frame_reader *r, uint8_t byte) {
    static const uint8_t digits[] = {[AT_LENGTH] = LENGTH_DIGITS,
        [AT_TAG] = TAG_DIGITS,
        [AT_VALUE] = VALUE_DIGITS,
        [AT_RUN_LENGTH] = TAG_DIGITS};
    if (!add_digit(r, byte, digits[r->state]))
        return;
    if (r->state == AT_LENGTH)
        begin_frame(r, byte);
    else if (r->state == AT_TAG)
        begin_field(r);
    else if (r->state == AT_VALUE)
        end_value(r);
    else
        begin_run(r);
}

/* Takes as much of the run as there is. */
static p2p_bytes take_run(p2p_frame_reader *r, p2p_bytes *input) {
    size_t len = input->len < r->run ? input->len : (size_t)r->run;
    p2p_bytes taken = {input->ptr, len};
    input->ptr += len;
    input->len -= len;
    r->run -= len;
    if (len > r->frame)
        r->err = P2P_ERR_MALFORMED;
    else
        r->frame -= len;
    if (r->run == 0)
        await(r, AT_TAG);
    return taken;
}

/* The frame's last byte was taken: true when it leaves a flag to report. */
static bool end_frame(p2p_frame_reader *r, p2p_frame_event *event) {
    if (r->state != AT_TAG || r->digits != 0) {
        r->err = P2P_ERR_MALFORMED;
        return false;
    }
    await(r, AT_LENGTH);
    if (r->flag == P2P_FRAME_NONE)
        return false;
    *event = (p2p_frame_event){
        .kind = P2P_FRAME_FLAG, .flag = (p2p_frame_flag)r->flag, .error_code = r->error_code};
    return true;
}

p2p_err p2p_frame_read(p2p_frame_reader *r, p2p_bytes *input, p2p_frame_event *event) {
    while (r->err == P2P_OK) {
        bool framed = r->state != AT_LENGTH;
        if (framed && r->frame == 0) {
            if (end_frame(r, event))
                return P2P_OK;
            continue;
        }
        if (input->len == 0)
            return P2P_ERR_AGAIN;
        if (r->state == IN_DATA || r->state == IN_SKIP) {
            bool data = r->state == IN_DATA;
            p2p_bytes run = take_run(r, input);
            if (data && r->err == P2P_OK) {
                *event =
                    (p2p_frame_event){.kind = P2P_FRAME_DATA, .data = run, .flag = P2P_FRAME_NONE};
                return P2P_OK;
            }
            continue;
        }
        uint8_t byte = *input->ptr++;
        input->len--;
        r->frame -= framed;
        take_byte(r, byte);
    }
    return r->err;
}

size_t p2p_frame_head(uint8_t head[P2P_FRAME_HEAD_MAX], size_t len, p2p_frame_flag flag) {
    size_t body =
        (flag == P2P_FRAME_NONE ? 0 : 2) + (len == 0 ? 0 : 1 + p2p_uvarint_len(len) + len);
    p2p_writer w = p2p_writer_of(head, P2P_FRAME_HEAD_MAX);
    p2p_writer_uvarint(&w, body);
    /* FIN is 0 and must be written all the same. */
    if (flag != P2P_FRAME_NONE)
        p2p_proto_put_uint(&w, FIELD_FLAG, (uint64_t)flag);
    if (len > 0)
        p2p_proto_put_head(&w, FIELD_MESSAGE, len);
    return w.len;
}

/* spec: webrtc #multiplexing: encoded messages with their length prefix MUST NOT exceed 16 KiB. */
p2p_err p2p_frame_encode(uint8_t *dst, size_t cap, size_t *len, p2p_bytes data, p2p_frame_flag flag,
    uint32_t error_code) {
    *len = 0;
    if (data.len > P2P_FRAME_DATA_MAX)
        return P2P_ERR_TOO_BIG;
    uint8_t head[P2P_FRAME_HEAD_MAX];
    p2p_writer w = p2p_writer_of(dst, cap);
    if (error_code == 0) {
        p2p_writer_bytes(&w, p2p_bytes_of(head, p2p_frame_head(head, data.len, flag)));
        p2p_writer_bytes(&w, data);
    } else {
        size_t body = (flag == P2P_FRAME_NONE ? 0 : 2) + 1 + p2p_uvarint_len(error_code);
        if (data.len > 0)
            return P2P_ERR_TOO_BIG; /* a code goes with a reset, which has no data */
        p2p_writer_uvarint(&w, body);
        if (flag != P2P_FRAME_NONE)
            p2p_proto_put_uint(&w, FIELD_FLAG, (uint64_t)flag);
        p2p_proto_put_uint(&w, FIELD_ERROR_CODE, error_code);
    }
    p2p_err err = p2p_writer_end(&w);
    if (err == P2P_OK)
        *len = w.len;
    return err;
}
