# SPDX-License-Identifier: MIT OR Apache-2.0
"""A page with js-libp2p in Chromium, to our listener and to go's: the browser is the same and mostly the bound."""

from measure import WEBRTC, WEBTRANSPORT, WS, from_page

COLUMNS = (("up", "up, Mbit/s"), ("down", "down, Mbit/s"), ("dial", "dial, ms"), ("cpu", "listener's CPU, s"))
TRANSPORTS = {"ws": WS, "webtransport": WEBTRANSPORT, "webrtc-direct": WEBRTC}
GOALS = tuple(
    (figure, f"ours {name}", f"go {name}", goal)
    for name in TRANSPORTS for figure, goal in (("up", 1), ("down", 1), ("dial", -1))
)


def cases(quick):
    megabytes = 5 if quick else 20
    return {f"{who} {name}": from_page(who, address, megabytes) for name, address in TRANSPORTS.items() for who in ("ours", "go")}
