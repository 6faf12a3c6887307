# SPDX-License-Identifier: MIT OR Apache-2.0
"""A page with js-libp2p in Chromium, and over WebRTC-direct in Firefox, to our listener and to go's: the browser is the
same and mostly the bound. Firefox sends nothing of WebRTC's to the loopback interface."""

from measure import CABLE, WEBRTC, WEBTRANSPORT, WS, from_page

COLUMNS = (("up", "up, Mbit/s"), ("down", "down, Mbit/s"), ("dial", "dial, ms"), ("cpu", "listener's CPU, s"))
CASES = {
    "ws": (WS, "chromium"), "webtransport": (WEBTRANSPORT, "chromium"), "webrtc-direct": (WEBRTC, "chromium"),
    "webrtc-direct, Firefox": (WEBRTC.replace("127.0.0.1", CABLE), "firefox"),
}
GOALS = tuple(
    (figure, f"ours {name}", f"go {name}", goal)
    for name in CASES for figure, goal in (("up", 1), ("down", 1), ("dial", -1))
)


def cases(quick):
    megabytes = 5 if quick else 20
    return {f"{who} {name}": from_page(who, address, megabytes, browser)
            for name, (address, browser) in CASES.items() for who in ("ours", "go")}
