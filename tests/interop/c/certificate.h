/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The certificate of a wss listener in the tests: self-signed, for this machine. */
#ifndef INTEROP_CERTIFICATE_H
#define INTEROP_CERTIFICATE_H

#include <p2p/host.h>

/* Makes one and gives it to the host. Every dialler of the tests accepts any. */
p2p_err show_certificate(p2p_host *host);

#endif
