/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* CRC-32C (Castagnoli), the checksum of SCTP packets (RFC 9260 appendix A). */
#ifndef P2P_WEBRTC_CRC32C_H
#define P2P_WEBRTC_CRC32C_H

#include <p2p/base.h>

/* The checksum of all bytes; the nine bytes "123456789" give 0xe3069283. SCTP stores it with the
 * lowest byte first. */
uint32_t p2p_crc32c(const uint8_t *data, size_t len);
/* The same by tables alone, for machines without an instruction for it. */
uint32_t p2p_crc32c_portable(const uint8_t *data, size_t len);

#endif
