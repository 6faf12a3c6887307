# SPDX-License-Identifier: MIT OR Apache-2.0
"""One connection over WebSocket without TLS: Noise, then yamux, beside the same over plain TCP."""

from measure import TCP, WS, throughput

COLUMNS = (("gbit", "Gbit/s"), ("bound", "Gbit per CPU second"))
GOALS = (
    ("gbit", "ours", "ours over TCP", 0.8),
    ("gbit", "ours", "go", 4),
)


def cases(quick):
    amount = 300 if quick else 1500
    return {
        "ours over TCP": throughput("ours", TCP, "noise", amount),
        "ours": throughput("ours", WS, "noise", amount),
        "go": throughput("go", WS, "noise", amount / 3),
        "rust": throughput("rust", WS, "noise", amount / 3),
    }
