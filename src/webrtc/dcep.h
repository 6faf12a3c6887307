/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The Data Channel Establishment Protocol: two messages, OPEN and ACK (RFC 8832 section 5). */
#ifndef P2P_WEBRTC_DCEP_H
#define P2P_WEBRTC_DCEP_H

#include <p2p/base.h>

enum {
    P2P_DCEP_OPEN_HEAD = 12,
    P2P_DCEP_NAME_MAX = 255, /* of label and protocol each; longer ones are refused */
    P2P_DCEP_MAX = P2P_DCEP_OPEN_HEAD + 2 * P2P_DCEP_NAME_MAX
};

typedef enum p2p_dcep_type { P2P_DCEP_ACK = 2, P2P_DCEP_OPEN = 3 } p2p_dcep_type;

typedef enum p2p_reliability {
    P2P_RELIABLE = 0,
    P2P_LIMITED_RETRANSMITS = 1,
    P2P_LIMITED_LIFETIME = 2
} p2p_reliability;

typedef struct p2p_dcep_open {
    p2p_reliability reliability;
    bool unordered;
    uint16_t priority;
    uint32_t limit; /* retransmissions, or milliseconds */
    p2p_bytes label;
    p2p_bytes protocol;
} p2p_dcep_open;

/* Which of the two a message is: MALFORMED when neither. */
P2P_NODISCARD p2p_err p2p_dcep_type_of(p2p_bytes message, p2p_dcep_type *type);
/* MALFORMED, or TOO_BIG for a long name. The names are views into the message. */
P2P_NODISCARD p2p_err p2p_dcep_open_decode(p2p_dcep_open *open, p2p_bytes message);
/* INVALID for a long name. */
P2P_NODISCARD p2p_err p2p_dcep_open_encode(
    uint8_t dst[P2P_DCEP_MAX], size_t *len, const p2p_dcep_open *open);

#endif
