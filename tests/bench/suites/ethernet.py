# SPDX-License-Identifier: MIT OR Apache-2.0
"""QUIC and WebTransport where the loopback device carries no more than Ethernet does: packets of at most 1452 bytes."""

import quic
import webtransport
from measure import over_ethernet

COLUMNS = quic.COLUMNS
GOALS = quic.GOALS + (("gbit", "ours, WebTransport", "ours", 0.85), ("gbit", "ours, WebTransport", "go, WebTransport", 2.5))


def cases(quick):
    table = quic.cases(quick)
    for who in ("ours", "go"):
        table[f"{who}, WebTransport"] = webtransport.cases(quick)[who]
    return {name: over_ethernet(case) for name, case in table.items()}
