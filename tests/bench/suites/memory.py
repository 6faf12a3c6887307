# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a listener grows by for each idle connection, and how much of a core it uses meanwhile. One round only."""

from measure import QUIC, TCP, WEBRTC, WEBTRANSPORT, WS, idle

ROUNDS = 1
COLUMNS = (("rss_kib", "RSS, KiB"), ("heap_kib", "heap, KiB"), ("counted_kib", "of it the library's, KiB"),
           ("conns", "connections"), ("core", "per cent of a core"))
GOALS = (
    ("heap_kib", "ours noise", None, -8),
    ("heap_kib", "ours tls", None, -8),
    ("heap_kib", "ours quic", None, -40),
    ("heap_kib", "ours ws", None, -10),
    ("heap_kib", "ours webtransport", None, -48),
    ("heap_kib", "ours webrtc-direct", None, -40),
    ("conns", "ours noise", None, 10000),
    ("conns", "ours quic", None, 5000),
    ("core", "ours quic", None, -2),
)


def cases(quick):
    few = 200 if quick else 1000
    settle = 5 if quick else 20
    return {
        "ours noise": idle("ours", TCP, "noise", 10000, settle, watch=10 if quick else 20),
        "ours tls": idle("ours", TCP, "tls", few, settle),
        "ours quic": idle("ours", QUIC, None, 5000, settle, watch=30 if quick else 60),
        "ours ws": idle("ours", WS, "noise", few, settle),
        "ours webtransport": idle("ours", WEBTRANSPORT, None, few, settle),
        "ours webrtc-direct": idle("ours", WEBRTC, None, few, settle),
        "go noise": idle("go", TCP, "noise", few, settle),
        "go quic": idle("go", QUIC, None, few, settle),
        "rust noise": idle("rust", TCP, "noise", few, settle),
        "rust quic": idle("rust", QUIC, None, few, settle),
    }
