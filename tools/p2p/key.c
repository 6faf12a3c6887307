/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* p2p key new, p2p key show. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "keyfile.h"

static const p2p_mem MEM = {0};

static const char *kind_name(p2p_key_kind kind) {
    static const char *const NAMES[] = {[P2P_RSA] = "rsa",
        [P2P_ED25519] = "ed25519",
        [P2P_SECP256K1] = "secp256k1",
        [P2P_ECDSA] = "ecdsa"};
    return NAMES[kind];
}

static void show(cli_program *p, const char *path, const p2p_identity *identity) {
    static cli_json j;
    char peer[P2P_PEER_ID_TEXT_MAX], cid[P2P_PEER_ID_TEXT_MAX], hex[2 * P2P_PUBLIC_KEY_MAX + 1];
    p2p_bytes key = p2p_identity_public_key(identity);
    const char *kind = kind_name(p2p_identity_kind(identity));
    cli_peer_text(peer, p2p_identity_peer(identity));
    p2p_peer_id_format_cid(cid, sizeof cid, p2p_identity_peer(identity));
    for (size_t i = 0; i < key.len && i < P2P_PUBLIC_KEY_MAX; i++)
        snprintf(hex + 2 * i, 3, "%02x", key.ptr[i]);
    cli_json_begin(&j, "key");
    cli_json_text(&j, "file", path);
    cli_json_text(&j, "peer", peer);
    cli_json_text(&j, "cid", cid);
    cli_json_text(&j, "key_type", kind);
    cli_json_text(&j, "public_key", hex);
    cli_json_end(&j, &p->out);
    cli_say(&p->out, CLI_GREEN, "peer        %s", peer);
    cli_say(&p->out, CLI_PLAIN, "cid         %s", cid);
    cli_say(&p->out, CLI_PLAIN, "type        %s", kind);
    cli_say(&p->out, CLI_PLAIN, "public key  %s", hex);
}

static p2p_identity *make(cli_program *p, const char *path) {
    p2p_identity *identity;
    p2p_err err = p2p_identity_generate(&identity, p->options.type, &MEM, &cli_system_random);
    if (err != P2P_OK) {
        cli_fail(p, "cannot make a key: %s", p2p_err_text(err));
        return NULL;
    }
    if (cli_keyfile_write(p, path, identity))
        return identity;
    p2p_identity_free(identity);
    return NULL;
}

static p2p_identity *load(cli_program *p, const char *path) {
    uint8_t bytes[P2P_PRIVATE_KEY_MAX];
    size_t len;
    p2p_identity *identity = NULL;
    if (!cli_keyfile_read(p, path, bytes, &len))
        return NULL;
    p2p_err err = p2p_identity_decode(&identity, p2p_bytes_of(bytes, len), &MEM);
    p2p_wipe(bytes, sizeof bytes);
    if (err != P2P_OK)
        cli_fail(p, "cannot use the key file %.200s: %s", path, p2p_err_text(err));
    return identity;
}

int cli_key(cli_program *p) {
    const char *what = p->options.operands[0], *path = p->options.operands[1];
    p2p_identity *identity = NULL;
    if (strcmp(what, "new") == 0)
        identity = make(p, path);
    else if (strcmp(what, "show") == 0)
        identity = load(p, path);
    else
        cli_wrong_use(
            p, "key does not know \"%.64s\": p2p key new FILE, or p2p key show FILE", what);
    if (identity != NULL)
        show(p, path, identity);
    p2p_identity_free(identity);
    return p->status;
}
