/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libp2p's framing inside a data channel (specs webrtc/README.md): each frame is an unsigned varint
 * length and a protobuf Message { flag = 1, message = 2, errorCode = 3 }. What arrives is one
 * stream of bytes whatever SCTP messages it came in, because peers send the length and the body
 * apart; what is sent is one frame to an SCTP message, at most 16 384 bytes.
 */
#ifndef P2P_WEBRTC_FRAME_H
#define P2P_WEBRTC_FRAME_H

#include <p2p/base.h>

enum {
    P2P_FRAME_MAX_OUT = 16384,             /* with its length; rust drops a stream for more */
    P2P_FRAME_MAX_IN = (256 << 10) + 1024, /* what go accepts */
    P2P_FRAME_HEAD_MAX = 7,                /* length 2, flag 2, tag 1, length 2 */
    P2P_FRAME_DATA_MAX = P2P_FRAME_MAX_OUT - P2P_FRAME_HEAD_MAX
};

typedef enum p2p_frame_flag {
    P2P_FRAME_NONE = -1,
    P2P_FRAME_FIN = 0,          /* no more data from the sender */
    P2P_FRAME_STOP_SENDING = 1, /* the sender reads no more */
    P2P_FRAME_RESET = 2,        /* both directions are over */
    P2P_FRAME_FIN_ACK = 3       /* the FIN has arrived */
} p2p_frame_flag;

/* --- reading --- */

/* Holds no bytes: data is handed up as it comes. */
typedef struct p2p_frame_reader {
    uint8_t state;
    uint8_t digits; /* of the varint under way */
    uint8_t seen;   /* fields of the frame */
    uint8_t wire;   /* type of the field under way */
    uint32_t field; /* its number */
    uint64_t value; /* the varint so far */
    uint64_t run;   /* bytes left of data or of what is skipped */
    size_t frame;   /* bytes left of the frame */
    int32_t flag;
    uint32_t error_code;
    p2p_err err;
} p2p_frame_reader;

typedef enum p2p_frame_kind { P2P_FRAME_DATA, P2P_FRAME_FLAG } p2p_frame_kind;

typedef struct p2p_frame_event {
    p2p_frame_kind kind;
    p2p_bytes data; /* a view into the input */
    p2p_frame_flag flag;
    uint32_t error_code; /* with RESET and STOP_SENDING; 0 when not said */
} p2p_frame_event;

void p2p_frame_reader_init(p2p_frame_reader *reader);
/*
 * Takes bytes from the front of *input up to the next event. AGAIN when the input is used up. A
 * flag comes after the data of its frame. Unknown fields and flags are skipped. MALFORMED, TOO_BIG:
 * for good.
 */
P2P_NODISCARD p2p_err p2p_frame_read(
    p2p_frame_reader *reader, p2p_bytes *input, p2p_frame_event *event);

/* --- writing --- */

/* The bytes that stand before `len` (at most P2P_FRAME_DATA_MAX) bytes of data to make a frame;
 * their number. */
size_t p2p_frame_head(uint8_t head[P2P_FRAME_HEAD_MAX], size_t len, p2p_frame_flag flag);
/* A whole frame: TOO_BIG when data is too long or cap too small. error_code 0 is left out. */
P2P_NODISCARD p2p_err p2p_frame_encode(uint8_t *dst, size_t cap, size_t *len, p2p_bytes data,
    p2p_frame_flag flag, uint32_t error_code);

/* --- the two halves of a stream --- */

typedef enum p2p_half {
    P2P_HALF_OPEN,
    P2P_HALF_ENDING, /* sending: FIN is to be sent */
    P2P_HALF_ENDED,  /* sending: FIN was sent */
    P2P_HALF_DONE    /* sending: FIN was acknowledged; receiving: it arrived or nobody reads */
} p2p_half;

/* A tracker without I/O: told what happens, it says which flag to send and when all is over. */
typedef struct p2p_frame_halves {
    p2p_half sending, receiving;
    bool stop_due;    /* STOP_SENDING is to be sent */
    bool fin_ack_due; /* and at the latest at fin_ack_at */
    bool reset_due;
    bool stopped; /* the peer reads no more */
    bool over;
    p2p_err result; /* how it ended: OK, RESET (by the peer), CLOSED (reset by us) */
    uint32_t error_code;
    p2p_time fin_ack_at;
    p2p_time give_up_at; /* when the peer's FIN_ACK is no longer waited for */
} p2p_frame_halves;

void p2p_frame_halves_init(p2p_frame_halves *h);
/* What the application does. */
void p2p_frame_halves_shut(p2p_frame_halves *h);
void p2p_frame_halves_stop(p2p_frame_halves *h);
void p2p_frame_halves_reset(p2p_frame_halves *h, uint32_t error_code);
/* What the peer says. */
void p2p_frame_halves_on_flag(
    p2p_frame_halves *h, p2p_frame_flag flag, uint32_t error_code, p2p_time now);
/* Whether data that arrives is to be delivered: not after FIN, nor when nobody reads. */
bool p2p_frame_halves_reads(const p2p_frame_halves *h);
/* Whether queued data is to be sent: not after FIN, STOP_SENDING or a reset; drop it then. */
bool p2p_frame_halves_writes(const p2p_frame_halves *h);
/*
 * The flag to send now, NONE if there is none. `more_data`: data stays queued after this frame, so
 * FIN must wait, and FIN_ACK does, too, for a while: older rust takes it for FIN and would end its
 * request before the response.
 */
p2p_frame_flag p2p_frame_halves_next(const p2p_frame_halves *h, bool more_data, p2p_time now);
void p2p_frame_halves_sent(p2p_frame_halves *h, p2p_frame_flag flag, p2p_time now);
p2p_time p2p_frame_halves_deadline(const p2p_frame_halves *h);
void p2p_frame_halves_tick(p2p_frame_halves *h, p2p_time now);
/* Nothing more to send or to wait for: close the channel. */
bool p2p_frame_halves_over(const p2p_frame_halves *h);

#endif
