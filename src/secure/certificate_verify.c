/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Checking a peer's libp2p certificate (specs/tls #peer-authentication). There is no chain and no
 * authority: the certificate signs itself, and what makes it somebody's is the extension in which
 * an identity key has signed the certificate's key.
 */
#include "base/bytes.h"
#include "base/cursor.h"
#include "base/der.h"
#include "crypto/x509.h"
#include "secure/certificate.h"
#include "secure/certificate_form.h"

/* spec: tls #peer-authentication: abort if the certificate is not yet valid or expired. */
static bool dates_hold(const p2p_x509 *x509, uint64_t wall_ms) {
    int64_t now = (int64_t)(wall_ms / 1000);
    return x509->not_before <= now && now <= x509->not_after;
}

/*
 * spec: tls #peer-authentication: abort if the extension is missing, or if there is a critical one
 * that is not understood. No other one is understood: none has a meaning here.
 */
static bool find_extension(p2p_bytes *value, const p2p_x509 *x509) {
    p2p_cursor all = p2p_cursor_of(x509->extensions);
    p2p_x509_extension extension;
    bool found = false;
    while (p2p_x509_extension_next(&all, &extension)) {
        bool ours = p2p_bytes_equal(extension.oid, P2P_CERT_EXTENSION_OID);
        if (ours ? found : extension.critical)
            return false;
        if (ours)
            *value = extension.value;
        found = found || ours;
    }
    return found && p2p_cursor_end(&all) == P2P_OK;
}

/* SignedKey ::= SEQUENCE { publicKey OCTET STRING, signature OCTET STRING } */
static p2p_err read_signed_key(p2p_bytes *public_key, p2p_bytes *signature, p2p_bytes value) {
    p2p_cursor outer = p2p_cursor_of(value);
    p2p_cursor inner = p2p_der_open(&outer, P2P_DER_SEQUENCE);
    *public_key = p2p_der_content(&inner, P2P_DER_OCTET_STRING);
    *signature = p2p_der_content(&inner, P2P_DER_OCTET_STRING);
    p2p_err err = p2p_cursor_end(&outer);
    return err == P2P_OK ? p2p_cursor_end(&inner) : err;
}

/* spec: tls #libp2p-public-key-extension: peers MUST verify the signature. */
static bool identity_vouches(p2p_cert_owner *owner, const p2p_x509 *x509, p2p_bytes extension) {
    uint8_t message[P2P_CERT_STATEMENT_MAX];
    p2p_writer w = p2p_writer_of(message, sizeof message);
    p2p_bytes public_key;
    p2p_bytes signature;
    p2p_writer_bytes(&w, P2P_LITERAL(P2P_CERT_STATEMENT));
    p2p_writer_bytes(&w, x509->key);
    if (read_signed_key(&public_key, &signature, extension) != P2P_OK ||
        public_key.len > sizeof owner->public_key || p2p_writer_end(&w) != P2P_OK)
        return false;
    if (p2p_peer_id_of_key(&owner->peer, public_key) != P2P_OK ||
        p2p_verify(public_key, p2p_bytes_of(message, w.len), signature) != P2P_OK)
        return false;
    p2p_copy(owner->public_key, public_key.ptr, public_key.len);
    owner->public_key_len = public_key.len;
    return true;
}

p2p_err p2p_cert_verify(p2p_cert_owner *owner, p2p_bytes der, uint64_t wall_ms) {
    p2p_x509 x509;
    p2p_bytes extension = {0};
    bool good = der.len <= P2P_CERT_DER_MAX && p2p_x509_read(&x509, der) == P2P_OK &&
                find_extension(&extension, &x509) && dates_hold(&x509, wall_ms) &&
                /* spec: tls #peer-authentication: abort if the self-signature is not valid. */
                p2p_x509_signed_itself(&x509) == P2P_OK &&
                identity_vouches(owner, &x509, extension);
    return good ? P2P_OK : P2P_ERR_BAD_CERTIFICATE;
}
