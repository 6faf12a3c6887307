/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Where a listener's data goes, when somebody says that the peer has moved. A check proves only
 * that its sender knows a name that crosses the network in the clear: whoever saw one can send it
 * again from a forged address, and have what the peer asked for sent there. So a path that ICE has
 * chosen is asked first: a nonce goes there in a HEARTBEAT of SCTP's, inside of DTLS, and only the
 * peer can send it back. Until then data takes the path of before, and the new one gets no more
 * than three times what came from there (the idea is QUIC's, RFC 9000 section 8.2; RFC 9260
 * section 8.3 asks addresses of one host likewise).
 *
 * A dialler's own checks have nonces, so it has nothing to ask.
 */
#include "base/bytes.h"
#include "webrtc/peer_parts.h"

enum {
    QUESTION = P2P_DTLS_HEAD_MAX + 12 + 4 + 4 + P2P_SCTP_NONCE + P2P_DTLS_TAG,
    /* Of what was received; the third part is for the answers to checks, which are never larger
     * than the checks. */
    AMPLIFICATION_MAX = 2
};

#define FIRST_PAUSE (200 * P2P_MILLISECOND)
#define LAST_PAUSE (5 * P2P_SECOND)

static bool same_path(const p2p_ice_path *a, const p2p_ice_path *b) {
    return p2p_ice_same_address(&a->remote, &b->remote) &&
           p2p_ice_same_address(&a->local, &b->local);
}

bool p2p_webrtc_peer_data_path(const p2p_webrtc_peer *peer, p2p_ice_path *path) {
    if (!p2p_ice_selected(peer->ice, path))
        return false;
    if (peer->proven && !peer->outbound)
        *path = peer->path;
    return true;
}

static void begin(p2p_webrtc_peer *peer, const p2p_ice_path *path) {
    const p2p_random *random = peer->env->random;
    peer->question =
        (peer_question){.path = *path, .again_at = peer->env->now, .pause = FIRST_PAUSE};
    random->fill(random->ctx, peer->question.nonce, sizeof peer->question.nonce);
}

void p2p_webrtc_peer_heard(
    p2p_webrtc_peer *peer, const p2p_ice_path *path, size_t len, bool answered) {
    peer_question *question = &peer->question;
    p2p_ice_path chosen;
    if (peer->channels == NULL || peer->outbound || !p2p_ice_selected(peer->ice, &chosen))
        return;
    if (same_path(&chosen, &peer->path)) {
        question->again_at = P2P_NEVER;
        return;
    }
    if (question->again_at == P2P_NEVER || !same_path(&chosen, &question->path))
        begin(peer, &chosen);
    else if (answered && same_path(path, &chosen)) {
        peer->path = chosen;
        question->again_at = P2P_NEVER;
        p2p_sctp_moved(p2p_datachannels_sctp(peer->channels), peer->env->now);
    }
    if (same_path(path, &chosen))
        question->received += len;
}

bool p2p_webrtc_peer_draw_question(
    p2p_webrtc_peer *peer, uint8_t *dst, size_t cap, size_t *len, p2p_ice_path *path) {
    peer_question *question = &peer->question;
    size_t head, plain;
    p2p_time now = peer->env->now;
    if (question->again_at > now)
        return false;
    question->again_at = now + question->pause;
    if (question->pause < LAST_PAUSE)
        question->pause *= 2;
    head = p2p_dtls_head(peer->dtls);
    if (question->sent + QUESTION > AMPLIFICATION_MAX * question->received ||
        p2p_sctp_ask(p2p_datachannels_sctp(peer->channels), dst + head, P2P_WEBRTC_SCTP_MTU, &plain,
            question->nonce) != P2P_OK ||
        p2p_dtls_seal(peer->dtls, dst, cap, len, p2p_bytes_of(dst + head, plain)) != P2P_OK)
        return false;
    question->sent += *len;
    *path = question->path;
    return true;
}
