# SPDX-License-Identifier: MIT OR Apache-2.0
"""One connection over WebTransport, beside the same over plain QUIC."""

from measure import QUIC, WEBTRANSPORT, throughput

COLUMNS = (("gbit", "Gbit/s"), ("bound", "Gbit per CPU second"))
GOALS = (
    ("gbit", "ours", "ours over QUIC", 0.85),
    ("gbit", "ours", "go", 2.5),
    ("gbit", "ours, 10 streams", "ours", 0.95),
)


def cases(quick):
    amount = 150 if quick else 800
    return {
        "ours over QUIC": throughput("ours", QUIC, None, amount),
        "ours": throughput("ours", WEBTRANSPORT, None, amount),
        "ours, 10 streams": throughput("ours", WEBTRANSPORT, None, amount, streams=10),
        "go": throughput("go", WEBTRANSPORT, None, amount / 3),
    }
