# SPDX-License-Identifier: MIT OR Apache-2.0
"""CPU time of the listener for each inbound connection, identify in both directions included."""

from measure import QUIC, TCP, ceiling, handshakes

COLUMNS = (("rate", "per second and core"), ("us", "us each"))
GOALS = (
    ("rate", "ours noise", "ceiling: Noise XX primitives", 0.6),
    ("rate", "ours noise", "go noise", 5),
    ("rate", "ours noise", "rust noise", 3),
    ("rate", "ours quic", "ceiling: ngtcp2 and GnuTLS in memory", 0.6),
    ("rate", "ours quic", "go quic", 3),
    ("rate", "ours quic", "rust quic", 2),
)


def cases(quick):
    count = 100 if quick else 500
    table = {
        "ceiling: Noise XX primitives": ceiling("ceiling-handshake"),
        "ceiling: ngtcp2 and GnuTLS in memory": ceiling("ceiling-quic-handshake"),
    }
    for name, address, security in (("noise", TCP, "noise"), ("tls", TCP, "tls"), ("quic", QUIC, None)):
        for who in ("ours", "go", "rust"):
            table[f"{who} {name}"] = handshakes(who, address, security, count)
    return table
