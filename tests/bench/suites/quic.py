# SPDX-License-Identifier: MIT OR Apache-2.0
"""One connection over QUIC. Ours sends packets as large as the loopback device takes, the others at most 1452 bytes: see
the suite `ethernet`."""

from measure import QUIC, ceiling, throughput

COLUMNS = (("gbit", "Gbit/s"), ("bound", "Gbit per CPU second"))
GOALS = (
    ("gbit", "ours", "ceiling: ngtcp2", 0.9),
    ("gbit", "ours", "go", 2.5),
    ("gbit", "ours", "rust", 1.8),
    ("gbit", "ours, 10 streams", "ours", 0.95),
    ("gbit", "ours, 100 streams", "ours", 0.8),
)


def cases(quick):
    amount = 150 if quick else 800
    return {
        "ceiling: ngtcp2": ceiling("ceiling-quic", amount=amount),
        "ours": throughput("ours", QUIC, None, amount),
        "ours, 10 streams": throughput("ours", QUIC, None, amount, streams=10),
        "ours, 100 streams": throughput("ours", QUIC, None, amount, streams=100),
        "go": throughput("go", QUIC, None, amount),
        "rust": throughput("rust", QUIC, None, amount),
    }
