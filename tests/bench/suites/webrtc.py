# SPDX-License-Identifier: MIT OR Apache-2.0
"""One connection over WebRTC-direct: DTLS 1.2, SCTP, data channels. js is js-libp2p in Node, over libdatachannel."""

from measure import WEBRTC, ceiling, throughput

COLUMNS = (("gbit", "Gbit/s"), ("bound", "Gbit per CPU second"))
GOALS = (
    ("gbit", "ours", "ceiling: usrsctp, OpenSSL", 1),
    ("gbit", "ours", "go", 15),
    ("gbit", "ours", "js", 4),
    ("gbit", "ours, 10 streams", "ours", 0.95),
)


def cases(quick):
    amount = 100 if quick else 500
    return {
        "ceiling: usrsctp, OpenSSL": ceiling("ceiling-sctp", amount=amount),
        "ours": throughput("ours", WEBRTC, None, amount),
        "ours, 10 streams": throughput("ours", WEBRTC, None, amount, streams=10),
        "go": throughput("go", WEBRTC, None, amount / 10),
        "js": throughput("js", WEBRTC, None, amount / 5),
    }
