/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <p2p/base.h>

#include "base/bytes.h"

typedef struct error_entry {
    const char *name;
    const char *text;
    p2p_scope scope;
} error_entry;

static const error_entry ERRORS[] = {
    [P2P_OK] = {"ok", "no error", P2P_SCOPE_CALL},
    [P2P_ERR_AGAIN] = {"again", "not possible at this moment", P2P_SCOPE_CALL},
    [P2P_ERR_LIMIT] = {"limit", "a configured maximum was reached", P2P_SCOPE_CALL},
    [P2P_ERR_NOT_FOUND] = {"not-found", "there is no such thing", P2P_SCOPE_CALL},
    [P2P_ERR_EXISTS] = {"exists", "it is already there", P2P_SCOPE_CALL},
    [P2P_ERR_INVALID] = {"invalid", "the argument makes no sense here", P2P_SCOPE_CALL},
    [P2P_ERR_UNSUPPORTED] = {"unsupported", "this build or object cannot do that", P2P_SCOPE_CALL},
    [P2P_ERR_STATE] = {"state", "not possible in the present state", P2P_SCOPE_CALL},
    [P2P_ERR_TOO_BIG] = {"too-big", "more bytes than the limit allows", P2P_SCOPE_STREAM},
    [P2P_ERR_NO_MEMORY] = {"no-memory", "out of memory", P2P_SCOPE_CONN},
    [P2P_ERR_MALFORMED] = {"malformed", "the peer sent bytes that no valid sender produces",
        P2P_SCOPE_CONN},
    [P2P_ERR_VIOLATION] = {"violation", "the peer broke a rule of the protocol", P2P_SCOPE_CONN},
    [P2P_ERR_DECRYPT] = {"decrypt", "a message failed authentication", P2P_SCOPE_CONN},
    [P2P_ERR_BAD_SIGNATURE] = {"bad-signature", "a signature does not match", P2P_SCOPE_CONN},
    [P2P_ERR_BAD_CERTIFICATE] = {"bad-certificate", "the peer's certificate is not acceptable",
        P2P_SCOPE_CONN},
    [P2P_ERR_WRONG_PEER] = {"wrong-peer", "the peer proved another identity than the one expected",
        P2P_SCOPE_CONN},
    [P2P_ERR_FLOW_CONTROL] = {"flow-control", "the peer sent more than it was granted",
        P2P_SCOPE_CONN},
    [P2P_ERR_NO_SECURITY] = {"no-security", "there is no common security protocol", P2P_SCOPE_CONN},
    [P2P_ERR_NO_MUXER] = {"no-muxer", "there is no common stream multiplexer", P2P_SCOPE_CONN},
    [P2P_ERR_NO_PROTOCOL] = {"no-protocol", "the peer speaks none of the proposed protocols",
        P2P_SCOPE_STREAM},
    [P2P_ERR_TIMEOUT] = {"timeout", "it took too long", P2P_SCOPE_CONN},
    [P2P_ERR_REFUSED] = {"refused", "nobody listens at that address", P2P_SCOPE_CONN},
    [P2P_ERR_UNREACHABLE] = {"unreachable", "there is no way to that address", P2P_SCOPE_CONN},
    [P2P_ERR_RESOLVE] = {"resolve", "the name has no usable address", P2P_SCOPE_CONN},
    [P2P_ERR_ADDRESS_IN_USE] = {"address-in-use", "the address is used by another socket",
        P2P_SCOPE_CALL},
    [P2P_ERR_PERMISSION] = {"permission", "the operating system forbids it", P2P_SCOPE_CALL},
    [P2P_ERR_IO] = {"io", "the operating system reported a failure", P2P_SCOPE_CONN},
    [P2P_ERR_NO_DESCRIPTOR] = {"no-descriptor", "out of file descriptors", P2P_SCOPE_HOST},
    [P2P_ERR_EOF] = {"eof", "the peer closed its side", P2P_SCOPE_STREAM},
    [P2P_ERR_RESET] = {"reset", "the other side or the network broke it off", P2P_SCOPE_STREAM},
    [P2P_ERR_CLOSED] = {"closed", "closed by this side", P2P_SCOPE_CONN},
    [P2P_ERR_CANCELLED] = {"cancelled", "given up because it is no longer needed", P2P_SCOPE_CALL},
    [P2P_ERR_GATED] = {"gated", "the gater refused it", P2P_SCOPE_CONN},
    [P2P_ERR_SHUTDOWN] = {"shutdown", "the host is closing", P2P_SCOPE_HOST},
    [P2P_ERR_CRYPTO] = {"crypto", "the crypto provider failed", P2P_SCOPE_CONN},
    [P2P_ERR_INTERNAL] = {"internal", "a mistake in this library; please report it",
        P2P_SCOPE_HOST},
};

_Static_assert(P2P_COUNT(ERRORS) == P2P_ERR_COUNT_, "every error has an entry");

static const error_entry *entry(p2p_err err) {
    return &ERRORS[(unsigned)err < P2P_ERR_COUNT_ ? err : P2P_ERR_INTERNAL];
}

const char *p2p_err_name(p2p_err err) {
    return entry(err)->name;
}

const char *p2p_err_text(p2p_err err) {
    return entry(err)->text;
}

p2p_scope p2p_err_scope(p2p_err err) {
    return entry(err)->scope;
}
